"""Corrections: nothing is changed, something is added. Reversals, and labels given later."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from application.books import Books, Command, Transaction
from application.commands import (
    Ask,
    Details,
    account_for,
    canonical,
    check_leave,
    check_text,
    late_streams,
    note,
    transaction,
)
from domain import account as accounts
from domain import labels
from domain.account_facts import (
    AccountFact,
    Credit,
    CreditReversed,
    Debit,
    DebitReversed,
    Movement,
)
from domain.bills.bill_movements import BillCredit, BillDebit
from domain.bills.bill_refusals import PaymentNotReversible
from domain.labels import Labelled, Labels
from domain.money import minor_units_of
from domain.refusals import (
    ReversalAboveAmount,
    TransactionAlreadyReversed,
    TransactionNotReversible,
)
from ledger.journal import Entry, Recorded, mirrored, scaled


def claim_of(transaction_id: int) -> str:
    """The claim by which a transaction is reversed no more than once."""
    return f"reversal/{transaction_id}"


def reverse(
    ask: Ask, original: Sequence[Recorded], details: Details, amount: Decimal | None = None
) -> Command:
    """Undo a transaction, or `amount` of it, once: its entries mirrored, under an id of its own.

    `original` is the transaction's events, read from the log, which never change. Money that was
    received is taken back, so a payee without the funds refuses the whole.
    """
    transaction_id = original[0].event.transaction_id
    claim = claim_of(transaction_id)
    moved = [r for r in original if isinstance(r.event.fact, Movement)]
    # What also moved money elsewhere (interest that was capitalised) is not undone by half.
    is_whole = all(isinstance(r.event.fact, Movement) for r in original if r.event.entry)

    def decide(books: Books) -> list[Transaction]:
        for recorded in moved:
            account_for(books, ask.actor, _account_of(recorded))
        check_leave(ask.actor, details)
        part = None
        if amount is not None and moved:
            part = minor_units_of(amount, moved[0].event.entry[0].currency)
        posted = transaction(ask.actor, details, books)
        if books.claimed(claim) is not None:
            raise TransactionAlreadyReversed(transaction_id=transaction_id)
        _check_reversible(books, moved if is_whole else (), transaction_id, part)
        undoing: list[tuple[int, list[AccountFact], Entry]] = []
        # Who receives is looked at before who pays; what is paid is posted first.
        for recorded in sorted(moved, key=lambda r: isinstance(r.event.fact, Credit)):
            account_id, fact = _account_of(recorded), recorded.event.fact
            undo = accounts.reverse_debit if isinstance(fact, Debit) else accounts.reverse_credit
            account = books.lapse(posted, account_id)
            minor_units = fact.amount if part is None else part
            entry = mirrored(scaled(recorded.event.entry, minor_units))
            undoing.append((account_id, undo(account, minor_units, transaction_id), entry))
        for account_id, facts, entry in reversed(undoing):
            books.post(posted, account_id, facts, entry)
        books.claim(claim, ask.actor.name)
        return [posted]

    request = {
        "call": "transactions/reverse",
        "transaction_id": transaction_id,
        "amount": canonical(amount),
        **details.request(),
    }
    streams = [recorded.originator_id for recorded in moved]
    return ask.command(request, (*streams, *late_streams(details)), decide, claims=(claim,))


def _check_reversible(
    books: Books, moved: Sequence[Recorded], transaction_id: int, part: int | None
) -> None:
    for recorded in moved:
        if isinstance(recorded.event.fact, BillDebit | BillCredit):
            raise PaymentNotReversible(
                transaction_id=transaction_id, bill_id=recorded.event.fact.bill_id
            )
    undone = (CreditReversed, DebitReversed)
    if not moved or any(isinstance(r.event.fact, undone) for r in moved):
        raise TransactionNotReversible(transaction_id=transaction_id)
    whole = moved[0].event.fact.amount
    if part is not None and part > whole:
        account = books.account(_account_of(moved[0]))
        raise ReversalAboveAmount(
            transaction_id=transaction_id,
            amount=account.money(whole),
            requested=account.money(part),
        )


def categorise(ask: Ask, original: Sequence[Recorded], category: str | None) -> Command:
    """Give a transaction another category, or none; the earlier ones stay visible."""

    def decision(current: Labels) -> list[Labelled]:
        check_text("category", category)
        return labels.categorise(current, category)

    return _label(ask, original, {"category": category}, decision)


def tag(ask: Ask, original: Sequence[Recorded], tags: tuple[str, ...]) -> Command:
    """Give a transaction other tags; the earlier ones stay visible."""

    def decision(current: Labels) -> list[Labelled]:
        for text in tags:
            check_text("tag", text)
        return labels.tag(current, tags)

    return _label(ask, original, {"tags": list(tags)}, decision)


def _label(
    ask: Ask,
    original: Sequence[Recorded],
    change: dict[str, Any],
    decision: Callable[[Labels], list[Labelled]],
) -> Command:
    first = original[0].event
    transaction_id = first.transaction_id
    stream = labels.stream_of(transaction_id)
    touched = {r.originator_id for r in original if isinstance(r.event.fact, Movement)}

    def decide(books: Books) -> list[Transaction]:
        current = books.state(stream) or Labels(transaction_id, first.category, first.tags)
        return note(ask, books, stream, decision(current))

    request = {"call": "transactions/label", "transaction_id": transaction_id, **change}
    return ask.command(request, (stream, *touched), decide)


def _account_of(recorded: Recorded) -> int:
    return int(recorded.originator_id.rsplit("-", 1)[1])
