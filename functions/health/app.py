"""GET /health: whether the stores answer, how much waits, and what became of the rest."""

from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    counters, queues = service.counters, service.queues

    def health(_request: Request) -> Response:
        return responses.health(counters.read(None), queues.size())

    return service.api(health)


lambda_handler = container.start(handler)
