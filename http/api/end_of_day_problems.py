"""What the refusals of business days, rates and standing orders are called: status and title of each."""

from typing import Final

from domain import refusals

END_OF_DAY_PROBLEMS: Final[dict[type[Exception], tuple[int, str]]] = {
    refusals.StandingOrderNotFound: (404, "No such standing order"),
    refusals.StandingOrderOver: (409, "The standing order is over"),
    refusals.StandingOrderActive: (409, "The account has standing orders"),
    refusals.TiersOutOfOrder: (422, "The tiers are out of order"),
    refusals.RateOutOfRange: (422, "A rate is out of range"),
    refusals.TooManyRates: (409, "The rate plan has too many changes"),
    refusals.BusinessDayOutOfTurn: (409, "Another business day comes first"),
    refusals.SettlementAlreadyBooked: (409, "The settlement is booked already"),
    refusals.CorrectionAboveSettled: (409, "More than was settled"),
}
