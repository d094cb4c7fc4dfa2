"""POST /sms/queue: takes one text into its recipient's line, and answers with its place and its time."""

from longcode import accept, http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    line = accept.Line(
        messages=service.messages,
        outbox=service.outbox,
        limits=service.limits,
        clock=service.clock,
        meter=service.meter,
        journal=service.journal,
        pace=service.pace,
        max_pending=service.settings.max_pending_per_recipient,
    )

    def queue(request: http.Request) -> http.Response:
        message = service.asked_for(request, "queue")
        return http.queued(*accept.enqueue(message, line, service.guard(request)))

    return service.api(queue)


lambda_handler = wiring.start(handler)
