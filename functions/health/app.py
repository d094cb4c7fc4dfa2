"""GET /health: whether the stores answer, how much waits, and what became of the rest."""

from longcode import http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    counters, outbox = service.counters, service.outbox

    def health(_request: http.Request) -> http.Response:
        by_status = counters.read(None)
        return http.Response(
            200,
            {
                "status": "healthy",
                "queue_size": outbox.size(),
                "tracked_messages": sum(by_status.values()),
                "by_status": by_status,
            },
        )

    return service.api(health)


lambda_handler = wiring.start(handler)
