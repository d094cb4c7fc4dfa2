"""Write docs/metrics.md from the list in longcode.domain.metrics: `python docs/metrics.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, it has to find the layer first; and this folder has modules of the names of ours.
    sys.path[0] = str(HERE.parent / "layers/longcode/python")

from longcode.domain import monitoring  # noqa: E402 (see above)
from longcode.domain.metrics import NAMESPACE, Metric  # noqa: E402

PAGE = HERE / "metrics.md"

_HEAD = f"""\
# Metrics

<!-- Made by docs/metrics.py from longcode/domain/metrics.py: change the list there, not this page. -->

In CloudWatch under the namespace `{NAMESPACE}`, each with the dimensions `service` (the stack's name) and
`environment` (the parameter `Environment`), and no others. They are written into the logs in the embedded metric
format, one line an invocation. With `Monitoring=basic`, the default, those that are marked are published, and
three sums; all others are plain numbers of the same name in the same line ([how to read
them](operations.md#monitoring)). What became of texts is counted by the publisher from the changes of the messages
table, so it is what was really recorded, whichever function did it, a second or two later.

The dashboard shows them with what AWS measures itself: queue, functions, API, tables. `make dashboard` shows the
same dashboard from the local stack's own numbers. What each alarm means and what to do is in
[operations.md](operations.md).

| Metric | Unit | With `basic` | What it counts |
|---|---|---|---|
"""
_SUMS = """
With `Monitoring=basic` alone:

| Metric | Unit | What it counts |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = (
        f"| `{metric}` | {metric.unit} | {'yes' if metric in monitoring.PUBLISHED else ''} | {metric.meaning} |\n"
        for metric in Metric
    )
    sums = (f"| `{name}` | {unit} | {meaning} |\n" for name, (unit, meaning) in monitoring.SUMS.items())
    last = f"\n`{monitoring.FUNCTION_FAULTS}` is in the namespace `{NAMESPACE}/<stack>`, without dimensions.\n"
    return _HEAD + "".join(rows) + _SUMS + "".join(sums) + last


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
