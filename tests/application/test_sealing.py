"""A sealed text opens under its key, at its place, and nowhere else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.key_encryption import KeyRefused, LocalKeys, WrappedKey
from application.keyring import Keyring
from application.sealing import KEY_BYTES, Place, Unreadable, new_key, seal, unseal
from application.users import NewUser, open_details, seal_user

KEY, OTHER = b"1" * KEY_BYTES, b"2" * KEY_BYTES
PLACE = Place("customer-7", 1, "email")

texts = st.text(max_size=64)
places = st.builds(Place, st.text(max_size=20), st.integers(0, 2**63 - 1), st.text(max_size=20))


@given(places, texts)
def test_what_was_sealed_opens_at_its_place(place: Place, text: str) -> None:
    assert unseal(KEY, place, seal(KEY, place, text)) == text


@given(places, places, texts)
def test_what_was_moved_to_another_stream_version_or_field_does_not_open(
    place: Place, other: Place, text: str
) -> None:
    sealed = seal(KEY, place, text)

    if place == other:
        assert unseal(KEY, other, sealed) == text
        return
    with pytest.raises(Unreadable):
        unseal(KEY, other, sealed)


@pytest.mark.parametrize(
    "other",
    [
        PLACE._replace(stream="customer-8"),
        PLACE._replace(version=2),
        PLACE._replace(field="username"),
        # The same letters, divided otherwise.
        PLACE._replace(stream="customer-7e", field="mail"),
    ],
)
def test_one_part_of_the_place_is_enough(other: Place) -> None:
    with pytest.raises(Unreadable):
        unseal(KEY, other, seal(KEY, PLACE, "ada@example.org"))


@given(st.data())
def test_a_changed_byte_does_not_open(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(seal(KEY, PLACE, "ada@example.org")))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(Unreadable):
        unseal(KEY, PLACE, base64.b64encode(raw).decode())


@given(st.text(max_size=80))
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(Unreadable):
        unseal(KEY, PLACE, text)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Unreadable):
        unseal(OTHER, PLACE, seal(KEY, PLACE, "ada@example.org"))


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({seal(KEY, PLACE, "ada") for _ in range(100)}) == 100


def test_the_details_of_one_person_open_with_the_key_of_that_person_only() -> None:
    keyring = Keyring(LocalKeys({"a": KEY}), new_key())
    ada, bob = (
        seal_user(NewUser(number, name, f"{name}@example.org", "user", "!"), keyring)
        for number, name in ((7, "ada"), (8, "bob"))
    )

    key = keyring.opened(7, ada.key)

    assert open_details(key, 7, 1, ada.details) == {
        "username": "ada",
        "email": "ada@example.org",
    }
    for number, details in ((8, bob.details), (8, ada.details)):
        with pytest.raises(Unreadable):
            open_details(key, number, 1, details)
    with pytest.raises(KeyRefused):
        keyring.opened(8, ada.key)


@given(st.dictionaries(texts, texts, max_size=3), st.dictionaries(texts, texts, max_size=3))
def test_a_wrapped_key_opens_for_what_it_was_wrapped_for(
    context: dict[str, str], other: dict[str, str]
) -> None:
    keys = LocalKeys({"new": OTHER, "old": KEY})
    wrapped = LocalKeys({"old": KEY}).wrap(b"k" * KEY_BYTES, context)

    assert wrapped.kek == "old"
    if other == context:
        assert keys.unwrap(wrapped, other) == b"k" * KEY_BYTES
        return
    with pytest.raises(KeyRefused):
        keys.unwrap(wrapped, other)


def test_a_key_that_is_not_here_opens_nothing() -> None:
    with pytest.raises(KeyRefused, match="old is not here"):
        LocalKeys({"new": OTHER}).unwrap(WrappedKey("old", b"x" * 60), {})


def test_names_that_look_alike_have_one_digest_and_none_without_the_secret() -> None:
    one, other = (Keyring(LocalKeys({"a": KEY}), secret) for secret in (KEY, OTHER))

    assert one.claim_of("username", "Ada") == one.claim_of("username", "ａdA")
    assert one.claim_of("username", "ada") != one.claim_of("email", "ada")
    assert one.claim_of("username", "ada") != other.claim_of("username", "ada")
    assert "grace" not in one.claim_of("username", "grace")
