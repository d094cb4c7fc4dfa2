"""Reading what the provider knows of our number's campaign, for the limits that carriers have for it."""

from dataclasses import dataclass

from longcode.domain.campaign import CampaignFacts
from longcode.domain.destinations import in_us
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.use_cases.send_attempt import SendDependencies

_MINUTE = 60_000
# How often it is read; and how soon again, if that has failed.
READ_MS = 60 * _MINUTE
AGAIN_MS = 5 * _MINUTE


@dataclass(slots=True)
class CampaignReader:
    """Reads the facts when this process begins, and then once an hour. Nothing waits for them."""

    deps: SendDependencies
    _due_ms: int = 0

    def refresh(self, until_ms: int) -> None:
        """Read and keep them if it is time, and not yet `until_ms`. Never raises.

        10DLC is about numbers of the United States: of others nothing is read.
        """
        deps, now = self.deps, self.deps.clock.now_ms()
        if not in_us(deps.sender) or now < self._due_ms or now > until_ms:
            return
        self._due_ms = now + AGAIN_MS
        try:
            facts = deps.provider.campaign(deps.sender)
            deps.carriers.know(deps.sender, facts)
        except Unavailable as exc:
            deps.logger.warning("campaign.unread", what=exc.what)
        except Exception:
            # It must not end the run for what texts can do without.
            deps.logger.exception("campaign.crashed")
            deps.metrics.count(Metric.CRASHED)
        else:
            self._due_ms = now + READ_MS
            _log(facts, deps)


def _log(facts: CampaignFacts, deps: SendDependencies) -> None:
    """What there is, and a warning where the number is on no campaign, or is not on it yet."""
    registered = bool(facts.campaign_id) and facts.assignment in ("", "ASSIGNED")
    log = deps.logger.info if registered else deps.logger.warning
    log("campaign.read", campaign=facts.campaign_id, assignment=facts.assignment)
