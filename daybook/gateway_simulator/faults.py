"""What goes wrong, and for which payment: the same seed and key always meet the same fate."""

import hashlib
from typing import Final, Literal, TypeAlias

import msgspec

Fate: TypeAlias = Literal[
    "declined", "declined-later", "busy", "slow", "lost-before", "lost-after", "plain"
]
_OF_ALL: Final = 2**64


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Each rate is a share of all payments, from 0 to 1; delays are in seconds."""

    seed: int = 0
    decline: float = 0.0
    slow: float = 0.0
    timeout: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    difference: float = 0.0
    # How long a slow answer takes, how long one that never comes is held open, and within what time
    # an accepted payment is captured and told of.
    slow_seconds: float = 0.5
    silence_seconds: float = 30.0
    capture_seconds: float = 0.5

    def chance(self, *what: object) -> float:
        """A number from 0 to 1 (excluded), drawn by the seed and what is asked about."""
        digest = hashlib.sha256(repr((self.seed, *what)).encode()).digest()
        return int.from_bytes(digest[:8]) / _OF_ALL

    def happens(self, rate: float, *what: object) -> bool:
        return self.chance(*what) < rate

    def fate(self, key: str, attempt: int) -> Fate:
        """What becomes of the `attempt`-th request (from 1) to make the payment `key`.

        A decline is for ever, half of them at once and half after the payment was accepted. All else
        strikes each attempt anew. `lost-before` gives no answer and does nothing; `lost-after` makes
        the payment and gives no answer. `busy` says that nothing was done.
        """
        if self.happens(self.decline, "decline", key):
            if self.happens(0.5, "decline-later", key):
                return "declined-later"
            return "declined"
        if self.happens(self.timeout, "timeout", key, attempt):
            after = self.happens(0.7, "after", key, attempt)
            return "lost-after" if after else "lost-before"
        if self.happens(self.slow, "slow", key, attempt):
            return "busy" if self.happens(0.2, "busy", key, attempt) else "slow"
        return "plain"
