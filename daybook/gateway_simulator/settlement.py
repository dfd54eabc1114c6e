"""The settlement file of a day: every captured payment in a line, and what was planted to be found."""

import csv
import io
from collections.abc import Sequence
from typing import Final

import msgspec

from daybook.gateway_simulator.books import Payment, instant
from daybook.gateway_simulator.faults import Faults

HEADER: Final = ("key", "reference", "amount", "currency", "status", "captured_at")
KINDS: Final = ("missing", "extra", "different", "duplicate")


def settlement_file(payments: Sequence[Payment], faults: Faults) -> str:
    """CSV. Amounts are minor units. A share of the payments, by the rate of differences, is left out,
    changed, said twice, or followed by one that nobody asked for."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    for payment in payments:
        for each in _as_told(payment, planted(payment.key, faults)):
            assert each.captured_at is not None, "only what was captured is settled"
            lines.writerow(
                (
                    each.key,
                    each.reference,
                    each.amount,
                    each.currency,
                    each.status,
                    instant(each.captured_at),
                )
            )
    return text.getvalue()


def planted(key: str, faults: Faults) -> str | None:
    """What is wrong with the line of a payment, if anything."""
    if not faults.happens(faults.difference, "difference", key):
        return None
    return KINDS[int(faults.chance("kind", key) * len(KINDS))]


def _as_told(payment: Payment, difference: str | None) -> list[Payment]:
    if difference == "missing":
        return []
    if difference == "different":
        return [msgspec.structs.replace(payment, amount=payment.amount + 100)]
    if difference == "duplicate":
        return [payment, payment]
    if difference == "extra":
        other = msgspec.structs.replace(
            payment, key=f"{payment.key}-extra", reference=f"{payment.reference}-extra"
        )
        return [payment, other]
    return [payment]
