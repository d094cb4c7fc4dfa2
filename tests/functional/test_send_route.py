"""POST /sms/send: one text now, and the provider's first word on it."""

import pytest

from longcode.domain.message import Entry, Fault, Message
from longcode.domain.outcomes import Answer
from longcode.domain.pacing import recipient_key, sender_key
from longcode.domain.status import Status
from tests.support.fakes import (
    OURS,
    THEIRS,
    WEBHOOK_URL,
    FakeClock,
    FakeProvider,
    World,
    make_settings,
    make_world,
)
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import Behaviour, refuses

OTHER = "+12025550124"
THIRD = "+12025550145"


def test_a_text_goes_out_at_once_and_the_providers_word_comes_back(world: World) -> None:
    reply = world.send(message="Your parcel comes at 10.", metadata={"order": "A-17"})

    (text,) = world.provider.texts
    (message,) = world.messages.all
    assert (text.key, text.recipient, text.sender, text.text) == (message.id, THEIRS, OURS, message.text)
    assert text.webhook_url == f"{WEBHOOK_URL}/{message.id}"
    assert (message.status, message.telnyx_id, message.attempts) == (Status.SUBMITTED, text.telnyx_id, 1)
    assert message.metadata == {"order": "A-17"}
    assert world.queue.stored == []
    assert reply.status == 200
    assert reply.fields == {
        "message_id": message.id,
        "status": "queued",
        "from": OURS,
        "to": THEIRS,
        "telnyx_id": text.telnyx_id,
        "segments": 1,
    }


def test_a_text_is_claimed_before_it_leaves(world: World) -> None:
    world.provider.then(Behaviour(dies=lambda: SystemExit("killed")))

    with pytest.raises(SystemExit):
        world.send()

    (message,) = world.messages.all
    assert message.status is Status.SENDING
    assert message.claim_id


def test_the_providers_own_first_word_is_answered(world: World) -> None:
    world.provider.then(Behaviour(word="sending"))

    assert world.send().fields["status"] == "sending"


# (what the provider does, our status, the answer's status and code, Retry-After)
OUTCOMES: list[tuple[Behaviour, Status, int, str, str | None]] = [
    (providers.BAD_KEY, Status.FAILED, 401, "provider_unauthorized", None),
    (providers.RATE_LIMITED, Status.FAILED, 429, "provider_rate_limited", "3"),
    (providers.OVERLOADED, Status.FAILED, 429, "provider_rate_limited", "5"),
    (providers.UNREACHABLE, Status.FAILED, 503, "provider_unreachable", "5"),
    (providers.NO_FUNDS, Status.FAILED, 503, "provider_not_configured", "60"),
    (providers.SPEND_LIMIT, Status.FAILED, 503, "provider_not_configured", "60"),
    (providers.OPTED_OUT, Status.FAILED, 403, "recipient_opted_out", None),
    (providers.NO_SUCH_NUMBER, Status.FAILED, 400, "provider_refused", None),
    (refuses(410, "40310", "Invalid 'to' address"), Status.FAILED, 410, "provider_refused", None),
    (refuses(422, "10027", "Key reused"), Status.FAILED, 422, "provider_refused", None),
    (providers.ACCEPTS_AND_HANGS, Status.UNKNOWN, 504, "outcome_unknown", None),
    (providers.HANGS, Status.UNKNOWN, 504, "outcome_unknown", None),
    (providers.ACCEPTS_THEN_500, Status.UNKNOWN, 504, "outcome_unknown", None),
    (providers.FAILS_500, Status.UNKNOWN, 504, "outcome_unknown", None),
    (providers.ACCEPTS_AND_GARBLES, Status.UNKNOWN, 504, "outcome_unknown", None),
]


@pytest.mark.parametrize(("behaviour", "status", "answer", "code", "retry_after"), OUTCOMES)
def test_each_outcome_is_recorded_and_has_its_answer(
    world: World, behaviour: Behaviour, status: Status, answer: int, code: str, retry_after: str | None
) -> None:
    world.provider.then(behaviour)

    reply = world.send()

    (message,) = world.messages.all
    assert message.status is status
    assert message.history[-1].status == status.value
    assert message.faults
    assert (reply.status, reply.fields["code"]) == (answer, code)
    assert reply.fields["message_id"] == message.id
    assert reply.headers.get("retry-after") == retry_after
    assert reply.fields.get("status") == ("unknown" if answer == 504 else None)


def test_the_providers_own_code_and_title_are_in_the_answer(world: World) -> None:
    world.provider.then(providers.NO_SUCH_NUMBER)

    reply = world.send()

    assert (reply.fields["provider"]["code"], reply.fields["provider"]["title"]) == (
        "40310",
        "Invalid 'to' address",
    )


def test_a_bug_of_ours_is_logged_as_an_error(world: World) -> None:
    world.provider.then(refuses(422, "10027", "Key reused"))

    world.send()

    assert world.logger.of("send.rejected_as_malformed")


# ------------------------------------------------------------------------------------------- idempotency


def test_the_same_request_again_is_the_same_text_and_the_same_answer(world: World) -> None:
    first = world.send(key="order-17")

    again = world.send(key="order-17")

    assert len(world.provider.requests) == 1
    assert len(world.messages.all) == 1
    assert again == first


def test_without_a_key_each_request_is_a_text_of_its_own(world: World) -> None:
    assert world.send().fields["message_id"] != world.send().fields["message_id"]

    assert len(world.provider.texts) == 2


@pytest.mark.parametrize(
    "changed",
    [{"to": OTHER}, {"message": "Another text."}, {"metadata": {"a": "b"}}],
    ids=lambda row: next(iter(row)),
)
def test_the_same_key_with_another_request_is_a_conflict(world: World, changed: dict[str, str]) -> None:
    world.send(key="order-17")

    reply = world.send(**{"key": "order-17"} | changed)

    assert len(world.provider.requests) == 1
    assert (reply.status, reply.fields["code"]) == (409, "idempotency_key_reused")


def test_a_key_of_the_other_route_is_a_conflict(world: World) -> None:
    world.send(key="order-17")

    assert world.enqueue(key="order-17").status == 409

    assert world.queue.stored == []


def test_a_key_belongs_to_its_caller(world: World) -> None:
    body = {"to": THEIRS, "message": "Hello"}
    world.api_keys.live("one", "two")
    for caller in ("one", "two"):
        world.request("send", "POST", "/sms/send", body, headers={"Idempotency-Key": "k"}, caller=caller)

    assert len(world.provider.texts) == 2


def test_a_request_whose_first_one_still_runs_is_asked_to_wait(world: World) -> None:
    world.provider.then(Behaviour(dies=lambda: SystemExit("killed")))
    with pytest.raises(SystemExit):
        world.send(key="order-17")

    reply = world.send(key="order-17")

    assert len(world.provider.requests) == 1
    assert (reply.status, reply.fields["code"]) == (409, "idempotency_key_in_use")
    assert reply.headers["retry-after"] == "1"


def test_a_request_whose_outcome_is_unknown_is_never_sent_again(world: World) -> None:
    world.provider.then(providers.ACCEPTS_AND_HANGS)
    first = world.send(key="order-17")

    again = world.send(key="order-17")

    assert len(world.provider.requests) == 1
    assert again == first
    assert again.status == 504


@pytest.mark.parametrize(
    "behaviour",
    [providers.UNREACHABLE, providers.RATE_LIMITED, providers.OVERLOADED],
    ids=["unreachable", "429", "503"],
)
def test_a_request_that_was_proven_not_sent_is_really_tried_again(world: World, behaviour: Behaviour) -> None:
    world.provider.then(behaviour)
    first = world.send(key="order-17")

    again = world.send(key="order-17")

    (message,) = world.messages.all
    assert len(world.provider.requests) == 2
    assert world.provider.taken(message.id) == 1
    assert message.status is Status.SUBMITTED
    assert again.status == 200
    assert again.fields["message_id"] == first.fields["message_id"]


@pytest.mark.parametrize(
    "behaviour", [providers.OPTED_OUT, providers.NO_SUCH_NUMBER], ids=["opted-out", "no-number"]
)
def test_a_request_that_the_provider_refused_for_good_has_the_same_answer_again(
    world: World, behaviour: Behaviour
) -> None:
    world.provider.then(behaviour)
    first = world.send(key="order-17")

    again = world.send(key="order-17")

    assert len(world.provider.requests) == 1
    assert again == first


@pytest.mark.parametrize(
    ("detail", "code"),
    [("Blocked due to STOP message", "recipient_opted_out"), ("The number is on no profile.", "provider_refused")],
)
def test_a_repeated_request_says_of_one_code_for_two_things_which_it_was(
    world: World, detail: str, code: str
) -> None:
    world.provider.then(providers.ACCEPTS_AND_HANGS)
    world.send(key="order-17")
    (message,) = world.messages.all
    refused = Entry(
        world.clock.now, "failed", "reconciler", faults=(Fault("40300", "Not allowed", detail, http_status=403),)
    )
    assert world.messages.end(message, Status.FAILED, refused, world.clock.now)

    again = world.send(key="order-17")

    assert (again.status, again.fields["code"]) == (403, code)
    assert len(world.provider.requests) == 1


def test_a_receipt_settles_the_answer_to_a_repeated_request(world: World) -> None:
    world.provider.then(providers.ACCEPTS_AND_HANGS)
    ident = world.send(key="order-17").fields["message_id"]
    from tests.support.fakes.webhooks import receipt

    world.webhook(receipt(world.provider.text(ident), "delivered", world.clock.now), path_id=ident)

    again = world.send(key="order-17")

    assert len(world.provider.requests) == 1
    assert again.status == 200
    assert again.fields["telnyx_id"] == world.provider.text(ident).telnyx_id


# ----------------------------------------------------------------------------------------------- the pace


def test_a_send_does_not_wait_but_those_behind_it_keep_their_distance(world: World) -> None:
    start = world.clock.now
    world.send()
    assert world.provider.arrivals() == [start]
    world.enqueue()

    world.consume()

    first, second = world.provider.arrivals(THEIRS)
    assert second - first >= 1_000


def test_two_sends_in_a_row_do_not_wait_for_each_other(world: World) -> None:
    world.send()
    world.send()

    first, second = world.provider.arrivals()
    assert second - first < 1_000


def test_a_429_puts_off_its_recipient_and_no_one_else(world: World) -> None:
    world.provider.then(providers.RATE_LIMITED)
    world.send()
    asked = world.clock.now + 3_000
    began = world.clock.now
    world.enqueue()
    world.enqueue(to=OTHER)

    world.consume()

    assert world.provider.arrivals(THEIRS)[0] >= asked
    assert world.provider.arrivals(OTHER)[0] <= began + 500


def test_two_429s_of_different_recipients_slow_everybody_down(world: World) -> None:
    world.provider.then(providers.RATE_LIMITED, providers.RATE_LIMITED)
    world.send()
    world.send(to=OTHER)
    began = world.clock.now

    reply = world.send(to=THIRD)

    assert world.limits.limiters[sender_key(OURS)].brake
    assert reply.status == 200
    # A second of quiet first.
    assert began + 900 <= world.provider.arrivals(THIRD)[0] <= began + 2_000


def test_behind_many_a_send_is_answered_with_the_time_of_its_turn(world: World) -> None:
    world.provider.then(providers.RATE_LIMITED, providers.RATE_LIMITED)
    for to in (THEIRS, OTHER):
        world.send(to=to)
    brake = world.limits.limiters[sender_key(OURS)].brake
    assert brake
    for _ in range(20):
        world.limits.take_turn(OURS, brake, world.clock.now)

    reply = world.send(to=THIRD)

    assert (reply.status, reply.fields["code"]) == (429, "provider_rate_limited")
    assert int(reply.headers["retry-after"]) >= 2
    assert len(world.provider.requests) == 2


def test_without_a_limit_no_limiter_is_touched() -> None:
    world = make_world(make_settings(recipient_interval_ms=0))

    world.send()

    assert recipient_key(THEIRS) not in world.limits.limiters


# ------------------------------------------------------------------------------------------ failing stores


@pytest.mark.parametrize("call", ["accept"])
def test_what_could_not_be_stored_is_not_sent(world: World, call: str) -> None:
    world.messages.faults.fail(call)

    reply = world.send(key="order-17")

    assert world.provider.requests == []
    assert (reply.status, reply.fields["code"]) == (503, "unavailable")
    assert world.send(key="order-17").status == 200


@pytest.mark.parametrize("call", ["read_gate", "reserve", "push"])
def test_a_limit_store_that_fails_before_the_send_leaves_it_unsent_and_safe_to_repeat(
    world: World, call: str
) -> None:
    world.limits.faults.fail(call)

    reply = world.send(key="order-17")

    assert world.provider.requests == []
    assert reply.status == 503
    assert world.send(key="order-17").status == 200
    assert len(world.provider.texts) == 1


def test_a_key_that_cannot_be_read_leaves_nothing_stored(world: World) -> None:
    world.provider.faults.fail("prepare")

    reply = world.send()

    assert world.messages.all == []
    assert reply.status == 503


def test_a_store_that_fails_after_the_provider_took_the_text_never_says_that_it_is_safe_to_repeat(
    world: World,
) -> None:
    world.messages.faults.fail("submitted")

    reply = world.send(key="order-17")

    assert len(world.provider.texts) == 1
    assert reply.status != 503
    assert reply.fields["message_id"] == world.messages.all[0].id


def test_a_limit_store_that_fails_after_the_send_does_not_hide_that_it_was_sent(world: World) -> None:
    world.limits.faults.fail("push", skip=1)

    reply = world.send(key="order-17")

    assert len(world.provider.texts) == 1
    assert world.messages.all[0].status is Status.SUBMITTED
    assert reply.status == 200


# ------------------------------------------------------------------------------------------------ opt-outs


def test_a_recipient_who_has_opted_out_gets_nothing(world: World) -> None:
    from tests.support.fakes.webhooks import inbound

    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))

    reply = world.send()

    assert world.provider.requests == []
    assert [message.direction for message in world.messages.all] == ["inbound"]
    assert (reply.status, reply.fields["code"]) == (403, "recipient_opted_out")


@pytest.mark.parametrize(("after_ms", "out"), [(1, False), (-1, True)], ids=["since", "before"])
def test_a_refusal_for_a_stop_is_as_old_as_its_request(after_ms: int, out: bool) -> None:
    """The provider looked when it was asked: a START since then is later, one from before is older."""
    from tests.support.fakes.webhooks import inbound

    class Slow(FakeProvider):
        """START comes while its refusal is on the way."""

        def send(self, message: Message) -> Answer:
            answer = super().send(message)
            world.webhook(inbound(THEIRS, "START", asked_ms + after_ms, to=OURS))
            return answer

    clock = FakeClock()
    world = make_world(clock=clock, provider=Slow(clock, latency_ms=400))
    world.provider.then(providers.OPTED_OUT)
    asked_ms = clock.now

    reply = world.send()

    assert world.optouts.entries[THEIRS].opted_out is out
    assert reply.status == 403


def test_the_providers_word_that_a_recipient_has_opted_out_is_remembered(world: World) -> None:
    world.provider.then(providers.OPTED_OUT)
    world.send()

    reply = world.send(message="Another text.")

    assert len(world.provider.requests) == 1
    assert reply.status == 403
