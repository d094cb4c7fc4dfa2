"""The way to the carrier: one HTTP client, explicit timeouts, and never a second POST of its own."""

import time
from collections.abc import Callable

import httpx

from longcode import telnyx
from longcode.errors import Unavailable
from longcode.message import Fault, Message
from longcode.ports import Answer, Record, Verdict

# The longest a send may take: connecting, then each wait for bytes. Together well under the time that the
# caller keeps for recording the result.
TIMEOUT = httpx.Timeout(connect=3.0, read=10.0, write=5.0, pool=3.0)


class Telnyx:
    """ports.Carrier over HTTPS.

    `client` is shared by all threads of an invocation; `api_key` gives the key, and with `fresh=True` reads it
    anew: a key that was changed heals itself at the first refusal.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        api_key: Callable[[bool], str],
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._url = base_url
        self._api_key = api_key
        self._wall_s = wall_s

    def prepare(self) -> None:
        self._api_key(False)

    def send(self, message: Message) -> Answer:
        body = telnyx.request_body(message)
        key = self._api_key(False)
        answer = self._post(message.id, body, key)
        if answer.http_status != 401:
            return answer
        try:
            fresh = self._api_key(True)
        except Unavailable:
            return answer
        # A refused key proves that nothing was sent, so this is not a second send.
        return self._post(message.id, body, fresh) if fresh != key else answer

    def record_of(self, message: Message) -> Record | None:
        if message.telnyx_id:
            content = self._read(f"messages/{message.telnyx_id}")
            return telnyx.record(content) if content is not None else None
        content = self._read(
            "detail_records",
            {"filter[record_type]": "messaging", "filter[cld]": message.recipient, "page[size]": "50"},
        )
        return telnyx.detail_record(content, message.webhook_url) if content is not None else None

    def _read(self, path: str, params: dict[str, str] | None = None) -> bytes | None:
        """What the carrier has on record there; None if it does not say."""

        def get(key: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}"}
            return self._client.get(f"{self._url}/{path}", params=params, headers=headers, timeout=TIMEOUT)

        key = self._api_key(False)
        try:
            answer = get(key)
            if answer.status_code == 401:
                # The sweeper may never send anything that would tell it of a key that has changed.
                fresh = self._api_key(True)
                answer = get(fresh) if fresh != key else answer
        except (httpx.HTTPError, Unavailable):
            return None
        return answer.content if answer.status_code == 200 else None

    def _post(self, key: str, body: bytes, api_key: str) -> Answer:
        try:
            answer = self._client.post(
                f"{self._url}/messages",
                content=body,
                headers={
                    "Authorization": f"Bearer {api_key}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": key,
                },
                timeout=TIMEOUT,
            )
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
        ) as exc:
            # Each of these comes before the first byte of the request was written.
            return Answer(
                Verdict.NOT_SENT,
                Fault("carrier_unreachable", "The carrier could not be reached.", type(exc).__name__),
            )
        except httpx.HTTPError as exc:
            return Answer(
                Verdict.AMBIGUOUS,
                Fault("carrier_no_answer", "The carrier did not answer in time.", type(exc).__name__),
            )
        return telnyx.classify(answer.status_code, answer.headers, answer.content, self._wall_s())
