"""The keys of the messages table that more than one adapter knows."""

from longcode.domain import phone, test_mode

# Each key begins with its kind, so that no two kinds meet: a sender may be any text, a number, a short code or a
# name, and a key is never such a text alone.

# The list of who is opted out, in the index by_peer.
OPT_OUTS = "L#optouts"
# The list of who has sent a text that may ask for an end, and that no one has answered.
UNCLEAR = "L#unclear"
# The list of tags, by the last day of which a text has them.
TAGS = "L#tags"


def opt_out(number: str) -> str:
    """The ledger's entry of one number, in whichever way it is written."""
    return f"O#{phone.canonical(number)}"


def peer(number: str, *, test: bool = False) -> str:
    """All messages with one number, in the index by_peer; the live ones or the test texts."""
    # A kind of its own, and no mark: a sender may have any name.
    return f"{'PT' if test else 'P'}#{phone.canonical(number)}"


def tag(tag: str, shard: int) -> str:
    """A part of the texts of one tag, in the index by_tag."""
    return f"T#{tag}#{shard}"


def day(date: str, shard: int, *, test: bool) -> str:
    """A part of the messages of one day (UTC), in the index by_day; of live ones or of test texts."""
    name = f"{date}#{shard}"
    return test_mode.marked(name) if test else name


def keyword(word: str, shard: int) -> str:
    """A part of the inbound texts that were read as `word`, in the same index."""
    return f"W#{word}#{shard}"


def tag_and_keyword(key: str | None) -> tuple[str | None, str | None]:
    """The tag, and what an inbound text was read as, that a key of by_tag stands for."""
    kind, _, rest = (key or "").partition("#")
    name = rest.rpartition("#")[0] or None
    return (name if kind == "T" else None), (name if kind == "W" else None)
