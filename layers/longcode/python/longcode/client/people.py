"""The calls about one person: opt-outs, and erasing their texts."""

from longcode.client.answers import Erased, OptOut, Unclear
from longcode.client.steps import Call, Page
from longcode.client.texts import page_of, part


def opt_outs() -> Call[Page[OptOut]]:
    """GET /sms/optouts: who wants no texts now, the longest first, page after page."""
    return Call(method="GET", path="/sms/optouts", read=page_of("optouts", OptOut))


def unclear() -> Call[Page[Unclear]]:
    """GET /sms/optouts/unclear: who may have asked for an end, for a person to read; page after page."""
    return Call(method="GET", path="/sms/optouts/unclear", read=page_of("unclear", Unclear))


def opt_out_of(number: str) -> Call[OptOut]:
    """GET /sms/optouts/{number}: how it stands for one number. A number that never opted out is `not_found`."""
    return Call(method="GET", path=f"/sms/optouts/{part(number)}", read=OptOut.read)


def opt_out(number: str) -> Call[OptOut]:
    """PUT /sms/optouts/{number}: send this number no more texts."""
    return Call(method="PUT", path=f"/sms/optouts/{part(number)}", read=OptOut.read)


def opt_in(number: str) -> Call[OptOut]:
    """DELETE /sms/optouts/{number}: this number wants texts again."""
    return Call(method="DELETE", path=f"/sms/optouts/{part(number)}", read=OptOut.read)


def erase(number: str) -> Call[Erased]:
    """DELETE /sms/recipients/{number}: erase the texts of one person. Call again while there are `remaining`."""
    return Call(method="DELETE", path=f"/sms/recipients/{part(number)}", read=Erased.read)
