"""The broker that carries what printers say, in a thread and an event loop of its own.

It only carries: who may do what, and what is answered, it asks in the loop that started it.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
import logging
import socket
import threading
import time
from typing import Any, Protocol, override

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker as Amqtt
from amqtt.contexts import Action
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from .accounts import Account

HOST = "127.0.0.1"
LISTENER = "default"
CLIENT = "simulator.client"
# Seconds in which amqtt is to notice the end of a connection.
_PARTING = 1

type Message = tuple[str, bytes]


@dataclass(slots=True, eq=False)
class Client:
    """One connection, and whose it is once it was let in."""

    writer: asyncio.StreamWriter
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    id: str = ""
    account: Account | None = None
    # What it has subscribed to.
    dev_ids: set[str] = field(default_factory=set)

    def cut(self) -> None:
        """Cut the connection, in the thread of the broker."""
        self.writer.transport.abort()


@dataclass(frozen=True, slots=True)
class Publication:
    """Something that a client publishes."""

    topic: str
    body: bytes
    qos: int = 0
    retain: bool = False


class Desk(Protocol):
    """What the broker asks; it is answered in the loop that started the broker."""

    def admits(self, client: Client, user: str | None, password: str | None) -> bool:
        """Return whether a client may connect."""

    def may_subscribe(self, client: Client, topic: str) -> bool:
        """Return whether a client may subscribe to a topic."""

    def may_hear(self, client: Client, topic: str) -> bool:
        """Return whether a client still gets the messages of a topic."""

    def unsubscribes(self, client: Client, topic: str) -> None:
        """Note that a client wants the messages of a topic no more."""

    def published(self, client: Client, publication: Publication) -> bool:
        """Answer what a client publishes, and return whether its connection may stay."""

    def leaves(self, client: Client) -> None:
        """Note that a connection has ended."""


class _Loop(asyncio.SelectorEventLoop):
    """A loop that goes on while a test has stopped the clocks."""

    @override
    def time(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)


class Broker:
    """An MQTT broker on a port of this machine."""

    def __init__(self, desk: Desk) -> None:
        """Remember whom to ask."""
        self.port = 0
        self._desk = desk
        self._home: asyncio.AbstractEventLoop
        self._loop: asyncio.AbstractEventLoop
        self._amqtt: Amqtt
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event
        self._ended: Future[None]
        self._clients: dict[int, Client] = {}

    @property
    def running(self) -> bool:
        """Return whether it serves."""
        return self._thread is not None

    async def start(self, port: int = 0) -> None:
        """Serve on this port, 0 for a free one."""
        # They tell every refused client in full length.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        listener = socket.create_server((HOST, port))
        self.port = listener.getsockname()[1]
        self._home = asyncio.get_running_loop()
        started: Future[None] = Future()
        self._ended = Future()
        self._thread = threading.Thread(
            target=self._run, args=(listener, started), name="MQTT broker", daemon=True
        )
        self._thread.start()
        await asyncio.wrap_future(started)

    async def stop(self) -> None:
        """Cut all connections and end the thread."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        # It may have questions yet.
        await asyncio.wrap_future(self._ended)
        self._thread.join()
        self._thread = None

    def send(self, messages: Iterable[Message]) -> Future[None]:
        """Send messages to those who have subscribed to their topics, after those before them."""
        return asyncio.run_coroutine_threadsafe(self._send(messages), self._loop)

    async def cut(self, which: Callable[[Client], bool]) -> None:
        """Cut the connections of some clients, and wait for their end."""
        cut = asyncio.run_coroutine_threadsafe(self._cut(which), self._loop)
        await asyncio.wrap_future(cut)

    async def ask[T](self, question: Callable[[], T]) -> T:
        """Have a question answered in the loop that started the broker."""

        async def answer() -> T:
            return question()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(answer(), self._home))

    # In the thread

    def _run(self, listener: socket.socket, started: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                self._loop = runner.get_loop()
                # A client that hangs up in the middle of a word is no news here.
                self._loop.set_exception_handler(lambda _loop, _context: None)
                runner.run(self._serve(listener, started))
        finally:
            # Nobody is to wait for a start that has failed.
            started.cancel()
            self._ended.set_result(None)

    async def _serve(self, listener: socket.socket, started: Future[None]) -> None:
        self._stopping = asyncio.Event()
        self._amqtt = Amqtt(
            {
                "listeners": {LISTENER: {"type": "external"}},
                "plugins": {"simulator.broker.Gate": {"broker": self}},
            }
        )
        await self._amqtt.start()
        server = await asyncio.start_server(self._connected, sock=listener)
        started.set_result(None)
        await self._stopping.wait()
        # Those that are at the door come in and are sent away, or they would wait for ever.
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        await self._cut(lambda _client: True)
        # Also those that have not said a word yet.
        server.abort_clients()
        await server.wait_closed()
        await self._amqtt.shutdown()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        if self._stopping.is_set():
            writer.transport.abort()
            return
        port = writer.get_extra_info("peername")[1]
        client = self._clients[port] = Client(writer)
        connected = self._amqtt.external_connected(
            StreamReaderAdapter(reader), StreamWriterAdapter(writer), LISTENER
        )
        served = asyncio.ensure_future(connected)
        try:
            # Of a client that leaves while it is let in amqtt hears nothing, and waits for ever.
            while not served.done():
                has_left = reader.at_eof()
                await asyncio.wait([served], timeout=_PARTING)
                if has_left:
                    served.cancel()
            with suppress(AMQTTError, MQTTError, NoDataError, OSError, asyncio.CancelledError):
                await served
        finally:
            client.cut()
            if client.account:
                await self.ask(lambda: self._desk.leaves(client))
            client.ended.set()
            # The port can be somebody else's by now.
            if self._clients.get(port) is client:
                del self._clients[port]

    async def _send(self, messages: Iterable[Message]) -> None:
        for topic, body in messages:
            await self._amqtt.internal_message_broadcast(topic, body)

    async def _cut(self, which: Callable[[Client], bool]) -> None:
        cut = [client for client in self._clients.values() if which(client)]
        for client in cut:
            client.cut()
        for client in cut:
            await client.ended.wait()

    async def admits(self, session: Any) -> bool:
        """Let a client in or refuse it; an older connection with the same id ends."""
        client = session.attributes[CLIENT] = self._clients[session.remote_port]
        for other in self._clients.values():
            if other.id == session.client_id:
                other.cut()
        client.id = session.client_id
        if session.will_flag:
            # A last will is something published, too.
            session.will_flag = False
            will = Publication(session.will_topic, session.will_message)
            await self.ask(lambda: self._desk.published(client, will))
            return False
        return await self.ask(lambda: self._desk.admits(client, session.username, session.password))

    async def permits(self, session: Any, topic: str, action: Action) -> bool:
        """Decide about a topic; nothing that a client publishes is sent to others."""
        client = session.attributes[CLIENT]
        if action is Action.PUBLISH:
            return False
        if action is Action.SUBSCRIBE:
            return await self.ask(lambda: self._desk.may_subscribe(client, topic))
        return await self.ask(lambda: self._desk.may_hear(client, topic))

    async def received(self, session: Any, packet: Any) -> None:
        """Take a packet of a client."""
        client = session.attributes[CLIENT]
        if isinstance(packet, PublishPacket):
            publication = Publication(
                topic=packet.topic_name or "",
                body=packet.data or b"",
                qos=packet.qos or 0,
                retain=packet.retain_flag,
            )
            await self._published(client, publication)
        elif isinstance(packet, UnsubscribePacket) and packet.payload:
            for topic in packet.payload.topics:
                await self.ask(partial(self._desk.unsubscribes, client, topic))

    async def _published(self, client: Client, publication: Publication) -> None:
        if not await self.ask(lambda: self._desk.published(client, publication)):
            client.cut()


class Gate(BaseAuthPlugin, BaseTopicPlugin):
    """What amqtt calls."""

    @dataclass
    class Config:
        """The broker that it belongs to."""

        broker: Any

    config: Config

    @override
    async def authenticate(self, *, session: Any) -> bool:
        """Decide about a connection."""
        return bool(await self.config.broker.admits(session))

    @override
    async def topic_filtering(
        self, *, session: Any = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Decide about a topic."""
        return bool(await self.config.broker.permits(session, topic, action))

    async def on_mqtt_packet_received(self, *, packet: Any, session: Any = None) -> None:
        """Take what a client sends, of which the first packet belongs to no session yet."""
        if session:
            await self.config.broker.received(session, packet)
