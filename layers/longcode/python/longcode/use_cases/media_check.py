"""Looks at the media of a text before it is accepted: whether each is there, of what type it is, and how large."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from longcode.domain.errors import InvalidRequest
from longcode.domain.media import MOST_BYTES, is_carried
from longcode.domain.message import Message
from longcode.use_cases.duplicate_store import Guard
from longcode.use_cases.outbound_ports import CallFailed, Outbound, OutboundAnswer, UrlRefused
from longcode.use_cases.ports import Clock, Parallel

# A caller waits, and the gateway for 29 s.
TIMEOUT_S = 3.0
# Less is no fair try.
_LEAST_S = 0.2
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "long-code-sms"}


@dataclass(frozen=True, slots=True)
class Medium:
    """What is at a URL: how many bytes, or why a text can't carry it."""

    size: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MediaCheck:
    """Looks at URLs, several at a time and each once."""

    outbound: Outbound
    parallel: Parallel
    clock: Clock

    def look(self, urls: Iterable[str]) -> dict[str, Medium]:
        """What is at each URL. Takes up to twice TIMEOUT_S for each ten of them, and longer only where the
        look-up of a name does, which can't be cut short: nothing more is tried at such a URL.
        """
        found: dict[str, Medium] = {}

        def job(url: str) -> Callable[[], None]:
            def look() -> None:
                found[url] = self._medium(url)

            return look

        self.parallel([job(url) for url in dict.fromkeys(urls)])
        return found

    def guard(self, inner: Guard) -> Guard:
        """The guard of one request, which looks at the text's media before `inner` does its work."""

        def guarded[T](message: Message, work: Callable[[], T]) -> T:
            expect_carried(message.media_urls, self.look(message.media_urls))
            return inner(message, work)

        return guarded

    def _medium(self, url: str) -> Medium:
        until_ms = self.clock.now_ms() + round(2_000 * TIMEOUT_S)
        try:
            answer = self._head(url) or self._call("GET", url, MOST_BYTES, until_ms)
        except UrlRefused as exc:
            return Medium(problem=str(exc))
        except CallFailed as exc:
            return Medium(problem=f"The media can't be fetched: {exc}.")
        if not 200 <= answer.status < 300:
            return Medium(problem=f"The media can't be fetched: its server answers {answer.status}.")
        content_type = answer.headers.get("content-type", "")
        if not is_carried(content_type):
            return Medium(
                problem="Carriers take images, video, audio, vCards and PDF, by the server's content type."
            )
        if _is_packed(answer):
            return Medium(problem="The media's server packs it (Content-Encoding), so its size is not known.")
        size = _length(answer) or len(answer.body)
        if not size:
            return Medium(problem="The media is empty.")
        return Medium(size + 1 if answer.truncated and size <= MOST_BYTES else size)

    def _head(self, url: str) -> OutboundAnswer | None:
        """The answer to HEAD, if it says all that is asked. Some servers answer none, or another than to GET."""
        try:
            answer = self._call("HEAD", url)
        except CallFailed:
            return None
        whole = (
            200 <= answer.status < 300 and _length(answer) and is_carried(answer.headers.get("content-type", ""))
        )
        return answer if whole and not _is_packed(answer) else None

    def _call(self, method: str, url: str, at_most: int = 0, until_ms: int | None = None) -> OutboundAnswer:
        left_s = TIMEOUT_S if until_ms is None else (until_ms - self.clock.now_ms()) / 1000
        if left_s < _LEAST_S:
            raise CallFailed("timed out")
        return self.outbound.call(method, url, headers=_HEADERS, timeout_s=min(TIMEOUT_S, left_s), at_most=at_most)


def expect_carried(urls: Sequence[str], found: dict[str, Medium]) -> None:
    """Raises InvalidRequest that names the first URL whose medium a text can't carry, or not with those before."""
    size = 0
    for place, url in enumerate(urls):
        medium, field = found[url], f"media_urls[{place}]"
        if medium.problem:
            raise InvalidRequest(medium.problem, field=field)
        size += medium.size
        if size > MOST_BYTES:
            raise InvalidRequest(
                f"The media of a text have at most {MOST_BYTES} bytes in all.",
                field=field, given=size, limit=MOST_BYTES,
            )  # fmt: skip


def _is_packed(answer: OutboundAnswer) -> bool:
    """Whether the length is that of something else than the medium, although it was asked for as it is."""
    return answer.headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def _length(answer: OutboundAnswer) -> int | None:
    said = answer.headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 16 else None
