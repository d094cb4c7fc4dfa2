"""docs/batch.md and the route say the same: its examples are run, its tables have the fields of the answers."""

import json
import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

from longcode.domain import batch_token
from longcode.domain.send_request import LATER_FIELDS
from tests.functional.batch_steps import ask, dry_run, items
from tests.support.fakes import ROOT, Reply, World

PAGE = (ROOT / "docs/batch.md").read_text()


def examples() -> Iterator[tuple[dict[str, Any], dict[str, str], dict[str, Any]]]:
    """Each command's body and headers, and the answer that the page shows for it."""
    blocks = re.findall(r"```(bash|json)\n(.*?)```", PAGE, re.DOTALL)
    for (kind, command), (_, answer) in pairwise(blocks):
        if kind != "bash":
            continue
        words = shlex.split(command.replace("\\\n", " "))
        # The others are the gateway's, and said by every call.
        given = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        headers = {name: value for name, value in given.items() if name == "Idempotency-Key"}
        yield json.loads(words[words.index("-d") + 1]), headers, json.loads(answer)


def shape(value: object) -> object:
    """The names and kinds of all that is in an answer; what differs by time and chance is left out."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name not in ("cost", "currency")}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str) and (len(value) == 36 or re.match(r"\d{4}-\d\d-\d\dT|AQG", value)):
        return "…"
    return value


def test_the_examples_are_answered_as_the_page_shows(world: World) -> None:
    found = list(examples())
    assert len(found) == 2
    for body, headers, answer in found:
        reply = world.request("queue", "POST", "/sms/batch", body, headers=headers)
        # The first one's texts are no part of the second.
        assert shape(reply.fields) == shape(answer)
        if "dry_run" not in body:
            assert len(world.messages.all) == answer["accepted"]
    cost = found[1][2]["totals"]["cost"]
    assert Decimal(cost) > 0


def test_the_answer_to_a_changed_list_is_as_the_page_shows(world: World) -> None:
    (shown,) = (
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "changes" in block
    )
    wanted = items(10)
    token = dry_run(world, wanted).fields["token"]
    wanted[7]["message"] = "Other"
    world.request("optouts", "PUT", "/sms/optouts/{number}", {}, parameters={"number": wanted[9]["to"]})

    reply = ask(world, wanted, token=token)

    assert world.messages.all == []
    assert reply.fields == shown


def test_the_tables_have_each_field_of_a_dry_run(world: World) -> None:
    reply: Reply = dry_run(world, items(1))
    tables = {
        name for row in re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }

    assert set(reply.fields["messages"][0]) <= tables
    assert set(reply.fields["totals"]) - {"messages", "valid", "refused"} <= tables


def test_the_api_page_has_each_field_that_a_batch_may_have() -> None:
    page = (ROOT / "docs/api.md").read_text().split("\n## POST /sms/batch\n")[1].split("\n## ")[0]

    for name in (*LATER_FIELDS, "messages", "template", "dry_run", "token", "duplicate_window_s", "key", "values"):
        assert f"`{name}`" in page, name
    assert batch_token._LASTS_MS == 24 * 3_600_000
