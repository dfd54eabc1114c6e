"""One key file, many processes, and keys that change while tokens are in flight."""

import json
import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from api.signing_keys import (
    LOOK_AGAIN_SECONDS,
    RETIRED_KEY_SECONDS,
    SigningKeys,
    rotate_keys,
)
from api.tokens import AccessTokens, TokenRefused
from application.key_files import KeyFileUnsafe

NOW = 1_800_000_000.0


def kid_after_start(path: str) -> str:
    return SigningKeys(Path(path), now=NOW).signing_key()[0]


def rotated(path: str) -> str:
    return rotate_keys(Path(path), now=NOW)


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys.json"

    with ProcessPoolExecutor(6, multiprocessing.get_context("spawn")) as processes:
        kids = set(processes.map(kid_after_start, [str(path)] * 24))

    assert len(kids) == 1
    assert [name.name for name in path.parent.iterdir()] == ["keys.json"]


def test_only_its_owner_can_read_the_file_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = os.umask(0)
    try:
        SigningKeys(path, now=NOW)
        rotate_keys(path, now=NOW)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    SigningKeys(path, now=NOW)
    path.chmod(mode)

    with pytest.raises(KeyFileUnsafe):
        SigningKeys(path, now=NOW)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"keys":[]}', '{"keys":[{"kid":"a"}]}'])
def test_a_file_without_keys_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(KeyFileUnsafe):
        SigningKeys(path, now=NOW)
    assert path.read_text() == content


def test_tokens_outlive_a_hundred_rotations_and_none_is_wrongly_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    one = AccessTokens(SigningKeys(path, now=NOW), issuer="i", audience="a")
    other = AccessTokens(SigningKeys(path, now=NOW), issuer="i", audience="a")
    tokens = []
    for second in range(100):
        rotate_keys(path, now=NOW + second)
        fresh = AccessTokens(SigningKeys(path, now=NOW + second), issuer="i", audience="a")
        for signer in (fresh, one, other):
            tokens.append(signer.issue(user_id=1, role="user", sid="s", now=NOW + second))

    for verifier in (one, other):
        for token in tokens:
            verifier.verify(token, now=NOW + 100)

    assert len(set(tokens)) == 300


def test_a_running_process_signs_with_the_new_key_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, now=NOW)
    first, _ = keys.signing_key()
    second = rotate_keys(path, now=NOW)
    later = keys._looked_at + LOOK_AGAIN_SECONDS
    monkeypatch.setattr("api.signing_keys.time.monotonic", lambda: later)

    assert keys.signing_key()[0] == second != first


def test_a_retired_key_stops_verifying_and_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, now=NOW)
    tokens = AccessTokens(keys, issuer="i", audience="a")
    old, _ = keys.signing_key()
    rotate_keys(path, now=NOW)
    kept = NOW + RETIRED_KEY_SECONDS
    # Signed by a process that had not yet seen the rotation, and remembered by the verifier.
    token = tokens.issue(user_id=1, role="user", sid="s", now=kept - 300)
    keys.verification_key("0" * 16, now=NOW)  # an unknown kid makes it look
    assert tokens.verify(token, now=kept - 1).user_id == 1

    with pytest.raises(TokenRefused):
        tokens.verify(token, now=kept + 1)
    assert old in {key["kid"] for key in keys.jwks(now=kept)["keys"]}
    assert old not in {key["kid"] for key in keys.jwks(now=kept + 1)["keys"]}
    rotate_keys(path, now=kept + 1)
    assert old not in path.read_text()


def test_a_retired_key_cannot_sign_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    SigningKeys(path, now=NOW)

    rotate_keys(path, now=NOW)

    stored = json.loads(path.read_text())["keys"]
    assert [key["private"] is None for key in stored] == [False, True]


def test_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    SigningKeys(path, now=NOW)

    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
        kids = set(processes.map(rotated, [str(path)] * 12))

    stored = {key["kid"] for key in json.loads(path.read_text())["keys"]}
    assert len(kids) == 12
    assert kids < stored
    assert len(stored) == 13


def test_the_key_set_shows_public_halves_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, now=NOW)

    [shown] = keys.jwks(now=NOW)["keys"]

    stored = json.loads(path.read_text())["keys"][0]
    assert shown == {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": stored["kid"],
        "x": stored["public"],
    }
    assert stored["private"] not in json.dumps(shown)
