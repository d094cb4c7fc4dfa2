"""The command on the deployed local stack: what it does to real texts, with the provider as the witness.

A pause stops everything, so this stack is shared with no other tests.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack
from devtools.local_stack.release import ALIAS, alias_of
from longcode.use_cases.ports import Waiting
from longcode_cli import queues
from longcode_cli import stack as stacks
from longcode_cli.commands import redrive, requeue
from longcode_cli.commands.doctor import command as doctor
from longcode_cli.problems import Problem
from tests.longcode_cli.world import HOME, run
from tests.stack.test_stack_events import Listener
from tests.stack.world import reconfigure

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="module")
def stack(operated: Stack) -> Stack:
    return operated


@pytest.fixture(autouse=True)
def open_again(stack: Stack) -> Iterator[None]:
    """No test leaves the stack paused, or with a queue that gives up at once."""
    yield
    longcode("resume", "--breaker")
    _give_up_after(stack, 1000)


def longcode(*arguments: str) -> str:
    result = run(*arguments, "--dir", str(HOME))
    assert result.exit_code == 0, result.output
    return result.stdout


def look(*arguments: str) -> Any:
    return json.loads(longcode(*arguments, "--json"))


def queue_texts(stack: Stack, *numbers: str) -> list[str]:
    headers = {"x-api-key": stack.api_key}
    ids = []
    for number in numbers:
        answer = httpx.post(
            f"{stack.api_url}/sms/queue",
            json={"to": number, "message": "Hello"},
            headers=headers,
            timeout=40,
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["message_id"])
    return ids


def sent_to(stack: Stack, number: str) -> list[str]:
    """Ids of the texts that the provider was asked to send to `number`, in the order of their arrival."""
    found = httpx.get(f"{stack.simulator_url}/_provider/requests", trust_env=False, timeout=40).json()["requests"]
    return [row["idempotency_key"] for row in found if row["to"] == number]


def _give_up_after(stack: Stack, receives: int) -> None:
    """How often a message may be received before it is a dead letter."""
    at = stacks.on_this_machine(HOME)
    arn = at.sqs.get_queue_attributes(QueueUrl=at.dead_letter_queue_url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": receives}
    at.sqs.set_queue_attributes(QueueUrl=at.queue_url, Attributes={"RedrivePolicy": json.dumps(policy)})


def dead_letters(stack: Stack, eventually: Eventually, *numbers: str) -> list[str]:
    """Let texts die in the queue: paused, each receive is in vain. Leaves the stack paused."""
    longcode("pause", "--reason", "letting them die")
    _give_up_after(stack, 1)
    ids = queue_texts(stack, *numbers)
    eventually(lambda: queues.depth(_sqs(), stack.dead_letter_queue_url).visible == len(ids))
    _give_up_after(stack, 1000)
    return ids


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _sqs() -> Any:
    return stacks.on_this_machine(HOME).sqs


def drained(stack: Stack) -> bool:
    """Whether the queue holds nothing, by one look: of two, each may miss what changes its state in between."""
    return queues.depth(_sqs(), stack.queue_url).total == 0


def test_a_pause_stops_queued_texts_and_a_resume_lets_them_go_within_seconds(
    stack: Stack, eventually: Eventually
) -> None:
    first, second = "+12025550131", "+12025550129"
    longcode("pause", "--reason", "wrong template")
    ids = queue_texts(stack, first, first, second)

    # The consumer has looked at each of them, and put each back.
    eventually(lambda: look("queue")["in_flight"] == 3)
    waiting = look("queue", "--full")["waiting"]
    assert [(row["to"], row["texts"], row["held_by"]) for row in waiting] == [
        (first, 2, "paused"),
        (second, 1, "paused"),
    ]
    assert "wrong template" in longcode("status", ids[0])
    assert sent_to(stack, first) == sent_to(stack, second) == []

    longcode("resume")
    eventually(lambda: len(sent_to(stack, first)) == 2 and sent_to(stack, second))
    assert sent_to(stack, first) == ids[:2]
    eventually(lambda: look("status", ids[1])["status"] == "delivered")
    assert "delivered" in longcode("status", look("status", ids[1])["telnyx_id"])


def test_dead_letters_go_back_in_order_and_each_is_one_text(stack: Stack, eventually: Eventually) -> None:
    first, second = "+12025550133", "+12025550134"
    ids = dead_letters(stack, eventually, first, second, first, second, first)
    assert look("queue")["dead_letters"] == 5
    assert "5 dead letters in the local stack" in longcode("redrive", "--dry-run")
    assert look("queue")["dead_letters"] == 5

    printed = longcode("redrive")
    assert printed.startswith("5 dead letters put back.\nThey wait: Sending is paused")
    assert look("queue")["dead_letters"] == 0
    assert longcode("redrive") == "There are no dead letters to put back.\n"

    longcode("resume")
    eventually(lambda: len(sent_to(stack, first) + sent_to(stack, second)) == 5)
    assert sent_to(stack, first) == [ids[0], ids[2], ids[4]]
    assert sent_to(stack, second) == [ids[1], ids[3]]


def test_a_redrive_that_is_killed_between_send_and_delete_is_run_again_without_a_second_text(
    stack: Stack, eventually: Eventually
) -> None:
    number = "+12025550135"
    ids = dead_letters(stack, eventually, number, number, number)
    at = stacks.on_this_machine(HOME)
    deleted: list[str] = []

    def die_at_the_second(**_: Any) -> None:
        deleted.append("")
        if len(deleted) == 2:
            raise KeyboardInterrupt

    at.sqs.meta.events.register("before-call.sqs.DeleteMessage", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        list(redrive.redrive(at, lambda _: None))
    # The second was sent but is still there; it and the third are to be had at once, not after a minute.
    assert queues.depth(at.sqs, at.dead_letter_queue_url) == queues.Depth(2, 0)

    assert longcode("redrive").startswith("2 dead letters put back.")
    longcode("resume")
    eventually(lambda: len(sent_to(stack, number)) >= 3)
    eventually(lambda: drained(stack))
    assert sent_to(stack, number) == ids


def test_a_dead_letter_of_a_text_that_was_sent_is_taken_off_and_sends_nothing(
    stack: Stack, eventually: Eventually
) -> None:
    number = "+12025550136"
    (ident,) = queue_texts(stack, number)
    eventually(lambda: look("status", ident)["status"] == "delivered")
    _sqs().send_message(
        QueueUrl=stack.dead_letter_queue_url,
        MessageBody=json.dumps({"v": 1, "id": ident}),
        MessageGroupId=number,
        MessageDeduplicationId="a-second-copy",
    )
    assert "nothing is sent again" in longcode("redrive", "--dry-run")
    assert longcode("redrive") == "1 dead letter put back.\n"
    eventually(lambda: drained(stack))
    assert sent_to(stack, number) == [ident]


def test_a_carrier_that_takes_no_more_is_stopped_by_a_receipt_and_what_it_refused_goes_back_if_asked_for(
    stack: Stack, eventually: Eventually
) -> None:
    first, second = "+12025550182", "+12025550183"
    _provider(stack, "limits", {"enforce": True})
    _provider(stack, "registration", {"campaign": {"att_tpm": 1}})
    ids = queue_texts(stack, first, second)
    ended = {"delivered", "delivery_failed"}
    eventually(lambda: {look("status", ident)["status"] for ident in ids} == ended)
    # By the webhook, which may write no more into that table than its policy says.
    eventually(lambda: [row["carrier"] for row in look("queue")["carriers"]] == ["att"])
    refused = next(ident for ident in ids if look("status", ident)["status"] == "delivery_failed")
    assert look("status", refused)["errors"][0]["code"] == "40018"

    _provider(stack, "registration", {"campaign": {"att_tpm": None}})
    # The reconciler may have read it meanwhile, and would pace all texts to AT&T by it for hours.
    _forget("campaign")
    printed = longcode("requeue", "--refused-by-cap", "--yes")
    assert "1 text queued anew." in printed
    assert "Texts to AT&T wait until" in printed
    # Not to wait a minute for it.
    _forget("stop_att", "stop_att_by", "stop_att_times")
    assert "put back already" in longcode("requeue", "--refused-by-cap", "--yes")
    eventually(lambda: len(sent_to(stack, first) + sent_to(stack, second)) == 3)
    assert sent_to(stack, first)[:1] + sent_to(stack, second)[:1] == ids


def _forget(*names: str) -> None:
    """Have the service forget what it knows of its own number."""
    at = stacks.on_this_machine(HOME)
    at.client("dynamodb").update_item(
        TableName=at.outputs["LimitsTableName"],
        Key={"pk": {"S": f"from#{at.sender}"}},
        UpdateExpression=f"REMOVE {', '.join(names)}",
    )


def _provider(stack: Stack, path: str, asked: dict[str, Any]) -> None:
    url = f"{stack.simulator_url}/_provider/{path}"
    httpx.post(url, json=asked, trust_env=False, timeout=40).raise_for_status()


def test_texts_that_a_purge_took_out_of_the_queue_go_back_and_leave_once_in_their_order(
    stack: Stack, eventually: Eventually
) -> None:
    first, second = "+12025550137", "+12025550138"
    longcode("pause", "--reason", "the queue was purged")
    ids = queue_texts(stack, first, second, first, second, first)
    at = stacks.on_this_machine(HOME)
    at.sqs.purge_queue(QueueUrl=at.queue_url)
    eventually(lambda: drained(stack))
    purged_ms = _now_ms()
    # So much later, by the command's clock, SQS has done with the purge.
    later_ms = purged_ms + 61_000

    def lost(purged_ms: int | None) -> list[Waiting]:
        return [text for texts in requeue.lost(at, later_ms, purged_ms).by_recipient for text in texts]

    texts = lost(None)
    assert len(texts) == 5

    # Killed when they are in and it has not heard so, and run again.
    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    at.sqs.meta.events.register("after-call.sqs.SendMessageBatch", die)
    with pytest.raises(KeyboardInterrupt):
        list(requeue.requeue(at, texts, later_ms))
    at.sqs.meta.events.unregister("after-call.sqs.SendMessageBatch", die)
    with pytest.raises(Problem, match="The queue holds about"):
        lost(None)
    assert list(requeue.requeue(at, lost(purged_ms), later_ms + 1))[-1] == 5
    assert queues.depth(at.sqs, at.queue_url).total > 5

    longcode("resume")
    eventually(lambda: drained(stack))
    assert sent_to(stack, first) == [ids[0], ids[2], ids[4]]
    assert sent_to(stack, second) == [ids[1], ids[3]]
    eventually(lambda: all(look("status", ident)["status"] == "delivered" for ident in ids))


@pytest.fixture
def publisher(stack: Stack) -> Iterator["Publisher"]:
    made = Publisher(stack)
    yield made
    made.repair()
    made.listener.close()
    _sqs().purge_queue(QueueUrl=made.given_up)


class Publisher:
    """The deployed publisher: made to fail until the emulator gives its batches up, and repaired."""

    def __init__(self, stack: Stack) -> None:
        at = stacks.on_this_machine(HOME)
        self._functions, self._name = at.client("lambda"), stack.functions["publisher"]
        (mapping,) = self._functions.list_event_source_mappings(FunctionName=alias_of(self._name))[
            "EventSourceMappings"
        ]
        self._mapping, self._age_s = mapping["UUID"], mapping["MaximumRecordAgeInSeconds"]
        self._handler = self._functions.get_function_configuration(FunctionName=self._name, Qualifier=ALIAS)[
            "Handler"
        ]
        self._health = f"{stack.api_url}/health"
        self.given_up = at.outputs["UnpublishedQueueUrl"]
        self.listener = Listener(at.client, at.outputs["EventBusName"])

    def break_down(self) -> None:
        self._set("app.missing", 1)

    def repair(self) -> None:
        self._set(self._handler, self._age_s)

    def _set(self, handler: str, age_s: int) -> None:
        reconfigure(self._functions, self._name, Handler=handler)
        self._functions.update_event_source_mapping(UUID=self._mapping, MaximumRecordAgeInSeconds=age_s)

    def counted(self) -> int:
        found: int = httpx.get(self._health, trust_env=False, timeout=40).json()["tracked_messages"]
        return found

    def heard(self, ident: str) -> list[str]:
        """What the bus has published of a text, in the order of the sequence; what came twice is there once."""
        found = {event["detail"]["sequence"]: event["detail"]["status"] for event in self.listener.heard(ident)}
        return [found[sequence] for sequence in sorted(found)]


def test_what_the_publisher_gave_up_is_published_after_all_and_counted_once(
    stack: Stack, eventually: Eventually, publisher: Publisher
) -> None:
    eventually(lambda: publisher.counted() == _kept(stack))
    publisher.break_down()
    (ident,) = queue_texts(stack, "+12025550139")
    eventually(lambda: queues.depth(_sqs(), publisher.given_up).visible)
    letters = _sqs().receive_message(QueueUrl=publisher.given_up, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert publisher.heard(ident) == []

    publisher.repair()
    life = ["queued", "sending", "submitted", "sent", "delivered"]
    # What the emulator had not come to giving up comes by its mapping; while it exchanges the function, not yet.
    eventually(lambda: run("republish", "--dir", str(HOME)).exit_code == 0 and publisher.heard(ident) == life)
    eventually(lambda: publisher.counted() == _kept(stack))
    assert longcode("republish") == "Nothing was given up.\n"

    # The same once more, as after a run that was killed before it could delete.
    before = len(publisher.listener.heard(ident))
    for letter in letters["Messages"]:
        _sqs().send_message(QueueUrl=publisher.given_up, MessageBody=letter["Body"])
    longcode("republish")
    eventually(lambda: len(publisher.listener.heard(ident)) > before)
    assert publisher.heard(ident) == life
    assert publisher.counted() == _kept(stack)

    # What comes next is published by itself.
    (later,) = queue_texts(stack, "+12025550139")
    eventually(lambda: publisher.heard(later) == life)


def test_the_same_stack_is_found_by_its_name_as_one_on_aws_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.aws().items():
        monkeypatch.setenv(name, value)
    result = run("queue", "--json", "--stack", stack.stack_name, "--region", stack.region)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["complete"] is True


def _kept(stack: Stack) -> int:
    """How many messages there are."""
    pages = stacks.on_this_machine(HOME).client("dynamodb").get_paginator("scan")
    asked = {"FilterExpression": "begins_with(pk, :m)", "ExpressionAttributeValues": {":m": {"S": "M#"}}}
    return sum(page["Count"] for page in pages.paginate(TableName=stack.messages_table, **asked))


def test_the_doctor_finds_a_fresh_stack_well_and_stores_nothing(stack: Stack) -> None:
    before = _kept(stack)
    found = look("doctor")
    assert {row["check"]: row["state"] for row in found["checks"]} == dict.fromkeys(doctor.checks(None), "ok")
    assert found["healthy"] is True
    (receipts,) = [row for row in found["checks"] if row["check"] == "receipts"]
    assert receipts["found"] == "takes what the provider signs"
    assert _kept(stack) == before


def test_the_doctor_sees_that_the_provider_refuses_the_key_in_the_secret(stack: Stack) -> None:
    secrets = stacks.on_this_machine(HOME).client("secretsmanager")
    (ident,) = [row["ARN"] for row in secrets.list_secrets()["SecretList"]]
    secrets.put_secret_value(SecretId=ident, SecretString="KEY_of_another_account")
    try:
        result = run("doctor", "--json", "--dir", str(HOME))
    finally:
        secrets.put_secret_value(SecretId=ident, SecretString=stack.parameters["TelnyxApiKey"])
    assert result.exit_code == 1
    assert "KEY_of_another_account" not in result.output
    found = {row["check"]: row for row in json.loads(result.stdout)["checks"]}
    ill = {name: row["state"] for name, row in found.items() if row["state"] != "ok"}
    # What carriers take the functions may have read themselves.
    ill.pop("carrier limits", None)
    unseen = ("number", "profile", "campaign", "campaign events", "carriers", "number health")
    assert ill == {"provider key": "fail", **dict.fromkeys(unseen, "skipped")}
    assert "10009 Authentication failed" in found["provider key"]["found"]


def test_a_parameter_that_is_set_reaches_every_function_that_is_called(stack: Stack) -> None:
    def called() -> set[str]:
        functions = stacks.on_this_machine(HOME).client("lambda")
        found = [
            functions.get_function_configuration(FunctionName=alias_of(name)) for name in stack.functions.values()
        ]
        return {one["Environment"]["Variables"]["VALIDITY_MINUTES"] for one in found}

    before = called()
    try:
        assert run("set", "ValidityMinutes", "2880", "--dir", str(HOME)).exit_code == 0
        assert called() == {"2880"} != before
    finally:
        run("set", "ValidityMinutes", *before, "--dir", str(HOME))
    assert called() == before


def test_the_doctor_proves_that_a_wrong_public_key_lets_no_receipt_in(
    stack: Stack, eventually: Eventually
) -> None:
    functions, name = stacks.on_this_machine(HOME).client("lambda"), stack.functions["webhook"]
    right = functions.get_function_configuration(FunctionName=name, Qualifier=ALIAS)["Environment"]["Variables"]
    wrong = right | {"TELNYX_PUBLIC_KEY": base64.b64encode(bytes(range(32))).decode()}
    reconfigure(functions, name, Environment={"Variables": wrong})
    try:
        result = run("doctor", "--json", "--dir", str(HOME))
    finally:
        reconfigure(functions, name, Environment={"Variables": right})
    found = {row["check"]: row for row in json.loads(result.stdout)["checks"]}
    assert {check: row["state"] for check, row in found.items() if row["state"] != "ok"} == {
        "settings": "fail",
        "receipts": "fail",
    }
    assert "webhook: TELNYX_PUBLIC_KEY is not the stack's own" in found["settings"]["found"]
    assert "refuses what the provider signs" in found["receipts"]["found"]
    eventually(lambda: look("doctor")["healthy"])
