"""Triggers of our own: automations that hear of prints without an entity."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import yaml

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.fleet.printer import Print
from custom_components.bambu_lab_cloud.pictures import Pictures
from custom_components.bambu_lab_cloud.trigger import TYPES
from simulator import Simulator
from tests.api.reports import p1s
from tests.conftest import Wait, finish_start, reload, set_up, settle
from tests.pushes import FATAL, Pushes, begin
from tests.test_live_entities import ROOT, automate as automate_example

X1C = "00M00A000000001"
P1S = "01P00A000000002"
EVENT = "event.p1s_print"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# Home Assistant reloads an entry this long after one of its entities was enabled.
RELOAD = timedelta(seconds=35)
ALL = tuple(TYPES)
USER = er.RegistryEntryDisabler.USER

type Automate = Callable[..., Awaitable[None]]


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    """What the actions of automations have done."""
    return async_mock_service(hass, "test", "note")


@pytest.fixture
def automate(hass: HomeAssistant, calls: list[ServiceCall]) -> Automate:
    """Set automations up, of which each notes what it is told by one of our triggers."""

    async def automate(*targets: dict[str, Any], kinds: tuple[str, ...] = ALL) -> None:
        configuration = "\n".join(
            f"""
            - alias: Automation {number}
              mode: queued
              triggers:
                - trigger: bambu_lab_cloud.{kind}
                  target: {target}
              actions:
                - action: test.note
                  data:
                    automation: {number}
                    kind: {kind}
                    device: "{{{{ trigger.device_id }}}}"
                    entity: "{{{{ trigger.entity_id }}}}"
                    print: "{{{{ trigger.print }}}}"
                    description: "{{{{ trigger.description }}}}"
            """
            for number, target in enumerate(targets)
            for kind in kinds
        )
        automations = {"automation": yaml.safe_load(configuration)}
        assert await async_setup_component(hass, "automation", automations)
        await hass.async_block_till_done()

    return automate


def told(calls: list[ServiceCall], *names: str) -> list[Any]:
    """Return what was noted, as kinds and what else is asked for, and forget it."""
    result = [
        (call.data["kind"], call.data["print"]["task_id"], *(call.data[name] for name in names))
        for call in calls
    ]
    calls.clear()
    return result


def device(hass: HomeAssistant, entry: MockConfigEntry, printer_id: str = P1S) -> str:
    """Return the id of a device in the registry."""
    found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, printer_id), entry.entry_id)
    assert found is not None
    return found.id


@pytest.fixture
def printer(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """The P1S as a target."""
    return {"device_id": device(hass, entry)}


@pytest.fixture
async def without_event(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    wait: Wait,
) -> None:
    """The event entity of the P1S is disabled."""
    entity_registry.async_update_entity(EVENT, disabled_by=USER)
    await wait(RELOAD)
    assert hass.states.get(EVENT) is None


async def print_once(simulator: Simulator, wait: Wait, printer_id: str = P1S) -> str:
    """Have a print start and finish, and both be noticed."""
    task = str(simulator.cloud.start(printer_id, duration=3600, title="Boat"))
    await wait(IDLE)
    await wait(MINUTE)
    simulator.cloud.end(printer_id, "finished")
    await wait(MINUTE)
    await wait(MINUTE)
    return task


async def test_what_an_automation_is_told(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
) -> None:
    """The same as by the event entity, which hears of it as well, and both once."""
    await automate(printer)
    task = await print_once(simulator, wait)
    end = calls[-1].data
    assert told(calls, "device", "entity", "description") == [
        (f"print_{kind}", task, printer["device_id"], EVENT, f"Boat {kind} on P1S")
        for kind in ("started", "finished")
    ]
    attributes = dict(hass.states.get(EVENT).attributes)
    assert attributes.pop("event_types")
    assert attributes.pop("friendly_name") == "P1S Print"
    assert end["print"] == attributes
    assert end["print"]["image"] == "image.p1s_last_print_preview"
    for _ in range(5):
        await wait(IDLE)
    assert calls == []


@pytest.mark.usefixtures("without_event")
async def test_the_event_entity_may_be_disabled(
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
) -> None:
    await automate(printer)
    task = await print_once(simulator, wait)
    assert told(calls, "entity") == [("print_started", task, None), ("print_finished", task, None)]


@pytest.mark.usefixtures("without_event")
async def test_what_nobody_could_hear_waits_for_a_trigger(
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
) -> None:
    """As it does for the event entity: one trigger is enough, and it is late."""
    task = await print_once(simulator, wait)
    await wait(11 * MINUTE)
    await automate(printer, kinds=("print_finished",))
    await wait(SECOND)
    assert calls[0].data["print"]["late"]
    assert told(calls) == [("print_finished", task)]


@pytest.mark.usefixtures("without_event")
async def test_an_error_that_nobody_could_hear_is_heard_once(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if a print that ended before is heard of first, and waits for its picture."""
    downloaded = asyncio.Event()

    async def fetch(pictures: Pictures, job: Print) -> bool:
        await downloaded.wait()
        return False

    entity_registry.async_update_entity("event.workshop_x1c_print", disabled_by=USER)
    await wait(RELOAD)
    await print_once(simulator, wait, X1C)
    pushes = Pushes(hass, entry, P1S)
    await pushes.full(p1s(), gcode_state="IDLE")
    await pushes.say(hms=[FATAL])
    monkeypatch.setattr(Pictures, "async_fetch", fetch)
    workshop = area_registry.async_create("Workshop").id
    await automate({"device_id": device(hass, entry, X1C)}, {"area_id": workshop})
    device_registry.async_update_device(device(hass, entry), area_id=workshop)
    await entry.runtime_data.printers.async_refresh()
    await hass.async_block_till_done()
    downloaded.set()
    await settle(hass)
    kinds = [call.data["kind"] for call in calls]
    assert kinds == ["printer_error", "print_started", "print_finished"]


@pytest.mark.parametrize("disabled_by", [None, USER], ids=["event", "no event"])
async def test_an_end_while_home_assistant_was_away(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
    *,
    disabled_by: er.RegistryEntryDisabler | None,
) -> None:
    """It is announced once automations listen, and said to be late."""
    entity_registry.async_update_entity(EVENT, disabled_by=disabled_by)
    task = str(simulator.cloud.start(P1S, duration=3600))
    await wait(IDLE)
    await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.starting)
    await automate(printer, kinds=("print_finished",))
    freezer.tick(5 * HOUR)
    await set_up(hass, entry)
    assert calls == []
    await finish_start(hass)
    assert [call.data["print"]["late"] for call in calls] == [True]
    assert told(calls) == [("print_finished", task)]
    await reload(hass, entry)
    assert calls == []


@pytest.mark.parametrize("disabled_by", [None, USER], ids=["event", "no event"])
async def test_automations_outlast_a_reload(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
    *,
    disabled_by: er.RegistryEntryDisabler | None,
) -> None:
    """They may be there before the account, and while it is away nothing happens."""
    entity_registry.async_update_entity(EVENT, disabled_by=disabled_by)
    await hass.config_entries.async_unload(entry.entry_id)
    await automate(printer)
    await wait(IDLE)
    assert calls == []
    await set_up(hass, entry)
    first = await print_once(simulator, wait)
    assert told(calls) == [("print_started", first), ("print_finished", first)]
    await reload(hass, entry)
    await wait(IDLE)
    second = await print_once(simulator, wait)
    assert told(calls) == [("print_started", second), ("print_finished", second)]


async def test_an_automation_that_is_off_hears_nothing(
    hass: HomeAssistant,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
) -> None:
    await automate(printer)
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    await print_once(simulator, wait)
    assert calls == []


async def remove(registry: er.EntityRegistry, wait: Wait) -> None:
    """Remove the event entity, which comes back with the next reload."""
    registry.async_remove(EVENT)


async def enable(registry: er.EntityRegistry, wait: Wait) -> None:
    """Enable the event entity that was disabled, for which Home Assistant takes half a minute."""
    registry.async_update_entity(EVENT, disabled_by=USER)
    await wait(RELOAD)
    registry.async_update_entity(EVENT, disabled_by=None)


@pytest.mark.parametrize("lose", [remove, enable])
async def test_the_event_entity_is_waited_for(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
    lose: Callable[[er.EntityRegistry, Wait], Awaitable[None]],
) -> None:
    """Where it is missing for a moment, triggers do not take from it what it is about to hear."""
    task = str(simulator.cloud.start(P1S, duration=3600))
    await wait(IDLE)
    await automate(printer)
    await lose(entity_registry, wait)
    await hass.async_block_till_done()
    simulator.cloud.end(P1S, "finished")
    await entry.runtime_data.printers.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get("sensor.p1s").state == "finished"
    # Where it was disabled, Home Assistant 2026.11 says that it is to come.
    assert task not in str(hass.states.get(EVENT))
    assert calls == []
    await reload(hass, entry)
    assert told(calls, "entity") == [("print_finished", task, EVENT)]
    assert hass.states.get(EVENT).attributes["task_id"] == task


@pytest.fixture
async def targets(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    entity_registry: er.EntityRegistry,
) -> dict[str, dict[str, Any]]:
    """What an owner may choose, all of which means the P1S."""
    floor = fr.async_get(hass).async_create("Basement")
    workshop = area_registry.async_create("Workshop", floor_id=floor.floor_id)
    shelf = area_registry.async_create("Shelf")
    labels = [lr.async_get(hass).async_create(name).label_id for name in ("Loud", "Slow", "Hot")]
    p1s = device(hass, entry)
    dr.async_get(hass).async_update_device(p1s, area_id=workshop.id, labels={labels[0]})
    entity_registry.async_update_entity("sensor.p1s_progress", labels={labels[1]})
    entity_registry.async_update_entity("sensor.p1s_print_title", area_id=shelf.id)
    area_registry.async_update(workshop.id, labels={labels[2]})
    return {
        "device": {"device_id": p1s},
        "event": {"entity_id": EVENT},
        "other entity": {"entity_id": ["sensor.p1s"]},
        "area": {"area_id": workshop.id},
        "area of an entity": {"area_id": shelf.id},
        "floor": {"floor_id": floor.floor_id},
        "label": {"label_id": labels[0]},
        "label of an entity": {"label_id": labels[1]},
        "label of an area": {"label_id": labels[2]},
        "all at once": {
            "device_id": [p1s],
            "entity_id": [EVENT, "sensor.p1s"],
            "area_id": [workshop.id, shelf.id],
            "floor_id": [floor.floor_id],
            "label_id": labels,
        },
    }


async def test_each_way_to_choose_a_printer(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    targets: dict[str, dict[str, Any]],
) -> None:
    """However often a target names it, a trigger hears of a print once; another printer is none."""
    await automate(*targets.values(), kinds=("print_finished",))
    task = await print_once(simulator, wait)
    await print_once(simulator, wait, X1C)
    numbers = sorted(call.data["automation"] for call in calls)
    assert [list(targets)[number] for number in numbers] == list(targets)
    assert {call.data["print"]["task_id"] for call in calls} == {task}


async def test_two_printers(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    both = [device(hass, entry, each) for each in (X1C, P1S)]
    await automate({"device_id": both}, kinds=("print_finished",))
    simulator.cloud.start(X1C, duration=60, title="Boat")
    simulator.cloud.start(P1S, duration=60, title="Vase")
    await wait(IDLE)
    assert [(call.data["device"], call.data["print"]["printer"]) for call in calls] == [
        (both[0], "Workshop X1C"),
        (both[1], "P1S"),
    ]


async def test_a_printer_that_moves(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    """An automation of an area hears of the printers that are there when it happens."""
    area = area_registry.async_create("Workshop").id
    await automate({"area_id": area}, kinds=("print_finished",))
    await print_once(simulator, wait)
    assert calls == []
    device_registry.async_update_device(device(hass, entry), area_id=area)
    task = await print_once(simulator, wait)
    assert told(calls) == [("print_finished", task)]
    device_registry.async_update_device(device(hass, entry), area_id=None)
    await print_once(simulator, wait)
    assert calls == []


async def test_an_event_entity_that_is_renamed(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
) -> None:
    """The next print is told of by its new name."""
    await automate(printer, kinds=("print_finished",))
    entity_registry.async_update_entity(EVENT, new_entity_id="event.small_one")
    await wait(SECOND)
    task = await print_once(simulator, wait)
    assert told(calls, "entity") == [("print_finished", task, "event.small_one")]
    assert hass.states.get("event.small_one").attributes["task_id"] == task


async def test_what_is_no_printer_means_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An AMS, the account, and what is not there."""
    await wait(IDLE)
    p1s = device(hass, entry)
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    others = [each.id for each in devices if each.via_device_id or each.entry_type]
    assert len(others) > 1
    assert p1s not in others
    await automate(
        *({"device_id": each} for each in (*others, "0123456789abcdef")),
        {"entity_id": "sensor.that_is_not_there"},
        {"area_id": "nowhere"},
        {"label_id": "nothing"},
    )
    await print_once(simulator, wait)
    assert calls == []
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("kind", "cancelled"),
    [("print_paused", None), ("print_resumed", None), ("print_failed", True)],
)
@pytest.mark.usefixtures("without_event")
async def test_what_a_printer_says_itself(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    printer: dict[str, Any],
    kind: str,
    cancelled: bool | None,
) -> None:
    pushes = Pushes(hass, entry, P1S)
    await automate(printer, kinds=(kind, "printer_error"))
    await begin(simulator, pushes, wait)
    await pushes.say(gcode_state="PAUSE", stg_cur=6)
    await wait(SECOND)
    await pushes.say(gcode_state="RUNNING", stg_cur=0)
    await wait(SECOND)
    await pushes.say(gcode_state="FAILED", print_error=0x0300400C)
    await wait(3 * SECOND)
    assert [(call.data["kind"], call.data["print"]["cancelled"]) for call in calls] == [
        (kind, cancelled)
    ]
    calls.clear()
    await pushes.say(hms=[FATAL])
    await wait(SECOND)
    (call,) = calls
    assert call.data["description"] == "0300_0100_0001_0007 reported on P1S"
    assert call.data["print"]["severity"] == "fatal"


@pytest.mark.parametrize(
    "trigger",
    [
        {"trigger": f"{DOMAIN}.print_finished"},
        {"trigger": f"{DOMAIN}.print_finished", "target": {}},
        {"trigger": f"{DOMAIN}.print_finished", "target": {"printer": "p1s"}},
        {
            "trigger": f"{DOMAIN}.print_finished",
            "target": {"entity_id": EVENT},
            "options": {"for": "00:05:00"},
        },
        {"trigger": f"{DOMAIN}.print_forgotten", "target": {"entity_id": EVENT}},
        {"trigger": DOMAIN, "target": {"entity_id": EVENT}},
    ],
)
async def test_a_wrong_trigger_makes_an_invalid_automation(
    hass: HomeAssistant, entry: MockConfigEntry, trigger: dict[str, Any]
) -> None:
    automation = {"alias": "Wrong", "triggers": trigger, "actions": []}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await hass.async_block_till_done()
    assert hass.states.get("automation.wrong").state == "unavailable"


@pytest.mark.usefixtures("without_event")
@pytest.mark.parametrize(
    ("printer_id", "offered"),
    [(P1S, {f"{DOMAIN}.{kind}" for kind in TYPES}), ("account", set()), ("ams", set())],
)
async def test_the_editor_offers_them_for_a_printer(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    hass_ws_client: WebSocketGenerator,
    automate: Automate,
    printer: dict[str, Any],
    printer_id: str,
    offered: set[str],
) -> None:
    """And for nothing else that is ours, also where there are no pictures either."""
    await automate(printer)
    for picture in ("print_preview", "last_print_preview"):
        entity_registry.async_update_entity(f"image.p1s_{picture}", disabled_by=USER)
    ams = next(
        each
        for each in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        if each.via_device_id
    )
    devices = {
        P1S: device(hass, entry),
        "account": device(hass, entry, str(entry.unique_id)),
        "ams": ams.id,
    }
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "get_triggers_for_target", "target": {"device_id": devices[printer_id]}}
    )
    answer = await client.receive_json()
    assert {each for each in answer["result"] if each.startswith(DOMAIN)} == offered


async def test_the_example_of_the_readme(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """It hears of what is in the workshop and finishes."""
    calls = async_mock_service(hass, "notify", "mobile_app_phone")
    area = area_registry.async_create("Workshop").id
    device_registry.async_update_device(device(hass, entry, P1S), area_id=area)
    (example,) = (ROOT / "README.md").read_text().split("```yaml\n")[1:]
    automation = {"alias": "Print ended", **yaml.safe_load(example.split("```")[0])}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    simulator.cloud.start(X1C, duration=300, title="Vase")
    simulator.cloud.start(P1S, duration=300, title="Boat")
    for _ in range(4):
        await wait(5 * MINUTE)
    told = [(call.data["title"], call.data["message"]) for call in calls]
    assert told == [("P1S", "Finished: Boat")]


async def test_the_example_of_the_documentation(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    """Of two prints in the workshop the last one ends it."""
    calls = async_mock_service(hass, "switch", "turn_off")
    area = area_registry.async_create("Workshop").id
    for printer_id in (X1C, P1S):
        device_registry.async_update_device(device(hass, entry, printer_id), area_id=area)
    await automate_example(hass, "Air filter off once nothing prints in the workshop")
    simulator.cloud.start(X1C, duration=600)
    simulator.cloud.start(P1S, duration=1800)
    turned_off = []
    for _ in range(8):
        await wait(5 * MINUTE)
        turned_off.append(len(calls))
    assert turned_off[3] == 0
    assert turned_off[-1] == 1
