"""The consumer of both queues: sends each text of a batch when its slot comes, and hands back what must wait."""

from typing import Any

from longcode.domain.priority import Priority
from longcode.entrypoints import container, sqs

# The function's timeout in the template.
WORK_MS = 60_000


def handler(service: container.Service) -> container.Handler:
    """The consumer over `service`."""
    send_batch = {priority: service.send_batch(priority, answered=True) for priority in Priority}
    logger, bulk = service.logger, service.settings.bulk_queue_url

    def consume(event: Any, context: Any) -> dict[str, Any]:
        send = send_batch[sqs.priority_of(event, bulk)]
        return sqs.consume(event, send(service.deadline_ms(context, WORK_MS)), logger)

    return service.job(consume)


lambda_handler = container.start(handler)
