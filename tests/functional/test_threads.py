"""GET /sms/threads/{number}: all texts with one person, both ways, page by page."""

from urllib.parse import quote

from longcode.domain.message import iso
from tests.functional.test_finding_and_erasing import ids, receive
from tests.support.fakes import THEIRS, Reply, World, call

OTHERS = "+12025550124"


def thread(world: World, number: str = THEIRS, **parameters: str) -> Reply:
    event = call("GET", "/sms/threads/{number}")
    event["pathParameters"] = {"number": quote(number)}
    event["queryStringParameters"] = parameters or None
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in parameters.items()} or None
    return Reply.of(world.invoke("messages", event))


def test_a_thread_has_the_texts_of_both_and_of_no_one_else_the_newest_first(world: World) -> None:
    first = world.enqueue(message="Are you coming?").fields["message_id"]
    receive(world, "Yes")
    world.clock.pass_ms(1)
    last = world.enqueue(message="Good").fields["message_id"]
    world.enqueue(OTHERS, message="not this one")
    receive(world, "nor this", sender=OTHERS)

    reply = thread(world)

    assert reply.status == 200
    assert [(row["direction"], row["text"]) for row in reply.fields["messages"]] == [
        ("outbound", "Good"),
        ("inbound", "Yes"),
        ("outbound", "Are you coming?"),
    ]
    assert (ids(reply)[0], ids(reply)[2], reply.fields["cursor"]) == (last, first, None)


def test_pages_neither_lose_nor_repeat_texts_of_one_moment_or_those_that_come_meanwhile(world: World) -> None:
    # Without a step of the clock between them.
    sent = {world.enqueue(message=f"text {n}").fields["message_id"] for n in range(7)}
    receive(world, "and back")
    inbound = {message.id for message in world.messages.all if message.direction == "inbound"}

    found, cursor = list[str](), ""
    while not found or cursor:
        reply = thread(world, limit="3", **({"cursor": cursor} if cursor else {}))
        found += ids(reply)
        cursor = reply.fields["cursor"] or ""
        receive(world, "one more")

    assert sorted(found) == sorted(sent | inbound)


def test_a_thread_may_be_cut_by_time(world: World) -> None:
    world.enqueue(message="early")
    world.clock.pass_ms(60_000)
    since = world.clock.now
    late = world.enqueue(message="late").fields["message_id"]

    assert ids(thread(world, since=iso(since))) == [late]
    assert thread(world, since=iso(since), until=iso(since)).fields["field"] == "until"


def test_no_text_is_an_empty_thread_and_what_is_no_number_or_parameter_is_named(world: World) -> None:
    assert thread(world).fields == {"messages": [], "cursor": None}
    cases = [
        (("not a number", {}), "number"),
        (("", {}), "number"),
        ((THEIRS, {"status": "sent"}), "status"),
        ((THEIRS, {"limit": "0"}), "limit"),
        ((THEIRS, {"cursor": "abc"}), "cursor"),
    ]
    for (number, parameters), field in cases:
        reply = thread(world, number, **parameters)
        assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", field)


def test_a_cursor_of_one_thread_is_none_of_another(world: World) -> None:
    for number in (THEIRS, OTHERS):
        for n in range(2):
            world.enqueue(number, message=str(n))
    cursor = thread(world, limit="1").fields["cursor"]
    assert thread(world, OTHERS, limit="1", cursor=cursor).fields["field"] == "cursor"


def test_a_short_code_has_a_thread_as_well(world: World) -> None:
    receive(world, "Your code is 1", sender="28849")
    assert [row["text"] for row in thread(world, "28849").fields["messages"]] == ["Your code is 1"]
