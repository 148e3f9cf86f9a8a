"""The AMS that printers show themselves: their devices, what is in their trays, where they hang."""

from datetime import timedelta
from typing import Any

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_device
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE, LIVE
from simulator import Simulator, wire
from tests.api.reports import FAMILIES, FOUR_SPOOLS, MODELS, ams, p1s, tray, unit
from tests.conftest import Wait, ask_all, reload, watch
from tests.pushes import Pushes

X1C = "00M00A000000001"
P1S = "01P00A000000002"
ONE, OTHER, THIRD = "00600A0000000A1", "00600A0000000A2", "00600A0000000A3"
HUMIDITY = "sensor.p1s_ams_1_dryness_level"
TRAY = "sensor.p1s_ams_1_tray_1"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HALF_A_DAY = timedelta(hours=12, minutes=1)
ATTRIBUTES = ("brand", "color", "name", "remaining")


@pytest.fixture
def x1c(hass: HomeAssistant, entry: MockConfigEntry) -> Pushes:
    """The X1 Carbon beside it."""
    return Pushes(hass, entry, X1C)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the cloud lists of the AMS of the P1S: nothing, until a test adds something."""
    units: list[dict[str, Any]] = []
    answer = wire.device_version

    def device_version(printer: Any, era: str) -> dict[str, Any]:
        return answer(printer, era) | {"ams": units if printer.dev_id == P1S else []}

    monkeypatch.setattr(wire, "device_version", device_version)
    return units


def a_listed(**changes: Any) -> dict[str, Any]:
    """Return an AMS as the cloud lists it."""
    return {
        "dev_model_name": "BL-A001",
        "address": 0,
        "device_id": ONE,
        "firmware": [],
        "firmware_current": None,
    } | changes


def devices(registry: dr.DeviceRegistry, entry: MockConfigEntry) -> dict[str, dr.DeviceEntry]:
    """Return the AMS that are registered, by what identifies them."""
    return {
        identifier: device
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id)
        for _, identifier in device.identifiers
        if device.via_device_id
    }


def with_units(*units: dict[str, Any], exist: str, trays: str) -> dict[str, Any]:
    """Return a P1S with other AMS."""
    return p1s() | {"ams": ams(list(units), exist, trays, "255")}


def without_ams() -> dict[str, Any]:
    return with_units(exist="0", trays="0")


# What is shown.


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"a1_mini"}))
async def test_families(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    family: str,
) -> None:
    """Each AMS has what its printer tells of it, and nothing else."""
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    await pushes.full(FAMILIES[family]())
    kinds = {"ams_ht": "n3s", "ams_lite": "ams_f1", "ams": "ams", "ams_2_pro": "n3f", None: "ams"}
    live = entry.runtime_data.printers.live[P1S]
    await pushes.versions(
        **{f"{kinds[each.kind]}_{each.id}": f"19C00A00000{each.id:04}" for each in live.ams}
    )
    found = {}
    for device in devices(device_registry, entry).values():
        states = [
            hass.states.get(each.entity_id)
            for each in er.async_entries_for_device(entity_registry, device.id)
        ]
        found[f"{device.name}, {device.model}, {device.serial_number}"] = {
            state.entity_id.partition("ams_")[2]: " | ".join(
                [
                    state.state,
                    *(
                        str(state.attributes[key])
                        for key in ATTRIBUTES
                        if "tray" in state.entity_id
                    ),
                ]
            )
            for state in states
        }
    assert found == snapshot


@pytest.mark.parametrize(
    ("family", "shown"),
    [
        ("p1s", {"tray_1", "tray_2", "tray_3", "tray_4", "humidity_level"}),
        ("p2s", {"tray_1", "tray_2", "tray_3", "tray_4", "humidity", "drying_remaining"}),
    ],
)
async def test_what_is_shown_by_default(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    family: str,
    shown: set[str],
) -> None:
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    await pushes.full(FAMILIES[family]())
    await pushes.versions(ams_0=ONE)
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    assert {
        each.unique_id.partition(f"{ONE}_")[2]
        for each in entities
        if ONE in each.unique_id and not (each.disabled or each.hidden)
    } == shown


@pytest.mark.parametrize(
    ("change", "state"),
    [
        pytest.param(
            {"tray_exist_bits": "e", "ams": [{"id": "0", "tray": [{"id": "0"}]}]},
            "empty",
            id="taken out",
        ),
        pytest.param(
            {"ams": [{"id": "0", "tray": [{"id": "0", "state": 11}]}]}, "PLA", id="only a state"
        ),
        pytest.param(
            {"ams": [{"id": "0", "tray": [dict.fromkeys(FOUR_SPOOLS[0]) | {"id": "0"}]}]},
            "PLA",
            id="nulls while a chip is read",
        ),
        pytest.param(
            {"ams": [unit(0, [tray(0, "", "00000000")])]}, STATE_UNKNOWN, id="nobody knows"
        ),
        pytest.param({"ams": [unit(0, [tray(0, "PETG", "0ACC38FF")])]}, "PETG", id="another"),
    ],
)
async def test_a_tray(
    hass: HomeAssistant, pushes: Pushes, change: dict[str, Any], state: str
) -> None:
    await pushes.full(p1s())
    await pushes.versions(ams_0=ONE)
    assert hass.states.get(TRAY).state == "PLA"
    await pushes.say(ams=change)
    assert hass.states.get(TRAY).state == state


async def test_a_tray_shows_its_colors(hass: HomeAssistant, pushes: Pushes) -> None:
    await pushes.full(p1s())
    await pushes.versions(ams_0=ONE)
    pictures = [
        hass.states.get(f"sensor.p1s_ams_1_tray_{number}").attributes["entity_picture"]
        for number in range(1, 5)
    ]
    assert len(set(pictures)) == 4
    assert all(picture.startswith("data:image/svg+xml;base64,") for picture in pictures)
    for other in ("00FF00FF", "0000FFFF"):
        two = FOUR_SPOOLS[0] | {"cols": ["FFFFFFFF", other]}
        await pushes.say(ams={"ams": [unit(0, [two])]})
        pictures.append(hass.states.get(TRAY).attributes["entity_picture"])
    assert len(set(pictures)) == 6
    await pushes.say(ams={"tray_exist_bits": "e"})
    assert "entity_picture" not in hass.states.get(TRAY).attributes
    await pushes.lose()
    assert hass.states.get(TRAY).state == "empty"


async def test_what_changes_elsewhere_writes_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    entity_registry: er.EntityRegistry,
) -> None:
    await pushes.full(p1s())
    await pushes.versions(ams_0=ONE)
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    written = watch(hass, [each.entity_id for each in entities if ONE in each.unique_id])
    await pushes.say(layer_num=42, mc_percent=34)
    assert written == []
    await pushes.say(ams={"ams": [{"id": "0", "humidity": "3"}]})
    assert written == [HUMIDITY]


# Who they are.


async def test_an_ams_waits_for_its_serial_number(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, device_registry: dr.DeviceRegistry
) -> None:
    await pushes.full(p1s())
    assert devices(device_registry, entry) == {}
    await pushes.versions(ams_0=None)
    assert devices(device_registry, entry) == {}
    await pushes.versions(ams_0=ONE)
    (device,) = devices(device_registry, entry).values()
    assert (device.name, device.serial_number) == ("P1S AMS 1", ONE)
    assert device.sw_version == "00.00.06.40"
    assert hass.states.get(HUMIDITY).state == "4"


@pytest.mark.usefixtures("listed")
async def test_an_ams_that_never_tells_it_goes_by_its_place(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
) -> None:
    """After an hour, and from then on, also should it be told later."""
    await pushes.full(p1s())
    await wait(HOUR)
    await pushes.say(layer_num=42)
    await pushes.full(p1s())
    by_place = f"{P1S}_ams_0"
    assert devices(device_registry, entry).keys() == {by_place}
    assert hass.states.get(HUMIDITY).state == "4"
    await pushes.versions(ams_0=ONE)
    assert devices(device_registry, entry).keys() == {by_place}
    assert devices(device_registry, entry)[by_place].serial_number == ONE
    await reload(hass, entry)
    await pushes.full(p1s())
    await pushes.versions(ams_0=ONE)
    assert devices(device_registry, entry).keys() == {by_place}
    await pushes.versions(ams_0=OTHER)
    assert devices(device_registry, entry).keys() == {by_place, OTHER}
    assert hass.states.get(HUMIDITY).state == STATE_UNAVAILABLE


@pytest.mark.usefixtures("listed")
async def test_an_ams_that_never_tells_it_is_shown_by_a_poll(
    hass: HomeAssistant, pushes: Pushes, wait: Wait
) -> None:
    """Its printer rests, and may say nothing more for long."""
    await pushes.full(p1s(), gcode_state="IDLE")
    for _ in range(35):
        await wait(2 * MINUTE)
    assert hass.states.get(HUMIDITY).state == "4"


@pytest.mark.parametrize("cloud_first", [True, False])
async def test_the_cloud_lists_one_without_a_serial_number(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    listed: list[dict[str, Any]],
    wait: Wait,
    cloud_first: bool,
) -> None:
    """It is the one that hangs there by the printer's word, whoever tells first."""
    listed.append(a_listed(device_id="", firmware_current="00.00.06.40"))
    tells = [ask_all(wait), show(pushes)]
    for each in tells if cloud_first else reversed(tells):
        await each
    expected = f"{P1S}_ams_0" if cloud_first else ONE
    assert devices(device_registry, entry).keys() == {expected}
    await wait(HALF_A_DAY)
    await ask_all(wait)
    await reload(hass, entry)
    await wait(HALF_A_DAY)
    await ask_all(wait)
    assert devices(device_registry, entry).keys() == {expected}
    await show(pushes)
    assert devices(device_registry, entry).keys() == {expected}
    assert hass.states.get(HUMIDITY).state == "4"
    assert hass.states.get("update.p1s_ams_1_firmware").state == "off"


async def show(pushes: Pushes) -> None:
    """Tell everything of the P1S, and the serial number of its AMS."""
    await pushes.full(p1s())
    await pushes.versions(ams_0=ONE)


async def test_its_firmware(
    *,
    hass: HomeAssistant,
    pushes: Pushes,
    listed: list[dict[str, Any]],
    wait: Wait,
) -> None:
    """The cloud tells what is offered, the printer what is installed."""
    offers = [{"version": "00.00.06.49", "status": "release", "description": "1. Better."}]
    listed.append(a_listed(firmware=offers))
    await show(pushes)
    await ask_all(wait)
    update = hass.states.get("update.p1s_ams_1_firmware")
    assert update.state == "on"
    assert update.attributes["installed_version"] == "00.00.06.40"
    assert update.attributes["latest_version"] == "00.00.06.49"


# Where they hang.


async def test_an_ams_goes_and_comes_back(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, device_registry: dr.DeviceRegistry
) -> None:
    await show(pushes)
    await pushes.full(without_ams())
    assert hass.states.get(HUMIDITY).state == STATE_UNAVAILABLE
    assert devices(device_registry, entry).keys() == {ONE}
    await show(pushes)
    assert hass.states.get(HUMIDITY).state == "4"
    assert devices(device_registry, entry).keys() == {ONE}


async def test_an_ams_is_swapped(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, device_registry: dr.DeviceRegistry
) -> None:
    """Another one is a device of its own, and nothing is shown of the one that was there."""
    await show(pushes)
    await pushes.full(without_ams())
    await pushes.full(with_units(unit(0, FOUR_SPOOLS, humidity="2"), exist="1", trays="f"))
    await pushes.versions(ams_0=OTHER)
    assert devices(device_registry, entry).keys() == {ONE, OTHER}
    assert hass.states.get(HUMIDITY).state == STATE_UNAVAILABLE
    assert hass.states.get(f"{HUMIDITY}_2").state == "2"


async def test_an_ams_moves(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    x1c: Pushes,
    device_registry: dr.DeviceRegistry,
) -> None:
    """To another number, and to another printer: it stays the same, under the name of its place."""
    await show(pushes)
    await pushes.full(with_units(unit(1, FOUR_SPOOLS, humidity="3"), exist="2", trays="f0"))
    await pushes.versions(ams_1=ONE)
    assert hass.states.get(HUMIDITY).state == "3"
    assert devices(device_registry, entry)[ONE].name == "P1S AMS 2"
    await pushes.full(without_ams())
    await x1c.full(with_units(unit(0, FOUR_SPOOLS, humidity="1"), exist="1", trays="f"))
    await x1c.versions(ams_0=ONE)
    assert hass.states.get(HUMIDITY).state == "1"
    (device,) = devices(device_registry, entry).values()
    assert device.name == "Workshop X1C AMS 1"
    hub = device_registry.async_get(device.via_device_id)
    assert (DOMAIN, X1C) in hub.identifiers
    await pushes.lose()
    assert hass.states.get(HUMIDITY).state == "1"


async def test_a_new_ams_stands_where_its_printer_does(
    *,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    area_registry: ar.AreaRegistry,
) -> None:
    """And stays where its owner has put it."""
    hub = device_registry.async_get_device_by_identifier((DOMAIN, P1S), entry.entry_id)
    assert hub is not None
    area, other = area_registry.async_create("Workshop"), area_registry.async_create("Attic")
    device_registry.async_update_device(hub.id, area_id=area.id)
    await show(pushes)
    device = devices(device_registry, entry)[ONE]
    assert device.area_id == area.id
    device_registry.async_update_device(device.id, area_id=other.id)
    await pushes.full(without_ams())
    await show(pushes)
    assert devices(device_registry, entry)[ONE].area_id == other.id


async def test_an_ams_follows_the_name_of_its_printer(
    *,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    await show(pushes)
    simulator.cloud.change_printer(P1S, name="Attic")
    for _ in range(LIVE // MINUTE + 1):
        await wait(MINUTE)
    assert devices(device_registry, entry)[ONE].name == "Attic AMS 1"


async def test_they_are_there_again_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes
) -> None:
    await show(pushes)
    await reload(hass, entry)
    assert hass.states.get(TRAY).state == STATE_UNAVAILABLE
    assert "restored" not in hass.states.get(TRAY).attributes
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


@pytest.mark.usefixtures("listed")
async def test_an_ams_goes_with_its_printer(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """And comes back with it."""
    await show(pushes)
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    for _ in range(48):
        await wait(HOUR)
    assert devices(device_registry, entry).keys() == set()
    assert hass.states.get(TRAY) is None
    simulator.cloud.bind_printer(P1S, "demo@example.com")
    await wait(IDLE)
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


def on_the_other(humidity: str = "1") -> dict[str, Any]:
    """Return a status in which the AMS hangs somewhere else."""
    return with_units(unit(0, FOUR_SPOOLS, humidity=humidity), exist="1", trays="f")


async def test_an_ams_is_shown_where_it_was_plugged_in_last(
    *, hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, x1c: Pushes, wait: Wait
) -> None:
    """Its printer is lost, so two show it; back there, it says what it said before."""
    await show(pushes)
    await pushes.lose()
    await wait(2 * MINUTE)
    await x1c.full(on_the_other())
    await x1c.versions(ams_0=ONE)
    assert hass.states.get(HUMIDITY).state == "1"
    await x1c.full(without_ams())
    assert hass.states.get(HUMIDITY).state == STATE_UNAVAILABLE
    await show(pushes)
    assert hass.states.get(HUMIDITY).state == "4"


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("is_sold", [True, False])
async def test_an_ams_that_moved_stays(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    x1c: Pushes,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    is_sold: bool,
) -> None:
    """Whatever the cloud says of the printer on which it hung, which may be sold."""
    await show(pushes)
    await ask_all(wait)
    await pushes.full(without_ams())
    await x1c.full(on_the_other())
    await x1c.versions(ams_0=ONE)
    for dev_id in [P1S] * is_sold:
        simulator.cloud.remove_printer(dev_id, "demo@example.com")
    for _ in range(60):
        await wait(HOUR)
        await x1c.full(on_the_other())
        await x1c.versions(ams_0=ONE)
    assert devices(device_registry, entry).keys() == {ONE}
    assert hass.states.get(HUMIDITY).state == "1"


async def test_another_one_is_plugged_in_while_the_printer_is_off(
    hass: HomeAssistant, pushes: Pushes, wait: Wait
) -> None:
    """Nobody knows who it is until the printer says so."""
    await show(pushes)
    await pushes.lose()
    await wait(2 * MINUTE)
    await pushes.full(on_the_other())
    await pushes.versions(ams_0=None)
    assert hass.states.get(HUMIDITY).state == STATE_UNAVAILABLE
    await pushes.versions(ams_0=OTHER)
    assert hass.states.get(f"{HUMIDITY}_2").state == "1"


@pytest.mark.usefixtures("listed")
async def test_its_place_is_not_taken_by_one_that_says_nothing(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
) -> None:
    """It goes by its place, has moved, and tells its serial number by now."""
    there = unit(1, FOUR_SPOOLS, humidity="3")
    await pushes.full(with_units(there, exist="2", trays="f0"))
    await wait(HOUR)
    await pushes.full(with_units(there, exist="2", trays="f0"))
    await pushes.full(with_units(there, exist="2", trays="f0"))
    await pushes.versions(ams_1=ONE)
    assert devices(device_registry, entry).keys() == {f"{P1S}_ams_1"}
    moved, other = unit(0, FOUR_SPOOLS, humidity="3"), unit(1, FOUR_SPOOLS, humidity="1")
    await pushes.full(with_units(moved, exist="1", trays="f"))
    await pushes.versions(ams_0=ONE)
    await pushes.full(with_units(moved, other, exist="3", trays="ff"))
    assert hass.states.get("sensor.p1s_ams_2_dryness_level").state == "3"


async def test_the_cloud_knows_the_serial_number_of_one_that_tells_none(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    listed: list[dict[str, Any]],
    wait: Wait,
) -> None:
    listed.append(a_listed(firmware_current="00.00.06.40"))
    await ask_all(wait)
    await pushes.full(p1s())
    await wait(HOUR)
    await pushes.full(p1s())
    await pushes.full(p1s())
    assert devices(device_registry, entry).keys() == {ONE}
    assert hass.states.get(HUMIDITY).state == "4"


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("count", [1, 2])
async def test_what_no_answer_lists_keeps_its_name(
    *,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
    count: int,
) -> None:
    """Through a restart and an answer before its printer is heard."""
    units = [unit(number, FOUR_SPOOLS) for number in range(count)]
    await pushes.full(with_units(*units, exist="3", trays="ff"))
    await pushes.versions(**dict(zip(("ams_0", "ams_1"), (ONE, OTHER)[:count], strict=False)))
    await ask_all(wait)
    before = devices(device_registry, entry)
    await reload(hass=pushes.hass, entry=entry)
    await ask_all(wait)
    assert devices(device_registry, entry) == before
    assert [each.serial_number for each in before.values()] == [ONE, OTHER][:count]


@pytest.mark.parametrize("whose", ["printer", "account"])
async def test_one_that_tells_the_number_of_something_else(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
    whose: str,
) -> None:
    """Nothing identifies it, and the other stays what it is."""
    number = {"printer": X1C, "account": str(entry.unique_id)}[whose]
    before = device_registry.async_get_device_by_identifier((DOMAIN, number), entry.entry_id)
    await pushes.full(p1s())
    await pushes.versions(ams_0=number)
    after = device_registry.async_get_device_by_identifier((DOMAIN, number), entry.entry_id)
    assert after == before
    assert hass.states.get(HUMIDITY) is None
    assert "Traceback" not in caplog.text


# When they are gone.


@pytest.mark.parametrize("was_listed", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
async def test_what_the_cloud_leaves_out(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    listed: list[dict[str, Any]],
    wait: Wait,
    was_listed: bool,
    is_there: bool,
) -> None:
    """It is gone if its printer does not show it either; and when it comes back it is there."""
    listed += [a_listed()] * was_listed
    await show(pushes)
    await ask_all(wait)
    listed.clear()
    for _ in range(4):
        await wait(HALF_A_DAY)
        await pushes.full(p1s() if is_there else without_ams())
        await pushes.versions(ams_0=ONE)
        await ask_all(wait)
    assert (devices(device_registry, entry).keys() == {ONE}) is is_there
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


async def test_only_its_printer_can_tell_that_it_is_gone(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    listed: list[dict[str, Any]],
    wait: Wait,
) -> None:
    """The cloud never knew of it, and live data is lost for days."""
    await show(pushes)
    await pushes.lose()
    await reload(hass, entry)
    for _ in range(5):
        await wait(HALF_A_DAY)
        await ask_all(wait)
    assert devices(device_registry, entry).keys() == {ONE}


async def test_one_that_was_not_shown_since_the_start_goes_with_its_printer(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """And is there again when that is."""
    await show(pushes)
    await reload(hass, entry)
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    for _ in range(48):
        await wait(HOUR)
    assert hass.states.get(TRAY) is None
    simulator.cloud.bind_printer(P1S, "demo@example.com")
    await wait(IDLE)
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


async def test_a_printer_that_is_removed_by_hand_takes_its_ams_along(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
    simulator: Simulator,
    wait: Wait,
) -> None:
    assert await async_setup_component(hass, "config", {})
    await show(pushes)
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    for _ in range(4):
        await wait(IDLE + SECOND)
    client = await hass_ws_client(hass)
    hub = device_registry.async_get_device_by_identifier((DOMAIN, P1S), entry.entry_id)
    assert (await client.remove_device(hub.id))["success"]
    assert not device_registry.async_get_device_by_identifier((DOMAIN, ONE), entry.entry_id)
    simulator.cloud.bind_printer(P1S, "demo@example.com")
    await wait(IDLE + SECOND)
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


@pytest.mark.parametrize("is_there", [True, False])
async def test_removal_by_hand(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    hass_ws_client: WebSocketGenerator,
    is_there: bool,
) -> None:
    """One that its printer shows would only come back."""
    assert await async_setup_component(hass, "config", {})
    await show(pushes)
    await pushes.full(p1s() if is_there else without_ams())
    client = await hass_ws_client(hass)
    answer = await client.remove_device(devices(device_registry, entry)[ONE].id)
    assert answer["success"] is not is_there
    assert answer.get("error", {}).get("translation_key") == ("remove_ams" if is_there else None)
    assert (devices(device_registry, entry).keys() == {ONE}) is is_there
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


@pytest.mark.parametrize(
    ("is_listed", "left"), [(False, set()), (True, {"update.p1s_ams_1_firmware"})]
)
async def test_live_data_is_switched_off(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    listed: list[dict[str, Any]],
    wait: Wait,
    is_listed: bool,
    left: set[str],
) -> None:
    """What only a printer tells goes, and an AMS of which nothing is left."""
    listed += [a_listed()] * is_listed
    await show(pushes)
    await ask_all(wait)
    hass.config_entries.async_update_entry(entry, options={"live_data": False})
    await reload(hass, entry)
    await ask_all(wait)
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    assert {each.entity_id for each in entities if ONE in each.unique_id} == left
    assert len(devices(device_registry, entry)) == len(left)
    hass.config_entries.async_update_entry(entry, options={"live_data": True})
    await reload(hass, entry)
    await show(pushes)
    assert hass.states.get(TRAY).state == "PLA"


async def test_two_that_tell_one_serial_number(
    entry: MockConfigEntry, pushes: Pushes, device_registry: dr.DeviceRegistry
) -> None:
    """One of them is shown, and nothing is raised."""
    both = with_units(
        unit(0, FOUR_SPOOLS, humidity="2"),
        unit(1, FOUR_SPOOLS, humidity="3"),
        exist="3",
        trays="ff",
    )
    await pushes.full(both)
    await pushes.versions(ams_0=ONE, ams_1=ONE)
    assert devices(device_registry, entry).keys() == {ONE}
    await pushes.versions(ams_0=ONE, ams_1=THIRD)
    assert devices(device_registry, entry).keys() == {ONE, THIRD}


async def test_diagnostics(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    device_registry: dr.DeviceRegistry,
    hass_client: ClientSessionGenerator,
) -> None:
    """What is in it is told, whose it is not."""
    await show(pushes)
    device = devices(device_registry, entry)[ONE]
    diagnostics = await get_diagnostics_for_device(hass, hass_client, entry, device)
    (shown,) = diagnostics["devices"]
    assert shown["ams"]["humidity_level"] == 4
    assert [tray["material"] for tray in shown["ams"]["trays"]] == ["PLA", "PLA", "PETG", "PLA"]
    assert ONE not in str(diagnostics)
