"""Check digits of customer references: known ones pass, and a wrong digit does not."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.bills.bill_refusals import ReferenceNotAccepted, TermsContradictory
from domain.bills.references import (
    Check,
    ReferenceFormat,
    check_format,
    check_reference,
    is_checked,
)

DIGITS = st.text("0123456789", min_size=3, max_size=20)


@pytest.mark.parametrize(
    ("check", "reference"),
    [
        ("luhn", "4539 1488 0343 6467"),
        ("luhn", "79927398713"),
        # ISO 11649's own example, and with it the ISO/IEC 7064 sum over letters.
        ("rf", "RF18 5390 0754 7034"),
        ("rf", "RF18000000000539007547034"),
        ("mod97", "00000000000000000000000000000098"),
        # ISBN-10 weighs 2 to 10; within seven digits that is the same.
        ("mod11", "0036540"),
        ("none", "Anything at all"),
    ],
)
def test_a_reference_with_the_right_digits_passes(check: Check, reference: str) -> None:
    if check == "mod11":
        reference = reference[:-1] + mod11_digit(reference[:-1])
    if check == "mod97":
        reference = reference[:-2] + f"{98 - int(reference[:-2] + '00') % 97:02}"

    assert is_checked(check, reference)


def mod11_digit(digits: str) -> str:
    """Written another way than the program does: the digit that makes the weighted sum a multiple."""
    weights = [2 + place % 6 for place in range(len(digits))]
    total = sum(w * int(d) for w, d in zip(weights, digits[::-1], strict=True))
    return next(c for n, c in enumerate("0123456789X") if (total + n) % 11 == 0)


@given(DIGITS, st.integers(0, 19), st.integers(1, 9), st.sampled_from(["luhn", "mod97"]))
def test_one_wrong_digit_is_seen(digits: str, place: int, by: int, check: Check) -> None:
    if check == "luhn":
        right = next(f"{digits}{n}" for n in range(10) if is_checked(check, f"{digits}{n}"))
    else:
        right = f"{digits}{98 - int(digits + '00') % 97:02}"
    assume(place < len(right))
    wrong = f"{right[:place]}{(int(right[place]) + by) % 10}{right[place + 1 :]}"

    assert is_checked(check, right)
    assert not is_checked(check, wrong)


@given(DIGITS, st.integers(0, 18))
def test_two_neighbours_that_changed_places_are_seen_by_mod97(digits: str, place: int) -> None:
    right = f"{digits}{98 - int(digits + '00') % 97:02}"
    assume(place + 1 < len(right) and right[place] != right[place + 1])
    swapped = f"{right[:place]}{right[place + 1]}{right[place]}{right[place + 2 :]}"

    assert not is_checked("mod97", swapped)


@given(DIGITS)
def test_mod11_has_one_last_character_for_all_the_others(digits: str) -> None:
    fitting = [c for c in "0123456789X" if is_checked("mod11", digits + c)]

    assert fitting == [mod11_digit(digits)]


@given(st.text(max_size=40), st.sampled_from(["luhn", "mod97", "mod11", "rf"]))
def test_whatever_text_comes_is_judged_and_never_breaks(text: str, check: Check) -> None:
    assert is_checked(check, text) in (True, False)


@pytest.mark.parametrize(
    ("form", "reference"),
    [
        (ReferenceFormat(length_min=3), "12"),
        (ReferenceFormat(length_max=3), "1234"),
        (ReferenceFormat(pattern=r"[A-Z]{2}\d{3}"), "AB12"),
        (ReferenceFormat(pattern=r"[A-Z]{2}\d{3}"), "AB1234"),
        (ReferenceFormat(check="luhn"), "79927398714"),
    ],
)
def test_what_is_not_of_the_form_is_refused(form: ReferenceFormat, reference: str) -> None:
    check_format(form)

    with pytest.raises(ReferenceNotAccepted):
        check_reference(form, reference)


@pytest.mark.parametrize("pattern", [r"(a+)+", "a*", "[", "a|b", r"\w", "a{2,1}", r"\d{1,9}" * 3])
def test_a_pattern_that_could_take_long_or_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(TermsContradictory):
        check_format(ReferenceFormat(pattern=pattern))


@pytest.mark.parametrize("lengths", [(0, 5), (5, 4), (1, 36)])
def test_lengths_that_nothing_has_are_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(TermsContradictory):
        check_format(ReferenceFormat(length_min=lengths[0], length_max=lengths[1]))
