"""/sms/queue takes a text into its queue, changes it, takes it back; /sms/batch takes 500, /sms/preview none."""

from dataclasses import replace

from longcode.domain import send_request
from longcode.domain.tag_brake import tag_of
from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import enqueue as accept

# API Gateway gives up after 29 s.
WORK_MS = 20_000


def handler(service: container.Service) -> container.Handler:
    """The routes over `service`."""
    deps = accept.EnqueueDependencies(
        messages=service.messages,
        queues=service.queues,
        limits=service.limits,
        clock=service.clock,
        metrics=service.metrics,
        logger=service.logger,
        pace=service.pace,
        max_pending=service.settings.max_pending_per_recipient,
        quiet_hours=service.settings.quiet_hours,
    )

    def queue(request: Request) -> Response:
        if request.method == "DELETE":
            return _cancel(request, service)
        if request.method == "PATCH":
            return _change(request, service)
        if request.route == "/sms/batch":
            return _batch(request, service, deps)
        if request.route == "/sms/preview":
            return _preview(request, service)
        message, replaced, guard = service.asked_for(request, "queue")
        return responses.queued(*accept.enqueue(message, deps, service.quota(request), guard), replaced)

    return service.api(queue)


def _cancel(request: Request, service: container.Service) -> Response:
    # Loaded with the first such call: no text that is accepted waits for it.
    from longcode.use_cases.cancel import tag_query

    ident = request.path_id
    service.expect_own(request, ident)
    if ident is not None:
        canceller = replace(service.canceller, test_only=service.is_test(request))
        return responses.cancelled(canceller.by_id(ident))
    wanted = tag_query(request.query, test=service.is_test(request))
    return responses.tag_cancelled(service.canceller.by_tag(wanted, service.clock.now_ms() + WORK_MS))


def _change(request: Request, service: container.Service) -> Response:
    # Loaded with the first such call, as the rest of them.
    from longcode.domain.change_request import parse_change
    from longcode.use_cases.change import Changer
    from longcode.use_cases.test_limits import limits_of

    settings, wanted = service.settings, parse_change(request.json)
    service.expect_own(request, request.path_id or "")
    changer = Changer(
        messages=service.messages,
        queues=service.queues,
        clock=service.clock,
        metrics=service.metrics,
        logger=service.logger,
        quiet_hours=settings.quiet_hours,
        validity_ms=settings.validity_minutes * 60_000,
        test_only=service.is_test(request),
    )
    message = changer.change(request.path_id or "", wanted)
    limits = limits_of(message, service.limits)
    gate = limits.read_gate(message.recipient, message.sender, message.priority, tag_of(message))
    now = service.clock.now_ms()
    forecast = accept.forecast(message, service.messages, gate, now, service.pace, service.settings.quiet_hours)
    return responses.status(message, forecast, wanted.words.replaced if wanted.words else ())


def _batch(request: Request, service: container.Service, deps: accept.EnqueueDependencies) -> Response:
    # Loaded by the first batch: a text that is queued alone needs nothing of it.
    from longcode.entrypoints import batch_route

    return batch_route.serve(request, service, deps)


def _preview(request: Request, service: container.Service) -> Response:
    # Loaded by the first preview: a text that is queued needs nothing of it.
    from longcode.use_cases import preview, text_cost

    settings, now = service.settings, service.clock.now_ms()
    wanted = send_request.parse_send_request(request.json, settings.long_code, preview=True)
    text, outlook = preview.preview(wanted.asked), None
    quiet = preview.quiet(wanted, settings.quiet_hours, now)
    if to := wanted.recipient:
        service.expect_listed(request, to)
        outlook = preview.outlook(to, settings.long_code, service.limits, settings.campaign, now)
    cost = text_cost.estimate(
        text.size.segments, wanted.recipient or settings.long_code, service.finder, service.messages, now
    )
    return responses.previewed(text, cost, outlook, quiet)


lambda_handler = container.start(handler)
