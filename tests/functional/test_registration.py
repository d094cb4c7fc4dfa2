"""10DLC: what answers, events and the provider's own pages say of our registration, and what follows for texts."""

from longcode.domain import destinations
from longcode.domain.campaign import CampaignFacts
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.domain.registration import UNREGISTERED, Lost
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.campaign import AGAIN_MS, READ_MS
from tests.chance import showing
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.webhooks import (
    ADDED,
    ASSIGNED,
    CAMPAIGN_ID,
    DELETED,
    DORMANT,
    EXPIRED,
    REMOVED,
    SUSPENDED,
    TCR_ID,
    UNSUSPENDED,
    VERIFIED,
    Payload,
    campaign_event,
    envelope,
    number_event,
)

MINUTE, HOUR = 60_000, 3_600_000
OTHERS = [f"+1202555013{number}" for number in range(5)]
CANADA = "+14165550123"
FACTS = CampaignFacts(0, CAMPAIGN_ID, "ASSIGNED", "A", 4500, "TOP", 200_000, TCR_ID)


def tell(world: World, payload: Payload, *, campaign: str = CAMPAIGN_ID) -> None:
    """An event on a campaign, now."""
    world.clock.pass_ms(1)
    assert world.webhook(campaign_event(payload, world.clock.now, campaign=campaign)).status == 200


def tell_of_number(world: World, payload: Payload, number: str = OURS, campaign: str = CAMPAIGN_ID) -> None:
    world.clock.pass_ms(1)
    body = number_event(payload, world.clock.now, number=number, campaign=campaign)
    assert world.webhook(body).status == 200


def notes(world: World, ident: str) -> list[str]:
    return [row.get("note", "") for row in world.status(ident).fields["history"]]


def is_open(world: World) -> bool:
    return world.limits.control.breaker_until_ms is not None


# ------------------------------------------------------------------------------- an answer that says unregistered


def sent_with(world: World, said: object, to: str = THEIRS) -> str:
    """A text that was taken with an answer whose `tcr_campaign_registered` is that."""
    world.provider.registration = providers.UNREGISTERED | {"tcr_campaign_registered": said}
    reply = world.send(to)
    assert reply.status == 200
    ident: str = reply.fields["message_id"]
    return ident


def test_a_text_that_was_taken_without_a_registration_says_so(world: World) -> None:
    for number, said in enumerate((None, False, "", "UNREGISTERED"), 1):
        with showing(said):
            ident = sent_with(world, said)

            assert world.metrics.counts[Metric.UNREGISTERED] == number
            assert world.status(ident).fields["status"] == "submitted"
            assert notes(world, ident)[-1] == UNREGISTERED
    lines = world.logger.of("send.unregistered")
    assert [line.level for line in lines] == ["warning"] * 4
    assert THEIRS not in repr(world.logger.lines)
    assert OURS not in repr(world.logger.lines)


def test_an_answer_that_says_registered_or_nothing_warns_of_nothing(world: World) -> None:
    odd: list[object] = ["SOMETHING_NEW", 0, 1, {}, []]
    for said in ("REGISTERED", "registered", True, *odd):
        with showing(said):
            ident = sent_with(world, said)
            assert notes(world, ident)[-1] == "The provider took it."
    world.provider.registration = {}
    assert notes(world, world.send().fields["message_id"])[-1] == "The provider took it."

    assert world.metrics.counts[Metric.UNREGISTERED] == 0
    assert world.logger.of("send.unregistered") == []


def test_only_from_the_united_states_to_the_united_states() -> None:
    for ours, theirs, expected in (
        (OURS, THEIRS, 1),
        (OURS, CANADA, 0),
        (OURS, "+18765550123", 0),
        (OURS, "+442079460123", 0),
        (CANADA, THEIRS, 0),
        ("+442079460100", THEIRS, 0),
        ("+18885550100", THEIRS, 0),
    ):
        with showing((ours, theirs)):
            made = make_world(make_settings(long_code=ours, allowed_destinations=destinations.parse("*")))
            ident = sent_with(made, None, theirs)
            assert made.metrics.counts[Metric.UNREGISTERED] == expected
            assert (UNREGISTERED in notes(made, ident)) is bool(expected)


def test_a_text_of_the_queue_and_a_replay_say_it_as_well(world: World) -> None:
    world.provider.registration = providers.UNREGISTERED
    queued = world.enqueue().fields["message_id"]
    world.consume()
    world.provider.honours_keys, world.provider.records_readable = True, True
    world.provider.then(providers.HANGS)
    world.send(OTHERS[0])
    doubtful = next(message.id for message in world.messages.all if message.status is Status.UNKNOWN)
    for _ in range(15):
        world.clock.pass_ms(MINUTE)
        world.reconcile()

    assert notes(world, queued)[-1] == UNREGISTERED
    assert world.messages.get(doubtful).status is Status.SUBMITTED  # type: ignore[union-attr]
    assert notes(world, doubtful)[-1] == UNREGISTERED
    assert world.metrics.counts[Metric.UNREGISTERED] == 2


# ---------------------------------------------------------------------------------------- events: lost and back


def queue_some(world: World) -> list[str]:
    """Three texts to one person and one to another, of whom none has left."""
    idents = [world.enqueue(message=f"number {number}").fields["message_id"] for number in range(3)]
    return [*idents, world.enqueue(OTHERS[0]).fields["message_id"]]


def test_a_suspended_campaign_stops_all_texts_which_say_why_and_leave_in_order_when_it_is_back(
    world: World,
) -> None:
    idents = queue_some(world)
    tell(world, SUSPENDED)

    assert world.limits.control.breaker_reason == f"10dlc_suspended Campaign {TCR_ID} has been suspended"
    assert world.metrics.counts[Metric.BREAKER_OPENED] == 1
    world.consume(until_ms=world.clock.now + 4 * MINUTE)
    assert world.provider.requests == []
    for ident in idents:
        fields = world.status(ident).fields
        assert (fields["status"], fields["held_by"], fields["attempts"]) == ("queued", "breaker", 0)
        assert f"(10dlc_suspended Campaign {TCR_ID} has been suspended)" in fields["history"][-1]["note"]
    refused = world.send()
    assert (refused.status, refused.fields["code"]) == (503, "sending_stopped")
    assert "10dlc_suspended" in refused.fields["error"]

    tell(world, UNSUSPENDED)
    assert not is_open(world)
    world.consume(until_ms=world.clock.now + 11 * MINUTE)

    assert [text.text for text in world.provider.texts if text.recipient == THEIRS] == [
        f"number {number}" for number in range(3)
    ]
    assert sorted(text.key for text in world.provider.texts) == sorted(idents)
    assert {message.status for message in world.messages.all if message.route == "queue"} == {Status.SUBMITTED}


def test_each_way_to_lose_it_has_a_code_of_its_own_and_an_explanation(world: World) -> None:
    cases: list[tuple[Payload, bool, Lost]] = [
        (SUSPENDED, False, Lost.SUSPENDED),
        (EXPIRED, False, Lost.EXPIRED),
        (DORMANT, False, Lost.DORMANT),
        (REMOVED, True, Lost.NUMBER_REMOVED),
        (DELETED, True, Lost.NUMBER_REMOVED),
    ]
    for payload, of_number, lost in cases:
        with showing(payload):
            (tell_of_number if of_number else tell)(world, payload)

            assert world.limits.control.breaker_reason.split(" ")[0] == lost.value
            row = world.service.explain(world.limits.control.breaker_fault)
            assert (row.responsible, row.stopped_by) == ("sender", "setup")
            world.limits.close_breaker(world.clock.now, registered=True)


def test_what_brings_it_back_closes_what_it_is_about(world: World) -> None:
    cases: list[tuple[Payload, bool, Payload, bool, bool]] = [
        (SUSPENDED, False, UNSUSPENDED, False, True),
        (EXPIRED, False, UNSUSPENDED, False, True),
        (DORMANT, False, VERIFIED, False, True),
        (REMOVED, True, ASSIGNED, True, True),
        (DELETED, True, ADDED, True, True),
        (DORMANT, False, ADDED, True, True),
        # A suspended campaign has its numbers all the same.
        (SUSPENDED, False, ADDED, True, False),
        (EXPIRED, False, ASSIGNED, True, False),
    ]
    for lost, lost_number, back, back_number, closes in cases:
        with showing((lost, back)):
            (tell_of_number if lost_number else tell)(world, lost)
            assert is_open(world)
            (tell_of_number if back_number else tell)(world, back)
            assert is_open(world) is not closes
            world.limits.close_breaker(world.clock.now, registered=True)


def test_events_that_come_again_or_late_change_nothing(world: World) -> None:
    began = world.clock.now
    lost = campaign_event(SUSPENDED, began, event_id="lost")
    back = campaign_event(UNSUSPENDED, began + MINUTE, event_id="back")
    world.clock.pass_ms(2 * MINUTE)

    # The second before the first, as after a delivery that failed.
    world.webhook(back)
    world.webhook(lost)
    assert not is_open(world)

    world.webhook(campaign_event(SUSPENDED, world.clock.now))
    world.webhook(back)
    assert is_open(world)


def test_an_event_that_is_dated_ahead_does_not_make_later_ones_look_old(world: World) -> None:
    world.webhook(campaign_event(SUSPENDED, world.clock.now + 20 * HOUR))
    assert is_open(world)

    tell(world, UNSUSPENDED)

    assert not is_open(world)


def test_only_our_own_campaign_and_number_count(world: World) -> None:
    for campaign, number, expected in (
        (CAMPAIGN_ID, OURS, True),
        (TCR_ID, OURS, True),
        ("another", OURS, False),
        ("another", OTHERS[0], False),
        (CAMPAIGN_ID, OTHERS[0], False),
    ):
        with showing((campaign, number)):
            world.carriers.facts[OURS] = FACTS
            tell_of_number(world, REMOVED, number, campaign)
            assert is_open(world) is expected
            world.limits.close_breaker(world.clock.now, registered=True)
            if number == OURS:
                tell(world, SUSPENDED, campaign=campaign)
                assert is_open(world) is expected
                world.limits.close_breaker(world.clock.now, registered=True)
    assert len(world.logger.of("registration.of_another")) == 4
    assert OTHERS[0] not in repr(world.logger.lines)


def test_as_long_as_our_campaign_is_not_known_any_is_believed(world: World) -> None:
    for facts in (None, CampaignFacts(world.clock.now)):
        if facts:
            world.carriers.facts[OURS] = facts
        tell(world, SUSPENDED, campaign="another")
        assert is_open(world)
        world.limits.close_breaker(world.clock.now, registered=True)


def test_our_number_may_come_to_another_campaign_than_it_was_known_to_be_on(world: World) -> None:
    world.carriers.facts[OURS] = FACTS
    tell_of_number(world, REMOVED)
    assert is_open(world)

    tell_of_number(world, ASSIGNED, campaign="another")

    assert not is_open(world)


def test_a_number_of_another_country_has_no_campaign() -> None:
    world = make_world(make_settings(long_code="+442079460100"))
    tell(world, SUSPENDED)

    assert not is_open(world)


def test_other_events_of_a_registration_stop_nothing(world: World) -> None:
    of_a_campaign: list[Payload] = [
        {"type": "TCR_EVENT", "eventType": "CAMPAIGN_BILLED"},
        {"type": "TCR_EVENT", "eventType": "MNO_CAMPAIGN_OPERATION_REJECTED"},
        {"type": "MNO_REVIEW", "status": "REJECTED"},
        {"type": "TELNYX_REVIEW", "status": "REJECTED"},
        {"type": "REGISTRATION", "status": "failed"},
        {"type": "NUMBER_POOL_DEPROVISIONED"},
        # As of another kind of event.
        {"type": "DELETION", "status": "success"},
    ]
    of_a_number: list[Payload] = [
        {"type": "DELETION", "status": "failed", "reasons": [{"description": "No"}]},
        {"type": "ASSIGNMENT", "status": "failed"},
        {"type": "STATUS_UPDATE", "status": "PENDING"},
        {"type": "STATUS_UPDATE", "status": "FAILED"},
        {"type": "TCR_EVENT", "eventType": "MNO_CAMPAIGN_OPERATION_SUSPENDED"},
    ]
    for payload in of_a_campaign:
        with showing(payload):
            tell(world, payload)
            assert not is_open(world)
    for payload in of_a_number:
        with showing(payload):
            tell_of_number(world, payload)
            assert not is_open(world)
    brand = {"brandId": "b", "type": "TCR_BRAND_UPDATE", "eventType": "BRAND_ADD", "status": "success"}
    assert world.webhook(envelope("10dlc.brand.update", brand, world.clock.now)).status == 200
    assert not is_open(world)
    assert world.metrics.counts[Metric.WEBHOOK_ODD] == 0
    # What is no such event asks the table for nothing.
    assert world.registrations.faults.calls == []


def test_an_event_that_can_not_be_stored_is_asked_for_again(world: World) -> None:
    for call in ("facts", "lose"):
        world.registrations.faults.fail(call, lambda: Unavailable("The limits table"))
        assert world.webhook(campaign_event(SUSPENDED, world.clock.now)).status == 503
    assert not is_open(world)


def test_the_breakers_reason_has_no_number_and_nothing_raw(world: World) -> None:
    tell(world, SUSPENDED | {"description": f"Campaign\x1b[2J of {THEIRS} \ud800" + "x" * 5_000})

    reason = world.limits.control.breaker_reason
    assert THEIRS not in reason
    assert reason.isprintable()
    assert len(reason) < 300


# --------------------------------------------------------------------------------- the text that tries


def test_the_text_that_tries_closes_it_only_if_its_answer_says_registered(world: World) -> None:
    idents = [world.enqueue(to).fields["message_id"] for to in OTHERS]
    world.provider.registration = providers.UNREGISTERED
    tell(world, SUSPENDED)
    suspended_ms = world.clock.now

    world.consume(until_ms=suspended_ms + 14 * MINUTE)

    # After 5 minutes, and again after 5: each time one text, of another recipient.
    arrivals = world.provider.arrivals()
    assert len(arrivals) == 2
    assert arrivals[0] - suspended_ms >= 5 * MINUTE
    assert arrivals[1] - arrivals[0] >= 5 * MINUTE
    assert is_open(world)
    gone = [ident for ident in idents if world.provider.taken(ident)]
    for ident in gone:
        assert world.status(ident).fields["status"] == "submitted"
        assert notes(world, ident)[-1] == UNREGISTERED
    assert len(world.logger.of("breaker.still_open")) == 2

    world.provider.registration = providers.REGISTERED
    world.consume(until_ms=suspended_ms + 40 * MINUTE)

    assert not is_open(world)
    assert sorted(text.key for text in world.provider.texts) == sorted(idents)
    assert world.limits.control.registration_lost == ""


def test_an_answer_that_says_nothing_of_it_leaves_it_open(world: World) -> None:
    for to in OTHERS:
        world.enqueue(to)
    tell(world, SUSPENDED)
    world.consume(until_ms=world.clock.now + 24 * HOUR)

    # An hour apart in the end.
    assert is_open(world)
    assert len(world.provider.texts) == len(OTHERS)
    assert world.metrics.counts[Metric.UNREGISTERED] == 0


def test_a_refusal_of_the_text_that_tries_does_not_close_it(world: World) -> None:
    world.provider.registration = providers.UNREGISTERED
    for behaviour in (providers.RATE_LIMITED, providers.NO_SUCH_NUMBER, providers.BAD_KEY, providers.FAILS_500):
        with showing(behaviour):
            tell(world, SUSPENDED)
            world.provider.then(behaviour)
            world.enqueue(OTHERS[0])
            world.enqueue(OTHERS[1])
            world.consume(until_ms=world.clock.now + 6 * MINUTE)
            assert is_open(world)
            assert world.limits.control.registration_lost
            # The fault that came between is over, and the registration is still the reason.
            world.consume(until_ms=world.clock.now + 2 * HOUR)
            assert is_open(world)
            assert world.limits.control.breaker_reason.startswith("10dlc_suspended")
            tell(world, UNSUSPENDED)
            world.consume(until_ms=world.clock.now + HOUR)
            assert not is_open(world)


def test_a_direct_send_that_tries_leaves_it_open_too(world: World) -> None:
    world.provider.registration = providers.UNREGISTERED
    tell(world, SUSPENDED)
    world.clock.pass_ms(6 * MINUTE)

    taken, refused = world.send(), world.send(OTHERS[0])

    assert (taken.status, refused.status) == (200, 503)
    assert notes(world, taken.fields["message_id"])[-1] == UNREGISTERED
    # Not the few seconds that a text has to try.
    assert int(refused.headers["retry-after"]) > 240


def test_while_it_is_lost_a_person_is_called_each_minute(world: World) -> None:
    tell(world, DORMANT)
    world.reconcile()

    assert world.metrics.counts[Metric.STOPPED_SETUP] == 1


def test_what_waits_says_that_it_waits_for_the_breaker(world: World) -> None:
    tell(world, SUSPENDED)
    answer = world.enqueue()

    assert answer.fields["held_by"] == HeldBy.BREAKER.value


# ------------------------------------------------------------------------------------------ the facts


def test_the_first_run_reads_the_facts_and_the_gate_has_them(world: World) -> None:
    world.provider.facts = FACTS
    world.reconcile()

    found = world.limits.read_gate(THEIRS, OURS).campaign
    assert found is not None
    assert (found.campaign_id, found.att_per_minute, found.tcr_id) == (CAMPAIGN_ID, 4500, TCR_ID)
    assert world.clock.now - MINUTE < found.read_ms <= world.clock.now
    assert [line.level for line in world.logger.of("campaign.read")] == ["info"]


def runs(world: World, minutes: int) -> int:
    """How often the provider was asked in so many runs of one process."""
    before = world.provider.faults.count("campaign")
    for _ in range(minutes):
        world.reconcile()
        world.clock.pass_ms(MINUTE)
    return world.provider.faults.count("campaign") - before


def test_it_reads_them_once_an_hour(world: World) -> None:
    assert runs(world, READ_MS // MINUTE) == 1
    assert runs(world, READ_MS // MINUTE) == 1
    assert world.carriers.facts[OURS].read_ms >= world.clock.now - READ_MS


def test_a_reading_that_fails_disturbs_nothing_and_is_tried_again_each_five_minutes(world: World) -> None:
    world.provider.then(providers.ACCEPTS_AND_HANGS)
    world.send()
    world.provider.faults.fail("campaign", lambda: Unavailable("What the provider knows"), times=3)

    assert runs(world, 16) == 4
    assert [message.status for message in world.messages.all] == [Status.SUBMITTED]
    assert world.carriers.facts[OURS].campaign_id == ""
    assert AGAIN_MS == 5 * MINUTE
    assert len(world.logger.of("campaign.unread")) == 3
    assert world.metrics.counts[Metric.STORE_UNAVAILABLE] == 0
    assert len(world.metrics.values[Metric.PAUSED]) == 16


def test_a_table_that_does_not_take_them_and_a_fault_of_ours_do_not_end_the_run(world: World) -> None:
    world.carriers.faults.fail("know", lambda: Unavailable("The limits table"))
    world.reconcile()
    assert OURS not in world.carriers.facts
    world.clock.pass_ms(AGAIN_MS)
    world.provider.faults.fail("campaign", lambda: RuntimeError("No"))
    assert world.reconcile() == 0

    assert world.metrics.counts[Metric.CRASHED] == 1
    world.logger.lines.clear()  # the trace is expected here


def test_a_run_that_was_long_leaves_it_to_the_next(world: World) -> None:
    world.limits.faults.takes = lambda: world.clock.pass_ms(36_000)
    world.reconcile()
    assert world.provider.faults.count("campaign") == 0

    world.limits.faults.takes = lambda: None
    world.reconcile()
    assert world.provider.faults.count("campaign") == 1


def test_of_a_number_of_another_country_nothing_is_read() -> None:
    for number in ("+442079460100", CANADA):
        world = make_world(make_settings(long_code=number))
        world.reconcile()
        assert world.provider.faults.count("campaign") == 0


def test_a_number_on_no_campaign_or_not_on_it_yet_is_a_warning(world: World) -> None:
    for facts in (CampaignFacts(0), CampaignFacts(0, CAMPAIGN_ID, "PENDING_ASSIGNMENT")):
        world.provider.facts = facts
        world.reconcile()
        world.clock.pass_ms(READ_MS)

    assert [line.level for line in world.logger.of("campaign.read")] == ["warning", "warning"]


def test_reading_them_costs_no_read_of_a_table(world: World) -> None:
    world.reconcile()
    before = world.limits.faults.calls.count("read_gate")
    world.clock.pass_ms(MINUTE)
    world.reconcile()
    without = world.limits.faults.calls.count("read_gate") - before
    world.clock.pass_ms(READ_MS)
    world.reconcile()

    assert world.limits.faults.calls.count("read_gate") - before == 2 * without
    assert world.registrations.faults.calls == []


def test_a_breaker_that_could_not_be_kept_open_is_tried_by_the_next_text(world: World) -> None:
    world.provider.registration = providers.UNREGISTERED
    tell(world, SUSPENDED)
    world.clock.pass_ms(6 * MINUTE)
    world.registrations.faults.fail("still_lost", lambda: Unavailable("The limits table"))

    reply = world.send()

    assert reply.status == 200
    assert is_open(world)
    assert world.metrics.counts[Metric.STORE_UNAVAILABLE] == 1
