"""What the activity of a printer, of an area and of everything says of a print that ends."""

from datetime import timedelta
from typing import Any

from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator

from .api.reports import p1s
from .conftest import Wait
from .pushes import Pushes

P1S = "01P00A000000002"
EVENT = "event.p1s_print"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("recorder_mock", "logbook")


async def lines(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, **what: Any
) -> list[str | None]:
    """Return the lines of the print event: what they say, None where that is its type alone."""
    await async_wait_recording_done(hass)
    client = await hass_ws_client(hass)
    start = (dt_util.utcnow() - timedelta(hours=3)).isoformat()
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": start} | what)
    result = (await client.receive_json())["result"]
    told = [each.get("message") for each in result if each.get("entity_id") == EVENT]
    # Those of the same moment are in no order.
    return sorted(told, key=str)


async def test_the_print_is_named_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    entity_registry: er.EntityRegistry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """On the page of its printer, of the area, of the event, and where everything is."""
    await wait(IDLE)
    simulator.cloud.start(P1S, duration=1500, title="Boat", task_lag=0)
    for _ in range(27):
        await wait(MINUTE)
    device = entity_registry.async_get(EVENT).device_id
    ids = [each.entity_id for each in er.async_entries_for_device(entity_registry, device)]
    said = [None, None, "“Boat” finished after 25 min"]
    assert await lines(hass, hass_ws_client, entity_ids=ids, device_ids=[device]) == said
    assert await lines(hass, hass_ws_client, entity_ids=[EVENT]) == said
    assert await lines(hass, hass_ws_client) == said


@pytest.mark.parametrize(
    ("error", "said"), [(0x0300400C, "“Boat” was cancelled"), (0x07008006, "“Boat” failed")]
)
async def test_a_print_that_did_not_finish(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    error: int,
    said: str,
) -> None:
    """What became of it is what its printer says."""
    heard = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    pushes = Pushes(hass, entry, P1S, "P1S")
    await pushes.full(p1s(), gcode_state="FINISH")
    await wait(10 * SECOND)
    task = str(simulator.cloud.start(P1S, duration=3600, title="Boat"))
    await pushes.full(p1s(), task_id=task, subtask_id=task, subtask_name="Boat")
    await wait(12 * SECOND)
    await pushes.say(gcode_state="FAILED", print_error=error)
    await wait(3 * SECOND)
    assert [each.data["message"] for each in heard] == [f"{said} after 0 min"]


async def test_a_print_that_did_not_finish_without_live_data(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """The cloud does not tell a cancelled print from a failed one."""
    heard = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    await wait(IDLE)
    simulator.cloud.start(P1S, duration=600, title="Boat", result="failed", task_lag=0)
    for _ in range(15):
        await wait(MINUTE)
    assert [each.data for each in heard] == [
        {
            "name": "P1S Print",
            "message": "“Boat” failed or was cancelled after 10 min",
            "entity_id": EVENT,
        }
    ]
