"""What is true of any history, whatever it was."""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application import accounts, corrections
from application.books import Command
from application.commands import NO_DETAILS
from application.state_cache import restore
from domain.access import EVIDENCE
from domain.access import STREAM as AUDIT_TRAIL
from domain.account import Account, evolve
from domain.account_facts import Debit, Movement, TermsFact
from domain.refusals import code_of
from ledger.journal import Recorded, decode, encode, entry_of
from ledger.trial_balance import trial_balance
from tests.bank import ask, deposit, open_account, told, transfer, withdraw
from tests.laws.drivers import PureCore

ACCOUNTS = (1, 2, 3)
numbers = st.sampled_from(ACCOUNTS)
amounts = st.integers(1, 40)
changes = ["unfreeze", "make_dormant", "reactivate", "close"]
commands = st.one_of(
    st.builds(deposit, numbers, amounts),
    st.builds(withdraw, numbers, amounts),
    st.builds(transfer, numbers, numbers, amounts),
    st.builds(
        lambda number, amount: accounts.charge_fee(ask(), number, Decimal(amount), NO_DETAILS),
        numbers,
        amounts,
    ),
    st.builds(
        lambda number, limit: accounts.change_overdraft_limit(ask(), number, Decimal(limit)),
        numbers,
        amounts,
    ),
    st.builds(
        lambda number, restriction: accounts.freeze(ask(), number, restriction, "why", None),
        numbers,
        st.sampled_from(["debit", "full"]),
    ),
    st.builds(
        lambda number, change: getattr(accounts, change)(ask(), number, "why"),
        numbers,
        st.sampled_from(changes),
    ),
)
histories = st.lists(commands, max_size=40)


def lived(history: Sequence[Command]) -> PureCore:
    core = PureCore()
    core.decide([open_account(number) for number in ACCOUNTS])
    core.decide([deposit(number, 50) for number in ACCOUNTS])
    for command in history:
        core.decide([command])
    return core


def stream(log: Sequence[Recorded], number: int) -> list[Recorded]:
    return [r for r in log if r.originator_id == f"account-{number}"]


@given(histories)
def test_every_entry_of_any_history_balances_and_so_does_the_whole(history: list[Command]) -> None:
    log = lived(history).log()

    entries = [r.event.entry for r in log if r.event.entry]
    lines = trial_balance(entries)

    assert all(entry_of(*entry) == entry for entry in entries)
    assert sum(line.debits for line in lines) == sum(line.credits for line in lines)
    assert all(bool(r.event.entry) == isinstance(r.event.fact, Movement) for r in log)


@given(histories)
def test_an_account_folded_from_its_stream_is_the_one_restored_from_its_newest_events(
    history: list[Command],
) -> None:
    core = lived(history)

    for number in ACCOUNTS:
        recorded = stream(core.log(), number)
        for end in range(1, len(recorded) + 1):
            folded: Account | None = reduce(
                lambda state, each: evolve(state, each.event.fact, number), recorded[:end], None
            )
            assert _restored(recorded[:end]) == folded
        assert core.states[f"account-{number}"] == _restored(recorded)


def _restored(recorded: Sequence[Recorded]) -> Any:
    """As the writer does it: the newest event and, where that names it, the one of its terms."""
    newest = recorded[-1]
    row: list[Any] = [newest.originator_id, newest.originator_version]
    row += [newest.event.fact.TAG, encode(newest.event), None, None, None]
    if not isinstance(newest.event.fact, TermsFact):
        terms = recorded[newest.event.fact.terms - 1]
        row[4:] = [terms.originator_version, terms.event.fact.TAG, encode(terms.event)]
    return restore(*row)


@given(histories)
def test_what_is_encoded_decodes_to_itself_byte_for_byte(history: list[Command]) -> None:
    for recorded in lived(history).log():
        stored = encode(recorded.event)
        assert decode(recorded.event.fact.TAG, stored) == recorded.event
        assert encode(decode(recorded.event.fact.TAG, stored)) == stored


@given(histories, st.data())
def test_the_same_command_twice_is_once(history: list[Command], data: st.DataObject) -> None:
    core = lived(history)
    number, amount = data.draw(numbers), data.draw(amounts)
    make = data.draw(st.sampled_from([deposit, withdraw]))
    (first,) = core.decide([make(number, amount, "key")])
    for command in data.draw(histories):
        core.decide([command])
    before = len(core.log())

    together = core.decide([make(number, amount, "key")] * 2)
    (other,) = core.decide([make(number, amount + 1, "key")])

    assert [(answer.status, answer.body, answer.position) for answer in together] == [
        (first.status, first.body, first.position)
    ] * 2
    assert all(answer.replayed for answer in together)
    assert told(other).refused == "KeyReused"
    assert told(other).figures == {"field": "amount"}
    assert len(core.log()) == before


@given(histories)
def test_no_debit_takes_a_balance_below_its_limit_unless_it_was_forced(
    history: list[Command],
) -> None:
    core = lived(history)

    for number in ACCOUNTS:
        limit = 0
        for recorded in stream(core.log(), number):
            fact = recorded.event.fact
            if isinstance(fact, TermsFact):
                limit = fact.terms.overdraft_limit
            elif isinstance(fact, Debit) and not fact.forced:
                assert fact.balance >= -limit


@given(histories)
@settings(max_examples=30)
def test_each_fact_says_the_balance_that_the_postings_of_its_stream_come_to(
    history: list[Command],
) -> None:
    core = lived(history)

    for number in ACCOUNTS:
        balance = 0
        for recorded in stream(core.log(), number):
            for posting in recorded.event.entry:
                if posting.sub_account == recorded.originator_id:
                    balance += posting.amount if posting.side == "C" else -posting.amount
            assert recorded.event.fact.balance == balance


@given(histories)
def test_a_refused_command_leaves_nothing_behind_but_evidence(history: list[Command]) -> None:
    """Reversals above all: they are refused half-way, when one of two accounts has been credited."""
    core = lived(history)
    movements = {r.event.transaction_id for r in core.log() if r.event.entry}

    for transaction_id in sorted(movements, reverse=True):
        original = [r for r in core.log() if r.event.transaction_id == transaction_id]
        states, events = dict(core.states), len(core.log())
        (answer,) = core.decide([corrections.reverse(ask(), original, NO_DETAILS)])
        if refused := told(answer).refused:
            noted = core.log()[events:]
            assert [r.event.fact.refusal for r in noted] == [
                code_of(kind) for kind in EVIDENCE if kind.__name__ == refused
            ]
            states[AUDIT_TRAIL] = core.states[AUDIT_TRAIL]
            assert core.states == states


@given(histories)
def test_the_audit_trail_is_the_refusals_that_are_evidence_in_their_order(
    history: list[Command],
) -> None:
    core, refused = PureCore(), []
    core.decide([open_account(number) for number in ACCOUNTS])
    for command in history:
        (answer,) = core.decide([command])
        refused += [told(answer).refused] if told(answer).refused else []

    trail = [r for r in core.log() if r.originator_id == AUDIT_TRAIL]

    evidence = {kind.__name__: code_of(kind) for kind in EVIDENCE}
    assert [r.event.fact.refusal for r in trail] == [
        evidence[name] for name in refused if name in evidence
    ]
    assert [r.originator_version for r in trail] == list(range(1, len(trail) + 1))
    assert [r.position for r in core.log()] == list(range(1, len(core.log()) + 1))


def test_a_reversal_refused_half_way_gives_nothing_to_the_account_it_began_with() -> None:
    core = lived([transfer(1, 2, 10), withdraw(2, 60)])
    original = [r for r in core.log() if r.event.fact.TAG.startswith("account.transfer-")]

    (answer,) = core.decide([corrections.reverse(ask(), original, NO_DETAILS)])

    assert told(answer).refused == "InsufficientFunds"
    assert told(core.decide([withdraw(1, 41)])[0]).refused == "InsufficientFunds"
    assert told(core.decide([withdraw(1, 40)])[0]).balances == [0]
