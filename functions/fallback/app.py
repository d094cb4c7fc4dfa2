"""The OpenAPI document, every path that is no route of ours, and every method that a route does not have."""

from pathlib import Path

from longcode.domain.errors import MethodNotAllowed, NotFound
from longcode.entrypoints import container, routes
from longcode.entrypoints.documents import JsonFile
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response

DOCUMENT = JsonFile(Path(__file__).with_name("openapi.json"))


def handler(service: container.Service) -> container.Handler:
    """The catch-all over `service`."""

    def fallback(request: Request) -> Response:
        if request.route == "/openapi.json":
            return DOCUMENT.answer(request)
        path = request.proxy_path
        allowed = routes.methods(path)
        # With a method that the route has, the gateway did not find it in how the path is written.
        if allowed and request.method not in allowed:
            names = ", ".join(allowed)
            raise MethodNotAllowed(f"This route takes {names} only.", allowed=names)
        if path.endswith("/") and routes.methods(path.rstrip("/")):
            raise NotFound("There is no such route. Leave out the slash at the end of the path.")
        raise NotFound("There is no such route.")

    return service.api(fallback)


lambda_handler = container.start(handler)
