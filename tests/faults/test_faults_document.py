"""docs/guarantees.md says what the code does."""

from tests.faults import guarantees


def test_the_page_is_what_running_the_matrix_gives() -> None:
    assert guarantees.DOCUMENT.read_text() == guarantees.document(), "Run: make guarantees"
