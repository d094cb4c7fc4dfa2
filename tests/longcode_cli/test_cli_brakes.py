"""`longcode pause` and `longcode resume`."""

import pytest

from longcode.aws.registrations import DynamoRegistrations
from longcode.domain.gate import Control
from tests.longcode_cli.world import NOW_MS, OURS, World

pytestmark = pytest.mark.disable_socket

FAR_MS = 4_000_000_000_000


def _control(world: World) -> Control:
    return world.stack.limits.read_gate("", OURS).control


def test_a_pause_stops_sending_and_says_why(world: World) -> None:
    printed = world.says("pause", "--reason", "wrong template")
    assert _control(world).paused_since_ms
    assert _control(world).pause_reason == "wrong template"
    assert "Sending is paused since" in printed
    assert "wrong template" in printed


def test_a_second_pause_keeps_since_when_and_takes_a_new_reason_only_if_one_is_given(world: World) -> None:
    world.stack.limits.pause(NOW_MS, "first")
    assert "It was paused already." in world.says("pause")
    assert _control(world) == Control(paused_since_ms=NOW_MS, pause_reason="first")
    world.says("pause", "--reason", "second")
    assert _control(world) == Control(paused_since_ms=NOW_MS, pause_reason="second")


def test_a_resume_ends_the_pause_and_says_when_texts_look_again(world: World) -> None:
    world.stack.limits.pause(NOW_MS, "")
    printed = world.says("resume")
    assert _control(world) == Control()
    assert "The pause has ended after" in printed
    # The longest that a text waits for a pause: this one has lasted for days.
    assert "look again within 1 h." in printed
    assert world.says("resume") == "Sending was not paused."
    assert world.says("resume", "--breaker") == "Sending was not stopped."


def test_a_resume_does_not_hide_a_configuration_fault(world: World) -> None:
    world.stack.limits.open_breaker(NOW_MS, FAR_MS, "10009 Authentication failed")
    world.stack.limits.pause(NOW_MS, "")
    printed = world.says("resume")
    assert _control(world).breaker_until_ms == FAR_MS
    assert _control(world).paused_since_ms is None
    assert "Sending stays stopped." in printed
    assert "10009 Authentication failed" in printed


def test_the_breaker_is_closed_on_demand(world: World) -> None:
    world.stack.limits.open_breaker(NOW_MS, FAR_MS, "10009 Authentication failed")
    printed = world.says("resume", "--breaker")
    control = _control(world)
    assert (control.breaker_since_ms, control.breaker_until_ms, control.breaker_reason) == (None, None, "")
    # What an outage left in doubt is looked at from then on.
    assert control.sound_ms is not None
    assert "The breaker is closed." in printed
    # No text is hidden for longer, however far off the breaker's end was.
    assert "look again within 10 min." in printed


def test_an_operators_word_counts_after_a_lost_registration_too(world: World) -> None:
    stack = world.stack
    store = DynamoRegistrations(stack.client("dynamodb"), stack.outputs["LimitsTableName"])
    store.lose("10dlc_suspended Campaign C751C6A has been suspended", NOW_MS, NOW_MS, FAR_MS)
    assert "10dlc_suspended Campaign C751C6A has been suspended" in world.says("resume")

    world.says("resume", "--breaker")

    control = _control(world)
    assert (control.breaker_until_ms, control.registration_lost) == (None, "")
