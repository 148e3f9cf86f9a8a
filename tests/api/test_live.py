"""A session with the broker: what it sends, what it hands on, and that nothing of it is left."""

import ast
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import inspect
from ipaddress import ip_address
from itertools import chain
import json
import logging
from pathlib import Path
import socket
import ssl
import threading
import traceback
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
import pytest

from custom_components.bambu_lab_cloud.api import (
    BambuCloudError,
    Broker,
    BrokerRefusedError,
    CannotConnectError,
    PermissionDeniedError,
    live,
    mqtt,
)
from custom_components.bambu_lab_cloud.api.live import LiveSession
from custom_components.bambu_lab_cloud.api.report import Presence, Report, Versions

from .broker import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    UNSUBSCRIBE,
    FakeBroker,
    packet,
    publication,
    running,
    words,
)

UID = "4815162342"
TOKEN = "opaque-token"
SERIAL = "00M00A000000001"
OTHER = "01P00A000000002"
API = Path(live.__file__).parent
EVERYTHING = {"pushing": {"sequence_id": "0", "command": "pushall", "version": 1, "push_target": 1}}
VERSIONS = {"info": {"sequence_id": "0", "command": "get_version"}}
IDLE = b'{"print": {"command": "push_status", "msg": 0, "gcode_state": "IDLE"}}'


def session_at(broker: FakeBroker, token: str = TOKEN) -> LiveSession:
    """Return a session with a broker, not connected yet."""
    return LiveSession(
        Broker("127.0.0.1", broker.port, is_encrypted=False), UID, token, tls_context=None
    )


def report(serial: str = SERIAL, payload: bytes = IDLE, *, retain: bool = False) -> bytes:
    """Return a packet with what a printer reports."""
    return publication(f"device/{serial}/report", payload, retain=retain)


def layer(number: int) -> bytes:
    """Return what a printer reports of a layer."""
    return json.dumps({"print": {"command": "push_status", "msg": 1, "layer_num": number}}).encode()


@dataclass
class Clock:
    """The time between two packets, which passes at once."""

    now: float = 100.0

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and others do something."""
        self.now += max(seconds, 0.0)
        await asyncio.sleep(0)

    def time(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have nobody wait for the gap between two packets."""
    clock = Clock()
    shim = SimpleNamespace(Lock=asyncio.Lock, get_running_loop=lambda: clock, sleep=clock.sleep)
    monkeypatch.setattr(live, "asyncio", shim)
    return clock


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.fixture
async def broker(socket_enabled: None) -> AsyncGenerator[FakeBroker]:
    async with running() as broker:
        yield broker


@pytest.fixture
async def session(broker: FakeBroker) -> AsyncGenerator[LiveSession]:
    async with session_at(broker) as session:
        yield session


# What is sent


async def test_a_session_says_who_it_is(broker: FakeBroker, session: LiveSession) -> None:
    (hello,) = broker.sent(CONNECT)
    # MQTT 3.1.1, a user with a password and a clean session, 60 seconds.
    assert hello.body[:10] == b"\0\4MQTT\4\xc2\0\x3c"
    client, user, password = words(hello.body[10:])
    assert client.startswith(b"bambu-lab-cloud-")
    assert (user, password) == (f"u_{UID}".encode(), TOKEN.encode())


async def test_each_session_has_an_id_of_its_own(broker: FakeBroker, session: LiveSession) -> None:
    async with session_at(broker):
        hellos = broker.sent(CONNECT)
    assert len({words(hello.body[10:])[0] for hello in hellos}) == 2


async def test_blanks_of_a_pasted_token_are_left_out(broker: FakeBroker) -> None:
    async with session_at(broker, " opaque-\r\ntoken\n"):
        (hello,) = broker.sent(CONNECT)
    assert hello.body.endswith(b"\0\x0copaque-token")


async def test_many_printers_take_few_packets(broker: FakeBroker, session: LiveSession) -> None:
    printers = [f"00M00A0000000{number:02}" for number in range(20)]
    assert await session.follow(*printers) == set()
    asked = [each.topics for each in broker.sent(SUBSCRIBE)]
    assert [len(topics) for topics in asked] == [8, 8, 4]
    assert list(chain(*asked)) == [f"device/{printer}/report" for printer in printers]
    # Quality of service 0 each.
    assert {each.body[-1] for each in broker.sent(SUBSCRIBE)} == {0}


@pytest.mark.parametrize(
    "printer",
    ["+", "#", "", "a/b", "a/#", "../x", "a b", "a\n", "a\0b", "é", "$SYS", "a" * 65, "a+"],
)
async def test_a_wildcard_or_another_topic_is_never_asked_for(
    broker: FakeBroker, session: LiveSession, printer: str
) -> None:
    assert await session.follow(printer, SERIAL) == {printer}
    (asked,) = broker.sent(SUBSCRIBE)
    assert asked.topics == [f"device/{SERIAL}/report"]
    with pytest.raises(PermissionDeniedError):
        await session.ask_for_everything(printer)
    await session.unfollow(printer)
    assert broker.sent(UNSUBSCRIBE) == []


async def test_to_follow_nobody_sends_nothing(broker: FakeBroker, session: LiveSession) -> None:
    assert await session.follow() == set()
    await session.unfollow()
    assert len(broker.got) == 1


async def test_what_the_broker_refuses_is_told(broker: FakeBroker, session: LiveSession) -> None:
    broker.subacks[f"device/{OTHER}/report"] = 0x80
    assert await session.follow(SERIAL, OTHER) == {OTHER}
    with pytest.raises(PermissionDeniedError):
        await session.ask_for_versions(OTHER)
    broker.push(report(OTHER), report(SERIAL))
    assert (await anext(session))[0] == SERIAL


async def test_what_a_grant_leaves_out_is_refused(broker: FakeBroker, session: LiveSession) -> None:
    broker.answers[SUBSCRIBE] = packet(SUBACK, b"\0\1\0")
    assert await session.follow(SERIAL, OTHER) == {OTHER}


async def test_questions(broker: FakeBroker, session: LiveSession) -> None:
    await session.follow(SERIAL)
    await session.ask_for_everything(SERIAL)
    await session.ask_for_versions(SERIAL)
    asked = [each.question for each in await broker.heard(PUBLISH, 2)]
    assert [topic for topic, _ in asked] == [f"device/{SERIAL}/request"] * 2
    assert [json.loads(body) for _, body in asked] == [EVERYTHING, VERSIONS]
    # Neither retained nor acknowledged.
    assert {each.head for each in broker.sent(PUBLISH)} == {PUBLISH}


@pytest.mark.parametrize("ask", [LiveSession.ask_for_everything, LiveSession.ask_for_versions])
async def test_who_is_not_followed_is_not_asked(
    broker: FakeBroker, session: LiveSession, ask: Callable[[LiveSession, str], Awaitable[None]]
) -> None:
    with pytest.raises(PermissionDeniedError):
        await ask(session, SERIAL)
    await session.follow(SERIAL)
    await session.unfollow(SERIAL)
    with pytest.raises(PermissionDeniedError):
        await ask(session, SERIAL)
    assert broker.sent(PUBLISH) == []


async def test_packets_are_apart_and_in_order(
    monkeypatch: pytest.MonkeyPatch, broker: FakeBroker, session: LiveSession, clock: Clock
) -> None:
    times = []
    for name in ("publish", "subscribe", "unsubscribe"):
        send = getattr(mqtt.Connection, name)

        async def noted(self: Any, *args: Any, send: Any = send) -> Any:
            times.append(clock.now)
            return await send(self, *args)

        monkeypatch.setattr(mqtt.Connection, name, noted)
    printers = [f"A{number}" for number in range(10)]
    await session.follow(*printers)
    await asyncio.gather(*(session.ask_for_everything(printer) for printer in printers))
    await session.unfollow(*printers)
    asked = [each.question[0] for each in broker.sent(PUBLISH)]
    assert asked == [f"device/{printer}/request" for printer in printers]
    assert len(times) == 2 + 10 + 2
    assert times == [100 + 0.25 * number for number in range(14)]


async def test_who_does_not_wait_any_more_holds_nobody_up(
    broker: FakeBroker, session: LiveSession
) -> None:
    await session.follow(SERIAL, OTHER)
    waiting = asyncio.create_task(session.ask_for_everything(OTHER))
    await asyncio.sleep(0)
    waiting.cancel()
    await session.ask_for_versions(SERIAL)
    assert [each.question[0] for each in await broker.heard(PUBLISH)] == [
        f"device/{SERIAL}/request"
    ]


# Read-only


def _calls(path: Path, *names: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    ]


def test_two_bodies_can_be_published_and_no_other() -> None:
    """What is published is one of the two questions, to a printer that is followed."""
    assert [json.loads(question.value) for question in live._Question] == [EVERYTHING, VERSIONS]
    calls = [(path.name, call) for path in API.glob("*.py") for call in _calls(path, "publish")]
    ((name, call),) = calls
    assert name == "live.py"
    assert ast.unparse(call) == (
        "self._connection.publish(f'device/{printer_id}/request', question.value)"
    )
    asked = [ast.unparse(call) for call in _calls(API / "live.py", "_ask")]
    assert asked == [
        "self._ask(printer_id, _Question.EVERYTHING)",
        "self._ask(printer_id, _Question.VERSIONS)",
    ]


def test_nobody_can_say_what_is_sent() -> None:
    """No method takes a topic, a body or a command, and none beyond these is there."""
    methods = {
        name: list(inspect.signature(method).parameters)[1:]
        for name, method in vars(LiveSession).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    assert methods == {
        "follow": ["printer_ids"],
        "unfollow": ["printer_ids"],
        "ask_for_everything": ["printer_id"],
        "ask_for_versions": ["printer_id"],
    }


def test_nobody_else_speaks_mqtt() -> None:
    speakers = {
        path.name
        for path in API.parent.rglob("*.py")
        for name in ("aiomqtt", "paho")
        if f"import {name}" in path.read_text() or f"from {name}" in path.read_text()
    }
    assert speakers == {"live.py", "mqtt.py"}


async def test_everything_that_reaches_the_wire_is_known(broker: FakeBroker) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL, OTHER)
        await session.ask_for_everything(SERIAL)
        await session.ask_for_versions(OTHER)
        # An answer, a foreign command and a question of the broker's.
        broker.push(report(), publication(f"device/{SERIAL}/request", b'{"print":{}}'))
        broker.push(packet(PINGREQ, b""))
        await anext(session)
        await session.unfollow(SERIAL)
    await broker.left()
    assert [each.head for each in broker.got] == [
        CONNECT,
        SUBSCRIBE | 2,
        PUBLISH,
        PUBLISH,
        PINGRESP,
        UNSUBSCRIBE | 2,
        DISCONNECT,
    ]


# What is handed on


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (IDLE, Report),
        (b'{"info": {"command": "get_version", "module": []}}', Versions),
        (b'{"event": {"event": "client.connected", "connected_at": "1795000000000"}}', Presence),
        (b'{"print": {"command": "push_status", "subtask_name": "H\xfclle"}}', Report),
    ],
    ids=["report", "versions", "presence", "Latin-1"],
)
async def test_messages(
    broker: FakeBroker, session: LiveSession, payload: bytes, kind: type
) -> None:
    await session.follow(SERIAL)
    broker.push(report(payload=payload))
    printer_id, message = await anext(session)
    assert printer_id == SERIAL
    assert isinstance(message, kind)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"null",
        b"\xff\xfe\x00",
        b'{"print": ',
        b"[" * 100_000,
        b'{"system": {"command": "get_access_code", "access_code": "12345678"}}',
        b" " * 256 * 1024 + b"{}",
        b'{"print": {"command": "push_status", "subtask_name": "' + b"a" * 4_000_000 + b'"}}',
    ],
    ids=["empty", "{}", "null", "bytes", "cut", "deep", "foreign", "large", "larger"],
)
async def test_what_is_nothing_to_us_is_passed_over(
    broker: FakeBroker, session: LiveSession, payload: bytes
) -> None:
    await session.follow(SERIAL)
    broker.push(report(payload=payload), report(payload=layer(7)))
    _, message = await anext(session)
    assert message.layer == 7


async def test_a_packet_without_end_is_not_collected(
    broker: FakeBroker, session: LiveSession
) -> None:
    await session.follow(SERIAL)
    # It promises 256 MB, of which the first byte is enough.
    broker.push(b"\x30\xff\xff\xff\x7f\0")
    with pytest.raises(CannotConnectError):
        await anext(session)


@pytest.mark.parametrize(
    "foreign",
    [
        report(OTHER),
        report(SERIAL.lower()),
        publication(f"device/{SERIAL}/request", IDLE),
        publication(f"device/{SERIAL}/report/x", IDLE),
        publication(f"x/device/{SERIAL}/report", IDLE),
        publication("$SYS/broker/uptime", IDLE),
        report(retain=True),
    ],
    ids=["other", "case", "request", "below", "above", "system", "retained"],
)
async def test_only_what_printers_that_are_followed_report_now_counts(
    broker: FakeBroker, session: LiveSession, foreign: bytes
) -> None:
    await session.follow(SERIAL)
    broker.push(foreign, report(payload=layer(7)))
    printer_id, message = await anext(session)
    assert (printer_id, message.layer) == (SERIAL, 7)


async def test_a_message_that_comes_with_the_grant_is_not_lost(
    broker: FakeBroker, session: LiveSession
) -> None:
    broker.answers[SUBSCRIBE] = report() + packet(SUBACK, b"\0\1\0")
    assert await session.follow(SERIAL) == set()
    assert (await anext(session))[0] == SERIAL


async def test_who_is_followed_no_more_is_heard_no_more(
    broker: FakeBroker, session: LiveSession
) -> None:
    await session.follow(SERIAL, OTHER)
    broker.push(report(SERIAL))
    await session.unfollow(SERIAL)
    broker.push(report(SERIAL), report(OTHER))
    assert (await anext(session))[0] == OTHER


async def test_a_message_in_pieces(broker: FakeBroker, session: LiveSession) -> None:
    await session.follow(SERIAL)
    for byte in report(payload=layer(300)):
        broker.push(bytes([byte]))
        await asyncio.sleep(0)
    _, message = await anext(session)
    assert message.layer == 300


async def test_who_waits_with_a_time_limit_loses_nothing(
    broker: FakeBroker, session: LiveSession
) -> None:
    await session.follow(SERIAL)
    heard = []
    for number in range(50):
        waiting = asyncio.create_task(_iterate(session))
        await settle(2)
        broker.push(report(payload=layer(number)))
        # Sooner or later than the message comes.
        await settle(number % 10)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            heard.append((await waiting)[1].layer)
    await session.follow(OTHER)
    broker.push(report(payload=layer(50)))
    while heard[-1:] != [50]:
        heard.append((await anext(session))[1].layer)
    assert heard == list(range(51))


async def test_a_backlog_holds_nobody_up(broker: FakeBroker, session: LiveSession) -> None:
    await session.follow(SERIAL)
    broker.push(*(report(payload=layer(number)) for number in range(100)))
    await session.follow(OTHER)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    for _ in range(100):
        await anext(session)
    counting.cancel()
    assert turns >= 100


async def test_many_messages_at_once_keep_their_order(
    broker: FakeBroker, session: LiveSession
) -> None:
    await session.follow(SERIAL)
    broker.push(*(report(payload=layer(number)) for number in range(2_000)))
    heard = [(await anext(session))[1].layer for _ in range(2_000)]
    assert heard == list(range(2_000))
    assert session.dropped == 0


@pytest.mark.parametrize(
    ("bound", "value"), [("_LONGEST_BACKLOG", 3), ("_LARGEST_BACKLOG", 3 * len(layer(10)))]
)
async def test_of_too_many_the_newest_stay(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broker: FakeBroker,
    bound: str,
    value: int,
) -> None:
    monkeypatch.setattr(mqtt, bound, value)
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.push(*(report(payload=layer(number)) for number in range(10, 20)))
        # What was sent before this was read before it.
        await session.follow(OTHER)
        assert session.dropped == 7
        assert [(await anext(session))[1].layer for _ in range(3)] == [17, 18, 19]
        broker.push(report(payload=layer(20)))
        assert (await anext(session))[1].layer == 20
        assert session.dropped == 7
    assert caplog.text.count("too many messages wait") == 1


# How it ends


@dataclass
class Things:
    """What a session could leave behind."""

    tasks: set[asyncio.Task[Any]]
    threads: set[threading.Thread]
    files: int
    watched: set[int]
    timers: list[asyncio.TimerHandle]

    @classmethod
    def now(cls) -> Things:
        """Look around."""
        loop: Any = asyncio.get_running_loop()
        return cls(
            tasks=asyncio.all_tasks() - {asyncio.current_task()},
            threads=set(threading.enumerate()),
            files=len(list(Path("/dev/fd").iterdir())),
            watched=set(loop._selector.get_map()),
            timers=[timer for timer in loop._scheduled if not timer.cancelled()],
        )


@pytest.fixture
async def nothing_left(
    socket_enabled: None, caplog: pytest.LogCaptureFixture
) -> AsyncGenerator[None]:
    """See that neither a task nor a thread, a socket or a timer is left, nor a line in the log."""
    before = Things.now()
    yield
    await settle()
    assert Things.now() == before
    records = caplog.get_records("call") + caplog.records
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    # Of the broker's own side nobody is asked to be silent.
    assert [error for error in errors if "incoming connection" not in error] == []


async def settle(rounds: int = 5) -> None:
    """Let what is due be done."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the session wait for nothing for long."""
    monkeypatch.setattr(mqtt, "_TIMEOUT", 0.1)


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        (1, CannotConnectError, "the connection is lost"),
        (2, CannotConnectError, "[code:133] Client identifier not valid"),
        (3, CannotConnectError, "[code:136] Server unavailable"),
        (4, BrokerRefusedError, "[code:134] Bad user name or password"),
        (5, BrokerRefusedError, "[code:135] Not authorized"),
        (6, CannotConnectError, "[code:128] Unspecified error"),
        (255, CannotConnectError, "[code:128] Unspecified error"),
    ],
)
async def test_refusals(
    nothing_left: None, broker: FakeBroker, code: int, error: type[BambuCloudError], text: str
) -> None:
    broker.connack = code
    with pytest.raises(BambuCloudError) as caught:
        await session_at(broker).__aenter__()
    assert type(caught.value) is error
    assert str(caught.value) == f"MQTT broker: {text}"
    await broker.left()


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


async def _talk_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@asynccontextmanager
async def serving(serve: Any, **options: Any) -> AsyncGenerator[tuple[str, int]]:
    """Run something that is no broker, and return its address."""
    server = await asyncio.start_server(serve, "127.0.0.1", **options)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        server.close_clients()
        await server.wait_closed()
        await settle()


@pytest.mark.parametrize("serve", [_hang_up, _say_nothing, _talk_http])
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "TLS"])
async def test_what_is_no_broker(
    nothing_left: None, patience: None, trusting: ssl.SSLContext, serve: Any, *, is_encrypted: bool
) -> None:
    async with serving(serve) as (host, port):
        broker = Broker(host, port, is_encrypted=is_encrypted)
        session = LiveSession(broker, UID, TOKEN, tls_context=trusting)
        with pytest.raises(CannotConnectError) as caught:
            await session.__aenter__()
    assert str(caught.value).startswith("MQTT broker: ")


async def test_nobody_there(nothing_left: None) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        broker = Broker("127.0.0.1", unused.getsockname()[1], is_encrypted=False)
        with pytest.raises(CannotConnectError) as caught:
            await LiveSession(broker, UID, TOKEN, tls_context=None).__aenter__()
    assert str(caught.value) == "MQTT broker: ConnectionRefusedError"


async def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch, socket_enabled: None) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    tls = ssl.create_default_context()
    with pytest.raises(CannotConnectError) as caught:
        await LiveSession(Broker("broker.invalid"), UID, TOKEN, tls_context=tls).__aenter__()
    assert str(caught.value) == "MQTT broker: gaierror"


async def test_a_broker_that_is_silent(
    nothing_left: None, patience: None, broker: FakeBroker
) -> None:
    broker.connack = None
    with pytest.raises(CannotConnectError) as caught:
        await session_at(broker).__aenter__()
    assert str(caught.value) == "MQTT broker: TimeoutError"
    await broker.left()


async def _iterate(session: LiveSession) -> Any:
    return await anext(session)


async def _follow(session: LiveSession) -> Any:
    return await session.follow(OTHER)


async def _unfollow(session: LiveSession) -> Any:
    return await session.unfollow(SERIAL)


async def _ask(session: LiveSession) -> Any:
    return await session.ask_for_everything(SERIAL)


NOISE = [
    packet(0x00, b""),
    packet(CONNACK, b"\0"),
    packet(SUBACK, b""),
    packet(SUBACK, b"\0\1\x07"),
    packet(PUBLISH, b""),
    packet(PUBLISH, b"\xff\xff"),
    packet(PUBLISH, b"\0\0"),
    packet(PUBLISH, b"\0\2\xff\xfe{}"),
    publication("device/+/report", b"{}"),
    bytes([PUBLISH]) + b"\xff" * 8,
]


@pytest.mark.parametrize("noise", NOISE, ids=repr)
async def test_nonsense_ends_the_session(
    nothing_left: None, broker: FakeBroker, noise: bytes
) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.push(noise)
        with pytest.raises(CannotConnectError):
            await anext(session)
        with pytest.raises(CannotConnectError):
            await session.ask_for_everything(SERIAL)
        await broker.left()


@pytest.mark.parametrize("noise", [*NOISE, b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=repr)
async def test_nonsense_instead_of_a_welcome(
    nothing_left: None, patience: None, broker: FakeBroker, noise: bytes
) -> None:
    broker.answers[CONNECT] = noise
    with pytest.raises(CannotConnectError):
        await session_at(broker).__aenter__()
    await broker.left()


@pytest.mark.parametrize("work", [_iterate, _follow])
async def test_loss_while_something_is_awaited(
    nothing_left: None, broker: FakeBroker, work: Any
) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.answers = {SUBSCRIBE: b""}
        working = asyncio.create_task(work(session))
        await settle()
        broker.hang_up()
        with pytest.raises(CannotConnectError) as caught:
            await working
    assert str(caught.value) == "MQTT broker: the connection is lost"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("work", [_iterate, _follow, _unfollow, _ask])
async def test_everything_fails_after_a_loss(
    nothing_left: None, broker: FakeBroker, work: Any
) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.hang_up()
        with pytest.raises(CannotConnectError):
            await anext(session)
        with pytest.raises(CannotConnectError):
            await work(session)


async def test_what_came_before_a_loss_is_handed_on(nothing_left: None, broker: FakeBroker) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.push(report(payload=layer(1)), report(payload=layer(2)))
        for writer in broker.writers:
            writer.close()
        await broker.left()
        await settle()
        assert [(await anext(session))[1].layer for _ in range(2)] == [1, 2]
        with pytest.raises(CannotConnectError):
            await anext(session)


async def test_to_iterate_ends_with_the_session(nothing_left: None, broker: FakeBroker) -> None:
    async with session_at(broker) as session:
        waiting = asyncio.create_task(_iterate(session))
        await settle()
    with pytest.raises(CannotConnectError):
        await waiting


@pytest.mark.parametrize("work", [_follow, _unfollow])
async def test_a_broker_that_answers_no_more(
    nothing_left: None, patience: None, broker: FakeBroker, work: Any
) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.answers = {SUBSCRIBE: b"", UNSUBSCRIBE: b""}
        with pytest.raises(CannotConnectError) as caught:
            await work(session)
    assert str(caught.value) == "MQTT broker: Operation timed out"


async def test_who_is_not_granted_is_not_asked(
    nothing_left: None, patience: None, broker: FakeBroker
) -> None:
    broker.answers[SUBSCRIBE] = b""
    async with session_at(broker) as session:
        with pytest.raises(CannotConnectError):
            await session.follow(SERIAL)
        with pytest.raises(PermissionDeniedError):
            await session.ask_for_everything(SERIAL)


async def test_a_slow_grant(nothing_left: None, broker: FakeBroker) -> None:
    broker.answers[SUBSCRIBE] = report()
    async with session_at(broker) as session:
        following = asyncio.create_task(session.follow(SERIAL))
        assert (await anext(session))[0] == SERIAL
        with pytest.raises(PermissionDeniedError):
            await session.ask_for_everything(SERIAL)
        assert not following.done()
        broker.push(packet(SUBACK, b"\0\1\0"))
        assert await following == set()


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that goes by between signs of life."""
    clock = Clock()
    monkeypatch.setattr("paho.mqtt.client.time_func", clock.time)
    monkeypatch.setattr(mqtt, "_TICK", 0)
    return clock


async def test_signs_of_life(nothing_left: None, life: Clock, broker: FakeBroker) -> None:
    async with session_at(broker) as session:
        await settle()
        assert broker.sent(PINGREQ) == []
        for number in range(1, 4):
            life.now += 60
            await broker.heard(PINGREQ, number)
            await settle()
        await session.follow(SERIAL)


async def test_no_sign_of_life(nothing_left: None, life: Clock, broker: FakeBroker) -> None:
    broker.answers[PINGREQ] = b""
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        life.now += 60
        await broker.heard(PINGREQ)
        life.now += 59
        await settle()
        assert broker.writers
        life.now += 1
        with pytest.raises(CannotConnectError):
            await anext(session)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that its own key has signed, with the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.test")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    usage = dict.fromkeys(inspect.signature(x509.KeyUsage).parameters, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(**{**usage, "key_cert_sign": True, "digital_signature": True}),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


@pytest.fixture
async def tls_broker(socket_enabled: None, certificate: Path) -> AsyncGenerator[FakeBroker]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with running(tls=tls) as broker:
        yield broker


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    """A context that knows the broker's certificate."""
    return ssl.create_default_context(cafile=certificate)


async def test_tls(nothing_left: None, tls_broker: FakeBroker, trusting: ssl.SSLContext) -> None:
    broker = Broker("127.0.0.1", tls_broker.port)
    async with LiveSession(broker, UID, TOKEN, tls_context=trusting) as session:
        assert await session.follow(SERIAL) == set()
        await session.ask_for_everything(SERIAL)
        tls_broker.push(*(report(payload=layer(number)) for number in range(500)))
        assert [(await anext(session))[1].layer for _ in range(500)] == list(range(500))
    await tls_broker.left()
    assert tls_broker.got[-1].head == DISCONNECT


@pytest.mark.parametrize(
    ("host", "cafile"), [("127.0.0.1", False), ("localhost", True), ("localhost", False)]
)
async def test_a_certificate_that_is_not_the_brokers(
    nothing_left: None, tls_broker: FakeBroker, certificate: Path, host: str, *, cafile: bool
) -> None:
    """It is unknown, or of another host."""
    tls = ssl.create_default_context(cafile=[None, certificate][cafile])
    session = LiveSession(Broker(host, tls_broker.port), UID, TOKEN, tls_context=tls)
    with pytest.raises(CannotConnectError) as caught:
        await session.__aenter__()
    assert str(caught.value) == "MQTT broker: SSLCertVerificationError"
    await asyncio.get_running_loop().shutdown_default_executor()
    assert tls_broker.got == []


def _blind() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.check_hostname = False
    return tls


def _blinder() -> ssl.SSLContext:
    tls = _blind()
    tls.verify_mode = ssl.CERT_NONE
    return tls


@pytest.mark.parametrize("tls", [lambda: None, _blind, _blinder])
def test_certificates_are_always_verified(tls: Callable[[], ssl.SSLContext | None]) -> None:
    with pytest.raises(ValueError, match="must be verified"):
        LiveSession(Broker("127.0.0.1", 8883), UID, TOKEN, tls_context=tls())


async def _whole_life(session: LiveSession) -> None:
    async with session:
        await session.follow(SERIAL, OTHER)
        await session.ask_for_everything(SERIAL)
        await session.unfollow(OTHER)
        await anext(session)


@pytest.mark.parametrize("step", range(60))
async def test_cancelled_at_any_step(
    nothing_left: None, tls_broker: FakeBroker, trusting: ssl.SSLContext, step: int
) -> None:
    broker = Broker("127.0.0.1", tls_broker.port)
    session = LiveSession(broker, UID, TOKEN, tls_context=trusting)
    living = asyncio.create_task(_whole_life(session))
    await settle(step)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living
    await tls_broker.left()


@pytest.mark.parametrize("step", range(40))
async def test_a_broker_that_is_gone_at_any_step(
    nothing_left: None, patience: None, step: int
) -> None:
    async with running() as broker:
        living = asyncio.create_task(_whole_life(session_at(broker)))
        await settle(step)
    with pytest.raises(CannotConnectError):
        await living


@pytest.mark.parametrize("work", [_iterate, _follow, _unfollow])
async def test_cancelled_while_the_broker_is_silent(
    nothing_left: None, broker: FakeBroker, work: Any
) -> None:
    async with session_at(broker) as session:
        await session.follow(SERIAL)
        broker.answers = {SUBSCRIBE: b"", UNSUBSCRIBE: b""}
        working = asyncio.create_task(work(session))
        await settle()
        assert not working.done()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


async def test_cancelled_while_no_welcome_comes(nothing_left: None, broker: FakeBroker) -> None:
    broker.connack = None
    connecting = asyncio.create_task(session_at(broker).__aenter__())
    await broker.heard(CONNECT)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await broker.left()


async def test_cancelled_during_the_handshake(nothing_left: None, trusting: ssl.SSLContext) -> None:
    greeted, left = asyncio.Event(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        greeted.set()
        with suppress(ConnectionError):
            await reader.read(-1)
        left.set()
        writer.close()

    async with serving(listen) as (host, port):
        session = LiveSession(Broker(host, port), UID, TOKEN, tls_context=trusting)
        connecting = asyncio.create_task(session.__aenter__())
        await greeted.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await left.wait()


async def test_cancelled_while_nobody_picks_up(nothing_left: None) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.settimeout(0)
            caller.connect_ex(address)
        broker = Broker(*address, is_encrypted=False)
        session = LiveSession(broker, UID, TOKEN, tls_context=None)
        connecting = asyncio.create_task(session.__aenter__())
        await settle(20)
        assert not connecting.done()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        for caller in callers:
            caller.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)


@pytest.mark.parametrize("unsent", [0, 20_000_000])
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "TLS"])
async def test_the_end_does_not_depend_on_the_broker(
    *,
    nothing_left: None,
    broker: FakeBroker,
    tls_broker: FakeBroker,
    trusting: ssl.SSLContext,
    is_encrypted: bool,
    unsent: int,
) -> None:
    """The network may swallow what is sent, or not even take it."""
    broker = [broker, tls_broker][is_encrypted]
    frozen, over = asyncio.Event(), asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader_there, writer_there = await asyncio.open_connection("127.0.0.1", broker.port)
        pumps = [
            asyncio.create_task(_pump(reader, writer_there)),
            asyncio.create_task(_pump(reader_there, writer)),
        ]
        await frozen.wait()
        for pump in pumps:
            pump.cancel()
        await over.wait()
        writer_there.transport.abort()
        writer.transport.abort()

    async with serving(relay) as (host, port):
        address = Broker(host, port, is_encrypted=is_encrypted)
        session = LiveSession(address, UID, TOKEN, tls_context=trusting)
        await session.__aenter__()
        frozen.set()
        # More than goes into the network while nobody reads.
        session._connection._link.send(bytes(unsent))
        before = Things.now().files
        async with asyncio.timeout(5):
            await session.__aexit__(None, None, None)
        assert Things.now().files < before
        over.set()
        await broker.left()


# What is told of it


SECRETS = (UID, TOKEN, SERIAL, OTHER)


def leaks(text: str) -> list[str]:
    """Return the secrets that stand in a text."""
    return [secret for secret in SECRETS if secret in text]


async def test_the_log_tells_nothing(
    broker: FakeBroker, patience: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with session_at(broker) as session:
        broker.subacks[f"device/{OTHER}/report"] = 0x80
        await session.follow(SERIAL, OTHER)
        await session.ask_for_everything(SERIAL)
        broker.push(report(), report(OTHER), report(payload=b" " * 256 * 1024 + b"{}"))
        await anext(session)
        broker.answers[UNSUBSCRIBE] = b""
        with pytest.raises(CannotConnectError):
            await session.unfollow(SERIAL)
        broker.push(packet(SUBACK, b"\0\\9\0"), packet(PUBLISH, b"\0\2\xff\xfe" + SERIAL.encode()))
        with pytest.raises(CannotConnectError):
            await anext(session)
        assert leaks(repr(session)) == []
    assert "is too large" in caplog.text
    assert leaks(caplog.text) == []


def _leave(broker: FakeBroker) -> None:
    broker.answers[CONNECT] = b"\xff"


def _refuse(broker: FakeBroker) -> None:
    broker.connack = 5


def _be_silent(broker: FakeBroker) -> None:
    broker.connack = None


@pytest.mark.parametrize("fault", [_leave, _refuse, _be_silent])
async def test_errors_tell_nothing(
    broker: FakeBroker,
    patience: None,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[FakeBroker], None],
) -> None:
    fault(broker)
    with pytest.raises(BambuCloudError) as caught:
        await session_at(broker).__aenter__()
    assert leaks("".join(traceback.format_exception(caught.value))) == []
    assert leaks(f"{caught.value!r} {vars(caught.value)}") == []
    assert leaks(caplog.text) == []
