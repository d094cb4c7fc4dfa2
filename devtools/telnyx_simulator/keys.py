"""The signing key: made once, kept in a file, so that a restart signs with the same one."""

import base64
import os
from pathlib import Path

from nacl.signing import SigningKey


class KeyFileInvalid(Exception):
    """The key file exists and does not hold a base64 Ed25519 seed of 32 bytes."""


def load_or_make(path: Path) -> SigningKey:
    """The key in `path` (mode 0600, base64 of the 32-byte seed), made if the file is missing.

    Raises KeyFileInvalid for a file with anything else in it: overwriting it would silently
    invalidate every signature that a receiver already trusts.
    """
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return _make(path)
    except UnicodeDecodeError as exc:
        raise KeyFileInvalid(str(path)) from exc
    try:
        return SigningKey(base64.b64decode(text.strip(), validate=True))
    except ValueError as exc:
        raise KeyFileInvalid(str(path)) from exc


def public_key(key: SigningKey) -> str:
    """What a receiver is configured with: base64 of the 32 raw public bytes."""
    return base64.b64encode(bytes(key.verify_key)).decode("ascii")


def _make(path: Path) -> SigningKey:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = SigningKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.b64encode(bytes(key)).decode("ascii") + "\n")
    return key
