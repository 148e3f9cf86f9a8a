"""The blueprint that tells what a print cost."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from simulator import Simulator
from tests.conftest import Wait, set_up

from .conftest import MINUTE, P1S, Automate, Phone

BLUEPRINT = "print_cost"
METER = "sensor.plug_energy"
EVENT = "event.p1s_print"
# What it draws while it is idle and while it prints, in kWh in a minute.
IDLE = 0.001
PRINTING = 0.01

pytestmark = pytest.mark.usefixtures("recorder_mock")


class Plug:
    """A plug with a meter, which is read each minute and recorded each five."""

    def __init__(self, hass: HomeAssistant, wait: Wait, unit: str = "kWh") -> None:
        self._hass, self._wait = hass, wait
        self._unit = {"kWh": ("kWh", 1), "Wh": ("Wh", 1000)}[unit]
        self.counts = 100.0
        self.is_read = True

    async def run(self, minutes: int, power: float) -> None:
        """Let minutes pass, five at once."""
        for span in [5] * (minutes // 5) + [1] * (minutes % 5):
            self.counts += power * span
            self.show()
            await self._wait(span * MINUTE)
            await self.record()

    def show(self) -> None:
        unit, factor = self._unit
        attributes = {
            "device_class": "energy",
            "state_class": "total_increasing",
            "unit_of_measurement": unit,
        }
        value = str(round(self.counts * factor, 4))
        state = {True: value, False: "unavailable"}[self.is_read]
        self._hass.states.async_set(METER, state, attributes)

    async def record(self) -> None:
        """Let the recorder have its statistics, of each five minutes that are over."""
        now = dt_util.utcnow()
        await async_wait_recording_done(self._hass)
        for _ in range(now.minute % 5 == 0):
            do_adhoc_statistics(self._hass, start=now - 5 * MINUTE)
            await async_wait_recording_done(self._hass)


@pytest.fixture
def unit() -> str:
    return "kWh"


@pytest.fixture
async def plug(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait, unit: str) -> Plug:
    """The plug of the P1S, which is idle."""
    assert await async_setup_component(hass, "sensor", {})
    plug = Plug(hass, wait, unit)
    plug.show()
    await plug.run(15, IDLE)
    return plug


def message(phone: Phone) -> list[str]:
    """Return the lines of the only message."""
    (told,) = phone.told
    return told["message"].split("\n")


@pytest.mark.parametrize("unit", ["kWh", "Wh"])
async def test_energy_and_filament(
    hass: HomeAssistant,
    simulator: Simulator,
    plug: Plug,
    automate: Automate,
    phone: Phone,
) -> None:
    """From the start to the end, and not what the printer draws idle."""
    inputs = {"meters": [METER], "energy_price": 0.5, "filament_price": 25}
    await automate(BLUEPRINT, print_event=EVENT, **inputs, phones=[phone.id])
    task = simulator.cloud.start(P1S, duration=22 * 60, title="Boat")
    await plug.run(23, PRINTING)
    await plug.run(3, IDLE)
    weight = hass.states.get(EVENT).attributes["weight"]
    energy, filament, together = message(phone)
    assert energy == "Energy: 0.22 kWh, 0.11 €"
    assert filament == f"Filament: {weight:.0f} g, {weight * 0.025:.2f} €"
    assert together.startswith("Together: ")
    assert phone.told[0]["title"] == "P1S: Boat"
    assert phone.told[0]["data"]["tag"] == f"cost-{task}"


async def test_through_a_restart(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    plug: Plug,
    automate: Automate,
    phone: Phone,
) -> None:
    """And it ended long before that was noticed: what was drawn since is not counted."""
    await automate(BLUEPRINT, print_event=EVENT, meters=[METER], phones=[phone.id])
    simulator.cloud.start(P1S, duration=20 * 60)
    await plug.run(5, PRINTING)
    await hass.config_entries.async_unload(entry.entry_id)
    await plug.run(15, PRINTING)
    await plug.run(30, IDLE)
    await set_up(hass, entry)
    await plug.run(10, IDLE)
    assert hass.states.get(EVENT).attributes["late"]
    assert message(phone)[0] == "Energy: 0.20 kWh, 0.06 €"


async def test_a_meter_that_is_gone_at_the_end(
    simulator: Simulator, plug: Plug, automate: Automate, phone: Phone
) -> None:
    """As far as it was recorded."""
    await automate(BLUEPRINT, print_event=EVENT, meters=[METER], phones=[phone.id])
    simulator.cloud.start(P1S, duration=18 * 60)
    await plug.run(15, PRINTING)
    plug.is_read = False
    await plug.run(6, PRINTING)
    assert message(phone)[0] == "Energy: 0.15 kWh, 0.04 €"


async def test_a_meter_that_begins_anew(
    simulator: Simulator, plug: Plug, automate: Automate, phone: Phone
) -> None:
    """The recorder goes on counting."""
    await automate(BLUEPRINT, print_event=EVENT, meters=[METER], phones=[phone.id])
    simulator.cloud.start(P1S, duration=18 * 60)
    await plug.run(5, PRINTING)
    plug.counts = 0
    await plug.run(15, PRINTING)
    assert message(phone)[0] == "Energy: 0.20 kWh, 0.06 €"


async def test_a_meter_that_is_younger_than_the_print(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """What it drew before is not known, and so is the sum."""
    assert await async_setup_component(hass, "sensor", {})
    await automate(BLUEPRINT, print_event=EVENT, meters=[METER], phones=[phone.id])
    simulator.cloud.start(P1S, duration=18 * 60)
    plug = Plug(hass, wait)
    await plug.run(20, PRINTING)
    energy, filament = message(phone)
    assert energy == "Energy: unknown"
    assert filament.startswith("Filament: ")


@pytest.mark.parametrize(("chosen", "count"), [({}, 1), ({"after_failed": False}, 0)])
async def test_a_failed_print(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    chosen: dict[str, Any],
    count: int,
) -> None:
    """Without a meter there is the filament, of which the slicer tells too much."""
    await automate(BLUEPRINT, print_event=EVENT, phones=[phone.id], **chosen)
    simulator.cloud.start(P1S, duration=600, result="failed")
    for _ in range(13):
        await wait(MINUTE)
    texts = [each["message"] for each in phone.told]
    assert [text.endswith(" € if all of it was printed") for text in texts] == [True] * count


async def test_nothing_is_known(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    notices: dict[str, Any],
) -> None:
    """It was printed from the card, and there is no meter."""
    await automate(BLUEPRINT, print_event=EVENT)
    simulator.cloud.start(P1S, duration=600, task=False)
    for _ in range(15):
        await wait(MINUTE)
    assert notices == {}


async def test_actions_of_the_owner(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    automate: Automate,
    notices: dict[str, dict[str, Any]],
) -> None:
    """They have the numbers."""
    calls = async_mock_service(hass, "input_number", "set_value")
    cost = {"value": "{{ cost }}", "energy": "{{ energy }}", "printer": "{{ print.printer }}"}
    action = {"action": "input_number.set_value", "data": cost}
    inputs = {"filament_price": 100, "currency": "CHF", "more_actions": [action]}
    await automate(BLUEPRINT, print_event=EVENT, **inputs)
    simulator.cloud.start(P1S, duration=600, title="Boat")
    for _ in range(13):
        await wait(MINUTE)
    weight = hass.states.get(EVENT).attributes["weight"]
    expected = {"value": round(weight / 10, 2), "energy": None, "printer": "P1S"}
    assert [call.data for call in calls] == [expected]
    (notice,) = notices.values()
    assert notice["message"] == f"Filament: {weight:.0f} g, {weight / 10:.2f} CHF"
