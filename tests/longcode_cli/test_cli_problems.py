"""What goes wrong is one line that says what to do; usage errors are exit code 2."""

from pathlib import Path

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from longcode.domain.errors import Unavailable
from longcode_cli import problems
from tests.longcode_cli.world import REGION, World, run

pytestmark = pytest.mark.disable_socket


def _line(*arguments: str, env: dict[str, str] | None = None) -> str:
    result = run(*arguments, env=env)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("code", "words", "advice"),
    [
        ("ExpiredToken", "credentials have expired", "Sign in again"),
        ("UnrecognizedClientException", "does not know these credentials", "Sign in again"),
        ("AccessDeniedException", "does not allow you GetItem", "Your role needs it"),
        ("ThrottlingException", "throttles GetItem", "again in a minute"),
        ("ResourceNotFoundException", "is not there: in detail", "make up"),
        ("Novelty", "refused GetItem: in detail", "Novelty"),
    ],
)
def test_a_refusal_of_aws_says_what_to_do(code: str, words: str, advice: str) -> None:
    refused = ClientError({"Error": {"Code": code, "Message": "in detail"}}, "GetItem")
    wrapped = Unavailable("The messages table")
    wrapped.__cause__ = refused
    problem = problems.of(wrapped)
    assert problem
    assert words in str(problem)
    assert advice in problem.hint


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (boto.NoCredentialsError(), "no AWS credentials"),
        (boto.UnauthorizedSSOTokenError(), "sign-in has ended"),
        (boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), "local stack does not answer"),
        (boto.EndpointConnectionError(endpoint_url="https://sqs.nowhere.example/"), "AWS does not answer"),
    ],
)
def test_no_way_to_aws_says_which_part_is_missing(exc: BotoCoreError, words: str) -> None:
    problem = problems.of(exc)
    assert problem
    assert words in str(problem)


def test_a_fault_of_our_own_is_not_dressed_up_as_one_of_aws() -> None:
    assert problems.of(ZeroDivisionError()) is None


def test_no_local_stack_says_how_to_start_one(tmp_path: Path) -> None:
    assert f"make up DIR={tmp_path} starts it" in _line("queue", "--dir", str(tmp_path))


def test_a_stack_that_does_not_exist_is_named(aws: None) -> None:
    line = _line("queue", "--stack", "nothing", "--region", REGION)
    assert line.startswith(f"There is no stack nothing in {REGION}.")


def test_a_stack_of_another_service_is_distinguished_from_ours(aws: None) -> None:
    line = _line("queue", "--stack", "other", "--region", REGION)
    assert "says nothing of MessagesTableName" in line


def test_a_profile_that_does_not_exist_is_named(aws: None) -> None:
    line = _line("queue", "--stack", "x", "--region", REGION, "--profile", "absent")
    assert "(absent)" in line
    assert "list-profiles" in line


@pytest.mark.parametrize("said", [{}, {"AWS_REGION": ""}])
def test_a_missing_region_is_named(aws: None, said: dict[str, str]) -> None:
    assert "Set AWS_REGION" in _line("queue", "--stack", "x", env=said)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_stack_and_region_may_come_from_the_environment(world: World, name: str) -> None:
    env = {"LONGCODE_STACK": "long-code-test", name: REGION}
    assert run("queue", "--json", env=env).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "--dir", ".local", "--stack", "x"],
        ["queue", "--profile", "x"],
        ["queue", "--region", "x"],
        ["queue", "--limit", "0"],
        ["status"],
        ["nonsense"],
    ],
)
def test_a_usage_error_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
