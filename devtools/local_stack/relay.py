"""Lets containers reach the local stack, which listens on this machine's loopback address alone."""

# On Linux a container is on Docker's bridge, and `host.docker.internal:host-gateway` is the bridge's own address:
# nothing of the stack listens there. Docker Desktop forwards that name to the loopback address by itself.

import asyncio
import ipaddress
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from .layout import Stack
from .problems import LocalError

# What containers call this machine.
CONTAINER_HOST = "host.docker.internal"
LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


def docker_answers() -> bool:
    """Whether there is a Docker engine, not only its client."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "version"], capture_output=True, timeout=5, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def bridge() -> str | None:
    """The address of Docker's bridge, None where containers reach the loopback address without help.

    Raises:
        LocalError: there is no Docker engine, or it has no bridge.
    """
    if sys.platform != "linux":
        return None
    docker = shutil.which("docker")
    if docker is None or not docker_answers():
        raise LocalError("No Docker engine answers.", hint="Start it, or use make invoke, which does without.")
    asked = [docker, "network", "inspect", "bridge"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise LocalError(f"Docker has no bridge: {done.stderr.strip()}")
    return gateway(json.loads(done.stdout))


# Any: what `docker network inspect` prints.
def gateway(inspected: Any) -> str:
    """This machine's address on a network of Docker's: the one that it names, else the first of its subnet."""
    (settings,) = (one for one in inspected[0]["IPAM"]["Config"] if ":" not in one["Subnet"])
    return str(settings.get("Gateway") or next(ipaddress.ip_network(settings["Subnet"]).hosts()))


def ports(stack: Stack) -> list[int]:
    """The ports of the stack that its functions call."""
    found = (urlsplit(url) for url in (stack.aws_endpoint_url, stack.telnyx_base_url))
    return sorted({url.port for url in found if url.port and url.hostname == LOOPBACK})


@contextmanager
def relayed(address: str | None, wanted: Sequence[int]) -> Iterator[None]:
    """While inside, what connects to `address` at one of these ports is connected to this machine's loopback.

    Raises:
        LocalError: another program listens there, or the address is none of this machine's.
    """
    if address is None:
        yield
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[asyncio.Server] = []
    try:
        try:
            for port in wanted:
                servers.append(asyncio.run_coroutine_threadsafe(_listen(address, port), loop).result())
        except OSError as exc:
            raise LocalError(
                f"Containers can't be let in at {address}: {exc.strerror or exc}.",
                hint="Another relay runs already; or it is Docker Desktop, and none is needed.",
            ) from exc
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(address: str, port: int) -> asyncio.Server:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await _closed(writer)
            return
        await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))
        await _closed(writer)
        await _closed(back_writer)

    return await asyncio.start_server(connected, address, port)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """All that comes, until one of the two sides ends."""
    try:
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _close(servers: Sequence[asyncio.Server]) -> None:
    """End the servers and their connections, and wait until each task has closed what it opened."""
    # asyncio never closes a connection that it has just taken when its server is closed.
    while any("_accept_connection" in repr(task.get_coro()) for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    for server in servers:
        server.close()
    # Not cancelled: a connection that was taken just now would stay open.
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for server in servers:
            server.abort_clients()
        await asyncio.wait(tasks, timeout=0.05)
    for server in servers:
        await server.wait_closed()
