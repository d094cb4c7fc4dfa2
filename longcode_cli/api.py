"""A stack's API for the commands: longcode.client with the stack's own key, whose errors become problems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from longcode.client import Client, LongcodeError, NoAnswer, Unfinished, Wait
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import plain, span, warn, without_numbers

TIMEOUT_S = 40.0
# How long a call is repeated before it is given up.
PATIENCE_S = 900.0
_HINTS = {
    "no_answer": "Check the network; locally, make up.",
    "unreadable_answer": "Is the stack of the same version as this command? The same one goes on where it was.",
    "forbidden": "The API does not take the stack's own key. Does longcode doctor find its API key?",
    "daily_limit": "A cap of texts a day is reached (DailyTextsPerKey). Run the same command after 00:00 UTC.",
    "quota_exceeded": "The usage plan's quota is used up. Raise it, or run the same command later.",
    "not_found": "The API has no such route: is the stack of the same version as this command?",
}


@dataclass(frozen=True, slots=True)
class Api:
    """Calls to a stack's API, each repeated until it is answered. Closed by the caller, or in a `with`.

    `hints` says by an error's code what to do about it, before what is said of it everywhere.
    """

    client: Client
    hints: Mapping[str, str] = field(default_factory=dict)

    def ask[**P, T](self, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """The answer to a method of `client`. Raises Problem where the call is refused or given up."""
        try:
            return call(*args, **named)
        except LongcodeError as exc:
            raise _problem(exc, self.hints) from None

    def each[T](self, rows: Iterator[T]) -> Iterator[T]:
        """The rows of a list of `client`. Raises Problem where a page is refused or given up."""
        try:
            yield from rows
        except LongcodeError as exc:
            raise _problem(exc, self.hints) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()


def api_of(stack: Stack, patience_s: float = PATIENCE_S, hints: Mapping[str, str] | None = None) -> Api:
    """The stack's API with its key. A call is given up after `patience_s`; what it waits for is said."""
    url, key = _address(stack)
    return Api(
        Client(
            url,
            key,
            timeout_s=TIMEOUT_S,
            patience_s=patience_s,
            # The proxy of a workstation may stand between it and AWS, but never between it and itself.
            trust_env=stack.local is None,
            waiting=lambda wait: warn(in_words(wait)),
        ),
        hints or {},
    )


def http_of(stack: Stack) -> httpx.Client:
    """The same as plain HTTP, for what looks at the gateway itself: no call is repeated."""
    url, key = _address(stack)
    return httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=TIMEOUT_S, trust_env=stack.local is None)


def _address(stack: Stack) -> tuple[str, str]:
    """Where the API is, and its key."""
    if stack.local:
        return stack.local.api_url, stack.local.api_key
    key_id = stack.outputs["ApiKeyId"]
    key = stack.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
    return stack.outputs["ApiUrl"], key


def in_words(wait: Wait) -> str:
    """What is waited for."""
    error = wait.error
    if isinstance(error, Unfinished):
        return f"{error.words}; they are asked for again."
    why = error.words.rstrip(".") if isinstance(error, NoAnswer) else f"The API answers {_said(error)}"
    return f"{plain(why)}. The next try is in {span(round(wait.seconds * 1000))}."


def _said(error: LongcodeError) -> str:
    field = f" (field {error.field})" if error.field else ""
    return without_numbers(f"{error.status} {error.code}: {error.words.rstrip('.')}{field}", full=False)


def _problem(error: LongcodeError, hints: Mapping[str, str]) -> Problem:
    hint = (_HINTS | dict(hints)).get(error.code, "docs/api.md has what each code means.")
    if isinstance(error, NoAnswer):
        return Problem(plain(error.words), hint)
    asked_s = error.retry_after_s
    when = f" It may be tried again in {span(round(asked_s * 1000))}." if asked_s else ""
    return Problem(f"The API refuses: {plain(_said(error))}.{when}", hint)
