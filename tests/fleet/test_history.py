"""What is kept of years of prints, and that reading the list loses and doubles none."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api.models import Task
from custom_components.bambu_lab_cloud.fleet.history import (
    OVERLAP,
    EndedPrint,
    History,
    HourlySum,
    Metric,
    Reading,
    Totals,
    between,
    changed_hours,
    ended_print,
    hourly_sums,
    total_of,
)
from custom_components.bambu_lab_cloud.fleet.printer import PrintResult, print_from_task
from custom_components.bambu_lab_cloud.fleet.stored import UnreadableError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = 20


def task(number: int = 1, **changes: Any) -> Task:
    """A print of an hour, that ended as many hours ago as its number says."""
    return replace(
        Task(
            id=str(number),
            title=f"part {number}.3mf",
            device_id="P1",
            status=2,
            start_time=NOW - (number + 1) * HOUR,
            end_time=NOW - number * HOUR,
            weight=10.5,
            length=3.5,
        ),
        **changes,
    )


def job(number: int = 1, **changes: Any) -> EndedPrint:
    ended = ended_print(task(number))
    assert ended is not None
    return replace(ended, **changes)


def read(history: History, tasks: list[Task], reading: Reading | None = None) -> History:
    """Read the list to where the history says."""
    reading = reading or Reading()
    while reading:
        page = tasks[reading.offset : reading.offset + PAGE]
        history, reading = history.with_page(page, reading)
    return history


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"status": 3}, {"result": PrintResult.FAILED}),
        ({"design_title": "Boat"}, {"title": "Boat"}),
        ({"title": None}, {"title": None}),
        ({"title": "x" * 300}, {"title": "x" * 255}),
        ({"weight": None, "length": None}, {"weight": None, "length": None}),
        ({"start_time": None}, {"started_at": None}),
        ({"end_time": None}, {"ended_at": NOW - 2 * HOUR}),
        # finished sooner than it can have: nobody knows when
        (
            {"end_time": NOW - 2 * HOUR + timedelta(seconds=19), "cost_time": 562},
            {"ended_at": NOW - 2 * HOUR},
        ),
    ],
)
def test_ended_print(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert ended_print(task(**changes)) == job(**expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 4},
        {"status": 1},
        {"status": None},
        {"device_id": None},
        {"start_time": None, "end_time": None},
    ],
)
def test_what_is_no_history(changes: dict[str, Any]) -> None:
    assert ended_print(task(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "duration"),
    [
        ({}, HOUR),
        ({"started_at": None}, None),
        ({"started_at": NOW}, None),
        ({"started_at": NOW - HOUR - timedelta(days=366)}, timedelta(days=366)),
        ({"started_at": NOW - HOUR - timedelta(days=367)}, None),
    ],
)
def test_duration(changes: dict[str, Any], duration: timedelta | None) -> None:
    assert job(**changes).duration == duration


def test_as_print() -> None:
    """All that the history knows of what the task told."""
    told = print_from_task(task(), "P1")
    assert job().as_print() == told
    unknown = ended_print(task(end_time=None))
    assert unknown is not None
    assert unknown.as_print() == replace(told, ended_at=None)


def test_newest() -> None:
    history = History().with_tasks(
        [task(2), task(1), task(3), task(9, device_id="P2"), task(0, status=4)]
    )
    assert (history.newest("P1"), history.newest("P3")) == (job(1), None)
    assert history.newest("P2") == job(9, printer_id="P2")
    assert history.with_tasks([task(0)]).newest("P1") == job(0)


def test_known_tasks_change_nothing() -> None:
    history = History().with_tasks([task()])
    assert history.with_tasks([task(), task(2, status=4)]) is history


def test_corrections_replace() -> None:
    history = History().with_tasks([task(), task(2)])
    corrected = history.with_tasks([task(weight=11.0)])
    assert corrected.prints == {"1": job(weight=11.0), "2": job(2)}
    assert corrected.prints["2"] is history.prints["2"]


@pytest.mark.parametrize("count", [0, 1, OVERLAP, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_reads_all(count: int) -> None:
    tasks = [task(number) for number in range(count)]
    history = read(History(), tasks)
    assert history.is_complete
    assert list(history.prints) == [each.id for each in tasks]


def test_a_cloud_that_repeats_its_last_page() -> None:
    history, reading = History(), Reading()
    tasks = [task(number) for number in range(PAGE)]
    history, reading = history.with_page(tasks, reading)
    assert reading is not None
    history, again = history.with_page(tasks, reading)
    # So many prints may have begun meanwhile.
    assert again is not None
    history, end = history.with_page(tasks, again)
    assert end is None
    assert history.is_complete


def test_as_many_prints_begin_as_a_page_has() -> None:
    """The next page repeats the one before, and is not the bottom for that."""
    tasks = [task(number) for number in range(3 * PAGE)]
    history, reading = History().with_page(tasks[:PAGE], Reading())
    assert reading is not None
    tasks = [*(task(-number) for number in range(PAGE - OVERLAP, 0, -1)), *tasks]
    while reading:
        page = tasks[reading.offset : reading.offset + PAGE]
        history, reading = history.with_page(page, reading)
    assert {str(number) for number in range(3 * PAGE)} <= history.prints.keys()


def test_a_deleted_print_hides_no_other() -> None:
    """The rest of the list moves up between two pages."""
    tasks = [task(number) for number in range(3 * PAGE)]
    history, reading = History().with_page(tasks[:PAGE], Reading())
    history = read(history, tasks[OVERLAP:], reading)
    assert len(history.prints) == len(tasks)


def test_reads_only_what_is_new() -> None:
    tasks = [task(number) for number in range(5 * PAGE)]
    history = read(History(), tasks)
    again, end = history.with_page(tasks[:PAGE], Reading())
    assert (again, end) == (history, None)


def test_reads_back_over_a_gap() -> None:
    """A page of new prints that somebody else asked for hides none before it."""
    tasks = [task(number) for number in range(5 * PAGE)]
    history = read(History(), tasks[3 * PAGE :]).with_tasks(tasks[:PAGE])
    assert read(history, tasks).prints.keys() == {each.id for each in tasks}


def test_an_interrupted_reading_leaves_no_gap() -> None:
    tasks = [task(number) for number in range(5 * PAGE)]
    history = read(History(), tasks[3 * PAGE :])
    history, _ = history.with_page(tasks[:PAGE], Reading())
    assert read(history, tasks).prints.keys() == {each.id for each in tasks}


def test_first_reading_goes_on_where_it_stopped() -> None:
    tasks = [task(number) for number in range(5 * PAGE)]
    history, reading = History(), Reading()
    for _ in range(3):
        page = tasks[reading.offset : reading.offset + PAGE]
        history, reading = history.with_page(page, reading)
    _, resumed = history.with_page(tasks[:PAGE], Reading())
    assert resumed is not None
    assert resumed.offset == reading.offset


def test_an_empty_list_is_not_believed() -> None:
    history = History().with_tasks([task()])
    assert history.with_page([], Reading()) == (history, None)


@pytest.mark.parametrize("ended_before", [0, 1, OVERLAP])
def test_prints_that_run_for_ever_end_no_reading(ended_before: int) -> None:
    """A page of them, also after prints that this reading has met, tells nothing."""
    tasks = [task(number) for number in range(4 * PAGE)]
    at = PAGE - ended_before
    tasks[at : at + 2 * PAGE] = [task(number, status=4) for number in range(at, at + 2 * PAGE)]
    history = read(History(), tasks[4 * PAGE - 5 :])
    assert len(read(history, tasks).prints) == 2 * PAGE


def test_a_reading_that_met_only_prints_that_run_for_ever() -> None:
    """Interrupted, it left nothing that tells how far down it was once others came on top."""
    running = [task(number, status=4) for number in range(3 * PAGE)]
    history, reading = History(), Reading()
    for _ in range(3):
        page = running[reading.offset : reading.offset + PAGE]
        history, reading = history.with_page(page, reading)
    others = [task(-number) for number in range(PAGE + 5)]
    assert len(read(history, [*others, *running]).prints) == len(others)


@pytest.mark.parametrize("told", [0, 3])
def test_an_account_that_had_no_prints(told: int) -> None:
    """Its list was complete, and so many are found at once that they fill more than a page."""
    history, end = History().with_page([], Reading())
    assert (history.is_complete, end) == (True, None)
    tasks = [task(number) for number in range(3 * PAGE)]
    assert len(read(history.with_tasks(tasks[:told]), tasks).prints) == len(tasks)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few prints be many."""
    monkeypatch.setattr(f"{History.__module__}.MOST_PRINTS", 8 * PAGE)
    monkeypatch.setattr(f"{History.__module__}._FURTHER", 2 * PAGE)


def test_a_list_without_an_end(small: None) -> None:
    """It is read so far, and from then on only for what is new, also where all of it is."""
    endless = count()
    history, reading, pages = History(), Reading(), 0
    while reading:
        history, reading = history.with_page([task(-next(endless)) for _ in range(PAGE)], reading)
        pages += 1
    assert (pages, history.is_full, history.is_complete) == (8, True, True)
    reading = Reading()
    while reading:
        history, reading = history.with_page([task(-next(endless)) for _ in range(PAGE)], reading)
        pages += 1
    assert (pages, history.is_complete) == (10, True)


def test_a_full_history_learns_what_is_new(small: None) -> None:
    tasks = [task(number) for number in range(20 * PAGE)]
    history = read(History(), tasks)
    assert history.is_full
    assert len(history.prints) < 9 * PAGE
    new = [task(-number) for number in range(PAGE, 0, -1)]
    assert new[0].id in read(history, new + tasks).prints


@given(st.data())
def test_no_print_is_lost(data: st.DataObject) -> None:
    """Whatever starts, is told by others, fails or restarts while the list is read."""
    tasks = [task(-number) for number in range(data.draw(st.integers(0, 4 * PAGE)))][::-1]
    history, reading = History(), Reading()
    for step in data.draw(st.lists(st.sampled_from(["page", "feed", "restart", "outage"]))):
        # Seconds pass between two pages, and any time in an outage.
        most = {"outage": 3 * PAGE}.get(step, OVERLAP)
        numbers = range(len(tasks), len(tasks) + data.draw(st.integers(0, most)))
        # Some prints never end.
        status = data.draw(st.sampled_from([2, 3, 4]))
        tasks[:0] = [task(-number, status=status) for number in reversed(numbers)]
        match step:
            case "feed":
                history = history.with_tasks(tasks[:5])
            case "restart":
                history = History.from_dict(json.loads(json.dumps(history.as_dict())))
                reading = Reading()
            case "outage":
                reading = Reading()
        page = tasks[reading.offset : reading.offset + PAGE]
        history, ongoing = history.with_page(page, reading)
        reading = ongoing or Reading()
    history = read(read(history, tasks, reading), tasks)
    assert history.is_complete
    assert history.prints == {each.id: job for each in tasks if (job := ended_print(each))}


_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([])
_MOMENTS = st.floats(1.4e9, 2.2e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_JOBS = st.builds(
    EndedPrint,
    task_id=st.text(min_size=1),
    printer_id=st.sampled_from(["P1", "P2", "P3"]),
    title=st.none() | st.text(),
    result=st.sampled_from(PrintResult),
    started_at=st.none() | _MOMENTS,
    ended_at=_MOMENTS,
    weight=st.none() | st.floats(0, 1e6),
    length=st.none() | st.floats(0, 1e6),
)


@given(jobs=st.lists(_JOBS, unique_by=lambda each: each.task_id), is_complete=st.booleans())
def test_storage(jobs: list[EndedPrint], *, is_complete: bool) -> None:
    history = History(
        prints={each.task_id: each for each in jobs},
        loose=frozenset(each.task_id for each in jobs[:2]),
        depth=len(jobs),
        is_complete=is_complete,
    )
    assert History.from_dict(json.loads(json.dumps(history.as_dict()))) == history


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("is_complete", 1),
        ("depth", -1),
        ("depth", True),
        ("loose", {"1": 1}),
        ("loose", [1]),
        ("printers", "P1"),
        ("printers", [1]),
        ("more", []),
        ("task_id", ["1"]),
        ("task_id", ["1", "1"]),
        ("task_id", ["1", 2]),
        ("task_id", None),
        ("printer", [0, 1]),
        ("printer", [0, -1]),
        ("printer", [0, False]),
        ("title", ["plate", ["plate"]]),
        ("title", ["plate", "\ud800"]),
        ("result", [0, 2]),
        ("result", [0, -1]),
        ("started_at", [0, "2026-11-20"]),
        ("ended_at", [0, None]),
        ("ended_at", [0, 1e20]),
        ("ended_at", [0, 10**400]),
        ("ended_at", [0, -1]),
        ("ended_at", [0, float("nan")]),
        ("weight", [[10.5], None]),
        ("weight", [True, None]),
        ("length", [float("inf"), None]),
    ],
)
def test_storage_with_something_wrong(name: str, wrong: Any) -> None:
    stored = History().with_tasks([task(), task(2)]).as_dict()
    assert len(History.from_dict(stored).prints) == 2
    with pytest.raises(UnreadableError):
        History.from_dict(stored | {name: wrong})


@pytest.mark.parametrize("data", [None, [], {}, "text"])
def test_storage_of_something_else(data: Any) -> None:
    with pytest.raises(UnreadableError):
        History.from_dict(data)


@given(data=st.data())
def test_storage_of_anything(data: st.DataObject) -> None:
    """What is read has every print and can be written again, or it is not read."""
    stored: Any = History().with_tasks([task(), task(2)]).as_dict()
    column = data.draw(st.sampled_from(sorted(stored)))
    stored[column] = data.draw(_JSON | st.lists(_JSON, min_size=2, max_size=2))
    with suppress(UnreadableError):
        history = History.from_dict(stored)
        assert len(history.prints) == 2
        assert History.from_dict(json.loads(json.dumps(history.as_dict()))) == history


def test_totals_of_prints_of_99_years() -> None:
    """Their duration was told wrongly, and counts for nothing; all else does."""
    long = datetime(2099, 12, 31, tzinfo=UTC)
    jobs = [
        job(number, started_at=datetime(2000, 1, 1, tzinfo=UTC), ended_at=long)
        for number in range(30_000)
    ]
    assert total_of(jobs).print_time == timedelta()
    assert total_of(jobs).prints == 30_000
    hours = hourly_sums(jobs, Metric.PRINT_TIME)
    assert {each.sum for each in hours.values()} == {0}
    assert between(jobs[:1], NOW - HOUR, NOW) == []
    assert between(jobs[:1], long - HOUR, long + HOUR) == jobs[:1]


@pytest.mark.parametrize(
    ("printer_id", "expected"),
    [
        ("P1", Totals(prints=3, finished=2, print_time=2 * HOUR, weight=21.25, length=7.0)),
        ("P2", Totals(prints=1, finished=0, print_time=HOUR, weight=None, length=None)),
        ("P3", Totals()),
    ],
)
def test_totals(printer_id: str, expected: Totals) -> None:
    jobs = [
        job(),
        job(2, result=PrintResult.FAILED, weight=0.25, length=None),
        job(3, started_at=None),
        job(4, printer_id="P2", weight=None, length=None, result=PrintResult.FAILED),
    ]
    history = History(prints={each.task_id: each for each in jobs})
    assert total_of(history.of_printer(printer_id)) == expected


@pytest.mark.parametrize(
    ("prints", "finished", "rate"), [(0, 0, None), (3, 2, 66.7), (1, 0, 0.0), (4, 4, 100.0)]
)
def test_success_rate(prints: int, finished: int, rate: float | None) -> None:
    assert Totals(prints=prints, finished=finished).success_rate == rate


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (NOW - 9 * HOUR, NOW, ["3", "2", "1"]),
        (NOW - 1.5 * HOUR, NOW, ["1"]),
        (NOW - 3 * HOUR, NOW - 2 * HOUR, ["2"]),
        (NOW - 2.5 * HOUR, NOW - 2.4 * HOUR, ["2"]),
        (NOW - HOUR, NOW, []),
    ],
)
def test_between(start: datetime, end: datetime, found: list[str]) -> None:
    jobs = [job(2), job(1), job(3, started_at=None)]
    assert [each.task_id for each in between(jobs, start, end)] == found


@pytest.mark.parametrize(
    ("metric", "states"),
    [
        (Metric.FILAMENT_WEIGHT, [10.5, 20.5]),
        (Metric.PRINT_TIME, [1.0, 1.5]),
        (Metric.PRINTS, [1.0, 3.0]),
    ],
)
def test_hourly_sums(metric: Metric, states: list[float]) -> None:
    """A print counts in the hour in which it ended."""
    end = NOW + timedelta(minutes=59)
    sums = hourly_sums(
        [
            job(0, ended_at=end, started_at=end - HOUR / 2, weight=10.0),
            job(1, weight=None, started_at=None, ended_at=NOW),
            job(0),
            job(5),
        ],
        metric,
    )
    assert sums == {
        NOW - 6 * HOUR: HourlySum(0, 0),
        NOW - 5 * HOUR: HourlySum(states[0], states[0]),
        NOW - HOUR: HourlySum(0, states[0]),
        NOW: HourlySum(states[1], sum(states)),
    }


def test_an_hour_that_a_print_has_left_is_empty() -> None:
    sums = hourly_sums([job(5)], Metric.PRINTS, {NOW, NOW - 9 * HOUR})
    assert sums == {
        NOW - 9 * HOUR: HourlySum(0, 0),
        NOW - 6 * HOUR: HourlySum(0, 0),
        NOW - 5 * HOUR: HourlySum(1, 1),
        NOW: HourlySum(0, 1),
    }


def test_changed_hours() -> None:
    same = job(9)
    before = {"9": same, "1": job(1), "2": job(2)}
    after = before | {
        "1": job(1, ended_at=NOW),
        "2": job(2, weight=1.0),
        "3": job(3, printer_id="P2"),
    }
    assert changed_hours(before, after) == {
        "P1": {NOW, NOW - HOUR, NOW - 2 * HOUR},
        "P2": {NOW - 3 * HOUR},
    }
