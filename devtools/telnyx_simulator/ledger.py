"""What the provider knows: messages, idempotency records, opt-outs and the log of requests."""

# Pure state: every method takes what it needs, time included. With a journal each change is also a
# line in a file, written before the caller hears of it, so that a restart (or a crash) forgets no
# message and no idempotency key.

import bisect
import json
import os
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from .usage import Counted, Usage

REPLAY_S = 24 * 3600.0  # how long a success is replayed
READ_BACK_S = 10 * 24 * 3600.0  # how long a message can be read by its id
THREAD = 50  # of its latest messages a recipient remembers
ARRIVALS = 1000  # of a recipient that a new one's gap is measured against
CAP = 100_000  # messages and requests kept in memory; the oldest go first

FINAL = frozenset(
    {
        "delivered",
        "sending_failed",
        "delivery_failed",
        "delivery_unconfirmed",
        "expired",
        "cancelled",
    }
)

BLOCK_WORDS = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"})
UNBLOCK_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})


@dataclass(slots=True)
class Request:
    """One POST to a send endpoint. Times are ms: wall since 1970, monotonic since an unknown start.

    `accepted` says that this very request made a message; a replay has `replayed` instead.
    """

    seq: int
    arrived_ms: float
    arrived_monotonic_ms: float
    path: str
    idempotency_key: str | None
    to: str | None = None
    sender: str | None = None
    message_id: str | None = None
    outcome: str | None = None
    accepted: bool = False
    replayed: bool = False
    status: int | None = None
    code: str | None = None
    webhook_url: str | None = None

    def public(self) -> dict[str, Any]:
        """The record as the control API shows it."""
        record = asdict(self)
        record["from"] = record.pop("sender")
        return record


@dataclass(slots=True)
class Message:
    """One message. `payload` has the API's own shape; `at_s` is seconds since 1970.

    `done` counts the steps of its outcome that have happened and `announced` the webhooks that are
    over, delivered or given up: a restart goes on from there. `due_s` is when a scheduled one is sent,
    `release_s` until when the provider holds one in its queue.
    """

    payload: dict[str, Any]
    at_s: float
    outcome: str
    kind: str = "text"  # or "inbound", "autoresponse"
    done: int = 0
    announced: int = 0
    arrived_monotonic_ms: float | None = None
    due_s: float | None = None
    release_s: float | None = None
    use_profile_webhooks: bool = True

    @property
    def id(self) -> str:
        """Telnyx's message id."""
        return str(self.payload["id"])

    @property
    def to(self) -> str:
        """The number it goes to."""
        return str(self.payload["to"][0]["phone_number"])

    @property
    def sender(self) -> str:
        """The number it comes from."""
        return str(self.payload["from"]["phone_number"])

    @property
    def status(self) -> str:
        """The status of truth, `to[0].status`."""
        return str(self.payload["to"][0]["status"])


@dataclass(frozen=True, slots=True)
class Success:
    """An answer kept for replays. `digest` is of the request's raw body."""

    digest: str
    body: str
    message_id: str
    at_s: float


class KeyReused(Exception):
    """The key is known with another body (422, 10027)."""


class KeyInFlight(Exception):
    """A request with this key is being processed (409, 10036)."""


@dataclass(slots=True)
class Recipient:
    """A number's traffic. `gap_ms` is the smallest distance between two accepted texts, `to_phone` counts all that
    came to the phone: texts and automatic replies.
    """

    count: int = 0
    gap_ms: float | None = None
    arrivals_ms: list[float] = field(default_factory=list)
    message_ids: deque[str] = field(default_factory=lambda: deque(maxlen=THREAD))
    to_phone: int = 0

    def add(self, at_ms: float) -> None:
        """Count a text that arrived at `at_ms` (monotonic), in whatever order they are decided."""
        index = bisect.bisect(self.arrivals_ms, at_ms)
        for neighbour in self.arrivals_ms[max(index - 1, 0) : index + 1]:
            gap = abs(at_ms - neighbour)
            self.gap_ms = gap if self.gap_ms is None else min(self.gap_ms, gap)
        self.arrivals_ms.insert(index, at_ms)
        del self.arrivals_ms[:-ARRIVALS]
        self.count += 1


class Journal:
    """Lines of JSON, one a change, appended and handed to the operating system at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: IO[str] | None = None

    def read(self) -> list[dict[str, Any]]:
        """Every whole line so far. A last line cut off by a crash was never answered: it goes."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole, _, torn = raw.rpartition(b"\n")
        if torn:
            os.truncate(self._path, len(raw) - len(torn))
        return [json.loads(line) for line in whole.split(b"\n") if line]

    def write(self, entry: dict[str, Any]) -> None:
        """Append one change."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def clear(self) -> None:
        """Forget everything."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Ledger:
    """All state of one simulated account."""

    def __init__(self, journal: Journal | None = None, *, cap: int = CAP) -> None:
        self._journal = journal
        self._cap = cap
        self._forget()
        for entry in journal.read() if journal else ():
            self._apply(entry)

    def _forget(self) -> None:
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self.requests: deque[Request] = deque(maxlen=self._cap)
        self.successes: OrderedDict[str, Success] = OrderedDict()
        self.optouts: dict[str, dict[str, Any]] = {}
        self.recipients: OrderedDict[str, Recipient] = OrderedDict()
        self.usage = Usage()
        self.offset_s = 0.0  # of the clock
        self._in_flight: set[str] = set()
        self._tries: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._seq = 0

    # --- requests -------------------------------------------------------------------------------

    def arrive(self, path: str, key: str | None, *, wall_ms: float, monotonic_ms: float) -> Request:
        """Open the log entry of a request that has just arrived."""
        self._seq += 1
        request = Request(self._seq, wall_ms, monotonic_ms, path, key)
        self.requests.append(request)
        return request

    def decided(self, request: Request) -> None:
        """Keep the log entry: nothing about it will change any more."""
        self._note({"request": asdict(request)})

    def tried(self, to: str, text: str) -> int:
        """Count one more try of a message, which its key or body identifies; 1 for the first."""
        tries = self._tries[to, text] = self._tries.pop((to, text), 0) + 1
        if len(self._tries) > self._cap:
            self._tries.popitem(last=False)
        return tries

    # --- idempotency ----------------------------------------------------------------------------

    def begin(self, key: str, digest: str, now_s: float) -> Success | None:
        """Look a key up and, if it is new, hold it until `end`.

        `key` includes method and path; the organization is the only one there is. Raises KeyReused
        and KeyInFlight. Only successes are ever found: a refused request may be repeated.
        """
        if key in self._in_flight:
            raise KeyInFlight
        known = self.successes.get(key)
        if known is not None and now_s - known.at_s < REPLAY_S:
            if known.digest != digest:
                raise KeyReused
            return known
        self._in_flight.add(key)
        return None

    def end(self, key: str) -> None:
        """Let go of a key that `begin` held."""
        self._in_flight.discard(key)

    # --- messages -------------------------------------------------------------------------------

    def take(self, message: Message, key: str | None = None, success: Success | None = None) -> None:
        """Accept a message, and with it the answer that replays of its key get."""
        self._keep(message, key, success)
        self._note(
            {
                "message": asdict(message),
                "key": key,
                "success": asdict(success) if success else None,
            }
        )

    def advance(self, message: Message, done: int, **changes: Any) -> None:
        """Change a message: `status`, `outcome`, `release_s` and any field of its payload."""
        self._change(message, done, changes)
        self._note({"advance": message.id, "done": done, "changes": changes})

    def announce(self, message: Message, count: int) -> None:
        """Its first `count` webhooks are over."""
        if count > message.announced:
            message.announced = count
            self._note({"announce": message.id, "count": count})

    def message(self, message_id: str, now_s: float) -> Message | None:
        """A message by its id, unless it is older than the provider reads back."""
        found = self.messages.get(message_id)
        return found if found and now_s - found.at_s < READ_BACK_S else None

    def newest(
        self, kind: str | None = None, *, to: str | None = None, sender: str | None = None
    ) -> list[Message]:
        """Messages, the latest first: of one kind, to or from one number."""
        return [
            message
            for message in reversed(self.messages.values())
            if kind in (None, message.kind) and to in (None, message.to) and sender in (None, message.sender)
        ]

    # --- opt-outs -------------------------------------------------------------------------------

    def hear(self, number: str, text: str, created_at: str) -> str | None:
        """Apply the provider's keywords to an inbound text: STOP, START, HELP or None."""
        word = " ".join(text.lower().split())
        if word in BLOCK_WORDS:
            self.optouts[number] = {"keyword": word.upper(), "created_at": created_at}
            self._note({"optout": number, **self.optouts[number]})
            return "STOP"
        if word in UNBLOCK_WORDS:
            self.optouts.pop(number, None)
            self._note({"optin": number})
            return "START"
        return "HELP" if word in HELP_WORDS else None

    # --- counts and the clock -------------------------------------------------------------------

    def count(self, counted: Counted) -> None:
        """Count a text's segments at its network."""
        self.usage.add(counted)
        self._note({"counted": asdict(counted)})

    def looked_up(self) -> None:
        """Count one number lookup."""
        self.usage.lookups += 1
        self._note({"lookup": 1})

    def clock_set(self, offset_s: float) -> None:
        """Keep how far the clock is ahead: a restart must not take it back before what was counted."""
        self.offset_s = offset_s
        self._note({"clock": offset_s})

    # --- the journal ----------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything, on disk too."""
        self._forget()
        if self._journal:
            self._journal.clear()

    def close(self) -> None:
        """Close the journal."""
        if self._journal:
            self._journal.close()

    def _note(self, entry: dict[str, Any]) -> None:
        if self._journal:
            self._journal.write(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        if "message" in entry:
            success = entry["success"]
            self._keep(Message(**entry["message"]), entry["key"], Success(**success) if success else None)
        elif "advance" in entry:
            if message := self.messages.get(entry["advance"]):
                self._change(message, entry["done"], entry["changes"])
        elif "announce" in entry:
            if message := self.messages.get(entry["announce"]):
                message.announced = entry["count"]
        elif "request" in entry:
            request = Request(**entry["request"])
            self.requests.append(request)
            self._seq = max(self._seq, request.seq)
        else:
            self._apply_rest(entry)

    def _apply_rest(self, entry: dict[str, Any]) -> None:
        if "optout" in entry:
            self.optouts[entry["optout"]] = {
                "keyword": entry["keyword"],
                "created_at": entry["created_at"],
            }
        elif "optin" in entry:
            self.optouts.pop(entry["optin"], None)
        elif "counted" in entry:
            self.usage.add(Counted(**entry["counted"]))
        elif "lookup" in entry:
            self.usage.lookups += entry["lookup"]
        elif "clock" in entry:
            self.offset_s = entry["clock"]

    def _keep(self, message: Message, key: str | None, success: Success | None) -> None:
        self.messages[message.id] = message
        if len(self.messages) > self._cap:
            self.messages.popitem(last=False)
        if key is not None and success is not None:
            self.successes[key] = success
            if len(self.successes) > self._cap:
                self.successes.popitem(last=False)
        other = message.sender if message.kind == "inbound" else message.to
        recipient = self.recipients.setdefault(other, Recipient())
        self.recipients.move_to_end(other)
        recipient.message_ids.append(message.id)
        recipient.to_phone += message.kind != "inbound"
        if message.arrived_monotonic_ms is not None:
            recipient.add(message.arrived_monotonic_ms)
        if len(self.recipients) > self._cap:
            self.recipients.popitem(last=False)

    @staticmethod
    def _change(message: Message, done: int, changes: dict[str, Any]) -> None:
        message.done = done
        for name, value in changes.items():
            if name == "status":
                message.payload["to"][0]["status"] = value
            elif name in ("outcome", "release_s"):
                setattr(message, name, value)
            else:
                message.payload[name] = value
