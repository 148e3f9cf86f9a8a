"""The history of prints: read in the background, kept, added to, and what it adds up to."""

from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.history import (
    BEFORE_FIRST_PAGE,
    BETWEEN_PAGES,
    BETWEEN_READINGS,
)
from simulator import Simulator
from simulator.cloud import FINISHED, Job

from .conftest import Wait, asked, read_history, sign_in

A_WHILE = timedelta(minutes=2)
TASKS = "/v1/user-service/my/tasks"
TOTALS = (
    "success_rate",
    "total_filament_length",
    "total_filament_weight",
    "total_print_time",
    "total_prints",
)


@pytest.fixture
def name() -> str:
    return "one"


@pytest.fixture
async def account(
    hass: HomeAssistant, simulator: Simulator, everything_enabled: None, name: str
) -> MockConfigEntry:
    """An account that has signed in a moment ago."""
    result = await sign_in(hass, name)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result["result"]


@pytest.fixture
async def complete(account: MockConfigEntry, wait: Wait) -> MockConfigEntry:
    """An account whose history has been read."""
    await read_history(wait, pages=7)
    return account


async def read_on(wait: Wait, pages: int) -> None:
    for _ in range(pages):
        await wait(BETWEEN_PAGES + timedelta(seconds=1))


def jobs(simulator: Simulator, name: str = "one") -> list[Job]:
    """The prints of an account that ended and stand in its list, newest first."""
    cloud, now = simulator.cloud, datetime.now(UTC)
    found = cloud.tasks(cloud.accounts.find(name), now)
    return [job for job, printer in found if job.listed_as_ended(printer.seen_at(now))]


def dev_id(simulator: Simulator) -> str:
    return simulator.cloud.printers_of(simulator.cloud.accounts.find("one"))[0].dev_id


def total(hass: HomeAssistant, key: str, printer: str = "my_p1s") -> str:
    return hass.states.get(f"sensor.{printer}_{key}").state


@pytest.mark.parametrize("past", [20, 450])
async def test_totals(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, wait: Wait
) -> None:
    """They are unknown until all prints are known, and then right."""
    assert {total(hass, key) for key in TOTALS} == {"unknown"}
    await read_history(wait, pages=7)
    expected = jobs(simulator)
    assert total(hass, "total_prints") == str(len(expected))
    assert float(total(hass, "total_filament_weight")) == pytest.approx(
        sum(job.weight for job in expected)
    )
    printed = sum((job.ends - job.started for job in expected if job.ends), timedelta())
    assert float(total(hass, "total_print_time")) == pytest.approx(printed / timedelta(hours=1))
    finished = sum(job.result == FINISHED for job in expected)
    assert float(total(hass, "success_rate")) == pytest.approx(
        finished / len(expected) * 100, abs=0.06
    )


@pytest.mark.parametrize("past", [450])
async def test_reads_gently(simulator: Simulator, account: MockConfigEntry, wait: Wait) -> None:
    """A page with the set-up, then one every few seconds, none twice, and after the last none."""
    assert asked(simulator, TASKS) == 1
    await wait(BEFORE_FIRST_PAGE - timedelta(seconds=2))
    assert asked(simulator, TASKS) == 1
    await wait(timedelta(seconds=3))
    assert asked(simulator, TASKS) == 2
    for page in range(3, 7):
        await wait(BETWEEN_PAGES + timedelta(seconds=1))
        assert asked(simulator, TASKS) == page
    simulator.cloud.clear_requests()
    await read_on(wait, pages=3)
    assert asked(simulator, TASKS) == 0


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.parametrize("past", [30])
@pytest.mark.parametrize("name", ["none", "one"])
@pytest.mark.usefixtures("complete")
async def test_sensors(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    found = {
        entry.entity_id: (hass.states.get(entry.entity_id), entry.unique_id)
        for entry in entity_registry.entities.values()
        if entry.translation_key in TOTALS
    }
    assert found == snapshot


@pytest.mark.parametrize("name", ["farm"])
@pytest.mark.parametrize("past", [600])
@pytest.mark.usefixtures("complete")
async def test_farm(hass: HomeAssistant, simulator: Simulator) -> None:
    """The prints of 200 printers, among them some that are off."""
    counts = [
        int(state.state)
        for state in hass.states.async_all("sensor")
        if state.entity_id.endswith("_total_prints")
    ]
    assert len(counts) == 200
    assert sum(counts) == len(jobs(simulator, "farm"))


@pytest.mark.parametrize("past", [450])
async def test_restart(
    hass: HomeAssistant, simulator: Simulator, complete: MockConfigEntry, wait: Wait
) -> None:
    """The totals are there at once, and the newest page is read once."""
    known = total(hass, "total_prints")
    assert await hass.config_entries.async_unload(complete.entry_id)
    await hass.async_block_till_done()
    simulator.cloud.clear_requests()
    assert await hass.config_entries.async_setup(complete.entry_id)
    assert total(hass, "total_prints") == known == str(len(jobs(simulator)))
    await read_history(wait, pages=4)
    assert asked(simulator, TASKS) == 1


@pytest.mark.parametrize("past", [950])
async def test_goes_on_after_a_restart(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, wait: Wait
) -> None:
    """Of ten pages six are read; the other four follow, after a look at what is new."""
    await read_history(wait, pages=4)
    simulator.cloud.clear_requests()
    assert await hass.config_entries.async_reload(account.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await read_history(wait, pages=3)
    assert total(hass, "total_prints") == "unknown"
    await read_on(wait, pages=1)
    assert total(hass, "total_prints") == str(len(jobs(simulator)))
    assert asked(simulator, TASKS) == 6


@pytest.mark.parametrize("past", [1500])
async def test_stored_while_reading(
    account: MockConfigEntry, hass_storage: dict[str, Any], wait: Wait
) -> None:
    """Whoever kills Home Assistant loses the last half a minute only."""
    await read_history(wait, pages=11)
    stored = hass_storage[f"{DOMAIN}.{account.entry_id}.history"]["data"]
    assert not stored["is_complete"]
    assert len(stored["task_id"]) > 300
    await read_on(wait, pages=30)
    stored = hass_storage[f"{DOMAIN}.{account.entry_id}.history"]["data"]
    assert stored["is_complete"]
    assert len(stored["task_id"]) == 1500


@pytest.mark.parametrize("past", [250])
async def test_a_long_absence(
    hass: HomeAssistant, simulator: Simulator, complete: MockConfigEntry, wait: Wait
) -> None:
    """Where the newest page is all new, the pages before it are read as well."""
    assert await hass.config_entries.async_unload(complete.entry_id)
    await hass.async_block_till_done()
    for _ in range(240):
        simulator.cloud.start(dev_id(simulator), duration=60)
        await wait(timedelta(minutes=2))
    assert await hass.config_entries.async_setup(complete.entry_id)
    await read_history(wait, pages=4)
    assert total(hass, "total_prints") == str(len(jobs(simulator)))


@pytest.mark.parametrize("past", [250])
async def test_new_prints_while_reading(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, wait: Wait
) -> None:
    """They move the list down by one, which neither loses nor doubles a print."""
    await wait(BEFORE_FIRST_PAGE + timedelta(seconds=1))
    simulator.cloud.start(dev_id(simulator), duration=1)
    await read_on(wait, pages=6)
    await wait(BETWEEN_READINGS + timedelta(seconds=1))
    assert total(hass, "total_prints") == str(len(jobs(simulator)))


async def test_increments(
    hass: HomeAssistant, simulator: Simulator, complete: MockConfigEntry, wait: Wait
) -> None:
    before = int(total(hass, "total_prints"))
    simulator.cloud.start(dev_id(simulator), duration=60, result="failed")
    await wait(BETWEEN_READINGS + timedelta(seconds=1))
    assert total(hass, "total_prints") == str(before + 1)


async def test_corrections(
    hass: HomeAssistant, simulator: Simulator, complete: MockConfigEntry, wait: Wait
) -> None:
    """Weights settle after the end of a print."""
    before = float(total(hass, "total_filament_weight"))
    jobs(simulator)[0].weight += 7
    await wait(BETWEEN_READINGS + timedelta(seconds=1))
    assert float(total(hass, "total_filament_weight")) == pytest.approx(before + 7)


@pytest.mark.parametrize("early", [0.001, 0.999])
async def test_a_reading_that_comes_too_early_goes_round_in_no_circle(
    simulator: Simulator, complete: MockConfigEntry, freezer: FrozenDateTimeFactory, early: float
) -> None:
    """Home Assistant polls up to a second before it is due, again and again until then."""
    history = complete.runtime_data.history
    freezer.move_to(history._read_at + BETWEEN_READINGS - timedelta(seconds=early))
    simulator.cloud.clear_requests()
    await history.async_refresh()
    assert asked(simulator, TASKS) == 1
    assert history.update_interval == BETWEEN_READINGS


@pytest.mark.parametrize("past", [450])
@pytest.mark.parametrize("fault", ["server_error", "wrong_shape", "rate_limited", "forbidden"])
async def test_bad_answers(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, wait: Wait, fault: str
) -> None:
    """The cloud is left alone for a while, and nothing is lost."""
    await read_history(wait, pages=1)
    simulator.cloud.add_fault(fault, "/v1/user-service/my/tasks", times=1)
    await read_on(wait, pages=1)
    simulator.cloud.clear_requests()
    await read_on(wait, pages=3)
    assert asked(simulator, TASKS) == 0
    await wait(timedelta(minutes=7))
    await read_on(wait, pages=7)
    assert total(hass, "total_prints") == str(len(jobs(simulator)))


@pytest.mark.parametrize("past", [50])
@pytest.mark.usefixtures("complete")
async def test_an_empty_answer_costs_nothing(
    hass: HomeAssistant, simulator: Simulator, wait: Wait
) -> None:
    """A list that is all of a sudden empty is no reason to forget prints."""
    printer = simulator.cloud.printer(dev_id(simulator))
    count, printer.jobs = len(jobs(simulator)), []
    await wait(BETWEEN_READINGS + timedelta(seconds=1))
    assert total(hass, "total_prints") == str(count)


@pytest.mark.parametrize("past", [1100])
async def test_log(caplog: pytest.LogCaptureFixture, account: MockConfigEntry, wait: Wait) -> None:
    """Progress is said, and nothing about whose prints they are."""
    await read_history(wait, pages=20)
    records = [
        record
        for record in (*caplog.get_records("setup"), *caplog.records)
        if record.name.endswith(DOMAIN) and record.levelno >= logging.INFO
    ]
    assert [record.getMessage() for record in records] == [
        "Reading the history of prints: 100 so far",
        "Reading the history of prints: 1050 so far",
        "The history of prints is complete: 1100 prints",
    ]


async def test_removal(
    hass: HomeAssistant, hass_storage: dict[str, Any], complete: MockConfigEntry, wait: Wait
) -> None:
    await wait(A_WHILE)
    key = f"{DOMAIN}.{complete.entry_id}.history"
    assert key in hass_storage
    assert await hass.config_entries.async_remove(complete.entry_id)
    await hass.async_block_till_done()
    assert key not in hass_storage
