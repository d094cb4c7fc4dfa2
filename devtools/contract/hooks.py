"""What schemathesis does here beyond its own: it signs webhooks, and holds each answer to its error codes."""

# It is loaded by schemathesis in an environment of its own, which has no package of ours.

import base64
import os
import time
from pathlib import Path
from typing import Any

import requests
import schemathesis  # type: ignore[import-not-found]  # it is in an environment of its own
from nacl.signing import SigningKey

# The simulated provider's key: base64 of the seed.
_KEY = SigningKey(base64.b64decode(Path(os.environ["SIGNING_KEY"]).read_text().strip()))
_WEBHOOKS = "/webhooks/message"


class Signed(requests.auth.AuthBase):
    """Signs a request as the provider does, over the bytes that leave."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the signature's headers in the place of what was made up."""
        body = request.body or b""
        raw = body if isinstance(body, bytes) else str(body).encode()
        timestamp = str(int(time.time()))
        signature = _KEY.sign(timestamp.encode() + b"|" + raw).signature
        request.headers["telnyx-timestamp"] = timestamp
        request.headers["telnyx-signature-ed25519"] = base64.b64encode(signature).decode()
        return request


# Any: what schemathesis hands over has no types here.
@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(_context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Sign what is good of a webhook: anything else is refused before its body is read."""
    if case.operation.path.startswith(_WEBHOOKS) and case.meta and case.meta.generation.mode.is_positive:
        kwargs["auth"] = Signed()


# Any: the same.
@schemathesis.check  # type: ignore[untyped-decorator]
def code_is_documented(_context: Any, response: Any, case: Any) -> None:
    """An error has a code that the document has for its status."""
    # Another method than the route's is answered by no route.
    if response.status_code < 400 or response.request.method != case.operation.method.upper():
        return
    answers = case.operation.definition.raw["responses"]
    said = answers.get(str(response.status_code)) or answers.get(f"{response.status_code // 100}XX")
    # A status that is not there at all is found by a check of schemathesis's own.
    if said:
        code = response.json().get("code")
        assert code in said["x-codes"], f"{response.status_code} {code} is not among {said['x-codes']}"
