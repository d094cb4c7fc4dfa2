"""examples/reminders over the real handlers: reminders at their time, replies, STOP, cancelling; kills."""

import asyncio
import base64
import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from examples.reminders import receiver
from examples.reminders.__main__ import main
from examples.reminders.book import Book
from examples.reminders.reminders import leaves_at, settle
from longcode.client import Client
from tests.chance import showing
from tests.client.api_of_contract import ContractApi
from tests.support.api_bridge import KEY, URL, Bridge, Fault, answered, lost_answer
from tests.support.fakes import OURS, World, make_world
from tests.support.fakes.webhooks import inbound

pytestmark = pytest.mark.slow

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ANA, BEN = "+12025550123", "+12025550124"
ZONE = "America/New_York"


@dataclass
class Office:
    """The program with its book, over a world; every event of the world is posted to it, signed."""

    book: Book
    path: Path
    world: World = field(default_factory=make_world)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.world.report()
        self.bridge = Bridge(self.world)
        self.client = self.bridge.client(patience_s=2)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now_ms() / 1000, UTC)

    def add(self, name: str, phone: str, hours: float = 48, before: float = 24) -> int:
        """Book an appointment in so many hours, without asking for its reminder."""
        at = self.now + timedelta(hours=hours)
        send_at = leaves_at(at, timedelta(hours=before), self.now)
        return self.book.add(name, phone, at, ZONE, send_at).id

    def settle(self) -> int:
        return settle(self.book, self.client)

    def pass_hours(self, hours: float) -> None:
        """Let time pass, with the reconciler and the consumer at work each quarter of an hour."""
        for _ in range(round(hours * 4)):
            self.world.clock.pass_ms(900_000)
            self.world.reconcile()
            self.world.consume()

    def sent(self) -> list[tuple[str, str]]:
        """What the provider has taken: to whom, and the first words."""
        return [(text.recipient, " ".join(text.text.split()[:2])) for text in self.world.provider.texts]

    def post(self, kind: str, data: dict[str, Any], ident: str = "", **changes: Any) -> int:
        """Post an event to the receiver, signed now; its answer."""
        body = json.dumps({"type": kind, "timestamp": self.now.isoformat(), "data": data}).encode()
        ident = ident or str(uuid.uuid4())
        signature = Webhook(SECRET).sign(ident, self.now, body.decode())
        headers = {"webhook-id": ident, "webhook-timestamp": str(int(self.now.timestamp()))}
        headers |= {"webhook-signature": signature} | changes
        return receiver.answer([SECRET], headers, body, self.book, self.client, self.now)

    def sequence(self) -> str:
        return f"{next(self.numbers):040d}"

    def reply(self, phone: str, text: str) -> dict[str, Any]:
        """A person texts us; the detail of the event on it."""
        ident = str(uuid.uuid4())
        body = inbound(phone, text, self.world.clock.now_ms(), to=OURS, telnyx_id=ident)
        assert self.world.webhook(body).status == 200
        opt_out = self.client.status(ident).opt_out
        return {"sequence": self.sequence(), "message_id": ident, "from": phone, "to": OURS, "opt_out": opt_out}

    def status_changed(self, ident: int, **changes: Any) -> dict[str, Any]:
        """The detail of the event on a reminder's end."""
        message_id = self.book.get(ident).message_id or ""
        found = self.client.status(message_id)
        return {
            "sequence": self.sequence(),
            "message_id": message_id,
            "status": found.status,
            "final": True,
            "metadata": dict(found.metadata),
        } | changes


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    path = tmp_path / "book.sqlite3"
    with Book(path) as book:
        made = Office(book, path)
        yield made
        assert made.world.logger.crashes == []


# --------------------------------------------------------------------------------------------- the story


def test_a_reminder_leaves_at_its_time_is_confirmed_by_a_reply_and_that_is_thanked_for(office: Office) -> None:
    ana, ben = office.add("Ana", ANA), office.add("Ben", BEN, hours=2)
    assert office.settle() == 0
    office.pass_hours(0.5)
    # Ben's time of 24 hours before has passed: he is reminded at once.
    assert office.sent() == [(BEN, "Hi Ben,")]
    office.pass_hours(24)
    assert office.sent() == [(BEN, "Hi Ben,"), (ANA, "Hi Ana,")]

    assert office.post("sms.status_changed", office.status_changed(ana)) == 204
    assert office.post("sms.received", office.reply(ANA, " yes! ")) == 204
    office.world.consume()

    found = office.book.get(ana)
    assert (found.state, found.reminder, office.book.get(ben).state) == ("confirmed", "delivered", "booked")
    assert office.sent()[2:] == [(ANA, "Thank you,")]


def test_the_reminder_of_a_cancelled_appointment_never_leaves(office: Office) -> None:
    ana, ben, cleo = office.add("Ana", ANA), office.add("Ben", BEN), office.add("Cleo", "+12025550125")
    office.book.cancel(cleo)  # before anything was asked for
    office.settle()
    office.book.cancel(ana)
    office.settle()
    office.pass_hours(30)

    assert office.sent() == [(BEN, "Hi Ben,")]
    assert [office.book.get(one).reminder for one in (ana, ben, cleo)] == ["off", "waiting", "off"]
    # Too late: it has left.
    office.book.cancel(ben)
    assert office.settle() == 0
    assert office.book.get(ben).reminder == "delivered"


def test_after_a_stop_all_reminders_of_a_person_are_taken_back_and_no_new_one_is_asked_for(office: Office) -> None:
    ours, theirs = [office.add("Ana", ANA, hours) for hours in (48, 72)], office.add("Ben", BEN)
    office.settle()
    stop = office.reply(ANA, "STOP")
    assert office.post("sms.received", stop) == 204
    out = {"sequence": office.sequence(), "number": ANA, "opted_out": True}
    assert office.post("sms.opted_out", out) == 204
    later = office.add("Ana", ANA, 96)
    office.settle()
    office.pass_hours(80)

    assert [office.book.get(one).reminder for one in (*ours, later)] == ["off"] * 3
    assert [office.client.status(office.book.get(one).message_id or "").status for one in ours] == [
        "cancelled"
    ] * 2
    assert office.sent() == [(BEN, "Hi Ben,")]
    assert theirs
    # An older event that comes late opts no one in again; a newer one does.
    for sequence, wanted in (("0" * 40, False), (office.sequence(), True)):
        assert office.post("sms.opted_out", {"sequence": sequence, "number": ANA, "opted_out": False}) == 204
        assert office.book.is_wanted(office.book.get(later)) is wanted


def test_a_reminder_keeps_quiet_hours_and_ends_with_its_appointment(office: Office) -> None:
    office.add("Ana", ANA)
    office.settle()
    (message,) = office.world.messages.all
    body = json.loads(office.bridge.requests[-1].content)
    assert (body["respect_quiet_hours"], body["timezone"]) == (True, ZONE)
    assert (message.expires_ms or 0) - (message.send_at_ms or 0) == 24 * 3_600_000


# ------------------------------------------------------------------------------- events that come again


def test_an_event_that_comes_twice_in_any_order_does_what_it_asks_for_once(office: Office) -> None:
    first, second = office.add("Ana", ANA), office.add("Ana", ANA, 72)
    office.settle()
    yes = office.reply(ANA, "C")
    for ident in ("e1", "e1", "e2"):  # the last one as if the book of events were lost
        assert office.post("sms.received", yes, ident) == 204
    office.world.consume()

    assert [office.book.get(one).state for one in (first, second)] == ["confirmed", "booked"]
    assert office.sent() == [(ANA, "Thank you,")]

    office.pass_hours(30)
    old = office.status_changed(first, status="delivery_unconfirmed")
    assert office.post("sms.status_changed", office.status_changed(first)) == 204
    assert office.post("sms.status_changed", old) == 204
    assert office.book.get(first).reminder == "delivered"


def test_an_event_that_can_not_be_taken_now_is_asked_for_again(office: Office) -> None:
    ana = office.add("Ana", ANA)
    office.settle()
    yes = office.reply(ANA, "yes")
    down: list[Fault | None] = [answered(503, "unavailable")] * 9
    office.bridge.faults = list(down)
    assert office.post("sms.received", yes, "e1") == 503
    # Confirmed, and then the thanks could not be queued.
    office.bridge.faults = [None, *down]
    assert office.post("sms.received", yes, "e1") == 503
    office.bridge.faults = list(down)
    assert office.post("sms.opted_out", {"sequence": office.sequence(), "number": ANA, "opted_out": True}) == 503
    office.bridge.faults = []
    assert office.post("sms.received", yes, "e1") == 204
    office.world.consume()
    assert (office.book.get(ana).state, office.sent()) == ("confirmed", [(ANA, "Thank you,")])


def test_what_is_no_event_of_ours_is_refused_and_changes_nothing(office: Office) -> None:
    ana = office.add("Ana", ANA)
    office.settle()
    yes = office.reply(ANA, "yes")
    assert office.post("sms.received", yes, **{"webhook-signature": "v1,AAAA"}) == 401
    assert office.post("sms.received", yes, **{"webhook-timestamp": "1"}) == 401
    assert office.post("sms.received", {"from": ANA}) == 400
    assert office.post("sms.opted_out", {}) == 400
    assert receiver.answer([SECRET], {}, b"", office.book, office.client, office.now) == 401
    assert receiver.answer([], {}, b"", office.book, office.client, office.now) == 503
    for text in ("Yes, but later", "no", "can we move it?"):
        assert office.post("sms.received", office.reply(ANA, text)) == 204
    assert office.post("sms.received", office.reply("+12025550199", "yes")) == 204
    assert office.post("sms.of_a_later_version", {}) == 204
    assert office.book.get(ana).state == "booked"


# ----------------------------------------------------------------------------------- killed anywhere


class Killed(BaseException):
    """The program is gone."""


def test_the_program_may_be_killed_at_any_step_and_no_one_is_reminded_twice_or_never(tmp_path: Path) -> None:
    """Each command is killed at each of its writes and calls, and the next one settles the rest."""
    for cancelled, step in itertools.product((False, True), range(1, 16)):
        path = tmp_path / f"{cancelled}-{step}"
        with showing(path.name), Book(path) as book:
            office = Office(book, path)
            ana = office.add("Ana", ANA)
            steps = itertools.count(1)

            def pass_by(steps: Iterator[int] = steps, step: int = step) -> None:
                if next(steps) == step:
                    raise Killed

            died = _killed(office, ana, pass_by, cancelled=cancelled)
            assert died == (step <= 6 + 4 * cancelled), "Have there come more steps?"
            if cancelled:
                office.book.cancel(ana)
            assert office.settle() == 0
            office.pass_hours(30)
            assert office.sent() == ([] if cancelled else [(ANA, "Hi Ana,")])


def _killed(office: Office, ana: int, pass_by: Callable[[], None], *, cancelled: bool) -> bool:
    """Run the commands, killed where `pass_by` says so; whether they were."""
    client = Client(URL, KEY, transport=_Passing(office.bridge, pass_by), patience_s=0)
    with _PassingBook(office.path, pass_by) as book:
        try:
            settle(book, client)
            if cancelled:
                book.cancel(ana)
                settle(book, client)
        except Killed:
            return True
    return False


class _PassingBook(Book):
    """A book that lets a program be killed before and after it writes how a reminder stands."""

    def __init__(self, path: Path, pass_by: Callable[[], None]) -> None:
        super().__init__(path)
        self._pass_by = pass_by

    def set_reminder(self, ident: int, reminder: str, message_id: str | None = None) -> None:
        self._pass_by()
        super().set_reminder(ident, reminder, message_id)
        self._pass_by()


class _Passing(httpx.MockTransport):
    """A transport that lets a program be killed before a request, and before its answer."""

    def __init__(self, bridge: Bridge, pass_by: Callable[[], None]) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            pass_by()
            found = bridge(request)
            pass_by()
            return found

        super().__init__(answer)


def test_a_reminder_whose_time_passed_while_nothing_ran_is_sent_late_but_not_after_the_appointment(
    office: Office,
) -> None:
    ana, ben = office.add("Ana", ANA, hours=48), office.add("Ben", BEN, hours=26)
    office.bridge.faults = [lost_answer] * 8
    assert office.settle() == 2
    office.bridge.faults = []
    late = office.add("Cleo", "+12025550125", hours=48)
    gone = office.add("Dora", "+12025550126", hours=26)
    office.pass_hours(30)
    assert office.settle() == 0
    office.pass_hours(1)

    # What was accepted before the answer got lost left at its time, and is not sent again.
    assert office.sent() == [(BEN, "Hi Ben,"), (ANA, "Hi Ana,"), ("+12025550125", "Hi Cleo,")]
    assert [office.book.get(one).reminder for one in (ana, ben, late, gone)] == ["waiting"] * 3 + ["refused"]


# ------------------------------------------------------------------------------ the program and its app


def test_the_app_takes_signed_events_and_refuses_what_is_too_long(tmp_path: Path) -> None:
    client = Client(URL, KEY, transport=httpx.MockTransport(ContractApi()))
    app = receiver.app(tmp_path / "book", lambda _: [SECRET], client)
    now = datetime.now(UTC)
    body = json.dumps({"type": "sms.later", "timestamp": now.isoformat(), "data": {}})
    headers = {"webhook-id": "e1", "webhook-timestamp": str(int(now.timestamp()))}
    headers |= {"webhook-signature": Webhook(SECRET).sign("e1", now, body)}

    async def post() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver.example") as posting:
            answers = [
                await posting.post("/hooks", content=body, headers=headers),
                await posting.post("/hooks", content=body),
                await posting.post("/hooks", content="x" * 100_001, headers=headers),
                await posting.get("/hooks"),
            ]
        return [answer.status_code for answer in answers]

    assert asyncio.run(post()) == [204, 401, 413, 405]
    with Book(tmp_path / "book") as book:
        assert book.has_taken("e1")


def test_bad_input_is_a_sentence_and_nothing_is_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LONGCODE_URL", "https://api.invalid/v1")
    monkeypatch.setenv("LONGCODE_KEY", KEY)
    book = tmp_path / "book"
    add = ["--db", str(book), "add", "--name", "Ana", "--phone", ANA]
    for words, arguments in {
        "must be in the future": [*add, "--at", "2020-01-01T09:30"],
        "no timezone Nowhere": [*add, "--at", "2099-01-01T09:30", "--timezone", "Nowhere"],
        "no appointment 7": ["--db", str(book), "cancel", "7"],
    }.items():
        with showing(words):
            assert main(arguments) == 1
            assert words in capsys.readouterr().err
    assert main(["--db", str(book), "list"]) == 0
    assert capsys.readouterr().out == ""
    assert oct(book.stat().st_mode)[-3:] == "600"
    monkeypatch.delenv("LONGCODE_KEY")
    assert main(["--db", str(book), "list"]) == 1
    assert "LONGCODE_KEY" in capsys.readouterr().err
