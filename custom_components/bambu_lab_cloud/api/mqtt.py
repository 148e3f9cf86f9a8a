"""aiomqtt on a transport of asyncio, so that nothing of a connection outlives it.

By itself aiomqtt connects in a thread, which no cancellation ends and a silent broker holds for a
minute, and leaves the socket open where no answer comes.
"""

import asyncio
from collections.abc import Callable
import logging
import ssl
from typing import Any, Self, override
from uuid import uuid4

import aiomqtt

from .report import LARGEST_PAYLOAD

_LOGGER = logging.getLogger(__name__)
# Topics hold serial numbers, and paho writes all of them down.
_SILENCE = logging.getLogger(f"{__name__}.paho")
_SILENCE.disabled = True

_TIMEOUT = 10.0
_KEEPALIVE = 60
# How often to look whether a sign of life is due.
_TICK = 5.0
# paho has to be told of a host. Should it ever connect by itself, it finds none.
_NOWHERE = "nowhere.invalid"
# paho would collect as much as a packet promises, up to 256 MB.
_LARGEST_PACKET = 4 * 1024 * 1024
_LARGEST_BACKLOG = 16 * 1024 * 1024
_LONGEST_BACKLOG = 10_000


class Backlog(asyncio.Queue[aiomqtt.Message]):
    """What has come and nobody has taken yet.

    What is too large does not come in. Where too much waits, the oldest gives way, and `dropped`
    counts it.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self.dropped = 0
        self._size = 0

    @override
    def put_nowait(self, item: aiomqtt.Message) -> None:
        size = len(item.payload)
        if size > LARGEST_PAYLOAD:
            _LOGGER.debug("MQTT broker: a message of %d bytes is too large", size)
            return
        while self.full() or self._size + size > _LARGEST_BACKLOG:
            if not self.dropped:
                _LOGGER.debug("MQTT broker: too many messages wait, the oldest are dropped")
            self.dropped += 1
            self.get_nowait()
        super().put_nowait(item)

    @override
    def _put(self, item: aiomqtt.Message) -> None:
        super()._put(item)
        self._size += len(item.payload)

    @override
    def _get(self) -> aiomqtt.Message:
        item = super()._get()
        self._size -= len(item.payload)
        return item


class _Link(asyncio.Protocol):
    """A transport of asyncio, which paho takes for a socket that never blocks."""

    def __init__(self, on_news: Callable[[], None]) -> None:
        self.ended = asyncio.Event()
        self._heard = bytearray()
        self._on_news = on_news
        self._transport: asyncio.Transport | None = None

    @property
    def has_news(self) -> bool:
        """Return whether there is something to read, be it the end."""
        return bool(self._heard) or self.ended.is_set()

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._heard += data
        self._on_news()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self._on_news()

    # From here on as paho wants a socket.

    def recv(self, buffer_size: int) -> bytes:
        """Read what has come; nothing means the end, and so does asking for too much."""
        if buffer_size > _LARGEST_PACKET:
            raise ConnectionError
        if not self.has_news:
            raise BlockingIOError
        data = bytes(self._heard[:buffer_size])
        del self._heard[:buffer_size]
        return data

    def send(self, buffer: bytes) -> int:
        """Write all of it."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError
        self._transport.write(buffer)
        return len(buffer)

    def close(self) -> None:
        """End at once: what was written is on its way, and no answer is waited for."""
        if self._transport is not None:
            self._transport.abort()

    def fileno(self) -> int:
        """Have no file, so that nobody waits for it."""
        return -1

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - a socket's signature
        """Never block."""


class Connection(aiomqtt.Client):
    """A connection that lasts as long as its context, under a client id of its own.

    Beside what aiomqtt raises, connecting raises OSError.
    """

    _queue: Backlog

    def __init__(
        self, host: str, port: int, *, username: str, password: str, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            host,
            port,
            username=username,
            password=password,
            # With one for all, two installations of an account would end each other for ever.
            identifier=f"bambu-lab-cloud-{uuid4().hex}",
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            timeout=_TIMEOUT,
            logger=_SILENCE,
            queue_type=Backlog,
            max_queued_incoming_messages=_LONGEST_BACKLOG,
        )
        for outcome in (self._connected, self._disconnected):
            # Where nobody waits for it any more, it is no news for the log.
            outcome.add_done_callback(_take_note)
        self._tls = tls
        self._link = _Link(self._hear)
        self._timer: asyncio.TimerHandle | None = None
        paho = self._client
        paho._create_socket = lambda: self._link  # type: ignore[method-assign] # noqa: SLF001 - no other way to hand one in
        # Without a file to wait for, paho writes at once and asks nobody.
        paho.on_socket_open = None
        paho.on_socket_close = None
        paho.on_socket_register_write = None
        paho.on_socket_unregister_write = None

    @property
    def dropped(self) -> int:
        """Return how many messages gave way to newer ones."""
        return self._queue.dropped

    async def take(self) -> aiomqtt.Message:
        """Return the next message; who stops waiting for it loses none.

        Raises MqttError when the connection is lost and nothing is left.
        """
        # A backlog is worked off beside everything else.
        await asyncio.sleep(0)
        try:
            return await self._queue.get()
        except asyncio.QueueShutDown:
            raise _lost() from None

    @override
    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIMEOUT):
                await loop.create_connection(
                    lambda: self._link,
                    self._hostname,
                    self._port,
                    ssl=self._tls,
                )
                self._client.connect(_NOWHERE, keepalive=_KEEPALIVE)
                # Awaited by itself it would be cancelled with us, which aiomqtt does not expect.
                await asyncio.wait([self._connected])
                self._connected.result()
        except BaseException:
            self._link.close()
            raise
        self._look_after()
        return self

    @override
    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._client.disconnect()
        self._link.close()
        await self._link.ended.wait()

    def _look_after(self) -> None:
        """Give a sign of life when one is due, and notice when the broker gives none."""
        if not self._client.loop_misc():
            self._timer = self._loop.call_later(_TICK, self._look_after)

    def _hear(self) -> None:
        """Have paho read what came; after nonsense there is nothing to go on with."""
        try:
            while self._link.has_news and not self._client.loop_read():
                pass
        except Exception as err:  # noqa: BLE001 - whatever paho makes of nonsense
            _LOGGER.debug("MQTT broker: nonsense (%s)", type(err).__name__)
            self._link.close()
        if self._link.ended.is_set():
            self._lose()

    def _lose(self) -> None:
        """Tell all who wait that nothing will come."""
        self._queue.shutdown()
        waiting: tuple[asyncio.Future[Any], ...] = (
            self._connected,
            *self._pending_subscribes.values(),
        )
        for outcome in waiting:
            if not outcome.done():
                outcome.set_exception(_lost())


def _lost() -> aiomqtt.MqttError:
    return aiomqtt.MqttError("the connection is lost")


def _take_note(outcome: asyncio.Future[None]) -> None:
    if not outcome.cancelled():
        outcome.exception()
