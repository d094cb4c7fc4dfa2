"""Who calls, and what their key may do: a part of `container`."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from longcode.domain import phone
from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.domain.errors import KeyRefused, NotFound, RecipientNotListed, ScopeMissing
from longcode.entrypoints import routes
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response

if TYPE_CHECKING:
    from longcode.entrypoints.config import Settings
    from longcode.use_cases.key_store import KeyStore, KnownKeys
    from longcode.use_cases.ports import Clock, Logger, Messages


class KeyParts:
    """What container.Service has of API keys."""

    settings: "Settings"
    if TYPE_CHECKING:

        @cached_property
        def clock(self) -> Clock: ...
        @cached_property
        def logger(self) -> Logger: ...
        @cached_property
        def messages(self) -> Messages: ...

    @cached_property
    def api_keys(self) -> "KeyStore":
        """What each key may do."""
        from longcode.aws import clients
        from longcode.aws.api_keys import DynamoApiKeys

        return DynamoApiKeys(clients.dynamodb(), self.settings.messages_table)

    @cached_property
    def known_keys(self) -> "KnownKeys":
        """The same, as far as this function remembers it."""
        from longcode.use_cases.key_store import KnownKeys

        return KnownKeys(self.api_keys, self.clock)

    def key_of(self, request: Request) -> ApiKey:
        """The key of a call and what it may do. Raises KeyRefused for one without rights, and Unavailable."""
        if request.key is None:
            request.key = self._find(request.caller_name)
        return request.key

    def checked(self, serve: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """`serve`, only for calls whose key has the scope of their route. Nothing of the call is read before."""

        def serve_allowed(request: Request) -> Response:
            self._expect_scope(request)
            return serve(request)

        return serve_allowed

    def expect_listed(self, request: Request, recipient: str) -> None:
        """Raise RecipientNotListed where the key has a guest list without `recipient`."""
        if not self.key_of(request).may_text(recipient):
            self.note_unlisted(request, [recipient])
            raise not_listed()

    def note_unlisted(self, request: Request, recipients: list[str]) -> None:
        """Note in the log who was not to be texted with this key."""
        if recipients:
            last = phone.mask(recipients[-1])
            self.logger.warning("guard.guest_list", to=last, caller=request.caller_name, texts=len(recipients))

    def expect_own(self, request: Request, either_id: str | None) -> None:
        """Raise KeyRefused or RecipientNotListed where a guest-list key changes or cancels what it could not send.

        None stands for the texts of a tag, which are of whatever keys. For a key of another kind nothing is read.
        """
        if self.key_of(request).kind is not KeyKind.GUEST_LIST:
            return
        if either_id is None:
            raise KeyRefused("A guest-list key cancels texts by their ids: a tag may have texts of other keys.")
        if message := self.messages.find(either_id):
            self.expect_listed(request, message.recipient)

    def expect_live(self, request: Request) -> None:
        """Raise KeyRefused for a key of another kind than live, on a route that acts on the texts of all keys."""
        kind = self.key_of(request).kind
        if kind is not KeyKind.LIVE:
            raise KeyRefused(f"This sends texts of all keys. A {kind} key may not; use a live one.")

    def _find(self, key_id: str) -> ApiKey:
        own = self.settings.stack_key_id
        if own and key_id == own:
            return ApiKey(key_id, "", KeyKind.LIVE, frozenset(Scope), 0)
        found = self.known_keys.get(key_id) if key_id else None
        if found is None:
            raise KeyRefused("This API key has no rights. Make one with: longcode keys create.")
        if found.ended(self.clock.now_ms()):
            raise KeyRefused("This API key has been revoked or rotated. Use the one that took its place.")
        return found

    def _expect_scope(self, request: Request) -> None:
        if request.route == routes.CATCH_ALL:
            return
        try:
            scope = routes.scope_of(request.method, request.route)
        except KeyError:
            # No gateway hands this on.
            raise NotFound("There is no such route.") from None
        if scope is None:
            return
        try:
            if scope not in self.key_of(request).scopes:
                raise ScopeMissing(f"This API key lacks the scope {scope}, which {request.method} here needs.")
        except (KeyRefused, ScopeMissing) as exc:
            self.logger.warning("guard.key", caller=request.caller_name, reason=exc.code, scope=scope.value)
            raise


def not_listed() -> RecipientNotListed:
    """What a guest-list key is refused with."""
    return RecipientNotListed("This number is not on the guest list of this API key (longcode keys allow).")
