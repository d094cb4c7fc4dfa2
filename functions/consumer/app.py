"""The queue's consumer: sends each text of a batch when its slot comes, and hands back what must wait."""

from longcode.entrypoints import container, sqs

# The function's timeout in the template.
WORK_MS = 60_000


def handler(service: container.Service) -> container.Handler:
    """The consumer over `service`."""
    send_batch, logger = service.send_batch(answered=True), service.logger
    return service.job(
        lambda event, context: sqs.consume(event, send_batch(service.deadline_ms(context, WORK_MS)), logger)
    )


lambda_handler = container.start(handler)
