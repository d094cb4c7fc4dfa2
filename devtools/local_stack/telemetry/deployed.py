"""Reads the dashboard, the alarms and the queries of a stack, as its templates say them."""

from collections.abc import Mapping

from devtools.local_stack import sam_template
from devtools.local_stack.layout import ROOT, Stack

from . import evidence, operations

TEMPLATE = ROOT / "template.yaml"
OPERATIONS = ROOT / "operations" / "template.yaml"
NESTED = "Operations"
STAGE = "v1"


def pseudo(stack_name: str, region: str) -> dict[str, str]:
    """CloudFormation's own parameters. The account is the emulator's."""
    return {
        "AWS::StackName": stack_name,
        "AWS::Region": region,
        "AWS::AccountId": "000000000000",
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }


def read_operations(
    names: Mapping[str, str], parameters: Mapping[str, str], stack_name: str, region: str
) -> operations.Operations:
    """The dashboard and alarms of a stack whose resources have these names, by their logical ids."""

    def attribute(logical_id: str, name: str | None) -> str:
        physical = names.get(logical_id, f"{stack_name}-{logical_id}")
        return physical.rsplit("/", 1)[-1] if name in ("QueueName", "TopicName") else physical

    template = sam_template.load(TEMPLATE)
    defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    values = {**pseudo(stack_name, region), **defaults, **parameters}
    resolver = sam_template.Resolver(values, attribute, template.get("Conditions", {}))
    given = operations.parameters_of(template, NESTED, resolver)
    return operations.read(OPERATIONS, given, pseudo(f"{stack_name}-{NESTED}", region))


def of_stack(stack: Stack) -> operations.Operations:
    """The dashboard and alarms of a local stack."""
    pages = evidence.client(stack, "cloudformation").get_paginator("list_stack_resources")
    names = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=stack.stack_name)
        for resource in page["StackResourceSummaries"]
        if "PhysicalResourceId" in resource
    }
    return read_operations(names, stack.parameters, stack.stack_name, stack.region)
