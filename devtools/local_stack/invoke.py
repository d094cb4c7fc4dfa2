"""Runs one built function as Lambda would: the runtime's own client, the layers, and nothing else."""

# With a Docker engine `sam local invoke` does it in Lambda's image. Without one, the runtime interface
# emulator that comes with the SAM CLI does, on a Python that sees only the function and its layers.

import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from . import build as builds
from . import sam_local, sam_template
from . import stack as stacks
from .build import SAM, Build
from .emulator import REGION
from .layout import ROOT, Layout, aws_environment
from .problems import LocalError
from .processes import alive, locked, spawn, stop

RIC = ROOT / ".local" / "ric"
PYTHON = ROOT / ".venv" / "bin" / "python"
# Nothing listens there: a call to AWS fails at once instead of reaching the real one.
NOWHERE = "http://127.0.0.1:9"


class Invocation(NamedTuple):
    """What a function answered, and what it logged."""

    answer: Any
    log: str


def run(
    function: str,
    event: Any,
    *,
    environment: Mapping[str, str] | None = None,
    layout: Layout | None = None,
) -> Invocation:
    """Invoke `function` (its folder in functions/) once, in a fresh environment.

    Its variables are those of the running stack in `layout`, or sample values; `environment` is on top.
    """
    layout = layout or Layout.of(None)
    build = builds.build(layout.log("build"))
    template = sam_template.load(build.template)
    logical_id = logical_id_of(function, template)
    variables = _variables(layout, template, logical_id, function) | dict(environment or {})
    return _with_rie(build, template, logical_id, variables, event)


def run_in_docker(function: str, event: Any, *, layout: Layout | None = None) -> Invocation:
    """The same with `sam local invoke`. Needs a Docker engine that has or can pull Lambda's image."""
    layout = layout or Layout.of(None)
    template = sam_template.load(builds.build(layout.log("build")).template)
    logical_id = logical_id_of(function, template)
    variables = _variables(layout, template, logical_id, function)
    found = stacks.state(layout)
    stack = found.record if found.up else None
    return Invocation(*sam_local.invoke(layout, stack, logical_id, variables, event))


def logical_id_of(function: str, template: dict[str, Any]) -> str:
    """`status` → `StatusFunction`, by the name that the template gives it."""
    names = sam_local.folders(template)
    if function not in names:
        raise LocalError(f"There is no function {function!r}.", hint=f"There are: {', '.join(sorted(names))}.")
    return names[function]


def sample_variables(template: dict[str, Any], logical_id: str) -> dict[str, str]:
    """The function's variables with parameters' defaults, or samples, in the place of references."""
    declared = sam_local.declared(template, logical_id)
    values = {name: str(one.get("Default", "sample")) for name, one in template["Parameters"].items()} | _SAMPLES
    resolver = sam_template.Resolver(
        values, lambda logical_id, _attribute: f"sample-{logical_id}", template.get("Conditions", {})
    )
    return sam_local.called_by_the_sample_key(
        {name: str(resolver.resolve(value)) for name, value in declared.items()}
    )


_SAMPLES = {
    "TelnyxPublicKey": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",  # RFC 8032's first test key
    "TelnyxLongCode": "+12025550100",
    "TelnyxBaseUrl": f"{NOWHERE}/v2",
    "WebhookUrl": "https://example.com/webhooks/message",
    "AwsEndpointUrl": NOWHERE,
    "AWS::StackName": "sample",
    "AWS::Region": REGION,
}


def _variables(layout: Layout, template: dict[str, Any], logical_id: str, function: str) -> dict[str, str]:
    found = stacks.state(layout)
    if not found.up or found.record is None:
        return sample_variables(template, logical_id) | aws_environment(NOWHERE, REGION)
    return found.record.aws() | sam_local.deployed(found.record, function)


def _with_rie(
    build: Build, template: dict[str, Any], logical_id: str, variables: dict[str, str], event: Any
) -> Invocation:
    settings = _settings(template, logical_id)
    code = build.path / logical_id
    with tempfile.TemporaryDirectory(prefix="invoke-", dir=_scratch()) as folder:
        log = Path(folder, "log")
        layers = [build.path / layer["Ref"] / "python" for layer in settings["Layers"]]
        # `-S` hides site-packages; the runtime's client comes last, so that it can't stand in for a layer.
        path = os.pathsep.join(str(one) for one in (code, *layers, runtime_client()))
        front, back = _two_ports()
        child = spawn(
            [
                str(_rie()),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{front}"),
                *("--runtime-api-address", f"127.0.0.1:{back}"),
                *(str(PYTHON), "-S", "-m", "awslambdaric", str(settings["Handler"])),
            ],
            env=_lambda_environment(logical_id, settings, folder) | {"PYTHONPATH": path} | variables,
            log=log,
            cwd=code,
        )
        try:
            _wait_for_port(front, lambda: alive(child), log)
            answer = httpx.post(
                f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations",
                json=event,
                timeout=float(settings.get("Timeout", 3)) + 30,
                trust_env=False,
            )
        finally:
            stop([child], patience_s=3)
        text = log.read_text(errors="replace")
    try:
        return Invocation(answer.json(), text)
    except ValueError:
        return Invocation(answer.text, text)


# Any: a function's properties.
def _settings(template: dict[str, Any], logical_id: str) -> dict[str, Any]:
    """A function's properties, with those of all functions."""
    function = sam_template.functions(template)[logical_id]
    shared = template.get("Globals", {}).get("Function", {})
    return {
        **shared,
        **function,
        "LoggingConfig": shared.get("LoggingConfig", {}) | function.get("LoggingConfig", {}),
        "Layers": [*shared.get("Layers", []), *function.get("Layers", [])],
    }


def _lambda_environment(logical_id: str, settings: Mapping[str, Any], folder: str) -> dict[str, str]:
    """What Lambda itself sets; nothing of the host's."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": f"sample-{logical_id}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(settings.get("Timeout", 3)),
        "AWS_LAMBDA_LOG_FORMAT": str(settings["LoggingConfig"].get("LogFormat", "Text")),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def _scratch() -> Path:
    folder = ROOT / ".local" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _two_ports() -> tuple[int, int]:
    """Two different free ports. Held together while they are chosen, or they could be one and the same."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def _wait_for_port(port: int, still: Any, log: Path, patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while still() and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise LocalError("The runtime interface emulator did not start:\n" + log.read_text(errors="replace"))


def _rie() -> Path:
    machine = "arm64" if builds.architecture() == "arm64" else "x86_64"
    found = list(SAM.parent.parent.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"))
    if not found:
        raise LocalError("The SAM CLI is not installed.", hint="make install")
    if sys.platform != "linux":
        raise LocalError(
            "Without a Docker engine, functions can be invoked one by one only on Linux.",
            hint="Start Docker, or use the deployed stack: make up.",
        )
    if not os.access(found[0], os.X_OK):
        found[0].chmod(0o755)
    return found[0]


def runtime_client() -> Path:
    """A folder that holds Lambda's runtime client and what it needs, copied from the locked environment."""
    wanted = _with_requirements("awslambdaric")
    name = "-".join(f"{package}{distribution(package).version}" for package in sorted(wanted))
    target = RIC / name
    with locked(RIC / "lock"):
        if target.is_dir():
            return target
        partial = RIC / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for package in wanted:
            found = distribution(package)
            for file in found.files or []:
                if ".." in file.parts or "__pycache__" in file.parts:
                    continue  # a script, or bytecode of another path
                copy = partial / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(found.locate_file(file)), copy)
        partial.rename(target)
    return target


def _with_requirements(package: str) -> set[str]:
    wanted: set[str] = set()
    pending = [package]
    while pending:
        name = pending.pop()
        if name in wanted:
            continue
        wanted.add(name)
        for requirement in distribution(name).requires or []:
            if ";" not in requirement:  # no extras, no markers: the client has only plain ones
                pending.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    return wanted
