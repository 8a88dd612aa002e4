"""A Receiver that knows the specifications alone: joserfc for SETs, Python's own library for HTTP.

A task as JSON on standard input says where the issuer is and who the Receiver is there. What was done goes to standard
output, a line for each step; whatever is not as the specifications want it ends the program.
"""

import base64
import json
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

PATIENCE = 30  # seconds that anything may take

PUSH = "urn:ietf:rfc:8935"
POLL = "urn:ietf:rfc:8936"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"

TASK = json.load(sys.stdin)
ISSUER = TASK["issuer"]
EVENT = {"event_timestamp": 1_700_000_000, "reason_admin": {"en": "The device is not compliant any more."}}
PUSH_SECRET = "Bearer known-to-the-transmitter-alone"

# Whatever the environment says about proxies: everything is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def done(step):
    print(step, flush=True)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self, status=200):
        require(self.status == status, f"{self.status} {self.body!r}")
        require(self.headers.get_content_type() == "application/json", self.headers.get_content_type())
        return json.loads(self.body)


def ask(method, url, token=None, body=None, form=None, headers=()):
    request = urllib.request.Request(url, method=method, headers=dict(headers))
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if form is not None:
        request.data = urllib.parse.urlencode(form).encode()
        request.add_header("Content-Type", "application/x-www-form-urlencoded")
    try:
        with OPENER.open(request, timeout=PATIENCE) as response:
            return Answer(response)
    except urllib.error.HTTPError as response:
        return Answer(response)


def well_known(name, issuer):
    """The segment stands between host and path (SSF 1.0 §7.2, RFC 8414 §3.1)."""
    parts = urllib.parse.urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path.rstrip('/')}"


def discover():
    metadata = ask("GET", well_known("ssf-configuration", ISSUER)).json()
    require(metadata["issuer"] == ISSUER, metadata)
    require({PUSH, POLL} <= set(metadata["delivery_methods_supported"]), metadata)
    schemes = [scheme["spec_urn"] for scheme in metadata["authorization_schemes"]]
    require("urn:ietf:rfc:6749" in schemes, schemes)
    return metadata


def token_from(metadata):
    """Finds the token endpoint from a refusal alone (RFC 9728 §5), and asks there for a token (RFC 6749 §4.4)."""
    refused = ask("GET", metadata["configuration_endpoint"])
    require(refused.status == 401, refused.status)
    challenge = refused.headers["WWW-Authenticate"]
    require(challenge.startswith("Bearer "), challenge)
    resource = ask("GET", re.search(r'resource_metadata="([^"]+)"', challenge)[1]).json()
    require(resource["resource"] == ISSUER, resource)
    authority = resource["authorization_servers"][0]
    server = ask("GET", well_known("oauth-authorization-server", authority)).json()
    require(server["issuer"] == authority, server)
    require("client_secret_basic" in server["token_endpoint_auth_methods_supported"], server)

    quoted = [urllib.parse.quote(TASK[name], safe="") for name in ("client_id", "client_secret")]
    basic = base64.b64encode(":".join(quoted).encode()).decode()
    form = {"grant_type": "client_credentials", "scope": "ssf.manage"}
    answer = ask("POST", server["token_endpoint"], form=form, headers={"Authorization": f"Basic {basic}"})
    require(answer.headers["Cache-Control"] == "no-store", answer.headers)
    granted = answer.json()
    require(granted["token_type"].lower() == "bearer", granted["token_type"])
    require(0 < granted["expires_in"] <= 3600, granted["expires_in"])
    return granted["access_token"]


class Refused(Exception):
    """A SET that is not believed, with the code for its transmitter (RFC 8935 §2.4)."""

    def __init__(self, code, description):
        super().__init__(description)
        self.code = code


class Trust:
    """Whom SETs have to come from, and for whom they have to be."""

    def __init__(self, metadata):
        self.keys = KeySet.import_key_set(ask("GET", metadata["jwks_uri"]).json())
        self.registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": TASK["audience"]},
            jti={"essential": True},
            iat={"essential": True},
            events={"essential": True},
            sub_id={"essential": True},
        )

    def claims(self, token):
        try:
            found = jwt.decode(token, self.keys, algorithms=["RS256"])
        except (JoseError, ValueError) as error:
            raise Refused("invalid_key", type(error).__name__) from error
        if found.header.get("typ") != "secevent+jwt":
            raise Refused("invalid_request", "typ")
        try:
            self.registry.validate(found.claims)
        except JoseError as error:
            raise Refused("invalid_request", type(error).__name__) from error
        if {"sub", "exp"} & set(found.claims) or len(found.claims["events"]) != 1:
            raise Refused("invalid_request", "not as SSF 1.0 §4.1 has it")
        return found.claims


def tampered(token):
    """The SET with another first bit of its signature, as if it had been broken on its way."""
    head, payload, signature = token.split(".")
    other = "A" if signature[0] != "A" else "g"
    return f"{head}.{payload}.{other}{signature[1:]}"


class Endpoint:
    """Where SETs are pushed to: believed ones come out of one queue, the codes of the others out of another."""

    def __init__(self, trust):
        self.trust = trust
        self.believed = queue.Queue()
        self.refused = queue.Queue()
        self.breaks_next = False
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = endpoint.judge(self.headers, body.decode())
                self.send_response(status)
                if answer:
                    self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def judge(self, headers, token):
        """Status and body of the answer (RFC 8935 §2.2 and §2.3)."""
        if self.breaks_next:
            self.breaks_next = False
            token = tampered(token)
        try:
            if headers["Authorization"] != PUSH_SECRET:
                raise Refused("authentication_failed", "another secret")
            if headers.get_content_type() != "application/secevent+jwt":
                raise Refused("invalid_request", "Content-Type")
            if "application/json" not in headers.get("Accept", ""):
                raise Refused("invalid_request", "Accept")
            claims = self.trust.claims(token)
        except Refused as refusal:
            self.refused.put(refusal.code)
            return 400, json.dumps({"err": refusal.code, "description": str(refusal)}).encode()
        self.believed.put(claims)
        return 202, b""

    def next(self):
        return self.believed.get(timeout=PATIENCE)


class Stream:
    """One stream at the management API (SSF 1.0 §8.1)."""

    def __init__(self, metadata, token, delivery):
        self.metadata, self.token = metadata, token
        body = {"delivery": delivery, "events_requested": [SESSION_REVOKED], "description": "a stranger's"}
        self.configuration = ask("POST", metadata["configuration_endpoint"], token, body).json(201)
        self.id = self.configuration["stream_id"]
        self.check(delivery)

    def check(self, delivery):
        found = self.configuration
        require(found["iss"] == ISSUER, found)
        require(TASK["audience"] in [found["aud"], *found["aud"]], found)
        require(found["delivery"]["method"] == delivery["method"], found)
        require("authorization_header" not in found["delivery"], "the secret is told again")
        require(found["events_delivered"] == [SESSION_REVOKED], found)
        require(SESSION_REVOKED in found["events_supported"], found)
        require(ask("GET", self.url("configuration_endpoint"), self.token).json() == found, "READ differs from CREATE")
        status = ask("GET", self.url("status_endpoint"), self.token).json()
        require(status["stream_id"] == self.id and status["status"] == "enabled", status)

    def url(self, endpoint):
        return f"{self.metadata[endpoint]}?{urllib.parse.urlencode({'stream_id': self.id})}"

    def ask_for_verification(self, state):
        answer = ask("POST", self.metadata["verification_endpoint"], self.token, {"stream_id": self.id, "state": state})
        require(answer.status == 204, f"{answer.status} {answer.body!r}")

    def is_verified_by(self, claims, state):
        require(claims["sub_id"] == {"format": "opaque", "id": self.id}, claims)
        require(claims["events"] == {VERIFICATION: {"state": state}}, claims)

    def delete(self):
        require(ask("DELETE", self.url("configuration_endpoint"), self.token).status == 204, "DELETE")
        require(ask("GET", self.url("configuration_endpoint"), self.token).status == 404, "READ after DELETE")


def happens(email):
    """What the identity provider does: it hands in that the sessions of this user have ended."""
    event = {"sub_id": {"format": "email", "email": email}, "events": {SESSION_REVOKED: EVENT}}
    return ask("POST", TASK["ingest"], TASK["source_token"], event).json(202)["events"][0]["txn"]


def arrives(email, following):
    """An event happens, and the SET that follows is about it."""
    is_about(happens(email), email, following())


def is_about(txn, email, claims):
    require(claims["sub_id"] == {"format": "email", "email": email}, claims)
    require(claims["events"] == {SESSION_REVOKED: EVENT}, claims)
    require(claims["txn"] == txn, claims)
    require(abs(time.time() - claims["iat"]) < 10 * PATIENCE, claims)


def by_push(metadata, token, trust):
    endpoint = Endpoint(trust)
    delivery = {"method": PUSH, "endpoint_url": endpoint.url, "authorization_header": PUSH_SECRET}
    stream = Stream(metadata, token, delivery)
    require(stream.configuration["delivery"]["endpoint_url"] == endpoint.url, stream.configuration)
    done("push: created a stream")

    stream.ask_for_verification("push, says a stranger")
    stream.is_verified_by(endpoint.next(), "push, says a stranger")
    done("push: verified it")

    arrives("alice@example.com", endpoint.next)
    done("push: got an event")

    endpoint.breaks_next = True
    refused = happens("alice@example.com")
    require(endpoint.refused.get(timeout=PATIENCE) == "invalid_key", "another code")
    # A key may only be too new to be known here, so the transmitter sends the SET once more, before what follows about this user.
    is_about(refused, "alice@example.com", endpoint.next())
    arrives("alice@example.com", endpoint.next)
    require(endpoint.refused.empty() and endpoint.believed.empty(), "it came again")
    done("push: refused a broken SET")

    stream.delete()
    done("push: deleted the stream")


class Poller:
    """Polls (RFC 8936), and acknowledges with the next poll what it believed."""

    def __init__(self, stream, trust):
        self.stream, self.trust = stream, trust
        self.url = stream.configuration["delivery"]["endpoint_url"]
        self.ack, self.errors = [], {}

    def poll(self, **members):
        body = {"ack": self.ack, "setErrs": self.errors, **members}
        answer = ask("POST", self.url, self.stream.token, body).json()
        self.ack, self.errors = [], {}
        return answer

    def next(self, changed=lambda token: token):
        """The claims of the one SET that there is, or the code with which it is refused."""
        answer = self.poll(maxEvents=10)
        require(len(answer["sets"]) == 1 and not answer.get("moreAvailable"), answer)
        [(jti, token)] = answer["sets"].items()
        try:
            claims = self.trust.claims(changed(token))
        except Refused as refusal:
            self.errors[jti] = {"err": refusal.code, "description": str(refusal)}
            return refusal.code
        require(claims["jti"] == jti, claims)
        self.ack.append(jti)
        return claims

    def is_empty(self):
        return self.poll(returnImmediately=True) == {"sets": {}}


def by_poll(metadata, token, trust):
    stream = Stream(metadata, token, {"method": POLL})
    poller = Poller(stream, trust)
    require(poller.is_empty(), "a new stream has SETs")
    done("poll: created a stream")

    stream.ask_for_verification("poll, says a stranger")
    stream.is_verified_by(poller.next(), "poll, says a stranger")
    require(poller.is_empty(), "it came again")
    done("poll: verified it")

    arrives("bob@example.com", poller.next)
    require(poller.is_empty(), "it came again")
    done("poll: got an event")

    happens("bob@example.com")
    require(poller.next(tampered) == "invalid_key", "another code")
    # The poll that tells of the refusal gets what was held back until then.
    arrives("bob@example.com", poller.next)
    require(poller.is_empty(), "it came again")
    done("poll: refused a broken SET")

    stream.delete()
    done("poll: deleted the stream")


def main():
    metadata = discover()
    done("discovered the transmitter")
    token = token_from(metadata)
    done("got a token")
    trust = Trust(metadata)
    by_push(metadata, token, trust)
    by_poll(metadata, token, trust)


main()
