"""Fetches what people sent with a text, and keeps it in the bucket: see `media_store`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from longcode.domain.errors import Unavailable
from longcode.domain.media import MOST_STORED_BYTES, TRIED_MS, content_type, delay_s, why_not_stored
from longcode.domain.message import MediaRow, Message
from longcode.use_cases import store_failures
from longcode.use_cases.media_store import MediaBucket, MediaJobs, MediaNotes, Noted
from longcode.use_cases.outbound_ports import CallFailed, Outbound, OutboundAnswer, UrlRefused
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics
from longcode.use_cases.queue_ports import Envelope

# One file: carriers' media is small, and what is slower comes again.
TIMEOUT_S = 10.0
# And so long for what is done with it: the bucket, and the note.
_KEEP_MS = 8_000
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "long-code-sms"}
# What is there no more does not come back.
_GONE = (404, 410)
# How often another may change the same message's media meanwhile: each time one more of them is settled.
_TRIES = 12


class _Later(Exception):
    """A medium that may be fetched by a later try. The message says why it was not, for the user."""


class _Never(Exception):
    """A medium that is not stored. The message says why, for the user."""


@dataclass(frozen=True, slots=True)
class MediaStorer:
    """Does the jobs. Each may come twice or at the same time as another: what is stored already is left alone.

    A file is put into the bucket before its message says so, and only a message that is there and not being erased
    can say so. If it can't, every file of it is deleted. So an erasure wins whatever it meets.
    """

    messages: Messages
    notes: MediaNotes
    bucket: MediaBucket
    jobs: MediaJobs
    outbound: Outbound
    clock: Clock
    metrics: Metrics
    logger: Logger

    def work(self, envelopes: Sequence[Envelope], stop_ms: int) -> list[Envelope]:
        """Do the jobs, until `stop_ms` at most. Returns what has to come again, which is hidden until then."""
        waiting = [envelope for envelope in envelopes if not self._done(envelope, stop_ms)]
        if waiting:
            try:
                self.jobs.hide(waiting, [delay_s(envelope.receives) for envelope in waiting])
            except Unavailable as exc:
                # They come again by themselves when the queue's own time is over.
                store_failures.note(exc, self.metrics, self.logger)
        return waiting

    def _done(self, job: Envelope, stop_ms: int) -> bool:
        """Do one job. False if something of it has to be tried again."""
        if job.message_id is None:
            self.logger.warning("media.unreadable", queue_id=job.queue_id, newer=job.newer)
            # A later release will read it, if it is that one's.
            return not job.newer
        try:
            message = self.messages.get(job.message_id)
            if message is None:
                # Erased. An earlier try may have ended between a file and its note.
                self.bucket.forget(job.message_id)
                return True
            last = self.clock.now_ms() >= job.sent_ms + TRIED_MS
            found = self._fetch_all(message, stop_ms, last=last)
            return self._note(message, found)
        except Unavailable as exc:
            store_failures.note(exc, self.metrics, self.logger, message_id=job.message_id)
            return False

    def _fetch_all(self, message: Message, stop_ms: int, *, last: bool) -> dict[int, MediaRow]:
        """By their places, the rows of the media of which it is known now whether they are stored."""
        found: dict[int, MediaRow] = {}
        for place, row in enumerate(message.media):
            if _settled(row):
                continue
            if self.clock.now_ms() + TIMEOUT_S * 1000 + _KEEP_MS > stop_ms:
                break
            try:
                found[place] = self._store(message.id, row)
            except _Never as exc:
                found[place] = {**row, "stored": False, "problem": str(exc)}
            except _Later as exc:
                self.logger.warning(
                    "media.failed", message_id=message.id, place=place, problem=str(exc), last=last
                )
                if last:
                    found[place] = {**row, "stored": False, "problem": str(exc)}
        return found

    def _store(self, message_id: str, row: MediaRow) -> MediaRow:
        """Fetch one medium into the bucket. Raises _Never and _Later."""
        answer = self._call(str(row.get("url", "")))
        kind = content_type(answer.headers.get("content-type", ""), str(row.get("content_type", "")))
        if problem := why_not_stored(kind, answer.body, truncated=answer.truncated):
            raise _Never(problem)
        sha256 = hashlib.sha256(answer.body).hexdigest()
        try:
            self.bucket.put(message_id, sha256, kind, answer.body)
        except Unavailable as exc:
            # What else there is of the message is kept all the same.
            store_failures.note(exc, self.metrics, self.logger, message_id=message_id)
            raise _Later("It could not be stored.") from None
        more = {"sha256": sha256, "size": str(len(answer.body)), "content_type": kind}
        return {**row, **more, "stored": True}

    def _call(self, url: str) -> OutboundAnswer:
        if not url:
            raise _Never("The provider gave no address of it.")
        try:
            answer = self.outbound.call(
                "GET", url, headers=_HEADERS, timeout_s=TIMEOUT_S, at_most=MOST_STORED_BYTES
            )
        except UrlRefused as exc:
            raise _Never(str(exc)) from None
        except CallFailed as exc:
            raise _Later(f"It could not be fetched: {exc}.") from None
        if answer.status in _GONE:
            raise _Never("It is not there any more.")
        if not 200 <= answer.status < 300:
            raise _Later(f"It could not be fetched: its server answered {answer.status}.")
        if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise _Never("Its server packs it.")
        return answer

    def _note(self, message: Message, found: dict[int, MediaRow]) -> bool:
        """Write what was found into the message; what another job has found before stays.

        Returns whether there is no more to do for it.
        """
        now: Message | None = message
        for _ in range(_TRIES if found else 0):
            after = [] if now is None else _after(now, found)
            noted = Noted.GONE if now is None else self.notes.note(now, after)
            if noted is Noted.GONE:
                self.bucket.forget(message.id)
                self.logger.info("media.erased", message_id=message.id)
                return True
            if noted is Noted.WRITTEN:
                problems = [row["problem"] for row in found.values() if "problem" in row]
                stored = len(found) - len(problems)
                self.logger.info("media.stored", message_id=message.id, stored=stored, problems=problems)
                return all(map(_settled, after))
            now = self.messages.get(message.id)
        return all(map(_settled, message.media))


def _after(message: Message, found: dict[int, MediaRow]) -> list[MediaRow]:
    return [row if _settled(row) else found.get(place, row) for place, row in enumerate(message.media)]


def _settled(row: MediaRow) -> bool:
    return "stored" in row
