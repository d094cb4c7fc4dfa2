"""Reads what a stack knows of one text: the lines that its functions logged about it."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from longcode.domain import phone
from longcode.domain.message import Message, epoch_ms
from longcode_cli.stack import Stack
from longcode_cli.trace.model import Evidence, Line, Outlook

# The functions that may name a text. Those that only show it say nothing of its way.
FUNCTIONS = (
    "send", "queue", "process", "consumer", "webhook", "reconciler", "publisher", "deliverer", "fallback",
)  # fmt: skip
# So many lines are read at most, and for so long is a query waited for.
MOST_LINES = 500
PATIENCE_S = 30.0
# CloudWatch is paid by what it looks through: of a text that was held for long, the time in which nothing happened
# to it is not looked through.
_AROUND_MS = 5 * 60_000
# For so long after the last change may a webhook's delivery be tried again.
_AFTER_MS = 24 * 3_600_000
# What is the same on each line, or says nothing of a text.
_LEFT_OUT = frozenset({"_aws", "service", "environment", "timestamp", "message", "level", "xray_trace_id"})
# Fields by which no one else's text is named in a file that is shared.
_IDS = ("message_ids",)


def read(
    stack: Stack,
    message: Message,
    now_ms: int,
    outlook: Outlook | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Evidence:
    """What is known of a message. What can't be read is named in the notes: that is no reason to show nothing."""
    lines: list[Line] = []
    notes: list[str] = []
    for begin_ms, end_ms in windows(message, now_ms):
        try:
            lines += _query(stack, message.id, begin_ms, end_ms, notes, sleep)
        except (ClientError, BotoCoreError) as exc:
            notes.append(_unreadable(exc))
            break
    if not lines and not notes:
        kept = stack.parameters.get("LogRetentionDays", "some")
        notes.append(f"No log line names this text: they are kept for {kept} days, and come within a minute.")
    lines.sort(key=lambda line: line.at_ms)
    return Evidence(message, lines, list(dict.fromkeys(notes)), stack.name, outlook)


def windows(message: Message, now_ms: int) -> list[tuple[int, int]]:
    """The times in which lines are looked for, epoch milliseconds: around all that is known to have happened."""
    last_ms = max([message.updated_ms, *(entry.at_ms for entry in message.history)])
    end_ms = min(now_ms, last_ms + _AFTER_MS) if message.status.final else now_ms
    moments = [message.accepted_ms, *(entry.at_ms for entry in message.history), message.updated_ms]
    found = [(moment - _AROUND_MS, moment + _AROUND_MS) for moment in moments]
    if message.ready_ms < end_ms:
        # Once it may be sent, anything may happen at any time.
        found.append((message.ready_ms - _AROUND_MS, end_ms + _AROUND_MS))
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(found):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    # A provider's clock may be wrong by years: nothing is older than the text, nor later than now.
    first_ms = message.accepted_ms - _AROUND_MS
    return [
        (max(begin, first_ms), min(end, now_ms + _AROUND_MS))
        for begin, end in joined
        if end > first_ms and begin < now_ms + _AROUND_MS
    ]


def groups_of(stack: Stack) -> list[str]:
    """The log groups of the functions that may name a text, as template.yaml names them."""
    return [f"/aws/lambda/{stack.stack_name}-{function}" for function in FUNCTIONS]


def _query(
    stack: Stack,
    ident: str,
    begin_ms: int,
    end_ms: int,
    notes: list[str],
    sleep: Callable[[float], None],
) -> list[Line]:
    """The lines of some time that name a message."""
    logs = stack.client("logs")
    query = logs.start_query(
        logGroupNames=groups_of(stack),
        startTime=begin_ms // 1000,
        endTime=end_ms // 1000 + 1,
        # An id is a UUID, so nothing in it means anything to a pattern.
        queryString=f"fields @timestamp, @log, @message | filter @message like /{ident}/ "
        f"| sort @timestamp asc | limit {MOST_LINES}",
    )["queryId"]
    answer = _await(logs, query, sleep)
    if answer["status"] not in ("Complete", "Running", "Scheduled"):
        notes.append(f"CloudWatch Logs could not search the log ({answer['status']}).")
    elif answer["status"] != "Complete":
        notes.append(f"The search of the log took longer than {PATIENCE_S:.0f} s, and was stopped.")
    rows = answer.get("results", [])
    if len(rows) >= MOST_LINES:
        notes.append(f"More than {MOST_LINES} log lines name this text: the later ones are left out.")
    return [line for row in rows if (line := read_row(row, ident)) is not None]


# Any: boto3's client, and its answer.
def _await(logs: Any, query: str, sleep: Callable[[float], None]) -> Any:
    waited_s = 0.0
    while True:
        answer = logs.get_query_results(queryId=query)
        if answer["status"] not in ("Running", "Scheduled"):
            return answer
        if waited_s >= PATIENCE_S:
            logs.stop_query(queryId=query)
            return answer
        sleep(0.5)
        waited_s += 0.5


def _unreadable(exc: Exception) -> str:
    code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else type(exc).__name__
    hint = ""
    if code in ("AccessDeniedException", "AccessDenied", "UnrecognizedClientException"):
        hint = " It takes logs:StartQuery and logs:GetQueryResults; with a key of its own, kms:Decrypt."
    return f"The log could not be read ({code}): what is drawn is from the messages table alone.{hint}"


def read_row(row: Sequence[dict[str, str]], ident: str) -> Line | None:
    """One row of a query's results as a line; None if that is no line of our code's."""
    found = {cell["field"]: cell["value"] for cell in row}
    function = found.get("@log", "").rpartition("-")[2]
    try:
        fields = json.loads(found.get("@message", ""))
        at_ms = epoch_ms(str(fields.get("timestamp", ""))) or _moment(found["@timestamp"])
    except (ValueError, KeyError, AttributeError):
        return None
    if "level" not in fields or "message" not in fields:
        return None
    return line(at_ms, function, fields, ident)


# Any: a log line is JSON.
def line(at_ms: int, function: str, fields: dict[str, Any], ident: str) -> Line:
    """A line as it is kept: of other texts that it names, what it says of this one and how many they are."""
    shown = {name: value for name, value in fields.items() if name not in _LEFT_OUT}
    for name in _IDS:
        ids = shown.get(name)
        if isinstance(ids, list) and ident in ids:
            place = ids.index(ident)
            for other in ("held_by", "until_ms"):
                values = shown.get(other)
                if isinstance(values, list) and len(values) == len(ids):
                    shown[other] = values[place]
            shown[name] = [ident, *([f"and {len(ids) - 1} more"] if len(ids) > 1 else [])]
    steps = shown.get("steps")
    if isinstance(steps, list):
        shown["steps"] = [step for step in steps if step.get("message_id") in (None, ident)]
    # Our own lines have no numbers in them; this is for what may come.
    return Line(at_ms, function, str(fields["level"]), str(fields["message"]), _masked(shown))


# Any: JSON of any depth.
def _masked(value: Any) -> Any:
    match value:
        case str():
            return phone.masked(value)
        case dict():
            return {phone.masked(str(name)): _masked(inner) for name, inner in value.items()}
        case list():
            return [_masked(inner) for inner in value]
    return value


def _moment(text: str) -> int:
    """CloudWatch's own time of a line, which is UTC."""
    return round(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)
