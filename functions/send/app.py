"""POST /sms/send: sends one text now, and answers with the provider's first word on it."""

from longcode.entrypoints import container, http
from longcode.use_cases import send


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    deps = service.deps

    def serve(request: http.Request) -> http.Response:
        message = service.asked_for(request, "send")
        return http.sent(*send.send_now(message, deps, service.quota(request)))

    return service.api(serve)


lambda_handler = container.start(handler)
