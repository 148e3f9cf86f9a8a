"""The blueprint that reminds of a printer's maintenance."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from simulator import Simulator
from tests.conftest import Wait, reload, set_up

from .conftest import MINUTE, P1S, Automate, Phone, pass_time

BLUEPRINT = "maintenance_reminder"
PRINT_TIME = "sensor.p1s_total_print_time"
HOUR = timedelta(hours=1)
TASK = {"print_time": PRINT_TIME, "task": "Grease the rods"}

pytestmark = pytest.mark.usefixtures("recorder_mock")


async def record(hass: HomeAssistant) -> None:
    """Let the recorder have the statistics of the five minutes that are over."""
    await async_wait_recording_done(hass)
    now = dt_util.utcnow()
    start = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0) - 5 * MINUTE
    do_adhoc_statistics(hass, start=start)
    await async_wait_recording_done(hass)


@pytest.fixture
async def hours(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait) -> float:
    """How long the P1S has printed, once its history is read."""
    await pass_time(wait, 3)
    return total(hass)


def total(hass: HomeAssistant) -> float:
    return float(hass.states.get(PRINT_TIME).state)


async def print_for(simulator: Simulator, wait: Wait, hours: float) -> None:
    """Let the P1S print, until that is in its total."""
    simulator.cloud.start(P1S, duration=hours * 3600)
    for _ in range(round(hours * 4)):
        await wait(15 * MINUTE)
    await pass_time(wait, 15)


async def test_reminds_everybody(
    hass: HomeAssistant,
    hours: float,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    tablet: Phone,
    notices: dict[str, dict[str, Any]],
) -> None:
    """Once, by the print in which the hours are full, and again after as many more."""
    items = async_mock_service(hass, "todo", "add_item")
    await automate(
        BLUEPRINT,
        **TASK,
        every=3,
        done_at=hours - 1,
        phones=[phone.id, tablet.id],
        to_do_lists=["todo.workshop"],
        notice="always",
    )
    await print_for(simulator, wait, 1.5)
    assert total(hass) == pytest.approx(hours + 1.5, abs=0.1)
    assert phone.told == []
    await print_for(simulator, wait, 1.5)
    title, message = "P1S: Grease the rods", phone.told[0]["message"]
    since = f"It has printed for {hours + 3:.0f} hours, 4 of them since this was done last."
    assert message == since
    assert [told["title"] for told in phone.told] == [title]
    assert tablet.told == phone.told
    assert [call.data for call in items] == [{"entity_id": ["todo.workshop"], "item": title}]
    assert [(each["title"], each["message"]) for each in notices.values()] == [(title, message)]
    await print_for(simulator, wait, 1)
    assert len(phone.told) == 1
    await print_for(simulator, wait, 1.5)
    assert len(phone.told) == 2


async def test_by_a_helper(
    hass: HomeAssistant,
    hours: float,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """Whoever sets it to the hours of now has done it."""
    done = {"min": 0, "max": 100000, "step": 0.1, "initial": hours - 1}
    assert await async_setup_component(hass, "input_number", {"input_number": {"done": done}})
    helper = {"entity_id": "input_number.done"}
    inputs = TASK | {"every": 2, "done_at": 0, "done_at_helper": ["input_number.done"]}
    await automate(BLUEPRINT, **inputs, phones=[phone.id])
    await print_for(simulator, wait, 1.5)
    assert len(phone.told) == 1
    now = helper | {"value": round(total(hass), 1)}
    await hass.services.async_call("input_number", "set_value", now, blocking=True)
    await print_for(simulator, wait, 1.5)
    assert len(phone.told) == 1
    await print_for(simulator, wait, 1)
    assert len(phone.told) == 2


async def test_without_the_helper_nobody_knows(
    hours: float, simulator: Simulator, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """It was deleted."""
    helper = {"done_at_helper": ["input_number.gone"]}
    await automate(BLUEPRINT, **TASK, **helper, every=1, phones=[phone.id])
    await print_for(simulator, wait, 1.5)
    assert phone.told == []


async def test_not_by_what_was_printed_before(
    hass: HomeAssistant, entry: MockConfigEntry, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """The history is read, and read again after a start."""
    await automate(BLUEPRINT, **TASK, every=1, phones=[phone.id])
    assert hass.states.get(PRINT_TIME).state == "unknown"
    await pass_time(wait, 3)
    assert total(hass) > 2
    await record(hass)
    await reload(hass, entry)
    await pass_time(wait, 3)
    assert phone.told == []


async def test_another_unit_is_no_print(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    hours: float,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """And the hours are hours in that one as well."""
    await automate(BLUEPRINT, **TASK, every=2, done_at=hours - 1, phones=[phone.id])
    entity_registry.async_update_entity_options(
        PRINT_TIME, "sensor", {"unit_of_measurement": "min"}
    )
    await wait(MINUTE)
    assert total(hass) == pytest.approx(hours * 60, abs=0.1)
    assert phone.told == []
    await print_for(simulator, wait, 1.5)
    assert len(phone.told) == 1


async def test_a_print_that_ended_while_home_assistant_was_away(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hours: float,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """The recorder knows the total from before."""
    await automate(BLUEPRINT, **TASK, every=1, done_at=hours - 0.5, phones=[phone.id])
    simulator.cloud.start(P1S, duration=3600)
    await wait(5 * MINUTE)
    await record(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    await wait(2 * HOUR)
    await set_up(hass, entry)
    await pass_time(wait, 15)
    assert total(hass) == pytest.approx(hours + 1, abs=0.1)
    assert len(phone.told) == 1
