"""Every entity of every platform, in both eras, while one printer prints and another is off."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import PropertyMock, patch

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud import PLATFORMS
from simulator import Simulator
from tests.conftest import Wait, sign_in_demo

X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def _everything_enabled() -> Iterator[None]:
    enabled = PropertyMock(return_value=True)
    with patch.object(Entity, "entity_registry_enabled_default", enabled):
        yield


@pytest.mark.usefixtures("_everything_enabled")
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
    await wait(2 * MINUTE)
    simulator.cloud.change_printer(P1S, online=online)
    await wait(2 * MINUTE)
    assert hass.states.get("binary_sensor.p1s_printing").state == printing
    # What was printed before is as true as ever.
    assert hass.states.get("sensor.p1s_last_print_result").state == "finished"


async def test_remaining_time_follows_the_clock(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """It is reckoned from the expected end, without a question to the cloud."""
    key = "sensor.p1s_print_remaining"
    entity_registry.async_update_entity(key, disabled_by=None)
    await wait(timedelta(seconds=31))
    assert hass.states.get(key).state == "unknown"
    simulator.cloud.start(P1S, duration=3600)
    await wait(2 * MINUTE)
    assert hass.states.get(key).state == "58"
    await wait(30 * MINUTE)
    assert hass.states.get(key).state == "28"


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
    assert {key for key in before if "p1s" in key and before[key] != after[key]} == set()
