"""The broker, with a client that knows nothing of it."""

from collections.abc import Callable
import json
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
import pytest

from simulator import Simulator
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
        given = {"username": f"u_{uid}", "password": tokens(account)}
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


def whats(simulator: Simulator) -> list[str]:
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
    assert whats(simulator) == ["refused"]


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
    assert whats(simulator)[:2] == ["connect", "subscribe_refused"]


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
    async with connect():
        pass
    assert whats(simulator) == ["connect", *["get_version"] * 5, "disconnect", "connect"]


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


async def test_log(simulator: Simulator, connect: Connect) -> None:
    async with connect(identifier="a secret") as client:
        await listen(client, X1C, P1S)
        await ask(client, P1S, PUSHALL)
        await heard(client)
        await client.unsubscribe(topic(X1C))
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
