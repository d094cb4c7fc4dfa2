"""The OpenAPI document: valid, of the code's own tables, up to date, and with an example of each answer."""

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from devtools.openapi import bodies, document, problems
from devtools.openapi.operations import UNDER, operations
from devtools.openapi.shapes import Schema
from devtools.openapi.subscription_schemas import subscription_bodies
from docs import openapi
from longcode.domain import batch_request, change_request, send_request
from longcode.domain.errors import InvalidRequest
from longcode.entrypoints.error_responses import ERRORS
from longcode.entrypoints.routes import ROUTES
from tests.support import contract
from tests.support.fakes import OURS, THEIRS, World, make_world
from tests.support.recording import recorded

# Codes without an example of a route: what stands before any function, and whose body is the template's own.
BEFORE = {code for _, code in problems.of_the_gateway()}
# A file has no store that could fail.
NO_STORE = ("GET", "/openapi.json")


@cache
def made() -> dict[str, Any]:
    """The document. Not while tests are collected, which each worker does: its examples take two seconds."""
    return document.document(recorded())


def schemas() -> dict[str, Schema]:
    """Its schemas by their names."""
    known: dict[str, Schema] = made()["components"]["schemas"]
    return known


def responses() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Method, path, status and answer of each route."""
    return [
        (method.upper(), path, status, answer)
        for path, methods in made()["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
    ]


def test_it_is_valid_openapi_3_1() -> None:
    assert made()["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(made()).iter_errors()] == []
    for name, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        assert schema["description"], name


def test_what_is_written_is_what_is_made() -> None:
    for path, text in openapi.files().items():
        assert path.read_text() == text, f"{path.name} is out of date: make docs"


def test_what_is_served_is_the_document() -> None:
    served = json.loads((openapi.ROOT / "functions/fallback/openapi.json").read_text())
    assert served == json.loads((openapi.HERE / "openapi.json").read_text())


def test_each_route_is_there_with_its_key_and_no_other() -> None:
    described = {
        (method.upper(), path): operation
        for path, methods in made()["paths"].items()
        for method, operation in methods.items()
    }
    assert set(described) == {(route.method, route.path) for route in ROUTES} | {("GET", path) for path in UNDER}
    for route in ROUTES:
        operation = described[route.method, route.path]
        assert operation["security"] == ([{"apiKey": []}] if route.scope else []), route
        assert operation.get("x-scope") == (route.scope.value if route.scope else None), route
    names = [operation["operationId"] for operation in described.values()]
    assert len(names) == len(set(names))


def test_each_parameter_of_a_path_is_described() -> None:
    for path, methods in made()["paths"].items():
        wanted = {segment[1:-1] for segment in path.split("/") if segment.startswith("{")}
        for operation in methods.values():
            found = {row["name"] for row in operation["parameters"] if row["in"] == "path" and row["required"]}
            assert found == wanted, path


# ------------------------------------------------------------------------------------------- errors


def test_each_error_code_has_words_its_status_and_a_route() -> None:
    assert set(ERRORS) <= set(problems.WHEN)
    used: dict[str, set[str]] = {}
    for _, _, status, answer in responses():
        for code in answer.get("x-codes", ()):
            used.setdefault(code, set()).add(status)
    # No route of the table: the catch-all's.
    assert set(ERRORS) - set(used) == {"method_not_allowed"}
    for code, statuses in used.items():
        if code in ERRORS and code != "provider_refused":
            assert str(ERRORS[code].status) in statuses, code


def test_each_answer_of_the_gateway_is_that_of_the_template() -> None:
    found = {
        (status, code): example["value"]
        for _, _, status, answer in responses()
        for code, example in answer.get("content", {}).get("application/json", {}).get("examples", {}).items()
        if (status, code) in problems.of_the_gateway() and code not in ERRORS
    }
    wanted = {key: body for key, body in problems.of_the_gateway().items() if key[1] not in ("not_found", *ERRORS)}
    assert found == wanted


def test_each_route_has_an_example_of_each_of_its_answers() -> None:
    shown = recorded()
    for route, operation in operations().items():
        if route == NO_STORE:
            continue
        have, wanted = shown[route], {code for code in operation.codes if code in ERRORS} | {"internal_error"}
        assert set(have) >= wanted, (route, wanted - set(have))
        statuses = {each.status for each in have.values() if each.status < 300}
        assert statuses == set(operation.answers), route
        unknown = {name for name, each in have.items() if each.status >= 400} - wanted
        assert unknown == set(), (route, unknown)


def test_each_example_is_as_its_schema_says_and_has_nothing_more() -> None:
    count = 0
    for (method, path), examples in recorded().items():
        for name, example in examples.items():
            count += 1
            assert contract.problems(method, path, example.status, example.body) == [], (method, path, name)
    assert count > 100


def test_what_an_answer_has_beyond_its_schema_is_found() -> None:
    good = recorded()["POST", "/sms/send"]["sent"].body
    assert contract.problems("POST", "/sms/send", 200, good | {"more": 1})
    assert contract.problems("POST", "/sms/send", 200, {"message_id": good["message_id"]})
    assert contract.problems("POST", "/sms/send", 418, {"error": "", "code": "invalid_request"})
    assert contract.problems("POST", "/sms/send", 400, {"error": "", "code": "too_late"})


def test_each_field_of_an_answer_is_in_an_example() -> None:
    # What is described and never answered would be a promise that is not kept.
    shown = {(name, field) for name, field in fields_shown() if name not in BODIES_OF_ALL}
    described = {
        (name, field)
        for name, schema in schemas().items()
        if name not in BODIES_OF_ALL
        for field in schema.get("properties", ())
    }
    assert described - shown - SELDOM == set()
    assert described - shown >= SELDOM, "These are in an example by now: take them off the list."


BODIES_OF_ALL = {*bodies.schemas(), *subscription_bodies()}
# In no example, for want of a story for each; tests of their routes have them.
SELDOM: set[tuple[str, str]] = set()


def fields_shown() -> set[tuple[str, str]]:
    """Each field of each schema that some example has."""
    found: set[tuple[str, str]] = set()
    for _, _, _, answer in responses():
        content = answer.get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values():
            found.update(contract.fields_of(content["schema"], example["value"]))
    return found


# ------------------------------------------------------------------------------------------- requests

BODIES = {
    "SendRequest": send_request.known_fields(),
    "QueueRequest": send_request.known_fields(later=True),
    "PreviewRequest": send_request.known_fields(preview=True),
    "ChangeRequest": frozenset(change_request.FIELDS),
    "BatchRequest": batch_request.FIELDS,
    "BatchItem": batch_request.ITEM_FIELDS,
}


def parse(name: str, fields: object) -> None:
    """Read a body as its route does."""
    if name == "ChangeRequest":
        change_request.parse_change(fields)
    elif name == "BatchRequest":
        batch_request.parse_batch(fields, OURS)
    elif name == "BatchItem":
        (item,) = batch_request.parse_batch({"messages": [fields]}, OURS).items
        if item.refused:
            raise item.refused
    else:
        send_request.parse_send_request(
            fields, OURS, preview=name == "PreviewRequest", later=name == "QueueRequest"
        )


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_fields_that_its_parser_knows_and_no_other(name: str) -> None:
    schema = bodies.schemas()[name]
    assert set(schema["properties"]) == BODIES[name]
    assert schema["additionalProperties"] is False
    # By the parser itself, not by its list: an unknown field is named, a known one is not.
    base: dict[str, object] = {"to": THEIRS, "message": "Hello"}
    if name == "BatchRequest":
        base = {"messages": [base]}
    elif name == "ChangeRequest":
        base = {"message": "Hello"}
    parse(name, base)
    with pytest.raises(InvalidRequest) as caught:
        parse(name, base | {"no_such_field": 1})
    assert caught.value.field == "no_such_field"
    for field in BODIES[name]:
        assert "Unknown field" not in refusal(name, base | {field: object()}), field


def refusal(name: str, fields: object) -> str:
    """Why a parser refuses a body; empty if it takes it."""
    try:
        parse(name, fields)
    except InvalidRequest as exc:
        return str(exc)
    return ""


# What is good of each field, and what may be of none.
FINE: dict[str, tuple[object, ...]] = {
    "to": (THEIRS,),
    "message": ("Hello",),
    "metadata": ({}, {"tag": "x"}),
    "max_segments": (1, 10),
    "smart_encoding": (True,),
    "priority": ("bulk",),
    "refuse_duplicates_s": (1, 86_400),
    "ttl_s": (1, 7_776_000),
    "send_at": ("2026-12-01T09:30:00-05:00",),
    "expires_at": ("2026-12-01T09:30:00Z",),
    "category": ("marketing",),
    "respect_quiet_hours": (False,),
    "timezone": ("America/New_York",),
    "media_urls": (["https://example.com/a.png"],),
}
ODD: tuple[object, ...] = (
    None, "", "x", 0, 1, -1, 11, 86_401, 7_776_001, True, [], {}, {"a": 1}, {"": "x"}, {"tag": "x" * 65}, 1.5,
)  # fmt: skip
# Which zones there are only the parser knows.
ONLY_THE_PARSER: list[list[object]] = [["timezone", "x"]]


@pytest.mark.parametrize("name", ["SendRequest", "QueueRequest", "PreviewRequest"])
def test_a_parser_and_its_schema_agree_on_values(name: str) -> None:
    schema = {**bodies.schemas()[name], "components": {"schemas": document.answers_of()}}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    differing = []
    for field in sorted(BODIES[name]):
        for value in (*FINE[field], *ODD):
            fields = {"to": THEIRS, "message": "Hello", field: value}
            taken = not refusal(name, fields)
            if validator.is_valid(fields) != taken and [field, value] not in ONLY_THE_PARSER:
                differing.append((field, value, taken))

    assert differing == []


def test_a_body_that_does_not_match_is_one_clear_refusal_that_names_the_field_and_stores_nothing() -> None:
    world = make_world()
    cases: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "/sms/queue", {"to": THEIRS, "message": "Hi", "colour": "red"}, "colour"),
        ("POST", "/sms/queue", {"to": THEIRS, "message": 7}, "message"),
        ("POST", "/sms/queue", {"to": 12025550123, "message": "Hi"}, "to"),
        ("POST", "/sms/send", {"to": THEIRS, "message": "Hi", "max_segments": "2"}, "max_segments"),
        ("POST", "/sms/send", {"to": THEIRS, "message": "Hi", "metadata": {"a": 1}}, "metadata"),
        ("POST", "/sms/batch", {"messages": {"to": THEIRS}}, "messages"),
        ("POST", "/sms/preview", {"message": None}, "message"),
    ]
    functions = {"/sms/send": "send"}
    for method, path, body, field in cases:
        reply = world.request(functions.get(path, "queue"), method, path, body)
        assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", field)
    assert not stored(world)


def stored(world: World) -> bool:
    return bool(world.messages.all or world.queue.stored or world.provider.requests)


# ------------------------------------------------------------------------------------------- served


def test_the_document_is_served_as_it_is_without_a_key_and_may_be_kept() -> None:
    world = make_world()
    path = openapi.ROOT / "functions/fallback/openapi.json"

    answer = world.invoke("fallback", gateway("/openapi.json"))
    again = world.invoke("fallback", gateway("/openapi.json", **{"If-None-Match": answer["headers"]["etag"]}))
    other = world.invoke("fallback", gateway("/openapi.json", **{"If-None-Match": '"x"'}))

    assert (answer["statusCode"], answer["body"]) == (200, path.read_text())
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["cache-control"] == "public, max-age=300"
    assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", answer["headers"]["etag"])
    assert other["statusCode"] == 200


def gateway(path: str, **headers: str) -> dict[str, Any]:
    from tests.support.fakes import call

    return call("GET", path, headers=headers, caller="")


def test_another_method_on_the_document_is_405() -> None:
    reply = make_world().request("fallback", "POST", "/{proxy+}", parameters={"proxy": "openapi.json"})
    assert (reply.status, reply.headers["allow"]) == (405, "GET")
