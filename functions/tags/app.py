"""GET /sms/tags/{tag}: how many texts of one tag are in each status."""

from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    counters = service.counters

    def tags(request: Request) -> Response:
        tag = request.path_tag
        return responses.tag(tag, counters.read(tag))

    return service.api(tags)


lambda_handler = container.start(handler)
