"""When the cloud is asked again, and for what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import Task
from custom_components.bambu_lab_cloud.fleet.cadence import (
    AWAITING,
    BETWEEN_TASKS,
    BETWEEN_TASKS_OF_NAMELESS,
    CAME_ON,
    IDLE,
    LIVE,
    LIVE_ALL_OFF,
    NOBODY_ONLINE,
    NOBODY_ONLINE_FOR_LONG,
    PRINTING,
    SEVERAL_PRINTING,
    awaits_its_task,
    is_looked_for,
    live_interval,
    poll_interval,
    reconnect_interval,
    refusal_interval,
    retry_interval,
    tasks_are_due,
    usual_end_windows,
)
from custom_components.bambu_lab_cloud.fleet.printer import (
    CurrentPrint,
    Print,
    Printer,
    PrinterStatus,
    PrintResult,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
OFF = Printer(
    id="00M00A000000001",
    name="Workshop",
    model="X1 Carbon",
    model_id="BL-P001",
    nozzle_diameter=0.4,
    online=False,
    status=PrinterStatus.OFFLINE,
    print_job="71",
    current=None,
    last=Print(printer_id="00M00A000000001", task_id="71", result=PrintResult.FINISHED),
    was_active=False,
)
IDLING = replace(OFF, online=True, status=PrinterStatus.IDLE)


def printing(ends_in: timedelta | None = HOUR, **changes: Any) -> Printer:
    job = Print(
        printer_id=OFF.id,
        task_id="72",
        in_tasks=True,
        started_at=NOW - 10 * HOUR,
        cost_time=(10 * HOUR + ends_in).total_seconds() if ends_in is not None else None,
    )
    current = CurrentPrint(
        print=replace(job, **changes), progress=None, progress_estimated=True, expected_end=None
    )
    return replace(OFF, online=True, status=PrinterStatus.PRINTING, print_job="72", current=current)


NAMELESS = replace(printing(in_tasks=False, task_id=None), print_job=None)


def wait(
    *printers: Printer,
    window: tuple[float, float] | None = None,
    came_on: timedelta | None = None,
    on: timedelta = timedelta(0),
) -> timedelta:
    return poll_interval(
        printers,
        {OFF.id: window} if window else {},
        came_on_at=None if came_on is None else NOW - came_on,
        on_at=NOW - on,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("printers", "interval"),
    [
        ([], NOBODY_ONLINE),
        ([OFF], NOBODY_ONLINE),
        ([OFF, IDLING], IDLE),
        ([replace(IDLING, online=None)], IDLE),
        ([IDLING, printing(4 * HOUR)], PRINTING),
        ([replace(printing(), current=None)], PRINTING),
        ([printing(None)], PRINTING),
        ([replace(printing(MINUTE), status=PrinterStatus.PAUSED)], PRINTING),
        ([printing(-4 * HOUR)], PRINTING),
        ([printing(4 * HOUR), printing(-4 * HOUR)], SEVERAL_PRINTING),
        ([printing(4 * HOUR), printing(None)], PRINTING),
        (
            [printing(4 * HOUR), replace(printing(4 * HOUR), status=PrinterStatus.PAUSED)],
            SEVERAL_PRINTING,
        ),
    ],
)
def test_poll_interval(printers: list[Printer], interval: timedelta) -> None:
    assert wait(*printers) == interval


@pytest.mark.parametrize(
    ("ends_in", "window", "interval"),
    [
        (30 * MINUTE, (1.0, 1.1), PRINTING),
        # The time in which it is likely begins in a minute, in a moment, has begun.
        (MINUTE + timedelta(seconds=30), (1.0, 1.1), timedelta(seconds=60)),
        (timedelta(seconds=32), (1.0, 1.1), timedelta(seconds=15)),
        (timedelta(0), (1.0, 1.01), timedelta(seconds=15)),
        (timedelta(0), (1.0, 1.05), timedelta(seconds=26)),
        (timedelta(0), (1.0, 1.5), timedelta(seconds=40)),
        (-29 * MINUTE, (1.0, 1.05), timedelta(seconds=24.84)),
        (-40 * MINUTE, (1.0, 1.05), PRINTING),
        # Of a printer that has shown nothing.
        (30 * MINUTE, None, timedelta(seconds=40)),
    ],
)
def test_an_end_is_asked_for_when_it_is_likely(
    ends_in: timedelta, window: tuple[float, float] | None, interval: timedelta
) -> None:
    """The longer it may take, the less often."""
    assert wait(printing(ends_in), window=window) == interval


def test_the_most_urgent_printer_decides() -> None:
    assert wait(OFF, IDLING, printing(4 * HOUR), printing(timedelta(0))) == timedelta(seconds=40)


@pytest.mark.parametrize(("count", "seconds"), [(1, 15), (3, 15.5), (21, 20), (61, 30), (200, 30)])
def test_the_more_print_the_longer_is_the_shortest_wait(count: int, seconds: float) -> None:
    """Of a farm one is likely to end at any time."""
    ending = printing(timedelta(0))
    assert wait(*[ending] * count, window=(1.0, 1.01)) == timedelta(seconds=seconds)
    assert wait(*[ending] * count, *[IDLING] * 9, window=(1.0, 1.01)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("ago", "interval"), [(14, CAME_ON), (15, IDLE), (-600, IDLE)])
def test_who_came_on_is_likely_to_print(ago: int, interval: timedelta) -> None:
    assert wait(IDLING, came_on=ago * MINUTE) == interval


@pytest.mark.parametrize(
    ("ago", "interval"),
    [(59, NOBODY_ONLINE), (60, NOBODY_ONLINE_FOR_LONG), (-600, NOBODY_ONLINE_FOR_LONG)],
)
def test_a_night_of_rest(ago: int, interval: timedelta) -> None:
    assert wait(OFF, on=ago * MINUTE) == interval


def finished(hours: float, **changes: Any) -> Task:
    known = {"status": 2, "cost_time": 3600.0, "device_id": OFF.id, "end_time": NOW}
    return Task(**{"id": str(hours), "start_time": NOW - hours * HOUR, **known, **changes})


@pytest.mark.parametrize(
    ("tasks", "window"),
    [
        ([], None),
        ([finished(1), finished(1.1)], None),
        ([finished(1), finished(1.1), finished(1.05)], (0.95, 1.15)),
        # One that failed, ran on over a night or never was to take any time tells nothing.
        (
            [
                *(finished(1), finished(1.1), finished(1.05)),
                *(finished(0.6, status=3), finished(9), finished(0.1), finished(1, cost_time=0.0)),
                *(finished(0.7, end_time=None), finished(0.8, device_id="other")),
            ],
            (0.95, 1.15),
        ),
    ],
)
def test_usual_end_windows(tasks: list[Task], window: tuple[float, float] | None) -> None:
    assert usual_end_windows(tasks).get(OFF.id) == pytest.approx(window)


@pytest.mark.parametrize(
    ("before", "printer", "asked_ago", "due"),
    [
        (None, IDLING, timedelta(0), True),
        (IDLING, IDLING, None, True),
        (IDLING, IDLING, BETWEEN_TASKS - MINUTE, False),
        (IDLING, IDLING, BETWEEN_TASKS, True),
        (OFF, OFF, 9 * HOUR, False),
        (replace(printing(), online=None), replace(printing(), online=None), 9 * HOUR, True),
        (OFF, IDLING, timedelta(0), True),
        (IDLING, printing(), timedelta(0), True),
        (printing(), printing(), timedelta(0), False),
        (printing(), printing(), BETWEEN_TASKS, True),
        (NAMELESS, NAMELESS, BETWEEN_TASKS_OF_NAMELESS - MINUTE, False),
        (NAMELESS, NAMELESS, BETWEEN_TASKS_OF_NAMELESS, True),
        (printing(), replace(printing(), print_job="73"), timedelta(0), True),
        (replace(OFF, id="00M00A000000002"), OFF, timedelta(0), True),
    ],
)
def test_tasks_are_due(
    before: Printer | None, printer: Printer, asked_ago: timedelta | None, *, due: bool
) -> None:
    assert (
        tasks_are_due(
            {before.id: before} if before else None,
            {printer.id: printer},
            asked_at=NOW - asked_ago if asked_ago is not None else None,
            now=NOW,
        )
        is due
    )


@pytest.mark.parametrize(
    ("printer", "awaits"),
    [
        (IDLING, False),
        (OFF, False),
        (printing(), False),
        (printing(in_tasks=False), True),
        (replace(printing(in_tasks=False), print_job="0"), False),
        (replace(printing(in_tasks=False), print_job=None), False),
        (replace(IDLING, status=PrinterStatus.FINISHED), False),
        (replace(IDLING, status=PrinterStatus.FINISHED, last=None), True),
        (replace(IDLING, status=PrinterStatus.FAILED, print_job="72"), True),
    ],
)
def test_awaits_its_task(printer: Printer, *, awaits: bool) -> None:
    assert awaits_its_task(printer) is awaits


@pytest.mark.parametrize(
    ("failures", "jitter", "wait"),
    [
        (1, 0.0, timedelta(minutes=1)),
        (1, 1.0, timedelta(seconds=75)),
        (3, 0.0, timedelta(minutes=4)),
        (6, 0.0, timedelta(minutes=30)),
        (1000, 1.0, timedelta(minutes=37, seconds=30)),
    ],
)
def test_retry_interval(failures: int, jitter: float, wait: timedelta) -> None:
    assert retry_interval(failures, jitter) == wait


@pytest.mark.parametrize(
    ("attempts", "jitter", "wait"), [(1, 0.0, 5), (1, 1.0, 6.25), (4, 0.0, 40), (99, 1.0, 375)]
)
def test_reconnect_interval(attempts: int, jitter: float, wait: float) -> None:
    assert reconnect_interval(attempts, jitter) == timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("refusals", "jitter", "wait"), [(1, 0.0, 0.25), (3, 0.0, 1), (6, 0.0, 6), (99, 1.0, 7.5)]
)
def test_refusal_interval(refusals: int, jitter: float, wait: float) -> None:
    assert refusal_interval(refusals, jitter) == timedelta(hours=wait)


def live_wait(
    looked_at: datetime, changed_at: datetime | None = None, *, awaits: bool = False, now: datetime
) -> timedelta:
    return live_interval(looked_at, changed_at or looked_at, awaits=awaits, is_any_on=True, now=now)


@pytest.mark.parametrize("seconds", [0, 1, 117.9])
def test_with_live_data_bind_is_asked_again_when_it_knows_a_change(seconds: float) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert now + live_wait(NOW, now=now) == NOW + 2 * MINUTE


@pytest.mark.parametrize(("is_any_on", "then"), [(True, LIVE), (False, LIVE_ALL_OFF)])
def test_with_live_data_bind_is_asked_rarely_after_that(
    then: timedelta, *, is_any_on: bool
) -> None:
    """Home Assistant polls a little early, which is no reason to do so again."""
    now = NOW + timedelta(seconds=119)
    assert live_interval(NOW, NOW, awaits=False, is_any_on=is_any_on, now=now) == then


def test_with_live_data_one_look_serves_all_that_changed_since_the_last() -> None:
    """Of a farm, of which a printer begins or ends every twenty seconds."""
    changes = [NOW + timedelta(seconds=20 * each) for each in range(180)]
    assert all(is_looked_for(before, at) for before, at in pairwise(changes))
    looks = [NOW]
    while (now := looks[-1]) < changes[-1] + 2 * MINUTE:
        last = max(at for at in changes if at <= now)
        looks.append(now + live_wait(NOW, last, now=now))
    assert len(looks) < 35
    # Each is looked for when bind knows of it, however late, and soon after.
    assert all(any(2 * MINUTE <= look - at <= 4 * MINUTE for look in looks) for at in changes)


def test_with_live_data_a_change_in_calm_is_looked_for_at_once() -> None:
    assert not is_looked_for(NOW, NOW + 2 * MINUTE)
    assert not is_looked_for(NOW + 24 * HOUR, NOW)


@pytest.mark.parametrize("seconds", range(130))
def test_with_live_data_no_change_is_left_to_a_look_that_nobody_plans(seconds: int) -> None:
    """Whenever a poll was the last one before it."""
    now = NOW + timedelta(seconds=seconds)
    assert not is_looked_for(NOW, now) or live_wait(NOW, now=now) <= 2 * MINUTE


def test_with_live_data_what_is_never_listed_is_not_awaited_for_ever() -> None:
    """As a print that the other account of a shared printer has started."""
    asked, now = 0, NOW
    while now < NOW + 24 * HOUR:
        now += live_wait(NOW, awaits=True, now=now)
        asked += 1
    assert live_wait(NOW, awaits=True, now=NOW + 19 * MINUTE) == AWAITING
    assert asked < 150


def test_with_live_data_a_clock_that_was_set_back_stops_no_polls() -> None:
    assert live_wait(NOW + 24 * HOUR, now=NOW) == LIVE
