"""The recorder's long-term statistics follow the history."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import (
    list_statistic_ids,
    statistic_during_period,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bambu_lab_cloud import statistics
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.history import (
    BETWEEN_READINGS,
)
from simulator import Simulator
from simulator.cloud import Job, Printer

from .conftest import Wait, read_history, reload, sign_in

SHARED = {"demo": "1000000001", "partner": "1000000010"}
METRICS = ("filament_weight", "print_time", "prints")

pytestmark = pytest.mark.usefixtures("recorder_mock")


@pytest.fixture
def past() -> int:
    return 150


async def read_on(hass: HomeAssistant, wait: Wait) -> None:
    await read_history(wait, pages=4)
    await async_wait_recording_done(hass)


async def read_again(hass: HomeAssistant, wait: Wait) -> None:
    await wait(BETWEEN_READINGS + timedelta(seconds=1))
    await async_wait_recording_done(hass)


@pytest.fixture
async def one(hass: HomeAssistant, simulator: Simulator, wait: Wait) -> MockConfigEntry:
    """The account with one printer, whose history has been read."""
    result = await sign_in(hass, "one")
    await read_on(hass, wait)
    return result["result"]


def printer(simulator: Simulator, name: str = "one") -> Printer:
    return simulator.cloud.printers_of(simulator.cloud.accounts.find(name))[0]


def ended(simulator: Simulator) -> list[Job]:
    cloud, now = simulator.cloud, datetime.now(UTC)
    found = cloud.tasks(cloud.accounts.find("one"), now)
    return [job for job, printer in found if job.listed_as_ended(printer.seen_at(now))]


async def ids(hass: HomeAssistant) -> set[str]:
    found = await get_instance(hass).async_add_executor_job(list_statistic_ids, hass)
    return {each["statistic_id"] for each in found if each["source"] == DOMAIN}


async def rows(hass: HomeAssistant, simulator: Simulator, metric: str) -> dict[datetime, Any]:
    """What the recorder has of a printer: state and sum of each hour."""
    uid = simulator.cloud.accounts.find("one").uid
    key = f"{DOMAIN}:{uid}_{printer(simulator).dev_id}_{metric}".lower()
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        hass,
        datetime(2000, 1, 1, tzinfo=UTC),
        None,
        {key},
        "hour",
        None,
        {"state", "sum"},
    )
    return {
        datetime.fromtimestamp(row["start"], UTC): (row["state"], row["sum"]) for row in found[key]
    }


def expected(simulator: Simulator, metric: str) -> dict[datetime, Any]:
    """What it should have, by what the simulator knows of its prints."""
    amounts: dict[datetime, float] = {}
    for job in sorted(ended(simulator), key=lambda job: job.ends or job.started):
        assert job.ends
        hour = job.ends.replace(minute=0, second=0, microsecond=0)
        amounts.setdefault(hour - timedelta(hours=1), 0)
        amounts[hour] = (
            amounts.get(hour, 0)
            + {
                "filament_weight": job.weight,
                "print_time": (int(job.ends.timestamp()) - job.started.timestamp()) / 3600,
                "prints": 1,
            }[metric]
        )
    total, sums = 0.0, {}
    for hour, amount in sorted(amounts.items()):
        total += amount
        sums[hour] = (pytest.approx(amount, abs=1e-3), pytest.approx(total, abs=1e-1))
    return sums


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.usefixtures("one")
async def test_backfill(hass: HomeAssistant, simulator: Simulator, metric: str) -> None:
    """Hourly sums, from the first print on."""
    found = await rows(hass, simulator, metric)
    assert found == expected(simulator, metric)
    assert len(found) > 100


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("days", [1, 7, 31])
async def test_what_a_period_adds(hass: HomeAssistant, simulator: Simulator, days: int) -> None:
    """As a card shows it, also where a period has a single print."""
    uid = simulator.cloud.accounts.find("one").uid
    key = f"{DOMAIN}:{uid}_{printer(simulator).dev_id}_prints".lower()
    first, span = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=days)
    prints = Counter((job.ends - first) // span for job in ended(simulator) if job.ends)
    for number, added in prints.items():
        start = first + number * span
        found = await get_instance(hass).async_add_executor_job(
            statistic_during_period, hass, start, start + span, key, {"change"}, None
        )
        assert found["change"] == added


@pytest.mark.parametrize("lost", [{0}, {1}, {1, 3, 4}])
async def test_parts_that_the_recorder_never_got(
    hass: HomeAssistant,
    simulator: Simulator,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    lost: set[int],
) -> None:
    """Home Assistant was killed between them: the next start writes them."""
    monkeypatch.setattr(statistics, "_ROWS", 20)
    add, numbers = statistics.async_add_external_statistics, count()
    deliver = {True: lambda *_: None, False: add}

    def add_some(*args: Any) -> None:
        deliver[next(numbers) % 6 in lost](*args)

    with patch.object(statistics, "async_add_external_statistics", add_some):
        entry = (await sign_in(hass, "one"))["result"]
        await read_on(hass, wait)
    assert await rows(hass, simulator, "prints") != expected(simulator, "prints")
    await reload(hass, entry)
    await read_on(hass, wait)
    for metric in METRICS:
        assert await rows(hass, simulator, metric) == expected(simulator, metric)


async def test_what_is_known_is_written_once(
    hass: HomeAssistant, one: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes while the recorder is asked has nothing to do after that."""
    await hass.config_entries.async_reload(one.entry_id)
    written: list[Any] = []
    by_printer = statistics.by_printer

    def count(jobs: Any) -> Any:
        written.append(jobs)
        return by_printer(jobs)

    monkeypatch.setattr(statistics, "by_printer", count)
    for _ in range(3):
        one.runtime_data.history.async_update_listeners()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(written) == 1


@pytest.mark.usefixtures("one")
async def test_metadata(hass: HomeAssistant) -> None:
    found = await get_instance(hass).async_add_executor_job(list_statistic_ids, hass)
    ours = [each for each in found if each["source"] == DOMAIN]
    assert [
        (each["name"], each["unit_class"], each["statistics_unit_of_measurement"]) for each in ours
    ] == [
        ("My P1S Print history: Total filament weight", "mass", "g"),
        ("My P1S Print history: Total print time", "duration", "h"),
        ("My P1S Print history: Total prints", None, "prints"),
    ]
    assert {(each["has_sum"], each["mean_type"].name) for each in ours} == {(True, "NONE")}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.usefixtures("one")
async def test_increment(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, metric: str
) -> None:
    simulator.cloud.start(printer(simulator).dev_id, duration=3000)
    await wait(timedelta(hours=1))
    await read_again(hass, wait)
    found = await rows(hass, simulator, metric)
    assert found == expected(simulator, metric)
    assert datetime(2026, 11, 20, 12, tzinfo=UTC) in found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.usefixtures("one")
async def test_correction(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, metric: str
) -> None:
    """Whatever an earlier print is corrected to, all later sums follow."""
    job = ended(simulator)[20]
    before = await rows(hass, simulator, metric)
    assert job.ends
    hour = job.ends.replace(minute=0, second=0, microsecond=0)
    job.weight += 7
    job.ends -= timedelta(hours=1)
    await read_again(hass, wait)
    found = await rows(hass, simulator, metric)
    empty = {hour: (0, pytest.approx(found[hour - timedelta(hours=1)][1]))}
    assert found == expected(simulator, metric) | empty
    assert found.keys() - before.keys() == {hour - timedelta(hours=2)}
    # What is corrected before it changes the hour that the print has left as well.
    earlier = ended(simulator)[40]
    earlier.weight += 5
    earlier.ends = earlier.started + timedelta(minutes=1)
    await read_again(hass, wait)
    found = await rows(hass, simulator, metric)
    assert found[hour][1] == pytest.approx(found[hour - timedelta(hours=1)][1])
    sums = [found[each][1] for each in sorted(found)]
    assert sums == sorted(sums)


@pytest.mark.parametrize("metric", METRICS)
async def test_restart(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, one: MockConfigEntry, metric: str
) -> None:
    """What is there is not written again, and what is not is."""
    before = await rows(hass, simulator, metric)
    simulator.cloud.start(printer(simulator).dev_id, duration=60)
    await hass.config_entries.async_unload(one.entry_id)
    await wait(timedelta(days=3))
    await hass.config_entries.async_setup(one.entry_id)
    await read_on(hass, wait)
    found = await rows(hass, simulator, metric)
    assert found == expected(simulator, metric)
    assert found.keys() > before.keys()


@pytest.mark.parametrize("metric", METRICS)
async def test_lost_statistics_come_back(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, one: MockConfigEntry, metric: str
) -> None:
    get_instance(hass).async_clear_statistics(list(await ids(hass)))
    await async_wait_recording_done(hass)
    assert await ids(hass) == set()
    assert await hass.config_entries.async_reload(one.entry_id)
    await read_on(hass, wait)
    assert await rows(hass, simulator, metric) == expected(simulator, metric)


async def test_lost_history_doubles_nothing(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    simulator: Simulator,
    wait: Wait,
    one: MockConfigEntry,
) -> None:
    """All prints are read again; the recorder has them already."""
    await hass.config_entries.async_unload(one.entry_id)
    await hass.async_block_till_done()
    del hass_storage[f"{DOMAIN}.{one.entry_id}.history"]
    await hass.config_entries.async_setup(one.entry_id)
    await read_on(hass, wait)
    assert await rows(hass, simulator, "prints") == expected(simulator, "prints")


async def test_a_new_printer(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, one: MockConfigEntry
) -> None:
    """One that comes back to the account has a history, and statistics once it is here."""
    device = printer(simulator)
    cloud = simulator.cloud
    cloud.remove_printer(device.dev_id)
    await hass.config_entries.async_reload(one.entry_id)
    get_instance(hass).async_clear_statistics(list(await ids(hass)))
    await read_on(hass, wait)
    assert await ids(hass) == set()
    cloud._bind(device, cloud.accounts.find("one"))
    await wait(timedelta(minutes=6))
    await async_wait_recording_done(hass)
    assert await rows(hass, simulator, "prints") == expected(simulator, "prints")


@pytest.mark.parametrize(("removed", "stays"), [("demo", "partner"), ("partner", "demo")])
@pytest.mark.usefixtures("entry")
async def test_removal(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, removed: str, stays: str
) -> None:
    """A printer that two accounts share has two sets, and one goes with its entry."""
    await sign_in(hass, "partner")
    await read_on(hass, wait)
    shared = printer(simulator, "partner").dev_id.lower()
    sets = {
        name: {f"{DOMAIN}:{uid}_{shared}_{metric}" for metric in METRICS}
        for name, uid in SHARED.items()
    }
    before = await ids(hass)
    assert sets["demo"] | sets["partner"] <= before
    gone = next(
        each
        for each in hass.config_entries.async_entries(DOMAIN)
        if each.unique_id == SHARED[removed]
    )
    await hass.config_entries.async_remove(gone.entry_id)
    await async_wait_recording_done(hass)
    after = await ids(hass)
    assert sets[stays] <= after
    assert after == {each for each in before if f":{SHARED[removed]}_" not in each}
