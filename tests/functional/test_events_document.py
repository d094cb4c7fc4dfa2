"""docs/events.md and the events themselves say the same: every field, its type, and the examples."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from devtools.local_stack import sam_template
from longcode.aws.attributes import typed_item
from longcode.aws.brake_codec import notice_fields
from longcode.aws.event_bus import SOURCE
from longcode.domain import event_types
from longcode.domain.message import Entry, Fault
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import Pause, Subject, SubjectKind, Tally
from longcode.use_cases import publish
from tests.support.fakes import ROOT, THEIRS, World
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import TELNYX_ID, make_message
from tests.support.fakes.stream import event

PAGE = (ROOT / "docs/events.md").read_text()
KINDS = event_types.EVENT_TYPES
TYPES: dict[str, type | None] = {
    "string": str,
    "number": int,
    "boolean": bool,
    "list": list,
    "object": dict,
    "null": None,
}


def section(kind: str) -> str:
    """What the page says of one kind."""
    return re.split(r"^##", PAGE.split(f"\n### {kind}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def documented(kind: str) -> dict[str, list[str]]:
    """Field → the types that it may have."""
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", section(kind), re.MULTILINE)
    return {name: types.split(" or ") for name, types in rows}


def example(kind: str) -> dict[str, Any]:
    """The event that the page shows."""
    shown = re.search(r"```json\n(.*?)```", section(kind), re.DOTALL)
    assert shown
    decoded: dict[str, Any] = json.loads(shown[1])
    return decoded


def fits(value: object, types: list[str]) -> bool:
    """Whether a value is of one of these types; true is no number."""
    return any(value is None if TYPES[name] is None else type(value) is TYPES[name] for name in types)


def emitted(world: World) -> dict[str, list[dict[str, object]]]:
    """Details of every kind, with as much and with as little in them as there can be."""
    bare = make_message(metadata={})
    full = replace(
        make_message(id=bare.id, metadata={"tag": "parcels"}, status=Status.DELIVERY_FAILED, telnyx_id=TELNYX_ID),
        faults=(Fault("40001", "Not routable", "A landline."),),
        cost=Decimal("0.0051"),
        currency="USD",
        parts=2,
        carrier="att",
        line_type="wireless",
    )
    held = replace(
        full,
        status=Status.HELD,
        send_at_ms=START_MS + 60_000,
        not_before_ms=START_MS + 60_000,
        expires_ms=START_MS + 120_000,
        held_by=HeldBy.SCHEDULE,
    )
    heard = make_message(direction="inbound", status=Status.RECEIVED, route="webhook", id=TELNYX_ID, metadata={})
    more = replace(
        heard,
        telnyx_id=TELNYX_ID,
        autoresponse="STOP",
        opt_out="stop",
        history=(Entry(START_MS, "received", "webhook"),),
        media=({"url": "https://example.com/a.jpg"},),
    )
    stop = OptOut(THEIRS, True, (OptOutChange(START_MS, True, "provider"),), START_MS, 1)
    unclear = (replace(heard, opt_out="unclear"), replace(more, opt_out="unclear"))
    parcels, att = Subject(SubjectKind.TAG, "parcels"), Subject(SubjectKind.CARRIER, "att")
    notices = [
        typed_item(notice_fields(subject, pause, Tally(60, 13, 7, 1), START_MS))
        for subject, pause in ((parcels, Pause(START_MS, "13 of 60 failed", "brake")), (att, None))
    ]
    world.invoke(
        "publisher",
        event(
            *((None, notice) for notice in notices),
            (None, bare),
            (bare, full),
            (None, held),
            (None, heard),
            (None, more),
            *((None, one) for one in unclear),
            (None, stop),
        ),
    )
    found: dict[str, list[dict[str, object]]] = {kind: [] for kind in KINDS}
    for notice in world.event_bus.heard:
        found[notice.kind].append(notice.detail)
    return found


def test_the_page_has_every_kind_of_event_and_no_other(world: World) -> None:
    assert tuple(re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)) == KINDS
    assert {kind for kind, details in emitted(world).items() if details} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_has_the_fields_that_the_page_promises_in_their_order(world: World, kind: str) -> None:
    for detail in [*emitted(world)[kind], example(kind)["detail"]]:
        assert list(detail) == list(documented(kind))
        wrong = {name: value for name, value in detail.items() if not fits(value, documented(kind)[name])}
        assert wrong == {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_page_says_may_be_null_can_be(world: World, kind: str) -> None:
    promised = {name for name, types in documented(kind).items() if "null" in types}
    seen = {name for detail in emitted(world)[kind] for name, value in detail.items() if value is None}
    assert seen == promised


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_of_its_kind_and_of_this_version(kind: str) -> None:
    shown = example(kind)
    assert (shown["detail-type"], shown["source"], shown["detail"]["version"]) == (kind, SOURCE, publish.VERSION)
    numbers = re.findall(r"\+\d+", json.dumps(shown))
    assert all(re.fullmatch(r"\+120255501\d\d", number) for number in numbers)


def test_the_errors_and_the_cost_have_the_parts_that_the_page_names(world: World) -> None:
    full = emitted(world)[event_types.STATUS_CHANGED][-1]
    assert full["errors"] == [{"code": "40001", "title": "Not routable"}]
    assert full["cost"] == {"amount": "0.0051", "currency": "USD"}


def test_every_refusal_that_the_page_names_is_one_that_is_logged() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "layers/longcode/python/longcode").rglob("*.py"))
    named = set(re.findall(r"`((?:publish|stream)\.\w+)`", PAGE))
    assert named == set(re.findall(r'logger\.(?:warning|exception)\("((?:publish|stream)\.\w+)"', sources))


def test_every_resource_that_the_page_names_is_in_the_template() -> None:
    template = "".join(path.read_text() for path in sam_template.files(ROOT / "template.yaml"))
    for name in ("EventBusName", "UnpublishedQueueUrl", "PublisherLag", "Unpublished"):
        assert f"`{name}`" in PAGE
        assert f"\n  {name}:" in template
