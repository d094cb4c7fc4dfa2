"""The commands of `longcode`."""

import json
import time
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from cli import ROOT, overview, problems, show, target
from cli import redrive as redrives
from cli import restore as restores
from cli.problems import Problem
from cli.target import Target
from longcode import accept, phone
from longcode.deliver import MOST_HIDDEN_MS


class OneLineErrors(TyperGroup):
    """A group of commands in which what goes wrong on AWS is one line and exit code 1."""

    # Any: click's context and whatever a command returns.
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as exc:
            problem = problems.of(exc)
            if problem is None:
                raise
            words = f"{problem} {problem.hint}"
            complaints.print(words[:1].upper() + words[1:])
            raise typer.Exit(1) from exc


app = typer.Typer(
    cls=OneLineErrors,
    help="Sees to a Long Code SMS stack: what became of a text, who waits and why, pause, resume, redrive.\n\n"
    "Every command works on the local stack, or with --stack on one in an AWS account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = show.console()
complaints = show.console(errors=True)

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        envvar="LONGCODE_STACK",
        help="A CloudFormation stack on AWS, in place of the local one.",
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="The AWS profile for --stack.")]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region for --stack.")]
Home = Annotated[
    Path | None, typer.Option("--dir", metavar="PATH", help="The directory of the local stack.  [default: .local]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Full = Annotated[bool, typer.Option("--full", help="Show whole phone numbers.")]
Sender = Annotated[
    str | None,
    typer.Option(
        "--sender",
        metavar="NUMBER",
        help="The number that texts leave from. A stack has one, so this only makes sure of the right stack.",
    ),
]


def _examples(*lines: str) -> str:
    # \b keeps click from filling the lines.
    return "\b\nExamples:\n" + "\n".join(f"  longcode {line}" for line in lines)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _found(name: str | None, profile: str | None, region: str | None, home: Path | None) -> Target:
    if name is None:
        if profile or region:
            raise typer.BadParameter("--profile and --region go with --stack.")
        return target.local(home)
    if home is not None:
        raise typer.BadParameter("--dir is for the local stack, --stack for one on AWS: give one of them.")
    return target.on_aws(name, profile, region)


def _say(words: str) -> None:
    console.print(words)


def _json(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, indent=2))


def _version(wanted: bool) -> None:
    if wanted:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        typer.echo(f"longcode {project['version']}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of the command itself."""


# --------------------------------------------------------------------------------------- reading


@app.command(
    epilog=_examples(
        "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
        "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --full",
        "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --json --stack long-code-prod --profile ops",
    )
)
def status(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Our message id, or Telnyx's.")],
    full: Annotated[
        bool, typer.Option("--full", help="Show the text, its metadata and whole phone numbers.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """What became of one text: accepted, waited, sent, its receipts and errors; or when it will leave."""
    at = _found(stack, profile, region, home)
    message = at.messages.find(message_id.strip())
    if message is None:
        raise Problem(f"{at.name} has no message {message_id}.", "Is it the right stack?")
    now = _now_ms()
    road = at.limits.look(message.recipient, message.sender)
    forecast = None
    if message.status.waiting:
        forecast = accept.forecast(message, at.messages, road, now, at.pace)
    if as_json:
        _json(show.message_json(message, forecast, full=full))
        return
    console.print(show.message(message, forecast, road.control, now, full=full))


@app.command(epilog=_examples("queue", "queue --rows 100 --limit 50000 --stack long-code-prod", "queue --json"))
def queue(
    rows: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show so many recipients, longest waiting first.")
    ] = 20,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Read at most so many waiting texts.")] = 5000,
    full: Full = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """How much waits, for whom and for what; dead letters; whether sending is stopped, and why."""
    at = _found(stack, profile, region, home)
    now = _now_ms()
    found = overview.look(at, now, at_most_texts=limit, at_most_lines=rows)
    if as_json:
        _json(show.overview_json(found, now, full=full))
    else:
        console.print(show.overview(found, now, full=full))


# ---------------------------------------------------------------------------------------- acting


@app.command(
    epilog=_examples(
        'pause --reason "wrong template in the spring campaign"',
        "pause --sender +12025550100 --stack long-code-prod --profile ops",
    )
)
def pause(
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; everybody who waits is told.")] = None,
    sender: Sender = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Stop sending at once. What is accepted meanwhile waits in its line; nothing is lost."""
    at = _found(stack, profile, region, home)
    _check_sender(at, sender)
    before = at.limits.look("", at.sender).control
    now = _now_ms()
    at.limits.pause(now, before.pause_reason if reason is None else reason.strip())
    control = at.limits.look("", at.sender).control
    if before.paused_since_ms is not None:
        _say(f"It was paused already. {show.paused(control, now)}")
        return
    _say(f"{show.paused(control, now)} A request already on its way to the carrier still ends.")
    _say("queue goes on taking texts, send answers 503. longcode resume lets them go.")


@app.command(epilog=_examples("resume", "resume --breaker", "resume --stack long-code-prod --profile ops"))
def resume(
    breaker: Annotated[
        bool,
        typer.Option("--breaker", help="Also close an open breaker: the fault that opened it has been mended."),
    ] = False,
    sender: Sender = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """End the pause. An open breaker stays open unless told otherwise, as it tells of a fault."""
    at = _found(stack, profile, region, home)
    _check_sender(at, sender)
    now = _now_ms()
    before = at.limits.look("", at.sender).control
    at.limits.resume()
    if breaker:
        at.limits.close_breaker()
    if before.paused_since_ms is None:
        _say("Sending was not paused.")
    else:
        lasted = show.span(now - before.paused_since_ms)
        _say(f"The pause has ended after {lasted}.")
        _say(f"Texts that waited for it look again within {show.wakes_within(before, now)}.")
    until = before.breaker_until_ms
    if until is None:
        return
    if not breaker:
        _say(f"Sending stays stopped. {show.breaker(before, now)}")
        _say("It closes by itself when that text gets through; longcode resume --breaker closes it now.")
    elif until > now:
        _say(
            "The breaker is closed. New texts leave at once; those that already waited for it look again within "
            f"{show.span(min(until - now, MOST_HIDDEN_MS))}."
        )
    else:
        _say("The breaker is closed.")


@app.command(epilog=_examples("redrive --dry-run", "redrive", "redrive --stack long-code-prod --profile ops"))
def redrive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Put the dead letters back into the queue, each recipient's in order. No text is sent a second time.

    They go behind what waits there already. It may be stopped at any point and run again. On AWS the move goes
    on without this command; run again, it follows the one that is under way.
    """
    at = _found(stack, profile, region, home)
    letters = redrives.depth(at.sqs, at.dead_letter_queue_url)
    if letters.hidden:
        complaints.print(
            f"{show.count(letters.hidden, 'dead letter')} in flight: somebody else looks at them, or a redrive "
            "was killed. They show again within a minute or so."
        )
    if dry_run:
        if not letters.visible:
            _say("There are no dead letters to put back.")
            return
        _say(f"{show.count(letters.visible, 'dead letter')} in {at.name}. Nothing was moved.")
        console.print(show.preview(redrives.preview(at, at_most=200)))
        return
    moved = _redrive(at)
    if not moved:
        _say("There are no dead letters to put back.")
        return
    _say(f"{show.count(moved, 'dead letter')} put back.")
    now = _now_ms()
    control = at.limits.look("", at.sender).control
    if control.paused_since_ms is not None:
        _say(f"They wait: {show.paused(control, now)}")
    if control.breaker_until_ms is not None:
        _say(f"They wait: {show.breaker(control, now)}")


def _redrive(at: Target) -> int:
    moved = 0
    columns = (TextColumn("Putting back"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for step in redrives.redrive(at, time.sleep):
            moved = step.moved
            bar.update(task, completed=step.moved, total=step.total)
    return moved


@app.command(
    epilog=_examples(
        "restore messages-at-0200 --dry-run --stack long-code-prod",
        "restore messages-at-0200 --stack long-code-prod --profile ops",
    )
)
def restore(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A restored copy of the messages table.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Put back what the messages table has lost, from a restored copy. Overwrites nothing, and sends nothing.

    A text that waited at the time of the copy may have left since: it comes back as unknown, for evidence to
    settle. It may be stopped at any point and run again.
    """
    at = _found(stack, profile, region, home)
    if not dry_run and at.limits.look("", at.sender).control.paused_since_ms is None:
        raise Problem(
            "Sending is not paused.", "longcode pause first, and resume when you have seen what came back."
        )
    done = restores.Restored()
    columns = (TextColumn("Reading"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for done in restores.restore(at, table, _now_ms(), dry_run=dry_run):
            bar.update(task, completed=done.read)
    console.print(show.restored(done, dry_run=dry_run))


def _check_sender(at: Target, sender: str | None) -> None:
    if sender is None:
        return
    if not phone.is_e164(sender):
        raise typer.BadParameter("must be one number in E.164 format, as +12025550100.", param_hint="--sender")
    if sender != at.sender:
        raise Problem(
            f"{at.name} does not send from {sender}; its one sender is {at.sender}.",
            "Nothing was changed. Name the stack of that number with --stack.",
        )
