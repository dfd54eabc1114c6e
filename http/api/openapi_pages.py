"""The OpenAPI document and its page, with everything the page needs served from here.

`/schema` is Swagger UI, `/schema/openapi.json` the document. The page loads nothing from another host,
and its content security policy would not let it.
"""

import hashlib
import html
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.params import FromPath
from litestar.serialization import encode_json

from api.examples import with_examples

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# Swagger UI 5.35.0, Apache-2.0, as published; its licence stands beside it.
_MEDIA_TYPES: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript; charset=utf-8",
    "LICENSE": "text/plain; charset=utf-8",
    "NOTICE": "text/plain; charset=utf-8",
}

_START: Final = b"""window.onload = () => SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
});
"""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="/schema/assets/favicon-32x32.png">
<link rel="stylesheet" href="/schema/assets/swagger-ui.css">
<script src="/schema/assets/swagger-ui-bundle.js"></script>
<script src="/schema/assets/swagger-ui-standalone-preset.js"></script>
<script src="/schema/assets/start.js"></script>
</head>
<body><div id="swagger"></div></body>
</html>
"""


def openapi_config(
    *, title: str, version: str, description: str, tags: Sequence[Tag] = ()
) -> OpenAPIConfig:
    """The configuration for `Litestar(openapi_config=...)`: the document, its page and its assets."""
    return OpenAPIConfig(
        title=title,
        version=version,
        description=description,
        tags=list(tags),
        render_plugins=[_SwaggerPage(path="/"), _Document(path="/openapi.json")],
        openapi_router=Router(
            "/schema",
            route_handlers=[asset],
            include_in_schema=False,
            response_headers={
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "X-Content-Type-Options": "nosniff",
            },
        ),
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            }
        ),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )


class _SwaggerPage(OpenAPIRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _PAGE.format(title=html.escape(openapi_schema["info"]["title"])).encode()


class _Document(OpenAPIRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return encode_json(with_examples(openapi_schema))


@get("/assets/{name:str}", sync_to_thread=False, include_in_schema=False)
def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """One of the vendored files. They are few, and read once."""
    if name not in _ASSETS:
        raise NotFoundException
    body, etag = _ASSETS[name]
    headers = {"ETag": etag, "Cache-Control": "public, max-age=3600"}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers, media_type=MediaType.TEXT)
    return Response(body, media_type=_MEDIA_TYPES[name], headers=headers)


def _read_assets() -> dict[str, tuple[bytes, str]]:
    folder = files("api") / "pages" / "swagger"
    bodies = {
        name: _START if name == "start.js" else (folder / name).read_bytes()
        for name in _MEDIA_TYPES
    }
    return {
        name: (body, f'"{hashlib.sha256(body).hexdigest()[:32]}"') for name, body in bodies.items()
    }


_ASSETS: Final = _read_assets()
