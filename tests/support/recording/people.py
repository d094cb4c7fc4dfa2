"""What the routes about people answer: opt-outs and what a person has to read."""

from tests.support.fakes import OURS, THEIRS, make_world
from tests.support.fakes.webhooks import inbound
from tests.support.recording.recorder import Recorder

_ONE = "/sms/optouts/{number}"


def record(recorder: Recorder) -> None:
    """Keep an answer of each."""
    world, theirs = make_world(), {"number": THEIRS}
    world.webhook(inbound("+12025550125", "Please stop", world.clock.now, to=OURS))
    recorder.keep("not_found", world, "GET", _ONE, parameters=theirs)
    recorder.keep("opted_out", world, "PUT", _ONE, parameters=theirs)
    recorder.keep("list", world, "GET", "/sms/optouts")
    recorder.keep("opted_in", world, "DELETE", _ONE, parameters=theirs)
    recorder.keep("opted_in", world, "GET", _ONE, parameters=theirs)
    recorder.keep("unclear", world, "GET", _ONE, parameters={"number": "+12025550125"})
    recorder.keep("list", world, "GET", "/sms/optouts/unclear")
