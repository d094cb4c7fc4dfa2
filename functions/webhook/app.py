"""POST /webhooks/message: takes the provider's signed receipts and inbound texts, within 2 s."""

from longcode.entrypoints import container
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.telnyx import signature, webhooks
from longcode.use_cases import receipts, registration


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    deps = receipts.ReceiptDependencies(
        messages=service.messages,
        optouts=service.optouts,
        carriers=service.carriers,
        brakes=service.brakes,
        finder=lambda: service.finder,
        explain=service.explain,
        metrics=service.metrics,
        logger=service.logger,
        long_code=service.settings.long_code,
    )

    def webhook(request: Request) -> Response:
        now = service.clock.now_ms()
        body = request.raw_body
        # Before anything in the body is looked at.
        signature.expect_source(service.settings.webhook_sources, request.source_address)
        signature.verify(service.settings.public_keys, request.headers, body, now)
        event = webhooks.event(body, now, deps.long_code)
        done = receipts.take(event, request.path_id, deps, now)
        registration.apply(
            event,
            long_code=deps.long_code,
            # Of a few events a year.
            registrations=lambda: service.registrations,
            metrics=deps.metrics,
            logger=deps.logger,
            now_ms=now,
        )
        return Response(200, {"status": done})

    return service.api(webhook)


lambda_handler = container.start(handler)
