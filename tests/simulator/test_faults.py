import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout
import pytest

from simulator import Simulator
from simulator.answers import FAULTS
from simulator.cloud import Cloud

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
    assert listed["names"] == sorted(FAULTS)
    statuses = [(await ask("GET", path)).status for path in (PREFERENCE, BIND, BIND, BIND)]
    assert statuses == [200, 500, 500, 200]
    assert (await ask("GET", "/simulator/faults")).json["active"] == []


async def test_faults_are_cleared(ask: Ask, cloud: Cloud) -> None:
    await ask("POST", "/simulator/faults", body={"path": "*", "fault": "server_error"})
    assert (await ask("GET", BIND)).status == 500
    assert cloud.requests()[-1]["fault"] == "server_error"
    await ask("DELETE", "/simulator/faults")
    assert (await ask("GET", BIND)).status == 200


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

    def take_fault(_path: str) -> str:
        struck.set()
        return "timeout"

    monkeypatch.setattr(simulator.cloud, "take_fault", take_fault)
    hanging = asyncio.create_task(session.request("GET", simulator.url + BIND).__aenter__())
    await struck.wait()
    await simulator.stop()
    with pytest.raises(ClientConnectionError):
        await hanging
