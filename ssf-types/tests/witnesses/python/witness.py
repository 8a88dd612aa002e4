"""Signs and verifies SETs with joserfc: one task as JSON on standard input, one answer as JSON on standard output."""

import base64
import hashlib
import hmac
import json
import sys
import warnings

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

warnings.simplefilter("ignore")  # the weak key is meant to be weak

ACCEPTED = ["RS256", "PS256", "ES256", "EdDSA"]
REGISTRY = jws.JWSRegistry(algorithms=ACCEPTED + ["RS512", "Ed25519"], strict_check_header=False)

KEYS = {
    "RS256": RSAKey.generate_key(2048),
    "PS256": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "weak": RSAKey.generate_key(1024),
    "leaked": ECKey.generate_key("P-256"),
    "stranger": ECKey.generate_key("P-256"),
}
UNPUBLISHED = ["stranger"]


def alg_of(name):
    return {"weak": "RS256", "leaked": "ES256", "stranger": "ES256"}.get(name, name)


def published(name):
    key = KEYS[name].as_dict(private=name == "leaked")
    return {**key, "kid": name, "alg": alg_of(name), "use": "sig"}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def merged(base, changes):
    """A null takes a member away."""
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def payload(task, case):
    if "payload" in case:
        return case["payload"].encode()
    claims = merged(task["claims"], case.get("claims", {}))
    if "long" in case:
        claims["x_long"] = "x" * case["long"]
    return json.dumps(claims).encode()


def signed(header, data, key):
    """What joserfc does not sign, because nobody should, is put together by hand."""
    alg = header["alg"]
    if alg in REGISTRY.allowed:
        return jws.serialize_compact(header, data, KEYS[key], registry=REGISTRY)
    signing_input = f"{encoded(json.dumps(header).encode())}.{encoded(data)}"
    signature = b""
    if alg == "HS256":
        secret = KEYS[key].as_pem(private=False)
        signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{encoded(signature)}"


def as_json(header, data, key):
    return json.dumps(jws.serialize_json({"protected": header}, data, KEYS[key], registry=REGISTRY))


def as_jwe(header, data, _key):
    header = {"alg": "dir", "enc": "A256GCM", "typ": header["typ"]}
    return jwe.encrypt_compact(header, data, OctKey.generate_key(256))


def as_der(header, data, key):
    signing_input, signature = signed(header, data, key).rsplit(".", 1)
    raw = decoded(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    return f"{signing_input}.{encoded(encode_dss_signature(r, s))}"


def tampered(header, data, key):
    other = json.dumps({**json.loads(data), "jti": "another"}).encode()
    head, _, signature = signed(header, data, key).split(".")
    return f"{head}.{encoded(other)}.{signature}"


def truncated(*parts):
    signing_input, signature = signed(*parts).rsplit(".", 1)
    return f"{signing_input}.{encoded(decoded(signature)[:-1])}"


FORMS = {
    "signed": signed,
    "json": as_json,
    "jwe": as_jwe,
    "der": as_der,
    "tampered": tampered,
    "truncated": truncated,
    "unsigned": lambda *parts: signed(*parts).rsplit(".", 1)[0] + ".",
    "padded": lambda *parts: signed(*parts) + "=",
    "newline": lambda *parts: signed(*parts) + "\n",
}


def made(task, case):
    key = case.get("key", "ES256")
    header = {"alg": alg_of(key), "kid": key, "typ": "secevent+jwt"}
    header = merged(header, case.get("header", {}))
    form = FORMS[case.get("form", "signed")]
    return {"name": case["name"], "token": form(header, payload(task, case), key)}


def verified(token, keys):
    try:
        found = jws.deserialize_compact(token, keys, algorithms=ACCEPTED)
    except JoseError as error:
        return {"refused": type(error).__name__}
    return {"header": found.headers(), "payload": found.payload.decode()}


def main():
    task = json.load(sys.stdin)
    keys = KeySet.import_key_set(task["jwks"])
    answer = {
        "verified": [verified(token, keys) for token in task["tokens"]],
        "jwks": {"keys": [published(name) for name in KEYS if name not in UNPUBLISHED]},
        "signed": [made(task, {"name": alg, "key": alg}) for alg in ACCEPTED],
        "made": [made(task, case) for case in task["cases"]],
    }
    json.dump(answer, sys.stdout)


main()
