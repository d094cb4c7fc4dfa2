"""What a text may carry besides its words: the pictures and files of an MMS."""

import re

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


# ------------------------------------------------------------------------------- what people send, kept by us

# More than carriers deliver.
MOST_STORED_BYTES = 5_000_000
# For so long a medium that can't be fetched is tried again.
TRIED_MS = 6 * 3_600_000
# How long a job waits after its first try, its second and so on; after each later one as long as after the last.
_DELAYS_S = (5, 30, 120, 600, 1800, 3600)
# Besides images, video and audio.
_STORED_TYPES = _TYPES | {"text/plain", "application/smil"}
# It may hold scripts, and no carrier delivers it.
_NEVER = frozenset(("image/svg+xml", "image/svg"))
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,50}/[a-z0-9!#$&^_.+-]{1,50}")
# As servers of files call what they have no name for.
_UNNAMED = frozenset(("", "application/octet-stream", "binary/octet-stream"))
# How a file of a type begins, by the place of its first such byte.
_BEGINNINGS: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/jpg": ((0, b"\xff\xd8\xff"),),
    "image/gif": ((0, b"GIF8"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
    "application/pdf": ((0, b"%PDF-"),),
}
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<svg", b"<!--")
# Archives and programs, which no type that is stored has.
_OTHER_FILES = (b"PK\x03\x04", b"\x7fELF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")


def delay_s(tries: int) -> int:
    """How many seconds a job waits that was tried so often, 1 or more."""
    return _DELAYS_S[min(tries, len(_DELAYS_S)) - 1]


def content_type(said: str, before: str) -> str:
    """The type of a medium, in small letters and without parameters.

    It is what its server `said`, or what the provider said `before` where the server knows no more than that
    it is a file.
    """
    name, other = (words.partition(";")[0].strip().lower() for words in (said, before))
    return other if name in _UNNAMED else name


def why_not_stored(kind: str, body: bytes, *, truncated: bool) -> str:
    """Why a medium of this type (as `content_type` answers) is not stored, for the user; "" if it may be."""
    if kind in _NEVER or not _TYPE.fullmatch(kind) or not (kind.startswith(_KINDS) or kind in _STORED_TYPES):
        return "Its type is none that is stored."
    if truncated or len(body) > MOST_STORED_BYTES:
        return f"It has more than {MOST_STORED_BYTES} bytes."
    if not body:
        return "It is empty."
    if body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGE):
        return "It is a web page."
    if kind != "application/smil" and body.lstrip().startswith(b"<?xml"):
        return "It is XML, as a drawing with scripts may be."
    if body.startswith(_OTHER_FILES) or (kind != "text/plain" and body.startswith(b"MZ")):
        return "It is an archive or a program."
    if any(body[place : place + len(begin)] != begin for place, begin in _BEGINNINGS.get(kind, ())):
        return "It is not what its type says."
    return ""
