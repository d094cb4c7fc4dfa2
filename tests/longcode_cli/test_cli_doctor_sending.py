"""What `longcode doctor` says of queues, brakes and opt-outs."""

import pytest

from longcode.aws.queue import SqsQueue
from longcode.use_cases.backlog import waiting
from tests.longcode_cli.clinic import Clinic, now_ms, opt_out
from tests.longcode_cli.world import NAME, OTHERS, OURS, REGION, THEIRS, ident

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

FAR_MS = 4_000_000_000_000


def test_a_text_that_has_waited_for_long(clinic: Clinic) -> None:
    message = clinic.world.accept(ident(3), accepted_ms=now_ms() - 20 * 60_000)
    at = clinic.world.stack
    SqsQueue(at.sqs, at.queue_url).put([waiting(message)])
    report = clinic.examine()
    assert report.ill == {"queue": "warn"}
    assert f"longcode queue --stack {NAME}" in report.todo("queue")


def test_a_text_that_waits_for_long_and_is_not_in_the_queue(clinic: Clinic) -> None:
    clinic.world.accept(ident(3), accepted_ms=now_ms() - 20 * 60_000)
    report = clinic.examine()
    assert report.ill == {"queue": "warn"}
    assert f"longcode requeue --stack {NAME}" in report.todo("queue")


@pytest.mark.parametrize("check", ["consumer", "publisher"])
def test_a_function_that_nothing_starts_any_more(clinic: Clinic, check: str) -> None:
    (mapping,) = clinic.mappings[f"{NAME}-{check}:live"]
    mapping["State"] = "Disabled"
    report = clinic.examine()
    assert report.ill == {check: "fail"}
    todo = report.todo(check)
    assert todo == f"aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled --region {REGION}"
    mapping["State"] = "Enabling"
    assert clinic.examine().ill == {check: "warn"}
    clinic.mappings[f"{NAME}-{check}:live"] = []
    report = clinic.examine()
    assert report.ill == {check: "fail"}
    assert "create-event-source-mapping" in report.todo(check)


@pytest.mark.parametrize("said", ["PROBLEM: Function call failed", "FAILED"])
def test_a_function_that_failed_on_what_it_got_last(clinic: Clinic, said: str) -> None:
    (mapping,) = clinic.mappings[f"{NAME}-consumer:live"]
    mapping["LastProcessingResult"] = said
    report = clinic.examine()
    assert report.ill == {"consumer": "warn"}
    assert said in report.found("consumer")
    assert f"{NAME}-consumer" in report.todo("consumer")
    for well in ("OK", "No records processed"):
        mapping["LastProcessingResult"] = well
        assert clinic.examine().ill == {}


def test_a_dead_letter(clinic: Clinic) -> None:
    clinic.world.die(ident(1))
    report = clinic.examine()
    assert report.ill == {"dead letters": "fail"}
    assert f"longcode redrive --stack {NAME}" in report.todo("dead letters")


def test_changes_that_were_given_up(clinic: Clinic) -> None:
    url = clinic.world.stack.outputs["UnpublishedQueueUrl"]
    clinic.world.stack.sqs.send_message(QueueUrl=url, MessageBody="{}")
    report = clinic.examine()
    assert report.ill == {"unpublished": "warn"}
    assert f"longcode republish --stack {NAME}" in report.todo("unpublished")


def test_a_breaker_that_an_outage_has_opened_says_that_it_ends_by_itself(clinic: Clinic) -> None:
    clinic.world.stack.limits.open_breaker(now_ms(), FAR_MS, "http_502 The provider answered 502.")
    report = clinic.examine()
    assert report.ill == {"breaker": "fail"}
    assert "for an outage of the provider: http_502" in report.found("breaker")
    assert "texts leave by themselves when it is back" in report.todo("breaker")
    # That is for who sent a single text.
    assert "Follow the status" not in report.todo("breaker")


def test_an_open_breaker_says_what_fixes_it(clinic: Clinic) -> None:
    clinic.world.stack.limits.open_breaker(now_ms(), FAR_MS, "20100 Insufficient Funds")
    report = clinic.examine()
    assert report.ill == {"breaker": "fail"}
    assert "20100 Insufficient Funds" in report.found("breaker")
    assert "Top up the account" in report.todo("breaker")
    assert f"longcode resume --breaker --stack {NAME}" in report.todo("breaker")


def test_a_pause_is_a_warning_with_its_reason(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(now_ms(), f"call {THEIRS} first")
    report = clinic.examine()
    assert report.ill == {"pause": "warn"}
    assert "call +1…23 first" in report.found("pause")


def test_our_own_number_in_the_ledger(clinic: Clinic) -> None:
    opt_out(clinic, THEIRS, "keyword")
    assert clinic.examine().found("opt-outs") == "1 opted out, our own number is not among them"
    opt_out(clinic, OURS, "api")
    assert clinic.examine().ill == {"opt-outs": "warn"}


def test_a_hundred_opt_outs_are_not_counted_further(clinic: Clinic) -> None:
    for number in range(101):
        opt_out(clinic, f"+120255501{number:02}", "keyword")
    assert clinic.examine().found("opt-outs").startswith("100 or more")


def test_one_number_may_be_asked_after(clinic: Clinic) -> None:
    assert clinic.examine(OTHERS).found("recipient") == "+1…24 may be texted"
    opt_out(clinic, OTHERS, "keyword")
    assert clinic.examine(OTHERS).ill == {"recipient": "warn"}
    assert clinic.world.run("doctor", "--to", "x").exit_code == 2


@pytest.mark.parametrize(("allowed", "refused"), [("", True), ("+1", True), ("+1,+44:5", False), ("*", False)])
def test_a_number_where_no_texts_may_go_is_reported(clinic: Clinic, allowed: str, refused: bool) -> None:
    clinic.set("AllowedDestinations", allowed)
    report = clinic.examine("+442079460123")
    assert report.rows["recipient"]["state"] == ("warn" if refused else "ok")
    assert ("AllowedDestinations" in (report.todo("recipient") or "")) is refused
