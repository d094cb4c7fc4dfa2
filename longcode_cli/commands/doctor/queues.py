"""The queues and what works on them: texts that wait, dead letters, changes that were given up."""

from longcode_cli import queues
from longcode_cli.commands.doctor.case import Case, Outcome, fail, ok, warn
from longcode_cli.stack import ALIAS
from longcode_cli.terminal import count, plain, span

# What the alarm on the queue's age takes for too long as well.
_WAIT_WARN_MS = 15 * 60_000
# How Lambda's words begin where a function failed on its last batch; the second is the emulator's.
_FAILING = ("PROBLEM", "FAILED")


def _queue(case: Case) -> Outcome:
    found, now = case.overview, case.now_ms()
    waits = ""
    if found.oldest_ms is not None:
        waits = f", the oldest text waits since {span(now - found.oldest_ms)}"
    words = f"{found.queue.visible:,} ready, {found.queue.hidden:,} in flight{waits}"
    if found.oldest_ms is not None and now - found.oldest_ms > _WAIT_WARN_MS:
        if not found.queue.total and not found.dead_letters:
            return warn(
                words, f"The queue has none of them: was it purged? {case.longcode('requeue')} puts them back."
            )
        return warn(words, f"{case.longcode('queue')} says who waits, and for what.")
    return ok(words)


def _consumer(case: Case) -> Outcome:
    return _mapping(case, "ConsumerFunction", "no text leaves the queue")


def _publisher(case: Case) -> Outcome:
    return _mapping(case, "PublisherFunction", "no event is published, and the counters stand still")


def _mapping(case: Case, function: str, meaning: str) -> Outcome:
    name = case.resources[function]
    pages = case.stack.client("lambda").get_paginator("list_event_source_mappings")
    mappings = [
        row for page in pages.paginate(FunctionName=f"{name}:{ALIAS}") for row in page["EventSourceMappings"]
    ]
    if not mappings:
        return fail(
            f"Nothing starts it: {meaning}.",
            "Its event source mapping was deleted, and no deployment brings that back by itself: make it by hand "
            f"(aws lambda create-event-source-mapping) with the settings that template.yaml has for {function}.",
        )
    off = [row for row in mappings if row["State"] in ("Disabled", "Disabling")]
    if off:
        enable = [
            case.stack.aws(f"lambda update-event-source-mapping --uuid {row['UUID']} --enabled") for row in off
        ]
        if len(off) == len(mappings):
            return fail(f"Its event source mapping is disabled: {meaning}.", " && ".join(enable))
        return fail(
            f"{len(off)} of its {len(mappings)} mappings are disabled: fewer are worked on at a time.",
            " && ".join(enable),
        )
    said = sorted({str(row.get("LastProcessingResult", "")) for row in mappings})
    if any(words.startswith(_FAILING) for words in said):
        return warn(
            f"It failed on what it got last ({plain('; '.join(filter(None, said)))}). If it still does, "
            f"{meaning}.",
            f"See why: {case.log(function.removesuffix('Function').lower())}",
        )
    unsettled = sorted({row["State"] for row in mappings} - {"Enabled"})
    if unsettled:
        return warn(
            f"Its event source mapping is {', '.join(unsettled).lower()}.", "Run the doctor again in a minute."
        )
    return ok("is started by its source")


def _dead_letters(case: Case) -> Outcome:
    letters = case.overview.dead_letters
    if not letters:
        return ok("none")
    return fail(
        f"{count(letters, 'text')} died in the queue: the consumer failed on them time and again.",
        f"See why ({case.log('consumer')}), fix it, then {case.longcode('redrive')} puts them back; "
        "none is sent twice.",
    )


def _unpublished(case: Case) -> Outcome:
    given_up = queues.depth(case.stack.sqs, case.stack.unpublished_queue_url).total
    if not given_up:
        return ok("none")
    return warn(
        f"{given_up:,} batches of changes were given up: their events are missing."
        if given_up > 1
        else "1 batch of changes was given up: its events are missing.",
        f"See why ({case.log('publisher')}), fix it, then {case.longcode('republish')} publishes them; "
        "the stream keeps each for a day after the change, so for 12 hours after this.",
    )


CHECKS = {
    "queue": _queue,
    "consumer": _consumer,
    "publisher": _publisher,
    "dead letters": _dead_letters,
    "unpublished": _unpublished,
}
