"""What a key may do on each route, whatever routes there are: by its scopes, its kind and its time."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from devtools.local_stack import sam_template
from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.domain.message import iso
from longcode.entrypoints.routes import CATCH_ALL, ROUTES, Route
from longcode.use_cases.key_store import FRESH_MS, MISS_MS, REMEMBERED_MOST, STALE_MS
from tests.functional.conftest import nothing_happened
from tests.support.fakes import ROOT, THEIRS, Reply, World, make_world
from tests.support.fakes.clock import START_MS

TEMPLATE = sam_template.load(ROOT / "template.yaml")
KEYED = [route for route in ROUTES if route.scope]
KEY = ApiKey("programKey", "shop", KeyKind.LIVE, frozenset(Scope), START_MS)
OTHERS = "+12025550124"
IDENT = "0b5f3a1c-6c1e-4a63-8f0e-3a4d3f5b7c22"
PARAMETERS = {"id": IDENT, "message_id": IDENT, "number": "+12025550177", "tag": "spring-sale"}
REFUSED = ("forbidden", "scope_missing")


def functions() -> Iterator[tuple[tuple[str, str], str]]:
    """The function of each route."""
    for properties in sam_template.functions(TEMPLATE).values():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "Api":
                method, path = event["Properties"]["Method"], event["Properties"]["Path"]
                yield (method.upper(), path), properties["CodeUri"].removeprefix("functions/")


FUNCTION_OF = dict(functions())


def ask(world: World, route: Route, caller: str = KEY.id, body: object = None) -> Reply:
    """Call a route. Its body is no JSON, unless one is given: who may not call it must not see that."""
    parameters = {name: value for name, value in PARAMETERS.items() if f"{{{name}}}" in route.path}
    function = FUNCTION_OF.get((route.method, route.path), "fallback")
    sent = "{" if body is None else body
    return world.request(function, route.method, route.path, sent, parameters=parameters, caller=caller)


def code(reply: Reply) -> str:
    return str(reply.fields.get("code", ""))


def every_set_of_scopes() -> Iterator[frozenset[Scope]]:
    for many in range(len(Scope) + 1):
        yield from map(frozenset, combinations(Scope, many))


def test_each_route_asks_for_its_own_scope_and_no_other_of_each_kind_of_key(world: World) -> None:
    assert {route.scope for route in KEYED} == set(Scope)
    for scopes in every_set_of_scopes():
        for kind in KeyKind:
            key = replace(KEY, id=f"{kind} {'+'.join(sorted(scopes))}", kind=kind, scopes=scopes)
            assert world.api_keys.create(key)
            for route in KEYED:
                before = dict(world.optouts.entries)
                reply = ask(world, route, key.id)
                if route.scope in scopes:
                    assert code(reply) != "scope_missing", (key, route)
                else:
                    assert (reply.status, code(reply)) == (403, "scope_missing"), (key, route)
                    assert str(route.scope) in reply.fields["error"]
                    assert "field" not in reply.fields
                    assert world.optouts.entries == before
    assert not world.messages.all
    assert not world.queue.stored
    assert not world.provider.requests


@pytest.mark.parametrize("rights", ["no item", "no id", "ended", "ends at this moment"])
def test_a_key_without_rights_reaches_no_route(world: World, rights: str) -> None:
    now = world.clock.now_ms()
    if rights.startswith("end"):
        world.api_keys.create(replace(KEY, expires_ms=now - 1 if rights == "ended" else now))
    for route in KEYED:
        reply = ask(world, route, "" if rights == "no id" else KEY.id)

        assert (reply.status, code(reply)) == (403, "forbidden"), route
        assert "field" not in reply.fields
    assert nothing_happened(world)
    assert {line.event for line in world.logger.lines if line.level == "warning"} == {"guard.key"}


def test_routes_without_a_key_look_for_none(world: World) -> None:
    open_routes = [route for route in ROUTES if route.scope is None]
    assert open_routes
    for route in [*open_routes, Route("GET", CATCH_ALL, None)]:
        assert code(ask(world, route, "")) not in REFUSED, route
        assert code(ask(world, route, "unknownKey")) not in REFUSED, route
    assert world.api_keys.reads == []


def test_the_stacks_own_key_may_do_everything_and_is_looked_up_nowhere(world: World) -> None:
    for route in KEYED:
        assert code(ask(world, route, world.settings.stack_key_id)) not in REFUSED, route
    assert world.api_keys.reads == []


def test_without_a_key_of_the_stack_no_caller_is_it() -> None:
    world = make_world()
    world = make_world(replace(world.settings, stack_key_id=""))
    for caller in ("", "exampleid1"):
        assert code(ask(world, KEYED[0], caller)) == "forbidden"


def test_what_no_gateway_hands_on_is_no_route_and_runs_nothing(world: World) -> None:
    for method, path in (("PUT", "/sms/queue"), ("POST", "/sms/else"), ("", "")):
        reply = world.request("queue", method, path, {"to": THEIRS, "message": "Hello"})
        assert (reply.status, code(reply)) == (404, "not_found")
    assert nothing_happened(world)


def test_the_page_of_keys_has_each_route_with_its_scope() -> None:
    page = (ROOT / "docs/keys.md").read_text()
    for scope in (*Scope, None):
        (row,) = re.findall(rf"^\| {f'`{scope}`' if scope else 'none'} \| (`[A-Z].*) \|$", page, re.MULTILINE)
        said = re.findall(r"`([A-Z]+) ([^`]+)`", row)
        assert sorted(said) == sorted((route.method, route.path) for route in ROUTES if route.scope == scope)


# ------------------------------------------------------------------------------- what is remembered of a key


def read(world: World) -> str:
    """What a function answers to a harmless question."""
    return code(world.request("optouts", "GET", "/sms/optouts", caller=KEY.id))


def test_a_key_is_looked_up_once_in_half_a_minute(world: World) -> None:
    world.api_keys.create(KEY)
    for _ in range(FRESH_MS // 1000):
        assert read(world) == ""
        world.clock.pass_ms(1000)
    assert world.api_keys.reads == [KEY.id]

    assert read(world) == ""

    assert world.api_keys.reads == [KEY.id] * 2


def test_a_revoked_key_stops_within_a_minute_and_one_whose_end_is_known_at_once(world: World) -> None:
    assert FRESH_MS <= 60_000
    world.api_keys.create(replace(KEY, expires_ms=world.clock.now_ms() + 500))
    assert read(world) == ""
    world.clock.pass_ms(500)
    assert read(world) == "forbidden"
    world.api_keys.keys[KEY.id] = KEY
    world.clock.pass_ms(FRESH_MS)
    assert read(world) == ""

    world.api_keys.end(KEY.id, world.clock.now_ms())
    world.clock.pass_ms(FRESH_MS - 1)
    assert read(world) == ""
    world.clock.pass_ms(1)

    assert read(world) == "forbidden"


def test_a_key_that_is_made_after_its_first_call_works_soon(world: World) -> None:
    assert read(world) == "forbidden"
    world.api_keys.create(KEY)
    world.clock.pass_ms(MISS_MS - 1)
    assert read(world) == "forbidden"
    world.clock.pass_ms(1)

    assert read(world) == ""


def test_while_the_table_does_not_answer_a_key_counts_for_ten_minutes_and_then_is_503(world: World) -> None:
    assert read(world) == "forbidden"
    world.api_keys.create(KEY)
    world.clock.pass_ms(MISS_MS)
    assert read(world) == ""
    world.api_keys.faults.fail("get", times=1000)
    for after_ms in (FRESH_MS, STALE_MS - FRESH_MS - 1):
        world.clock.pass_ms(after_ms)
        assert read(world) == ""

    world.clock.pass_ms(1)

    reply = world.request("optouts", "GET", "/sms/optouts", caller=KEY.id)
    assert (reply.status, code(reply)) == (503, "unavailable")
    assert reply.headers["retry-after"]
    # Of one that nothing is known of, nothing is guessed; nor of one that had no rights.
    for caller in ("anotherKey", "yetAnotherKey"):
        assert code(world.request("optouts", "GET", "/sms/optouts", caller=caller)) == "unavailable"


def test_a_clock_that_is_set_back_lets_no_key_live_longer(world: World) -> None:
    world.api_keys.create(KEY)
    assert read(world) == ""
    world.api_keys.end(KEY.id, START_MS - 7_200_000)

    world.clock.now -= 3_600_000

    assert read(world) == "forbidden"


def test_what_is_remembered_has_a_bound(world: World) -> None:
    for number in range(REMEMBERED_MOST + 50):
        world.request("optouts", "GET", "/sms/optouts", caller=f"key {number}")

    assert len(world.service.known_keys._known) == REMEMBERED_MOST


# ------------------------------------------------------------------------------- a guest list


@pytest.fixture
def guests(world: World) -> World:
    world.api_keys.create(replace(KEY, kind=KeyKind.GUEST_LIST, guests=frozenset({THEIRS})))
    return world


def post(world: World, path: str, body: dict[str, Any], **headers: str) -> Reply:
    world.clock.pass_ms(1)
    function = FUNCTION_OF["POST", path]
    return world.request(function, "POST", path, body, caller=KEY.id, headers=headers)


@pytest.mark.parametrize("path", ["/sms/send", "/sms/queue", "/sms/preview"])
def test_a_guest_list_key_texts_who_is_listed_and_no_one_else(guests: World, path: str) -> None:
    refused = post(guests, path, {"to": OTHERS, "message": "Hello"})

    assert (refused.status, code(refused), refused.fields["field"]) == (403, "recipient_not_listed", "to")
    assert nothing_happened(guests)
    (line,) = [line for line in guests.logger.lines if line.event == "guard.guest_list"]
    assert line.fields == {"to": "+1…24", "caller": KEY.id, "texts": 1}
    assert post(guests, path, {"to": THEIRS, "message": "Hello"}).status < 300


def test_a_repeated_request_to_a_number_that_was_taken_off_the_list_is_refused(guests: World) -> None:
    body = {"to": THEIRS, "message": "Hello"}
    assert post(guests, "/sms/queue", body, **{"Idempotency-Key": "k"}).status == 202
    guests.api_keys.disallow(KEY.id, THEIRS)
    guests.clock.pass_ms(FRESH_MS)

    assert code(post(guests, "/sms/queue", body, **{"Idempotency-Key": "k"})) == "recipient_not_listed"


def test_a_number_is_listed_in_whichever_way_it_is_written(guests: World) -> None:
    guests.api_keys.allow(KEY.id, "+525512345678")
    reply = post(guests, "/sms/preview", {"to": "+5215512345678", "message": "Hello"})
    assert reply.status == 200


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_a_batch_each_number_that_is_not_listed_is_refused_alone(guests: World, dry_run: bool) -> None:
    items = [{"to": to, "message": "Hello"} for to in (OTHERS, THEIRS, "+12025550125")]

    reply = post(guests, "/sms/batch", {"messages": items, "dry_run": dry_run})

    rows = reply.fields["messages"]
    assert [row.get("code") for row in rows] == ["recipient_not_listed", None, "recipient_not_listed"]
    assert [row.get("status_code") for row in rows] == [403, None, 403]
    assert rows[0]["field"].endswith("to")
    assert [message.recipient for message in guests.messages.all] == ([] if dry_run else [THEIRS])
    (line,) = [line for line in guests.logger.lines if line.event == "guard.guest_list"]
    assert line.fields == {"to": "+1…25", "caller": KEY.id, "texts": 2}


def test_a_token_knows_that_a_number_was_not_listed(guests: World) -> None:
    body: dict[str, Any] = {"messages": [{"to": to, "message": "Hello"} for to in (OTHERS, THEIRS)]}
    token = post(guests, "/sms/batch", {**body, "dry_run": True}).fields["token"]
    guests.api_keys.allow(KEY.id, OTHERS)
    guests.clock.pass_ms(FRESH_MS)

    reply = post(guests, "/sms/batch", {**body, "token": token})

    assert code(reply) == "batch_changed"
    (change,) = reply.fields["changes"]
    assert (change["was"], change["now"]) == ("recipient_not_listed", "valid")


HELD = {"send_at": iso(START_MS + 3_600_000)}


def held(world: World, to: str) -> str:
    """A held text to `to` of another key."""
    reply = world.enqueue(to, **HELD)
    assert reply.status == 202, reply.fields
    return str(reply.fields["message_id"])


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"message": "Other words"}), ("DELETE", None)], ids=["change", "cancel"]
)
def test_only_a_text_to_a_listed_number_is_changed_and_cancelled(
    guests: World, method: str, body: dict[str, str] | None
) -> None:
    others, listed = held(guests, OTHERS), held(guests, THEIRS)
    before = guests.messages.get(others)

    def ask_of(ident: str) -> Reply:
        parameters = {"id": ident}
        return guests.request("queue", method, "/sms/queue/{id}", body, parameters=parameters, caller=KEY.id)

    reply = ask_of(others)

    assert (reply.status, code(reply)) == (403, "recipient_not_listed")
    assert guests.messages.get(others) == before
    assert ask_of(IDENT).status == 404
    assert ask_of(listed).status == 200
    changed = guests.messages.get(listed)
    assert changed
    assert changed.history != (before.history if before else ())


@pytest.mark.parametrize("kind", [KeyKind.GUEST_LIST, KeyKind.TEST])
def test_other_keys_than_live_ones_act_on_no_texts_of_all_keys(guests: World, kind: KeyKind) -> None:
    guests.api_keys.keys[KEY.id] = replace(guests.api_keys.keys[KEY.id], kind=kind)
    live = [held(guests, THEIRS), guests.enqueue(metadata={"tag": "spring"}, **HELD).fields["message_id"]]
    guests.enqueue(OTHERS)

    by_tag = guests.request("queue", "DELETE", "/sms/queue", query={"tag": "spring"}, caller=KEY.id)
    process = guests.request("process", "POST", "/sms/queue/process", caller=KEY.id)

    refused = [process] if kind is KeyKind.TEST else [by_tag, process]
    for reply in refused:
        assert (reply.status, code(reply)) == (403, "forbidden")
        assert kind.value in reply.fields["error"]
    # A test key has tags of its own: nothing is found under this one.
    assert by_tag.fields.get("cancelled", 0) == 0
    assert guests.provider.requests == []
    assert {guests.messages.get(each).status for each in live} == {"held"}  # type: ignore[union-attr]


def test_for_a_test_key_there_is_no_text_of_another_key(guests: World) -> None:
    guests.api_keys.keys[KEY.id] = replace(KEY, kind=KeyKind.TEST)
    ident = held(guests, THEIRS)
    before = guests.messages.get(ident)
    for method, body in (("PATCH", {"message": "Other words"}), ("DELETE", None)):
        reply = guests.request("queue", method, "/sms/queue/{id}", body, parameters={"id": ident}, caller=KEY.id)
        assert (reply.status, code(reply)) == (404, "not_found")
    assert guests.messages.get(ident) == before


# ------------------------------------------------------------------------------- a rotated key

NEW = replace(KEY, id="newKey", owner_id=KEY.id)


@pytest.fixture
def rotated(world: World) -> World:
    world.api_keys.create(replace(KEY, expires_ms=START_MS + 86_400_000))
    world.api_keys.create(NEW)
    return world


@pytest.mark.parametrize("path", ["/sms/send", "/sms/queue"])
def test_a_request_that_is_repeated_with_the_new_key_is_no_second_text(rotated: World, path: str) -> None:
    body, headers = {"to": THEIRS, "message": "Hello"}, {"Idempotency-Key": "order-4711"}
    function = FUNCTION_OF["POST", path]
    first = rotated.request(function, "POST", path, body, headers=headers, caller=KEY.id)

    again = rotated.request(function, "POST", path, body, headers=headers, caller=NEW.id)

    assert first.fields["message_id"] == again.fields["message_id"]
    assert len(rotated.messages.all) == 1
    assert len(rotated.provider.requests) == (path == "/sms/send")


def test_a_batch_and_its_token_go_over_from_one_key_to_the_next(rotated: World) -> None:
    body: dict[str, Any] = {"messages": [{"to": THEIRS, "message": "Hello"}]}

    def batch(caller: str, **more: object) -> Reply:
        return rotated.request("queue", "POST", "/sms/batch", body | more, caller=caller)

    token = batch(KEY.id, dry_run=True).fields["token"]
    first, again = batch(KEY.id, token=token), batch(NEW.id, token=token)

    assert first.status == again.status == 202
    assert first.fields["messages"][0]["message_id"] == again.fields["messages"][0]["message_id"]
    assert len(rotated.messages.all) == 1


def test_both_keys_have_one_day_together() -> None:
    world = make_world()
    world = make_world(replace(world.settings, daily_texts_per_key=2))
    for key in (KEY, NEW, replace(KEY, id="aThird")):
        world.api_keys.create(key)

    def ask_with(caller: str) -> int:
        world.clock.pass_ms(1)
        body = {"to": THEIRS, "message": "Hello"}
        return world.request("queue", "POST", "/sms/queue", body, caller=caller).status

    assert [ask_with(caller) for caller in (KEY.id, NEW.id, NEW.id, KEY.id)] == [202, 202, 429, 429]
    assert ask_with("aThird") == 202


def test_who_changed_an_opt_out_is_the_very_key(rotated: World) -> None:
    reply = rotated.request(
        "optouts", "PUT", "/sms/optouts/{number}", parameters={"number": THEIRS}, caller=NEW.id
    )
    assert reply.status == 200
    assert rotated.optouts.entries[THEIRS].changes[-1].note == NEW.id
