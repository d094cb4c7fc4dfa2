"""`longcode smoke` on the deployed local stack: what it proves, what it says where it can't, what it leaves.

It begins with a key that the provider refuses, as a first deployment may; it is fixed once.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack
from longcode_cli import stack as stacks
from longcode_cli.commands.smoke.command import EXAMPLE_NUMBER
from longcode_cli.commands.smoke.run import Smoke
from tests.longcode_cli.world import HOME, run
from tests.stack.world import reconfigure

Eventually = Callable[[Callable[[], Any]], Any]

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]


def give_key(key: str) -> None:
    """Put a Telnyx key into the stack's secret."""
    secrets = stacks.on_this_machine(HOME).client("secretsmanager")
    (secret,) = secrets.list_secrets()["SecretList"]
    secrets.put_secret_value(SecretId=secret["ARN"], SecretString=key)


@pytest.fixture(scope="module")
def refused(operated: Stack) -> Iterator[Stack]:
    """A stack whose Telnyx key is none, and whose function for sending has known no other."""
    give_key("KEY_of_no_account")
    functions, name = stacks.on_this_machine(HOME).client("lambda"), operated.functions["send"]
    known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    reconfigure(functions, name, Environment={"Variables": known | {"STARTED": "anew"}})
    yield operated
    give_key(operated.parameters["TelnyxApiKey"])


@pytest.fixture(scope="module")
def stack(refused: Stack) -> Stack:
    """The same stack with the key that the provider knows."""
    give_key(refused.parameters["TelnyxApiKey"])
    assert run("resume", "--breaker", "--dir", str(HOME)).exit_code == 0
    return refused


def smoked(*arguments: str) -> Any:
    result = run("smoke", "--json", "--dir", str(HOME), *arguments)
    found = json.loads(result.stdout)
    assert result.exit_code == (0 if found["ok"] else 1), result.output
    return found


def failure(found: Any) -> Any:
    """The one step that failed."""
    (step,) = [step for step in found["steps"] if not step["ok"]]
    return step


def taken(stack: Stack, number: str) -> list[str]:
    """What the provider took for `number`."""
    rows = httpx.get(f"{stack.simulator_url}/_provider/messages", trust_env=False, timeout=40).json()["messages"]
    return [row["text"] for row in rows if row["to"] == number]


def stored(stack: Stack, number: str) -> list[str]:
    answer = httpx.get(
        f"{stack.api_url}/sms/messages",
        params={"to": number},
        headers={"x-api-key": stack.api_key},
        timeout=40,
        trust_env=False,
    )
    return [row["message_id"] for row in answer.json()["messages"]]


def test_with_a_key_that_the_provider_refuses_it_stops_at_the_send_and_says_what_to_deploy(refused: Stack) -> None:
    number = "+12025550111"

    found = smoked("--to", number)

    assert taken(refused, number) == stored(refused, number) == []
    step = failure(found)
    assert step["name"] == "POST /sms/send"
    assert "401 provider_unauthorized" in step["said"]
    assert "key" in step["hint"].lower()
    assert [step["name"] for step in found["steps"]][-2:] == ["POST /sms/send", "cleaned up"]
    assert found["left"] == []


def test_a_stack_that_works_gets_two_texts_through_and_keeps_nothing_of_them(stack: Stack) -> None:
    result = run("smoke", "--dir", str(HOME))

    assert result.exit_code == 0, result.output
    assert len(taken(stack, EXAMPLE_NUMBER)) == 2
    assert stored(stack, EXAMPLE_NUMBER) == []
    assert "✓ they kept their distance" in result.stdout
    assert "✓ cleaned up: 2 erased" in result.stdout
    assert result.stdout.splitlines()[-1] == "The local stack works: 13 steps, two texts."
    assert "555" not in result.stdout


def test_it_runs_again_with_the_same_number(stack: Stack) -> None:
    number = "+12025550112"

    assert [smoked("--to", number)["ok"] for _ in range(2)] == [True, True]

    assert len(taken(stack, number)) == 4


def test_what_another_program_wrote_to_that_number_is_never_erased(stack: Stack) -> None:
    number = "+12025550113"
    first = httpx.post(
        f"{stack.api_url}/sms/send",
        json={"to": number, "message": "Not the smoke test's"},
        headers={"x-api-key": stack.api_key},
        timeout=40,
        trust_env=False,
    ).json()["message_id"]

    found = smoked("--to", number)

    assert found["ok"], found
    assert sorted(stored(stack, number)) == sorted([first, *found["left"]])
    assert len(found["left"]) == 2
    assert "other messages with that number" in found["left_because"]


def text_us(stack: Stack, words: str) -> None:
    """As the provider does where both numbers are on one profile: our own text comes back to us."""
    answer = httpx.post(
        f"{stack.simulator_url}/_provider/inbound",
        json={"from": stack.from_number, "text": words},
        trust_env=False,
    )
    assert answer.status_code < 300, answer.text


def came_back(stack: Stack) -> list[str]:
    answer = httpx.get(
        f"{stack.api_url}/sms/messages",
        params={"from": stack.from_number},
        headers={"x-api-key": stack.api_key},
        timeout=40,
        trust_env=False,
    )
    return [row["text"] for row in answer.json()["messages"]]


def test_what_came_back_to_us_from_ourselves_goes_too_and_nothing_else_does(
    stack: Stack, eventually: Eventually
) -> None:
    text_us(stack, "Smoke test 0123456789ab: sent. No answer is needed.")
    eventually(lambda: came_back(stack))
    assert smoked("--to", "+12025550114")["ok"]
    assert came_back(stack) == []

    text_us(stack, "Not the smoke test's")
    eventually(lambda: came_back(stack))
    assert smoked("--to", "+12025550114")["ok"]
    assert came_back(stack) == ["Not the smoke test's"]


def test_a_text_that_does_not_arrive_is_reported_with_its_reason_and_cleaned_up(stack: Stack) -> None:
    number = "+12025550140"

    found = smoked("--to", number)

    assert failure(found)["name"] == "both arrived, by signed webhook"
    assert "delivery_failed: 40008" in failure(found)["said"]
    assert stored(stack, number) == []


def test_receipts_that_do_not_come_are_a_fault_of_the_webhooks_address_or_key(stack: Stack) -> None:
    number = "+12025550132"

    found = smoked("--to", number, "--patience", "8")

    assert len(taken(stack, number)) == 2
    assert "TelnyxPublicKey" in failure(found)["hint"]
    assert stored(stack, number) == []


def test_a_text_in_doubt_keeps_its_record(stack: Stack) -> None:
    number = "+12025550164"

    found = smoked("--to", number, "--patience", "8")

    assert failure(found)["name"] == "POST /sms/send"
    assert "504 outcome_unknown" in failure(found)["said"]
    assert stored(stack, number) == found["left"]
    assert len(found["left"]) == 1


def test_a_stack_that_is_down_is_one_line(stack: Stack) -> None:
    at = stacks.on_this_machine(HOME)
    steps = Smoke(
        at,
        httpx.Client(base_url="http://127.0.0.1:1", trust_env=False),
        "+12025550119",
        1,
        lambda _: nullcontext(),
    ).run(lambda _: None)

    (step,) = steps
    assert not step.ok
    assert step.said.startswith("The API does not answer")


def test_a_number_that_cannot_be_texted_costs_nothing(stack: Stack) -> None:
    before = len(
        httpx.get(f"{stack.simulator_url}/_provider/messages", trust_env=False, timeout=40).json()["messages"]
    )

    for number in ("12", stack.from_number, "+1202555011x"):
        result = run("smoke", "--dir", str(HOME), "--to", number)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("--to ")

    assert (
        len(httpx.get(f"{stack.simulator_url}/_provider/messages", trust_env=False, timeout=40).json()["messages"])
        == before
    )
