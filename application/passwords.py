"""Passwords: what is accepted, and how it is hashed and checked without stopping anything else.

Argon2id is slow on purpose. It runs in a few threads of its own behind a short line; a sign-in that
finds the line full is told so at once, and transfers go on at their own speed.
"""

import asyncio
import functools
import itertools
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

LENGTH_MIN: Final = 8
LENGTH_MAX: Final = 128
HASHING_AT_ONCE_MAX: Final = 2
WAITING_MAX: Final = 64

# No letter of NFKC is typed with more than four.
_TYPED_LENGTH_MAX: Final = LENGTH_MAX * 4
# Shorter words are in too many good passwords to be held against one.
_CONTEXT_WORD_LENGTH_MIN: Final = 4
# So many digits and signs round a word make a password of it, be the word as short and common as it may.
_DRESSED_MIN: Final = 5

T = TypeVar("T")


class TooManySignIns(Exception):
    """More passwords are waiting to be checked than the line holds; try again in a moment."""


class PasswordNotAccepted(Exception):
    """The password is too short, too long, too common or made from the user's own names."""


class Verdict(NamedTuple):
    """Whether the password is the right one, and whether to store it hashed anew (`Passwords.hash`)."""

    matches: bool
    rehash: bool


def check_password(password: str, *, username: str, email: str) -> None:
    """Raise `PasswordNotAccepted`, with the reason, unless the password will do.

    Length, what everybody tries first, and the user's own names; never a rule of composition, which
    makes passwords worse. Letters are counted after NFKC, as they are hashed.
    """
    normal = _normalised(password)
    if len(normal) < LENGTH_MIN:
        raise PasswordNotAccepted(f"A password has at least {LENGTH_MIN} characters.")
    if not _fits(password):
        raise PasswordNotAccepted(f"A password has at most {LENGTH_MAX} characters.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in normal):
        raise PasswordNotAccepted("A password holds no control characters.")
    folded = normal.casefold()
    bare = folded.strip("0123456789!?.,;:_-*#@$%&+= ")
    dressed = len(folded) - len(bare)
    if (
        folded in COMMON_PASSWORDS
        or (bare in COMMON_PASSWORDS and (len(bare) >= LENGTH_MIN or dressed < _DRESSED_MIN))
        or len(set(folded)) < 3
    ):
        raise PasswordNotAccepted("This password is among the first that anybody would try.")
    for word in (username, email.partition("@")[0], "daybook"):
        own = _normalised(word).casefold()
        # The name itself, or the name with a little round it.
        if (
            len(own) >= _CONTEXT_WORD_LENGTH_MIN
            and own in folded
            and len(folded) - len(own) < _DRESSED_MIN
        ):
            raise PasswordNotAccepted("The password is made from a name that others know.")


class Passwords:
    """Hashes and verifies in threads of its own. Close it when the program ends."""

    def __init__(self, *, environment: str, waiting_max: int = WAITING_MAX) -> None:
        self._hasher = _hasher_for(environment)
        self._threads = ThreadPoolExecutor(HASHING_AT_ONCE_MAX, "passwords")
        self._waiting_max = waiting_max
        self._waiting = 0
        self._nobodys_hash = self._hasher.hash("the password of nobody at all")

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and its cost. Raises `TooManySignIns`."""
        return await self._in_line(functools.partial(self._hasher.hash, _bytes_of(password)))

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Whether the password belongs to the hash. Raises `TooManySignIns`.

        Ask for an unknown user too, with None: it takes the same time and never matches, so that the
        time says nothing about who is registered.
        """
        return await self._in_line(functools.partial(self._verify, password_hash, password))

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password_hash: str | None, password: str) -> Verdict:
        possible = _fits(password)
        tried = _bytes_of(password)
        try:
            self._hasher.verify(password_hash or self._nobodys_hash, tried)
        except (VerificationError, InvalidHashError):
            return Verdict(matches=False, rehash=False)
        if not password_hash or not possible:
            return Verdict(matches=False, rehash=False)
        return Verdict(matches=True, rehash=self._hasher.check_needs_rehash(password_hash))

    async def _in_line(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._waiting_max:
            raise TooManySignIns
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Counted until the thread is done, not until the caller goes away: one that hangs up must not
        # make room for the next while its own hashing still runs.
        job.add_done_callback(self._left_the_line)
        return await asyncio.shield(job)

    def _left_the_line(self, job: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not job.cancelled():
            job.exception()  # seen, also when the caller has gone


def _hasher_for(environment: str) -> PasswordHasher:
    """Argon2id, by OWASP's profile of 19 MiB and two passes; the cheapest that runs when testing."""
    if environment == "test":
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID)
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def _normalised(text: str) -> str:
    # A text of any length is cheap to look at: what is cut here is refused by `_fits`.
    return unicodedata.normalize("NFKC", text[:_TYPED_LENGTH_MAX])


def _fits(password: str) -> bool:
    return len(password) <= _TYPED_LENGTH_MAX and len(_normalised(password)) <= LENGTH_MAX


def _bytes_of(password: str) -> bytes:
    return _normalised(password).encode("utf-8", "surrogatepass")


# The passwords that leak most, the words of a dictionary and people's names, in small letters; and what
# these lists leave out of what is tried first. A few digits and signs round a word do not save it: the
# check strips them.
COMMON_PASSWORDS: Final = frozenset(
    itertools.chain(
        *FREQUENCY_LISTS.values(),
        (files("application") / "common_passwords.txt").read_text("utf-8").splitlines(),
    )
)
