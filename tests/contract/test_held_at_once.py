"""Claiming, holding anew, noting a slot and ending a held text side by side, in every order that there is."""

from typing import TYPE_CHECKING

import pytest

from longcode.domain.message import DUE_SHARDS, Message, held_shard
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim
from tests.contract.test_at_once import InDynamoDB, InMemory, Scene, at_rest, waits
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import ending
from tests.support.interleave import Job, Run, Trial
from tests.support.places import END

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

AT = START_MS + 600_000
ANEW = AT + 3_600_000


@pytest.fixture(params=["fake", "dynamodb", "asked-again"], scope="module")
def scene(request: pytest.FixtureRequest) -> Scene:
    if request.param == "fake":
        return InMemory()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return InDynamoDB(client, loses=request.param == "asked-again")


def held(scene: Scene) -> Message:
    return waits(scene, status=Status.HELD, not_before_ms=AT, send_at_ms=AT, held_by=HeldBy.SCHEDULE)


def jobs(scene: Scene, message: Message) -> dict[str, Job]:
    """What may befall a held text at its time."""
    store = scene.messages
    return {
        "claim": lambda: store.claim(message.id, "mine", AT),
        "put_off": lambda: store.put_off(message, ANEW, HeldBy.QUIET_HOURS, AT),
        "end": lambda: store.end(message, Status.CANCELLED, ending(Status.CANCELLED), AT),
        "hold": lambda: store.hold(message, AT + 60_000, HeldBy.SENDER_RATE),
        "queued": lambda: store.queued(message),
    }


def judged(scene: Scene, message: Message, names: tuple[str, ...], run: Run) -> None:
    """The text is what the write says that won last, and stands where one of its status does."""
    said = dict(zip(names, run.returned, strict=True))
    claim = said.get("claim")
    sent = isinstance(claim, Claim) and claim.won
    found = at_rest(scene, message)
    shards = {n for n in range(DUE_SHARDS) if message.id in scene.messages.due_messages(n, 10**15, 50)}
    waiting = scene.messages.queue_length(message.recipient, at_most=5, before=END)
    if sent:
        # What is claimed is no one else's.
        assert (found.status, found.claim_id, found.attempts) == (Status.SENDING, "mine", 1)
        assert not said.get("end")
    elif said.get("end"):
        assert found.status is Status.CANCELLED
    else:
        assert said.get("put_off")
    if said.get("put_off") and not said.get("end"):
        # It is not due any more, so neither a claim nor a note of what was read before brings it back.
        assert (found.status, found.not_before_ms, found.slot_ms) == (Status.HELD, ANEW, None)
        assert found.held_by is HeldBy.QUIET_HOURS
        assert shards == {held_shard(message.recipient, Priority.TRANSACTIONAL)}
        assert not sent
    assert waiting == int(found.status.waiting)
    assert bool(shards) is not found.status.final


@pytest.mark.parametrize(
    "names",
    [
        ("claim", "put_off", "hold"), ("claim", "put_off", "end"), ("put_off", "hold", "queued"),
        ("claim", "end", "queued"), ("claim", "hold", "queued"),
    ],
    ids="-".join,
)  # fmt: skip
def test_a_held_text_is_claimed_held_anew_or_ended_and_never_two_of_them(
    scene: Scene, names: tuple[str, ...]
) -> None:
    def make() -> Trial:
        message = held(scene)
        every = jobs(scene, message)
        return [every[name] for name in names], lambda run: judged(scene, message, names, run)

    scene.check(make)
