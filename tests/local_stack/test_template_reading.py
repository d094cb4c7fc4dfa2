"""The template is read as data, and what the emulator drops is found in it."""

from copy import deepcopy
from pathlib import Path

import pytest

from devtools.local_stack import build, deploy, invoke, sam_template
from devtools.local_stack.layout import ROOT
from devtools.local_stack.problems import LocalError

TEMPLATE = sam_template.load(ROOT / "template.yaml")


def test_short_tags_become_their_long_form(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("a: !Ref X\nb: !Sub '${X}-y'\nc: !GetAtt X.Arn\nd: !If [C, !Ref Y, z]\ne: !Equals {a: 1}\n")
    assert sam_template.load(file) == {
        "a": {"Ref": "X"},
        "b": {"Fn::Sub": "${X}-y"},
        "c": {"Fn::GetAtt": ["X", "Arn"]},
        "d": {"Fn::If": ["C", {"Ref": "Y"}, "z"]},
        "e": {"Fn::Equals": {"a": 1}},
    }


def test_every_gateway_response_of_the_template_is_put() -> None:
    found = sam_template.gateway_responses(TEMPLATE)
    assert found.keys() == TEMPLATE["Resources"]["Api"]["Properties"]["GatewayResponses"].keys()
    assert found["THROTTLED"]["statusCode"] == "429"
    assert '"code": "throttled"' in found["THROTTLED"]["responseTemplates"]["application/json"]


def test_headers_of_a_gateway_response_get_their_long_names() -> None:
    template = {
        "Resources": {
            "Api": {
                "Properties": {
                    "GatewayResponses": {"THROTTLED": {"ResponseParameters": {"Headers": {"Retry-After": "'1'"}}}}
                }
            }
        }
    }
    assert sam_template.gateway_responses(template) == {
        "THROTTLED": {"responseParameters": {"gatewayresponse.header.Retry-After": "'1'"}}
    }


def test_the_api_keeps_its_id_until_its_definition_changes() -> None:
    other = deepcopy(TEMPLATE)
    other["Resources"]["SendFunction"]["Properties"]["MemorySize"] = 2048
    assert deploy.definition_id(other) == deploy.definition_id(TEMPLATE)
    other["Resources"]["SendFunction"]["Properties"]["Events"]["Route"]["Properties"]["Path"] = "/elsewhere"
    assert deploy.definition_id(other) != deploy.definition_id(TEMPLATE)


def test_the_api_id_is_one_that_the_emulator_routes() -> None:
    assert len(deploy.definition_id(TEMPLATE)) == 8
    assert set(deploy.definition_id(TEMPLATE)) <= set("0123456789abcdef")


def test_every_function_is_found_by_its_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    found = {invoke.logical_id_of(folder, TEMPLATE) for folder in folders}
    assert found == sam_template.functions(TEMPLATE).keys()


def test_an_unknown_function_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LocalError, match="no function 'stats'") as caught:
        invoke.logical_id_of("stats", TEMPLATE)
    assert "status" in str(caught.value.hint)


def test_sample_variables_leave_nothing_to_resolve_and_point_at_no_real_service() -> None:
    for logical_id in sam_template.functions(TEMPLATE):
        variables = invoke.sample_variables(TEMPLATE, logical_id)
        assert variables["AWS_ENDPOINT_URL"] == invoke.NOWHERE
        assert variables["TELNYX_BASE_URL"].startswith(invoke.NOWHERE)
        assert all(isinstance(value, str) and "${" not in value for value in variables.values())


def test_a_build_is_named_after_the_content_of_the_sources(tmp_path: Path) -> None:
    (tmp_path / "functions" / "send" / "__pycache__").mkdir(parents=True)
    (tmp_path / "template.yaml").write_text("a: 1")
    (tmp_path / "functions" / "send" / "app.py").write_text("one")
    before = build.fingerprint(tmp_path)
    (tmp_path / "functions" / "send" / "__pycache__" / "app.pyc").write_text("x")
    (tmp_path / "README.md").write_text("x")
    assert build.fingerprint(tmp_path) == before
    (tmp_path / "functions" / "send" / "app.py").write_text("two")
    assert build.fingerprint(tmp_path) != before


def test_the_same_content_under_another_name_is_another_build(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "functions").mkdir(parents=True)
        (tmp_path / name / "functions" / f"{name}.py").write_text("same")
    assert build.fingerprint(tmp_path / "a") != build.fingerprint(tmp_path / "b")


CONDITIONAL = {
    "Parameters": {"Key": {"Type": "String", "Default": ""}, "Size": {"Type": "Number", "Default": 0}},
    "Conditions": {
        "Keyed": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Key"}, ""]}]},
        "Small": {"Fn::Equals": [{"Ref": "Size"}, "0"]},
    },
    "Resources": {
        "Always": {
            "Properties": {
                "Key": {"Fn::If": ["Keyed", {"Ref": "Key"}, {"Ref": "AWS::NoValue"}]},
                "Sizes": [{"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]}, 2],
            }
        },
        "Sometimes": {"Condition": "Keyed"},
    },
}


def test_with_the_defaults_only_what_they_ask_for_is_there() -> None:
    assert sam_template.resolved(CONDITIONAL) == {"Always": {"Properties": {"Sizes": [1, 2]}}}


def test_a_parameter_brings_what_it_asks_for() -> None:
    assert sam_template.resolved(CONDITIONAL, Key="k", Size="1") == {
        "Always": {"Properties": {"Key": {"Ref": "Key"}, "Sizes": [2]}},
        "Sometimes": {"Condition": "Keyed"},
    }


def test_a_nested_stack_is_given_its_parameters_and_gives_its_outputs(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(
        "Parameters: {Groups: {Type: CommaDelimitedList}}\n"
        "Resources: {Query: {Type: Q, Properties: {Groups: !Ref Groups}}}\n"
        "Outputs: {QueryArn: {Value: !GetAtt Query.Arn}}\n"
    )
    root = tmp_path / "root.yaml"
    root.write_text(
        "Parameters: {Service: {Type: String}, Extra: {Type: String, Default: ''}}\n"
        "Conditions: {More: !Not [!Equals [!Ref Extra, '']]}\n"
        "Resources:\n"
        "  Nested:\n"
        "    Type: AWS::CloudFormation::Stack\n"
        "    Properties:\n"
        "      TemplateURL: child.yaml\n"
        "      Parameters: {Groups: !Join [',', [!Sub '${Service}-a', !Sub '${Service}-b']]}\n"
        "  Sometimes: {Type: S, Condition: More}\n"
        "Outputs: {Arn: {Value: !GetAtt Nested.Outputs.QueryArn}}\n"
    )
    query = {"Type": "Q", "Properties": {"Groups": ["sms-a", "sms-b"]}}

    assert sam_template.files(root) == [root, tmp_path / "child.yaml"]
    assert sam_template.stack(root, {"Service": "sms"}, {}) == ({"Query": query}, {"Arn": "arn:Query"})
    found, _ = sam_template.stack(root, {"Service": "sms", "Extra": "x"}, {})
    assert found == {"Query": query, "Sometimes": {"Type": "S", "Properties": {}}}
    with pytest.raises(sam_template.BadTemplate, match="not given its parameter Service"):
        sam_template.stack(root, {}, {})
