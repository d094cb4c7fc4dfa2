"""SAM's own `sam local` on the running stack: the variables of each function, and one invocation in Docker."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import boto3

from . import build as builds
from . import relay, sam_template
from .build import SAM
from .emulator import REGION
from .layout import Layout, Stack
from .problems import LocalError
from .release import ALIAS

# The key that the sample events are called with.
SAMPLE_KEY_ID = "exampleid1"


def declared(template: dict[str, Any], logical_id: str) -> dict[str, Any]:
    """The variables that the template gives a function, unresolved: those of all functions, and its own."""
    found: dict[str, Any] = {}
    for source in (template.get("Globals", {}).get("Function", {}), sam_template.functions(template)[logical_id]):
        found |= (source.get("Environment") or {}).get("Variables") or {}
    return found


def folders(template: dict[str, Any]) -> dict[str, str]:
    """Each function's folder in functions/ and its logical id, by the name that the template gives it."""
    return {
        properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): logical_id
        for logical_id, properties in sam_template.functions(template).items()
    }


def deployed(stack: Stack, function: str) -> dict[str, str]:
    """A function's variables on the running stack; the key of the sample events may do everything."""
    client = boto3.client(
        "lambda",
        endpoint_url=stack.aws_endpoint_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    found = client.get_function_configuration(FunctionName=stack.functions[function], Qualifier=ALIAS)
    return called_by_the_sample_key(found["Environment"]["Variables"])


def called_by_the_sample_key(variables: dict[str, str]) -> dict[str, str]:
    """The variables, with the key of the sample events as the one that may do everything."""
    return variables | ({"STACK_KEY_ID": SAMPLE_KEY_ID} if "STACK_KEY_ID" in variables else {})


def for_containers(variables: dict[str, str]) -> dict[str, str]:
    """The variables with the stack's addresses as a container has to call them."""
    return {name: value.replace(relay.LOOPBACK, relay.CONTAINER_HOST) for name, value in variables.items()}


def environment(stack: Stack, template: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What `sam local … --env-vars` reads: each function's variables on the stack, by its logical id.

    SAM takes none that the template does not declare, so there are no others.
    """
    found = {}
    for function, logical_id in folders(template).items():
        wanted = declared(template, logical_id)
        variables = for_containers(deployed(stack, function))
        found[logical_id] = {name: value for name, value in variables.items() if name in wanted}
    return found


def options(template: Path, variables: Path) -> list[str]:
    """What `sam local` has to be given: the build, the variables, the way to this machine, and its processor.

    Without the last one it looks for an image of the template's default, arm64.
    """
    return [
        *("--template", str(template), "--env-vars", str(variables), "--region", REGION),
        *("--add-host", f"{relay.CONTAINER_HOST}:host-gateway"),
        *("--parameter-overrides", f"Architecture={builds.architecture()}"),
    ]


# Any: an event, and what a function answers.
def invoke(
    layout: Layout, stack: Stack | None, logical_id: str, variables: dict[str, str], event: Any
) -> tuple[Any, str]:
    """The answer and the log of one `sam local invoke`: Docker has to have Lambda's image, or to pull it."""
    build = builds.build(layout.log("build"))
    address = relay.bridge() if stack else None
    with tempfile.TemporaryDirectory() as folder, relay.relayed(address, relay.ports(stack) if stack else []):
        event_file, variables_file = Path(folder, "event.json"), Path(folder, "variables.json")
        event_file.write_text(json.dumps(event))
        variables_file.write_text(json.dumps({logical_id: for_containers(variables)}))
        # Credentials of ours would make each call wait for STS.
        done = subprocess.run(
            [
                *(str(SAM), "local", "invoke", logical_id, "--event", str(event_file)),
                *options(build.template, variables_file),
            ],
            env=builds.sam_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0 and not done.stdout.strip():
        raise LocalError(
            f"sam local invoke failed:\n{done.stderr}",
            hint="Can Docker pull the image? .venv/bin/python -m devtools.local_stack invoke --rie does without.",
        )
    return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr
