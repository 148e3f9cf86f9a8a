"""An MQTT broker that does what a test says, packet by packet, over real loopback TCP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import ssl
import struct

CONNECT, CONNACK, PUBLISH = 0x10, 0x20, 0x30
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 0x80, 0x90, 0xA0, 0xB0
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0


def packet(head: int, body: bytes) -> bytes:
    """Return a packet of MQTT 3.1.1."""
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | 0x80 * (rest > 0))
        if not rest:
            return bytes([head, *length]) + body


def words(body: bytes) -> list[bytes]:
    """Return the strings that a body consists of."""
    result = []
    while body:
        (size,) = struct.unpack_from("!H", body)
        result.append(body[2 : 2 + size])
        body = body[2 + size :]
    return result


def publication(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """Return a packet that a subscriber gets."""
    name = topic.encode()
    return packet(PUBLISH | retain, struct.pack("!H", len(name)) + name + payload)


@dataclass
class Got:
    """A packet that reached the broker."""

    head: int
    body: bytes
    time: float

    @property
    def topics(self) -> list[str]:
        """Return what a SUBSCRIBE asks for."""
        result, rest = [], self.body[2:]
        while rest:
            (size,) = struct.unpack_from("!H", rest)
            result.append(rest[2 : 2 + size].decode())
            rest = rest[3 + size :]
        return result

    @property
    def question(self) -> tuple[str, bytes]:
        """Return topic and payload of a PUBLISH."""
        (size,) = struct.unpack_from("!H", self.body)
        return self.body[2 : 2 + size].decode(), self.body[2 + size :]


@dataclass
class FakeBroker:
    """Grants everything, until it is told otherwise; None is no answer at all."""

    port: int = 0
    connack: int | None = 0
    subacks: dict[str, int] = field(default_factory=dict)
    answers: dict[int, bytes | None] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    is_gone: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def sent(self, head: int) -> list[Got]:
        """Return the packets of a kind."""
        return [each for each in self.got if each.head & 0xF0 == head]

    async def heard(self, head: int, number: int = 1) -> list[Got]:
        """Wait until as many packets of a kind have come."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.sent(head)) >= number)
        return self.sent(head)

    async def left(self) -> None:
        """Wait until nobody is connected any more."""
        async with self.changed:
            await self.changed.wait_for(lambda: not self.writers)

    def push(self, *packets: bytes) -> None:
        """Send to all who are connected."""
        for writer in self.writers:
            writer.write(b"".join(packets))

    def hang_up(self) -> None:
        """Drop all who are connected."""
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client until it goes."""
        self.writers.append(writer)
        try:
            while not self.is_gone:
                await self._answer(await self._read(reader), writer)
        except asyncio.IncompleteReadError, ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self.writers.remove(writer)
            async with self.changed:
                self.changed.notify_all()

    async def _read(self, reader: asyncio.StreamReader) -> Got:
        (head,) = await reader.readexactly(1)
        size, shift = 0, 0
        while True:
            (digit,) = await reader.readexactly(1)
            size |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                break
        body = await reader.readexactly(size)
        return Got(head, body, asyncio.get_running_loop().time())

    async def _answer(self, got: Got, writer: asyncio.StreamWriter) -> None:
        async with self.changed:
            self.got.append(got)
            self.changed.notify_all()
        answer = self._reply(got)
        writer.write(self.answers.get(got.head & 0xF0, answer) or b"")

    def _reply(self, got: Got) -> bytes | None:
        match got.head & 0xF0:
            case 0x10:
                return None if self.connack is None else packet(CONNACK, bytes([0, self.connack]))
            case 0x80:
                codes = bytes(self.subacks.get(topic, 0) for topic in got.topics)
                return packet(SUBACK, got.body[:2] + codes)
            case 0xA0:
                return packet(UNSUBACK, got.body[:2])
            case 0xC0:
                return packet(PINGRESP, b"")
        return None


@asynccontextmanager
async def running(*, tls: ssl.SSLContext | None = None) -> AsyncGenerator[FakeBroker]:
    """Run a broker on a free port."""
    broker = FakeBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", ssl=tls)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        broker.is_gone = True
        broker.hang_up()
        # A server that is closed while it picks up forgets whom it was talking to.
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        await broker.left()
        await server.wait_closed()
