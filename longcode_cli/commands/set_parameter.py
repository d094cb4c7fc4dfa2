"""`longcode set`: changes one parameter of a deployed stack, whose code may be older than what is here."""

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from longcode_cli import rollback
from longcode_cli.commands.destroy import artefacts
from longcode_cli.local_stack import BUCKET
from longcode_cli.options import ANYWHERE, Where, examples, stack_options
from longcode_cli.parameters import refused
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack, parameters_of
from longcode_cli.terminal import say, spinner

EXAMPLES = examples(
    "set SenderSegmentsPerSecond 1", "set ConsumerConcurrency 10 --stack long-code-sms-prod --profile ops"
)

POLL_S = 3.0
# CloudFormation takes a longer one from a bucket only.
BODY_MOST = 51_200
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


@stack_options(*ANYWHERE)
def command(
    where: Where,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A parameter of the template, as docs/settings.md has them.")
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it is to be.")],
) -> None:
    """Change one parameter of a deployed stack and nothing else, its code least of all.

    The new value holds within a minute or two; on prod CloudFormation goes on watching for ten.
    """
    stack = where.stack()
    before = stack.describe()
    change(stack, before, name, value)
    with spinner(f"CloudFormation sets {name}"):
        status = wait(stack, before)
    if status != "UPDATE_COMPLETE":
        raise Problem(
            f"{stack.title} is {status}: {name} is what it was.",
            "CloudFormation's events of the stack say why: aws cloudformation describe-stack-events.",
        )
    say(f"{name} is {value} in {stack.name}. If samconfig.toml has it, put it there too.")


def change(stack: Stack, before: dict[str, Any], name: str, value: str) -> None:
    """Have CloudFormation begin to set `name` to `value`. Raises Problem where that can't be.

    The stack's own template is handed in as it was given, not reused: SAM has to see that `Release` is another
    one, and publish a version of each function with the new value.
    """
    known = parameters_of(before)
    if name not in known:
        raise Problem(f"{stack.name} has no parameter {name}.", f"It has {', '.join(sorted(known))}.")
    if name == "TelnyxApiKey":
        raise Problem("A key does not belong on a command line.", "docs/operations.md, Changing keys, says how.")
    if wrong := refused({name: value}, known):
        raise Problem(wrong, "No function would start with it, so nothing was changed.")
    rollback.refuse_in_alarm(stack, before)
    given = {name: value, "Release": another_release(known.get("Release", ""), int(time.time()))}
    formation = stack.client("cloudformation")
    formation.update_stack(
        StackName=stack.stack_name,
        Parameters=[{"ParameterKey": key, "ParameterValue": text} for key, text in given.items()]
        + [{"ParameterKey": key, "UsePreviousValue": True} for key in known if key not in given],
        Capabilities=_CAPABILITIES,
        **_template(stack, formation),
    )


def another_release(now_runs: str, now_s: int) -> str:
    """A name that SAM takes for another one than that of what runs: it looks at the first ten characters."""
    return str(now_s + 1 if now_runs.startswith(str(now_s)) else now_s)


# Any: a boto3 client.
def _template(stack: Stack, formation: Any) -> dict[str, str]:
    body = formation.get_template(StackName=stack.stack_name, TemplateStage="Original")["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    if len(text.encode()) <= BODY_MOST:
        return {"TemplateBody": text}
    bucket = BUCKET if stack.endpoint_url else artefacts(formation)
    if bucket is None:
        raise Problem("SAM's bucket, where so long a template has to go, is not to be seen.", "make deploy")
    key = f"{stack.stack_name}/set-parameter.template"
    stack.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    root = stack.endpoint_url or f"https://s3.{stack.region}.amazonaws.com"
    return {"TemplateURL": f"{root}/{bucket}/{key}"}


def wait(stack: Stack, before: dict[str, Any], sleep: Callable[[float], None] = time.sleep) -> str:
    """The status that the update ends in; `before` is the stack as it was when it began."""
    while True:
        found = stack.describe()
        # It may not have begun yet, and then still has the status that it had.
        begun = any(found.get(part) != before.get(part) for part in ("LastUpdatedTime", "Parameters"))
        if begun and not found["StackStatus"].endswith("_IN_PROGRESS"):
            return str(found["StackStatus"])
        sleep(POLL_S)
