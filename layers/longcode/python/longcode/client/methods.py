"""The methods of both clients, each written once as what makes its call."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Self, overload

from longcode.client import people, texts
from longcode.client import subscriptions as hooks
from longcode.client.steps import Call, Page, for_page


class Runs:
    """What makes a call and waits for its answer."""

    def run[T](self, call: Call[T]) -> T:
        """The answer to a call. Raises LongcodeError."""
        raise NotImplementedError


class RunsAsync:
    """The same without blocking."""

    async def run[T](self, call: Call[T]) -> T:
        """The answer to a call. Raises LongcodeError."""
        raise NotImplementedError


class Method[**P, T]:
    """A method of a client: its arguments are those of `make`, and its result is the answer to the call."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Runs, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: RunsAsync, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    # Any: what it is to whom, the overloads say.
    def __get__(self, client: Runs | RunsAsync | None, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def call(*args: P.args, **kwargs: P.kwargs) -> object:
            return client.run(self._make(*args, **kwargs))

        return call


class Listing[**P, T]:
    """A method whose result is an iterator over the rows of all pages; a page is asked for when it is needed."""

    def __init__(self, make: Callable[P, Call[Page[T]]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Runs, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: RunsAsync, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    # Any: what it is to whom, the overloads say.
    def __get__(self, client: Runs | RunsAsync | None, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def call(*args: P.args, **kwargs: P.kwargs) -> object:
            made = self._make(*args, **kwargs)
            return _rows(client, made) if isinstance(client, Runs) else _rows_async(client, made)

        return call


def _rows[T](client: Runs, call: Call[Page[T]]) -> Iterator[T]:
    cursor = None
    while True:
        page = client.run(for_page(call, cursor))
        yield from page.rows
        cursor = page.cursor
        if cursor is None:
            return


async def _rows_async[T](client: RunsAsync, call: Call[Page[T]]) -> AsyncIterator[T]:
    cursor = None
    while True:
        page = await client.run(for_page(call, cursor))
        for row in page.rows:
            yield row
        cursor = page.cursor
        if cursor is None:
            return


class Methods:
    """All routes that need a key, and health."""

    send = Method(texts.send)
    queue = Method(texts.queue)
    batch = Method(texts.batch)
    dry_run = Method(texts.dry_run)
    preview = Method(texts.preview)
    change = Method(texts.change)
    cancel = Method(texts.cancel)
    cancel_tag = Method(texts.cancel_tag)
    process = Method(texts.process)
    status = Method(texts.status)
    messages = Listing(texts.messages)
    thread = Listing(texts.thread)
    tag = Method(texts.tag)
    health = Method(texts.health)

    opt_outs = Listing(people.opt_outs)
    unclear = Listing(people.unclear)
    opt_out_of = Method(people.opt_out_of)
    opt_out = Method(people.opt_out)
    opt_in = Method(people.opt_in)
    erase = Method(people.erase)

    subscribe = Method(hooks.subscribe)
    subscriptions = Method(hooks.subscriptions)
    subscription = Method(hooks.subscription)
    change_subscription = Method(hooks.change_subscription)
    unsubscribe = Method(hooks.unsubscribe)
    rotate_secret = Method(hooks.rotate_secret)
    deliveries = Listing(hooks.deliveries)
    replay = Method(hooks.replay)
