"""Bills of the demo bank: the customer who is shown has one in every state, others what comes monthly."""

import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

import psycopg

from application import (
    accounts,
    autopay,
    bill_payments,
    bill_refunds,
    billers,
    bills,
    registrations,
)
from application.autopay import WantedRule
from application.billers import PaymentPlace
from application.books import Command
from application.commands import Details
from application.log_reads import NEWEST
from application.payment_places import Place, place_in
from application.presenting import Known, Outcome, PresentedBill, present_bill
from application.state_cache import restore
from daybook.loading import Told, ask, fresh_ids
from domain.bills.bill import Bill, stream_of
from domain.bills.biller import BillerTerms
from domain.bills.recurrence import Recurrence
from domain.bills.references import ReferenceFormat

CURRENCY: Final = "EUR"
# What the one who is shown gets first, so that his bills can be paid however he has lived.
BONUS: Final = Decimal(900)
DEBTORS: Final = 30
LUHN: Final = ReferenceFormat(length_min=8, length_max=8, pattern=r"\d{8}", check="luhn")
TERMS: Final = (
    BillerTerms(
        name="City Power",
        category="utilities/power",
        country="CZ",
        currencies=(CURRENCY,),
        reference=LUHN,
        grace_days=5,
        late_fee=Decimal("2.50"),
        fee=Decimal("0.50"),
        fee_returned=True,
    ),
    BillerTerms(
        name="Riverside Water",
        category="utilities/water",
        country="CZ",
        currencies=(CURRENCY,),
        settlement="net",
        commission_rate=Decimal("1.25"),
        overpayment="credit",
    ),
    BillerTerms(
        name="Fernmelde",
        category="utilities/phone",
        country="DE",
        currencies=(CURRENCY,),
        gateway="fernbank",
        partial=False,
    ),
    BillerTerms(
        name="Old Town Insurance",
        category="insurance",
        currencies=(CURRENCY,),
        presentment=False,
        refunds="on_receipt",
    ),
)
POWER, WATER, PHONE, _INSURANCE = range(len(TERMS))
REFERENCE: Final = "12345674"

Submit: TypeAlias = Callable[[Command], Awaitable[tuple[Told, int | None]]]


class Debtor(NamedTuple):
    """A customer who has bills, and the account that pays them."""

    user_id: int
    account_id: int


async def load_bills(
    submit: Submit,
    connection: psycopg.AsyncConnection[Any],
    debtors: list[Debtor],
    today: dt.date,
) -> None:
    """Register the billers, and give the debtors their bills; done before, it is done no more."""
    loading = _Bills(submit, connection, today)
    await loading.register()
    await loading.one_in_every_state(debtors[0])
    for number, debtor in enumerate(debtors[1:DEBTORS]):
        amount = Decimal(4_000 + 173 * number).scaleb(-2)
        await loading.present(f"monthly-{number}", debtor, POWER, amount, 3 + number % 12)


class _Bills:
    """The numbers of billers and bills, as the ledger has them."""

    def __init__(
        self, submit: Submit, connection: psycopg.AsyncConnection[Any], today: dt.date
    ) -> None:
        self._submit = submit
        self._connection = connection
        self._today = today
        self._billers: list[int] = []
        self._last = 0

    async def register(self) -> None:
        for terms in TERMS:
            (number,) = await fresh_ids(self._connection, "biller_ids", 1)
            key = f"demo-biller-{terms.name}"
            said, _ = await self._submit(billers.register_biller(ask(key), number, terms))
            assert said.number is not None
            self._billers.append(said.number)

    async def one_in_every_state(self, debtor: Debtor) -> None:
        await self._submit(
            accounts.receive_payment(
                ask("demo-bonus"), debtor.account_id, BONUS, Details(description="Bonus"), None
            )
        )
        await self.present("upcoming", debtor, POWER, Decimal("84.37"), 9)
        await self.present("overdue", debtor, WATER, Decimal("31.20"), -4)
        paid = await self.present("paid", debtor, WATER, Decimal("28.90"), -20)
        await self._pay("paid", debtor, paid, WATER, Decimal("28.90"))
        await self._settle(paid)
        part = await self.present("part", debtor, POWER, Decimal(120), 5)
        await self._pay("part", debtor, part, POWER, Decimal(50))
        back = await self.present("refunded", debtor, POWER, Decimal("61.00"), 2)
        place = await self._pay("refunded", debtor, back, POWER, Decimal("61.00"))
        asking = ask("demo-payment-refund")
        await self._submit(bill_refunds.refunded(asking, place, Decimal(21), "Meter misread"))
        phone = await self.present("unknown", debtor, PHONE, Decimal("19.90"), 6)
        place = await self._pay("unknown", debtor, phone, PHONE, Decimal("19.90"))
        await self._submit(bill_payments.submitting(ask("demo-payment-submitting"), place))
        await self._submit(bill_payments.unknown(ask("demo-payment-unknown"), place))
        disputed = await self.present("disputed", debtor, WATER, Decimal(310), 12)
        asking = ask("demo-dispute")
        await self._submit(bills.dispute_bill(asking, disputed, "Ten times what it was"))
        wrong = await self.present("cancelled", debtor, WATER, Decimal(9), 12)
        asking = ask("demo-cancellation")
        await self._submit(bills.cancel_bill(asking, wrong, "Sent to the wrong house"))
        await self.present("anew", debtor, WATER, Decimal("44.10"), 20)
        await self.present("anew", debtor, WATER, Decimal("39.60"), 20, anew=True)
        await self._registered(debtor)
        await self._automatic(debtor)

    async def present(
        self,
        name: str,
        debtor: Debtor,
        biller: int,
        amount: Decimal,
        days: int,
        *,
        anew: bool = False,
    ) -> int:
        """A bill due so many days from now; `anew` takes the place of the one of that name."""
        (number,) = await fresh_ids(self._connection, "bill_ids", 1)
        due_date = self._today + dt.timedelta(days=days)
        presented = PresentedBill(
            biller_id=self._billers[biller],
            user_id=debtor.user_id,
            amount=amount,
            currency=CURRENCY,
            due_date=due_date,
            issued_on=self._today - dt.timedelta(days=30),
            external_id=f"{name}-{self._today:%Y%m}",
            reference=REFERENCE,
            description=f"{TERMS[biller].name}, {due_date:%B}",
            recurrence=Recurrence(1, due_date.day) if days > 0 and biller == POWER else None,
        )
        command = present_bill(
            ask(f"demo-bill-{name}" + ("-anew" if anew else "")),
            presented,
            bill_id=number,
            known=Known(self._last, 1) if anew else None,
            outcome=Outcome(),
            supersede=anew,
        )
        said, _ = await self._submit(command)
        # A bill presented anew writes to the first one before it writes to its own.
        assert said.number is not None
        self._last = said.number
        return said.number

    async def _pay(
        self, name: str, debtor: Debtor, bill_id: int, biller: int, amount: Decimal
    ) -> Place:
        (payment_id,) = await fresh_ids(self._connection, "payment_ids", 1)
        (hold_id,) = await fresh_ids(self._connection, "hold_ids", 1)
        place = Place(payment_id, bill_id, debtor.account_id, self._billers[biller])
        command = bill_payments.authorise(
            ask(f"demo-bill-{name}-payment"),
            place,
            user_id=debtor.user_id,
            hold_id=hold_id,
            amount=amount,
        )
        await self._submit(command)
        bill = await self._bill(bill_id)
        return place_in(bill, bill.standing.payments[-1].payment_id)

    async def _bill(self, bill_id: int) -> Bill:
        found = await self._connection.execute(NEWEST, (stream_of(bill_id),))
        row = await found.fetchone()
        assert row is not None, f"bill {bill_id} was presented"
        bill = restore(*row)
        assert isinstance(bill, Bill)
        return bill

    async def _settle(self, bill_id: int) -> None:
        bill = await self._bill(bill_id)
        places = [PaymentPlace(bill_id, payment.payment_id) for payment in bill.standing.payments]
        await self._submit(
            billers.settle(
                ask("demo-settlement"),
                bill.standing.biller_id,
                places,
                asked={"bill": "paid"},
            )
        )

    async def _registered(self, debtor: Debtor) -> None:
        (number,) = await fresh_ids(self._connection, "registration_ids", 1)
        wanted = registrations.WantedLink(
            user_id=debtor.user_id,
            biller_id=self._billers[POWER],
            reference=REFERENCE,
            nickname="Power at home",
            account_id=debtor.account_id,
            tags=("home",),
        )
        command = registrations.register(ask("demo-registration"), number, wanted, None)
        await self._submit(command)

    async def _automatic(self, debtor: Debtor) -> None:
        (number,) = await fresh_ids(self._connection, "autopay_ids", 1)
        wanted = WantedRule(
            user_id=debtor.user_id,
            biller_id=self._billers[POWER],
            account_id=debtor.account_id,
            cap=Decimal(150),
            lead_days=2,
            retry_days=(1, 3),
        )
        await self._submit(autopay.set_up(ask("demo-autopay"), number, wanted))
