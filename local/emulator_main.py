"""Runs the AWS emulator; its functions run on a Python that has nothing but the standard library.

Executed by the emulator's own interpreter, which knows nothing of this package. The emulator starts
functions with `sys.executable`, so an import that no layer declares would find the emulator's own
packages. `-S` hides them, and a function that works here works in Lambda as far as imports go.
"""

import stat
import sys
from pathlib import Path


def permission(headers: dict[str, str], action: str | None) -> str | None:
    """The permission that an API call needs, as AWS has it: `DeleteMessage` for DeleteMessageBatch."""
    if action and headers.get("x-amz-target", "").startswith("AmazonSQS."):
        return action.removesuffix("Batch")
    return action


def main() -> None:
    """`emulator_main.py WRAPPER`: write the Python for functions to WRAPPER, and be the emulator."""
    python = Path(sys.argv.pop(1))
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    sys.executable = str(python)

    from ministack.app import main as emulator  # type: ignore[import-not-found, unused-ignore]
    from ministack.core import iam_actions  # type: ignore[import-not-found, unused-ignore]

    # IAM has no permission of its own for a batch of SQS calls; the emulator asks for one.
    named = iam_actions._action_from_target
    iam_actions._action_from_target = lambda headers: permission(headers, named(headers))
    emulator()


if __name__ == "__main__":
    main()
