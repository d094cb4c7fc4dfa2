"""What each answer has: every field that a handler of ours writes."""

from devtools.openapi.bodies import CHANGE_OF_A_BATCH
from devtools.openapi.message_answers import CURSOR, HELD_BY, REPLACED, STATUS, message_schemas, words
from devtools.openapi.shapes import (
    Schema,
    count,
    flag,
    items,
    moment,
    named,
    nullable,
    one_of,
    shape,
    table,
    text,
    uuid,
)  # fmt: skip
from longcode.domain.outcomes import Resend, Responsible
from longcode.domain.segments import Size

_ENCODING = one_of(Size.__annotations__["encoding"], "How the text is encoded.")
_MONEY = text("A decimal number.", pattern=r"^-?[0-9]+(\.[0-9]+)?$")
_BY_STATUS = table(count("How many."), "How many texts have each status.")


def schemas() -> dict[str, Schema]:
    """The answers by their names in `components`."""
    return message_schemas() | _sending() | _batches() | _finding() | _optouts() | _errors() | words() | {
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
        "Sent": shape(
            "The provider has the text.",
            {
                "message_id": uuid("Our id of the text."),
                "status": text("The provider's own first word, mostly `queued`."),
                "from": text("The number that it leaves from."),
                "to": text("The number that it goes to."),
                "telnyx_id": nullable(text("The provider's id of the text.")),
                "segments": count("How many segments it takes."),
            },
            REPLACED,
        ),
        "Queued": shape(
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
            REPLACED,
        ),
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
        "Processed": shape(
            "What the queue held, and what became of it.",
            {
                "processed": count("How many the provider took."),
                "failed": count("How many ended otherwise."),
                "results": items(
                    {"oneOf": [named("Sent"), named("ProcessFailure")]}, "One row for each text that ended."
                ),
                "remaining": count("About how many are still in the queue."),
            },
        ),
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


def one_true(description: str) -> Schema:
    """A flag that is always true."""
    return {"type": "boolean", "description": description, "enum": [True]}


def _size() -> dict[str, Schema]:
    return {
        "encoding": _ENCODING,
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
            "amount": _MONEY,
            "currency": text("Its currency."),
            "per_segment": _MONEY,
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


def _batches() -> dict[str, Schema]:
    refused = {
        "index": count("Its place in `messages`, from 0."),
        "status_code": count("The status that `POST /sms/queue` would have answered."),
        **_error_fields(),
    }
    after = {"retry_after_s": count("Try again after so many seconds.")}
    held = {
        "eta": moment("About when it will leave."),
        "held_by": HELD_BY,
    }
    return {
        "BatchAccepted": shape(
            "What became of each item.",
            {
                "accepted": count("How many are accepted."),
                "refused": count("How many are not."),
                "messages": items(
                    {"oneOf": [named("BatchText"), named("BatchRefusal")]}, "A row for each item, in their order."
                ),
            },
        ),
        "BatchText": shape(
            "An item that is accepted.",
            {
                "message_id": uuid("Our id of the text."),
                "status": STATUS,
                "segments": count("How many segments it takes."),
            },
            {"send_at": moment("When it is to be sent."), **held, **REPLACED},
        ),
        "BatchRefusal": shape("An item that is refused.", refused, after | _further_fields()),
        "BatchDryRun": shape(
            "What a batch comes to.",
            {
                "dry_run": one_true("Nothing is stored."),
                "token": text("Send the same batch with it, and it is accepted only if nothing has changed."),
                "messages": items(named("BatchChecked"), "A row for each item, in their order."),
                "totals": named("BatchTotals"),
            },
        ),
        "BatchChecked": shape(
            "What there is to say of an item.",
            {
                "valid": flag("Whether it would be accepted. If not, the row has the error."),
                "encoding": nullable(_ENCODING),
                "segments": nullable(count("How many segments it takes.")),
                "carrier": nullable(named("Carrier", "The recipient's carrier, if it is known.")),
                "duplicate_of": {
                    "type": ["integer", "string", "null"],
                    "description": "An item, or a text of late, with the same words to the same number.",
                },
            },
            refused | after | _further_fields() | held | {"status": text("What it is by now.")},
        ),
        "BatchTotals": _totals(),
    }  # fmt: skip


def _totals() -> Schema:
    return shape(
        "A batch in numbers.",
        {
            "messages": count("How many items it has."),
            "valid": count("How many would be accepted."),
            "refused": count("How many would not."),
            "segments": count("How many segments would be sent."),
            "cost": nullable(_MONEY),
            "currency": nullable(text("The currency of `cost`.")),
            "opted_out": count("How many recipients have opted out."),
            "duplicates": count("How many items have the same words to the same number as another text."),
            "held_by_quiet_hours": count("How many would wait for the end of quiet hours."),
            "expired_unsent": count("How many would expire before their turn."),
            "finishes_at": nullable(moment("About when the last one will have left.")),
            "valid_until": nullable(moment("When the first one expires.")),
            "by_carrier": table(count("How many."), "How many texts go to each carrier."),
            "into_tomorrow": table(count("How many."), "How many texts a carrier takes only on a later day."),
        },
    )


def _finding() -> dict[str, Schema]:
    cost = shape("What was charged so far.", {"amount": _MONEY, "currency": text("Its currency.")})
    pause = shape(
        "No bulk text of this tag leaves.",
        {
            "since": moment("Since when."),
            "by": one_of(["brake", "operator"], "Who says so."),
            "reason": text("Why."),
        },
    )
    return {
        "MessagePage": shape(
            "Messages, newest first.",
            {"messages": items(named("Message"), "The messages of this page."), "cursor": CURSOR},
        ),
        "Tag": shape(
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
                "opt_out_rate": nullable(
                    {"type": "number", "minimum": 0, "description": "Their share of `sent`."}
                ),
                "first_accepted_at": nullable(moment("When the first of the texts was accepted.")),
                "last_accepted_at": nullable(moment("When the last of the texts was accepted.")),
                "finishes_at": nullable(moment("About when the last one will have left.")),
                "paused": nullable(pause),
            },
        ),
        "Erased": shape(
            "Texts of a person are gone.",
            {
                "erased": count("How many are gone."),
                "kept": count("How many are just being sent: call again when they are through."),
                "remaining": flag("Whether there are more: call again."),
            },
        ),
    }  # fmt: skip


def _optouts() -> dict[str, Schema]:
    source = text("From where it is known: `provider`, `keyword`, `block`, `api`, `operator`, `sync` or `import`.")
    scope = text("Of which texts it was said: `all`, or the name of a program.")
    change = shape(
        "A change of mind.",
        {
            "at": moment("When it was said."),
            "opted_out": flag("To what."),
            "source": source,
            "note": text("How it was said."),
            "scope": scope,
        },
    )
    unclear = {"message_id": text("The id of the text."), "at": moment("When it was said.")}
    dismissed = nullable(moment("When a person found that it meant something else."))
    return {
        "OptOut": shape(
            "Whether a number wants texts, and how that came about.",
            {
                "number": text("The number in its one form, or the sender's name."),
                "opted_out": flag("Whether it wants no texts."),
                "source": nullable(source),
                "scope": nullable(scope),
                "timestamp": nullable(moment("When that was said.")),
                "history": items(change, "The last 100 changes, oldest first."),
                "unclear": items(
                    shape("A text that may ask for an end.", unclear | {"dismissed_at": dismissed}),
                    "The last 20 texts that a person has to read.",
                ),
            },
        ),
        "OptOutPage": shape(
            "The opted-out, the longest first.",
            {"optouts": items(named("OptOut"), "100 at most."), "cursor": CURSOR},
        ),
        "UnclearPage": shape(
            "Who has sent what a person has to read, the longest waiting first.",
            {
                "unclear": items(
                    shape(
                        "A person.",
                        {
                            "number": text("Their number or name."),
                            "texts": items(shape("A text.", unclear), "Their texts."),
                        },
                    ),
                    "100 people at most.",
                ),
                "cursor": CURSOR,
            },
        ),
    }


def _error_fields() -> dict[str, Schema]:
    return {
        "error": text("What is wrong, as a sentence. It may change."),
        "code": text("What is wrong, as a word for programs: docs/api.md, Errors."),
    }


def _further_fields() -> dict[str, Schema]:
    bound: Schema = {"type": ["integer", "string"]}
    return {
        "field": text("The field, header or parameter that is at fault."),
        "given": bound | {"description": "What was asked."},
        "limit": bound | {"description": "What is allowed."},
        "message_id": uuid("Our id of the text that this is about."),
    }


def _errors() -> dict[str, Schema]:
    return {
        "Problem": shape(
            "Why a request was refused.",
            _error_fields(),
            _further_fields()
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
