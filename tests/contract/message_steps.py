"""Steps that bring a message to where a test of its store begins."""

from longcode.domain.message import DUE_SHARDS, Message
from longcode.domain.status import HeldBy
from longcode.use_cases.ports import Messages
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import NO_ANSWER, make_message

NOW = START_MS + 1_000
VALIDITY_MS = 60 * 60_000


def stored(messages: Messages, message: Message) -> Message:
    found = messages.get(message.id)
    assert found is not None
    return found


def queued(messages: Messages, **changes: object) -> Message:
    message = make_message(**changes)
    assert messages.accept(message) is None
    return message


def claimed(messages: Messages, **changes: object) -> Message:
    message = queued(messages, **changes)
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.won
    assert claim.message
    return claim.message


def unknown(messages: Messages, **changes: object) -> Message:
    message = claimed(messages, **changes)
    assert messages.ambiguous(message, NO_ANSWER, NOW)
    return stored(messages, message)


def due(messages: Messages, now_ms: int, at_most: int = 50) -> set[str]:
    found: set[str] = set()
    for shard in range(DUE_SHARDS):
        found |= set(messages.due_messages(shard, now_ms, at_most))
    return found


def dead(messages: Messages, now_ms: int) -> list[str]:
    """What may be a claim whose invocation has died."""
    return list(messages.old_claims(now_ms, 50))


def released(messages: Messages, message: Message, **changes: object) -> bool:
    options = {"slot_ms": NOW + 9_000, "held_by": HeldBy.PROVIDER_BACKOFF} | changes
    return messages.release(message, NOW, **options)  # type: ignore[arg-type]
