"""The blueprint that notifies of prints."""

from datetime import timedelta
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from scripts.demo_checks import MAGIC
from scripts.screenshots_world import actions
from simulator import Simulator
from tests.conftest import Wait, reload, sign_in_demo
from tests.pushes import Pushes, begin

from .conftest import (
    ESCAPED,
    HOSTILE,
    MINUTE,
    P1S,
    X1C,
    Automate,
    Phone,
    Restart,
    messages,
    pass_time,
)

BLUEPRINT = "print_notification"
PRINTERS = ["event.p1s_print", "event.workshop_x1c_print"]
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
# Home Assistant reloads an entry this long after one of its entities was switched on or off.
RELOAD = timedelta(seconds=35)


async def test_two_phones_of_one_name_have_one_action(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """Which is called once."""
    other = MockConfigEntry(domain="mobile_app")
    other.add_to_hass(hass)
    twin = device_registry.async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("mobile_app", "twin")}, name="Zoë's phone"
    )
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id, twin.id])
    simulator.cloud.start(P1S, duration=600, title="Boat")
    for _ in range(3):
        await wait(9 * MINUTE)
    await pass_time(wait, 12)
    assert len(phone.told) == 1


async def test_finished(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    tablet: Phone,
    notices: dict[str, Any],
) -> None:
    """Each phone is told all of it, once, and shows the picture of this print."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id, tablet.id])
    task = simulator.cloud.start(P1S, duration=7500, title="Boat")
    for _ in range(13):
        await wait(9 * MINUTE)
    await pass_time(wait, 12)
    (device,) = device_registry.async_get_devices(identifiers={(DOMAIN, P1S)})
    page = f"/config/devices/device/{device.id}"
    assert phone.told == [
        {
            "title": "P1S",
            "message": "Finished: Boat\n2 h 05 min · 29 g",
            "data": {
                "tag": f"print-{task}",
                "group": "3d-printer",
                "url": page,
                "clickAction": page,
                "channel": "3D printer",
                "importance": "high",
                "priority": "high",
                "ttl": 0,
                "notification_icon": "mdi:printer-3d",
                "color": "#2e7d32",
                "push": {"interruption-level": "active"},
                "image": "/api/image_proxy/image.p1s_last_print_preview",
            },
        }
    ]
    assert tablet.told == phone.told
    assert notices == {}


async def test_two_printers_that_end_in_one_poll(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """Neither is lost, and each has its own picture, tag and end."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id])
    boat = simulator.cloud.start(X1C, duration=600, title="Boat")
    vase = simulator.cloud.start(P1S, duration=600, title="Vase", result="failed")
    await pass_time(wait, 15)
    told = {each["title"]: each for each in phone.told}
    assert len(phone.told) == 2
    assert told["Workshop X1C"]["message"].startswith("Finished: Boat\n10 min")
    assert told["P1S"]["message"] == "Failed or cancelled: Vase\n10 min"
    assert [
        (told[name]["data"]["tag"], told[name]["data"]["image"], told[name]["data"]["push"])
        for name in ("Workshop X1C", "P1S")
    ] == [
        (
            f"print-{boat}",
            "/api/image_proxy/image.workshop_x1c_last_print_preview",
            {"interruption-level": "active"},
        ),
        (
            f"print-{vase}",
            "/api/image_proxy/image.p1s_last_print_preview",
            {"interruption-level": "time-sensitive"},
        ),
    ]


async def test_a_print_that_is_told_from_start_to_end_is_one_notification(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, automate: Automate, phone: Phone
) -> None:
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], kinds=["started", "finished"])
    simulator.cloud.start(P1S, duration=600, title="Boat")
    await pass_time(wait, 15)
    assert messages(phone) == ["Started: Boat\n2.3 g", "Finished: Boat\n10 min · 2.3 g"]
    assert len({told["data"]["tag"] for told in phone.told}) == 1
    assert [told["data"]["image"] for told in phone.told] == [
        "/api/image_proxy/image.p1s_print_preview",
        "/api/image_proxy/image.p1s_last_print_preview",
    ]


async def test_a_pause_says_why(
    simulator: Simulator, pushes: Pushes, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """And is urgent, unless somebody stands beside the printer."""
    await automate(
        BLUEPRINT,
        printers=PRINTERS,
        phones=[phone.id],
        kinds=["paused", "resumed"],
        path="/printers/1",
    )
    await begin(simulator, pushes, wait)
    for stage in (6, 16):
        await pushes.say(gcode_state="PAUSE", stg_cur=stage)
        await wait(SECOND)
        await pushes.say(gcode_state="RUNNING", stg_cur=0)
        await wait(SECOND)
    assert messages(phone) == [
        "Paused: Boat\nFilament ran out",
        "Resumed: Boat",
        "Paused: Boat\nBy the user",
        "Resumed: Boat",
    ]
    levels = [told["data"]["push"]["interruption-level"] for told in phone.told]
    assert levels == ["time-sensitive", "active", "active", "active"]
    assert {told["data"]["url"] for told in phone.told} == {"/printers/1"}


@pytest.mark.parametrize(
    ("kinds", "error", "told"),
    [
        (["cancelled"], 0x0300400C, ["Cancelled: Boat\n1 min"]),
        (["failed"], 0x0300400C, []),
        (["failed"], 0x07008006, ["Failed: Boat\n0700-8006 · 1 min"]),
        (["cancelled"], 0x07008006, []),
        (["failed"], 0, ["Failed or cancelled: Boat\n1 min"]),
    ],
)
async def test_a_cancelled_print_is_no_failed_one(
    *,
    simulator: Simulator,
    pushes: Pushes,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    kinds: list[str],
    error: int,
    told: list[str],
) -> None:
    """Where its printer tells; else it counts as failed."""
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], kinds=kinds)
    await begin(simulator, pushes, wait)
    await pushes.say(gcode_state="FAILED", print_error=error)
    await wait(3 * SECOND)
    simulator.cloud.end(P1S, "failed")
    await pushes.say(print_error=0)
    await wait(12 * SECOND)
    assert messages(phone) == told


async def test_an_end_while_home_assistant_was_off(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    restart: Restart,
    phone: Phone,
    hass: HomeAssistant,
) -> None:
    """It is told when Home Assistant starts, marked, and not once more after a reload."""
    simulator.cloud.start(P1S, duration=3600, title="Boat")
    await wait(IDLE)
    await restart(5 * HOUR, BLUEPRINT, printers=PRINTERS, phones=[phone.id])
    (message,) = messages(phone)
    assert message.endswith(" · noticed late, it ended 2026-11-20 05:00")
    await reload(hass, entry)
    await pass_time(wait, 5)
    assert len(phone.told) == 1


async def test_nothing_of_the_past(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, automate: Automate, phone: Phone
) -> None:
    """An account that is new tells what ends from now on, and a restart tells no start again."""
    every = ["finished", "failed", "cancelled", "started", "paused", "resumed"]
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], kinds=every)
    simulator.cloud.start(P1S, duration=1200, title="Boat")
    entry = await sign_in_demo(hass, simulator)
    await pass_time(wait, 5)
    await reload(hass, entry)
    await pass_time(wait, 5)
    assert messages(phone) == []
    await pass_time(wait, 15)
    assert [message.partition("\n")[0] for message in messages(phone)] == ["Finished: Boat"]


async def test_a_print_of_which_little_is_known(
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """From the SD card, of a printer without a picture and with another name."""
    simulator.cloud.change_printer(P1S, name="Müller's 3D")
    entity_registry.async_update_entity(
        "image.p1s_last_print_preview", disabled_by=er.RegistryEntryDisabler.USER
    )
    await wait(RELOAD)
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], kinds=["started", "finished"])
    simulator.cloud.start(P1S, duration=300, task=False)
    await pass_time(wait, 12)
    assert [told["title"] for told in phone.told] == ["Müller's 3D"] * 2
    assert messages(phone) == ["Started: a print", "Finished: a print"]
    data = phone.told[-1]["data"]
    assert "image" not in data
    assert data["tag"].startswith("print-")
    assert len(data["tag"]) == len("print-") + 32


@pytest.mark.parametrize(
    ("notice", "phones", "noticed"),
    [
        ("without_phone", 0, 1),
        ("without_phone", 1, 0),
        ("always", 1, 1),
        ("never", 0, 0),
    ],
)
async def test_a_notification_in_home_assistant(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    notices: dict[str, Any],
    notice: str,
    phones: int,
    noticed: int,
) -> None:
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id][:phones], notice=notice)
    task = simulator.cloud.start(P1S, duration=600, title="Boat")
    await pass_time(wait, 15)
    shown = [(each["title"], each["message"]) for each in notices.values()]
    assert shown == [("P1S", "Finished: Boat\n10 min · 2.3 g")] * noticed
    assert list(notices) == [f"bambu_lab_cloud_print-{task}"] * noticed
    assert len(phone.told) == phones


async def test_a_phone_that_is_gone_takes_nothing_from_the_others(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    tablet: Phone,
) -> None:
    """And what its owner wants beside that happens as well, with all that is known."""
    calls = async_mock_service(hass, "test", "done")
    done = {
        "action": "test.done",
        "data": {"kind": "{{ kind }}", "name": "{{ name }}", "plate": "{{ print.plate }}"},
    }
    await automate(
        BLUEPRINT,
        printers=PRINTERS,
        phones=[tablet.id, phone.id],
        title="{{ kind }}",
        message="{{ name }} ({{ weight }})",
        more_actions=[done],
    )
    device_registry.async_remove_device(tablet.id)
    simulator.cloud.start(P1S, duration=600, title="Boat")
    await pass_time(wait, 15)
    assert [(told["title"], told["message"]) for told in phone.told] == [
        ("finished", "Boat (2.3 g)")
    ]
    assert [call.data["kind"] for call in calls] == ["finished"]
    assert [call.data["name"] for call in calls] == ["Boat"]


@pytest.fixture
async def folder(
    hass: HomeAssistant, entry: MockConfigEntry, automate: Automate, tmp_path: Path
) -> Path:
    """Where the actions that docs/blueprints.md has for pictures write them."""
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await automate(BLUEPRINT, printers=PRINTERS, notice="never", more_actions=actions(tmp_path))
    return tmp_path / "www"


async def test_picture_in_home_assistant(
    simulator: Simulator, wait: Wait, notices: dict[str, Any], folder: Path
) -> None:
    task = simulator.cloud.start(P1S, duration=600, title=HOSTILE)
    await pass_time(wait, 15)
    picture = "image.p1s_last_print_preview.png"
    assert MAGIC.match((folder / picture).read_bytes())
    (notice,) = notices.values()
    assert notice["title"] == "P1S"
    text, _, shown = notice["message"].rpartition("\n\n")
    assert shown == f"![](/local/{picture}?{task})"
    # Markdown takes a backslash before any punctuation.
    assert re.sub(r"\\(?=[!-/:-@[-`{-~])", "", text) == f"Finished: {HOSTILE}\n10 min · 2.3 g"
    assert not re.search(r"(?<!\\)[<&\[*`]|//|www[.]", text)


async def test_notification_without_its_picture(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    notices: dict[str, Any],
    tmp_path: Path,
) -> None:
    """Be there no print yet, or no place where it may be written."""
    folder = tmp_path / "elsewhere"
    more = actions(folder)
    automation = await automate(BLUEPRINT, printers=PRINTERS, notice="never", more_actions=more)
    run = ("automation", "trigger", {"entity_id": automation})
    await hass.services.async_call(*run, blocking=True)
    assert [each["message"] for each in notices.values()] == ["No news of a print yet"]
    simulator.cloud.start(P1S, duration=600, title="Boat")
    await pass_time(wait, 15)
    assert notices[PRINTERS[0]]["message"].startswith(r"Finished\: Boat")
    assert not folder.exists()


async def test_printers_of_one_name_have_two_notifications(
    simulator: Simulator, wait: Wait, notices: dict[str, Any], folder: Path
) -> None:
    for printer in (P1S, X1C):
        simulator.cloud.change_printer(printer, name="Printer")
        simulator.cloud.start(printer, duration=600, title="Boat")
    await pass_time(wait, 15)
    assert [each["title"] for each in notices.values()] == ["Printer", "Printer"]
    assert len(list(folder.iterdir())) == 2


async def test_run_by_hand(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
) -> None:
    """It shows the last news again, so that its owner sees what it looks like."""
    automation = await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id])
    run = ("automation", "trigger", {"entity_id": automation})
    await hass.services.async_call(*run, blocking=True)
    simulator.cloud.start(P1S, duration=600, title="Boat")
    await pass_time(wait, 15)
    await hass.services.async_call(*run, blocking=True)
    assert {told["data"]["group"] for told in phone.told} == {"3d-printer"}
    assert messages(phone) == [
        "No news of a print yet",
        "Finished: Boat\n10 min · 2.3 g",
        "Finished: Boat\n10 min · 2.3 g",
    ]


async def test_a_name_is_shown_as_it_stands(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    automate: Automate,
    phone: Phone,
    notices: dict[str, dict[str, Any]],
) -> None:
    """Whatever it looks like: it may come from a stranger's model."""
    simulator.cloud.change_printer(P1S, name=HOSTILE)
    await automate(BLUEPRINT, printers=PRINTERS, phones=[phone.id], notice="always")
    simulator.cloud.start(P1S, duration=600, title=HOSTILE)
    await pass_time(wait, 15)
    (told,) = phone.told
    assert (told["title"], told["message"].splitlines()[0]) == (HOSTILE, f"Finished: {HOSTILE}")
    (notice,) = notices.values()
    # The title of a notification is no Markdown.
    assert notice["title"] == HOSTILE
    assert notice["message"].splitlines()[0] == f"Finished: {ESCAPED}"
