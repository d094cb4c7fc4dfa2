"""A log is read on: every line once, also those that come late, are alike, or are more than one answer holds."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.telemetry.tail import OVERLAP_MS, LogTail
from tests.local_stack.record import stack_of

GROUP = "/aws/lambda/sms-send"
START_MS = round(time.time() * 1000) - 600_000


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
        client.create_log_group(logGroupName=GROUP)
        for name in ("a", "b"):
            client.create_log_stream(logGroupName=GROUP, logStreamName=name)
        yield client


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    endpoint = "https://logs.us-east-1.amazonaws.com"
    return replace(stack_of(Layout(tmp_path)), aws_endpoint_url=endpoint, log_groups={"send": GROUP})


def write(logs: Any, *lines: tuple[int, str], stream: str = "a") -> None:
    events = [{"timestamp": START_MS + at, "message": message} for at, message in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


def read(tail: LogTail) -> list[str]:
    return [line.message for line in tail.read()[0]]


def test_each_line_is_read_once(logs: Any, stack: Stack) -> None:
    tail = LogTail(stack, START_MS)
    assert read(tail) == []
    write(logs, (0, "one"), (10, "two"))
    assert read(tail) == ["one", "two"]
    assert read(tail) == []
    write(logs, (20_000, "three"))
    assert read(tail) == ["three"]
    assert read(tail) == []


def test_what_is_from_before_the_beginning_is_not_read(logs: Any, stack: Stack) -> None:
    write(logs, (0, "before"), (100, "after"))
    assert read(LogTail(stack, START_MS + 50)) == ["after"]


def test_a_line_that_comes_late_is_read_and_one_that_is_the_same_counts_again(logs: Any, stack: Stack) -> None:
    tail = LogTail(stack, START_MS)
    write(logs, (OVERLAP_MS, "new"))
    assert read(tail) == ["new"]
    write(logs, (OVERLAP_MS - 1000, "late"), stream="b")
    assert read(tail) == ["late"]
    # Two calls in one millisecond may say the same.
    write(logs, (OVERLAP_MS, "new"), (OVERLAP_MS, "new"))
    assert read(tail) == ["new", "new"]


def test_a_long_log_is_read_in_several_looks(logs: Any, stack: Stack) -> None:
    words = [f"line {number}" for number in range(10)]
    write(logs, *((number * OVERLAP_MS * 2, word) for number, word in enumerate(words)))
    tail = LogTail(stack, START_MS, most=4)
    found, looks, more = list[str](), 0, True
    while more:
        lines, more = tail.read()
        found += [line.message for line in lines]
        looks += 1
    assert found == words
    assert looks > 2


def test_more_lines_at_once_than_an_answer_holds_are_no_standstill(logs: Any, stack: Stack) -> None:
    words = [f"line {number}" for number in range(9)]
    write(logs, *((number, word) for number, word in enumerate(words)))
    tail = LogTail(stack, START_MS, most=4)
    assert [word for _ in range(6) for word in read(tail)] == words
