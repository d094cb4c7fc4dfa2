"""/sms/queue: takes one text into its recipient queue, and takes back what still waits there."""

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
        queue=service.queue,
        limits=service.limits,
        clock=service.clock,
        metrics=service.metrics,
        logger=service.logger,
        pace=service.pace,
        max_pending=service.settings.max_pending_per_recipient,
    )

    def cancel(request: Request) -> Response:
        # Loaded with the first such call: no text that is accepted waits for it.
        from longcode.use_cases.cancel import tag_query

        ident = request.path_id
        if ident is not None:
            return responses.cancelled(service.canceller.by_id(ident))
        wanted = tag_query(request.query)
        return responses.tag_cancelled(service.canceller.by_tag(wanted, service.clock.now_ms() + WORK_MS))

    def queue(request: Request) -> Response:
        if request.method == "DELETE":
            return cancel(request)
        message = service.asked_for(request, "queue")
        return responses.queued(*accept.enqueue(message, deps, service.quota(request)))

    return service.api(queue)


lambda_handler = container.start(handler)
