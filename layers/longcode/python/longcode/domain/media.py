"""What a text may carry besides its words: the pictures and files of an MMS."""

from longcode.domain import destinations
from longcode.domain.errors import InvalidRequest

# Source: Telnyx's messaging API (OpenAPI) for the number; carriers take 600 KB of all media together.
MOST_URLS = 10
MOST_CHARACTERS = 2048
MOST_BYTES = 600_000
# Of all texts of a batch: each is looked at before the batch is accepted.
MOST_URLS_OF_A_BATCH = 20

_KINDS = ("image/", "video/", "audio/")
_TYPES = frozenset(("text/vcard", "text/x-vcard", "text/directory", "application/pdf"))
# Where MMS goes at all.
_COUNTRIES = ("+1",)


def parse_media_urls(value: object) -> tuple[str, ...]:
    """Read `media_urls`; none is empty. Raises InvalidRequest that names the URL. They are not looked at yet."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidRequest("'media_urls' must be a list of URLs.", field="media_urls")
    if not 1 <= len(value) <= MOST_URLS:
        raise InvalidRequest(
            f"'media_urls' must have 1 to {MOST_URLS} URLs.", field="media_urls", given=len(value), limit=MOST_URLS
        )
    for place, url in enumerate(value):
        field = f"media_urls[{place}]"
        if not isinstance(url, str) or not url.isprintable() or " " in url or "://" not in url:
            raise InvalidRequest("This must be a URL, as https://example.com/picture.png.", field=field)
        if len(url) > MOST_CHARACTERS:
            raise InvalidRequest("The URL is too long.", field=field, given=len(url), limit=MOST_CHARACTERS)
    return tuple(value)


def expect_reachable(recipient: str) -> None:
    """Raises InvalidRequest for a number (E.164) that no MMS reaches: they stay in the US and Canada."""
    if destinations.country(recipient) not in _COUNTRIES:
        raise InvalidRequest("MMS reaches numbers in the US and Canada alone.", field="media_urls")


def is_carried(content_type: str) -> bool:
    """Whether carriers take media of this type, as `image/png; charset=binary`."""
    name = content_type.partition(";")[0].strip().lower()
    return name.startswith(_KINDS) or name in _TYPES
