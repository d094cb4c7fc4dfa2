"""Looking for messages: what may be asked for, and a cursor that says nothing but where the last page ended."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace

from longcode.domain import phone, test_mode
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import MAX_TAG_CHARACTERS, Message, epoch_ms, is_tag
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.search import Position, Search
from longcode.domain.status import Status
from longcode.use_cases.ports import Finder, Messages

LIMIT, LIMIT_MOST = 50, 100
_FILTERS = ("to", "from", "tag", "status", "since", "until", "opt_out")
_PARAMETERS = (*_FILTERS, "limit", "cursor")
_THREAD_PARAMETERS = ("since", "until", "limit", "cursor")

_DIGEST_BYTES, _TIME_BYTES = 16, 8
# Of a cursor: our ids are UUIDs, the provider's might be anything.
_CHARACTERS_MOST = 1_000
# The last millisecond that has a date.
_LATEST_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a page."""

    search: Search
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and where the next page begins; None if this was the last."""

    messages: list[Message]
    cursor: str | None


def query(parameters: Mapping[str, str], *, test: bool | None = False) -> Query:
    """Read the parameters of a search, for live texts or for test texts; None: for both.

    Raises InvalidRequest that names the one at fault.
    """
    unknown = sorted(set(parameters) - set(_PARAMETERS))
    if unknown:
        raise InvalidRequest(f"Unknown parameter. Known are: {', '.join(_PARAMETERS)}.", field=unknown[0][:64])
    search = _search(parameters)
    if test:
        search = replace(search, tag=search.tag and test_mode.marked_tag(search.tag))
    search = replace(search, test=test)
    return Query(search, _after(parameters.get("cursor"), search), _limit(parameters.get("limit")))


def thread(number: str, parameters: Mapping[str, str], *, test: bool | None = False) -> Query:
    """Read the parameters of a thread: the texts with one person, both ways. Raises InvalidRequest."""
    unknown = sorted(set(parameters) - set(_THREAD_PARAMETERS))
    if unknown:
        raise InvalidRequest(
            f"Unknown parameter. Known are: {', '.join(_THREAD_PARAMETERS)}.", field=unknown[0][:64]
        )
    since, until = _period(parameters)
    search = Search(peer=number, since_ms=since, until_ms=until, test=test)
    return Query(search, _after(parameters.get("cursor"), search), _limit(parameters.get("limit")))


def page(wanted: Query, finder: Finder, messages: Messages, now_ms: int) -> Page:
    """One page of what is there now."""
    found = finder.find(wanted.search, wanted.after, wanted.limit, now_ms)
    # An index may be a moment behind: what is shown fits as it is shown.
    fitting = [message for message in messages.get_all(found.ids) if wanted.search.fits(message)]
    return Page(fitting, cursor(found.next, wanted.search) if found.next else None)


def cursor(after: Position, search: Search) -> str:
    """Where a page of `search` ended, for the caller to hand back.

    It holds no filter, only a digest of them: whatever is put into it, it can't ask for anything else than the
    request that it comes with.
    """
    raw = _digest(search) + after.accepted_ms.to_bytes(_TIME_BYTES) + after.id.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _after(text: str | None, search: Search) -> Position | None:
    if text is None:
        return None
    problem = InvalidRequest("This cursor is not one of ours, or it belongs to another search.", field="cursor")
    if len(text) > _CHARACTERS_MOST or not re.fullmatch(r"[A-Za-z0-9_-]+", text, re.ASCII):
        raise problem
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        time, ident = raw[_DIGEST_BYTES:][:_TIME_BYTES], raw[_DIGEST_BYTES + _TIME_BYTES :]
        after = Position(int.from_bytes(time), ident.decode())
    except ValueError as exc:
        raise problem from exc
    # A position has one cursor in each search, and this must be it.
    if after.accepted_ms > _LATEST_MS or cursor(after, search) != text:
        raise problem
    return after


def _digest(search: Search) -> bytes:
    return hashlib.sha256(json.dumps(["messages", *astuple(search)]).encode()).digest()[:_DIGEST_BYTES]


def _search(parameters: Mapping[str, str]) -> Search:
    to, sender, tag = (parameters.get(name) for name in ("to", "from", "tag"))
    if to is not None and sender is not None:
        raise InvalidRequest("Give one of 'to' and 'from': no text is both to them and from them.", field="from")
    if tag is not None and sender is not None:
        raise InvalidRequest("An inbound text has no tag: give one of 'tag' and 'from'.", field="tag")
    status = parameters.get("status")
    if status is not None and status not in set(Status):
        raise InvalidRequest(f"There is no such status. It is one of {', '.join(Status)}.", field="status")
    since, until = _period(parameters)
    if not any(name in parameters for name in _FILTERS):
        raise InvalidRequest(f"Say what to look for: {', '.join(_FILTERS[:-1])} or {_FILTERS[-1]}.")
    if tag is not None and not is_tag(tag):
        raise InvalidRequest(f"A tag has 1 to {MAX_TAG_CHARACTERS} visible characters.", field="tag")
    opt_out = _opt_out(parameters)
    number = _number(to) or _sender(sender)
    return Search(
        peer=number,
        direction="outbound" if to is not None else "inbound" if sender is not None else None,
        tag=tag,
        status=Status(status) if status is not None else None,
        since_ms=since,
        until_ms=until,
        opt_out=opt_out,
    )


def _period(parameters: Mapping[str, str]) -> tuple[int | None, int | None]:
    since, until = (_moment(parameters.get(name), name) for name in ("since", "until"))
    if since is not None and until is not None and since >= until:
        raise InvalidRequest("'until' must be later than 'since'.", field="until")
    return since, until


def _number(value: str | None) -> str | None:
    if value is None:
        return None
    # A plus that was not escaped is read as a blank.
    number = phone.canonical(value)
    if not phone.is_e164(number):
        raise InvalidRequest("'to' must be one phone number in E.164 format, as +12025550123.", field="to")
    return number


def _sender(value: str | None) -> str | None:
    """Texts come from short codes and names as well."""
    if value is None:
        return None
    sender = phone.canonical(value)
    if not sender or not sender.isprintable():
        raise InvalidRequest("'from' must be one sender, as +12025550123.", field="from")
    return sender


def _opt_out(parameters: Mapping[str, str]) -> str | None:
    wanted = parameters.get("opt_out")
    if wanted is None:
        return None
    if wanted not in set(OptOutKeyword):
        raise InvalidRequest(f"'opt_out' must be one of {', '.join(OptOutKeyword)}.", field="opt_out")
    if "to" in parameters or "tag" in parameters:
        raise InvalidRequest(
            "It is inbound texts that are read for this: give no 'to' and no 'tag'.", field="opt_out"
        )
    return wanted


def _moment(value: str | None, field: str) -> int | None:
    if value is None:
        return None
    # The same for the plus of a time zone.
    at_ms = epoch_ms(re.sub(r" (?=\d\d:?\d\d$)", "+", value))
    if at_ms is None:
        raise InvalidRequest(f"'{field}' must be a time in ISO 8601, as 2026-11-23T15:48:14Z.", field=field)
    return at_ms


def _limit(value: str | None) -> int:
    if value is None:
        return LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= LIMIT_MOST:
        raise InvalidRequest(f"'limit' must be a whole number from 1 to {LIMIT_MOST}.", field="limit")
    return int(value)
