"""The two priorities of texts, each with a queue of its own: a code does not wait behind a campaign."""

from collections.abc import Mapping
from enum import StrEnum

from longcode.domain.errors import InvalidRequest


class Priority(StrEnum):
    """How soon a text has to leave.

    What is transactional was asked for by its recipient, as a code, and takes its slots of shared limits first.
    Bulk is a campaign: it takes what is left of them, and never the share that is reserved.
    """

    TRANSACTIONAL = "transactional"
    BULK = "bulk"


def parse_priority(fields: Mapping[str, object]) -> Priority | None:
    """Read `priority`, None where it is not given. Raises InvalidRequest."""
    value = fields.get("priority")
    if value is None:
        return None
    if not isinstance(value, str) or value not in tuple(Priority):
        raise InvalidRequest("'priority' must be transactional or bulk.", field="priority")
    return Priority(value)
