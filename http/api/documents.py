"""What the OpenAPI document says of an operation, beside what its types say."""

from dataclasses import dataclass
from typing import Any, Final

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Schema,
)

from api.parameters import KEY_LENGTH_MAX
from api.problems import problem_specs

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


@dataclass
class WritingOperation(Operation):
    """An operation that takes an idempotency key."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or []), _KEY]


def operation_in(*media_types: str) -> type[Operation]:
    """An operation that can be answered in these media types too, beside JSON."""

    @dataclass
    class InManyForms(Operation):
        def __post_init__(self) -> None:
            good = (self.responses or {})["200"]
            assert isinstance(good, OpenAPIResponse)
            for media_type in media_types:
                form = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
                good.content = {**(good.content or {}), media_type: form}

    return InManyForms


POSITION: Final = ResponseHeader(
    name="Daybook-Position",
    description="The position in the log that the answer stands at.",
    documentation_only=True,
)


def answers(status: int, kind: Any, *problems: int) -> dict[int, ResponseSpec]:
    """What the call answers when it does what it says, and the problems it can answer: these, 400 and 500."""
    good = ResponseSpec(kind, description="Done", generate_examples=False)
    return {status: good, **problem_specs(400, *problems, 500)}


def described(
    summary: str,
    responses: dict[int, ResponseSpec],
    *,
    writes: bool | None = None,
    forms: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Keyword arguments for a handler. A call that answers 201 writes, unless said otherwise.

    `forms` are the media types that a reading can be answered in beside JSON.
    """
    writing = 201 in responses if writes is None else writes
    reading = operation_in(*forms) if forms else Operation
    return {
        "summary": summary,
        "responses": responses,
        "operation_class": WritingOperation if writing else reading,
    }
