"""What an account stores: whatever stands in its files, it is set up, and told once."""

from collections.abc import Callable
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.storage import STORES
from simulator import Simulator
from tests.conftest import Wait, set_up

P1S = "01P00A000000002"
EVENT = "event.p1s_print"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Write real files, which the harness does not by itself."""
    return {}


def path(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> Path:
    return Path(hass.config.path(".storage", f"{DOMAIN}.{entry.entry_id}.{name}"))


def outer(key: str, value: Any) -> Callable[[str], str]:
    """Return a change of the envelope in which Home Assistant stores things."""
    return lambda text: json.dumps({**json.loads(text), key: value})


def without(key: str) -> Callable[[str], str]:
    return lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != key})


def inner(change: Callable[[Any], Any]) -> Callable[[str], str]:
    """Return a change of every value in what is stored that a function changes."""

    def walk(value: Any) -> Any:
        match value:
            case dict():
                return {key: walk(each) for key, each in value.items()}
            case list():
                return [walk(each) for each in value]
            case _:
                return change(value)

    return lambda text: json.dumps({**(whole := json.loads(text)), "data": walk(whole["data"])})


NAIVE = inner(lambda value: value.removesuffix("+00:00") if isinstance(value, str) else value)
HUGE = inner(lambda value: 10**30 if isinstance(value, int | float) else value)
LISTS = inner(lambda value: [value])


@pytest.mark.parametrize(
    "spoil",
    [
        outer("version", 99),
        outer("version", 0),
        outer("data", 5),
        outer("data", [1]),
        without("version"),
        without("data"),
        lambda text: "[]" + " " * len(text),
        lambda text: '"' + "x" * len(text) + '"',
        lambda text: text.replace("version", "noisrev", 1),
        LISTS,
    ],
    ids=[
        "newer",
        "older",
        "number",
        "list",
        "no version",
        "no data",
        "empty",
        "text",
        "flipped",
        "lists",
    ],
)
@pytest.mark.parametrize("name", STORES)
async def test_what_cannot_be_read_is_put_aside(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    name: str,
    spoil: Callable[[str], str],
) -> None:
    """It is said once, begun anew, and nothing is announced twice for it."""
    ended = str(simulator.cloud.start(P1S, duration=300))
    for _ in range(8):
        await wait(MINUTE)
    assert await hass.config_entries.async_unload(entry.entry_id)
    file = path(hass, entry, name)
    spoilt = spoil(file.read_text())
    file.write_text(spoilt)
    heard = async_capture_events(hass, "state_changed")
    caplog.clear()
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert caplog.text.count(f"What was stored of an account's {name} cannot be read") == 1
    aside = file.with_name(f"{file.name}.unreadable")
    assert aside.read_text() == spoilt
    running = str(simulator.cloud.start(P1S, duration=300))
    for _ in range(8):
        await wait(MINUTE)
    told = [
        change.data["new_state"].attributes["task_id"]
        for change in heard
        if change.data["entity_id"] == EVENT
        and change.data["new_state"].attributes.get("event_type") == "finished"
        and change.data["old_state"].state != "unavailable"
    ]
    assert told == [running] != [ended]
    await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    assert caplog.text.count("cannot be read, so it begins anew") == 1
    await hass.config_entries.async_remove(entry.entry_id)
    assert not aside.exists()
    assert not file.exists()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("announced", NAIVE), ("firmware", NAIVE), ("history", HUGE), ("announced", HUGE)],
)
async def test_values_that_nobody_wrote(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    name: str,
    spoil: Callable[[str], str],
) -> None:
    """A time without a zone, or a number beyond all others, is as bad as no file."""
    for _ in range(8):
        await wait(MINUTE)
    assert await hass.config_entries.async_unload(entry.entry_id)
    file = path(hass, entry, name)
    file.write_text(spoil(file.read_text()))
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert caplog.text.count("cannot be read, so it begins anew") == 1
    await wait(IDLE)
    assert hass.states.get("sensor.p1s").state == "finished"


async def test_what_cannot_be_put_aside(
    hass: HomeAssistant, entry: MockConfigEntry, wait: Wait
) -> None:
    """It is begun anew all the same, and removal removes all that it can."""
    for _ in range(8):
        await wait(MINUTE)
    assert await hass.config_entries.async_unload(entry.entry_id)
    files = [path(hass, entry, name) for name in STORES]
    for file in files:
        file.write_text("{}5")
        file.with_name(f"{file.name}.unreadable").mkdir()
    files[0].unlink()
    files[0].mkdir()
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_remove(entry.entry_id)
    assert [file.is_file() for file in files] == [False] * len(files)
    left = [each.name for each in files[0].parent.iterdir() if each.name.startswith(DOMAIN)]
    assert not any(".corrupt." in name for name in left)


async def test_a_file_that_is_none_of_ours_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Two accounts share a folder."""
    other = path(hass, entry, "announced").with_name(f"{DOMAIN}.another.announced")
    other.write_text("{}")
    await hass.config_entries.async_remove(entry.entry_id)
    assert other.exists()


async def test_no_address_is_stored(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """Those of pictures are signed, and open them to anybody."""
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    await wait(MINUTE)
    hass.set_state(CoreState.starting)
    simulator.cloud.end(P1S)
    await hass.config_entries.async_reload(entry.entry_id)
    await wait(MINUTE)
    await hass.config_entries.async_unload(entry.entry_id)
    stored = "".join(path(hass, entry, name).read_text() for name in STORES)
    assert '"outbox":[]' not in stored.replace(" ", "")
    assert "X-Amz" not in stored
    assert "http" not in stored.replace("## ", "")


async def test_messages_outlast_two_restarts(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """What came while automations did not listen is announced when they do, and not again."""
    for _ in range(5):
        await wait(2 * MINUTE)
    hass.set_state(CoreState.starting)
    simulator.cloud.send_messages("demo@example.com", 201, 1)
    for _ in range(5):
        await wait(2 * MINUTE)
    for _ in range(2):
        await hass.config_entries.async_reload(entry.entry_id)
        await wait(MINUTE)
    heard = async_capture_events(hass, "state_changed")
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    for _ in range(10):
        await wait(2 * MINUTE)
    await hass.config_entries.async_reload(entry.entry_id)
    for _ in range(10):
        await wait(2 * MINUTE)
    told = {
        change.data["new_state"].state
        for change in heard
        if change.data["entity_id"] == "event.demo_maker_message"
    } - {"unavailable", "unknown"}
    assert len(told) == 1
