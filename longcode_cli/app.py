"""The commands of `longcode`."""

import json
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from longcode.domain import phone
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import epoch_ms, is_message_id, iso
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.opt_outs import OptOutChange
from longcode.use_cases import enqueue, opt_outs
from longcode.use_cases import search as finds
from longcode.use_cases.ports import Waiting
from longcode.use_cases.recipient_worker import MOST_HIDDEN_MS
from longcode_cli import ROOT, overview, parameter, problems, rollback, samconfig, show, site, target
from longcode_cli import deploy as deploys
from longcode_cli import destroy as destroys
from longcode_cli import doctor as doctors
from longcode_cli import drift as drifts
from longcode_cli import redrive as redrives
from longcode_cli import republish as republishes
from longcode_cli import requeue as requeues
from longcode_cli import restore as restores
from longcode_cli import smoke as smokes
from longcode_cli.finding import Finding, State
from longcode_cli.problems import Problem
from longcode_cli.site import Site
from longcode_cli.target import Target


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
    help="Sees to a Long Code SMS stack: what became of texts, who waits and why, what is broken; pause, resume, "
    "redrive.\n\n"
    "Without --stack they work on the local stack; deploy, rollback-alarms, drift and destroy work on AWS alone.",
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
        help="A CloudFormation stack on AWS; without it, the one of this machine.",
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="The AWS profile for --stack.")]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region for --stack.")]
Home = Annotated[
    Path | None, typer.Option("--dir", metavar="PATH", help="The directory of the local stack.  [default: .local]")
]
Env = Annotated[
    str | None,
    typer.Option("--env", metavar="dev|prod", help="The stack of make deploy ENV=…, where samconfig.toml has it."),
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


def _place(
    name: str | None, profile: str | None, region: str | None, home: Path | None, env: str | None = None
) -> Site:
    if env is not None:
        if home is not None:
            raise typer.BadParameter("--dir is for the local stack, --env for one on AWS: give one of them.")
        return samconfig.load(env).place(profile, region)
    if name is None:
        if profile or region:
            raise typer.BadParameter("--profile and --region go with --stack (or LONGCODE_STACK).")
        return site.on_this_machine(home)
    if home is not None:
        raise typer.BadParameter(
            "--dir is for the local stack, --stack (or LONGCODE_STACK) for one on AWS: give one of them."
        )
    return site.on_aws(name, profile, region)


def _found(name: str | None, profile: str | None, region: str | None, home: Path | None) -> Target:
    return target.at_site(_place(name, profile, region, home), profile=profile, home=home)


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
        "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --json --stack long-code-sms-prod --profile ops",
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
    """What became of one text, or when it will leave. Accepted, waited, sent, its receipts and errors."""
    at = _found(stack, profile, region, home)
    message = at.messages.find(message_id.strip())
    if message is None:
        raise Problem(f"{at.name} has no message {message_id}.", "Is it the right stack?")
    now = _now_ms()
    gate = at.limits.read_gate(message.recipient, message.sender)
    forecast = None
    if message.status.waiting:
        forecast = enqueue.forecast(message, at.messages, gate, now, at.pace)
    if as_json:
        _json(show.message_json(message, forecast, full=full))
        return
    console.print(show.message(message, forecast, gate.control, now, full=full))


@app.command(
    epilog=_examples(
        "find --to +12025550123",
        "find --unclear --since 2026-11-23T00:00:00Z --full",
        "find --tag spring --status delivery_failed --limit 100 --stack long-code-sms-prod",
        "find --since 2026-11-23T15:00:00Z --until 2026-11-23T16:00:00Z --json",
    )
)
def find(
    to: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Texts to this number.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NUMBER", help="Texts from this number or sender.")
    ] = None,
    unclear: Annotated[
        bool, typer.Option("--unclear", help="Texts that may ask for an end, for a person to read.")
    ] = False,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Texts with this tag.")] = None,
    state: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Texts that are in this status now.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Accepted at this time or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Accepted before this time.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many, 1 to 100.")] = finds.LIMIT,
    cursor: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Go on where the last page ended; it says with what.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show the texts and whole phone numbers.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Find texts by person, tag, status and time, or what may be a wish to stop. As GET /sms/messages does."""
    asked = {"to": to, "from": sender, "tag": tag, "status": state, "since": since, "until": until}
    asked |= {"limit": str(limit), "cursor": cursor, "opt_out": OptOutKeyword.UNCLEAR.value if unclear else None}
    query = _query({name: value for name, value in asked.items() if value is not None})
    at = _found(stack, profile, region, home)
    found = finds.page(query, at.finder, at.messages, _now_ms())
    if as_json:
        _json(show.page_json(found, full=full))
        return
    if found.messages:
        console.print(show.page(found, full=full))
    else:
        _say("None so far." if found.cursor else "None.")
    _say_how_to_go_on(found, unclear)


def _say_how_to_go_on(found: finds.Page, unclear: bool) -> None:
    if found.cursor:
        _say(f"There may be older ones: the same with --cursor {found.cursor}")
    if unclear and found.messages:
        _say("Who wants no more texts: longcode opt-out ID. Nothing else is needed for the others.")


def _query(asked: dict[str, str]) -> finds.Query:
    try:
        return finds.query(asked)
    except InvalidRequest as exc:
        option = "unclear" if exc.field == "opt_out" else exc.field
        raise typer.BadParameter(str(exc), param_hint=f"--{option}" if option else "the search") from exc


@app.command(epilog=_examples("queue", "queue --rows 100 --stack long-code-sms-prod", "queue --json"))
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
    """Who waits, for what, and whether sending is stopped. Also the dead letters."""
    at = _found(stack, profile, region, home)
    now = _now_ms()
    found = overview.look(at, now, at_most_texts=limit, at_most_lines=rows)
    if as_json:
        _json(show.overview_json(found, now, full=full))
    else:
        console.print(show.overview(found, now, full=full))


@app.command(
    epilog=_examples(
        "doctor",
        "doctor --to +12025550123",
        "doctor --json --stack long-code-sms-prod --profile ops | jq '.checks[] | select(.state == \"fail\")'",
    )
)
def doctor(
    to: Annotated[
        str | None, typer.Option("--to", metavar="NUMBER", help="Also say whether this number may be texted.")
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Try all that the stack depends on; say how to mend it.

    Settings, the provider's key, number and profile, the API and its webhook, clocks, queues, brakes, opt-outs.
    Nothing is changed, and no text is sent.

    The exit code is 0 if nothing fails (there may be warnings), 1 if something does.
    """
    if to is not None and not phone.is_e164(to):
        raise typer.BadParameter("must be one number in E.164 format, as +12025550123.", param_hint="--to")
    at = _found(stack, profile, region, home)
    found = _examine(at, to)
    if as_json:
        _json(show.findings_json(at.formation.stack, found))
    else:
        console.print(show.findings(found))
        _say("")
        _say(show.verdict(found))
    if any(one.state is State.FAIL for one in found):
        raise typer.Exit(1)


def _examine(at: Target, to: str | None) -> list[Finding]:
    names = doctors.checks(to)
    found = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        doctors.client(at) as client,
        Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar,
    ):
        case = doctors.Case(at, client, _now_ms, to)
        task = bar.add_task("", total=len(names))
        for name in names:
            bar.update(task, description=f"Looking at {name}")
            found.append(doctors.look(name, case))
            bar.advance(task)
    return found


# ---------------------------------------------------------------------------------------- acting


@app.command(
    epilog=_examples(
        'pause --reason "wrong template in the spring campaign"',
        "pause --sender +12025550100 --stack long-code-sms-prod --profile ops",
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
    before = at.limits.read_gate("", at.sender).control
    now = _now_ms()
    at.limits.pause(now, before.pause_reason if reason is None else reason.strip())
    control = at.limits.read_gate("", at.sender).control
    if before.paused_since_ms is not None:
        _say(f"It was paused already. {show.paused(control, now)}")
        return
    _say(f"{show.paused(control, now)} A request already on its way to the provider still ends.")
    _say("queue goes on taking texts, send answers 503. longcode resume lets them go.")


@app.command(epilog=_examples("resume", "resume --breaker", "resume --stack long-code-sms-prod --profile ops"))
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
    before = at.limits.read_gate("", at.sender).control
    at.limits.resume()
    if breaker:
        at.limits.close_breaker(now)
    if before.paused_since_ms is None:
        _say("Sending was not paused." if before.breaker_until_ms or not breaker else "Sending was not stopped.")
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


@app.command(
    "opt-out",
    epilog=_examples(
        "opt-out 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
        "opt-out +12025550123 --stack long-code-sms-prod --profile ops",
    ),
)
def opt_out(
    who: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="The id of a text from that person, or their number.")
    ],
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Record that a person wants no more texts. Such as one whose text find --unclear shows.

    It holds from now on, also for what waits. DELETE /sms/optouts/{number} takes it back.
    """
    at = _found(stack, profile, region, home)
    number, text_id = _person(at, who.strip())
    now = _now_ms()
    changed = opt_outs.apply(at.optouts, number, OptOutChange(now, True, "operator", text_id), now)
    shown = phone.mask(number)
    _say(f"{shown} is opted out: no more texts go there." if changed else f"{shown} was opted out already.")


def _person(at: Target, who: str) -> tuple[str, str]:
    """The number that is meant, and the id of the text that it was taken from, if it was."""
    if is_message_id(who):
        message = at.messages.find(who.lower())
        if message is None:
            raise Problem(f"{at.name} has no message {who}.", "Is it the right stack?")
        if message.direction == "outbound":
            raise Problem(f"{who} is a text that was sent.", "Give the id of a text that came in, or the number.")
        return message.sender, message.id
    number = phone.canonical(who)
    if not phone.is_e164(number) and at.optouts.get(number) is None:
        raise typer.BadParameter(
            "must be the id of a text, one number in E.164 format, as +12025550123, or a sender in the ledger.",
            param_hint="ID|NUMBER",
        )
    return number, ""


@app.command(epilog=_examples("redrive --dry-run", "redrive", "redrive --stack long-code-sms-prod --profile ops"))
def redrive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Put the dead letters back into the queue. Their texts leave in order; none is sent a second time.

    Each takes its place in its recipient's line, before what was accepted later. It may be stopped at any point
    and run again. On AWS the move goes on without this command; run again, it follows the one that is under way.
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
    _say_what_holds_them(at)


def _say_what_holds_them(at: Target) -> None:
    now = _now_ms()
    control = at.limits.read_gate("", at.sender).control
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
        "requeue --dry-run",
        "requeue",
        "requeue --purged-at 2026-11-25T02:00:00Z --stack long-code-sms-prod --profile ops",
    )
)
def requeue(
    purged_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When the queue was purged, in ISO 8601. Needed if it is not empty now."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    full: Full = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Put waiting texts that the queue has lost back into it. They leave in order; none is sent twice.

    It is for when somebody purged the queue. Wait a minute after that, for so long SQS goes on purging, also what
    is put back. It may be stopped at any point and run again, then with --purged-at.

    The exit code is 1 if texts are left of which it is too early to say whether they are lost.
    """
    purged_ms = None if purged_at is None else _moment(purged_at, "--purged-at")
    at = _found(stack, profile, region, home)
    now = _now_ms()
    found = requeues.lost(at, now, purged_ms)
    # SQS goes on purging for a minute.
    before = "over a minute ago" if purged_ms is None else f"up to a minute after {iso(purged_ms)}"
    lines = found.lines
    what = f"{show.count(sum(map(len, lines)), 'text')} to {show.count(len(lines), 'recipient')}"
    if not lines:
        _say(f"No text waits that was accepted {before}.")
    elif dry_run:
        _say(f"{what} in {at.name}, accepted {before}. Nothing was put back.")
        console.print(show.lost(lines, now, full=full))
    else:
        _put_back(at, [text for line in lines for text in line], now)
        _say(f"{what} put back, accepted {before}.")
        _say_what_holds_them(at)
    if lines and found.dead_letters:
        complaints.print(
            f"{show.count(found.dead_letters, 'text')} among the dead letters may be in the queue as well now. "
            "A redrive later does no harm."
        )
    if found.younger:
        complaints.print(
            f"{show.count(found.younger, 'text')} accepted in the last minute may be lost as well. Was the queue "
            f"purged in that time? Then, in a minute: longcode requeue --purged-at {iso(now)}"
        )
        raise typer.Exit(1)


def _moment(text: str, option: str) -> int:
    """A time that says of which zone it is, as epoch milliseconds."""
    found = epoch_ms(text)
    if found is None or not re.search(r"(Z|[+-]\d\d:?\d\d)$", text, re.ASCII):
        raise typer.BadParameter("must be a time with its zone, as 2026-11-23T15:48:14Z.", param_hint=option)
    return found


def _put_back(at: Target, texts: list[Waiting], now: int) -> None:
    columns = (TextColumn("Putting back"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar:
        task = bar.add_task("", total=len(texts))
        for done in requeues.requeue(at, texts, now):
            bar.update(task, completed=done)


@app.command(
    epilog=_examples(
        "republish --dry-run",
        "republish",
        "republish --drop-lost --stack long-code-sms-prod --profile ops",
    )
)
def republish(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    drop_lost: Annotated[
        bool, typer.Option("--drop-lost", help="Also take off the queue what can't be published any more.")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Publish what the publisher gave up. The table's stream keeps a change for a day; what is older is lost.

    An event that came before comes again with the same sequence, and the counters count no change twice. What the
    publisher does not get done stays for the next run; after three of these in a row it stops.

    The exit code is 1 if something is not done or lost.
    """
    at = _found(stack, profile, region, home)
    hidden = redrives.depth(at.sqs, at.formation.outputs["UnpublishedQueueUrl"]).hidden
    if hidden:
        complaints.print(
            f"{hidden:,} more in flight: a republish that was killed. They show again within minutes."
        )
    done = republishes.Republished()
    columns = (TextColumn("Publishing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for done in republishes.republish(at, dry_run=dry_run, drop_lost=drop_lost):
            bar.update(task, completed=done.done + len(done.lost) + len(done.failed), total=done.batches)
    if not done.batches:
        _say("Nothing was given up.")
        return
    what = show.count(done.changes, "change")
    _say(f"{what} would be published again. Nothing was done." if dry_run else f"{what} published again.")
    for failure in done.failed:
        complaints.print(f"{failure} {failure.hint}")
    if skipped := done.batches - done.done - len(done.lost) - len(done.failed):
        complaints.print(f"Stopped after these in a row: {skipped:,} more of {done.batches:,} were not tried.")
    if done.lost:
        for line in show.beyond_publishing(done.lost, int(at.formation.parameters["ValidityMinutes"]) * 60_000):
            complaints.print(line)
        if dry_run or not drop_lost:
            complaints.print("longcode republish --drop-lost takes them off the queue, and ends the alarm.")
    if done.failed or (done.lost and (dry_run or not drop_lost)):
        raise typer.Exit(1)


@app.command(
    epilog=_examples(
        "restore messages-at-0200 --dry-run --stack long-code-sms-prod",
        "restore messages-at-0200 --stack long-code-sms-prod --profile ops",
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
    """Put back what the messages table has lost. From a restored copy; overwrites nothing, and sends nothing.

    A text that waited at the time of the copy may have left since: it comes back as unknown, for evidence to
    settle. It may be stopped at any point and run again.
    """
    at = _found(stack, profile, region, home)
    if not dry_run and at.limits.read_gate("", at.sender).control.paused_since_ms is None:
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


# --------------------------------------------------------------------------------------- deployments


@app.command(
    epilog=_examples(
        "smoke",
        "smoke --to +12025550123 --env dev",
        "smoke --to +12025550123 --stack long-code-sms-prod --yes --json",
    )
)
def smoke(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NUMBER",
            help="Whom to text: a second number of yours. The local stack has an example number for it.",
        ),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long the texts may take to arrive.")
    ] = 120,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    as_json: AsJson = False,
    env: Env = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Prove a deployed stack end to end with two real texts.

    They go to a number of yours. What it sends is erased afterwards, unless there are other messages with that
    number.
    """
    place = _place(stack, profile, region, home, env)
    at = target.at_site(place)
    number = smokes.number(to, on_this_machine=place.local is not None, sender=at.sender)
    if place.local is None and not yes:
        _ask(
            f"This sends two texts from {phone.mask(at.sender)} to {phone.mask(number)}. The provider bills them. "
            "Go on?"
        )
    with smokes.door(place) as api:
        run = smokes.Smoke(at, api, number, patience, watched=_watched)
        steps = run.run(lambda step: None if as_json else console.print(show.step(step)))
    ok = all(step.ok for step in steps)
    if as_json:
        _json(show.smoke_json(steps, run.left, place.name))
    else:
        console.print(show.smoked(steps, run.left, place.name))
    if not ok:
        raise typer.Exit(1)


@app.command(epilog=_examples("deploy dev", "deploy prod --guided", "deploy prod --yes"))
def deploy(
    env: Annotated[str, typer.Argument(metavar="dev|prod", help="Which of the stacks in samconfig.toml.")],
    guided: Annotated[
        bool, typer.Option("--guided", help="Ask for every parameter, as the first deployment does anyway.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help=f"Ask nothing, as in CI. Takes {', '.join(deploys.FROM_ENVIRONMENT)} from the environment.",
        ),
    ] = False,
    architecture: Annotated[str, typer.Option(metavar="NAME", help="arm64 or x86_64.")] = "arm64",
) -> None:
    """Build and deploy to AWS with SAM. Shows the change set, asks, has CloudFormation watch the alarms.

    A parameter that nobody gives keeps the value that the stack has. make deploy ENV=dev is the same.
    """
    settings = samconfig.load(env)
    made = deploys.plan(settings, guided=guided, yes=yes, architecture=architecture, environment=os.environ)
    if made.taken:
        complaints.print(f"From the environment: {', '.join(made.taken)}.")
    if warning := deploys.warning(made):
        complaints.print(f"[yellow]{warning}[/]")
    if code := deploys.run(made):
        complaints.print(f"sam ended with {code}. {deploys.failed(made)}")
        raise typer.Exit(code)
    console.print(show.deployed(deploys.finish(made), env))


@app.command(
    "set",
    epilog=_examples(
        "set SenderIntervalMs 1000", "set ConsumerConcurrency 10 --stack long-code-sms-prod --profile ops"
    ),
)
def set_parameter(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A parameter of the template, as README.md has them.")
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it is to be.")],
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    home: Home = None,
) -> None:
    """Change one parameter of a deployed stack and nothing else, its code least of all.

    The new value holds within a minute or two; on prod CloudFormation goes on watching for ten.
    """
    place = _place(stack, profile, region, home, None)
    before = site.described(place)
    parameter.change(place, before, name, value)
    with _watched(f"CloudFormation sets {name}"):
        status = parameter.wait(place, before)
    if status != "UPDATE_COMPLETE":
        raise Problem(
            f"{place.name[:1].upper()}{place.name[1:]} is {status}: {name} is what it was.",
            "CloudFormation's events of the stack say why: aws cloudformation describe-stack-events.",
        )
    _say(f"{name} is {value} in {place.name}. If samconfig.toml has it, put it there too.")


@app.command(
    "rollback-alarms",
    epilog=_examples(
        "rollback-alarms --env prod", "rollback-alarms --env prod --off", "rollback-alarms --env dev"
    ),
)
def rollback_alarms(
    off: Annotated[
        bool, typer.Option("--off", help="Watch none, until the next deployment sets them again.")
    ] = False,
    minutes: Annotated[
        int | None,
        typer.Option(
            min=0, max=180, metavar="N", help="Watch for so long after an update.  [prod: 10, others: 0]"
        ),
    ] = None,
    env: Env = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Which alarms make CloudFormation take an update back. Sets those of the stack where it watches others."""
    place = _place_on_aws(env, stack, profile, region)
    found = site.described(place)
    have = rollback.saved(found)
    if off:
        if not have.alarms:
            _say("CloudFormation watches no alarm.")
            return
        rollback.put(place, found, rollback.Watch((), 0))
        _say("From now on CloudFormation watches no alarm, until the next deployment sets them again.")
        return
    default = rollback.WATCH_MINUTES["prod" if destroys.is_prod(place, found) else "dev"]
    _say(deploys.watch(place, found, default if minutes is None else minutes, exactly=minutes is not None))
    if have.alarms:
        console.print(show.alarms(rollback.states(place, have.alarms)))


@app.command(epilog=_examples("drift --env prod", "drift --env prod --json"))
def drift(
    as_json: AsJson = False,
    env: Env = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """What of a stack somebody changed by hand. Exit code 1 if anything is not as the template says."""
    place = _place_on_aws(env, stack, profile, region)
    site.described(place)
    with _spinner("CloudFormation compares") as tell:
        found = drifts.look(
            place, lambda name, number, of: tell(f"CloudFormation compares {name}, {number} of {of}")
        )
    if as_json:
        _json(show.drift_json(found))
    else:
        console.print(show.drift(found))
    if found.drifted:
        raise typer.Exit(1)


@app.command(epilog=_examples("destroy --env dev", "destroy --env prod"))
def destroy(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the stack's name. Never for prod.")] = False,
    env: Env = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Delete a stack on AWS, unless something forbids it. Such as texts that wait. The messages table stays."""
    place = _place_on_aws(env, stack, profile, region)
    found = site.described(place)
    if yes and destroys.is_prod(place, found):
        raise Problem("--yes is not for prod.", "Without it, you are asked for the stack's name.")
    came_up = "SendQueueUrl" in site.outputs_of(found) and found["StackStatus"] != "DELETE_FAILED"
    at = target.at_site(place) if came_up else None
    destroys.refuse(place, found, at)
    kept = destroys.kept(place)
    console.print(show.kept(kept, f"This deletes {place.name}. What stays:"))
    if not yes:
        _ask_for(place.stack_name)
        # Typing takes a while, and a text may have come meanwhile.
        destroys.refuse(place, site.described(place), at)
    destroys.delete(place, found, lambda gone: console.print(f"gone: {gone}"))
    destroys.delete_logs(place, lambda gone: console.print(f"gone: {gone}"))
    console.print(show.kept(kept, f"{place.name[:1].upper()}{place.name[1:]} is gone. What stays:"))


def _place_on_aws(env: str | None, stack: str | None, profile: str | None, region: str | None) -> Site:
    if env is None and stack is None:
        raise Problem(
            "Which stack on AWS?",
            "--env dev, --env prod or --stack NAME. This command has no use for a local one.",
        )
    return _place(stack, profile, region, None, env)


def _ask_for(name: str) -> None:
    if not complaints.is_terminal:
        raise Problem("Nobody is there to be asked.", "Run it on a terminal; if it is not prod, --yes will do.")
    if typer.prompt(f"Type {name} to delete it", err=True).strip() != name:
        raise Problem("That is not its name. Nothing was deleted.", "Run it again if it is the one.")


@contextmanager
def _spinner(what: str) -> Iterator[Callable[[str], None]]:
    if not complaints.is_terminal:
        yield complaints.print
        return
    with complaints.status(what) as status:
        yield status.update


def _ask(question: str) -> None:
    if not complaints.is_terminal:
        raise Problem("Nobody is there to be asked.", "Add --yes.")
    if not typer.confirm(question, err=True):
        raise Problem("Nothing was done.", "")


@contextmanager
def _watched(what: str) -> Iterator[None]:
    if not complaints.is_terminal:
        yield
        return
    with complaints.status(what):
        yield
