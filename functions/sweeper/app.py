"""Each minute: finds the messages that fell between two steps, and settles them by evidence."""

from longcode import wiring

# Half of the time between two runs, so that two rarely overlap. They may: every write has its condition.
WORK_MS = 30_000


def handler(service: wiring.Service) -> wiring.Handler:
    """The sweeper over `service`."""
    sweeper = service.sweeper

    def sweep(_event: object, context: object) -> dict[str, int]:
        looked = sweeper.sweep(service.deadline_ms(context, WORK_MS))
        service.journal.info("sweep", looked=looked)
        return {"looked": looked}

    return service.job(sweep)


lambda_handler = wiring.start(handler)
