"""The blueprint that counts filament in Spoolman."""

from collections.abc import Callable
from itertools import count
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from simulator import Simulator
from tests.conftest import Wait

from .conftest import ESCAPED, HOSTILE, MINUTE, P1S, Automate

BLUEPRINT = "spoolman"
EVENT = "event.p1s_print"


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    """What Spoolman is told."""
    return async_mock_service(hass, "spoolman", "use_spool_filament")


@pytest.fixture
def hear(hass: HomeAssistant, entry: MockConfigEntry) -> Callable[..., Any]:
    """Let the printer's event tell something else than the simulator has."""

    numbers = count(100)

    async def hear(event_type: str = "finished", **changes: Any) -> None:
        state = hass.states.get(EVENT)
        print_ = {"printer": "P1S", "title": "Boat", "task_id": "123", "started_at": None}
        attributes = state.attributes | print_ | {"event_type": event_type, **changes}
        hass.states.async_set(EVENT, f"2026-11-20T12:00:00.{next(numbers)}", attributes)
        await hass.async_block_till_done()

    return hear


def of(*slots: int | None, weight: float | None = 10) -> dict[str, Any]:
    """Return the filaments of a print."""
    filaments = [{"type": "PLA", "color": "#FF0000", "weight": weight, "slot": s} for s in slots]
    return {"filaments": filaments, "weight": weight and weight * len(slots)}


def used(calls: list[ServiceCall]) -> dict[int, float]:
    """Return what was used of which spool."""
    assert [set(call.data) for call in calls] == [{"id", "use_weight"}] * len(calls)
    return {call.data["id"]: call.data["use_weight"] for call in calls}


async def test_a_print_in_several_filaments(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    calls: list[ServiceCall],
    notices: dict[str, dict[str, Any]],
) -> None:
    """Of each spool as much as the event tells."""
    spools = {f"slot_{slot}": str(100 + slot) for slot in range(1, 17)}
    await automate(BLUEPRINT, print_event=EVENT, **spools)
    simulator.cloud.start(P1S, duration=1200, ams=[1, 3])
    for _ in range(22):
        await wait(MINUTE)
    filaments = hass.states.get(EVENT).attributes["filaments"]
    expected = {100 + each["slot"]: each["weight"] for each in filaments}
    assert len(expected) > 1
    assert used(calls) == expected
    assert notices == {}


@pytest.mark.parametrize(
    ("print_", "expected", "told"),
    [
        (of(1), {11: 10}, ""),
        (of(16, 5), {1600: 10, 500: 10}, ""),
        (of(None), {7: 10}, ""),
        # Two external spools, or one and an AMS HT: nobody knows which is which.
        (
            of(1, None, None),
            {11: 10},
            "\n- ".join(["PLA in no slot: 10.0 g, but its spool is not set"] * 2),
        ),
        (of(1, 2), {11: 10}, "PLA in slot 2: 10.0 g, but its spool is not set"),
        (of(1, 3), {11: 10}, "PLA in slot 3: 10.0 g, but its spool is not set"),
        (of(1, weight=None), {}, "PLA in slot 1: its weight is not known"),
        (of(1, weight=0), {}, ""),
        (
            {"filaments": [of(2)["filaments"][0] | {"type": HOSTILE}], "weight": 10},
            {},
            f"{ESCAPED} in slot 2: 10.0 g, but its spool is not set",
        ),
        ({"filaments": [], "weight": 12.5}, {}, "12.5 g, but its spools are not known"),
        ({"filaments": [], "weight": None, "task_id": None}, {}, ""),
    ],
)
async def test_what_is_counted(
    *,
    hass: HomeAssistant,
    automate: Automate,
    hear: Callable[..., Any],
    calls: list[ServiceCall],
    notices: dict[str, dict[str, Any]],
    print_: dict[str, Any],
    expected: dict[int, float],
    told: str,
) -> None:
    """And what is not is told."""
    hass.states.async_set("input_number.spool", "500.0")
    await automate(
        BLUEPRINT,
        print_event=EVENT,
        slot_1="11",
        slot_3="input_number.gone",
        slot_5="input_number.spool",
        slot_16=1600,
        no_slot="7",
    )
    await hear(**print_)
    assert used(calls) == expected
    texts = [each["message"].partition("\n\n- ")[2] for each in notices.values()]
    assert texts == [told] * bool(told)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, {}), ({"failed_share": 50}, {11: 5}), ({"failed_share": 100}, {11: 10})],
)
async def test_a_failed_print(
    automate: Automate,
    hear: Callable[..., Any],
    calls: list[ServiceCall],
    chosen: dict[str, Any],
    expected: dict[int, float],
) -> None:
    """Nobody knows how much of it was printed."""
    await automate(BLUEPRINT, print_event=EVENT, slot_1="11", **chosen)
    await hear("failed", **of(1))
    assert used(calls) == expected


async def test_tells_nothing_if_not_wanted(
    automate: Automate, hear: Callable[..., Any], notices: dict[str, dict[str, Any]]
) -> None:
    await automate(BLUEPRINT, print_event=EVENT, tell=False)
    await hear(**of(1))
    assert notices == {}


async def test_each_print_once(
    hass: HomeAssistant, automate: Automate, hear: Callable[..., Any], calls: list[ServiceCall]
) -> None:
    """A helper remembers the last prints; one without a number is in no helper."""
    assert await async_setup_component(hass, "input_text", {"input_text": {"counted": {}}})
    inputs = {"slot_1": "11", "counted": ["input_text.counted"]}
    await automate(BLUEPRINT, print_event=EVENT, **inputs)
    for task_id in ("1", "2", "1", "2", None, None, "3", "4", "5", "6", "6"):
        await hear(**of(1), task_id=task_id)
    assert len(calls) == 8
    assert hass.states.get("input_text.counted").state == "2 3 4 5 6"


async def test_a_spool_that_spoolman_refuses(
    hass: HomeAssistant, automate: Automate, hear: Callable[..., Any]
) -> None:
    """It is no loss for the others."""
    calls = async_mock_service(
        hass, "spoolman", "use_spool_filament", raise_exception=HomeAssistantError("No such spool")
    )
    await automate(BLUEPRINT, print_event=EVENT, slot_1="11", slot_2="12")
    await hear(**of(1, 2))
    assert used(calls) == {11: 10, 12: 10}


async def test_nothing_of_what_was_printed_before(
    entry: MockConfigEntry, wait: Wait, automate: Automate, calls: list[ServiceCall]
) -> None:
    await automate(BLUEPRINT, print_event=EVENT, slot_1="11")
    for _ in range(5):
        await wait(MINUTE)
    assert calls == []
