"""What an audit finds, and where; bounded, since one cause can show in every event after it."""

from typing import Final

import msgspec

# The one check that is not of the log: it may be whole where this finds something.
USERS: Final = "users"
FINDINGS_MAX: Final = 1_000
EXAMPLE_CHARACTERS_MAX: Final = 300


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something in the log that no writer can have written; of the check `users`, in that table.

    It lies at `position`, or somewhere from there to `through`. `stream` is whose it is, where that is
    known.
    """

    check: str
    position: int
    through: int
    detail: str
    stream: str | None = None


class Findings:
    """In the order they were made; those beyond the bound are only counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0
        self.of_users = 0

    @property
    def of_log(self) -> int:
        return self.count - self.of_users

    def add(
        self, check: str, position: int, detail: object, *, stream: str | None = None, to: int = 0
    ) -> None:
        self.count += 1
        self.of_users += check == USERS
        if len(self.kept) < FINDINGS_MAX:
            said = str(detail)[:EXAMPLE_CHARACTERS_MAX]
            self.kept.append(Finding(check, position, max(position, to), said, stream))
