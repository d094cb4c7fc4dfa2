"""Runs the AWS emulator; its functions run on a Python that has nothing but the standard library."""

# Executed by the emulator's own interpreter, which has none of our packages. The emulator starts
# functions with `sys.executable`, so an import that no layer declares would find the emulator's own
# packages. `-S` hides them, and a function that works here works in Lambda as far as imports go.

import gc
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

# How long what was looked up for one request holds for the next ones.
FRESH_S = 1.0


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
        request = json.loads(body)
        keys = list(dict.fromkeys(named(request)))
        # Of a query it is the partition, where that is the table's own.
        if found := re.match(r"pk = (:\w+)", request.get("KeyConditionExpression", "")):
            keys.append(request["ExpressionAttributeValues"][found[1]]["S"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {"dynamodb:LeadingKeys": keys} if keys else {}


# Any: the emulator's own functions.
def held(look_up: Callable[..., Any], clock: Callable[[], float] = time.monotonic) -> Callable[..., Any]:
    """`look_up`, asked at most once in FRESH_S for the same arguments, of which there are few."""
    found: dict[tuple[Any, ...], tuple[float, Any]] = {}

    def asked(*arguments: Any) -> Any:
        now = clock()
        until, answer = found.get(arguments, (now, None))
        if now >= until:
            answer = look_up(*arguments)
            found[arguments] = (now + FRESH_S, answer)
        return answer

    return asked


def at_most_each_second(
    clean: Callable[[dict[str, Any]], None], clock: Callable[[], float] = time.monotonic
) -> Callable[[dict[str, Any]], None]:
    """`clean`, but not again for the same queue within FRESH_S."""
    due: dict[int, float] = {}

    def cleaned(queue: dict[str, Any]) -> None:
        now = clock()
        if now >= due.get(id(queue), now):
            due[id(queue)] = now + FRESH_S
            clean(queue)

    return cleaned


def dump(value: Any, file: IO[str], **options: Any) -> None:
    """What `json.dump` does, by the fast way that it does not take: 20,000 texts are saved within a second."""
    file.write(json.dumps(value, **options))


def spare(iam_evaluator: Any, sqs: Any, dynamodb: Any, persistence: Any) -> None:
    """Let the emulator do once a second what it does for each request, though nothing has changed.

    For each call of a function it reads and parses its role's policies twice, and for each text it copies the list
    of all texts of the last five minutes. Together that is a fifth of its work under load. Of each condition it
    checks the grammar again, and there are some dozens of them.
    """
    iam_evaluator.resolve_principal = held(iam_evaluator.resolve_principal)
    persistence.json = SimpleNamespace(dump=dump, load=json.load, JSONDecodeError=json.JSONDecodeError)
    dynamodb._condition_syntax_error = lru_cache(maxsize=1000)(dynamodb._condition_syntax_error)
    sqs._prune_dedup = at_most_each_second(sqs._prune_dedup)
    # It holds thousands of items that are never garbage, and would go through them again and again.
    gc.set_threshold(50_000, 50, 50)
    # One thread answers all requests. It lets go at each read and write, and would wait 5 ms to go on.
    sys.setswitchinterval(0.0005)


# Any: a template, or what the emulator makes of it.
Transform = Callable[..., Any]


def knowing_values(transform: Transform, values_of: Callable[..., dict[str, str]]) -> Transform:
    """`transform`, but SAM sees the values that parameters have, as on AWS, and not only their defaults."""

    def transformed(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        values = values_of(template, provided, previous)
        declared = template.get("Parameters") or {}
        filled = {
            name: row | ({"Default": values[name]} if name in values else {}) for name, row in declared.items()
        }
        made = transform({**template, "Parameters": filled} if filled else template, provided, previous)
        if filled and type(made) is dict:
            made["Parameters"] = declared
        return made

    return transformed


# Any: a proxy event, and the emulator's own functions.
def knowing_the_key(make_event: Callable[..., Any], key_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """`make_event`, but an event names the id of its API key, as on AWS; none where no key is asked for."""

    def made(*arguments: Any, **options: Any) -> Any:
        event = make_event(*arguments, **options)
        resource, method, headers = arguments[3], arguments[5], arguments[6]
        methods = resource.get("resourceMethods", {})
        if (methods.get(method) or methods.get("ANY") or {}).get("apiKeyRequired") and (key := key_of(headers)):
            event["requestContext"]["identity"]["apiKeyId"] = key["id"]
        return event

    return made


def main() -> None:
    """`emulator_main.py WRAPPER`: write the Python for functions to WRAPPER, and be the emulator."""
    python = Path(sys.argv.pop(1))
    # -B, as Lambda's code folder is read-only. The emulator itself keeps its bytecode: it starts in half the time.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -B "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    sys.executable = str(python)

    # This file is run by its path, so that its own folder is where imports begin.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from ministack.app import main as emulator  # type: ignore[import-not-found, unused-ignore]
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime, persistence  # type: ignore[import-not-found, unused-ignore]
    from ministack.services import apigateway_v1, dynamodb, lambda_svc, sqs  # type: ignore[import-not-found, unused-ignore]
    from ministack.services.cloudformation import changesets, engine, handlers  # type: ignore[import-not-found, unused-ignore]

    from devtools.local_stack import emulator_workers

    emulator_workers.install(lambda_runtime, lambda_svc, Path(os.environ["TMPDIR"]) / "unpacked")

    spare(iam_evaluator, sqs, dynamodb, persistence)

    changesets._apply_transforms = handlers._apply_transforms = knowing_values(
        engine._apply_transforms, engine._transform_parameters
    )

    apigateway_v1._build_lambda_event_v1 = knowing_the_key(
        apigateway_v1._build_lambda_event_v1,
        lambda headers: apigateway_v1._resolve_api_key(apigateway_v1._api_key_from_request(headers)),
    )

    # IAM has no permission of its own for a batch of SQS calls; the emulator asks for one.
    named = iam_actions._action_from_target
    iam_actions._action_from_target = lambda headers: permission(headers, named(headers))

    # It knows none of the items' keys, so that a condition on them would always be met.
    known = iam_actions.dynamodb_service_context
    iam_actions.dynamodb_service_context = lambda body: known(body) | condition_keys(body)
    emulator()


if __name__ == "__main__":
    main()
