"""What a call raises: the API refused it, did not answer, or answered what can't be read."""

from collections.abc import Mapping
from typing import Any


class LongcodeError(Exception):
    """A call that came to no answer. Programs look at `code`; the words may change.

    Attributes:
        code: the API's code (docs/api.md); or `no_answer`, `unreadable_answer`, `unfinished`; or `http_404` and
            the like for an error that is no JSON of the API.
        status: the HTTP status; None where none came.
        field: the field of the request that is wrong, where the API names one.
        given, limit: what was asked and what is allowed, where a number is out of range.
        retry_after_s: in how many seconds the API asks for the next try.
        message_id: the text that the error is about, where there is one.
        idempotency_key: the key that the call had. The same call with it sends nothing twice.
        fields: the whole answer.
    """

    def __init__(
        self,
        words: str,
        *,
        code: str,
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(words)
        self.code = code
        self.status = status
        # Any: JSON of the API.
        self.fields: Mapping[str, Any] = fields or {}
        self.retry_after_s = retry_after_s
        self.field: str | None = _text(self.fields.get("field"))
        self.message_id: str | None = _text(self.fields.get("message_id"))
        self.given: object = self.fields.get("given")
        self.limit: object = self.fields.get("limit")
        self.idempotency_key: str | None = None

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        return str(self.args[0])

    def __str__(self) -> str:
        said = f"{self.code}: {self.words}"
        named = f" (field {self.field})" if self.field else ""
        return f"{said if self.status is None else f'{self.status} {said}'}{named}"


class Refused(LongcodeError):
    """The API, or the gateway before it, answered with an error."""


class NoAnswer(LongcodeError):
    """No answer came. `never_left` is whether the request surely did not reach the API; else it may have."""

    def __init__(self, words: str, *, never_left: bool, final: bool = False) -> None:
        super().__init__(words, code="no_answer")
        self.never_left = never_left
        # Whether the same request can't be sent at all.
        self.final = final


class UnreadableAnswer(LongcodeError):
    """A success that is no answer of this API: of something between, or of another version."""


class Unfinished(LongcodeError):
    """Some texts of a batch were not stored yet. A call that waits for these says so; it raises no such error."""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
