"""One call of the API, read from an API Gateway event."""

import base64
import codecs
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from longcode.domain import phone
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import is_message_id, is_tag

# Any: an API Gateway proxy event is JSON.
GatewayEvent = Mapping[str, Any]


class Request:
    """One call of the API. Header names in any case."""

    def __init__(self, event: GatewayEvent) -> None:
        self._event = event
        self._headers = _all_headers(event)
        # What came more than once is one list, as RFC 9110 has it.
        self.headers = {name: ", ".join(values) for name, values in self._headers.items()}

    def header(self, name: str) -> str | None:
        """One header, None if it is not there. Raises InvalidRequest if it is there more than once."""
        values = self._headers.get(name.lower(), [])
        if len(values) > 1:
            raise InvalidRequest("This header is there more than once.", field=name)
        return values[0] if values else None

    @property
    def path_id(self) -> str | None:
        """The id in the path, None where the route has none. Raises InvalidRequest if it isn't one."""
        parameters = self._event.get("pathParameters") or {}
        value = parameters.get("id") or parameters.get("message_id")
        if value is None:
            return None
        value = unquote(value)
        # Ids of both kinds are UUIDs; this also keeps whatever else out of the tables' keys.
        if not is_message_id(value):
            raise InvalidRequest("The id in the path is not a message id.", field="id")
        return value.lower()

    def path_parameter(self, name: str) -> str:
        """One parameter of the path as the gateway has it, empty if there is none."""
        return str((self._event.get("pathParameters") or {}).get(name) or "")

    @property
    def proxy_path(self) -> str:
        """The path that a catch-all route matched, with the slash at its end if it was called with one."""
        path = str((self._event.get("pathParameters") or {}).get("proxy") or "")
        slash = str(self._event.get("path") or "").endswith("/") and not path.endswith("/")
        return f"{path}/" if slash else path

    @property
    def route(self) -> str:
        """The path as the template names it, as `/sms/status/{id}`."""
        return str(self._event.get("resource") or "")

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self._event.get("httpMethod") or "")

    @property
    def path_number(self) -> str | None:
        """The person in the path by their number's canonical form, or the sender's name that is none.

        None where the route has none. Raises InvalidRequest for what can be no sender.
        """
        value = (self._event.get("pathParameters") or {}).get("number")
        if value is None:
            return None
        # A plus that was not escaped, or was read as a space, is still what was meant.
        # A slash has to be escaped twice, as a gateway may take one that was escaped once for a part of the path.
        number = phone.canonical(re.sub("%2F", "/", unquote(value), flags=re.IGNORECASE))
        if not number.isprintable() or not number:
            raise no_number()
        return number

    @property
    def opt_out_cursor(self) -> tuple[int, str] | None:
        """Where a page of the ledger begins. Raises InvalidRequest for what no answer of ours said."""
        query = self.query
        unknown = sorted(set(query) - {"cursor"})
        if unknown:
            raise InvalidRequest("Unknown parameter. Known is: cursor.", field=unknown[0][:64])
        value = query.get("cursor")
        if not value:
            return None
        try:
            at, _, number = base64.urlsafe_b64decode(value.encode()).decode().partition(" ")
            # A place has one cursor, and this must be it.
            if not re.fullmatch("[0-9]{1,15}", at, re.ASCII) or opt_out_cursor(int(at), number) != value:
                raise ValueError(value)
            if not number or number != phone.canonical(number):
                raise ValueError(value)
            return int(at), number
        except ValueError as exc:
            raise InvalidRequest("This cursor is not one of ours.", field="cursor") from exc

    @property
    def path_tag(self) -> str:
        """The tag in the path. Raises InvalidRequest if it can't be one."""
        # Bytes that are not UTF-8 come out as U+FFFD, which no tag has.
        tag = unquote(str((self._event.get("pathParameters") or {}).get("tag") or ""))
        if not is_tag(tag):
            raise InvalidRequest("A tag has 1 to 64 visible characters.", field="tag")
        return tag

    @property
    def query(self) -> dict[str, str]:
        """The parameters after the question mark. Raises InvalidRequest for one that comes twice."""
        for name, values in (self._event.get("multiValueQueryStringParameters") or {}).items():
            if len(values or ()) > 1:
                raise InvalidRequest("This parameter is there more than once.", field=str(name)[:64])
        return dict(self._event.get("queryStringParameters") or {})

    @property
    def source_address(self) -> str:
        """Where the call came from, as the gateway saw it; behind a proxy that is the proxy."""
        identity = (self._event.get("requestContext") or {}).get("identity") or {}
        return str(identity.get("sourceIp") or "")

    @property
    def caller_name(self) -> str:
        """The id of the caller's API key as a record may keep it; never the key."""
        identity = (self._event.get("requestContext") or {}).get("identity") or {}
        return str(identity.get("apiKeyId") or "")

    @property
    def caller(self) -> str:
        """Who calls: the id of the API key, or the key where the gateway does not give its id."""
        identity = (self._event.get("requestContext") or {}).get("identity") or {}
        return str(identity.get("apiKeyId") or self.headers.get("x-api-key") or "")

    @property
    def caller_mark(self) -> str:
        """Who calls, as tables and logs may name them: the id of the API key, or a digest where there is none."""
        return self.caller_name or f"sha256-{hashlib.sha256(self.caller.encode()).hexdigest()[:16]}"

    @property
    def raw_body(self) -> bytes:
        """The body's bytes as they came. Raises InvalidRequest if the gateway's encoding of them is broken."""
        body = self._event.get("body") or ""
        try:
            if not self._event.get("isBase64Encoded"):
                return str(body).encode("utf-8", "surrogateescape")
            return base64.b64decode(body, validate=True)
        except ValueError as exc:
            raise InvalidRequest("The body is not what a gateway makes of bytes.") from exc

    @property
    def json(self) -> object:
        """The body as JSON. Raises InvalidRequest."""
        self._expect_plain_utf8()
        raw = self.raw_body
        if not raw.strip():
            raise InvalidRequest("Request body required.")
        if raw.startswith(_BYTE_ORDER_MARKS):
            raise InvalidRequest("The body begins with a byte-order mark. Send UTF-8 without one.")
        try:
            text = raw.decode()
        except UnicodeDecodeError as exc:
            raise InvalidRequest("The body is not UTF-8.") from exc
        try:
            return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_key_twice)
        except (ValueError, RecursionError) as exc:
            raise InvalidRequest("The body is not valid JSON.") from exc

    def _expect_plain_utf8(self) -> None:
        """Refuse what the headers say is not UTF-8 as it is. What kind of content they name is not looked at."""
        coding = (self.header("Content-Encoding") or "").strip().lower()
        if coding not in ("", "identity"):
            raise InvalidRequest("Send the body as it is, without a coding.", field="Content-Encoding")
        charset = _CHARSET.search(self.header("Content-Type") or "")
        if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            raise InvalidRequest("The body must be UTF-8.", field="Content-Type")

    def webhook_url(self, configured: str) -> str:
        """Where receipts are to go: the configured address, else this API's own."""
        if configured:
            return configured
        context = self._event.get("requestContext") or {}
        domain, stage = context.get("domainName"), context.get("stage")
        return f"https://{domain}/{stage}/webhooks/message" if domain and stage else ""


def no_number() -> InvalidRequest:
    """What is neither a number nor a sender that we know."""
    return InvalidRequest(
        "The number in the path must be E.164, as +12025550123, or a sender that texts came from.", field="number"
    )


def opt_out_cursor(at_ms: int, number: str) -> str:
    """The cursor of a page of opt-outs that begins behind this change of this number."""
    return base64.urlsafe_b64encode(f"{at_ms} {number}".encode()).decode()


_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE | re.ASCII)


def _all_headers(event: GatewayEvent) -> dict[str, list[str]]:
    """Each header by its name in small letters, with all that it was given."""
    single: dict[str, list[str]] = {}
    for name, value in (event.get("headers") or {}).items():
        single.setdefault(name.lower(), []).append(str(value))
    several: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        several.setdefault(name.lower(), []).extend(map(str, values or ()))
    # Of a header that came more than once the gateway's single values have the last alone.
    return single | {name: values for name, values in several.items() if len(values) > 1}


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest("This key is in the body more than once.", field=name[:64])
        found[name] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
