"""POST /sms/queue: takes one text into its recipient's line, and answers with its place and its time."""

from longcode import accept, http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""

    def queue(request: http.Request) -> http.Response:
        settings = service.settings
        message = accept.new_message(
            accept.draft(request.json, settings.long_code),
            route="queue",
            sender=settings.long_code,
            caller=request.caller,
            key=accept.idempotency_key(request.headers.get("idempotency-key")),
            webhook_url=request.webhook_url(settings.webhook_url),
            now_ms=service.clock.now_ms(),
        )
        line = accept.Line(
            messages=service.messages,
            outbox=service.outbox,
            limits=service.limits,
            clock=service.clock,
            meter=service.meter,
            journal=service.journal,
            pace=service.pace,
            max_pending=settings.max_pending_per_recipient,
        )
        return http.queued(*accept.enqueue(message, line))

    return service.api(queue)


lambda_handler = wiring.start(handler)
