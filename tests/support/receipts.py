"""The provider's receipts of the texts that it has taken in a world, as long as its webhooks get through."""

from collections.abc import Callable
from functools import partial

from tests.support.fakes import World
from tests.support.fakes.provider import Text
from tests.support.fakes.webhooks import receipt


class Receipts:
    """Each text takes the `words`, each so long after it was taken, on the provider's records and by webhooks.

    `lost` says which texts have no webhook, by their number from 0 on.
    """

    def __init__(self, world: World) -> None:
        self.lost: Callable[[int], bool] = lambda _number: False
        self.words = {"sent": 1_000, "delivered": 2_000}
        self._world = world
        world.provider.on_taken = self._taken

    def stop(self) -> None:
        """No webhook gets through from now on."""
        self.lost = lambda _number: True

    def go_on(self) -> None:
        """Every webhook gets through from now on."""
        self.lost = lambda _number: False

    def _taken(self, text: Text) -> None:
        number = len(self._world.provider.texts) - 1
        for word, after_ms in self.words.items():
            self._world.clock.at(text.taken_ms + after_ms, partial(self._becomes, text, number, word))

    def _becomes(self, text: Text, number: int, word: str) -> None:
        text.status = word
        if not self.lost(number):
            body = receipt(text, word, self._world.clock.now)
            assert self._world.webhook(body, path_id=text.key).status == 200
