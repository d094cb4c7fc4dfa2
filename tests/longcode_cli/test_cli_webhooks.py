"""`longcode webhooks`, against the function's own handler over HTTP; and what the doctor says of subscriptions."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from typer.testing import Result

from longcode.aws.subscriptions import DynamoSubscriptions
from longcode.domain.subscriptions import DisabledReason, Secret, Subscription
from tests.longcode_cli.clinic import Clinic, Front
from tests.longcode_cli.world import NAME, REGION, run
from tests.support import fakes

URL = "https://hooks.example.com/sms"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=\n")


@dataclass
class Api(Front):
    """The API whose routes of subscriptions are the function's own; the rest of these routes answer as set."""

    service: fakes.World = field(default_factory=fakes.make_world)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        parts = urlsplit(path.removeprefix("/v1"))
        if not parts.path.startswith("/webhooks/subscriptions"):
            return super().answer(method, path, headers, body)
        if headers.get("x-api-key") != self.key:
            return 403, {"error": "Send a valid API key.", "code": "forbidden"}
        self.asked.append((f"{method} {parts.path}", json.loads(body) if body else dict(parse_qsl(parts.query))))
        _, _, _, ident, *rest = [*parts.path.split("/"), ""]
        key = f"{method} {rest[0]}" if rest and rest[0] else method
        if key in self.answers:
            found: tuple[int, Any] = self.answers[key]
            return found[0], found[1].pop(0) if isinstance(found[1], list) else found[1]
        resource = "/webhooks/subscriptions" + ("/{subscription_id}" if ident else "")
        resource += f"/{rest[0]}" if rest and rest[0] else ""
        reply = self.service.request(
            "subscriptions",
            method,
            resource,
            body or None,
            parameters={"subscription_id": ident} if ident else None,
        )
        return reply.status, reply.fields

    @property
    def kept(self) -> dict[str, Subscription]:
        store = self.service.service.subscriptions
        assert isinstance(store, fakes.FakeSubscriptions)
        return store.kept


@pytest.fixture
def api(clinic: Clinic) -> Iterator[Api]:
    """The clinic's API with these routes."""
    front = Api(clinic.front.public_key)
    clinic.front.answer = front.answer  # type: ignore[method-assign]
    yield front
    assert front.service.logger.crashes == []


def longcode(*arguments: str) -> Result:
    return run("webhooks", *arguments, "--stack", NAME, "--region", REGION)


def done(*arguments: str) -> str:
    result = longcode(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def created(*arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(done("create", URL, "--json", *arguments))
    return made


def test_create_prints_the_secret_alone_and_says_beside_it_that_this_is_the_only_time(api: Api) -> None:
    result = longcode(
        "create", URL, "--event", "sms.received", "--event", "sms.opted_out", "--description", "Shop"
    )

    assert result.exit_code == 0
    assert SECRET.fullmatch(result.stdout)
    (one,) = api.kept.values()
    assert result.stdout.strip() == one.secrets[0].value
    assert (one.url, sorted(one.events)) == (URL, ["sms.opted_out", "sms.received"])
    assert one.description == "Shop"
    said = " ".join(result.stderr.split())
    assert f"{one.id} delivers sms.opted_out, sms.received. This secret is shown once" in said
    assert one.secrets[0].value not in said


def test_without_types_all_are_delivered_and_json_has_the_whole_answer(api: Api) -> None:
    made = created()
    assert (made["events"], made["enabled"]) == (["*"], True)
    assert api.kept[made["id"]].secrets[0].value == made["secret"]


def test_list_shows_how_each_stands_and_no_secret(api: Api) -> None:
    assert done("list") == "No URL is subscribed to events: longcode webhooks create does it."
    made = [created("--event", kind) for kind in ("sms.received", "sms.paused", "sms.opted_out", "sms.received")]
    store = api.service.service.subscriptions
    store.disable(made[1]["id"], DisabledReason.GONE)
    store.disable(made[2]["id"], DisabledReason.FAILING)
    store.note_failing(made[3]["id"], api.service.clock.now_ms())

    printed = longcode("list").stdout
    rows = {line.split()[0]: line for line in printed.splitlines() if line.startswith("whs_")}

    assert set(rows) == {one["id"] for one in made}
    shown = " ".join(printed.split())
    for words in ("delivers", "disabled: failed", "disabled: 410", "fails, "):
        assert words in shown
    listed = json.loads(done("list", "--json"))["subscriptions"]
    reasons = {one["id"]: one["disabled_reason"] for one in listed}
    assert [reasons[one["id"]] for one in made] == [None, "gone", "failing", None]
    assert [one["secret"] for one in made if one["secret"] in printed + json.dumps(listed)] == []


def test_rotate_prints_the_new_secret_and_how_long_the_one_before_is_valid(api: Api) -> None:
    made = created()
    for overlap, seconds, words in (
        (None, 86_400, "is valid for 1 d more"),
        ("90m", 5_400, "is valid for 1 h 30 min more"),
        ("7d", 604_800, "is valid for 7 d more"),
        ("0", 0, "has ended"),
    ):
        result = longcode("rotate", made["id"], *(("--overlap", overlap) if overlap else ()))
        assert result.exit_code == 0, result.output
        assert SECRET.fullmatch(result.stdout)
        assert result.stdout.strip() == api.kept[made["id"]].secrets[0].value
        assert f"the one before {words}" in " ".join(result.stderr.split())
        assert api.asked[-1] == (f"POST /webhooks/subscriptions/{made['id']}/secret", {"overlap_s": seconds})
    for bad in ("8d", "1w", "-1", "x", ""):
        assert longcode("rotate", made["id"], "--overlap", bad).exit_code == 2, bad


def test_disable_enable_and_delete(api: Api) -> None:
    made = created()["id"]
    assert done("disable", made) == f"{made} delivers nothing more."
    assert api.kept[made].disabled is DisabledReason.REQUEST
    assert done("enable", made) == f"{made} delivers again."
    assert api.kept[made].disabled is None

    unasked = longcode("delete", made)
    assert unasked.exit_code == 1
    assert "--yes" in unasked.stderr
    assert made in api.kept
    assert done("delete", made, "--yes") == f"{made} is deleted."
    assert api.kept == {}


def test_what_is_refused_is_one_line_and_exit_code_1(api: Api) -> None:
    cases = [
        (("create", "http://hooks.example.com/"), "(field url)"),
        (("create", "https://169.254.169.254/"), "not public"),
        (("create", URL, "--event", "sms.sent"), "(field events[0])"),
        (("rotate", "whs_0000000000000000000000"), "longcode webhooks list"),
        (("enable", "whs_0000000000000000000000"), "404 not_found"),
        (("delete", "whs_0000000000000000000000", "--yes"), "404 not_found"),
    ]
    for arguments, words in cases:
        result = longcode(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert words in result.stderr, result.stderr
        assert len(result.stderr.splitlines()) < 5
    for bad in ("x", "whs_a/../b", "../x", "whs_?a"):
        assert longcode("enable", bad).exit_code == 2
    assert api.kept == {}


def test_deliveries_are_read_page_by_page_as_many_as_asked_for(api: Api) -> None:
    made = created()["id"]

    def row(number: int, **more: Any) -> dict[str, Any]:
        attempt = {"at": "2026-11-23T15:48:14.156Z", "status": 503, "error": None, "duration_ms": 12}
        return {
            "event_id": f"event-{number}",
            "type": "sms.received",
            "message_id": None,
            "state": "retrying",
            "attempts": [attempt, attempt | {"status": None, "error": "timed out"}],
            "next_attempt_at": "2099-11-23T15:48:14.156Z",
        } | more

    pages = [
        {"deliveries": [row(1), row(2, state="delivered", next_attempt_at=None)], "cursor": "c1"},
        {"deliveries": [row(3, attempts=[], state="gave_up"), row(4)], "cursor": None},
    ]
    api.answers["GET deliveries"] = 200, [*pages, *pages, pages[0], {"deliveries": [], "cursor": None}]

    printed = done("deliveries", made)
    for words in ("event-1", "retrying 2", "timed out", "event-2", "delivered", "gave up 0", "event-4"):
        assert words in printed
    assert [asked for _, asked in api.asked[-2:]] == [{}, {"cursor": "c1"}]
    three = json.loads(done("deliveries", made, "--rows", "3", "--json"))["deliveries"]
    assert [one["event_id"] for one in three] == ["event-1", "event-2", "event-3"]
    calls = len(api.asked)
    assert "event-2" not in done("deliveries", made, "--rows", "1")
    assert len(api.asked) == calls + 1
    assert done("deliveries", made) == "No event was delivered to it yet."


def test_replay_is_asked_for_by_time_or_by_ids(api: Api) -> None:
    made = created()["id"]
    api.answers["POST replay"] = 202, {"replayed": 2, "remaining": False}
    assert done("replay", made, "--event", "a", "--event", "b") == "2 events will be delivered once more."
    assert api.asked[-1][1] == {"event_ids": ["a", "b"]}
    done("replay", made, "--since", "2026-11-23T15:00:00Z", "--until", "2026-11-23T17:30:00+01:00")
    assert api.asked[-1][1] == {"since": "2026-11-23T15:00:00.000Z", "until": "2026-11-23T16:30:00.000Z"}
    done("replay", made, "--since", "2020-11-23T15:00:00Z")
    assert set(api.asked[-1][1]) == {"since", "until"}

    cursor = "evt_1795448894000_Yk3vQm0Zr8sT1uW5xA7bCd"
    pages = [{"replayed": 500, "remaining": True, "cursor": cursor}, {"replayed": 7, "remaining": False}]
    api.answers["POST replay"] = 202, pages
    assert done("replay", made, "--since", "2020-11-23T15:00:00Z") == "507 events will be delivered once more."
    assert api.asked[-1][1]["cursor"] == cursor
    assert "cursor" not in api.asked[-2][1]
    calls = len(api.asked)
    for bad in (
        (),
        ("--until", "2026-11-23T15:00:00Z"),
        ("--since", "yesterday"),
        ("--since", "2026-11-23T15:00:00"),
        ("--since", "2026-11-23T15:00:00Z", "--until", "2026-11-23T15:00:00Z"),
        ("--since", "2026-11-23T15:00:00Z", "--event", "a"),
        tuple(part for number in range(101) for part in ("--event", str(number))),
    ):
        assert longcode("replay", made, *bad).exit_code == 2, bad
    assert len(api.asked) == calls


def test_an_api_that_does_not_answer_is_a_problem_and_nothing_is_asked_twice(api: Api, clinic: Clinic) -> None:
    api.answers["POST"] = 503, {"error": "The webhooks table did not answer", "code": "unavailable"}
    assert "503 unavailable" in longcode("create", URL).stderr
    assert len(api.asked) == 1
    (row,) = [one for one in clinic.stack["Outputs"] if one["OutputKey"] == "ApiUrl"]
    row["OutputValue"] = "http://127.0.0.1:1/v1"
    result = longcode("list")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


# ---------------------------------------------------------------------------------------------- the doctor


def test_the_doctor_names_each_subscription_that_is_disabled_or_fails(clinic: Clinic) -> None:
    assert clinic.examine().found("subscriptions") == "none"
    stack = clinic.world.stack
    store = DynamoSubscriptions(stack.client("dynamodb"), stack.outputs["WebhooksTableName"])
    for number in range(3):
        one = Subscription(
            f"whs_{number:022}", f"{URL}/{number}?a=b", frozenset("*"), (Secret("whsec_c2VjcmV0"),), number
        )
        assert store.create(one, 20)
    assert clinic.examine().found("subscriptions") == "3 subscriptions, none disabled or failing"

    store.disable(f"whs_{0:022}", DisabledReason.FAILING)
    store.note_failing(f"whs_{2:022}", 1_795_000_000_000)
    report = clinic.examine()

    assert report.ill == {"subscriptions": "warn"}
    first, second = report.found("subscriptions").splitlines()
    assert first == f"whs_{0:022} ({URL}/0) is disabled as it failed for days."
    assert second.startswith(f"whs_{2:022} ({URL}/2) fails, since ")
    assert "longcode webhooks enable ID" in report.todo("subscriptions")
    assert "c2VjcmV0" not in str(report)


def test_a_stack_of_before_has_no_such_row(clinic: Clinic) -> None:
    clinic.stack["Outputs"] = [one for one in clinic.stack["Outputs"] if one["OutputKey"] != "WebhooksTableName"]
    assert "subscriptions" not in clinic.examine().rows
