"""What is charged with each instalment, beside its principal and its interest."""

from decimal import Decimal, localcontext

import msgspec

from domain.amortisation.arithmetic import EXACT, ZERO, Rounding, divide, rounded
from domain.refusals import TermsContradict


class InstalmentFee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The three add up: `flat` minor units, per cent of the instalment's principal, and per cent of its
    principal and interest."""

    flat: int = 0
    of_principal: Decimal = ZERO
    of_instalment: Decimal = ZERO

    def on(self, principal: int, interest: int, rounding: Rounding, multiple_of: int = 1) -> int:
        """The fee of one instalment, in minor units: rounded once. One of nothing has none."""
        if not (principal or interest):
            return 0
        with localcontext(EXACT):
            parts = principal * self.of_principal + (principal + interest) * self.of_instalment
            return rounded(self.flat + divide(parts, 100), rounding, multiple_of)


def check_fee(fee: InstalmentFee | None) -> None:
    if fee is None:
        return
    for name, value in (
        ("flat", fee.flat),
        ("of_principal", fee.of_principal),
        ("of_instalment", fee.of_instalment),
    ):
        if value < 0 or (name != "flat" and value > 100):
            why = "is below zero" if value < 0 else "is above 100 per cent"
            raise TermsContradict(field=f"instalment_fee.{name}", why=why)
