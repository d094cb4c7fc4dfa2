"""What botocore does about a lost answer, at a moment of the test's choosing and without its waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.models import botocore_stubber

from tests.support.interleave import pause


# Any: a client of boto3, whichever, and what botocore hands to a handler.
@contextmanager
def repeated(client: Any, operation: str, times: int = 1) -> Iterator[list[str]]:
    """The next `times` calls of `operation` take effect, their answers are lost, and each is made again.

    Jobs that run side by side (tests.interleave) may come in between; `stopping` is entered before this, as the
    handler that was registered first comes first. Yields the operations that were repeated.
    """
    done: list[str] = []

    def send(event_name: str, request: Any, **_: Any) -> Any:
        if len(done) == times or not event_name.endswith(f".{operation}"):
            return None
        done.append(operation)
        botocore_stubber(event_name, request)
        pause(f"{operation} again")
        return botocore_stubber(event_name, request)

    client.meta.events.register_first("before-send", send)
    try:
        yield done
    finally:
        client.meta.events.unregister("before-send", send)
