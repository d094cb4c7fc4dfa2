"""The media queue: fetches what people sent with a text, and keeps it in the bucket."""

from typing import Any

from longcode.aws import queue
from longcode.entrypoints import container
from longcode.use_cases.store_media import MediaStorer

# The function's timeout in the template.
WORK_MS = 60_000


def handler(service: container.Service) -> container.Handler:
    """The queue's consumer over `service`."""
    storer = MediaStorer(
        messages=service.messages,
        notes=service.media_notes,
        bucket=service.media_bucket,
        jobs=service.media_jobs,
        outbound=service.media_web,
        clock=service.clock,
        metrics=service.metrics,
        logger=service.logger,
    )

    def media(event: Any, context: Any) -> dict[str, Any]:
        jobs = [queue.envelope(record) for record in event.get("Records", [])]
        waiting = storer.work(jobs, service.deadline_ms(context, WORK_MS))
        return {"batchItemFailures": [{"itemIdentifier": job.queue_id} for job in waiting]}

    return service.job(media)


lambda_handler = container.start(handler)
