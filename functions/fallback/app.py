"""Every path that is no route of ours, and every method that a route does not have."""

import re

from longcode.domain.errors import MethodNotAllowed, NotFound
from longcode.entrypoints import container
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response

# A test compares this with the template's routes.
ROUTES = {
    r"sms/send": "POST",
    r"sms/queue": "POST, DELETE",
    r"sms/batch": "POST",
    r"sms/preview": "POST",
    r"sms/queue/process": "POST",
    r"sms/queue/(?!process$)[^/]+": "DELETE, PATCH",
    r"sms/status/[^/]+": "GET",
    r"sms/messages": "GET",
    r"sms/tags/[^/]+": "GET",
    r"sms/recipients/[^/]+": "DELETE",
    r"sms/optouts": "GET",
    r"sms/optouts/[^/]+": "GET, PUT, DELETE",
    r"webhooks/message(/[^/]+)?": "POST",
    r"health": "GET",
}


def handler(service: container.Service) -> container.Handler:
    """The catch-all over `service`."""

    def fallback(request: Request) -> Response:
        path = request.proxy_path
        for pattern, methods in ROUTES.items():
            # With a method that the route has, the gateway did not find it in how the path is written.
            if re.fullmatch(pattern, path) and request.method not in methods.split(", "):
                raise MethodNotAllowed(f"This route takes {methods} only.", allowed=methods)
            if path.endswith("/") and re.fullmatch(pattern, path.rstrip("/")):
                raise NotFound("There is no such route. Leave out the slash at the end of the path.")
        raise NotFound("There is no such route.")

    return service.api(fallback)


lambda_handler = container.start(handler)
