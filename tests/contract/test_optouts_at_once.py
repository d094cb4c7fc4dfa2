"""A STOP is never lost: whatever is said side by side, in every order of reads and writes, the latest word counts.

The judge knows nothing of the ledger: it takes the latest of the words by the times in the tables below.
"""

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from moto.core.models import botocore_stubber

from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.domain.errors import Unavailable
from longcode.domain.message import Entry, Message
from longcode.domain.opt_outs import OptOutChange, Unclear
from longcode.domain.outcomes import WebhookEvent
from longcode.domain.status import Status
from longcode.telnyx import error_codes
from longcode.telnyx.filter_codes import is_filtered
from longcode.use_cases import opt_outs, receipts
from longcode.use_cases.ports import Messages, OptOuts
from longcode.use_cases.tag_brakes import Brakes
from tests.chance import FULL, groups_meeting, meeting, pairs, showing
from tests.contract.tables import REGION, create_table
from tests.support import interleave
from tests.support.fakes import (
    FakeBrakes,
    FakeCarriers,
    FakeClock,
    FakeFinder,
    FakeLogger,
    FakeMessages,
    FakeMetrics,
    FakeOptOuts,
)
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS, make_message
from tests.support.interleave import Job, Run, Trial

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SECOND, DAY = 1_000, 86_400_000
NOW = START_MS + 60 * SECOND
# The answer to a write is lost, and botocore asks again; or it does not; or the write was never made.
Loss = Literal["repeated", "lost", "refused"]


class Scene:
    """A ledger and the messages beside it, empty at each trial; one of the ledger's writes may go wrong."""

    optouts: OptOuts
    messages: Messages

    def clear(self) -> None:
        raise NotImplementedError

    def lose(self, number: int, loss: Loss) -> None:
        """Let the write of that number, counted from here on, go wrong."""
        raise NotImplementedError

    def check(self, make: Callable[[], Trial], times: int, seed: int = 2026) -> None:
        """Check a trial in every order; or in so many, where a call takes a hundred times as long."""
        assert interleave.every(make) >= 2


class InMemory(Scene):
    def clear(self) -> None:
        self.optouts = self._optouts = FakeOptOuts()
        self.messages = FakeMessages(validity_minutes=60)

    def lose(self, number: int, loss: Loss) -> None:
        # What botocore repeats, the fake does not have.
        if loss != "repeated":
            self._optouts.faults.fail("replace", after=loss == "lost", skip=number)


class InDynamoDB(Scene):
    def __init__(self) -> None:
        # Each lost answer is lost for good: what botocore would do about it is done below.
        once = Config(retries={"total_max_attempts": 1})
        self.client: DynamoDBClient = boto3.client("dynamodb", region_name=REGION, config=once)
        self._table = create_table(self.client, "MessagesTable")
        self._plan: tuple[int, Loss] | None = None
        self.optouts = DynamoOptOuts(self.client, self._table)
        self.messages = DynamoMessages(self.client, self._table, retention_days=90, validity_minutes=60)

    def clear(self) -> None:
        self._plan = None
        for item in self.client.scan(TableName=self._table)["Items"]:
            self.client.delete_item(TableName=self._table, Key={"pk": item["pk"]})

    def lose(self, number: int, loss: Loss) -> None:
        self._plan = (number, loss)

    def check(self, make: Callable[[], Trial], times: int, seed: int = 2026) -> None:
        interleave.sample(make, times, seed)

    @contextmanager
    def losing(self) -> Iterator[None]:
        self.client.meta.events.register_first("before-send", self._send)
        try:
            yield
        finally:
            self.client.meta.events.unregister("before-send", self._send)

    # Any: what botocore hands to a handler.
    def _send(self, event_name: str, request: Any, **_: Any) -> Any:
        if self._plan is None or not event_name.endswith(".UpdateItem"):
            return None
        number, loss = self._plan
        self._plan = (number - 1, loss)
        if number:
            return None
        if loss != "refused":
            botocore_stubber(event_name, request)
        if loss == "repeated":
            interleave.pause("UpdateItem again")
            return botocore_stubber(event_name, request)
        raise ReadTimeoutError(endpoint_url=request.url)


@pytest.fixture(params=["fake", "dynamodb"], scope="module")
def scene(request: pytest.FixtureRequest, aws: None) -> Iterator[Scene]:
    if request.param == "fake":
        yield InMemory()
        return
    real = InDynamoDB()
    # What was registered first comes first: a job stops before its write can go wrong.
    with interleave.stopping(real.client), real.losing():
        yield real


# ---------------------------------------------------------------------------------------------- who says what


@dataclass(frozen=True)
class Word:
    """A word: what it asks for, when it counts as said, how it comes, and what was there before it came."""

    name: str
    out: bool
    said_ms: int
    job: Callable[[Scene], Job]
    prepare: Callable[[Scene], object] = lambda _: None


def persistent(work: Callable[[], object]) -> object:
    """The provider delivers again after a 503, and so does a caller of the API."""
    for _ in range(3):
        try:
            return work()
        except Unavailable:
            pass
    raise AssertionError("Not even the fourth time.")


def api(name: str, out: bool, after_s: int) -> Word:
    """PUT and DELETE /sms/optouts/{number}, and the provider's refusal."""
    change = OptOutChange(START_MS + after_s * SECOND, out, "api")

    def job(scene: Scene) -> Job:
        return lambda: persistent(lambda: opt_outs.apply(scene.optouts, THEIRS, change, NOW))

    return Word(name, out, change.at_ms, job)


def message(ident: str, text: str, occurred_ms: int, received_ms: int) -> Message:
    return make_message(
        id=ident,
        direction="inbound",
        status=Status.RECEIVED,
        sender=THEIRS,
        recipient=OURS,
        text=text,
        route="webhook",
        metadata={},
        accepted_ms=received_ms,
        updated_ms=received_ms,
        history=(Entry(occurred_ms, "received", "webhook"),),
    )


def deliver(scene: Scene, text: Message, *, late_ms: int = 0) -> object:
    """The webhook with `text`, that long after its first delivery."""
    received_ms = text.accepted_ms + late_ms
    deps = receipts.ReceiptDependencies(
        messages=scene.messages,
        optouts=scene.optouts,
        carriers=FakeCarriers(),
        brakes=Brakes(FakeBrakes(), None, is_filtered, FakeClock(), FakeMetrics(), FakeLogger()),
        finder=lambda: FakeFinder(FakeMessages()),
        explain=error_codes.explain,
        metrics=FakeMetrics(),
        logger=FakeLogger(),
        long_code=OURS,
    )
    event = WebhookEvent(f"event-{text.id}", "message.received", inbound=replace(text, accepted_ms=received_ms))
    return receipts.take(event, None, deps, received_ms)


def texted(name: str, said: str, after_s: int, *, ahead_ms: int = 0, late_ms: int = 0) -> Word:
    """An inbound text that was received at once. Dated ahead, it counts as said when it was received.

    What comes `late_ms` after that comes again: the first delivery died between its two writes.
    """
    received_ms = START_MS + after_s * SECOND
    text = message(f"{said}-{after_s}-{ahead_ms}", said, received_ms + ahead_ms, received_ms)

    def job(scene: Scene) -> Job:
        return lambda: persistent(lambda: deliver(scene, text, late_ms=late_ms))

    def prepare(scene: Scene) -> None:
        if late_ms:
            scene.messages.receive(text)

    return Word(name, said == "STOP", received_ms, job, prepare)


BEFORE: dict[str, tuple[Word, ...]] = {
    "nothing": (),
    "out": (api("put", True, 0),),
    "in": (api("put", True, 0), api("delete", False, 1)),
}
CALLS = [
    api("stop@3", True, 3),
    api("start@2", False, 2),
    api("start@3", False, 3),
    api("stop@2", True, 2),
    api("start@4", False, 4),
    api("old-stop", True, -1),
]
TEXTS = [
    texted("STOP@3", "STOP", 3),
    texted("STOP@3-again", "STOP", 3, late_ms=20 * SECOND),
    texted("START@2", "START", 2),
    texted("START@2-ahead", "START", 2, ahead_ms=365 * DAY),
    texted("START@2-ahead-again", "START", 2, ahead_ms=365 * DAY, late_ms=20 * SECOND),
    api("PUT@3", True, 3),
    api("DELETE@4", False, 4),
]
LOSSES: list[Loss] = ["repeated", "lost", "refused"]


def judge(scene: Scene, words: Sequence[Word]) -> None:
    """The ledger stands as the latest of the words wants it, STOP before START; and its history is one."""
    said_ms, out = max((word.said_ms, word.out) for word in words)
    entry = scene.optouts.get(THEIRS)
    assert entry
    assert (entry.opted_out, entry.said_ms) == (out, said_ms)
    directions = [row.opted_out for row in entry.changes]
    assert directions[-1] is out
    assert all(one is not two for one, two in itertools.pairwise(directions))


def trial(
    scene: Scene, before: Sequence[Word], words: Sequence[Word], loss: tuple[int, Loss] | None = None
) -> Callable[[], Trial]:
    """`words` side by side, after all of `before`; of their writes one may go wrong."""

    def make() -> Trial:
        scene.clear()
        for word in before:
            word.job(scene)()
        for word in words:
            word.prepare(scene)
        if loss:
            scene.lose(*loss)
        return [word.job(scene) for word in words], lambda _: judge(scene, [*before, *words])

    return make


def named(words: Sequence[Word]) -> str:
    return "+".join(word.name for word in words)


# ---------------------------------------------------------------------------------------------- two at once


def test_a_stop_is_not_lost_to_a_start_that_was_said_before_it(scene: Scene) -> None:
    """STOP@3 reads that the number is out already; START@2 reads and opts in; then STOP@3 writes."""
    make = trial(scene, BEFORE["out"], [api("stop", True, 3), api("start", False, 2)])

    run = interleave.replay(make, (0, 1, 1, 0, 0, 0))

    # It was the STOP that changed the state then, and each says of itself whether it did.
    assert run.returned == (True, True)


def test_two_words_end_the_same_in_every_order(scene: Scene) -> None:
    """Every two of them; the real table begins each two with one of the ledgers that there may be."""
    twos = itertools.combinations_with_replacement(CALLS, 2)
    cases = [(one, other, before) for one, other in twos for before in BEFORE]
    if isinstance(scene, InDynamoDB) and not FULL:
        cases = meeting(cases, lambda case: pairs((case[0].name, case[1].name, case[2])))
    for *words, before in cases:
        case = before + named(words)
        with showing(case):
            make = counting(scene, before, words)
            scene.check(make, 1, seed=zlib.crc32(case.encode()))


def counting(scene: Scene, before: str, words: Sequence[Word]) -> Callable[[], Trial]:
    """Two words at once, each of which says of itself whether it changed anything."""

    def make() -> Trial:
        jobs, check = trial(scene, BEFORE[before], words)()
        entry = scene.optouts.get(THEIRS)
        rows = len(entry.changes) if entry else 0

        def counted(run: Run) -> None:
            check(run)
            after = scene.optouts.get(THEIRS)
            assert after
            assert sum(map(bool, run.returned)) == len(after.changes) - rows

        return jobs, counted

    return make


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("words", [CALLS[:2], CALLS[:1] * 2, CALLS[2:4]], ids=named)
def test_two_words_end_the_same_where_a_write_goes_wrong(scene: Scene, words: Sequence[Word], loss: Loss) -> None:
    for before, number in itertools.product((BEFORE["nothing"], BEFORE["out"]), range(2)):
        scene.check(trial(scene, before, words, (number, loss)), 1)


def test_two_webhooks_or_calls_end_the_same_side_by_side(scene: Scene) -> None:
    for words in itertools.combinations(TEXTS, 2):
        with showing(named(words)):
            scene.check(trial(scene, BEFORE["out" if words[0].out else "in"], words), 1)


@pytest.mark.parametrize("stop_ms", [START_MS, START_MS + 1, START_MS + 2], ids=["before", "same", "after"])
def test_two_ways_to_write_a_number_end_the_same_side_by_side(scene: Scene, stop_ms: int) -> None:
    """The STOP comes from one of them, and the opt-in is asked for by the other."""
    stop, start = OptOutChange(stop_ms, True, "keyword"), OptOutChange(START_MS + 1, False, "api")

    def make() -> Trial:
        scene.clear()

        def judge_both(_: Run) -> None:
            for way in ("+5215512345678", "+525512345678", "5215512345678"):
                entry = scene.optouts.get(way)
                assert entry
                assert entry.opted_out is (stop_ms > START_MS)
            assert len(scene.optouts.page(None, 10)) == (stop_ms > START_MS)

        jobs: list[Job] = [
            lambda: persistent(lambda: opt_outs.apply(scene.optouts, "+5215512345678", stop, NOW)),
            lambda: persistent(lambda: opt_outs.apply(scene.optouts, "+525512345678", start, NOW)),
        ]
        return jobs, judge_both

    scene.check(make, 3)


@pytest.mark.parametrize("out", [True, False], ids=["stop", "start"])
def test_a_word_and_an_unclear_text_and_a_dismissal_side_by_side_lose_none_of_each_other(
    scene: Scene, out: bool
) -> None:
    first, second = Unclear(START_MS + 1, "m-1"), Unclear(START_MS + 3, "m-3")
    said = OptOutChange(START_MS + 2, out, "keyword")

    def make() -> Trial:
        scene.clear()
        opt_outs.note_unclear(scene.optouts, THEIRS, first)

        def judge_all(_: Run) -> None:
            entry = scene.optouts.get(THEIRS)
            assert entry
            assert (entry.opted_out, [one.message_id for one in entry.unclear]) == (out, ["m-1", "m-3"])
            assert entry.to_review == (() if out else (second,))
            assert len(scene.optouts.unclear_page(None, 10)) == (not out)

        jobs: list[Job] = [
            lambda: persistent(lambda: opt_outs.apply(scene.optouts, THEIRS, said, NOW)),
            lambda: persistent(lambda: opt_outs.note_unclear(scene.optouts, THEIRS, second)),
            lambda: persistent(lambda: bool(opt_outs.dismiss(scene.optouts, THEIRS, "m-1", NOW))),
        ]
        return jobs, judge_all

    scene.check(make, 3)


# -------------------------------------------------------------------------------------------- three at once


def test_three_end_the_same_in_a_sample_of_orders(scene: Scene) -> None:
    """Every three, in four ways; the real table tries one way each of some, of which every two meet."""
    real = isinstance(scene, InDynamoDB)
    few = real and not FULL
    threes = groups_meeting(TEXTS, 3) if few else list(itertools.combinations(TEXTS, 3))
    for number, words in enumerate(threes):
        for seed in [number % 4] if few else range(4):
            before = list(BEFORE.values())[seed % 3]
            loss: tuple[int, Loss] | None = (seed % 2, LOSSES[seed - 1]) if seed else None
            with showing((named(words), seed)):
                interleave.sample(trial(scene, before, words, loss), 1 if real else 25, seed)
