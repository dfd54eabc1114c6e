"""The list of the erased, in a file apart from the database: what a restored backup is held against.

A backup of yesterday holds the keys of those who were erased today. The list says which data keys were
destroyed, by their ids, so that they are destroyed again; it holds numbers and no details of anybody.
A number alone would not do: what was given out after the backup is given out again after it is restored.
"""

import datetime as dt
from pathlib import Path
from typing import Final

import msgspec

from application.kept_files import changing, write_whole
from application.key_files import KeyFileUnsafe

ERASED_FILE: Final = "erased-persons.jsonl"


class ErasedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: int
    key_id: str
    maker: str
    checker: str
    erased_at: dt.datetime


_DECODER: Final = msgspec.json.Decoder(ErasedPerson)


class ErasedPersons:
    """The file, a line of JSON a person. Any number of processes may add to it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, ErasedPerson]:
        """By the id of the data key. Raises `KeyFileUnsafe` for a line that says nothing."""
        if not self._path.exists():
            return {}
        found = {}
        for number, line in enumerate(self._path.read_bytes().splitlines(), 1):
            try:
                person = _DECODER.decode(line)
            except msgspec.MsgspecError as error:
                raise KeyFileUnsafe(f"{self._path}, line {number}: {error}") from None
            found[person.key_id] = person
        return found

    def add(self, *persons: ErasedPerson) -> None:
        """Have them on the disk, whole; whoever is on the list already is not added again."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with changing(self._path):
            known = self.read()
            added = {person.key_id: person for person in persons}
            if added.keys() <= known.keys():
                return
            listed = (known | added).values()
            write_whole(self._path, b"".join(msgspec.json.encode(each) + b"\n" for each in listed))
