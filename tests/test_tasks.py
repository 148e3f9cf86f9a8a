"""Which pages of my/tasks are asked for, and that no printer waits for ever."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import ResponseError, Task, TaskPage
from custom_components.bambu_lab_cloud.api.models import Device
from custom_components.bambu_lab_cloud.fleet.lifecycle import Records, next_records
from custom_components.bambu_lab_cloud.fleet.printer import Printer, derive_printers
from custom_components.bambu_lab_cloud.tasks import PRINTERS_PER_POLL, TaskList

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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
        self.tasks = TaskList(cloud, self.take_page)  # type: ignore[arg-type]
        self.records = Records()
        self.before: dict[str, Printer] | None = None
        self.now = NOW

    def take_page(self, page: Iterable[Task]) -> None:
        self.read.update(task.id for task in page)

    def derive(self) -> dict[str, Printer]:
        return derive_printers(
            self.devices, [], self.tasks.values(), now=self.now, remembered_jobs={}
        )

    async def poll(self) -> None:
        self.now += MINUTE
        await self.tasks.async_ask_newest(self.before, self.derive(), self.records, self.now)
        await self.tasks.async_ask_printers(self.derive(), self.records, self.now)
        self.before = self.derive()
        self.records, _ = next_records(
            self.records, self.before, self.tasks.values(), now=self.now, after_start=False
        )


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


@pytest.mark.parametrize("failures", [0, 1, 3])
async def test_a_gap_is_read_back_once_the_list_answers(failures: int) -> None:
    """Polls without the list do not shorten the gap."""
    cloud = Cloud(task(number) for number in range(1, 143))
    cloud.answers.extendleft([cloud.fail] * failures)
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(polled_at=NOW - timedelta(hours=23))
    for _ in range(failures + 1):
        await program.poll()
    assert program.read >= {str(n) for n in range(1, 139)}


@pytest.mark.parametrize("unreadable", [set(), {50}, {99}, set(range(40, 60))])
async def test_an_unreadable_task_ends_no_reading(unreadable: set[int]) -> None:
    cloud = Cloud(task(number) for number in range(1, 301))
    cloud.unreadable = unreadable
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(polled_at=NOW - timedelta(hours=40))
    await program.poll()
    expected = {str(n) for n in range(1, 241) if n - 1 not in unreadable}
    assert program.read >= expected


async def test_years_away_are_no_burst() -> None:
    cloud = Cloud(task(number) for number in range(1, 5000))
    program = Program(cloud, [device(1, print_job="1")])
    program.records = Records(polled_at=NOW - timedelta(days=400))
    await program.poll()
    assert len(cloud.asked) <= 10
