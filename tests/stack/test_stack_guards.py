"""Over HTTP: no text to where none is allowed, and none beyond the cap of a day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

ROUTES = ["/sms/send", "/sms/queue"]
JAMAICAN = "+18765550123"
CAPPED = "+13065550123"


def stored(stack: Stack, aws: Callable[[str], Any], number: str) -> int:
    """How many messages to `number` there are, by the table itself: no index lags behind it."""
    pages = aws("dynamodb").get_paginator("scan").paginate(TableName=stack.messages_table)
    return sum(item.get("recipient") == {"S": number} for page in pages for item in page["Items"])


def sent(provider: httpx.Client, number: str) -> int:
    """How many requests for `number` reached the provider."""
    return len(provider.get("/_provider/requests", params={"to": number}).json()["requests"])


@pytest.mark.parametrize("route", ROUTES)
def test_a_number_that_only_looks_domestic_is_refused_and_nothing_of_it_is_kept(
    stack: Stack, api: httpx.Client, provider: httpx.Client, aws: Callable[[str], Any], route: str
) -> None:
    answer = api.post(route, json={"to": JAMAICAN, "message": "Hello"})

    assert stored(stack, aws, JAMAICAN) == sent(provider, JAMAICAN) == 0
    assert answer.status_code == 403
    assert (answer.json()["code"], answer.json()["field"]) == ("destination_not_allowed", "to")


def test_a_destination_takes_its_texts_of_the_day_by_both_routes_and_no_more(
    stack: Stack, api: httpx.Client, aws: Callable[[str], Any]
) -> None:
    now = datetime.now(UTC)
    left_s = (datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now).total_seconds()
    if left_s < 120:
        pytest.skip("Midnight UTC comes in between.")

    answers = [api.post(ROUTES[n % 2], json={"to": CAPPED, "message": f"text {n}"}) for n in range(4)]

    assert stored(stack, aws, CAPPED) == 2
    assert [answer.status_code for answer in answers] == [200, 202, 429, 429]
    assert answers[-1].json()["code"] == "daily_limit"
    assert "AllowedDestinations" in answers[-1].json()["error"]
    assert left_s - 120 < int(answers[-1].headers["retry-after"]) <= left_s + 1
