"""Settlement files: read whole, or refused with the line that is wrong."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.settlement_files import SettlementFileRefused, read_settlement_file
from daybook.gateway_simulator.books import Payment
from daybook.gateway_simulator.faults import Faults
from daybook.gateway_simulator.settlement import settlement_file

HEADER = "key,reference,amount,currency,status,captured_at\n"
LINE = "payment-1,GW-1,1999,EUR,captured,2026-03-31T12:00:00.125Z\n"
WRONG = [
    ("", "Line 0: .*columns|Line 1 .*columns"),
    ("key,amount\n", "Line 1 .*columns"),
    (LINE, "Line 1 .*columns"),
    (HEADER + LINE[:-8], "ends within a line|Line 2"),
    (HEADER + LINE + "payment-2,GW\n", "Line 3 .*fields"),
    (HEADER + LINE.replace("1999", "19.99"), "Line 2 .*19.99"),
    (HEADER + LINE.replace("1999", "-1"), "Line 2 .*-1"),
    (HEADER + LINE.replace("1999", "9" * 40), "Line 2 .*99"),
    (HEADER + LINE.replace("1999", "٣"), "Line 2 .*minor units"),
    (HEADER + LINE.replace("EUR", "XXQ"), "Line 2 .*XXQ"),
    (HEADER + LINE.replace("captured", "lost", 1), "Line 2 .*lost"),
    (HEADER + LINE.replace("2026-03-31", "2026-02-31"), "Line 2 .*instant"),
    (HEADER + LINE.replace("Z", "+02:00"), "Line 2 .*instant"),
    (HEADER + LINE.replace("GW-1", "G\x00W"), "Line 2"),
    (HEADER + LINE.replace("payment-1", "p" * 129), "Line 2 .*key"),
    (HEADER + '"payment-1\n', "Line 2"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_file_that_is_wrong_anywhere_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(SettlementFileRefused, match=message):
        read_settlement_file(text.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(SettlementFileRefused, match="UTF-8"):
        read_settlement_file(b"\xff\xfe")


def test_a_file_without_payments_is_a_file() -> None:
    assert read_settlement_file(HEADER.encode()) == []


@given(
    amounts=st.lists(st.integers(0, 10**12), max_size=20),
    cut=st.integers(1, 30),
)
def test_what_the_gateway_writes_is_read_and_what_is_cut_off_is_not(
    amounts: list[int], cut: int
) -> None:
    payments = [
        Payment(f"k{n}", f"GW-{n}", f"bill-{n}", "Water", amount, "EUR", "captured", None, n + 0.5)
        for n, amount in enumerate(amounts)
    ]
    text = settlement_file(payments, Faults())

    lines = read_settlement_file(text.encode())

    assert [(each.key, each.amount) for each in lines] == [(p.key, p.amount) for p in payments]
    assert all(each.captured_at.tzinfo == dt.UTC for each in lines)
    try:
        shorter = read_settlement_file(text[:-cut].encode())
    except SettlementFileRefused:
        return
    # Cut exactly between two lines: it cannot be seen here, and shows as payments missing there.
    assert text[:-cut].endswith("\n")
    assert shorter == lines[: len(shorter)]
