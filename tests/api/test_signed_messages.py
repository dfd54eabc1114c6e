"""Signed messages: the one that was signed is taken, and any other is not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.signed_messages import CallbackRefused, check_signed, signed_headers
from daybook.gateway_simulator import signatures

SECRET = b"a secret that both sides know"
NOW = 1_750_000_000.0


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of Standard Webhooks 1.0, whose secret is `whsec_` and base64.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, now=1614265330)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    body=st.binary(max_size=50),
    other=st.binary(max_size=50),
    message_id=st.text("abc", min_size=1, max_size=3),
    late=st.integers(-600, 600),
    secret=st.sampled_from([SECRET, b"another secret"]),
)
def test_only_the_very_message_that_was_signed_in_time_is_taken(
    body: bytes, other: bytes, message_id: str, late: int, secret: bytes
) -> None:
    headers = signed_headers(secret, message_id, body, now=NOW)

    genuine = secret == SECRET and body == other and abs(late) <= 300
    try:
        check_signed(SECRET, headers, other, now=NOW + late)
        taken = True
    except CallbackRefused:
        taken = False

    assert taken == genuine


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", ["", "v1,", "v1,é", "1", "-1", "v2,AAAA", "9" * 30, "٣"])
def test_headers_that_are_no_headers_of_ours_are_refused(name: str, value: str) -> None:
    headers = signed_headers(SECRET, "id", b"body", now=NOW) | {name: value}

    with pytest.raises(CallbackRefused):
        check_signed(SECRET, headers, b"body", now=NOW)


def test_while_a_secret_is_changed_either_signature_is_enough() -> None:
    headers = signed_headers(SECRET, "id", b"body", now=NOW)
    old = signed_headers(b"another secret", "id", b"body", now=NOW)["webhook-signature"]

    headers["webhook-signature"] = f"{old} {headers['webhook-signature']}"

    check_signed(SECRET, headers, b"body", now=NOW)


def test_both_sides_sign_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)

    ours = signed_headers(SECRET, "id", b"body", now=NOW)

    assert ours == signatures.signed(SECRET, "id", b"body")
    assert signatures.is_genuine(SECRET, ours, b"body")
    assert not signatures.is_genuine(SECRET, ours, b"other")
