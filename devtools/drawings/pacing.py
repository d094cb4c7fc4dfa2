"""When texts leave: the real consumer in virtual time, with and without a carrier's limit."""

from dataclasses import dataclass

from devtools.drawings import svg
from longcode.domain.campaign import ATT_PER_MINUTE, CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from tests.support.fakes import FakeClock, make_settings, make_world
from tests.support.fakes.network import NetworkProvider

ATT_CLASS = "T"
INTERVAL_MS = 1_000
_OURS = "+12025550100"
# A Friday morning, far from any day's end.
_START_MS = 1_795_795_200_000
_LEFT, _SECOND, _ROW = 200.0, 225.0, 24.0


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who gets so many texts, all accepted in the same moment."""

    name: str
    number: str
    carrier: Carrier
    texts: int

    @property
    def label(self) -> str:
        """The name and the carrier, for people."""
        return f"{self.name}, {'AT&T' if self.carrier is Carrier.ATT else 'T-Mobile'}"


PEOPLE = (
    Person("Ann", "+12025550101", Carrier.T_MOBILE, 3),
    Person("Bob", "+12025550180", Carrier.ATT, 2),
    Person("Cy", "+13125550181", Carrier.ATT, 1),
    Person("Di", "+14155550182", Carrier.ATT, 1),
)
Departures = dict[Person, list[int]]


def departures(campaign: CampaignSettings) -> Departures:
    """When the provider got each person's texts, milliseconds after they were accepted."""
    clock = FakeClock(_START_MS)
    provider = NetworkProvider(clock, _OURS)
    settings = make_settings(campaign=campaign, recipient_interval_ms=INTERVAL_MS)
    world = make_world(settings, clock=clock, provider=provider)
    for person in PEOPLE:
        world.carriers.learn(person.number, Subscription(person.carrier, "wireless", clock.now))
    began = clock.now
    for person in PEOPLE:
        for number in range(person.texts):
            world.enqueue(person.number, f"Text {number + 1}")
    world.consume(until_ms=began + 20_000, concurrency=5)
    return {
        person: [text.taken_ms - began for text in provider.texts if text.recipient == person.number]
        for person in PEOPLE
    }


def drawing() -> str:
    """Both runs, one above the other."""
    free, limited = departures(CampaignSettings()), departures(CampaignSettings(campaign_class=ATT_CLASS))
    limit = ATT_PER_MINUTE[ATT_CLASS]
    first, y = _panel(free, 34, f"One limit: {INTERVAL_MS} ms between two texts to one person")
    second, end = _panel(
        limited, y + 26, f"Two limits: the same, and AT&T takes {limit} segments a minute of the campaign"
    )
    legend = [
        svg.box(_LEFT, end + 4, 40, 12, "go"),
        svg.text(_LEFT + 50, end + 15, "waits", "small"),
        svg.dot(_LEFT + 118, end + 10),
        svg.text(_LEFT + 130, end + 15, "reaches the provider, T-Mobile", "small"),
        svg.dot(_LEFT + 362, end + 10, "dot2"),
        svg.text(_LEFT + 374, end + 15, "the same, AT&T", "small"),
    ]
    words = f"Seven texts of one moment. With one limit: {_times(free)} With AT&T's as well: {_times(limited)}"
    return svg.page("When texts leave", words, end + 32, [*first, *second, *legend], "devtools/drawings/pacing.py")


def _times(found: Departures) -> str:
    rows = (
        f"{person.name} after {', '.join(f'{at / 1000:.2f}' for at in times)} s" for person, times in found.items()
    )
    return f"{'; '.join(rows)}."


def _panel(found: Departures, top: float, heading: str) -> tuple[list[str], float]:
    """One run as rows, and where it ends."""
    pieces = [svg.text(24, top, heading, "strong")]
    rows = sum(len(times) for times in found.values())
    bottom = top + 18 + rows * _ROW
    for second in range(4):
        x = _LEFT + second * _SECOND
        pieces += [svg.line(f"M{x:g} {top + 14:g}V{bottom:g}", "grid")]
        pieces += [svg.text(x, bottom + 16, f"{second} s", "small", "middle")]
    y = top + 18 + _ROW / 2
    for person, times in found.items():
        pieces.append(svg.text(24, y + 5, person.label))
        for at in times:
            x = _LEFT + at / 1000 * _SECOND
            kind = ("warn", "dot2") if person.carrier is Carrier.ATT else ("go", "dot")
            if at > 50:
                pieces.append(svg.box(_LEFT, y - 6, x - _LEFT, 12, kind[0]))
            pieces += [svg.dot(x, y, kind[1]), svg.text(x + 12, y + 4, f"{at / 1000:.2f} s", "small")]
            y += _ROW
    return pieces, bottom + 26
