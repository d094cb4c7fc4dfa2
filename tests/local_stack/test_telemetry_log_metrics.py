"""Filter patterns over JSON, as CloudWatch's guide describes them."""

import pytest

from devtools.local_stack.telemetry import log_metrics
from devtools.local_stack.telemetry.log_metrics import BadPattern
from tests.chance import showing

DIED = {"type": "platform.report", "record": {"status": "timeout"}}
WELL = {"type": "platform.report", "record": {"status": "success"}}


def test_a_pattern_matches_by_text_by_number_and_by_both() -> None:
    for pattern, line, expected in (
        ('{ $.type = "platform.report" }', DIED, True),
        ('{ $.record.status != "success" }', DIED, True),
        ('{ $.record.status != "success" }', WELL, False),
        # A field that is not there.
        ('{ $.record.status != "success" }', {"type": "platform.start"}, False),
        ("{ $.Crashed > 0 }", {"Crashed": 2}, True),
        ("{ $.Crashed > 0 }", {"Crashed": 0}, False),
        ("{ $.Crashed > 0 }", {"Crashed": [1]}, False),
        ("{ $.Crashed > 0 }", {}, False),
        ("{ $.Crashed >= 0 && $.Sent < 1.5 }", {"Crashed": 0, "Sent": 1}, True),
        ("{ $.Crashed > 0 && $.Sent = 1 || $.Failed = 1 }", {"Failed": 1}, True),
        ("{ $.Crashed > 0 && ($.Sent = 1 || $.Failed = 1) }", {"Failed": 1}, False),
    ):
        with showing((pattern, line)):
            assert log_metrics.pattern(pattern)(line) is expected


@pytest.mark.parametrize(
    "pattern", ["ERROR", "{ $.a }", "{ $.a = * }", "{ ($.a = 1 }", '{ $.a > "b" }', "{ $.a = 1 } $.b", "{ a = 1 }"]
)
def test_what_is_not_known_is_an_error(pattern: str) -> None:
    with pytest.raises(BadPattern):
        log_metrics.pattern(pattern)
