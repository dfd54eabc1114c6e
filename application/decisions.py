"""Deciding the commands of one batch, each against what those before it left. No effects.

Every decided command adds its events to the rows of the batch, and its record: the request and the
answer, which are kept under its key for the life of the ledger.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from application.append import Batch, Found, KnownCommand
from application.books import Answer, Books, Command, Posted, Transaction, answer_known
from domain.access import EVIDENCE, command_refused
from domain.access import STREAM as AUDIT_TRAIL
from domain.refusals import KeyReused, NotApplied, Refused
from ledger.journal import JournalEvent, encode, vouching
from ledger.log_tree import command_hash

KnownCommands: TypeAlias = dict[tuple[str, str], KnownCommand]


def decide_together(
    commands: Sequence[Command],
    linked: bool,
    books: Books,
    known: KnownCommands,
    rows: Batch,
    again: bool,
) -> list[Answer]:
    """Decide commands that were submitted together, and add what follows to the rows of the batch.

    A refused command leaves nothing behind but its record, and where the refusal is evidence its event of
    the audit trail. `known` holds the commands that were
    answered before, and gains these; `again` says that the batch itself is being run again.
    """
    if linked:
        return _decide_linked(commands, books, known, rows, again)
    answers = []
    for command in commands:
        first = len(rows.events)
        before = known.get((command.principal, command.key))
        if before is not None:
            answers.append(answer_known(command, before, replayed=not again))
            continue
        try:
            transactions = command.decide(books)
        except Refused as refusal:
            books.take_back()
            _note_refusal(command, refusal, books, rows)
            answers.append(_record(command, first, [], command.refuse(refusal), known, rows))
            continue
        books.keep()
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, first, posted, command.answer(posted), known, rows))
    return answers


def _decide_linked(
    commands: Sequence[Command],
    books: Books,
    known: KnownCommands,
    rows: Batch,
    again: bool,
) -> list[Answer]:
    """All or none: the first refusal refuses every one, and the others are told which it was."""
    if len({(command.principal, command.key) for command in commands}) < len(commands):
        return [command.refuse(KeyReused(field="item")) for command in commands]
    if any((command.principal, command.key) in known for command in commands):
        # They were answered together, so where one is known all are, or the set is another.
        return [_answer_linked(command, known, again) for command in commands]
    decided: list[list[Transaction]] = []
    first = len(rows.events)
    for index, command in enumerate(commands):
        try:
            decided.append(command.decide(books))
        except Refused as refusal:
            books.take_back()
            _note_refusal(command, refusal, books, rows)
            other = NotApplied(failed=index)
            return [
                _record(
                    each,
                    first if each is command else len(rows.events),
                    [],
                    each.refuse(refusal if each is command else other),
                    known,
                    rows,
                )
                for each in commands
            ]
    books.keep()
    answers = []
    for command, transactions in zip(commands, decided, strict=True):
        first = len(rows.events)
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, first, posted, command.answer(posted), known, rows))
    return answers


def _answer_linked(command: Command, known: KnownCommands, again: bool) -> Answer:
    before = known.get((command.principal, command.key))
    if before is None:
        return command.refuse(NotApplied(failed=None))
    return answer_known(command, before, replayed=not again)


def _note_refusal(command: Command, refusal: Refused, books: Books, rows: Batch) -> None:
    """Add the event of a refusal that is evidence, in the commit of the command's own record."""
    if type(refusal) not in EVIDENCE:
        return
    asked = msgspec.json.decode(command.request, type=_Asked)
    via = command.via
    fact = command_refused(refusal, asked.call, tuple(command.streams), via.session, via.request_id)
    noted = Transaction(actor=command.principal, booking_date=books.today, value_date=books.today)
    books.add(noted, AUDIT_TRAIL, [fact])
    books.keep()
    _append(noted, command.key, rows)


class _Asked(msgspec.Struct):
    """What every canonical request begins with."""

    call: str = ""


def _append(transaction: Transaction, key: str, rows: Batch) -> Posted:
    """Give a transaction its place: its id is the position of its first event."""
    events = rows.events
    transaction_id = rows.first_position + len(events)
    recorded_at = rows.recorded_at
    for draft in transaction.drafts:
        recorded_at = rows.recorded_at + dt.timedelta(0, 0, len(events))
        event: JournalEvent[Any] = JournalEvent(
            fact=draft.fact,
            entry=draft.entry,
            transaction_id=transaction_id,
            booking_date=transaction.booking_date,
            value_date=transaction.value_date,
            recorded_at=recorded_at,
            actor=transaction.actor,
            command_id=key,
            category=transaction.category,
            tags=transaction.tags,
            description=transaction.description,
            reason=transaction.reason,
        )
        events.append(
            (draft.stream.encode(), draft.version, draft.fact.TAG.encode(), encode(event))
        )
    rows.statements.extend(transaction.statements)
    return Posted(transaction_id, rows.last_position, recorded_at, transaction)


def _record(
    command: Command,
    first: int,
    posted: list[Posted],
    answer: Answer,
    known: KnownCommands,
    rows: Batch,
) -> Answer:
    """Keep the answer under the command's key, for the life of the ledger.

    The command's events, if it has any, are those of the batch from number `first` on. The first of them
    carries the hash of the record, and so puts it under the tree.
    """
    position = posted[-1].position if posted else None
    row = (command.request, answer.status, answer.body, position)
    record = (command.principal.encode(), command.key.encode(), *row)
    rows.commands.append(record)
    if first < len(rows.events):
        stream, version, tag, state = rows.events[first]
        rows.events[first] = (stream, version, tag, vouching(state, command_hash(*record)))
    known[command.principal, command.key] = KnownCommand(*row)
    if posted:
        rows.statements.extend(command.statements)
        return Answer(answer.status, answer.body, position)
    return answer


def carry_over(
    known: KnownCommands, claims: dict[str, str], commands: Sequence[Command], found: Found
) -> None:
    """What the batch before, still on its way, will have answered and claimed of what is asked."""
    for command in commands:
        before = known.get((command.principal, command.key))
        if before is not None:
            found.commands[command.principal, command.key] = before
        for name in command.claims:
            if name in claims:
                found.claims[name] = claims[name]
