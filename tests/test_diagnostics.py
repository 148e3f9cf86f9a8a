"""Tests of the diagnostics that owners attach to a bug report."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.bambu_lab_cloud.const import DOMAIN, VERSION
from custom_components.bambu_lab_cloud.diagnostics import async_get_config_entry_diagnostics
from simulator import Simulator, wire
from tests.conftest import Wait, reload

FLEET = "bambu_lab_cloud printers"


@pytest.fixture(autouse=True)
async def _diagnostics(hass: HomeAssistant) -> None:
    """Set up the page that diagnostics are downloaded from."""
    assert await async_setup_component(hass, "diagnostics", {})


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_entry(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    snapshot: SnapshotAssertion,
    hass_client: ClientSessionGenerator,
) -> None:
    busy, *_ = simulator.cloud.printers_of(simulator.cloud.accounts.find("demo"))
    simulator.cloud.start(busy.dev_id, title="Vase")
    await wait(timedelta(minutes=10))
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics == snapshot(exclude=props("last_request_id", "update_interval"))
    assert diagnostics["cloud"]["last_request_id"]


@pytest.mark.parametrize(
    ("fault", "state"), [("server_error", "setup_retry"), ("unauthorized", "setup_error")]
)
async def test_account_that_cannot_be_set_up(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_client: ClientSessionGenerator,
    fault: str,
    state: str,
) -> None:
    """Then they are needed most."""
    simulator.cloud.add_fault(fault, "/v1/")
    await reload(hass, entry)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics["account"]["state"] == state
    assert diagnostics["account"]["reason"]
    assert diagnostics["cloud"]["last_request_id"]
    device, *_ = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert await get_diagnostics_for_device(hass, hass_client, entry, device) == diagnostics


async def test_device(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_client: ClientSessionGenerator,
) -> None:
    first, *_ = simulator.cloud.printers_of(simulator.cloud.accounts.find("demo"))
    device = device_registry.async_get_device_by_identifier((DOMAIN, first.dev_id), entry.entry_id)
    diagnostics = await get_diagnostics_for_device(hass, hass_client, entry, device)
    (shown,) = diagnostics["devices"]
    assert (shown["printer"]["model"], shown["printer"]["name"]) == ("X1 Carbon", "**REDACTED**")


async def test_account_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_client: ClientSessionGenerator,
) -> None:
    device = device_registry.async_get_device_by_identifier(
        (DOMAIN, entry.unique_id), entry.entry_id
    )
    diagnostics = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert diagnostics["devices"] == [
        {"ams": None, "firmware": None, "live": None, "printer": None}
    ]
    assert diagnostics["account"]["region"] == "global"


async def test_last_error(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    hass_client: ClientSessionGenerator,
) -> None:
    simulator.cloud.add_fault("rate_limited")
    await wait(timedelta(minutes=10))
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    fleet = diagnostics["coordinators"][FLEET]
    assert not fleet["last_update_success"]
    assert fleet["last_error"].pop("request_id")
    assert fleet["last_error"] == {"kind": "RateLimitedError", "status": 429}
    assert diagnostics["cloud"]["not_before"] == 300


async def test_versions(entry: MockConfigEntry, hass_client: ClientSessionGenerator) -> None:
    client = await hass_client()
    response = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
    downloaded = await response.json()
    assert downloaded["integration_manifest"]["version"] == VERSION
    assert downloaded["home_assistant"]["version"]


async def test_what_is_printed_is_nobodys_business(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its page on MakerWorld tells as much as its title."""
    task = wire.task
    monkeypatch.setattr(wire, "task", lambda *args, **facts: task(*args, **facts) | {"designId": 8})
    busy, *_ = simulator.cloud.printers_of(simulator.cloud.accounts.find("demo"))
    simulator.cloud.start(busy.dev_id, duration=3600)
    await wait(timedelta(minutes=5))
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    shown = [
        each["printer"]["current"]["print"]["design_id"]
        for each in diagnostics["devices"]
        if each["printer"] and each["printer"]["current"]
    ]
    assert shown == ["**REDACTED**"]


@pytest.mark.parametrize("era", ["2022"])
async def test_a_printer_that_was_removed_is_forgotten(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
) -> None:
    """Back in the account it is a new one, with no job of old."""
    (busy, *_) = simulator.cloud.printers_of(simulator.cloud.accounts.find("demo"))
    simulator.cloud.start(busy.dev_id, duration=300)
    await wait(timedelta(minutes=2))
    simulator.cloud.remove_printer(busy.dev_id, "demo@example.com")
    for _ in range(30):
        await wait(timedelta(hours=1))
    simulator.cloud.bind_printer(busy.dev_id, "demo@example.com")
    await wait(timedelta(minutes=5))
    # Signed in to Home Assistant is nobody any more by then.
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    known = [each["printer"] for each in diagnostics["devices"] if each["printer"]]
    assert len(known) == 3
    assert {each["print_job"] for each in known} == {None}
