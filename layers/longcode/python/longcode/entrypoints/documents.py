"""An answer that is a file as it is: never parsed, and kept by clients as long as it has not changed."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response

# A new version is seen after so many seconds at the latest.
MAX_AGE_S = 300


@dataclass(frozen=True, slots=True)
class FileResponse(Response):
    """A file's text with its status and headers."""

    text: str = ""

    def for_gateway(self) -> dict[str, object]:
        """As API Gateway's Lambda proxy integration wants it."""
        return {"statusCode": self.status, "headers": dict(self.headers), "body": self.text}


class JsonFile:
    """A JSON file that is read with the first call for it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _text(self) -> str:
        return self._path.read_text(encoding="utf-8")

    @cached_property
    def _etag(self) -> str:
        return f'"{hashlib.sha256(self._text.encode()).hexdigest()[:32]}"'

    def answer(self, request: Request) -> FileResponse:
        """The file, or 304 without one for a client that has it as it is."""
        headers = {"cache-control": f"public, max-age={MAX_AGE_S}", "etag": self._etag}
        known = (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(","))
        if self._etag in known:
            return FileResponse(304, {}, headers)
        return FileResponse(200, {}, {"content-type": "application/json", **headers}, self._text)
