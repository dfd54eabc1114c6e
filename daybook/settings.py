"""What the environment says, read once at the start and refused by name where it is wrong."""

import contextlib
import datetime as dt
import importlib.util
import os
import re
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.conninfo import conninfo_to_dict

from application.gateways import GatewaySettings
from application.key_encryption import AWS_PREFIX
from domain.banking_calendar import WEEKENDS, Calendar
from domain.money import decimals_of
from domain.refusals import UnknownCurrency
from domain.retention import RETENTION_YEARS, RETENTION_YEARS_MAX
from domain.statement import LETTERHEAD, Letterhead
from readmodels.statements.canonical import BIC

Environment = Literal["dev", "test", "prod"]

SECRET_KEY_CHARACTERS_MIN = 32
SECRET_KEY_FILE = "secret-key"
LETTERHEAD_LENGTH_MAX = 70
GATEWAY_URL = re.compile(r"DAYBOOK_GATEWAY_([A-Z0-9]{1,32})_URL")
GATEWAY_SECRET_CHARACTERS_MIN = 16
# As the name of a key in a signed note: no blanks and no plus sign.
LOG_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,199}")
LOCAL_KEK = "file"
ED25519_ALONE = "ed25519"
WITH_ML_DSA = "ed25519,ml-dsa-44"
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class SettingsError(Exception):
    """A variable of the environment is wrong; the message names it and says what it should be."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`None` stands for the parts we bring along: embedded Postgres, in-process cache and limits.

    `time_zone` is the bank's, in which its business days begin and end. What may hold a password
    or is one is left out of the repr, and so out of logs and tracebacks.
    """

    environment: Environment
    data: Path
    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    secret_key: str = field(repr=False)
    time_zone: ZoneInfo
    currency: str
    pg_bin: Path | None
    # Who keeps the key that wraps the keys of persons: None is a file in the data folder.
    kek: str | None = None
    retention_years: int = RETENTION_YEARS
    # The bank, as its statements name it.
    letterhead: Letterhead = LETTERHEAD
    gateways: tuple[GatewaySettings, ...] = ()
    # The name of the log and of its keys; one is made up with the first key where none is given.
    log_origin: str | None = None
    second_signature: bool = False
    # Where checkpoints are published to: a folder, a program that takes each on standard input.
    checkpoints_folder: Path | None = None
    checkpoints_command: str | None = None
    # The days on which it pays.
    calendar: Calendar = WEEKENDS


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check every variable; an empty one counts as absent.

    Outside prod, an absent DAYBOOK_SECRET_KEY is made once and kept in the data folder, so that
    tokens outlive a restart. Everything wrong is refused with SettingsError.
    """
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    environment = _environment(given.get("DAYBOOK_ENV", "dev"))
    data = _data(given.get("DAYBOOK_DATA", ".daybook"))
    return Settings(
        environment=environment,
        data=data,
        database_url=_database_url(given.get("DAYBOOK_DATABASE_URL")),
        redis_url=_redis_url(given.get("DAYBOOK_REDIS_URL")),
        time_zone=_time_zone(given.get("DAYBOOK_TIME_ZONE", "UTC")),
        currency=_currency(given.get("DAYBOOK_CURRENCY", "EUR")),
        pg_bin=_pg_bin(given.get("DAYBOOK_PG_BIN")),
        kek=_kek(given.get("DAYBOOK_KEY_ENCRYPTION", LOCAL_KEK)),
        retention_years=_retention_years(given.get("DAYBOOK_RETENTION_YEARS")),
        letterhead=_letterhead(given),
        gateways=_gateways(given),
        log_origin=_log_origin(given.get("DAYBOOK_LOG_ORIGIN")),
        second_signature=_second_signature(
            given.get("DAYBOOK_CHECKPOINT_SIGNATURES", ED25519_ALONE)
        ),
        checkpoints_folder=_checkpoints_folder(given.get("DAYBOOK_CHECKPOINTS_DIR")),
        checkpoints_command=_checkpoints_command(given.get("DAYBOOK_CHECKPOINTS_COMMAND")),
        calendar=_calendar(given.get("DAYBOOK_HOLIDAYS")),
        # Last, so that nothing is written before all else is known to be right.
        secret_key=_secret_key(given.get("DAYBOOK_SECRET_KEY"), environment, data),
    )


def _environment(value: str) -> Environment:
    if value not in get_args(Environment):
        raise SettingsError(f"DAYBOOK_ENV must be dev, test or prod, not {value!r}")
    return cast(Environment, value)


def _data(value: str) -> Path:
    try:
        data = Path(value).expanduser().absolute()
    except RuntimeError:
        raise SettingsError(f"DAYBOOK_DATA names a home that does not exist: {value!r}") from None
    if data.exists() and not data.is_dir():
        raise SettingsError(f"DAYBOOK_DATA must be a folder, and {data} is not")
    return data


def _database_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        conninfo_to_dict(value)
    except psycopg.ProgrammingError:
        # The reason given by libpq may quote the password, so it is not passed on.
        raise SettingsError(
            "DAYBOOK_DATABASE_URL must be like postgresql://user:password@host:5432/database"
        ) from None
    return value


def _redis_url(value: str | None) -> str | None:
    if value is not None and not value.startswith(REDIS_SCHEMES):
        raise SettingsError(f"DAYBOOK_REDIS_URL must begin with {', '.join(REDIS_SCHEMES)}")
    return value


def _time_zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"DAYBOOK_TIME_ZONE must be a zone like Europe/Prague, not {value!r}"
        ) from None


def _currency(value: str) -> str:
    try:
        decimals_of(value)
    except UnknownCurrency:
        raise SettingsError(
            f"DAYBOOK_CURRENCY must be a code of ISO 4217 like EUR, not {value!r}"
        ) from None
    return value


def _pg_bin(value: str | None) -> Path | None:
    if value is None:
        return None
    folder = Path(value).expanduser().absolute()
    if not (folder / "initdb").is_file():
        raise SettingsError(
            f"DAYBOOK_PG_BIN must be a folder with initdb in it, and {folder} is not"
        )
    return folder


def _second_signature(value: str) -> bool:
    if value not in (ED25519_ALONE, WITH_ML_DSA):
        raise SettingsError(
            f"DAYBOOK_CHECKPOINT_SIGNATURES must be {ED25519_ALONE} or {WITH_ML_DSA}, not {value!r}"
        )
    return value == WITH_ML_DSA


def _kek(value: str) -> str | None:
    if value == LOCAL_KEK:
        return None
    if not value.startswith(AWS_PREFIX) or value == AWS_PREFIX:
        raise SettingsError(
            f"DAYBOOK_KEY_ENCRYPTION must be {LOCAL_KEK}, or {AWS_PREFIX} and the id, ARN or alias "
            f"of a key, not {value!r}"
        )
    if importlib.util.find_spec("boto3") is None:
        raise SettingsError("DAYBOOK_KEY_ENCRYPTION names AWS KMS: install daybook[aws] for it")
    return value


def _retention_years(value: str | None) -> int:
    if value is None:
        return RETENTION_YEARS
    if not (value.isascii() and value.isdigit() and int(value) <= RETENTION_YEARS_MAX):
        raise SettingsError(
            f"DAYBOOK_RETENTION_YEARS must be a number from 0 to {RETENTION_YEARS_MAX}, "
            f"not {value!r}"
        )
    return int(value)


def _letterhead(given: Mapping[str, str]) -> Letterhead:
    """The address is one line, its parts divided by semicolons."""
    bic = given.get("DAYBOOK_BANK_BIC", LETTERHEAD.bic)
    if not BIC.fullmatch(bic):
        raise SettingsError(f"DAYBOOK_BANK_BIC must be a BIC like {LETTERHEAD.bic}, not {bic!r}")
    address = given.get("DAYBOOK_BANK_ADDRESS", ";".join(LETTERHEAD.address))
    letterhead = Letterhead(
        given.get("DAYBOOK_BANK_NAME", LETTERHEAD.name),
        bic,
        tuple(part.strip() for part in address.split(";") if part.strip()),
        given.get("DAYBOOK_BANK_CONTACT"),
    )
    _check_printed("DAYBOOK_BANK_NAME", letterhead.name)
    _check_printed("DAYBOOK_BANK_ADDRESS", *letterhead.address)
    _check_printed("DAYBOOK_BANK_CONTACT", letterhead.contact or "")
    return letterhead


def _gateways(given: Mapping[str, str]) -> tuple[GatewaySettings, ...]:
    """One for each DAYBOOK_GATEWAY_<NAME>_URL; on the wire and in billers' terms its name is small."""
    found = [match[1] for name in given if (match := GATEWAY_URL.fullmatch(name))]
    return tuple(_gateway(given, name) for name in sorted(found))


def _gateway(given: Mapping[str, str], name: str) -> GatewaySettings:
    prefix = f"DAYBOOK_GATEWAY_{name}_"
    url, secret = given[f"{prefix}URL"], given.get(f"{prefix}SECRET", "")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{prefix}URL must begin with http:// or https://")
    if len(secret) < GATEWAY_SECRET_CHARACTERS_MIN:
        raise SettingsError(
            f"{prefix}SECRET must have {GATEWAY_SECRET_CHARACTERS_MIN} characters or more"
        )
    return GatewaySettings(
        name=name.lower(),
        url=url,
        secret=secret.encode(),
        timeout_seconds=_seconds(given, f"{prefix}TIMEOUT", 5.0),
        retry_seconds=_seconds(given, f"{prefix}RETRY", 1.0),
    )


def _seconds(given: Mapping[str, str], variable: str, default: float) -> float:
    text = given.get(variable)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or float(text) == 0:
        raise SettingsError(f"{variable} must be seconds, like 5 or 0.5, not {text!r}")
    return float(text)


def _log_origin(value: str | None) -> str | None:
    if value is not None and not LOG_ORIGIN.fullmatch(value):
        raise SettingsError(
            f"DAYBOOK_LOG_ORIGIN must be a name like bank.example/ledger, not {value!r}"
        )
    return value


def _checkpoints_folder(value: str | None) -> Path | None:
    if value is None:
        return None
    folder = Path(value).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"DAYBOOK_CHECKPOINTS_DIR must be a folder, and {folder} is not")
    return folder


def _checkpoints_command(value: str | None) -> str | None:
    try:
        words = shlex.split(value or "")
    except ValueError as error:
        raise SettingsError(f"DAYBOOK_CHECKPOINTS_COMMAND cannot be read: {error}") from None
    if words and shutil.which(words[0]) is None:
        raise SettingsError(f"DAYBOOK_CHECKPOINTS_COMMAND names no program: {words[0]!r}")
    return value


def _calendar(value: str | None) -> Calendar:
    """Dates divided by commas or white space."""
    holidays = set()
    for word in (value or "").replace(",", " ").split():
        try:
            holidays.add(dt.date.fromisoformat(word))
        except ValueError:
            raise SettingsError(
                f"DAYBOOK_HOLIDAYS must be dates like 2026-12-25, 2026-12-26, and not {word!r}"
            ) from None
    return Calendar(frozenset(holidays))


def _check_printed(variable: str, *parts: str) -> None:
    for part in parts:
        if not part.isprintable() or len(part) > LETTERHEAD_LENGTH_MAX:
            raise SettingsError(
                f"{variable} must be printable, no part of it longer than {LETTERHEAD_LENGTH_MAX}"
            )


def _secret_key(value: str | None, environment: Environment, data: Path) -> str:
    source = "DAYBOOK_SECRET_KEY"
    if value is None:
        if environment == "prod":
            raise SettingsError("DAYBOOK_SECRET_KEY must be set when DAYBOOK_ENV is prod")
        source = str(data / SECRET_KEY_FILE)
        try:
            value = _kept_secret_key(data)
        except OSError as error:
            raise SettingsError(
                f"the data folder {data} cannot be written to: {error.strerror}\n"
                "--data or DAYBOOK_DATA names another folder."
            ) from None
    if len(value) < SECRET_KEY_CHARACTERS_MIN:
        raise SettingsError(
            f"DAYBOOK_SECRET_KEY must have {SECRET_KEY_CHARACTERS_MIN} characters or more, "
            f"and the one in {source} has {len(value)}"
        )
    return value


def _kept_secret_key(data: Path) -> str:
    """Read the key of the data folder, having made it if nobody has; all who race read the same."""
    kept = data / SECRET_KEY_FILE
    if not kept.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written whole under another name and then linked: the name appears once, with its text.
        descriptor, name = tempfile.mkstemp(prefix=f".{SECRET_KEY_FILE}-", dir=data)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                kept.hardlink_to(made)
        finally:
            made.unlink()
    if kept.stat().st_mode & 0o077:
        raise SettingsError(f"{kept} can be read by other users: chmod 600 it, or make a new key")
    return kept.read_text().strip()
