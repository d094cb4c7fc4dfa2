"""Calls routes of a world in memory and keeps what they answer."""

import base64
import json
import re
import uuid
from dataclasses import replace
from typing import Any

from devtools.local_stack import sam_template
from devtools.openapi.document import Example
from devtools.openapi.operations import UNDER
from longcode.domain.batch_token import NONCE_BYTES, Token
from longcode.domain.errors import Unavailable
from tests.support.fakes import ROOT, Reply, World
from tests.support.fakes.gateway import API_KEY_ID

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
# A version 4 is drawn by chance; all other ids are the same in every run.
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# What is drawn by chance of a subscription.
_DRAWN = (
    (re.compile(r"whs_[A-Za-z0-9_-]{22}"), "whs_" + "A" * 22),
    (re.compile(r"whsec_[A-Za-z0-9+/=]{44}"), SECRET),
)
Route = tuple[str, str]


def functions() -> dict[Route, str]:
    """The function of each route, as the template has it."""
    template = sam_template.load(ROOT / "template.yaml")
    found = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): properties["CodeUri"].split("/")[1]
        for properties in sam_template.functions(template).values()
        for event in (properties.get("Events") or {}).values()
        if event["Type"] == "Api"
    }
    return found | {("GET", path): found["GET", under] for path, under in UNDER.items()}


class Silent:
    """A store that does not answer, or breaks: each call of it raises."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self._failure = failure or Unavailable("The messages table")

    # Any: whatever is called.
    def __getattr__(self, name: str) -> Any:
        def call(*_args: object, **_more: object) -> Any:
            raise self._failure

        return call


class Recorder:
    """What was recorded so far."""

    def __init__(self) -> None:
        self._found: dict[Route, dict[str, Example]] = {}
        self._functions = functions()

    # Any: as gateway.call takes it.
    def call(self, world: World, method: str, path: str, body: object = None, **more: Any) -> Reply:
        """Call a route, a moment later than the last call."""
        world.clock.pass_ms(1)
        under = UNDER.get(path, path)
        if under != path:
            more["parameters"] = {"number": path.rpartition("/")[2]}
        return world.request(self._functions[method, path], method, under, body, **more)

    def keep(self, name: str, world: World, method: str, path: str, body: object = None, **more: Any) -> Reply:
        """Call a route and keep the answer; for an error the name has to be its code."""
        reply = self.call(world, method, path, body, **more)
        assert reply.status < 300 or reply.fields["code"] == name, (method, path, name, reply)
        shown = body if isinstance(body, dict) else None
        self._found.setdefault((method, path), {})[name] = Example(reply.status, _tidy(reply.fields, world), shown)
        return reply

    def has(self, method: str, path: str, name: str) -> bool:
        """Whether there is such an example."""
        return name in self._found.get((method, path), {})

    def examples(self) -> dict[Route, dict[str, Example]]:
        """All of them; ids that were drawn by chance are replaced, in the order in which they came."""
        seen: dict[str, str] = {}

        def steady(found: re.Match[str]) -> str:
            place = str(len(seen))
            return seen.setdefault(found[0], str(uuid.uuid5(uuid.NAMESPACE_URL, f"example/{place}")))

        def again(value: Any) -> Any:
            words = _RANDOM_ID.sub(steady, json.dumps(value))
            for drawn, instead in _DRAWN:
                words = drawn.sub(instead, words)
            return json.loads(words)

        return {
            route: {
                name: Example(each.status, again(each.body), again(each.request)) for name, each in found.items()
            }
            for route, found in self._found.items()
        }


def _tidy(fields: dict[str, Any], world: World) -> dict[str, Any]:
    """The same with a token that is made of no chance."""
    if "token" not in fields:
        return fields
    token = Token.read(fields["token"], API_KEY_ID, world.clock.now)
    return fields | {"token": replace(token, nonce=bytes(NONCE_BYTES)).write(API_KEY_ID)}
