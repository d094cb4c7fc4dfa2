"""`up` and `down`: a stack comes back as it was, and survives what happens on a laptop."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml

from devtools.local_stack import build as builds
from devtools.local_stack import deploy, sam_template
from devtools.local_stack import stack as stacks
from devtools.local_stack.emulator import REGION
from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.processes import Child, alive, registered, spawn
from devtools.local_stack.release import alias_of
from tests.stack.world import RUNS, Silent, up

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    """The directory of a stack of these tests' own."""
    layout = Layout.of(RUNS / f"lifecycle-{os.getpid()}")
    yield layout
    stacks.down(layout, Silent(), forget=True)


def _put(stack: Stack, key: str) -> None:
    _dynamodb(stack).put_item(TableName=stack.messages_table, Item={"pk": {"S": key}})


def _has(stack: Stack, key: str) -> bool:
    return "Item" in _dynamodb(stack).get_item(TableName=stack.messages_table, Key={"pk": {"S": key}})


def _dynamodb(stack: Stack) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=stack.aws_endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _send(stack: Stack) -> None:
    headers, body = {"x-api-key": stack.api_key}, {"to": "+12025550114", "message": "Hello"}
    answer = httpx.post(f"{stack.api_url}/sms/send", json=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text


def _tracked(stack: Stack) -> int:
    tracked: int = httpx.get(f"{stack.api_url}/health", trust_env=False, timeout=30).json()["tracked_messages"]
    return tracked


def _up(layout: Layout, **parameters: str) -> Stack:
    return up(layout, parameters=parameters)


def test_a_stack_comes_back_with_its_addresses_its_key_and_its_data(
    layout: Layout, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    first = _up(layout)
    assert _up(layout).pids == first.pids  # already up: nothing is started again
    _put(first, "M#kept")
    _send(first)
    eventually(lambda: _tracked(first) == 1)

    assert stacks.down(layout, Silent())
    assert not layout.record.exists()
    assert not any(alive(Child(pid, first.started[name])) for name, pid in first.pids.items())
    assert not stacks.down(layout, Silent())

    again = _up(layout)
    assert (again.api_url, again.api_key, again.telnyx_public_key) == (
        first.api_url,
        first.api_key,
        first.telnyx_public_key,
    )
    assert again.telnyx_base_url == first.telnyx_base_url
    assert _has(again, "M#kept")
    # What changes from here on is published and counted too.
    _send(again)
    eventually(lambda: _tracked(again) == 2)

    # A laptop's battery dies: the record is of processes that are no more.
    for pid in again.pids.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not stacks.state(layout).running)
    third = _up(layout)
    assert third.api_url == first.api_url
    assert stacks.state(layout).up

    _busy(third)
    begun = time.monotonic()
    stacks.down(layout, Silent())
    assert time.monotonic() - begun < 10


def _busy(stack: Stack) -> None:
    """Let eight callers queue texts for as long as they get answers."""
    first = threading.Barrier(9)

    def call(number: int) -> None:
        headers, body = {"x-api-key": stack.api_key}, {"to": f"+120255501{number}", "message": "Hello"}
        with (
            httpx.Client(headers=headers, timeout=30, trust_env=False) as api,
            contextlib.suppress(httpx.HTTPError),
        ):
            api.post(f"{stack.api_url}/sms/queue", json=body)
            first.wait()
            while True:
                api.post(f"{stack.api_url}/sms/queue", json=body)

    for number in range(20, 28):
        threading.Thread(target=call, args=(number,), daemon=True).start()
    first.wait()


@pytest.mark.parametrize("then", ["down", "up"])
def test_what_a_make_up_that_was_killed_has_started_is_ended_by_the_next_command(
    tmp_path: Path, eventually: Callable[[Callable[[], Any]], Any], then: str
) -> None:
    layout = Layout.of(tmp_path)
    command = [sys.executable, "-m", "devtools.local_stack", "up", "--dir", str(tmp_path)]
    starter = spawn(command, env=dict(os.environ), log=tmp_path / "log", cwd=ROOT)
    # It has both processes, and has still to deploy to them.
    left = eventually(lambda: len(found := registered(layout.processes)) == 2 and found)
    os.kill(starter.pid, signal.SIGKILL)
    eventually(lambda: not alive(starter))
    assert not layout.record.exists()
    assert all(map(alive, left))

    if then == "down":
        assert stacks.down(layout, Silent())
    else:
        with pytest.raises(LocalError, match="no parameter Nonsense"):
            _up(layout, Nonsense="1")

    assert not any(map(alive, left))
    assert registered(layout.processes) == []


def test_the_next_up_ends_what_a_start_that_was_killed_has_left(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    left = spawn(command, env={}, log=tmp_path / "log", cwd=tmp_path, register=layout.processes)
    with pytest.raises(LocalError, match="no parameter Nonsense"):
        _up(layout, Nonsense="1")
    assert not alive(left)


def test_a_parameter_that_the_template_does_not_have_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    layout = Layout.of(tmp_path)
    with pytest.raises(LocalError, match="no parameter Nonsense"):
        _up(layout, Nonsense="1")
    assert not layout.record.exists()


def _interval_ms(stack: Stack) -> str:
    """What the function that is called for POST /sms/queue has in its settings."""
    functions = boto3.client(
        "lambda",
        endpoint_url=stack.aws_endpoint_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    found = functions.get_function_configuration(FunctionName=alias_of(stack.functions["queue"]))
    assert found["Version"] != "$LATEST"
    return found["Environment"]["Variables"]["RECIPIENT_INTERVAL_MS"]


def _kept(build: Path) -> tuple[list[str], list[str]]:
    """What is kept of a build: the names of its archives, which follow from their content, and its templates."""
    files = list((build / "sam-package").iterdir())
    # A template that names others has their address in it, and its name follows from that.
    texts = [json.dumps(json.loads(file.read_text()), sort_keys=True) for file in files if file.suffix]
    templates = [re.sub(r"[0-9a-f]{32}\.template", "nested", text) for text in texts]
    return sorted(file.name for file in files if not file.suffix), sorted(templates)


def test_the_address_follows_the_api_through_every_change_of_its_definition(
    layout: Layout, tmp_path: Path
) -> None:
    _up(layout, RecipientIntervalMs="50")
    stack = _up(layout)
    # What was set before is kept, as CloudFormation does, and known.
    assert stack.parameters["RecipientIntervalMs"] == "50"
    assert _interval_ms(stack) == "50"
    # A parameter alone makes no version for SAM; its alias moves all the same.
    stack = _up(layout, RecipientIntervalMs="60")
    assert _interval_ms(stack) == "60"
    deployer = deploy.Deployer(stack.aws_endpoint_url, layout)
    build = builds.build(layout.log("build"))

    def deployed_with(change: Callable[[dict[str, Any]], None]) -> deploy.Deployment:
        template = sam_template.load(build.template)
        change(template["Resources"])
        changed = builds.Build(tmp_path / str(len(list(tmp_path.iterdir()))), str(tmp_path), fresh=True)
        shutil.copytree(build.path, changed.path, ignore=shutil.ignore_patterns("sam-package*"))
        changed.template.write_text(yaml.safe_dump(template))
        webhook_url = f"{deployer.api_url(template)}/webhooks/message"
        parameters = deployer.deploy(changed, stack.parameters | {"WebhookUrl": webhook_url})
        found = deployer.describe(changed)
        assert parameters["WebhookUrl"] == f"{found.api_url}/webhooks/message"
        assert httpx.get(f"{found.api_url}/health", trust_env=False, timeout=30).status_code == 200
        return found

    # Nothing that the routes are made of: the emulator keeps the API.
    renamed = deployed_with(lambda resources: resources["Api"]["Properties"].update(Description="Another"))
    assert renamed.api_url == stack.api_url
    # SAM deployed that, and the stack before it is made of what is kept of a build: the same but for this.
    (archives, templates), before = _kept(tmp_path / "0"), _kept(build.path)
    assert sum('"Description": "Another", ' in text for text in templates) == 1
    assert (archives, sorted(text.replace('"Description": "Another", ', "") for text in templates)) == before
    # Another route: the emulator makes another API.
    more = {"Type": "Api", "Properties": {"RestApiId": {"Ref": "Api"}, "Path": "/{proxy+}", "Method": "OPTIONS"}}
    moved = deployed_with(lambda resources: resources["HealthFunction"]["Properties"]["Events"].update(More=more))
    assert moved.api_url != stack.api_url
    assert moved.api_key == stack.api_key
    headers = {"x-api-key": moved.api_key}
    answer = httpx.options(f"{moved.api_url}/well", headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200
