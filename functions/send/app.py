"""POST /sms/send: sends one text now, and answers with the carrier's first word on it."""

from longcode import accept, deliver, http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""

    def send(request: http.Request) -> http.Response:
        settings = service.settings
        message = accept.new_message(
            accept.draft(request.json, settings.long_code),
            route="send",
            sender=settings.long_code,
            caller=request.caller,
            key=accept.idempotency_key(request.headers.get("idempotency-key")),
            webhook_url=request.webhook_url(settings.webhook_url),
            now_ms=service.clock.now_ms(),
        )
        return http.sent(*deliver.send_now(message, service.desk))

    return service.api(send)


lambda_handler = wiring.start(handler)
