"""The broker, with a client that knows nothing of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
import json
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import Simulator, reports
from simulator.broker import _Loop
from simulator.cloud import Cloud

X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINI = "03000A000000003"
H2D = "09400A000000004"
PUSHALL = {"pushing": {"sequence_id": "0", "command": "pushall", "version": 1, "push_target": 1}}
GET_VERSION = {"info": {"sequence_id": "0", "command": "get_version"}}

type Connect = Callable[..., aiomqtt.Client]


@pytest.fixture
def options() -> dict[str, Any]:
    return {"mqtt": "manual"}


@pytest.fixture
def connect(simulator: Simulator, tokens: Callable[[str], str]) -> Connect:
    """A client of the demo account, or of another."""

    def connect(account: str = "demo", **other: Any) -> aiomqtt.Client:
        host, _, port = simulator.mqtt_url.removeprefix("mqtt://").partition(":")
        uid = simulator.cloud.accounts.find(account).uid
        # A clock that jumps would make an answer to a ping late.
        given = {"username": f"u_{uid}", "password": tokens(account), "keepalive": 65535}
        return aiomqtt.Client(host, int(port), **given | other)

    return connect


def topic(dev_id: str, kind: str = "report") -> str:
    return f"device/{dev_id}/{kind}"


async def ask(client: aiomqtt.Client, dev_id: str, body: Any) -> None:
    await client.publish(topic(dev_id, "request"), json.dumps(body))


async def heard(client: aiomqtt.Client) -> bytes:
    message = await anext(aiter(client.messages))
    assert isinstance(message.payload, bytes)
    return message.payload


async def listen(client: aiomqtt.Client, *dev_ids: str) -> None:
    for dev_id in dev_ids:
        assert [code.value for code in await client.subscribe(topic(dev_id))] == [0]


async def lost(client: aiomqtt.Client) -> None:
    """Wait until the broker cuts the connection."""
    with pytest.raises(aiomqtt.MqttError, match="Disconnected"):
        await heard(client)


def log_of(simulator: Simulator) -> list[str]:
    return [entry["what"] for entry in simulator.mqtt_log()]


@pytest.mark.parametrize(
    "other",
    [
        {"username": "demo@example.com"},
        {"username": "u_1000000002"},
        {"username": "1000000001"},
        {"password": "made up"},
        {"password": ""},
        {"username": None, "password": None},
    ],
    ids=str,
)
async def test_only_the_number_of_an_account_and_its_token_let_in(
    simulator: Simulator, connect: Connect, other: dict[str, Any]
) -> None:
    with pytest.raises(MqttConnectError) as error:
        async with connect(**other):
            pass
    # What paho makes of a 5.
    assert error.value.rc.value == 135
    assert log_of(simulator) == ["refused"]


async def test_answers(simulator: Simulator, connect: Connect) -> None:
    async with connect() as client:
        await listen(client, X1C, P1S)
        await ask(client, P1S, PUSHALL)
        await ask(client, P1S, GET_VERSION)
        full = json.loads(await heard(client))["print"]
        assert (full["command"], full["msg"]) == ("push_status", 0)
        assert json.loads(await heard(client))["info"]["command"] == "get_version"
        assert simulator.accidents() == []


@pytest.mark.parametrize(
    "refused",
    [topic(H2D), topic(P1S, "request"), "device/+/report", "device/#", "#", topic(P1S.lower())],
)
async def test_topics_of_others_are_refused(
    simulator: Simulator, connect: Connect, refused: str
) -> None:
    async with connect() as client:
        assert [code.value for code in await client.subscribe(refused)] == [128]
    assert log_of(simulator)[:2] == ["connect", "subscribe_refused"]


@pytest.mark.parametrize(
    ("to", "body", "how"),
    [
        (topic(P1S, "request"), {"print": {"sequence_id": "0", "command": "stop"}}, {}),
        (topic(P1S, "request"), {"pushing": {"sequence_id": "0", "command": "start"}}, {}),
        (topic(P1S, "request"), {"info": {"command": "get_version"}}, {}),
        (topic(P1S, "request"), {"info": {"sequence_id": 0, "command": "get_version"}}, {}),
        (topic(P1S, "request"), GET_VERSION | {"print": {}}, {}),
        (topic(P1S, "request"), [], {}),
        (topic(P1S, "request"), GET_VERSION, {"qos": 1}),
        (topic(P1S, "request"), GET_VERSION, {"retain": True}),
        (topic(P1S), GET_VERSION, {}),
        (topic(H2D, "request"), GET_VERSION, {}),
        ("elsewhere", GET_VERSION, {}),
    ],
)
async def test_everything_else_that_is_published_is_an_accident(
    simulator: Simulator, connect: Connect, to: str, body: Any, how: dict[str, Any]
) -> None:
    async with connect() as listener, connect() as client:
        await listen(listener, P1S)
        # Not to wait for what the broker may not acknowledge any more.
        client._client.publish(to, json.dumps(body), **how)
        await lost(client)
        (accident,) = simulator.accidents()
        assert (accident["account"], accident["topic"]) == ("demo", to)
        assert json.loads(accident["body"]) == body
        # Nobody else hears of it.
        await ask(listener, P1S, PUSHALL)
        assert b"push_status" in await heard(listener)


async def test_a_last_will_is_an_accident(simulator: Simulator, connect: Connect) -> None:
    with pytest.raises(MqttConnectError):
        async with connect(will=aiomqtt.Will(topic(P1S, "request"), b"stop")):
            pass
    assert simulator.accidents()[0]["body"] == "stop"


async def test_what_is_published_last_is_not_overlooked(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect() as client:
        for _ in range(5):
            await ask(client, P1S, GET_VERSION)
    await simulator.stop_broker()
    assert log_of(simulator) == ["connect", *["get_version"] * 5, "disconnect"]


async def test_unbound_printers_are_heard_no_more(
    simulator: Simulator, cloud: Cloud, connect: Connect
) -> None:
    async with connect() as client:
        await listen(client, X1C, P1S)
        cloud.remove_printer(X1C, "demo")
        await simulator.publish(X1C, b"unheard")
        await simulator.publish(P1S, b"heard")
        assert await heard(client) == b"heard"


async def test_revoked_tokens(simulator: Simulator, cloud: Cloud, connect: Connect) -> None:
    client = connect()
    async with client:
        await listen(client, P1S)
        cloud.revoke("demo@example.com")
        # The session goes on.
        await simulator.publish(P1S, b"news")
        assert await heard(client) == b"news"
        await simulator.drop_sessions("demo@example.com")
        await lost(client)
    old = client._client._password.decode()  # type: ignore[union-attr]
    with pytest.raises(MqttConnectError):
        async with connect(password=old):
            pass
    async with connect():
        pass


async def test_the_broker_alone_refuses(cloud: Cloud, connect: Connect) -> None:
    cloud.refuse_mqtt("demo")
    with pytest.raises(MqttConnectError):
        async with connect():
            pass
    async with connect("password"):
        pass
    cloud.refuse_mqtt("demo", refused=False)
    async with connect():
        pass


async def test_sessions_of_one_account_are_dropped(simulator: Simulator, connect: Connect) -> None:
    async with connect() as first, connect() as second, connect("password") as other:
        await listen(other, H2D)
        await simulator.drop_sessions("demo")
        await lost(first)
        await lost(second)
        await simulator.publish(H2D, b"news")
        assert await heard(other) == b"news"
        await simulator.drop_sessions()
        await lost(other)


async def test_the_same_client_twice(connect: Connect) -> None:
    async with connect(identifier="same") as first, connect(identifier="same") as second:
        await lost(first)
        await listen(second, P1S)
        await ask(second, P1S, PUSHALL)
        assert b"push_status" in await heard(second)


async def test_the_broker_stops_and_starts(simulator: Simulator, connect: Connect) -> None:
    url = simulator.mqtt_url
    async with connect() as client:
        await simulator.stop_broker()
        await lost(client)
    with pytest.raises(aiomqtt.MqttError):
        async with connect():
            pass
    with pytest.raises(ValueError, match="not running"):
        await simulator.push(P1S)
    await simulator.start_broker()
    assert simulator.mqtt_url == url
    async with connect() as client:
        await listen(client, P1S)
    with pytest.raises(ValueError, match="is running"):
        await simulator.start_broker()


@pytest.mark.parametrize(
    "words", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(9), b"\x10\xff\xff\xff\xff"]
)
async def test_what_is_no_client_holds_nothing_up(
    simulator: Simulator, connect: Connect, words: bytes
) -> None:
    port = int(simulator.mqtt_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    await writer.drain()
    async with connect() as client:
        await listen(client, P1S)
    await simulator.stop_broker()
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    assert log_of(simulator) == ["connect", "subscribe", "disconnect"]


async def test_who_leaves_while_it_is_let_in_is_gone(
    simulator: Simulator, tokens: Callable[[str], str], connect: Connect
) -> None:
    port = int(simulator.mqtt_url.rpartition(":")[2])
    client_id, user, password = b"hasty", b"u_1000000001", tokens("demo").encode()
    words = b"".join(len(each).to_bytes(2) + each for each in (client_id, user, password))
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + words
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x10" + bytes([len(body) % 128 | 128, len(body) // 128]) + body)
    await writer.drain()
    writer.transport.abort()
    async with connect():
        pass
    await simulator.stop_broker()
    assert log_of(simulator) == ["connect", "connect", "disconnect", "disconnect"]


async def test_log(simulator: Simulator, connect: Connect) -> None:
    async with connect(identifier="a secret") as client:
        await listen(client, X1C, P1S)
        await ask(client, P1S, PUSHALL)
        await heard(client)
        await client.unsubscribe(topic(X1C))
        (session,) = simulator.mqtt_state()["sessions"]
        assert session["dev_ids"] == [P1S]
    # It can be over later than it seems to the client.
    await simulator.stop_broker()
    await simulator.start_broker()
    async with connect(identifier="another"):
        pass
    log = simulator.mqtt_log()
    assert log[1] == {
        "n": 2,
        "at": "2026-11-20T12:00:00+00:00",
        "what": "subscribe",
        "account": "demo",
        "client": 1,
        "dev_id": X1C,
    }
    seen = [(entry["what"], entry["client"], entry.get("dev_id")) for entry in log]
    assert seen[:7] == [
        ("connect", 1, None),
        ("subscribe", 1, X1C),
        ("subscribe", 1, P1S),
        ("pushall", 1, P1S),
        ("unsubscribe", 1, X1C),
        ("disconnect", 1, None),
        ("connect", 2, None),
    ]
    assert "secret" not in str(log)
    assert simulator.mqtt_log(since=6)[0]["n"] == 7
    simulator.clear_mqtt_log()
    async with connect():
        pass
    assert simulator.mqtt_log()[0]["n"] > 7


# What printers say


@pytest.fixture
async def client(
    simulator: Simulator, cloud: Cloud, connect: Connect, freezer: FrozenDateTimeFactory
) -> AsyncIterator[aiomqtt.Client]:
    """Somebody who listens to the printers of the demo account, all of which are cold."""
    cloud.stop_schedules()
    freezer.tick(3600)
    async with connect() as client:
        await listen(client, X1C, P1S, MINI)
        yield client


async def news(client: aiomqtt.Client) -> Any:
    """The next message, the print if it is about that."""
    body = json.loads(await heard(client))
    return body.get("print", body)


async def silence(simulator: Simulator, client: aiomqtt.Client) -> None:
    """Prove that nothing else was said."""
    await simulator.publish(P1S, b"nothing else")
    assert await heard(client) == b"nothing else"


async def test_a_printer_says_what_has_changed(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client
) -> None:
    task_id = cloud.start(P1S, title="Bracket")
    await simulator.push(P1S)
    delta = await news(client)
    assert (delta["msg"], delta["gcode_state"], delta["task_id"]) == (1, "PREPARE", str(task_id))
    assert "hms" not in delta
    await simulator.push(P1S)
    assert set(await news(client)) == {
        *("command", "msg", "sequence_id"),
        *("wifi_signal", "nozzle_temper", "bed_temper", "mc_print_line_number"),
    }
    await simulator.push(P1S, full=True)
    assert (await news(client))["msg"] == 0
    await simulator.push(X1C)
    assert len(await news(client)) > 80


async def test_pushall_is_what_the_next_delta_follows(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client
) -> None:
    cloud.start(P1S)
    await ask(client, P1S, PUSHALL)
    assert (await news(client))["gcode_state"] == "PREPARE"
    await simulator.push(P1S)
    assert "gcode_state" not in await news(client)


async def test_no_delta_overtakes_the_full_message_before_it(
    simulator: Simulator, client: aiomqtt.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, answered = simulator.published, asyncio.Event()

    def watched(*args: Any) -> bool:
        answered.set()
        return published(*args)

    monkeypatch.setattr(simulator, "published", watched)
    for _ in range(20):
        await ask(client, P1S, PUSHALL)
        await answered.wait()
        answered.clear()
        await simulator.push(P1S)
        assert [(await news(client))["msg"] for _ in range(2)] == [0, 1]


async def test_lost_messages_count_as_told(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client
) -> None:
    simulator.lose(P1S, 1)
    cloud.start(P1S)
    await simulator.push(P1S)
    await silence(simulator, client)
    await simulator.push(P1S)
    assert "gcode_state" not in await news(client)
    await ask(client, P1S, PUSHALL)
    assert (await news(client))["gcode_state"] == "PREPARE"


async def test_who_comes_later_has_missed_what_was_said(
    simulator: Simulator, cloud: Cloud, connect: Connect
) -> None:
    cloud.stop_schedules()
    cloud.start(P1S, title="Bracket", prepares=0)
    async with connect() as client:
        await listen(client, P1S)
        cloud.end(P1S)
        await simulator.push(P1S)
        delta = await news(client)
        assert delta["gcode_state"] == "FINISH"
        assert "subtask_name" not in delta


@pytest.mark.parametrize("dev_id", [X1C, P1S])
async def test_power_off_is_told_late_and_on_at_once(
    simulator: Simulator,
    cloud: Cloud,
    client: aiomqtt.Client,
    freezer: FrozenDateTimeFactory,
    dev_id: str,
) -> None:
    cloud.change_printer(dev_id, online=False)
    await ask(client, dev_id, PUSHALL)
    await ask(client, dev_id, GET_VERSION)
    for span in (0, 199):
        freezer.tick(span)
        await simulator.push(dev_id)
        assert await news(client) == {}
    freezer.tick(1)
    await simulator.push(dev_id)
    gone = {"event": "client.disconnected", "disconnected_at": "1795179800000"}
    assert await news(client) == {"event": gone}
    await simulator.push(dev_id)
    await silence(simulator, client)
    cloud.change_printer(dev_id, online=True)
    await simulator.push(dev_id)
    back = {"event": "client.connected", "connected_at": "1795179800000"}
    assert await news(client) == {"event": back}
    assert (await news(client))["command"] == "push_status"
    # Only what was asked before it went was ever answered: nothing.
    await silence(simulator, client)


@pytest.mark.parametrize(
    ("dev_id", "span", "events"),
    [
        (P1S, 10, ["disconnected", "connected"]),
        # Of both at once nobody knows which comes first.
        (X1C, 10, ["connected", "disconnected"]),
        (X1C, 300, ["disconnected", "connected"]),
    ],
)
async def test_a_short_absence(
    simulator: Simulator,
    cloud: Cloud,
    client: aiomqtt.Client,
    freezer: FrozenDateTimeFactory,
    dev_id: str,
    span: float,
    events: list[str],
) -> None:
    cloud.change_printer(dev_id, online=False)
    freezer.tick(span)
    cloud.change_printer(dev_id, online=True)
    await simulator.push(dev_id)
    told = [(await news(client))["event"]["event"] for _ in events]
    assert told == [f"client.{event}" for event in events]
    assert (await news(client))["command"] == "push_status"


async def test_a_printer_that_never_was_on_is_not_said_to_be_gone(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client, freezer: FrozenDateTimeFactory
) -> None:
    freezer.tick(300)
    await simulator.push(MINI)
    await silence(simulator, client)
    cloud.change_printer(MINI, online=True)
    await simulator.push(MINI)
    assert (await news(client))["event"]["event"] == "client.connected"


@pytest.mark.parametrize("options", [{"mqtt": "manual", "silence": 5}])
async def test_how_late_power_off_is_told(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client, freezer: FrozenDateTimeFactory
) -> None:
    cloud.change_printer(P1S, online=False)
    freezer.tick(5)
    await simulator.push(P1S)
    assert "event" in await news(client)


async def test_anything_can_be_said(simulator: Simulator, client: aiomqtt.Client) -> None:
    printer = simulator.cloud.printer(X1C)
    for body in (others := reports.foreign(printer)):
        await simulator.publish(X1C, body)
    received = [await heard(client) for _ in others]
    assert any(printer.access_code.strip().encode() in body for body in received)
    assert received[-1] == b"[]"


async def test_secrets_are_known(simulator: Simulator, client: aiomqtt.Client) -> None:
    await ask(client, X1C, PUSHALL)
    said = (await heard(client)).decode()
    assert sum(secret in said for secret in simulator.mqtt_secrets()) > 4


async def test_the_serial_of_an_ams_comes_with_the_second_answer(client: aiomqtt.Client) -> None:
    for expected in (False, True):
        await ask(client, X1C, GET_VERSION)
        assert ("sn" in (await news(client))["info"]["module"][-1]) is expected


# By themselves


def test_the_broker_goes_on_while_the_clocks_stand(freezer: FrozenDateTimeFactory) -> None:
    with closing(_Loop()) as loop:
        assert loop.time() < loop.time()


async def test_who_speaks_up(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client, freezer: FrozenDateTimeFactory
) -> None:
    await simulator.speak_up()
    # One has noise to tell, the other rests in silence.
    assert set(await news(client)) > {"wifi_signal", "nozzle_temper"}
    await simulator.speak_up()
    await silence(simulator, client)
    freezer.tick(3)
    await simulator.speak_up()
    assert "wifi_signal" in await news(client)
    await silence(simulator, client)
    cloud.start(X1C, prepares=0)
    await simulator.speak_up()
    assert (await news(client))["gcode_state"] == "RUNNING"
    # Whether the state is another is told at once, all else every two or three seconds.
    freezer.tick(1)
    await simulator.speak_up()
    await silence(simulator, client)
    cloud.end(X1C)
    await simulator.speak_up()
    assert (await news(client))["gcode_state"] == "FINISH"


async def test_one_in_eight_messages_is_not_of_the_state(
    simulator: Simulator, client: aiomqtt.Client, freezer: FrozenDateTimeFactory
) -> None:
    for _ in range(32):
        freezer.tick(3)
        await simulator.speak_up()
    bodies = [await heard(client) for _ in range(36)]
    await silence(simulator, client)
    assert sum(b"wifi_signal" in body for body in bodies) == 32


async def test_power_that_goes_and_comes_by_itself(
    simulator: Simulator, cloud: Cloud, client: aiomqtt.Client, freezer: FrozenDateTimeFactory
) -> None:
    cloud.change_printer(P1S, online=False)
    for _ in range(90):
        await simulator.speak_up()
        freezer.tick(2.5)
    cloud.change_printer(P1S, online=True)
    await simulator.speak_up()
    # Every half a minute nothing, then that it is gone, then that it is back.
    assert [await news(client) for _ in range(7)] == [{}] * 7
    assert (await news(client))["event"]["event"] == "client.disconnected"
    assert (await news(client))["event"]["event"] == "client.connected"
    assert (await news(client))["msg"] == 0
    await silence(simulator, client)


async def test_printers_speak_by_themselves(socket_enabled: None) -> None:
    """In the time that really passes."""
    simulator = Simulator(mqtt=True)
    await simulator.start()
    accounts = simulator.cloud.accounts
    token = accounts.token(demo := accounts.find("demo"), datetime.now(UTC))
    port = int(simulator.mqtt_url.rpartition(":")[2])
    async with aiomqtt.Client(
        "127.0.0.1", port, username=f"u_{demo.uid}", password=token
    ) as client:
        await listen(client, P1S)
        assert "wifi_signal" in await news(client)
    await simulator.stop()
