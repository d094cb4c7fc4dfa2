"""The items of the messages table by which the publisher hears of pauses."""

from typing import Any, Literal

from longcode.aws.brake_codec import KINDS
from longcode.domain.events import PauseNotice
from longcode.domain.tag_brake import Pause, Subject, SubjectKind, Tally


# Any: an item is whatever JSON the table holds.
def notice(item: dict[str, Any]) -> PauseNotice:
    """What such an item says of a pause."""
    subject = Subject(SubjectKind(item["kind"]), str(item["name"]))
    by: Literal["brake", "operator"] = "brake" if item["by"] == "brake" else "operator"
    made = Pause(int(item["since_ms"]), str(item["reason"]), by) if item["paused"] else None
    return PauseNotice(int(item["at_ms"]), subject, made, Tally(*(int(item[word]) for word in KINDS.values())))
