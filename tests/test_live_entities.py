"""The entities of what a printer says itself, and what else that changes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from syrupy.assertion import SnapshotAssertion
import yaml

from custom_components.bambu_lab_cloud import binary_sensor, sensor
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator
from tests.api.reports import FAMILIES, MODELS, a1, h2d, p1s, tray, x1c
from tests.conftest import Wait, reload, watch
from tests.pushes import COMMON, FATAL, INFORMATION, SERIOUS, Pushes, begin

ROOT = Path(__file__).parent.parent
P1S = "01P00A000000002"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
EVENT = "event.p1s_print"
ERROR = "binary_sensor.p1s_error"
NOZZLE = "sensor.p1s_nozzle_temperature"
ATTRIBUTES = {
    "brand",
    "codes",
    "color",
    "diameter",
    "high_flow",
    "link",
    "module",
    "severity",
    "tray",
}
LIVE_KEYS = {each.key for each in (*sensor.LIVE, binary_sensor.ERROR, *binary_sensor.LIVE)}


def live_entities(registry: er.EntityRegistry) -> dict[str, er.RegistryEntry]:
    """Return the entities that show what printers say themselves."""
    return {
        each.entity_id: each
        for each in registry.entities.values()
        if each.unique_id.partition(f"{P1S}_")[2] in LIVE_KEYS
    }


def keys(registry: er.EntityRegistry) -> set[str]:
    """Return the keys of these entities."""
    return {each.unique_id.partition(f"{P1S}_")[2] for each in live_entities(registry).values()}


def states(hass: HomeAssistant, registry: er.EntityRegistry) -> set[str]:
    """Return the states of these entities that are on, *error* left out."""
    known = [hass.states.get(each) for each in live_entities(registry) if each != ERROR]
    return {state.state for state in known if state}


# Which there are.


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize("family", ["a1", "h2d", "p1s", "x1c"])
async def test_families(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    family: str,
) -> None:
    """Each has what it tells of, and nothing that it has not."""
    await Pushes(hass, entry, P1S, MODELS[family]).full(FAMILIES[family]())
    shown = {key: hass.states.get(key) for key in live_entities(entity_registry)}
    assert {key: state.state for key, state in shown.items()} == snapshot(name="states")
    assert {
        key: {name: state.attributes[name] for name in sorted(ATTRIBUTES & state.attributes.keys())}
        for key, state in shown.items()
        if ATTRIBUTES & state.attributes.keys()
    } == snapshot(name="attributes")


@pytest.mark.parametrize(
    ("family", "shown"),
    [
        ("a1", {"stage", "layer", "nozzle_temperature", "bed_temperature", "error"}),
        (
            "x1c",
            {
                "stage",
                "layer",
                "nozzle_temperature",
                "bed_temperature",
                "chamber_temperature",
                "error",
            },
        ),
        (
            "h2d",
            {
                "stage",
                "layer",
                "left_nozzle_temperature",
                "right_nozzle_temperature",
                "bed_temperature",
                "chamber_temperature",
                "error",
            },
        ),
    ],
)
async def test_what_is_shown_by_default(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    family: str,
    shown: set[str],
) -> None:
    """With all that the cloud tells, at most sixteen tiles on the page of an area."""
    await Pushes(hass, entry, P1S, MODELS[family]).full(FAMILIES[family]())
    on = {
        key.partition(f"{P1S}_")[2]
        for key, each in (
            (each.unique_id, each)
            for each in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
            if P1S in each.unique_id
        )
        if not each.disabled and not each.hidden and not each.entity_category
    }
    assert on & LIVE_KEYS == shown
    assert len(on) <= 16


async def test_what_is_hidden_by_default(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    await Pushes(hass, entry, P1S, "X1 Carbon").full(x1c())
    assert {
        each.unique_id.partition(f"{P1S}_")[2]
        for each in live_entities(entity_registry).values()
        if each.hidden
    } == {"active_filament", "door", "external_spool", "total_layers"}


async def test_without_a_push_there_are_none(
    entry: MockConfigEntry, entity_registry: er.EntityRegistry, wait: Wait
) -> None:
    await wait(IDLE)
    assert live_entities(entity_registry) == {}


async def test_a_change_alone_adds_nothing(
    pushes: Pushes, entity_registry: er.EntityRegistry
) -> None:
    """What else the printer has only a full status tells."""
    await pushes.say(nozzle_temper=210.0, gcode_state="RUNNING")
    assert live_entities(entity_registry) == {}


async def test_what_is_told_later_is_added_later(
    hass: HomeAssistant, pushes: Pushes, entity_registry: er.EntityRegistry
) -> None:
    body = p1s()
    body["ams"]["tray_now"] = "255"
    await pushes.full(body)
    before = keys(entity_registry)
    assert "active_filament" not in before
    await pushes.say(ams={"tray_now": "2"})
    assert keys(entity_registry) - before == {"active_filament"}
    assert hass.states.get("sensor.p1s_active_filament").state == "PETG"


async def test_after_a_lost_session_only_a_full_status_adds_something(
    pushes: Pushes, entity_registry: er.EntityRegistry
) -> None:
    """What is known is that of the session before, and goes on to be shown for a minute."""
    body = p1s()
    body["ams"]["tray_now"] = "255"
    await pushes.full(body)
    await pushes.lose()
    await pushes.say(ams={"tray_now": "2"})
    assert "active_filament" not in keys(entity_registry)
    await pushes.full(p1s())
    assert "active_filament" in keys(entity_registry)


async def test_a_printer_with_two_nozzles_waits_for_them(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """It is known to have two, also before it tells so."""
    pushes = Pushes(hass, entry, P1S, "H2D")
    body = h2d()
    await pushes.full({key: value for key, value in body.items() if key != "device"})
    assert not {key for key in keys(entity_registry) if "nozzle" in key}
    await pushes.say(device=body["device"])
    assert {key for key in keys(entity_registry) if key.endswith("nozzle_temperature")} == {
        "left_nozzle_temperature",
        "right_nozzle_temperature",
    }


async def test_they_are_there_again_after_a_restart(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    entity_registry: er.EntityRegistry,
) -> None:
    """Unavailable until the printer has told everything anew."""
    await pushes.full(p1s())
    before = live_entities(entity_registry)
    await reload(hass, entry)
    assert live_entities(entity_registry).keys() == before.keys()
    assert states(hass, entity_registry) == {STATE_UNAVAILABLE}
    # It is theirs, and not what Home Assistant shows in place of one that is missing.
    assert "restored" not in hass.states.get(NOZZLE).attributes
    await pushes.say(nozzle_temper=180.0)
    assert states(hass, entity_registry) == {STATE_UNAVAILABLE}
    await pushes.full(p1s())
    assert live_entities(entity_registry).keys() == before.keys()
    assert STATE_UNAVAILABLE not in states(hass, entity_registry)
    assert hass.states.get(NOZZLE).state == "220"


async def test_an_error_of_a_printer_that_is_not_heard_is_unknown(
    hass: HomeAssistant, pushes: Pushes, simulator: Simulator, wait: Wait
) -> None:
    """The home page counts each problem that is unavailable, and a printer that is off is none."""
    await pushes.full(p1s(), hms=[FATAL])
    shown = [hass.states.get(ERROR)]
    simulator.cloud.change_printer(P1S, online=False)
    await wait(15 * MINUTE)
    await wait(15 * MINUTE)
    shown.append(hass.states.get(ERROR))
    assert [each.state for each in shown] == ["on", STATE_UNKNOWN]
    assert ["codes" in each.attributes for each in shown] == [True, False]


async def test_a_printer_that_comes_back_has_them_again(
    hass: HomeAssistant,
    pushes: Pushes,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """After two days it is one that joins."""
    await pushes.full(p1s())
    before = keys(entity_registry)
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    for _ in range(48):
        await wait(HOUR)
    assert keys(entity_registry) == set()
    simulator.cloud.bind_printer(P1S, "demo@example.com")
    await wait(IDLE)
    assert keys(entity_registry) == set()
    await pushes.full(p1s())
    assert keys(entity_registry) == before
    await pushes.say(nozzle_temper=100.0, nozzle_target_temper=0.0)
    await wait(MINUTE)
    await pushes.settle()
    assert hass.states.get(NOZZLE).state == "100"


# Fresh or absent.


async def test_what_is_old_is_unavailable_and_the_cloud_counts_again(
    hass: HomeAssistant, pushes: Pushes, entity_registry: er.EntityRegistry, wait: Wait
) -> None:
    """A lost session keeps its values for a minute."""
    await pushes.full(p1s(), gcode_state="PREPARE", stg_cur=1)
    await wait(3 * SECOND)
    assert hass.states.get("sensor.p1s").state == "preparing"
    assert hass.states.get("sensor.p1s_stage").state == "auto_bed_leveling"
    await pushes.lose()
    await wait(50 * SECOND)
    assert hass.states.get(NOZZLE).state == "220"
    await wait(11 * SECOND)
    await pushes.settle()
    assert states(hass, entity_registry) == {STATE_UNAVAILABLE}
    assert hass.states.get("sensor.p1s").state == "finished"
    await pushes.full(p1s(), gcode_state="PREPARE", stg_cur=1)
    await wait(3 * SECOND)
    assert STATE_UNAVAILABLE not in states(hass, entity_registry)
    assert hass.states.get("sensor.p1s").state == "preparing"


async def test_a_poll_finds_that_a_busy_printer_fell_silent(
    hass: HomeAssistant, pushes: Pushes, entity_registry: er.EntityRegistry, wait: Wait
) -> None:
    await pushes.full(p1s())
    await wait(3 * SECOND)
    await wait(15 * MINUTE)
    await wait(MINUTE)
    assert states(hass, entity_registry) == {STATE_UNAVAILABLE}


async def test_a_cloud_that_does_not_answer_takes_nothing_away(
    hass: HomeAssistant,
    pushes: Pushes,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    await pushes.full(a1())
    simulator.cloud.add_fault("server_error")
    for _ in range(4):
        await wait(IDLE)
    assert hass.states.get("sensor.p1s_progress").state == STATE_UNAVAILABLE
    await pushes.say(nozzle_temper=100.0)
    assert STATE_UNAVAILABLE not in states(hass, entity_registry)
    assert hass.states.get(NOZZLE).state == "100"


async def test_a_printer_that_rests_is_idle(hass: HomeAssistant, pushes: Pushes) -> None:
    """An A1 tells a stage for all that."""
    await pushes.full(a1())
    shown = {key: hass.states.get(f"sensor.p1s_{key}").state for key in ("stage", "layer")}
    assert shown == {"stage": "idle", "layer": STATE_UNKNOWN}


# Quiet.


@pytest.mark.usefixtures("everything_enabled")
async def test_a_push_writes_only_what_it_changes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    entity_registry: er.EntityRegistry,
    wait: Wait,
) -> None:
    """Whatever else of the printer is shown, by the cloud's word or its own."""
    for _ in range(5):
        await wait(2 * MINUTE)
    await pushes.full(p1s())
    await wait(3 * SECOND)
    await wait(15 * SECOND)
    ids = [
        each.entity_id
        for each in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    ]
    written = watch(hass, ids)

    async def told(**changes: Any) -> list[str]:
        written.clear()
        await pushes.say(**changes)
        return sorted(written)

    assert await told() == []
    assert await told(mc_percent=34) == ["sensor.p1s_progress"]
    assert await told(layer_num=42) == ["sensor.p1s_layer"]
    assert await told(nozzle_temper=230.0) == [NOZZLE]
    # It is held back.
    assert await told(nozzle_temper=235.0) == []
    assert await told(wifi_signal="-60dBm") == []
    assert await told(lights_report=[{"node": "chamber_light", "mode": "off"}]) == [
        "binary_sensor.p1s_chamber_light"
    ]
    assert await told(hms=[FATAL]) == [ERROR, EVENT]
    assert await told(hms=[SERIOUS, FATAL]) == [ERROR, EVENT]
    assert await told(hms=[FATAL]) == [ERROR]
    assert await told(ams={"tray_now": "1"}) == ["sensor.p1s_active_filament"]
    assert await told(vt_tray=tray(254, "TPU", "F5547CFF")) == ["sensor.p1s_external_spool"]


async def test_firmware_that_a_printer_installs(
    hass: HomeAssistant, pushes: Pushes, wait: Wait
) -> None:
    """Its own word alone, and nothing is known of it once that is old."""

    def shown() -> tuple[Any, Any]:
        attributes = hass.states.get("update.p1s_firmware").attributes
        return attributes["in_progress"], attributes["update_percentage"]

    assert shown() == (False, None)
    await pushes.full(p1s())
    assert shown() == (False, None)
    await pushes.say(upgrade_state={"status": "DOWNLOADING", "progress": ""})
    assert shown() == (True, None)
    await pushes.say(upgrade_state={"status": "FLASHING", "progress": "40"})
    assert shown() == (True, 40)
    await pushes.say(upgrade_state={"status": "UPGRADE_SUCCESS", "progress": "100"})
    assert shown() == (False, None)
    await pushes.say(upgrade_state={"status": "FLASHING", "progress": "41"})
    assert shown() == (True, 41)
    await pushes.lose()
    await wait(61 * SECOND)
    await pushes.settle()
    assert shown() == (False, None)


@pytest.mark.usefixtures("everything_enabled")
async def test_the_remaining_time_goes_back_when_the_end_moves(
    hass: HomeAssistant, pushes: Pushes, wait: Wait
) -> None:
    """The clock has changed it since the printer last did."""
    await pushes.full(p1s(), mc_remaining_time=30)
    await wait(3 * SECOND)
    shown = [hass.states.get("sensor.p1s_print_time_remaining").state]
    for _ in range(2):
        await wait(MINUTE)
    shown.append(hass.states.get("sensor.p1s_print_time_remaining").state)
    await pushes.say(mc_remaining_time=29)
    await pushes.say(mc_remaining_time=30)
    shown.append(hass.states.get("sensor.p1s_print_time_remaining").state)
    assert shown == ["30", "28", "30"]


# What is wrong.


@pytest.mark.parametrize(
    ("changes", "state", "codes", "worst", "page"),
    [
        ({}, "off", [], (None, None), None),
        ({"hms": [INFORMATION]}, "off", [], (None, None), None),
        ({"print_error": 0x0300400C}, "off", [], (None, None), None),
        (
            {"hms": [COMMON, SERIOUS, FATAL]},
            "on",
            ["0300_0100_0001_0007", "0C00_0300_0002_0007", "0500_0200_0003_0001"],
            ("fatal", "motion_controller"),
            "https://e.bambulab.com/index.php?e=0300010000010007&d=01P&s=device_hms&lang=en",
        ),
        (
            {"print_error": 0x07008006, "hms": [FATAL]},
            "on",
            ["0700-8006", "0300_0100_0001_0007"],
            (None, "ams"),
            "https://wiki.bambulab.com/en/hms/error-code#:~:text=0700%2D8006",
        ),
    ],
)
async def test_error(
    hass: HomeAssistant,
    pushes: Pushes,
    changes: dict[str, Any],
    state: str,
    codes: list[str],
    worst: tuple[str | None, str | None],
    page: str | None,
) -> None:
    """The worst first; mere information and a print that was cancelled are none."""
    await pushes.full(p1s(), **changes)
    shown = hass.states.get(ERROR)
    assert shown.state == state
    assert shown.attributes["codes"] == codes
    assert (shown.attributes["severity"], shown.attributes["module"]) == worst
    assert shown.attributes["link"] == page
    await pushes.say(hms=[], print_error=0)
    assert hass.states.get(ERROR).state == "off"


# Where the filament comes from.


@pytest.mark.parametrize(
    ("family", "changes", "material", "place"),
    [
        ("p1s", {}, "PLA", "A4"),
        ("p1s", {"ams": {"tray_exist_bits": "7"}}, "empty", "A4"),
        ("p1s", {"ams": {"tray_now": "254"}, "vt_tray": tray(254, "ABS", "")}, "ABS", "external"),
        ("h2d", {}, "PLA", "B4"),
        ("h2d", {"device": {"extruder": {"info": [{"id": 0, "snow": 0x8000}]}}}, "PA-CF", "HT-A"),
        ("a2l", {}, "PETG", "A2"),
    ],
)
async def test_active_filament(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    family: str,
    changes: dict[str, Any],
    material: str,
    place: str,
) -> None:
    """Where it comes from is called as in Bambu Studio."""
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    await pushes.full(FAMILIES[family]())
    await pushes.say(**changes)
    shown = hass.states.get("sensor.p1s_active_filament")
    assert (shown.state, shown.attributes["tray"]) == (material, place)


# Events.


def told(heard: list[State], *names: str) -> list[tuple[Any, ...]]:
    """Return attributes of what was heard."""
    return [tuple(state.attributes[name] for name in names) for state in heard]


async def test_a_pause_says_why(
    simulator: Simulator, pushes: Pushes, wait: Wait, heard: list[State]
) -> None:
    await begin(simulator, pushes, wait)
    await pushes.say(gcode_state="PAUSE", stg_cur=6)
    await wait(SECOND)
    await pushes.say(gcode_state="RUNNING", stg_cur=0)
    await wait(SECOND)
    assert told(heard, "event_type", "reason") == [
        ("started", None),
        ("paused", "paused_filament_runout"),
        ("resumed", None),
    ]


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize(
    ("error", "cancelled", "told_of", "problem"),
    [
        (0x0300400C, True, [("failed", [])], "off"),
        (0x07008006, False, [("error", ["0700-8006"]), ("failed", ["0700-8006"])], "on"),
        (0, None, [("failed", [])], "on"),
    ],
)
async def test_an_end_says_if_it_was_cancelled(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
    error: int,
    cancelled: bool | None,
    told_of: list[tuple[str, list[str]]],
    problem: str,
) -> None:
    """As far as the printer tells; to cancel a print is no problem, also not after a restart."""
    await begin(simulator, pushes, wait)
    heard.clear()
    await pushes.say(gcode_state="FAILED", print_error=error)
    await wait(3 * SECOND)
    simulator.cloud.end(P1S, "failed")
    await pushes.say(print_error=0)
    await wait(12 * SECOND)
    assert told(heard, "event_type", "errors") == told_of
    assert heard[-1].attributes["cancelled"] is cancelled
    await wait(5 * MINUTE)
    await reload(hass, entry)
    await wait(5 * MINUTE)
    assert hass.states.get("binary_sensor.p1s_last_print_problem").state == problem
    last = hass.states.get("sensor.p1s_last_print_result")
    assert (last.state, last.attributes["cancelled"]) == ("failed", cancelled)


async def test_a_finished_print_was_not_cancelled_by_anybody(
    simulator: Simulator, pushes: Pushes, wait: Wait, heard: list[State]
) -> None:
    await begin(simulator, pushes, wait)
    await pushes.say(gcode_state="FINISH", mc_percent=100)
    await wait(3 * SECOND)
    assert told(heard, "event_type", "cancelled", "errors", "reason")[-1] == (
        "finished",
        None,
        [],
        None,
    )


# What owners make of it.


async def automate(hass: HomeAssistant, alias: str) -> None:
    """Take an example of the documentation over, for the P1S."""
    text = (ROOT / "docs/automations.md").read_text().replace("workshop_x1c", "p1s")
    examples = [yaml.safe_load(each.split("```")[0]) for each in text.split("```yaml\n")[1:]]
    (example,) = [each for each in examples if each["alias"] == alias]
    assert await async_setup_component(hass, "automation", {"automation": example})


async def test_a_printer_is_switched_off_once_it_is_cool(
    hass: HomeAssistant, simulator: Simulator, pushes: Pushes, wait: Wait
) -> None:
    """After its print, not whenever it is heard of again."""
    calls = async_mock_service(hass, "switch", "turn_off")
    body = await begin(simulator, pushes, wait)
    await automate(hass, "Printer off once it is cool")
    await pushes.say(nozzle_temper=49.0)
    await wait(MINUTE)
    await pushes.say(nozzle_temper=220.0)
    await pushes.say(gcode_state="FINISH", mc_percent=100, nozzle_target_temper=0.0)
    await wait(MINUTE)
    await pushes.say(nozzle_temper=50.0)
    assert calls == []
    await wait(MINUTE)
    await pushes.say(nozzle_temper=49.0)
    assert [call.data["entity_id"] for call in calls] == [["switch.printer_plug"]]
    await pushes.lose()
    await wait(2 * MINUTE)
    await pushes.settle()
    assert hass.states.get(NOZZLE).state == STATE_UNAVAILABLE
    await pushes.full(body, gcode_state="FINISH", nozzle_temper=40.0)
    assert hass.states.get(NOZZLE).state == "40"
    assert len(calls) == 1
