"""The witness: another party's program, which has seen the log grow and countersigns that it only grew.

It keeps every checkpoint that it has countersigned, and countersigns the next only with a proof that it
goes on from the last. A checkpoint that does not is kept too: signed by the log's own key, it proves the
fork to anybody.
"""

import json
import os
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.kept_files import READ_BY_ALL, write_whole
from daybook.evidence.signed_note import (
    COSIGNATURE,
    LogCheckpoint,
    VerifierKey,
    checked_checkpoint,
    cosign,
    read_note,
)
from ledger.log_tree import ProofRefused, check_consistency

KEY: Final = "witness-key"
LATEST: Final = "checkpoint"
SEEN: Final = "seen"
REFUSED: Final = "refused"
ANSWER_SECONDS_MAX: Final = 20.0
ANSWER_BYTES_MAX: Final = 1_000_000


class WitnessRefused(Exception):
    """The log does not go on from what this witness has seen, or cannot be asked; nothing was signed."""


class LogSource(Protocol):
    """Where a witness asks the log."""

    def latest(self) -> bytes:
        """The newest checkpoint's signed note."""
        ...

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof between two sizes."""
        ...


class HttpSource:
    """The bank's API, asked as an auditor."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self._address = address.rstrip("/")
        self._login = {"username": username, "password": password}
        self._token: str | None = None

    def latest(self) -> bytes:
        return str(self._ask("/v1/audit/checkpoints/latest")["note"]).encode()

    def consistency(self, old: int, new: int) -> list[bytes]:
        told = self._ask(f"/v1/audit/proofs/consistency?from={old}&to={new}")
        return [b64decode(each, validate=True) for each in told["path"]]

    def _ask(self, path: str) -> Any:
        try:
            if self._token is None:
                self._token = str(self._send("/v1/login", self._login)["access_token"])
            try:
                return self._send(path)
            except urllib.error.HTTPError as error:
                if error.code != 401:
                    raise
            # The session has ended meanwhile.
            self._token = str(self._send("/v1/login", self._login)["access_token"])
            return self._send(path)
        except (OSError, ValueError, LookupError) as error:
            self._token = None
            raise WitnessRefused(f"{self._address} cannot be asked: {error}") from None

    def _send(self, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if body is None and self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, content, headers)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
            return json.loads(answer.read(ANSWER_BYTES_MAX))


class Witness:
    """A witness with its key and what it has seen in a folder of its own."""

    def __init__(self, folder: Path, name: str, log_keys: list[VerifierKey]) -> None:
        self._folder = folder
        self._log_keys = log_keys
        for each in (folder, folder / SEEN, folder / REFUSED):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / KEY
        if not path.exists():
            write_whole(path, os.urandom(32))
        self._private = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
        public = self._private.public_key().public_bytes_raw()
        self.key = VerifierKey(name, COSIGNATURE, public)

    def last_seen(self) -> LogCheckpoint | None:
        """The newest checkpoint that was countersigned."""
        path = self._folder / LATEST
        return checked_checkpoint(path.read_bytes(), self._log_keys) if path.exists() else None

    def look(self, source: LogSource, seconds: int) -> LogCheckpoint:
        """Ask the log, and countersign what it says now, at this second of the Unix epoch.

        Raises `WitnessRefused` where it does not go on from what was seen, and `NoteRefused` where it
        was not signed by the log.
        """
        raw = source.latest()
        checkpoint = checked_checkpoint(raw, self._log_keys)
        last = self.last_seen()
        if last is not None:
            try:
                self._check_goes_on(source, last, checkpoint)
            except (WitnessRefused, ProofRefused) as error:
                name = f"{checkpoint.size}-{checkpoint.root.hex()[:16]}"
                write_whole(self._folder / REFUSED / name, raw, mode=READ_BY_ALL)
                raise WitnessRefused(
                    f"the log of {checkpoint.origin} was not countersigned: {error}"
                ) from None
        text = read_note(raw).text
        signed = raw + cosign(text, self.key, self._private, seconds).encode()
        write_whole(self._folder / SEEN / str(checkpoint.size), signed, mode=READ_BY_ALL)
        write_whole(self._folder / LATEST, signed, mode=READ_BY_ALL)
        return checkpoint

    def _check_goes_on(self, source: LogSource, last: LogCheckpoint, new: LogCheckpoint) -> None:
        if new.origin != last.origin:
            raise WitnessRefused(f"this is the log of {new.origin}, and that was {last.origin}'s")
        if new.size < last.size:
            raise WitnessRefused(f"it was rolled back from {last.size} events to {new.size}")
        if new.size == last.size:
            if new.root != last.root:
                raise WitnessRefused(f"it has two histories of {new.size} events")
            return
        path = source.consistency(last.size, new.size)
        check_consistency(last.size, last.root, new.size, new.root, path)
