"""Access tokens: short-lived, signed by our own Ed25519 keys, and read by the rules of RFC 8725.

A token says who the user is, in which role and session. It never says that the session still lives:
that is asked on every request (`application/sessions.py`), so a cached token is not a cached permission.
"""

import base64
import binascii
import json
import re
import secrets
from typing import Any, Final, NoReturn

import jwt
import msgspec

from api.signing_keys import SigningKeys

ACCESS_TOKEN_SECONDS: Final = 10 * 60
LEEWAY_SECONDS: Final = 10
TOKEN_LENGTH_MAX: Final = 2048
VERIFIED_TOKENS_MAX: Final = 20_000
ROLES: Final = frozenset(("user", "teller", "loan_officer", "auditor", "compliance", "admin"))

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"  # RFC 9068: no token of another kind passes for an access token
_HEADER_FIELDS: Final = {"alg", "kid", "typ"}
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_KID: Final = re.compile(r"[0-9a-f]{16}")
_USER_ID: Final = re.compile(r"[1-9][0-9]{0,15}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class TokenRefused(Exception):
    """The bearer's token is none of ours, or its time is over. The reason is for the log only."""


class Claims(msgspec.Struct, frozen=True):
    user_id: int
    role: str
    sid: str
    jti: str
    expires_at: int  # seconds of the Unix epoch


class AccessTokens:
    """Issues and verifies the tokens of one issuer. Times are seconds of the Unix epoch, UTC."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[str, tuple[Claims, str]] = {}

    def issue(self, *, user_id: int, role: str, sid: str, now: float) -> str:
        """A token for `ACCESS_TOKEN_SECONDS`. The session must be one that is alive."""
        kid, private = self._keys.signing_key()
        payload = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "role": role,
            "sid": sid,
            "jti": secrets.token_urlsafe(12),
            "iat": int(now),
            "exp": int(now) + ACCESS_TOKEN_SECONDS,
        }
        return jwt.encode(
            payload, private, algorithm=_ALGORITHM, headers={"kid": kid, "typ": _TYPE}
        )

    def verify(self, token: str, *, now: float) -> Claims:
        """The claims of a token that is ours and in time, else `TokenRefused`.

        A signature costs about 100 microseconds, so tokens found good are remembered until their time
        is over; at most `VERIFIED_TOKENS_MAX` of them, the oldest forgotten first.
        """
        known = self._verified.get(token)
        if known is not None:
            claims, kid = known
            # A key that was retired too long ago takes its tokens with it.
            if self._keys.verification_key(kid, now=now) is None:
                _refuse("the key is not one of ours")
        else:
            claims, kid = self._verify_signed(token, now)
            if len(self._verified) >= VERIFIED_TOKENS_MAX:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = claims, kid
        if now >= claims.expires_at + LEEWAY_SECONDS:
            self._verified.pop(token, None)
            _refuse("the token has expired")
        return claims

    def _verify_signed(self, token: str, now: float) -> tuple[Claims, str]:
        if len(token) > TOKEN_LENGTH_MAX or not _COMPACT.fullmatch(token):
            _refuse("not a compact token of three parts")
        header, payload = (_object(part) for part in token.split(".")[:2])
        # The exact set: jwk, jku, x5u, crit, b64 and zip are refused by not being in it.
        if header.keys() != _HEADER_FIELDS:
            _refuse("the header has other fields than ours")
        if header["alg"] != _ALGORITHM or header["typ"] != _TYPE:
            _refuse("another algorithm or kind of token")
        kid = header["kid"]
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            _refuse("not a key id")
        key = self._keys.verification_key(kid, now=now)
        if key is None:
            _refuse("the key is not one of ours")
        try:
            verified = jwt.decode(
                token,
                key.public,
                algorithms=[_ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["iss", "aud", "sub", "role", "sid", "jti", "iat", "exp"],
                    "strict_aud": True,
                    # The times are checked below, against the caller's clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            _refuse(str(error))
        assert verified == payload
        return _claims(verified, now), kid


def _claims(payload: dict[str, Any], now: float) -> Claims:
    issued_at, expires_at = payload["iat"], payload["exp"]
    if type(issued_at) is not int or type(expires_at) is not int or "nbf" in payload:
        _refuse("times that are none of ours")
    if issued_at > now + LEEWAY_SECONDS:
        _refuse("the token was issued in the future")
    if not 0 < expires_at - issued_at <= ACCESS_TOKEN_SECONDS:
        _refuse("the token lives longer than ours do")
    subject, role, sid, jti = (payload[name] for name in ("sub", "role", "sid", "jti"))
    if not isinstance(subject, str) or not _USER_ID.fullmatch(subject):
        _refuse("the subject is no user id")
    if not isinstance(role, str) or role not in ROLES:
        _refuse("the role is none of ours")
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in (sid, jti)):
        _refuse("the session or token id is none of ours")
    return Claims(int(subject), role, sid, jti, expires_at)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_canonical(part).decode(), object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError):
        _refuse("a part is not JSON")
    if not isinstance(value, dict):
        _refuse("a part is no JSON object")
    return value


def _canonical(part: str) -> bytes:
    """The bytes of a part. Base64 leaves bits over at its end: only their one spelling is taken."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        _refuse("a part is not base64url")
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        _refuse("a part is not the one spelling of its bytes")
    return raw


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        _refuse("a claim stands twice")
    return fields


def _refuse(reason: str) -> NoReturn:
    raise TokenRefused(reason) from None
