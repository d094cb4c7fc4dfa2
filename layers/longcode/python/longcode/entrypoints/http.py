"""From an API Gateway event to a call, and from its outcome to an answer: the one place that knows both."""

import base64
import codecs
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from longcode.domain import errors, phone, timeline
from longcode.domain.message import Entry, Fault, Message, is_message_id, is_tag, iso
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOut
from longcode.domain.outcomes import Answer
from longcode.telnyx import error_codes
from longcode.use_cases import outages
from longcode.use_cases.ports import Clock, Logger, Metrics

if TYPE_CHECKING:
    from longcode.use_cases.enqueue import Forecast
    from longcode.use_cases.erase import Erasure
    from longcode.use_cases.queue_messages import Result

# Any: an API Gateway proxy event is JSON.
GatewayEvent = Mapping[str, Any]

_STATUS: dict[type[errors.RequestError], int] = {
    errors.InvalidRequest: 400,
    errors.SignatureRefused: 401,
    errors.RecipientOptedOut: 403,
    errors.DestinationNotAllowed: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.IdempotencyMismatch: 409,
    errors.IdempotencyInProgress: 409,
    errors.RecipientQueueFull: 429,
    errors.DailyLimitReached: 429,
}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its HTTP status, its JSON body and further headers."""

    status: int
    fields: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_gateway(self) -> dict[str, object]:
        """As API Gateway's Lambda proxy integration wants it."""
        return {
            "statusCode": self.status,
            "headers": {"content-type": "application/json", "cache-control": "no-store", **self.headers},
            "body": json.dumps(self.fields),
        }


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
            raise errors.InvalidRequest("This header is there more than once.", field=name)
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
            raise errors.InvalidRequest("The id in the path is not a message id.", field="id")
        return value.lower()

    @property
    def proxy_path(self) -> str:
        """The path that a catch-all route matched, with the slash at its end if it was called with one."""
        path = str((self._event.get("pathParameters") or {}).get("proxy") or "")
        slash = str(self._event.get("path") or "").endswith("/") and not path.endswith("/")
        return f"{path}/" if slash else path

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
            raise errors.InvalidRequest("Unknown parameter. Known is: cursor.", field=unknown[0][:64])
        value = query.get("cursor")
        if not value:
            return None
        try:
            at, _, number = base64.urlsafe_b64decode(value.encode()).decode().partition(" ")
            # A place has one cursor, and this must be it.
            if not re.fullmatch("[0-9]{1,15}", at, re.ASCII) or _opt_out_cursor(int(at), number) != value:
                raise ValueError(value)
            if not number or number != phone.canonical(number):
                raise ValueError(value)
            return int(at), number
        except ValueError as exc:
            raise errors.InvalidRequest("This cursor is not one of ours.", field="cursor") from exc

    @property
    def path_tag(self) -> str:
        """The tag in the path. Raises InvalidRequest if it can't be one."""
        # Bytes that are not UTF-8 come out as U+FFFD, which no tag has.
        tag = unquote(str((self._event.get("pathParameters") or {}).get("tag") or ""))
        if not is_tag(tag):
            raise errors.InvalidRequest("A tag has 1 to 64 visible characters.", field="tag")
        return tag

    @property
    def query(self) -> dict[str, str]:
        """The parameters after the question mark. Raises InvalidRequest for one that comes twice."""
        for name, values in (self._event.get("multiValueQueryStringParameters") or {}).items():
            if len(values or ()) > 1:
                raise errors.InvalidRequest("This parameter is there more than once.", field=str(name)[:64])
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
        """Who calls: the id of the API key, or the key where the gateway does not tell its id."""
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
            raise errors.InvalidRequest("The body is not what a gateway makes of bytes.") from exc

    @property
    def json(self) -> object:
        """The body as JSON. Raises InvalidRequest."""
        self._expect_plain_utf8()
        raw = self.raw_body
        if not raw.strip():
            raise errors.InvalidRequest("Request body required.")
        if raw.startswith(_BYTE_ORDER_MARKS):
            raise errors.InvalidRequest("The body begins with a byte-order mark. Send UTF-8 without one.")
        try:
            text = raw.decode()
        except UnicodeDecodeError as exc:
            raise errors.InvalidRequest("The body is not UTF-8.") from exc
        try:
            return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_key_twice)
        except (ValueError, RecursionError) as exc:
            raise errors.InvalidRequest("The body is not valid JSON.") from exc

    def _expect_plain_utf8(self) -> None:
        """Refuse what the headers say is not UTF-8 as it is. What kind of content they name is not looked at."""
        coding = (self.header("Content-Encoding") or "").strip().lower()
        if coding not in ("", "identity"):
            raise errors.InvalidRequest("Send the body as it is, without a coding.", field="Content-Encoding")
        charset = _CHARSET.search(self.header("Content-Type") or "")
        if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            raise errors.InvalidRequest("The body must be UTF-8.", field="Content-Type")

    def webhook_url(self, configured: str) -> str:
        """Where receipts are to go: the configured address, else this API's own."""
        if configured:
            return configured
        context = self._event.get("requestContext") or {}
        domain, stage = context.get("domainName"), context.get("stage")
        return f"https://{domain}/{stage}/webhooks/message" if domain and stage else ""


def no_number() -> errors.InvalidRequest:
    """What is neither a number nor a sender that we know."""
    return errors.InvalidRequest(
        "The number in the path must be E.164, as +12025550123, or a sender that texts came from.", field="number"
    )


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
            raise errors.InvalidRequest("This key is in the body more than once.", field=name[:64])
        found[name] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def answer(
    event: GatewayEvent, serve: Callable[[Request], Response], logger: Logger, metrics: Metrics, clock: Clock
) -> dict[str, object]:
    """Serve one call; every error of ours becomes its one answer, anything else a plain 500 and a trace."""
    context = event.get("requestContext") or {}
    began = clock.now_ms()
    logger.bind(request_id=context.get("requestId"))
    try:
        response = serve(Request(event))
    except (errors.RequestError, errors.SendRefused, errors.Unavailable) as exc:
        response = refusal(exc)
        if isinstance(exc, errors.SignatureRefused):
            metrics.count(Metric.SIGNATURES_REFUSED)
            metrics.count(Metric.WEBHOOKS, 0)
        if isinstance(exc, errors.Unavailable):
            outages.note(exc, metrics, logger)
    except Exception:
        # The one place that must survive anything: a caller gets our error shape, never a stack trace.
        logger.exception("request.crashed")
        metrics.count(Metric.CRASHED)
        response = Response(500, {"error": "Something failed on our side.", "code": "internal_error"})
    logger.info(
        "request",
        route=context.get("resourcePath"),
        status=response.status,
        code=response.fields.get("code"),
        duration_ms=clock.now_ms() - began,
    )
    return response.for_gateway()


def refusal(exc: errors.LongCodeError) -> Response:
    """The answer to an error: `{error, code, …}`."""
    fields: dict[str, object] = {"error": str(exc)}
    headers: dict[str, str] = {}
    if isinstance(exc, errors.SendRefused):
        fields |= {"code": exc.code, "message_id": exc.message_id}
        if exc.code == "outcome_unknown":
            fields["status"] = "unknown"
        if exc.provider:
            fields["provider"] = _fault(Fault(exc.provider["code"], exc.provider["title"], exc.provider["detail"]))
        if exc.retry_after_s is not None:
            headers["retry-after"] = str(exc.retry_after_s)
        return Response(exc.status_code, fields, headers)
    if isinstance(exc, errors.Unavailable):
        fields |= {"error": f"{exc}. Try again with the same Idempotency-Key.", "code": "unavailable"}
        return Response(503, fields, {"retry-after": "2"})
    assert isinstance(exc, errors.RequestError)
    fields["code"] = exc.code
    if isinstance(exc, errors.InvalidRequest | errors.DestinationNotAllowed) and exc.field:
        fields["field"] = exc.field
    if isinstance(exc, errors.RecipientQueueFull | errors.DailyLimitReached):
        headers["retry-after"] = str(exc.retry_after_s)
    if isinstance(exc, errors.IdempotencyInProgress):
        headers["retry-after"] = "1"
    if isinstance(exc, errors.MethodNotAllowed):
        headers["allow"] = exc.allowed
    return Response(_STATUS[type(exc)], fields, headers)


# ------------------------------------------------------------------------------------- the answers


def sent(message: Message, reply: Answer | None) -> Response:
    """POST /sms/send: the provider's first word on it."""
    word = reply.provider_status if reply else message.provider_status
    return Response(
        200,
        {
            "message_id": message.id,
            "status": word or "queued",
            "from": message.sender,
            "to": message.recipient,
            "telnyx_id": message.telnyx_id,
            "segments": (reply.parts if reply else message.parts) or message.segments,
        },
    )


def queued(message: Message, forecast: "Forecast") -> Response:
    """POST /sms/queue: its place in the line, and when it may leave."""
    return Response(
        202,
        {
            "queued": True,
            "position": forecast.position,
            "message_id": message.id,
            "eta": _when(forecast.eta_ms),
            "held_by": forecast.held_by,
            "segments": message.segments,
        },
    )


def processed(results: "list[Result]", remaining: int) -> Response:
    """POST /sms/queue/process: one row a message that ended."""
    rows: list[dict[str, object]] = []
    good = 0
    for result in results:
        message, reply = result.message, result.answer
        if message is None:
            rows.append(_row(Fault("unknown_message", "This queue entry names no message.")))
        elif reply is not None and reply.fault is None:
            good += 1
            rows.append(dict(sent(message, reply).fields))
        elif reply is not None and reply.fault is not None:
            rows.append(
                {
                    "message_id": message.id,
                    "to": message.recipient,
                    "status": message.status.value,
                    **_row(reply.fault),
                }
            )
        # A message that was dealt with before is neither: it is simply gone from the queue.
    return Response(200, {"processed": good, "failed": len(rows) - good, "results": rows, "remaining": remaining})


def status(message: Message, forecast: "Forecast | None") -> Response:
    """GET /sms/status/{id}: what became of it, and how."""
    history = timeline.timeline(message, (forecast.held_by, forecast.eta_ms) if forecast else None)
    fields = _fields(message) | {
        "history": [_entry(entry) for entry in history],
        "errors": [_fault(fault) for fault in message.faults],
    }
    if forecast:
        fields |= {"position": forecast.position, "eta": _when(forecast.eta_ms), "held_by": forecast.held_by}
    return Response(200, fields)


def message_page(messages: Sequence[Message], cursor: str | None) -> Response:
    """GET /sms/messages: each as its status has it, without the story."""
    return Response(200, {"messages": [_fields(message) for message in messages], "cursor": cursor})


def tag(name: str, counts: Mapping[str, int]) -> Response:
    """GET /sms/tags/{tag}: how many of its texts are in each status."""
    return Response(200, {"tag": name, "counts": dict(counts), "total": sum(counts.values())})


def erased(done: "Erasure") -> Response:
    """DELETE /sms/recipients/{number}: how much is gone, and whether there is more."""
    return Response(200, asdict(done))


def _fields(message: Message) -> dict[str, object]:
    """A message as it stands, without how it came to that."""
    fields: dict[str, object] = {
        "message_id": message.id,
        "telnyx_id": message.telnyx_id,
        "status": message.status.value,
        "direction": message.direction,
        "from": message.sender,
        "to": message.recipient,
        "text": message.text,
        "timestamp": iso(message.updated_ms),
        "accepted_at": iso(message.accepted_ms),
        "segments": message.parts or message.segments,
    }
    if message.direction == "outbound":
        # The original example called it so.
        fields |= {"recipient": message.recipient, "metadata": message.metadata, "attempts": message.attempts}
        if message.cost is not None:
            fields["cost"] = {"amount": str(message.cost), "currency": message.currency}
        if message.completed_ms is not None:
            fields["completed_at"] = iso(message.completed_ms)
    else:
        fields |= {
            "media": list(message.media),
            "is_spam": message.is_spam,
            "autoresponse": message.autoresponse,
            "opt_out": message.opt_out,
        }
    return fields


def opt_out(entry: OptOut) -> Response:
    """GET, PUT and DELETE /sms/optouts/{number}: how it stands, and how it came to that."""
    return Response(200, _opt_out(entry))


def opt_out_page(entries: Sequence[OptOut], page: int) -> Response:
    """GET /sms/optouts: the opted-out, and where the next page begins."""
    cursor = None
    if len(entries) == page:
        last = entries[-1]
        cursor = _opt_out_cursor(last.changes[-1].at_ms, last.number)
    return Response(200, {"optouts": [_opt_out(entry) for entry in entries], "cursor": cursor})


def _opt_out_cursor(at_ms: int, number: str) -> str:
    return base64.urlsafe_b64encode(f"{at_ms} {number}".encode()).decode()


def _opt_out(entry: OptOut) -> dict[str, object]:
    return {
        "number": entry.number,
        "opted_out": entry.opted_out,
        "source": entry.changes[-1].source,
        "timestamp": iso(entry.changes[-1].at_ms),
        "history": [
            {"at": iso(change.at_ms), "opted_out": change.opted_out, "source": change.source, "note": change.note}
            for change in entry.changes
        ],
    }


def _when(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def _entry(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {"at": iso(entry.at_ms), "status": entry.status, "source": entry.source}
    if entry.note:
        row["note"] = entry.note
    if entry.faults:
        row["errors"] = [_fault(fault) for fault in entry.faults]
    return row


def _fault(fault: Fault) -> dict[str, object]:
    return {
        "code": fault.code,
        "title": fault.title,
        "detail": fault.detail,
        "explanation": _explanation(fault),
    }


def _row(fault: Fault) -> dict[str, object]:
    return {"error": fault.title, "code": fault.code, "explanation": _explanation(fault)}


def _explanation(fault: Fault) -> dict[str, object]:
    found = error_codes.explain(fault)
    return {
        "meaning": found.meaning,
        "whose": found.responsible,
        "resend": found.resend,
        "next": found.next_step,
    }
