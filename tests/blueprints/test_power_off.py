"""The blueprint that switches a printer off after its print, or leaves it on."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from homeassistant.components.automation import AutomationEntity
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers.script import Script
from homeassistant.util.async_ import create_eager_task
from homeassistant.util.unit_system import METRIC_SYSTEM, US_CUSTOMARY_SYSTEM, UnitSystem
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator
from tests.conftest import Wait, settle
from tests.pushes import Pushes, begin

from .conftest import MINUTE, P1S, Automate, Restart

BLUEPRINT = "power_off"
SECOND = timedelta(seconds=1)
PLUG = "switch.plug"
NOZZLE = "sensor.p1s_nozzle_temperature"
METER = "sensor.plug_power"
PRINTER: dict[str, Any] = {
    "print_event": "event.p1s_print",
    "status": "sensor.p1s",
    "switches": [PLUG],
}
BUSY_AGAIN = "The printer is busy again, so it stays on."
NOT_KNOWN = "What the printer does is not known, so it stays on."
HOT = "A nozzle is still hot after the time-out, so the printer stays on."
DRAWS = "The printer draws power after the time-out, so it stays on."


@pytest.fixture
def units() -> UnitSystem:
    """What the owner measures in."""
    return METRIC_SYSTEM


@pytest.fixture(autouse=True)
def _units(hass: HomeAssistant, units: UnitSystem) -> None:
    """Measure in it from the start."""
    hass.config.units = units


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    """What was switched off."""
    return async_mock_service(hass, "switch", "turn_off")


@pytest.fixture(autouse=True)
def _runs(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for the automation, as that waits for hours."""
    trigger, create = AutomationEntity.async_trigger, hass.async_create_task_internal
    creators = defaultdict(lambda: create, {Script.async_run.__qualname__: _create_task})

    async def start(*args: Any, **kwargs: Any) -> None:
        _create_task(trigger(*args, **kwargs))

    def create_any(target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        return creators[target.__qualname__](target, *args, **kwargs)

    monkeypatch.setattr(AutomationEntity, "async_trigger", start)
    monkeypatch.setattr(hass, "async_create_task_internal", create_any)


def _create_task(
    target: Any, name: str | None = None, *, eager_start: bool = True
) -> asyncio.Task[Any]:
    """Create a task that Home Assistant does not know of."""
    return create_eager_task(target, name=name)


type Minutes = Callable[[int], Awaitable[None]]
type End = Callable[..., Awaitable[None]]


@pytest.fixture
def minutes(hass: HomeAssistant, wait: Wait) -> Minutes:
    """Let minutes pass one by one, and the automation follow."""

    async def minutes(count: int) -> None:
        for _ in range(count):
            await wait(MINUTE)
            await follow(hass)

    return minutes


async def follow(hass: HomeAssistant) -> None:
    """Let the automation do what it does now."""
    for _ in range(30):
        await asyncio.sleep(0)
    await settle(hass)


def said(hass: HomeAssistant) -> list[str]:
    """Return why the last run of the automation has stopped, as its trace tells."""
    last = list(hass.data["trace"]["automation.power_off"].runs.values())[-1]
    steps = [step for steps in last.as_extended_dict()["trace"].values() for step in steps]
    return [step["result"]["stop"] for step in steps if "stop" in step.get("result", {})]


@pytest.fixture
async def end(hass: HomeAssistant, simulator: Simulator, pushes: Pushes, wait: Wait) -> End:
    """Begin a print of which the P1S tells itself, and return what ends it, with a hot nozzle."""
    await begin(simulator, pushes, wait, duration=36000)

    async def end(result: str = "finished") -> None:
        simulator.cloud.end(P1S, result)
        state = {"finished": "FINISH", "failed": "FAILED"}[result]
        await pushes.say(gcode_state=state, nozzle_target_temper=0.0, nozzle_temper=215.0)
        await wait(15 * SECOND)
        await follow(hass)

    return end


@pytest.mark.parametrize(("era", "bind_lag"), [("2022", 0), ("2026", 0), ("2026", 280)])
async def test_after_the_delay(
    simulator: Simulator,
    entry: MockConfigEntry,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    bind_lag: float,
) -> None:
    """Without live data there is nothing else, and the status may be later than the event."""
    await automate(BLUEPRINT, **PRINTER)
    simulator.cloud.start(P1S, duration=900, task_lag=0, bind_lag=bind_lag)
    await minutes(34)
    assert calls == []
    await minutes(8)
    assert [call.data["entity_id"] for call in calls] == [[PLUG]]


@pytest.mark.parametrize(
    ("units", "cooled"), [(METRIC_SYSTEM, ["50", "49"]), (US_CUSTOMARY_SYSTEM, ["122.0", "120.2"])]
)
async def test_once_the_nozzle_is_cool(
    hass: HomeAssistant,
    pushes: Pushes,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    cooled: list[str],
) -> None:
    """In degrees, whichever the sensor shows, and not before the delay is over."""
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=5)
    await end()
    await minutes(6)
    shown = []
    for celsius in (50.0, 49.0):
        assert calls == []
        await pushes.say(nozzle_temper=celsius)
        await minutes(1)
        await pushes.settle()
        await follow(hass)
        shown.append(hass.states.get(NOZZLE).state)
    assert (shown, len(calls)) == (cooled, 1)


async def test_a_cool_nozzle_waits_for_the_delay(
    pushes: Pushes, end: End, minutes: Minutes, automate: Automate, calls: list[ServiceCall]
) -> None:
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=5)
    await end()
    await pushes.say(nozzle_temper=30.0)
    await minutes(4)
    assert calls == []
    await minutes(2)
    assert len(calls) == 1


async def test_a_nozzle_that_stays_hot(
    hass: HomeAssistant, end: End, minutes: Minutes, automate: Automate, calls: list[ServiceCall]
) -> None:
    """Its owner loads filament."""
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=5, timeout=10)
    await end()
    await minutes(20)
    assert (calls, said(hass)) == ([], [HOT])


async def test_a_nozzle_that_is_not_known_any_more(
    hass: HomeAssistant,
    pushes: Pushes,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    """Live data is lost: the time-out is long enough for it to cool."""
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=5, timeout=10)
    await end()
    await pushes.lose()
    await minutes(2)
    await pushes.settle()
    assert hass.states.get(NOZZLE).state == "unavailable"
    await minutes(10)
    assert calls == []
    await minutes(5)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"gcode_state": "PREPARE"}, "preparing"),
        ({"gcode_state": "RUNNING"}, "printing"),
        ({"gcode_state": "PAUSE"}, "paused"),
        ({"gcode_state": "RUNNING", "print_type": "system", "stg_cur": 1}, "calibrating"),
    ],
)
@pytest.mark.parametrize("after", [2, 8], ids=["in the delay", "while it cools"])
async def test_it_is_busy_again(
    hass: HomeAssistant,
    pushes: Pushes,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    changes: dict[str, Any],
    status: str,
    after: int,
) -> None:
    """Whatever it does, for however short."""
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=5)
    await end()
    await minutes(after)
    await pushes.say(**changes)
    await follow(hass)
    assert hass.states.get("sensor.p1s").state == status
    await pushes.say(gcode_state="IDLE", print_type="idle", stg_cur=-1, nozzle_temper=30.0)
    await minutes(10)
    assert (calls, said(hass)) == ([], [BUSY_AGAIN])


async def test_the_next_print_counts(
    entry: MockConfigEntry,
    simulator: Simulator,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    """It begins while the first waits, and is waited for in its turn."""
    await automate(BLUEPRINT, **PRINTER)
    for _ in range(2):
        simulator.cloud.start(P1S, duration=600)
        await minutes(20)
    assert calls == []
    await minutes(15)
    assert len(calls) == 1


@pytest.mark.parametrize(("chosen", "count"), [({}, 0), ({"after_failed": True}, 1)])
async def test_after_a_failed_print(
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    chosen: dict[str, Any],
    count: int,
) -> None:
    """Somebody has to see to it, unless chosen otherwise."""
    await automate(BLUEPRINT, **PRINTER, **chosen, delay=5)
    await end("failed")
    await minutes(8)
    assert len(calls) == count


async def test_nobody_knows_what_it_does(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    """The cloud does not answer any more."""
    await automate(BLUEPRINT, **PRINTER, delay=5, timeout=10)
    simulator.cloud.start(P1S, duration=420)
    await minutes(8)
    simulator.cloud.add_fault("server_error")
    await minutes(20)
    assert hass.states.get("sensor.p1s").state == "unavailable"
    assert (calls, said(hass)) == ([], [NOT_KNOWN])


async def test_it_is_waited_for_until_it_is_known(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    await automate(BLUEPRINT, **PRINTER, delay=5, timeout=30)
    simulator.cloud.start(P1S, duration=420)
    await minutes(8)
    simulator.cloud.change_printer(P1S, online=False)
    await minutes(10)
    assert hass.states.get("sensor.p1s").state == "offline"
    assert calls == []
    simulator.cloud.change_printer(P1S, online=True)
    await minutes(10)
    assert len(calls) == 1


async def test_once_it_draws_little_for_a_while(
    hass: HomeAssistant, end: End, minutes: Minutes, automate: Automate, calls: list[ServiceCall]
) -> None:
    """Not in a moment between two, in whichever unit the plug has."""
    hass.states.async_set(METER, "0.09", {"unit_of_measurement": "kW"})
    await automate(BLUEPRINT, **PRINTER, power_meters=[METER], delay=5)
    await end()
    await minutes(7)
    for power, unit, span in (("12", "W", 3), ("80", "W", 3), ("unavailable", "W", 9)):
        hass.states.async_set(METER, power, {"unit_of_measurement": unit})
        await minutes(span)
    assert calls == []
    hass.states.async_set(METER, "0.012", {"unit_of_measurement": "kW"})
    await minutes(4)
    assert calls == []
    await minutes(2)
    assert len(calls) == 1


@pytest.mark.parametrize("powers", [["90"], ["10", "90", "10", "90"]])
async def test_it_draws_power_for_too_long(
    hass: HomeAssistant,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    powers: list[str],
) -> None:
    """All the time, or now and then."""
    hass.states.async_set(METER, "90", {"unit_of_measurement": "W"})
    await automate(BLUEPRINT, **PRINTER, power_meters=[METER], delay=0, timeout=10)
    await end()
    for power in powers:
        hass.states.async_set(METER, power, {"unit_of_measurement": "W"})
        await minutes(4)
    await minutes(10)
    assert (calls, said(hass)) == ([], [DRAWS])


@pytest.mark.parametrize("delay", [5, 0], ids=["in the delay", "while it cools"])
async def test_it_installs_firmware(
    hass: HomeAssistant,
    pushes: Pushes,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    delay: int,
) -> None:
    """Its status says nothing of that, and it must not lose its power."""
    await automate(BLUEPRINT, **PRINTER, nozzles=[NOZZLE], delay=delay)
    await end()
    await minutes(2)
    await pushes.say(upgrade_state={"status": "FLASHING", "progress": ""})
    await pushes.say(nozzle_temper=30.0)
    await minutes(1)
    await pushes.say(upgrade_state={"status": "UPGRADE_SUCCESS", "progress": ""})
    await minutes(10)
    assert (calls, said(hass)) == ([], [BUSY_AGAIN])


async def test_busy_while_it_draws_little(
    hass: HomeAssistant,
    pushes: Pushes,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    """In the last minutes before it would be switched off."""
    hass.states.async_set(METER, "10", {"unit_of_measurement": "W"})
    await automate(BLUEPRINT, **PRINTER, power_meters=[METER], delay=0)
    await end()
    await minutes(3)
    await pushes.say(gcode_state="RUNNING")
    await minutes(10)
    assert (calls, said(hass)) == ([], [BUSY_AGAIN])


async def test_not_known_while_it_draws_little(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
) -> None:
    hass.states.async_set(METER, "10", {"unit_of_measurement": "W"})
    await automate(BLUEPRINT, **PRINTER, power_meters=[METER], power_minutes=20, delay=0)
    simulator.cloud.start(P1S, duration=300)
    await minutes(10)
    simulator.cloud.add_fault("server_error")
    await minutes(25)
    assert (calls, said(hass)) == ([], [NOT_KNOWN])


@pytest.mark.parametrize(("dries", "count"), [("off", 1), ("on", 0)])
async def test_conditions_and_actions_of_the_owner(
    hass: HomeAssistant,
    end: End,
    minutes: Minutes,
    automate: Automate,
    calls: list[ServiceCall],
    dries: str,
    count: int,
) -> None:
    told = async_mock_service(hass, "notify", "mobile_app_phone")
    hass.states.async_set("binary_sensor.dries", dries)
    await automate(
        BLUEPRINT,
        **PRINTER,
        delay=0,
        only_if=[{"condition": "state", "entity_id": "binary_sensor.dries", "state": "off"}],
        more_actions=[{"action": "notify.mobile_app_phone", "data": {"message": "It is off"}}],
    )
    await end()
    await minutes(1)
    assert (len(calls), len(told)) == (count, count)


async def test_only_actions(
    hass: HomeAssistant, end: End, minutes: Minutes, automate: Automate, calls: list[ServiceCall]
) -> None:
    """No switch, but a scene."""
    scenes = async_mock_service(hass, "scene", "turn_on")
    action = {"action": "scene.turn_on", "target": {"entity_id": "scene.all_off"}}
    inputs = PRINTER | {"switches": [], "more_actions": [action], "delay": 0}
    await automate(BLUEPRINT, **inputs)
    await end()
    await minutes(1)
    assert (calls, len(scenes)) == ([], 1)


@pytest.mark.parametrize(("chosen", "count"), [({}, 0), ({"after_late": True}, 1)])
async def test_an_end_while_home_assistant_was_away(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    minutes: Minutes,
    restart: Restart,
    calls: list[ServiceCall],
    chosen: dict[str, Any],
    count: int,
) -> None:
    """It is late, and its owner may be at the printer by then."""
    simulator.cloud.start(P1S, duration=600)
    await wait(IDLE)
    await restart(30 * MINUTE, BLUEPRINT, **PRINTER, **chosen, delay=5)
    await minutes(10)
    assert hass.states.get("event.p1s_print").attributes["late"]
    assert len(calls) == count


@pytest.mark.parametrize(
    ("chosen", "away", "count"),
    [
        ({}, 3, 1),
        ({}, 20, 0),
        ({"after_restart": False}, 3, 0),
    ],
)
async def test_home_assistant_was_away_while_it_waited(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    minutes: Minutes,
    restart: Restart,
    calls: list[ServiceCall],
    chosen: dict[str, Any],
    away: int,
    count: int,
) -> None:
    """It begins anew, unless it would have waited no longer."""
    simulator.cloud.start(P1S, duration=300)
    await minutes(7)
    assert hass.states.get("event.p1s_print").attributes["event_type"] == "finished"
    await restart(away * MINUTE, BLUEPRINT, **PRINTER, **chosen, delay=5, timeout=10)
    await minutes(4)
    assert calls == []
    await minutes(4)
    assert len(calls) == count


async def test_home_assistant_restarts_while_nothing_waits(
    entry: MockConfigEntry, minutes: Minutes, restart: Restart, calls: list[ServiceCall]
) -> None:
    """Nothing printed so far, so that the event is of no print."""
    await restart(MINUTE, BLUEPRINT, **PRINTER, delay=5)
    await minutes(10)
    assert calls == []
