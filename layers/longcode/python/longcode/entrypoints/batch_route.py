"""POST /sms/batch: reads the request, and has it accepted or looked at."""

import secrets

from longcode.domain import batch_token
from longcode.domain.batch_request import MAX_BODY_BYTES, BatchRequest, parse_batch
from longcode.domain.batch_token import Row, Token
from longcode.domain.errors import BodyTooLarge
from longcode.domain.message import Message
from longcode.domain.send_request import SendRequest, idempotency_key
from longcode.entrypoints import batch_responses, guard_parts
from longcode.entrypoints.container import Service
from longcode.entrypoints.key_parts import not_listed
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import batch, batch_dry_run, batch_media, enqueue
from longcode.use_cases.batch import BatchDependencies, BatchText, Expect, Make
from longcode.use_cases.batch_dry_run import DryRunDependencies
from longcode.use_cases.enqueue import EnqueueDependencies

# API Gateway gives up after 29 s.
WORK_MS = 20_000


def serve(request: Request, service: Service, deps: EnqueueDependencies) -> Response:
    """Answer one batch. Raises RequestError where it is refused as a whole, and Unavailable."""
    began_ms, deps = service.clock.now_ms(), service.accepting(request, deps)
    if len(request.raw_body) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body has more than {MAX_BODY_BYTES} bytes. Send the texts in several batches.")
    wanted = parse_batch(request.json, service.settings.long_code)
    key = idempotency_key(request.header("Idempotency-Key"))
    token = Token.read(wanted.token, request.caller, began_ms) if wanted.token else None
    # A key of the caller's stands above the token: another dry run of the list must not send it once more.
    unlisted: list[str] = []
    make = _make(request, service, unlisted)
    texts = batch.prepare(wanted.items, key or (token.key if token else None), make, began_ms)
    service.note_unlisted(request, unlisted)
    own = BatchDependencies(
        deps, service.optouts, service.parallel, lambda: guard_parts.duplicates(service),
        lambda new: batch_media.look(new, lambda: guard_parts.media_check(service)),
    )  # fmt: skip
    if wanted.dry_run:
        return _dry_run(texts, wanted, request, service, own)
    batch.accept(texts, own, service.quota(request), began_ms + WORK_MS, _expect(token))
    accepted = [text.asked.segments for text in texts if text.refused is None]
    service.logger.bind(texts=len(texts), accepted=len(accepted), segments=sum(accepted))
    return batch_responses.accepted(texts)


def _make(request: Request, service: Service, unlisted: list[str]) -> Make:
    settings, url = service.settings, request.webhook_url(service.settings.webhook_url)
    api_key = service.key_of(request)

    def make(wanted: SendRequest, key: str | None, now_ms: int) -> Message:
        if not api_key.may_text(wanted.recipient):
            unlisted.append(wanted.recipient)
            raise not_listed()
        return enqueue.new_message(
            wanted,
            route="queue",
            sender=settings.long_code,
            caller=request.caller,
            key=key,
            webhook_url=url,
            quiet_hours=settings.quiet_hours,
            now_ms=now_ms,
        )

    return lambda wanted, key, now_ms: service.in_mode(request, make(wanted, key, now_ms))


def _rows(texts: list[BatchText]) -> list[Row]:
    return [batch_token.row_of(text.item, text.verdict) for text in texts]


def _expect(token: Token | None) -> Expect:
    return lambda texts: token.expect(_rows(list(texts))) if token else None


def _dry_run(
    texts: list[BatchText], wanted: BatchRequest, request: Request, service: Service, deps: BatchDependencies
) -> Response:
    settings, now = service.settings, service.clock.now_ms()
    own = DryRunDependencies(
        deps, service.finder, service.carriers, service.brakes.store, settings.campaign, settings.long_code,
        settings.validity_minutes * 60_000,
    )  # fmt: skip
    found = batch_dry_run.dry_run(texts, own, service.quota(request), wanted.duplicate_window_s * 1000, now)
    token = Token(now, secrets.token_bytes(batch_token.NONCE_BYTES), tuple(_rows(texts)))
    service.logger.bind(texts=len(texts), dry_run=True)
    return batch_responses.checked(found, token.write(request.caller))
