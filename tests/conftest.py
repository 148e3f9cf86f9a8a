"""A simulator in process, an account that is signed in to it, and the clock of both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import PropertyMock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import (
    CONF_CODE,
    CONF_PASSWORD,
    CONF_REGION,
    EVENT_HOMEASSISTANT_STARTED,
)
from homeassistant.core import CoreState, Event, HomeAssistant, State, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.event import (
    async_track_state_change_event,
    async_track_state_report_event,
)
from homeassistant.helpers.storage import Store
from homeassistant.setup import async_setup_component
from hypothesis import settings
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    mock_component,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.history import BEFORE_FIRST_PAGE, BETWEEN_PAGES
from simulator import Simulator
from tests.pushes import Pushes

# The same examples in every run, so that red is news; `search` looks for what they do not show.
settings.register_profile(
    "suite", max_examples=300, derandomize=True, database=None, deadline=None, print_blob=True
)
settings.register_profile(
    "search", settings.get_profile("suite"), max_examples=5000, derandomize=False
)
settings.load_profile("suite")

type Wait = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare as Home Assistant does, but for what only some of its versions have."""
    return snapshot.with_defaults(
        extension_class=HomeAssistantSnapshotExtension, exclude=props("compat_name")
    )


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep nothing from one test to the next, pictures neither."""
    return hass_tmp_config_dir


@pytest.fixture
def era() -> str:
    """Which cloud the simulator is; tests of both parametrise it."""
    return "2026"


@pytest.fixture
def past() -> int:
    """How many prints an account has in its history."""
    return 5


@pytest.fixture
def mqtt() -> Any:
    """Whether the simulator has a broker, and "manual" if printers say only what they are told."""
    return False


@pytest.fixture
async def simulator(
    socket_enabled: None,
    monkeypatch: pytest.MonkeyPatch,
    freezer: FrozenDateTimeFactory,
    era: str,
    past: int,
    mqtt: Any,
) -> AsyncIterator[Simulator]:
    """A cloud with the demo account's printers, none of which starts a print by itself."""
    freezer.move_to("2026-11-20 12:00:00+00:00")
    cloud = Simulator(era=era, seed=1, history=past, mqtt=mqtt)
    await cloud.start(port=0)
    cloud.cloud.stop_schedules()
    monkeypatch.setenv("BAMBU_LAB_CLOUD_URL", cloud.url)
    monkeypatch.setenv("BAMBU_LAB_CLOUD_MQTT_URL", cloud.mqtt_url)
    yield cloud
    await cloud.stop()


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Check what the loop checks in debug mode, as the harness does, but keep no stacks.

    It would keep that of each future, which takes longer than the tests.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.get_debug = lambda: False  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, where a test runs one; the recorder comes first."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
async def logbook(hass: HomeAssistant) -> None:
    """Have the activity without the pages that show it."""
    mock_component(hass, "frontend")
    assert await async_setup_component(hass, "logbook", {})


def listeners() -> set[asyncio.Task[Any]]:
    """Return who listens to the printers of an account, which has no end."""
    return {task for task in asyncio.all_tasks() if task.get_name().endswith("live data")}


async def settle(hass: HomeAssistant) -> None:
    """Wait for all that was begun, but for those who listen."""
    await hass.async_block_till_done()
    while tasks := hass._background_tasks - listeners():
        await asyncio.wait(tasks)
        await hass.async_block_till_done()


@pytest.fixture
def wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Wait:
    """Let time pass for Home Assistant and the simulator alike."""

    async def wait(span: timedelta) -> None:
        freezer.tick(span)
        async_fire_time_changed(hass)
        await settle(hass)

    return wait


@pytest.fixture
def everything_enabled() -> Iterator[None]:
    """Switch on what is off by default."""
    enabled = PropertyMock(return_value=True)
    with patch.object(Entity, "entity_registry_enabled_default", enabled):
        yield


async def sign_in(hass: HomeAssistant, name: str) -> Any:
    """Sign an account with a password in, as its owner does."""
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": "user"})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "password"})
    return await flows.async_configure(
        result["flow_id"],
        {
            CONF_REGION: "global",
            "account": f"{name}@example.com",
            CONF_PASSWORD: f"{name}-password",
        },
    )


async def sign_in_demo(hass: HomeAssistant, simulator: Simulator) -> MockConfigEntry:
    """Sign the demo account in, whose password needs a code as well."""
    result = await sign_in(hass, "demo")
    code = simulator.cloud.code("demo@example.com")["code"]
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {CONF_CODE: code, "next": "sign_in"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    return result["result"]


@pytest.fixture
async def entry(hass: HomeAssistant, simulator: Simulator) -> MockConfigEntry:
    """The demo account, signed in."""
    return await sign_in_demo(hass, simulator)


async def finish_start(hass: HomeAssistant) -> None:
    """Let Home Assistant be started, with automations that listen."""
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
def pushes(hass: HomeAssistant, entry: MockConfigEntry) -> Pushes:
    """The P1S of the demo account, which says nothing itself yet."""
    return Pushes(hass, entry, "01P00A000000002")


@pytest.fixture
def heard(hass: HomeAssistant) -> list[State]:
    """What an automation on the P1S's event entity hears."""
    states: list[State] = []

    @callback
    def listen(event: Event[Any]) -> None:
        new, old = event.data["new_state"], event.data["old_state"]
        # What was announced before Home Assistant was away shows again, and is no news.
        news = old is not None and old.state not in {"unavailable", new.state}
        states.extend([new] * (news and new.state != "unavailable"))

    async_track_state_change_event(hass, "event.p1s_print", listen)
    return states


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set an account up that was unloaded, and wait for all that this begins."""
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)


async def set_up_with(hass: HomeAssistant, entry: MockConfigEntry, name: str, stored: Any) -> None:
    """Set an account up again, with something else in one of its stores."""
    await hass.config_entries.async_unload(entry.entry_id)
    await Store(hass, 1, f"{DOMAIN}.{entry.entry_id}.{name}").async_save(stored)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload an account, and wait for all that this begins."""
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)


async def read_history(wait: Wait, pages: int = 3) -> None:
    """Let the past of an account be read, as it is once a while has passed since it was set up."""
    await wait(BEFORE_FIRST_PAGE + timedelta(seconds=1))
    for _ in range(pages):
        await wait(BETWEEN_PAGES + timedelta(seconds=1))


async def ask_all(wait: Wait) -> None:
    """Let the cloud be asked about the firmware of the three printers."""
    for _ in range(3):
        await wait(timedelta(seconds=25))


def asked(simulator: Simulator, path: str) -> int:
    """Return how often the cloud was asked for something since its requests were cleared."""
    return sum(request["path"] == path for request in simulator.cloud.requests())


def watch(hass: HomeAssistant, entity_ids: list[str]) -> list[str]:
    """Return the list of what is written from now on, changed or not."""
    written: list[str] = []

    @callback
    def note(event: Any) -> None:
        written.append(event.data["entity_id"])

    async_track_state_change_event(hass, entity_ids, note)
    async_track_state_report_event(hass, entity_ids, note)
    return written
