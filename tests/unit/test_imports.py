"""What each function imports when it starts: cold start is a feature, and a webhook has two seconds from cold."""

import json
import os
import subprocess
import sys

import pytest

from tests.chance import told
from tests.fakes import ROOT

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
# Only what talks to the carrier pays for an HTTP client.
TALKS_TO_THE_CARRIER = {"send", "process", "consumer", "sweeper"}
# Each of these costs more than the whole of a lean function; see docs/architecture.md.
NEVER = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_xray_sdk",
    "hypothesis",
    "local",
    "moto",
    "pydantic",
    "requests",
    "telnyx",
)

# Starts the function as Lambda does, makes every part that it has, and names what was imported.
PROGRAM = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
started = set(sys.modules)
from longcode import wiring
from longcode.config import Settings
import os
service = wiring.Service(Settings.from_env(os.environ))
for part in sys.argv[2].split():
    getattr(service, part)
print(json.dumps(sorted(set(sys.modules))))
"""
PARTS = {
    "webhook": "messages optouts clock meter journal",
    "status": "messages limits clock pace meter journal",
    "health": "counters outbox meter journal",
    "publisher": "bus counters clock meter journal",
    "queue": "messages limits outbox clock pace meter journal",
}
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "long-code-sms-function",
    "AWS_DEFAULT_REGION": "us-east-1",
    "MESSAGES_TABLE": "messages",
    "LIMITS_TABLE": "limits",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/send.fifo",
    "EVENT_BUS": "long-code-sms",
    "TELNYX_SECRET_ID": "telnyx",
    "TELNYX_PUBLIC_KEY": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "TELNYX_LONG_CODE": "+12025550100",
    "TELNYX_BASE_URL": "https://carrier.invalid/v2",
    "PYTHONPATH": str(ROOT / "layers/longcode/python"),
    "PATH": os.environ["PATH"],
}


def imported(function: str, environment: dict[str, str] = ENVIRONMENT) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "functions" / function / "app.py"), PARTS.get(function, "")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


def test_a_function_imports_only_what_it_uses() -> None:
    for function in FUNCTIONS:
        with told(function):
            modules = imported(function)

            unwanted = [name for name in NEVER if name in modules]
            assert unwanted == []
            if function not in TALKS_TO_THE_CARRIER:
                assert "httpx" not in modules
                assert "longcode.carrier" not in modules


@pytest.mark.parametrize("function", ["webhook", "status", "health"])
def test_a_setting_that_is_missing_fails_the_start_and_names_every_one(function: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("LIMITS_TABLE", "QUEUE_URL")}

    with pytest.raises(AssertionError) as failed:
        imported(function, environment)

    assert "Bad settings: " in str(failed.value)
    assert "LIMITS_TABLE is missing" in str(failed.value)
    assert "QUEUE_URL is missing" in str(failed.value)
