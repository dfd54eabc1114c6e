"""Settings are read once, and what is wrong is refused by the name of its variable."""

import multiprocessing
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daybook.settings import SECRET_KEY_FILE, SettingsError, read_settings
from domain.statement import Letterhead

LONG_ENOUGH = "k" * 32


def read_key(data: str) -> str:
    return read_settings({"DAYBOOK_DATA": data}).secret_key


def test_an_empty_environment_gives_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = read_settings({"DAYBOOK_DATABASE_URL": " "})

    assert settings.environment == "dev"
    assert settings.data == tmp_path / ".daybook"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.time_zone == ZoneInfo("UTC")
    assert settings.currency == "EUR"
    assert settings.pg_bin is None


def test_every_variable_is_read(tmp_path: Path) -> None:
    (tmp_path / "initdb").touch()

    settings = read_settings(
        {
            "DAYBOOK_ENV": "prod",
            "DAYBOOK_DATA": str(tmp_path / "data"),
            "DAYBOOK_DATABASE_URL": "postgresql://teller:word@localhost/books",
            "DAYBOOK_REDIS_URL": "redis://localhost/0",
            "DAYBOOK_SECRET_KEY": LONG_ENOUGH,
            "DAYBOOK_TIME_ZONE": "Europe/Prague",
            "DAYBOOK_CURRENCY": "JPY",
            "DAYBOOK_PG_BIN": str(tmp_path),
            "DAYBOOK_BANK_NAME": "Spořitelna Brno",
            "DAYBOOK_BANK_BIC": "SPBNCZPP",
            "DAYBOOK_BANK_ADDRESS": "Husova 5; 602 00 Brno",
            "DAYBOOK_BANK_CONTACT": "+420 5 1234",
        }
    )

    assert settings.environment == "prod"
    assert settings.data == tmp_path / "data"
    assert settings.database_url == "postgresql://teller:word@localhost/books"
    assert settings.redis_url == "redis://localhost/0"
    assert settings.secret_key == LONG_ENOUGH
    assert settings.time_zone == ZoneInfo("Europe/Prague")
    assert settings.currency == "JPY"
    assert settings.pg_bin == tmp_path
    assert settings.letterhead == Letterhead(
        "Spořitelna Brno", "SPBNCZPP", ("Husova 5", "602 00 Brno"), "+420 5 1234"
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAYBOOK_ENV", "production"),
        ("DAYBOOK_DATA", __file__),
        ("DAYBOOK_DATA", "~nobody-of-this-name/data"),
        ("DAYBOOK_DATABASE_URL", "books"),
        ("DAYBOOK_DATABASE_URL", "mysql://localhost/books"),
        ("DAYBOOK_REDIS_URL", "localhost:6379"),
        ("DAYBOOK_TIME_ZONE", "Middle/Earth"),
        ("DAYBOOK_TIME_ZONE", "../etc/passwd"),
        ("DAYBOOK_TIME_ZONE", "America"),
        ("DAYBOOK_CURRENCY", "EURO"),
        ("DAYBOOK_CURRENCY", "eur"),
        ("DAYBOOK_PG_BIN", "/nowhere"),
        ("DAYBOOK_BANK_BIC", "NOBIC"),
        ("DAYBOOK_BANK_NAME", "a" * 71),
        ("DAYBOOK_BANK_ADDRESS", "Husova 5; Brno\x07"),
        ("DAYBOOK_SECRET_KEY", "short"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    environ = {"DAYBOOK_DATA": str(tmp_path / "data"), name: value}

    with pytest.raises(SettingsError, match=f"^{name} "):
        read_settings(environ)

    assert not (tmp_path / "data").exists()


def test_a_wrong_database_url_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"DAYBOOK_DATABASE_URL": "postgresql://teller:hunter2@[::1/books"})

    assert "hunter2" not in str(refused.value)


def test_production_must_be_given_its_secret_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^DAYBOOK_SECRET_KEY must be set"):
        read_settings({"DAYBOOK_ENV": "prod", "DAYBOOK_DATA": str(tmp_path)})

    assert list(tmp_path.iterdir()) == []


def test_elsewhere_a_secret_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"

    keys = {read_key(str(data)) for _ in range(3)}

    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    assert stat.S_IMODE((data / SECRET_KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert [path.name for path in data.iterdir()] == [SECRET_KEY_FILE]


def test_processes_that_race_to_make_the_secret_key_read_the_same_one(tmp_path: Path) -> None:
    folders = [str(tmp_path / str(number)) for number in range(50)]

    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(read_key, [folder for folder in folders for _ in range(4)], chunksize=1)

    assert len(set(keys)) == len(folders)
    assert [key for key in keys[::4] for _ in range(4)] == keys


def test_a_secret_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    read_key(str(tmp_path))
    (tmp_path / SECRET_KEY_FILE).chmod(0o640)

    with pytest.raises(SettingsError, match="chmod 600"):
        read_key(str(tmp_path))


def test_a_kept_secret_key_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    read_key(str(tmp_path))
    (tmp_path / SECRET_KEY_FILE).write_text("")

    with pytest.raises(SettingsError, match=SECRET_KEY_FILE):
        read_key(str(tmp_path))


def test_secrets_do_not_show_in_the_repr(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "DAYBOOK_DATA": str(tmp_path),
            "DAYBOOK_SECRET_KEY": LONG_ENOUGH,
            "DAYBOOK_DATABASE_URL": "postgresql://teller:hunter2@localhost/books",
            "DAYBOOK_REDIS_URL": "redis://:hunter3@localhost/0",
        }
    )

    assert LONG_ENOUGH not in repr(settings)
    assert "hunter" not in repr(settings)


def test_gateways_are_named_by_their_variables(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "DAYBOOK_DATA": str(tmp_path),
            "DAYBOOK_GATEWAY_CITY_URL": "https://gateway.example",
            "DAYBOOK_GATEWAY_CITY_SECRET": "a secret of theirs",
            "DAYBOOK_GATEWAY_CITY_TIMEOUT": "2.5",
            "DAYBOOK_GATEWAY_B2_URL": "http://127.0.0.1:8010",
            "DAYBOOK_GATEWAY_B2_SECRET": "another secret of theirs",
        }
    )

    assert [each.name for each in settings.gateways] == ["b2", "city"]
    city = settings.gateways[1]
    assert (city.secret, city.timeout_seconds) == (b"a secret of theirs", 2.5)
    assert (city.url, city.retry_seconds) == ("https://gateway.example", 1.0)
    assert "a secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "gateway.example"),
        ("SECRET", "short"),
        ("SECRET", ""),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "soon"),
        ("RETRY", "-1"),
    ],
)
def test_a_gateway_that_is_wrong_is_refused_by_its_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    right = {"URL": "https://gateway.example", "SECRET": "a secret of theirs"}
    environ = {
        f"DAYBOOK_GATEWAY_CITY_{part}": text for part, text in (right | {name: value}).items()
    }

    with pytest.raises(SettingsError, match=f"^DAYBOOK_GATEWAY_CITY_{name} "):
        read_settings({"DAYBOOK_DATA": str(tmp_path), **environ})
