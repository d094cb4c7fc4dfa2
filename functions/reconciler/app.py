"""Each minute: finds the messages that fell between two steps, and settles them by evidence."""

from longcode.entrypoints import container

# Half of the time between two runs, so that two rarely overlap. They may: every write has its condition.
WORK_MS = 30_000


def handler(service: container.Service) -> container.Handler:
    """The reconciler over `service`."""
    reconciler = service.reconciler

    def reconcile(_event: object, context: object) -> dict[str, int]:
        looked = reconciler.reconcile(service.deadline_ms(context, WORK_MS))
        service.logger.info("reconcile", looked=looked)
        return {"looked": looked}

    return service.job(reconcile)


lambda_handler = container.start(handler)
