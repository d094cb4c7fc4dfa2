"""What may become of a text: each status, by its rank, and what leads from one to the next."""

from devtools.drawings import svg
from longcode.domain.outcomes import Verdict
from longcode.domain.status import Status

_WIDE, _HIGH, _GAP = 140.0, 38.0, 12.0
_COLUMNS: dict[str, float] = {
    "It waits": 30,
    "It is being sent": 290,
    "The provider has it": 520,
    "What the receipts said": 726,
}
_LAST_WIDE = 212.0
# Beside the way of a text that is refused for good.
_UNKNOWN_BESIDE = 40
_TOP = 62
_BELOW = 316
_NOTE = (
    "The number in a box is the rank of the status. A status moves to a higher rank only; the dashed way back is",
    "for a text that the provider provably has not got. Inbound texts have a status of their own: received.",
)


def groups() -> dict[str, list[Status]]:
    """The statuses of an outbound text, by what is known of it; each in the order of its rank."""
    every: list[Status] = list(Status)
    outbound = sorted((one for one in every if one != Status.RECEIVED), key=lambda one: one.rank)
    never_left: list[Status] = [
        one for one in outbound if Status.FAILED.rank <= one.rank <= Status.EXPIRED_UNSENT.rank
    ]
    rest: list[Status] = [one for one in outbound if one not in never_left]
    found: dict[str, list[Status]] = {
        "It waits": [one for one in rest if one.waiting],
        "It is being sent": [one for one in rest if not one.waiting and one.rank < Status.SUBMITTED.rank],
        "The provider has it": [one for one in rest if one.rank >= Status.SUBMITTED.rank and not one.final],
        "What the receipts said": [one for one in reversed(rest) if one.final],
        "It never left": never_left,
    }
    assert sum(map(len, found.values())) == len(outbound), "Each status has one place."
    return found


def drawing() -> str:
    """The groups as columns, those that never left below."""
    pieces, places = _boxes()
    pieces += _ways(places)
    pieces += [svg.text(30, 426 + 18 * number, words, "small") for number, words in enumerate(_NOTE)]
    words = " ".join(
        f"{name}: {', '.join(f'{one.value} (rank {one.rank})' for one in found)}."
        for name, found in groups().items()
    )
    return svg.page("What may become of a text", words, 464, pieces, "devtools/drawings/outcomes.py")


# Left, top, width.
Places = dict[Status, tuple[float, float, float]]


def _boxes() -> tuple[list[str], Places]:
    pieces: list[str] = []
    places: Places = {}
    found = groups()
    kinds = dict.fromkeys(Status, "box") | {Status.UNKNOWN: "warn", Status.DELIVERY_UNCONFIRMED: "warn"}
    kinds |= dict.fromkeys(
        (Status.DELIVERY_FAILED, Status.EXPIRED, Status.SENDING_FAILED, *found["It never left"]), "bad"
    )
    kinds |= {Status.DELIVERED: "good", Status.SENDING: "go", Status.SUBMITTED: "go", Status.SENT: "go"}
    for name, x in _COLUMNS.items():
        wide = _LAST_WIDE if len(found[name]) > 2 else _WIDE
        pieces.append(svg.text(x + wide / 2, 40, name, "strong", "middle"))
        step = _HIGH + (_GAP if len(found[name]) > 2 else 76)
        for number, one in enumerate(found[name]):
            places[one] = (x, _TOP + number * step, wide)
    x, y, wide = places[Status.UNKNOWN]
    places[Status.UNKNOWN] = (x + _UNKNOWN_BESIDE, y, wide)
    pieces.append(svg.text(30, _BELOW + 20, "It never left", "strong"))
    for number, one in enumerate(found["It never left"]):
        places[one] = (30 + number * (_LAST_WIDE + 20), _BELOW + 36, _LAST_WIDE)
    for one, (x, y, wide) in places.items():
        pieces += [
            svg.box(x, y, wide, _HIGH, kinds[one]),
            svg.text(x + 12, y + 24, one.value, "mono"),
            svg.text(x + wide - 10, y + 24, str(one.rank), "small", "end"),
        ]
    return pieces, places


def _ways(places: Places) -> list[str]:
    """What leads from one box to another."""
    half = _HIGH / 2
    (wait_x, held_y, _), (_, queued_y, _) = places[Status.HELD], places[Status.QUEUED]
    (send_x, sending_y, _), (unknown_x, unknown_y, _) = places[Status.SENDING], places[Status.UNKNOWN]
    (has_x, submitted_y, _), (_, sent_y, _) = places[Status.SUBMITTED], places[Status.SENT]
    end_x = places[Status.DELIVERED][0]
    waits_to, sends_to, unknown_to = wait_x + _WIDE, send_x + _WIDE, unknown_x + _WIDE
    return [
        svg.arrow(f"M{wait_x + 114} {held_y + _HIGH}V{queued_y - 2}"),
        svg.text(wait_x + 106, held_y + 78, "it is time", "small", "end"),
        svg.arrow(f"M{waits_to} {queued_y + 10}L{send_x - 2} {sending_y + 12}"),
        svg.text(waits_to + 50, sending_y + 58, "claim", "small", "end"),
        svg.arrow(f"M{send_x} {sending_y + 32}L{waits_to + 3} {queued_y + 30}", "line soft"),
        svg.text(waits_to - 22, queued_y + 56, f"{Verdict.NOT_SENT}, {Verdict.BACK_OFF},", "small"),
        svg.text(waits_to - 22, queued_y + 74, str(Verdict.CONFIGURATION), "small"),
        svg.arrow(f"M{send_x + 106} {sending_y + _HIGH}V{unknown_y - 2}"),
        svg.text(send_x + 98, unknown_y - 34, str(Verdict.AMBIGUOUS), "small", "end"),
        svg.arrow(f"M{sends_to} {sending_y + half}H{has_x - 2}"),
        svg.text((sends_to + has_x) / 2, sending_y + half - 7, str(Verdict.ACCEPTED), "small", "middle"),
        svg.arrow(f"M{unknown_to} {unknown_y + half}L{has_x - 2} {submitted_y + _HIGH - 4}"),
        svg.text(unknown_to + 12, unknown_y - 14, "evidence", "small", "end"),
        svg.arrow(f"M{has_x + 70} {submitted_y + _HIGH}V{sent_y - 2}"),
        svg.text(has_x + 78, submitted_y + 78, "receipt", "small"),
        svg.arrow(f"M{has_x + _WIDE} {sent_y + half}H{end_x - 12}"),
        svg.text(has_x + _WIDE + 28, sent_y + half - 7, "receipt", "small", "middle"),
        svg.line(f"M{end_x - 10} {_TOP}V{_TOP + 5 * _HIGH + 4 * _GAP}"),
        svg.arrow(f"M{wait_x + 60} {queued_y + _HIGH}V{_BELOW - 2}"),
        svg.text(wait_x + 68, _BELOW - 14, "STOP, cancelled, too late", "small"),
        svg.arrow(f"M{send_x + 14} {sending_y + _HIGH}V{_BELOW - 2}"),
        svg.text(send_x + 22, _BELOW - 14, f"{Verdict.PERMANENT}: refused for good", "small"),
    ]
