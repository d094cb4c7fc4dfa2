"""What the API answered to a step, in words, and what to do about it."""

from typing import Any

import httpx

LOGS = "The logs are in the group /aws/lambda/<stack>-{}; locally, .local/logs/emulator.log."
WEBHOOKS = (
    "The provider's webhooks do not come through: is WebhookUrl (or the profile's address) this stack's, and "
    "TelnyxPublicKey the account's key? Look for 401s: " + LOGS.format("webhook")
)
_HINTS = {
    "provider_unauthorized": "Deploy with a valid TelnyxApiKey. longcode queue says what waits meanwhile.",
    "recipient_opted_out": "That number sent STOP: text START from it, or take another number of yours.",
    "sending_stopped": "longcode queue says why; longcode resume [--breaker] once that is fixed.",
    "submitted": "No receipt came yet. " + WEBHOOKS,
    "sent": "The provider passed it on, and nothing more came: try again with more --patience. " + WEBHOOKS,
    "queued": "longcode queue says what it waits for. " + LOGS.format("consumer"),
    "sending": "Its invocation died, or still runs. " + LOGS.format("consumer"),
    "unknown": "Whether the provider took it is not known. The service finds out: longcode status ID.",
}


# Any: JSON of the API.
def fields_of(answer: httpx.Response) -> dict[str, Any]:
    """The fields of an answer; none if it is no JSON object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def in_words(answer: httpx.Response) -> str:
    """An answer's HTTP status, its code and words, and what the provider said."""
    fields = fields_of(answer)
    provider = fields.get("provider") or {}
    why = " ".join(str(provider[name]) for name in ("code", "title") if provider.get(name))
    said = f"{fields.get('code', '')}: {fields.get('error', answer.text[:80])}" if fields else answer.text[:80]
    return f"{answer.status_code} {said}" + (f" The provider: {why}." if why else "")


def became(found: dict[str, Any]) -> str:
    """What became of a text, and why, from the fields of its status."""
    errors = "; ".join(f"{error.get('code', '')} {error.get('title', '')}".strip() for error in found["errors"])
    return f"The text is {found['status']}" + (f": {errors}." if errors else ".")


def sending_hint(fields: dict[str, Any]) -> str:
    """What to do about a text that was refused or did not arrive."""
    explained = [(error.get("explanation") or {}).get("next") for error in fields.get("errors") or []]
    explained.append(((fields.get("provider") or {}).get("explanation") or {}).get("next"))
    key = str(fields.get("code") or fields.get("status") or "")
    said = next(filter(None, explained), None)
    return str(said or _HINTS.get(key) or "docs/errors.md has what each error means and what to do.")
