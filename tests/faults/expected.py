"""What must come of a cell of the matrix, worked out from what the provider did and not from our code."""

from longcode.domain.status import Status
from tests.faults.matrix import PROVIDER, Cell, Crash, Evidence, Mode

# Answers that prove that nothing was sent.
REFUSALS = ("refuses, 429", "refuses, 503", "can't be reached")
ANSWERS = ("works", "takes it, slowly")


def accepted(cell: Cell) -> int:
    """How often the provider takes the text, over all requests."""
    takes, resolves = PROVIDER[cell.provider].takes, cell.mode is not Mode.HOLD
    if not in_doubt(cell):
        return 1
    if not resolves:
        return int(takes and cell.crash is not Crash.AFTER_CLAIM)
    if cell.crash is Crash.AFTER_CLAIM:
        # The first request is the replay, so the fault befalls that; a clear answer to it is the end of it.
        return 2 if blind(cell) and takes and cell.provider not in ANSWERS else 1
    return 2 if blind(cell) and takes else 1


def blind(cell: Cell) -> bool:
    """Whether nothing but the first answer tells what the provider did, and a repeated request is another text."""
    return cell.mode is Mode.IGNORED and cell.evidence is Evidence.NOTHING


def others(cell: Cell) -> set[int]:
    """How often a text to another recipient, which was under way when the process died, may be taken."""
    return {1, 2} if blind(cell) and cell.crash is not Crash.NEVER else {1}


def in_doubt(cell: Cell) -> bool:
    """Whether we can't know from the first request what the provider did with it."""
    if cell.crash in (Crash.AFTER_CLAIM, Crash.REQUEST_LEFT, Crash.AFTER_ANSWER):
        return True
    return cell.provider not in ANSWERS + REFUSALS


def status(cell: Cell) -> Status:
    """What the text's status must say in the end."""
    taken = accepted(cell)
    if taken and cell.evidence is not Evidence.NOTHING:
        return Status.DELIVERED
    if not taken or (in_doubt(cell) and cell.mode is Mode.HOLD):
        return Status.UNKNOWN
    return Status.SUBMITTED
