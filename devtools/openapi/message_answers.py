"""What an answer has of a message: with its history, and in a list."""

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
from longcode.domain.carriers import Carrier
from longcode.domain.message import Entry
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.priority import Priority
from longcode.domain.quiet_request import Category
from longcode.domain.status import HeldBy, Status

STATUS = named("Status", "What became of the text.")
HELD_BY = named("HeldBy", "What it waits for.")
CURSOR = nullable(text("Where the next page begins, null on the last one."))
_REPLACED = shape(
    "A character that was replaced.",
    {
        "character": text("The character."),
        "replacement": text("What stands in its place."),
        "count": count("How often it was replaced."),
    },
)
REPLACED = {"replaced": items(_REPLACED, "What smart encoding replaced, missing if that is nothing.")}

OF_A_TEST = {"test": one_true("It is a text of a test key, which reaches no one; missing of any other.")}


def _always() -> dict[str, Schema]:
    return {
        "message_id": uuid("Our id."),
        "telnyx_id": nullable(text("The provider's id.")),
        "status": STATUS,
        "direction": one_of(["outbound", "inbound"], "Which way it went."),
        "from": text("The number or name that it is from."),
        "to": text("The number that it is to."),
        "text": nullable(text("What it says; null once that is not kept any more.")),
        "timestamp": moment("When its status last changed here."),
        "accepted_at": moment("When it was accepted, or received."),
        "segments": count("The provider's count of its segments, before that our estimate."),
        "carrier": nullable(named("Carrier", "The other person's carrier.")),
        "line_type": nullable(text("The other person's kind of line, in the provider's word.")),
    }


# Of a file that came with a text.
_FACTS = ("url", "content_type", "size", "sha256")


def _sometimes() -> dict[str, Schema]:
    cost = shape(
        "What the provider charges.",
        {"amount": text("A decimal number."), "currency": nullable(text("Its currency."))},
    )
    media = shape(
        "A file.",
        {},
        {
            name: text("As the provider has it; of a stored file what we found.")
            for name in ("url", "content_type", "size", "sha256")
        }
        | {
            "stored": flag("With StoreMedia: whether the file is in the bucket. Absent until that is known."),
            "problem": text("Why it is not stored."),
            "download_url": text(
                "In the status and the thread: where the file is, for five minutes.", format="uri"
            ),
        },
    )
    return {
        "recipient": text("Outbound: the same as `to`."),
        "metadata": table({"type": "string"}, "Outbound: the data that it was sent with."),
        "attempts": count("Outbound: 1 once it is being sent, or was."),
        "priority": named("Priority", "Outbound: which queue it waits in."),
        "send_at": moment("Outbound: when it is to be sent, where its request said so."),
        "expires_at": moment("Outbound: until when it may be sent, where its request said so."),
        "category": named("Category", "Outbound: what its sender called it."),
        "cost": cost,
        "completed_at": moment("Outbound: when it ended."),
        **OF_A_TEST,
        "media_urls": items(text("An address.", format="uri"), "Outbound: the files that go with it."),
        "media": items(media, "Inbound: the files that came with it."),
        "is_spam": flag("Inbound: the provider's verdict."),
        "autoresponse": nullable(text("Inbound: the provider's own reply, as `STOP`.")),
        "opt_out": nullable(named("OptOutKeyword", "Inbound: what this service read it as.")),
    }  # fmt: skip


def words() -> dict[str, Schema]:
    """The enumerations that several answers and requests share, by their names in `components`."""
    return {
        "Status": one_of(Status, "What became of a text."),
        "HeldBy": one_of(HeldBy, "What a text waits for."),
        "Carrier": one_of(Carrier, "A carrier; `other` is any that has no name here."),
        "Priority": one_of(Priority, "Which queue a text waits in."),
        "Category": one_of(Category.__value__, "Marketing texts wait for the end of quiet hours."),
        "OptOutKeyword": one_of(OptOutKeyword, "What an inbound text was read as."),
    }


def message_schemas() -> dict[str, Schema]:
    """Messages, by their names in `components`."""
    entry = shape(
        "One thing that happened.",
        {
            "at": moment("When."),
            "status": text(
                "A status, or `accepted`, `changed`, `held`, `waiting`, `waited` or the provider's word."
            ),
            "source": one_of(Entry.__annotations__["source"], "Who says so."),
        },
        {"note": text("What happened, in plain words."), "errors": items(named("Fault"), "What went wrong.")},
    )
    story = {
        "history": items(entry, "What happened, oldest first."),
        "errors": items(named("Fault"), "Why it did not arrive."),
    }
    waiting = {
        "position": count("While it waits: its place in the recipient queue."),
        "eta": nullable(moment("While it waits: about when it will leave.")),
        "held_by": nullable(HELD_BY),
    }
    return {
        "Message": shape("A message as it stands.", _always(), _sometimes()),
        "MessageStatus": shape(
            "A message as it stands, and how it came to that.",
            _always() | story,
            _sometimes() | waiting | REPLACED,
        ),
        "CarrierOutlook": _carrier_outlook(),
        "QuietOutlook": _quiet_outlook(),
    }


def _carrier_outlook() -> Schema:
    limit = shape(
        "A limit that the text would count against.",
        {
            "carrier": named("Carrier", "Whose limit."),
            "per": one_of(["minute", "day"], "In which time."),
            "segments": count("How many segments."),
        },
    )
    return shape(
        "What holds for the recipient's carrier.",
        {
            "to": text("The recipient."),
            "carrier": nullable(named("Carrier", "The recipient's carrier.")),
            "line_type": nullable(text("The recipient's kind of line.")),
            "limits": items(limit, "The carrier's limits."),
            "held_by": nullable(HELD_BY),
            "held_until": nullable(moment("Until when.")),
        },
    )


def _quiet_outlook() -> Schema:
    state = shape("A state.", {"state": text("Its letters."), "statute": text("Its law.")})
    spans = items(text("From and until, as 08:00-21:00."), "When texts may leave on that day.")
    return shape(
        "When the text may leave by quiet hours.",
        {
            "timezones": items(text("An IANA name."), "The zones that the recipient may be in."),
            "open": table(spans, "What is open on each day of the week."),
            "states": items(state, "The states whose law narrows that."),
            "quiet_now": flag("Whether it is quiet now."),
            "opens_at": moment("When it is not quiet next, or now."),
        },
    )
