"""Passwords: what is accepted, and how it is hashed and checked without stopping anything else.

Argon2id is slow on purpose. It runs in a few threads of its own behind a short line; a sign-in that
finds the line full is told so at once, and transfers go on at their own speed.
"""

import asyncio
import functools
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 8
LENGTH_MAX: Final = 128
HASHING_AT_ONCE_MAX: Final = 2
WAITING_MAX: Final = 64

# Shorter words are in too many good passwords to be held against one.
_CONTEXT_WORD_LENGTH_MIN: Final = 4

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
    if len(normal) > LENGTH_MAX:
        raise PasswordNotAccepted(f"A password has at most {LENGTH_MAX} characters.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in normal):
        raise PasswordNotAccepted("A password holds no control characters.")
    folded = normal.casefold()
    bare = folded.strip("0123456789!?.,;:_-*#@$%&+= ")
    if folded in COMMON_PASSWORDS or bare in COMMON_PASSWORDS or len(set(folded)) < 3:
        raise PasswordNotAccepted("This password is among the first that anybody would try.")
    for word in (username, email.partition("@")[0], "daybook"):
        own = _normalised(word).casefold()
        # The name itself, or the name with a little round it.
        if len(own) >= _CONTEXT_WORD_LENGTH_MIN and own in folded and len(folded) - len(own) < 5:
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
        possible = len(password) <= LENGTH_MAX
        tried = _bytes_of(password if possible else password[:LENGTH_MAX])
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
    # Cut far beyond what is accepted, so that a text of any length is cheap to look at.
    return unicodedata.normalize("NFKC", text[: LENGTH_MAX * 4])


def _bytes_of(password: str) -> bytes:
    return _normalised(password).encode("utf-8", "surrogatepass")


# Those of the usual lists of leaked passwords that are long enough to be chosen here, case-folded.
# Digits and signs round a word do not save it: the check strips them.
COMMON_PASSWORDS: Final = frozenset(
    [
        "password",
        "passwords",
        "passw0rd",
        "p@ssword",
        "p@ssw0rd",
        "pa55word",
        "pa$$word",
        "mypassword",
        "password1234",
        "12345678",
        "123456789",
        "1234567890",
        "12345678910",
        "0123456789",
        "987654321",
        "9876543210",
        "87654321",
        "11223344",
        "1122334455",
        "123123123",
        "123321123",
        "147258369",
        "159357159",
        "741852963",
        "789456123",
        "123454321",
        "12341234",
        "12344321",
        "10203040",
        "14725836",
        "123qweasd",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "1q2w3e4r5t6y",
        "1qaz2wsx",
        "1qaz2wsx3edc",
        "1qazxsw2",
        "zaq12wsx",
        "zaq1xsw2",
        "q1w2e3r4",
        "q1w2e3r4t5",
        "qwertyui",
        "qwertyuiop",
        "qwerty123",
        "qwerty12345",
        "qwertyuiop123",
        "asdfghjk",
        "asdfghjkl",
        "asdf1234",
        "asdfasdf",
        "zxcvbnm1",
        "zxcvbnm123",
        "qazwsxedc",
        "qazwsx123",
        "qweasdzxc",
        "qwerasdf",
        "qwer1234",
        "1234qwer",
        "abcd1234",
        "abc12345",
        "abcdefgh",
        "abcdefghi",
        "a1b2c3d4",
        "a1234567",
        "aa123456",
        "aaa12345",
        "iloveyou",
        "iloveyou1",
        "iloveyou2",
        "iloveu123",
        "lovelove",
        "loveyou1",
        "mylove123",
        "princess",
        "sunshine",
        "football",
        "baseball",
        "basketball",
        "superman",
        "batman123",
        "spiderman",
        "starwars",
        "trustno1",
        "whatever",
        "computer",
        "internet",
        "internet1",
        "michelle",
        "jennifer",
        "jessica1",
        "victoria",
        "samantha",
        "danielle",
        "charlie1",
        "michael1",
        "jonathan",
        "alexander",
        "alexandra",
        "elizabeth",
        "benjamin",
        "isabella",
        "christian",
        "christina",
        "nicholas",
        "patricia",
        "stephanie",
        "veronica",
        "welcome1",
        "welcome123",
        "welcome",
        "welcome2",
        "letmein1",
        "letmein123",
        "letmein",
        "letmeinnow",
        "changeme",
        "changeme1",
        "changeit",
        "change_me",
        "changeme123",
        "secret12",
        "secret123",
        "topsecret",
        "administrator",
        "admin123",
        "admin1234",
        "admin12345",
        "adminadmin",
        "rootroot",
        "root1234",
        "toortoor",
        "testtest",
        "test1234",
        "test12345",
        "testing1",
        "testing123",
        "guest123",
        "guestguest",
        "default1",
        "temp1234",
        "temppass",
        "temporary",
        "pass1234",
        "pass12345",
        "passpass",
        "login123",
        "user1234",
        "username",
        "masterkey",
        "master123",
        "monkey12",
        "monkey123",
        "dragon12",
        "dragon123",
        "shadow12",
        "shadow123",
        "killer12",
        "killer123",
        "pokemon1",
        "pokemon123",
        "minecraft",
        "chocolate",
        "butterfly",
        "cheesecake",
        "blink182",
        "liverpool",
        "liverpool1",
        "chelsea1",
        "arsenal1",
        "barcelona",
        "manchester",
        "manutd123",
        "realmadrid",
        "juventus",
        "hello123",
        "hello1234",
        "hellohello",
        "helloworld",
        "freedom1",
        "november",
        "december",
        "september",
        "february",
        "midnight",
        "mustang1",
        "corvette",
        "mercedes",
        "ferrari1",
        "porsche1",
        "yamaha12",
        "harley12",
        "firebird",
        "thunder1",
        "lightning",
        "skywalker",
        "matrix12",
        "godzilla",
        "dolphins",
        "redskins",
        "steelers",
        "yankees1",
        "cowboys1",
        "lakers24",
        "rangers1",
        "maverick",
        "phoenix1",
        "panthers",
        "tiger123",
        "tigers12",
        "elephant",
        "snoopy12",
        "mickey12",
        "garfield",
        "scooby12",
        "pumpkin1",
        "cookie12",
        "cookies1",
        "bananas1",
        "strawberry",
        "blueberry",
        "raspberry",
        "watermelon",
        "pineapple",
        "jordan23",
        "michael23",
        "samsung1",
        "samsung123",
        "nintendo",
        "playstation",
        "xbox3601",
        "facebook",
        "facebook1",
        "google123",
        "linkedin1",
        "linkedin",
        "youtube1",
        "myspace1",
        "iphone12",
        "android1",
        "windows1",
        "windows10",
        "linux123",
        "ubuntu12",
        "oracle12",
        "oracle123",
        "mysql123",
        "postgres",
        "postgres1",
        "database",
        "database1",
        "server12",
        "server123",
        "q1w2e3r4t5y6",
        "zxcvbnm,",
        "access14",
        "abc123abc",
        "123abc123",
        "123456abc",
        "abc123456",
        "123456qwerty",
        "qwerty1234",
        "1234567a",
        "12345678a",
        "123456789a",
        "987654321a",
        "a123456789",
        "q123456789",
        "1password",
        "2password",
        "onepassword",
        "newpassword",
        "oldpassword",
        "password!",
        "nopassword",
        "thepassword",
        "yourpassword",
        "passwort",
        "kennwort",
        "motdepasse",
        "contrasena",
        "contraseña",
        "senha123",
        "parola123",
        "haslo123",
        "wachtwoord",
        "salasana",
        "losenord",
        "passord1",
        "sifre123",
        "parool123",
        "heslo123",
        "hesloheslo",
        "jelszo12",
        "geheim12",
        "geheim123",
        "hallo123",
        "hallo1234",
        "schalke04",
        "bienvenue",
        "azerty12",
        "azerty123",
        "azertyuiop",
        "soleil12",
        "doudou12",
        "loulou12",
        "chouchou",
        "marseille",
        "tequiero",
        "teamo123",
        "estrella",
        "alejandro",
        "fernando",
        "corinthians",
        "flamengo",
        "brasil12",
        "amoremio",
        "juventus1",
        "ciaociao",
        "forzamilan",
    ]
)
