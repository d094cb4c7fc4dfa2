"""A call as steps: which requests are made, how long it waits, and when it ends; clients carry them out."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from longcode.client.errors import LongcodeError, NoAnswer, Refused, Unfinished, UnreadableAnswer

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
# Answers after which the same call may succeed.
_LATER = frozenset((429, 500, 502, 503, 504))
_IN_USE = "idempotency_key_in_use"
# Codes that stay what they are for longer than anyone waits.
_FINAL = frozenset(("daily_limit", "quota_exceeded", "provider_refused"))
# With this one the gateway let nothing through to the API.
_THROTTLED = "throttled"
# Texts of a batch that a store fails for are asked for so often again.
_COMPLETIONS = 3
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


# Any: JSON of the API.
@dataclass(frozen=True, slots=True, kw_only=True)
class Call[T]:
    """One call of the API, and how its answer is read.

    `repeatable` is whether the same request twice does no more than once. `missing_is_done` is whether a 404 after
    a repetition says that the first one did it. `unfinished` says what of an answer is to be asked for again.
    """

    method: str
    path: str
    read: Callable[[Mapping[str, Any]], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    idempotency_key: str | None = None
    repeatable: bool = True
    missing_is_done: bool = False
    may_be_empty: bool = False
    unfinished: Callable[[T], Unfinished | None] = lambda _: None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of this call alone."""
        made = {} if self.body is None else {"content-type": "application/json"}
        return made | ({} if self.idempotency_key is None else {"idempotency-key": self.idempotency_key})


@dataclass(frozen=True, slots=True)
class Page[T]:
    """A page of a list, and where the next one begins; None on the last."""

    rows: tuple[T, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait in a call."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """That a call waits for so many seconds before the next try, after this error."""

    seconds: float
    error: LongcodeError


type Step = Call[Any] | Pause
# What a step came to: a request its answer or why there is none, a wait nothing.
type Outcome = httpx.Response | httpx.RequestError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call is repeated, in seconds, and what waits are made of. `jitter` gives 0 to 1."""

    patience_s: float
    clock: Callable[[], float]
    jitter: Callable[[], float]
    waiting: Callable[[Wait], None]

    def steps[T](self, call: Call[T]) -> Generator[Step, Outcome, T]:
        """The steps of a call, which is sent the outcome of each. Raises LongcodeError."""
        began, wait_s, completions, repeated = self.clock(), _FIRST_WAIT_S, 0, False
        while True:
            found: T | None = None
            error: LongcodeError | None = None
            try:
                found = _read(call, (yield call), repeated=repeated)
            except LongcodeError as exc:
                exc.idempotency_key = call.idempotency_key
                if not _is_passing(call, exc):
                    raise
                error = exc
            else:
                error = call.unfinished(found) if completions < _COMPLETIONS else None
                if error is None:
                    return found
                completions += 1
            pause_s = max(wait_s * (1 + self.jitter()) / 2, error.retry_after_s or 0)
            if self.clock() + pause_s - began > self.patience_s:
                if found is not None:
                    return found
                raise error
            self.waiting(Wait(pause_s, error))
            yield Pause(pause_s)
            wait_s, repeated = min(2 * wait_s, _LONGEST_WAIT_S), True


def _read[T](call: Call[T], outcome: Outcome, *, repeated: bool) -> T:
    """The answer to a call. Raises LongcodeError where it is none."""
    if not isinstance(outcome, httpx.Response):
        raise _no_answer(outcome) from None
    fields = _fields_of(outcome)
    if not outcome.is_success:
        if not (call.missing_is_done and repeated and outcome.status_code == 404):
            raise _refused(outcome, fields)
        fields = {}
    elif not fields and not call.may_be_empty:
        raise UnreadableAnswer(
            "The answer is no JSON object.", code="unreadable_answer", status=outcome.status_code
        )
    try:
        return call.read(fields)
    except ValueError as exc:
        raise UnreadableAnswer(
            f"The answer is not as the API's: {exc}.",
            code="unreadable_answer",
            status=outcome.status_code,
            fields=fields,
        ) from None


# Any: JSON of the API.
def _fields_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _no_answer(exc: httpx.RequestError | None) -> NoAnswer:
    # The words alone: an exception of httpx has the request, and with it the key.
    words = f"The API does not answer ({str(exc) or type(exc).__name__})."
    return NoAnswer(words, never_left=isinstance(exc, _NEVER_LEFT), final=isinstance(exc, _NEVER_SENT))


# Any: JSON of the API.
def _refused(answer: httpx.Response, fields: Mapping[str, Any]) -> Refused:
    return Refused(
        str(fields.get("error") or answer.text[:80] or answer.reason_phrase),
        code=str(fields.get("code") or f"http_{answer.status_code}"),
        status=answer.status_code,
        fields=fields,
        retry_after_s=_retry_after_s(answer),
    )


def _retry_after_s(answer: httpx.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None


def _is_passing(call: Call[Any], error: LongcodeError) -> bool:
    """Whether the same call may succeed later, and can't do twice what it does."""
    match error:
        case NoAnswer(final=True):
            return False
        case NoAnswer(never_left=True):
            return True
        case UnreadableAnswer(fields=fields) if fields:
            # JSON is of the API itself, and of another version: it stays so.
            return False
        case NoAnswer() | UnreadableAnswer():
            return call.repeatable
        case Refused(code=code) if code in _FINAL:
            return False
        case Refused(code=code) if code == _THROTTLED:
            return True
    return call.repeatable and (error.status in _LATER or error.code == _IN_USE)


def for_page[T](call: Call[T], cursor: str | None) -> Call[T]:
    """The call of a further page."""
    return call if cursor is None else replace(call, query={**call.query, "cursor": cursor})
