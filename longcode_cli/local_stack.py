"""The record of a stack on this machine, as devtools.local_stack writes it."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nacl.signing import SigningKey

from longcode_cli import checkout

# The bucket of a local stack's deployments, for which a deployed one has SAM's.
BUCKET = "long-code-sms-local-artefacts"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack that was started in `home`. URLs have no trailing slash; `asked_for` is what --dir said."""

    home: Path
    asked_for: Path | None
    api_url: str
    api_key: str
    aws_endpoint_url: str
    region: str
    stack_name: str
    telnyx_public_key: str

    @classmethod
    def load(cls, asked_for: Path | None) -> Self | None:
        """The one in this directory, or in the checkout's own; None if none was started there.

        Raises Problem where no directory is given and there is no checkout.
        """
        home = home_of(asked_for)
        try:
            record = json.loads((home / "stack.json").read_text())
            return cls(
                home=home,
                asked_for=asked_for,
                api_url=record["api_url"],
                api_key=record["api_key"],
                aws_endpoint_url=record["aws_endpoint_url"],
                region=record["region"],
                stack_name=record["stack_name"],
                telnyx_public_key=record["telnyx_public_key"],
            )
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def signing_key(self) -> SigningKey | None:
        """The key that the stack's provider signs with; None where that provider is not the simulated one."""
        try:
            key = SigningKey(base64.b64decode((self.home / "provider" / "signing.key").read_text("ascii")))
        except FileNotFoundError:
            return None
        ours = base64.b64encode(bytes(key.verify_key)).decode("ascii")
        return key if ours == self.telnyx_public_key else None


def home_of(asked_for: Path | None) -> Path:
    """The directory of a local stack. Raises Problem where none is given and there is no checkout."""
    if asked_for is None:
        hint = "Name a stack on AWS (--stack), or the directory of a local one (--dir). Or: "
        asked_for = checkout.needed_for("a local stack without --dir", hint) / ".local"
    return asked_for.resolve()
