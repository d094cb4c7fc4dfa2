"""What a person does on a phone or at the provider, and the pause of the service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longcode.domain.carriers import Carrier
from longcode.domain.message import is_tag
from longcode.domain.phone import is_e164
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import Subject, SubjectKind
from longcode.use_cases import tag_brakes
from longcode_cli import campaigns
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack

from ..context import Context, ask
from ..pages import refuse
from .provider import Provider
from .service import now_ms
from .texts import body_of, called

_REASON_MOST = 500
# Any: JSON.
Asked = dict[str, Any]


def routes(context: Context, phones: Provider | None) -> list[Route]:
    """The endpoints. Those of the provider refuse where it is not simulated."""

    def at_provider(act: Callable[[Provider, Asked], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            asked = await body_of(request)
            if isinstance(asked, Response):
                return asked
            if phones is None:
                return refuse("The provider of this stack is not simulated.", 409)
            return await act(phones, asked)

        return endpoint

    async def sending(request: Request) -> Response:
        asked = await body_of(request)
        return asked if isinstance(asked, Response) else await _sending(context.service, asked)

    acts = {"inbound": _posting("inbound"), "limits": _posting("limits"), "carriers": _posting("carriers")}
    acts |= {"faults": _posting("faults"), "behaviour": _behave}
    return [
        *(Route(f"/api/handset/{name}", at_provider(act), methods=["POST"]) for name, act in acts.items()),
        Route("/api/handset/sending", sending, methods=["POST"]),
    ]


def _posting(what: str) -> Callable[[Provider, Asked], Awaitable[Response]]:
    async def act(provider: Provider, asked: Asked) -> Response:
        return await called(provider.post(what, asked))

    return act


async def _behave(provider: Provider, asked: Asked) -> Response:
    number, outcome = asked.get("number"), asked.get("outcome")
    if not isinstance(number, str) or not is_e164(number):
        return refuse("Must be a number in E.164, as +12025550123.", field="number")
    if outcome is not None and not isinstance(outcome, str):
        return refuse("Must be the name of a behaviour, or null.", field="outcome")
    return await called(provider.behave(number, outcome))


async def _sending(stack: Stack, asked: Asked) -> Response:
    """Pause or resume all texts, those of a priority, of a carrier or of a tag; or close the breaker."""
    act, reason = asked.get("act"), asked.get("reason") or ""
    if act not in tuple(_ACTS):
        return refuse(f"Must be one of {', '.join(_ACTS)}.", field="act")
    if not isinstance(reason, str) or len(reason) > _REASON_MOST:
        return refuse(f"Must be a text of at most {_REASON_MOST} characters.", field="reason")
    named = {name: asked[name] for name in _OF if asked.get(name) is not None}
    for name, value in named.items():
        if problem := _problem(name, value):
            return refuse(problem, field=name)
    if len(named) > 1:
        return refuse(
            "Give a priority, a carrier or a tag: the last two are paused for bulk texts alone.",
            field=list(named)[1],
        )
    if act == "close_breaker" and named:
        return refuse("The breaker stops all texts: leave out priority, carrier and tag.", field="act")
    of = next((_OF[name](value) for name, value in named.items()), None)
    try:
        await asyncio.to_thread(ask, _ACTS[act], stack, of, reason.strip())
    except Problem as exc:
        return refuse(str(exc), 502)
    return JSONResponse({"act": act})


def _problem(name: str, value: object) -> str | None:
    """Why what is named is not one that can be paused; None if it is."""
    if name == "tag":
        return None if isinstance(value, str) and is_tag(value) else "No text can have this tag."
    words = tuple(Priority) if name == "priority" else tuple(Carrier)
    return None if value in words else f"Must be one of {', '.join(words)}, or null."


def _pause(stack: Stack, of: Subject | Priority | None, reason: str) -> None:
    if isinstance(of, Subject):
        tag_brakes.pause(of, reason, campaigns.brakes(stack), now_ms())
    else:
        stack.limits.pause(now_ms(), reason, of)


def _resume(stack: Stack, of: Subject | Priority | None, _reason: str) -> None:
    if isinstance(of, Subject):
        tag_brakes.resume(of, campaigns.brakes(stack), now_ms())
    else:
        stack.limits.resume(of)


def _close_breaker(stack: Stack, _of: Subject | Priority | None, _reason: str) -> None:
    # An operator's word counts also after an event that our registration was lost.
    stack.limits.close_breaker(now_ms(), registered=True)


# What a pause may be of: all texts without one of these.
_OF: dict[str, Callable[[str], Subject | Priority]] = {
    "priority": Priority,
    "carrier": lambda name: Subject(SubjectKind.CARRIER, name),
    "tag": lambda name: Subject(SubjectKind.TAG, name),
}
_ACTS = {"pause": _pause, "resume": _resume, "close_breaker": _close_breaker}
