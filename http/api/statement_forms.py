"""The forms of a statement as HTTP names them, and a statement as an answer in one of them."""

import asyncio
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from litestar.params import HeaderParameter, QueryParameter

from api.call import Call, Told
from api.parameters import one_of, refuse
from domain.statement import Letterhead
from readmodels.statements.canonical import MONEY, Bank, Statement
from readmodels.statements.renderings import FORMATS, Format, render

# Of media types that a form has, the one that asks for it.
MEDIA_TYPES: Final[dict[str, Format]] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/pdf": "pdf",
    "application/xml": "camt053",
    "text/plain": "mt940",
    "application/x-ofx": "ofx",
}
OTHER_FORMS: Final = tuple(each for each, form in MEDIA_TYPES.items() if form != "json")
# A page is a megabyte and a tenth of a second: never more than these at once, the others wait.
_paper: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="paper")

_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]*"')

IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description="The ETag of what the caller has: those bytes are not sent again.",
        schema_extra={"minLength": 1},
    ),
]
FormatIn = Annotated[
    str | None,
    QueryParameter(
        name="format",
        description=f"One of {', '.join(FORMATS)}; else what the Accept header asks for; else json.",
        schema_extra=one_of(FORMATS),
    ),
]


def form_of(call: Call, text: str | None) -> Format:
    """The form asked for, by the parameter or by the Accept header."""
    for form in FORMATS:
        if text == form:
            return form
    if text is not None:
        refuse("format", f"Expected one of {', '.join(FORMATS)}.")
    return MEDIA_TYPES[call.form_of(tuple(MEDIA_TYPES))]


def bank_of(letterhead: Letterhead) -> Bank:
    return Bank(letterhead.name, letterhead.bic, letterhead.address, letterhead.contact)


def has(if_none_match: str, etag: str) -> bool:
    """Whether the caller has these bytes already, by the rule of RFC 9110 for If-None-Match."""
    return if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)


async def told_statement(
    statement: Statement, form: Format, *, issued: bool = False, if_none_match: str | None = None
) -> Told:
    """The statement in the form. It is rendered in a thread, since it may take a second.

    One that was issued is the same bytes for ever, and says so by the hash of them. It is still not for
    caches: who is forgotten must not live on there, nor be looked at there without a trace.
    """
    if form == "pdf":
        loop = asyncio.get_running_loop()
        rendering = await loop.run_in_executor(_paper, render, statement, form)
    else:
        rendering = await asyncio.to_thread(render, statement, form)
    headers = [
        (b"daybook-position", str(statement.position).encode()),
        (b"vary", b"accept"),
    ]
    if form != "json":
        name = rendering.file_name.encode()
        headers.append((b"content-disposition", b'attachment; filename="' + name + b'"'))
    if issued:
        etag = f'"{hashlib.sha256(rendering.body).hexdigest()}"'
        headers.append((b"etag", etag.encode()))
        if has(if_none_match or "", etag):
            return Told(304, b"", headers)
    return Told(200, rendering.body, headers, media_type=rendering.media_type.encode())


def wire_form(kind: Any) -> Any:
    """The type as it is on the wire: a struct whose money is decimal numbers, for the OpenAPI document."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [
            (field.name, _money(field.type) if field.name in MONEY else wire_form(field.type))
            for field in msgspec.structs.fields(kind)
        ]
        return msgspec.defstruct(f"{kind.__name__}Stated", fields, kw_only=True)
    if get_origin(kind) is tuple:
        return list[wire_form(get_args(kind)[0])]  # type: ignore[misc]
    return kind


def _money(kind: Any) -> Any:
    return Decimal | None if type(None) in get_args(kind) else Decimal


StatementOut: Final = wire_form(Statement)
