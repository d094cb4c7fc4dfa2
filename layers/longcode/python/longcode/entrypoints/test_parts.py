"""What a call with a test key asks for: a part of `container`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from longcode.domain.api_keys import KeyKind
from longcode.entrypoints.key_parts import KeyParts

if TYPE_CHECKING:
    from longcode.domain.message import Message
    from longcode.entrypoints.requests import Request
    from longcode.use_cases.enqueue import EnqueueDependencies
    from longcode.use_cases.quota import Quota


class ModeParts(KeyParts):
    """What container.Service has of test texts: each part is as it was where the key is none of a test."""

    def is_test(self, request: "Request") -> bool:
        """Whether a call came with a test key: what it asks for is about test texts."""
        return self.key_of(request).kind is KeyKind.TEST

    def in_mode(self, request: "Request", message: "Message") -> "Message":
        """The message that a call asks for, a test text if its key is one of a test."""
        return replace(message, test=True) if self.is_test(request) else message

    def accepting(self, request: "Request", deps: "EnqueueDependencies") -> "EnqueueDependencies":
        """What the texts of a call are accepted with."""
        if not self.is_test(request):
            return deps
        # Loaded with the first test text, as below.
        from longcode.use_cases import test_mode

        return test_mode.accepting(deps)

    def counting(self, request: "Request", quota: "Quota") -> "Quota":
        """What the texts of a call are counted by."""
        if not self.is_test(request):
            return quota
        from longcode.use_cases import test_mode

        return test_mode.quota(quota)
