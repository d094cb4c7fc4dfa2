"""The API's routes of webhook subscriptions, asked over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer

from longcode_cli.api import http_of
from longcode_cli.options import Where
from longcode_cli.problems import Problem
from longcode_cli.terminal import plain

ROUTE = "/webhooks/subscriptions"
Ident = Annotated[
    str, typer.Argument(metavar="ID", help="The subscription's id, as longcode webhooks list shows it.")
]
_HINTS = {
    "not_found": "longcode webhooks list shows those that there are.",
    "webhooks_off": "longcode set WebhookDeliveries on delivers events to URLs (docs/webhooks.md, What it costs).",
    "too_many_subscriptions": "longcode webhooks delete ID makes room.",
    "forbidden": "The API does not take the stack's own key. Does longcode doctor find its API key?",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """Calls of these routes. None is repeated: a second creation would be a second subscription."""

    client: httpx.Client

    # Any: JSON of the API.
    def __call__(
        self,
        method: str,
        *path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The fields of an answer. Raises Problem where the call is refused, or not answered."""
        try:
            answer = self.client.request(method, "/".join((ROUTE, *path)), json=body, params=dict(query or {}))
        except httpx.HTTPError as exc:
            raise Problem(
                f"The API does not answer ({type(exc).__name__}).",
                "Check the network; locally, make up. longcode webhooks list shows whether the change was made.",
            ) from None
        fields = _fields(answer)
        if answer.is_success and fields:
            return fields
        words = str(fields.get("error", answer.reason_phrase)).rstrip(".")
        field = f" (field {fields['field']})" if fields.get("field") else ""
        code = str(fields.get("code", ""))
        raise Problem(
            f"The API refuses: {answer.status_code} {plain(f'{code}: {words}{field}')}.",
            _HINTS.get(code, "docs/webhooks.md has what is refused and why."),
        )


# Any: JSON of the API.
def _fields(answer: httpx.Response) -> dict[str, Any]:
    """The fields of an answer; none if it is no JSON object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def asking(where: Where) -> Iterator[Asking]:
    """The routes of a stack, for the time of a block."""
    with http_of(where.open()) as client:
        yield Asking(client)


def checked(subscription_id: str) -> str:
    """An id that can stand in a path. Raises BadParameter for what can't."""
    if not subscription_id.startswith("whs_") or not subscription_id.replace("_", "").replace("-", "").isalnum():
        raise typer.BadParameter("must be the id of a subscription, as whs_…", param_hint="ID")
    return subscription_id
