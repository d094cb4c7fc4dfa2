"""What each answer has: every field that a handler of ours writes."""

from devtools.openapi.batch_answers import ENCODING, MONEY, batch_schemas, error_fields, further_fields
from devtools.openapi.bodies import CHANGE_OF_A_BATCH
from devtools.openapi.message_answers import CURSOR, HELD_BY, OF_A_TEST, REPLACED, STATUS, message_schemas, words
from devtools.openapi.shapes import (
    Schema,
    count,
    flag,
    items,
    moment,
    named,
    nullable,
    one_of,
    one_true,
    shape,
    table,
    text,
    uuid,
)  # fmt: skip
from longcode.domain.outcomes import Resend, Responsible

_BY_STATUS = table(count("How many."), "How many texts have each status.")


def schemas() -> dict[str, Schema]:
    """The answers by their names in `components`."""
    return message_schemas() | _sending() | batch_schemas() | _finding() | _optouts() | _errors() | words() | {
        "Health": shape(
            "The service can work.",
            {
                "status": one_of(["healthy"], "It is healthy."),
                "queue_size": count("About how many texts wait or are in hand."),
                "tracked_messages": count("How many messages are stored, in and out."),
                "by_status": _BY_STATUS,
            },
        ),
        "WebhookTaken": shape(
            "The event is dealt with.",
            {"status": one_of(["received", "updated", "acknowledged"], "What it was taken for.")},
        ),
    }  # fmt: skip


def _sending() -> dict[str, Schema]:
    return {
        "Sent": _sent(),
        "Queued": _queued(),
        "Cancelled": shape(
            "The text is never sent.",
            {"message_id": uuid("Our id of the text."), "status": one_of(["cancelled"], "It is cancelled.")},
        ),
        "TagCancelled": shape(
            "The texts of a tag that waited are never sent.",
            {
                "cancelled": count("How many will never be sent."),
                "too_late": count("How many are under way."),
                "cursor": nullable(text("Where to go on, null if all were looked at.")),
            },
        ),
        "Processed": _processed(),
        "ProcessFailure": shape(
            "A text that ended without being sent.",
            {
                "error": text("What went wrong, in the provider's words or ours."),
                "code": text("Its code: docs/errors.md."),
                "explanation": named("Explanation"),
            },
            {"message_id": uuid("Our id of the text."), "to": text("Its recipient."), "status": STATUS},
        ),
        "Preview": _preview(),
    }


def _sent() -> Schema:
    return shape(
        "The provider has the text.",
        {
            "message_id": uuid("Our id of the text."),
            "status": text("The provider's own first word, mostly `queued`."),
            "from": text("The number that it leaves from."),
            "to": text("The number that it goes to."),
            "telnyx_id": nullable(text("The provider's id of the text.")),
            "segments": count("How many segments it takes."),
        },
        REPLACED | OF_A_TEST,
    )


def _queued() -> Schema:
    return shape(
        "The text is stored, and leaves by itself.",
        {
            "queued": one_true("It is accepted."),
            "position": count("Its place in the recipient queue, from 1; 0 if it does not wait any more."),
            "message_id": uuid("Our id of the text."),
            "status": STATUS,
            "eta": nullable(moment("About when it will leave; null if no one can say.")),
            "held_by": nullable(HELD_BY),
            "segments": count("How many segments it takes."),
        },
        REPLACED | OF_A_TEST,
    )


def _processed() -> Schema:
    row = {"oneOf": [named("Sent"), named("ProcessFailure")]}
    return shape(
        "What the queue held, and what became of it.",
        {
            "processed": count("How many the provider took."),
            "failed": count("How many ended otherwise."),
            "results": items(row, "One row for each text that ended."),
            "remaining": count("About how many are still in the queue."),
        },
    )


def _size() -> dict[str, Schema]:
    return {
        "encoding": ENCODING,
        "units": count("Septets of the GSM alphabet, or UTF-16 units."),
        "segments": count("How many segments that takes."),
        "left": count("How many more units the last segment has room for."),
    }


def _preview() -> Schema:
    forcing = shape(
        "A character that forces `ucs2`.",
        {
            "character": text("The character."),
            "name": text("Its name."),
            "count": count("How often it is there."),
            "positions": items(count("Code points from 0."), "The first ten of its places."),
            "replacement": nullable(text("What smart encoding has for it; null if nothing.")),
        },
    )
    shorter = shape(
        "The text as it would be sent with smart encoding.",
        _size() | {"text": text("The text."), "replaced": REPLACED["replaced"]},
    )
    cost = shape(
        "About what the text would cost.",
        {
            "amount": MONEY,
            "currency": text("Its currency."),
            "per_segment": MONEY,
            "texts": count("Of how many texts this is the middle price."),
        },
    )
    outlook = {"outlook": named("CarrierOutlook"), "quiet_hours": named("QuietOutlook")}
    return shape(
        "What a text takes, and why.",
        _size()
        | {
            "forced_by": items(forcing, "The characters that force `ucs2`, the first 20 of them."),
            "forced_by_total": count("How many different characters that are."),
            "smart_encoding": shorter,
            "cost": nullable(cost),
        },
        outlook,
    )


def _finding() -> dict[str, Schema]:
    return {
        "MessagePage": shape(
            "Messages, newest first.",
            {"messages": items(named("Message"), "The messages of this page."), "cursor": CURSOR},
        ),
        "Tag": _tag(),
        "Erased": shape(
            "Texts of a person are gone.",
            {
                "erased": count("How many are gone."),
                "kept": count("How many are just being sent: call again when they are through."),
                "remaining": flag("Whether there are more: call again."),
            },
        ),
    }


def _tag() -> Schema:
    cost = shape("What was charged so far.", {"amount": MONEY, "currency": text("Its currency.")})
    by = one_of(["brake", "operator"], "Who says so.")
    pause = shape(
        "No bulk text of this tag leaves.", {"since": moment("Since when."), "by": by, "reason": text("Why.")}
    )
    rate: Schema = {"type": "number", "minimum": 0, "description": "Their share of `sent`."}
    return shape(
        "How the texts of a tag stand.",
        {
            "tag": text("The tag."),
            "counts": _BY_STATUS,
            "total": count("How many texts those are."),
            "by_carrier": table(_BY_STATUS, "The same for each carrier of a recipient."),
            "sent": count("How many texts the provider has taken."),
            "segments": count("How many segments they had."),
            "cost": nullable(cost),
            "opted_out": count("How many people opted out within 72 hours after one of the texts."),
            "opt_out_rate": nullable(rate),
            "first_accepted_at": nullable(moment("When the first of the texts was accepted.")),
            "last_accepted_at": nullable(moment("When the last of the texts was accepted.")),
            "finishes_at": nullable(moment("About when the last one will have left.")),
            "paused": nullable(pause),
        },
    )


_UNCLEAR = {"message_id": text("The id of the text."), "at": moment("When it was said.")}


def _optouts() -> dict[str, Schema]:
    person = shape(
        "A person.",
        {"number": text("Their number or name."), "texts": items(shape("A text.", _UNCLEAR), "Their texts.")},
    )
    return {
        "OptOut": _opt_out(),
        "OptOutPage": shape(
            "The opted-out, the longest first.",
            {"optouts": items(named("OptOut"), "100 at most."), "cursor": CURSOR},
        ),
        "UnclearPage": shape(
            "Who has sent what a person has to read, the longest waiting first.",
            {"unclear": items(person, "100 people at most."), "cursor": CURSOR},
        ),
    }


def _opt_out() -> Schema:
    source = text("From where it is known: `provider`, `keyword`, `block`, `api`, `operator`, `sync` or `import`.")
    scope = text("Of which texts it was said: `all`, or the name of a program.")
    change = {
        "at": moment("When it was said."),
        "opted_out": flag("To what."),
        "source": source,
        "note": text("How it was said."),
        "scope": scope,
    }
    dismissed = nullable(moment("When a person found that it meant something else."))
    unclear = shape("A text that may ask for an end.", _UNCLEAR | {"dismissed_at": dismissed})
    return shape(
        "Whether a number wants texts, and how that came about.",
        {
            "number": text("The number in its one form, or the sender's name."),
            "opted_out": flag("Whether it wants no texts."),
            "source": nullable(source),
            "scope": nullable(scope),
            "timestamp": nullable(moment("When that was said.")),
            "history": items(shape("A change of mind.", change), "The last 100 changes, oldest first."),
            "unclear": items(unclear, "The last 20 texts that a person has to read."),
        },
    )


def _errors() -> dict[str, Schema]:
    return {
        "Problem": shape(
            "Why a request was refused.",
            error_fields(),
            further_fields()
            | {
                "status": text("What the text is (`outcome_unknown`, `too_late`)."),
                "provider": named("Fault"),
                "changes": items(CHANGE_OF_A_BATCH, "What differs from the dry run (`batch_changed`)."),
            },
        ),
        "Fault": shape(
            "Why a text did not arrive.",
            {
                "code": text("The provider's code, or ours: docs/errors.md."),
                "title": text("What it is called."),
                "detail": text("What was said of it."),
                "explanation": named("Explanation"),
            },
        ),
        "Explanation": shape(
            "What a code means, and what to do.",
            {
                "meaning": text("What it means."),
                "whose": one_of(Responsible, "Whose it is to fix."),
                "resend": one_of(Resend, "Whether sending the text again can help."),
                "next": text("What to do."),
            },
        ),
    }
