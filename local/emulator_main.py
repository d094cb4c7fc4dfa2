"""Runs the AWS emulator; its functions run on a Python that has nothing but the standard library.

Executed by the emulator's own interpreter, which knows nothing of this package. The emulator starts
functions with `sys.executable`, so an import that no layer declares would find the emulator's own
packages. `-S` hides them, and a function that works here works in Lambda as far as imports go.
"""

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def permission(headers: dict[str, str], action: str | None) -> str | None:
    """The permission that an API call needs, as AWS has it: `DeleteMessage` for DeleteMessageBatch."""
    if action and headers.get("x-amz-target", "").startswith("AmazonSQS."):
        return action.removesuffix("Batch")
    return action


def condition_keys(body: bytes) -> dict[str, list[str]]:
    """The condition keys of a DynamoDB request, as AWS has them: the items that it names. Every key is `pk`."""

    # Any: a request is JSON.
    def named(part: Any) -> Iterator[str]:
        if isinstance(part, list):
            for each in part:
                yield from named(each)
        elif isinstance(part, dict):
            for name, value in part.items():
                if name in ("Key", "Item"):
                    yield value["pk"]["S"]
                elif name == "Keys":
                    yield from (key["pk"]["S"] for key in value)
                else:
                    yield from named(value)

    try:
        keys = list(dict.fromkeys(named(json.loads(body))))
    except (ValueError, KeyError, TypeError):
        return {}
    return {"dynamodb:LeadingKeys": keys} if keys else {}


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

    # It knows none of the items' keys, so that a condition on them would always be met.
    known = iam_actions.dynamodb_service_context
    iam_actions.dynamodb_service_context = lambda body: known(body) | condition_keys(body)
    emulator()


if __name__ == "__main__":
    main()
