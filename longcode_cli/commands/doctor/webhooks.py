"""The webhook: that it refuses what the provider did not sign, and takes what it did."""

import base64
import json
import time
import uuid

from nacl.signing import SigningKey

from longcode.domain.errors import SignatureRefused
from longcode.domain.message import Message, iso
from longcode.domain.search import Search
from longcode.telnyx import signature
from longcode_cli.commands.doctor.case import Case, Outcome, Skipped, address, code_of, fail, json_of, ok, warn
from longcode_cli.commands.doctor.provider import PORTAL_KEYS
from longcode_cli.terminal import count, relative

# The provider waits no longer for an answer to a webhook.
_WEBHOOK_MOST_MS = 2_000
_DAY_MS = 86_400_000
_EVIDENCE_DAYS = 7
# A receipt takes seconds; only a text this old says something by having none.
_RECEIPT_MS = 5 * 60_000
_LOOKED_AT = 50
# One text may lose its receipts; so many have not.
_SILENT_SINCE = 3


def _self_test(case: Case) -> bytes:
    """An event of a kind that the provider never sends: acknowledged if it is verified, and stored nowhere."""
    data = {
        "event_type": "doctor.self_test",
        "id": str(uuid.uuid4()),
        "occurred_at": iso(case.now_ms()),
        "payload": {},
        "record_type": "event",
    }
    return json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": case.webhook_url}}).encode()


def _signed(key: SigningKey, body: bytes, now_s: float) -> dict[str, str]:
    """The headers of a webhook with `body` that is signed at `now_s`. Source: Telnyx, webhook signing."""
    timestamp = str(int(now_s))
    signed = key.sign(f"{timestamp}|".encode() + body).signature
    return {"telnyx-timestamp": timestamp, "telnyx-signature-ed25519": base64.b64encode(signed).decode()}


def _provider_key(case: Case) -> SigningKey | None:
    """What the stack's provider signs with: known of the simulated one only."""
    return case.stack.local.signing_key() if case.stack.local else None


def _webhook(case: Case) -> Outcome:
    """All that the provider has not signed, just now, has to be refused."""
    now_s = case.now_ms() / 1000
    body = _self_test(case)
    tries = [("unsigned", {}), ("signed by a stranger", _signed(SigningKey.generate(), body, now_s))]
    if key := _provider_key(case):
        old_s = now_s - signature.TOLERANCE_S - 60
        tries.append(("signed too long ago", _signed(key, body, old_s)))
    took_ms = []
    for what, headers in tries:
        started = time.monotonic()
        answer = case.post(body, headers)
        took_ms.append(int((time.monotonic() - started) * 1000))
        if answer.status_code == 401 and json_of(answer).get("code") == SignatureRefused.code:
            continue
        if answer.is_success:
            return fail(
                f"It takes a webhook that is {what} ({code_of(answer)}): anyone could forge receipts.",
                f"Is it this stack that answers at {address(case.webhook_url)}? {case.set_to('WebhookUrl')}",
            )
        return fail(
            f"It answers {code_of(answer)}, where 401 {SignatureRefused.code} is due.",
            f"The provider gets no further. {address(case.webhook_url)} has to lead to {case.stack.api_url}"
            f"/webhooks/message, unchanged; the log: {case.log('webhook')}",
        )
    case.webhook_refuses = True
    if min(took_ms) > _WEBHOOK_MOST_MS:
        return warn(
            f"It refuses what it should, but takes {min(took_ms)} ms: the provider waits for 2 s.",
            f"See what keeps it: {case.log('webhook')}",
        )
    *others, last = (what for what, _ in tries)
    return ok(f"reachable from here; refuses what is {', '.join(others)} or {last}")


def _receipts(case: Case) -> Outcome:
    """What the provider signs has to be taken."""
    if not case.webhook_refuses:
        raise Skipped("The webhook does not answer as it should; see webhook.")
    key = _provider_key(case)
    if key is None:
        return _evidence(case)
    body = _self_test(case)
    answer = case.post(body, _signed(key, body, case.now_ms() / 1000))
    if answer.status_code == 200 and json_of(answer).get("status") == "acknowledged":
        return ok("takes what the provider signs")
    if answer.status_code == 401:
        return fail(
            "It refuses what the provider signs: no receipt and no inbound text gets in.",
            f"TelnyxPublicKey is not the provider's key. {case.redeploy} takes the simulated provider's own. "
            "(Or this machine's clock is off: see clocks.)",
        )
    return fail(f"To what the provider signs it answers {code_of(answer)}.", f"The log: {case.log('webhook')}")


def _evidence(case: Case) -> Outcome:
    """Only the provider can sign, so a webhook that was verified lately is the proof."""
    now = case.now_ms()
    silent: list[Message] = []
    # Mostly the first of these tells.
    for days in (1, _EVIDENCE_DAYS):
        found = case.stack.finder.find(Search(since_ms=now - days * _DAY_MS), None, _LOOKED_AT, now)
        messages = case.stack.messages.get_all(found.ids)
        last = max((at for message in messages for at in _verified_ms(message)), default=None)
        silent = [
            message
            for message in messages
            if message.telnyx_id and now - message.updated_ms > _RECEIPT_MS and not _verified_ms(message)
        ]
        if last is None:
            continue
        words = f"the last webhook that was verified came {relative(last, now)}"
        since = [message for message in silent if message.accepted_ms > last]
        if len(since) >= _SILENT_SINCE:
            return warn(f"{words}, and {len(since)} texts since then had none.", _compare_keys(case))
        return ok(f"takes what the provider signs: {words}")
    if silent:
        return fail(
            f"The provider took {count(len(silent), 'text')} in the last {_EVIDENCE_DAYS} days, and not one "
            "webhook for them was verified.",
            _compare_keys(case),
        )
    return warn(
        f"No verified webhook was seen in {_EVIDENCE_DAYS} days: whether TelnyxPublicKey is right is not proven.",
        "Send one text to a phone of yours (POST /sms/send), and run the doctor again when it has arrived.",
    )


def _compare_keys(case: Case) -> str:
    return (
        f"Compare TelnyxPublicKey with {PORTAL_KEYS}, Public Key, and look for webhooks that were refused: "
        f"{case.log('webhook')}"
    )


def _verified_ms(message: Message) -> list[int]:
    if message.direction == "inbound":
        return [message.accepted_ms]
    return [entry.at_ms for entry in message.history if entry.source == "webhook"]


CHECKS = {"webhook": _webhook, "receipts": _receipts}
