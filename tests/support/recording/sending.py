"""Each error that a text may meet, sent now or queued."""

import contextlib

from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from longcode.domain.recipient_limits import parse
from longcode.domain.status import HeldBy
from longcode.domain.tag_brake import Subject, SubjectKind
from longcode.use_cases import tag_brakes
from tests.support.fakes import OURS, THEIRS, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import Behaviour
from tests.support.fakes.webhooks import inbound
from tests.support.recording.everyday import OTHER, TEXT, key
from tests.support.recording.recorder import Recorder

_SEND, _QUEUE = "/sms/send", "/sms/queue"
_MINUTE = 60_000


def record(recorder: Recorder) -> None:
    """Keep one answer with each code."""
    _by_the_provider(recorder)
    _by_what_stands_in_the_way(recorder)
    _by_the_carrier(recorder)
    _by_repeats(recorder)
    _by_who_it_is_to(recorder)


def _by_the_provider(recorder: Recorder) -> None:
    for code, behaviour in {
        "provider_unauthorized": providers.BAD_KEY,
        "provider_rate_limited": providers.RATE_LIMITED,
        "provider_unreachable": providers.UNREACHABLE,
        "provider_not_configured": providers.NO_FUNDS,
        "provider_refused": providers.NO_SUCH_NUMBER,
        "outcome_unknown": providers.HANGS,
    }.items():
        world = make_world()
        world.provider.then(behaviour)
        recorder.keep(code, world, "POST", _SEND, TEXT, headers=key("a"))


def _by_what_stands_in_the_way(recorder: Recorder) -> None:
    bulk = TEXT | {"priority": "bulk"}
    world = make_world()
    world.limits.pause(world.clock.now, "wrong text")
    recorder.keep("paused", world, "POST", _SEND, TEXT, headers=key("a"))
    world = make_world()
    world.limits.open_breaker(world.clock.now, world.clock.now + _MINUTE, "the provider does not answer")
    recorder.keep("sending_stopped", world, "POST", _SEND, TEXT, headers=key("a"))
    world = make_world()
    tag_brakes.pause(Subject(SubjectKind.TAG, "parcels"), "wrong link", world.brakes, world.clock.now)
    recorder.keep("tag_paused", world, "POST", _SEND, bulk, headers=key("a"))
    world = make_world()
    world.carriers.learn(THEIRS, Subscription(Carrier.ATT, "wireless", world.clock.now))
    tag_brakes.pause(Subject(SubjectKind.CARRIER, "att"), "a filter", world.brakes, world.clock.now)
    recorder.keep("carrier_paused", world, "POST", _SEND, bulk, headers=key("a"))
    world = make_world(make_settings(hold_on_unclear=True))
    world.webhook(inbound(THEIRS, "Please stop", world.clock.now, to=OURS))
    recorder.keep("opt_out_unclear", world, "POST", _SEND, TEXT, headers=key("a"))


def _by_the_carrier(recorder: Recorder) -> None:
    for code, held_by, carrier, until in (
        ("carrier_rate", HeldBy.CARRIER_RATE, Carrier.ATT, 40_000),
        ("carrier_day_cap", HeldBy.CARRIER_DAY_CAP, Carrier.T_MOBILE, 9 * 3_600_000),
    ):
        world = make_world(make_settings(campaign=CampaignSettings("W")))
        world.carriers.learn(THEIRS, Subscription(carrier, "wireless", world.clock.now))
        world.carriers.stop(OURS, CarrierStop(carrier, world.clock.now + until, held_by))
        recorder.keep(code, world, "POST", _SEND, TEXT, headers=key("a"))
    world = make_world(make_settings(recipient_limits=parse("1/15min")))
    recorder.call(world, "POST", _SEND, TEXT, headers=key("a"))
    recorder.keep("recipient_limit", world, "POST", _SEND, TEXT, headers=key("b"))


def _by_repeats(recorder: Recorder) -> None:
    guarded, another = TEXT | {"refuse_duplicates_s": 600}, TEXT | {"message": "Your parcel comes at 11."}
    for path in (_SEND, _QUEUE):
        world = make_world()
        recorder.call(world, "POST", path, guarded, headers=key("a"))
        recorder.keep("idempotency_key_reused", world, "POST", path, another, headers=key("a"))
        recorder.keep("duplicate_text", world, "POST", path, guarded, headers=key("b"))
    world = make_world()
    world.provider.then(Behaviour(dies=lambda: SystemExit("killed")))
    with contextlib.suppress(SystemExit):
        recorder.call(world, "POST", _SEND, TEXT, headers=key("a"))
    recorder.keep("idempotency_key_in_use", world, "POST", _SEND, TEXT, headers=key("a"))
    world = make_world(make_settings(max_pending_per_recipient=1))
    recorder.call(world, "POST", _QUEUE, TEXT, headers=key("a"))
    recorder.keep("recipient_queue_full", world, "POST", _QUEUE, TEXT, headers=key("b"))


def _by_who_it_is_to(recorder: Recorder) -> None:
    for path in (_SEND, _QUEUE):
        world = make_world(make_settings(daily_texts_per_key=1))
        recorder.keep("invalid_request", world, "POST", path, TEXT | {"to": "2025550123"}, headers=key("a"))
        abroad = TEXT | {"to": "+447700900123"}
        recorder.keep("destination_not_allowed", world, "POST", path, abroad, headers=key("a"))
        recorder.call(world, "PUT", "/sms/optouts/{number}", parameters={"number": THEIRS})
        recorder.keep("recipient_opted_out", world, "POST", path, TEXT, headers=key("a"))
        other = TEXT | {"to": OTHER}
        recorder.call(world, "POST", path, other, headers=key("b"))
        recorder.keep("daily_limit", world, "POST", path, other, headers=key("c"))
