import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout
import pytest

from simulator import Simulator
from simulator.answers import FAULTS
from simulator.cloud import Cloud, Fault

from .conftest import Ask

BIND = "/v1/iot-service/api/user/bind"
PREFERENCE = "/v1/design-user-service/my/preference"


@pytest.mark.parametrize(("name", "answer"), [(n, a) for n, a in FAULTS.items() if a])
async def test_faults_that_answer(ask: Ask, cloud: Cloud, name: str, answer: Any) -> None:
    cloud.add_fault(name)
    reply = await ask("GET", BIND)
    assert reply.status == answer.status
    for header, value in answer.headers.items():
        assert reply.headers[header] == value
    assert "X-Request-Id" in reply.headers


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("captcha", 400, "not a robot"),
        ("captcha_418", 418, '"code": 418'),
        ("cloudflare", 403, "Just a moment..."),
        ("cloudflare_503", 503, "Just a moment..."),
        ("rate_limited_1015", 429, "error code: 1015"),
        ("unauthorized", 401, '"code": 4,'),
        ("unauthorized_empty", 401, ""),
        ("forbidden", 403, '"code": 8'),
        ("empty", 200, ""),
        ("text", 200, "OK"),
        ("truncated_json", 200, '"dev_id": "00M'),
        ("wrong_shape", 200, '"devices": "none"'),
    ],
)
async def test_bodies(ask: Ask, cloud: Cloud, name: str, status: int, text: str) -> None:
    cloud.add_fault(name)
    reply = await ask("GET", BIND)
    assert reply.status == status
    assert text in reply.text
    assert bool(text) is bool(reply.text)


async def test_truncated_json_is_not_json(ask: Ask, cloud: Cloud) -> None:
    cloud.add_fault("truncated_json")
    reply = await ask("GET", BIND)
    with pytest.raises(ValueError, match="Unterminated"):
        assert reply.json


async def test_faults_of_a_path_for_some_times(ask: Ask) -> None:
    fault = {"path": "/v1/iot-service", "fault": "server_error", "times": 2}
    await ask("POST", "/simulator/faults", body=fault)
    listed = (await ask("GET", "/simulator/faults")).json
    assert listed["active"] == [fault]
    assert listed["names"] == sorted((*FAULTS, "body", "date"))
    statuses = [(await ask("GET", path)).status for path in (PREFERENCE, BIND, BIND, BIND)]
    assert statuses == [200, 500, 500, 200]
    assert (await ask("GET", "/simulator/faults")).json["active"] == []


async def test_faults_are_cleared(ask: Ask, cloud: Cloud) -> None:
    await ask("POST", "/simulator/faults", body={"path": "*", "fault": "server_error"})
    assert (await ask("GET", BIND)).status == 500
    assert cloud.requests()[-1]["fault"] == "server_error"
    await ask("DELETE", "/simulator/faults")
    assert (await ask("GET", BIND)).status == 200


TASKS = "/v1/user-service/my/tasks"


async def test_one_endpoint_alone_refuses_the_token(ask: Ask) -> None:
    await ask("POST", "/simulator/faults", body={"fault": "unauthorized", "path": TASKS})
    statuses = [(await ask("GET", path)).status for path in (TASKS, BIND, PREFERENCE)]
    assert statuses == [401, 200, 200]
    # Not even another one whose path begins alike.
    assert (await ask("POST", TASKS.removesuffix("s"), body={})).status == 400


@pytest.mark.parametrize(
    ("date", "header"),
    [
        (172_800, "Sun, 22 Nov 2026 12:00:00 GMT"),
        (-0.5, "Fri, 20 Nov 2026 11:59:59 GMT"),
        (-59e9, "Sat, 02 Apr 0157 03:06:40 GMT"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("yesterday", "yesterday"),
    ],
)
async def test_wrong_date(ask: Ask, date: str | float, header: str) -> None:
    fault = {"path": "*", "fault": "date", "times": 2, "date": date}
    await ask("POST", "/simulator/faults", body=fault)
    assert (await ask("GET", "/simulator/faults")).json["active"] == [fault]
    for path, status in ((BIND, 200), ("/nowhere", 404)):
        reply = await ask("GET", path)
        assert (reply.status, reply.headers.getall("Date")) == (status, [header])
    assert (await ask("GET", BIND)).headers["Date"] == "Fri, 20 Nov 2026 12:00:00 GMT"


async def test_wrong_date_of_another_fault(ask: Ask) -> None:
    fault = {"fault": "server_error", "date": 3600}
    await ask("POST", "/simulator/faults", body=fault)
    reply = await ask("GET", BIND)
    assert (reply.status, reply.headers["Date"]) == (500, "Fri, 20 Nov 2026 13:00:00 GMT")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"total": 1, "hits": [{"plateIndex": 2**70}]}, f'"plateIndex": {2**70}'),
        ([], "[]"),
        (0, "0"),
        ('{"total": NaN}', '{"total": NaN}'),
        ("", ""),
    ],
)
async def test_body_given_verbatim(ask: Ask, body: Any, text: str) -> None:
    fault = {"fault": "body", "path": TASKS, "body": body}
    await ask("POST", "/simulator/faults", body=fault)
    reply = await ask("GET", TASKS)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert text in reply.text
    assert bool(text) is bool(reply.text)
    assert (await ask("GET", BIND)).json["message"] == "success"


async def test_body_with_a_status(ask: Ask) -> None:
    fault = {"fault": "body", "path": TASKS, "body": {"code": 8}, "status": 403}
    await ask("POST", "/simulator/faults", body=fault)
    listed = (await ask("GET", "/simulator/faults")).json["active"]
    assert listed == [{"path": TASKS, "fault": "body", "times": None, "status": 403}]
    reply = await ask("GET", TASKS)
    assert (reply.status, reply.json) == (403, {"code": 8})


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "date"},
        {"fault": "date", "date": 1e12},
        {"fault": "date", "date": -1e12},
        {"fault": "server_error", "body": {}},
    ],
)
async def test_faults_that_cannot_be(ask: Ask, fault: dict[str, Any]) -> None:
    assert (await ask("POST", "/simulator/faults", body=fault)).status == 400
    assert (await ask("GET", "/simulator/faults")).json["active"] == []


async def test_disconnect(ask: Ask, cloud: Cloud) -> None:
    cloud.add_fault("disconnect", times=2)
    with pytest.raises(ClientConnectionError):
        await ask("POST", BIND)
    assert (await ask("GET", PREFERENCE)).status == 200


@pytest.fixture
async def unfrozen(socket_enabled: None) -> AsyncIterator[Simulator]:
    """Waiting ends only where time passes."""
    simulator = Simulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


async def test_slow(unfrozen: Simulator) -> None:
    unfrozen.cloud.slow_seconds = 0.1
    unfrozen.cloud.add_fault("slow")
    before = monotonic()
    async with ClientSession() as session, session.get(f"{unfrozen.url}/nowhere") as response:
        assert response.status == 404
    assert monotonic() - before >= 0.1


async def test_timeout(unfrozen: Simulator) -> None:
    unfrozen.cloud.add_fault("timeout")
    async with ClientSession(timeout=ClientTimeout(total=0.1)) as session:
        with pytest.raises(TimeoutError):
            await session.get(unfrozen.url + BIND)


async def test_stopping_ends_requests_that_hang(
    simulator: Simulator, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = asyncio.Event()

    def take_fault(_path: str) -> Fault:
        struck.set()
        return Fault("*", "timeout", None)

    monkeypatch.setattr(simulator.cloud, "take_fault", take_fault)
    hanging = asyncio.create_task(session.request("GET", simulator.url + BIND).__aenter__())
    await struck.wait()
    await simulator.stop()
    with pytest.raises(ClientConnectionError):
        await hanging
