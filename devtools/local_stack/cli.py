"""The command line of the local stack."""

import errno
import json
import shlex
import sys
import threading
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from . import build as builds
from . import demo as demos
from . import invoke as invocations
from . import offer, sam_local, sam_template, signing
from . import relay as relays
from . import stack as stacks
from .layout import ROOT, Layout, Stack
from .problems import NO_SPACE, LocalError, advice, full, last_lines
from .progress import ConsoleProgress
from .telemetry.traffic import Traffic, watched

TRAFFIC_S = 75.0
# By whether it is Docker.
ENGINES = {
    True: "Docker, by sam local invoke",
    False: "the Runtime Interface Emulator of the SAM CLI, without Docker",
}

app = typer.Typer(
    help="The whole service on this machine: real template, emulated AWS, simulated provider.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
console = Console(highlight=False, soft_wrap=True)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

Home = Annotated[
    Path | None,
    typer.Option("--dir", help="The stack's directory; another one is another, independent stack.  [.local]"),
]


def main() -> None:
    """Run a command; say what failed, what the log said last, and what to do."""
    try:
        app()
    except LocalError as exc:
        complain(exc)
        sys.exit(1)
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        complain(LocalError(f"{exc.strerror}: {exc.filename or 'a file'}", hint=NO_SPACE))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def complain(problem: LocalError) -> None:
    """Say what failed, what its log said last, and what to do: what the log names goes before the general hint."""
    said = last_lines(problem.log)
    complaints.print(f"\n{problem}", style="red bold", markup=False)
    for line in said:
        complaints.print(f"  {line}", style="dim", markup=False)
    if problem.log:
        complaints.print(f"The whole log: {problem.log}", markup=False)
    hint = NO_SPACE if problem.log and full(problem.log) else advice(said) or problem.hint
    if hint:
        complaints.print(f"What to do: {hint}", markup=False)


def parse_parameters(pairs: list[str]) -> dict[str, str]:
    """`["RecipientIntervalMs=200"]` → the template's parameters."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise LocalError(f"{pair!r} is not NAME=VALUE.", hint="For example: --set RecipientIntervalMs=200")
        parameters[name] = value
    return parameters


@app.command()
def up(
    home: Home = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template. May be repeated."),
    ] = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Let the emulator enforce each function's policies.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no example commands.")] = False,
) -> None:
    """Build, start, deploy; or bring a running stack up to date.

    TELNYX_BASE_URL and TELNYX_PUBLIC_KEY in the environment put another provider double in the
    simulator's place.
    """
    layout = Layout.of(home)
    stack = stacks.up(
        layout,
        ConsoleProgress(console),
        parameters=parse_parameters(parameters or []),
        enforce_iam=enforce_iam,
    )
    if not quiet:
        console.print(welcome(stack, home), markup=False)


def welcome(stack: Stack, home: Path | None = None) -> str:
    """What to paste into a shell, one line a route."""
    here = f" --dir {shlex.quote(str(home))}" if home else ""
    key = f"-H 'x-api-key: {stack.api_key}'"
    post = f"{key} -H 'content-type: application/json' -d"
    text = """'{"to": "+12025550123", "message": "Hello"}'"""
    lines = [
        "",
        "Send a text now, and keep its id:",
        f"  ID=$(curl -sS {stack.api_url}/sms/send {post} {text} | tee /dev/stderr | "
        """sed -E 's/.*"message_id": ?"([^"]+)".*/\\1/'); echo""",
        "What became of it:",
        f"  curl -sS {stack.api_url}/sms/status/$ID {key}; echo",
        "Put one into its recipient queue, and drain all queues:",
        f"  curl -sS {stack.api_url}/sms/queue {post} {text}; echo",
        f"  curl -sS -X POST {stack.api_url}/sms/queue/process {key}; echo",
        "A signed webhook: an inbound text.",
    ]
    if stack.simulator_url:
        lines.append(f"  {ROOT / '.venv/bin/python'} -m devtools.local_stack sign{here} | curl -sS -K -; echo")
    else:
        lines.append("  (the provider double that you named signs its own)")
    lines += [
        "Health, without a key:",
        f"  curl -sS {stack.api_url}/health; echo",
        "",
        f"Console  {stack.console_url}/",
        f"API      {stack.api_url}",
        f"key      {stack.api_key}",
        f"logs     {Path(stack.logs['emulator']).parent}",
    ]
    return "\n".join(lines)


@app.command()
def down(
    home: Home = None,
    forget: Annotated[bool, typer.Option("--forget", help="Also drop all messages, queues and keys.")] = False,
) -> None:
    """Stop the stack. What it holds is there again at the next `up`."""
    if not stacks.down(Layout.of(home), ConsoleProgress(console), forget=forget):
        console.print("Nothing was running.")


@app.command()
def status(
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print stack.json.")] = False,
) -> None:
    """Say what runs. Exits with 1 unless all of it does."""
    found = stacks.state(Layout.of(home))
    if as_json and found.record is not None:
        print(json.dumps(json.loads(Layout.of(home).record.read_text()), indent=2))
    elif found.record is None:
        console.print("The stack is down.")
    else:
        for name, pid in found.record.pids.items():
            running = "[green]runs[/green]" if name in found.running else "[red]is gone[/red]"
            console.print(f"{name:<9}{running}, pid {pid}")
        console.print(f"API      {found.record.api_url}")
    if not found.up:
        raise typer.Exit(1)


@app.command()
def env(
    home: Home = None,
    for_sam: Annotated[
        bool, typer.Option("--sam", help="Each function's variables instead, for sam local … --env-vars.")
    ] = False,
) -> None:
    """Print what makes a shell work on this stack: eval "$(…)".

    For AWS's tools, and STACK, API and KEY as docs/operations.md uses them.
    """
    layout = Layout.of(home)
    stack = _running(layout)
    if for_sam:
        template = sam_template.load(builds.build(layout.log("build")).template)
        print(json.dumps(sam_local.environment(stack, template), indent=2))
    else:
        print(exports(stack))


@app.command()
def relay(home: Home = None) -> None:
    """Let containers reach this stack until Ctrl-C: sam local on Linux needs it while it runs."""
    stack = _running(Layout.of(home))
    address = relays.bridge()
    if address is None:
        complaints.print("Containers reach this stack by themselves here: no relay is needed.")
        return
    wanted = relays.ports(stack)
    with relays.relayed(address, wanted):
        shown = " and ".join(f"{address}:{port}" for port in wanted)
        complaints.print(f"Containers reach this stack at {shown} until Ctrl-C.")
        threading.Event().wait()


def exports(stack: Stack) -> str:
    """Lines for a shell."""
    shown = stack.aws() | {"STACK": stack.stack_name, "API": stack.api_url, "KEY": stack.api_key}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in shown.items()]
    return "\n".join(["unset AWS_PROFILE LONGCODE_STACK", *lines])


@app.command()
def build() -> None:
    """Build the functions and layers, and print where they are."""
    with ConsoleProgress(complaints).step("Build the functions and layers"):
        built = builds.build(Layout.of(None).log("build"))
    print(built.path)


@app.command()
def sign(
    home: Home = None,
    kind: Annotated[str, typer.Option(help="inbound, or a receipt: sent, delivered, failed.")] = "inbound",
    other: Annotated[str, typer.Option("--number", help="Who texts us, or whom we texted.")] = "+12025550123",
    text: Annotated[str, typer.Option(help="The words of the text.")] = "Hello",
    message_id: Annotated[str | None, typer.Option(help="Our id, for a receipt.")] = None,
    telnyx_id: Annotated[str | None, typer.Option(help="The provider's id, for a receipt.")] = None,
) -> None:
    """Print a webhook, signed now, for `curl -K -`."""
    layout = Layout.of(home)
    if kind not in ("inbound", "sent", "delivered", "failed"):
        raise LocalError(f"There is no webhook {kind!r}.", hint="One of inbound, sent, delivered, failed.")
    webhook = signing.webhook(
        layout,
        _running(layout),
        cast(signing.Kind, kind),
        other=other,
        text=text,
        message_id=message_id,
        telnyx_id=telnyx_id,
    )
    print(webhook.as_curl_config(), end="")


@app.command()
def demo(home: Home = None) -> None:
    """Bring the stack up, show real traffic live, offer the console, and stop what was not up before."""
    layout, progress = Layout.of(home), ConsoleProgress(console)
    was_up = stacks.state(layout).up
    try:
        stack = stacks.up(layout, progress)
        demos.run(stack, console)
        offer.console_of(stack.console_url, console, stays=was_up, up=_up(home))
    finally:
        if not was_up:
            stacks.down(layout, progress)


@app.command()
def dashboard(
    home: Home = None,
    traffic: Annotated[
        bool, typer.Option("--demo", help="Make a minute of varied traffic; needs no running stack.")
    ] = False,
) -> None:
    """Show where the CloudWatch dashboard of this stack is drawn live, from its own log lines and queues."""
    layout, progress = Layout.of(home), ConsoleProgress(console)
    was_up = stacks.state(layout).up
    try:
        stack = stacks.up(layout, progress) if traffic else _running(layout)
        url = f"{stack.console_url}/dashboard"
        console.print(f"Dashboard  {url}", markup=False)
        if traffic:
            # The queues are sampled while someone looks.
            with progress.step("Make a minute of traffic"), watched(stack):
                Traffic(stack).run(TRAFFIC_S)
            offer.console_of(url, console, stays=was_up, up=_up(home))
    finally:
        if traffic and not was_up:
            stacks.down(layout, progress)


def _up(home: Path | None) -> str:
    return f"make up DIR={shlex.quote(str(home))}" if home else "make up"


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(help="Its folder in functions/.")],
    event: Annotated[Path, typer.Argument(help="A JSON file, or - for standard input.")],
    home: Home = None,
    rie: Annotated[bool, typer.Option("--rie", help="Without Docker, even if there is an engine.")] = False,
) -> None:
    """Run one built function as Lambda would, with the variables of the running stack or with samples.

    The answer goes to standard output, the engine and the log to standard error; exits with 1 if the function
    failed.
    """
    try:
        content = json.loads(sys.stdin.read() if str(event) == "-" else event.read_text())
    except (OSError, ValueError) as exc:
        raise LocalError(f"No event in {event}: {exc}") from exc
    in_docker = not rie and relays.docker_answers()
    print(f"Engine: {ENGINES[in_docker]}", file=sys.stderr)
    run = invocations.run_in_docker if in_docker else invocations.run
    done = run(function, content, layout=Layout.of(home))
    print(done.log, file=sys.stderr, end="")
    print(json.dumps(done.answer, indent=2))
    if isinstance(done.answer, dict) and "errorType" in done.answer:
        raise typer.Exit(1)


def _running(layout: Layout) -> Stack:
    found = stacks.state(layout)
    if not found.up or found.record is None:
        raise LocalError("The stack is down.", hint="make up")
    return found.record
