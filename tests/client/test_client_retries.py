"""How calls of longcode.client are repeated: by their key, within its patience, and only after what is passing.

The world behind it is the real handlers, and the provider's own record says how many texts there were.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from longcode.client import Client, LongcodeError, NoAnswer, Refused, Unfinished, UnreadableAnswer, Wait
from longcode.domain.priority import Priority
from tests.chance import FULL, meeting, pairs, showing
from tests.support.api_bridge import (
    KEY,
    URL,
    Bridge,
    Fault,
    answered,
    finished,
    gateway_timeout,
    lost_answer,
    lost_request,
    no_connection,
    proxy_page,
)
from tests.support.fakes import THEIRS, World, make_world
from tests.support.fakes.provider import ACCEPTS_AND_HANGS

HELLO = "Hello"
PASSING: dict[str, Fault] = {
    "lost answer": lost_answer,
    "lost request": lost_request,
    "no connection": no_connection,
    "page of a proxy": proxy_page,
    "gateway timeout": gateway_timeout,
    "in use": answered(409, "idempotency_key_in_use", retry_after="1"),
    "500": answered(500, "internal_error"),
    "502": answered(502, "http_502"),
    "503": answered(503, "unavailable", retry_after="2"),
    "429": answered(429, "throttled"),
}


@pytest.fixture
def world() -> Iterator[World]:
    made = make_world()
    yield made
    assert made.logger.crashes == []


@pytest.fixture
def bridge(world: World) -> Bridge:
    return Bridge(world)


def delivered(world: World) -> list[tuple[str, str | None]]:
    """What the provider has taken when all queues are empty."""
    for priority in (Priority.TRANSACTIONAL, Priority.BULK):
        world.consume(priority)
    return [(text.recipient, text.text) for text in world.provider.texts]


# What accepts one text with a client, and what its answer has of it.
Accepts = Callable[[Client], str | None]
ACCEPTS: dict[str, Accepts] = {
    "send": lambda client: client.send(THEIRS, HELLO).message_id,
    "queue": lambda client: client.queue(THEIRS, HELLO).message_id,
    "batch": lambda client: client.batch([{"to": THEIRS, "message": HELLO}]).messages[0].message_id,
}


# ----------------------------------------------------------------------------------------- never twice


def test_each_fault_twice_in_a_row_on_each_way_of_accepting_leaves_one_text() -> None:
    every = list(itertools.product(ACCEPTS, PASSING, PASSING))
    for way, first, second in every if FULL else meeting(every, pairs):
        with showing(f"{way}: {first}, {second}"):
            world = make_world()
            bridge = Bridge(world, [PASSING[first], PASSING[second]])
            with bridge.client() as client:
                ident = ACCEPTS[way](client)
            assert [message.id for message in world.messages.all] == [ident]
            assert delivered(world) == [(THEIRS, HELLO)]
            assert len(set(bridge.keys)) == 1
            assert len(bridge.requests) == 3
            assert len({request.content for request in bridge.requests}) == 1


def test_the_asynchronous_client_repeats_alike() -> None:
    for name, fault in PASSING.items():
        with showing(name):
            world = make_world()
            bridge = Bridge(world, [fault, fault])

            async def send(bridge: Bridge = bridge) -> str:
                async with bridge.async_client() as client:
                    return (await client.send(THEIRS, HELLO)).message_id

            ident = finished(send())
            assert [message.id for message in world.messages.all] == [ident]
            assert [text.text for text in world.provider.texts] == [HELLO]
            assert (len(bridge.requests), len(set(bridge.keys)), len(bridge.waits)) == (3, 1, 2)


def test_a_program_that_is_killed_and_begins_again_under_its_own_key_sends_once() -> None:
    class Killed(BaseException):
        """The process is gone, wherever it was."""

    def killed_before(_request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
        raise Killed

    def killed_after(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
        serve()
        raise Killed

    rows = [{"to": f"+1202555011{place}", "message": f"Text {place}"} for place in range(5)]
    ways: dict[str, Callable[[Client], object]] = {
        "send": lambda client: client.send(THEIRS, HELLO, idempotency_key="visit-1"),
        "queue": lambda client: client.queue(THEIRS, HELLO, idempotency_key="visit-1"),
        "batch": lambda client: client.batch(rows, idempotency_key="visits-1"),
    }
    for (name, way), (when, fault) in itertools.product(
        ways.items(), {"before": killed_before, "after": killed_after}.items()
    ):
        with showing(f"{name}, {when}"):
            world = make_world()
            bridge = Bridge(world, [fault, lost_answer, fault])
            for attempt in range(3):
                with bridge.client() as client:
                    try:
                        way(client)
                    except Killed:
                        assert attempt < 2
            wanted = [(row["to"], row["message"]) for row in rows] if name == "batch" else [(THEIRS, HELLO)]
            # Texts to other numbers leave in no order.
            assert sorted(delivered(world), key=str) == sorted(wanted)


def test_a_text_whose_outcome_is_unknown_is_asked_for_under_its_key_and_never_anew(world: World) -> None:
    bridge = Bridge(world)
    world.provider.then(ACCEPTS_AND_HANGS)
    waits: list[Wait] = []
    with bridge.client(patience_s=20, waiting=waits.append) as client, pytest.raises(Refused) as refused:
        client.send(THEIRS, HELLO)

    error = refused.value
    assert (error.code, error.status) == ("outcome_unknown", 504)
    assert [message.id for message in world.messages.all] == [error.message_id]
    assert len(world.provider.texts) == 1
    assert len(bridge.requests) > 3
    assert set(bridge.keys) == {error.idempotency_key}
    assert {wait.error.code for wait in waits} == {"outcome_unknown"}
    assert sum(bridge.waits) <= 20


def test_each_call_has_a_key_of_its_own_and_two_equal_texts_are_two(world: World, bridge: Bridge) -> None:
    with bridge.client() as client:
        for _ in range(2):
            client.queue(THEIRS, HELLO)
    assert delivered(world) == [(THEIRS, HELLO)] * 2
    assert len(set(bridge.keys)) == 2


# ------------------------------------------------------------------------------------------- batches


def test_what_the_stores_did_not_take_of_a_batch_is_asked_for_again(world: World, bridge: Bridge) -> None:
    rows = [{"to": f"+1202555011{place}", "message": f"Text {place}"} for place in range(6)]
    world.messages.faults.fail("accept", skip=2, times=3)
    world.messages.faults.fail("get", times=3)
    waits: list[Wait] = []
    with bridge.client(waiting=waits.append) as client:
        found = client.batch(rows)

    assert sorted(delivered(world), key=str) == sorted((row["to"], row["message"]) for row in rows)
    assert (found.accepted, found.refused, len(bridge.requests), len(set(bridge.keys))) == (6, 0, 2, 1)
    assert isinstance(waits[0].error, Unfinished)
    assert "of 6 texts were not stored" in str(waits[0].error)
    # The store asks for two seconds.
    assert bridge.waits == [2.0]


def test_a_store_that_fails_for_good_leaves_the_rows_that_passed(world: World, bridge: Bridge) -> None:
    rows = [{"to": f"+1202555011{place}", "message": f"Text {place}"} for place in range(4)]
    world.messages.faults.fail("accept", skip=3, times=999)
    world.messages.faults.fail("get", times=999)
    with bridge.client() as client:
        found = client.batch(rows)

    passing = [row for row in found.messages if row.passing]
    assert passing
    assert len(passing) + len(world.messages.all) == 4
    assert {row.code for row in passing} == {"unavailable"}
    assert len(bridge.requests) == 4


# ---------------------------------------------------------------------------------------- for how long


class Patient:
    """A client of answers that a test gives, on a clock that only its waits move."""

    # Any: what else a client takes.
    def __init__(self, *answers: httpx.Response | Exception, **options: Any) -> None:
        self.answers, self.waits = list(answers), list[float]()
        self.requests: list[httpx.Request] = []
        given: dict[str, Any] = {"jitter": lambda: 1.0, "patience_s": 900.0} | options
        self.client = Client(
            URL,
            KEY,
            transport=httpx.MockTransport(self._answer),
            sleep=self.waits.append,
            clock=lambda: sum(self.waits),
            **given,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def refusal(status: int, code: str, retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return httpx.Response(status, json={"error": "Not now.", "code": code}, headers=headers)


GOOD = httpx.Response(200, json={"status": "healthy"})


def test_the_waits_grow_and_are_as_long_as_the_api_asks_for() -> None:
    dead = httpx.ConnectError("refused")
    patient = Patient(
        dead, refusal(503, "unavailable", "20"), httpx.Response(200, text="<html>"), *[dead] * 8, GOOD
    )
    assert patient.client.health().status == "healthy"
    assert patient.waits == [0.5, 20.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


def test_a_wait_is_shorter_by_chance_but_never_than_what_is_asked_for() -> None:
    dead = httpx.ConnectError("refused")
    patient = Patient(dead, dead, refusal(429, "throttled", "9"), GOOD, jitter=iter((0.0, 0.5, 0.0)).__next__)
    patient.client.health()
    assert patient.waits == [0.25, 0.75, 9.0]


def test_a_retry_after_that_is_no_number_of_seconds_asks_for_nothing() -> None:
    for said in ("soon", "-5", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "\N{SUPERSCRIPT TWO}"):
        with showing(said):
            answer = httpx.Response(503, json={"code": "unavailable"}, headers={b"retry-after": said.encode()})
            patient = Patient(answer, GOOD)
            patient.client.health()
            assert patient.waits == [0.5]


def test_after_its_patience_a_call_raises_the_last_error_and_says_under_which_key() -> None:
    dead = httpx.ReadTimeout("timed out")
    patient = Patient(*[dead] * 20, patience_s=10)
    with pytest.raises(NoAnswer) as failed:
        patient.client.queue(THEIRS, HELLO, idempotency_key="visit-1")
    assert patient.waits == [0.5, 1.0, 2.0, 4.0]
    assert (failed.value.code, failed.value.status, failed.value.idempotency_key) == ("no_answer", None, "visit-1")
    assert "timed out" in str(failed.value)

    waiting = Patient(refusal(503, "paused", "7200"))
    with pytest.raises(Refused) as paused:
        waiting.client.send(THEIRS, HELLO)
    assert (paused.value.code, paused.value.retry_after_s, waiting.waits) == ("paused", 7200.0, [])


def test_what_is_final_is_not_repeated() -> None:
    finals = {
        "daily_limit": refusal(429, "daily_limit", "5"),
        "quota_exceeded": refusal(429, "quota_exceeded"),
        "provider_refused": refusal(429, "provider_refused"),
        "invalid_request": refusal(400, "invalid_request"),
        "recipient_opted_out": refusal(403, "recipient_opted_out"),
        "duplicate_text": refusal(409, "duplicate_text"),
        "idempotency_key_reused": refusal(409, "idempotency_key_reused"),
        "http_301": httpx.Response(301, headers={"location": "https://elsewhere.invalid/"}),
        "http_404": httpx.Response(404, text="<html>"),
        "http_413": httpx.Response(413),
    }
    for code, answer in finals.items():
        with showing(code):
            patient = Patient(answer)
            with pytest.raises(Refused) as refused:
                patient.client.send(THEIRS, HELLO)
            assert (refused.value.code, patient.waits, len(patient.requests)) == (code, [], 1)


# -------------------------------------------------------------------- calls that do more when they come twice


def test_a_call_without_a_key_that_would_do_more_is_repeated_only_if_it_never_left() -> None:
    made = httpx.Response(201, json={"id": "whs_1", "secret": "whsec_1", "replayed": 3})
    calls: dict[str, Callable[[Client], object]] = {
        "subscribe": lambda client: client.subscribe("https://example.com/hook"),
        "rotate": lambda client: client.rotate_secret("whs_1"),
        "replay": lambda client: client.replay("whs_1", event_ids=["1"]),
    }
    unclear = (
        httpx.ReadError("reset"),
        httpx.ReadTimeout("late"),
        refusal(503, "unavailable"),
        httpx.Response(502),
    )
    unsent = (httpx.ConnectError("refused"), httpx.ConnectTimeout("late"), refusal(429, "throttled"))
    for name, call in calls.items():
        with showing(name):
            for trouble in (*unclear, httpx.Response(200, text="<html>")):
                patient = Patient(trouble)
                with pytest.raises(LongcodeError):
                    call(patient.client)
                assert len(patient.requests) == 1
            patient = Patient(*unsent, made)
            call(patient.client)
            assert len(patient.requests) == 4


def test_a_subscription_that_is_gone_after_a_lost_answer_was_deleted() -> None:
    patient = Patient(httpx.ReadError("reset"), refusal(404, "not_found"))
    patient.client.unsubscribe("whs_1")
    assert len(patient.requests) == 2
    with pytest.raises(Refused) as refused:
        Patient(refusal(404, "not_found")).client.unsubscribe("whs_1")
    assert refused.value.code == "not_found"


def test_a_request_that_can_not_be_made_at_all_is_not_repeated() -> None:
    patient = Patient(httpx.LocalProtocolError("no such header"))
    with pytest.raises(NoAnswer):
        patient.client.health()
    assert patient.waits == []


def test_an_answer_of_another_version_is_no_success() -> None:
    for fields in (
        {"ok": True},
        {"message_id": 5, "status": "queued"},
        {"message_id": "1", "status": "queued", "eta": "soon"},
        {"message_id": "1", "status": "queued", "position": True},
    ):
        with showing(str(fields)):
            patient = Patient(httpx.Response(202, json=fields))
            with pytest.raises(UnreadableAnswer) as failed:
                patient.client.queue(THEIRS, HELLO)
            assert (failed.value.code, len(patient.requests)) == ("unreadable_answer", 1)
