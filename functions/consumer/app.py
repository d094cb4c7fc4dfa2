"""The queue's consumer: sends each text of a batch when its slot comes, and hands back what must wait."""

from longcode import batch, wiring

# The function's timeout in the template.
WORK_MS = 60_000


def handler(service: wiring.Service) -> wiring.Handler:
    """The consumer over `service`."""
    send_batch, journal = service.send_batch, service.journal
    return service.job(
        lambda event, context: batch.consume(event, send_batch(service.deadline_ms(context, WORK_MS)), journal)
    )


lambda_handler = wiring.start(handler)
