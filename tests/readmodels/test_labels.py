"""Category and tags are those that were known, wherever a transaction is read or looked for."""

from decimal import Decimal

from application import accounts, corrections
from application.commands import Details
from readmodels.account_lines import lines
from readmodels.moments import Moment
from readmodels.transaction_filters import Filters
from readmodels.transactions import history, transaction
from tests.bank import Bank, ask
from tests.readmodels.asking import moment, project, read


def test_labels_are_as_known_at_the_position_asked_about(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})
        said = Details(category="food", tags=("a",))
        first = bank.submit(accounts.deposit(ask(), 1, Decimal(5), said)).position
        assert first is not None
        original = [r for r in bank.log() if r.position == first]
        bank.submit(corrections.categorise(ask(), original, "rent"))
        bank.submit(corrections.tag(ask(), original, ("b", "c")))
        last = bank.submit(corrections.categorise(ask(), original, None)).position
    project(database)
    expected = [("food", ["a"]), ("rent", ["a"]), ("rent", ["b", "c"]), (None, ["b", "c"])]

    for position, labels in enumerate(expected, first):
        assert shown(database, first, moment(position)) == labels
        assert found(database, Filters(category="rent"), moment(position)) == (labels[0] == "rent")
        by_tag = Filters(account_id=1, tag="b")
        assert found(database, by_tag, moment(position)) == ("b" in labels[1])
    assert last == first + 3


def shown(conninfo: str, transaction_id: int, at: Moment) -> tuple[str | None, list[str]]:
    """What the transaction and its line say."""
    row = read(conninfo, lambda c: transaction(c, transaction_id, at))
    (line,) = read(conninfo, lambda c: lines(c, 1, at, limit=5))
    assert row is not None
    assert (row.category, row.tags) == (line.category, line.tags)
    return row.category, row.tags


def found(conninfo: str, wanted: Filters, at: Moment) -> bool:
    return bool(read(conninfo, lambda c: history(c, filters=wanted, moment=at, limit=5)))
