"""Each function switches at once: everything calls its alias, and the alias moves with every change of it."""

import json
import re
from typing import Any

import pytest

from devtools.local_stack import release, sam_template
from tests.support.fakes import ROOT
from tests.template.test_template_security import EVERY_OPTION, FUNCTIONS, transformed, transformed_all
from tests.template.test_template_security import deployed as deployed_with

pytestmark = pytest.mark.slow

TEMPLATE = (ROOT / "template.yaml").read_text()
NO_RELEASE = '  Release: {Type: String, Default: ""'
assert NO_RELEASE in TEMPLATE


# What all functions have: where it is in the template, and what a change of it puts there.
SHARED = {
    "the service itself": ("ContentUri: layers/longcode", "ContentUri: layers/another"),
    "a dependency": ("ContentUri: layers/dependencies", "ContentUri: layers/others"),
    "a setting": ("TELNYX_BASE_URL:", "TELNYX_URL:"),
    "the processor": ("Architectures: [!Ref Architecture]", "Architectures: [x86_64]"),
}
RELEASE = "1772443800"


def released(value: str) -> str:
    """The template with another release."""
    return TEMPLATE.replace(NO_RELEASE, NO_RELEASE.replace('""', f'"{value}"'))


# Any: a template is JSON.
def deployed(kind: str) -> dict[str, dict[str, Any]]:
    """What there is of a kind with every option: each function is there then."""
    return deployed_with(kind, **EVERY_OPTION)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What SAM makes of the template with each change, by a name of it."""
    for before, _ in SHARED.values():
        assert before in TEMPLATE
    templates = {what: TEMPLATE.replace(before, after) for what, (before, after) in SHARED.items()} | {
        "released": released(RELEASE),
        "released, more": released(f"{RELEASE}abc"),
        "released, another layer": released(RELEASE).replace("layers/longcode", "layers/another"),
        "released again": released("1772443801"),
    }
    home = tmp_path_factory.mktemp("changed")
    paths = [home / f"{number}.yaml" for number in range(len(templates))]
    for path, template in zip(paths, templates.values(), strict=True):
        path.write_text(template)
    return dict(zip(templates, transformed_all(*paths), strict=True))


def versions(template: dict[str, Any]) -> set[str]:
    """The logical ids of the versions of functions in what SAM has made: another id is another version."""
    return {name for name, made in template["Resources"].items() if made["Type"] == "AWS::Lambda::Version"}


def aliases() -> dict[str, str]:
    """Logical id of an alias -> that of its function."""
    return {name: made["FunctionName"]["Ref"] for name, made in deployed("AWS::Lambda::Alias").items()}


def called(part: Any) -> set[str]:
    """Which functions and aliases are named in a part of the template."""
    text = json.dumps(part)
    named = [*deployed("AWS::Lambda::Function"), *aliases()]
    return {name for name in named if f'"{name}"' in text or f"${{{name}}}" in text or f'"{name}.' in text}


def test_each_function_has_one_alias_that_leads_to_a_version_of_its_own() -> None:
    made = deployed("AWS::Lambda::Alias")
    assert len(made) == len(FUNCTIONS)
    assert sorted(aliases().values()) == sorted(deployed("AWS::Lambda::Function"))
    for alias in made.values():
        version, attribute = alias["FunctionVersion"]["Fn::GetAtt"]
        assert (alias["Name"], attribute) == (release.ALIAS, "Version")
        assert deployed("AWS::Lambda::Version")[version]["FunctionName"] == alias["FunctionName"]


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::ApiGateway::RestApi",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Permission",
        "AWS::Events::Rule",
    ],
)
def test_whatever_calls_a_function_calls_its_alias(kind: str) -> None:
    found = deployed(kind)
    assert found
    for name, properties in found.items():
        assert called(properties), name
        assert called(properties) <= aliases().keys(), name


def test_every_route_leads_to_an_alias() -> None:
    (api,) = deployed("AWS::ApiGateway::RestApi").values()
    integrations = [
        method["x-amazon-apigateway-integration"]
        for path in api["Body"]["paths"].values()
        for method in path.values()
    ]
    assert len(integrations) > len(FUNCTIONS)
    for integration in integrations:
        assert called(integration["uri"]) <= aliases().keys(), integration
        assert len(called(integration["uri"])) == 1


@pytest.mark.parametrize("what", SHARED)
def test_a_change_of_anything_that_all_functions_have_is_a_new_version_of_each(
    changed: dict[str, dict[str, Any]], what: str
) -> None:
    ours, others = versions(transformed()), versions(changed[what])
    assert len(ours) == len(others) == len(FUNCTIONS)
    assert not ours & others


def test_another_release_is_a_new_version_of_each_and_nothing_else_is(changed: dict[str, dict[str, Any]]) -> None:
    # SAM looks at the values of no other parameter (aws/serverless-application-model issue 3820), and at the first
    # characters of this one.
    one = versions(changed["released"])
    assert len(one) == len(FUNCTIONS)
    assert one == versions(changed["released, more"]) == versions(changed["released, another layer"])
    assert not one & versions(changed["released again"])


def test_each_release_changes_each_function_as_lambda_publishes_nothing_twice(
    changed: dict[str, dict[str, Any]],
) -> None:
    functions = [
        one for one in changed["released, more"]["Resources"].values() if one["Type"] == "AWS::Lambda::Function"
    ]
    assert len(functions) == len(FUNCTIONS)
    for function in functions:
        assert function["Properties"]["Description"].endswith(f" {RELEASE}abc")


def test_a_release_can_be_part_of_a_logical_id() -> None:
    pattern = sam_template.load(ROOT / "template.yaml")["Parameters"]["Release"]["AllowedPattern"]
    assert [name for name in ("", "1772443800", "1772443800abc") if not re.fullmatch(pattern, name)] == []
    assert [name for name in ("1", "1772443800-abc", "2026-11-26") if re.fullmatch(pattern, name)] == []


def test_an_old_version_stays_for_the_invocations_that_still_run_on_it() -> None:
    found = [one for one in transformed()["Resources"].values() if one["Type"] == "AWS::Lambda::Version"]
    assert {one["DeletionPolicy"] for one in found} == {"Retain"}


# ------------------------------------------------------------------------------------------ asynchronous calls


def test_what_is_called_asynchronously_is_tried_once_and_soon_or_not_at_all() -> None:
    configured = {
        made["FunctionName"]["Ref"]: made for made in deployed("AWS::Lambda::EventInvokeConfig").values()
    }
    # API Gateway and the mappings wait for an answer; a rule, a topic or a bucket does not.
    asynchronous = {
        permission["FunctionName"]["Ref"]
        for permission in deployed("AWS::Lambda::Permission").values()
        if permission["Principal"] != "apigateway.amazonaws.com"
    }
    assert {aliases()[alias] for alias in asynchronous} == set(configured) == {"ReconcilerFunction"}
    for made in configured.values():
        assert (made["MaximumRetryAttempts"], made["MaximumEventAgeInSeconds"]) == (0, 60)
        assert made["Qualifier"] in ({"Ref": "ReconcilerFunctionAliaslive"}, release.ALIAS)
