"""Another key-encryption key: nothing is lost, nobody is brought back, and it goes on where it was killed."""

import datetime as dt
import multiprocessing
import re
import time
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from application import clock, key_rotation
from application.aws_kms import AwsKms
from application.key_encryption import (
    KEYS_FOLDER,
    LOCAL_FILE,
    RETIRE_AFTER,
    Dropped,
    FileKeys,
    KeyEncryption,
    KeyRefused,
    WrappedKey,
    drop_keys,
    local_keys,
    use_next_key,
)
from application.key_files import KeyFileUnsafe
from application.key_rotation import Rotated, RotationRefused, keys_in_use, rewrap_all
from application.keyring import Keyring, PersonKey, keyring_with, open_keyring
from application.users import NewUser, register_user, seal_user
from daybook.main import main
from tests.bank import Bank, ask

ADD = "INSERT INTO person_keys (user_id, key_id, kek, wrapped) VALUES (%s, %s, %s, %s)"
PERSONS = 3_000


def with_persons(conninfo: str, keyring: Keyring, count: int) -> dict[int, bytes]:
    """So many persons with a wrapped data key; the bare keys."""
    bare = {}
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        rows = []
        for user_id in range(1, count + 1):
            bare[user_id], key = keyring.new_key(user_id)
            rows.append((user_id, key.key_id, key.wrapped.kek, key.wrapped.wrapped))
        cursor.executemany(ADD, rows)
    return bare


def opened(conninfo: str, keyring: Keyring) -> dict[int, bytes]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT user_id, key_id, kek, wrapped FROM person_keys"
        ).fetchall()
    return {u: keyring.opened(u, PersonKey(i, WrappedKey(k, w))) for u, i, k, w in rows}


def file_of(data: Path) -> Path:
    return data / KEYS_FOLDER / LOCAL_FILE


def rewrap_slowly(conninfo: str, path: Path) -> None:
    """In a process of its own: a small batch at a time, so that it can be killed half way."""
    key_rotation.READ_KEYS = 100  # type: ignore[misc]
    rewrap_all(conninfo, FileKeys(path), lambda done: time.sleep(0.05))


def test_a_rotation_that_was_killed_half_way_goes_on_and_a_running_server_never_notices(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    serving = open_keyring(database, None, tmp_path)
    claim = serving.claim_of("username", "ada")
    bare = with_persons(database, serving, PERSONS)
    (old,) = keys_in_use(database)
    new = use_next_key(file_of(tmp_path))
    process = multiprocessing.get_context("spawn").Process(
        target=rewrap_slowly, args=(database, file_of(tmp_path))
    )
    process.start()
    deadline = time.monotonic() + 60
    while keys_in_use(database).get(new, 0) < 300:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join(30)

    half = keys_in_use(database)
    assert 0 < half[new] < PERSONS
    assert half[old] + half[new] == PERSONS + 1
    assert opened(database, serving) == bare
    # Whoever registers now is wrapped with the new key, by the server that has run all along.
    assert serving.new_key(PERSONS + 1)[1].wrapped.kek == new

    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])
    assert main(["keys", "rotate-kek"]) == 0
    assert f"{half[old]:,} keys are to be wrapped with {new}" in capsys.readouterr().err
    assert keys_in_use(database) == {new: PERSONS + 1}
    later = clock.now() + RETIRE_AFTER
    monkeypatch.setattr(clock, "now", lambda: later)
    assert main(["keys", "rotate-kek", "--retire"]) == 0

    assert f"{old} wraps nothing" in capsys.readouterr().err
    assert old not in file_of(tmp_path).read_text()
    assert opened(database, serving) == bare
    again = open_keyring(database, None, tmp_path)
    assert opened(database, again) == bare
    assert again.claim_of("username", "ada") == claim
    with pytest.raises(KeyRefused):
        FileKeys(file_of(tmp_path)).unwrap(WrappedKey(old, b""), {})


def test_a_key_is_prepared_for_other_hosts_before_it_wraps(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    here = open_keyring(database, None, mine)
    file_of(theirs).parent.mkdir(parents=True)
    (old,) = keys_in_use(database)
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.setenv("DAYBOOK_DATA", str(mine))
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])

    assert main(["keys", "rotate-kek", "--prepare"]) == 0
    assert main(["keys", "rotate-kek", "--prepare"]) == 0
    copied = file_of(mine).read_bytes()
    file_of(theirs).write_bytes(copied)
    file_of(theirs).chmod(0o600)
    there = open_keyring(database, None, theirs)
    before = here.new_key(1)[1].wrapped.kek, there.new_key(2)[1].wrapped.kek
    bare = with_persons(database, there, 5)
    assert main(["keys", "rotate-kek"]) == 0

    (new,) = keys_in_use(database)
    assert copied.count(b'"kek"') == 2
    assert before == (old, old)
    assert new != old
    # The other host still wraps with the old key, and opens both.
    assert opened(database, there) == opened(database, here) == bare
    assert there.new_key(9)[1].wrapped.kek == old
    assert main(["keys", "rotate-kek", "--retire"]) == 0


def test_a_key_that_wraps_something_is_not_retired(database: str, tmp_path: Path) -> None:
    keyring = open_keyring(database, None, tmp_path)
    with_persons(database, keyring, 3)
    (old,) = keys_in_use(database)
    use_next_key(file_of(tmp_path))

    later = clock.now() + RETIRE_AFTER
    assert drop_keys(file_of(tmp_path), keys_in_use(database), later) == Dropped([], {})
    assert old in file_of(tmp_path).read_text()
    assert drop_keys(file_of(tmp_path), {}, later) == Dropped([old], {})


def test_a_registration_under_way_finds_its_key_however_soon_the_old_one_is_retired(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keyring = open_keyring(database, None, tmp_path)
    (old,) = keys_in_use(database)
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])
    ada = NewUser(1, "ada", "ada@example.org", "user", "!")
    # Sealed, and not yet committed: the command waits in the line of the writer.
    sealed = seal_user(ada, keyring)
    command = register_user(
        sealed, key=None, principal="anonymous", answer=ask().answer, refuse=ask().refuse
    )
    replaced = clock.now()

    assert main(["keys", "rotate-kek"]) == 0
    assert main(["keys", "rotate-kek", "--retire"]) == 0

    kept = re.search(f"{old} wrapped until .* is kept until (.*) UTC", capsys.readouterr().err)
    assert kept is not None
    until = dt.datetime.fromisoformat(f"{kept[1]}+00:00")
    assert abs(until - replaced - RETIRE_AFTER) < dt.timedelta(minutes=1)
    with Bank(database) as bank:
        assert bank.submit(command).status == 201
    assert keyring.opened(1, sealed.key)

    # Nor is it dropped later while it wraps what came late; and then it is, and all opens still.
    monkeypatch.setattr(clock, "now", lambda: replaced + RETIRE_AFTER + dt.timedelta(minutes=1))
    assert main(["keys", "rotate-kek", "--retire"]) == 0
    assert old in file_of(tmp_path).read_text()
    assert main(["keys", "rotate-kek"]) == 0
    assert main(["keys", "rotate-kek", "--retire"]) == 0
    assert old not in file_of(tmp_path).read_text()
    assert set(opened(database, open_keyring(database, None, tmp_path))) == {1}


def test_a_key_of_an_older_file_is_kept_from_the_first_try_to_retire_it(tmp_path: Path) -> None:
    """Nobody noted when it was replaced, so that it may have been just now."""
    path = file_of(tmp_path)
    local_keys(path, create=True)
    old, new = FileKeys(path).wrap(b"k" * 32, {}).kek, use_next_key(path)
    written = re.sub(r',\s*"replaced_at": \d+', "", path.read_text())
    assert "replaced_at" not in written
    path.write_text(written)
    now = clock.now()

    assert drop_keys(path, {}, now) == Dropped([], {old: now.replace(microsecond=0) + RETIRE_AFTER})
    assert drop_keys(path, {}, now + RETIRE_AFTER) == Dropped([old], {})
    assert FileKeys(path).wrap(b"k" * 32, {}).kek == new


def test_a_person_who_is_erased_meanwhile_stays_erased(database: str, tmp_path: Path) -> None:
    keyring = open_keyring(database, None, tmp_path)
    with_persons(database, keyring, 20)
    use_next_key(file_of(tmp_path))
    keys = FileKeys(file_of(tmp_path))

    class Erasing:
        """Erases person 7 while her key is being wrapped anew."""

        def wrap(self, key: bytes, context: Any) -> WrappedKey:
            if context.get("user_id") == "7":
                with psycopg.connect(database, autocommit=True) as connection:
                    connection.execute("DELETE FROM person_keys WHERE user_id = 7")
            return keys.wrap(key, context)

        def unwrap(self, wrapped: WrappedKey, context: Any) -> bytes:
            return keys.unwrap(wrapped, context)

    erasing: KeyEncryption = Erasing()
    rotated = rewrap_all(database, erasing)

    assert rotated.keys == 21
    assert sorted(opened(database, keyring)) == [n for n in range(1, 21) if n != 7]


def test_two_rotations_at_once_are_one(database: str, tmp_path: Path) -> None:
    open_keyring(database, None, tmp_path)
    with psycopg.connect(database) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [key_rotation.LOCK])
        with pytest.raises(RotationRefused, match="another process"):
            rewrap_all(database, FileKeys(file_of(tmp_path)))


def test_while_a_rotation_runs_no_other_changes_the_file(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keyring = open_keyring(database, None, tmp_path)
    bare = with_persons(database, keyring, 5)
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])
    others = []

    def meanwhile(*arguments: Any) -> Rotated:
        before = file_of(tmp_path).read_bytes()
        for option in ([], ["--prepare"], ["--retire"]):
            others.append(main(["keys", "rotate-kek", *option]))
            assert "another process is changing" in capsys.readouterr().err
        assert file_of(tmp_path).read_bytes() == before
        return rewrap_all(*arguments)

    monkeypatch.setattr("daybook.key_encryption_command.rewrap_all", meanwhile)

    assert main(["keys", "rotate-kek"]) == 0
    assert len(others) == 3
    assert 0 not in others
    assert opened(database, open_keyring(database, None, tmp_path)) == bare
    assert main(["keys", "rotate-kek", "--retire"]) == 0


def test_a_file_that_became_unsafe_is_refused_and_one_that_is_gone_serves_on(
    tmp_path: Path,
) -> None:
    path = file_of(tmp_path)
    keys = local_keys(path, create=True)
    wrapped = keys.wrap(b"k" * 32, {})
    content = path.read_bytes()
    path.unlink()
    assert keys.unwrap(wrapped, {}) == b"k" * 32

    path.write_bytes(content + b" ")
    path.chmod(0o644)
    with pytest.raises(KeyFileUnsafe, match="0600"):
        keys.unwrap(wrapped, {})


def test_what_was_wrapped_for_another_is_not_wrapped_anew(database: str, tmp_path: Path) -> None:
    keyring = open_keyring(database, None, tmp_path)
    with_persons(database, keyring, 3)
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE person_keys SET wrapped = (SELECT wrapped FROM person_keys WHERE user_id = 1)"
            " WHERE user_id = 2"
        )
    use_next_key(file_of(tmp_path))

    with pytest.raises(KeyRefused):
        rewrap_all(database, FileKeys(file_of(tmp_path)))


def test_kms_wraps_everything_with_another_of_its_keys(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        kms: Any = boto3.client("kms", region_name="eu-central-1")
        old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        with psycopg.connect(database, autocommit=True) as connection:
            before = keyring_with(connection, AwsKms(old))
            bare = with_persons(database, before, 40)
            # The setting names the new key, and the program is started again.
            serving = keyring_with(connection, AwsKms(new))
        assert opened(database, serving) == bare

        rotated = rewrap_all(database, AwsKms(new))

        assert (rotated.keys, rotated.kek) == (41, new)
        assert keys_in_use(database) == {new: 41}
        kms.disable_key(KeyId=old.rpartition("/")[2])
        assert opened(database, serving) == bare
        assert rewrap_all(database, AwsKms(new)).keys == 0


def test_a_key_in_kms_is_not_prepared_in_a_file(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        kms: Any = boto3.client("kms", region_name="eu-central-1")
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        monkeypatch.setenv("DAYBOOK_KEY_ENCRYPTION", f"aws-kms:{arn}")
        monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
        monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))
        monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])

        assert main(["keys", "rotate-kek", "--prepare"]) == 2
        assert "kept by AWS KMS" in capsys.readouterr().err
        assert main(["keys", "rotate-kek"]) == 0

    assert "0 keys were wrapped anew" in capsys.readouterr().err
    assert not file_of(tmp_path).exists()
