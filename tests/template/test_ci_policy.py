"""The policy of docs/deploy.md for the role that deploys, against what there is to deploy."""

import json
import re

from devtools.local_stack import sam_template
from tests.support.fakes import ROOT
from tests.template import nested
from tests.template.test_template_security import EVERY_OPTION, listed, transformed

PAGE = (ROOT / "docs/deploy.md").read_text()
# Another kind of resource has another prefix: that of its service's actions.
PREFIX = {
    "ApiGateway": "apigateway", "CloudFormation": "cloudformation", "CloudWatch": "cloudwatch",
    "DynamoDB": "dynamodb",
    "Events": "events", "IAM": "iam", "Lambda": "lambda", "Logs": "logs", "S3": "s3", "SNS": "sns", "SQS": "sqs",
    "Route53": "route53", "SecretsManager": "secretsmanager", "WAFv2": "wafv2", "XRay": "xray",
}  # fmt: skip


def allowed() -> dict[str, set[str]]:
    """Action -> the resources that it is allowed on."""
    (policy,) = (
        json.loads(block)
        for block in re.findall(r"```json\n(\{\"Version\".*?)```", PAGE, re.DOTALL)
        if "cloudformation:*" in block
    )
    found: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        for action in listed(statement["Action"]):
            found.setdefault(action, set()).update(listed(statement["Resource"]))
    return found


def test_the_role_that_deploys_may_deploy_every_kind_of_resource_with_every_option() -> None:
    resources = [*sam_template.resolved(transformed(), **EVERY_OPTION).values(), *nested.every()]
    services = {PREFIX[resource["Type"].split("::")[1]] for resource in resources}
    # What is encrypted with a key of one's own needs that key.
    wanted = services | {"kms"}
    assert wanted == {action.split(":")[0] for action in allowed()}


def test_the_first_traces_in_an_account_may_make_the_role_that_they_need() -> None:
    (role,) = allowed()["iam:CreateServiceLinkedRole"]
    assert role.endswith("/ops.apigateway.amazonaws.com/*")


def test_a_role_is_made_and_handed_on_under_the_stacks_name_only() -> None:
    for action, resources in allowed().items():
        if action.startswith("iam:") and action != "iam:CreateServiceLinkedRole":
            assert resources == {"arn:aws:iam::<account>:role/long-code-sms-prod-*"}, action


def test_what_is_asked_of_the_account_before_a_deployment_is_allowed() -> None:
    assert allowed()["lambda:GetAccountSettings"] == {"*"}
