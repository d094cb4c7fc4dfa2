"""A caller with a test key, and what there is to be seen of live texts beside theirs."""

from typing import Any

from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.domain.message import Message
from longcode.entrypoints.requests import Request
from tests.support.fakes import FakeClock, FakeMessages, Reply, World, call, make_settings, make_world
from tests.support.fakes.both_queues import work
from tests.support.fakes.messages import WRITES

TEST_KEY = "testKeyId"
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def key_of(request: Request) -> ApiKey:
    """As the table of keys would have it: one key is for tests."""
    kind = KeyKind.TEST if request.caller_name == TEST_KEY else KeyKind.LIVE
    return ApiKey(request.caller_name, "", kind, frozenset(Scope), 0)


def with_test_key(world: World) -> World:
    """The same world, in which one of the callers has a test key."""
    vars(world.service)["key_of"] = key_of
    return world


def number(ending: str) -> str:
    return f"+1303555{ending}"


# Any: as World.request takes them.
def ask(world: World, function: str, method: str, resource: str, body: object = None, **more: Any) -> Reply:
    """A call with the test key."""
    world.clock.pass_ms(1)
    return Reply.of(world.invoke(function, call(method, resource, body, caller=TEST_KEY, **more)))


def enqueue(world: World, to: str, message: str = "Hello", **fields: Any) -> str:
    reply = ask(world, "queue", "POST", "/sms/queue", {"to": to, "message": message, **fields})
    assert reply.status == 202, reply.fields
    assert reply.fields["test"] is True
    return str(reply.fields["message_id"])


def stored(world: World, ident: str) -> Message:
    message = world.messages.get(ident)
    assert message
    return message


def live_marks(world: World) -> dict[str, object]:
    """All that live texts read of the limits, the stops, the counts and the people."""
    limits = world.limits
    return {
        "limiters": {key: found for key, found in limits.limiters.items() if not key.endswith("#test")},
        "counted": {key: found for key, found in limits.counted.items() if not key.endswith("#test") and found},
        "control": limits.control,
        "carriers": (dict(world.carriers.known), dict(world.carriers.counted), dict(world.carriers.stops)),
        "optouts": dict(world.optouts.entries),
        "brakes": list(world.brakes.added),
    }


def run(world: World, until_ms: int) -> None:
    """Let both consumers and the reconciler work until then, in virtual time."""
    end = work(world)
    while world.clock.now_ms() < until_ms:
        world.clock.sleep_until(min((world.clock.now_ms() // MINUTE + 1) * MINUTE, until_ms))
        world.reconcile()
    end()


class Streamed(FakeMessages):
    """The messages table with its stream: each write with the message before and after it."""

    def __init__(self, clock: FakeClock, validity_minutes: int) -> None:
        super().__init__(validity_minutes=validity_minutes, now_ms=clock.now_ms)
        self.stream: list[tuple[Message | None, Message]] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in WRITES:
            return found

        def write(*args: Any, **more: Any) -> object:
            before = {message.id: message for message in self.all}
            try:
                return found(*args, **more)
            finally:
                rows = ((before.get(message.id), message) for message in self.all)
                self.stream += [row for row in rows if row[0] != row[1]]

        return write


def streamed(**settings: Any) -> tuple[World, Streamed]:
    clock = FakeClock()
    chosen = make_settings(**settings)
    messages = Streamed(clock, chosen.validity_minutes)
    return with_test_key(make_world(chosen, clock=clock, messages=messages)), messages
