"""The functions of the template: name, memory, the event that wakes each, and what a start of it loads."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT
from devtools.local_stack import invoke, sam_template
from devtools.local_stack.layout import aws_environment
from devtools.local_stack.problems import LocalError
from tests.support.fakes import SIGNER

PYTHON = ROOT / ".venv" / "bin" / "python"
LAYERS = ("DependenciesLayer", "LongcodeLayer")
# The sample event of a function is the first of its own in events/; of these another is the usual one.
_USUAL = {
    "send": "send-200-text",
    "queue": "queue-202-text",
    "status": "status-200-waiting",
    "messages": "messages-200-to-one-number",
    "optouts": "optouts-200-list",
    "subscriptions": "subscriptions-200-list",
}
_EVENTS = ROOT / "events"
# Starts a function as Lambda does, and says what that has loaded and made.
_START = """
import json, sys
import app
ours = sys.modules.get("longcode.aws.clients")
cached = {name: one for name, one in vars(ours).items() if hasattr(one, "cache_info")} if ours else {}
clients = [name for name, one in cached.items() if name[0] != "_" and one.cache_info().currsize]
modules = sorted(name for name in sys.modules if name.partition(".")[0] not in ("longcode", "app"))
print(json.dumps({"modules": modules, "clients": sorted(clients)}))
"""


@dataclass(frozen=True, slots=True)
class Started:
    """What a start of a function has loaded, without our own modules, and the AWS clients it has made."""

    modules: tuple[str, ...]
    clients: tuple[str, ...]

    @property
    def talks_to(self) -> tuple[str, ...]:
        """Its AWS services, and `http` where it has an HTTP client."""
        return (*self.clients, *(["http"] if "httpx" in self.modules else []))


# Any: a template.
def names(template: dict[str, Any]) -> list[str]:
    """`webhook`, `send` and so on, in the template's order: the last part of what each function is named."""
    found = sam_template.functions(template).values()
    return [properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for properties in found]


def routes(template: dict[str, Any]) -> list[str]:
    """Those that the gateway calls."""
    functions = sam_template.functions(template)
    return [
        name
        for name in names(template)
        if any(row["Type"] == "Api" for row in functions[_id(name, template)].get("Events", {}).values())
    ]


def memory_of(name: str, template: dict[str, Any]) -> int:
    """What the template gives it, in MB."""
    properties = sam_template.functions(template)[_id(name, template)]
    return int(properties.get("MemorySize", template["Globals"]["Function"]["MemorySize"]))


def _id(name: str, template: dict[str, Any]) -> str:
    return invoke.logical_id_of(name, template)


def sample(name: str) -> str:
    """The name of the event that `name` is woken by. Raises LocalError where there is none."""
    if name in _USUAL:
        return _USUAL[name]
    found = sorted(path.stem for path in _EVENTS.glob(f"{name}-*.json"))
    if not found:
        raise LocalError(f"There is no sample event of {name}.", hint=f"Add events/{name}-….json.")
    return found[0]


# Any: an event is JSON.
def event_of(name: str) -> Any:
    """The sample event of `name`, signed now where it has to be."""
    event = json.loads((_EVENTS / f"{sample(name)}.json").read_text())
    if "Telnyx-Timestamp" in (headers := event.get("headers") or {}):
        made = SIGNER.headers(event["body"].encode(), time.time_ns() // 1_000_000)
        headers["Telnyx-Timestamp"] = made["telnyx-timestamp"]
        headers["Telnyx-Signature-Ed25519"] = made["telnyx-signature-ed25519"]
    return event


def paths_of(name: str, build: Path, template: dict[str, Any]) -> tuple[Path, ...]:
    """Where a built function may import from: its folder and its layers."""
    return (build / _id(name, template), *(build / layer / "python" for layer in LAYERS))


def variables_of(name: str, template: dict[str, Any], cloud: str) -> dict[str, str]:
    """Its variables, with AWS and the provider at `cloud`."""
    return (
        invoke.sample_variables(template, _id(name, template))
        | aws_environment(cloud, "us-east-1")
        | {
            "TELNYX_PUBLIC_KEY": SIGNER.public,
            "TELNYX_BASE_URL": f"{cloud}/v2",
            "POWERTOOLS_SERVICE_NAME": "bench",
        }
    )


def environment(paths: Sequence[Path], name: str, memory_mb: int, variables: Mapping[str, str]) -> dict[str, str]:
    """All that a process of a function has in its environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # Lambda's code folder is read-only.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "AWS_LAMBDA_FUNCTION_NAME": f"bench-{name}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        **variables,
    }


def started(name: str, build: Path, template: dict[str, Any]) -> Started:
    """Start `name` as it is built, with no more than it ships. Raises LocalError if it does not start."""
    paths = paths_of(name, build, template)
    done = subprocess.run(
        [str(PYTHON), "-S", "-P", "-c", _START],
        env=environment(paths, name, 256, variables_of(name, template, invoke.NOWHERE)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise LocalError(f"{name} does not start:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Started(tuple(found["modules"]), tuple(found["clients"]))
