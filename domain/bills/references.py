"""Customer references: the numbers under which billers know their customers, with their check digits.

Luhn is ISO/IEC 7812-1 annex B; modulo 97 is ISO/IEC 7064 MOD 97-10, as in ISO 11649 (the creditor
reference that begins with RF); modulo 11 weighs the digits 2 to 7 from the right.
"""

import re
from typing import Final, Literal, TypeAlias

import msgspec

from domain.bills.bill_refusals import ReferenceNotAccepted, TermsContradictory

Check: TypeAlias = Literal["none", "luhn", "mod97", "mod11", "rf"]

LENGTH_MAX: Final = 35
# A pattern is characters and classes of characters, each with a count. So few of them may vary in
# count that no reference takes long to be compared.
VARYING_MAX: Final = 2
_ITEM: Final = r"(?:\[[A-Za-z0-9-]{1,12}\]|\\d|[A-Za-z0-9/ -])(?:\{[0-9]{1,2}(?:,[0-9]{1,2})?\})?"
_PATTERN: Final = re.compile(f"(?:{_ITEM}){{1,16}}", re.ASCII)


class ReferenceFormat(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a biller's references look like; without a format, any printable text is one.

    `check` says how the last characters follow from the others: one digit (luhn), one digit or X
    (mod11), two digits (mod97); in an `rf` reference the two digits after RF do.
    """

    length_min: int = 1
    length_max: int = LENGTH_MAX
    pattern: str | None = None
    check: Check = "none"


ANY: Final = ReferenceFormat()


def check_format(form: ReferenceFormat) -> None:
    """Refused: lengths that nothing has, and a pattern that is not of the few kinds we compare with."""
    if not 1 <= form.length_min <= form.length_max <= LENGTH_MAX:
        raise TermsContradictory(
            field="reference", why=f"lengths lie between 1 and {LENGTH_MAX}, the lesser first"
        )
    if form.pattern is None:
        return
    if not _PATTERN.fullmatch(form.pattern) or form.pattern.count(",") > VARYING_MAX:
        raise TermsContradictory(
            field="reference",
            why=r"a pattern is characters, \d and classes such as [A-Z], each with a count "
            f"such as {{4}}; no more than {VARYING_MAX} counts are ranges",
        )
    try:
        re.compile(form.pattern)
    except re.error:
        raise TermsContradictory(field="reference", why="the pattern contradicts itself") from None


def needs_reference(form: ReferenceFormat) -> bool:
    """Whether the biller knows its customers by references alone."""
    return form.check != "none" or form.pattern is not None


def check_reference(form: ReferenceFormat, reference: str) -> None:
    """Refused: a reference that the biller would not know, with what is wrong with it."""
    if not form.length_min <= len(reference) <= form.length_max:
        why = f"it has {len(reference)} characters, not {form.length_min} to {form.length_max}"
    elif form.pattern is not None and not re.fullmatch(form.pattern, reference, re.ASCII):
        why = f"it is not of the form {form.pattern}"
    elif not is_checked(form.check, reference):
        why = "its check digits are wrong"
    else:
        return
    raise ReferenceNotAccepted(reference=reference, why=why)


def is_checked(check: Check, reference: str) -> bool:
    """Whether the check digits follow from the rest; spaces and hyphens do not count."""
    if check == "none":
        return True
    text = reference.replace(" ", "").replace("-", "").upper()
    if not (text.isascii() and text.isalnum()) or len(text) < 2:
        return False
    if check == "rf":
        return text.startswith("RF") and len(text) > 4 and _mod97(text[4:] + text[:4]) == 1
    if check == "mod97":
        return len(text) > 2 and text[-2:].isdecimal() and _mod97(text) == 1
    if not text[:-1].isdecimal():
        return False
    return text[-1] == (_luhn if check == "luhn" else _mod11)(text[:-1])


def _luhn(digits: str) -> str:
    """Every second digit from the right is doubled, and its digits added; the sum goes up to tens."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _mod11(digits: str) -> str:
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(digits)))
    return "0123456789X"[-total % 11]


def _mod97(text: str) -> int:
    """Letters count as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97
