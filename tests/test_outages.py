"""What goes wrong is said once, with its place, and asked about ever more rarely."""

from collections import defaultdict
from datetime import timedelta
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.api import BambuCloud
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator
from tests.conftest import Wait, asked, set_up

P1S = "01P00A000000002"
BIND = "/v1/iot-service/api/user/bind"
TASKS = "/v1/user-service/my/tasks"
MESSAGES = "/v1/user-service/my/messages"
MINUTE = timedelta(minutes=1)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.endswith(DOMAIN) and record.levelno >= level
    ]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("server_error", "Failed to connect"),
        ("disconnect", "Failed to connect"),
        ("rate_limited", "asks for a pause"),
        ("cloudflare", "asks for a pause"),
    ],
)
async def test_an_outage_is_one_line_and_its_end_another(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    sentence: str,
) -> None:
    """However many things are asked for; the line says of which the cloud said what."""
    for _ in range(10):
        await wait(2 * MINUTE)
    simulator.cloud.add_fault(fault)
    caplog.clear()
    for _ in range(60):
        await wait(2 * MINUTE)
    assert hass.states.get("sensor.p1s").state == STATE_UNAVAILABLE
    (line,) = lines(caplog)
    assert sentence in line
    assert "-service/" in line
    assert P1S not in line
    simulator.cloud.clear_faults()
    caplog.clear()
    for _ in range(90):
        await wait(2 * MINUTE)
    assert hass.states.get("sensor.p1s").state != STATE_UNAVAILABLE
    (line,) = lines(caplog)
    assert "recovered" in line


async def test_one_endpoint_that_is_odd_is_its_own_matter(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not hide an outage that comes later."""
    simulator.cloud.add_fault("forbidden", MESSAGES)
    for _ in range(20):
        await wait(2 * MINUTE)
    simulator.cloud.add_fault("server_error", BIND)
    for _ in range(20):
        await wait(2 * MINUTE)
    odd, away = lines(caplog, logging.ERROR)
    assert "my/messages: HTTP 403" in odd
    assert "user/bind: HTTP 500" in away


async def test_an_outage_is_said_though_one_endpoint_was_away_before(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both fail for the same reason, each at its time."""
    simulator.cloud.add_fault("server_error", MESSAGES)
    for _ in range(20):
        await wait(2 * MINUTE)
    simulator.cloud.add_fault("server_error", BIND)
    for _ in range(60):
        await wait(2 * MINUTE)
    assert hass.states.get("sensor.p1s").state == STATE_UNAVAILABLE
    first, second = lines(caplog, logging.ERROR)
    assert "my/messages" in first
    assert "user/bind" in second


async def test_an_ended_sign_in_is_one_line(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        await wait(2 * MINUTE)
    simulator.cloud.revoke("demo@example.com")
    caplog.clear()
    for _ in range(60):
        await wait(30 * MINUTE)
    assert len(lines(caplog, logging.ERROR)) == 1


@pytest.mark.parametrize("fault", ["empty", "html", "wrong_shape", "forbidden"])
async def test_each_line_about_an_odd_answer_has_its_end(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    for _ in range(5):
        await wait(2 * MINUTE)
    simulator.cloud.add_fault(fault)
    caplog.clear()
    for _ in range(30):
        await wait(15 * MINUTE)
    said = lines(caplog, logging.ERROR)
    assert said
    simulator.cloud.clear_faults()
    caplog.clear()
    for _ in range(60):
        await wait(15 * MINUTE)
    assert len([line for line in lines(caplog) if "recovered" in line]) == len(said)


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.parametrize("fault", ["server_error", "forbidden", "unauthorized", "empty"])
async def test_a_list_that_fails_alone_is_asked_for_rarely(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    """While printers print, come and go."""
    simulator.cloud.start(P1S, duration=8 * 3600)
    for _ in range(5):
        await wait(2 * MINUTE)
    simulator.cloud.add_fault(fault, TASKS)
    simulator.cloud.clear_requests()
    for number in range(120):
        simulator.cloud.change_printer("00M00A000000001", online=bool(number // 20 % 2))
        await wait(MINUTE)
    assert asked(simulator, TASKS) <= 9


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_the_task_list_alone_refuses_the_token(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """The printers are still polled, nobody is asked to sign in, and nothing is lost."""
    simulator.cloud.add_fault("unauthorized", TASKS)
    task = str(simulator.cloud.start(P1S, duration=1800))
    for _ in range(10):
        await wait(2 * MINUTE)
    assert hass.states.get("sensor.p1s").state == "printing"
    assert hass.config_entries.flow.async_progress() == []
    simulator.cloud.clear_faults()
    for _ in range(30):
        await wait(2 * MINUTE)
    assert hass.states.get("event.p1s_print").attributes["task_id"] == task
    assert hass.states.get("event.p1s_print").attributes["event_type"] == "finished"


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_what_is_stored_stays_when_the_sign_in_has_ended(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """Totals, and the last print with its picture, are as true as before."""
    for _ in range(3):
        await wait(MINUTE)
    keys = [
        "sensor.p1s_total_prints",
        "sensor.p1s_total_filament_weight",
        "sensor.p1s_last_print_duration",
        "image.p1s_last_print_preview",
    ]
    before = [hass.states.get(key).state for key in keys]
    simulator.cloud.revoke("demo@example.com")
    await wait(IDLE)
    await wait(IDLE)
    assert hass.states.get("sensor.p1s").state == STATE_UNAVAILABLE
    assert [hass.states.get(key).state for key in keys] == before
    assert not {STATE_UNAVAILABLE, "unknown"} & set(before)


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("get_devices", KeyError("secret-value")),
        ("get_messages", RecursionError("secret-value")),
        ("get_device_versions", ValueError("secret-value")),
    ],
)
async def test_a_mistake_of_ours_is_no_storm(
    *,
    entry: MockConfigEntry,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    error: Exception,
) -> None:
    """Said once, with its place and without what it was about, and tried ever more rarely."""
    calls = []

    async def fail(self: BambuCloud, *args: Any, **kwargs: Any) -> None:
        calls.append(args)
        raise type(error)(*error.args)

    monkeypatch.setattr(BambuCloud, method, fail)
    caplog.clear()
    for _ in range(120):
        await wait(MINUTE)
    assert 3 <= len(calls) <= 10
    assert caplog.text.count(f"Unexpected {type(error).__name__}") == 1
    assert "test_outages.py" in caplog.text
    assert "secret-value" not in caplog.text
    assert len(lines(caplog, logging.ERROR)) <= 4


async def test_a_mistake_about_one_printer_keeps_no_other_waiting(
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The firmware of those after it is asked for as well."""
    ask = BambuCloud.get_device_versions

    async def fail(self: BambuCloud, device_id: str) -> Any:
        raise LookupError

    ways = defaultdict(lambda: ask, {"00M00A000000001": fail})
    monkeypatch.setattr(
        BambuCloud, "get_device_versions", lambda self, each: ways[each](self, each)
    )
    for _ in range(20):
        await wait(MINUTE)
    known = {
        device.serial_number: device.sw_version
        for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    }
    assert known[P1S]
    assert not known["00M00A000000001"]


async def test_a_mistake_at_the_start_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    with monkeypatch.context() as patch:
        patch.delattr(BambuCloud, "get_devices")
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
    # Home Assistant itself asks again after seconds; from 2026.11 on, it waits as we ask it to.
    await wait(2 * MINUTE)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("date", [2 * 86400, 3 * 365 * 86400, "Fri, 31 Dec 9999 23:59:59 -1200"])
@pytest.mark.parametrize("answers", [1, 3])
async def test_an_absurd_date_ends_nothing(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    date: Any,
    answers: int,
) -> None:
    """Of the first answers: prints are announced as ever."""
    await hass.config_entries.async_remove(entry.entry_id)
    new = MockConfigEntry(domain=DOMAIN, data=dict(entry.data), unique_id=entry.unique_id)
    new.add_to_hass(hass)
    simulator.cloud.add_fault("date", times=answers, date=date)
    await set_up(hass, new)
    await wait(IDLE)
    task = str(simulator.cloud.start(P1S, duration=600))
    kinds = []
    for _ in range(10):
        await wait(2 * MINUTE)
        kinds.append(hass.states.get("event.p1s_print").attributes.get("event_type"))
    assert {"started", "finished"} <= set(kinds)
    assert hass.states.get("event.p1s_print").attributes["task_id"] == task
