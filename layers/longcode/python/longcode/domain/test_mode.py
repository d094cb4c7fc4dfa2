"""Test texts: those of an API key of the kind `test`, and the names by which nothing of them is a live text's."""

# Whatever is kept under a number, a tag or a day has a name of its own for test texts: the same with a mark at its
# end, which no number, key or day has. So one rule keeps each limiter, count, queue and index of theirs apart. A
# policy that names the beginning of a key allows both.

_MARK = "#test"


def marked(name: str) -> str:
    """The name that test texts have for what live ones call `name`. An empty name is no one's, and stays so.

    >>> marked("to#+12025550123"), marked(marked("account")), marked("")
    ('to#+12025550123#test', 'account#test', '')
    """
    return name if not name or is_marked(name) else name + _MARK


def is_marked(name: str) -> bool:
    """Whether a name is one of test texts."""
    return name.endswith(_MARK)


def unmarked(name: str) -> str:
    """The name without the mark: the number itself, as what a person has said counts for both."""
    return name.removesuffix(_MARK)


def marked_tag(tag: str) -> str:
    """The tag under which test texts are counted and found; a blank stands before it, as before no tag.

    >>> marked_tag("spring")
    ' spring#test'
    """
    return f" {tag}{_MARK}"


def unmarked_tag(tag: str) -> str:
    """A tag as its caller wrote it, also one of test texts."""
    return tag[1:].removesuffix(_MARK) if tag.startswith(" ") else tag
