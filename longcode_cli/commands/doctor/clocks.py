"""The clocks that signatures and slots depend on."""

from statistics import median

from longcode.telnyx import signature
from longcode_cli.commands.doctor.case import Case, Outcome, Skipped, fail, ok, warn
from longcode_cli.terminal import span

_SKEW_WARN_MS, _SKEW_FAIL_MS = 30_000, 240_000


def _clocks(case: Case) -> Outcome:
    answer = case.stack.sqs.get_queue_attributes(QueueUrl=case.stack.queue_url, AttributeNames=["QueueArn"])
    case.heard("AWS", answer["ResponseMetadata"]["HTTPHeaders"])
    clocks = {"this machine": 0.0, **case.ahead_ms}
    others = [name for name in clocks if name != "this machine"]
    apart = max(clocks.values()) - min(clocks.values())
    if not others:
        raise Skipped("No answer had the time.")
    if apart <= _SKEW_WARN_MS:
        return ok(f"this machine, {', '.join(others)} agree within {max(1, round(apart / 1000))} s")
    middle = median(clocks.values())
    odd = max(clocks, key=lambda name: abs(clocks[name] - middle))
    others_s = ", ".join(f"{name} {clocks[name] / 1000:+.0f} s" for name in others)
    todo = (
        "Set this machine's clock: sudo timedatectl set-ntp true."
        if odd == "this machine"
        else f"The odd one is {odd}, whose clock is not ours to set: report it to its support. "
        f"Webhooks are refused when signed {signature.TOLERANCE_S} s off."
    )
    judged = fail if apart > _SKEW_FAIL_MS else warn
    return judged(f"Clocks are {span(int(apart))} apart: against this machine {others_s}.", todo)


CHECKS = {"clocks": _clocks}
