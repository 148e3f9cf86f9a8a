"""An account that is unloaded, reloaded or removed while the cloud is asked."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.bambu_lab_cloud.api import BambuCloud
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator
from tests.conftest import Wait, set_up

P1S = "01P00A000000002"
EVENT = "event.p1s_print"
MINUTE = timedelta(minutes=1)

type Gate = Callable[[str], tuple[asyncio.Event, asyncio.Event]]


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Write real files, which the harness does not by itself."""
    return {}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Let the first answer to a question wait; return the events of its arrival and its release."""

    def gate(method: str) -> tuple[asyncio.Event, asyncio.Event]:
        arrived, released = asyncio.Event(), asyncio.Event()
        ask = getattr(BambuCloud, method)
        waits = iter([arrived])

        async def slow(self: BambuCloud, *args: Any, **options: Any) -> Any:
            answer = await ask(self, *args, **options)
            for event in waits:
                event.set()
                await released.wait()
            return answer

        monkeypatch.setattr(BambuCloud, method, slow)
        return arrived, released

    return gate


async def look(hass: HomeAssistant, entity_id: str) -> None:
    """Ask for an update, which no account owns."""
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": entity_id}, blocking=True
    )


async def test_a_poll_ends_with_its_account(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    wait: Wait,
    gate: Gate,
) -> None:
    """It writes nothing over what the account that was loaded anew has written since."""
    assert await async_setup_component(hass, "homeassistant", {})
    task = str(simulator.cloud.start(P1S, duration=3600))
    await wait(IDLE)
    for _ in range(3):
        await wait(MINUTE)
    heard = async_capture_events(hass, "state_changed")
    simulator.cloud.end(P1S)
    freezer.tick(20)
    arrived, released = gate("get_tasks")
    poll = hass.async_create_task(look(hass, "sensor.p1s"))
    await arrived.wait()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    released.set()
    await poll
    await hass.async_block_till_done(wait_background_tasks=True)
    file = Path(hass.config.path(".storage", f"{DOMAIN}.{entry.entry_id}.announced"))
    killed = file.read_text()
    await hass.config_entries.async_unload(entry.entry_id)
    file.write_text(killed)
    await set_up(hass, entry)
    await wait(MINUTE)
    told = [
        change.data["new_state"].attributes["task_id"]
        for change in heard
        if change.data["entity_id"] == EVENT
        and change.data["new_state"].attributes.get("event_type") == "finished"
        and change.data["old_state"].state not in {"unavailable", change.data["new_state"].state}
    ]
    assert told == [task]


@pytest.mark.parametrize(
    ("method", "entity_id"),
    [
        ("get_devices", "sensor.p1s"),
        ("get_print_status", "sensor.p1s"),
        ("get_device_versions", "update.p1s_firmware"),
        ("get_messages", "sensor.demo_maker_unread_messages"),
    ],
)
@pytest.mark.parametrize("era", ["2022"])
async def test_nothing_comes_back_after_removal(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    wait: Wait,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    method: str,
    entity_id: str,
) -> None:
    """Neither a file nor a device nor a line in the log."""
    assert await async_setup_component(hass, "homeassistant", {})
    for _ in range(5):
        await wait(2 * MINUTE)
    simulator.cloud.start(P1S, duration=60)
    freezer.tick(2 * MINUTE)
    arrived, released = gate(method)
    caplog.clear()
    poll = hass.async_create_task(look(hass, entity_id))
    await arrived.wait()
    await hass.config_entries.async_remove(entry.entry_id)
    released.set()
    await poll
    for _ in range(3):
        await wait(MINUTE)
    storage = Path(hass.config.path(".storage"))
    assert [path.name for path in storage.iterdir() if DOMAIN in path.name] == []
    assert dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id) == []
    ours = [record for record in caplog.records if DOMAIN in record.name]
    assert [record.getMessage() for record in ours if record.levelno >= logging.WARNING] == []
