"""POST /sms/send: sends one text now, and answers with the provider's first word on it."""

from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import send


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    deps = service.deps

    def serve(request: Request) -> Response:
        message, replaced, guard = service.asked_for(request, "send")
        return responses.sent(*send.send_now(message, deps, service.quota(request), guard), replaced)

    return service.api(serve)


lambda_handler = container.start(handler)
