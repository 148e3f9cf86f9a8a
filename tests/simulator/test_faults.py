import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from typing import Any

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
)
from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import Simulator
from simulator.answers import FAULTS
from simulator.cloud import Cloud
from simulator.faults import NAMES, Fault

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
    assert listed["names"] == sorted(NAMES)
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
        {"fault": "server_error", "after": -1},
        {"fault": "server_error", "lasts": -1},
    ],
)
async def test_faults_that_cannot_be(ask: Ask, fault: dict[str, Any]) -> None:
    assert (await ask("POST", "/simulator/faults", body=fault)).status == 400
    assert (await ask("GET", "/simulator/faults")).json["active"] == []


@pytest.mark.parametrize(
    ("name", "method", "error"),
    [
        # Who asks by GET asks again at once.
        ("disconnect", "POST", ClientConnectionError),
        ("reset", "POST", ClientConnectionError),
        ("truncated", "GET", ClientPayloadError),
        ("wrong_gzip", "GET", ClientPayloadError),
    ],
)
async def test_answers_that_do_not_come_whole(
    ask: Ask, cloud: Cloud, name: str, method: str, error: type[Exception]
) -> None:
    cloud.add_fault(name, times=1)
    with pytest.raises(error):
        await ask(method, BIND)
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


async def test_trickle(unfrozen: Simulator) -> None:
    unfrozen.cloud.add_fault("trickle")
    async with ClientSession() as session, session.get(f"{unfrozen.url}{BIND}") as response:
        assert response.status == 401
        assert await response.content.read(1) == b"{"
        assert unfrozen.cloud.stalled == 1


async def test_empty_list(devices: Any, cloud: Cloud) -> None:
    cloud.add_fault("emptied", times=1)
    assert await devices() == []
    assert len(await devices()) == 3


async def test_changed_types_and_fields_left_out(devices: Any, cloud: Cloud) -> None:
    """Never another value of the same type, which would be a lie."""
    told = await devices()
    for name in ("types", "fields"):
        cloud.add_fault(name, times=1)
        spoiled = await devices()
        assert spoiled != told
        same = [
            (right, wrong)
            for before, after in zip(told, spoiled, strict=True)
            for key, right in before.items()
            if type(right) is type(wrong := after.get(key))
        ]
        assert same
        assert all(right == wrong for right, wrong in same)


async def test_old_answer(devices: Any, cloud: Cloud, freezer: FrozenDateTimeFactory) -> None:
    old = await devices()
    (printer, *_) = cloud.printers_of(cloud.accounts.find("demo"))
    cloud.change_printer(printer.dev_id, name="Other")
    freezer.tick(timedelta(minutes=9))
    cloud.add_fault("old", times=1)
    new = await devices()
    assert new[0]["name"] == "Other"
    freezer.tick(timedelta(minutes=1))
    cloud.add_fault("old", times=1)
    assert (await devices())[0]["name"] == old[0]["name"] != "Other"
    assert (await devices())[0]["name"] == "Other"


async def test_faults_by_schedule(ask: Ask, freezer: FrozenDateTimeFactory) -> None:
    fault = {"fault": "server_error", "path": BIND, "after": 60, "lasts": 3600}
    await ask("POST", "/simulator/faults", body=fault)
    (listed,) = (await ask("GET", "/simulator/faults")).json["active"]
    assert listed["begins"] == "2026-11-20T12:01:00+00:00"
    assert listed["ends"] == "2026-11-20T13:01:00+00:00"
    statuses = []
    for seconds in (0, 60, 3599, 1):
        freezer.tick(timedelta(seconds=seconds))
        statuses.append((await ask("GET", BIND)).status)
    assert statuses == [200, 500, 500, 200]
    assert (await ask("GET", "/simulator/faults")).json["active"] == []


def struck(seed: int, *paths: str) -> list[str | None]:
    """Return what happens to requests by a plan."""
    cloud = Cloud()
    cloud.plan_faults(seed, 0.3)
    return [fault and fault.name for fault in map(cloud.take_fault, paths)]


def test_a_plan_strikes_by_seed_and_by_path() -> None:
    alone = struck(1, *[BIND] * 500)
    assert 100 < sum(name is not None for name in alone) < 200
    assert len({*alone}) > 15
    assert struck(1, *[BIND] * 500) == alone
    assert struck(2, *[BIND] * 500) != alone
    # Whatever else is asked meanwhile.
    assert struck(1, *[PREFERENCE, BIND] * 500)[1::2] == alone
    assert struck(1, *["/covers/a.png"] * 500) == [None] * 500


async def test_a_plan_ends_with_the_faults(ask: Ask) -> None:
    plan = {"seed": 1, "share": 1, "weights": {"server_error": 1}}
    await ask("PUT", "/simulator/faults/plan", body=plan)
    assert (await ask("GET", BIND)).status == 500
    await ask("POST", "/simulator/faults", body={"fault": "forbidden", "times": 1})
    statuses = [(await ask("GET", BIND)).status for _ in range(2)]
    assert statuses == [403, 500]
    listed = (await ask("GET", "/simulator/faults")).json
    assert listed["plan"] == {"seed": 1, "share": 1, "path": "/v1/"}
    await ask("DELETE", "/simulator/faults")
    assert (await ask("GET", BIND)).status == 200


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ({"seed": 1, "share": 1.1}, 400),
        ({"seed": 1, "weights": {"body": 1}}, 404),
        ({"seed": 1, "weights": {"none": 1}}, 404),
    ],
)
async def test_plans_that_cannot_be(ask: Ask, plan: dict[str, Any], status: int) -> None:
    assert (await ask("PUT", "/simulator/faults/plan", body=plan)).status == status
    assert (await ask("GET", BIND)).status == 200


async def test_connections_are_refused(ask: Ask, simulator: Simulator) -> None:
    assert (await ask("GET", BIND)).status == 200
    await simulator.refuse()
    with pytest.raises(ClientConnectorError):
        await ask("GET", BIND)
    await simulator.accept()
    assert (await ask("GET", BIND)).status == 200
