"""What is written when: few lines in the activity, and no state that did not change."""

from collections import Counter
from datetime import timedelta
from typing import Any

from homeassistant.components.logbook.helpers import async_filter_entities
from homeassistant.const import ATTR_ENTITY_ID, EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud import PLATFORMS
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.history import BETWEEN_READINGS
from simulator import Simulator
from tests.api.reports import x1c
from tests.conftest import Wait, sign_in, watch
from tests.pushes import Pushes

P1S = "01P00A000000002"
MINUTE = timedelta(minutes=1)
HALF = timedelta(seconds=30)

VISIBLE = {
    "calendar.p1s_print_history",
    "event.p1s_print",
    "image.p1s_print_preview",
    "sensor.p1s",
    "sensor.p1s_print_end",
    "sensor.p1s_print_title",
    "sensor.p1s_progress",
    "sensor.p1s_total_filament_weight",
    "sensor.p1s_total_prints",
}
HIDDEN = {
    "image.p1s_last_print_preview",
    "sensor.p1s_last_print_duration",
    "sensor.p1s_success_rate",
    "sensor.p1s_total_print_time",
}
DIAGNOSTIC = {"binary_sensor.p1s_connectivity", "update.p1s_firmware"}


def enabled(registry: er.EntityRegistry, printer: str = "p1s") -> list[er.RegistryEntry]:
    """The enabled entities of a printer, in the order in which they were added."""
    return [
        each
        for each in registry.entities.values()
        if each.platform == DOMAIN
        and not each.disabled
        and each.entity_id.partition(".")[2].startswith(printer)
    ]


def activity(hass: HomeAssistant, registry: er.EntityRegistry) -> list[str]:
    """Return the list of what stands in the activity of a printer from now on."""
    ids = async_filter_entities(hass, [each.entity_id for each in enabled(registry)])
    changes: list[str] = []

    @callback
    def note(event: Any) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        changes.extend([f"{new.entity_id}: {new.state}"] * (old.state != new.state))

    @callback
    def note_line(event: Any) -> None:
        changes.append(f"{event.data[ATTR_ENTITY_ID]}: {event.data['message']}")

    async_track_state_change_event(hass, ids, note)
    hass.bus.async_listen(EVENT_LOGBOOK_ENTRY, note_line)
    return changes


@pytest.fixture
async def _platforms(hass: HomeAssistant) -> None:
    """Have them set up before any integration, as Home Assistant does when it starts."""
    for platform in PLATFORMS:
        assert await async_setup_component(hass, platform, {})


@pytest.mark.usefixtures("_platforms", "entry")
async def test_what_is_shown_by_default(entity_registry: er.EntityRegistry) -> None:
    """At most twelve tiles on the page of an area; sensors first, status and progress on top."""
    found = enabled(entity_registry)
    assert {each.entity_id for each in found} == VISIBLE | HIDDEN | DIAGNOSTIC
    assert {each.entity_id for each in found if each.hidden} == HIDDEN
    assert {each.entity_id for each in found if each.entity_category} == DIAGNOSTIC
    ids = [each.entity_id for each in found]
    assert ids[:4] == [
        "sensor.p1s",
        "sensor.p1s_progress",
        "sensor.p1s_print_end",
        "sensor.p1s_print_title",
    ]
    assert [each.startswith("sensor.") for each in ids] == sorted(
        (each.startswith("sensor.") for each in ids), reverse=True
    )


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.parametrize(("result", "task_lag"), [("finished", 0), ("failed", 40)])
async def test_a_print_is_ten_lines_of_activity(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    result: str,
    task_lag: int,
) -> None:
    """From its start to its end, in the activity on the page of its printer."""
    await wait(IDLE)
    await wait(IDLE)
    changes = activity(hass, entity_registry)
    simulator.cloud.start(P1S, duration=1800, title="Boat", result=result, task_lag=task_lag)
    for _ in range(40):
        await wait(MINUTE)
    assert [each for each in changes if each.startswith("event.")][1:]
    assert len(changes) <= 10, changes


# What an X1C is at before it prints, for how many half minutes each.
PREPARING = {13: 1, 2: 6, 14: 2, 11: 1, 1: 4, 7: 2, 22: 1, 24: 1, 9: 2, 8: 3, 12: 1}


async def test_a_print_with_live_data_is_thirty_lines_of_activity(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """From its start to its end, in one color, and an hour after it."""
    pushes = Pushes(hass, entry, P1S, "X1 Carbon")
    body = x1c() | {"hms": [], "stg_cur": -1}
    await wait(IDLE)
    await pushes.full(body, gcode_state="FINISH", mc_percent=100)
    await pushes.say(ams={"tray_now": "255"})
    await wait(IDLE)
    changes = activity(hass, entity_registry)
    task = str(simulator.cloud.start(P1S, duration=5400, title="Boat"))
    await pushes.say(
        gcode_state="PREPARE",
        task_id=task,
        subtask_id=task,
        subtask_name="Boat",
        mc_percent=0,
        mc_remaining_time=50,
        layer_num=0,
    )
    await wait(HALF)
    for stage, halves in PREPARING.items():
        # What is left stands still meanwhile.
        await pushes.say(gcode_state="RUNNING", stg_cur=stage)
        for half in range(halves):
            await wait(HALF)
            await pushes.say(mc_remaining_time=50, nozzle_temper=100.0 + 7 * half)
    await pushes.say(stg_cur=0, ams={"tray_now": "0"})
    for half in range(84):
        await wait(HALF)
        await pushes.say(
            mc_percent=half * 100 // 84, mc_remaining_time=42 - half // 2, layer_num=half
        )
    simulator.cloud.end(P1S, "finished")
    await pushes.say(gcode_state="FINISH", stg_cur=-1, ams={"tray_now": "255"})
    for _ in range(60):
        await wait(MINUTE)
    told = Counter(each.partition(":")[0] for each in changes)
    assert told["event.p1s_print"] == 3
    assert told["sensor.p1s_stage"] >= len(PREPARING)
    assert len(changes) <= 30, changes


async def test_a_print_in_the_list_writes_its_printer_alone(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    wait: Wait,
) -> None:
    """Whether a page of the list brings it or a poll."""
    for _ in range(10):
        await wait(2 * MINUTE)
    others = [each.entity_id for each in enabled(entity_registry, "workshop_x1c")]
    # Home Assistant itself gives pictures a new token every few minutes.
    written = watch(hass, [each for each in others if not each.startswith("image.")])
    simulator.cloud.start(P1S, duration=60, task_lag=0)
    for _ in range(5):
        await wait(MINUTE)
    assert hass.states.get("sensor.p1s").state == "finished"
    await wait(BETWEEN_READINGS + MINUTE)
    assert written == []


async def test_pages_of_a_farm_write_what_they_change(
    hass: HomeAssistant, simulator: Simulator, wait: Wait
) -> None:
    """Two hundred printers, whose history and firmware are read for the first time."""
    result = await sign_in(hass, "farm")
    await hass.async_block_till_done(wait_background_tasks=True)
    registry = er.async_get(hass)
    ids = [
        each.entity_id
        for each in er.async_entries_for_config_entry(registry, result["result"].entry_id)
    ]
    for _ in range(2):
        await wait(timedelta(seconds=20))
    written = watch(hass, ids)
    await wait(timedelta(seconds=11))
    # One answer about one printer's firmware.
    assert 1 <= len(written) <= 3
