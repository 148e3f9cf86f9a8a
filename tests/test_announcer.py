"""How announcements wait: for their picture, their entity, and a Home Assistant that listens."""

import asyncio
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.announcer import COVER_TIMEOUT
from custom_components.bambu_lab_cloud.covers import Covers
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.fleet.lifecycle import NEWS
from custom_components.bambu_lab_cloud.fleet.printer import Print
from simulator import Simulator
from tests.conftest import Wait
from tests.test_prints import EVENT, P1S, told

MINUTE = timedelta(minutes=1)
# Home Assistant reloads an entry this long after one of its entities was enabled.
RELOAD = timedelta(seconds=35)

pytest_plugins = ["tests.test_prints"]


async def test_a_slow_picture_holds_no_announcement_up(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    heard: list[State],
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = str(simulator.cloud.start(P1S, duration=3600))
    await wait(IDLE)
    assert told(heard) == [("started", task)]
    arrived = asyncio.Event()
    monkeypatch.setattr(Covers, "async_fetch", lambda *_: arrived.wait())
    simulator.cloud.end(P1S, "finished")
    freezer.tick(MINUTE)
    await entry.runtime_data.fleet.async_refresh()
    await hass.async_block_till_done()
    assert told(heard) == []
    freezer.tick(COVER_TIMEOUT + 1)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert told(heard) == [("finished", task)]
    arrived.set()


async def test_nothing_is_announced_while_home_assistant_stops(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    heard: list[State],
) -> None:
    """Its automations listen no more, so it waits for the next start."""
    task = str(simulator.cloud.start(P1S, duration=3600))
    await wait(IDLE)
    told(heard)
    simulator.cloud.end(P1S, "finished")
    hass.set_state(CoreState.stopping)
    await entry.runtime_data.fleet.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert told(heard) == []
    hass.set_state(CoreState.running)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert told(heard) == [("finished", task)]


async def test_an_event_that_grows_too_old_meanwhile_holds_no_other_up(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    heard: list[State],
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its picture is awaited when it turns a day old, and a poll drops it."""

    async def fetch(self: Covers, job: Print) -> bool:
        freezer.tick(MINUTE)
        await entry.runtime_data.fleet.async_refresh()
        return False

    entity_registry.async_update_entity(EVENT, disabled_by=er.RegistryEntryDisabler.USER)
    await wait(RELOAD)
    first = str(simulator.cloud.start(P1S, duration=60))
    await wait(IDLE)
    await wait(IDLE)
    second = str(simulator.cloud.start(P1S, duration=60))
    await wait(IDLE)
    await wait(IDLE)
    monkeypatch.setattr(Covers, "async_fetch", fetch)
    freezer.tick(NEWS - 4 * IDLE - MINUTE)
    entity_registry.async_update_entity(EVENT, disabled_by=None)
    await wait(RELOAD)
    assert told(heard) == [("finished", first), ("finished", second)]
    third = str(simulator.cloud.start(P1S, duration=60))
    await wait(IDLE)
    await wait(IDLE)
    assert ("finished", third) in told(heard)
