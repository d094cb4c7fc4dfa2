"""Who calls, and what their key may do: a part of `container`."""

from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.entrypoints.requests import Request


class KeyParts:
    """What container.Service has of API keys."""

    def key_of(self, request: Request) -> ApiKey:
        """The key of a call and what it may do."""
        return ApiKey(request.caller_name, "", KeyKind.LIVE, frozenset(Scope), 0)
