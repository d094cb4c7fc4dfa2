"""The examples of the OpenAPI document: each answer of each route, made by running it in memory.

`recorded()` has them by method and path, then by a name: the code of an error, or a word for a success. Time, ids
and tokens are the same in every run.
"""

from functools import cache

from devtools.openapi.document import Examples
from tests.support.recording import callers, everyday, people, refusals, sending, subscribing
from tests.support.recording.recorder import Recorder

__all__ = ["recorded"]


@cache
def recorded() -> Examples:
    """All examples."""
    recorder = Recorder()
    for part in (everyday, sending, people, refusals, callers, subscribing):
        part.record(recorder)
    return recorder.examples()
