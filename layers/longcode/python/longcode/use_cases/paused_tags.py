"""What waits for a paused tag or carrier goes back into the queue before anything is written for it."""

# Each look after the claim sees a pause too, but costs a write for the claim and one to give it back. A campaign
# that is paused may have 50,000 texts, and each looks again and again.

from collections.abc import Sequence
from dataclasses import replace

from longcode.domain.gate import Gate
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import Subject, SubjectKind, tag_of
from longcode.use_cases import tag_brakes
from longcode.use_cases.recipient_worker import RecipientWorker
from longcode.use_cases.send_attempt import SendDependencies


def put_off(workers: Sequence[RecipientWorker], gate: Gate, deps: SendDependencies) -> list[RecipientWorker]:
    """Hide what waits for recipients whose first bulk text is of a paused tag, or to a paused carrier; the others.

    One read for all tags of a batch, and one for the carriers of its recipients if any of those is paused.
    """
    firsts = {worker.recipient: worker.first.message for worker in workers}
    tags = sorted({tag for message in firsts.values() if (tag := tag_of(message))})
    subjects = {tag: Subject(SubjectKind.TAG, tag) for tag in tags}
    now = deps.clock.now_ms()
    standings = deps.brakes.store.standings(list(subjects.values()), now) if tags else {}
    bulk = [number for number, message in firsts.items() if message.priority is Priority.BULK]
    known = deps.carriers.subscriptions(bulk) if gate.carrier_pauses and bulk else {}
    for worker in workers:
        message = firsts[worker.recipient]
        tag = tag_of(message)
        standing = standings.get(subjects[tag]) if tag else None
        pause = standing.pause if standing else None
        own = replace(gate, subscription=known.get(worker.recipient), tag_pause=pause)
        if stopped := tag_brakes.held(message, own, now):
            worker.wait(stopped)
    return [worker for worker in workers if worker.waiting]
