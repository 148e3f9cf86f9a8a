"""Which pages of my/tasks are asked for, and that no printer waits for ever."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import ResponseError, Task, TaskPage
from custom_components.bambu_lab_cloud.api.models import Device
from custom_components.bambu_lab_cloud.fleet.lifecycle import Records, next_records
from custom_components.bambu_lab_cloud.fleet.printer import Printer, PrinterStatus, derive_printers
from custom_components.bambu_lab_cloud.fleet.tellers import Word
from custom_components.bambu_lab_cloud.tasks import PAGES_PER_POLL, PRINTERS_PER_POLL, TaskList

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUSY = Word(status=PrinterStatus.PRINTING, task_id="1", subtask_id="0")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Cloud:
    """A list of tasks that is asked page by page."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = sorted(tasks, key=lambda task: task.start_time or NOW, reverse=True)
        self.asked: list[tuple[str | None, int]] = []
        self.answers: deque[Callable[[], None]] = deque([lambda: None] * 100_000)
        self.unreadable: set[int] = set()

    async def get_tasks(self, *, device_id: str | None, limit: int, offset: int) -> TaskPage:
        self.asked.append((device_id, offset))
        own = [task for task in self.tasks if device_id in (None, task.device_id)]
        self.answers.popleft()()
        numbers = range(offset, min(offset + limit, len(own)))
        return TaskPage(tasks=tuple(own[n] for n in numbers if n not in self.unreadable))

    def fail(self) -> None:
        raise ResponseError


class Program:
    """What polls the cloud and its list."""

    def __init__(self, cloud: Cloud, devices: list[Device]) -> None:
        self.devices = devices
        self.read: set[str] = set()
        self.cloud = cloud
        self.restart()
        self.records = Records()
        self.before: dict[str, Printer] | None = None
        self.now = NOW
        self.ended: list[str | None] = []

    def restart(self) -> None:
        """Begin with a list of which nothing is known."""
        self.tasks = TaskList(self.cloud)  # type: ignore[arg-type]

    def derive(self) -> dict[str, Printer]:
        return derive_printers(
            self.devices, [], self.tasks.values(), now=self.now, remembered_jobs={}
        )

    async def poll(self, after: timedelta = MINUTE) -> None:
        self.now += after
        has_read = await self.tasks.async_ask_newest(
            self.before, self.derive(), self.records, self.now
        )
        caught_up = await self.tasks.async_ask_printers(self.derive(), self.records, self.now)
        self.before = self.derive()
        self.report({})
        self.records = self.records.read(self.now if has_read else None, caught_up)
        self.read.update(task.id for page, _ in self.tasks.take_pages() for task in page)

    def report(self, words: dict[str, Word]) -> None:
        self.records, _, events = next_records(
            self.records,
            self.derive(),
            self.tasks.values(),
            now=self.now,
            seen={"P000"},
            words=words,
        )
        self.ended += [each.print.task_id for each in events if each.is_end]


def device(number: int, **changes: Any) -> Device:
    known = {"online": True, "print_status": "SUCCESS", "print_job": str(number)}
    return Device(id=f"P{number:03}", name="Workshop", **known | changes)


def task(number: int, printer: int = 1, **changes: Any) -> Task:
    start = NOW - 10 * MINUTE * number
    return Task(
        id=str(number),
        device_id=f"P{printer:03}",
        status=2,
        start_time=start,
        end_time=start + MINUTE,
        **changes,
    )


async def test_no_printer_waits_for_ever() -> None:
    """Twelve printers whose last task was deleted from the list are asked for in turn."""
    cloud = Cloud([])
    program = Program(cloud, [device(number) for number in range(1, 13)])
    for _ in range(200):
        cloud.asked.clear()
        await program.poll()
        assert len(cloud.asked) <= 1 + PRINTERS_PER_POLL
    asked = Counter[str | None]()
    for _ in range(200):
        cloud.asked.clear()
        await program.poll()
        asked.update(device_id for device_id, _ in cloud.asked)
    counts = [asked[f"P{number:03}"] for number in range(1, 13)]
    assert min(counts) > 0
    assert max(counts) - min(counts) <= 1
    assert sum(counts) <= 200 / 10 * PRINTERS_PER_POLL


async def test_a_printer_that_comes_back_goes_first() -> None:
    """What it printed unseen is asked for at once, however many others wait."""
    others = [device(number) for number in range(2, 30)]
    program = Program(cloud := Cloud([]), [device(1, online=False), *others])
    for _ in range(3):
        await program.poll()
    program.devices[0] = device(1, print_job="0")
    cloud.asked.clear()
    await program.poll()
    assert "P001" in {device_id for device_id, _ in cloud.asked}


@pytest.mark.parametrize(("failures", "polls"), [(0, 1), (1, 2), (3, 8)])
async def test_a_gap_is_read_back_once_the_list_answers(failures: int, polls: int) -> None:
    """Polls without the list do not shorten the gap; it is asked for ever more rarely."""
    cloud = Cloud(task(number) for number in range(1, 143))
    cloud.answers.extendleft([cloud.fail] * failures)
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(read_at=NOW - timedelta(hours=23))
    for _ in range(polls):
        assert program.read == set()
        await program.poll()
    assert program.read >= {str(n) for n in range(1, 139)}


@pytest.mark.parametrize("unreadable", [set(), {50}, {99}, set(range(40, 60))])
async def test_an_unreadable_task_ends_no_reading(unreadable: set[int]) -> None:
    cloud = Cloud(task(number) for number in range(1, 301))
    cloud.unreadable = unreadable
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(read_at=NOW - timedelta(hours=40))
    await program.poll()
    expected = {str(n) for n in range(1, 241) if n - 1 not in unreadable}
    assert program.read >= expected


async def test_years_away_are_no_burst() -> None:
    cloud = Cloud(task(number) for number in range(1, 5000))
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(read_at=NOW - timedelta(days=400))
    await program.poll()
    assert len(cloud.asked) <= PAGES_PER_POLL


async def test_more_than_the_pages_of_a_poll_is_not_asked_for_again() -> None:
    """A farm's prints of days are for the history; every later poll goes on as usual."""
    cloud = Cloud(task(number, 1) for number in range(1, 400))
    # Each stands ten times in the list, as those of a farm do.
    cloud.tasks = [replace(each, id=f"{each.id}{n}") for each in cloud.tasks for n in range(10)]
    program = Program(cloud, [device(1, print_job="10")])
    program.records = Records(read_at=NOW - timedelta(days=2))
    await program.poll()
    assert len(cloud.asked) == PAGES_PER_POLL
    cloud.asked.clear()
    await program.poll()
    assert cloud.asked == []


async def test_printers_that_come_back_together_are_no_burst() -> None:
    """Five printers were off for two days in which they printed: all is read, poll by poll."""
    tasks = [task(5 * number + printer, printer) for printer in range(5) for number in range(250)]
    cloud = Cloud(tasks)
    devices = [device(printer, online=False) for printer in range(5)]
    program = Program(cloud, devices)
    program.now -= timedelta(days=2)
    await program.poll()
    program.now = NOW - 2 * MINUTE
    await program.poll()
    program.devices[:] = [device(printer, print_job=str(printer)) for printer in range(5)]
    program.read.clear()
    for _ in range(10):
        cloud.asked.clear()
        await program.poll()
        assert len(cloud.asked) <= PAGES_PER_POLL
    assert len(program.read) >= 5 * 48 * 6 // 5


@pytest.mark.parametrize(
    "restart", [lambda program: None, lambda program: program.restart()], ids=["", "restart"]
)
async def test_a_farm_without_the_cloud_for_ten_hours(
    restart: Callable[[Program], None],
) -> None:
    """Fifty printers print five times each meanwhile, and all of it is read."""
    program = Program(cloud := Cloud([]), [device(n, print_job="0") for n in range(50)])
    await program.poll()
    begin = program.now
    cloud.tasks = [
        replace(task(10 * n + round_, n), start_time=begin + timedelta(hours=2 * round_, seconds=n))
        for round_ in reversed(range(5))
        for n in reversed(range(50))
    ]
    program.devices[:] = [device(n, print_job=str(10 * n + 4)) for n in range(50)]
    program.now += timedelta(hours=10)
    restart(program)
    await program.poll()
    assert program.read == {each.id for each in cloud.tasks}


async def test_a_change_is_not_forgotten_while_the_list_fails() -> None:
    """It is asked again with the next poll, though nothing changed since."""
    program = Program(cloud := Cloud([task(1)]), [device(1, print_job="1")])
    await program.poll()
    cloud.tasks = [replace(task(0), id="2"), *cloud.tasks]
    program.devices[0] = device(1, print_job="2", print_status="IDLE")
    cloud.answers.appendleft(cloud.fail)
    await program.poll()
    await program.poll()
    assert "2" in program.read


@pytest.mark.parametrize(("failures", "answered"), [(0, 0), (1, 1), (2, 3)])
async def test_what_came_back_is_read_once_the_list_answers(failures: int, answered: int) -> None:
    """A printer that was off is asked for once the list answers, and not after that."""
    program = Program(cloud := Cloud([]), [device(1, online=False, print_job="0")])
    for _ in range(3):
        await program.poll()
    program.devices[0] = device(1, print_job="0")
    asked = []
    for number in range(6):
        cloud.asked.clear()
        cloud.answers = deque([[lambda: None, cloud.fail][number < failures]] * 100)
        await program.poll()
        asked.append("P001" in {device_id for device_id, _ in cloud.asked})
    assert asked == [number == answered for number in range(6)]


async def test_a_task_that_is_deleted_between_two_pages() -> None:
    """Those after it move up by one, and none of them is missed."""
    cloud = Cloud(task(number) for number in range(1, 300))
    cloud.answers = deque([lambda: None, lambda: cloud.tasks.pop(0)] + [lambda: None] * 100)
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(read_at=NOW - timedelta(hours=40))
    await program.poll()
    assert program.read >= {str(number) for number in range(1, 241)}


async def test_a_usual_change_costs_one_page() -> None:
    program = Program(cloud := Cloud(task(n) for n in range(2, 300)), [device(1, print_job="2")])
    await program.poll()
    cloud.asked.clear()
    cloud.tasks.insert(0, replace(task(1), start_time=program.now))
    program.devices[0] = device(1, print_job="1")
    await program.poll()
    assert cloud.asked == [(None, 0)]


async def test_prints_in_an_absence_after_one_that_failed() -> None:
    """It failed in the second before, so that nobody knew yet whether it was cancelled."""
    program = Program(Cloud([]), [device(1, print_job="0")])
    await program.poll()
    for word in (BUSY, BUSY, replace(BUSY, status=PrinterStatus.FAILED)):
        program.now += MINUTE
        program.report({"P001": word})
    first = replace(task(1), status=3, start_time=NOW, end_time=program.now)
    starts = [program.now + number * HOUR for number in range(1, 13)]
    others = [
        replace(task(number), start_time=start, end_time=start + MINUTE)
        for number, start in enumerate(starts, 2)
    ]
    program.cloud.tasks = [first, *others][::-1]
    program.devices = [device(1, print_job="13")]
    program.restart()
    await program.poll(14 * HOUR)
    assert program.ended == [each.id for each in (first, *others)]


async def test_what_is_kept_does_not_grow() -> None:
    program = Program(Cloud(task(n, n % 3) for n in range(1, 300)), [device(1, print_job="1")])
    program.records = Records(read_at=NOW - timedelta(hours=40))
    await program.poll()
    await program.poll()
    assert Counter(each.device_id for each in program.tasks.values()) == dict.fromkeys(
        ("P000", "P001", "P002"), 10
    )


@pytest.mark.parametrize("failures", [0, 1], ids=["of the account", "of the printer"])
async def test_a_print_that_is_listed_late(failures: int) -> None:
    """Minutes after it began, behind a page of newer ones, in either list."""
    older = [task(number) for number in range(1, 40)]
    program = Program(cloud := Cloud(older), [device(1, print_job="1")])
    await program.poll()
    begin = program.now
    program.devices[0] = device(1, online=not failures, print_job="1")
    await program.poll()
    late = replace(task(1), id="late", start_time=begin - 5 * MINUTE)
    newer = [
        replace(task(1), id=f"new {n}", start_time=begin - MINUTE + n * timedelta(seconds=5))
        for n in range(20)
    ]
    cloud.tasks = [*reversed(newer), late, *older]
    program.devices[0] = device(1, print_job="new 19")
    cloud.answers.extendleft([cloud.fail] * failures)
    await program.poll()
    await program.poll()
    assert "late" in program.read


def in_a_farm(**changes: Any) -> list[Task]:
    """Return a print that runs, behind a page of newer ones."""
    newer = [task(number, 2) for number in range(100, 140)]
    job = replace(task(1), status=4, start_time=NOW - HOUR, end_time=NOW - HOUR, cost_time=3600.0)
    newer = [replace(each, start_time=NOW - 30 * MINUTE) for each in newer]
    return [*newer, replace(job, **changes), task(200)]


@pytest.mark.parametrize(
    ("ended", "asked"),
    [
        # Bind tells the end, and the list completes it: a while later, when it mostly can.
        ({"print_status": "SUCCESS"}, [0, 0, 0, 1, 0, 0, 1, 0, 0, 1]),
        # Nobody but the list tells how what ran before this one has ended.
        ({"print_job": "0"}, [1] * 10),
        ({"print_status": "IDLE"}, [1] * 10),
    ],
)
async def test_what_is_only_completed_by_the_list_is_asked_for_later(
    ended: dict[str, str], asked: list[int]
) -> None:
    running = device(1, print_status="RUNNING")
    program = Program(cloud := Cloud(in_a_farm()), [running, device(2, print_job="100")])
    for _ in range(3):
        await program.poll()
    program.devices[0] = replace(running, **ended)  # type: ignore[arg-type]
    counts = []
    for _ in asked:
        cloud.asked.clear()
        await program.poll(15 * SECOND)
        counts.append([device_id for device_id, _ in cloud.asked].count("P001"))
    assert counts == asked


async def test_an_end_in_an_absence_is_asked_for_at_once() -> None:
    """The list knows when it was, which bind does not tell."""
    running = device(1, print_status="RUNNING")
    program = Program(cloud := Cloud(in_a_farm()), [running, device(2, print_job="100")])
    for _ in range(3):
        await program.poll()
    cloud.tasks = in_a_farm(status=2, end_time=NOW + HOUR)
    program.devices[0] = device(1)
    await program.poll(3 * HOUR)
    last = program.records.printers["P001"].last
    assert last is not None
    assert last.ended_at == NOW + HOUR


@pytest.mark.parametrize("failures", [0, 5])
async def test_a_clock_that_is_set_back(failures: int) -> None:
    """The list is asked for as ever, whatever was to be waited for by the old time."""
    program = Program(cloud := Cloud([]), [device(1, print_job="1")])
    cloud.answers.extendleft([cloud.fail] * failures)
    for _ in range(30):
        await program.poll()
    program.now -= timedelta(days=3)
    cloud.tasks = [task(500)]
    for _ in range(2):
        await program.poll()
    assert "500" in program.read
