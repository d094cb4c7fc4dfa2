"""The client of Telnyx looks up a number, for money."""

import httpx
import pytest

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.errors import Unavailable
from longcode.telnyx.client import LOOKUP_S, SEND_S
from tests.chance import showing
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS
from tests.unit.telnyx_wire import Keys, Wire, refused

FOUND = {"data": {"carrier": {"name": "T-MOBILE USA, INC.", "normalized_carrier": "T-Mobile", "type": "mobile"}}}


def test_a_number_is_asked_for_with_its_carrier() -> None:
    wire = Wire(httpx.Response(200, json=FOUND))

    found = wire.provider.lookup(THEIRS)

    (request,) = wire.requests
    assert request.method == "GET"
    assert str(request.url) == "https://provider.invalid/v2/number_lookup/%2B12025550123?type=carrier"
    assert request.headers["authorization"] == "Bearer KEY_one"
    assert found == Subscription(Carrier.T_MOBILE, "wireless", START_MS)


def test_a_number_that_the_provider_does_not_know_is_none() -> None:
    answers = [
        httpx.Response(200, json={"data": {"carrier": None}}),
        httpx.Response(200, json={"data": {"carrier": {"name": "", "type": "unknown"}}}),
        refused(404, "10005"),
        refused(422, "10015"),
        refused(400, "10002"),
    ]
    for answer in answers:
        with showing((answer.status_code, answer.content)):
            assert Wire(answer).provider.lookup(THEIRS) is None


def test_what_is_no_answer_about_the_number_is_no_knowledge() -> None:
    answers: list[httpx.Response | Exception] = [
        refused(403, "10010"),
        refused(402, "20100"),
        refused(429, "10011"),
        refused(500, "10007"),
        httpx.Response(404, text="<html>"),
        httpx.Response(422),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"data": None}),
        httpx.Response(204),
        httpx.Response(302, headers={"location": "https://example.com"}),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("no"),
    ]
    for answer in answers:
        with showing(answer), pytest.raises(Unavailable, match="number lookup"):
            Wire(answer).provider.lookup(THEIRS)


def test_a_key_that_was_changed_is_read_anew() -> None:
    keys = Keys("KEY_one", "KEY_two")
    wire = Wire(refused(401, "10009"), httpx.Response(200, json=FOUND), keys=keys)

    found = wire.provider.lookup(THEIRS)

    assert found
    assert [request.headers["authorization"] for request in wire.requests] == ["Bearer KEY_one", "Bearer KEY_two"]


def test_a_lookup_ends_well_before_a_send_would() -> None:
    """With the second request that a refused key leads to, too: it is not made when the time is over."""
    wire = Wire(refused(401, "10009"), keys=Keys("KEY_one", "KEY_two"), takes_s=LOOKUP_S + 1)

    with pytest.raises(Unavailable):
        wire.provider.lookup(THEIRS)

    assert len(wire.requests) == 1
    assert wire.requests[0].extensions["deadline"] == 1_000.0 + LOOKUP_S
    assert LOOKUP_S <= SEND_S / 4


def test_a_secret_that_cannot_be_read_asks_for_nothing() -> None:
    def unreadable(fresh: bool) -> str:
        raise Unavailable("The secret store")

    wire = Wire(keys=unreadable)

    with pytest.raises(Unavailable, match="secret"):
        wire.provider.lookup(THEIRS)

    assert wire.requests == []
