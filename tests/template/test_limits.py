"""Limits of AWS that the emulator does not have: names, sizes and concurrency."""

import json
import re

import pytest

from tests.support.fakes import ROOT
from tests.template.test_template_security import EVERY_OPTION, PARAMETERS, deployed

# The longest that each of these may be, with what makes up its name.
LONGEST = {"AWS::Lambda::Function": ("FunctionName", 64), "AWS::Events::EventBus": ("Name", 256)}


def longest_stack_name() -> int:
    """Of how many characters a stack's name may be, so that every name that is made of it can be."""
    suffixes = [
        (limit, len(made[key]["Fn::Sub"].replace("${AWS::StackName}", "")) if "Fn::Sub" in made[key] else 0)
        for kind, (key, limit) in LONGEST.items()
        for made in deployed(kind).values()
    ]
    assert len(suffixes) > 10
    return min(limit - length for limit, length in suffixes)


def test_the_page_says_how_long_a_stacks_name_may_be() -> None:
    (said,) = re.findall(r"at most (\d+) characters", (ROOT / "docs/deploy.md").read_text())
    assert int(said) == longest_stack_name()


def longest(parameter: str) -> int:
    """How many characters a parameter may have."""
    declared = PARAMETERS[parameter]
    if declared["Type"] == "Number":
        return len(str(declared["MaxValue"]))
    if "AllowedValues" in declared:
        return max(len(str(value)) for value in declared["AllowedValues"])
    return int(declared["MaxLength"])


def test_an_environment_at_its_longest_is_one_that_lambda_takes() -> None:
    # Names and values together have 4 KB.
    for name, function in deployed("AWS::Lambda::Function", **EVERY_OPTION).items():
        size = 0
        for variable, value in function["Environment"]["Variables"].items():
            source = value["Ref"]
            # The id of a key. Else the name of a table or a bus, a queue's URL, the secret's ARN.
            of_resource = 10 if source == "ApiKey" else 150
            size += len(variable) + (longest(source) if source in PARAMETERS else of_resource)
        assert 1000 < size < 4096, name


def test_the_queue_may_use_as_much_of_the_account_as_is_set_and_webhooks_reserve_nothing_by_default() -> None:
    scaled = {
        made["EventSourceArn"]["Fn::GetAtt"][0]: made["ScalingConfig"]
        for made in deployed("AWS::Lambda::EventSourceMapping").values()
        if "ScalingConfig" in made
    }
    assert scaled == {
        "SendQueue": {"MaximumConcurrency": {"Ref": "ConsumerConcurrency"}},
        "BulkQueue": {"MaximumConcurrency": {"Ref": "BulkConcurrency"}},
    }
    assert PARAMETERS["ConsumerConcurrency"]["MinValue"] == PARAMETERS["BulkConcurrency"]["MinValue"] == 2
    assert "ReservedConcurrentExecutions" not in json.dumps(deployed())
    reserved = {
        name: made["ReservedConcurrentExecutions"]
        for name, made in deployed("AWS::Lambda::Function", WebhookConcurrency="20").items()
        if "ReservedConcurrentExecutions" in made
    }
    assert reserved == {"WebhookFunction": {"Ref": "WebhookConcurrency"}}


@pytest.mark.parametrize("name", ["ConsumerConcurrency", "BulkConcurrency", "WebhookConcurrency"])
def test_no_concurrency_is_above_what_a_mapping_or_a_new_account_can_have(name: str) -> None:
    assert PARAMETERS[name]["MaxValue"] == 1000
