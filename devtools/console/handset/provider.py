"""The provider's side: what arrived at the simulated phones, and what is to go wrong there."""

import asyncio
import time
from typing import Any

import httpx

from devtools.telnyx_simulator.networks import CARRIERS, Network, by_rule
from devtools.telnyx_simulator.outages import SUMMARIES
from devtools.telnyx_simulator.outcomes import BY_NAME, OUTCOMES, of

# Any, in all of this module: JSON of the simulator's control API.
_PHONES = 100
_TEXTS = 60
_REQUESTS = 30
_FRESH_S = 0.3
_NAMES = {
    Network.ATT: "AT&T",
    Network.T_MOBILE: "T-Mobile",
    Network.VERIZON: "Verizon",
    Network.US_CELLULAR: "US Cellular",
    Network.OTHER: "another carrier",
    Network.VOIP: "VoIP",
    Network.LANDLINE: "landline",
    Network.UNKNOWN: "unknown",
}


class Provider:
    """Reads the simulated provider for all streams of the page, whose threads are read once for all."""

    def __init__(self, simulator: httpx.AsyncClient) -> None:
        self._simulator = simulator
        self._reading = asyncio.Lock()
        self._at = float("-inf")
        self._threads: dict[str, Any] = {}

    async def phones(self) -> dict[str, Any]:
        """Each phone with its last text, the latest requests, the limits and what is programmed."""
        threads, requests, limits, faults, carriers = await asyncio.gather(
            self.threads(),
            self.get("requests", limit=_REQUESTS),
            self.get("limits", limit=8),
            self.get("faults"),
            self.get("carriers"),
        )
        moved = {number: one["network"] for number, one in carriers["moved"].items()}
        return {
            "total": threads["total"],
            "phones": [_phone(thread) for thread in threads["threads"]],
            "requests": requests["requests"][::-1],
            "request_count": requests["total"],
            "limits": _limits(limits),
            "outage": faults["outage"],
            "latency_ms": faults["latency_ms"],
            "faults": faults["requests"],
            "moved": moved,
        }

    async def texts(self, number: str) -> list[dict[str, Any]]:
        """The latest texts on one phone, both ways, oldest first."""
        threads = (await self.threads())["threads"]
        return [
            _text(text) for thread in threads if thread["number"] == number for text in thread["texts"][-_TEXTS:]
        ]

    async def threads(self) -> dict[str, Any]:
        """The conversations, the latest first."""
        async with self._reading:
            if time.monotonic() - self._at >= _FRESH_S:
                self._threads = await self.get("threads", limit=_PHONES)
                self._at = time.monotonic()
            return self._threads

    async def get(self, what: str, **query: int) -> dict[str, Any]:
        """The answer of the control API. Raises httpx.HTTPError."""
        answer = await self._simulator.get(f"/_provider/{what}", params=query)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def post(self, what: str, asked: dict[str, Any]) -> httpx.Response:
        """Ask the control API for a change."""
        return await self._simulator.post(f"/_provider/{what}", json=asked)

    async def behave(self, number: str, outcome: str | None) -> httpx.Response:
        """Let texts to `number` fare as `outcome` says; None: as the number itself does.

        An outcome that befalls only a text's first requests is programmed for so many requests.
        """
        known = BY_NAME.get(outcome or "")
        times = known.tries if known else None
        return await self.post("faults", {"outcome": outcome, "to": number, "times": times, "instead": True})


def choices() -> dict[str, Any]:
    """What a person may choose from: behaviours with their numbers, carriers, and outages."""
    return {
        "outcomes": [outcome.public() | {"tries": outcome.tries} for outcome in OUTCOMES],
        "networks": [
            {"name": network.value, "title": _NAMES[network], "line": CARRIERS[network].line_type}
            for network in Network
        ],
        "outages": [{"name": kind.value, "summary": summary} for kind, summary in SUMMARIES.items()],
    }


def facts_of(number: str) -> dict[str, str]:
    """How texts to a number fare, and which carrier it is on, by its last digits alone."""
    return {"number": number, "outcome": of(number).name, "network": by_rule(number).network.value}


def _phone(thread: dict[str, Any]) -> dict[str, Any]:
    texts = thread["texts"]
    return {
        **facts_of(thread["number"]),
        "accepted": thread["count"],
        "gap_ms": thread["smallest_gap_ms"],
        "opted_out": thread["opted_out"],
        "last": _text(texts[-1]) if texts else None,
        "arrived": thread["to_phone"],
    }


def _text(text: dict[str, Any]) -> dict[str, Any]:
    shown = {name: text[name] for name in ("id", "kind", "text", "type", "media", "status", "parts", "at_ms")}
    # The URL for the receipts of a text of ours ends in our id.
    ours = (text["webhook_url"] or "").rpartition("/")[2] if text["kind"] == "text" else ""
    errors = [{"code": error["code"], "title": error["title"]} for error in text["errors"]]
    return shown | {"message_id": ours or None, "errors": errors}


def _limits(limits: dict[str, Any]) -> dict[str, Any]:
    minute = max((row["minute"] for row in limits["minutes"]), default=None)
    return {
        "enforce": limits["settings"]["enforce"],
        "att_per_minute": sum(limits["att"].values()),
        "t_mobile": limits["t_mobile"],
        "today": [row for row in limits["days"] if row["day"] == limits["t_mobile"]["day"]],
        "minute": minute,
        "latest_minute": [row for row in limits["minutes"] if row["minute"] == minute],
    }
