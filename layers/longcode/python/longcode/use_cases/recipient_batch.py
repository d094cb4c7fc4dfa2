"""What a batch holds for one recipient: its queue messages, and the texts of the table that they stand for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from longcode.domain.message import UNSTORED_MS, Message, Place
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer
from longcode.domain.schedule import is_due
from longcode.domain.status import Status
from longcode.use_cases import send_attempt
from longcode.use_cases.batch_results import Result
from longcode.use_cases.queue_ports import Envelope
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.slots import SlottedMessage

# So many texts of one recipient queue whose queue messages are missing are taken along at a time.
_TAKEN_ALONG_MOST = 20
# For a queue message that came before its text: how long it is waited for inside, in steps.
_UNSTORED_STEPS_MS = (50, 100, 200)


class RecipientBatch:
    """The queue messages of one recipient that are still to be dealt with, and the results of the others."""

    def __init__(self, envelopes: Sequence[Envelope], deps: SendDependencies) -> None:
        self.recipient = envelopes[0].recipient
        self.results: list[Result] = []
        self.envelopes = list(envelopes)
        # Those whose texts are still to come into the table.
        self.early: list[Envelope] = []
        # Those before whose texts too many others are to leave.
        self.behind: list[Envelope] = []
        # Those whose texts are for another recipient than their group says.
        self._strangers: dict[str, list[Envelope]] = {}
        self._known: Mapping[str, Message | None] | None = None
        self._deps = deps

    @property
    def ids(self) -> list[str]:
        """The texts that its queue messages name."""
        return [envelope.message_id or "" for envelope in self.envelopes]

    def know(self, found: Mapping[str, Message | None]) -> None:
        """Take what was read for all recipients of the batch at once, so that `load` need not read it."""
        self._known = {ident: found[ident] for ident in self.ids if ident in found}

    def clear(self) -> None:
        """Forget the queue messages that were hidden."""
        self.envelopes, self.behind, self.early = [], [], []

    def load(self) -> list[SlottedMessage]:
        """Read what the queue messages name, and what was accepted before it without one; what is to be sent."""
        found = self._read()
        strangers = self._find_strangers(found)
        others = [envelope for envelopes in strangers.values() for envelope in envelopes]
        for envelope in others:
            found.pop(envelope.message_id or "", None)
        own: dict[str, SlottedMessage] = {}
        spare: list[tuple[Envelope, Message | None]] = []
        for envelope in self.envelopes:
            ident = envelope.message_id or ""
            message = found.get(ident)
            if envelope in self.early or envelope in others:
                continue
            if message is None or not self._to_send(message):
                spare.append((envelope, message))
            else:
                own.setdefault(ident, SlottedMessage(message)).envelopes.append(envelope)
        now = self._deps.clock.now_ms()
        due = [message.place for message in found.values() if message and is_due(message, now)]
        items = sorted(own.values(), key=_place)
        if due:
            items = self._with_earlier(items, max(due))
        items = self._drop_expired(items)
        self._settle_spare(spare, items, found)
        self.envelopes, self._strangers = [], strangers
        return items

    def hand_over(self) -> dict[str, list[Envelope]]:
        """The queue messages of others that were found here, by their recipients: not ours any more."""
        found, self._strangers = self._strangers, {}
        return {
            recipient: [replace(envelope, recipient=recipient) for envelope in envelopes]
            for recipient, envelopes in found.items()
        }

    def close(self, item: SlottedMessage, message: Message | None, answer: Answer | None = None) -> None:
        """A text is dealt with, and its queue messages with it."""
        self.results.append(Result(next(iter(item.envelopes), None), message, answer))
        self.results += [Result(envelope, message) for envelope in item.envelopes[1:]]

    def _find_strangers(self, found: dict[str, Message | None]) -> dict[str, list[Envelope]]:
        """What is to be sent to others: whose text it is the table says, not the group in the queue."""
        strangers: dict[str, list[Envelope]] = {}
        for envelope in self.envelopes:
            message = found.get(envelope.message_id or "")
            if message and self._to_send(message) and message.queue_name != self.recipient:
                strangers.setdefault(message.queue_name, []).append(envelope)
        return strangers

    def _read(self) -> dict[str, Message | None]:
        """What the queue messages name. One that came before its text is given a moment."""
        found = dict(self._deps.messages.read(self.ids) if self._known is None else self._known)
        for step_ms in _UNSTORED_STEPS_MS:
            now = self._deps.clock.now_ms()
            self.early = [
                envelope
                for envelope in self.envelopes
                if envelope.message_id not in found and abs(now - envelope.sent_ms) < UNSTORED_MS
            ]
            if not self.early:
                break
            self._deps.clock.sleep_until(now + step_ms)
            found |= self._deps.messages.read([envelope.message_id or "" for envelope in self.early])
        self.early = [envelope for envelope in self.early if envelope.message_id not in found]
        return found

    def _with_earlier(self, items: list[SlottedMessage], until: Place) -> list[SlottedMessage]:
        """`items` and those that wait before them in the table, the oldest first.

        Of very many, the first: what stands behind them waits for its next turn in the queue, which comes at once.
        """
        known = {item.message.id for item in items}
        most = _TAKEN_ALONG_MOST + len(items)
        queue = self._deps.messages.recipient_queue(
            self.recipient, until=until, at_most=most, priority=self._deps.priority
        )
        missing = [text for text in queue if text.message_id not in known]
        if len(missing) >= _TAKEN_ALONG_MOST:
            missing = missing[:_TAKEN_ALONG_MOST]
            behind = [item for item in items if item.message.place > missing[-1].place]
            self.behind = [envelope for item in behind for envelope in item.envelopes]
            items = [item for item in items if item not in behind]
        if not missing:
            return items
        extra = [
            SlottedMessage(message)
            for message in self._deps.messages.get_all([text.message_id for text in missing])
            if message.status.waiting and self._to_send(message) and message.queue_name == self.recipient
        ]
        if extra:
            self._deps.logger.info("queue.taken_along", message_ids=[item.message.id for item in extra])
        # Of one moment those first that the queue gave, in its order.
        return sorted([*items, *extra], key=_place)

    def _drop_expired(self, items: list[SlottedMessage]) -> list[SlottedMessage]:
        """End what has waited longer than it was valid: it needs no slot, and whatever stops sending."""
        now, kept = self._deps.clock.now_ms(), []
        for item in items:
            if item.message.status.waiting and now >= item.message.valid_until_ms(self._deps.validity_ms):
                self.close(item, send_attempt.expire(item.message, self._deps, now))
            else:
                kept.append(item)
        return kept

    def _to_send(self, message: Message) -> bool:
        """Whether it is to be sent by now, or is just being sent.

        What is not due yet was put off since. It comes back into the queue at its time.
        """
        if message.status is Status.SENDING:
            return True
        return message.status.waiting and is_due(message, self._deps.clock.now_ms())

    def _settle_spare(
        self,
        spare: Sequence[tuple[Envelope, Message | None]],
        items: Sequence[SlottedMessage],
        known: Collection[str],
    ) -> None:
        """Queue messages whose texts were dealt with: they go, or wait with the last text that has to."""
        for envelope, message in spare:
            if envelope.message_id not in known:
                self._deps.metrics.count(Metric.UNKNOWN_ID)
                self._deps.logger.warning(
                    "queue.unknown_id", queue_id=envelope.queue_id, message_id=envelope.message_id
                )
            else:
                self._deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
                self._deps.logger.info(
                    "queue.redelivered",
                    message_id=envelope.message_id,
                    status=message.status.value if message else None,
                )
            if items and not any(item.envelopes for item in items):
                # Without one nothing would bring those texts here again.
                items[-1].envelopes.append(envelope)
            else:
                self.results.append(Result(envelope, message))


def _place(item: SlottedMessage) -> Place:
    return item.message.place
