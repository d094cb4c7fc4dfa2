"""docs/guarantees.md: its words, and its tables made of the matrix's outcomes."""

from collections.abc import Sequence
from pathlib import Path

from tests.faults import held, outages
from tests.faults.matrix import PROVIDER, Cell, Crash, Evidence, Mode, Outcome, Queue, cells, outcome

_GONE = "what is gone"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "guarantees.md"

_INTRODUCTION = """\
# What is guaranteed

This page is generated: `make guarantees` runs the fault matrix and the outages in `tests/faults` and writes it
anew. Each test run compares a part of it with what the code does.

## In plain words

**A text that was accepted with 202 is given to the provider at most once**, if the provider honours the
`Idempotency-Key` header or `AmbiguousSends` is `hold`. It does not matter where a process is killed, what the
provider answers or fails to answer, how often the queue delivers a message, or how long an outage lasts.

**It is not lost, and not in silence.** It waits for as long as it is valid (`ValidityMinutes`), whatever it
waits for: its turn, a pause, a provider or a store that is down, a key that is refused. Waiting spends no
attempts, ends in no dead letters and loses no place. In the end its status is what the provider did with it, or
`unknown` for as long as that can't be known. It never says `submitted` of a text that did not go out. Of one
that did it says `failed` only where the provider ignored the idempotency key and refused the replay, until a
receipt corrects that.

**Each recipient's texts leave in the order of acceptance**, at least the recipient's interval apart. The order
is the table's, not the queue's: a queue message that was lost, doubled or put back late changes nothing. A text
that the provider may have taken holds up those behind it only after an outage of ten minutes or more, and for a
quarter of an hour at most.

**The recipient queue moves on.** Whatever becomes of one text, those behind it leave once each, in their order.
Other recipients do not wait for it: only a trouble that befell three recipients in a row, or one that is certain
to be everybody's (the key, the funds, the spend limit), stops all sending; then one text at a time tries whether
it is over.

**A STOP that was recorded before a text is claimed is heard**, and so is a pause. Of all that a number ever
said the latest word counts, STOP if two are of one moment, in whatever order and however often they come.

**Nothing leaves that could not be recorded.** If a table, the queue or the secret store fails, texts stay in
the queue and leave, in order, when it is back.

## How

A queue message says that its recipient has something waiting; the table says what, and in which order. A text
is claimed by a conditional write before its request leaves. What is proven not sent (429, no connection, an
answer that is not the provider's own, a refusal of the account) goes back to its place. Anything else without a
clear answer makes it `unknown`, and it leaves the recipient queue. From then on only evidence moves it: a signed
receipt, which carries our message id; the provider's records, from two minutes on; and with
`AmbiguousSends: resolve` a replay under the same key with the same bytes, from ten minutes to 23 hours after the
claim, if the text is still valid. A replay is made only after the provider's records could be read and had
nothing: "could not be read" is no evidence. If it has no clear answer either, another follows after 1, 4, 10 and
21 hours, and after an outage has ended; never more than eight. It takes its turn with the recipient's other
texts and obeys pause, breaker and opt-outs.

## Outages

{recipients} recipients, three texts to each that wait when it begins and one more in the midst of it, validity
24 hours. What a sender loses: nothing. In the first seconds of "an unknown code for all" the provider refuses
texts in words of its own; as many as are under way then are `failed`, with that code. While the messages table
or the limits table is down, `queue` and `send` answer 503 and nothing new is accepted; while only the queue is
down, texts are accepted.

A cell says how many texts were delivered, once each and in order, a day after the end. *In doubt ones later*: an
outage of a minute left texts in doubt; those behind them did not wait for the replay, ten minutes after the claim.

{outages}
## Sending later

A text with `send_at` stands in its recipient queue by its time from its acceptance on. A timer in the queue
brings it; where that is lost, the next text of its recipient takes it along, or the reconciler finds it 45 seconds
after its time, in its next run. Three texts to one recipient, due within two milliseconds, and one to another:
alone, with texts that are sent at once, or with one of them cancelled. Each call on their way fails, loses its
answer, or is the last before its process dies. In all {held_count} cells each left once, those to one recipient
in their order (but for one in doubt, whose claim was lost), none before its time by the clock of the machine that
sent it, and none that was cancelled. Where no clock is off, the last of three texts, a second apart, left so late:

{held}
## What is not guaranteed

- **A provider that ignores keys and tells nothing.** With `AmbiguousSends: resolve`, if the provider took a text
  without a clear answer, ignores `Idempotency-Key`, sends no receipt and has no record of it for ten minutes
  (Telnyx shows none while a text is still queued), the replay is a second text; each further replay that has no
  clear answer may be another. `hold` rules that out.
- **With `hold` a text may never leave.** If a process dies between claim and answer, or the provider's answer
  leaves it open, there is no second request: `unknown` stays until a receipt or a record says more. After ten
  days it becomes `delivery_unconfirmed`.
- **The order of a text in doubt.** Those behind it do not wait until it is resolved, except for a quarter of an
  hour after an outage of ten minutes or more. If it turns out that it had not left, the replay sends it after
  them. Several in doubt of one recipient are repeated one after the other, as a rule the oldest first.
- **The order of texts that are accepted within the same moment.** The index of recipient queues follows the
  table by some milliseconds. Where a text's queue message was lost, one that is accepted in that moment may
  pass it.
- **The distance to a direct send.** `send` does not wait: it may come right after a queued text, or right
  before one that was already claimed.
- **Time.** A killed process locks its batch until the queue shows it again: six minutes. The texts of the batch
  leave after that. After an outage the first text tries within ten minutes, and the last has left some minutes
  later.
- **The time of a text that is sent later, on a machine whose clock is wrong.** It leaves by the clock of the
  consumer. If the clocks of two consumers differ by more than half a second, it may be two minutes late.
- **A repeated API request without `Idempotency-Key`** is another text. After 504 or a dropped connection follow
  the status, or repeat the request with the same key.
- **Delivery.** Whether a phone shows the text is the provider's affair; a text that was not delivered is never
  sent again by itself.

## The matrix

Each cell is a text that meets one crash of the consumer, one fault of the provider and one fault of the queue,
with two more texts behind it in the same recipient queue. Nothing is left out: {count} cells, each of them 25
hours of virtual time with the reconciler each minute, through the real consumer, reconciler and webhook handlers.

- *crash*: where the consumer is killed: {crashes}.
- *provider*: what it does with the first request, by row.
- *queue*: {queues}.
- *evidence*: what the provider tells later of a text that it took: {evidence}.

A row shows the worst of its cells over all queue faults and all evidence. **Texts** is how often the provider
accepted the one message. **Leaves after** is when it took the text (with `resolve`), and **next texts** when it
had taken both behind it, at the latest, while the queue itself works. Faults of the provider that come to the
same are one row. The statuses are those with `resolve`; with `hold` a text in doubt that is never reported
stays `unknown`.
"""

_HEADS = (
    "the provider",
    "texts: key honoured",
    "key ignored",
    "`hold`",
    "status with receipts or records",
    "status without either",
    "leaves after",
    "next texts after",
)


def document() -> str:
    """The whole page. It runs every cell of the matrix and every outage."""
    found = {cell: outcome(cell) for cell in cells()}
    text = _INTRODUCTION.format(
        count=f"{len(found):,}",
        crashes=", ".join(crash for crash in Crash if crash is not Crash.NEVER),
        queues=", ".join(queue for queue in Queue if queue is not Queue.WORKS),
        evidence=", ".join(Evidence),
        recipients=len(outages.RECIPIENTS),
        outages=outage_table([*outages.PROVIDER, *outages.STORES]),
        held_count=len(list(held.held_cells())),
        held=held_table(),
    )
    return "\n".join([text, *(section(crash) for crash in Crash), _summary(found)])


def outage_table(kinds: Sequence[str]) -> str:
    """What becomes of the texts of an outage, a row a kind."""
    heads = (_GONE, *outages.LENGTHS_MS)
    rows = [(kind, *(aftermath(kind, length) for length in outages.LENGTHS_MS)) for kind in kinds]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, tuple("---" for _ in heads), *rows))


def held_table() -> str:
    """How late a held text leaves, a row for each call that fails and each other trouble."""
    rows = [held_row(what) for what in (*held.TROUBLES, *held.POINTS)]
    return "".join(["| what goes wrong, or which call | leaves so late at most |\n", "| --- | --- |\n", *rows])


def held_row(what: str) -> str:
    """One row of it, by running its cells."""
    found = [held.held_outcome(cell) for cell in held.held_cells() if cell.what == what and cell.clocks_ms == (0,)]
    return f"| {what} | {_span(max(one.latest_ms for one in found))} |\n"


def outages_on_page() -> dict[tuple[str, str], str]:
    """What the page says of each kind and length of outage."""
    page = DOCUMENT.read_text()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    (heads,) = (line for line in lines if line[0] == _GONE)
    rows = [line for line in lines if len(line) == len(heads) and line[0] in (*outages.PROVIDER, *outages.STORES)]
    return {(kind, length): said for kind, *row in rows for length, said in zip(heads[1:], row, strict=True)}


def aftermath(kind: str, length: str) -> str:
    """What the page says of one outage, by running it."""
    found = outages.outage(kind, length)
    share = "all" if found.delivered == found.accepted else f"{found.delivered} of {found.accepted}"
    notes = [share]
    if found.failed:
        notes.append(f"{found.failed} `failed`")
    if found.twice:
        notes.append(f"**{found.twice} twice**")
    if found.disordered:
        notes.append("in doubt ones later")
    return ", ".join(notes)


def section(crash: Crash) -> str:
    """The table of one crash."""
    title = "No crash" if crash is Crash.NEVER else f"Killed {crash}"
    rows: dict[tuple[str, ...], list[str]] = {}
    for provider in PROVIDER:
        chosen = {cell: outcome(cell) for cell in cells() if (cell.crash, cell.provider) == (crash, provider)}
        rows.setdefault(_row(chosen), []).append(provider)
    return f"### {title}\n\n" + _table([("; ".join(names), *row) for row, names in rows.items()])


def _row(chosen: dict[Cell, Outcome]) -> tuple[str, ...]:
    texts = []
    for mode in Mode:
        counts = {(of.accepted, cell.evidence) for cell, of in chosen.items() if cell.mode is mode}
        texts.append(_texts(counts))
    resolved = {cell: of for cell, of in chosen.items() if cell.mode is not Mode.HOLD}
    known = {of.status.value for cell, of in resolved.items() if cell.evidence is not Evidence.NOTHING}
    unknown = {of.status.value for cell, of in resolved.items() if cell.evidence is Evidence.NOTHING}
    sound = {cell: of for cell, of in chosen.items() if cell.queue in (Queue.WORKS, Queue.DUPLICATES)}
    leaves = [of.first_taken_ms for cell, of in sound.items() if cell.mode is not Mode.HOLD]
    behind = max(of.behind_ms[-1] for of in sound.values())
    late = "may not" if None in leaves else _span(max(ms for ms in leaves if ms is not None))
    return (*texts, _words(known), _words(unknown), late, _span(behind))


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
        f"reached the provider less than {apart // 1000 * 1000:,} ms apart, at an interval of 1,000 ms.",
    ]
    return "\n".join(lines) + "\n"
