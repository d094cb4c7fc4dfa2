"""What may do what, and what the three security options change: over what SAM makes of the template."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devtools.local_stack import sam_template
from devtools.local_stack.build import SAM
from tests.support.fakes import ROOT
from tests.template import nested

KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000"
EVERY_OPTION = {
    "KmsKeyArn": KEY,
    "WafRequestsPerFiveMinutes": "1000",
    "WebhookSourceRange": "192.76.120.192/27",
    "DomainName": "sms.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000",
    "StoreMedia": "on",
}
OPTIONS = pytest.mark.parametrize("options", [{}, EVERY_OPTION], ids=["defaults", "every option"])
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
PARAMETERS = sam_template.load(ROOT / "template.yaml")["Parameters"]

# SAM gives these to the role of every function that it makes one for. Both name "*" as their resource, and what
# that means is in SECURITY.md.
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": "writing its log",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess": "writing its traces: X-Ray's actions know no resources",
}


# All that is in the media bucket: an object is named by its message.
FILES = {"Fn::Sub": "${MediaBucket.Arn}/media/*"}
NO_LOG_GROUP = {"Effect": "Deny", "Action": "logs:CreateLogGroup", "Resource": "*"}
# No function says what an API key may do.
NO_KEYS = {
    "Effect": "Deny",
    "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
    "Resource": {"Fn::GetAtt": ["MessagesTable", "Arn"]},
    "Condition": {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": "K#*"}},
}


# Any: a template is JSON.
@cache
def transformed() -> dict[str, Any]:
    """The template of CloudFormation."""
    (made,) = transformed_all(ROOT / "template.yaml")
    return made


def transformed_all(*templates: Path) -> list[dict[str, Any]]:
    """What SAM makes of each template, in one start of it."""
    python = SAM.parent / "python"
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("transformed.py")), *map(str, templates)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)
    return made


def deployed(kind: str = "", **options: str) -> dict[str, dict[str, Any]]:
    """Logical id → properties of each resource of a kind, or of all, that there is with these options."""
    return {
        name: resource.get("Properties", {})
        for name, resource in sam_template.resolved(transformed(), **options).items()
        if kind in ("", resource["Type"])
    }


def expected_functions(options: Mapping[str, str]) -> int:
    """How many functions there are with these options."""
    return len(FUNCTIONS) - (options.get("StoreMedia") != "on")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(**options: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id of the role, statement) for everything that a role may do by the template's own policies."""
    for name, role in deployed("AWS::IAM::Role", **options).items():
        for policy in role.get("Policies", []):
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield name, statement
    for policy in deployed("AWS::IAM::Policy", **options).values():
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            for role in policy["Roles"]:
                yield role["Ref"], statement


def roles_that_may(action: str, **options: str) -> set[str]:
    return {role for role, statement in statements(**options) if action in listed(statement["Action"])}


@OPTIONS
def test_a_role_may_do_named_actions_on_named_resources_only(options: dict[str, str]) -> None:
    found = list(statements(**options))

    assert {role for role, _ in found} >= {f"{name.title()}FunctionRole" for name in ("send", "queue", "webhook")}
    for role, statement in found:
        if statement in (NO_LOG_GROUP, NO_KEYS):
            continue
        assert statement["Effect"] == "Allow", role
        assert not {"NotAction", "NotResource"} & statement.keys(), role
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), (role, action)
        if statement["Resource"] == FILES:
            assert {action.split(":")[0] for action in listed(statement["Action"])} == {"s3"}, role
            continue
        assert "*" not in json.dumps(statement["Resource"]), (role, statement)


@OPTIONS
def test_no_function_makes_a_log_group_anew_or_says_what_a_key_may_do(options: dict[str, str]) -> None:
    roles = deployed("AWS::IAM::Role", **options)
    # In the role itself, which is there for as long as its function is.
    for name, role in roles.items():
        inline = [one for policy in role["Policies"] for one in listed(policy["PolicyDocument"]["Statement"])]
        assert NO_LOG_GROUP in inline, name
        assert NO_KEYS in inline, name
    assert len(roles) == expected_functions(options)


@OPTIONS
def test_a_policy_is_of_the_version_whose_variables_and_conditions_are_those_of_today(
    options: dict[str, str],
) -> None:
    # Without one it is that of 2008.
    roles = deployed("AWS::IAM::Role", **options).values()
    policies = [policy["PolicyDocument"] for role in roles for policy in role["Policies"]]
    assert len(policies) > expected_functions(options)
    for policy in [*policies, *(role["AssumeRolePolicyDocument"] for role in roles)]:
        assert policy["Version"] == "2012-10-17"


# What has one name in an account, whatever the region. A bucket's is the world's.
GLOBAL_NAMES = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::CloudFront::Function": "Name",
    "AWS::Route53::RecordSet": "Name",
    "AWS::ApiGateway::DomainName": "DomainName",
}
# The rest of what there is has names of its region, or none. Another kind has to be looked up: in which is it?
REGIONAL = {
    "AWS::ApiGateway::ApiKey", "AWS::ApiGateway::BasePathMapping",
    "AWS::ApiGateway::Deployment", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey", "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::Events::Rule",
    "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission", "AWS::Lambda::Version",
    "AWS::Logs::LogGroup", "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition", "AWS::S3::BucketPolicy", "AWS::SNS::Topic", "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation", "AWS::XRay::SamplingRule",
}  # fmt: skip


def test_the_same_stack_can_be_deployed_in_another_region_beside_this_one() -> None:
    resources = [*sam_template.resolved(transformed(), **EVERY_OPTION).values(), *nested.every()]
    assert {resource["Type"] for resource in resources} - REGIONAL - GLOBAL_NAMES.keys() == set()
    named = [
        resource["Properties"][GLOBAL_NAMES[resource["Type"]]]
        for resource in resources
        if GLOBAL_NAMES.get(resource["Type"]) in resource.get("Properties", {})
        # The user's own.
        and resource["Properties"][GLOBAL_NAMES[resource["Type"]]] != "${DomainName}"
    ]
    assert set(named) == {"${AWS::StackName}-${AWS::Region}", "${AWS::StackName}-${AWS::Region}-basic"}


@OPTIONS
def test_no_role_has_a_managed_policy_but_those_that_are_named_here_with_a_reason(options: dict[str, str]) -> None:
    roles = deployed("AWS::IAM::Role", **options)

    assert len(roles) == expected_functions(options)
    for name, role in roles.items():
        assert set(role["ManagedPolicyArns"]) == set(MANAGED), name
    assert deployed("AWS::IAM::ManagedPolicy", **options) == {}


@OPTIONS
def test_only_lambda_may_take_on_a_role(options: dict[str, str]) -> None:
    for name, role in deployed("AWS::IAM::Role", **options).items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": ["lambda.amazonaws.com"]}, name


# ------------------------------------------------------------------------------------- a key of one's own


def test_without_a_key_of_ones_own_nothing_names_one() -> None:
    assert "kms" not in json.dumps(deployed()).lower()
    assert [queue["SqsManagedSseEnabled"] for queue in deployed("AWS::SQS::Queue").values()] == [True] * 5
    for table in deployed("AWS::DynamoDB::Table").values():
        # True would be a key that AWS manages, whose every use is billed.
        assert table["SSESpecification"] == {"SSEEnabled": False}


def test_a_key_of_ones_own_is_that_of_everything_that_keeps_something() -> None:
    key = {"Ref": "KmsKeyArn"}
    encrypted = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    # Any: properties of each type have types of their own.
    expected: dict[str, dict[str, Any]] = {
        "AWS::DynamoDB::Table": {"SSESpecification": encrypted},
        "AWS::SQS::Queue": {"SqsManagedSseEnabled": False, "KmsMasterKeyId": key},
        "AWS::SecretsManager::Secret": {"KmsKeyId": key},
        "AWS::Logs::LogGroup": {"KmsKeyId": key},
        "AWS::Lambda::Function": {"KmsKeyArn": key},
        "AWS::S3::Bucket": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
                    }
                ]
            }
        },
    }
    for kind, wanted in expected.items():
        found = deployed(kind, KmsKeyArn=KEY, StoreMedia="on")
        assert found, kind
        for name, properties in found.items():
            assert {part: properties.get(part) for part in wanted} == wanted, name


def test_what_a_role_may_do_is_in_the_role_so_that_nothing_calls_its_function_before_it_may() -> None:
    # A mapping waits for its function and that for its role, but for no policy beside it.
    assert deployed("AWS::IAM::Policy", **EVERY_OPTION) == {}
    assert roles_that_may("kms:Decrypt", **EVERY_OPTION) == set(deployed("AWS::IAM::Role", **EVERY_OPTION))


def test_with_a_key_of_ones_own_each_role_may_do_with_it_what_it_needs_and_no_more() -> None:
    # Every function is there, also that of StoreMedia.
    options = {"StoreMedia": "on"}
    with_key = [
        (role, action)
        for role, statement in statements(KmsKeyArn=KEY, **options)
        if statement["Resource"] == {"Ref": "KmsKeyArn"}
        for action in listed(statement["Action"])
    ]

    roles = set(deployed("AWS::IAM::Role", **options))
    puts = roles_that_may("sqs:SendMessage", **options) | roles_that_may("s3:PutObject", **options)
    assert len(puts) > 1
    assert sorted(with_key) == sorted(
        [(role, "kms:Decrypt") for role in roles] + [(role, "kms:GenerateDataKey") for role in puts]
    )
    assert list(statements(**options)) == [
        (role, statement)
        for role, statement in statements(KmsKeyArn=KEY, **options)
        if statement["Resource"] != {"Ref": "KmsKeyArn"}
    ]


# --------------------------------------------------------------------------------------------- a firewall


def test_there_is_no_firewall_unless_a_number_is_set() -> None:
    assert "Firewall" not in deployed()
    assert "Firewall" in deployed(WafRequestsPerFiveMinutes="1000")


def test_the_firewall_stands_before_the_stage_and_refuses_by_address_in_the_shape_of_the_api() -> None:
    (acl,) = nested.of_type("Firewall", "AWS::WAFv2::WebACL").values()
    (rule,) = acl["Rules"]
    (association,) = nested.of_type("Firewall", "AWS::WAFv2::WebACLAssociation").values()

    assert (acl["Scope"], acl["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": "${WafRequestsPerFiveMinutes}",
    }
    answer = rule["Action"]["Block"]["CustomResponse"]
    body = json.loads(acl["CustomResponseBodies"][answer["CustomResponseBodyKey"]]["Content"])
    assert (answer["ResponseCode"], body["code"], set(body)) == (429, "throttled", {"error", "code"})
    for counted in (acl, rule):
        assert counted["VisibilityConfig"]["CloudWatchMetricsEnabled"] is True
    assert association["ResourceArn"].endswith("::/restapis/${Api}/stages/${Apiv1Stage}")
    assert association["WebACLArn"] == "arn:WebAcl"


# ----------------------------------------------------------------------------------- what a parameter may be


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("KmsKeyArn", ["", KEY], ["alias/mine", KEY.replace("key/", "alias/"), KEY.split("/")[1], KEY + " "]),
        # AWS WAF takes no number below 10.
        ("WafRequestsPerFiveMinutes", ["0", "10", "2000"], ["9", "-1", "", "010", "1e4"]),
        (
            "WebhookSourceRange",
            ["", "192.76.120.192/27", "192.76.120.192/27,2001:db8::/32", "198.51.100.7"],
            ["the provider", "192.76.120.192/27 198.51.100.7", "192.76.120.192/", ",192.76.120.192/27"],
        ),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_deployed(name: str, good: list[str], bad: list[str]) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    assert [value for value in good if not re.fullmatch(pattern, value)] == []
    assert [value for value in bad if re.fullmatch(pattern, value)] == []
    assert PARAMETERS[name]["Default"] in ("", "0")


# --------------------------------------------------------------------------------------------------- traces


def test_what_a_request_goes_through_is_traced_where_it_is_asked_for() -> None:
    functions = deployed("AWS::Lambda::Function", TraceSampling="0.05", StoreMedia="on")
    assert len(functions) == len(FUNCTIONS)
    # What no request leads to would be traced by a rate that Lambda has fixed.
    others = {"ReconcilerFunction", "PublisherFunction", "DelivererFunction", "MediaFunction"}
    modes = {name: made["TracingConfig"]["Mode"] for name, made in functions.items()}
    assert {name for name, mode in modes.items() if mode == "Active"} == set(functions) - others
    (stage,) = deployed("AWS::ApiGateway::Stage", TraceSampling="0.05").values()
    assert stage["TracingEnabled"] is True
    (rule,) = nested.of_type("Operations", "AWS::XRay::SamplingRule").values()
    assert (rule["SamplingRule"]["FixedRate"], rule["SamplingRule"]["ReservoirSize"]) == ("0.05", 0)
    assert rule["SamplingRule"]["ServiceName"] == f"{nested.PSEUDO['AWS::StackName']}/${{Apiv1Stage}}"


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    (stage,) = deployed("AWS::ApiGateway::Stage").values()
    assert stage["TracingEnabled"] is False
    modes = {made["TracingConfig"]["Mode"] for made in deployed("AWS::Lambda::Function").values()}
    assert modes == {"PassThrough"}


def test_lambda_itself_writes_of_an_invocation_that_went_well_with_full_alone() -> None:
    for monitoring, level in (("basic", "WARN"), ("full", "INFO")):
        for name, made in deployed("AWS::Lambda::Function", Monitoring=monitoring).items():
            assert (made["LoggingConfig"]["LogFormat"], made["LoggingConfig"]["SystemLogLevel"]) == (
                "JSON",
                level,
            ), name


def test_no_layer_ships_the_sdk_of_x_ray() -> None:
    assert (ROOT / "layers/dependencies/requirements.txt").resolve() == ROOT / "locks/runtime.txt"
    shipped = re.findall(r"^([a-z0-9-]+)==", (ROOT / "locks/runtime.txt").read_text(), re.MULTILINE)
    assert "botocore" in shipped
    assert [name for name in shipped if "xray" in name or "opentelemetry" in name] == []
