"""Which events a poll gives, story by story."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api.models import Device, Task, TaskFilament
from custom_components.bambu_lab_cloud.fleet.lifecycle import (
    GIVE_UP,
    LAG,
    MEMORY,
    NEWS,
    PrintEvent,
    Records,
    next_record,
    next_records,
    records_from_dict,
)
from custom_components.bambu_lab_cloud.fleet.printer import Printer, derive_printers
from custom_components.bambu_lab_cloud.fleet.stored import UnreadableError, as_stored, from_stored

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PRINTER = "00M00A000000001"

IDLE = ("IDLE", "0")
RUNNING = ("RUNNING", "71")
SUCCESS = ("SUCCESS", "71")
FAIL = ("FAIL", "71")
PAUSE = ("PAUSE", "71")
SD_RUNNING = ("RUNNING", "0")
SD_SUCCESS = ("SUCCESS", "0")


def task(task_id: str = "71", start: datetime = NOW, **changes: Any) -> Task:
    return replace(
        Task(
            id=task_id,
            title=f"plate {task_id}",
            device_id=PRINTER,
            status=4,
            start_time=start,
            end_time=start,
            cost_time=3600,
            filaments=(TaskFilament(type="PETG", color="#FFFFFF", weight=9.5, ams=0),),
        ),
        **changes,
    )


def done(task_id: str, start: datetime, end: datetime | None, status: int = 2) -> Task:
    return task(task_id, start, status=status, end_time=end)


class Story:
    """Polls of one printer, one after the other."""

    def __init__(self) -> None:
        self.records = Records()
        self.now = NOW
        self.seen: frozenset[str] = frozenset()
        self.events: list[PrintEvent] = []
        self.printers: dict[str, Printer] = {}

    def poll(
        self,
        seen: tuple[str | None, str | None],
        *tasks: Task,
        after: timedelta = MINUTE,
        online: bool = True,
    ) -> list[tuple[str, str | None]]:
        """Poll, and return the kinds of events with their task ids."""
        self.now += after
        status, job = seen
        device = Device(
            id=PRINTER, name="Workshop", online=online, print_status=status, print_job=job
        )
        printers = derive_printers([device], [], tasks, now=self.now, remembered_jobs={})
        self.printers = printers
        self.records, self.printers, self.events = next_records(
            self.records, printers, tasks, now=self.now, seen=self.seen
        )
        self.records = self.records.read(self.now, set(printers))
        self.seen = frozenset(printers)
        return [(event.type, event.print.task_id) for event in self.events]

    def restart(self) -> None:
        restored = records_from_dict(json.loads(json.dumps(as_stored(self.records))))
        assert restored == self.records
        self.records, self.seen = restored, frozenset()

    @property
    def awaited(self) -> dict[str, datetime]:
        return self.records.awaited(self.printers)

    @property
    def last(self) -> tuple[str | None, datetime | None]:
        job = self.records.printers[PRINTER].last
        assert job is not None
        return job.task_id, job.ended_at

    @property
    def open(self) -> list[str | None]:
        return [job.print.task_id for job in self.records.printers[PRINTER].open]


@pytest.fixture
def story() -> Story:
    """A printer whose baseline has been taken while it idled."""
    story = Story()
    assert story.poll(IDLE) == []
    return story


def test_baseline_announces_nothing() -> None:
    """What ended before the printer was first seen is history."""
    story = Story()
    past = [done("70", NOW - HOUR, NOW), done("71", NOW - 2 * HOUR, NOW - HOUR, 3)]
    assert story.poll(SUCCESS, *past) == []
    assert story.poll(SUCCESS, *past, done("69", NOW - 3 * HOUR, NOW - 2 * HOUR)) == []


def test_baseline_adopts_what_runs() -> None:
    story = Story()
    assert story.poll(RUNNING, task()) == []
    assert story.poll(SUCCESS, done("71", NOW, NOW + 90 * timedelta(seconds=1))) == [
        ("finished", "71")
    ]


def test_baseline_with_a_task_that_lags() -> None:
    """The status has ended already: the task that follows is no news, whatever time it says."""
    story = Story()
    assert story.poll(SUCCESS, task()) == []
    assert story.awaited == {}
    assert story.poll(SUCCESS, done("71", NOW, NOW + 2 * MINUTE)) == []


def test_baseline_under_the_status_of_the_print_before() -> None:
    """What seemed to have ended runs: it is adopted, as anything that runs at first sight."""
    story = Story()
    running = task(start=NOW)
    assert story.poll(SUCCESS, running) == []
    assert story.poll(RUNNING, running) == []
    ended = done("71", NOW, NOW + HOUR)
    assert story.poll(SUCCESS, ended, after=HOUR) == [("finished", "71")]


@pytest.mark.parametrize(
    ("ended", "status", "kind"), [(SUCCESS, 2, "finished"), (FAIL, 3, "failed")]
)
def test_from_start_to_end(story: Story, ended: tuple[str, str], status: int, kind: str) -> None:
    """Where bind is first, its end is announced at once; what the task says later is not."""
    start = story.now
    assert story.poll(RUNNING) == [("started", "71")]
    assert story.poll(RUNNING, task(start=start)) == []
    assert story.poll(ended, task(start=start)) == [(kind, "71")]
    event = story.events[0]
    assert event.print.ended_at == story.now
    assert event.print.title == "plate 71"
    assert not event.late
    assert story.poll(ended, done("71", start, story.now, status)) == []
    assert story.poll(ended, done("71", start, story.now, 5 - status)) == []


def test_sticky_status_of_the_print_before(story: Story) -> None:
    """A new print begins under the old one's SUCCESS, also in the list, and is not taken for it."""
    start = story.now
    assert story.poll(RUNNING, task(start=start)) == [("started", "71")]
    assert story.poll(SUCCESS, task(start=start)) == [("finished", "71")]
    second = task("72", story.now)
    assert story.poll(("SUCCESS", "72"), second) == []
    assert story.poll(("SUCCESS", "72"), second) == []
    assert story.poll(("RUNNING", "72"), second) == [("started", "72")]
    assert story.poll(("SUCCESS", "72"), second) == [("finished", "72")]


def test_pause_and_resume(story: Story) -> None:
    job = task(start=story.now)
    assert story.poll(PAUSE, job) == [("started", "71")]
    assert story.poll(PAUSE, job) == []
    assert story.poll(RUNNING, job) == [("resumed", "71")]
    assert story.poll(PAUSE, job) == [("paused", "71")]
    assert story.poll(FAIL, job) == [("failed", "71")]


def test_two_prints_between_two_polls(story: Story) -> None:
    start = story.now
    tasks = [
        done("73", start + 3 * MINUTE, start + 4 * MINUTE, 3),
        done("72", start + MINUTE, start + 2 * MINUTE),
    ]
    assert story.poll(("FAIL", "73"), *tasks, after=5 * MINUTE) == [
        ("finished", "72"),
        ("failed", "73"),
    ]


def test_ends_are_announced_in_order(story: Story) -> None:
    """The later print waits for the task of the earlier one."""
    first, second = task("71", story.now), task("72", story.now + 2 * MINUTE)
    assert story.poll(RUNNING, first) == [("started", "71")]
    assert story.poll(("RUNNING", "72"), first, second, after=3 * MINUTE) == [("started", "72")]
    assert story.poll(("SUCCESS", "72"), first, second) == []
    ended = done("71", story.now - 4 * MINUTE, story.now - 3 * MINUTE)
    assert story.poll(("SUCCESS", "72"), ended, second) == [
        ("finished", "71"),
        ("finished", "72"),
    ]


def test_an_end_that_waits_keeps_its_time(story: Story) -> None:
    """The printer told the second print's end, before the list told that of the first."""
    first, second = task("71", story.now), task("72", story.now + 2 * MINUTE)
    story.poll(RUNNING, first)
    story.poll(("RUNNING", "72"), first, second, after=3 * MINUTE)
    assert story.poll(("SUCCESS", "72"), first, second) == []
    found = story.now
    assert story.poll(("SUCCESS", "72"), first, second) == []
    ended = done("71", NOW, NOW + 3 * MINUTE)
    assert story.poll(("SUCCESS", "72"), ended, second) == [("finished", "71"), ("finished", "72")]
    assert story.events[1].print.ended_at == found


def test_order_after_a_gap(story: Story) -> None:
    """Before a gap of hours one ran; the list tells the end of the next one first."""
    start = story.now
    first, second = task("71", start), done("72", start + HOUR, start + 3 * HOUR)
    story.poll(RUNNING, first)
    assert story.poll(("SUCCESS", "72"), first, second, after=3 * HOUR) == []
    ended = done("71", start, start + HOUR)
    assert story.poll(("SUCCESS", "72"), ended, second) == [("finished", "71"), ("finished", "72")]


def test_a_print_that_the_list_forgets_holds_nothing_up(story: Story) -> None:
    first, second = task("71", story.now), task("72", story.now + 2 * MINUTE)
    story.poll(RUNNING, first)
    story.poll(("RUNNING", "72"), first, second)
    assert story.poll(("SUCCESS", "72"), first, second) == []
    for _ in range(12):
        assert story.poll(("SUCCESS", "72"), first, second) == []
    assert story.poll(("SUCCESS", "72"), first, second) == [("finished", "72")]


def test_offline_ends_nothing(story: Story) -> None:
    job = task(start=story.now)
    story.poll(RUNNING, job)
    assert story.poll(RUNNING, job, online=False) == []
    assert story.poll(FAIL, job, online=False) == []
    assert story.poll(RUNNING, job) == []
    assert story.poll(SUCCESS, job) == [("finished", "71")]


@pytest.mark.parametrize(
    ("ended_ago", "events"),
    [(MINUTE, [("finished", "71")]), (NEWS, [("finished", "71")]), (NEWS + MINUTE, [])],
)
def test_back_after_a_long_time(
    story: Story, ended_ago: timedelta, events: list[tuple[str, str]]
) -> None:
    """What ended in the last day is news, and said to be late; the rest is taken note of."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    away = timedelta(days=3)
    ended = done("71", start, story.now + away - ended_ago)
    assert story.poll(SUCCESS, ended, after=away) == events
    assert [event.late for event in story.events] == [True] * len(events)
    assert story.poll(SUCCESS, ended) == []
    assert story.open == []


def test_late_though_all_polls_were_good(story: Story) -> None:
    """The printer was off for a day: what it tells then is no fresh news."""
    start = story.now
    for _ in range(23 * 12):
        story.poll(IDLE, online=False, after=5 * MINUTE)
    ended = done("71", start + HOUR, start + 2 * HOUR)
    assert story.poll(SUCCESS, ended) == [("finished", "71")]
    assert story.events[0].late


def test_restart_while_a_print_ends(story: Story) -> None:
    start = story.now
    story.poll(RUNNING, task(start=start))
    story.restart()
    ended = done("71", start, start + 2 * MINUTE)
    assert story.poll(SUCCESS, ended) == [("finished", "71")]
    assert [event.late for event in story.events] == [True]
    story.restart()
    assert story.poll(SUCCESS, ended) == []


@pytest.mark.parametrize("restart", [True, False])
def test_starts_that_nobody_saw(story: Story, *, restart: bool) -> None:
    """After a gap a print is followed from where it is, without a start."""
    (story.restart if restart else int)()
    assert story.poll(RUNNING, task(start=story.now), after=11 * MINUTE) == []
    assert story.poll(PAUSE, task(start=story.now)) == [("paused", "71")]


@pytest.mark.parametrize(
    ("started_ago", "events"),
    [(MINUTE, [("started", "71")]), (HOUR, []), (None, [])],
)
def test_start_of_a_printer_that_comes_online(
    story: Story, started_ago: timedelta | None, events: list[tuple[str, str]]
) -> None:
    """It may have printed all the time, so only the task's own start makes it news."""
    story.poll(IDLE, online=False)
    tasks = [task(start=story.now - ago) for ago in [started_ago] if ago]
    assert story.poll(RUNNING, *tasks) == events


def test_crossed_answers(story: Story) -> None:
    """The list says ended while bind, asked before, says RUNNING: nothing starts anew."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    ended = done("71", start, story.now + MINUTE)
    assert story.poll(RUNNING, ended) == [("finished", "71")]
    assert story.poll(RUNNING, ended) == []
    assert story.poll(SUCCESS, ended) == []


@pytest.mark.parametrize(
    ("ended", "kinds"), [(SD_SUCCESS, ["finished"]), (("FAIL", "0"), ["failed"]), (IDLE, [])]
)
def test_print_without_a_task(story: Story, ended: tuple[str, str], kinds: list[str]) -> None:
    """Announced by the printer's status alone; without a result there is nothing to announce."""
    assert story.poll(SD_RUNNING) == [("started", None)]
    assert story.poll(SD_RUNNING) == []
    assert story.poll(ended) == [(kind, None) for kind in kinds]
    assert story.poll(ended) == []
    assert story.open == []


def test_task_that_turns_up_after_its_print(story: Story) -> None:
    start = story.now
    story.poll(SD_RUNNING)
    assert story.poll(SD_SUCCESS) == [("finished", None)]
    late = done("71", start + MINUTE, story.now)
    other = done("70", start - HOUR, start - MINUTE)
    assert story.poll(SD_SUCCESS, other, late) == []
    assert story.poll(("SUCCESS", "71"), other, late) == []
    # … and what prints next has its own end
    following = task("72", story.now)
    assert story.poll(("RUNNING", "72"), following) == [("started", "72")]
    assert story.poll(("SUCCESS", "72"), following) == [("finished", "72")]


@pytest.mark.parametrize("status", [SD_RUNNING, SD_SUCCESS])
def test_task_that_tells_the_end_of_a_print_that_bind_names_by_none(
    story: Story, status: tuple[str, str]
) -> None:
    """The list tells it with the status or before, and by the time it is the same print."""
    start = story.now
    assert story.poll(SD_RUNNING, task(start=start)) == [("started", None)]
    ended = done("71", start, story.now + MINUTE)
    assert story.poll(status, ended) == [("finished", "71")]
    assert story.poll(SD_SUCCESS, ended) == []
    assert story.open == []
    # … and what follows without a task is another one.
    assert story.poll(SD_RUNNING, ended) == [("started", None)]
    assert story.poll(SD_SUCCESS, ended) == [("finished", None)]


def test_what_goes_on_after_the_list_has_told_an_end_is_another_print(story: Story) -> None:
    """It began between two polls, and bind, which names none, knows an end within two minutes."""
    start = story.now
    story.poll(SD_RUNNING, task(start=start))
    ended = done("71", start, story.now + MINUTE)
    assert story.poll(SD_RUNNING, ended) == [("finished", "71")]
    told = [event for _ in range(30) for event in story.poll(SD_RUNNING, ended)]
    assert told == [("started", None)]
    assert story.poll(SD_SUCCESS, ended) == [("finished", None)]
    assert story.poll(SD_SUCCESS, ended) == []


def test_what_the_list_knows_to_follow_at_once_is_another_print(story: Story) -> None:
    """It need not wait for bind, which says the same of both."""
    start = story.now
    story.poll(SD_RUNNING, task(start=start))
    ended = done("71", start, story.now + MINUTE)
    second = task("72", story.now + MINUTE)
    assert story.poll(SD_RUNNING, ended, second, after=2 * MINUTE) == [
        ("finished", "71"),
        ("started", None),
    ]
    assert story.poll(SD_RUNNING, ended, second, after=9 * MINUTE) == []
    listed = ended, done("72", story.now - 10 * MINUTE, story.now)
    assert story.poll(SD_SUCCESS, *listed) == [("finished", "72")]
    assert story.poll(SD_SUCCESS, *listed) == []


def test_list_that_takes_back_the_end_of_what_bind_names_by_none(story: Story) -> None:
    """Nothing else runs: it has been announced."""
    start = story.now
    story.poll(SD_RUNNING, running := task(start=start))
    assert story.poll(SD_RUNNING, done("71", start, story.now)) == [("finished", "71")]
    for _ in range(20):
        assert story.poll(SD_RUNNING, running) == []
    assert story.poll(SD_SUCCESS, running) == []
    assert story.open == []


def test_task_that_turns_up_during_its_print(story: Story) -> None:
    start = story.now
    story.poll(SD_RUNNING)
    assert story.poll(RUNNING, task(start=start)) == []
    assert story.poll(SUCCESS, task(start=start)) == [("finished", "71")]


@pytest.mark.parametrize("listed", [False, True], ids=["running", "ended"])
def test_print_that_follows_one_without_a_task_at_once(story: Story, *, listed: bool) -> None:
    """It began before the poll that saw the first one's end, and is no part of that one."""
    story.poll(SD_RUNNING)
    story.poll(SD_RUNNING)
    start = story.now + 40 * timedelta(seconds=1)
    assert story.poll(SD_SUCCESS) == [("finished", None)]
    assert story.poll(("RUNNING", "72"), *[task("72", start)] * listed) == [("started", "72")]
    ended = done("72", start, start + 2 * MINUTE)
    assert story.poll(("SUCCESS", "72"), ended) == [("finished", "72")]


def test_print_that_replaces_one_without_a_task(story: Story) -> None:
    """Nobody saw the end of the first, which is not taken for the beginning of the second."""
    story.poll(SD_RUNNING)
    story.poll(SD_RUNNING, after=2 * MINUTE)
    second = task("72", story.now + MINUTE)
    assert story.poll(("RUNNING", "72"), second, after=2 * MINUTE) == [("started", "72")]


def test_print_after_one_without_a_task(story: Story) -> None:
    """Nobody saw the first one's end, and nobody will tell it."""
    story.poll(SD_RUNNING)
    for _ in range(10):
        story.poll(SD_RUNNING, after=2 * MINUTE)
    second = task(start=story.now + timedelta(seconds=30))
    assert story.poll(RUNNING, second) == [("started", "71")]
    assert story.open == ["71"]


def test_printer_left_out_for_a_while(story: Story) -> None:
    start = story.now
    story.poll(RUNNING, task(start=start))
    story.records, _, events = next_records(
        story.records, {}, [], now=story.now + MINUTE, seen={PRINTER}
    )
    assert events == []
    assert story.poll(SUCCESS, task(start=start), after=3 * MINUTE) == [("finished", "71")]
    # However long: who removes the printer also says so here.
    away, _, _ = next_records(story.records, {}, [], now=story.now + GIVE_UP, seen={PRINTER})
    assert away.printers.keys() == {PRINTER}
    assert away.without(PRINTER).printers == {}


def test_awaited_prints(story: Story) -> None:
    """Which printers to ask the task list for, and from when on: not what the printer reports."""
    start = story.now
    second = ("RUNNING", "72")
    assert story.awaited == {}
    story.poll(RUNNING)
    assert story.awaited == {}
    story.poll(second, task("72", start=story.now))
    assert story.awaited == {PRINTER: start + MINUTE}
    story.poll(second, done("71", start, story.now), task("72", start=story.now))
    assert story.awaited == {}
    story.poll(IDLE, online=False)
    assert list(story.awaited) == [PRINTER]


def test_listed_print_of_a_printer_that_is_off() -> None:
    """Its end is awaited, though no poll saw it run."""
    story = Story()
    older = task("70", NOW - HOUR)
    assert story.poll((None, None), task(), older, online=False) == []
    assert story.open == ["71"]
    ended = done("71", NOW, NOW + 2 * MINUTE)
    assert story.poll((None, None), ended, older, after=5 * MINUTE, online=False) == [
        ("finished", "71")
    ]


@pytest.mark.parametrize(("status", "was_active"), [(4, True), (2, False), (3, False)])
def test_printer_that_went_off_under_a_stale_status(status: int, *, was_active: bool) -> None:
    """It stays RUNNING for days, whatever the list says of how the print ended."""
    story = Story()
    story.poll(RUNNING, task(status=status, end_time=NOW + 2 * MINUTE), after=HOUR, online=False)
    assert story.printers[PRINTER].was_active is was_active


def test_print_that_never_ends(story: Story) -> None:
    job = task(start=story.now)
    story.poll(RUNNING, job)
    for _ in range(10):
        assert story.poll(RUNNING, job, after=timedelta(days=1)) == []
    assert story.poll(IDLE, job, after=GIVE_UP - MINUTE) == []
    assert story.open == ["71"]
    story.poll(IDLE, job)
    assert story.open == []


def test_end_without_a_time(story: Story) -> None:
    """Of a print that was awaited it is news; of any other nobody knows when it was."""
    start = story.now
    unknown = done("70", start, None)
    assert story.poll(RUNNING, task(start=start), unknown) == [("started", "71")]
    assert story.poll(IDLE, done("71", start, None), unknown) == [("finished", "71")]
    assert story.events[0].print.ended_at is None


def test_memory_is_bounded(story: Story) -> None:
    start = story.now
    ended = done("71", start, start + MINUTE)
    assert story.poll(SUCCESS, ended) == [("finished", "71")]
    assert story.poll(SUCCESS, ended, after=MEMORY) == []
    assert story.records.printers[PRINTER].announced.keys() == {"71"}
    assert story.poll(SUCCESS) == []
    assert story.records.printers[PRINTER].announced == {}


@pytest.mark.parametrize("jump", [timedelta(days=10), timedelta(days=-10)])
def test_a_clock_that_jumps(story: Story, jump: timedelta) -> None:
    """One answer with a wrong date announces nothing again."""
    ended = done("71", story.now, story.now + MINUTE)
    assert story.poll(SUCCESS, ended) == [("finished", "71")]
    story.poll(SUCCESS, ended, after=jump)
    assert story.poll(SUCCESS, ended, after=-jump) == []


def test_an_end_too_old_for_news_stays_so(story: Story) -> None:
    """Also if the clock goes back for an answer."""
    ended = done("71", story.now, story.now + MINUTE)
    assert story.poll(SUCCESS, ended, after=30 * HOUR) == []
    assert story.poll(SUCCESS, ended, after=-10 * HOUR) == []


def test_tasks_of_nobody(story: Story) -> None:
    strangers: Sequence[Task] = [task(device_id=None), task("72", device_id="00M00A000000099")]
    assert story.poll(IDLE, *strangers) == []


@pytest.mark.parametrize("data", [None, [], {}, {"read_at": None}])
def test_records_that_are_none(data: Any) -> None:
    with pytest.raises(UnreadableError):
        records_from_dict(data)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("read_at",), "2026-11-20T12:00:00"),
        (("read_at",), "2026-11-20T12:00:00+01:00"),
        (("read_at",), "9999-11-20T12:00:00+00:00"),
        (("read_at",), 1795176000),
        (("more",), None),
        (("printers",), []),
        (("printers", PRINTER, "open"), {}),
        (("printers", PRINTER, "open", 0, "paused"), 1),
        (("printers", PRINTER, "open", 0, "print", "printer_id"), "00M00A000000002"),
        (("printers", PRINTER, "open", 0, "print", "title"), ["plate"]),
        (("printers", PRINTER, "open", 0, "print", "title"), "\ud800"),
        (("printers", PRINTER, "open", 0, "print", "cost_time"), [3600]),
        (("printers", PRINTER, "open", 0, "print", "cost_time"), True),
        (("printers", PRINTER, "open", 0, "print", "cost_time"), float("nan")),
        (("printers", PRINTER, "open", 0, "print", "plate"), 1.5),
        (("printers", PRINTER, "open", 0, "print", "plate"), 2**64),
        (("printers", PRINTER, "open", 0, "print", "result"), "exploded"),
        (("printers", PRINTER, "open", 0, "print", "cover"), "https://example.com/cover.png"),
        (("printers", PRINTER, "open", 0, "print", "filaments"), None),
        (("printers", PRINTER, "announced"), ["71"]),
        (("printers", PRINTER, "untold"), ["2026-11-20T12:00:00+00:00"]),
        (("printers", PRINTER, "last", "printer_id"), "00M00A000000002"),
    ],
)
def test_records_with_something_wrong(story: Story, path: tuple[Any, ...], wrong: Any) -> None:
    """Rather none than half of them."""
    story.poll(SUCCESS, done("70", story.now, story.now + MINUTE))
    story.poll(RUNNING, task(start=story.now))
    data = json.loads(json.dumps(as_stored(story.records)))
    assert records_from_dict(data) == story.records
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    with pytest.raises(UnreadableError):
        records_from_dict(data)


def test_no_address_is_kept(story: Story) -> None:
    """It is a secret, and has expired when it is read again: there is none then."""
    signed = task(cover="https://example.com/cover.png?signature=1")
    story.poll(RUNNING, signed)
    stored = as_stored(story.records)
    assert "signature" not in json.dumps(stored)
    job = records_from_dict(stored).printers[PRINTER].open[0].print
    assert (job.cover, job.has_cover) == (None, False)
    assert story.poll(SUCCESS, signed) == [("finished", "71")]
    assert story.events[0].print.has_cover
    stored = as_stored(story.events[0])
    assert "signature" not in json.dumps(stored)
    assert from_stored(PrintEvent, stored).print == replace(story.events[0].print, cover=None)


def test_baseline_with_clocks_that_differ() -> None:
    """An end in our future is no news at first sight either."""
    story = Story()
    ended = done("71", NOW - HOUR, NOW + 5 * MINUTE)
    assert story.poll(IDLE, ended) == []
    assert story.poll(IDLE, ended, after=10 * MINUTE) == []


def test_status_that_flickers(story: Story) -> None:
    """An announced end stays announced, whatever the printer says of the same print then."""
    job = task(start=story.now)
    story.poll(RUNNING, job)
    assert story.poll(SUCCESS, job) == [("finished", "71")]
    assert story.poll(RUNNING, job) == []
    assert story.poll(FAIL, job) == []


def test_status_of_a_later_print(story: Story) -> None:
    """In 2022 a status names no print: with a later one in the list it may be that one's."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    later = task("72", story.now)
    assert story.poll(FAIL, task(start=start), later) == []
    ended = [done("71", start, story.now), done("72", story.now, story.now, 3)]
    assert story.poll(FAIL, *ended) == [("finished", "71"), ("failed", "72")]


def test_end_in_the_second_of_first_sight() -> None:
    """The cloud cuts off the fraction of a second, and the end of what ran is news all the same."""
    story = Story()
    story.now += timedelta(milliseconds=300)
    story.poll(RUNNING, task())
    ended = done("71", NOW, NOW + MINUTE)
    assert story.poll(SUCCESS, ended) == [("finished", "71")]


def test_what_was_known_before_a_restart(story: Story) -> None:
    """The list may not be asked at once again, and the event has all that was known."""
    story.poll(RUNNING, task(start=story.now))
    story.restart()
    story.poll(RUNNING)
    story.poll(SUCCESS)
    assert [event.print.title for event in story.events] == ["plate 71"]


def test_nothing_of_a_printer_shows(story: Story) -> None:
    story.poll(RUNNING, task(start=story.now))
    assert PRINTER not in repr(story.records) + repr(story.printers[PRINTER])


def test_last_print_without_a_task_outlives_a_restart(story: Story) -> None:
    """Nobody else remembers it, while the list goes on to show an older one."""
    older = done("70", NOW - HOUR, NOW - HOUR / 2)
    story.poll(SD_RUNNING, older)
    story.poll(SD_SUCCESS, older)
    found = story.now
    story.restart()
    story.poll(SD_SUCCESS, older)
    assert story.last == (None, found)
    newer = done("72", story.now, story.now + 20 * MINUTE)
    story.poll(("SUCCESS", "72"), newer, after=20 * MINUTE)
    assert story.last == ("72", newer.end_time)


def test_last_print_is_corrected_by_the_list(story: Story) -> None:
    """The printer told its end by the time of the poll, and failed; the list knows better."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    story.poll(FAIL, task(start=start))
    assert story.last == ("71", story.now)
    ended = done("71", start, story.now - MINUTE / 2)
    story.poll(FAIL, ended)
    assert story.last == ("71", ended.end_time)


def test_last_print_of_first_sight() -> None:
    story = Story()
    story.poll(IDLE, done("71", NOW - HOUR, NOW), done("70", NOW - 3 * HOUR, NOW - 2 * HOUR))
    assert story.last == ("71", NOW)


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=30000)])
def test_a_baseline_that_lies_ahead(ahead: timedelta) -> None:
    """The first answer had an absurd date: what ends after the second is news all the same."""
    story = Story()
    past = done("70", NOW - HOUR, NOW)
    story.poll(IDLE, past, after=ahead)
    assert story.poll(IDLE, past, after=MINUTE - ahead) == []
    start = story.now
    assert story.poll(RUNNING, past, task(start=start)) == [("started", "71")]
    story.restart()
    ended = done("71", start, start + 2 * MINUTE)
    assert story.poll(SUCCESS, past, ended) == [("finished", "71")]


def test_a_baseline_that_lies_ahead_hides_what_runs() -> None:
    """Adopted under the status of the print before, when the date was absurd."""
    story = Story()
    running = task(start=NOW)
    story.poll(SUCCESS, running, after=2 * NEWS)
    story.poll(RUNNING, running, after=MINUTE - 2 * NEWS)
    ended = done("71", NOW, NOW + 3 * MINUTE)
    assert story.poll(SUCCESS, ended, after=2 * MINUTE) == [("finished", "71")]


def test_an_end_before_a_baseline_that_lies_ahead() -> None:
    """What was adopted ends as news, once, though the new baseline is later than its end."""
    story = Story()
    start = NOW - HOUR
    story.poll(RUNNING, task(start=start), after=2 * NEWS)
    ended = done("71", start, NOW + MINUTE / 2)
    assert story.poll(SUCCESS, ended, after=MINUTE - 2 * NEWS) == [("finished", "71")]
    assert story.poll(RUNNING) == []


def test_a_clock_set_back_announces_nothing_old(story: Story) -> None:
    """What had ended before the baseline stays history, also while it seems to lie ahead."""
    past = done("70", NOW - HOUR, NOW)
    story.poll(IDLE, past)
    running = task(start=story.now)
    story.poll(RUNNING, past, running)
    back = timedelta(days=1)
    assert story.poll(RUNNING, past, running, after=-back) == []
    assert story.poll(RUNNING, past, running, after=back) == []
    # … and what was followed ends as news
    assert story.poll(SUCCESS, past, done("71", running.start_time or NOW, story.now)) == [
        ("finished", "71")
    ]


def test_an_end_that_is_found_as_the_clock_is_set_back(story: Story) -> None:
    running = task(start=story.now)
    story.poll(RUNNING, running)
    ended = done("71", story.now - 3 * MINUTE, story.now - MINUTE)
    assert story.poll(SUCCESS, ended, after=-timedelta(days=1)) == [("finished", "71")]
    assert story.poll(SUCCESS, ended) == []


@pytest.mark.parametrize("listed", [True, False])
def test_a_clock_set_back_loses_no_start(story: Story, *, listed: bool) -> None:
    """It ran a day ahead, and is right again: what has started since is as new as ever."""
    story.poll(IDLE, after=timedelta(days=3))
    started = task(start=story.now - timedelta(days=1))
    tasks = [started] * listed
    assert story.poll(RUNNING, *tasks, after=MINUTE - timedelta(days=1)) == [("started", "71")]


def test_a_clock_set_back_announces_nothing_again() -> None:
    """Not even if the printer still speaks of it, and all that is known of it lies ahead."""
    story = Story()
    story.poll(IDLE, after=timedelta(days=1))
    running = task(start=story.now)
    story.poll(RUNNING, running)
    assert story.poll(SUCCESS, running) == [("finished", "71")]
    assert story.poll(RUNNING, running, after=-timedelta(days=1)) == []
    assert story.poll(SUCCESS, running) == []


def test_a_clock_set_back_merges_a_task_that_turns_up(story: Story) -> None:
    story.poll(SD_RUNNING, after=timedelta(days=1))
    assert story.poll(SD_SUCCESS) == [("finished", None)]
    back = story.now - timedelta(days=1)
    late = done("71", back - 2 * MINUTE, back)
    assert story.poll(SD_SUCCESS, late, after=-timedelta(days=1)) == []


def test_a_reading_that_lies_ahead() -> None:
    story = Story()
    story.poll(IDLE)
    assert story.records.last_read(story.now) == story.now
    assert story.records.last_read(story.now - LAG) == story.now
    assert story.records.last_read(story.now - LAG - MINUTE) is None
    assert Records().last_read(story.now) is None


CARD = ("RUNNING", "70")
CARD_SUCCESS = ("SUCCESS", "70")


@pytest.fixture
def before(story: Story) -> Task:
    """The last print of the cloud, whose id the printer goes on to name."""
    job = done("70", NOW - HOUR, NOW)
    assert story.poll(CARD_SUCCESS, job) == []
    return job


def card(story: Story, *tasks: Task, polls: int = 11) -> list[tuple[str, str | None]]:
    """Print from the card under the id of the print before, and return all that is announced."""
    return [event for _ in range(polls) for event in story.poll(CARD, *tasks)]


@pytest.mark.parametrize(
    ("ended", "kinds"),
    [(CARD_SUCCESS, ["finished"]), (("FAIL", "70"), ["failed"]), (("IDLE", "70"), [])],
)
def test_print_from_the_card_under_the_id_before(
    story: Story, before: Task, ended: tuple[str, str], kinds: list[str]
) -> None:
    """After a while it is one without a task, and its status is its own."""
    assert card(story, before) == []
    assert story.poll(CARD, before) == [("started", None)]
    assert story.poll(("PAUSE", "70"), before) == [("paused", None)]
    assert story.poll(CARD, before) == [("resumed", None)]
    assert story.poll(ended, before) == [(kind, None) for kind in kinds]
    assert story.poll(ended, before) == []
    assert story.open == []


def test_print_from_the_card_over_restarts(story: Story, before: Task) -> None:
    """Neither the doubt nor the print is lost; a start of which part was not seen is."""
    card(story, before, polls=5)
    story.restart()
    card(story, before, polls=5)
    assert story.poll(CARD, before, after=2 * MINUTE) == [("started", None)]
    story.restart()
    assert story.poll(CARD_SUCCESS, before) == [("finished", None)]


def test_print_from_the_card_as_the_clock_is_set_back(story: Story, before: Task) -> None:
    story.poll(IDLE, before, after=timedelta(days=1))
    story.poll(CARD, before)
    assert story.poll(CARD, before, after=-timedelta(days=1)) == []
    assert card(story, before) == [("started", None)]


def test_print_from_the_card_whose_start_nobody_saw(story: Story, before: Task) -> None:
    story.restart()
    assert card(story, before, polls=13) == []
    assert story.poll(CARD_SUCCESS, before) == [("finished", None)]


@pytest.mark.parametrize("polls", [1, 11])
def test_answers_that_cross_for_long(story: Story, before: Task, polls: int) -> None:
    """Until the printer says so too, its print may just have ended: nothing is announced twice."""
    assert card(story, before, polls=polls) == []
    assert story.poll(CARD_SUCCESS, before) == []
    assert story.open == []


def test_print_whose_end_the_list_takes_back(story: Story, before: Task) -> None:
    """What seemed to print under its id was the print itself, and its end has been announced."""
    start = story.now
    assert story.poll(RUNNING, before, task(start=start)) == [("started", "71")]
    ended = done("71", start, start + 2 * MINUTE)
    assert story.poll(RUNNING, before, ended) == [("finished", "71")]
    for _ in range(15):
        story.poll(RUNNING, before, ended)
    assert story.poll(RUNNING, before, task(start=start)) == []
    assert story.poll(SUCCESS, before, done("71", start, story.now)) == []
    assert story.open == []


def test_print_of_the_cloud_after_one_from_the_card(story: Story, before: Task) -> None:
    card(story, before, polls=15)
    start = story.now
    running = ("RUNNING", "72")
    assert story.poll(running, before, task("72", start + MINUTE / 2)) == [("started", "72")]
    ended = done("72", start, start + 5 * MINUTE)
    assert story.poll(("SUCCESS", "72"), before, ended, after=5 * MINUTE) == [("finished", "72")]


def test_two_prints_after_one_from_the_card(story: Story) -> None:
    """The second is not listed yet when it is seen, and may be taken for that of the card."""
    for _ in range(10):
        story.poll(SD_RUNNING)
    start = story.now
    first = done("72", start + MINUTE, start + 2 * MINUTE)
    assert story.poll(("RUNNING", "73"), first, after=3 * MINUTE) == [("finished", "72")]
    second = done("73", start + 3 * MINUTE, start + 4 * MINUTE)
    assert story.poll(("SUCCESS", "73"), first, second) == [("finished", "73")]


def test_task_of_a_print_from_the_card_turns_up(story: Story, before: Task) -> None:
    """The doubt is none any more, and the start is known by its task."""
    start = story.now
    card(story, before, polls=5)
    assert story.poll(RUNNING, before, task(start=start)) == [("started", "71")]
    assert story.poll(SUCCESS, before, task(start=start)) == [("finished", "71")]


def test_finish_that_cannot_be(story: Story) -> None:
    """The list says so 19 s after the start, while the printer goes on."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    soon = done("71", start, start + timedelta(seconds=19))
    for _ in range(15):
        assert story.poll(RUNNING, soon) == []
        assert story.printers[PRINTER].last is None
    assert story.poll(RUNNING, soon, online=False) == []
    assert story.poll(SUCCESS, soon) == [("finished", "71")]
    assert story.events[0].print.ended_at == story.now
    assert not story.events[0].late
    assert story.poll(SUCCESS, soon) == []
    assert story.last == ("71", story.now - MINUTE)
    assert story.poll(SUCCESS, done("71", start, story.now)) == []


def test_finish_that_cannot_be_and_is_taken_back(story: Story) -> None:
    start = story.now
    soon = done("71", start, start + timedelta(seconds=19))
    assert story.poll(RUNNING, soon) == [("started", "71")]
    assert story.poll(RUNNING, task(start=start)) == []
    assert story.poll(SUCCESS, done("71", start, story.now)) == [("finished", "71")]


def test_short_print_that_nobody_saw_run(story: Story) -> None:
    """Then the list is believed, for nobody knows better."""
    soon = done("71", story.now, story.now + timedelta(seconds=19))
    assert story.poll(SUCCESS, soon) == [("finished", "71")]
    assert story.events[0].print.duration == timedelta(seconds=19)


def test_gap_of_one_printer(story: Story) -> None:
    """Reports of others do not hide that this one was not heard of for long."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    for _ in range(11):
        story.now += MINUTE
        story.records, _, _ = next_records(
            story.records, {}, [], now=story.now, seen={PRINTER, "00M00A000000002"}
        )
    assert story.poll(SUCCESS, task(start=start)) == [("finished", "71")]
    assert story.events[0].late


def test_one_printer_at_a_time(story: Story) -> None:
    """Whoever reports it: the tasks need not come along."""
    start = story.now
    story.poll(RUNNING, task(start=start))
    ended = Device(id=PRINTER, online=True, print_status="SUCCESS", print_job="71")
    printer = derive_printers([ended], [], [task(start=start)], now=story.now, remembered_jobs={})[
        PRINTER
    ]
    record, _, events = next_record(
        story.records.printers[PRINTER], printer, [], now=story.now, after_start=False
    )
    assert [(event.type, event.print.title) for event in events] == [("finished", "plate 71")]
    assert record.open == ()


def test_essence_is_not_the_time_of_the_poll(story: Story) -> None:
    known = story.records
    story.poll(IDLE)
    assert story.records.are_like(known)
    for seen in (RUNNING, PAUSE, SUCCESS):
        story.poll(seen)
        assert not story.records.are_like(known)
        known = story.records
    story.poll(SUCCESS, done("71", story.now - HOUR, story.now))
    assert not story.records.are_like(known)
    ahead = Story()
    ahead.poll(IDLE, after=HOUR)
    known = ahead.records
    ahead.poll(IDLE, after=-HOUR)
    assert not ahead.records.are_like(known)
