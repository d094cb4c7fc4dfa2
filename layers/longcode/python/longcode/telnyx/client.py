"""Telnyx HTTP client: explicit timeouts, and no second POST if the first may have been taken."""

import time
from collections.abc import Callable
from urllib.parse import quote

import httpx

from longcode.domain.campaign import CampaignFacts
from longcode.domain.carriers import Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.message import Fault, Message
from longcode.domain.outcomes import Answer, Record, Verdict
from longcode.outbound.transport import DEADLINE
from longcode.telnyx import carriers, protocol, records, registration

# Of each request: connecting, then each wait for bytes.
TIMEOUT = httpx.Timeout(connect=3.0, read=10.0, write=5.0, pool=3.0)
# Of a send as a whole, with the second request that a refused key may lead to, and of a look into the records:
# well under the time that the caller keeps for it and for recording the result.
SEND_S = 14.0
# Reading the key anew may take half of that, and a request with less than this left is rather in doubt than sent.
_KEY_S = SEND_S / 2
_FAIR_TRY_S = 3.0
# Of a number lookup, before which a batch of texts does not leave.
LOOKUP_S = 3.0
# A thousand records of one recipient in the days that are asked for.
MOST_PAGES = 20

# Of reading what is known of a campaign, which nothing waits for.
CAMPAIGN_S = 6.0

_RECORDS = "The provider's records"
_CAMPAIGN = "What the provider knows of the campaign"
_LOOKUP = "The provider's number lookup"
# Answers of the provider that a number can't be looked up, each with the provider's own error.
_NO_SUCH_NUMBER = frozenset((400, 404, 422))


class Telnyx:
    """ports.Provider over HTTPS.

    `client` is shared by all threads of an invocation; `api_key` gives the key, and with `fresh=True` reads it
    anew: a key that was changed heals itself at the first refusal.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        api_key: Callable[[bool], str],
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
        send_s: float = SEND_S,
    ) -> None:
        self._client = client
        self._url = base_url
        self._api_key = api_key
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._send_s = send_s

    def prepare(self) -> None:
        self._api_key(False)

    def send(self, message: Message) -> Answer:
        _expect_live(message)
        until = self._monotonic_s() + self._send_s
        try:
            body = protocol.request_body(message)
            key = self._api_key(False)
        except (Unavailable, ValueError) as exc:
            return _not_sent(exc)
        answer = self._post(message, body, key, until)
        if answer.http_status != 401 or self._left(until) < _KEY_S:
            return answer
        try:
            fresh = self._api_key(True)
        except Unavailable:
            return answer
        if fresh == key or self._left(until) < _FAIR_TRY_S:
            return answer
        # A refused key proves that nothing was sent, so this is not a second send.
        return self._post(message, body, fresh, until)

    def record_of(self, message: Message) -> Record | None:
        _expect_live(message)
        until = self._monotonic_s() + self._send_s
        if not message.telnyx_id:
            return self._detail_record(message, until)
        answer = self._get(f"messages/{quote(message.telnyx_id, safe='')}", None, until)
        # A bare 404 is that of a machine between us and the provider.
        if answer.status_code == 404 and protocol.is_refusal(answer.content):
            return None
        found = (
            records.record(answer.content, int(self._wall_s() * 1000), message.recipient)
            if answer.status_code == 200
            else None
        )
        if found is None:
            raise Unavailable(_RECORDS)
        return found

    def lookup(self, number: str) -> Subscription | None:
        until = self._monotonic_s() + LOOKUP_S
        path = f"number_lookup/{quote(number, safe='')}"
        answer = self._get(path, {"type": "carrier"}, until, what=_LOOKUP)
        if answer.status_code in _NO_SUCH_NUMBER and protocol.is_refusal(answer.content):
            return None
        read = (
            carriers.looked_up(answer.content, number, int(self._wall_s() * 1000))
            if answer.status_code == 200
            else None
        )
        if read is None:
            raise Unavailable(_LOOKUP)
        return read.found

    def _detail_record(self, message: Message, until: float) -> Record | None:
        for number in range(1, MOST_PAGES + 1):
            answer = self._get("detail_records", records.detail_records_query(message, number), until)
            page = (
                records.detail_records(answer.content, number, message.webhook_url)
                if answer.status_code == 200
                else None
            )
            if page is None:
                break
            if page.found or page.last:
                return page.found
        raise Unavailable(_RECORDS)

    def campaign(self, number: str) -> CampaignFacts:
        until, now_ms = self._monotonic_s() + CAMPAIGN_S, int(self._wall_s() * 1000)
        path = f"10dlc/phone_number_campaigns/{quote(number, safe='')}"
        answer = self._get(path, None, until, _CAMPAIGN)
        if answer.status_code == 404 and registration.is_none(answer.content):
            return registration.facts(None, b"", now_ms)
        assigned = registration.assignment(answer.content) if answer.status_code == 200 else None
        if assigned is None:
            raise Unavailable(_CAMPAIGN)
        path = f"10dlc/campaign/{quote(assigned.campaign_id, safe='')}/mnoMetadata"
        answer = self._get(path, None, until, _CAMPAIGN)
        # One that is shared with the provider may have its metadata elsewhere.
        if answer.status_code != 200 and not (answer.status_code == 404 and registration.is_none(answer.content)):
            raise Unavailable(_CAMPAIGN)
        return registration.facts(assigned, answer.content, now_ms)

    def _get(self, path: str, params: dict[str, str] | None, until: float, what: str = _RECORDS) -> httpx.Response:
        """The provider's answer, whatever it is; Unavailable, of `what`, if there is none by `until`."""

        def get(key: str) -> httpx.Response:
            if self._left(until) <= 0:
                raise Unavailable(what)
            return self._client.get(
                f"{self._url}/{path}",
                params=params,
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT,
                extensions={DEADLINE: until},
            )

        key = self._api_key(False)
        try:
            answer = get(key)
            if answer.status_code == 401:
                # The reconciler may never send anything that would show it that a key has changed.
                fresh = self._api_key(True)
                answer = get(fresh) if fresh != key else answer
        except (httpx.HTTPError, httpx.InvalidURL, Unavailable, ValueError) as exc:
            raise Unavailable(what) from exc
        return answer

    def _left(self, until: float) -> float:
        return until - self._monotonic_s()

    def _post(self, message: Message, body: bytes, api_key: str, until: float) -> Answer:
        try:
            request = self._client.build_request(
                "POST",
                f"{self._url}/messages",
                content=body,
                headers={
                    "Authorization": f"Bearer {api_key}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": message.id,
                },
                timeout=TIMEOUT,
                extensions={DEADLINE: until},
            )
        except Exception as exc:
            # An address or a header that is none: there is nothing yet that could have been sent.
            return _not_sent(exc)
        try:
            answer = self._client.send(request)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
        ) as exc:
            # Each of these comes before the first byte of the request was written.
            return _not_sent(exc)
        except Exception as exc:
            # Of an unforeseen error it is not known when it came.
            return Answer(
                Verdict.AMBIGUOUS,
                Fault("provider_no_answer", "The provider did not answer in time.", type(exc).__name__),
            )
        return protocol.classify(
            answer.status_code, answer.headers, answer.content, self._wall_s(), message.recipient
        )


def _expect_live(message: Message) -> None:
    """The one way to the provider is closed to test texts, whatever asks for it."""
    if message.test:
        raise AssertionError(f"The test text {message.id} must not reach the provider.")


def _not_sent(exc: Exception) -> Answer:
    fault = Fault("provider_unreachable", "The provider could not be reached.", type(exc).__name__)
    return Answer(Verdict.NOT_SENT, fault)
