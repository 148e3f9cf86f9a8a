"""The blueprint that tells what is wrong with a printer."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator
from tests.api.reports import p1s
from tests.conftest import Wait, reload
from tests.pushes import COMMON, FATAL, INFORMATION, SERIOUS, Pushes, begin

from .conftest import P1S, Automate, Phone, messages

BLUEPRINT = "printer_error"
PRINTERS = ["event.workshop_x1c_print", "event.p1s_print"]
LINK = "https://e.bambulab.com/index.php?e=0300010000010007&d=01P&s=device_hms&lang=en"
HOT = "Fatal error · Motion controller\n0300_0100_0001_0007"


async def test_an_error_while_something_prints(
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    tablet: Phone,
    notices: dict[str, Any],
) -> None:
    """What and whose it is, and a tap explains it."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id, tablet.id], notice="always")
    await begin(simulator, pushes, wait)
    # Until its picture is here.
    await wait(timedelta(minutes=2))
    await pushes.say(hms=[FATAL])
    (told,) = phone.told
    data = told["data"]
    assert (told["title"], told["message"]) == ("P1S", f"{HOT} · Boat")
    assert data["url"] == data["clickAction"] == LINK
    assert data["push"] == {"interruption-level": "time-sensitive"}
    assert data["image"] == "/api/image_proxy/image.p1s_print_preview"
    assert tablet.told == phone.told
    (notice,) = notices.values()
    escaped = HOT.replace("_", r"\_")
    assert notice["message"] == f"{escaped} · Boat\n\n[bambulab.com]({LINK})"
    await pushes.say(hms=[FATAL, SERIOUS])
    assert messages(phone)[1:] == ["Serious error · Camera\n0C00_0300_0002_0007 · Boat"]
    assert len({each["data"]["tag"] for each in phone.told}) == 2


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        ("common", ["Common", "Serious", "Fatal", "Error"]),
        ("serious", ["Serious", "Fatal", "Error"]),
        ("fatal", ["Fatal", "Error"]),
    ],
)
async def test_only_what_is_bad_enough(
    *, pushes: Pushes, automate: Automate, phone: Phone, severity: str, told: list[str]
) -> None:
    """What stops a print has no severity, and is as bad as can be."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], severity=severity)
    await pushes.full(p1s(), gcode_state="FINISH")
    said: list[dict[str, int]] = []
    for each in (INFORMATION, COMMON, SERIOUS, FATAL):
        said.append(each)
        await pushes.say(hms=list(said))
    await pushes.say(print_error=0x07FF8011)
    assert [message.split()[0] for message in messages(phone)] == told


async def test_without_a_print(pushes: Pushes, automate: Automate, notices: dict[str, Any]) -> None:
    """There is neither its title nor a picture, and without a phone it is told here."""
    await automate(BLUEPRINT, printers=PRINTERS)
    await pushes.full(p1s(), gcode_state="FINISH")
    await pushes.say(print_error=0x07FF8011)
    (notice,) = notices.values()
    assert notice["title"] == "P1S"
    assert notice["message"].startswith("Error · External spool\n07FF-8011\n\n[bambulab.com](https")


async def test_nothing_of_the_past(
    hass: HomeAssistant, entry: MockConfigEntry, pushes: Pushes, automate: Automate, phone: Phone
) -> None:
    """What is wrong when it is heard first is no news, also after a reload."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id])
    await pushes.full(p1s(), hms=[FATAL])
    await pushes.say(hms=[FATAL, SERIOUS])
    assert len(messages(phone)) == 1
    await reload(hass, entry)
    await pushes.full(p1s(), hms=[FATAL, SERIOUS])
    assert len(messages(phone)) == 1


async def test_run_by_hand(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    pushes: Pushes,
    automate: Automate,
    phone: Phone,
) -> None:
    """It shows the last error of the first printer."""
    automation = await automate(BLUEPRINT, printers=PRINTERS[1:], phones=[phone.id])
    run = ("automation", "trigger", {"entity_id": automation})
    await hass.services.async_call(*run, blocking=True)
    await pushes.full(p1s(), gcode_state="FINISH")
    await pushes.say(hms=[FATAL])
    await hass.services.async_call(*run, blocking=True)
    assert messages(phone) == ["No news of an error", HOT, HOT]
    (device,) = device_registry.async_get_devices(identifiers={(DOMAIN, P1S)})
    assert phone.told[0]["data"]["url"] == f"/config/devices/device/{device.id}"
    assert phone.told[1]["data"]["tag"] == phone.told[2]["data"]["tag"]
