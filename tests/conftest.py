"""The tests that run in this process know no network: a socket is a failure."""

import contextlib
import gc
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

from tests import chance
from tests.browser import browsers
from tests.support import moto_in_less_time

# What is imported from here on stays: looking through it for garbage takes a tenth of the collection.
gc.disable()
TESTS = Path(__file__).parent
# The operators' stack is theirs alone, as they pause it.
OPERATED = ("tests/longcode_cli/test_cli_stack.py", "tests/longcode_cli/test_cli_smoke.py")
# Stacks wait more than they work: three of them leave a worker of four to what only works, so that no processor is
# idle. The other two follow soon, so that no stack is the last.
FIRST = (
    "tests/stack/test_stack_faults.py",
    "tests/contract/test_search_index_contract.py",
    "tests/stack/test_stack_lifecycle.py",
    "tests/stack",
    "tests/faults/test_faults_outages.py",
    "tests/contract/test_odd_words_in_tables.py",
    OPERATED[0],
    "tests/contract/test_at_once.py",
    "tests/stack/test_stack_telemetry.py",
    "tests/scan/test_scan.py",
)
IN_PROCESS = ("unit", "contract", "functional", "client")


def pytest_report_header() -> str:
    """The seed of what is drawn by chance."""
    return f"TEST_SEED={chance.SEED}" + (" FULL=1" if chance.FULL else "")


def pytest_sessionstart() -> None:
    """Run nothing where the browser tests are required and can't be run."""
    if browsers.REQUIRED and (line := browsers.missing()):
        raise pytest.UsageError(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which browser tests were not run; the run passes without them, but for `BROWSER_TESTS=required`."""
    if line := browsers.missing():
        terminalreporter.write_line(line)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # so that this is one of Any
    """A file goes to one worker, and so do all files that use the same stack: none waits for it to come up."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """What one worker runs as a whole."""
    path = nodeid.partition("::")[0]
    if path in OPERATED:
        return OPERATED[0]
    # SAM transforms the template once for all of them.
    if path.startswith("tests/template/"):
        return "tests/template"
    return "tests/stack" if path.startswith("tests/stack/") and path not in FIRST else path


def pytest_configure(config: pytest.Config) -> None:
    """In a new clone no test is compiled yet, which takes 6 s: each worker imports another share of them first.

    All of them import all tests in the same order otherwise, and each compiles each.
    """
    if not (mine := getattr(config, "workerinput", None)):
        return
    place, of = int(mine["workerid"].removeprefix("gw")), mine["workercount"]
    for path in sorted(TESTS.rglob("test_*.py"))[place::of]:
        name = ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
        cached = path.parent / "__pycache__"
        if not any(cached.glob(f"{path.stem}.*-pytest-*.pyc")):
            # One that fails is reported when it is collected.
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end they would keep one worker alone."""
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(unit(item.nodeid), len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def aws_in_less_time() -> Iterator[None]:
    """Calls of AWS's SDK and of moto are most of the work of all tests."""
    with pytest.MonkeyPatch.context() as patch:
        moto_in_less_time.install(patch)
        yield


def pytest_collection_finish() -> None:
    """What is imported by now stays: it need not be gone through again for each generation of garbage."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forbid sockets to unit, contract and functional tests."""
    if request.path.relative_to(TESTS).parts[0] not in IN_PROCESS:
        yield
        return
    disable_socket()
    yield
    enable_socket()
