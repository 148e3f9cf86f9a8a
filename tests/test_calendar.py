"""The calendars of prints: past ones from the store, the running one from the last poll."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from simulator import Simulator, wire

from .conftest import Wait, read_history, sign_in

CALENDAR = "calendar.my_p1s_print_history"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def past() -> int:
    return 12


@pytest.fixture(autouse=True)
async def one(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> MockConfigEntry:
    """The account with one printer, whose history has been read."""
    await hass.config.async_set_time_zone("UTC")
    result = await sign_in(hass, "one")
    await read_history(wait, pages=1)
    return result["result"]


def dev_id(simulator: Simulator) -> str:
    return simulator.cloud.printers_of(simulator.cloud.accounts.find("one"))[0].dev_id


async def events(hass: HomeAssistant, start: str, end: str) -> list[dict[str, Any]]:
    answer = await hass.services.async_call(
        "calendar",
        "get_events",
        {"entity_id": CALENDAR, "start_date_time": start, "end_date_time": end},
        blocking=True,
        return_response=True,
    )
    found = answer[CALENDAR]["events"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_past_prints(hass: HomeAssistant, snapshot: SnapshotAssertion) -> None:
    assert await events(hass, "2000-01-01 00:00:00", "2026-11-20 13:00:00") == snapshot
    assert hass.states.get(CALENDAR) == snapshot


async def test_ranges(hass: HomeAssistant) -> None:
    """A range has the prints that fall into it, at least in part."""
    everything = await events(hass, "2000-01-01 00:00:00", "2030-01-01 00:00:00")
    middle = everything[5]
    assert len(everything) == 12
    inside = dt_util.parse_datetime(middle["start"], raise_on_error=True) + MINUTE
    found = await events(hass, str(inside), str(inside + MINUTE))
    assert found == [middle]
    assert await events(hass, "2030-01-01 00:00:00", "2031-01-01 00:00:00") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"duration": 0.0}, 1),
        ({"duration": 59.0, "title": "Boat.3mf"}, 59),
    ],
)
async def test_short_prints(
    hass: HomeAssistant,
    simulator: Simulator,
    wait: Wait,
    changes: dict[str, Any],
    expected: int,
) -> None:
    """Home Assistant wants a second at least."""
    simulator.cloud.start(dev_id(simulator), **changes)
    start = dt_util.utcnow()
    await wait(timedelta(hours=7))
    found = await events(hass, str(start - timedelta(seconds=1)), str(start + 2 * MINUTE))
    assert [each["end"] for each in found] == [
        (start + timedelta(seconds=expected)).replace(microsecond=0).isoformat()
    ]


async def test_an_untitled_print(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> None:
    """It is called as its printer."""
    simulator.cloud.start(dev_id(simulator), duration=600, title=" ")
    await wait(3 * MINUTE)
    assert hass.states.get(CALENDAR).attributes["message"] == "My P1S"
    await wait(timedelta(hours=7))
    found = await events(hass, "2026-11-20 12:05:00", "2026-11-20 12:10:00")
    assert [each["summary"] for each in found] == ["My P1S"]
    simulator.cloud.change_printer(dev_id(simulator), name="Attic")
    await wait(5 * MINUTE)
    found = await events(hass, "2026-11-20 12:05:00", "2026-11-20 12:10:00")
    assert [each["summary"] for each in found] == ["Attic"]


async def test_a_print_without_a_start(
    hass: HomeAssistant, simulator: Simulator, wait: Wait
) -> None:
    """The cloud tells nothing of a print from the SD card but that it runs."""
    simulator.cloud.start(dev_id(simulator), duration=600, task=False)
    await wait(3 * MINUTE)
    assert hass.states.get("sensor.my_p1s").state == "printing"
    assert hass.states.get(CALENDAR).state == "off"


async def test_running_print(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> None:
    """It lasts until its expected end, then for a while longer, then until it ended."""
    assert hass.states.get(CALENDAR).state == "off"
    start = dt_util.utcnow().replace(microsecond=0)
    simulator.cloud.start(dev_id(simulator), title="Boat.3mf", duration=3600)
    await wait(3 * MINUTE)
    state = hass.states.get(CALENDAR)
    assert state.state == "on"
    assert state.attributes["message"] == "Boat.3mf"
    assert state.attributes["start_time"] == f"{start:%Y-%m-%d %H:%M:%S}"
    assert state.attributes["end_time"] == f"{start + 60 * MINUTE:%Y-%m-%d %H:%M:%S}"
    found = await events(hass, str(start + 10 * MINUTE), str(start + 20 * MINUTE))
    assert [each["summary"] for each in found] == ["Boat.3mf"]
    assert await events(hass, str(start + 70 * MINUTE), str(start + 80 * MINUTE)) == []
    simulator.cloud.printer(dev_id(simulator)).jobs[-1].ends = None
    await wait(62 * MINUTE)
    state = hass.states.get(CALENDAR)
    assert state.state == "on"
    assert state.attributes["end_time"] == "2026-11-20 13:30:00"
    simulator.cloud.end(dev_id(simulator))
    await wait(2 * MINUTE)
    assert hass.states.get(CALENDAR).state == "off"


@pytest.mark.parametrize("era", ["2022"])
async def test_a_paused_print(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> None:
    """Nobody knows when it ends, so it goes on for now."""
    simulator.cloud.start(dev_id(simulator), duration=3600)
    simulator.cloud.pause(dev_id(simulator))
    await wait(3 * MINUTE)
    state = hass.states.get(CALENDAR)
    assert (state.state, state.attributes["end_time"]) == ("on", "2026-11-20 12:30:00")


async def test_a_bad_answer(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> None:
    simulator.cloud.start(dev_id(simulator), duration=36000)
    await wait(3 * MINUTE)
    simulator.cloud.add_fault("server_error")
    await wait(2 * MINUTE)
    assert hass.states.get(CALENDAR).state == "unavailable"
    simulator.cloud.clear_faults()
    await wait(3 * MINUTE)
    assert hass.states.get(CALENDAR).state == "on"


async def test_the_clock_of_the_cloud(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A print that starts in an hour by our clock runs already."""
    zulu = wire.zulu
    monkeypatch.setattr(wire, "zulu", lambda at: zulu(at + 60 * MINUTE))
    simulator.cloud.start(dev_id(simulator), duration=600)
    await wait(3 * MINUTE)
    assert hass.states.get(CALENDAR).state == "on"
