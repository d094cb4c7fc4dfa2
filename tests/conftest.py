"""The tests that run in this process know no network: a socket is a failure."""

import functools
import gc
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import hooks
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from pytest_socket import disable_socket, enable_socket
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

from tests import chance

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
IN_PROCESS = ("unit", "contract", "functional")


def pytest_report_header() -> str:
    """The seed of what is drawn by chance."""
    return f"TEST_SEED={chance.SEED}" + (" FULL=1" if chance.FULL else "")


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


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end they would keep one worker alone."""
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(unit(item.nodeid), len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def aws_models_read_once() -> Iterator[None]:
    """Let all sessions of this process share what botocore knows of AWS: a client is made in 2 ms, not in 30."""
    loaders: dict[str | None, Loader] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            botocore.session, "create_loader", lambda path=None: loaders.setdefault(path, create_loader(path))
        )
        # Each session finds out for each of its hundreds of handlers which old name of a service its event has.
        found, names = EventAliaser._alias_event_name, dict[str, str]()  # type: ignore[attr-defined]  # its own

        def alias(self: EventAliaser, event_name: str) -> str:
            if event_name not in names:
                names[event_name] = found(self, event_name)
            return names[event_name]

        patch.setattr(EventAliaser, "_alias_event_name", alias)
        # And looks at the signature of each; and each client makes all methods of its service anew.
        patch.setattr(hooks, "accepts_kwargs", functools.cache(hooks.accepts_kwargs))
        create, methods = ClientCreator._create_methods, dict[str, dict[str, Any]]()  # type: ignore[attr-defined]  # its own

        def created(self: ClientCreator, service_model: ServiceModel) -> dict[str, Any]:
            name = service_model.service_name
            methods[name] = methods.get(name) or create(self, service_model)
            return dict(methods[name])

        patch.setattr(ClientCreator, "_create_methods", created)
        yield


@pytest.fixture(scope="session", autouse=True)
def tls_and_moto_looked_up_once() -> Iterator[None]:
    """Each client of httpx reads all certificates of the world, for 20 ms; each call of moto its own methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        patch.setattr(responses, "method_names_from_class", functools.cache(method_names_from_class))
        patch.setattr(BaseJSONSerializer, "_serialize_type_structure", _serialized)
        yield


_serialized_by_moto = BaseJSONSerializer._serialize_type_structure


# Any: a value, and its shape in botocore's model.
def _serialized(self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """As moto does it; but of an attribute's value it looks for each of ten types under several names, which is a
    third of the time of all calls: here what is there is taken.
    """
    if shape.name != "AttributeValue" or type(value) is not dict or not value.keys() <= shape.members.keys():
        _serialized_by_moto(self, serialized, value, shape, key)
        return
    found: dict[str, Any] = {}
    for kind, inner in value.items():
        self._serialize(found, inner, shape.members[kind], kind)
    self._default_serialize(serialized, found, shape, key)


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
