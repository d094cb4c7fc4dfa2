"""What each function imports when it starts: cold start is a feature, and a webhook has two seconds from cold.

How many modules that may be is in bench/budgets.toml, which `make check` compares with the built functions.
"""

import ast
import json
import os
import subprocess
import sys

import pytest

from tests.support.fakes import ROOT

pytestmark = pytest.mark.slow

LAYER = ROOT / "layers/longcode/python/longcode"
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
# Only what talks to the provider, or to the URLs of users, pays for an HTTP client.
TALKS_TO_THE_PROVIDER = {"send", "process", "consumer", "reconciler"}
TALKS_TO_USERS = {"deliverer", "media"}
# Each of these costs more than the whole of a lean function; see docs/architecture.md.
NEVER = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_xray_sdk",
    "boto3",
    "hypothesis",
    "devtools",
    "moto",
    # The first text that keeps quiet hours loads these.
    "longcode.domain.quiet_windows",
    "longcode.domain.zones",
    # And the first one where RecipientLimits is set, or that asks for no duplicates, these.
    "longcode.domain.recipient_limits",
    "longcode.use_cases.recipient_limits",
    "longcode.aws.recipient_limits",
    "longcode.use_cases.duplicates",
    "longcode.aws.duplicates",
    "phonenumbers",
    "zoneinfo",
    "pydantic",
    "requests",
    "s3transfer",
    "telnyx",
)

# Of the service itself, what a function has no use for.
ALSO_NEVER = {
    "webhook": (
        "longcode.use_cases.enqueue",
        "longcode.use_cases.send_attempt",
        "longcode.use_cases.consume",
        "longcode.aws.limits",
        "longcode.aws.limits_codec",
        "longcode.aws.queue",
        "longcode.domain.pacific",
    ),
    "status": ("longcode.use_cases.consume", "longcode.aws.queue"),
    # Only a text with smart_encoding and a preview need the table of replacements.
    "queue": (
        "longcode.domain.smart_encoding",
        "longcode.use_cases.preview",
        "longcode.use_cases.batch",
        "longcode.entrypoints.batch_route",
        "longcode.domain.batch_request",
    ),
    "send": ("longcode.domain.smart_encoding",),
    "fallback": ("botocore.client", "longcode.use_cases.enqueue", "longcode.aws.clients", "longcode.aws.messages"),
}
# What httpx's command line is made with: here it can be imported, the layer does not have it.
NOT_SHIPPED = {"click", "markdown_it", "mdurl", "pygments", "rich"}

# Starts the function as Lambda does, then makes every part that its calls surely need, as the functions' own
# handlers do: what that imports is late.
PROGRAM = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
started = set(sys.modules)
from longcode.entrypoints import container
from longcode.entrypoints.config import Settings
import os
service = container.Service(Settings.from_env(os.environ))
for part in sys.argv[2].split():
    getattr(service, part)
print(json.dumps({"started": sorted(started), "late": sorted(set(sys.modules) - started)}))
"""
PARTS = {
    "webhook": "messages optouts carriers brakes explain",
    "status": "messages limits pace",
    "health": "counters queue",
    "publisher": "event_bus counters finder messages",
    "queue": "messages limits queue pace",
    "send": "deps",
    "consumer": "deps queue parallel send_batch",
    "process": "deps queue parallel send_batch",
    "reconciler": "reconciler",
    "messages": "finder messages",
    "tags": "counters finder messages limits carriers brakes pace",
    "optouts": "optouts",
    "recipients": "finder messages carriers",
    "subscriptions": "subscriptions",
    "deliverer": "subscriptions messages delivery_queue delivery_log outbound parallel",
    "media": "messages media_notes media_bucket media_jobs media_web",
    "fallback": "",
}
# In Lambda a start has more of a CPU than a call.
ALL_PARTS = "clock logger metrics "
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "long-code-sms-function",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "MESSAGES_TABLE": "messages",
    "LIMITS_TABLE": "limits",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/send.fifo",
    "BULK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/bulk.fifo",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead.fifo",
    "UNPUBLISHED_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/unpublished",
    "EVENT_BUS": "long-code-sms",
    "TELNYX_SECRET_ID": "telnyx",
    "TELNYX_PUBLIC_KEY": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "TELNYX_LONG_CODE": "+12025550100",
    "TELNYX_BASE_URL": "https://provider.invalid/v2",
    "PYTHONPATH": str(ROOT / "layers/longcode/python"),
    "PATH": os.environ["PATH"],
}


def imported(function: str, environment: dict[str, str] = ENVIRONMENT) -> dict[str, set[str]]:
    program = [sys.executable, "-c", PROGRAM, str(ROOT / "functions" / function / "app.py")]
    done = subprocess.run(
        [*program, ALL_PARTS + PARTS[function]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        when: {name for name in names if name.partition(".")[0] not in NOT_SHIPPED}
        for when, names in found.items()
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_only_what_it_uses_and_all_of_it_while_it_starts(function: str) -> None:
    found = imported(function)
    modules = found["started"] | found["late"]

    unwanted = [name for name in (*NEVER, *ALSO_NEVER.get(function, ())) if name in modules]
    assert unwanted == []
    if function not in TALKS_TO_THE_PROVIDER | TALKS_TO_USERS:
        assert "httpx" not in modules
    if function not in TALKS_TO_THE_PROVIDER:
        assert "longcode.telnyx.client" not in modules
    if function != "webhook":
        assert "nacl" not in modules, "only the webhook verifies a signature"
    assert found["late"] == set()


@pytest.mark.parametrize("function", ["webhook", "status", "health"])
def test_a_setting_that_is_missing_fails_the_start_and_names_every_one(function: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("LIMITS_TABLE", "QUEUE_URL")}

    with pytest.raises(AssertionError) as failed:
        imported(function, environment)

    assert "Bad settings: " in str(failed.value)
    assert "LIMITS_TABLE is missing" in str(failed.value)
    assert "QUEUE_URL is missing" in str(failed.value)


# Tables by which a function of its argument is computed: the zones of a number.
DATA = {("zones.py", "phonenumbers")}


# import-linter knows forbidden modules, and not "these alone".
@pytest.mark.parametrize(
    ("package", "own"),
    [("domain", ("longcode.domain",)), ("use_cases", ("longcode.domain", "longcode.use_cases"))],
)
def test_domain_and_use_cases_import_little_but_the_standard_library(package: str, own: tuple[str, ...]) -> None:
    paths = sorted((LAYER / package).rglob("*.py"))
    found = {(path.name, name) for path in paths for name in imports_of(ast.parse(path.read_text()))}

    assert len(found) > len(paths)
    assert [
        (path, name)
        for path, name in sorted(found)
        if not name.startswith(own)
        and name.partition(".")[0] not in sys.stdlib_module_names
        and (path, name.partition(".")[0]) not in DATA
    ] == []


def imports_of(tree: ast.AST) -> set[str]:
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found
