"""`longcode keys`: what it makes in API Gateway and in the table, in which order, and what it never shows."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from longcode.domain.api_keys import GUESTS_MOST, ApiKey, KeyKind, Scope
from longcode.domain.message import iso
from longcode_cli import stack as stacks
from longcode_cli.commands import destroy
from longcode_cli.terminal import now_ms
from tests.longcode_cli.world import API_KEY_ID, NAME, REGION, Ok, World, deploy, formation, hooked

pytestmark = pytest.mark.disable_socket

ONE, TWO = "+12025550123", "+12025550124"
LIVE = ("keys", "create", "--name", "shop", "--scope", "send", "--scope", "read")
LISTED = ("keys", "create", "--name", "demo", "--kind", "guest-list", "--scope", "send", "--to", ONE)


class Account(World):
    """A stack with a usage plan, in an account where another stack has keys as well."""

    plan: str
    # Any: as DescribeStacks returns them.
    outputs: list[Any]

    # Any: a boto3 client.
    @property
    def gateway(self) -> Any:
        return boto3.client("apigateway", region_name=REGION)

    def in_plan(self) -> set[str]:
        return {one["id"] for one in self.gateway.get_usage_plan_keys(usagePlanId=self.plan)["items"]}

    def gateway_keys(self) -> dict[str, str]:
        return {one["id"]: one["name"] for one in self.gateway.get_api_keys()["items"]}

    def item(self, key_id: str) -> ApiKey:
        found = self.stack.api_keys.get(key_id)
        assert found
        return found

    def make(self, *arguments: str) -> tuple[str, str]:
        """Make a key; its id and its value."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        (key_id,) = re.findall(r"id ([a-z0-9]+)\.", result.stderr)
        return key_id, result.stdout.strip()

    def works(self, key_id: str) -> bool:
        """Whether a call with it would be served."""
        found = self.stack.api_keys.get(key_id)
        return key_id in self.in_plan() and found is not None and not found.ended(now_ms())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "LONGCODE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    described: dict[str, dict[str, Any]] = {}
    with mock_aws(), formation(described):
        described[NAME] = deploy()
        gateway = boto3.client("apigateway", region_name=REGION)
        plan = gateway.create_usage_plan(name="plan")["id"]
        described[NAME]["Outputs"].append({"OutputKey": "UsagePlanId", "OutputValue": plan})
        gateway.create_api_key(name=f"{NAME}-prod-shop", description=f"Made by longcode keys for {NAME}-prod.")
        made = Account(stacks.on_aws(NAME, None, REGION).complete())
        made.plan, made.outputs = plan, described[NAME]["Outputs"]
        yield made


# --------------------------------------------------------------------------------------------- making one


def test_a_key_is_in_the_plan_and_in_the_table_and_its_value_on_stdout_alone(account: Account) -> None:
    key_id, value = account.make(*LIVE)

    key = account.gateway.get_api_key(apiKey=key_id, includeValue=True)
    assert (key["value"], key["enabled"], key["name"]) == (value, True, f"{NAME}-shop")
    assert re.fullmatch(r"[A-Za-z0-9]{40}", value)
    assert key_id in account.in_plan()
    made = account.item(key_id)
    assert made == ApiKey(key_id, "shop", KeyKind.LIVE, frozenset({Scope.SEND, Scope.READ}), made.created_ms)
    assert abs(made.created_ms - now_ms()) < 60_000
    result = account.run("keys", "create", "--name", "other", "--scope", "admin")
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.strip() not in result.stderr


def test_a_guest_list_and_a_test_key_are_made(account: Account) -> None:
    demo, _ = account.make(*LISTED, "--to", TWO, "--to", ONE)
    ci, _ = account.make("keys", "create", "--name", "ci", "--kind", "test", "--scope", "send")

    assert account.item(demo).guests == {ONE, TWO}
    assert account.item(ci).kind is KeyKind.TEST


BAD = {
    "a scope that doesn't exist": ("--name", "shop", "--scope", "all"),
    "no scope": ("--name", "shop"),
    "a kind that doesn't exist": ("--name", "shop", "--scope", "send", "--kind", "admin"),
    "no number": ("--name", "shop", "--scope", "send", "--kind", "guest-list", "--to", "12345"),
    "words for a number": ("--name", "shop", "--scope", "send", "--kind", "guest-list", "--to", "mother"),
    "a list for a live key": ("--name", "shop", "--scope", "send", "--to", ONE),
    "a list for a test key": ("--name", "shop", "--scope", "send", "--kind", "test", "--to", ONE),
    "an empty list": ("--name", "shop", "--scope", "send", "--kind", "guest-list"),
    "a name with a blank": ("--name", "my shop", "--scope", "send"),
    "no name": ("--name", "", "--scope", "send"),
    "too many numbers": (
        "--name", "shop", "--scope", "send", "--kind", "guest-list",
        *(word for number in range(GUESTS_MOST + 1) for word in ("--to", f"+1202555{number:04}")),
    ),
}  # fmt: skip


def test_bad_input_is_one_clear_line_and_exit_code_2_and_makes_nothing(account: Account) -> None:
    before = account.gateway_keys()
    for what, arguments in BAD.items():
        result = account.run("keys", "create", *arguments)

        assert result.exit_code == 2, (what, result.output)
        assert result.stdout == ""
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert re.search(r"--(scope|kind|to|name)", line), (what, line)
    for arguments in (
        ("allow", "abc", "mother"),
        ("disallow", "abc", "0"),
        ("rotate", "abc", "--overlap", "soon"),
    ):
        assert account.run("keys", *arguments).exit_code == 2
    assert account.gateway_keys() == before


def test_a_name_is_given_once(account: Account) -> None:
    key_id, _ = account.make(*LIVE)

    result = account.run(*LIVE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"longcode keys rotate {key_id}" in " ".join(result.stderr.split())
    assert len(account.in_plan()) == 1


# ------------------------------------------------------------------------------- what is stopped half way

STEPS = {
    "api-gateway.CreateApiKey": "the first",
    "dynamodb.PutItem": "the table",
    "dynamodb.UpdateItem": "the end of the old one",
    "api-gateway.CreateUsagePlanKey": "the plan",
}


class Killed(BaseException):
    """The process is gone: nothing after it happens."""


def killed_at(operation: str, before: bool) -> Any:
    """From here on no call of `operation` ends, and none comes after it."""
    gone: list[bool] = []

    def stop(**_: Any) -> None:
        gone.append(True)
        raise Killed

    def refuse(**_: Any) -> None:
        if gone:
            raise Killed

    moment = "before-call" if before else "after-call"
    hooks: list[tuple[str, Callable[..., object]]] = [(f"{moment}.{operation}", stop)]
    return hooked(("before-call", refuse), *hooks)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("operation", [step for step in STEPS if step != "dynamodb.UpdateItem"])
def test_a_command_that_is_killed_leaves_nothing_that_works_and_the_next_one_cleans_up(
    account: Account, operation: str, before: bool
) -> None:
    with killed_at(operation, before), pytest.raises(Killed):
        account.run(*LIVE)
    last = operation == "api-gateway.CreateUsagePlanKey" and not before
    # Once the plan has it, it works, but no one has its value.
    assert [key for key in account.gateway_keys() if account.works(key)] == list(account.in_plan())[: int(last)]
    left = {name for name in account.gateway_keys().values() if name == f"{NAME}-shop"}
    listed = account.says("keys", "list")
    assert ("shop" in listed) == bool(left)
    if last:
        return

    key_id, _ = account.make(*LIVE)

    assert [each for each, name in account.gateway_keys().items() if name == f"{NAME}-shop"] == [key_id]
    assert account.works(key_id)


@pytest.mark.parametrize("operation", ["dynamodb.PutItem", "api-gateway.CreateUsagePlanKey"])
def test_a_key_that_could_not_be_made_is_gone(account: Account, operation: str) -> None:
    before = account.gateway_keys()

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "X")

    with hooked((f"before-call.{operation}", refuse)):
        result = account.run(*LIVE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert account.gateway_keys() == before
    assert account.in_plan() == set()


def test_a_rotation_that_could_not_be_made_leaves_the_old_key_as_it_was(account: Account) -> None:
    key_id, _ = account.make(*LIVE)
    before, keys = account.item(key_id), account.gateway_keys()

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "X")

    with hooked(("before-call.api-gateway.CreateUsagePlanKey", refuse)):
        assert account.run("keys", "rotate", key_id).exit_code == 1

    assert account.item(key_id) == before
    assert account.gateway_keys() == keys


def test_a_rotation_that_was_killed_is_done_again(account: Account) -> None:
    for place, (operation, before) in enumerate((each, early) for each in STEPS for early in (True, False)):
        if (operation, before) == ("api-gateway.CreateUsagePlanKey", False):
            continue
        old, _ = account.make("keys", "create", "--name", f"shop{place}", "--scope", "send")
        with killed_at(operation, before), pytest.raises(Killed):
            account.run("keys", "rotate", old)
        assert account.works(old)

        new, _ = account.make("keys", "rotate", old)

        named = [key for key, name in account.gateway_keys().items() if name == f"{NAME}-shop{place}"]
        assert set(named) == {old, new}, (operation, before)
        assert account.item(old).expires_ms
        assert account.item(new).expires_ms is None


# ------------------------------------------------------------------------------- rotation and revocation


def test_a_rotated_key_has_the_same_rights_and_owner_and_the_old_one_ends_later(account: Account) -> None:
    first, old_value = account.make(*LISTED)

    second, value = account.make("keys", "rotate", first, "--overlap", "7d")
    third, _ = account.make("keys", "rotate", second)

    assert value != old_value
    rights = account.item(first)
    for key_id in (second, third):
        made = account.item(key_id)
        assert (made.kind, made.scopes, made.guests, made.name) == (
            rights.kind, rights.scopes, rights.guests, rights.name,
        )  # fmt: skip
        assert made.owner == first
    assert abs((rights.expires_ms or 0) - now_ms() - 7 * 86_400_000) < 60_000
    assert abs((account.item(second).expires_ms or 0) - now_ms() - 86_400_000) < 60_000
    assert account.item(third).expires_ms is None
    assert all(account.works(key) for key in (first, second, third))


def test_a_key_is_rotated_once(account: Account) -> None:
    first, _ = account.make(*LIVE)
    second, _ = account.make("keys", "rotate", first)

    result = account.run("keys", "rotate", first)

    assert result.exit_code == 1
    assert second in result.stderr
    assert len(account.in_plan()) == 2


def test_without_an_overlap_the_old_key_has_ended_and_is_deleted_by_the_next_list(account: Account) -> None:
    first, _ = account.make(*LIVE)
    second, _ = account.make("keys", "rotate", first, "--overlap", "0")
    assert not account.works(first)

    listed = account.says("keys", "list")

    assert first not in listed
    assert second in listed
    assert first not in account.gateway_keys()


def test_a_revoked_key_has_no_rights_before_the_gateway_forgets_it(account: Account) -> None:
    key_id, _ = account.make(*LIVE)
    with killed_at("api-gateway.DeleteUsagePlanKey", before=True), pytest.raises(Killed):
        account.run("keys", "revoke", key_id, "--yes")
    assert key_id in account.in_plan()
    assert not account.works(key_id)

    result = account.run("keys", "revoke", key_id, "--yes")

    assert result.exit_code == 0
    assert key_id not in account.gateway_keys()
    assert account.item(key_id).ended(now_ms())


def test_revoke_asks(account: Account) -> None:
    key_id, _ = account.make(*LIVE)

    assert account.run("keys", "revoke", key_id).exit_code == 1

    assert account.works(key_id)


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_the_stacks_own_key_and_another_stacks_are_not_touched(account: Account, command: str) -> None:
    (other,) = account.gateway_keys()
    more = ("--yes",) if command == "revoke" else ()
    for key_id, words in ((API_KEY_ID, "CloudFormation"), (other, "no API key"), ("nothing", "no API key")):
        result = account.run("keys", command, key_id, *more)
        assert result.exit_code == 1
        assert words in result.stderr
    assert list(account.gateway_keys()) == [other]


# ------------------------------------------------------------------------------- guest lists


def test_numbers_are_allowed_and_disallowed_on_all_keys_of_a_rotation(account: Account) -> None:
    first, _ = account.make(*LISTED)
    second, _ = account.make("keys", "rotate", first)

    assert "+1…24" in account.says("keys", "allow", second, TWO)
    assert account.item(first).guests == account.item(second).guests == {ONE, TWO}
    account.says("keys", "disallow", first, ONE)

    assert account.item(first).guests == account.item(second).guests == {TWO}


def test_a_live_key_has_no_list_and_a_full_one_takes_no_more(account: Account) -> None:
    live, _ = account.make(*LIVE)
    assert "no guest list" in account.run("keys", "allow", live, ONE).stderr
    demo, _ = account.make(*LISTED)
    for number in range(GUESTS_MOST - 1):
        assert account.stack.api_keys.allow(demo, f"+1202555{1000 + number}")

    result = account.run("keys", "allow", demo, "+12025550999")

    assert result.exit_code == 1
    assert "full" in result.stderr


# ------------------------------------------------------------------------------- the list


def test_the_list_shows_each_key_and_never_a_value(account: Account) -> None:
    shop, value = account.make(*LIVE)
    demo, other = account.make(*LISTED)
    by_hand = account.gateway.create_api_key(name="by hand", value="a-value-that-someone-gave")["id"]
    account.gateway.create_usage_plan_key(usagePlanId=account.plan, keyId=by_hand, keyType="API_KEY")

    result = account.run("keys", "list")
    fields = {row["id"]: row for row in account.json("keys", "list")["keys"]}

    for secret in (value, other, "a-value-that-someone-gave", ONE):
        assert secret not in result.output + json.dumps(fields)
    words = " ".join(result.stdout.split())
    for shown in (shop, demo, by_hand, API_KEY_ID, "guest-list", "shop", "demo"):
        assert shown in words
    assert f"{by_hand} was made elsewhere" in " ".join(result.stderr.split())
    assert fields[API_KEY_ID]["own"]
    assert (fields[shop]["scopes"], fields[shop]["works"]) == (["read", "send"], True)
    assert (fields[demo]["guests"], fields[demo]["kind"]) == (["+1…23"], "guest-list")
    assert (fields[by_hand]["works"], fields[by_hand]["kind"]) == (False, None)
    assert ONE in account.says("keys", "list", "--full")


def test_the_list_knows_when_a_key_was_used_where_the_gateway_says_so(account: Account) -> None:
    key_id, _ = account.make(*LIVE)

    def usage(**_: Any) -> Any:
        return Ok(), {"items": {key_id: [[0, 0]] * 28 + [[5, 0], [0, 0]], "unused": [[0, 0]] * 30}}

    with hooked(("before-call.api-gateway.GetUsage", usage)):
        (row,) = [row for row in account.json("keys", "list")["keys"] if row["id"] == key_id]

    assert row["last_used"] == iso(now_ms() - 86_400_000)[:10]


def test_a_stack_of_an_earlier_version_is_named(account: Account) -> None:
    account.outputs[:] = [row for row in account.outputs if row["OutputKey"] != "UsagePlanId"]

    result = account.run("keys", "list")

    assert result.exit_code == 1
    assert "UsagePlanId" in result.stderr
    assert destroy.delete_keys(stacks.on_aws(NAME, None, REGION)) == 0


# ------------------------------------------------------------------------------- the end of the stack


def test_destroy_takes_all_keys_but_the_stacks_own_from_the_plan_and_deletes_those_that_were_made(
    account: Account,
) -> None:
    account.make(*LIVE)
    by_hand = account.gateway.create_api_key(name="by hand")["id"]
    account.gateway.create_usage_plan_key(usagePlanId=account.plan, keyId=by_hand, keyType="API_KEY")
    (others,) = [key for key, name in account.gateway_keys().items() if name == f"{NAME}-prod-shop"]

    assert destroy.delete_keys(account.stack) == 2

    assert account.in_plan() == set()
    assert set(account.gateway_keys()) == {by_hand, others}
    assert destroy.delete_keys(stacks.on_aws(NAME, None, REGION)) == 0
