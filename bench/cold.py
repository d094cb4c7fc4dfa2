"""How long a function takes from nothing to its first answer, as it is built, at its deployed share of a CPU."""

import compileall
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from typing import Any, Literal

from bench import ROOT, cloud, functions, quota
from bench.cloud import Call, Cloud, RuntimeApi
from bench.floor import program
from bench.functions import LAYERS, PYTHON
from devtools.local_stack import invoke, sam_template
from devtools.local_stack.build import Build
from devtools.local_stack.emulator import REGION
from devtools.local_stack.layout import aws_environment
from devtools.local_stack.problems import LocalError

# What a function may be without an answer, whatever its quota.
_PATIENCE_S = 60.0

Kind = Literal["function", "floor", "bare", "sdk"]


@dataclass(slots=True)
class Start:
    """One start, in milliseconds of the clock and of a CPU. `elsewhere_ms` of the call were not the function's."""

    init_ms: float
    call_ms: float
    init_cpu_ms: float
    call_cpu_ms: float
    calls: int
    elsewhere_ms: float

    @property
    def answer_ms(self) -> float:
        """From the start of the process to the answer."""
        return self.init_ms + self.call_ms


@dataclass(slots=True)
class Subject:
    """What is started: the folders that it may import from, and how much memory it has."""

    name: str
    kind: Kind
    memory_mb: int
    paths: tuple[Path, ...]
    event: Callable[[], Any]
    variables: dict[str, str]
    # What its answer has to say; None for what is not called over HTTP.
    status: int | None = None
    # Where the other subjects' bytecode lies beside its source, this one's is kept here.
    bytecode: Path | None = None
    # The name of the floor that a function is compared with: functions with the same clients share one.
    floor: str | None = None
    starts: list[Start] = field(default_factory=list)

    def middle(self, what: Callable[[Start], float]) -> float:
        """The median of all starts."""
        return median(map(what, self.starts))

    def most(self, what: Callable[[Start], float]) -> float:
        """The worst of all starts."""
        return max(map(what, self.starts))


class Workshop:
    """The built functions, ready to be started: what they trust, and the runtime's client, compiled."""

    def __init__(self, build: Build, folder: Path, cloud_port: int) -> None:
        self.template = sam_template.load(build.template)
        self._build = build.path
        self._folder = folder
        self._cloud = f"https://127.0.0.1:{cloud_port}"
        self._layers = [folder / name for name in LAYERS]
        self._known: dict[str, tuple[str, ...]] = {}
        for layer in self._layers:
            # Copied, so each file is younger than its bytecode says: as on Lambda, where each is of 1980.
            shutil.copytree(build.path / layer.name, layer, copy_function=shutil.copyfile)
        root = (folder / "root.pem").read_text()
        for roots in self._layers[0].rglob("*.pem"):
            roots.write_text(roots.read_text() + root)
        self._client = folder / "runtime"
        shutil.copytree(invoke.runtime_client(), self._client)
        # On Lambda it is a part of the image, and compiled.
        compileall.compile_dir(self._client, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)

    def function(self, name: str, memory_mb: int) -> Subject:
        """A function as it is built."""
        code = self._build / invoke.logical_id_of(name, self.template)
        paths = (code, *(layer / "python" for layer in self._layers))
        variables = functions.variables_of(name, self.template, self._cloud)
        made = self._subject(name, "function", memory_mb, paths, lambda: functions.event_of(name), variables)
        status = re.match(r"[a-z]+-([2-5][0-9]{2})-", functions.sample(name))
        made.status = int(status[1]) if status else None
        made.floor = " + ".join(("floor", *self._talks_to(name)))
        return made

    def floor(self, name: str, memory_mb: int) -> Subject:
        """The same AWS clients, logger, metrics and HTTP client as `name` has, and nothing else."""
        talks_to = self._talks_to(name)
        code = self._write(" + ".join(("floor", *talks_to)), program(talks_to))
        return self._subject(code.name, "floor", memory_mb, (code, self._layers[0] / "python"), dict, {})

    def _talks_to(self, name: str) -> tuple[str, ...]:
        if name not in self._known:
            self._known[name] = functions.started(name, self._build, self.template).talks_to
        return self._known[name]

    def bare(self, memory_mb: int) -> Subject:
        """The runtime's client and a handler that does nothing."""
        code = self._write("bare", "def lambda_handler(event, context):\n    return {}\n")
        return self._subject("bare", "bare", memory_mb, (code,), dict, {})

    def sdk(self, memory_mb: int) -> Subject:
        """`import telnyx, flask`: the provider's SDK and a web framework, from an environment with no more."""
        code = self._write("sdk", "import telnyx, flask\ndef lambda_handler(event, context):\n    return {}\n")
        made = self._subject("sdk", "sdk", memory_mb, (code, sdk_packages()), dict, {})
        made.bytecode = self._folder / "sdk-bytecode"
        return made

    def _subject(
        self,
        name: str,
        kind: Kind,
        memory_mb: int,
        paths: tuple[Path, ...],
        event: Callable[[], Any],
        variables: dict[str, str],
    ) -> Subject:
        aws = aws_environment(self._cloud, REGION)
        variables = variables | aws | {"POWERTOOLS_SERVICE_NAME": "bench", "TELNYX": f"{self._cloud}/v2/messages"}
        return Subject(name, kind, memory_mb, (*paths, self._client), event, variables)

    def _write(self, name: str, source: str) -> Path:
        code = self._folder / name
        code.mkdir(exist_ok=True)
        (code / "app.py").write_text(source)
        return code


def sdk_packages() -> Path:
    """The packages of locks/sdk.txt, installed the first time."""
    folder = ROOT / ".local" / "venv-sdk"
    target = f"{folder.relative_to(ROOT)}/.synced"
    done = subprocess.run(["make", "--silent", target], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(
            f"What the functions are compared with is not installed:\n{done.stderr[-2000:]}",
            hint="Try again where packages can be had, or leave it out: --no-sdk.",
        )
    return next((folder / "lib").glob("python*/site-packages"))


class Stage:
    """Where subjects are started, one at a time."""

    def __init__(self, api: RuntimeApi, api_port: int, cloud: Cloud, group: quota.Group, folder: Path) -> None:
        self._api, self._api_port, self._cloud = api, api_port, cloud
        self._group = group
        self._folder = folder

    def start(self, subject: Subject, init_cpus: float | None) -> Start:
        """Start it once. `init_cpus` is what it may use until it is ready, None as much as afterwards."""
        cpus = quota.share(subject.memory_mb)
        at_ready: list[float] = []
        at_done: list[float] = []

        def ready() -> None:
            at_ready.append(self._group.used_ms())
            self._group.allow(cpus)

        call = Call(subject.event(), _PATIENCE_S, ready, lambda: at_done.append(self._group.used_ms()))
        with self._cloud.fresh() as names:
            self._api.call = call
            self._group.allow(cpus if init_cpus is None else init_cpus)
            used, started = self._group.used_ms(), time.perf_counter()
            with self._running(subject, names):
                call.ended.wait(_PATIENCE_S)
        log = (self._folder / "log").read_text(errors="replace")
        problem = call.error or refusal(call.answer, subject.status)
        if problem or call.ready_at is None or call.done_at is None:
            raise LocalError(f"{subject.name} gave no good answer: {problem or 'it said nothing.'}\n{log[-3000:]}")
        return Start(
            init_ms=(call.ready_at - started) * 1000,
            call_ms=(call.done_at - call.given_at) * 1000,
            init_cpu_ms=at_ready[0] - used,
            call_cpu_ms=at_done[0] - at_ready[0],
            calls=self._cloud.calls,
            elsewhere_ms=self._cloud.seconds * 1000,
        )

    @contextmanager
    def _running(self, subject: Subject, names: dict[str, str]) -> Iterator[None]:
        environment = functions.environment(subject.paths, subject.name, subject.memory_mb, subject.variables)
        environment |= {
            "HOME": str(self._folder),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api_port}",
            **names,
        }
        if subject.bytecode:
            del environment["PYTHONDONTWRITEBYTECODE"]
            environment["PYTHONPYCACHEPREFIX"] = str(subject.bytecode)
        join = "".join(f'echo $$ > "{file}"; ' for file in self._group.members)
        command = [str(PYTHON), "-S", "-m", "awslambdaric", "app.lambda_handler"]
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f'{join}exec "$@"', "sh", *command],
                env=environment,
                cwd=subject.paths[0],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                yield
            finally:
                process.kill()
                process.wait()


# Any: an answer is whatever the function's trigger takes.
def refusal(answer: Any, status: int | None) -> str | None:
    """What is wrong with an answer; None of a good one."""
    answer = answer if isinstance(answer, dict) else {}
    if answer.get("statusCode") != status or answer.get("batchItemFailures"):
        return json.dumps(answer)
    return None


def measure(
    subjects: Sequence[Subject], stage: Stage, rounds: int, init_cpus: float | None, watch: Callable[[], None]
) -> None:
    """Start all of them in turn, `rounds` times and once before, which only fills the caches of files."""
    for number in range(rounds + 1):
        for subject in subjects:
            start = stage.start(subject, init_cpus)
            if number:
                subject.starts.append(start)
            watch()


def subjects(
    made: Workshop, names: Sequence[str], memories: Sequence[int], *, floors: bool, sdk: bool
) -> list[Subject]:
    """Each function at each of `memories`, or at its own; then what to compare them with."""
    subjects = [
        made.function(name, memory)
        for name in names
        for memory in memories or [functions.memory_of(name, made.template)]
    ]
    others: dict[tuple[str, int], Subject] = {}
    for function in subjects:
        memory = function.memory_mb
        if floors:
            others.setdefault((str(function.floor), memory), made.floor(function.name, memory))
            others.setdefault(("bare", memory), made.bare(memory))
        if sdk:
            others.setdefault(("sdk", memory), made.sdk(memory))
    return subjects + list(others.values())


@contextmanager
def workshop(build: Build, folder: Path) -> Iterator[tuple[Workshop, Stage]]:
    """All that is needed to measure `build`; `folder` is empty, and is filled."""
    with quota.group() as group, cloud.running(folder) as (api, api_port, aws, cloud_port):
        yield Workshop(build, folder, cloud_port), Stage(api, api_port, aws, group, folder)
