"""The blueprint that tells of spools that are almost empty, and of those that are."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from simulator import Simulator
from tests.api.reports import p2s
from tests.conftest import Wait, reload
from tests.pushes import Pushes, begin

from .conftest import ESCAPED, HOSTILE, MINUTE, P1S, Automate, Phone, messages

BLUEPRINT = "low_filament"
TRAYS = [f"sensor.p1s_ams_1_tray_{number}" for number in range(1, 5)]
LOW = "PLA Basic: 19 % left in Tray 1"


@pytest.fixture
async def pushes(hass: HomeAssistant, entry: MockConfigEntry) -> Pushes:
    """A printer that measures how much filament is left, of which one spool has 80 %."""
    pushes = Pushes(hass, entry, P1S, "P2S")
    await pushes.full(with_left(80))
    await pushes.versions(n3f_0="19C00A000000000")
    return pushes


def with_left(percent: int, **spool: Any) -> dict[str, Any]:
    """Return a printer with so much left in its first tray."""
    body = p2s()
    body["ams"]["ams"][0]["tray"][0] |= {"remain": percent, **spool}
    return body


@pytest.fixture
async def automation(automate: Automate, pushes: Pushes, phone: Phone) -> str:
    """An automation for the trays of an AMS that was there before."""
    return await automate(BLUEPRINT, trays=TRAYS, phones=[phone.id])


async def test_a_spool_is_told_of_once(
    automation: str, entity_registry: er.EntityRegistry, pushes: Pushes, phone: Phone
) -> None:
    """When it falls below the limit; the next spool is another one."""
    for left in (21, 20, 19, 18, 5, 1):
        await pushes.full(with_left(left))
    assert messages(phone) == [LOW]
    (told,) = phone.told
    assert told["title"] == "P1S AMS 1"
    assert told["data"]["color"] == "#FFFFFF"
    assert told["data"]["push"] == {"interruption-level": "active"}
    device_id = entity_registry.async_get(TRAYS[0]).device_id
    assert told["data"]["url"] == f"/config/devices/device/{device_id}"
    await pushes.full(with_left(100, tray_color="00AE42FF"))
    await pushes.full(with_left(12, tray_color="00AE42FF"))
    assert messages(phone)[1:] == ["PLA Basic: 12 % left in Tray 1"]
    assert [each["data"]["tag"] for each in phone.told] == [told["data"]["tag"]] * 2


async def test_nothing_that_was_not_heard_to_fall(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    automation: str,
    pushes: Pushes,
    wait: Wait,
    phone: Phone,
) -> None:
    """A spool that is put in, one that tells nothing for a while, a reload, a lost connection."""
    await pushes.full(with_left(10, tray_uuid="0" * 32, tag_uid="0" * 16))
    await pushes.full(with_left(10))
    await pushes.full(with_left(90))
    await pushes.lose()
    await wait(2 * MINUTE)
    await pushes.settle()
    assert hass.states.get(TRAYS[0]).state == "unavailable"
    await pushes.full(with_left(10))
    await reload(hass, entry)
    await pushes.full(with_left(9))
    await pushes.versions(n3f_0="19C00A000000000")
    assert hass.states.get(TRAYS[0]).attributes["remaining"] == 9
    assert messages(phone) == []


async def test_another_limit_and_more_actions(
    hass: HomeAssistant, pushes: Pushes, automate: Automate, notices: dict[str, Any]
) -> None:
    calls = async_mock_service(hass, "test", "buy")
    buy = {"action": "test.buy", "data": {"item": "{{ brand }} ({{ material }})"}}
    await automate(BLUEPRINT, trays=TRAYS, limit=50, more_actions=[buy])
    await pushes.full(with_left(49))
    assert [each["message"] for each in notices.values()] == ["PLA Basic: 49 % left in Tray 1"]
    assert [call.data["item"] for call in calls] == ["PLA Basic (PLA)"]


@pytest.mark.parametrize(("stage", "told"), [(6, 1), (16, 0)])
async def test_a_print_that_ran_out_of_filament(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    stage: int,
    told: int,
) -> None:
    """Without an AMS as well."""
    pushes = Pushes(hass, entry, P1S)
    await automate(BLUEPRINT, printers=["event.p1s_print"], phones=[phone.id], path="/farm")
    await begin(simulator, pushes, wait)
    await pushes.say(gcode_state="PAUSE", stg_cur=stage)
    await wait(MINUTE / 60)
    assert messages(phone) == ["Filament ran out: Boat waits for you"] * told
    assert [each["title"] for each in phone.told] == ["P1S"] * told
    data = [each["data"] for each in phone.told]
    assert [(each["url"], each["push"]["interruption-level"]) for each in data] == [
        ("/farm", "time-sensitive")
    ] * told


async def test_a_brand_is_shown_as_it_stands(
    pushes: Pushes, automate: Automate, notices: dict[str, Any]
) -> None:
    await automate(BLUEPRINT, trays=TRAYS)
    await pushes.full(with_left(19, tray_sub_brands=HOSTILE))
    assert [each["message"] for each in notices.values()] == [f"{ESCAPED}: 19 % left in Tray 1"]
