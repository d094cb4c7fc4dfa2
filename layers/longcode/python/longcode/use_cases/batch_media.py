"""The media of the texts of a batch: each URL is looked at once for all of them."""

from collections.abc import Callable, Sequence

from longcode.domain.errors import InvalidRequest
from longcode.use_cases.batch import BatchText
from longcode.use_cases.media_check import MediaCheck, expect_carried


def look(texts: Sequence[BatchText], check: Callable[[], MediaCheck]) -> None:
    """Refuse the new texts whose media can't be carried. `check` is made only where there are any."""
    carrying = [text for text in texts if text.new and text.asked.media_urls]
    if not carrying:
        return
    found = check().look(url for text in carrying for url in text.asked.media_urls)
    for text in carrying:
        try:
            expect_carried(text.asked.media_urls, found)
        except InvalidRequest as exc:
            text.refused = exc
