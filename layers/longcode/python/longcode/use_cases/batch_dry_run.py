"""What a batch would come to: looked at as where it is accepted, with nothing is stored, counted or reserved."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import batched

from longcode.domain import batch_forecast, campaign, destinations, pacific, phone, segments
from longcode.domain.batch_forecast import Forecast, Leaving
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.errors import DailyLimitReached, RecipientOptedOut
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.priority import Priority
from longcode.domain.search import Search
from longcode.domain.segments import Size
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause, Subject, SubjectKind, tag_of
from longcode.use_cases import batch, tag_brakes, text_cost
from longcode.use_cases.batch import BatchDependencies, BatchText
from longcode.use_cases.brake_store import BrakeStore
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Finder
from longcode.use_cases.quota import Quota

# How many of the latest texts to one person are looked at for the same words.
_LATEST = 20
_READ = 100
# Of how many tags one call reads the pauses.
_SUBJECTS = 90
# What ended so never reached its recipient: the same words are no second copy.
_NEVER_LEFT = (Status.FAILED, Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED_UNSENT)


@dataclass(frozen=True, slots=True)
class DryRunDependencies:
    """Dependencies of a dry run."""

    batch: BatchDependencies
    finder: Finder
    carriers: Carriers
    brakes: BrakeStore
    campaign: CampaignSettings
    sender: str
    validity_ms: int


@dataclass(slots=True)
class Checked:
    """What is known of one item.

    `size` is None where it has no text that could be sent. `duplicate_of` is the place of an item with the same
    words for the same person before it, or the id of such a text that was accepted of late.
    """

    text: BatchText
    size: Size | None = None
    carrier: Carrier | None = None
    duplicate_of: int | str | None = None


type _Words = tuple[str, str | None, tuple[str, ...]]


@dataclass(slots=True)
class DryRun:
    """A batch as it would be.

    `cost` is None where no price is known for one of the countries, or they are in several currencies. `finishes`
    is None where nothing would leave, or a pause holds one of them.
    """

    items: list[Checked]
    cost: Decimal | None = None
    currency: str | None = None
    forecast: Forecast = field(default_factory=Forecast)

    @property
    def to_send(self) -> list[Checked]:
        """Those that would be stored anew."""
        return [item for item in self.items if item.text.new]

    @property
    def opted_out(self) -> int:
        """How many are refused as their recipient has opted out."""
        return sum(isinstance(item.text.refused, RecipientOptedOut) for item in self.items)


def dry_run(
    texts: Sequence[BatchText], deps: DryRunDependencies, quota: Quota, window_ms: int, now_ms: int
) -> DryRun:
    """Look at a batch as if it were to be accepted now. Raises Unavailable."""
    batch.examine(texts, deps.batch, quota)
    new = [text for text in texts if text.new]
    for text, refused in zip(new, quota.outlook([text.asked for text in new]), strict=True):
        if isinstance(refused, DailyLimitReached):
            text.refused = refused
    found = DryRun([Checked(text) for text in texts])
    for item in found.items:
        if item.text.message:
            item.size = segments.measure(item.text.message.text or "")
    _find_carriers(found, deps, now_ms)
    _find_duplicates(found, deps, window_ms, now_ms)
    _estimate(found, deps, now_ms)
    # Of bulk also the turns that it has taken ahead.
    priorities = {item.text.asked.priority for item in found.to_send}
    last = Priority.BULK if Priority.BULK in priorities else Priority.TRANSACTIONAL
    gate = deps.batch.enqueue.limits.read_gate("", deps.sender, last)
    found.forecast = _forecast(found, deps, gate, now_ms)
    if _any_paused(found, deps, gate, now_ms):
        # When an operator resumes is not known.
        found.forecast.finishes_ms = None
    return found


def _find_carriers(found: DryRun, deps: DryRunDependencies, now_ms: int) -> None:
    recipients: dict[str, list[Checked]] = {}
    for item in found.items:
        if item.text.message:
            recipients.setdefault(item.text.message.recipient, []).append(item)

    def read(numbers: Sequence[str]) -> None:
        for number, known in deps.carriers.subscriptions(numbers).items():
            for item in recipients[number] if known.believed(now_ms) else ():
                item.carrier = known.carrier

    batch.spread([partial(read, some) for some in batched(recipients, _READ, strict=False)], deps.batch.parallel)


def _words(message: Message) -> _Words:
    """What makes two texts the same: the person, the words and the media, as of `refuse_duplicates_s`."""
    return phone.canonical(message.recipient), message.text, message.media_urls


def _find_duplicates(found: DryRun, deps: DryRunDependencies, window_ms: int, now_ms: int) -> None:
    first: dict[_Words, int] = {}
    people: dict[str, list[Checked]] = {}
    for place, item in enumerate(found.items):
        if not item.text.message or item.text.refused:
            continue
        if item.text.existing:
            item.duplicate_of = item.text.existing.id
            continue
        number = phone.canonical(item.text.message.recipient)
        before = first.setdefault(_words(item.text.message), place)
        if before != place:
            item.duplicate_of = before
        else:
            people.setdefault(number, []).append(item)
    if not window_ms:
        return
    recent = _recent(people, deps, window_ms, now_ms)
    for items in people.values():
        for item in items:
            item.duplicate_of = recent.get(_words(item.text.asked))


def _recent(
    people: dict[str, list[Checked]], deps: DryRunDependencies, window_ms: int, now_ms: int
) -> dict[_Words, str]:
    """The id of the latest text to each person with each words, as far as its words are kept."""
    ids: list[str] = []

    def find(number: str) -> None:
        asked = people[number][0].text.asked
        wanted = Search(peer=asked.recipient, direction="outbound", since_ms=now_ms - window_ms, test=asked.test)
        ids.extend(deps.finder.find(wanted, None, _LATEST, now_ms).ids)

    batch.spread([partial(find, number) for number in people], deps.batch.parallel)
    messages: list[Message] = []

    def read(some: Sequence[str]) -> None:
        messages.extend(deps.batch.enqueue.messages.get_all(some))

    batch.spread([partial(read, some) for some in batched(ids, _READ, strict=False)], deps.batch.parallel)
    messages.sort(key=lambda message: message.accepted_ms)
    return {
        _words(message): message.id
        for message in messages
        if message.text is not None and message.status not in _NEVER_LEFT
    }


def _estimate(found: DryRun, deps: DryRunDependencies, now_ms: int) -> None:
    """The cost of all, by what the latest texts to the same countries cost."""
    many: Counter[str] = Counter()
    numbers: dict[str, str] = {}
    for item in found.to_send:
        country = destinations.country(item.text.asked.recipient)
        many[country] += item.text.asked.segments
        numbers[country] = item.text.asked.recipient
    if not many:
        return
    known = text_cost.recent_prices(deps.finder, deps.batch.enqueue.messages, now_ms)
    costs = [text_cost.estimate_by(known, segments, numbers[country]) for country, segments in many.items()]
    priced = [cost for cost in costs if cost]
    if len(priced) == len(costs) and len({cost.currency for cost in priced}) == 1:
        found.cost = sum((cost.amount for cost in priced), Decimal())
        found.currency = priced[0].currency


def _any_paused(found: DryRun, deps: DryRunDependencies, gate: Gate, now_ms: int) -> bool:
    """Whether a pause of all texts, of a priority, a tag or a carrier holds one that would be sent."""
    tags = sorted({tag for item in found.to_send if (tag := tag_of(item.text.asked))})
    pauses: dict[str, Pause | None] = {}
    for some in batched(tags, _SUBJECTS, strict=False):
        standings = deps.brakes.standings([Subject(SubjectKind.TAG, tag) for tag in some], now_ms)
        pauses |= {subject.name: standing.pause for subject, standing in standings.items()}

    def held(item: Checked) -> bool:
        message = item.text.asked
        subscription = Subscription(item.carrier, "", now_ms) if item.carrier else None
        own = replace(gate, subscription=subscription, tag_pause=pauses.get(tag_of(message) or ""))
        return bool(gate.control.paused(message.priority) or tag_brakes.held(message, own, now_ms))

    return any(map(held, found.to_send))


def _forecast(found: DryRun, deps: DryRunDependencies, gate: Gate, now_ms: int) -> Forecast:
    own, carriers = deps.batch.enqueue, campaign.limits(deps.campaign, gate.campaign)
    today = pacific.open_day(now_ms).name if carriers.per_day else ""
    limits = batch_forecast.Limits(
        pace=own.pace,
        carriers=carriers,
        transactional=deps.campaign.transactional,
        quiet_hours=own.quiet_hours,
        validity_ms=deps.validity_ms,
        not_before_ms=max(gate.control.breaker_until_ms or 0, gate.sender.not_before_ms or 0),
        sender_free_ms=max(gate.sender.tat_ms or 0, gate.bulk_sender.tat_ms or 0),
        account_free_ms=max(gate.account.tat_ms or 0, gate.bulk_account.tat_ms or 0),
        counted={carrier: deps.carriers.read_count(carrier, today) for carrier in carriers.per_day},
    )
    leaving = [Leaving(item.text.asked, item.carrier, item.text.ahead) for item in found.to_send]
    return batch_forecast.forecast(leaving, limits, now_ms)
