"""How many webhooks a second are verified, and how many are verified and applied, for a whole CPU."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from nacl.signing import VerifyKey
from rich.table import Table

from bench import cloud, cold, functions, warm
from longcode.telnyx import signature, webhook_settings
from tests.support.fakes import SIGNER

_BLOCK = 200


@dataclass(frozen=True, slots=True)
class Webhooks:
    """CPU time of one, in ms: of libsodium's part alone, of `signature.verify`, and of the whole function."""

    bare_verify_ms: float
    verify_ms: float
    apply_ms: float

    @property
    def figures(self) -> dict[str, float]:
        """What has a budget."""
        return {
            "verified a second": 1000 / self.verify_ms,
            "verified and applied a second": 1000 / self.apply_ms,
            "verifying over libsodium alone": self.verify_ms / self.bare_verify_ms,
        }


def run(made: cold.Workshop, aws: cloud.Cloud, rounds: int) -> Webhooks:
    """The sample receipt, again and again; the two ways to verify it in turn."""
    event = functions.event_of("webhook")
    body, headers = event["body"].encode(), event["headers"]
    now_ms = time.time_ns() // 1_000_000
    raw = webhook_settings.public_key(SIGNER.public)
    signed = SIGNER.headers(body, now_ms)
    signed_text = signed["telnyx-timestamp"].encode() + b"|" + body
    key = VerifyKey(raw)
    proof = _signature(signed)

    def bare() -> None:
        key.verify(signed_text, proof)

    def whole() -> None:
        signature.verify((raw,), headers, body, now_ms)

    pairs = [(_cpu_ms(bare), _cpu_ms(whole)) for _ in range(rounds)]
    applied = warm.run(made, aws, "webhook", warm.Job(event, rounds=rounds))
    return Webhooks(median(one for one, _ in pairs), median(two for _, two in pairs), applied.cpu_ms)


def _signature(headers: dict[str, str]) -> bytes:
    return base64.b64decode(headers["telnyx-signature-ed25519"])


def _cpu_ms(do: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(_BLOCK):
        do()
    return (time.process_time() - began) * 1000 / _BLOCK


def table(found: Webhooks) -> Table:
    """A line for each."""
    made = Table(title="Webhooks, a whole CPU", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("CPU ms", "a second"):
        made.add_column(head, justify="right")
    for words, ms in (
        ("the signature, libsodium alone", found.bare_verify_ms),
        ("verify: header, age, signature", found.verify_ms),
        ("verify and apply: the warm function", found.apply_ms),
    ):
        made.add_row(words, f"{ms:.3f}", f"{1000 / ms:,.0f}")
    return made
