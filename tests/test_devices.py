"""Printers that come, go and change their names, without a reload."""

from datetime import timedelta

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE, NOBODY_ONLINE
from custom_components.bambu_lab_cloud.printers import GONE_AFTER_POLLS
from simulator import Simulator
from tests.conftest import Wait, asked, set_up, sign_in

X1C = "00M00A000000001"
P1S = "01P00A000000002"
BIND = "/v1/iot-service/api/user/bind"
HOUR = timedelta(hours=1)


def printer_device(
    registry: dr.DeviceRegistry, entry: MockConfigEntry, printer_id: str = P1S
) -> dr.DeviceEntry | None:
    return registry.async_get_device_by_identifier((DOMAIN, printer_id), entry.entry_id)


async def test_devices(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, snapshot: SnapshotAssertion
) -> None:
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert sorted(devices, key=lambda device: sorted(device.identifiers)) == snapshot


async def test_a_printer_joins(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    dev_id = simulator.cloud.add_printer("demo@example.com", "H2D", "Big one")
    await wait(IDLE)
    assert hass.states.get("sensor.big_one").state == "idle"
    device = printer_device(device_registry, entry, dev_id)
    assert device is not None
    assert device.model == "H2D"


async def test_a_printer_is_renamed(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, simulator: Simulator, wait: Wait
) -> None:
    """The device follows; the name that its owner gave it in Home Assistant stays."""
    device = printer_device(device_registry, entry)
    assert device is not None
    device_registry.async_update_device(device.id, name_by_user="Mine")
    simulator.cloud.change_printer(P1S, name="Attic")
    await wait(IDLE)
    device = printer_device(device_registry, entry)
    assert device is not None
    assert (device.name, device.name_by_user) == ("Attic", "Mine")


async def test_an_ams_is_renamed_with_its_printer(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, simulator: Simulator, wait: Wait
) -> None:
    for _ in range(5):
        await wait(timedelta(minutes=1))
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    (ams,) = [each for each in devices if each.name == "Workshop X1C AMS 1"]
    simulator.cloud.change_printer(X1C, name="Attic")
    await wait(IDLE)
    renamed = device_registry.async_get(ams.id)
    assert renamed is not None
    assert renamed.name == "Attic AMS 1"


async def test_a_printer_leaves(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """It is unavailable at once, and removed after a day of good answers without it."""
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(IDLE)
    assert hass.states.get("sensor.p1s").state == STATE_UNAVAILABLE
    for _ in range(GONE_AFTER_POLLS):
        await wait(HOUR)
    assert printer_device(device_registry, entry) is not None
    for _ in range(5):
        await wait(HOUR)
    assert printer_device(device_registry, entry) is None
    assert hass.states.get("sensor.p1s") is None


async def test_a_printer_comes_back(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """After an hour it is the same one, after two days one that joins."""
    for hours in (1, 48):
        simulator.cloud.remove_printer(P1S, "demo@example.com")
        for _ in range(hours):
            await wait(HOUR)
        simulator.cloud.bind_printer(P1S, "demo@example.com")
        await wait(IDLE)
        assert hass.states.get("sensor.p1s").state == "finished"


async def test_days_without_good_answers_remove_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(IDLE)
    simulator.cloud.add_fault("server_error", BIND)
    for _ in range(60):
        await wait(HOUR)
    simulator.cloud.clear_faults()
    await wait(HOUR)
    assert hass.states.get("sensor.workshop_x1c").state != STATE_UNAVAILABLE
    assert printer_device(device_registry, entry) is not None


async def test_removal_by_hand(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A printer that is in the account would only come back, which its owner is told."""
    assert await async_setup_component(hass, "config", {})
    device = printer_device(device_registry, entry)
    assert device is not None
    client = await hass_ws_client(hass)
    response = await client.remove_device(device.id)
    assert response["error"]["translation_key"] == "remove_printer"
    assert response["error"]["message"].startswith("P1S is in the Bambu Lab account")
    assert printer_device(device_registry, entry) is not None
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(IDLE)
    assert (await client.remove_device(device.id))["success"]
    assert printer_device(device_registry, entry) is None


async def test_the_account_is_no_device_to_remove(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await async_setup_component(hass, "config", {})
    device = printer_device(device_registry, entry, str(entry.unique_id))
    assert device is not None
    client = await hass_ws_client(hass)
    response = await client.remove_device(device.id)
    assert response["error"]["message"].startswith("Demo Maker is the account itself")
    assert printer_device(device_registry, entry, str(entry.unique_id)) == device


@pytest.mark.parametrize(
    ("starts", "state"), [(0, ConfigEntryState.NOT_LOADED), (1, ConfigEntryState.SETUP_RETRY)]
)
async def test_removal_by_hand_while_the_account_is_not_loaded(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    hass_ws_client: WebSocketGenerator,
    starts: int,
    state: ConfigEntryState,
) -> None:
    """Nobody knows then what is in it."""
    assert await async_setup_component(hass, "config", {})
    await hass.config_entries.async_unload(entry.entry_id)
    simulator.cloud.add_fault("server_error", BIND)
    for _ in range(starts):
        await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is state
    device = printer_device(device_registry, entry)
    assert device is not None
    client = await hass_ws_client(hass)
    response = await client.remove_device(device.id)
    assert response["error"]["message"].startswith("The account Demo Maker is not loaded")
    assert printer_device(device_registry, entry) is not None


@pytest.mark.parametrize(("account", "printers"), [("none", 0), ("one", 1), ("farm", 200)])
async def test_accounts_of_any_size(
    hass: HomeAssistant, simulator: Simulator, account: str, printers: int
) -> None:
    result = await sign_in(hass, account)
    await hass.async_block_till_done(wait_background_tasks=True)
    registry = dr.async_get(hass)
    devices = dr.async_entries_for_config_entry(registry, result["result"].entry_id)
    assert sum(device.serial_number is not None for device in devices) == printers


async def test_nobody_online_is_asked_for_rarely(
    hass: HomeAssistant, simulator: Simulator, wait: Wait
) -> None:
    result = await sign_in(hass, "one")
    assert result["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    printer = next(
        printer["dev_id"]
        for printer in simulator.cloud.state()["printers"]
        if "one@example.com" in printer["accounts"]
    )
    simulator.cloud.change_printer(printer, online=False)
    await wait(IDLE)
    simulator.cloud.clear_requests()
    for _ in range(8):
        await wait(NOBODY_ONLINE / 4)
    assert asked(simulator, BIND) == 2


@pytest.mark.parametrize("fault", ["rate_limited", "cloudflare", "captcha"])
async def test_a_pause_outlasts_the_tries_to_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    """Home Assistant tries again and again; the cloud is left alone as it asked."""
    await hass.config_entries.async_unload(entry.entry_id)
    simulator.cloud.add_fault(fault, "/v1/")
    simulator.cloud.clear_requests()
    await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(20):
        await wait(timedelta(seconds=5))
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert len(simulator.cloud.requests()) == 1
    simulator.cloud.clear_faults()
    for _ in range(10):
        await wait(timedelta(minutes=30))
    assert entry.state is ConfigEntryState.LOADED


async def test_a_printer_that_left_while_home_assistant_was_off(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(timedelta(days=8))
    await set_up(hass, entry)
    assert printer_device(device_registry, entry) is not None
    for _ in range(GONE_AFTER_POLLS):
        await wait(HOUR)
    assert printer_device(device_registry, entry) is None
