"""Changing a text that is held: what it says, when it leaves, until when, and its metadata."""

from dataclasses import dataclass

from longcode.domain import change_request
from longcode.domain.change_request import ChangeRequest
from longcode.domain.errors import NotFound, TooLate, Unavailable
from longcode.domain.message import Message
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.schedule import EARLY_MS, is_due
from longcode.domain.status import Status
from longcode.use_cases import backlog, schedule, store_failures
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics
from longcode.use_cases.queue_ports import Queues

# Each try that fails is another's write of that very moment.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Changer:
    """Changes texts that are held."""

    messages: Messages
    queues: Queues
    clock: Clock
    metrics: Metrics
    logger: Logger
    quiet_hours: QuietHours | None
    validity_ms: int
    # For a test key there is no other text.
    test_only: bool = False

    def change(self, either_id: str, wanted: ChangeRequest) -> Message:
        """Change a text by our id or the provider's; the text as it is then.

        From then on it does not leave as it was, nor sooner than it says: of this write and a claim one wins. A
        change that leaves all as it is writes nothing.

        Raises NotFound if there is no such text of ours, TooLate if it is held no more, InvalidRequest for moments
        that can't be kept, and Unavailable also if others change it all the time.
        """
        message = self.messages.find(either_id)
        if message is None or message.direction == "inbound" or (self.test_only and not message.test):
            raise NotFound("Message not found.")
        self.logger.bind(message_id=message.id)
        for _ in range(_TRIES):
            now = self.clock.now_ms()
            self._expect_held(message, now)
            after = change_request.apply(wanted, message, now, self.quiet_hours)
            if after is message:
                return message
            if self.messages.change(message, after):
                self.logger.info("queue.changed", message_id=message.id)
                if after.place != message.place:
                    self._bring(after, now)
                return after
            there = self.messages.get(message.id)
            if there is None:
                raise NotFound("Message not found.")
            message = there
        raise Unavailable("The text, which others change at this moment,")

    def _expect_held(self, message: Message, now: int) -> None:
        status = message.status
        # A little sooner: the reconciler, which ends it then, has a clock of its own.
        if status is Status.HELD and now + EARLY_MS >= message.valid_until_ms(self.validity_ms):
            status = Status.EXPIRED_UNSENT
        if status is not Status.HELD:
            raise TooLate(
                "This text is held no more: it can't be changed.", message_id=message.id, status=status.value
            )

    def _bring(self, message: Message, now: int) -> None:
        """See that a text comes into its recipient queue at its new time.

        The timer of its old time finds nothing. Where this fails the reconciler does it, a minute late at most.
        """
        if not is_due(message, now):
            schedule.set_timer(message, self.queues, self.clock, self.metrics, self.logger)
            return
        try:
            # With a mark of its own, as it may have been there with this time before. A timer of this second may
            # have fired by now.
            self.queues.put([backlog.waiting(message)], f"changed:{message.updated_ms}")
        except Unavailable as exc:
            store_failures.note(exc, self.metrics, self.logger, message_id=message.id)
