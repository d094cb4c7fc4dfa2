"""What the documents say and the code does: two places of one fact, held against each other."""

import inspect
import re
from pathlib import Path
from typing import Any

import yaml

from longcode.domain import errors
from longcode.entrypoints import http
from longcode.use_cases import send
from tests.template.test_template import RESOURCES, TEMPLATE

ROOT = Path(__file__).parents[2]


def documented_codes() -> dict[str, str]:
    """Each error code of docs/api.md with its HTTP status."""
    page = (ROOT / "docs/api.md").read_text()
    table = page[page.index("| `invalid_request` | 400 |") :]
    return dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9x]{3}|[^|]+?) \|", table, re.MULTILINE))


def returned_codes() -> dict[str, str]:
    """Each error code that the code or the gateway answers with, and its HTTP status where it is fixed."""
    found = {kind.code: str(status) for kind, status in http._STATUS.items()}
    sent = dict(re.findall(r'code="([a-z_]+)",\s*status_code=(\d+)', inspect.getsource(send)))
    assert {"outcome_unknown", "provider_rate_limited"} <= set(sent), (
        "The codes of a send stand somewhere else now."
    )
    found |= sent
    for response in RESOURCES["Api"]["Properties"]["GatewayResponses"].values():
        fields: dict[str, Any] = yaml.safe_load(response["ResponseTemplates"]["application/json"])
        found.setdefault(fields["code"], str(response.get("StatusCode", "")))
    return found


def test_the_api_page_names_every_error_code_with_its_status() -> None:
    documented = documented_codes()
    for code, status in returned_codes().items():
        assert code in documented, code
        if status and documented[code].isdigit():
            assert documented[code] == status, code


def test_the_readme_names_every_parameter_of_the_template() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [name for name in TEMPLATE["Parameters"] if f"`{name}`" not in readme and name != "AwsEndpointUrl"]
    assert missing == []


def test_the_api_page_has_every_route_of_the_template() -> None:
    page = (ROOT / "docs/api.md").read_text()
    for resource in RESOURCES.values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        for event in resource["Properties"].get("Events", {}).values():
            path = event["Properties"].get("Path", "")
            if event["Type"] == "Api" and "{proxy+}" not in path:
                assert path in page, path


def test_a_runbook_looks_for_lambdas_own_words_in_the_form_that_they_are_written_in() -> None:
    # A function that logs JSON has Lambda say what became of an invocation in JSON too: no "Task timed out".
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["LogFormat"] == "JSON"
    page = (ROOT / "docs/operations.md").read_text()
    patterns = re.findall(r"--filter-pattern '([^']+)'", page)
    assert any("platform.report" in pattern and "$.record.status" in pattern for pattern in patterns)
    for text in ("timed out", "Runtime exited", "REPORT RequestId", "signal: killed"):
        assert text not in page, text


def test_every_error_class_has_an_answer() -> None:
    kinds = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.RequestError)
    ]
    assert {kind for kind in kinds if kind is not errors.RequestError} == set(http._STATUS)
