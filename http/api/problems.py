"""Every error of this API, said one way: RFC 9457 problem details, from one table.

The type of a problem is stable and is what a client should branch on. Whatever is not in the table is a
mistake of ours: it is answered 500 with the id of the request, and logged in full under that id.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from api.audit_problems import AUDIT_PROBLEMS, AUDIT_SPEAKING
from api.bill_problems import BILL_PROBLEMS
from api.customer_problems import CUSTOMER_PROBLEMS
from api.end_of_day_problems import END_OF_DAY_PROBLEMS
from api.gateway_problems import GATEWAY_PROBLEMS, GATEWAY_SPEAKING
from api.loan_problems import LOAN_PROBLEMS
from api.parameters import NotAcceptable, ParameterRefused
from api.policy import allowed
from api.rate_limits import TooManyRequests
from api.strict_json import (
    BodyInvalid,
    BodyMalformed,
    BodyNotJson,
    BodyRefused,
    BodyTooLarge,
    BodyTooSlow,
    FieldError,
    encode,
)
from api.tokens import TokenRefused
from application.passwords import PasswordNotAccepted, TooManySignIns
from application.revoked_sessions import RevocationsUnknown
from application.sessions import RefreshRefused
from application.transact import OutcomeUnknown, Unavailable
from domain import refusals
from domain.refusals import Refused, code_of
from readmodels.moments import UnanswerableMoment
from readmodels.statements.building import StatementTooLong
from readmodels.statements.canonical import NotExpressible

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1

_log = logging.getLogger(__name__)


class NotYetRead(Exception):
    """The read models have not come to what this caller has written, or asks about; they will."""


class StatementNotReproduced(Exception):
    """The log does not give the bytes any more that were issued: this is for people to look at."""

    def __init__(self, statement_id: int) -> None:
        super().__init__(
            f"Statement {statement_id} does not come out as it was issued, and is not shown."
        )


class CredentialsRefused(Exception):
    """No user of that name has that password; which of the two is wrong is not said."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details. `code` is the last part of `type`; `instance` names the request.

    A refusal that is stored with its command has no `instance`: it is told again byte for byte.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: Annotated[
        str,
        msgspec.Meta(
            description="Names the request; a refusal that is stored with its command has none, and is told "
            "again byte for byte."
        ),
    ] = ""
    errors: list[FieldError] = []
    figures: dict[str, Any] = {}


class Row(NamedTuple):
    status: int
    title: str


# The name of a problem is the name of its class, in the way of URLs: /problems/insufficient-funds.
PROBLEMS: Final[dict[type[Exception], Row]] = {
    # Refusals of the domain, in the order of domain/refusals.py.
    refusals.AccountNotFound: Row(404, "No such account"),
    refusals.TransactionNotFound: Row(404, "No such transaction"),
    refusals.CustomerNotFound: Row(404, "No such customer"),
    refusals.NotPermitted: Row(403, "Not permitted"),
    refusals.UnknownCurrency: Row(422, "Unknown currency"),
    refusals.AmountNotPositive: Row(422, "The amount is not positive"),
    refusals.TooManyDecimals: Row(422, "Too many decimals"),
    refusals.AmountTooLarge: Row(422, "The amount is too large"),
    refusals.UnknownAccountType: Row(422, "Unknown account type"),
    refusals.UnprintableText: Row(422, "The text cannot be printed"),
    refusals.UnknownPeriod: Row(422, "There is no such period"),
    refusals.HoldAlreadyOver: Row(422, "The hold would be over already"),
    refusals.SameAccount: Row(422, "Source and destination are the same account"),
    refusals.ReasonMissing: Row(422, "A reason is missing"),
    refusals.BookingDateInFuture: Row(422, "The booking date is in the future"),
    refusals.DateOutOfRange: Row(422, "A date is out of range"),
    refusals.TermsContradict: Row(422, "The terms contradict themselves"),
    refusals.NoRateOfReturn: Row(422, "There is no such rate"),
    refusals.HoldNotFound: Row(404, "No such hold"),
    refusals.StatementNotFound: Row(404, "No such statement"),
    **{refusal: Row(*row) for refusal, row in BILL_PROBLEMS.items()},
    **{refusal: Row(*row) for refusal, row in CUSTOMER_PROBLEMS.items()},
    refusals.PeriodClosed: Row(409, "The period is closed"),
    refusals.PeriodNotOver: Row(409, "The period is not over"),
    refusals.PeriodAlreadyClosed: Row(409, "The period is closed already"),
    refusals.PeriodNotClosed: Row(409, "The period is not closed"),
    refusals.SamePerson: Row(409, "It takes two different people"),
    refusals.ReversalAboveAmount: Row(409, "More than was moved cannot be moved back"),
    refusals.HoldOver: Row(409, "The hold is over"),
    refusals.HoldAboveLimit: Row(409, "More than is held cannot be settled"),
    refusals.TooManyHolds: Row(409, "The account has too many holds"),
    refusals.TooManyStatements: Row(409, "Too many statements are issued at once"),
    refusals.AccountAlreadyOpen: Row(409, "The account is open already"),
    refusals.UsernameTaken: Row(409, "The user name is taken"),
    refusals.EmailTaken: Row(409, "The email address is registered already"),
    refusals.ReferenceTaken: Row(409, "The reference is taken"),
    refusals.TransactionAlreadyReversed: Row(409, "The transaction was reversed already"),
    refusals.TransactionNotReversible: Row(409, "The transaction cannot be reversed"),
    refusals.AccountClosed: Row(409, "The account is closed"),
    refusals.AccountFrozen: Row(409, "The account is frozen"),
    refusals.AccountNotFrozen: Row(409, "The account is not frozen"),
    refusals.AccountDormant: Row(409, "The account is dormant"),
    refusals.AccountNotDormant: Row(409, "The account is not dormant"),
    refusals.CurrencyMismatch: Row(409, "The account is kept in another currency"),
    refusals.OverdraftNotOffered: Row(409, "No overdraft is offered"),
    refusals.OverdraftLimitInUse: Row(409, "The overdraft limit is in use"),
    refusals.BalanceNotZero: Row(409, "The balance is not zero"),
    refusals.BalanceTooLarge: Row(409, "The balance would be too large"),
    refusals.InsufficientFunds: Row(409, "Insufficient funds"),
    refusals.NotApplied: Row(409, "Not applied, with the rest of its batch"),
    refusals.KeyReused: Row(422, "The idempotency key was used for another request"),
    **{refusal: Row(*row) for refusal, row in LOAN_PROBLEMS.items()},
    **{refusal: Row(*row) for refusal, row in END_OF_DAY_PROBLEMS.items()},
    **{problem: Row(*row) for problem, row in GATEWAY_PROBLEMS.items()},
    **{problem: Row(*row) for problem, row in AUDIT_PROBLEMS.items()},
    # What never became a command.
    BodyMalformed: Row(400, "The body is not proper JSON"),
    BodyInvalid: Row(422, "The body is not what this call takes"),
    BodyTooSlow: Row(408, "The body did not arrive in time"),
    BodyTooLarge: Row(413, "The body is too large"),
    BodyNotJson: Row(415, "The body is not JSON"),
    NotAcceptable: Row(406, "It cannot be had in that form"),
    ParameterRefused: Row(400, "A parameter is not what this call takes"),
    UnanswerableMoment: Row(422, "No true answer can be given for that moment"),
    PasswordNotAccepted: Row(422, "The password was not accepted"),
    TokenRefused: Row(401, "The access token was not accepted"),
    CredentialsRefused: Row(401, "The user name or the password is wrong"),
    RefreshRefused: Row(401, "The refresh token was not accepted"),
    TooManyRequests: Row(429, "Too many requests"),
    NotExpressible: Row(422, "The statement does not fit that format"),
    StatementTooLong: Row(422, "One statement holds no more entries"),
    StatementNotReproduced: Row(500, "The statement does not come out as it was issued"),
    # What may succeed when it is sent again.
    TooManySignIns: Row(503, "Too many sign-ins at once"),
    RevocationsUnknown: Row(503, "Sessions cannot be checked at the moment"),
    NotYetRead: Row(503, "The read models are behind; try again"),
    Unavailable: Row(503, "Nothing was done; try again"),
    OutcomeUnknown: Row(503, "The outcome is not known; the same idempotency key is safe"),
}

# What the framework refuses before any of our code runs, by status.
_BY_STATUS: Final[dict[int, tuple[str, str]]] = {
    400: ("bad-request", "The request is not well-formed"),
    401: ("not-signed-in", "Not signed in"),
    403: ("not-permitted", "Not permitted"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method is not allowed here"),
    413: ("body-too-large", "The body is too large"),
    415: ("body-not-json", "The body is not JSON"),
    429: ("too-many-requests", "Too many requests"),
    503: ("unavailable", "Not available at the moment"),
}
# What each says of any call; `code` says which of the kinds at /problems it is.
WHAT_A_STATUS_SAYS: Final = {
    400: "The request cannot be read: a parameter, a header, or a body that is not proper JSON.",
    401: "Nobody is signed in by this access token, or these credentials.",
    403: "The caller may see what is named, and may not do this.",
    404: "What is named is not there, or not for this caller to see.",
    406: "It cannot be had in any form that the Accept header names.",
    408: "The body was announced and did not come in time.",
    409: "What stands in the books forbids it; the figures say what.",
    413: "The body, or what is asked for, is more than this call takes.",
    415: "The body is not JSON.",
    422: "The request can be read and cannot be meant: `errors` names the fields, or the figures say why.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "Something went wrong on our side; nothing was done.",
    503: "Not available at the moment, or not known whether it was done: the same key is safe for ever.",
}
_INTERNAL: Final = ("internal-error", "Something went wrong on our side")
_INTERNAL_DETAIL: Final = (
    "Nothing more is said here; the log of the bank has it, under this request."
)

# Texts of our own that say more than the title and give nothing away.
_SPEAKING: Final = (
    Refused,
    PasswordNotAccepted,
    TooManyRequests,
    UnanswerableMoment,
    NotExpressible,
    StatementTooLong,
    StatementNotReproduced,
    NotAcceptable,
    *GATEWAY_SPEAKING,
    *AUDIT_SPEAKING,
)


def problem_response(
    connection: ASGIConnection[Any, Any, Any, Any],
    *,
    code: str,
    status: int,
    title: str,
    detail: str,
    errors: Iterable[FieldError] = (),
    figures: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """A problem as the answer to a request, with the headers that its status calls for."""
    request_id = request_id_of(connection)
    # What the audit trail says of a look that came to nothing.
    connection.scope["state"]["problem"] = code
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=detail,
        instance=f"urn:daybook:request:{request_id}",
        code=code,
        errors=list(errors),
        figures={name: _shown(value) for name, value in (figures or {}).items()},
    )
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if status == 401:
        all_headers.setdefault("WWW-Authenticate", _challenge(connection))
    if status in (429, 503):
        all_headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return Response(encode(problem), media_type=MEDIA_TYPE, status_code=status, headers=all_headers)


def stored_problem(refusal: Refused) -> tuple[int, bytes]:
    """Status and body of a refusal, for being kept under the command's key and told again."""
    found = row_of(type(refusal))
    assert found is not None, f"{type(refusal).__name__} has no row in the table of problems"
    kind, (status, title) = found
    code = code_of(kind)
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=str(refusal),
        code=code,
        figures={name: _shown(value) for name, value in refusal.figures.items()},
    )
    return status, encode(problem)


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to any exception: by the table, by the framework's status, or 500."""
    row = row_of(type(error))
    if row is not None:
        kind, (status, title) = row
        if status == 500:
            _log.error("request %s failed: %s", request_id_of(request), error, exc_info=error)
        wait = getattr(error, "retry_after_seconds", None)
        return problem_response(
            request,
            code=code_of(kind),
            status=status,
            title=title,
            detail=_detail_of(error, title),
            errors=error.errors if isinstance(error, BodyRefused) else (),
            figures=error.figures if isinstance(error, Refused) else None,
            headers={} if wait is None else {"Retry-After": str(wait)},
        )
    if isinstance(error, HTTPException) and error.status_code in _BY_STATUS:
        code, title = _BY_STATUS[error.status_code]
        return problem_response(
            request,
            code=code,
            status=error.status_code,
            title=title,
            detail=f"{title}.",
            errors=_parameter_errors(error),
            headers=_headers_of(error),
        )
    _log.error("request %s failed", request_id_of(request), exc_info=error)
    code, title = _INTERNAL
    return problem_response(request, code=code, status=500, title=title, detail=_INTERNAL_DETAIL)


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    HTTPException: answer_problem,
    Exception: answer_problem,
}


def row_of(kind: type[Exception]) -> tuple[type[Exception], Row] | None:
    """The class's own row, or that of the nearest class it is a kind of."""
    for ancestor in kind.__mro__:
        if ancestor in PROBLEMS:
            return ancestor, PROBLEMS[ancestor]
    return None


def catalogue() -> list[dict[str, Any]]:
    """Every type of problem there is, with its status and title, for the page at /problems."""
    rows = {code_of(kind): (row.status, row.title) for kind, row in PROBLEMS.items()}
    rows |= {
        code: (status, title) for status, (code, title) in _BY_STATUS.items() if code not in rows
    }
    rows[_INTERNAL[0]] = 500, _INTERNAL[1]
    return [
        {"type": f"/problems/{code}", "status": status, "title": title}
        for code, (status, title) in sorted(rows.items())
    ]


def problem_specs(*statuses: int) -> dict[int, ResponseSpec]:
    """For a handler's `responses=`, so that the OpenAPI document tells of its problems."""
    return {
        status: ResponseSpec(
            Problem,
            description=WHAT_A_STATUS_SAYS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def request_id_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The id that the gate gave the request, and a fresh one where there is no gate."""
    state = connection.scope.setdefault("state", {})
    return str(state.setdefault("request_id", uuid.uuid4().hex))


def _detail_of(error: Exception, title: str) -> str:
    if isinstance(error, _SPEAKING):
        return str(error)
    if isinstance(error, BodyRefused) and len(error.errors) == 1 and not error.errors[0].pointer:
        return error.errors[0].detail
    return f"{title}."


def _headers_of(error: HTTPException) -> Mapping[str, str] | None:
    if error.status_code != 405 or not error.headers:
        return error.headers
    return {"Allow": allowed(error.headers["allow"].split(", "))}


def _shown(figure: Any) -> Any:
    return figure if isinstance(figure, str | int | bool | None | Decimal | list) else str(figure)


def _parameter_errors(error: HTTPException) -> list[FieldError]:
    """Which query, path or header parameter was wrong. The framework's own words, which may hold
    addresses and types, are left out."""
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return []
    wrong = [entry for entry in error.extra if isinstance(entry, dict) and "key" in entry]
    return [
        FieldError(
            f"/{getattr(entry.get('source'), 'value', 'parameters')}/{entry['key']}",
            str(entry.get("message", "Not accepted")).partition(" - at ")[0].replace("`", ""),
        )
        for entry in wrong
    ]


def _challenge(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    presented = "authorization" in connection.headers
    return 'Bearer realm="daybook"' + (', error="invalid_token"' if presented else "")
