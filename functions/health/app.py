"""GET /health: whether the stores answer, how much waits, and what became of the rest."""

from longcode.entrypoints import container
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    counters, queue = service.counters, service.queue

    def health(_request: Request) -> Response:
        by_status = counters.read(None)
        return Response(
            200,
            {
                "status": "healthy",
                "queue_size": queue.size(),
                "tracked_messages": sum(by_status.values()),
                "by_status": by_status,
            },
        )

    return service.api(health)


lambda_handler = container.start(handler)
