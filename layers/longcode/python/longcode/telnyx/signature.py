"""Whether a webhook is the provider's: sent from where it may be sent from, and signed by it just now."""

# Source: Telnyx, "Webhook signing": base64 Ed25519 over the bytes `{telnyx-timestamp}|{raw body}`, public key
# base64 of 32 raw bytes, tolerance 300 s both ways.

import base64
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from longcode.domain.errors import SignatureRefused
from longcode.telnyx.webhook_settings import Network

TOLERANCE_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def expect_source(allowed: Sequence[Network], address: str) -> None:
    """Pass if `address` is in one of `allowed`, or if nothing is said about it.

    Raises SignatureRefused otherwise, in the words of `verify`: what was wrong is not disclosed.
    """
    if not allowed:
        return
    try:
        found = ip_address(address)
    except ValueError as exc:
        raise SignatureRefused("Invalid signature.") from exc
    if not any(found in network for network in allowed):
        raise SignatureRefused("Invalid signature.")


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_ms: int) -> None:
    """Pass if one of `keys` signed `body` within the tolerance of `now_ms` (epoch milliseconds).

    `headers` may have names in any case; `body` is the raw bytes as they came.
    Raises SignatureRefused for any failure whatever.
    """
    named = {name.lower(): value for name, value in headers.items()}
    timestamp = named.get("telnyx-timestamp") or ""
    encoded = named.get("telnyx-signature-ed25519") or ""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("Invalid signature.")
    if abs(now_ms - int(timestamp) * 1000) > TOLERANCE_S * 1000:
        raise SignatureRefused("Invalid signature.")
    try:
        signed = base64.b64decode(encoded, validate=True)
    except ValueError as exc:
        raise SignatureRefused("Invalid signature.") from exc
    if len(signed) != 64:
        raise SignatureRefused("Invalid signature.")
    for key in keys:
        try:
            VerifyKey(key).verify(timestamp.encode() + b"|" + body, signed)
        except BadSignatureError:
            continue
        return
    raise SignatureRefused("Invalid signature.")
