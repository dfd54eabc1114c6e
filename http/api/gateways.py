"""Payment gateways as they call the bank: signed news of payments."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from litestar import post
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, Told, told
from api.documents import answers, described
from api.gateway_wire import GatewayPayment, outcome_of
from api.signed_messages import ID, SIGNATURE, TIMESTAMP, CallbackRefused, check_signed
from api.strict_json import decode
from application import clock
from application.gateway_news import PaymentNews
from application.sending import done
from domain.bills.bill_refusals import PaymentNotFound
from domain.reconciliation_refusals import GatewayNotFound

CALLBACK_BYTES_MAX: Final = 16 * 1024
_KEY: Final = re.compile(r"payment-([1-9][0-9]{0,15})", re.ASCII)
_EXAMPLE: Final = {
    "key": "payment-17",
    "reference": "GW-0042",
    "amount": 1999,
    "currency": "EUR",
    "status": "captured",
}


class CallbackTaken(msgspec.Struct):
    """The news is recorded, or was known already; it need not be sent again."""

    status: str = "taken"


@dataclass
class SignedOperation(Operation):
    """An operation whose body is read as it came, once its signature has been verified."""

    def __post_init__(self) -> None:
        self.parameters = [
            *(self.parameters or []),
            *(
                Parameter(name, "header", required=True, schema=Schema(type=OpenAPIType.STRING))
                for name in (ID, TIMESTAMP, SIGNATURE)
            ),
        ]
        schema = Schema(type=OpenAPIType.OBJECT, examples=[_EXAMPLE])
        self.request_body = RequestBody({"application/json": OpenAPIMediaType(schema=schema)})


@post(
    "/gateways/{name:str}/callbacks",
    status_code=200,
    request_max_body_size=CALLBACK_BYTES_MAX,
    **{
        **described(
            "News from a gateway",
            answers(200, CallbackTaken, 401, 404, 408, 413, 422, 429, 503),
            open_to_anyone=True,
        ),
        "operation_class": SignedOperation,
    },
)
async def take_callback(request: Call, name: FromPath[str]) -> ASGIApp:
    """What became of a payment, signed as Standard Webhooks has it.

    The same news again, and news older than what is known, change nothing and are answered all the
    same. Amounts are minor units. What was not answered with 200 is to be sent again.
    """
    secret = request.bank.gateway_secrets.get(name)
    if secret is None:
        raise GatewayNotFound(gateway=name[:64])
    figures, outcome = request.bank.metrics.gateways, "failed"
    try:
        taken = await _taken(request, name, secret)
        outcome = "taken"
    except CallbackRefused:
        outcome = "forged"
        raise
    except PaymentNotFound:
        outcome = "unknown"
        raise
    finally:
        figures.callback(name, outcome)
    return taken


async def _taken(request: Call, name: str, secret: bytes) -> Told:
    body = await request.body()
    headers = {each: request.headers.get(each, "") for each in (ID, TIMESTAMP, SIGNATURE)}
    check_signed(secret, headers, body, now=clock.now().timestamp())
    payment = decode(body, GatewayPayment)
    key = _KEY.fullmatch(payment.key)
    if key is None:
        raise PaymentNotFound(payment_id=payment.key)
    payment_id = int(key[1])
    bank = request.bank
    news = PaymentNews(bank.writer, bank.payments)
    if await news.learned(name, payment_id, outcome_of(payment)):
        await done(bank.payments, payment_id)
    return told(CallbackTaken())


HANDLERS: Final[list[ControllerRouterHandler]] = [take_callback]
