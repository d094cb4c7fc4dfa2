"""Brings the whole service up on this machine, and takes it down again."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from longcode_cli.parameters import refused

from . import build as builds
from . import console as consoles
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


# What costs money on AWS and nothing here.
_MORE = {"WebhookDeliveries": "on"}


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
    _check(extra, template["Parameters"])
    start = _Start(layout, progress, extra, environment, enforce_iam=enforce_iam)
    try:
        provider, api_key = start.provider()
        emulator = start.emulator()
        deployer = deployments.Deployer(emulator.url, layout)
        parameters = _parameters(start, emulator, provider, api_key, deployer.api_url(template)) | (_MORE | extra)
        refuse(parameters, deployer.parameters())
        parameters, deployment = _deployed(deployer, build, parameters, layout, progress)
        if provider.simulator_url:
            simulator.use_webhook_url(provider.simulator_url, parameters["WebhookUrl"])
        with progress.step("Wait for the API to answer"):
            _wait_for_api(deployment.api_url, layout)
        stack = _record(layout, build, provider, emulator, deployment, parameters, start)
        # The console reads the record.
        stack.save(layout)
        stack = start.console(stack)
        stack.save(layout)
    except BaseException:
        # A half-started stack has no record: leave nothing running that `down` could not find.
        start.restore_record()
        stop(start.started)
        raise
    return stack


def _parameters(
    start: "_Start", emulator: emulators.Emulator, provider: simulator.Provider, api_key: str, api_url: str
) -> dict[str, str]:
    """What a laptop needs of the template."""
    return {
        "Architecture": builds.architecture(),
        "AwsEndpointUrl": emulator.url,
        "TelnyxApiKey": api_key,
        "TelnyxBaseUrl": provider.base_url,
        "TelnyxLongCode": start.number,
        "TelnyxPublicKey": provider.public_key,
        "WebhookUrl": f"{api_url}/webhooks/message",
    }


def _check(extra: Mapping[str, str], declared: Mapping[str, object]) -> None:
    if unknown := sorted(extra.keys() - declared.keys()):
        known = ", ".join(declared)
        raise LocalError(f"The template has no parameter {', '.join(unknown)}.", hint=f"It has: {known}.")


def refuse(parameters: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Refuse what no function would start with, before anything is deployed."""
    if wrong := refused(parameters, before):
        raise LocalError(
            wrong, hint="No function would start with it, so nothing was deployed. Fix the value in SET."
        )


def moved(before: int | None, now: int | None) -> str:
    """Words for an address that is no longer what it was; none if it is, or if there was none."""
    if before in (None, now):
        return ""
    return f"another program has port {before}, so it is on {now}"


class _Start:
    """Starts the provider, the emulator and the console, or keeps those that run and still fit."""

    def __init__(
        self,
        layout: Layout,
        progress: Progress,
        extra: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        enforce_iam: bool,
    ) -> None:
        self._layout, self._progress, self._environment = layout, progress, environment
        self.enforce_iam = enforce_iam
        self.number = extra.get("TelnyxLongCode", FROM_NUMBER)
        self.started: list[Child] = []
        self._identity = Identity.load(layout)
        before = state(layout)
        self._record = before.record
        self._running = dict(before.running)
        if before.record is None:
            stop(list(self._running.values()))
            self._running.clear()
        elif before.record.enforce_iam != enforce_iam:
            self._stop("emulator")

    def _stop(self, name: str) -> None:
        if name in self._running:
            stop([self._running.pop(name)])

    def provider(self) -> tuple[simulator.Provider, str]:
        """The provider, and the API key that it takes."""
        identity = self._identity
        if (external := simulator.external(self._environment)) is not None:
            self._stop("provider")
            return external, self._environment.get("TELNYX_API_KEY") or identity.telnyx_api_key
        # A real key in the environment is none of the simulator's business.
        if (kept := self._kept_provider()) is not None:
            return kept, identity.telnyx_api_key
        self._stop("provider")
        with self._progress.step("Start the simulated provider") as step:
            made = simulator.start(self._layout, identity.provider_port, identity.telnyx_api_key, self.number)
            step.result = moved(identity.provider_port, made.port)
        assert made.child is not None
        self.started.append(made.child)
        identity.provider_port = made.port
        identity.provider_code = simulator.code()
        return made, identity.telnyx_api_key

    def _kept_provider(self) -> simulator.Provider | None:
        """The simulated provider that runs, if it is of today's code and of this number."""
        identity, record = self._identity, self._record
        if (
            "provider" not in self._running
            or record is None
            or not identity.provider_port
            or identity.provider_code != simulator.code()
            or record.parameters.get("TelnyxLongCode") != self.number
        ):
            return None
        return simulator.Provider(
            record.telnyx_base_url,
            record.telnyx_public_key,
            record.simulator_url,
            self._running["provider"],
            identity.provider_port,
        )

    def emulator(self) -> emulators.Emulator:
        """The emulator; what was started is in the identity from then on."""
        identity = self._identity
        if "emulator" in self._running and identity.emulator_port:
            made = emulators.Emulator(self._running["emulator"], identity.emulator_port)
        else:
            with self._progress.step("Start the AWS emulator") as step:
                made = emulators.start(self._layout, identity.emulator_port, enforce_iam=self.enforce_iam)
                step.result = moved(identity.emulator_port, made.port)
            self.started.append(made.child)
            identity.emulator_port = made.port
        identity.save(self._layout)
        return made

    def restore_record(self) -> None:
        """Write the record as it was before."""
        if self._record is None:
            self._layout.record.unlink(missing_ok=True)
        else:
            self._record.save(self._layout)

    def console(self, stack: Stack) -> Stack:
        """The record with the console of this stack, started unless one of this code and stack runs."""
        identity, code = self._identity, consoles.code(stack)
        if "console" in self._running and identity.console_port and identity.console_code == code:
            child, port = self._running["console"], identity.console_port
        else:
            self._stop("console")
            with self._progress.step("Start the console") as step:
                child, port = consoles.start(self._layout, identity.console_port)
                step.result = moved(identity.console_port, port)
            self.started.append(child)
            identity.console_port, identity.console_code = port, code
            identity.save(self._layout)
        return replace(
            stack,
            console_url=f"http://127.0.0.1:{port}",
            pids=stack.pids | {"console": child.pid},
            started=stack.started | {"console": child.started},
        )


def _deployed(
    deployer: deployments.Deployer,
    build: builds.Build,
    parameters: dict[str, str],
    layout: Layout,
    progress: Progress,
) -> tuple[dict[str, str], deployments.Deployment]:
    """Deploy, if anything changed; the parameters as they came to be, and what was deployed."""
    with progress.step("Deploy the template") as step:
        try:
            if deployer.deployed() == deployments.fingerprint(build, parameters):
                step.result = "nothing changed"
            else:
                parameters = deployer.deploy(build, parameters)
            return parameters, deployer.describe(build)
        except (BotoCoreError, ClientError) as exc:
            raise LocalError(
                f"The AWS emulator refused: {exc}", log=layout.log("emulator"), hint=START_AFRESH
            ) from exc


def _record(
    layout: Layout,
    build: builds.Build,
    provider: simulator.Provider,
    emulator: emulators.Emulator,
    deployment: deployments.Deployment,
    parameters: dict[str, str],
    start: _Start,
) -> Stack:
    children = {"emulator": emulator.child} | ({"provider": provider.child} if provider.child else {})
    return Stack(
        api_url=deployment.api_url,
        api_key=deployment.api_key,
        aws_endpoint_url=emulator.url,
        region=emulators.REGION,
        telnyx_base_url=provider.base_url,
        telnyx_public_key=provider.public_key,
        simulator_url=provider.simulator_url,
        console_url="",
        pids={name: child.pid for name, child in children.items()},
        started={name: child.started for name, child in children.items()},
        from_number=start.number,
        stack_name=deployments.STACK_NAME,
        queue_url=deployment.queue_url,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        messages_table=deployment.messages_table,
        limits_table=deployment.limits_table,
        functions=deployment.functions,
        log_groups=deployment.log_groups,
        # One that was set before and not this time is kept, as CloudFormation does.
        parameters=deployment.parameters | parameters,
        enforce_iam=start.enforce_iam,
        build=str(build.path),
        logs={name: str(layout.log(name)) for name in ("build", "provider", "deploy", "emulator", "console")},
    )


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
