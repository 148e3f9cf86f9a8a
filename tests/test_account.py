"""The account as a device, and what it tells of all its printers."""

from datetime import UTC, datetime, timedelta

from homeassistant.config_entries import RELOAD_AFTER_UPDATE_DELAY
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator, wire
from tests.conftest import Wait, asked

P1S = "01P00A000000002"
X1C = "00M00A000000001"
PRINTING = "sensor.demo_maker_printers_printing"
NEXT_END = "sensor.demo_maker_next_print_end"
SLICER = "sensor.demo_maker_bambu_studio_version"
RESOURCE = "/v1/iot-service/api/slicer/resource"


@pytest.fixture
async def slicer(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait) -> None:
    """Enable the sensor of the slicer."""
    er.async_get(hass).async_update_entity(SLICER, disabled_by=None)
    await wait(timedelta(seconds=RELOAD_AFTER_UPDATE_DELAY + 1))


async def test_device(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, snapshot: SnapshotAssertion
) -> None:
    device = device_registry.async_get_device_by_identifier(
        (DOMAIN, entry.unique_id), entry.entry_id
    )
    assert device == snapshot


@pytest.mark.parametrize("entity_id", [NEXT_END, PRINTING, "sensor.demo_maker_unread_messages"])
async def test_sensors(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    entity_id: str,
) -> None:
    assert hass.states.get(entity_id) == snapshot(name="state")
    assert entity_registry.async_get(entity_id) == snapshot(name="entry")


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_prints_of_all_printers(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    assert hass.states.get(PRINTING).state == "0"
    assert hass.states.get(NEXT_END).state == STATE_UNKNOWN
    started = datetime.now(UTC).replace(microsecond=0)
    simulator.cloud.start(X1C, duration=7200, task_lag=0)
    simulator.cloud.start(P1S, duration=3600, task_lag=0)
    await wait(timedelta(minutes=3))
    assert hass.states.get(PRINTING).state == "2"
    end = datetime.fromisoformat(hass.states.get(NEXT_END).state)
    assert end == started + timedelta(hours=1)
    simulator.cloud.end(P1S)
    await wait(timedelta(minutes=3))
    assert hass.states.get(PRINTING).state == "1"
    end = datetime.fromisoformat(hass.states.get(NEXT_END).state)
    assert end == started + timedelta(hours=2)


async def test_slicer_is_not_asked_for_unless_wanted(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    await wait(timedelta(hours=25))
    await wait(timedelta(hours=25))
    assert hass.states.get(SLICER) is None
    assert asked(simulator, RESOURCE) == 0


@pytest.mark.parametrize(("era", "version"), [("2022", "01.03.00.25"), ("2026", "02.04.01.52")])
@pytest.mark.usefixtures("slicer")
async def test_slicer(hass: HomeAssistant, simulator: Simulator, wait: Wait, version: str) -> None:
    assert hass.states.get(SLICER).state == STATE_UNKNOWN
    await wait(timedelta(seconds=31))
    assert hass.states.get(SLICER).state == version
    for _ in range(23):
        await wait(timedelta(hours=1))
    assert asked(simulator, RESOURCE) == 1
    await wait(timedelta(hours=2))
    assert asked(simulator, RESOURCE) == 2


@pytest.mark.parametrize(
    ("fault", "state"),
    [("empty_object", STATE_UNKNOWN), ("server_error", STATE_UNAVAILABLE)],
)
@pytest.mark.usefixtures("slicer")
async def test_slicer_is_not_told(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, fault: str, state: str
) -> None:
    simulator.cloud.add_fault(fault, RESOURCE, times=1)
    await wait(timedelta(seconds=31))
    assert hass.states.get(SLICER).state == state
    await wait(timedelta(hours=25))
    assert hass.states.get(SLICER).state == "02.04.01.52"


@pytest.mark.usefixtures("slicer")
async def test_slicer_with_a_long_version(
    hass: HomeAssistant, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state holds 255 characters."""
    body = {"software": {"version": "1." * 150}}
    monkeypatch.setattr(wire, "slicer_resources", lambda *_: body)
    await wait(timedelta(seconds=31))
    assert hass.states.get(SLICER).state == ("1." * 150)[:255]
