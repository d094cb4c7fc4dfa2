"""Changes one parameter of a deployed stack and nothing else: the code here may be newer than what runs."""

import json
import time
from collections.abc import Callable
from typing import Any

from devtools.local_stack.deploy import BUCKET
from longcode_cli import rollback
from longcode_cli.destroy import artefacts
from longcode_cli.problems import Problem
from longcode_cli.site import Site, described

POLL_S = 3.0
# CloudFormation takes a longer one from a bucket only.
BODY_MOST = 51_200
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def change(place: Site, stack: dict[str, Any], name: str, value: str) -> None:
    """Have CloudFormation begin to set `name` to `value`. Raises Problem where that can't be.

    The stack's own template is handed in as it was given, not reused: SAM has to see that `Release` is another
    one, and publish a version of each function with the new value.
    """
    known = {row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", [])}
    if name not in known:
        raise Problem(f"{place.name} has no parameter {name}.", f"It has {', '.join(sorted(known))}.")
    if name == "TelnyxApiKey":
        raise Problem("A key does not belong on a command line.", "docs/operations.md, Changing keys, says how.")
    rollback.refuse_if_ringing(place, stack)
    given = {name: value, "Release": another_release(known.get("Release", ""), int(time.time()))}
    formation = place.client("cloudformation")
    formation.update_stack(
        StackName=place.stack_name,
        Parameters=[{"ParameterKey": key, "ParameterValue": text} for key, text in given.items()]
        + [{"ParameterKey": key, "UsePreviousValue": True} for key in known if key not in given],
        Capabilities=_CAPABILITIES,
        **_template(place, formation),
    )


def another_release(now_runs: str, now_s: int) -> str:
    """A name that SAM takes for another one than that of what runs: it looks at the first ten characters."""
    return str(now_s + 1 if now_runs.startswith(str(now_s)) else now_s)


# Any: a boto3 client.
def _template(place: Site, formation: Any) -> dict[str, str]:
    body = formation.get_template(StackName=place.stack_name, TemplateStage="Original")["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    if len(text.encode()) <= BODY_MOST:
        return {"TemplateBody": text}
    bucket = BUCKET if place.endpoint_url else artefacts(formation)
    if bucket is None:
        raise Problem("SAM's bucket, where so long a template has to go, is not to be seen.", "make deploy")
    key = f"{place.stack_name}/set-parameter.template"
    place.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    root = place.endpoint_url or f"https://s3.{place.session.region_name}.amazonaws.com"
    return {"TemplateURL": f"{root}/{bucket}/{key}"}


def wait(place: Site, before: dict[str, Any], sleep: Callable[[float], None] = time.sleep) -> str:
    """The status that the update ends in; `before` is the stack as it was when it began."""
    while True:
        stack = described(place)
        # It may not have begun yet, and then still has the status that it had.
        begun = any(stack.get(part) != before.get(part) for part in ("LastUpdatedTime", "Parameters"))
        if begun and not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stack["StackStatus"])
        sleep(POLL_S)
