//! The metadata of the management API as a protected resource (RFC 9728), where a Transmitter publishes it.

use serde_json::{Map, Value};
use url::Url;

use crate::{
    case::{Case, Judge::Script, Profile, Stop},
    checks::{Level, shown},
    context::{Answered, Context, Credential, Operation},
};

const BASE: Case = Case {
    section: "RFC 9728 §2",
    level: Level::Must,
    profiles: &[Profile::CaepInterop],
    tags: &["authorization", "discovery"],
    streams: 0,
    ..Case::MANAGEMENT
};

/// What stands between the authority and the path of a resource (RFC 9728 §3).
const SEGMENT: &str = "/.well-known/oauth-protected-resource";

/// In which ways a token can be sent (RFC 9728 §2).
const METHODS: [&str; 3] = ["header", "body", "query"];

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "PRM-001.json",
        section: "RFC 9728 §3",
        also: &["INTEROP-042"],
        title: "the metadata of the protected resource is answered with 200 and application/json",
        why: "Clients read nothing else.",
        judge: Script(|cx| Box::pin(json(cx))),
        ..BASE
    },
    Case {
        id: "PRM-002.resource",
        title: "resource is the URL out of which that of the metadata was made",
        why: "A client must not use what another resource publishes: it would send its tokens to whoever wrote that.",
        judge: Script(|cx| Box::pin(resource(cx))),
        ..BASE
    },
    Case {
        id: "PRM-003.authorization_servers",
        level: Level::May,
        title: "authorization_servers has https URLs",
        why: "A client asks there for its token.",
        judge: Script(|cx| Box::pin(authorization_servers(cx))),
        ..BASE
    },
    Case {
        id: "PRM-004.scopes_supported",
        level: Level::Should,
        title: "scopes_supported lists the scopes",
        why: "Receivers of the profile ask for what stands there.",
        judge: Script(|cx| Box::pin(scopes_supported(cx))),
        ..BASE
    },
    Case {
        id: "PRM-005.bearer_methods_supported",
        level: Level::May,
        title: "bearer_methods_supported has header, body or query",
        why: "A client that knows none of the ways does not ask at all.",
        judge: Script(|cx| Box::pin(bearer_methods_supported(cx))),
        ..BASE
    },
    Case {
        id: "PRM-006.empty",
        section: "RFC 9728 §3.2",
        title: "members without an element are left out",
        why: "A client takes an empty list for a resource that nobody can reach.",
        judge: Script(|cx| Box::pin(empty(cx))),
        ..BASE
    },
    Case {
        id: "PRM-007.challenge",
        section: "RFC 9728 §5.1",
        level: Level::May,
        title: "resource_metadata in a challenge leads to the metadata",
        why: "It is how a client that knows nothing but a URL finds where to get its token.",
        judge: Script(|cx| Box::pin(challenge(cx))),
        ..BASE
    },
];

/// The metadata, and where it was found.
struct Found {
    url: Url,
    document: Map<String, Value>,
}

/// Asks for a stream without a token, and returns where the challenge says that the metadata is.
async fn told(cx: &Context) -> Result<Option<Url>, Stop> {
    let call = cx.call(Operation::Read).credential(Credential::Missing);
    let answered = call.stream("ssf-conformance").send().await?;
    let challenges: Vec<&str> = answered.header("www-authenticate").collect();
    let challenges = challenges.join(", ");
    let Some((_, value)) = challenges.split_once("resource_metadata=") else {
        return Ok(None);
    };
    let end = |c: char| c == '"' || c == ',' || c.is_whitespace();
    let value = value.trim_start_matches('"').split(end).next();
    match Url::parse(value.unwrap_or_default()) {
        Ok(url) if cx.run().issuer().may_lead_to(&url) => Ok(Some(url)),
        Ok(_) | Err(_) => Err(Stop::blocked("resource_metadata is no https URL")),
    }
}

/// Where a resource has its metadata.
fn place(resource: &Url) -> Url {
    let mut url = resource.clone();
    let path = resource.path();
    url.set_path(&format!("{SEGMENT}{}", path.trim_end_matches('/')));
    url
}

/// Where the metadata may be, the likeliest first: where a challenge says, and where it belongs if the resource is the issuer,
/// the configuration endpoint, or the whole host.
async fn places(cx: &Context) -> Result<Vec<Url>, Stop> {
    let endpoint = cx.endpoint(Operation::Read)?;
    let mut host = endpoint.clone();
    host.set_path("/");
    let issuer = cx.run().issuer().url().clone();
    let guessed = [issuer, endpoint, host].map(|resource| place(&resource));
    let mut places: Vec<Url> = told(cx).await?.into_iter().chain(guessed).collect();
    places.dedup();
    Ok(places)
}

async fn get(cx: &Context, url: Url) -> Result<Answered, Stop> {
    let call = cx.request("GET", url);
    call.credential(Credential::Missing).send().await
}

/// The first answer that may be the metadata, and where it was had.
async fn published(cx: &Context) -> Result<(Url, Answered), Stop> {
    for url in places(cx).await? {
        let answered = get(cx, url.clone()).await?;
        if answered.json().is_some_and(|found| found.is_object())
            && (200..300).contains(&answered.status())
        {
            return Ok((url, answered));
        }
    }
    Err(Stop::not_offered("no metadata of a protected resource"))
}

async fn found(cx: &Context) -> Result<Found, Stop> {
    let (url, answered) = published(cx).await?;
    let document = answered.given_object()?;
    Ok(Found { url, document })
}

async fn json(cx: &Context) -> Result<(), Stop> {
    let (_, answered) = published(cx).await?;
    cx.expect_status(&answered, &[200]);
    let found = answered.header("content-type").next().unwrap_or("nothing");
    let media_type = found.split(';').next().unwrap_or_default().trim();
    let holds = media_type.eq_ignore_ascii_case("application/json");
    cx.expect(holds, "Content-Type", "application/json", found);
    Ok(())
}

async fn resource(cx: &Context) -> Result<(), Stop> {
    let Found { url, document } = found(cx).await?;
    let found = document.get("resource").unwrap_or(&Value::Null);
    let resource = found.as_str().and_then(|text| Url::parse(text).ok());
    // RFC 9728 §3.1 removes a slash behind the host alone; nobody is misled by one that is missing elsewhere.
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let holds = resource.is_some_and(|resource| bare(&place(&resource)) == bare(&url));
    let expected = format!("the URL whose metadata is at {url}");
    cx.expect(holds, "resource", expected, shown(found));
    Ok(())
}

/// A member of the metadata.
async fn member(cx: &Context, name: &str) -> Result<Value, Stop> {
    let found = found(cx).await?.document.remove(name);
    found.ok_or_else(|| Stop::not_offered(format!("the metadata has no {name}")))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

async fn authorization_servers(cx: &Context) -> Result<(), Stop> {
    let servers = member(cx, "authorization_servers").await?;
    let issuer = cx.run().issuer();
    let is_server = |text: &&str| Url::parse(text).is_ok_and(|url| issuer.may_lead_to(&url));
    let holds = texts(&servers).is_some_and(|texts| texts.iter().all(is_server));
    let what = "authorization_servers";
    cx.expect(holds, what, "https URLs", shown(&servers));
    Ok(())
}

async fn scopes_supported(cx: &Context) -> Result<(), Stop> {
    let Found { document, .. } = found(cx).await?;
    let scopes = document.get("scopes_supported").unwrap_or(&Value::Null);
    // A scope is one word (RFC 6749 §3.3).
    let is_scope = |text: &&str| !text.is_empty() && !text.contains(char::is_whitespace);
    let holds = texts(scopes).is_some_and(|texts| texts.iter().all(is_scope));
    cx.expect(holds, "scopes_supported", "scopes", shown(scopes));
    Ok(())
}

async fn bearer_methods_supported(cx: &Context) -> Result<(), Stop> {
    let methods = member(cx, "bearer_methods_supported").await?;
    let found = texts(&methods).unwrap_or_default();
    let holds = !found.is_empty() && found.iter().all(|method| METHODS.contains(method));
    let what = "bearer_methods_supported";
    cx.expect(holds, what, "header, body or query", shown(&methods));
    if found.contains(&"query") {
        cx.note("a token in the query is said to count, which INTEROP-038 forbids");
    }
    Ok(())
}

async fn empty(cx: &Context) -> Result<(), Stop> {
    let Found { document, .. } = found(cx).await?;
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let empty = document.iter().filter(|(_, value)| is_empty(value));
    let empty: Vec<&str> = empty.map(|(name, _)| name.as_str()).collect();
    let found = empty.join(", ");
    cx.expect(
        empty.is_empty(),
        "members without an element",
        "none",
        found,
    );
    Ok(())
}

async fn challenge(cx: &Context) -> Result<(), Stop> {
    let told = told(cx).await?;
    let url = told.ok_or_else(|| Stop::not_offered("the challenge has no resource_metadata"))?;
    let answered = get(cx, url).await?;
    let document = answered.json().unwrap_or_default();
    let holds = answered.status() == 200 && document.get("resource").is_some();
    let what = format!("{}: the answer", answered.asked());
    let found = format!("{}: {}", answered.status(), answered.shown_body());
    cx.expect(holds, what, "200 and an object with resource", found);
    Ok(())
}
