"""What stops sending: the breaker, a pause, and the opt-outs."""

from datetime import UTC, datetime

from longcode.domain import destinations, phone
from longcode.telnyx import error_codes
from longcode_cli import brakes
from longcode_cli.commands.doctor.case import Case, Outcome, fail, ok, warn
from longcode_cli.terminal import plain, without_numbers

_OPTOUTS_MOST = 100


def _breaker(case: Case) -> Outcome:
    control, now = case.overview.gate.control, case.now_ms()
    if control.breaker_until_ms is None:
        return ok("closed")
    row = error_codes.explain(control.breaker_fault)
    advice = row.next_step
    if row.stopped_by == "outage":
        # The rest of `explain` is for who sent that one text.
        advice = "See the provider's status page: texts leave by themselves when it is back."
    return fail(
        without_numbers(brakes.breaker(control, now), full=False),
        f"{advice} When that is fixed, {case.longcode('resume --breaker')} lets sending go on.",
    )


def _pause(case: Case) -> Outcome:
    control = case.overview.gate.control
    found = brakes.pauses(control, case.now_ms())
    if not found:
        return ok("not paused")
    command = (
        "resume" if control.paused_since_ms is not None else f"resume --priority {next(iter(control.pauses))}"
    )
    words = without_numbers(" ".join(found), full=False)
    return warn(words, f"{case.longcode(command)} lets texts go, when its reason is gone.")


def _optouts(case: Case) -> Outcome:
    count = len(case.stack.optouts.page(None, _OPTOUTS_MOST))
    many = f"{count} or more" if count == _OPTOUTS_MOST else count or "no number"
    ours = case.stack.optouts.get(case.stack.sender)
    if ours and ours.opted_out:
        return warn(
            f"{many} opted out, our own number {phone.mask(case.stack.sender)} among them.",
            "That can't be meant: DELETE /sms/optouts/{number} takes it off.",
        )
    return ok(f"{many} opted out, our own number is not among them")


def _recipient(case: Case) -> Outcome:
    assert case.to is not None
    number = phone.mask(case.to)
    if case.to == case.stack.sender:
        return warn(f"{number} is our own number.", "Name another one.")
    allowed = case.stack.parameters.get("AllowedDestinations", "")
    where = destinations.parse(allowed) if allowed.strip() else destinations.own_country(case.stack.sender)
    if destinations.find(case.to, where) is None:
        return warn(
            f"{number} is not among the destinations that may be texted: send and queue refuse it.",
            f"AllowedDestinations says where texts may go: {case.set_to('AllowedDestinations')}.",
        )
    entry = case.stack.optouts.get(case.to)
    if entry is None or not entry.opted_out:
        return ok(f"{number} may be texted")
    last = entry.changes[-1]
    since = datetime.fromtimestamp(last.at_ms / 1000, UTC)
    return warn(
        f"{number} wants no texts since {since:%Y-%m-%d} (source: {plain(last.source)}); none is sent.",
        "That is theirs to change: they text START to our number.",
    )


CHECKS = {"breaker": _breaker, "pause": _pause, "opt-outs": _optouts, "recipient": _recipient}
