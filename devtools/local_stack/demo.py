"""Real traffic through the deployed API, live in a table: sent, queued, paced, failed and received."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from .layout import Stack
from .problems import LocalError

DEADLINE_S = 60.0
POLL_S = 0.4
LINES_EVERY_S = 2.0

# By their last digits the simulated provider knows what to do with them (`python -m devtools.telnyx_simulator
# --help`).
ALICE, BOB, CAROL, DAVE, UNREACHABLE, WRITER = "0101", "0102", "0103", "0104", "0140", "0120"
# One a run: what an interrupted run left in a recipient queue does not hold up the next one.
AREA_CODES = (
    "202",
    "212",
    "303",
    "312",
    "404",
    "415",
    "503",
    "512",
    "602",
    "617",
    "702",
    "713",
    "801",
    "808",
)

FINAL = frozenset(
    {
        *("failed", "suppressed", "cancelled", "expired_unsent"),
        *("sending_failed", "expired", "delivery_failed", "delivered", "received"),
    }
)
COLOURS = {"delivered": "green", "received": "green", "delivery_failed": "red", "unknown": "yellow"}


@dataclass(slots=True)
class Text:
    """A text of the demo, what it must come to, and what the API said of it last."""

    via: str  # send, queue or inbound
    number: str
    words: str
    expected: str
    id: str = ""
    status: str = ""
    eta: datetime | None = None
    problem: str = ""
    took_s: float | None = None

    @property
    def over(self) -> bool:
        return self.status == self.expected or self.status in FINAL or bool(self.problem)


def number_of(who: str, area_code: str) -> str:
    """A number that is reserved for fiction."""
    return f"+1{area_code}555{who}"


def script(area_code: str) -> list[Text]:
    """What the demo sends, in this order."""
    queued = [
        *((ALICE, f"Alice, part {n} of 5") for n in range(1, 6)),
        (BOB, "Bob, your order has left"),
        (CAROL, "Carol, your code is 4711"),
        (DAVE, "Dave, see you at 9"),
    ]
    return [
        Text("send", number_of(BOB, area_code), "Bob, this one goes at once", "delivered"),
        *(Text("queue", number_of(who, area_code), words, "delivered") for who, words in queued),
        Text("queue", number_of(UNREACHABLE, area_code), "No one is there", "delivery_failed"),
    ]


@dataclass(slots=True)
class Demo:
    """One run over `stack`."""

    stack: Stack
    console: Console
    area_code: str = field(default_factory=lambda: random.choice(AREA_CODES))
    texts: list[Text] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def run(self) -> bool:
        """Send everything, watch it, sum up. Answers whether every text came to what it should."""
        self.texts = script(self.area_code)
        headers = {"x-api-key": self.stack.api_key}
        with httpx.Client(base_url=self.stack.api_url, headers=headers, timeout=30, trust_env=False) as api:
            last_seen = self._last_request()
            self._watch(api)
            self._sum_up(last_seen)
        return all(text.status == text.expected for text in self.texts)

    def _watch(self, api: httpx.Client) -> None:
        live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        if live:
            live.start()
        try:
            for text in self.texts:
                self._hand_over(api, text)
                self._show(live)
            self._receive()
            deadline, line_due = time.monotonic() + DEADLINE_S, 0.0
            while time.monotonic() < deadline and not self._over():
                for text in self.texts:
                    if text.id and not text.over:
                        self._poll(api, text)
                self._show(live)
                if live is None and time.monotonic() >= line_due:
                    line_due = time.monotonic() + LINES_EVERY_S
                    self._line()
                time.sleep(POLL_S)
            self._show(live)
        finally:
            if live:
                live.stop()
        if live is None:
            self._line()
            self.console.print(self._table())

    def _over(self) -> bool:
        ours = [text for text in self.texts if text.via != "inbound"]
        return all(text.over for text in self.texts) or all(text.problem for text in ours)

    def _hand_over(self, api: httpx.Client, text: Text) -> None:
        answer = api.post(f"/sms/{text.via}", json={"to": text.number, "message": text.words})
        body = _object(answer)
        text.id = str(body.get("message_id", ""))
        text.status = str(body.get("status") or ("queued" if body.get("queued") else ""))
        text.eta = _moment(body.get("eta"))
        if answer.is_error or not text.id:
            text.problem = f"{answer.status_code} {body.get('error') or answer.text[:80]}"

    def _receive(self) -> None:
        """Let a handset text us."""
        if self.stack.simulator_url is None:
            return
        text = Text("inbound", number_of(WRITER, self.area_code), "Is this thing on?", "received")
        self.texts.append(text)
        answer = httpx.post(
            f"{self.stack.simulator_url}/_provider/inbound",
            json={"from": text.number, "text": text.words},
            trust_env=False,
        )
        text.id = str(_object(answer).get("message_id", ""))
        if not text.id:
            text.problem = f"{answer.status_code} {answer.text[:80]}"

    def _poll(self, api: httpx.Client, text: Text) -> None:
        answer = api.get(f"/sms/status/{text.id}")
        if answer.status_code == 404 and text.via == "inbound":
            return  # its webhook is still on the way
        body = _object(answer)
        if answer.is_error:
            text.problem = f"{answer.status_code} {body.get('error') or answer.text[:80]}"
            return
        text.status = str(body.get("status", ""))
        text.eta = _moment(body.get("eta"))
        if text.status == text.expected:
            # As its history has it: we look only now and then.
            history = body.get("history") or [{}]
            ended = _moment(history[-1].get("at")) or datetime.now(UTC)
            text.took_s = max(0.0, (ended - self.began_at).total_seconds())

    def _show(self, live: Live | None) -> None:
        if live:
            live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table(title=f"Texts through {self.stack.api_url}", title_justify="left", title_style="dim")
        for heading in ("", "number", "text", "status", "when"):
            table.add_column(heading, no_wrap=heading != "text")
        for text in self.texts:
            colour = "red" if text.problem else COLOURS.get(text.status, "cyan")
            number = f"… {text.number[-4:]}"
            where = f"from {number}" if text.via == "inbound" else f"to {number}"
            table.add_row(
                text.via,
                where,
                text.words,
                f"[{colour}]{'refused' if text.problem else text.status or '…'}[/{colour}]",
                _when(text),
            )
        return table

    def _line(self) -> None:
        counts = Counter("refused" if text.problem else text.status or "on its way" for text in self.texts)
        said = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        self.console.print(f"{time.monotonic() - self.began:5.1f} s  {said}")

    def _last_request(self) -> int:
        rows = self._requests(0)
        return max((int(row["seq"]) for row in rows), default=0)

    def _requests(self, after: int) -> list[dict[str, Any]]:
        if self.stack.simulator_url is None:
            return []
        answer = httpx.get(
            f"{self.stack.simulator_url}/_provider/requests", params={"after": after}, trust_env=False
        )
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["requests"]
        return rows

    def _sum_up(self, last_seen: int) -> None:
        counts = Counter(text.status or "nothing" for text in self.texts)
        self.console.print("\n" + ", ".join(f"{count} {status}" for status, count in counts.most_common()))
        requests = self._requests(last_seen)
        if requests:
            taken = Counter(row["idempotency_key"] for row in requests if row["accepted"])
            twice = sum(count > 1 for count in taken.values())
            self.console.print(f"The provider took {sum(taken.values())} texts, {twice} of them twice.")
        if gap := smallest_gap_ms(requests):
            interval = self.stack.parameters["RecipientIntervalMs"]
            self.console.print(
                f"Smallest gap between two texts to one number, seen at the provider: {gap[1]:.0f} ms "
                f"(… {gap[0][-4:]}; the interval is {interval} ms)."
            )
        for text in self.texts:
            if text.status != text.expected:
                self.console.print(
                    f"{text.words!r} is {text.problem or text.status or 'unheard of'}, "
                    f"and should be {text.expected}.",
                    style="red",
                    markup=False,
                )


def smallest_gap_ms(requests: list[dict[str, Any]]) -> tuple[str, float] | None:
    """Which number got two accepted texts closest together, and how close. None if none got two."""
    arrivals: dict[str, list[float]] = {}
    for row in requests:
        if row["accepted"]:
            arrivals.setdefault(row["to"], []).append(float(row["arrived_monotonic_ms"]))
    gaps = [
        (number, later - earlier)
        for number, times in arrivals.items()
        for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)
    ]
    return min(gaps, key=lambda gap: gap[1], default=None)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _when(text: Text) -> str:
    if text.took_s is not None:
        return f"after {text.took_s:.1f} s"
    if text.eta and text.status == "queued":
        left = (text.eta - datetime.now(UTC)).total_seconds()
        return f"in {left:.1f} s" if left > 0 else "now"
    return ""


def run(stack: Stack, console: Console) -> None:
    """Run the demo. Raises LocalError unless every text came to what it should."""
    if not Demo(stack, console).run():
        raise LocalError("Not every text came to what it should.", hint=f"Logs: {stack.logs['emulator']}")
