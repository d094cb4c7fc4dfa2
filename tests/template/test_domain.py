"""A domain name of one's own, which no emulator can show: what the template makes of the three parameters."""

import re
from typing import Any

from devtools.local_stack import sam_template
from longcode.entrypoints.config import Settings
from tests.support.fakes import ROOT
from tests.template.test_template_security import PARAMETERS, deployed
from tests.unit.test_config import GOOD

NAME, ZONE = "sms.example.com", "Z0123456789ABCDEFGHIJ"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000"
PSEUDO = {"AWS::Region": "us-east-1"}
TEMPLATE = sam_template.load(ROOT / "template.yaml")


def webhook_url(**environment: str) -> str:
    """Where the provider is asked to call, by the variables of a function that accepts texts."""
    return Settings.from_env(GOOD | environment).webhook_url


# Any: a template is JSON.
def domain(**parameters: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    given = {
        "ApiId": "api",
        "Stage": "v1",
        "DomainName": NAME,
        "CertificateArn": CERTIFICATE,
        "HostedZoneId": ZONE,
    }
    return sam_template.stack(ROOT / "operations/domain.yaml", given | parameters, PSEUDO)


def test_without_a_name_there_is_no_domain() -> None:
    assert "Domain" not in deployed()
    assert webhook_url(DOMAIN_NAME="") == ""


def test_with_a_name_the_stack_gets_its_domain_and_webhooks_come_there() -> None:
    options = {"DomainName": NAME, "CertificateArn": CERTIFICATE, "HostedZoneId": ZONE}
    given = deployed("AWS::CloudFormation::Stack", **options)["Domain"]["Parameters"]
    assert given.keys() == {"ApiId", "Stage", "DomainName", "CertificateArn", "HostedZoneId"}
    assert given["ApiId"] == {"Ref": "Api"}
    for name in ("SendFunction", "QueueFunction"):
        variables = deployed("AWS::Lambda::Function", **options)[name]["Environment"]["Variables"]
        assert variables["DOMAIN_NAME"] == {"Ref": "DomainName"}
    assert webhook_url(DOMAIN_NAME=NAME) == f"https://{NAME}/webhooks/message"


def test_an_address_for_webhooks_that_is_given_goes_before_that_of_the_domain() -> None:
    url = "https://hooks.example.com/sms"
    assert webhook_url(DOMAIN_NAME=NAME, WEBHOOK_URL=url) == url


def test_the_domain_leads_to_the_stage_over_tls_and_its_record_to_the_domain() -> None:
    made, outputs = domain()
    assert made["Domain"]["Properties"] == {
        "DomainName": NAME,
        "RegionalCertificateArn": CERTIFICATE,
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "SecurityPolicy": "TLS_1_2",
    }
    # No base path: `https://sms.example.com/sms/send`, without the stage's name.
    assert made["Mapping"]["Properties"] == {"DomainName": "Domain", "RestApiId": "api", "Stage": "v1"}
    record = made["Address"]["Properties"]
    assert (record["Name"], record["Type"], record["HostedZoneId"]) == (NAME, "A", ZONE)
    assert record["AliasTarget"].keys() == {"DNSName", "HostedZoneId", "EvaluateTargetHealth"}
    assert outputs.keys() == {"Target"}


def test_without_a_zone_the_record_is_left_to_the_user_and_the_stack_says_where_it_has_to_lead() -> None:
    made, _ = domain(HostedZoneId="")
    assert set(made) == {"Domain", "Mapping"}
    output = TEMPLATE["Outputs"]["DomainTarget"]
    assert output["Condition"] == "OwnDomain"
    assert output["Value"] == {"Fn::GetAtt": ["Domain", "Outputs.Target"]}


def fails(name: str, **parameters: str) -> bool:
    """Whether the rule of this name refuses these parameters."""
    rule = TEMPLATE["Rules"][name]
    resolver = sam_template.Resolver(
        {"DomainName": "", "CertificateArn": "", "HostedZoneId": ""} | parameters, _no, {}
    )
    asked = resolver.holds(rule["RuleCondition"])
    return asked and not all(resolver.holds(one["Assert"]) for one in rule["Assertions"])


def _no(name: str, _attribute: str | None) -> str:
    raise AssertionError(name)


def test_what_is_set_by_half_is_refused_before_anything_is_made() -> None:
    assert fails("CertificateOfDomain", DomainName=NAME)
    assert not fails("CertificateOfDomain", DomainName=NAME, CertificateArn=CERTIFICATE)
    assert not fails("CertificateOfDomain")
    assert fails("DomainOfZone", HostedZoneId=ZONE)
    assert not fails("DomainOfZone", HostedZoneId=ZONE, DomainName=NAME)
    assert not fails("DomainOfZone")


def test_the_three_parameters_take_what_they_should_and_nothing_else() -> None:
    cases = {
        "DomainName": (
            ["", NAME, "a-b.example.co.uk", "xn--bcher-kva.example", "x.xn--p1ai"],
            ["localhost", "https://a.example.com", "a.example.com/", "A.example.com", "*.example.com", "-a.b.co"],
        ),
        "CertificateArn": (["", CERTIFICATE], ["example", CERTIFICATE.replace(":acm:", ":iam:")]),
        "HostedZoneId": (["", ZONE], ["example.com", f"/hostedzone/{ZONE}"]),
    }
    for name, (good, bad) in cases.items():
        pattern = PARAMETERS[name]["AllowedPattern"]
        for value in good:
            assert re.fullmatch(pattern, value), (name, value)
        for value in bad:
            assert not re.fullmatch(pattern, value), (name, value)
