"""A random walk over everything that callers, people, the provider and broken machines do, and an oracle beside
it.

The oracle knows only what was asked, what was answered and when, and what the provider took. `python -m
tests.faults.walk --runs 20000` walks for long; `--seed N --runs 1 --tell` shows one walk.
"""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from longcode.domain import pacing, schedule
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message, iso
from longcode.domain.schedule import EARLY_MS
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim
from tests.faults.matrix import HOUR, INTERVAL_MS, MINUTE, Evidence, Stage
from tests.faults.outages import LIMITS, MESSAGES, PROVIDER
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import Died, unavailable
from tests.support.fakes.webhooks import inbound

OURS = "+12025550100"
PEOPLE = [f"+120255501{number:02d}" for number in (11, 23, 45, 67)]
# What happens takes this long; then everything works again, and has time to settle.
LASTS_MS = 40 * MINUTE
SETTLES_MS = 30 * HOUR
# Codes by which the provider refuses one text for good, as often as it is asked.
ANSWERS = (
    behaviours.ACCEPTS_AND_HANGS, behaviours.ACCEPTS_THEN_500, behaviours.ACCEPTS_THEN_DROPS,
    behaviours.ACCEPTS_AND_GARBLES, behaviours.SLOW, behaviours.FAILS_500, behaviours.HANGS,
    behaviours.RATE_LIMITED, behaviours.OVERLOADED, behaviours.UNREACHABLE, behaviours.BAD_KEY,
)  # fmt: skip
CALLS = (
    *(("messages", call) for call in MESSAGES),
    *(("limits", call) for call in LIMITS),
    *(("queue", call) for call in ("put", "set_timers", "hide", "delete", "size")),
    *(("optouts", call) for call in ("get", "replace")),
    *(("provider", call) for call in ("prepare", "send", "record_of", "campaign")),
)


@dataclass
class Asked:
    """One request for a text: when, what, and what was answered; `status` None: nothing, the process died."""

    at_ms: int
    to: str
    route: str
    key: str
    status: int | None = None
    answered_ms: int = 0
    message_id: str | None = None
    # When it is to be sent and until when, as the request has them.
    times: dict[str, object] = field(default_factory=dict)


class Walk(Stage):
    """One walk, wholly determined by its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        super().__init__(
            evidence=self.chance.choice(list(Evidence)),
            validity_minutes=3 * 1440,
            pollers=3,
            max_pending_per_recipient=50,
        )
        world = self.world
        self.asked: list[Asked] = []
        # When each was said and known to be recorded, to whom it applies, and what.
        self.words: list[tuple[int, str, str]] = []
        # Each call that cancels: when, which text, and when it was answered that it will not leave.
        self.cancels: list[tuple[int, str, int | None]] = []
        self.claims: dict[str, list[int]] = {}
        self.story: list[tuple[int, str]] = []
        self.injectors = {
            "messages": world.messages.faults, "limits": world.limits.faults, "queue": world.queue.faults,
            "optouts": world.optouts.faults, "provider": world.provider.faults,
        }  # fmt: skip
        world.messages.lag_ms = self.chance.choice((0, 20, 300))
        for name in ("messages", "limits", "queue", "optouts"):
            self.injectors[name].takes = self._latency
        vars(world.service)["deps"] = replace(world.service.deps, jitter=self.chance.random)
        self._watch_claims()

    def _latency(self) -> None:
        self.clock.pass_ms(self.chance.randint(1, 9))

    def _watch_claims(self) -> None:
        """Note when each right to send was asked for: before that a word must have been recorded to count."""
        messages = self.world.messages
        claim, mark, accept = messages.claim, messages.mark_replayed, messages.accept

        def note(message_id: str, began: int) -> None:
            self.claims.setdefault(message_id, []).append(began)

        def claimed(message_id: str, claim_id: str, now_ms: int) -> Claim:
            began = self.clock.now_ms()
            try:
                found = claim(message_id, claim_id, now_ms)
            except (Unavailable, Died):
                note(message_id, began)
                raise
            if found.won:
                note(message_id, began)
            return found

        def marked(message: Message, now_ms: int, *, undo: bool = False) -> bool:
            began = self.clock.now_ms()
            done = True
            try:
                done = mark(message, now_ms, undo=undo)
            finally:
                if done and not undo:
                    note(message.id, began)
            return done

        def accepted(message: Message) -> Message | None:
            began = self.clock.now_ms()
            there = None
            try:
                there = accept(message)
            finally:
                if there is None and message.status is Status.SENDING:
                    note(message.id, began)
            return there

        messages.claim, messages.mark_replayed, messages.accept = claimed, marked, accepted  # type: ignore[method-assign]

    def reconcile_failed(self, exc: BaseException) -> None:
        assert isinstance(exc, Unavailable | Died)

    # ------------------------------------------------------------------------------------- what happens

    def walk(self) -> None:
        """Let it all happen."""
        for _ in range(self.chance.randint(4, 40)):
            self._plan(self.chance.choices(*zip(*self._deeds(), strict=True))[0])
        self.clock.at(self.start_ms + LASTS_MS, self._end_faults)
        self.run(LASTS_MS + SETTLES_MS)

    def _deeds(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self._queue, 30), (self._burst, 8), (self._send, 6), (self._repeat, 6), (self._say, 8),
            (self._operator_says, 3), (self._erase, 3), (self._pause, 4), (self._kill, 10), (self._hiccup, 10),
            (self._store_gone, 5), (self._provider_gone, 5), (self._answer, 8), (self._double, 4), (self._purge,
            2), (self._drain, 3), (self._cancel, 6), (self._schedule, 12), (self._put_off, 4),
        ]  # fmt: skip

    def _plan(self, deed: Callable[[], None]) -> None:
        at = self.start_ms + int(self.chance.random() ** 2 * LASTS_MS)
        self.clock.at(at, deed)

    def _tell(self, text: str) -> None:
        self.story.append((self.clock.now_ms() - self.start_ms, text))

    def _ask(self, to: str, route: str, key: str | None = None, times: dict[str, object] | None = None) -> None:
        # Always with a key: an id by chance would make another walk of the same seed.
        key = key or f"key-{len(self.asked)}"
        asked = Asked(self.clock.now_ms(), to, route, key, times=times or {})
        self.asked.append(asked)
        try:
            ask = self.world.send if route == "send" else self.world.enqueue
            reply = ask(to, f"text {key}", key=key, **asked.times)
        except Died:
            self._tell(f"{route} to {to} died")
            return
        asked.status, asked.answered_ms = reply.status, self.clock.now_ms()
        asked.message_id = reply.fields.get("message_id")
        self._tell(f"{route} to {to} key {key}: {reply.status} {(asked.message_id or '')[:8]} {asked.times or ''}")

    def _queue(self) -> None:
        self._ask(self.chance.choice(PEOPLE), "queue")

    def _burst(self) -> None:
        to = self.chance.choice(PEOPLE)
        for _ in range(self.chance.randint(3, 14)):
            self._ask(to, "queue")

    def _schedule(self) -> None:
        """Some texts to one person, in any order of their times; some of them only for so long."""
        to = self.chance.choice(PEOPLE)
        first_ms = self.clock.now_ms() + self.chance.choice((3_000, 20_000, 140_000, 6 * MINUTE, 30 * MINUTE))
        for _ in range(self.chance.randint(1, 6)):
            times: dict[str, object] = {"send_at": iso(first_ms + self.chance.choice((0, 1, 700, 1_500, 9_000)))}
            if self.chance.random() < 0.2:
                times["ttl_s"] = self.chance.choice((2, 60, 900))
            self._ask(to, "queue", times=times)

    def _put_off(self) -> None:
        """Hold a text anew, as quiet hours do."""
        store, now = self.world.messages, self.clock.now_ms()
        waiting = [message for message in store.all if message.status.waiting]
        if not waiting:
            return
        message = self.chance.choice(waiting)
        until_ms = now + self.chance.choice((10_000, 100_000, 8 * MINUTE))
        try:
            if store.put_off(message, until_ms, HeldBy.QUIET_HOURS, now):
                self.queue.set_timers([schedule.timer_of(replace(message, not_before_ms=until_ms))])
        except (Unavailable, Died):
            return
        self._tell(f"put off {message.id[:8]} until {until_ms - self.start_ms}")

    def _send(self) -> None:
        self._ask(self.chance.choice(PEOPLE), "send")

    def _repeat(self) -> None:
        if self.asked:
            asked = self.chance.choice(self.asked)
            self._ask(asked.to, asked.route, asked.key, asked.times)

    def _say(self) -> None:
        who, word = self.chance.choice(PEOPLE), self.chance.choice(("STOP", "STOP", "START"))
        body = inbound(who, word, self.clock.now_ms(), to=OURS)
        self._try(who, word)
        for _ in range(3):
            try:
                reply = self.world.webhook(body)
            except Died:
                reply = None
            if reply and reply.status == 200:
                self._record(who, word)
                return
            self.clock.pass_ms(2_000)

    def _try(self, who: str, word: str) -> None:
        """What may come to be recorded, whatever is answered."""
        self.words.append((self.clock.now_ms(), who, f"TRIED-{word}"))

    def _record(self, who: str, word: str) -> None:
        """A word that is in the ledger by now, as far as the ledger's own rule lets it count."""
        entry = self.world.optouts.entries.get(who)
        self.words.append((self.clock.now_ms(), who, "STOP" if entry and entry.opted_out else "START"))
        self._tell(f"{who} {word}")

    def _operator_says(self) -> None:
        who, method = self.chance.choice(PEOPLE), self.chance.choice(("PUT", "DELETE"))
        self._try(who, "STOP" if method == "PUT" else "START")
        try:
            reply = self.world.request("optouts", method, "/sms/optouts/{number}", parameters={"number": who})
        except Died:
            return
        if reply.status == 200:
            self._record(who, f"operator {method}")

    def _erase(self) -> None:
        who = self.chance.choice(PEOPLE)
        began = self.clock.now_ms()
        self._try(who, "ERASE")
        try:
            reply = self.world.request(
                "recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": who}
            )
        except Died:
            return
        if reply.status == 200 and not reply.fields["remaining"]:
            self.words.append((self.clock.now_ms(), who, f"ERASED {began}"))
            self._tell(f"erased {who}: {reply.fields}")

    def _cancel(self) -> None:
        idents = [asked.message_id for asked in self.asked if asked.message_id and asked.route == "queue"]
        if not idents:
            return
        # Of the last ones some still wait.
        ident, began = self.chance.choice(idents[-8:]), self.clock.now_ms()
        try:
            reply = self.world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ident})
        except Died:
            self.cancels.append((began, ident, None))
            return
        if reply.status in (200, 503):
            done_ms = self.clock.now_ms() if reply.status == 200 else None
            self.cancels.append((began, ident, done_ms))
        self._tell(f"cancel {ident[:8]}: {reply.status} {reply.fields.get('status')}")

    def _pause(self) -> None:
        try:
            self.world.limits.pause(self.clock.now_ms(), "a walk")
        except (Unavailable, Died):
            return
        self.words.append((self.clock.now_ms(), "", "PAUSE"))
        self._tell("paused")
        self.clock.pass_ms(self.chance.choice((20_000, 5 * MINUTE, 30 * MINUTE)))
        self.words.append((self.clock.now_ms(), "", "RESUME"))
        self._tell("resumed")
        limits = self.world.limits
        limits.control = replace(limits.control, paused_since_ms=None, pause_reason="")

    def _kill(self) -> None:
        store, call = self.chance.choice(CALLS)
        self.injectors[store].fail(call, Died, after=self.chance.random() < 0.5)
        self._tell(f"will die at {store}.{call}")

    def _hiccup(self) -> None:
        store, call = self.chance.choice(CALLS)
        if (store, call) == ("provider", "send"):
            return
        self.injectors[store].fail(
            call, unavailable, after=self.chance.random() < 0.5, times=self.chance.choice((1, 1, 3))
        )
        self._tell(f"will fail at {store}.{call}")

    def _store_gone(self) -> None:
        names = self.chance.choice((("messages",), ("limits",), ("messages", "limits"), ("queue",), ("optouts",)))
        lasts = self.chance.choice((30_000, 4 * MINUTE, 12 * MINUTE))
        for name in names:
            for store, call in CALLS:
                if store == name:
                    self.injectors[name].fail(call, times=10**9)
        self._tell(f"{names} gone for {lasts}")
        self.clock.pass_ms(lasts)
        for name in names:
            self.injectors[name].clear()

    def _provider_gone(self) -> None:
        kind = self.chance.choice([name for name in PROVIDER if name != "an unknown code for all"])
        provider = self.world.provider
        provider.usual, provider.records_readable = PROVIDER[kind], self.chance.random() < 0.3
        lasts = self.chance.choice((40_000, 6 * MINUTE, 25 * MINUTE))
        self._tell(f"provider: {kind} for {lasts}")
        self.clock.pass_ms(lasts)
        provider.usual, provider.records_readable = behaviours.ACCEPTS, True

    def _answer(self) -> None:
        self.world.provider.then(*self.chance.choices(ANSWERS, k=self.chance.randint(1, 3)))

    def _double(self) -> None:
        queue = self.world.queue
        if queue.stored:
            stored = self.chance.choice(queue.stored)
            queue._add(stored.body, stored.group, stored.deduplication_id)
            self._tell(f"the queue doubles {stored.body[-12:]}")

    def _purge(self) -> None:
        self.world.queue.stored.clear()
        self._tell("purged")
        self.clock.pass_ms(90_000)
        self._requeue()

    def _requeue(self) -> None:
        """As the operator's command does."""
        try:
            texts, _ = self.world.messages.waiting(10_000)
            self.chance.shuffle(texts)
            self.world.queue.put(texts, mark=f"requeue:{self.clock.now_ms()}")
        except (Unavailable, Died):
            self.clock.at(self.clock.now_ms() + MINUTE, self._requeue)
            return
        self._tell(f"requeued {len(texts)}")

    def _drain(self) -> None:
        try:
            self._tell(f"drained {self.world.process().fields}")
        except Died:
            return

    def _end_faults(self) -> None:
        for injector in self.injectors.values():
            injector.clear()
        self.world.provider.usual, self.world.provider.records_readable = behaviours.ACCEPTS, True
        self.world.provider._next.clear()
        self._tell("works again")
        # The operator puts stranded texts back: a purge in the midst of a put's outage is the operator's.
        self.clock.at(self.clock.now_ms() + 20 * MINUTE, self._requeue)

    # ------------------------------------------------------------------------------------- the oracle

    def faults(self) -> list[str]:
        """What was promised and not kept."""
        return [
            *self._twice(),
            *self._lost(),
            *self._early(),
            *self._disorder(),
            *self._too_close(),
            *self._unheard(),
            *self._uncancelled(),
            *self._rest(),
        ]

    def _twice(self) -> list[str]:
        provider = self.world.provider
        return [f"twice: {text.key}" for text in provider.texts if provider.taken(text.key) > 1]

    def _of(self, ident: str | None) -> Message | None:
        return self.world.messages._peek(ident or "")

    def _said(self, who: str, *words: str) -> list[int]:
        return [at for at, to, word in self.words if to == who and word.split()[0] in words]

    def _lost(self) -> list[str]:
        found = []
        provider = self.world.provider
        for asked in self.asked:
            if asked.status not in (200, 202) or not asked.message_id:
                continue
            message, taken = self._of(asked.message_id), provider.taken(asked.message_id)
            if message is None:
                if not self._said(asked.to, "TRIED-ERASE"):
                    found.append(f"gone: {asked}")
            elif message.status in (Status.SUPPRESSED, Status.CANCELLED):
                if not (self._said(asked.to, "TRIED-STOP", "TRIED-ERASE") or self._cancelled(message)):
                    found.append(f"{message.status} without a word: {asked}")
            elif message.status is Status.UNKNOWN:
                # What is out of date is not repeated.
                excused = taken == 1 or message.expires_ms or self._said(asked.to, "TRIED-STOP", "TRIED-ERASE")
                if not excused:
                    found.append(f"in doubt for ever: {asked} {message}")
            elif not (taken or self._refused_alone(message) or self._out_of_date(message)):
                found.append(f"lost: {asked} {message}")
        return found

    @staticmethod
    def _out_of_date(message: Message) -> bool:
        """Whether a text was to be sent only for so long, and ended after that, or as its turn would have come."""
        ended = message.status is Status.EXPIRED_UNSENT and message.expires_ms is not None
        return ended and message.updated_ms >= (message.expires_ms or 0) - pacing.SHORT_WAIT_MS

    def _early(self) -> list[str]:
        """Texts that left before their time, or long after they were out of date."""
        found = []
        for text in self.world.provider.texts:
            message = self._of(text.key)
            if message is None or text.taken_ms < message.accepted_ms:
                continue
            if text.taken_ms < message.ready_ms:
                found.append(f"early: {text.taken_ms - self.start_ms} {message}")
            if message.expires_ms is not None and text.taken_ms >= message.expires_ms + 2_000:
                found.append(f"out of date: {text.taken_ms - self.start_ms} {message}")
        return found

    def _cancelled(self, message: Message) -> bool:
        """Whether a caller has asked to cancel this text, and that is what became of it."""
        asked = any(message.id == ident for _, ident, _ in self.cancels)
        return asked and message.status is Status.CANCELLED

    def _refused_alone(self, message: Message) -> bool:
        """Whether the provider refused a text by a code of its own again and again, and took others meanwhile."""
        requests = self.world.provider.requests
        refusals = [one.arrived_ms for one in requests if one.key == message.id and not one.took]
        others = [one.arrived_ms for one in requests if one.took and one.key != message.id]
        coded = bool(message.faults) and message.faults[0].code.isdigit()
        between = any(min(refusals) < at < max(refusals) for at in others) if refusals else False
        return message.status is Status.FAILED and coded and len(refusals) >= 5 and between

    def _disorder(self) -> list[str]:
        """Texts of the queue that were never in doubt, one of them answered before the other was asked for."""
        first = {text.key: text.taken_ms for text in reversed(self.world.provider.texts)}
        found = []
        for who in PEOPLE:
            order = {}
            for asked in self.asked:
                ident = asked.message_id
                if asked.to != who or asked.route != "queue" or asked.status != 202 or ident is None:
                    continue
                message = self._of(ident)
                if message is None or ident not in first:
                    continue
                doubted = any(entry.status == "unknown" for entry in message.history)
                # Not a repeated request, and not one whose text was erased before it was asked for again.
                anew = first[ident] < message.accepted_ms
                if asked.at_ms <= message.accepted_ms <= asked.answered_ms and not (doubted or anew):
                    order[ident] = asked.at_ms, asked.answered_ms, first[ident], message.ready_ms
            for (one, (_, answered, taken, ready)), (other, (asked_ms, _, later, due)) in itertools.permutations(
                order.items(), 2
            ):
                # Those that are due before it are read when it is brought into its queue, or later.
                there = answered + self.world.messages.lag_ms < max(asked_ms, due - EARLY_MS)
                if there and ready < due and taken > later:
                    found.append(
                        f"out of order: {one} at {taken - self.start_ms} after {other} at {later - self.start_ms}"
                    )
        return found

    def _too_close(self) -> list[str]:
        found = []
        sent_now = {asked.message_id for asked in self.asked if asked.route == "send"}
        for who in PEOPLE:
            requests = sorted(
                (request.arrived_ms, request.key)
                for request in self.world.provider.requests
                if request.took and request.recipient == who
            )
            for (before, sent), (at, key) in itertools.pairwise(requests):
                # A direct send does not wait, and can't call back what was claimed before it left.
                claimed = max((moment for moment in self.claims.get(key, []) if moment <= at), default=0)
                direct = key in sent_now or (sent in sent_now and claimed < before)
                if at - before < INTERVAL_MS and not direct:
                    found.append(f"too close: {at - before} ms before {key} at {at - self.start_ms}")
        return found

    def _unheard(self) -> list[str]:
        """Requests that left though it was recorded before their claim that they must not."""
        found = []
        for request in self.world.provider.requests:
            claims = [at for at in self.claims.get(request.key, []) if at <= request.arrived_ms]
            if not claims:
                found.append(f"without a claim: {request}")
                continue
            claimed = max(claims)
            for who, no, yes in ((request.recipient, "STOP", "START"), ("", "PAUSE", "RESUME")):
                said = [(at, word) for at, to, word in self.words if to == who and word in (no, yes)]
                latest = max((entry for entry in said if entry[0] < claimed), default=(0, yes))
                # A word that is being recorded about then may count or not.
                if latest[1] == no and not any(
                    latest[0] < at for at, word in said if word == yes and at <= claimed
                ):
                    found.append(f"{no} at {latest[0] - self.start_ms} unheard: {request}")
            message = self._of(request.key)
            for at, to, word in self.words:
                if to == request.recipient and word.startswith("ERASED") and at < claimed:
                    began = int(word.split()[1])
                    asked = [one for one in self.asked if one.message_id == request.key]
                    if (
                        asked
                        and max(one.at_ms for one in asked) < began
                        and (message is None or message.no_resend)
                    ):
                        found.append(f"sent after it was erased at {at - self.start_ms}: {request}")
        return found

    def _uncancelled(self) -> list[str]:
        """Texts that left, or were not cancelled, although a call was answered that they will not leave."""
        found = []
        for _, ident, done_ms in self.cancels:
            asked = next(one for one in self.asked if one.message_id == ident)
            # Erased, its key is free again for another text under the same id.
            if done_ms is None or self._said(asked.to, "TRIED-ERASE"):
                continue
            left = [one for one in self.world.provider.requests if one.key == ident and one.arrived_ms >= done_ms]
            message = self._of(ident)
            if (
                left
                or self.world.provider.taken(ident)
                or message is None
                or message.status is not Status.CANCELLED
            ):
                found.append(f"cancelled at {done_ms - self.start_ms} and not so: {ident} {left} {message}")
        return found

    def _rest(self) -> list[str]:
        world = self.world
        found = [f"crashed: {line}" for line in world.logger.crashes]
        found += [f"a dead letter: {stored}" for stored in world.queue.dead]
        found += [f"left in the queue: {stored}" for stored in world.queue.stored]
        for message in world.messages.all:
            if message.status in (Status.HELD, Status.QUEUED, Status.SENDING):
                found.append(f"never settled: {message}")
        return found


def walked(seed: int) -> Walk:
    """A walk that was walked."""
    walk = Walk(seed)
    walk.walk()
    return walk


def main() -> None:
    """Walk for long."""
    parser = argparse.ArgumentParser(description="Random walks over all operations and faults, with an oracle.")
    parser.add_argument("--runs", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--seed", type=int, default=None, help="of the first; the others follow (by the clock)")
    parser.add_argument("--tell", action="store_true", help="tell what happened, for one run")
    options = parser.parse_args()
    first = options.seed if options.seed is not None else time.time_ns() % 10**9
    began, bad = time.monotonic(), 0
    for number in range(options.runs):
        walk = walked(first + number)
        if options.tell:
            for at, text in sorted(walk.story):
                sys.stdout.write(f"{at / 1000:10.3f} {text}\n")
        if faults := walk.faults():
            bad += 1
            sys.stdout.write(f"seed {walk.seed}: " + "\n    ".join(faults[:6]) + "\n")
        if (number + 1) % 500 == 0:
            sys.stderr.write(f"{number + 1} walks, {bad} with faults, {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(f"{options.runs} walks from seed {first}: {bad} with faults\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
