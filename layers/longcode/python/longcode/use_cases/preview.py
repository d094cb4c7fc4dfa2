"""What a text would be, and what its recipient's carrier would take: nothing is stored, counted or reserved."""

from dataclasses import dataclass

from longcode.domain import campaign, segments, smart_encoding
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.segments import Size
from longcode.domain.send_request import SendRequest
from longcode.domain.smart_encoding import Forcing, Replaced
from longcode.domain.status import HeldBy
from longcode.use_cases import carrier_stops
from longcode.use_cases.ports import Limits
from longcode.use_cases.quiet import QuietOutlook
from longcode.use_cases.quiet import outlook as quiet_outlook


@dataclass(frozen=True, slots=True)
class TextPreview:
    """A text as it is, and as it would be with smart encoding.

    Without a segment to save `shorter` is the text as it is, and nothing is `replaced`.
    """

    size: Size
    forced_by: list[Forcing]
    shorter: str
    shorter_size: Size
    replaced: tuple[Replaced, ...]


@dataclass(frozen=True, slots=True)
class CarrierOutlook:
    """What holds for a recipient's texts at their carrier.

    `subscription` is None if nothing is known that is recent enough; then `per_minute` and `per_day`, both in
    segments, are those of the carriers that such texts are counted against. `held` is until when (epoch
    milliseconds) and by what the carrier's texts are held back now, None if they are not.
    """

    recipient: str
    subscription: Subscription | None
    per_minute: dict[Carrier, int]
    per_day: dict[Carrier, int]
    held: tuple[int, HeldBy] | None


def preview(text: str) -> TextPreview:
    """Explain the segments of `text`."""
    shorter, replaced = smart_encoding.shorten(text)
    return TextPreview(
        segments.measure(text), smart_encoding.forcing(text), shorter, segments.measure(shorter), replaced
    )


def outlook(
    recipient: str, sender: str, limits: Limits, settings: CampaignSettings, now_ms: int
) -> CarrierOutlook:
    """What `recipient`'s carrier takes of `sender`, as it is known now. One read. Raises Unavailable."""
    gate = limits.read_gate(recipient, sender)
    known = gate.subscription if gate.subscription and gate.subscription.believed(now_ms) else None
    found, carrier = campaign.limits(settings, gate.campaign), known.carrier if known else None
    held = carrier_stops.held(gate, recipient, now_ms)
    return CarrierOutlook(
        recipient,
        known,
        {one: found.per_minute[one] for one in found.rated(carrier)},
        {one: found.per_day[one] for one in found.capped(carrier)},
        held[:2] if held else None,
    )


def quiet(wanted: SendRequest, hours: QuietHours | None, now_ms: int) -> QuietOutlook | None:
    """When a text may leave that is asked for now; None without quiet hours, or where nothing says whose.

    Raises InvalidRequest, as a text would that keeps them.
    """
    said = wanted.quiet
    # A text that does not keep them is refused for nothing that has to do with them.
    if hours is None or not (wanted.recipient and said.kept):
        return None
    return quiet_outlook(said, wanted.recipient, hours, now_ms)
