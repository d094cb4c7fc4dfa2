"""What the command reads of a local stack is what devtools.local_stack writes."""

import base64
import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from devtools.local_stack import package, signing
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.release import ALIAS
from devtools.local_stack.simulator import key_file
from devtools.telnyx_simulator.keys import load_or_make
from longcode_cli import local_stack, stack
from longcode_cli.commands.doctor import webhooks
from longcode_cli.local_stack import LocalStack


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(tmp_path)


def record(**known: Any) -> Stack:
    empty: dict[str, Any] = {field.name: f"the {field.name}" for field in fields(Stack)}
    return Stack(**empty | known)


def test_the_record_is_read(layout: Layout) -> None:
    written = record(api_url="http://127.0.0.1:1/v1", region="us-east-1")
    written.save(layout)

    found = LocalStack.load(layout.home)

    assert found is not None
    assert (found.home, found.asked_for) == (layout.home, layout.home)
    for name in ("api_url", "api_key", "aws_endpoint_url", "region", "stack_name", "telnyx_public_key"):
        assert getattr(found, name) == getattr(written, name)


@pytest.mark.parametrize("words", [None, "{", json.dumps({"api_url": "of another version"})])
def test_a_record_that_is_none_is_no_stack(layout: Layout, words: str | None) -> None:
    if words is not None:
        layout.record.write_text(words)
    assert LocalStack.load(layout.home) is None


def test_the_signing_key_is_that_of_the_simulated_provider_and_of_no_other(layout: Layout) -> None:
    key = load_or_make(key_file(layout))
    record(telnyx_public_key=base64.b64encode(bytes(key.verify_key)).decode()).save(layout)
    found = LocalStack.load(layout.home)
    assert found is not None
    assert found.signing_key() == key

    record(telnyx_public_key="another").save(layout)
    other = LocalStack.load(layout.home)
    assert other is not None
    assert other.signing_key() is None


def test_a_webhook_is_signed_as_the_simulated_provider_signs_it() -> None:
    key, now_s = SigningKey.generate(), time.time()
    headers = webhooks._signed(key, b"{}", now_s)
    assert headers.items() <= signing.signed(key, b"{}", now_s).items()
    assert len(headers) == 2


def test_the_alias_and_the_bucket_have_the_names_that_a_local_stack_gives_them() -> None:
    assert stack.ALIAS == ALIAS
    assert local_stack.BUCKET == package.BUCKET
