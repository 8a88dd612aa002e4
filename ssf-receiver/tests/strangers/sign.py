"""A transmitter's signatures by joserfc: claims come as JSON on standard input, tokens and their JWKS go to standard output."""

import json
import sys

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

KEYS = {
    "RS256": RSAKey.generate_key(2048),
    "PS256": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
}
REGISTRY = jws.JWSRegistry(algorithms=list(KEYS), strict_check_header=False)


def published(alg, key):
    return {**key.as_dict(private=False), "kid": alg, "alg": alg, "use": "sig"}


def token(alg, key, claims):
    header = {"alg": alg, "kid": alg, "typ": "secevent+jwt"}
    data = json.dumps({**claims, "jti": alg}).encode()
    return jws.serialize_compact(header, data, key, registry=REGISTRY)


claims = json.load(sys.stdin)
json.dump(
    {
        "jwks": {"keys": [published(*one) for one in KEYS.items()]},
        "tokens": [token(*one, claims) for one in KEYS.items()],
    },
    sys.stdout,
)
