"""The consumer of the delivery queue: calls the URLs of webhook subscriptions, in order for each text."""

from typing import Any

from longcode.aws import delivery_queue
from longcode.entrypoints import container, delivery_parts
from longcode.use_cases import deliver

# The function's timeout in the template.
WORK_MS = 60_000


def handler(service: container.Service) -> container.Handler:
    """The deliverer over `service`."""
    deps = delivery_parts.deliver_dependencies(service)

    def run(event: Any, context: Any) -> dict[str, Any]:
        received = [delivery_queue.received(record) for record in event.get("Records", [])]
        waiting = deliver.deliver_batch(received, deps, service.deadline_ms(context, WORK_MS))
        service.logger.info("deliveries", received=len(received), waiting=len(waiting))
        return {"batchItemFailures": [{"itemIdentifier": one.queue_id} for one in waiting]}

    return service.job(run)


lambda_handler = container.start(handler)
