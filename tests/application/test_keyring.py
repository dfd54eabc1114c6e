"""The keys that wrap others: the file of this machine, and AWS KMS; and whose database it is."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from application.aws_kms import AwsKms
from application.key_encryption import (
    KEYS_FOLDER,
    LOCAL_FILE,
    KeyRefused,
    KeysUnavailable,
    WrappedKey,
    local_keys,
)
from application.key_files import KeyFileUnsafe
from application.keyring import KeyringRefused, keyring_with, open_keyring
from application.sealing import KEY_BYTES

KEY = b"k" * KEY_BYTES
CONTEXT = {"daybook": "person key", "user_id": "7"}


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("kms", region_name="eu-central-1")


def new_key(kms: Any) -> str:
    arn: str = kms.create_key()["KeyMetadata"]["Arn"]
    return arn


def test_the_file_is_made_once_for_its_owner_alone_and_whoever_comes_has_its_keys(
    tmp_path: Path,
) -> None:
    path = tmp_path / KEYS_FOLDER / LOCAL_FILE
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: local_keys(path, create=True), range(8)))

    wrapped = made[0].wrap(KEY, CONTEXT)

    assert all(keys.unwrap(wrapped, CONTEXT) == KEY for keys in made)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    assert os.listdir(path.parent) == [LOCAL_FILE]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"keys": []}', b'{"keys": [{"kek": "a", "key": "AA==", "created_at": 1}]}'],
)
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / LOCAL_FILE
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(KeyFileUnsafe):
        local_keys(path, create=True)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / LOCAL_FILE
    local_keys(path, create=True)
    path.chmod(0o640)

    with pytest.raises(KeyFileUnsafe, match="0600"):
        local_keys(path, create=True)


def test_the_keys_of_another_database_or_none_are_refused(database: str, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    claim = open_keyring(database, None, mine).claim_of("username", "ada")
    local_keys(other / KEYS_FOLDER / LOCAL_FILE, create=True)

    assert open_keyring(database, None, mine).claim_of("username", "ada") == claim
    with pytest.raises(KeyringRefused, match="not the one of this database"):
        open_keyring(database, None, other)
    with pytest.raises(KeyFileUnsafe, match="put it back"):
        open_keyring(database, None, tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_kms_opens_what_it_wrapped_for_the_same_context(kms: Any) -> None:
    arn = new_key(kms)
    keys = AwsKms(arn)

    wrapped = keys.wrap(KEY, CONTEXT)

    assert wrapped.kek == arn
    assert KEY not in wrapped.wrapped
    assert AwsKms(arn).unwrap(wrapped, CONTEXT) == KEY
    with pytest.raises(KeyRefused):
        keys.unwrap(wrapped, CONTEXT | {"user_id": "8"})
    # The service itself says IncorrectKeyException; its stand-in, that access is denied.
    with pytest.raises((KeyRefused, KeysUnavailable)):
        keys.unwrap(WrappedKey(new_key(kms), wrapped.wrapped), CONTEXT)
    with pytest.raises(KeyRefused):
        keys.unwrap(
            WrappedKey(arn, wrapped.wrapped[:-1] + bytes((wrapped.wrapped[-1] ^ 1,))), CONTEXT
        )


def test_a_key_that_kms_does_not_have_is_unavailable(kms: Any) -> None:
    with pytest.raises(KeysUnavailable, match="NotFoundException"):
        AwsKms("00000000-0000-0000-0000-000000000000").wrap(KEY, CONTEXT)


def test_a_kms_that_cannot_be_reached_is_unavailable() -> None:
    class Unreachable:
        def encrypt(self, **_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://kms.invalid")

    with pytest.raises(KeysUnavailable, match="EndpointConnectionError"):
        AwsKms("alias/daybook", Unreachable()).wrap(KEY, CONTEXT)


def test_a_database_is_kept_by_kms_as_by_a_file(database: str, kms: Any) -> None:
    arn = new_key(kms)
    with psycopg.connect(database, autocommit=True) as connection:
        keyring = keyring_with(connection, AwsKms(arn))
        again = keyring_with(connection, AwsKms(arn))
        stored = connection.execute("SELECT kek FROM ledger_keys").fetchall()

    key, wrapped = keyring.new_key(7)

    assert again.opened(7, wrapped) == key
    assert again.claim_of("email", "a@b.c") == keyring.claim_of("email", "a@b.c")
    assert stored == [(arn,)]
