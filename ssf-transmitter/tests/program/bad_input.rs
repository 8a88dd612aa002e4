//! Bad input over HTTP: whatever comes, the answer is a 4xx with a code, and the server goes on.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    cluster::Cluster,
    rig::{
        Answer, Endpoint, Installation, PATIENCE, SESSION_REVOKED, Transmitter, client, stream_for,
    },
};

const ENDPOINT: &str = "https://rp.example.com/events";

/// How a resource is asked, and with whose token.
type Reader<'s> = (Method, String, &'s str);

/// A server with a Receiver and one stream.
struct Site {
    installation: Installation,
    server: Transmitter,
    receiver: String,
    operator: String,
    stream_id: String,
}

impl Site {
    async fn start(installation: Installation, endpoint: &str) -> Self {
        let server = installation.serve();
        let receiver = installation.add_receiver("rp");
        let operator = server.operator_token.clone().unwrap();
        let mut site = Self {
            installation,
            server,
            receiver,
            operator,
            stream_id: String::new(),
        };
        site.stream_id = site.create(&stream_for(endpoint)).await;
        site
    }

    async fn create(&self, body: &Value) -> String {
        let created = self.send(Method::POST, "/ssf/stream", body).await;
        assert_eq!(created.status, 201, "{}", created.body);
        created.json()["stream_id"].as_str().unwrap().to_owned()
    }

    /// Every resource whose limit for a JSON body can be set, with who may ask it.
    fn readers_with_room(&self) -> Vec<Reader<'_>> {
        let receiver = |method, path: &str| (method, path.to_owned(), self.receiver.as_str());
        let operator = |path: &str| (Method::POST, path.to_owned(), self.operator.as_str());
        vec![
            receiver(Method::POST, "/ssf/stream"),
            receiver(Method::PATCH, "/ssf/stream"),
            receiver(Method::PUT, "/ssf/stream"),
            receiver(Method::POST, "/ssf/status"),
            receiver(Method::POST, "/ssf/verify"),
            receiver(Method::POST, "/ssf/replay"),
            receiver(Method::POST, "/ssf/subjects/add"),
            receiver(Method::POST, "/ssf/subjects/remove"),
            operator("/ingest/events"),
            operator("/operator/v1/receivers"),
            operator("/operator/v1/receivers/x/rotate"),
            operator("/operator/v1/sources"),
            operator("/operator/v1/sources/x/rotate"),
            operator("/operator/v1/streams/x/status"),
        ]
    }

    /// Every resource that reads JSON, with who may ask it.
    fn readers(&self) -> Vec<Reader<'_>> {
        let poll = format!("/ssf/poll/{}", self.stream_id);
        let mut readers = self.readers_with_room();
        readers.push((Method::POST, poll, &self.receiver));
        readers
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = client().request(method, self.server.url(path)).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn get(&self, path: &str, stream_id: &str) -> Answer {
        Answer::to(
            client()
                .get(self.with_id(path, stream_id))
                .bearer_auth(&self.receiver),
        )
        .await
    }

    fn with_id(&self, path: &str, stream_id: &str) -> Url {
        let url = self.server.url(path);
        Url::parse_with_params(&url, [("stream_id", stream_id)]).unwrap()
    }

    /// Sends `body` to all that read JSON; each has to refuse it with one of `codes`.
    async fn all_refuse(&self, body: &[u8], codes: &[&str]) {
        self.refuse(self.readers(), body, codes).await;
    }

    async fn refuse(&self, readers: Vec<Reader<'_>>, body: &[u8], codes: &[&str]) {
        for (method, path, token) in readers {
            let request = client().request(method.clone(), self.server.url(&path));
            let answer = Answer::to(request.body(body.to_vec()).bearer_auth(token)).await;
            let head = String::from_utf8_lossy(&body[..body.len().min(60)]);
            let code = answer.code();
            assert!(
                codes.contains(&code.as_str()),
                "{method} {path} {head}: {}",
                answer.body
            );
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path} {head}"
            );
        }
    }

    async fn is_well(&self) {
        let one = self.get("/ssf/stream", &self.stream_id).await;
        assert_eq!(one.status, 200, "{}", one.body);
        let ready = Answer::to(client().get(self.server.url("/ready"))).await;
        assert_eq!(ready.status, 200);
    }
}

#[tokio::test]
async fn what_is_not_strict_json_is_refused_everywhere() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    let id = &site.stream_id;
    let texts = [
        String::new(),
        " ".to_owned(),
        "{".to_owned(),
        "nul".to_owned(),
        "NaN".to_owned(),
        "{'stream_id':'x'}".to_owned(),
        "{\"stream_id\":\"x\",}".to_owned(),
        "{\"stream_id\":\"x\"} {}".to_owned(),
        "{\"stream_id\":\"x\"}//".to_owned(),
        "\u{feff}{}".to_owned(),
        "[3600]".to_owned(),
        "{\"a\":01}".to_owned(),
        "{\"a\":1e999999}".to_owned(),
        "{\"a\":\"\\x\"}".to_owned(),
        "{\"a\":\"\n\"}".to_owned(),
        "{\"a\":\"\0\"}".to_owned(),
        // Half of a pair of surrogates, in a value and in a name.
        "{\"a\":\"\\ud800\"}".to_owned(),
        "{\"a\":\"\\udc00\\ud800\"}".to_owned(),
        "{\"\\ud800\":1}".to_owned(),
        // One member twice, spelt alike and otherwise.
        format!("{{\"stream_id\":\"{id}\",\"stream_id\":\"{id}\"}}"),
        format!("{{\"stream_id\":\"{id}\",\"stream\\u005fid\":\"{id}\"}}"),
        format!("{{\"stream_id\":\"{id}\",\"x\":{{\"a\":1,\"\\u0061\":1}}}}"),
        format!("{{\"stream_id\":\"{id}\",\"$serde_json::private::RawValue\":\"1\"}}"),
        // Nested: one level too many, and as many as there is room for.
        format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32)),
        format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)),
        "[".repeat(60_000),
        "{\"a\":".repeat(10_000),
    ];
    for text in texts {
        site.all_refuse(text.as_bytes(), &["invalid_request", "no_event_accepted"])
            .await;
    }
    for bytes in [
        &b"{\"a\":\"\xff\"}"[..],
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"\xff\xfe{\0}\0",
        b"\0",
        b"\x1f\x8b\x08\x00",
    ] {
        site.all_refuse(bytes, &["invalid_request"]).await;
    }
    site.is_well().await;
}

#[tokio::test]
async fn a_hundred_thousand_members_are_refused_everywhere() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    let members: Vec<String> = (0..100_000).map(|n| format!("\"m{n}\":{n}")).collect();
    let body = format!("{{{}}}", members.join(","));
    let codes = ["body_too_large", "invalid_request", "no_event_accepted"];
    site.all_refuse(body.as_bytes(), &codes).await;
    site.is_well().await;
}

#[tokio::test]
async fn ten_megabytes_of_digits_are_refused_even_where_there_is_room_for_them() {
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_MANAGEMENT_BODY_BYTES_MAX", "16777216")
        .with("SSF_TRANSMITTER_INGEST_BODY_BYTES_MAX", "16777216");
    let site = Site::start(installation, ENDPOINT).await;
    let digits = "7".repeat(10_000_000);
    let codes = ["invalid_request", "no_event_accepted"];
    for body in [digits.clone(), format!("{{\"stream_id\":{digits}}}")] {
        let readers = site.readers_with_room();
        site.refuse(readers, body.as_bytes(), &codes).await;
    }
    site.is_well().await;
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_before_it_has_arrived() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    for (method, path, token) in site.readers() {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 10000000\r\n\r\n"
        );
        let mut socket = TcpStream::connect(site.server.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{method} {path}");
    }
    site.is_well().await;
}

#[tokio::test]
async fn a_body_that_is_not_said_to_be_plain_json_is_refused_everywhere() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "application/json5"),
        ("content-type", ""),
        ("content-encoding", "gzip"),
        ("content-encoding", "br, gzip"),
    ] {
        for (method, path, token) in site.readers() {
            let request = client().request(method, site.server.url(&path));
            let request = request.header(name, value).body("{}").bearer_auth(token);
            let answer = Answer::to(request).await;
            assert_eq!(
                answer.code(),
                "unsupported_media_type",
                "{path} {name}: {value}"
            );
            assert_eq!(answer.status, 415);
        }
    }
}

/// Asks for a token with a body that is said to be of this kind.
async fn ask_for_token(site: &Site, content_type: &str, body: Vec<u8>) -> Answer {
    let request = client().post(site.server.url("/oauth/token"));
    let answer = Answer::to(request.header("content-type", content_type).body(body)).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let refusal = answer.json();
    assert!(refusal["error"].is_string() && refusal["error_description"].is_string());
    answer
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn what_is_no_request_for_a_token_is_refused_as_oauth_wants_it() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    let granted = "grant_type=client_credentials";
    let many: Vec<String> = (0..2000).map(|n| format!("p{n}={n}")).collect();
    for body in [
        Vec::new(),
        b"=&&=&%&%zz&%00".to_vec(),
        b"\xff\xfe\0=\xed\xa0\x80".to_vec(),
        b"\x1f\x8b\x08\x00".to_vec(),
        br#"{"grant_type":"client_credentials"}"#.to_vec(),
        b"grant_type=client_credentials%00".to_vec(),
        b"grant_type=password&username=a&password=b".to_vec(),
        format!("{granted}&{granted}").into_bytes(),
        many.join("&").into_bytes(),
    ] {
        let answer = ask_for_token(&site, FORM, body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
    }
    for client in INJECTIONS.into_iter().chain(PATHS) {
        let body = form_urlencoded::Serializer::new(granted.to_owned())
            .append_pair("client_id", client)
            .append_pair("client_secret", client)
            .finish();
        let answer = ask_for_token(&site, FORM, body.into_bytes()).await;
        assert_eq!(answer.status, 401, "{client}: {}", answer.body);
        assert_eq!(answer.json()["error"], "invalid_client");
        assert!(answer.header("www-authenticate").is_some());
    }
    let long = ask_for_token(&site, FORM, vec![b'a'; 32 * 1024 + 1]).await;
    assert_eq!(long.status, 413, "{}", long.body);
    for kind in ["application/json", "multipart/form-data; boundary=x", ""] {
        let answer = ask_for_token(&site, kind, granted.as_bytes().to_vec()).await;
        assert_eq!(answer.status, 415, "{kind}: {}", answer.body);
    }
    site.is_well().await;
}

/// What means another place, or a device, to some file system.
const PATHS: [&str; 21] = [
    "../",
    "..",
    ".",
    "/",
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "%2e%2e%2f",
    "..%2f",
    "%00",
    "\0",
    "a\0b",
    "a\r\nb",
    "CON",
    "NUL",
    "COM1",
    "aux.txt",
    "ssf-transmitter.db",
    "file:///etc/passwd",
    "C:\\",
    "\u{202e}di",
    "..;/",
];

/// T27: an id is never a path.
#[tokio::test]
async fn t27_ids_that_look_like_paths_lead_nowhere() {
    let site = Site::start(Installation::new(), ENDPOINT).await;
    let files = || {
        let entries = fs::read_dir(site.installation.path(".")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    let long = "a".repeat(2000);
    for id in PATHS.into_iter().chain([long.as_str()]) {
        let expected = |answer: &Answer, how: &str| {
            let refused = (answer.status, answer.code());
            let unknown = (404, "stream_not_found".to_owned());
            let malformed = (400, "invalid_request".to_owned());
            assert!(
                refused == unknown || refused == malformed,
                "{how} {id:?}: {}",
                answer.body
            );
        };
        expected(&site.get("/ssf/stream", id).await, "GET");
        expected(&site.get("/ssf/status", id).await, "GET status");
        let delete = client().delete(site.with_id("/ssf/stream", id));
        expected(
            &Answer::to(delete.bearer_auth(&site.receiver)).await,
            "DELETE",
        );
        let delivery = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": ENDPOINT});
        for (method, path, mut body) in [
            (Method::PATCH, "/ssf/stream", json!({})),
            (Method::PUT, "/ssf/stream", json!({"delivery": delivery})),
            (Method::POST, "/ssf/status", json!({"status": "paused"})),
            (Method::POST, "/ssf/verify", json!({})),
            (
                Method::POST,
                "/ssf/replay",
                json!({"epoch": "e", "numbers": [[1, 1]]}),
            ),
        ] {
            body["stream_id"] = json!(id);
            expected(&site.send(method, path, &body).await, path);
        }
        let mut path = Url::parse(&site.server.url("/ssf/stream")).unwrap();
        path.path_segments_mut().unwrap().push(id);
        let answer = Answer::to(client().get(path).bearer_auth(&site.receiver)).await;
        assert!(
            [200, 404].contains(&answer.status),
            "{id:?}: {}",
            answer.body
        );
        assert!(!answer.body.contains("root:"), "{}", answer.body);
    }
    assert_eq!(files(), before);
    site.is_well().await;
}

/// What ends a literal, a comment or a statement in some database, or is a parameter, a pattern or a template.
const INJECTIONS: [&str; 30] = [
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "';--",
    "' OR '1'='1",
    "' OR 1=1--",
    "\" OR \"\"=\"",
    "'; DROP TABLE stream; --",
    "\"; DROP TABLE event; --",
    "1; DELETE FROM receiver",
    "' UNION SELECT token FROM receiver--",
    "'||(SELECT 1)||'",
    "\\'; SELECT pg_sleep(60)--",
    "$$; SELECT pg_sleep(60); $$",
    "E'\\x27'",
    "1/**/OR/**/1",
    "admin'/*",
    "$1",
    "?1",
    ":a @b",
    "%' ESCAPE '\\",
    "_%",
    "0x27",
    "CHAR(39)",
    "ʼ＇\u{2019}",
    "NULL",
    "${jndi:ldap://x}{{7*7}}",
];

/// T25: text is data, through every field, and comes back byte for byte.
async fn injections_come_back_byte_for_byte(installation: Installation) {
    let endpoint = Endpoint::answering(202);
    let site = Site::start(installation, &endpoint.url).await;
    for text in INJECTIONS {
        let without_blanks = text.replace(' ', "+");
        let event_type = format!("urn:example:{without_blanks}");
        let query = format!("{}?q={without_blanks}", endpoint.url);
        let ascii = text.is_ascii();
        let mut body = stream_for(if query.contains('\\') {
            &endpoint.url
        } else {
            &query
        });
        body["description"] = json!(text);
        body["events_requested"] = json!([event_type]);
        if ascii {
            body["delivery"]["authorization_header"] = json!(format!("Bearer {text}"));
        }
        let id = site.create(&body).await;
        let stream = site.get("/ssf/stream", &id).await.json();
        for member in ["description", "events_requested"] {
            assert_eq!(stream[member], body[member], "{text}");
        }
        let url = &body["delivery"]["endpoint_url"];
        assert_eq!(stream["delivery"]["endpoint_url"], *url, "{text}");

        let verify = json!({"stream_id": id, "state": text});
        let answer = site.send(Method::POST, "/ssf/verify", &verify).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        let pushed = endpoint.next();
        let (_, verification) = claims(&pushed.set);
        assert_eq!(verification["state"], text);
        if ascii {
            let line = format!("authorization: bearer {}\r\n", text.to_lowercase());
            assert!(pushed.head.contains(&line), "{}", pushed.head);
        }

        let paused = json!({"stream_id": id, "status": "paused", "reason": text});
        let answer = site.send(Method::POST, "/ssf/status", &paused).await;
        assert_eq!(answer.json(), paused);
        assert_eq!(site.get("/ssf/status", &id).await.json(), paused);
        assert_eq!(site.get("/ssf/stream", text).await.status, 404, "{text}");

        event_comes_through(&site, &endpoint, text).await;
    }
    let list = client().get(site.server.url("/ssf/stream"));
    let list = Answer::to(list.bearer_auth(&site.receiver)).await.json();
    assert_eq!(list.as_array().unwrap().len(), INJECTIONS.len() + 1);
    site.is_well().await;
}

async fn event_comes_through(site: &Site, endpoint: &Endpoint, text: &str) {
    let details = json!({
        "event_timestamp": 1_800_000_000,
        "reason_admin": {"en": text},
        "initiating_entity": "policy",
    });
    let event = json!({
        "sub_id": {"format": "iss_sub", "iss": "https://idp.example.com", "sub": text},
        "events": {(SESSION_REVOKED): details},
        "txn": text,
    });
    let request = client()
        .post(site.server.url("/ingest/events"))
        .json(&event);
    let request = if text.is_ascii() {
        request.header("Idempotency-Key", text)
    } else {
        request
    };
    let answer = Answer::to(request.bearer_auth(&site.operator)).await;
    assert_eq!(answer.status, 202, "{text}: {}", answer.body);
    assert_eq!(answer.json()["events"][0]["txn"], text);
    let (claims, revoked) = claims(&endpoint.next().set);
    assert_eq!(claims["sub_id"], event["sub_id"]);
    assert_eq!(claims["txn"], text);
    assert_eq!(revoked, details);
}

/// The claims of a SET and its one event.
fn claims(set: &str) -> (Value, Value) {
    let part = set.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let events = claims["events"].as_object().unwrap();
    let event = events.values().next().unwrap().clone();
    (claims, event)
}

#[tokio::test]
async fn t25_sql_in_any_text_is_data_on_sqlite() {
    injections_come_back_byte_for_byte(Installation::new()).await;
}

#[tokio::test]
async fn t25_sql_in_any_text_is_data_on_postgresql() {
    let installation = Installation::new()
        .with(
            "SSF_TRANSMITTER_DATABASE_URL",
            Cluster::of_this_run().new_database(),
        )
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        );
    injections_come_back_byte_for_byte(installation).await;
}
