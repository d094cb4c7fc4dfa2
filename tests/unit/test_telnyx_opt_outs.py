"""Telnyx's list of opt-outs: what a page says, and what is asked for again."""

import json
from collections.abc import Sequence

import httpx
import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.message import epoch_ms
from longcode.domain.opt_outs import ProviderOptOut, ProviderPage
from longcode.telnyx.opt_outs import TRIES, TelnyxOptOuts, read

ROW = {
    "from": "+12025550100",
    "to": "+12025550131",
    "keyword": "STOP",
    "messaging_profile_id": "p-1",
    # As the API's own description has it.
    "created_at": "2025-04-28 12:00:38.631252+00:00",
}
AT_MS = epoch_ms("2025-04-28T12:00:38.631Z")
STOPPED = ProviderOptOut("+12025550131", AT_MS, "STOP")


def page(rows: list[object], **meta: object) -> bytes:
    return json.dumps({"data": rows, "meta": meta}).encode()


def test_a_page_says_who_is_blocked_since_when_and_whether_there_are_more() -> None:
    assert read(page([ROW], total_pages=2, total_results=2), 1) == ProviderPage((STOPPED,), False, 2, 0)
    assert read(page([ROW], total_pages=2, total_results=2), 2) == ProviderPage((STOPPED,), True, 2, 0)
    assert read(page([]), 1) == ProviderPage((), True, None, 0)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"data": {}}', page([], total_pages=3)])
def test_what_is_no_page_is_none(content: bytes) -> None:
    assert read(content, 1) is None


def test_an_odd_row_spoils_no_other() -> None:
    odd = [ROW | {"to": "+1202555****"}, ROW | {"to": None}, "row", ROW | {"keyword": None, "created_at": 7}]

    found = read(page([*odd, ROW]), 1)

    assert found == ProviderPage((ProviderOptOut("+12025550131", None, ""), STOPPED), True, None, 3)


def asked(*answers: httpx.Response | Exception) -> tuple[TelnyxOptOuts, list[httpx.Request], list[float]]:
    """The list of a provider that answers like this, what it is asked, and the waits between."""
    requests: list[httpx.Request] = []
    slept: list[float] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    client = httpx.Client(transport=httpx.MockTransport(answer))
    url = "https://provider.invalid/v2/"
    return TelnyxOptOuts(client, url, "KEY", "p-1", sleep=slept.append, wall_s=lambda: 0.0), requests, slept


def test_a_page_is_asked_for_as_the_api_wants_it() -> None:
    optouts, requests, _ = asked(httpx.Response(200, content=page([ROW])))

    assert optouts.page(7).rows == (STOPPED,)

    (request,) = requests
    assert (request.url.path, request.headers["authorization"]) == ("/v2/messaging_optouts", "Bearer KEY")
    assert dict(request.url.params) == {
        "filter[messaging_profile_id]": "p-1",
        "page[number]": "7",
        "page[size]": "250",
    }


def test_what_is_refused_for_a_moment_is_asked_for_again_after_the_wait_that_it_asks_for() -> None:
    optouts, requests, slept = asked(
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(503),
        httpx.ConnectError("no"),
        httpx.Response(200, content=page([ROW])),
    )

    assert optouts.page(1).rows == (STOPPED,)

    assert (len(requests), slept) == (4, [7.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([httpx.Response(429)] * TRIES, TRIES),
        ([httpx.ReadTimeout("late")] * TRIES, TRIES),
        ([httpx.Response(401)], 1),
        ([httpx.Response(200, content=b"<html>")], 1),
    ],
    ids=["throttled", "silent", "refused", "unreadable"],
)
def test_a_list_that_can_not_be_read_is_unavailable(
    answers: Sequence[httpx.Response | Exception], tries: int
) -> None:
    optouts, requests, _ = asked(*answers)

    with pytest.raises(Unavailable):
        optouts.page(1)

    assert len(requests) == tries
