"""Where strict JSON meets Litestar: one plugin reads every body and writes every answer with it.

`Litestar(plugins=[StrictJson()], request_max_body_size=REQUEST_BYTES_MAX)` is all. Handlers declare
`data: JSONBody[SomeStruct]` and keep their schemas in the OpenAPI document; a type that would be read
laxly stops the start.
"""

from collections.abc import Generator
from decimal import Decimal
from typing import Any, ClassVar, Final

from litestar import Response
from litestar._openapi.schema_generation import SchemaCreator
from litestar.config.app import AppConfig
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.exceptions import ImproperlyConfiguredException
from litestar.openapi.spec import OpenAPIType, Reference, Schema
from litestar.plugins import InitPlugin, OpenAPISchemaPlugin, SerializationPlugin
from litestar.serialization import default_serializer
from litestar.types import Serializer
from litestar.typing import FieldDefinition

from api.strict_json import (
    Amount,
    BodyNotJson,
    ExactDecimal,
    FieldError,
    Rate,
    check_body_type,
    decode,
    encode,
)

REQUEST_BYTES_MAX: Final = 64 * 1024  # a handler that takes more says so: request_max_body_size=...


class StrictBody(AbstractDTO[Any]):
    """Reads the body of one handler. Litestar makes one of these a request; the class holds the type."""

    body_type: ClassVar[Any]

    def decode_bytes(self, value: bytes) -> Any:
        # Read from the raw headers: building the framework's mapping of them costs more than parsing.
        for name, given in self.asgi_connection.scope["headers"]:
            if name == b"content-type" and not _is_json(given.decode("latin-1")):
                raise BodyNotJson(FieldError("", "Send the body as application/json."))
            if name == b"content-encoding":
                raise BodyNotJson(FieldError("", "Send the body as it is, not compressed."))
        return decode(value, self.body_type, size_max=_NO_SECOND_LIMIT)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_for_field_definition(cls, *args: Any, **kwargs: Any) -> None:
        """Nothing to prepare: the type is read as it stands, not through a transfer model."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False


# Litestar has bounded the body while it was received, by the handler's own limit.
_NO_SECOND_LIMIT: Final = 2**31


class JsonResponse(Response[Any]):
    """An answer whose decimals are JSON numbers with all of their digits."""

    def render(
        self, content: Any, media_type: str, enc_hook: Serializer = default_serializer
    ) -> bytes:
        if isinstance(content, bytes | str) or not _is_json(media_type):
            return super().render(content, media_type, enc_hook)
        return encode(content)


class StrictJson(InitPlugin, SerializationPlugin, OpenAPISchemaPlugin):
    """Gives each handler with a `data` argument its `StrictBody`, and each answer `JsonResponse`."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.response_class = JsonResponse
        # Litestar 2.25 takes no notice of what a plugin sets here, so that the app itself must.
        if app_config.request_max_body_size != REQUEST_BYTES_MAX:
            raise ImproperlyConfiguredException(
                "pass request_max_body_size=REQUEST_BYTES_MAX to Litestar"
            )
        return app_config

    def supports_type(self, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    def create_dto_for_type(self, field_definition: FieldDefinition) -> type[AbstractDTO[Any]]:
        check_body_type(field_definition.annotation)
        return type("StrictBody", (StrictBody,), {"body_type": field_definition.annotation})

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        kind = field_definition.annotation
        return isinstance(kind, type) and issubclass(kind, Decimal)

    def to_openapi_schema(
        self, field_definition: FieldDefinition, schema_creator: SchemaCreator
    ) -> Schema:
        kind = field_definition.annotation
        if not issubclass(kind, ExactDecimal):
            return Schema(type=OpenAPIType.NUMBER, examples=[100.0])
        return Schema(
            one_of=[
                Schema(type=OpenAPIType.NUMBER),
                Schema(type=OpenAPIType.STRING, pattern=f"^{kind.pattern.pattern}$"),
            ],
            description=_DESCRIPTIONS[kind],
        )


_DESCRIPTIONS: Final[dict[type[ExactDecimal], str]] = {
    Amount: "Money in major units, read exactly: a number or a string, without an exponent.",
    Rate: "A decimal, read exactly: a number or a string, without an exponent.",
}


def _is_json(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip().lower()
    return essence == "application/json" or (
        essence.startswith("application/") and essence.endswith("+json")
    )
