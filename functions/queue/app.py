"""POST /sms/queue: takes one text into its recipient queue, and answers with its place and its time."""

from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import enqueue as accept


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
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

    def queue(request: Request) -> Response:
        message, replaced = service.asked_for(request, "queue")
        return responses.queued(*accept.enqueue(message, deps, service.quota(request)), replaced)

    return service.api(queue)


lambda_handler = container.start(handler)
