"""Brings the whole service up on this machine, and takes it down again."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from . import build as builds
from . import deploy as deployments
from . import emulator as emulators
from . import sam_template, simulator
from .layout import Identity, Layout, Stack
from .problems import START_AFRESH, LocalError
from .processes import Child, alive, locked, registered, stop
from .progress import Progress

FROM_NUMBER = "+12025550100"


@dataclass(frozen=True, slots=True)
class State:
    """What of a stack runs."""

    record: Stack | None
    running: dict[str, Child]

    @property
    def up(self) -> bool:
        return self.record is not None and len(self.running) == len(self.record.pids)


def state(layout: Layout) -> State:
    """What the record says, checked against the processes that there are."""
    children = recorded_children(layout)
    running = {name: child for name, child in children.items() if alive(child)}
    return State(Stack.load(layout), running)


def recorded_children(layout: Layout) -> dict[str, Child]:
    """The processes in the record, even in one that another version of this code wrote."""
    try:
        content = json.loads(layout.record.read_text())
        return {name: Child(pid, content["started"][name]) for name, pid in content["pids"].items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def up(
    layout: Layout,
    progress: Progress,
    *,
    parameters: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
    enforce_iam: bool = False,
) -> Stack:
    """Bring the stack in `layout` to the state of the sources, by as little work as that takes.

    `parameters` are the template's, on top of what a laptop needs.
    """
    with locked(layout.lock):
        _end_leftovers(layout, progress)
        return _up(layout, progress, dict(parameters or {}), environment, enforce_iam=enforce_iam)


def _end_leftovers(layout: Layout, progress: Progress) -> list[Child]:
    """End what an `up` that was killed has started: no record speaks of it."""
    recorded = recorded_children(layout).values()
    leftovers = [child for child in registered(layout.processes) if child not in recorded]
    if leftovers:
        with progress.step("Stop what a start that was killed has left"):
            stop(leftovers)
    return leftovers


def _up(
    layout: Layout,
    progress: Progress,
    extra: dict[str, str],
    environment: Mapping[str, str],
    *,
    enforce_iam: bool,
) -> Stack:
    with progress.step("Build the functions and layers") as step:
        build = builds.build(layout.log("build"))
        step.result = "" if build.fresh else "nothing changed"
    template = sam_template.load(build.template)
    if unknown := sorted(extra.keys() - template["Parameters"].keys()):
        known = ", ".join(template["Parameters"])
        raise LocalError(f"The template has no parameter {', '.join(unknown)}.", hint=f"It has: {known}.")

    identity = Identity.load(layout)
    before = state(layout)
    running = dict(before.running)
    number = extra.get("TelnyxLongCode", FROM_NUMBER)
    started: list[Child] = []
    if before.record is None:
        stop(list(running.values()))
        running.clear()
    elif "emulator" in running and before.record.enforce_iam != enforce_iam:
        stop([running.pop("emulator")])
    try:
        provider = simulator.external(environment)
        # A real key in the environment is none of the simulator's business.
        api_key = environment.get("TELNYX_API_KEY") if provider else None
        api_key = api_key or identity.telnyx_api_key
        if provider is not None:
            if "provider" in running:
                stop([running.pop("provider")])
        elif (
            "provider" in running
            and before.record
            and identity.provider_port
            and identity.provider_code == simulator.code()
            and before.record.parameters.get("TelnyxLongCode") == number
        ):
            provider = simulator.Provider(
                before.record.telnyx_base_url,
                before.record.telnyx_public_key,
                before.record.console_url,
                running["provider"],
                identity.provider_port,
            )
        else:
            if "provider" in running:
                stop([running.pop("provider")])
            with progress.step("Start the simulated provider"):
                provider = simulator.start(layout, identity.provider_port, api_key, number)
            assert provider.child is not None
            started.append(provider.child)
            identity.provider_port = provider.port
            identity.provider_code = simulator.code()

        if "emulator" in running and identity.emulator_port:
            emulator = emulators.Emulator(running["emulator"], identity.emulator_port)
        else:
            with progress.step("Start the AWS emulator"):
                emulator = emulators.start(layout, identity.emulator_port, enforce_iam=enforce_iam)
            started.append(emulator.child)
            identity.emulator_port = emulator.port
        identity.save(layout)

        deployer = deployments.Deployer(emulator.url, layout)
        parameters = {
            "Architecture": builds.architecture(),
            "AwsEndpointUrl": emulator.url,
            "TelnyxApiKey": api_key,
            "TelnyxBaseUrl": provider.base_url,
            "TelnyxLongCode": number,
            "TelnyxPublicKey": provider.public_key,
            "WebhookUrl": f"{deployer.api_url(template)}/webhooks/message",
        } | extra
        with progress.step("Deploy the template") as step:
            try:
                if deployer.deployed() == deployments.fingerprint(build, parameters):
                    step.result = "nothing changed"
                else:
                    parameters = deployer.deploy(build, parameters)
                deployment = deployer.describe(build)
            except (BotoCoreError, ClientError) as exc:
                raise LocalError(
                    f"The AWS emulator refused: {exc}", log=layout.log("emulator"), hint=START_AFRESH
                ) from exc
        if provider.console_url:
            simulator.use_webhook_url(provider.console_url, parameters["WebhookUrl"])
        with progress.step("Wait for the API to answer"):
            _wait_for_api(deployment.api_url, layout)
    except BaseException:
        # A half-started stack has no record: leave nothing running that `down` could not find.
        stop(started)
        raise

    children = {"emulator": emulator.child} | ({"provider": provider.child} if provider.child else {})
    stack = Stack(
        api_url=deployment.api_url,
        api_key=deployment.api_key,
        aws_endpoint_url=emulator.url,
        region=emulators.REGION,
        telnyx_base_url=provider.base_url,
        telnyx_public_key=provider.public_key,
        console_url=provider.console_url,
        pids={name: child.pid for name, child in children.items()},
        started={name: child.started for name, child in children.items()},
        from_number=number,
        stack_name=deployments.STACK_NAME,
        queue_url=deployment.queue_url,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        messages_table=deployment.messages_table,
        limits_table=deployment.limits_table,
        functions=deployment.functions,
        log_groups=deployment.log_groups,
        # One that was set before and not this time is kept, as CloudFormation does.
        parameters=deployment.parameters | parameters,
        enforce_iam=enforce_iam,
        build=str(build.path),
        logs={name: str(layout.log(name)) for name in ("build", "provider", "deploy", "emulator")},
    )
    stack.save(layout)
    return stack


def _wait_for_api(api_url: str, layout: Layout, patience_s: float = 30.0) -> None:
    """Until `GET /health` answers, whatever it says: a service that is ill is up all the same."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(f"{api_url}/health", timeout=30):
                return
        except urllib.error.HTTPError as exc:
            if exc.code < 500 or exc.headers.get("content-type", "").startswith("application/json"):
                return
            problem = str(exc)
        except OSError as exc:
            problem = str(exc)
        if time.monotonic() > deadline:
            raise LocalError(f"GET /health does not answer: {problem}", log=layout.log("emulator"))
        time.sleep(0.2)


def down(layout: Layout, progress: Progress, *, forget: bool = False) -> bool:
    """Stop what runs. With `forget`, also drop every message, table and key. Answers whether anything ran."""
    with locked(layout.lock):
        leftovers = _end_leftovers(layout, progress)
        running = state(layout).running
        if running:
            with progress.step(f"Stop the {' and the '.join(running)}") as step:
                if late := stop(list(running.values())):
                    step.result = f"{len(late)} had to be killed; what it had not saved is lost"
        layout.record.unlink(missing_ok=True)
        shutil.rmtree(layout.emulator / "tmp", ignore_errors=True)
        if forget:
            for path in (layout.emulator, layout.provider):
                shutil.rmtree(path, ignore_errors=True)
        return bool(running or leftovers)
