"""docs/guarantees.md: its words, and its tables made of the matrix's outcomes."""

from collections.abc import Sequence
from pathlib import Path

from tests.faults.matrix import CARRIER, Cell, Crash, Evidence, Mode, Outcome, Queue, cells, outcome

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "guarantees.md"

_INTRODUCTION = """\
# What is guaranteed

This page is generated: `make guarantees` runs the fault matrix in `tests/faults` and writes it anew, and a test
fails when it says anything else than what the code does.

## In plain words

**A text that was accepted with 202 is given to the carrier at most once**, if the carrier honours the
`Idempotency-Key` header or `AmbiguousSends` is `hold`. It does not matter where a process is killed, what the
carrier answers or fails to answer, or how often the queue delivers a message.

**It is not lost in silence.** In the end its status is what the carrier did with it, or `unknown` for as long
as that can't be known. It never says `submitted` of a text that did not go out. Of one that did it says `failed`
only where the carrier ignored the idempotency key and refused the replay, until a receipt corrects that.

**The line moves on.** Whatever becomes of one text, those behind it to the same recipient leave once each, in
their order, at least the recipient's interval apart. Other recipients do not wait for it.

**Nothing leaves that could not be recorded.** If a table, the queue or the secret store fails, texts stay in
the queue and leave, in order, when it is back.

## How

A text is claimed by a conditional write before its request leaves. What is proven not sent (429, 503, no
connection, a refusal of the account) goes back to the head of its line. Anything else without a clear answer
makes it `unknown`, and it leaves the queue. From then on only evidence moves it: a signed receipt, which
carries our message id; the carrier's records, from two minutes on; and with `AmbiguousSends: resolve` one
replay under the same key with the same bytes, from ten minutes to 23 hours after the claim, if the text is
still valid. The replay takes its turn with the recipient's other texts and heeds pause, breaker and opt-outs.

## What is not guaranteed

- **A carrier that ignores keys and tells nothing.** With `AmbiguousSends: resolve`, if the carrier took a text
  without a clear answer, ignores `Idempotency-Key`, sends no receipt within ten minutes and has no record of it
  (Telnyx shows none while a text is still queued), the replay is a second text. `hold` rules that out.
- **With `hold` a text may never leave.** If a process dies between claim and answer, or the carrier's answer
  leaves it open, nobody asks a second time: `unknown` stays until a receipt or a record says more. After ten
  days it becomes `delivery_unconfirmed`.
- **Two doubts in a row.** There is one replay. If that too ends without a clear answer and the carrier never
  shows the text, it stays `unknown`, and may never have left. The tables show it below *after the claim*.
- **The order of a text in doubt.** Those behind it do not wait until it is resolved. If it turns out that it
  had not left, the replay sends it after them.
- **Time.** A killed process locks its batch until the queue shows it again: six minutes. The texts of the batch
  leave after that.
- **A redriven dead letter** keeps its order among the other dead letters, not with what was sent meanwhile.
- **A repeated API request without `Idempotency-Key`** is another text. After 504 or a dropped connection follow
  the status, or repeat the request with the same key.
- **Delivery.** Whether a phone shows the text is the carrier's affair; a text that was not delivered is never
  sent again by itself.

## The matrix

Each cell is a text that meets one crash of the consumer, one fault of the carrier and one fault of the queue,
with two more texts behind it in the same line. Nothing is left out: {count} cells, each of them 25 hours of
virtual time with the sweeper each minute, through the real consumer, sweeper and webhook handlers.

- *crash*: where the consumer is killed: {crashes}.
- *carrier*: what it does with the first request, by row.
- *queue*: {queues}.
- *evidence*: what the carrier tells later of a text that it took: {evidence}.

A row shows the worst of its cells over all queue faults and all evidence. **Texts** is how often the carrier
accepted the one message. **Leaves after** is when it took the text (with `resolve`), and **next texts** when it
had taken both behind it, at the latest, while the queue itself works. Faults of the carrier that come to the
same are one row. The statuses are those with `resolve`; with `hold` a text in doubt that nothing is told of
stays `unknown`.
"""

_HEADS = (
    "the carrier",
    "texts: key honoured",
    "key ignored",
    "`hold`",
    "status with receipts or records",
    "status without either",
    "leaves after",
    "next texts after",
)


def document() -> str:
    """The whole page."""
    found = {cell: outcome(cell) for cell in cells()}
    text = _INTRODUCTION.format(
        count=f"{len(found):,}",
        crashes=", ".join(crash for crash in Crash if crash is not Crash.NEVER),
        queues=", ".join(queue for queue in Queue if queue is not Queue.WORKS),
        evidence=", ".join(Evidence),
    )
    parts = [text]
    for crash in Crash:
        title = "No crash" if crash is Crash.NEVER else f"Killed {crash}"
        rows: dict[tuple[str, ...], list[str]] = {}
        for carrier in CARRIER:
            chosen = {cell: of for cell, of in found.items() if (cell.crash, cell.carrier) == (crash, carrier)}
            rows.setdefault(_row(chosen), []).append(carrier)
        parts.append(f"### {title}\n\n" + _table([("; ".join(names), *row) for row, names in rows.items()]))
    parts.append(_summary(found))
    return "\n".join(parts)


def _row(chosen: dict[Cell, Outcome]) -> tuple[str, ...]:
    texts = []
    for mode in Mode:
        counts = {(of.accepted, cell.evidence) for cell, of in chosen.items() if cell.mode is mode}
        texts.append(_texts(counts))
    resolved = {cell: of for cell, of in chosen.items() if cell.mode is not Mode.HOLD}
    told = {of.status.value for cell, of in resolved.items() if cell.evidence is not Evidence.NOTHING}
    untold = {of.status.value for cell, of in resolved.items() if cell.evidence is Evidence.NOTHING}
    sound = {cell: of for cell, of in chosen.items() if cell.queue in (Queue.WORKS, Queue.DUPLICATES)}
    leaves = [of.first_taken_ms for cell, of in sound.items() if cell.mode is not Mode.HOLD]
    behind = max(of.behind_ms[-1] for of in sound.values())
    late = "may not" if None in leaves else _span(max(ms for ms in leaves if ms is not None))
    return (*texts, _words(told), _words(untold), late, _span(behind))


def _texts(counts: set[tuple[int, Evidence]]) -> str:
    worst = max(number for number, _ in counts)
    least = min(number for number, _ in counts)
    if worst == 1 and least == 0:
        return "0 or 1"
    always = {evidence for number, evidence in counts if number == worst}
    if worst > 1 and always == {Evidence.NOTHING}:
        return f"**{worst}** if it tells nothing, else 1"
    return str(worst) if worst else "0, `unknown`"


def _words(statuses: set[str]) -> str:
    return ", ".join(f"`{status}`" for status in sorted(statuses))


def _span(ms: int) -> str:
    """A time as a person says it, rounded up so that small changes of the pacing don't rewrite the page."""
    if ms < 60_000:
        return f"{-(-ms // 5_000) * 5} s"
    return f"{-(-ms // 60_000)} min"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [_HEADS, tuple("---" for _ in _HEADS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(found: dict[Cell, Outcome]) -> str:
    lines = ["### All cells", "", "| | cells | taken once | never taken | taken twice |", "|---|---|---|---|---|"]
    for mode in Mode:
        counts = [of.accepted for cell, of in found.items() if cell.mode is mode]
        row = (mode, len(counts), counts.count(1), counts.count(0), sum(count > 1 for count in counts))
        lines.append("| " + " | ".join(map(str, row)) + " |")
    apart = min(of.least_gap_ms for of in found.values())
    moved = sum(of.behind == (1, 1) and of.in_order and of.other == 1 for of in found.values())
    lines += [
        "",
        f"The texts behind left once each and in order in {moved:,} of {len(found):,} cells, and no two texts "
        f"reached the carrier less than {apart // 1000 * 1000:,} ms apart, at an interval of 1,000 ms.",
    ]
    return "\n".join(lines) + "\n"
