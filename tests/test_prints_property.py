"""The same as in tests/fleet/test_lifecycle_property.py, with the list asked as it really is.

Here an account may be added at any time, the task list fails now and then, the clocks differ, and
some prints come from an SD card.
"""

from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api import ResponseError, TaskPage
from custom_components.bambu_lab_cloud.fleet.cadence import BETWEEN_TASKS
from custom_components.bambu_lab_cloud.fleet.lifecycle import GAP, LAG, NEWS
from custom_components.bambu_lab_cloud.fleet.printer import Printer
from custom_components.bambu_lab_cloud.tasks import PAGES_PER_POLL, TaskList
from tests.fleet.test_lifecycle_property import (
    EPOCH,
    SECOND,
    Job,
    ModelPrinter,
    Watch,
    printers,
)

# Longer than the list takes, or is not asked for unless something changed.
_FOUND = BETWEEN_TASKS + timedelta(minutes=10)


def run[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives that waits for nothing."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    result: T = stop.value.value
    return result


@dataclass
class RealWatch(Watch):
    """Asks for tasks as the integration does."""

    skew: timedelta = timedelta()
    fails: bool = False
    now: datetime = EPOCH
    asked: int = 0
    before: dict[str, Printer] | None = None
    starts: list[int] = field(default_factory=list)
    failed: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = TaskList(self)  # type: ignore[arg-type]
        self.starts.append(len(self.polls))

    def restart(self) -> None:
        super().restart()
        self.before = None
        self.__post_init__()

    async def get_tasks(self, *, device_id: str | None, limit: int, offset: int) -> TaskPage:
        """Answer as the cloud does, newest start first."""
        self.asked += 1
        if self.fails:
            raise ResponseError
        found = [
            task
            for printer in self.printers
            if device_id in (None, printer.id)
            for job in printer.jobs
            if (task := job.task(printer.id, self.now))
        ]
        found.sort(key=lambda task: task.start_time or EPOCH, reverse=True)
        return TaskPage(tasks=tuple(found[offset : offset + limit]))

    def poll(self, now: datetime) -> None:
        self.now, clock = now, now + self.skew
        devices = [self._device(printer, now) for printer in self.printers]
        statuses = [self._status(p, now) for p in self.printers] if self.era == "2022" else []
        self.asked = 0
        self.known = {task.id: task for task in self.tasks.values()}
        seen = self._derive(devices, statuses, clock)
        has_read = run(self.tasks.async_ask_newest(self.before, seen, self.records, clock))
        self.known = {task.id: task for task in self.tasks.values()}
        seen = self._derive(devices, statuses, clock)
        caught_up = run(self.tasks.async_ask_printers(seen, self.records, clock))
        assert self.asked <= PAGES_PER_POLL
        self.known = {task.id: task for task in self.tasks.values()}
        self.before = self._derive(devices, statuses, clock)
        events = self.learn(self.before, clock)
        self.records = self.records.read(clock if has_read else None, caught_up)
        self.jobs |= {
            printer.id: printer.print_job
            for printer in self.before.values()
            if self.era == "2022" and printer.is_active and printer.print_job
        }
        self.polls.append(now)
        self.failed += [now] * self.fails
        self.announced += ((now, event) for event in events)

    def fail(self, now: datetime) -> None:
        """Poll while the list fails."""
        self.fails = True
        self.poll(now)
        self.fails = False

    def is_due(self, job: Job, printer: ModelPrinter) -> bool:
        """Return if the end of a print has to be announced, whatever happened."""
        begin = self.polls[0]
        told = [
            poll
            for poll in self.polls
            if printer.online(poll) and poll not in {*self.failed, *self.lost}
        ]
        seen = any(job.start + job.sticky <= poll < job.end for poll in told)
        hidden = job.start <= begin < job.start + job.sticky and not seen
        found = job.end + job.end_lag
        return (
            job.has_task
            # Which of the two was first is hard to tell where clocks differ.
            and job.end > begin + timedelta(minutes=1)
            and not hidden
            and any(found + _FOUND <= poll <= job.end + NEWS for poll in told)
            and sum(found <= poll <= job.end + NEWS for poll in told) > 3
        )


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([20, 25, 60, 60, 120, 120, 300, 1800, 7200, 23 * 3600]),
        st.sampled_from(["poll"] * 4 + ["fail", "outage", "save", "restart", "kill", "crash"]),
    ),
    min_size=5,
    max_size=60,
)


@pytest.mark.parametrize("era", ["2022", "2026"])
@given(
    first=printers(1, sd_cards=True),
    second=printers(2, sd_cards=True),
    steps=_STEPS,
    begin=st.integers(0, 6),
    skew=st.sampled_from([0, 40, -40]),
    faults=st.booleans(),
)
def test_each_end_is_announced_once(
    first: ModelPrinter,
    second: ModelPrinter,
    steps: list[tuple[int, str]],
    begin: int,
    skew: int,
    era: str,
    *,
    faults: bool,
) -> None:
    watch = RealWatch(printers=[first, second], era=era, skew=skew * SECOND)
    actions = {
        "poll": watch.poll,
        "fail": watch.fail if faults else watch.poll,
        "outage": lambda now: None,
        "save": lambda now: watch.save(),
        "restart": lambda now: (watch.save(), watch.restart()),
        "kill": lambda now: watch.restart(),
        "crash": watch.crash,
    }
    # Before all prints, or a moment after one has begun.
    begins = [EPOCH, *(job.start + 3 * SECOND for job in first.jobs)]
    now = begins[begin % len(begins)]
    watch.poll(now)
    for seconds, action in steps:
        now += seconds * SECOND
        actions[action](now)
    end = max([now, *(job.end for printer in watch.printers for job in printer.jobs)])
    while now < end + 2 * _FOUND:
        now += timedelta(minutes=4)
        watch.poll(now)

    ends = [(at, event) for at, event in watch.announced if event.is_end and event.print.task_id]
    counts = Counter(event.print.task_id for at, event in ends if at not in watch.lost)
    assert max(counts.values(), default=0) <= 1
    for printer in watch.printers:
        untold = [
            event.print.task_id
            for _, event in watch.kept
            if event.is_end and event.print.printer_id == printer.id and not event.print.task_id
        ]
        assert len(untold) <= sum(not job.has_task for job in printer.jobs)
        jobs = {job.id: job for job in printer.jobs}
        own = [(at, event) for at, event in ends if event.print.printer_id == printer.id]
        due = {job.id for job in printer.jobs if watch.is_due(job, printer)}
        assert due <= {event.print.task_id for _, event in own}
        told = [jobs[event.print.task_id or ""].end for at, event in own if at not in watch.lost]
        # What its printer told may wait for the list, but not for ever.
        assert watch.failed or all(earlier <= later for earlier, later in pairwise(told))
        for at, event in own:
            job = jobs[event.print.task_id or ""]
            assert watch.polls[0] <= job.end + timedelta(minutes=1)
            assert job.end <= at
            number = watch.polls.index(at)
            gap = number in watch.starts or at - watch.polls[number - 1] > GAP
            assert event.late or not gap
            assert not event.late or gap or at - job.end > LAG - timedelta(minutes=1)
