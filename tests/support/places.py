"""Places in a recipient queue, as tests say them."""

from longcode.domain.message import Message, Place
from longcode.use_cases.ports import Messages

# Behind all that there is.
END = Place(9_999_999_999_998, 0)


def placed(accepted_ms: int) -> Place:
    """The place of a text that may leave as soon as it is accepted."""
    return Place(accepted_ms, accepted_ms)


def upto(moment_ms: int) -> Place:
    """The last place of those that were accepted up to then."""
    return Place(moment_ms, moment_ms)


def got(messages: Messages, message_id: str) -> Message:
    """A message that must be there."""
    message = messages.get(message_id)
    assert message is not None, message_id
    return message
