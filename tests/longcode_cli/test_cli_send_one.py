"""`longcode send --to`: one text; and how calls to the API are repeated."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from longcode.client import Client
from longcode_cli.api import Api, in_words
from longcode_cli.problems import Problem
from tests.chance import showing
from tests.longcode_cli.campaigns import Campaign
from tests.support.batch_api import KEY, Answer, BatchApi, Died, serving

ANN = "+12025550123"
OPTED_OUT = {"error": "The recipient has opted out.", "code": "recipient_opted_out", "status_code": 403}


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    api = BatchApi()
    with serving(api, tmp_path / "stack"):
        yield Campaign(tmp_path, api)


def test_one_text_goes_to_the_transactional_queue_and_says_its_id_and_time(campaign: Campaign) -> None:
    said = campaign.says("--to", "(202) 555-0123", "--text", "Your {code}")
    ((path, body, key),) = campaign.api.requests
    assert (path, body) == ("/sms/queue", {"to": ANN, "message": "Your {code}"})
    assert key
    (ident,) = campaign.api.texts
    assert said == f"{ident} to {ANN}: queued, leaves about 2026-11-23T15:48:17.235Z."

    options = ("--at", "2030-01-01T00:00:00+01:00", "--tag", "t", "--priority", "bulk", "--category", "marketing")
    campaign.says("--to", "020 7946 0123", "--default-country", "GB", "--text", "Hi", *options)
    assert campaign.api.requests[-1][1] == {
        "to": "+442079460123",
        "message": "Hi",
        "metadata": {"tag": "t"},
        "send_at": "2029-12-31T23:00:00.000Z",
        "category": "marketing",
        "priority": "bulk",
    }


def test_one_text_whose_answer_is_lost_is_one_text(campaign: Campaign) -> None:
    def lose(number: int, _path: str, _fields: dict[str, Any]) -> Answer | None:
        if number == 1:
            campaign.api.answer("POST", "/v1/sms/queue", *_lost(campaign))
            raise Died
        return None

    campaign.api.before = lose
    campaign.says("--to", ANN, "--text", "Hi")
    assert campaign.api.sent() == {(ANN, "Hi"): 1}


def _lost(campaign: Campaign) -> tuple[bytes, dict[str, str]]:
    """The request that came first, to be carried out before its answer is lost."""
    _, body, key = campaign.api.requests[0]
    campaign.api.before = None
    return json.dumps(body).encode(), {"x-api-key": KEY, "idempotency-key": key}


def test_one_text_may_be_looked_at_only_and_may_be_refused(campaign: Campaign) -> None:
    assert campaign.says("--to", ANN, "--text", "x" * 161, "--dry-run") == f"{ANN}: 2 segments. Nothing was sent."
    assert campaign.api.texts == {}
    campaign.api.refused = {ANN: OPTED_OUT}
    result = campaign.send("--to", ANN, "--text", "Hi")
    assert result.exit_code == 1
    assert "403 recipient_opted_out: The recipient has opted out." in result.stderr


# --------------------------------------------------------------------------------- calls that are repeated


class Patient:
    """An API of the calls that a test answers, on a clock that only its waits move."""

    def __init__(self, *answers: httpx.Response | Exception, patience_s: float = 900.0) -> None:
        self.answers, self.waits, self.said = list(answers), list[float](), list[str]()
        client = Client(
            "https://api.invalid",
            KEY,
            transport=httpx.MockTransport(self._answer),
            sleep=self.waits.append,
            clock=lambda: sum(self.waits),
            jitter=lambda: 1.0,
            patience_s=patience_s,
            waiting=lambda wait: self.said.append(in_words(wait)),
        )
        self.api = Api(client)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def health(self) -> str:
        return self.api.ask(self.api.client.health).status


def test_the_waits_grow_and_are_as_long_as_the_api_asks_for_and_each_is_said() -> None:
    busy = httpx.Response(503, json={"error": "No table.", "code": "unavailable"}, headers={"retry-after": "20"})
    dead = httpx.ConnectError("refused")
    html = httpx.Response(200, text="<html>")
    good = httpx.Response(200, json={"status": "healthy"})
    patient = Patient(dead, busy, html, *[dead] * 8, good)
    with patient.api:
        assert patient.health() == "healthy"
    assert patient.waits == [0.5, 20.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]
    assert patient.said[:2] == [
        "The API does not answer (refused). The next try is in 0.5 s.",
        "The API answers 503 unavailable: No table. The next try is in 20.0 s.",
    ]


def test_an_api_that_never_answers_is_given_up() -> None:
    patient = Patient(*[httpx.ReadTimeout("timed out")] * 9, patience_s=5)
    with patient.api, pytest.raises(Problem, match=r"The API does not answer \(timed out\)\.") as given_up:
        patient.health()
    assert (given_up.value.hint, patient.waits) == ("Check the network; locally, make up.", [0.5, 1.0, 2.0])


def test_a_wait_that_is_longer_than_patience_is_not_begun() -> None:
    cap = httpx.Response(429, json={"error": "Enough.", "code": "daily_limit"}, headers={"retry-after": "7200"})
    busy = httpx.Response(503, json={"error": "Enough.", "code": "paused"}, headers={"retry-after": "7200"})
    for code, answer in {"daily_limit": cap, "paused": busy}.items():
        patient = Patient(answer)
        with (
            showing(code),
            patient.api,
            pytest.raises(Problem, match=rf"{code}: Enough\. It may be tried again in 2 h"),
        ):
            patient.health()
        assert patient.waits == []


def test_what_is_refused_for_good_is_not_repeated() -> None:
    patient = Patient(httpx.Response(400, json={"error": "Bad to +12025550123.", "code": "invalid_request"}))
    with patient.api, pytest.raises(Problem, match=r"400 invalid_request: Bad to \+1…23\."):
        patient.health()
    assert patient.waits == []
