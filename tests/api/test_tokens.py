"""Tokens of ours are read; everything an attacker can make is refused, and none of it is slow."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.signing_keys import SigningKeys
from api.tokens import (
    ACCESS_TOKEN_SECONDS,
    LEEWAY_SECONDS,
    TOKEN_LENGTH_MAX,
    VERIFIED_TOKENS_MAX,
    AccessTokens,
    Claims,
    TokenRefused,
)

NOW = 1_800_000_000.0


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """Our own key in an attacker's hands for everything but the one thing wrong with each token."""

    def __init__(self, path: Path) -> None:
        self.keys = SigningKeys(path, now=NOW)
        self.tokens = AccessTokens(self.keys, issuer="daybook", audience="daybook-api")
        self.kid, self.private = self.keys.signing_key()
        self.public = self.private.public_key()
        self.pem = self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def header(self, **changes: Any) -> dict[str, Any]:
        return _changed({"alg": "EdDSA", "kid": self.kid, "typ": "at+jwt"}, changes)

    def payload(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "iss": "daybook",
            "aud": "daybook-api",
            "sub": "7",
            "role": "user",
            "sid": "a-session",
            "jti": "a-token",
            "iat": int(NOW),
            "exp": int(NOW) + 600,
        }
        return _changed(claims, changes)

    def signed(self, header: Any, payload: Any, key: Ed25519PrivateKey | None = None) -> str:
        text = f"{encoded(header)}.{encoded(payload)}"
        return f"{text}.{encoded((key or self.private).sign(text.encode()))}"

    def with_header(self, **changes: Any) -> str:
        return self.signed(self.header(**changes), self.payload())

    def with_claims(self, **changes: Any) -> str:
        return self.signed(self.header(), self.payload(**changes))

    def unsigned(self, alg: Any) -> str:
        return f"{encoded(self.header(alg=alg))}.{encoded(self.payload())}."

    def good(self) -> str:
        return self.with_claims()

    def hmac_signed(self, secret: bytes, digest: str = "sha256", alg: str = "HS256") -> str:
        text = f"{encoded(self.header(alg=alg))}.{encoded(self.payload())}"
        return f"{text}.{encoded(hmac.digest(secret, text.encode(), digest))}"


def _changed(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (fields | changes).items() if value is not ...}


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    return Forge(tmp_path_factory.mktemp("keys") / "keys.json")


def test_a_token_of_ours_gives_its_claims(forge: Forge) -> None:
    token = forge.tokens.issue(user_id=456, role="teller", sid="abc-1", now=NOW)

    claims = forge.tokens.verify(token, now=NOW + 1)

    assert (claims.user_id, claims.role, claims.sid) == (456, "teller", "abc-1")
    assert claims.expires_at == NOW + ACCESS_TOKEN_SECONDS
    assert jwt.get_unverified_header(token) == forge.header()


def test_the_forge_makes_good_tokens_when_nothing_is_wrong(forge: Forge) -> None:
    claims = forge.tokens.verify(forge.good(), now=NOW)

    assert claims == Claims(7, "user", "a-session", "a-token", int(NOW) + 600)


def test_another_party_can_verify_with_the_key_set_alone(forge: Forge) -> None:
    token = forge.tokens.issue(user_id=1, role="user", sid="s", now=time.time())
    key = jwt.PyJWKSet.from_dict(forge.keys.jwks(now=NOW))[forge.kid]

    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="daybook-api", issuer="daybook")

    assert claims["sub"] == "1"


STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGERS_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": encoded(STRANGER.public_key().public_bytes_raw()),
}
WIDE_DEPTH = b'{"a":' * 300 + b"1" + b"}" * 300


def foreign(algorithm: str) -> str:
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if algorithm.startswith(("RS", "PS"))
        else ec.generate_private_key(ec.SECP256R1())
    )
    return jwt.encode({"sub": "7"}, key, algorithm, headers={"typ": "at+jwt", "kid": "0" * 16})


FORGED: dict[str, Callable[[Forge], str]] = {
    # No signature, or another algorithm's.
    "alg none": lambda f: f.unsigned("none"),
    "alg None": lambda f: f.unsigned("None"),
    "alg nOnE": lambda f: f.unsigned("nOnE"),
    "alg NONE": lambda f: f.unsigned("NONE"),
    "alg empty": lambda f: f.unsigned(""),
    "alg null": lambda f: f.unsigned(None),
    "alg list": lambda f: f.unsigned(["EdDSA"]),
    "alg missing": lambda f: f.with_header(alg=...),
    "alg none, signature kept": lambda f: f.with_header(alg="none"),
    "alg eddsa in lower case": lambda f: f.with_header(alg="eddsa"),
    "alg Ed25519": lambda f: f.with_header(alg="Ed25519"),
    "alg ES256": lambda f: foreign("ES256"),
    "alg RS256": lambda f: foreign("RS256"),
    "alg PS256": lambda f: foreign("PS256"),
    "HS256 with the public key in PEM": lambda f: f.hmac_signed(f.pem),
    "HS256 with the raw public key": lambda f: f.hmac_signed(f.public.public_bytes_raw()),
    "HS256 with its base64": lambda f: f.hmac_signed(encoded(f.public.public_bytes_raw()).encode()),
    "HS256 with the kid": lambda f: f.hmac_signed(f.kid.encode()),
    "HS256 with nothing": lambda f: f.hmac_signed(b""),
    "HS512 with the public key": lambda f: f.hmac_signed(f.pem, "sha512", "HS512"),
    "EdDSA said, HMAC done": lambda f: f.hmac_signed(f.pem, "sha512", "EdDSA"),
    "signature empty": lambda f: f.good().rpartition(".")[0] + ".",
    "signature missing": lambda f: f.good().rpartition(".")[0],
    "signature of zeros": lambda f: f.good().rpartition(".")[0] + "." + "A" * 86,
    "signature cut": lambda f: f.good()[:-2],
    "signature of another token": lambda f: (
        f.with_claims(sub="8").rpartition(".")[0] + "." + f.good().rpartition(".")[2]
    ),
    "signed by a stranger": lambda f: f.signed(f.header(), f.payload(), STRANGER),
    "another spelling of the signature": lambda f: _respelled(f.good()),
    # Keys that the token brings along.
    "jwk embedded": lambda f: f.signed(f.header(jwk=STRANGERS_JWK), f.payload(), STRANGER),
    "jwk embedded, no kid": lambda f: f.signed(
        f.header(jwk=STRANGERS_JWK, kid=...), f.payload(), STRANGER
    ),
    "jwk embedded, our signature": lambda f: f.with_header(jwk=STRANGERS_JWK),
    "jku": lambda f: f.signed(f.header(jku="http://127.0.0.1/keys"), f.payload(), STRANGER),
    "jku, our signature": lambda f: f.with_header(jku="http://127.0.0.1/keys"),
    "x5u": lambda f: f.with_header(x5u="http://127.0.0.1/cert"),
    "x5c": lambda f: f.with_header(x5c=["MIIB"]),
    "crit": lambda f: f.with_header(crit=["exp"], exp=1),
    "crit empty": lambda f: f.with_header(crit=[]),
    "b64 false": lambda f: f.with_header(b64=False, crit=["b64"]),
    "zip": lambda f: f.with_header(zip="DEF"),
    "enc": lambda f: f.with_header(enc="A256GCM"),
    "cty": lambda f: f.with_header(cty="JWT"),
    # The name of the key.
    "kid missing": lambda f: f.with_header(kid=...),
    "kid unknown": lambda f: f.with_header(kid="0" * 16),
    "kid null": lambda f: f.with_header(kid=None),
    "kid a number": lambda f: f.with_header(kid=0),
    "kid a list": lambda f: f.with_header(kid=[f.kid]),
    "kid a path": lambda f: f.with_header(kid="../../../../dev/null"),
    "kid an absolute path": lambda f: f.with_header(kid="/etc/passwd"),
    "kid SQL": lambda f: f.with_header(kid="' OR '1'='1"),
    "kid with NUL": lambda f: f.with_header(kid=f.kid + "\0"),
    "kid with a line break": lambda f: f.with_header(kid=f.kid + "\n"),
    "kid in upper case": lambda f: f.with_header(kid="ABCDEF0123456789"),
    "kid in full width": lambda f: f.with_header(kid="\uff10" * 16),
    "kid huge": lambda f: f.with_header(kid="0" * 1000),
    # Another kind, issuer, audience.
    "typ missing": lambda f: f.with_header(typ=...),
    "typ JWT": lambda f: f.with_header(typ="JWT"),
    "typ of a refresh token": lambda f: f.with_header(typ="rt+jwt"),
    "typ in capitals": lambda f: f.with_header(typ="AT+JWT"),
    "typ null": lambda f: f.with_header(typ=None),
    "iss missing": lambda f: f.with_claims(iss=...),
    "iss another": lambda f: f.with_claims(iss="daybook.example"),
    "iss a list": lambda f: f.with_claims(iss=["daybook"]),
    "aud missing": lambda f: f.with_claims(aud=...),
    "aud another": lambda f: f.with_claims(aud="daybook"),
    "aud a list of ours": lambda f: f.with_claims(aud=["daybook-api"]),
    "aud a list with ours": lambda f: f.with_claims(aud=["other", "daybook-api"]),
    "aud null": lambda f: f.with_claims(aud=None),
    # Times.
    "exp missing": lambda f: f.with_claims(exp=...),
    "exp past": lambda f: f.with_claims(iat=int(NOW) - 700, exp=int(NOW) - 100),
    "exp at the leeway": lambda f: f.with_claims(iat=int(NOW) - 600, exp=int(NOW) - LEEWAY_SECONDS),
    "exp text": lambda f: f.with_claims(exp=str(int(NOW) + 600)),
    "exp a float": lambda f: f.with_claims(exp=NOW + 600.5),
    "exp true": lambda f: f.with_claims(exp=True),
    "exp far away": lambda f: f.with_claims(exp=int(NOW) + 10**9),
    "exp infinite": lambda f: f.signed(
        f.header(), json.dumps(f.payload(exp=float("inf"))).encode()
    ),
    "exp of many digits": lambda f: f.with_claims(exp=10**300),
    "exp before iat": lambda f: f.with_claims(iat=int(NOW) + 5, exp=int(NOW) + 1),
    "iat missing": lambda f: f.with_claims(iat=...),
    "iat in the future": lambda f: f.with_claims(iat=int(NOW) + 60, exp=int(NOW) + 120),
    "iat text": lambda f: f.with_claims(iat=str(int(NOW))),
    "nbf in the future": lambda f: f.with_claims(nbf=int(NOW) + 300),
    # Claims.
    "sub missing": lambda f: f.with_claims(sub=...),
    "sub a number": lambda f: f.with_claims(sub=7),
    "sub zero": lambda f: f.with_claims(sub="0"),
    "sub negative": lambda f: f.with_claims(sub="-7"),
    "sub with a leading zero": lambda f: f.with_claims(sub="07"),
    "sub in Arabic digits": lambda f: f.with_claims(sub="\u0667"),
    "sub with a line break": lambda f: f.with_claims(sub="7\n"),
    "sub a list": lambda f: f.with_claims(sub=["7"]),
    "role missing": lambda f: f.with_claims(role=...),
    "role unknown": lambda f: f.with_claims(role="root"),
    "role a list": lambda f: f.with_claims(role=["admin"]),
    "sid missing": lambda f: f.with_claims(sid=...),
    "sid null": lambda f: f.with_claims(sid=None),
    "sid empty": lambda f: f.with_claims(sid=""),
    "jti missing": lambda f: f.with_claims(jti=...),
    "claims twice": lambda f: f.signed(
        f.header(), json.dumps(f.payload()).encode()[:-1] + b',"role":"admin"}'
    ),
    "header fields twice": lambda f: f.signed(
        json.dumps(f.header()).encode()[:-1] + b',"alg":"none"}', f.payload()
    ),
    # Shape.
    "empty": lambda f: "",
    "dots": lambda f: "..",
    "one part": lambda f: f.good().partition(".")[0],
    "a trailing dot": lambda f: f.good() + ".",
    "a fourth part": lambda f: f.good() + ".e30",
    "five parts of a JWE": lambda f: f"{encoded(f.header())}.a.b.c.d",
    "a leading space": lambda f: " " + f.good(),
    "a trailing line break": lambda f: f.good() + "\n",
    "padding": lambda f: f.good() + "==",
    "plain base64": lambda f: f.good().replace("-", "+").replace("_", "/") + "+",
    "unicode": lambda f: "\u0435" + f.good()[1:],
    "NUL inside": lambda f: f.good()[:20] + "\0" + f.good()[20:],
    "half a surrogate pair": lambda f: f.good() + "\ud800",
    "not UTF-8 in the header": lambda f: f.signed(b"\xff\xfe", f.payload()),
    "not JSON in the header": lambda f: f.signed(b"{alg:EdDSA}", f.payload()),
    "header a list": lambda f: f.signed([], f.payload()),
    "payload a list": lambda f: f.signed(f.header(), []),
    "payload text": lambda f: f.signed(f.header(), "sub=7"),
    "payload null": lambda f: f.signed(f.header(), None),
    "deep payload": lambda f: f.signed(f.header(), WIDE_DEPTH),
    "JSON serialisation": lambda f: json.dumps(
        {"payload": "e30", "signature": "", "protected": ""}
    ),
    "nested token": lambda f: f.signed(f.header(cty="JWT"), f.good().encode()),
    "just too long": lambda f: f.with_claims(pad="x" * TOKEN_LENGTH_MAX),
    "huge": lambda f: "a" * 5_000_000,
    "huge with dots": lambda f: "a." * 1_000_000,
    "huge claims": lambda f: f.with_claims(pad=hashlib.sha512(b"").hexdigest() * 10_000),
}


def _respelled(token: str) -> str:
    """The same bytes with another last letter: base64 of 64 bytes leaves four bits over."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) + 1]


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_and_quickly(forge: Forge, name: str) -> None:
    token = FORGED[name](forge)
    started = time.thread_time()

    with pytest.raises(TokenRefused):
        forge.tokens.verify(token, now=NOW)
    assert time.thread_time() - started < 0.05


def test_every_change_of_one_letter_is_refused(forge: Forge) -> None:
    token = forge.good()

    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(TokenRefused):
            forge.tokens.verify(changed, now=NOW)


def test_a_remembered_token_expires_all_the_same(forge: Forge) -> None:
    token = forge.tokens.issue(user_id=1, role="user", sid="s", now=NOW)
    end = NOW + ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS
    assert forge.tokens.verify(token, now=end - 1) is forge.tokens.verify(token, now=end - 1)

    with pytest.raises(TokenRefused):
        forge.tokens.verify(token, now=end)
    with pytest.raises(TokenRefused):
        forge.tokens.verify(token, now=end)


def test_the_memory_of_verified_tokens_is_bounded(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.VERIFIED_TOKENS_MAX", 10)
    tokens = AccessTokens(forge.keys, issuer="i", audience="a")
    issued = [tokens.issue(user_id=n, role="user", sid="s", now=NOW) for n in range(1, 40)]

    users = [tokens.verify(token, now=NOW).user_id for token in issued + issued]

    assert users == [*range(1, 40)] * 2
    assert len(tokens._verified) == 10 < VERIFIED_TOKENS_MAX


def test_a_refused_token_is_never_remembered(forge: Forge) -> None:
    tokens = AccessTokens(forge.keys, issuer="daybook", audience="daybook-api")

    for forged in FORGED.values():
        with pytest.raises(TokenRefused):
            tokens.verify(forged(forge), now=NOW)

    assert not tokens._verified
