"""What the OpenAPI document says of an operation, beside what its types say."""

from dataclasses import dataclass
from typing import Any, Final

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema

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
    summary: str, responses: dict[int, ResponseSpec], *, writes: bool | None = None
) -> dict[str, Any]:
    """Keyword arguments for a handler. A call that answers 201 writes, unless said otherwise."""
    writing = 201 in responses if writes is None else writes
    return {
        "summary": summary,
        "responses": responses,
        "operation_class": WritingOperation if writing else Operation,
    }
