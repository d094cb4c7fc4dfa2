"""One text's way as the console shows it: as the service knows it, and as the simulated provider saw it."""

from typing import Any

import httpx
from starlette.concurrency import run_in_threadpool

from longcode_cli.terminal import now_ms
from longcode_cli.trace import recorder
from longcode_cli.trace.model import Span

from ..context import Context, ask
from .simulator import seen

# After its end the last lines and events still come; later nothing does, and nothing is read again.
_SETTLED_MS = 30_000


class Following:
    """Reads the way of one text again and again, until nothing more can come."""

    def __init__(self, context: Context, ident: str) -> None:
        self._context = context
        self._ident = ident
        # Any: JSON.
        self._settled: dict[str, Any] | None = None

    # Any: JSON.
    async def read(self) -> dict[str, Any] | None:
        """The way as it is now; None if there is no such text."""
        if self._settled is not None:
            return self._settled
        now = now_ms()
        found = await run_in_threadpool(ask, recorder.follow, self._context.service, self._ident, now, full=True)
        if found is None:
            return None
        telnyx_id = next((value for name, value in found.facts if name == "telnyx id"), None)
        number = next((value for name, value in found.facts if name == "to"), "")
        spans, notes = await self._simulated(found.ident, telnyx_id, number)
        fields = found.adding(spans, notes).fields()
        if found.ended_ms is not None and now - found.ended_ms > _SETTLED_MS:
            self._settled = fields
        return fields

    async def _simulated(self, ident: str, telnyx_id: str | None, number: str) -> tuple[list[Span], list[str]]:
        simulator = self._context.simulator
        if simulator is None:
            return [], []
        try:
            requests = await simulator.get("/_provider/requests", params={"to": number, "limit": 200})
            webhooks = await simulator.get("/_provider/webhooks", params={"number": number, "limit": 400})
            return seen(ident, telnyx_id, requests.json()["requests"], webhooks.json()["webhooks"]), []
        except (httpx.HTTPError, ValueError, KeyError):
            return [], ["The simulated provider does not answer: what it saw is left out."]
