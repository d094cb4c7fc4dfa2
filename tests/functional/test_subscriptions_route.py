"""/webhooks/subscriptions: made, shown, changed, ended; secrets shown once; what may be no URL is refused."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain.event_types import EVENT_TYPES
from longcode.domain.subscriptions import MOST_SUBSCRIPTIONS, DisabledReason, Secret, Subscription
from tests.chance import showing
from tests.support.fakes import FakeSubscriptions, Names, Reply, World, make_world
from tests.support.fakes.logger import FakeLogger

ALL = "/webhooks/subscriptions"
ONE = f"{ALL}/{{subscription_id}}"
URL = "https://hooks.example.com/sms"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
HOUR_MS = 3_600_000


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def world(names: Names) -> Iterator[World]:
    made = make_world(outbound=names.client())
    yield made
    assert made.logger.crashes == []


def store(world: World) -> FakeSubscriptions:
    kept = world.service.subscriptions
    assert isinstance(kept, FakeSubscriptions)
    return kept


def create(world: World, body: object = None, **fields: Any) -> Reply:
    if body is None:
        body = {"url": URL, "events": ["sms.received"], **fields}
    return world.request("subscriptions", "POST", ALL, body)


def ask(world: World, method: str, subscription_id: str, body: object = None, path: str = ONE) -> Reply:
    parameters = {"subscription_id": subscription_id}
    return world.request("subscriptions", method, path, body, parameters=parameters)


def rotate(world: World, subscription_id: str, body: object = None) -> Reply:
    return ask(world, "POST", subscription_id, body, f"{ONE}/secret")


def kept(world: World, subscription_id: str) -> Subscription:
    found = store(world).kept[subscription_id]
    assert found
    return found


def test_one_is_created_and_its_secret_is_shown_once(world: World) -> None:
    made = create(world, description="Replies to the shop")

    assert made.status == 201
    secret = made.fields["secret"]
    assert SECRET.fullmatch(secret)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    shown = {name: value for name, value in made.fields.items() if name != "secret"}
    assert re.fullmatch(r"whs_[A-Za-z0-9_-]{22}", shown["id"])
    assert shown == {
        "id": shown["id"],
        "url": URL,
        "events": ["sms.received"],
        "description": "Replies to the shop",
        "enabled": True,
        "created_at": "2023-11-14T22:13:20.000Z",
        "disabled_reason": None,
        "failing_since": None,
    }
    assert [one.value for one in kept(world, shown["id"]).secrets] == [secret]
    # Wherever else it is shown it is without.
    assert ask(world, "GET", shown["id"]).fields == shown
    assert world.request("subscriptions", "GET", ALL).fields == {"subscriptions": [shown]}
    assert ask(world, "PATCH", shown["id"], {"enabled": True}).fields == shown


def test_no_two_have_the_same_id_or_secret_and_the_oldest_is_listed_first(world: World) -> None:
    made = []
    for _ in range(5):
        made.append(create(world, events=["*"]).fields)
        world.clock.pass_ms(1)

    listed = world.request("subscriptions", "GET", ALL).fields["subscriptions"]

    assert [one["id"] for one in listed] == [one["id"] for one in made]
    assert len({one["id"] for one in made}) == len({one["secret"] for one in made}) == 5
    assert listed[0]["events"] == ["*"]


def test_the_twenty_first_is_refused_until_one_is_deleted(world: World) -> None:
    made = [create(world).fields["id"] for _ in range(MOST_SUBSCRIPTIONS)]

    refused = create(world)
    assert (refused.status, refused.fields["code"]) == (409, "too_many_subscriptions")
    assert "20" in refused.fields["error"]
    assert list(store(world).kept) == made

    assert ask(world, "DELETE", made[3]).fields == {"id": made[3], "deleted": True}
    assert create(world).status == 201
    assert len(store(world).kept) == MOST_SUBSCRIPTIONS


def test_a_change_changes_what_it_names(world: World) -> None:
    made = create(world, description="a").fields
    cases: list[tuple[dict[str, object], dict[str, object]]] = [
        ({"url": "https://other.example.com/x"}, {"url": "https://other.example.com/x"}),
        ({"events": ["sms.paused", "sms.received"]}, {"events": ["sms.paused", "sms.received"]}),
        ({"description": ""}, {"description": ""}),
        ({"enabled": False}, {"enabled": False, "disabled_reason": "by_request"}),
        ({"events": ["*"], "description": "b"}, {"events": ["*"], "description": "b"}),
        ({"enabled": True}, {"enabled": True, "disabled_reason": None}),
    ]
    expected = {name: value for name, value in made.items() if name != "secret"}
    for body, changed in cases:
        expected |= changed
        reply = ask(world, "PATCH", made["id"], body)
        assert (reply.status, reply.fields) == (200, expected), body
        assert ask(world, "GET", made["id"]).fields == expected


def test_one_that_was_disabled_for_failing_is_as_new_once_it_is_enabled(world: World) -> None:
    made = create(world).fields
    store(world).note_failing(made["id"], world.clock.now_ms())
    store(world).disable(made["id"], DisabledReason.FAILING)

    seen = ask(world, "GET", made["id"]).fields
    assert (seen["enabled"], seen["disabled_reason"]) == (False, "failing")
    assert seen["failing_since"] == "2023-11-14T22:13:20.000Z"

    after = ask(world, "PATCH", made["id"], {"enabled": True}).fields
    assert (after["enabled"], after["disabled_reason"], after["failing_since"]) == (True, None, None)


def test_what_is_not_there_is_404_whatever_is_asked_of_it(world: World) -> None:
    made = create(world).fields["id"]
    for ident in ("whs_0000000000000000000000", "whs_", "%23creations", "x" * 3000, "..%2F", "%00", "%ff"):
        asked = [
            ask(world, "GET", ident),
            ask(world, "PATCH", ident, {"enabled": False}),
            ask(world, "PATCH", ident, {"url": URL}),
            ask(world, "DELETE", ident),
            rotate(world, ident),
        ]
        assert [(one.status, one.fields["code"]) for one in asked] == [(404, "not_found")] * 5, ident
    assert list(store(world).kept) == [made]
    assert ask(world, "DELETE", made).status == 200
    assert ask(world, "DELETE", made).status == 404


# --------------------------------------------------------------------------------------------------- secrets


def test_after_a_rotation_both_secrets_are_valid_for_a_day(world: World) -> None:
    made = create(world).fields
    now_ms = world.clock.now_ms()

    rotated = rotate(world, made["id"])

    assert rotated.status == 200
    assert SECRET.fullmatch(rotated.fields["secret"])
    assert rotated.fields["secret"] != made["secret"]
    assert {name: value for name, value in rotated.fields.items() if name != "secret"} == ask(
        world, "GET", made["id"]
    ).fields
    both = [rotated.fields["secret"], made["secret"]]
    assert valid(world, made["id"], now_ms) == valid(world, made["id"], now_ms + 24 * HOUR_MS - 1) == both
    assert valid(world, made["id"], now_ms + 24 * HOUR_MS) == both[:1]


def valid(world: World, subscription_id: str, now_ms: int) -> list[str]:
    return [one.value for one in kept(world, subscription_id).valid_secrets(now_ms)]


def test_a_second_rotation_within_the_overlap_drops_the_oldest(world: World) -> None:
    made = create(world).fields
    first = rotate(world, made["id"], {"overlap_s": 604_800}).fields["secret"]
    world.clock.pass_ms(1_000)
    second = rotate(world, made["id"], {"overlap_s": 60}).fields["secret"]

    now_ms = world.clock.now_ms()
    assert valid(world, made["id"], now_ms) == [second, first]
    assert valid(world, made["id"], now_ms + 60_000) == [second]
    assert [one.value for one in kept(world, made["id"]).secrets] == [second, first]


def test_a_rotation_without_an_overlap_ends_every_secret_before_it(world: World) -> None:
    made = create(world).fields
    rotate(world, made["id"], {})
    last = rotate(world, made["id"], {"overlap_s": 0}).fields["secret"]

    assert [one.value for one in kept(world, made["id"]).secrets] == [last]


def test_a_rotation_that_meets_another_begins_anew_and_one_that_always_does_is_503(world: World) -> None:
    made = create(world).fields
    others = iter(["whsec_b3RoZXIx"])

    def meet() -> None:
        # Another rotation, between the reading and the writing of this one.
        if store(world).faults.calls[-1] == "get" and (secret := next(others, None)):
            store(world).kept[made["id"]] = replace(kept(world, made["id"]), secrets=(Secret(secret),))

    store(world).faults.takes = meet
    rotated = rotate(world, made["id"]).fields
    assert valid(world, made["id"], world.clock.now_ms()) == [rotated["secret"], "whsec_b3RoZXIx"]

    others = (f"whsec_{number}" for number in range(100))
    refused = rotate(world, made["id"])
    assert (refused.status, refused.fields["code"]) == (503, "unavailable")
    assert valid(world, made["id"], world.clock.now_ms()) == ["whsec_2"]


def test_no_secret_and_no_url_is_in_the_log(world: World) -> None:
    made = create(world, url=f"{URL}/T0000/B0000/path-that-is-a-secret").fields
    rotated = rotate(world, made["id"]).fields
    ask(world, "PATCH", made["id"], {"url": f"{URL}/another-secret"})
    create(world, url="https://user:hunter2@hooks.example.com/")
    ask(world, "DELETE", made["id"])

    logger = world.logger
    assert isinstance(logger, FakeLogger)
    written = repr(logger.lines)
    assert [line.event for line in logger.lines if line.event.startswith("subscription.")] == [
        "subscription.created",
        "subscription.rotated",
        "subscription.changed",
        "subscription.deleted",
    ]
    for secret in (made["secret"], rotated["secret"], "that-is-a-secret", "another-secret", "hunter2"):
        assert secret not in written


# -------------------------------------------------------------------------------------------------- bad input

# This machine; services beside it, which know its credentials; what is private, shared or kept for other uses;
# IPv4 within IPv6; and names that lead inside, wholly or in part.
INSIDE = """
127.0.0.1 127.1 127.255.255.254 0.0.0.0 0 2130706433 0x7f000001 0x7f.1 017700000001 [::1] [::]
localhost localhost. 127.0.0.1:8443 localhost:8443
169.254.169.254 2852039166 0xa9fea9fe 169.254.170.2 [fd00:ec2::254] [fe80::1] metadata.internal
10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
224.0.0.1 240.0.0.1 255.255.255.255 [fc00::1] [ff02::1] [2001:db8::1] [fec0::1] [100::1] [3fff::1] [5f00::1]
[::ffff:127.0.0.1] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::a00:1]
[2002:7f00:1::] [2002:a00:1::] [2001:0:7f00:1::]
inside.example.com INSIDE.example.com both.example.com mapped.example.com
"""
SECRETS = """
token=x API_KEY=x api-key=x key=x sig=x a=b&access_token=x a=b&accessToken=x pwd=x client_secret=x X-Auth-Token=x
%74oken=x password X-Amz-Signature=1 jwt=1
"""
SCHEMES = """
hooks.example.com /sms http://hooks.example.com/ HTTP://hooks.example.com/ http://127.0.0.1:8080/ gopher://hooks/
ftp://hooks.example.com/ file:///etc/passwd javascript:alert(1) data:text/plain,x https:hooks.example.com https://
"""
ODD = (" ", "\t", "\n", "\r\nHost: inside", "\\@inside", "\x00")
# Each with a word of what its refusal says.
BAD_URLS = [
    ("", "https://"),
    *((url, "https://") for url in SCHEMES.split()),
    *((f"https://{host}/latest", "not public") for host in INSIDE.split()),
    *((f"https://hooks.example.com/?{query}", "secret") for query in SECRETS.split()),
    ("https://nowhere.example.com/", "no address"),
    ("https://user@hooks.example.com/", "user name"),
    ("https://user:pass@hooks.example.com/", "user name"),
    ("https://:pass@hooks.example.com/", "user name"),
    ("https://hooks.example.com@inside.example.com/", "user name"),
    ("https://hooks.example.com/#part", "#"),
    ("https://hooks.example.com:0/", "port"),
    ("https://hooks.example.com:99999/", "no URL"),
    ("https://hooks.example.com:port/", "no URL"),
    ("https://[::1", "no URL"),
    (f"https://hooks.example.com/{'x' * 2_048}", "2048"),
    # What two programs may read in two ways.
    *(
        (f"https://hooks.example.com{odd}/", "")
        for odd in (" ", "\t", "\n", "\r\nHost: inside", "\\@inside", "\x00")
    ),
    (" https://hooks.example.com/", ""),
    ("https://0177.0.0.1/", ""),
    ("https://0251.0376.0251.0376/latest", ""),
    ("https://\N{FULLWIDTH DIGIT ONE}27.0.0.1/", ""),
    ("https://10\N{IDEOGRAPHIC FULL STOP}0.0.1/", ""),
    ("https://hooks.example.com/\ud800", ""),
    ("https://[fe80::1%25eth0]/", ""),
    ("https://[v1.x]/", ""),
]


def test_a_url_that_may_not_be_called_is_refused_and_nothing_is_stored(world: World, names: Names) -> None:
    names.known |= {
        "localhost": ["127.0.0.1", "::1"],
        "localhost.": ["127.0.0.1"],
        "metadata.internal": ["169.254.169.254"],
        "inside.example.com": ["10.1.2.3"],
        "both.example.com": ["93.184.215.14", "192.168.0.9"],
        "mapped.example.com": ["::ffff:10.0.0.1"],
        "nowhere.example.com": [],
    }
    made = create(world).fields
    assert len(BAD_URLS) > 100
    for url, word in BAD_URLS:
        with showing(url):
            for reply in (create(world, url=url), ask(world, "PATCH", made["id"], {"url": url})):
                assert (reply.status, reply.fields["field"]) == (400, "url")
                assert reply.fields["code"] == "invalid_request"
                assert word in reply.fields["error"]
                assert set(reply.fields) == {"error", "code", "field"}
                # What is refused may hold a secret.
                assert len(url) < 9 or url not in repr(reply.fields)
    (only,) = store(world).all()
    assert only.url == URL


def test_a_url_that_may_be_called_is_taken(world: World, names: Names) -> None:
    names.known["six.example.com"] = ["2606:4700::6810:84e5", "104.16.132.229"]
    for url in (
        "https://hooks.example.com",
        "https://hooks.example.com:8443/sms?source=longcode&order=desc",
        "https://six.example.com/a/b%20c",
        "HTTPS://Hooks.Example.com/",
        "https://93.184.215.14/",
        "https://[2606:4700::6810:84e5]/",
        "https://[64:ff9b::5db8:d70e]/",
        "https://[::ffff:93.184.215.14]/",
        "https://xn--bcher-kva.example/",
        "https://hooks.example.com/?keyword=x&monkey=y&author=z&partition=token",
        f"https://hooks.example.com/{'x' * 2000}",
    ):
        with showing(url):
            made = create(world, url=url)
            assert made.status == 201, made.fields
            assert kept(world, made.fields["id"]).url == made.fields["url"] == url


def test_on_the_local_stack_this_machine_may_be_called_and_no_other_inside(names: Names) -> None:
    names.known |= {"localhost": ["127.0.0.1"], "inside.example.com": ["127.0.0.1", "10.0.0.1"]}
    world = make_world(outbound=names.client(allow_loopback=True))
    for url in ("http://127.0.0.1:9000/x", "http://localhost:9000/", "https://localhost/", "http://[::1]:9000/"):
        assert create(world, url=url).status == 201, url
    for url in (
        *("http://hooks.example.com/", "http://10.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/"),
        *("https://inside.example.com/", "http://user@127.0.0.1/", "http://127.0.0.1/?token=x"),
        *("http://localhost.example.com/", "http://127.0.0.1.example.com/", "http://0.0.0.0/"),
    ):
        refused = create(world, url=url)
        assert (refused.status, refused.fields["field"]) == (400, "url"), url
    assert len(store(world).kept) == 4


BAD_BODIES: list[tuple[object, str | None]] = [
    ("", None),
    ("[]", None),
    ('"x"', None),
    ("{", None),
    ("{}", "url"),
    ({"url": URL}, "events"),
    ({"events": ["*"]}, "url"),
    ({"url": None, "events": ["*"]}, "url"),
    ({"url": 7, "events": ["*"]}, "url"),
    ({"url": [URL], "events": ["*"]}, "url"),
    ({"url": URL, "events": "*"}, "events"),
    ({"url": URL, "events": []}, "events"),
    ({"url": URL, "events": None}, "events"),
    ({"url": URL, "events": {"*": 1}}, "events"),
    ({"url": URL, "events": ["sms.received", "sms.sent"]}, "events[1]"),
    ({"url": URL, "events": ["SMS.RECEIVED"]}, "events[0]"),
    ({"url": URL, "events": [""]}, "events[0]"),
    ({"url": URL, "events": [None]}, "events[0]"),
    ({"url": URL, "events": [{"a": 1}]}, "events[0]"),
    ({"url": URL, "events": ["sms.*"]}, "events[0]"),
    ({"url": URL, "events": ["sms.paused", "sms.received", "sms.paused"]}, "events[2]"),
    ({"url": URL, "events": ["sms.received", "*"]}, "events[1]"),
    ({"url": URL, "events": ["*", "*"]}, "events[1]"),
    ({"url": URL, "events": ["*"] * 5_000}, "events[1]"),
    ({"url": URL, "events": ["*"], "description": "x" * 201}, "description"),
    ({"url": URL, "events": ["*"], "description": None}, "description"),
    ({"url": URL, "events": ["*"], "description": "two\nlines"}, "description"),
    ({"url": URL, "events": ["*"], "description": "\ud800"}, "description"),
    ({"url": URL, "events": ["*"], "secret": "whsec_mine"}, "secret"),
    ({"url": URL, "events": ["*"], "enabled": False}, "enabled"),
    ({"url": URL, "events": ["*"], "x" * 200: 1}, "x" * 64),
    (f'{{"url": "{URL}", "url": "{URL}", "events": ["*"]}}', "url"),
]


def test_a_body_that_breaks_the_contract_is_refused_with_its_field_and_nothing_is_stored(world: World) -> None:
    for body, field in BAD_BODIES:
        with showing(body):
            reply = create(world, body)
            assert (reply.status, reply.fields["code"]) == (400, "invalid_request")
            assert reply.fields.get("field") == field
            assert "whsec_mine" not in repr(reply.fields)
    assert store(world).kept == {}


def test_an_unknown_type_is_refused_with_those_that_there_are(world: World) -> None:
    error = create(world, events=["sms.sent"]).fields["error"]
    assert [kind for kind in EVENT_TYPES if kind not in error] == []
    assert create(world, events=list(EVENT_TYPES)).status == 201


def test_a_description_may_be_200_characters_and_a_refusal_has_both_numbers(world: World) -> None:
    assert create(world, description="\N{SNOWMAN}" * 200).status == 201
    refused = create(world, description="\N{SNOWMAN}" * 201).fields
    assert (refused["given"], refused["limit"]) == (201, 200)


def test_a_change_or_a_rotation_that_breaks_the_contract_changes_nothing(world: World) -> None:
    made = create(world).fields
    before = kept(world, made["id"])
    changes: list[tuple[object, str | None]] = [
        *(("", None), ("{}", None), ("[]", None)),
        *(({"enabled": value}, "enabled") for value in (None, "yes", 1)),
        *(({name: "x"}, name) for name in ("id", "secret", "disabled_reason")),
        *(({"events": []}, "events"), ({"url": None}, "url")),
        ({"enabled": False, "url": "http://hooks.example.com/"}, "url"),
    ]
    for body, field in changes:
        reply = ask(world, "PATCH", made["id"], body)
        assert (reply.status, reply.fields.get("field")) == (400, field), body
    overlaps: list[object] = [-1, 604_801, 1.5, "60", None, True, 10**400, []]
    rotations: list[tuple[object, str | None]] = [
        *(({"overlap_s": value}, "overlap_s") for value in overlaps),
        *(("[]", None), ("{", None), ({"overlap": 1}, "overlap")),
    ]
    for body, field in rotations:
        reply = rotate(world, made["id"], body)
        assert (reply.status, reply.fields.get("field")) == (400, field), body
    assert kept(world, made["id"]) == before
    limited = rotate(world, made["id"], {"overlap_s": 604_801}).fields
    assert (limited["given"], limited["limit"]) == (604_801, 604_800)


def test_a_table_that_does_not_answer_is_503_on_each_route(world: World) -> None:
    made = create(world).fields
    calls: list[tuple[str, Callable[[], Reply]]] = [
        ("create", lambda: create(world)),
        ("all", lambda: world.request("subscriptions", "GET", ALL)),
        ("get", lambda: ask(world, "GET", made["id"])),
        ("change", lambda: ask(world, "PATCH", made["id"], {"enabled": False})),
        ("delete", lambda: ask(world, "DELETE", made["id"])),
        ("set_secrets", lambda: rotate(world, made["id"])),
    ]
    for call, asked in calls:
        store(world).faults.fail(call)
        reply = asked()
        assert (reply.status, reply.fields["code"]) == (503, "unavailable"), call
        assert reply.fields["error"].startswith("A store did not answer")
    assert [one.id for one in store(world).all()] == [made["id"]]
    assert kept(world, made["id"]).disabled is None
