"""Every entity of every platform, in both eras, while one printer prints and another is off."""

from datetime import timedelta
from unittest.mock import patch

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud import PLATFORMS
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator, wire
from tests.conftest import Wait, sign_in_demo

X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINUTE = timedelta(minutes=1)


pytestmark = pytest.mark.usefixtures("everything_enabled")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_platform(
    hass: HomeAssistant,
    simulator: Simulator,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    platform: Platform,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.bambu_lab_cloud.PLATFORMS", [platform])
    simulator.cloud.start(X1C, duration=7200, title="Gearbox housing")
    with patch("random.SystemRandom.getrandbits", return_value=1):
        entry = await sign_in_demo(hass, simulator)
        # Long enough for the history of prints and the firmware of all printers.
        for _ in range(20):
            await wait(MINUTE)
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


@pytest.mark.parametrize(
    ("online", "printing"),
    [(True, "on"), (False, "unknown")],
)
async def test_printing_is_unknown_once_a_printer_is_lost(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    printing: str,
    *,
    online: bool,
) -> None:
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    simulator.cloud.change_printer(P1S, online=online)
    await wait(IDLE)
    assert hass.states.get("binary_sensor.p1s_printing").state == printing
    # What was printed before is as true as ever.
    assert hass.states.get("sensor.p1s_last_print_result").state == "finished"


async def test_printing_is_unknown_until_a_lost_print_is_told_of(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """The cloud forgets the status of a printer that is off for long; we remember, and ask."""
    simulator.cloud.start(P1S, duration=4 * 3600)
    await wait(IDLE)
    simulator.cloud.change_printer(P1S, online=False)
    states = []
    for _ in range(9):
        await wait(60 * MINUTE)
        states.append(hass.states.get("binary_sensor.p1s_printing").state)
    await hass.config_entries.async_reload(entry.entry_id)
    states.append(hass.states.get("binary_sensor.p1s_printing").state)
    assert states == ["unknown"] * 10
    simulator.cloud.change_printer(P1S, online=True)
    await wait(5 * MINUTE)
    assert hass.states.get("binary_sensor.p1s_printing").state == "off"
    assert hass.states.get("sensor.p1s").state == "finished"


async def test_printing_is_off_though_an_earlier_print_never_ended(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """Its owner deleted it from the list; the printer has finished another one since."""
    deleted = simulator.cloud.start(P1S, duration=4 * 3600)
    await wait(IDLE)
    printer = simulator.cloud.printer(P1S)
    printer.jobs[:] = [job for job in printer.jobs if job.id != deleted]
    simulator.cloud.start(P1S, duration=300)
    for _ in range(5):
        await wait(IDLE)
    assert hass.states.get("sensor.p1s").state == "finished"
    simulator.cloud.change_printer(P1S, online=False)
    await wait(60 * MINUTE)
    assert hass.states.get("binary_sensor.p1s_printing").state == "off"


async def test_remaining_time_follows_the_clock(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """It is reckoned from the expected end, without a question to the cloud."""
    key = "sensor.p1s_print_time_remaining"
    entity_registry.async_update_entity(key, disabled_by=None)
    await wait(timedelta(seconds=31))
    assert hass.states.get(key).state == "unknown"
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    assert hass.states.get(key).state == "57"
    await wait(30 * MINUTE)
    assert hass.states.get(key).state == "27"


async def test_unchanged_answers_write_no_state(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    for _ in range(20):
        await wait(MINUTE)
    simulator.cloud.clear_requests()
    before = {state.entity_id: state.last_reported for state in hass.states.async_all("sensor")}
    await wait(3 * MINUTE)
    after = {state.entity_id: state.last_reported for state in hass.states.async_all("sensor")}
    assert any(request["path"].endswith("/bind") for request in simulator.cloud.requests())
    written = {key for key in before if "p1s" in key and before[key] != after[key]}
    # Home Assistant reads it every minute.
    assert written == {"sensor.p1s_print_time_remaining"}


@pytest.mark.parametrize(
    ("key", "unit"),
    [("nozzle_diameter", "mm"), ("print_filament_length", "m"), ("total_filament_length", "m")],
)
async def test_filament_and_nozzles_are_metric(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, key: str, unit: str
) -> None:
    """Also where people measure in inches."""
    hass.config.units = US_CUSTOMARY_SYSTEM
    simulator.cloud.start(P1S, duration=6000)
    await sign_in_demo(hass, simulator)
    await wait(MINUTE)
    assert hass.states.get(f"sensor.p1s_{key}").attributes["unit_of_measurement"] == unit


async def test_remaining_time_believes_no_single_answer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """One that claims another time of the day changes nothing."""
    key = "sensor.p1s_print_time_remaining"
    entity_registry.async_update_entity(key, disabled_by=None)
    await wait(timedelta(seconds=31))
    simulator.cloud.start(P1S, duration=3600)
    for _ in range(4):
        await wait(MINUTE)
    simulator.cloud.add_fault("date", times=1, date=3600)
    await wait(MINUTE)
    assert hass.states.get(key).state == "55"


async def test_long_texts(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state holds 255 characters."""
    task, version = wire.task, wire.device_version
    monkeypatch.setattr(
        wire, "task", lambda *args, **facts: task(*args, **facts) | {"bedType": "b" * 300}
    )
    monkeypatch.setattr(
        wire, "device_version", lambda *args: version(*args) | {"version": "1." * 150}
    )
    simulator.cloud.start(P1S, duration=6000)
    await sign_in_demo(hass, simulator)
    for _ in range(5):
        await wait(MINUTE)
    assert hass.states.get("sensor.p1s_build_plate").state == "b" * 255
    assert hass.states.get("sensor.p1s_firmware_version").state == ("1." * 150)[:255]
