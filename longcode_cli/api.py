"""A stack's API over HTTP, with its key: calls that are repeated while it does not answer or asks for a wait."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import plain, span, warn, without_numbers

TIMEOUT_S = 40.0
# How long a call is repeated before it is given up.
PATIENCE_S = 900.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
# Answers after which the same call may succeed.
_LATER = frozenset((429, 500, 502, 503, 504))
_IN_USE = "idempotency_key_in_use"
_HINTS = {
    "forbidden": "The API does not take the stack's own key. Does longcode doctor find its API key?",
    "daily_limit": "A cap of texts a day is reached (DailyTextsPerKey). Run the same command after 00:00 UTC.",
    "quota_exceeded": "The usage plan's quota is used up. Raise it, or run the same command later.",
    "not_found": "The API has no such route: is the stack of the same version as this command?",
}


def api_of(stack: Stack) -> httpx.Client:
    """The stack's API with its key; closed by the caller."""
    if stack.local:
        url, key = stack.local.api_url, stack.local.api_key
    else:
        url, key_id = stack.outputs["ApiUrl"], stack.outputs["ApiKeyId"]
        key = stack.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
    # The proxy of a workstation may stand between it and AWS, but never between it and itself.
    return httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=TIMEOUT_S, trust_env=stack.local is None)


def http_of(stack: Stack) -> httpx.Client:
    """The same, for what repeats no call."""
    return api_of(stack)


# Any: JSON of the API.
def fields_of(answer: httpx.Response) -> dict[str, Any]:
    """The fields of an answer; none if it is no JSON object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass
class Api:
    """Calls to the API through `client`, each repeated until it is answered.

    A call that changes something has an idempotency key, so that a repetition changes nothing more. After
    `patience_s` seconds without an answer it is given up. `waiting` is given what is waited for, in words.
    """

    client: httpx.Client
    patience_s: float = PATIENCE_S
    waiting: Callable[[str], None] = warn
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    # Any: JSON of the API.
    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The fields of an answer. Raises Problem where the call is refused or given up."""
        return self._call(lambda: self.client.get(path, params=dict(query or {})))

    # Any: JSON of the API.
    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """The same of a call with a body and, where it changes something, an idempotency key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._call(lambda: self.client.post(path, json=body, headers=headers))

    def _call(self, call: Callable[[], httpx.Response]) -> dict[str, Any]:
        began, wait_s = self.clock(), _FIRST_WAIT_S
        while True:
            try:
                answer = call()
            except httpx.TransportError as exc:
                why, asked_s = f"The API does not answer ({exc or type(exc).__name__})", 0.0
                problem = Problem(f"{why}.", "Check the network; locally, make up.")
            else:
                fields = fields_of(answer)
                if answer.is_success and fields:
                    return fields
                problem = _refused(answer, fields)
                if not _is_passing(answer, fields):
                    raise problem
                why, asked_s = f"The API answers {_said(answer, fields)}", retry_after_s(answer)
            pause_s = max(wait_s, asked_s)
            if self.clock() + pause_s - began > self.patience_s:
                raise problem
            self.waiting(f"{plain(why)}. The next try is in {span(round(pause_s * 1000))}.")
            self.sleep(pause_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def retry_after_s(answer: httpx.Response) -> float:
    """What `Retry-After` asks for, in seconds; 0 without one."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else 0.0


# Any: JSON of the API.
def _is_passing(answer: httpx.Response, fields: Mapping[str, Any]) -> bool:
    """Whether the same call may succeed later. An answer that is no JSON may come from a proxy."""
    return answer.status_code in _LATER or answer.is_success or fields.get("code") == _IN_USE


# Any: JSON of the API.
def _said(answer: httpx.Response, fields: Mapping[str, Any]) -> str:
    code, words = fields.get("code", ""), str(fields.get("error", answer.text[:80])).rstrip(".")
    field = f" (field {fields['field']})" if fields.get("field") else ""
    return without_numbers(f"{answer.status_code} {code}: {words}{field}", full=False)


# Any: JSON of the API.
def _refused(answer: httpx.Response, fields: Mapping[str, Any]) -> Problem:
    hint = _HINTS.get(str(fields.get("code")), "docs/api.md has what each code means.")
    asked_s = retry_after_s(answer)
    when = f" It may be tried again in {span(round(asked_s * 1000))}." if asked_s else ""
    return Problem(f"The API refuses: {plain(_said(answer, fields))}.{when}", hint)
