"""The live data of an account, by way of a real broker beside HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
import logging
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import json_dumps
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from simulator import Simulator
from tests.conftest import Wait, listeners, settle, sign_in_demo
from tests.test_exits import LEAVE, Leave, complaints, is_ours, left
from tests.test_live import live_entities

X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINI = "03000A000000003"
LIVE_DATA = "binary_sensor.demo_maker_live_data"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

type Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def mqtt() -> Any:
    return "manual"


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Simulator]:
    """The simulator, which nobody has harmed at the end."""
    yield simulator
    assert simulator.accidents() == []


@pytest.fixture
def until(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Until:
    """Wait for something that takes the broker, which has a thread and a clock of its own."""

    async def until(condition: Callable[[], object]) -> None:
        tries = 0
        while not condition():
            tries += 1
            assert tries < 1500
            # What is sent is 250 ms apart, and connecting must not take longer than it may.
            freezer.tick(0.02)
            await asyncio.to_thread(time.sleep, 0.01)
        await settle(hass)

    return until


@pytest.fixture
async def entry(hass: HomeAssistant, cloud: Simulator, until: Until) -> MockConfigEntry:
    """The demo account, of which everybody who is on has told everything."""
    entry = await sign_in_demo(hass, cloud)
    printers = entry.runtime_data.printers
    await until(lambda: printers.is_live(X1C) and printers.is_live(P1S))
    await until(lambda: done(cloud, "get_version") == 2)
    return entry


def done(simulator: Simulator, what: str, dev_id: str | None = None) -> int:
    """Return how often the broker has seen something."""
    return sum(
        entry["what"] == what and dev_id in (None, entry.get("dev_id"))
        for entry in simulator.mqtt_log()
    )


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None
    return found.state


async def test_what_a_printer_says_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until
) -> None:
    """A minute before the cloud tells it over HTTP."""
    cloud.cloud.start(P1S, duration=3600, bind_lag=60, prepares=0)
    await cloud.push(P1S)
    await until(lambda: state(hass, "sensor.p1s") == "printing")
    assert done(cloud, "pushall", P1S) == 1
    assert done(cloud, "get_version", P1S) == 1
    assert done(cloud, "pushall", MINI) == 0


@pytest.mark.parametrize("leave", LEAVE)
async def test_nothing_is_left_of_a_session(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    cloud: Simulator,
    until: Until,
    caplog: pytest.LogCaptureFixture,
    leave: Leave,
) -> None:
    """While printers speak, and something that one has said waits to be shown."""
    cloud.cloud.start(P1S, duration=3600, prepares=0, bind_lag=60)
    await cloud.push(P1S)
    await until(lambda: state(hass, "sensor.p1s") == "printing")
    for _ in range(20):
        await cloud.push(P1S)
        await cloud.push(X1C)
    caplog.clear()
    await leave(hass, entry.entry_id)
    await settle(hass)
    assert complaints(caplog) == []
    assert {each for each in left(hass) if is_ours(each)} == set()
    await until(lambda: done(cloud, "disconnect") == done(cloud, "connect"))


async def test_what_goes_wrong_is_announced_once(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until, wait: Wait
) -> None:
    """Not again when everything is told in another session."""
    heard = async_capture_events(hass, "state_changed")
    cloud.cloud.set_error(P1S, hms=[{"attr": 0x03000100, "code": 0x00010007}])
    await cloud.push(P1S)
    await until(lambda: state(hass, "binary_sensor.p1s_error") == "on")
    await cloud.drop_sessions()
    await until(lambda: state(hass, LIVE_DATA) == "off")
    await wait(61 * SECOND)
    await until(lambda: entry.runtime_data.printers.is_live(P1S))
    assert done(cloud, "pushall", P1S) == 2
    cloud.cloud.set_error(P1S, hms=[])
    await cloud.push(P1S)
    await until(lambda: state(hass, "binary_sensor.p1s_error") == "off")
    told = [
        change.data["new_state"].attributes["errors"]
        for change in heard
        if change.data["entity_id"] == "event.p1s_print"
    ]
    assert told == [["0300_0100_0001_0007"]]


async def test_a_broker_that_is_away_and_comes_back(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    cloud: Simulator,
    until: Until,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What HTTP tells is there all the time, and each printer is asked once more."""
    changes = async_capture_events(hass, "state_changed")
    printers = entry.runtime_data.printers
    await cloud.stop_broker()
    await until(lambda: state(hass, LIVE_DATA) == "off")
    for _ in range(20):
        await wait(10 * SECOND)
    assert not printers.is_live(P1S)
    await cloud.start_broker()
    await wait(6 * MINUTE)
    await until(lambda: printers.is_live(P1S) and printers.is_live(X1C))
    await wait(3 * MINUTE)
    assert state(hass, LIVE_DATA) == "on"
    gone = {
        change.data["entity_id"]
        for change in changes
        if change.data["new_state"].state == STATE_UNAVAILABLE
    }
    assert "sensor.p1s_stage" in gone
    assert gone <= live_entities(hass)
    assert done(cloud, "pushall", P1S) == 2
    said = [
        record.getMessage()
        for record in caplog.records
        if record.name.endswith(DOMAIN)
        and record.levelno >= logging.INFO
        and "live data" in record.getMessage().lower()
    ]
    assert ["no live data" in line for line in said] == [True, False]


async def test_a_token_that_the_broker_alone_refuses(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until, wait: Wait
) -> None:
    cloud.cloud.refuse_mqtt("demo")
    await cloud.drop_sessions("demo")
    await until(lambda: state(hass, LIVE_DATA) == "off")
    await wait(7 * SECOND)
    await until(lambda: hass.states.get(LIVE_DATA).attributes["reason"] == "refused")
    await wait(14 * MINUTE)
    assert done(cloud, "refused") == 1
    assert hass.config_entries.flow.async_progress() == []
    cloud.cloud.refuse_mqtt("demo", refused=False)
    await wait(5 * MINUTE)
    await until(lambda: state(hass, LIVE_DATA) == "on")


async def test_a_token_that_is_dead(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until, wait: Wait
) -> None:
    cloud.cloud.revoke("demo")
    await cloud.drop_sessions("demo")
    await until(lambda: state(hass, LIVE_DATA) == "off")
    await wait(7 * SECOND)
    await until(lambda: listeners() == set())
    for _ in range(10):
        await wait(30 * MINUTE)
    assert len(hass.config_entries.flow.async_progress()) == 1
    assert done(cloud, "refused") == 1


async def test_many_printers_share_one_session(
    hass: HomeAssistant, cloud: Simulator, until: Until
) -> None:
    ids = [cloud.cloud.add_printer("demo", "A1", f"A1 {number}") for number in range(17)]
    entry = await sign_in_demo(hass, cloud)
    await until(lambda: all(entry.runtime_data.printers.is_live(each) for each in ids))
    await until(lambda: done(cloud, "get_version") == 19)
    assert done(cloud, "connect") == 1
    assert done(cloud, "pushall") == 19


async def test_a_printer_of_somebody_else_is_not_heard(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until, wait: Wait
) -> None:
    """HTTP goes on to tell of it for a while."""
    owned = cloud.may_subscribe
    cloud.may_subscribe = lambda client, topic: X1C not in topic and owned(client, topic)  # type: ignore[method-assign]
    await cloud.drop_sessions()
    printers = entry.runtime_data.printers
    await until(lambda: state(hass, LIVE_DATA) == "off")
    await wait(61 * SECOND)
    await until(lambda: printers.is_live(P1S))
    assert not printers.is_live(X1C)
    assert done(cloud, "pushall", X1C) == 1


async def test_unloading_ends_the_session(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Simulator, until: Until
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert listeners() == set()
    await until(lambda: done(cloud, "disconnect"))
    assert done(cloud, "connect") == 1


async def test_nothing_is_told(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    cloud: Simulator,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not what printers say of themselves, nor what others are answered in front of us."""
    caplog.set_level(logging.DEBUG)
    answer = {"system": {"command": "get_access_code", "access_code": "made-up-code"}}
    await cloud.publish(X1C, answer)
    await cloud.publish(X1C, {"print": {"command": "push_status", "made_up_key": "made-up-value"}})
    live = entry.runtime_data.printers.live
    await until(lambda: live[X1C].told.unknown)
    await cloud.drop_sessions()
    await until(lambda: state(hass, LIVE_DATA) == "off")
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    diagnostics = [
        await async_get_config_entry_diagnostics(hass, entry),
        *[await async_get_device_diagnostics(hass, entry, each) for each in devices],
    ]
    assert diagnostics[0]["live"]["losses"] == {"CannotConnectError": 1}
    heard = [each["live"] for each in diagnostics[0]["devices"] if each["live"]]
    assert {key for each in heard for key in each["unknown"]} == {"made_up_key"}
    states = [each.as_dict() for each in hass.states.async_all()]
    log = [record.getMessage() for record in caplog.records if DOMAIN in record.name]
    text = json_dumps([diagnostics, states, log])
    secrets = [X1C, P1S, *cloud.mqtt_secrets(), "made-up-", entry.data["token"]]
    assert [secret for secret in secrets if secret in text] == []
