"""The firmware of printers and AMS: what is shown, when the cloud is asked, what survives."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator, wire
from tests.conftest import Wait, ask_all, asked

X1C = "00M00A000000001"
P1S = "01P00A000000002"
A1_MINI = "03000A000000003"
X1C_AMS = "00600A000000001"
FIRMWARE = "update.workshop_x1c_firmware"
AMS_FIRMWARE = "update.workshop_x1c_ams_1_firmware"
VERSION = "/v1/iot-service/api/user/device/version"
STEP = timedelta(seconds=25)
HALF_A_DAY = timedelta(hours=12, minutes=1)

type Tell = Callable[..., None]


@pytest.fixture
def only_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.bambu_lab_cloud.PLATFORMS", [Platform.UPDATE])


@pytest.fixture
def no_firmware_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.bambu_lab_cloud.PLATFORMS", [Platform.BINARY_SENSOR])


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Let the cloud tell other firmware of the first printer; None leaves a key out."""
    told: dict[str, Any] = {}
    answer = wire.device_version

    def device_version(printer: Any, era: str) -> dict[str, Any]:
        body = answer(printer, era) | (told if printer.dev_id == X1C else {})
        return {key: value for key, value in body.items() if value is not None}

    monkeypatch.setattr(wire, "device_version", device_version)
    return lambda **changes: told.update(changes)


def offer(version: str, status: str = "release") -> dict[str, Any]:
    return {"version": version, "status": status, "description": f"## {version}\n1. Better."}


def ams(version: str | None = "00.00.06.40", **changes: Any) -> dict[str, Any]:
    return {
        "dev_model_name": "BL-A001",
        "address": 0,
        "device_id": X1C_AMS,
        "firmware": [],
        "firmware_current": version,
    } | changes


def ids(devices: list[dr.DeviceEntry]) -> set[str]:
    return {identifier for device in devices for _, identifier in device.identifiers}


pytestmark = pytest.mark.usefixtures("everything_enabled")


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.usefixtures("only_updates")
async def test_entities(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    wait: Wait,
) -> None:
    await ask_all(wait)
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_unknown_until_told(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert hass.states.get(FIRMWARE).state == STATE_UNKNOWN
    assert hass.states.get("sensor.workshop_x1c_firmware_version").state == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("told", "state", "installed", "latest"),
    [
        pytest.param(
            {"version": "01.08.02.00", "firmware": []},
            STATE_OFF,
            "01.08.02.00",
            "01.08.02.00",
            id="up to date",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": None},
            STATE_OFF,
            "01.08.02.00",
            "01.08.02.00",
            id="no list",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("01.10.00.00"), offer("01.09.00.00")]},
            STATE_ON,
            "01.08.02.00",
            "01.10.00.00",
            id="update",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("01.09.00.00", "testing")]},
            STATE_OFF,
            "01.08.02.00",
            "01.08.02.00",
            id="still tested",
        ),
        pytest.param(
            {"version": None, "firmware": [offer("01.09.00.00")]},
            STATE_UNKNOWN,
            None,
            "01.09.00.00",
            id="installed not told",
        ),
        pytest.param(
            {"version": None, "firmware": []}, STATE_UNKNOWN, None, None, id="nothing told"
        ),
    ],
)
async def test_versions(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    tell: Tell,
    wait: Wait,
    told: dict[str, Any],
    state: str,
    installed: str | None,
    latest: str | None,
) -> None:
    tell(**told)
    await ask_all(wait)
    shown = hass.states.get(FIRMWARE)
    assert shown.state == state
    assert shown.attributes["installed_version"] == installed
    assert shown.attributes["latest_version"] == latest
    version = hass.states.get("sensor.workshop_x1c_firmware_version")
    assert version.state == (installed or STATE_UNKNOWN)


@pytest.mark.parametrize(
    ("firmware", "notes"),
    [([offer("01.09.00.00")], "## 01.09.00.00\n1. Better."), ([], None)],
)
async def test_release_notes(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    tell: Tell,
    wait: Wait,
    firmware: list[dict[str, Any]],
    notes: str | None,
) -> None:
    tell(version="01.08.02.00", firmware=firmware)
    await ask_all(wait)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "update/release_notes", "entity_id": FIRMWARE})
    answer = await client.receive_json()
    assert answer["success"]
    assert answer["result"] == notes


@pytest.mark.parametrize(
    ("description", "notes"),
    [
        (
            "## version ota01.08.02.00\uff1a\n### Improvements\n1. Faster.",
            "### Improvements\n1. Faster.",
        ),
        ("Version 01.08.02.00\n1. Faster.", "1. Faster."),
        ("# version 01.08.02.00", None),
        ("### A version that prints\n1. Faster.", "### A version that prints\n1. Faster."),
        ("", None),
    ],
)
async def test_release_notes_without_the_head_of_their_file(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    tell: Tell,
    wait: Wait,
    hass_ws_client: WebSocketGenerator,
    description: str,
    notes: str | None,
) -> None:
    tell(firmware=[offer("99.00.00.00") | {"description": description}])
    await ask_all(wait)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "update/release_notes", "entity_id": FIRMWARE})
    assert (await client.receive_json())["result"] == notes


async def test_registry_follows(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    tell: Tell,
    wait: Wait,
) -> None:
    tell(version="01.08.02.00", firmware=[offer("01.09.00.00")])
    await ask_all(wait)
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C), entry.entry_id)
    assert device.sw_version == "01.08.02.00"

    tell(version="01.09.00.00", firmware=[])
    await wait(HALF_A_DAY)
    await ask_all(wait)
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C), entry.entry_id)
    assert device.sw_version == "01.09.00.00"
    assert hass.states.get(FIRMWARE).state == STATE_OFF


async def test_ams_devices(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
    snapshot: SnapshotAssertion,
) -> None:
    await ask_all(wait)
    devices = [d for d in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
               if d.via_device_id]  # fmt: skip
    assert sorted(devices, key=lambda device: str(device.name)) == snapshot
    # That of the P1S tells no version, so it would be a device without entities.
    printers = {device_registry.async_get(device.via_device_id).name for device in devices}
    assert printers == {"Workshop X1C"}


@pytest.mark.usefixtures("no_firmware_entities")
async def test_ams_devices_need_no_entity(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, wait: Wait
) -> None:
    await ask_all(wait)
    assert device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)


async def test_ams_is_named_after_its_printer(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    await ask_all(wait)
    simulator.cloud.change_printer(X1C, name="Attic")
    await wait(timedelta(minutes=6))
    await wait(timedelta(minutes=6))
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)
    assert device.name == "Attic AMS 1"


async def test_ams_without_version_has_no_entity(
    hass: HomeAssistant, entry: MockConfigEntry, tell: Tell, wait: Wait
) -> None:
    tell(ams=[ams(version=None)])
    await ask_all(wait)
    assert hass.states.get(AMS_FIRMWARE) is None


async def test_ams_firmware(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    tell: Tell,
    wait: Wait,
) -> None:
    tell(ams=[ams(firmware=[offer("00.00.06.49")])])
    await ask_all(wait)
    shown = hass.states.get(AMS_FIRMWARE)
    assert shown.state == STATE_ON
    assert shown.attributes["installed_version"] == "00.00.06.40"
    assert shown.attributes["latest_version"] == "00.00.06.49"
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)
    assert device.sw_version == "00.00.06.40"
    assert device.name == "Workshop X1C AMS 1"
    assert entity_registry.async_get(AMS_FIRMWARE).device_id == device.id


async def test_ams_keeps_its_entity_when_its_version_is_not_told_any_more(
    hass: HomeAssistant, entry: MockConfigEntry, tell: Tell, wait: Wait
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    assert hass.states.get(AMS_FIRMWARE).state == STATE_OFF
    tell(ams=[ams(version=None)])
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert hass.states.get(AMS_FIRMWARE).state == STATE_UNKNOWN
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(AMS_FIRMWARE).state == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("online", "answers", "stays"),
    [(True, 2, True), (True, 3, False), (False, 5, True)],
    ids=["two answers", "three answers", "printer off"],
)
async def test_ams_that_vanishes(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    tell: Tell,
    wait: Wait,
    online: bool,
    answers: int,
    stays: bool,
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    simulator.cloud.change_printer(X1C, online=online)
    tell(ams=[])
    for _ in range(answers):
        await wait(HALF_A_DAY)
        await ask_all(wait)
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)
    assert (device is not None) is stays
    assert (hass.states.get(AMS_FIRMWARE) is not None) is stays


async def test_ams_that_returns(
    hass: HomeAssistant, entry: MockConfigEntry, tell: Tell, wait: Wait
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    for listed in ([], [], [], [ams(version="00.00.06.49")]):
        tell(ams=listed)
        await wait(HALF_A_DAY)
        await ask_all(wait)
    assert hass.states.get(AMS_FIRMWARE).attributes["installed_version"] == "00.00.06.49"


async def test_ams_go_with_their_printer(
    entry: MockConfigEntry, device_registry: dr.DeviceRegistry, simulator: Simulator, wait: Wait
) -> None:
    await ask_all(wait)
    simulator.cloud.remove_printer(X1C)
    for _ in range(30):
        await wait(timedelta(hours=1))
    left = ids(dr.async_entries_for_config_entry(device_registry, entry.entry_id))
    assert not {identifier for identifier in left if "000000001" in identifier[-15:]} - {
        entry.unique_id
    }
    assert P1S in left


async def test_ams_return_with_a_printer_that_was_gone(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, tell: Tell, wait: Wait
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    printer = simulator.cloud.printer(X1C)
    simulator.cloud.remove_printer(X1C)
    for _ in range(30):
        await wait(timedelta(hours=1))
    assert hass.states.get(AMS_FIRMWARE) is None
    simulator.cloud._bind(printer, simulator.cloud.accounts.find("demo"))
    for _ in range(4):
        await wait(timedelta(minutes=6))
    assert hass.states.get(AMS_FIRMWARE).state == STATE_OFF


async def test_ams_of_a_printer_that_is_missing_for_a_while(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, tell: Tell, wait: Wait
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    printer = simulator.cloud.printer(X1C)
    simulator.cloud.remove_printer(X1C)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get("update.p1s_firmware").state == STATE_OFF
    assert hass.states.get(AMS_FIRMWARE).state == STATE_UNAVAILABLE
    simulator.cloud._bind(printer, simulator.cloud.accounts.find("demo"))
    await wait(timedelta(minutes=6))
    assert hass.states.get(AMS_FIRMWARE).state == STATE_OFF


async def test_removed_by_hand(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
    tell: Tell,
    wait: Wait,
) -> None:
    tell(ams=[ams()])
    await ask_all(wait)
    assert await async_setup_component(hass, "config", {})
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)
    client = await hass_ws_client(hass)
    assert (await client.remove_device(device.id))["success"]
    tell(ams=[])
    await wait(timedelta(minutes=6))
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert not device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)


async def test_removed_by_hand_but_connected(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
    wait: Wait,
) -> None:
    """It comes back with the next answer that lists it, and so does its entity."""
    await ask_all(wait)
    assert await async_setup_component(hass, "config", {})
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C_AMS), entry.entry_id)
    client = await hass_ws_client(hass)
    assert (await client.remove_device(device.id))["success"]
    assert hass.states.get(AMS_FIRMWARE) is None
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert hass.states.get(AMS_FIRMWARE).state == STATE_OFF


async def test_printer_whose_device_is_missing(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
    wait: Wait,
) -> None:
    await ask_all(wait)
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C), entry.entry_id)
    device_registry.async_remove_device(device.id)
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert "Unexpected error" not in caplog.text


async def test_asks_about_one_printer_at_a_time(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    counts = [asked(simulator, VERSION)]
    for _ in range(4):
        await wait(STEP)
        counts.append(asked(simulator, VERSION))
    assert counts == [0, 1, 2, 3, 3]
    assert hass.states.get("sensor.3dp_030_117_firmware_version").state == "01.08.02.00"


async def test_asked_for_a_look(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, tell: Tell
) -> None:
    """The cloud is asked about that printer, once a minute at the most."""
    assert await async_setup_component(hass, "homeassistant", {})
    await ask_all(wait)
    tell(version="01.08.02.00", firmware=[offer("01.10.00.00")])
    for _ in range(3):
        await wait(timedelta(minutes=1))
    simulator.cloud.clear_requests()

    async def look(entity_id: str) -> None:
        await hass.services.async_call(
            "homeassistant", "update_entity", {"entity_id": entity_id}, blocking=True
        )

    await look(FIRMWARE)
    await look(FIRMWARE)
    await look(AMS_FIRMWARE)
    assert asked(simulator, VERSION) == 1
    assert hass.states.get(FIRMWARE).attributes["latest_version"] == "01.10.00.00"
    await wait(timedelta(minutes=1))
    await look("update.p1s_firmware")
    assert asked(simulator, VERSION) == 2
    await wait(timedelta(minutes=1))
    await look(FIRMWARE)
    assert asked(simulator, VERSION) == 3


async def test_a_look_after_the_clock_was_set_back(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    freezer: FrozenDateTimeFactory,
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    await ask_all(wait)
    for _ in range(3):
        await wait(timedelta(minutes=1))
    freezer.tick(-timedelta(hours=1))
    simulator.cloud.clear_requests()
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": FIRMWARE}, blocking=True
    )
    assert asked(simulator, VERSION) == 1


async def test_all_asked_for_a_look_are_no_burst(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """The first is asked about at once, the others follow one by one."""
    assert await async_setup_component(hass, "homeassistant", {})
    await ask_all(wait)
    for _ in range(3):
        await wait(timedelta(minutes=1))
    simulator.cloud.clear_requests()
    ids = [FIRMWARE, "update.p1s_firmware", "update.3dp_030_117_firmware"]
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": ids}, blocking=True
    )
    assert asked(simulator, VERSION) == 1
    for number in range(2, 4):
        await wait(timedelta(seconds=12))
        assert asked(simulator, VERSION) == number
    simulator.cloud.add_fault("server_error", VERSION)
    await wait(timedelta(minutes=2))
    for _ in range(5):
        await hass.services.async_call(
            "homeassistant", "update_entity", {"entity_id": ids}, blocking=True
        )
        await wait(timedelta(seconds=12))
    assert asked(simulator, VERSION) <= 5


async def test_a_look_obeys_a_pause(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """Whoever asks, the cloud is left alone as long as it wanted."""
    assert await async_setup_component(hass, "homeassistant", {})
    await ask_all(wait)
    simulator.cloud.add_fault("rate_limited", "/v1/", times=1)
    await wait(timedelta(minutes=2))
    simulator.cloud.clear_requests()
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": FIRMWARE}, blocking=True
    )
    assert simulator.cloud.requests() == []


async def test_an_ams_with_the_id_of_its_printer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    tell: Tell,
    wait: Wait,
) -> None:
    """It would take its place."""
    tell(ams=[ams(device_id=X1C), ams(address=1)])
    await ask_all(wait)
    device = device_registry.async_get_device_by_identifier((DOMAIN, X1C), entry.entry_id)
    assert (device.model, device.via_device_id) == ("X1 Carbon", None)
    assert hass.states.get("update.workshop_x1c_ams_2_firmware") is not None


async def test_asks_twice_a_day(entry: MockConfigEntry, simulator: Simulator, wait: Wait) -> None:
    for _ in range(25):
        await wait(timedelta(hours=1))
        await ask_all(wait)
    assert asked(simulator, VERSION) == 3 * 3


async def test_restart_asks_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    await ask_all(wait)
    before = hass.states.get(FIRMWARE).attributes
    simulator.cloud.clear_requests()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(FIRMWARE).attributes == before
    await ask_all(wait)
    assert asked(simulator, VERSION) == 0
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert asked(simulator, VERSION) == 3


async def test_new_printer_is_asked_about_soon(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    await ask_all(wait)
    await wait(STEP)
    simulator.cloud.add_printer("demo", "A1", "Newcomer")
    await wait(timedelta(minutes=3))
    await wait(timedelta(minutes=3))
    assert hass.states.get("update.newcomer_firmware").attributes["installed_version"]


@pytest.mark.parametrize("fault", ["forbidden", "html", "wrong_shape", "empty_object"])
async def test_useless_answer_holds_up_nobody(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    simulator.cloud.add_fault(fault, VERSION, times=1)
    await ask_all(wait)
    assert hass.states.get(FIRMWARE).state == STATE_UNKNOWN
    assert hass.states.get("update.p1s_firmware").state == STATE_OFF
    await wait(timedelta(hours=1, minutes=1))
    assert hass.states.get(FIRMWARE).state == STATE_ON


@pytest.mark.parametrize("fault", ["server_error", "rate_limited", "cloudflare", "unauthorized"])
async def test_refusal_loses_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    await ask_all(wait)
    before = hass.states.get(FIRMWARE)
    simulator.cloud.add_fault(fault, VERSION, times=3)
    await wait(HALF_A_DAY)
    simulator.cloud.clear_faults()
    await wait(timedelta(hours=3))
    await ask_all(wait)
    assert hass.states.get(FIRMWARE).state == before.state
    assert hass.states.get(FIRMWARE).attributes == before.attributes
    assert entry.state is ConfigEntryState.LOADED
    assert not list(entry.async_get_active_flows(hass, {"reauth"}))


async def test_failing_answers_are_asked_for_ever_more_rarely(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    simulator.cloud.add_fault("server_error", VERSION)
    for _ in range(60):
        await wait(timedelta(minutes=1))
    assert 3 <= asked(simulator, VERSION) <= 7


async def test_answer_about_other_printers_is_none(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    wait: Wait,
) -> None:
    answer = wire.device_version
    monkeypatch.setattr(
        wire, "device_version", lambda printer, era: answer(printer, era) | {"dev_id": P1S}
    )
    await ask_all(wait)
    assert hass.states.get(FIRMWARE).state == STATE_UNKNOWN
    assert hass.states.get("update.p1s_firmware").state == STATE_OFF
    monkeypatch.setattr(wire, "device_version", answer)
    await wait(timedelta(hours=1, minutes=1))
    assert hass.states.get(FIRMWARE).state == STATE_ON


async def test_storage_goes_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], wait: Wait
) -> None:
    await ask_all(wait)
    key = f"{DOMAIN}.{entry.entry_id}.firmware"
    assert key not in hass_storage
    await wait(timedelta(minutes=6))
    assert hass_storage[key]["data"]["devices"].keys() >= {X1C, P1S, A1_MINI, X1C_AMS}
    await wait(HALF_A_DAY)
    await hass.config_entries.async_remove(entry.entry_id)
    await wait(timedelta(minutes=6))
    assert key not in hass_storage
