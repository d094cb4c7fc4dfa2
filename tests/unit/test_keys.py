"""The keys of the messages table: of whatever a sender, a tag or an id is made, two kinds never meet."""

from hypothesis import given
from hypothesis import strategies as st

from longcode.aws import keys
from longcode.domain import phone

# What others write, and what it would take to be taken for something else.
WRITTEN = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["optouts", "L#optouts", "O#+12025550123", "P#optouts", "T#spring#1", "W#unclear#0", "S#all"]),
    st.from_regex(r"\A[OPLTW]#.{0,20}\Z"),
)


def index_keys(text: str, shard: int) -> dict[str, str]:
    """Each kind of key of one index that `text` can be in."""
    return {
        "peer": keys.peer(text),
        "peer of test texts": keys.peer(text, test=True),
        "list": keys.OPT_OUTS,
        "tag": keys.tag(text, shard),
        "keyword": keys.keyword(text, shard),
        "ledger": keys.opt_out(text),
    }


@given(WRITTEN, WRITTEN, st.integers(0, 7), st.integers(0, 7))
def test_keys_of_two_kinds_never_meet(one: str, other: str, shard: int, another: int) -> None:
    first, second = index_keys(one, shard), index_keys(other, another)

    assert [(a, b) for a in first for b in second if a != b and first[a] == second[b]] == []


@given(WRITTEN, WRITTEN)
def test_two_people_have_one_key_only_if_they_are_one(one: str, other: str) -> None:
    same = phone.canonical(one) == phone.canonical(other)

    assert (keys.peer(one) == keys.peer(other)) is same
    assert (keys.opt_out(one) == keys.opt_out(other)) is same


@given(WRITTEN.filter(bool), st.integers(0, 7))
def test_a_key_of_a_tag_or_a_keyword_leads_back(text: str, shard: int) -> None:
    assert keys.tag_and_keyword(keys.tag(text, shard)) == (text, None)
    assert keys.tag_and_keyword(keys.keyword(text, shard)) == (None, text)
    assert keys.tag_and_keyword(None) == (None, None)
