"""What the answers of a batch have."""

from devtools.openapi.message_answers import HELD_BY, OF_A_TEST, REPLACED, STATUS
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
from longcode.domain.segments import Size

ENCODING = one_of(Size.__annotations__["encoding"], "How the text is encoded.")
MONEY = text("A decimal number.", pattern=r"^-?[0-9]+(\.[0-9]+)?$")
_HELD = {"eta": moment("About when it will leave."), "held_by": HELD_BY}
_AFTER = {"retry_after_s": count("Try again after so many seconds.")}


def error_fields() -> dict[str, Schema]:
    """What each error has."""
    return {
        "error": text("What is wrong, as a sentence. It may change."),
        "code": text("What is wrong, as a word for programs: docs/api.md, Errors."),
    }


def further_fields() -> dict[str, Schema]:
    """What an error has where it helps."""
    bound: Schema = {"type": ["integer", "string"]}
    return {
        "field": text("The field, header or parameter that is at fault."),
        "given": bound | {"description": "What was asked."},
        "limit": bound | {"description": "What is allowed."},
        "message_id": uuid("Our id of the text that this is about."),
    }


def batch_schemas() -> dict[str, Schema]:
    """The answers of a batch and of a dry run, by their names in `components`."""
    row = {"oneOf": [named("BatchText"), named("BatchRefusal")]}
    return {
        "BatchAccepted": shape(
            "What became of each item.",
            {
                "accepted": count("How many are accepted."),
                "refused": count("How many are not."),
                "messages": items(row, "A row for each item, in their order."),
            },
        ),
        "BatchText": shape(
            "An item that is accepted.",
            {
                "message_id": uuid("Our id of the text."),
                "status": STATUS,
                "segments": count("How many segments it takes."),
            },
            {"send_at": moment("When it is to be sent."), **_HELD, **REPLACED, **OF_A_TEST},
        ),
        "BatchRefusal": shape("An item that is refused.", _refused(), _AFTER | further_fields()),
        "BatchDryRun": shape(
            "What a batch comes to.",
            {
                "dry_run": one_true("Nothing is stored."),
                "token": text("Send the same batch with it, and it is accepted only if nothing has changed."),
                "messages": items(named("BatchChecked"), "A row for each item, in their order."),
                "totals": named("BatchTotals"),
            },
        ),
        "BatchChecked": _checked(),
        "BatchTotals": _totals(),
    }


def _refused() -> dict[str, Schema]:
    return {
        "index": count("Its place in `messages`, from 0."),
        "status_code": count("The status that `POST /sms/queue` would have answered."),
        **error_fields(),
    }


def _checked() -> Schema:
    return shape(
        "What there is to say of an item.",
        {
            "valid": flag("Whether it would be accepted. If not, the row has the error."),
            "encoding": nullable(ENCODING),
            "segments": nullable(count("How many segments it takes.")),
            "carrier": nullable(named("Carrier", "The recipient's carrier, if it is known.")),
            "duplicate_of": {
                "type": ["integer", "string", "null"],
                "description": "An item, or a text of late, with the same words to the same number.",
            },
        },
        _refused() | _AFTER | further_fields() | _HELD | {"status": text("What it is by now.")},
    )


def _totals() -> Schema:
    return shape(
        "A batch in numbers.",
        {
            "messages": count("How many items it has."),
            "valid": count("How many would be accepted."),
            "refused": count("How many would not."),
            "segments": count("How many segments would be sent."),
            "cost": nullable(MONEY),
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
