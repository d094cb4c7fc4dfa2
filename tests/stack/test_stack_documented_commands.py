"""Each command that the documents show is one that works: it runs, or its program knows every word of it."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore import xform_name
from typer import Typer
from typer.testing import CliRunner

from devtools.local_stack import cli, sam_template
from devtools.local_stack.build import sam_environment
from devtools.local_stack.layout import ROOT, Stack
from longcode_cli import main
from tests.longcode_cli.world import run as longcode
from tests.stack.pictures import serving

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "bench/README.md",
    ROOT / "events/README.md",
]
# What the AWS command line adds to an operation's own parameters, and its commands that are no operation.
OF_EVERY_AWS_COMMAND = {"query", "output", "profile", "region"}
LOGS_TAIL = {"since", "filter-pattern", "follow"}
# What surrounds commands in a page.
SHELL = {
    "API",
    "KEY",
    "CONTROL",
    "TABLE",
    "BACKUP",
    "PLAN",
    "BUILT",
    "NEW",
    "PATH",
    "date",
    "export",
    "eval",
    "read",
    "output",
    "resource",
    "end_queue",
}
# The local stack is up already, and these would install into or deploy from this checkout.
ONLY_LOOKED_AT = {"make", "sam", "pip"}


def commands(page: Path) -> list[str]:
    """The commands of a page's bash blocks, each in one line and without its comment."""
    found = []
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
        joined = re.sub(r"\\\n\s*", " ", block)
        joined = re.sub(r"\n\s*(?=--)", " ", joined)
        lines = [re.sub(r"(^|\s)# .*$", "", line).strip() for line in joined.splitlines()]
        found += [line for line in lines if line]
    return found


def inline(page: Path) -> list[str]:
    """The commands in the running text of a page: those of `longcode` and `make` with their words."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`((?:\./)?longcode [a-z][^`]*|make [a-z][^`]*)`", text)
    return [command.replace("longcode ", "./longcode ", 1) if command[0] == "l" else command for command in found]


COMMANDS = {
    f"{page.relative_to(ROOT).as_posix()}: {command}": command
    for page in PAGES
    for command in (*commands(page), *inline(page))
}


def programs(command: str) -> list[str]:
    """A command and those whose output it takes, by `$(…)`, a pipe or `&&`; the innermost first."""
    found: list[str] = []
    while inner := re.search(r"\$\(([^()]*)\)", command):
        found += programs(inner[1])
        command = command.replace(inner[0], "X")
    found += [part.strip() for part in re.split(r"\s(?:&&|\|)\s(?=[\w./])", command)]
    return found


def known(program: str) -> str | None:
    """What kind of program it is, None for one that nothing here looks at."""
    program = re.sub(r"^(?:\w+\(\) *\{ *)", "", program)
    program = re.sub(r"^\w+=(?!\$\()\S+\s+(?=\S)", "", program)
    word = re.split(r"[\s=(]", program, maxsplit=1)[0]
    kinds = {
        "./longcode": "longcode",
        "longcode": "longcode",
        ".venv/bin/python": "python",
        "python3": "python",
        ".local/venv-sam/bin/sam": "sam local",
    }
    return kinds.get(word) or (
        word if word in {"aws", "curl", *ONLY_LOOKED_AT} else "shell" if word in SHELL else None
    )


def of_kind(kind: str) -> list[str]:
    found = {program for command in COMMANDS.values() for program in programs(command) if known(program) == kind}
    assert found
    return sorted(found)


def options(program: str) -> set[str]:
    """The long options of a program, without their dashes."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "X", program)
    return set(re.findall(r"(?<=\s)--([a-z][a-z0-9-]*)", bare))


def test_each_command_is_of_a_kind_that_is_tried_here() -> None:
    unknown = [where for where, command in COMMANDS.items() for program in programs(command) if not known(program)]

    assert unknown == []
    assert len(COMMANDS) > 80


def test_each_make_target_exists_and_takes_its_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for program in of_kind("make"):
        words = shlex.split(program)
        done = subprocess.run(
            ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )

        assert done.returncode == 0, (program, done.stderr)
        for variable in re.findall(r"\b([A-Z_]+)=", program):
            assert f"$({variable})" in makefile, (program, variable)


def test_each_longcode_command_knows_its_options() -> None:
    helps: dict[str, str] = {}
    for program in of_kind("longcode"):
        words = shlex.split(program)[1:3]
        # A group's commands have options of their own.
        words = words if isinstance(main.COMMANDS.get(words[0]), Typer) else words[:1]
        name = " ".join(words)
        if name.startswith("-"):
            continue
        if name not in helps:
            # In this process: seventeen starts of the program would take ten seconds of a processor.
            done = longcode(*words, "--help", env={"COLUMNS": "200"})
            assert done.exit_code == 0, (program, done.output)
            helps[name] = done.stdout

        assert [option for option in options(program) if f"--{option}" not in helps[name]] == [], program
    assert len(helps) > 10


def test_each_aws_command_is_an_operation_with_such_parameters() -> None:
    session = botocore.session.Session()
    for program in of_kind("aws"):
        service, name = re.findall(r"\baws ([\w-]+) ([\w-]+)", program)[0]
        given = options(program) - OF_EVERY_AWS_COMMAND
        if (service, name) == ("logs", "tail"):
            assert given <= LOGS_TAIL, program
            continue
        if name == "wait":
            waiter = re.findall(r"\bwait ([\w-]+)", program)[0].replace("-", "_")
            waiters = session.get_waiter_model(service).waiter_names
            assert waiter in {xform_name(one) for one in waiters}, program
            continue
        model = session.get_service_model(service)
        operation = {xform_name(one, "-"): one for one in model.operation_names}.get(name)
        assert operation, program
        shape = model.operation_model(operation).input_shape
        parameters = {xform_name(member, "-") for member in shape.members} if shape else set()
        assert {re.sub(r"^no-", "", option) for option in given} <= parameters, program


def test_each_command_of_sam_local_knows_its_options_and_names_a_function_and_an_event() -> None:
    functions = sam_template.functions(sam_template.load(ROOT / "template.yaml"))
    helps: dict[str, str] = {}
    for program in of_kind("sam local"):
        words = shlex.split(program)
        name = words[2]
        if name not in helps:
            asked = [str(ROOT / words[0]), *words[1:3], "--help"]
            done = subprocess.run(asked, capture_output=True, text=True, check=True, env=sam_environment())
            helps[name] = done.stdout
        assert [option for option in options(program) if f"--{option}" not in helps[name]] == [], program
        if name == "invoke":
            assert words[3] in functions, program
            assert (ROOT / words[words.index("--event") + 1]).is_file(), program
    assert {"invoke", "start-api"} <= set(helps)


def test_each_command_of_the_local_stack_knows_its_options() -> None:
    # In this process: a start of the program takes half a second.
    tried = 0
    for program in of_kind("python"):
        words = re.sub(r"[<>|].*$", "", program).split()
        if words[1:3] != ["-m", "devtools.local_stack"] or "--help" in words:
            continue
        done = CliRunner().invoke(cli.app, [words[3], "--help"], env={"COLUMNS": "200"})
        assert done.exit_code == 0, program
        assert [option for option in options(program) if f"--{option}" not in done.output] == [], program
        tried += 1
    assert tried >= 5


@pytest.fixture(scope="module")
def message_id(api: httpx.Client) -> str:
    answer = api.post("/sms/send", json={"to": "+13085550119", "message": "Hello"})
    assert answer.status_code == 200
    return str(answer.json()["message_id"])


def waiting_id(api: httpx.Client) -> str:
    """A text with so many before it that it still waits when it is to be cancelled."""
    for n in range(10):
        answer = api.post("/sms/queue", json={"to": "+13085550118", "message": f"text {n}"})
        assert answer.status_code == 202
    return str(answer.json()["message_id"])


def run(program: str, stack: Stack, message_id: str) -> str:
    """What a documented command prints on the shared stack, with a text and numbers of this file's own."""
    program = re.sub(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", message_id, program)
    program = re.sub(r"\+1[0-9]{3}555(?=01)", "+1308555", program)
    program = program.replace("Idempotency-Key: ", "Idempotency-Key: documented-")
    program = program.replace(
        "devtools.local_stack sign", f"devtools.local_stack sign --dir {shlex.quote(stack_home(stack))}"
    )
    done = subprocess.run(
        ["bash", "-c", program],
        cwd=ROOT,
        # The key of the page on test keys may be any: what differs is tried by tests of its own.
        env=os.environ | {"API": stack.api_url, "KEY": stack.api_key, "TEST_KEY": stack.api_key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (program, done.stderr)
    return done.stdout


def stack_home(stack: Stack) -> str:
    return str(Path(stack.logs["emulator"]).parent.parent)


def held_id(api: httpx.Client) -> str:
    """A text that is held for an hour."""
    send_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"to": "+12022460199", "message": "Hello", "send_at": send_at}
    return str(api.post("/sms/queue", json=body).json()["message_id"])


def test_each_call_of_the_api_is_answered_as_the_page_says(
    stack: Stack, api: httpx.Client, message_id: str
) -> None:
    calls = [command for command in COMMANDS.values() if "curl" in command and "()" not in command]
    assert len(calls) > 10
    with serving() as pictures:
        for call in dict.fromkeys(calls):
            ident = message_id
            if "/sms/queue/" in call:
                ident = held_id(api) if "PATCH" in call else waiting_id(api)
            seen = call.replace("https://example.com/ticket.png", f"{pictures}/a.png")
            answer: dict[str, Any] = json.loads(run(seen, stack, ident))

            assert "code" not in answer, (call, answer)


def test_each_program_of_the_developers_runs(stack: Stack, message_id: str) -> None:
    for program in of_kind("python"):
        if "--help" in program:
            assert "usage" in run(program.replace("python3", sys.executable), stack, message_id).lower(), program


def test_a_wrong_option_or_operation_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    check: list[tuple[str, Callable[[], None]]] = [
        ("./longcode queue --no-such-option", test_each_longcode_command_knows_its_options),
        ("make no-such-target", test_each_make_target_exists_and_takes_its_variables),
        ("aws lambda no-such-operation", test_each_aws_command_is_an_operation_with_such_parameters),
        (
            "aws lambda get-function --no-such-parameter x",
            test_each_aws_command_is_an_operation_with_such_parameters,
        ),
        ("docker ps", test_each_command_is_of_a_kind_that_is_tried_here),
    ]
    for wrong, test in check:
        monkeypatch.setitem(COMMANDS, "wrong", wrong)
        with pytest.raises(AssertionError):
            test()
