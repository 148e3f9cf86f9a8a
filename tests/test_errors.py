"""What went wrong with a printer, as automations hear of it."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.announcer import ERRORS_KEPT
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.printer import Print
from custom_components.bambu_lab_cloud.pictures import Pictures
from simulator import Simulator
from tests.api.reports import FAMILIES, MODELS, p1s
from tests.conftest import Wait, finish_start, reload, set_up
from tests.pushes import COMMON, FATAL, INFORMATION, SERIOUS, Pushes, begin
from tests.test_live_entities import told

X1C = "00M00A000000001"
P1S = "01P00A000000002"
EVENT = "event.p1s_print"
ERROR = "binary_sensor.p1s_error"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
# What an owner may be told of an error.
PARTS = ("event_type", "errors", "severity", "module", "link")
LINK = "https://e.bambulab.com/index.php?e=0300010000010007&d=01P&s=device_hms&lang=en"
HOT = ("error", ["0300_0100_0001_0007"], "fatal", "motion_controller", LINK)


async def test_an_error_is_announced_with_the_print_that_runs(
    simulator: Simulator, pushes: Pushes, wait: Wait, heard: list[State]
) -> None:
    """Once, however often and in whatever order the printer repeats it."""
    body = await begin(simulator, pushes, wait)
    # Until its picture is here.
    await wait(2 * MINUTE)
    heard.clear()
    await pushes.say(hms=[FATAL])
    assert told(heard, *PARTS) == [HOT]
    parts = ("printer", "task_id", "title", "image", "ended_at", "late", "cancelled", "reason")
    assert told(heard, *parts) == [
        ("P1S", body["task_id"], "Boat", "image.p1s_print_preview", None, False, None, None)
    ]
    heard.clear()
    await pushes.say(hms=[FATAL, INFORMATION], mc_percent=50)
    await pushes.say(hms=[INFORMATION, FATAL])
    await pushes.full(body, hms=[FATAL])
    await pushes.say(mc_percent=51)
    await pushes.settle()
    assert heard == []
    await pushes.say(hms=[COMMON, FATAL, SERIOUS])
    codes = ["0C00_0300_0002_0007", "0500_0200_0003_0001"]
    assert told(heard, *PARTS[:4]) == [("error", codes, "serious", "camera")]


async def test_a_printer_at_rest_may_be_wrong_as_well(
    pushes: Pushes, wait: Wait, heard: list[State]
) -> None:
    """Then there is no print to speak of, nor its picture."""
    await pushes.full(p1s(), gcode_state="FINISH")
    await wait(3 * SECOND)
    heard.clear()
    await pushes.say(print_error=0x07FF8011)
    assert told(heard, "event_type", "errors", "severity", "module") == [
        ("error", ["07FF-8011"], None, "external_spool")
    ]
    names = ("printer", "task_id", "title", "started_at", "filaments", "image")
    assert told(heard, *names) == [("P1S", None, None, None, [], None)]


@pytest.mark.parametrize("away", ["connect", "reconnect", "reload", "restart"])
async def test_what_is_wrong_at_the_first_full_status_is_no_news(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
    away: str,
) -> None:
    """The sensor shows it, and what comes after that is announced."""

    async def reconnect() -> None:
        await pushes.full(p1s())
        await pushes.lose()
        await wait(10 * SECOND)

    async def again() -> None:
        await pushes.full(p1s())
        await reload(hass, entry)

    async def restart() -> None:
        await pushes.full(p1s(), hms=[FATAL])
        await hass.config_entries.async_unload(entry.entry_id)
        await wait(5 * MINUTE)
        await set_up(hass, entry)

    async def connect() -> None:
        """There is nothing before it."""

    ways = {"connect": connect, "reconnect": reconnect, "reload": again, "restart": restart}
    await ways[away]()
    await pushes.full(p1s(), hms=[FATAL], print_error=0x07008006)
    assert hass.states.get(ERROR).state == "on"
    assert "error" not in {state.attributes["event_type"] for state in heard}
    await pushes.say(hms=[FATAL, SERIOUS])
    assert told(heard, "event_type", "errors")[-1] == ("error", ["0C00_0300_0002_0007"])


@pytest.mark.parametrize(("gone_for", "times"), [(SECOND, 1), (MINUTE, 1), (3 * MINUTE, 2)])
async def test_an_error_that_flickers_is_one(
    hass: HomeAssistant,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
    gone_for: timedelta,
    times: int,
) -> None:
    await begin(simulator, pushes, wait)
    heard.clear()
    await pushes.say(hms=[FATAL])
    await pushes.say(hms=[])
    assert hass.states.get(ERROR).state == "off"
    # It is heard meanwhile.
    for _ in range(3):
        await wait(gone_for / 3)
        await pushes.say(mc_percent=50)
    await pushes.say(hms=[FATAL])
    assert told(heard, *PARTS) == [HOT] * times


@pytest.mark.parametrize(
    ("gcode_state", "told_of"),
    [
        ("PAUSE", [("error", ["0700-8006"]), ("paused", [])]),
        ("FAILED", [("error", ["0700-8006"]), ("failed", ["0700-8006"])]),
    ],
)
async def test_an_error_that_stops_a_print_is_announced_beside_that(
    *,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
    gcode_state: str,
    told_of: list[tuple[str, list[str]]],
) -> None:
    body = await begin(simulator, pushes, wait)
    heard.clear()
    await pushes.say(gcode_state=gcode_state, print_error=0x07008006)
    await wait(3 * SECOND)
    assert sorted(told(heard, "event_type", "errors")) == told_of
    assert {state.attributes["task_id"] for state in heard} == {body["task_id"]}


@pytest.mark.parametrize("code", [0x0300400C, 0x0500400E])
@pytest.mark.parametrize("end", ["FAILED", "IDLE"])
@pytest.mark.parametrize("family", ["a1", "h2d", "p1s", "x1c"])
async def test_to_cancel_a_print_is_no_error(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wait: Wait,
    heard: list[State],
    family: str,
    end: str,
    code: int,
) -> None:
    """Whether a printer tells changes or everything each time, and however long it says so."""
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    body = FAMILIES[family]() | {"hms": [], "print_error": 0}
    tell = {"a1": pushes.say, "p1s": pushes.say}.get(
        family, lambda **all_: pushes.full(body, **all_)
    )
    await pushes.full(body, gcode_state="RUNNING")
    await wait(3 * SECOND)
    for changes in ({"gcode_state": "RUNNING"}, {"gcode_state": end}):
        await tell(print_error=code, **changes)
        assert hass.states.get(ERROR).state == "off"
        await wait(SECOND)
    await tell(print_error=0, gcode_state=end)
    await wait(3 * SECOND)
    assert hass.states.get(ERROR).state == "off"
    assert "error" not in {state.attributes["event_type"] for state in heard}


@pytest.mark.parametrize("family", ["a1", "h2d", "p1s", "x1c"])
async def test_an_error_ends_when_the_printer_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, family: str
) -> None:
    """Not because it says nothing of it."""
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    body = FAMILIES[family]() | {"hms": [], "print_error": 0}
    await pushes.full(body)
    shown = [hass.states.get(ERROR).state]
    for changes in (
        {"hms": [FATAL]},
        {"mc_percent": 50},
        {"hms": []},
        {"print_error": 0x07008006},
        {"mc_percent": 51},
        {"print_error": 0},
    ):
        await pushes.full({"command": "push_status", "msg": 0}, **changes)
        shown.append(hass.states.get(ERROR).state)
    assert shown == ["off", "on", "on", "off", "on", "on", "off"]


async def test_the_link_is_in_the_language_of_home_assistant(
    hass: HomeAssistant, pushes: Pushes, heard: list[State]
) -> None:
    hass.config.language = "de"
    await pushes.full(p1s())
    await pushes.say(hms=[FATAL])
    link = LINK.replace("lang=en", "lang=de")
    assert heard[-1].attributes["link"] == link
    assert hass.states.get(ERROR).attributes["link"] == link


@pytest.mark.parametrize(("minutes", "told_of"), [(8, [HOT]), (11, [])])
async def test_an_error_that_nobody_could_hear_is_soon_old(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
    minutes: int,
    told_of: list[Any],
) -> None:
    """It outlasts a reload, and is not announced after ten minutes, nor twice."""
    await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.starting)
    await set_up(hass, entry)
    await pushes.full(p1s())
    await pushes.say(hms=[FATAL])
    await hass.config_entries.async_unload(entry.entry_id)
    await wait(minutes * MINUTE)
    await set_up(hass, entry)
    await pushes.full(p1s(), hms=[FATAL])
    assert heard == []
    await finish_start(hass)
    await reload(hass, entry)
    errors = [state for state in heard if state.attributes["event_type"] == "error"]
    assert told(errors, *PARTS) == told_of


async def test_an_error_is_old_when_the_cloud_was_away_meanwhile(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    heard: list[State],
) -> None:
    """No good poll has dropped it."""
    await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.starting)
    await set_up(hass, entry)
    await pushes.full(p1s())
    await pushes.say(hms=[FATAL])
    simulator.cloud.add_fault("server_error")
    for _ in range(11):
        await wait(MINUTE)
    await finish_start(hass)
    assert heard == []


async def test_an_error_is_old_for_an_entity_that_is_enabled_later(
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    pushes: Pushes,
    wait: Wait,
    hass_storage: dict[str, Any],
) -> None:
    """It does not wait for that either, as an end does."""
    entity_registry.async_update_entity(EVENT, disabled_by=er.RegistryEntryDisabler.USER)
    await wait(35 * SECOND)
    await pushes.full(p1s())
    await pushes.say(hms=[FATAL])
    key = f"{DOMAIN}.{entry.entry_id}.announced"
    waiting = [len(hass_storage[key]["data"]["outbox"])]
    for _ in range(12):
        await wait(MINUTE)
    waiting.append(len(hass_storage[key]["data"]["outbox"]))
    assert waiting == [1, 0]


async def test_it_waits_for_nobodys_picture(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another printer has finished, and its picture is on its way."""
    body = await begin(simulator, pushes, wait)
    # By then the list was asked for what has begun.
    await wait(2 * MINUTE)
    other = Pushes(hass, entry, X1C)
    await other.full(body, gcode_state="IDLE")
    shown: list[str | None] = []

    async def fetch(pictures: Pictures, job: Print) -> bool:
        other.shout(hms=[FATAL])
        for _ in range(100):
            await asyncio.sleep(0)
        shown.append(hass.states.get("event.workshop_x1c_print").attributes["event_type"])
        return False

    monkeypatch.setattr(Pictures, "async_fetch", fetch)
    await pushes.say(gcode_state="FINISH")
    assert shown == ["error"]
    assert hass.states.get(EVENT).attributes["event_type"] == "finished"


async def test_a_printer_that_is_broken_does_not_fill_the_outbox(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, wait: Wait
) -> None:
    """It tells ever other errors, and nobody listens."""
    er.async_get(hass).async_update_entity(EVENT, disabled_by=er.RegistryEntryDisabler.USER)
    await wait(35 * SECOND)
    await pushes.full(p1s(), gcode_state="IDLE")
    for number in range(1, 100):
        await pushes.say(hms=[FATAL | {"code": FATAL["code"] + number}])
    assert len(entry.runtime_data.memory.outbox) == ERRORS_KEPT
