"""PyJWT and cryptography on the tokens of the service: reads a job as JSON from standard input, writes its answer as JSON.

A job is {"secret", "issuer", "user", "session", "now", "token", "public_key": PEM, "api_key"}. Keys are derived here by HKDF of
`cryptography`, with no code of the service.
"""

import base64
import hashlib
import hmac
import json
import sys
import zlib

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def derive(secret, purpose):
    info = f"coreframe {purpose} v1".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret.encode())


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(public_key):
    return public_key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def spki(public_key, encoding):
    return public_key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(public_key):
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(raw(public_key))}"}}'
    return base64url(hashlib.sha256(members.encode()).digest())


def sign_hmac(claims, headers, secret):
    """PyJWT does not take a public key as the secret of an HMAC, so this attack signs by itself."""
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", **headers}, claims)]
    content = ".".join(parts)
    return f"{content}.{base64url(hmac.digest(secret, content.encode(), 'sha256'))}"


def refresh_token(job):
    content = bytes.fromhex(job["session"].replace("-", "")) + (41).to_bytes(6, "big")
    mac = hmac.digest(derive(job["secret"], "refresh token"), content, "sha256")
    return "cfr_" + base64url(content + mac)


def base62(value):
    text = ""
    while value:
        value, digit = divmod(value, 62)
        text = DIGITS[digit] + text
    return text


def main():
    job = json.load(sys.stdin)
    own = Ed25519PrivateKey.from_private_bytes(derive(job["secret"], "access token"))
    public = own.public_key()
    headers = {"typ": "at+jwt", "kid": key_id(public)}
    claims = {
        "iss": job["issuer"],
        "aud": job["issuer"],
        "sub": job["user"],
        "sid": job["session"],
        "scope": "images:read jobs:write",
        "iat": job["now"],
        "exp": job["now"] + 900,
    }
    foreign = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    der = serialization.Encoding.DER
    verified = jwt.decode_complete(
        job["token"], job["public_key"], algorithms=["EdDSA"], audience=job["issuer"], issuer=job["issuer"]
    )
    setup = hmac.digest(derive(job["secret"], "set-up token"), b"first administrator", "sha256")
    answer = {
        "header": verified["header"],
        "claims": verified["payload"],
        "token": jwt.encode(claims, own, algorithm="EdDSA", headers=headers),
        "attacks": {
            "none": jwt.encode(claims, None, algorithm="none", headers=headers),
            "foreign key": jwt.encode(claims, foreign, algorithm="EdDSA", headers=headers),
            "foreign key and jwk": jwt.encode(
                claims,
                foreign,
                algorithm="EdDSA",
                headers={**headers, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw(foreign.public_key()))}},
            ),
            "HS256 with the raw key": sign_hmac(claims, headers, raw(public)),
            "HS256 with DER": sign_hmac(claims, headers, spki(public, der)),
            "HS256 with PEM": sign_hmac(claims, headers, spki(public, pem)),
            "HS256 with the secret": sign_hmac(claims, headers, job["secret"].encode()),
            "type JWT": jwt.encode(claims, own, algorithm="EdDSA", headers={**headers, "typ": "JWT"}),
            "another issuer": jwt.encode({**claims, "iss": "other"}, own, algorithm="EdDSA", headers=headers),
            "another audience": jwt.encode({**claims, "aud": "other"}, own, algorithm="EdDSA", headers=headers),
            "the key of refresh tokens": jwt.encode(
                claims,
                Ed25519PrivateKey.from_private_bytes(derive(job["secret"], "refresh token")),
                algorithm="EdDSA",
                headers=headers,
            ),
        },
        "refresh_token": refresh_token(job),
        "setup_token": "cfs_" + base64url(setup),
        "checksum": base62(zlib.crc32(job["api_key"][:-6].encode())).rjust(6, "0"),
    }
    json.dump(answer, sys.stdout)


main()
