"""Calls side by side, in every order that there is: who judges knows the promise, and nothing of the writes."""

import itertools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.domain import braking, pacing
from longcode.domain.braking import Brake
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.gate import Trouble
from longcode.domain.message import ENQUEUE_CHECK_MS, Message
from longcode.domain.outcomes import Receipt, Recorded, Recording
from longcode.domain.pacing import Reservation
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.cancel import Canceller
from longcode.use_cases.ports import Claim, Limits, Messages
from tests.chance import FULL, groups_meeting, showing
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes import FakeCarriers, FakeLimits, FakeLogger, FakeMessages, FakeMetrics
from tests.support.fakes.clock import START_MS, FakeClock
from tests.support.fakes.examples import NO_ANSWER, REFUSED, accepted, ending, make_message, make_receipt
from tests.support.fakes.finder import FakeFinder
from tests.support.fakes.optouts import FakeOptOuts
from tests.support.interleave import Job, Run, Trial
from tests.support.places import END

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS + 1_000
SENDING = {"status": Status.SENDING, "route": "send", "attempts": 1, "claimed_ms": START_MS}


class Scene:
    """Both stores; what a trial makes has names of its own, so that nothing need be cleared away between two."""

    messages: Messages
    limits: Limits
    # Whether the first answer to the operation in question is lost, and botocore asks again.
    loses = False

    def fresh(self) -> None:
        """Forget what is there once only: the switch that stops all sending."""
        raise NotImplementedError

    def check(self, make: Callable[[], Trial], operation: str = "UpdateItem", *, most: int = 4) -> None:
        """Check a trial in every order of the fake's calls, and in some of the real table's."""
        raise NotImplementedError


class InMemory(Scene):
    def __init__(self) -> None:
        self.messages = FakeMessages(validity_minutes=60)
        self.fresh()

    def fresh(self) -> None:
        self.limits = FakeLimits(FakeOptOuts())

    def check(self, make: Callable[[], Trial], operation: str = "UpdateItem", *, most: int = 4) -> None:
        assert interleave.every(make) >= 2


class InDynamoDB(Scene):
    def __init__(self, client: "DynamoDBClient", *, loses: bool) -> None:
        self.loses = loses
        self._client = client
        table, self._limits = create_table(client, "MessagesTable"), create_table(client, "LimitsTable")
        self.messages = DynamoMessages(client, table, retention_days=90, validity_minutes=60)
        self.limits = DynamoLimits(client, self._limits, table)

    def fresh(self) -> None:
        self._client.delete_item(TableName=self._limits, Key={"pk": {"S": "control"}})

    def check(self, make: Callable[[], Trial], operation: str = "UpdateItem", *, most: int = 4) -> None:
        with interleave.stopping(self._client):
            if not self.loses:
                interleave.sample(make, most, seed=2026)
                return
            for seed in range(most):
                trial = make()
                with repeated(self._client, operation) as done:
                    interleave.sample(lambda trial=trial: trial, 1, seed)  # type: ignore[misc]
                assert done


@pytest.fixture(params=["fake", "dynamodb", "asked-again"], scope="module")
def scene(request: pytest.FixtureRequest) -> Scene:
    if request.param == "fake":
        return InMemory()
    return InDynamoDB(request.getfixturevalue("dynamodb"), loses=request.param == "asked-again")


_numbers = itertools.count(1)


def number() -> str:
    """A recipient of whom nothing is known."""
    return f"+1202555{next(_numbers):07}"


def waits(scene: Scene, **changes: object) -> Message:
    message = make_message(recipient=number(), **changes)
    assert scene.messages.accept(message) is None
    return message


def sends(scene: Scene, **changes: object) -> Message:
    message = waits(scene, **changes)
    claim = scene.messages.claim(message.id, "mine", NOW)
    assert claim.message
    return claim.message


def doubts(scene: Scene, **changes: object) -> Message:
    message = sends(scene, **changes)
    assert scene.messages.ambiguous(message, NO_ANSWER, NOW)
    return at_rest(scene, message)


def at_rest(scene: Scene, message: Message) -> Message:
    found = scene.messages.get(message.id)
    assert found
    return found


def won(answer: object) -> bool:
    assert isinstance(answer, Claim)
    return answer.won


def claim(scene: Scene, message: Message, name: str) -> Job:
    return lambda: scene.messages.claim(message.id, name, NOW)


# -------------------------------------------------------------------------------------------- who may send


def test_of_several_claims_one_wins(scene: Scene) -> None:
    def make() -> Trial:
        message = waits(scene)

        def judge(run: Run) -> None:
            winners = [name for name, answer in zip("abc", run.returned, strict=True) if won(answer)]
            found = at_rest(scene, message)
            assert [found.claim_id] == winners
            assert (found.status, found.attempts) == (Status.SENDING, 1)

        return [claim(scene, message, name) for name in "abc"], judge

    scene.check(make)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.SUPPRESSED, Status.EXPIRED_UNSENT])
def test_a_text_is_sent_or_ended_and_never_both(scene: Scene, status: Status) -> None:
    def make() -> Trial:
        message = waits(scene)

        def judge(run: Run) -> None:
            sent, ended = won(run.returned[0]), run.returned[1]
            assert sent is not ended
            assert at_rest(scene, message).status is (Status.SENDING if sent else status)
            assert not scene.messages.queue_length(message.recipient, at_most=1, before=END)

        return [
            claim(scene, message, "a"),
            lambda: scene.messages.end(message, status, ending(status), NOW),
        ], judge

    scene.check(make)


def canceller(scene: Scene) -> Canceller:
    return Canceller(
        scene.messages, FakeFinder(FakeMessages()), FakeCarriers(), FakeClock(NOW), FakeMetrics(), FakeLogger()
    )


@pytest.mark.parametrize("gives_back", [False, True], ids=["keeps-the-claim", "gives-it-back"])
def test_what_was_cancelled_is_never_claimed_and_what_was_not_says_why(scene: Scene, gives_back: bool) -> None:
    def make() -> Trial:
        message = waits(scene)

        def send() -> bool:
            answer = scene.messages.claim(message.id, "a", NOW)
            if answer.message and answer.won and gives_back:
                scene.messages.release(answer.message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER)
            return answer.won

        def judge(run: Run) -> None:
            ended = run.returned[1]
            assert isinstance(ended, Message)
            found = at_rest(scene, message)
            claimable = scene.messages.claim(message.id, "b", NOW + 1).won
            assert ended.status in (Status.CANCELLED, Status.SENDING)
            if ended.status is Status.CANCELLED:
                assert found.status is Status.CANCELLED
                assert not claimable
                assert not run.returned[0] or gives_back
            else:
                assert run.returned[0]
                assert claimable is gives_back

        return [send, lambda: canceller(scene).cancel(message)], judge

    scene.check(make)


def held(scene: Scene) -> Message:
    """A text that is due in this second: its claim may win, and so may its change."""
    return waits(scene, status=Status.HELD, send_at_ms=NOW, not_before_ms=NOW, held_by=HeldBy.SCHEDULE)


def changed(message: Message, text: str, not_before_ms: int) -> Message:
    # Both at one moment.
    return replace(message, text=text, not_before_ms=not_before_ms, updated_ms=NOW)


def test_what_was_changed_is_never_claimed_as_it_was_and_what_was_not_stays(scene: Scene) -> None:
    later_ms = NOW + 60_000
    writes: list[Callable[[Message], object]] = [
        lambda message: scene.messages.claim(message.id, "a", NOW),
        lambda message: scene.messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW),
        lambda message: scene.messages.hold(message, NOW + 5_000, HeldBy.RECIPIENT_RATE),
    ]
    for write in writes:

        def make(write: Callable[[Message], object] = write) -> Trial:
            message = held(scene)
            wanted = changed(message, "another", later_ms)

            def judge(run: Run) -> None:
                found, done = at_rest(scene, message), run.returned[0]
                after = (found.text, found.not_before_ms)
                assert after == (("another", later_ms) if done else (message.text, NOW))
                if done:
                    # A text that was changed may be cancelled, and is neither claimed nor in its recipient queue.
                    assert found.status in (Status.HELD, Status.CANCELLED)
                else:
                    assert found.status is not Status.HELD

            return [partial(scene.messages.change, message, wanted), partial(write, message)], judge

        scene.check(make)


def test_of_several_that_change_one_text_at_once_one_does(scene: Scene) -> None:
    def make() -> Trial:
        message = held(scene)
        wanted = {text: changed(message, text, NOW + 60_000) for text in ("x", "y", "z")}

        def judge(run: Run) -> None:
            done = [text for text, won in zip(wanted, run.returned, strict=True) if won]
            assert [at_rest(scene, message)] == [wanted[text] for text in done]

        return [partial(scene.messages.change, message, each) for each in wanted.values()], judge

    scene.check(make)


def test_of_two_that_cancel_at_once_both_succeed_and_one_writes(scene: Scene) -> None:
    def make() -> Trial:
        message = waits(scene)

        def judge(run: Run) -> None:
            assert all(isinstance(ended, Message) and ended.status is Status.CANCELLED for ended in run.returned)
            assert len(at_rest(scene, message).history) == 1

        return [lambda: canceller(scene).cancel(message), lambda: canceller(scene).cancel(message)], judge

    scene.check(make)


def test_what_is_forbidden_while_it_is_claimed_is_never_claimed_again(scene: Scene) -> None:
    def make() -> Trial:
        message = waits(scene)

        def send() -> bool:
            answer = scene.messages.claim(message.id, "a", NOW)
            assert answer.message
            scene.messages.release(answer.message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER)
            return answer.won

        def judge(run: Run) -> None:
            claimable = scene.messages.claim(message.id, "b", NOW).won
            assert run.returned[0]
            assert claimable is not run.returned[1]

        return [send, lambda: scene.messages.forbid(message)], judge

    scene.check(make)


def test_a_person_who_is_erased_gets_at_most_the_text_that_was_under_way(scene: Scene) -> None:
    def make() -> Trial:
        message = waits(scene)

        def erase() -> bool:
            """As erase.py does it."""
            entry = ending(Status.CANCELLED)
            ended = scene.messages.end(message, Status.CANCELLED, entry, NOW)
            seen = replace(message, status=Status.CANCELLED, updated_ms=NOW) if ended else message
            return scene.messages.erase(seen) or (scene.messages.forbid(message) and False)

        def judge(run: Run) -> None:
            sent, gone = won(run.returned[0]), run.returned[1]
            assert sent is not gone
            left = scene.messages.read([message.id])[message.id]
            if gone:
                assert left is None
            else:
                assert left
                assert left.no_resend

        return [claim(scene, message, "a"), erase], judge

    scene.check(make)


def test_the_same_replay_is_taken_by_one(scene: Scene) -> None:
    def make() -> Trial:
        message = doubts(scene)

        def judge(run: Run) -> None:
            assert sorted(map(bool, run.returned)) == [False, False, True]
            assert at_rest(scene, message).replays == 1

        # Two at the same moment, too.
        return [
            lambda: scene.messages.mark_replayed(message, NOW),
            lambda: scene.messages.mark_replayed(message, NOW),
            lambda: scene.messages.mark_replayed(message, NOW + 1),
        ], judge

    scene.check(make)


def test_a_text_in_doubt_is_not_replayed_once_it_is_settled_or_forbidden(scene: Scene) -> None:
    def make() -> Trial:
        message = doubts(scene)

        def judge(run: Run) -> None:
            found = at_rest(scene, message)
            assert found.replays == int(bool(run.returned[0]))
            assert found.status is Status.DELIVERED
            assert not scene.messages.mark_replayed(found, NOW)

        return [
            lambda: scene.messages.mark_replayed(message, NOW),
            lambda: scene.messages.forbid(message),
            lambda: scene.messages.record(message.id, receipt(message, Status.DELIVERED), NOW),
        ], judge

    scene.check(make)


# ---------------------------------------------------------------------------------------------- accepting


@pytest.mark.parametrize("same", [True, False], ids=["same-request", "another-request"])
@pytest.mark.parametrize("before", ["nothing", "erased", "failed"])
def test_of_several_under_one_id_one_is_accepted(scene: Scene, before: str, same: bool) -> None:
    def make() -> Trial:
        ident, recipient = str(uuid.uuid4()), number()
        first = make_message(id=ident, recipient=recipient)
        if before != "nothing":
            end = Status.CANCELLED if before == "erased" else Status.FAILED
            scene.messages.accept(first)
            scene.messages.end(first, end, ending(end), START_MS, safe_to_retry=before == "failed")
        if before == "erased":
            scene.messages.erase(at_rest(scene, first))
        one = replace(first, accepted_ms=NOW, updated_ms=NOW)
        other = replace(one, accepted_ms=NOW + 1, fingerprint=one.fingerprint if same else "another")

        def judge(run: Run) -> None:
            there = at_rest(scene, first)
            winner = one if run.returned[0] is None else other
            if before == "failed" and not same:
                # It gives way only to the same request.
                assert run.returned[0] is None
            assert run.returned.count(None) == 1
            assert replace(there, history=(), faults=()) == winner
            (loser,) = (answer for answer in run.returned if answer is not None)
            assert isinstance(loser, Message)
            assert loser.status is Status.FAILED or loser == winner
            assert scene.messages.queue_length(recipient, at_most=5, before=END) == 1

        return [lambda: scene.messages.accept(one), lambda: scene.messages.accept(other)], judge

    scene.check(make, "PutItem")


def test_of_two_that_send_at_once_under_one_id_one_does(scene: Scene) -> None:
    def make() -> Trial:
        one = make_message(recipient=number(), claim_id="one", **SENDING)
        other = replace(one, claim_id="other")

        def judge(run: Run) -> None:
            winner = one if run.returned[0] is None else other
            assert sorted(answer is None for answer in run.returned) == [False, True]
            assert at_rest(scene, one) == winner

        return [lambda: scene.messages.accept(one), lambda: scene.messages.accept(other)], judge

    scene.check(make, "PutItem")


def test_what_the_queue_is_known_to_have_is_looked_at_by_what_became_of_it(scene: Scene) -> None:
    def make() -> Trial:
        message = waits(scene, unqueued=True)

        def judge(run: Run) -> None:
            assert won(run.returned[1])
            found = at_rest(scene, message)
            assert (found.status, found.unqueued) == (Status.SENDING, False)
            # Its claim is dead long before its validity is over.
            soon = NOW + 2 * ENQUEUE_CHECK_MS
            assert message.id in scene.messages.old_claims(soon, 10_000)

        return [lambda: scene.messages.queued(message), claim(scene, message, "a")], judge

    scene.check(make)


# ------------------------------------------------------------------------------------ the order of statuses


def receipt(message: Message, status: Status | None, event: str = "e-1") -> Receipt:
    return make_receipt(status, f"{event}-{message.id}", telnyx_id=f"telnyx-{message.id}")


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED])
def test_a_text_that_the_provider_tells_of_does_not_go_back_into_its_recipient_queue(
    scene: Scene, status: Status
) -> None:
    def make() -> Trial:
        message = sends(scene)

        def judge(run: Run) -> None:
            assert isinstance(run.returned[1], Recording)
            assert run.returned[1].recorded in (Recorded.ADVANCED, Recorded.DUPLICATE)
            assert at_rest(scene, message).status is status
            assert not scene.messages.queue_length(message.recipient, at_most=1, before=END)
            assert not scene.messages.claim(message.id, "b", NOW).won
            assert scene.messages.find(f"telnyx-{message.id}") == at_rest(scene, message)

        return [
            lambda: scene.messages.release(message, NOW, slot_ms=NOW, held_by=HeldBy.PROVIDER_BACKOFF),
            lambda: scene.messages.record(message.id, receipt(message, status), NOW),
        ], judge

    scene.check(make)


def test_a_text_that_was_put_back_and_claimed_anew_belongs_to_the_new_claim(scene: Scene) -> None:
    def make() -> Trial:
        message = sends(scene)

        def judge(run: Run) -> None:
            found = at_rest(scene, message)
            if won(run.returned[1]):
                assert (found.claim_id, found.status, found.attempts) == ("b", Status.SENDING, 1)
            else:
                assert (found.claim_id, found.status, found.attempts) == (None, Status.QUEUED, 0)

        return [
            lambda: scene.messages.release(message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER),
            claim(scene, message, "b"),
        ], judge

    scene.check(make)


Write = Callable[[Scene, Message], object]
WRITES: dict[Status, Write] = {
    Status.UNKNOWN: lambda scene, message: scene.messages.ambiguous(message, NO_ANSWER, NOW),
    Status.SUBMITTED: lambda scene, message: scene.messages.submitted(
        message, accepted(f"telnyx-{message.id}"), NOW
    ),
    Status.SENT: lambda scene, message: scene.messages.record(message.id, receipt(message, Status.SENT, "s"), NOW),
    Status.FAILED: lambda scene, message: scene.messages.end(
        message, Status.FAILED, ending(Status.FAILED, REFUSED), NOW
    ),
    Status.DELIVERY_UNCONFIRMED: lambda scene, message: scene.messages.record(
        message.id, receipt(message, Status.DELIVERY_UNCONFIRMED, "u"), NOW
    ),
    Status.DELIVERED: lambda scene, message: scene.messages.record(
        message.id, receipt(message, Status.DELIVERED, "d"), NOW
    ),
}


def test_the_carrier_is_that_of_the_latest_word_in_every_order(scene: Scene) -> None:
    """The answer, `sent` and `delivered` at once, each of which names another carrier."""
    att, verizon, t_mobile = (Subscription(one, f"{one} line", NOW) for one in list(Carrier)[:3])

    def make() -> Trial:
        message = sends(scene)
        answer = accepted(f"telnyx-{message.id}", subscription=att)
        sent, delivered = receipt(message, Status.SENT, "s"), receipt(message, Status.DELIVERED, "d")

        def judge(_run: Run) -> None:
            last = at_rest(scene, message)
            assert (last.carrier, last.line_type) == (t_mobile.carrier, t_mobile.line_type)

        return [
            lambda: scene.messages.submitted(message, answer, NOW),
            lambda: scene.messages.record(message.id, replace(sent, subscription=verizon), NOW),
            lambda: scene.messages.record(message.id, replace(delivered, subscription=t_mobile), NOW),
        ], judge

    scene.check(make)


def test_no_status_goes_down(scene: Scene) -> None:
    """By any three writes at once, of which a real table tries some: every two of them meet."""
    every = list(itertools.combinations(WRITES, 3))
    for statuses in every if FULL or isinstance(scene, InMemory) else groups_meeting(WRITES, 3):
        with showing(statuses):
            scene.check(lambda statuses=statuses: written_at_once(scene, statuses), most=2)  # type: ignore[misc]


def written_at_once(scene: Scene, statuses: Sequence[Status]) -> Trial:
    """A text that several writes take further at once."""
    message = sends(scene)

    def watched(status: Status) -> Job:
        def write() -> tuple[object, int]:
            answer = WRITES[status](scene, message)
            return answer, at_rest(scene, message).status.rank

        return write

    def judge(run: Run) -> None:
        last = at_rest(scene, message).status
        # After each write the text is at least as far as that write says it took it.
        for status, returned in zip(statuses, run.returned, strict=True):
            assert isinstance(returned, tuple)
            answer, rank = returned
            took = answer.recorded is Recorded.ADVANCED if isinstance(answer, Recording) else answer is True
            if took:
                assert status.rank <= rank <= last.rank
        assert last in statuses
        if Status.DELIVERED in statuses:
            assert last is Status.DELIVERED

    return [watched(status) for status in statuses], judge


# -------------------------------------------------------------------------------------------------- slots


def overlap(slots: Sequence[tuple[int, int]]) -> bool:
    """Whether any two spans have a moment in common."""
    return any(end > start for (_, end), (start, _) in itertools.pairwise(sorted(slots)))


@pytest.mark.parametrize("tat", [None, -5_000, 0, 2_500], ids=str)
def test_no_slot_is_given_twice(scene: Scene, tat: int | None) -> None:
    # Clocks differ, and so do guesses.
    asked = [(2, 0, True), (1, 700, False), (3, -40, False)]

    def make() -> Trial:
        key = pacing.recipient_key(number())
        if tat is not None:
            scene.limits.reserve(key, 1, 1_000, NOW + tat - 1_000)

        def judge(run: Run) -> None:
            spans = []
            for (count, late, _), found in zip(asked, run.returned, strict=True):
                assert isinstance(found, Reservation)
                assert found.first_ms >= NOW + max(late, tat or late)
                assert found.tat_ms - found.first_ms == count * 1_000
                spans.append((found.first_ms, found.tat_ms))
            assert not overlap(spans)
            # No slots lie behind what comes next.
            after = scene.limits.reserve(key, 1, 1_000, NOW)
            assert not overlap([*spans, (after.first_ms, after.tat_ms)])

        return [
            partial(scene.limits.reserve, key, count, 1_000, NOW + late, ahead=ahead)
            for count, late, ahead in asked
        ], judge

    scene.check(make)


@pytest.mark.parametrize("tat", [None, 0, 500], ids=str)
def test_a_free_slot_is_taken_by_one_also_beside_one_who_reserves(scene: Scene, tat: int | None) -> None:
    def make() -> Trial:
        key = pacing.sender_key(number())
        if tat is not None:
            scene.limits.reserve(key, 1, 1_000, NOW + tat - 1_000)

        def judge(run: Run) -> None:
            *tries, code = run.returned
            found = [cast(tuple[Reservation | None, int], one)[0] for one in tries]
            taken = [one for one in found if one]
            assert isinstance(code, Reservation)
            spans = [(one.first_ms, one.tat_ms) for one in (*taken, code)]
            assert not overlap(spans)
            # Two could not be: the first takes more than may be taken.
            assert len(taken) <= 1
            # Who has found it taken has taken nothing.
            after = scene.limits.reserve(key, 1, 1, NOW)
            assert after.first_ms == max(end for _, end in spans)

        take = partial(scene.limits.reserve_free, key, 2_000, NOW, NOW + 1_000)
        return [take, take, partial(scene.limits.reserve, key, 1, 1_000, NOW)], judge

    scene.check(make)


def test_what_is_given_back_is_nobodys_slot(scene: Scene) -> None:
    def make() -> Trial:
        key = pacing.recipient_key(number())
        mine = scene.limits.reserve(key, 3, 1_000, NOW)
        kept = (mine.first_ms, mine.first_ms + 1_000)

        def judge(run: Run) -> None:
            spans = [kept]
            for found in (*run.returned[1:], scene.limits.reserve(key, 1, 1_000, NOW)):
                assert isinstance(found, Reservation)
                spans.append((found.first_ms, found.tat_ms))
            assert not overlap(spans)

        return [
            lambda: scene.limits.give_back(key, mine, 2, 1_000),
            # It may bring the TAT to where it was.
            lambda: scene.limits.reserve(key, 2, 1_000, NOW, ahead=True),
            lambda: scene.limits.reserve(key, 1, 1_000, NOW, ahead=True),
        ], judge

    scene.check(make)


def test_no_turn_is_given_twice(scene: Scene) -> None:
    def make() -> Trial:
        sender = number()
        brake = Brake(NOW - 5_000, 4_000, 0, 0)

        def judge(run: Run) -> None:
            turns = [turn for turn in run.returned if isinstance(turn, int)]
            assert len(turns) == 3
            assert not overlap([(turn, turn + braking.TEXT) for turn in turns])
            assert min(turns) >= braking.front(brake, NOW - 400)

        return [
            lambda: scene.limits.take_turn(sender, brake, NOW),
            lambda: scene.limits.take_turn(sender, brake, NOW - 400),
            lambda: scene.limits.take_turn(sender, brake, NOW),
        ], judge

    scene.check(make)


def test_of_a_day_no_more_are_counted_than_may_be(scene: Scene) -> None:
    def make() -> Trial:
        key = f"day#{number()}"

        def judge(run: Run) -> None:
            counted = sum(map(bool, run.returned))
            # One that is asked for again after another was counted may take the place of a third.
            assert counted == 2 or (scene.loses and counted == 1)
            assert not scene.limits.count(key, 2, NOW)

        return [lambda: scene.limits.count(key, 2, NOW)] * 3, judge

    scene.check(make)


def test_several_of_a_day_at_once_get_together_what_there_is(scene: Scene) -> None:
    def make() -> Trial:
        key = f"day#{number()}"
        scene.limits.count(key, 10, NOW, 2)

        def judge(run: Run) -> None:
            counted = [many for many in run.returned if isinstance(many, int)]
            assert len(counted) == 3
            # Each gets a part of what it asked for only where the cap is reached.
            assert sum(counted) == 8 or (scene.loses and sum(counted) <= 8)
            assert scene.loses or limits_left(key) == 0

        return [lambda: scene.limits.count(key, 10, NOW, 5)] * 3, judge

    def limits_left(key: str) -> int:
        return 10 - scene.limits.read_counts([key])[key]

    scene.check(make)


# -------------------------------------------------------------------------------------- what befalls everybody


def test_of_brakes_that_were_set_for_what_was_seen_one_is(scene: Scene) -> None:
    def make() -> Trial:
        sender = number()
        seen = Brake(NOW - 5_000, 4_000, 0, 0)
        assert scene.limits.set_brake(sender, None, seen)
        brakes = [replace(seen, since_ms=NOW + later, rate=1_000 + later) for later in range(3)]

        def judge(run: Run) -> None:
            (winner,) = (brake for brake, set_ in zip(brakes, run.returned, strict=True) if set_)
            assert scene.limits.read_gate("", sender).sender.brake == winner

        return [partial(scene.limits.set_brake, sender, seen, brake) for brake in brakes], judge

    scene.check(make)


def test_of_two_refusals_at_once_the_second_knows_the_first(scene: Scene) -> None:
    def make() -> Trial:
        sender, (one, other) = number(), (number(), number())

        def judge(run: Run) -> None:
            before = {getattr(answer, "recipient", None) for answer in run.returned}
            assert "" in before
            assert before & {one, other}

        return [
            lambda: scene.limits.refused(sender, one, NOW),
            lambda: scene.limits.refused(sender, other, NOW),
        ], judge

    scene.check(make)


@pytest.mark.parametrize("before", ["nothing", "one of late", "what is old"])
def test_the_third_of_three_suspects_knows_of_the_others(scene: Scene, before: str) -> None:
    at_once = 2 if before == "one of late" else 3

    def make() -> Trial:
        scene.fresh()
        if before != "nothing":
            scene.limits.suspect("outage", number(), NOW - (0 if before == "one of late" else 16 * 60_000))
        recipients = [number() for _ in range(at_once)]

        def judge(run: Run) -> None:
            assert max(answer for answer in run.returned if isinstance(answer, int)) == 3
            found = scene.limits.read_gate("", "").control.suspects
            assert {f"outage {recipient}" for recipient in recipients} <= found
            assert len(found) == 3

        return [partial(scene.limits.suspect, "outage", recipient, NOW) for recipient in recipients], judge

    scene.check(make)


def test_of_several_who_open_the_breaker_one_does_and_the_longest_stop_holds(scene: Scene) -> None:
    def make() -> Trial:
        scene.fresh()
        ends = [NOW + 15_000, NOW + 60_000, NOW + 15_000]

        def judge(run: Run) -> None:
            opened = sum(map(bool, run.returned))
            # Who is asked again after another made the stop longer does not know that it was the first.
            assert opened == 1 or (scene.loses and opened == 0)
            control = scene.limits.read_gate("", "").control
            assert (control.breaker_since_ms, control.breaker_until_ms) == (NOW, max(ends))

        return [partial(scene.limits.open_breaker, NOW, end, "no answer") for end in ends], judge

    scene.check(make)


def test_of_several_who_probe_one_may(scene: Scene) -> None:
    def make() -> Trial:
        scene.fresh()
        scene.limits.open_breaker(START_MS, NOW, "no answer")

        def judge(run: Run) -> None:
            assert sorted(map(bool, run.returned)) == [False, False, True]

        return [partial(scene.limits.probe, NOW, NOW + 15_000, name) for name in "abc"], judge

    scene.check(make)


def test_each_trouble_is_counted_and_the_longest_wait_holds(scene: Scene) -> None:
    def make() -> Trial:
        recipient = number()

        def judge(run: Run) -> None:
            found = scene.limits.read_gate(recipient, "").recipient
            assert (found.troubles, found.not_before_ms, found.troubled_ms) == (2, NOW + 9_000, NOW)

        return [
            lambda: scene.limits.trouble(recipient, Trouble("outage", 1), NOW + 9_000, NOW),
            lambda: scene.limits.trouble(recipient, Trouble("outage", 1), NOW + 5_000, NOW),
        ], judge

    scene.check(make)
