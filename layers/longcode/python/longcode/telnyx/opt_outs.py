"""Telnyx's list of opt-outs: whose STOP it has, and so whom it refuses our texts to."""

# Source: Telnyx's messaging API (OpenAPI), GET /messaging_optouts.

import time
from collections.abc import Callable

import httpx

from longcode.domain import phone, untrusted
from longcode.domain.errors import Unavailable
from longcode.domain.message import epoch_ms
from longcode.domain.opt_outs import ProviderOptOut, ProviderPage
from longcode.telnyx import protocol, records

# As many as a page may have.
PAGE_SIZE = 250
TRIES = 5

_WHAT = "The provider's list of opt-outs"


class TelnyxOptOuts:
    """ports.ProviderOptOuts over HTTPS: the opt-outs of one messaging profile.

    A page that is refused for a moment (429, 5xx), or not answered, is asked for again, after the wait that the
    provider asks for.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        api_key: str,
        profile_id: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._url = f"{base_url.rstrip('/')}/messaging_optouts"
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._profile_id = profile_id
        self._sleep = sleep
        self._wall_s = wall_s

    def page(self, number: int) -> ProviderPage:
        wait_s = 0.0
        for tries in range(TRIES):
            if tries:
                self._sleep(wait_s)
            answer = self._ask(number)
            if answer is not None and answer.status_code != 429 and answer.status_code < 500:
                found = read(answer.content, number) if answer.status_code == 200 else None
                if found is None:
                    break
                return found
            asked_ms = protocol.asked_wait_ms(answer.headers, self._wall_s()) if answer is not None else None
            wait_s = asked_ms / 1000 if asked_ms else 2.0**tries
        raise Unavailable(_WHAT)

    def _ask(self, number: int) -> httpx.Response | None:
        """The answer, None if there is none."""
        query = {
            "filter[messaging_profile_id]": self._profile_id,
            "page[number]": str(number),
            "page[size]": str(PAGE_SIZE),
        }
        try:
            return self._client.get(self._url, params=query, headers=self._headers)
        except httpx.HTTPError:
            return None


def read(content: bytes, page: int) -> ProviderPage | None:
    """What an answer lists; None if it can't be read."""
    fields = untrusted.loads(content)
    data, meta = fields.get("data"), fields.get("meta")
    if not isinstance(data, list):
        return None
    meta = meta if isinstance(meta, dict) else {}
    found = [
        ProviderOptOut(number, epoch_ms(untrusted.line(row.get("created_at"))), untrusted.line(row.get("keyword")))
        for row in untrusted.rows(data)
        if phone.is_e164(number := phone.canonical(untrusted.number(row.get("to"))))
    ]
    last = records.is_last(page, len(data), meta, PAGE_SIZE)
    if not data and not last:
        # Nothing where there should be more is no end.
        return None
    return ProviderPage(tuple(found), last, untrusted.whole(meta.get("total_results")), len(data) - len(found))
