"""What the OpenAPI document says of an operation, beside what its types say."""

from dataclasses import dataclass, replace
from typing import Any, Final

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Schema,
)

from api.parameters import ID_MAX, KEY_LENGTH_MAX
from api.problems import WHAT_A_STATUS_SAYS, problem_specs

_KEY: Final = Parameter(
    name="Idempotency-Key",
    param_in="header",
    required=False,
    description=(
        "Names this one intent. The same key with the same request is answered what it was answered "
        "first, byte for byte, and nothing is done a second time; with another request it is refused."
    ),
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=KEY_LENGTH_MAX),
)


def operation_in(media_types: tuple[str, ...], *, writes: bool) -> type[Operation]:
    """An operation whose parameters are told as they are checked, and what it has beside its types: an
    idempotency key where it writes, and the media types it can be answered in beside JSON."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            parameters = [each for each in self.parameters or [] if isinstance(each, Parameter)]
            for parameter in parameters:
                _tell_as_checked(parameter)
            self.parameters = [*parameters, _KEY] if writes else [*parameters]
            self.responses = {**(self.responses or {}), **self._common()}
            good = (self.responses or {}).get("200")
            if not isinstance(good, OpenAPIResponse):
                return
            for media_type in media_types:
                form = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
                good.content = {**(good.content or {}), media_type: form}
            for name, about in (_HEADERS[p.name] for p in parameters if p.name in _HEADERS):
                header = OpenAPIHeader(schema=Schema(type=OpenAPIType.STRING), description=about)
                good.headers = {**(good.headers or {}), name: header}

        def _common(self) -> dict[str, OpenAPIResponse]:
            """The problems that any such call can be answered with, where it does not name them itself."""
            given = self.responses or {}
            malformed = given["400"]
            assert isinstance(malformed, OpenAPIResponse)
            statuses: tuple[int, ...] = () if self.security else (401, 429, 503)
            if self.request_body is not None:
                statuses += (408, 413, 415, 422)
            if media_types:
                statuses += (406,)
            return {
                str(status): replace(malformed, description=WHAT_A_STATUS_SAYS[status])
                for status in statuses
                if str(status) not in given
            }

    return Described


def _tell_as_checked(parameter: Parameter) -> None:
    """All of a query is text to the framework, and null where it is not given; the checks are ours, and
    what they take is what `schema_extra` says."""
    schema = parameter.schema
    if not isinstance(schema, Schema):
        return
    if schema.one_of:
        schema.one_of = None
        schema.type = schema.type or OpenAPIType.STRING
    if parameter.param_in == "path" and schema.type == OpenAPIType.INTEGER:
        schema.minimum, schema.maximum = 1, ID_MAX


NOT_MODIFIED: Final = {304: ResponseSpec(None, description="The caller has these bytes.")}
# A header of the answer, by the parameter that it goes with.
_HEADERS: Final = {
    "cursor": ("Link", 'The next page, as `rel="next"`; the last page has none.'),
    "after": ("Link", 'The next page, as `rel="next"`; the end of the log has none.'),
    "If-None-Match": ("ETag", "The hash of these bytes, which are the same for ever."),
}


def answers(
    status: int, kind: Any, *problems: int, media_type: str = "application/json"
) -> dict[int, ResponseSpec]:
    """What the call answers when it does what it says, and the problems it can answer: these, 400 and 500."""
    good = ResponseSpec(kind, description="Done", media_type=media_type, generate_examples=False)
    return {status: good, **problem_specs(400, *problems, 500)}


def described(
    summary: str,
    responses: dict[int, ResponseSpec],
    *,
    writes: bool | None = None,
    forms: tuple[str, ...] = (),
    open_to_anyone: bool | None = None,
) -> dict[str, Any]:
    """Keyword arguments for a handler. A call that answers 201 writes, unless said otherwise.

    `forms` are the media types that a reading can be answered in beside JSON. A call that cannot be
    answered 401 is open to anyone, unless said otherwise.
    """
    writing = 201 in responses if writes is None else writes
    anyone = 401 not in responses if open_to_anyone is None else open_to_anyone
    return {
        "summary": summary,
        "responses": responses,
        # An empty requirement: the call may come without a token.
        "security": [{}] if anyone else None,
        "operation_class": operation_in(forms, writes=writing),
    }
