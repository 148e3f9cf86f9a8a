"""Nothing is left of an account, at whatever moment it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
import gc
import logging
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator
from tests.conftest import settle, sign_in

P1S = "01P00A000000002"
# What an account asks for by itself.
PATHS = (
    "/v1/iot-service/api/user/bind",
    "/v1/iot-service/api/user/print",
    "/v1/iot-service/api/user/device/version",
    "/v1/iot-service/api/slicer/resource",
    "/v1/user-service/my/tasks",
    "/v1/user-service/my/messages",
    "/v1/user-service/my/message/count",
    "/covers",
)
# What the simulator's server, aiohttp's pool and core have, whose images get new tokens.
NOT_OURS = (
    "RequestHandler.",
    "_weakref_handle",
    "Image update",
    "SyncWorker",
    "ImportExecutor",
    "another store",
)

type Leave = Callable[[HomeAssistant, str], Awaitable[None]]


async def unload(hass: HomeAssistant, entry_id: str) -> None:
    assert await hass.config_entries.async_unload(entry_id)


async def disable(hass: HomeAssistant, entry_id: str) -> None:
    assert await hass.config_entries.async_set_disabled_by(entry_id, ConfigEntryDisabler.USER)


async def remove(hass: HomeAssistant, entry_id: str) -> None:
    await hass.config_entries.async_remove(entry_id)


async def reload(hass: HomeAssistant, entry_id: str) -> None:
    """Reload it, and unload what was loaded anew."""
    assert await hass.config_entries.async_reload(entry_id)
    assert await hass.config_entries.async_unload(entry_id)


LEAVE: tuple[Leave, ...] = (unload, disable, remove, reload)


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Write real files, which the harness does not by itself."""
    return {}


def left(hass: HomeAssistant) -> set[Any]:
    """Return the tasks, timers and threads that are there, but for those of others."""
    timers = {each for each in get_scheduled_timer_handles(hass.loop) if not each.cancelled()}
    things = timers | asyncio.all_tasks() | set(threading.enumerate())
    return {each for each in things if not any(name in _described(each) for name in NOT_OURS)}


def is_ours(thing: object) -> bool:
    """Return if the integration has begun something, where there was no time before it."""
    return DOMAIN in _described(thing)


def _described(thing: object) -> str:
    """Return what a thing is, and of a timer whom it calls for what."""
    owner = getattr(getattr(thing, "_callback", None), "__self__", None)
    jobs = [
        getattr(owner, "job", None),
        getattr(owner, "action", None),
        *(getattr(thing, "_args", None) or ()),
    ]
    targets = [getattr(getattr(job, "target", job), "__module__", None) for job in jobs]
    # A store of core's is none of ours.
    key = getattr(owner, "key", DOMAIN)
    store = "" if str(key).startswith(DOMAIN) else "another store"
    return f"{thing!r} {store} {type(owner).__module__} {getattr(owner, 'job_name', '')} {targets}"


async def until_asked(hass: HomeAssistant, simulator: Simulator, tick: Callable[[], None]) -> None:
    """Go on until a request is made that nobody answers."""
    tries = 0
    while simulator.cloud.faults()["active"]:
        tries += 1
        assert tries < 1000
        tick()
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
def later(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Callable[[], None]:
    """Let minutes pass."""

    def later() -> None:
        freezer.tick(timedelta(minutes=10))
        async_fire_time_changed(hass)

    return later


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log has that somebody should read, what nobody has closed included."""
    gc.collect()
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("era", ["2022"])
async def test_amid_a_request(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    later: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    path: str,
    leave: Leave,
) -> None:
    """One that is never answered."""
    await unload(hass, entry.entry_id)
    await settle(hass)
    before = left(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    simulator.cloud.start(P1S, duration=3600)
    simulator.cloud.add_fault("timeout", path, 1)
    await until_asked(hass, simulator, later)
    caplog.clear()
    await leave(hass, entry.entry_id)
    await settle(hass)
    assert complaints(caplog) == []
    assert left(hass) - before == set()


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("era", ["2022"])
async def test_home_assistant_ends_amid_a_request(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    later: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    """Timers end with its process, tasks would hold it up."""
    simulator.cloud.start(P1S, duration=3600)
    simulator.cloud.add_fault("timeout", path, 1)
    await until_asked(hass, simulator, later)
    caplog.clear()
    await hass.async_stop(force=True)
    assert complaints(caplog) == []
    assert {each for each in asyncio.all_tasks() if DOMAIN in repr(each)} == set()


async def test_amid_a_login(
    hass: HomeAssistant,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The dialog is closed while the cloud does not answer."""
    before = left(hass)
    simulator.cloud.add_fault("timeout", "/v1/user-service/user/login", 1)
    login = asyncio.create_task(sign_in(hass, "password"))
    await until_asked(hass, simulator, lambda: None)
    caplog.clear()
    for flow in hass.config_entries.flow.async_progress():
        hass.config_entries.flow.async_abort(flow["flow_id"])
    login.cancel()
    await asyncio.wait([login])
    await settle(hass)
    assert complaints(caplog) == []
    assert left(hass) - before == set()


@pytest.mark.parametrize("leave", LEAVE)
async def test_while_the_broker_says_nothing(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    leave: Leave,
) -> None:
    """It takes the connection, and never answers."""
    await unload(hass, entry.entry_id)
    await settle(hass)
    before = left(hass)
    connected, closed = asyncio.Event(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        # What is asked for is read, and then the end.
        while await reader.read(1000):
            pass
        writer.close()
        closed.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("BAMBU_LAB_CLOUD_MQTT_URL", f"mqtt://127.0.0.1:{port}")
        await hass.config_entries.async_setup(entry.entry_id)
        await connected.wait()
        caplog.clear()
        await leave(hass, entry.entry_id)
        await closed.wait()
    await settle(hass)
    assert complaints(caplog) == []
    assert left(hass) - before == set()
