//! Where a Transmitter had better not push to: whoever makes a stream has it send requests from where it stands.

use serde_json::json;

use super::{BASE as HARDENING, expect_refused};
use crate::{
    case::{Case, Judge::Script, Stop},
    context::{Context, Operation, PUSH},
};

const BASE: Case = Case {
    section: "SSF 1.0 §6.1.1",
    tags: &["hardening", "stream", "create", "push"],
    ..HARDENING
};

/// The cases of this matter.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-T-250.address-of-secrets",
        title: "endpoint_url may not be where clouds tell machines their secrets",
        why: "Whoever makes a stream learns from how it fails what the transmitter's machine can reach.",
        judge: Script(|cx| Box::pin(refused(cx, "https://169.254.169.254/latest/meta-data/"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.address-as-number",
        title: "nor if the address is written as a number",
        why: "Who compares texts does not see that it is the same address.",
        judge: Script(|cx| Box::pin(refused(cx, "https://2852039166/latest/meta-data/"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.address-within-ipv6",
        title: "nor if it is written as IPv6",
        why: "Who looks at addresses of IPv4 alone does not see it.",
        judge: Script(|cx| Box::pin(refused(cx, "https://[::ffff:169.254.169.254]/"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.private-address",
        title: "endpoint_url may not be a private address",
        why: "The transmitter stands behind walls that its receivers should not get past.",
        judge: Script(|cx| Box::pin(refused(cx, "https://10.0.0.1/push"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.private-ipv6",
        title: "nor one of IPv6",
        why: "Networks have both, and lists of what is private often one.",
        judge: Script(|cx| Box::pin(refused(cx, "https://[fd00::1]/push"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.no-address",
        title: "endpoint_url may not be 0.0.0.0, which leads to the machine itself",
        why: "It is on few lists, and connects to whatever listens there.",
        judge: Script(|cx| Box::pin(refused(cx, "https://0.0.0.0/push"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.user-and-password",
        title: "endpoint_url may have no user name and password",
        why: "They end up in logs, and hide which host is meant.",
        judge: Script(|cx| Box::pin(refused(cx, "https://user:pass@rp.example.com/push"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.fragment",
        title: "endpoint_url may have no fragment",
        why: "It is never sent, so two streams that differ in it go to one place.",
        judge: Script(|cx| Box::pin(refused(cx, "https://rp.example.com/push#events"))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.scheme",
        title: "endpoint_url may be https alone: not a file",
        why: "Some libraries open whatever a URL names.",
        judge: Script(|cx| Box::pin(refused(cx, "file:///etc/passwd"))),
        ..BASE
    },
];

/// Expects that no stream is made that is pushed there. One with a sound delivery was made before.
async fn refused(cx: &Context, url: &str) -> Result<(), Stop> {
    let control = cx.stream().await?;
    let gone = cx.call(Operation::Delete).stream(&control.id);
    gone.send().await?.given_success()?;
    let mut request = cx.stream_request();
    request["delivery"] = json!({ "method": PUSH, "endpoint_url": url });
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    answered.given_room()?;
    expect_refused(cx, &answered);
    Ok(())
}
