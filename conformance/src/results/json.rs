//! The report for programs; its schema is `schema/report.schema.json`.

use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Results, Role};
use crate::{
    exchange::Exchange,
    record::{CaseResult, Ended},
    report::Conclusion,
};

/// Counts changes of the report that readers may stumble over. Members are added without.
const SCHEMA_VERSION: u32 = 1;

impl Results {
    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> = self
            .counts()
            .map(|(name, count)| (member(name), json!(count)))
            .collect();
        let cases: Vec<Value> = self.cases.iter().map(case).collect();
        let mut report = json!({
            "schema_version": SCHEMA_VERSION,
            "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
            "role": self.role.as_str(),
            "issuer": self.issuer,
            "profiles": self.profile_names(),
            "seed": self.seed,
            "strict": self.strictness == super::Strictness::Strict,
            "conformant": self.conclusion() == Conclusion::Conformant,
            "milliseconds": millis(self.took),
            "counts": counts,
            "left_behind": self.left_behind,
            "cases": cases,
        });
        if let Some(score) = self.hardening() {
            report["hardening"] = json!({ "passed": score.passed, "judged": score.judged });
        }
        if let Role::PushEndpoint { url } = &self.role {
            report["endpoint"] = json!(url);
        }
        report
    }
}

fn case(result: &CaseResult) -> Value {
    let CaseResult {
        case,
        record,
        ended,
        took,
    } = result;
    let assertions: Vec<Value> = record
        .assertions
        .iter()
        .map(|assertion| {
            json!({
                "what": assertion.what,
                "expected": assertion.expected,
                "found": assertion.found,
                "holds": assertion.holds,
            })
        })
        .collect();
    let mut value = json!({
        "id": case.id,
        "requirement": case.requirement(),
        "section": case.section,
        "level": case.level.as_str(),
        "title": case.title,
        "result": member(ended.as_str()),
        "reasons": result.reasons(),
        "milliseconds": millis(*took),
        "assertions": assertions,
        "exchanges": record.exchanges.iter().map(exchange).collect::<Vec<_>>(),
    });
    if let (Ended::NotRun(why), Some(members)) = (ended, value.as_object_mut()) {
        members.insert("not_run".to_owned(), json!(why.kind.as_str()));
    }
    value
}

fn exchange(exchange: &Exchange) -> Value {
    let request = &exchange.request;
    let request = json!({
        "method": request.method,
        "url": request.url.as_str(),
        "headers": request.headers,
        "body": body(&request.body),
    });
    let answer = match &exchange.result {
        Ok(answer) => json!({
            "status": answer.status,
            "headers": answer.headers,
            "body": body(&answer.body),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({ "request": request, "answer": answer, "milliseconds": millis(exchange.took) })
}

fn body(bytes: &[u8]) -> String {
    let shown = bytes.get(..BODY_BYTES_MAX).unwrap_or(bytes);
    String::from_utf8_lossy(shown).into_owned()
}

fn member(name: &str) -> String {
    name.replace(' ', "_")
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
