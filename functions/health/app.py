"""GET /health: whether the stores answer, and how much waits."""

from longcode import http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""

    def health(_request: http.Request) -> http.Response:
        return http.Response(
            200,
            {
                "status": "healthy",
                "queue_size": service.outbox.size(),
                "tracked_messages": service.messages.tracked(),
            },
        )

    return service.api(health)


lambda_handler = wiring.start(handler)
