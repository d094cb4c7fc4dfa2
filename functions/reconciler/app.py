"""Each minute: finds the messages that fell between two steps, and settles them by evidence."""

from longcode.entrypoints import container

# Half of the time between two runs, so that two rarely overlap. They may: every write has its condition.
WORK_MS = 30_000
# So long after it the campaign may still be read, which takes 6 s and 15 s at most.
LATE_MS = 5_000


def handler(service: container.Service) -> container.Handler:
    """The reconciler over `service`."""
    reconciler, campaign = service.reconciler, service.campaign_reader

    def reconcile(_event: object, context: object) -> dict[str, int]:
        deadline_ms = service.deadline_ms(context, WORK_MS)
        looked = reconciler.reconcile(deadline_ms)
        # Last, and only where there is time for a provider and a table that both hang.
        campaign.refresh(deadline_ms + LATE_MS)
        service.logger.info("reconcile", looked=looked)
        return {"looked": looked}

    return service.job(reconcile)


lambda_handler = container.start(handler)
