"""The blueprint that shows the progress of prints on lock screens."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE, SEVERAL_PRINTING
from simulator import Simulator
from tests.api.reports import p1s
from tests.conftest import Wait, reload, set_up, sign_in_demo
from tests.pushes import Pushes

from .conftest import MINUTE, P1S, X1C, Automate, Phone, Restart, pass_time

BLUEPRINT = "live_progress"
PRINTERS = {
    "printers": ["sensor.p1s", "sensor.workshop_x1c"],
    "progress": ["sensor.p1s_progress", "sensor.workshop_x1c_progress"],
}
CLEAR = "clear_notification"
# How long a status stands before it is shown.
STANDS = timedelta(seconds=6)
HOUR = timedelta(hours=1)


def shown(phone: Phone) -> list[tuple[str, int | None]]:
    """Return what a phone was told since this was asked last: messages and percentages."""
    told = [(each["message"], each["data"].get("progress")) for each in phone.told]
    phone.calls.clear()
    return told


def tag(registry: dr.DeviceRegistry, printer: str) -> str:
    (device,) = registry.async_get_devices(identifiers={(DOMAIN, printer)})
    return f"print-progress-{device.id}"


@pytest.fixture
async def automation(automate: Automate, entry: MockConfigEntry, phone: Phone) -> str:
    """An automation for the printers of an account that was there before."""
    return await automate(BLUEPRINT, **PRINTERS, phones=[phone.id])


async def begin(simulator: Simulator, wait: Wait, **options: Any) -> None:
    """Begin a print of the P1S, and let it be shown."""
    simulator.cloud.start(P1S, **{"duration": 6000, "title": "Boat"} | options)
    await wait(IDLE)
    await wait(STANDS)


async def test_from_start_to_end(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    tablet: Phone,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Where progress is estimated: it is told in steps, and counts down by itself."""
    await automate(BLUEPRINT, **PRINTERS, phones=[phone.id, tablet.id], path="/printers/1")
    end = int(freezer().timestamp()) + 6000
    await begin(simulator, wait)
    assert phone.told == [
        {
            "title": "P1S",
            "message": "Printing: Boat",
            "data": {
                "tag": tag(device_registry, P1S),
                "live_update": True,
                "alert_once": True,
                "sticky": True,
                "url": "/printers/1",
                "clickAction": "/printers/1",
                "channel": "3D printer progress",
                "importance": "low",
                "priority": "high",
                "notification_icon": "mdi:printer-3d-nozzle",
                "notification_icon_color": "#1565c0",
                "color": "#1565c0",
                "push": {"sound": "none", "interruption-level": "passive"},
                "progress": 3,
                "progress_max": 100,
                "critical_text": "3 %",
                "chronometer": True,
                "when": end,
            },
        }
    ]
    assert tablet.told == phone.told
    shown(phone)
    await pass_time(wait, 105)
    *steps, last = shown(phone)
    # A step is seen by the next poll, a percent late.
    assert [percent // 5 for _, percent in steps] == list(range(1, 20))
    assert {message for message, _ in steps} == {"Printing: Boat"}
    assert last == (CLEAR, None)
    assert tablet.told[-1] == {"message": CLEAR, "data": {"tag": tag(device_registry, P1S)}}


async def test_two_printers(
    automation: str,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    phone: Phone,
) -> None:
    """Each has its own, which ends with its print."""
    simulator.cloud.start(X1C, duration=6000, title="Vase")
    await begin(simulator, wait)
    ours = {each["title"]: each["data"]["tag"] for each in phone.told}
    assert ours == {"P1S": tag(device_registry, P1S), "Workshop X1C": tag(device_registry, X1C)}
    assert sorted(shown(phone)) == [("Printing: Boat", 3), ("Printing: Vase", 3)]
    simulator.cloud.end(X1C, "failed")
    await wait(SEVERAL_PRINTING)
    await wait(STANDS)
    assert [each["data"]["tag"] for each in phone.told if each["message"] == CLEAR] == [
        tag(device_registry, X1C)
    ]


async def test_what_the_printer_says_itself(
    automation: str, simulator: Simulator, pushes: Pushes, wait: Wait, phone: Phone
) -> None:
    """Its progress counts, and while it is paused no time counts down."""
    await wait(IDLE)
    await pushes.full(p1s(), gcode_state="FINISH")
    await wait(10 * STANDS)
    task = str(simulator.cloud.start(P1S, duration=6000, title="Boat"))
    job = {"task_id": task, "subtask_id": task, "subtask_name": "Boat"}
    await pushes.full(p1s(), **job, gcode_state="PREPARE", mc_percent=0, mc_remaining_time=100)
    await wait(STANDS)
    await pushes.say(gcode_state="RUNNING")
    await wait(STANDS)
    await pushes.say(mc_percent=4)
    await pushes.say(mc_percent=5, mc_remaining_time=90)
    await wait(STANDS)
    await pushes.say(gcode_state="PAUSE", stg_cur=6)
    await wait(STANDS)
    counts = [each["data"].get("chronometer") for each in phone.told]
    assert shown(phone) == [
        ("Preparing: Boat", 0),
        ("Printing: Boat", 0),
        ("Printing: Boat", 5),
        ("Paused: Boat", 5),
    ]
    assert counts == [True, True, True, None]
    await pushes.say(gcode_state="RUNNING", stg_cur=0)
    await wait(STANDS)
    assert phone.told[-1]["data"]["chronometer"]
    await pushes.say(gcode_state="FAILED", print_error=0x0300400C)
    await wait(STANDS)
    assert shown(phone) == [("Printing: Boat", 5), (CLEAR, None)]


async def test_an_end_that_is_put_away_at_once(
    automation: str, simulator: Simulator, pushes: Pushes, wait: Wait, phone: Phone
) -> None:
    """Somebody stands at the printer, and it is idle before the end has stood for long."""
    await wait(IDLE)
    await pushes.full(p1s(), gcode_state="FINISH")
    await wait(10 * STANDS)
    task = str(simulator.cloud.start(P1S, duration=3600, title="Boat"))
    await pushes.full(p1s(), task_id=task, subtask_id=task, subtask_name="Boat")
    await wait(MINUTE)
    shown(phone)
    await pushes.say(gcode_state="FAILED", print_error=0x0300400C)
    await wait(STANDS / 2)
    await pushes.say(gcode_state="IDLE", print_error=0)
    await wait(STANDS / 2)
    await wait(STANDS)
    assert shown(phone)[-1:] == [(CLEAR, None)]


async def test_a_print_of_which_nobody_knows_how_long_it_takes(
    automation: str, simulator: Simulator, wait: Wait, phone: Phone
) -> None:
    """From the SD card: a bar without a measure, and no title."""
    await begin(simulator, wait, task=False)
    (told,) = phone.told
    assert told["message"] == "Printing"
    assert told["data"]["progress_indeterminate"] is True
    assert {"progress", "progress_max", "critical_text", "chronometer", "when"}.isdisjoint(
        told["data"]
    )


async def test_what_ran_before_is_shown_with_its_next_step(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """An account that is new begins nothing, nor do printers that rest."""
    simulator.cloud.start(P1S, duration=6000, title="Boat")
    await automate(BLUEPRINT, **PRINTERS, phones=[phone.id])
    await sign_in_demo(hass, simulator)
    await pass_time(wait, 4)
    assert shown(phone) == []
    await pass_time(wait, 2)
    assert shown(phone) == [("Printing: Boat", 5)]


async def test_a_restart_begins_nothing_anew(
    simulator: Simulator, wait: Wait, restart: Restart, phone: Phone
) -> None:
    """It may have been put away; the next step shows what is true then."""
    simulator.cloud.start(P1S, duration=6000, title="Boat")
    await wait(IDLE)
    await restart(10 * MINUTE, BLUEPRINT, **PRINTERS, phones=[phone.id])
    await wait(STANDS)
    # Of the other printer.
    assert shown(phone) == [(CLEAR, None)]
    await pass_time(wait, 4)
    assert shown(phone) == [("Printing: Boat", 15)]


async def test_a_reload_begins_nothing_anew(
    hass: HomeAssistant,
    automation: str,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    phone: Phone,
) -> None:
    await begin(simulator, wait)
    await pass_time(wait, 6)
    assert shown(phone) == [("Printing: Boat", 3), ("Printing: Boat", 5)]
    await reload(hass, entry)
    await wait(STANDS)
    assert [each for each in shown(phone) if each[0] != CLEAR] == []
    await pass_time(wait, 3)
    assert shown(phone) == [("Printing: Boat", 10)]


async def test_a_print_that_ended_while_home_assistant_was_off(
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    restart: Restart,
    phone: Phone,
) -> None:
    await begin(simulator, wait)
    await restart(5 * HOUR, BLUEPRINT, **PRINTERS, phones=[phone.id])
    await wait(STANDS)
    tags = {each["data"]["tag"] for each in phone.told}
    assert tag(device_registry, P1S) in tags
    assert {message for message, _ in shown(phone)} == {CLEAR}


async def test_a_print_that_ended_while_the_account_was_away(
    hass: HomeAssistant,
    automation: str,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    phone: Phone,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Too short for it to be gone by then."""
    await begin(simulator, wait, duration=900)
    shown(phone)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(20 * MINUTE)
    await set_up(hass, entry)
    await wait(STANDS)
    assert tag(device_registry, P1S) in {each["data"]["tag"] for each in phone.told}
    assert {message for message, _ in shown(phone)} == {CLEAR}


async def test_a_printer_that_goes_offline(
    automation: str, simulator: Simulator, wait: Wait, phone: Phone
) -> None:
    """For a moment it is left alone, later it is gone; back again, it is shown again."""
    await begin(simulator, wait, duration=60000)
    shown(phone)
    simulator.cloud.change_printer(P1S, online=False)
    await pass_time(wait, 25)
    assert shown(phone) == []
    await pass_time(wait, 10)
    assert shown(phone) == [(CLEAR, None)]
    simulator.cloud.change_printer(P1S, online=True)
    await pass_time(wait, 6)
    assert shown(phone) == [("Printing: Boat", 4)]


async def test_run_by_hand(
    hass: HomeAssistant, automation: str, simulator: Simulator, wait: Wait, phone: Phone
) -> None:
    """It shows what is true now."""
    await begin(simulator, wait)
    shown(phone)
    run = ("automation", "trigger", {"entity_id": automation})
    await hass.services.async_call(*run, blocking=True)
    assert shown(phone) == [("Printing: Boat", 3), (CLEAR, None)]
