"""What the documents say and the code does: two places of one fact, held against each other."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import yaml

from longcode.domain import errors
from longcode.domain.status import HeldBy
from longcode.entrypoints.error_responses import ERRORS, INTERNAL_ERROR
from tests.template.test_template import RESOURCES, TEMPLATE

ROOT = Path(__file__).parents[2]


def documented_codes() -> dict[str, str]:
    """Each error code of docs/api.md with its HTTP status."""
    page = (ROOT / "docs/api.md").read_text()
    table = page[page.index("| `invalid_request` | 400 |") :]
    return dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9x]{3}|[^|]+?) \|", table, re.MULTILINE))


def gateway_codes() -> dict[str, str]:
    """Each error code that API Gateway answers with itself, and its HTTP status where the template sets one."""
    found = {}
    for response in RESOURCES["Api"]["Properties"]["GatewayResponses"].values():
        fields: dict[str, Any] = yaml.safe_load(response["ResponseTemplates"]["application/json"])
        found[fields["code"]] = str(response.get("StatusCode", ""))
    return found


def send_refusals() -> set[str]:
    """Each code that the source gives to a SendRefused."""
    found: set[str] = set()
    for path in (ROOT / "layers/longcode/python/longcode").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("SendRefused"):
                (code,) = (keyword.value for keyword in call.keywords if keyword.arg == "code")
                found |= {str(each.value) for each in ast.walk(code) if isinstance(each, ast.Constant)}
    return found


def test_the_api_page_names_every_error_code_with_its_status() -> None:
    documented = documented_codes()
    for code, (status, _) in ERRORS.items():
        # The provider's own status, which the page has as a range.
        expected = "400\N{EN DASH}499" if code == "provider_refused" else str(status)
        assert documented.get(code) == expected, code
    for code, fixed in gateway_codes().items():
        assert code in documented, code
        assert documented[code] == fixed or code in ("bad_request", "internal_error"), code


def test_every_error_code_of_the_api_page_is_one_of_the_map_or_of_the_gateway() -> None:
    assert set(documented_codes()) == set(ERRORS) | set(gateway_codes())


def test_the_page_of_settings_names_every_parameter_of_the_template() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    missing = [name for name in TEMPLATE["Parameters"] if f"`{name}`" not in page and name != "AwsEndpointUrl"]
    assert missing == []


def test_the_page_of_settings_has_the_values_that_the_template_allows() -> None:
    rows = {
        row.split("`")[1]: row for row in (ROOT / "docs/settings.md").read_text().splitlines() if row[:3] == "| `"
    }
    for name, parameter in TEMPLATE["Parameters"].items():
        allowed = "".join(f"`{value}`" for value in parameter.get("AllowedValues", ()))
        if "MinValue" in parameter:
            allowed = f"{parameter['MinValue']:,} to {parameter['MaxValue']:,}"
        column = rows[name].split("|")[3].strip()
        assert (column.replace(", ", "") if "`" in column else column) == allowed, name


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


def test_the_map_of_errors_has_each_code_that_an_error_has_and_no_other() -> None:
    kinds = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.RequestError)
    ]
    requests = {kind.code for kind in kinds if kind is not errors.RequestError}
    sends = send_refusals()
    assert {"outcome_unknown", "provider_refused"} <= sends, "A SendRefused is made in another way now."
    others = {
        errors.Unavailable.code,
        INTERNAL_ERROR.fields["code"],
        HeldBy.PAUSED.value,
        HeldBy.OPT_OUT_UNCLEAR.value,
        HeldBy.CARRIER_RATE.value,
        HeldBy.CARRIER_DAY_CAP.value,
        HeldBy.RECIPIENT_LIMIT.value,
        HeldBy.TAG_PAUSED.value,
        HeldBy.CARRIER_PAUSED.value,
    }
    assert requests | sends | others == set(ERRORS)
