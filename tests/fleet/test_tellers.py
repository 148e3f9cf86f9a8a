"""The rules by which two tellers are joined, each by an example that fails without it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api.models import Device, Task
from custom_components.bambu_lab_cloud.fleet.lifecycle import (
    PrintEvent,
    Records,
    next_records,
    records_from_dict,
)
from custom_components.bambu_lab_cloud.fleet.printer import (
    Printer,
    PrinterStatus,
    derive_printers,
    newest_print,
)
from custom_components.bambu_lab_cloud.fleet.stored import as_stored
from custom_components.bambu_lab_cloud.fleet.tellers import Word

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
PRINTER = "00M00A000000001"

IDLE = Word(status=PrinterStatus.IDLE, task_id="0", subtask_id="0")
CALIBRATING = replace(IDLE, status=PrinterStatus.CALIBRATING)


def prepares(task_id: str = "71", subtask_id: str = "0", **changes: Any) -> Word:
    return Word(status=PrinterStatus.PREPARING, task_id=task_id, subtask_id=subtask_id, **changes)


def runs(task_id: str = "71", subtask_id: str = "0", **changes: Any) -> Word:
    return replace(prepares(task_id, subtask_id, **changes), status=PrinterStatus.PRINTING)


def pauses(task_id: str = "71", **changes: Any) -> Word:
    return replace(prepares(task_id, **changes), status=PrinterStatus.PAUSED)


def finishes(task_id: str = "71", subtask_id: str = "0", **changes: Any) -> Word:
    return replace(prepares(task_id, subtask_id, **changes), status=PrinterStatus.FINISHED)


def fails(task_id: str = "71", **changes: Any) -> Word:
    return replace(prepares(task_id, **changes), status=PrinterStatus.FAILED)


def task(
    task_id: str, start: datetime, end: datetime | None = None, *, failed: bool = False
) -> Task:
    status = 4 if end is None else 3 if failed else 2
    return Task(
        id=task_id,
        title=f"plate {task_id}",
        device_id=PRINTER,
        status=status,
        start_time=start,
        end_time=end or start,
        cost_time=600,
    )


class Story:
    """Polls of one printer and what it says itself, one after the other."""

    def __init__(self) -> None:
        self.records = Records()
        self.now = NOW
        self.seen: set[str] = set()
        self.bind = ("IDLE", "0", True)
        self.asked_at = NOW
        self.tasks: Sequence[Task] = ()
        self.word: Word | None = None
        self.heard_at: datetime | None = None
        self.events: list[PrintEvent] = []
        self.heard: list[PrintEvent] = []
        self.printer: Printer | None = None

    def step(self, heard_at: datetime | None = None) -> list[tuple[str, str | None]]:
        status, job, online = self.bind
        device = Device(id=PRINTER, online=online, print_status=status, print_job=job)
        printers = derive_printers([device], [], self.tasks, now=self.now, remembered_jobs={})
        words = {PRINTER: replace(self.word, heard_at=heard_at)} if self.word else {}
        self.records, shown, self.events = next_records(
            self.records,
            printers,
            self.tasks,
            now=self.now,
            seen=self.seen,
            asked_at=self.asked_at,
            words=words,
        )
        self.heard += self.events
        self.printer = shown[PRINTER]
        self.seen.add(PRINTER)
        return [(event.type.value, event.print.task_id) for event in self.events]

    def poll(
        self,
        status: str,
        job: str = "0",
        *tasks: Task,
        after: timedelta = MINUTE,
        asked: timedelta = timedelta(),
        online: bool = True,
    ) -> list[tuple[str, str | None]]:
        """Hear bind's answer, which was asked for a while ago."""
        self.now += after
        self.bind, self.asked_at, self.tasks = (status, job, online), self.now - asked, tasks
        return self.step(self.heard_at)

    def push(self, word: Word, after: timedelta = SECOND) -> list[tuple[str, str | None]]:
        """Hear the printer itself."""
        self.now += after
        before, self.heard_at, self.word = self.heard_at, self.now, word
        return self.step(before)

    def wait(self, span: timedelta) -> list[tuple[str, str | None]]:
        """Look again when something is due, and no sooner."""
        end = self.now + span
        found: list[tuple[str, str | None]] = []
        while (due := self.records.printers[PRINTER].due_at) and due <= end:
            self.now = due
            found += self.step(self.heard_at)
        self.now = end
        return found

    def lose(self) -> None:
        """Hear nothing of the printer itself any more."""
        self.word = None

    def restart(self) -> None:
        restored = records_from_dict(json.loads(json.dumps(as_stored(self.records))))
        self.records, self.seen, self.word, self.heard_at = restored, set(), None, None

    @property
    def status(self) -> PrinterStatus | None:
        assert self.printer is not None
        return self.printer.status


@pytest.fixture
def story() -> Story:
    """A printer that both have seen idle."""
    story = Story()
    assert story.poll("IDLE") == []
    assert story.push(IDLE) == []
    return story


def test_both_tell_of_a_print(story: Story) -> None:
    """Who tells first is heard, and the other one adds nothing."""
    start = story.now
    assert story.push(prepares()) == []
    assert story.poll("RUNNING", "71", task("71", start), after=SECOND) == [("started", "71")]
    assert story.push(runs()) == []
    assert story.push(finishes(), after=10 * MINUTE) == [("finished", "71")]
    end = story.now
    assert story.poll("RUNNING", "71", task("71", start), after=SECOND) == []
    assert story.poll("SUCCESS", "71", task("71", start, end)) == []


# 1. Each teller's own change.


@pytest.mark.parametrize("job", ["71", "0"])
def test_what_bind_still_says_after_an_end_starts_nothing(story: Story, job: str) -> None:
    """Also if the printer falls silent then; it stays shown as ended until bind moves on."""
    story.push(runs(job))
    story.poll("RUNNING", job, after=SECOND)
    story.wait(SECOND)
    assert [kind for kind, _ in story.push(finishes(job), after=10 * MINUTE)] == ["finished"]
    story.lose()
    assert story.poll("RUNNING", job, after=30 * SECOND) == []
    assert story.status is PrinterStatus.FINISHED
    assert story.poll("RUNNING", job, after=5 * MINUTE) == []
    assert story.status is PrinterStatus.FINISHED
    # What it says for so long it will know, though it began before.
    assert story.poll("RUNNING", job, after=5 * MINUTE) == []
    assert story.status is PrinterStatus.PRINTING
    assert story.poll("SUCCESS", job) == []


def test_after_it_moved_on_bind_counts_again(story: Story) -> None:
    story.push(runs("0"))
    story.poll("RUNNING", "0", after=SECOND)
    story.push(finishes("0"), after=10 * MINUTE)
    story.lose()
    story.poll("SUCCESS", "0")
    assert story.poll("RUNNING", "0", after=3 * MINUTE) == [("started", None)]
    assert story.poll("SUCCESS", "0", after=10 * MINUTE) == [("finished", None)]


def test_an_end_of_bind_ends_what_bind_has_shown(story: Story) -> None:
    """Its status is that of the print before, a while into the next one."""
    story.push(runs("71"))
    story.push(finishes("71"), after=10 * MINUTE)
    story.poll("SUCCESS", "71")
    story.push(runs("72"))
    story.wait(2 * SECOND)
    story.lose()
    assert story.poll("SUCCESS", "72") == []
    assert story.poll("RUNNING", "72") == []
    assert story.poll("SUCCESS", "72") == [("finished", "72")]


def test_an_end_of_bind_ends_what_began_soon_after_another(story: Story) -> None:
    """Two minutes after it began, bind no longer speaks of the one before."""
    story.push(runs("0"))
    story.poll("RUNNING", "0", after=SECOND)
    story.push(finishes("0"), after=10 * MINUTE)
    story.poll("SUCCESS", "0", after=5 * SECOND)
    story.push(runs("0"), after=20 * SECOND)
    assert story.wait(2 * SECOND) == [("started", None)]
    story.poll("RUNNING", "0", after=SECOND)
    story.lose()
    story.poll("RUNNING", "0", after=3 * MINUTE)
    assert story.poll("RUNNING", "0") == []
    assert story.poll("SUCCESS", "0") == [("finished", None)]


@pytest.mark.parametrize("job", ["71", "0"])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_bind_has_ended_does_not_begin_when_the_printer_is_heard_again(
    story: Story, job: str, *, is_restarted: bool
) -> None:
    """It was lost before its start was told, which waits for a name."""
    start = story.now + 10 * MINUTE
    story.poll("IDLE", after=9 * MINUTE)
    assert story.push(runs(job), after=MINUTE) == []
    (story.restart if is_restarted else story.lose)()
    tasks = [task(job, start)] if job != "0" else []
    story.poll("RUNNING", job, *tasks, after=2 * MINUTE)
    story.poll("RUNNING", job, *tasks)
    ended = [task(job, start, start + 10 * MINUTE)] if job != "0" else []
    told = [("finished", job if job != "0" else None)]
    assert story.poll("SUCCESS", job, *ended, after=7 * MINUTE) == told
    assert story.push(finishes(job)) == []
    # … nor does it hold up the end of the next one.
    story.push(runs("72"), after=MINUTE)
    assert story.wait(2 * SECOND) == [("started", "72")]
    assert story.push(finishes("72"), after=10 * MINUTE) == [("finished", "72")]


def test_what_the_list_has_ended_does_not_begin_when_the_printer_is_heard_again(
    story: Story,
) -> None:
    start = story.now
    assert story.push(runs()) == []
    story.restart()
    ended = task("71", start, start + 8 * MINUTE)
    assert story.poll("SUCCESS", "71", ended, after=9 * MINUTE) == [("finished", "71")]
    assert story.push(finishes()) == []
    story.push(runs("72"), after=MINUTE)
    assert story.wait(2 * SECOND) == [("started", "72")]
    assert story.push(finishes("72"), after=10 * MINUTE) == [("finished", "72")]


def test_what_bind_named_before_the_printer_went_on_under_the_id_before_is_that(
    story: Story,
) -> None:
    """What told its begin, and its id, was lost."""
    start = story.now
    story.push(runs())
    story.poll("RUNNING", "71", first := task("71", start))
    story.push(finishes(), after=10 * MINUTE)
    listed = task("71", start, story.now), task("72", story.now + 5 * MINUTE)
    story.poll("SUCCESS", "71", first)
    story.poll("RUNNING", "72", *listed, after=6 * MINUTE)
    story.push(finishes(), after=10 * SECOND)
    assert story.push(runs(progress=3), after=3 * MINUTE) == []
    assert story.wait(11 * SECOND) == [("started", None)]
    assert story.poll("RUNNING", "72", *listed) == []
    # … also when it is heard by its own id, later.
    story.lose()
    assert story.poll("RUNNING", "72", *listed) == []
    assert story.push(runs("72", progress=9), after=3 * MINUTE) == []
    assert story.wait(5 * SECOND) == []
    assert story.push(finishes("72"), after=20 * MINUTE) == [("finished", "72")]


def test_what_bind_named_before_a_printer_without_ids_went_on_is_that(story: Story) -> None:
    """After a calibration, as the message that told its begin was lost."""
    story.push(CALIBRATING)
    story.push(IDLE, after=MINUTE)
    start = story.now + 5 * MINUTE
    story.poll("RUNNING", "71", listed := task("71", start), after=6 * MINUTE)
    story.push(IDLE, after=10 * SECOND)
    assert story.push(runs("0"), after=2 * MINUTE) == []
    assert story.wait(2 * SECOND) == [("started", None)]
    assert story.poll("RUNNING", "71", listed, after=10 * SECOND) == []
    assert story.push(finishes("0"), after=20 * MINUTE) == [("finished", "71")]
    assert story.poll("SUCCESS", "71", task("71", start, story.now)) == []


def test_a_pause_of_its_own(story: Story) -> None:
    """The cloud of 2026 tells none: its RUNNING resumes nothing."""
    story.push(runs())
    story.poll("RUNNING", "71", after=SECOND)
    assert story.push(pauses(stage="filament_runout")) == [("paused", "71")]
    assert story.events[0].reason == "filament_runout"
    story.lose()
    assert story.poll("RUNNING", "71") == []
    assert story.push(pauses()) == []
    assert story.push(runs()) == [("resumed", "71")]


def test_the_printer_decides_while_it_is_heard(story: Story) -> None:
    story.push(runs())
    story.poll("IDLE", "0", after=3 * SECOND)
    assert story.status is PrinterStatus.PRINTING
    story.poll("IDLE", "0", online=False)
    assert story.status is PrinterStatus.PRINTING
    story.lose()
    story.poll("IDLE", "0", online=False)
    assert story.status is PrinterStatus.OFFLINE


# 2. One printer, one running print.


@pytest.mark.parametrize("ids", [("0", "0"), ("901", "902")])
def test_a_print_over_the_network_goes_by_the_id_that_bind_shows(
    story: Story, ids: tuple[str, str]
) -> None:
    """The printer tells none of it, or one that nobody knows."""
    start = story.now
    story.push(runs(*ids))
    assert [kind for kind, _ in story.wait(2 * SECOND)] == ["started"]
    story.poll("IDLE", "0")
    assert story.poll("RUNNING", "55", task("55", start), after=2 * MINUTE) == []
    assert story.push(finishes(*ids), after=10 * MINUTE) == [("finished", "55")]
    assert story.poll("SUCCESS", "55", task("55", start, story.now)) == []


def test_a_print_without_a_task_ends_at_once_and_for_good(story: Story) -> None:
    """Also over a restart, and if its task turns up later."""
    start = story.now + SECOND
    story.push(runs("0"))
    assert story.wait(2 * SECOND) == [("started", None)]
    assert story.push(finishes("0"), after=10 * MINUTE) == [("finished", None)]
    end = story.now
    story.restart()
    assert story.poll("SUCCESS", "0") == []
    assert story.push(finishes("0")) == []
    assert story.poll("SUCCESS", "55", task("55", start, end)) == []


def test_an_earlier_print_is_not_taken_for_one_without_a_task(story: Story) -> None:
    """Nearest start within two minutes, and one to one."""
    earlier = task("54", story.now - 20 * MINUTE, story.now - 10 * MINUTE)
    earlier = replace(earlier, end_time=story.now + SECOND)
    story.push(runs("0"), after=5 * MINUTE)
    story.wait(2 * SECOND)
    story.push(finishes("0"), after=10 * MINUTE)
    assert story.poll("SUCCESS", "0", earlier) == [("finished", "54")]


def test_another_id_is_another_print(story: Story) -> None:
    """Its printer says so, and the end of the one before is the list's to tell."""
    start = story.now
    story.push(runs("71"))
    story.wait(2 * SECOND)
    assert story.push(runs("72"), after=10 * MINUTE) == []
    assert story.wait(2 * SECOND) == [("started", "72")]
    ended = task("71", start, story.now - MINUTE, failed=True)
    assert story.poll("RUNNING", "72", ended, task("72", story.now)) == [("failed", "71")]
    assert story.push(finishes("72"), after=10 * MINUTE) == [("finished", "72")]


# 3. Ids.


def test_which_id_is_the_lists_is_learnt_from_what_both_name(story: Story) -> None:
    story.push(runs("901", "71"))
    assert story.poll("RUNNING", "71", after=SECOND) == [("started", "71")]
    assert story.push(finishes("901", "71"), after=10 * MINUTE) == [("finished", "71")]
    story.restart()
    story.poll("SUCCESS", "71")
    story.push(finishes("901", "71"))
    story.push(runs("902", "72"))
    assert story.wait(2 * SECOND) == [("started", "72")]


def test_until_then_it_is_the_task_id_and_neither_is_announced_twice(story: Story) -> None:
    start = story.now
    story.push(runs("901", "71"))
    assert story.wait(2 * SECOND) == [("started", "901")]
    assert story.push(finishes("901", "71"), after=10 * MINUTE) == [("finished", "901")]
    assert story.poll("SUCCESS", "71", task("71", start, story.now)) == []


# 4. Waiting for the name.


def test_a_start_waits_for_its_name(story: Story) -> None:
    """A second and a half, or until somebody names it; an id that comes meanwhile counts."""
    assert story.push(prepares("0")) == []
    assert story.wait(SECOND) == []
    assert story.push(prepares("72"), after=timedelta()) == []
    assert story.wait(SECOND) == [("started", "72")]


def test_an_end_waits_for_no_name(story: Story) -> None:
    story.push(prepares("72"))
    assert story.push(finishes("72")) == [("started", "72"), ("finished", "72")]


# 5. Account time is HTTP's.


def test_a_push_moves_no_mark(story: Story) -> None:
    """How far the list is read back only a reading moves, also for a printer that was away."""
    read_at = story.records.read_at
    story.lose()
    away = story.now
    story.poll("IDLE", online=False)
    story.poll("IDLE", online=False)
    story.push(IDLE)
    story.push(runs(), after=MINUTE)
    assert story.printer is not None
    assert story.records.unread([story.printer]) == {PRINTER: away}
    assert story.records.read_at == read_at
    records = story.records.read(story.now, {PRINTER})
    assert records.unread([story.printer]) == {}
    assert records.read_at == story.now


def test_a_push_is_never_before_the_last_report(story: Story) -> None:
    """Two clocks of one cloud may differ."""
    story.poll("IDLE", after=10 * SECOND)
    seen_at = story.records.printers[PRINTER].seen_at
    story.push(runs(), after=-5 * SECOND)
    assert story.records.printers[PRINTER].seen_at == seen_at


# 6. Polls are not instant.


def test_an_answer_that_was_asked_for_before_an_end(story: Story) -> None:
    """It came after it, and the printer was lost meanwhile."""
    story.push(runs("0"))
    story.wait(2 * SECOND)
    story.push(finishes("0"), after=10 * MINUTE)
    story.lose()
    assert story.poll("RUNNING", "0", after=20 * SECOND, asked=25 * SECOND) == []
    assert story.poll("SUCCESS", "0") == []


# 7. Reconnect.


def test_news_of_a_short_loss(story: Story) -> None:
    story.push(runs("71"))
    story.wait(2 * SECOND)
    story.lose()
    story.poll("IDLE", "0")
    assert story.push(finishes("71"), after=MINUTE) == [("finished", "71")]
    story.lose()
    story.poll("IDLE", "0")
    story.push(runs("72"), after=MINUTE)
    assert story.wait(2 * SECOND) == [("started", "72")]


def test_the_first_word_ever_is_part_of_the_baseline() -> None:
    """What it calls finished may have been so before; the list knows."""
    story = Story()
    start = story.now - 10 * MINUTE
    assert story.poll("RUNNING", "71") == []
    baseline = story.now
    assert story.push(finishes("71")) == []
    assert story.poll("SUCCESS", "71", task("71", start, baseline - MINUTE)) == []


@pytest.mark.parametrize("word", [runs(), runs(progress=5)])
def test_what_runs_at_the_first_word_is_adopted(word: Word) -> None:
    story = Story()
    start = story.now - 10 * MINUTE
    assert story.poll("IDLE") == []
    assert story.push(word) == []
    assert story.wait(2 * SECOND) == []
    assert story.push(finishes(), after=MINUTE) == [("finished", "71")]
    assert story.poll("SUCCESS", "71", task("71", start, story.now)) == []


@pytest.mark.parametrize("word", [prepares(), runs(progress=4)])
def test_what_has_just_begun_at_the_first_word_is_news(word: Word) -> None:
    """Bind has seen the printer rest; where it has not, the print is adopted as well."""
    story = Story()
    assert story.poll("IDLE") == []
    assert story.push(word) == []
    assert story.wait(2 * SECOND) == [("started", "71")]
    story = Story()
    assert story.poll("RUNNING", "0") == []
    assert story.push(word) == []
    assert story.wait(2 * SECOND) == []


def test_what_bind_said_long_ago_names_no_print(story: Story) -> None:
    """Neither was asked nor heard for half an hour."""
    start = story.now
    story.lose()
    story.poll("RUNNING", "71", task("71", start))
    assert story.push(runs("72"), after=30 * MINUTE) == []
    assert story.wait(2 * SECOND) == [("started", "72")]
    assert story.push(finishes("72"), after=MINUTE) == [("finished", "72")]
    ended = task("71", start, start + 20 * MINUTE)
    listed = task("72", start + 25 * MINUTE, story.now)
    assert story.poll("SUCCESS", "72", ended, listed) == [("finished", "71")]


# 8. Cancel.


@pytest.mark.parametrize(
    ("before", "after", "errors", "cancelled"),
    [
        (SECOND, None, (), True),
        (9 * SECOND, None, (), True),
        (None, SECOND, (), True),
        (11 * SECOND, None, (), None),
        (None, None, ("0300-8003",), False),
        (None, None, (), None),
    ],
)
def test_whether_a_print_was_cancelled(
    story: Story,
    before: timedelta | None,
    after: timedelta | None,
    errors: tuple[str, ...],
    *,
    cancelled: bool | None,
) -> None:
    """By a code that stands for two seconds about the end; otherwise it failed, or nobody knows."""
    start = story.now
    story.push(runs())
    story.wait(2 * SECOND)
    end = story.now + 10 * MINUTE
    word = fails(errors=errors, cancelled_at=end - before if before is not None else None)
    story.heard.clear()
    story.push(word, after=10 * MINUTE)
    later = replace(word, cancelled_at=end + after if after is not None else word.cancelled_at)
    story.push(later, after=SECOND)
    story.wait(SECOND)
    (event,) = story.heard
    assert (event.type, event.print.task_id) == ("failed", "71")
    assert event.print.cancelled is cancelled
    assert event.print.errors == errors
    # The list knows nothing of it, and takes nothing away.
    story.poll("FAIL", "71", task("71", start, end, failed=True))
    last = story.records.printers[PRINTER].last
    assert last is not None
    assert last.cancelled is cancelled
    assert story.printer is not None
    shown = newest_print(story.printer.last, last)
    assert shown is not None
    assert (shown.cancelled, shown.in_tasks) == (cancelled, True)


def test_idle_with_the_code_of_a_cancel(story: Story) -> None:
    story.push(runs("0"))
    story.wait(2 * SECOND)
    assert story.push(replace(IDLE, cancelled_at=story.now), after=SECOND) == [("failed", None)]
    assert story.events[0].print.cancelled is True


def test_idle_without_a_word_on_how_it_ended(story: Story) -> None:
    """The list tells; without a task nobody does."""
    start = story.now
    story.push(runs("71"))
    story.wait(2 * SECOND)
    assert story.push(IDLE, after=10 * MINUTE) == []
    assert story.poll("IDLE", "71", task("71", start, story.now)) == [("finished", "71")]
    story.push(runs("0"), after=10 * MINUTE)
    story.wait(2 * SECOND)
    assert story.push(IDLE, after=10 * MINUTE) == []
    assert story.poll("IDLE", "0") == []


# 9. Calibration.


def test_calibration_is_no_print(story: Story) -> None:
    """Neither by the printer's word nor by bind's, which takes it for one."""
    assert story.push(CALIBRATING) == []
    assert story.poll("RUNNING", "0") == []
    assert story.status is PrinterStatus.CALIBRATING
    story.lose()
    assert story.poll("RUNNING", "0", after=10 * MINUTE) == []
    assert story.push(IDLE) == []
    story.lose()
    assert story.poll("RUNNING", "0", after=SECOND) == []
    assert story.poll("SUCCESS", "0") == []


def test_a_job_that_is_refused(story: Story) -> None:
    story.push(prepares("72"))
    assert story.push(fails("72"), after=SECOND) == [("started", "72")]
    assert story.wait(2 * SECOND) == [("failed", "72")]


# 10. Again under the same id.


@pytest.mark.parametrize("word", [prepares(), runs(progress=0), runs(progress=4)])
def test_again_under_the_same_id(story: Story, word: Word) -> None:
    """What holds for ten seconds is another print, and has no task."""
    story.push(runs())
    story.wait(2 * SECOND)
    story.push(finishes(), after=10 * MINUTE)
    assert story.push(word, after=MINUTE) == []
    assert story.wait(9 * SECOND) == []
    assert story.wait(SECOND) == [("started", None)]
    assert story.push(finishes(), after=10 * MINUTE) == [("finished", None)]


@pytest.mark.parametrize("idle", [IDLE, replace(IDLE, task_id="71")])
@pytest.mark.parametrize("word", [prepares(), runs(progress=0)])
def test_again_under_the_same_id_after_it_was_idle(story: Story, idle: Word, word: Word) -> None:
    """It was switched off in between, or rests that way."""
    story.push(runs())
    story.wait(2 * SECOND)
    story.push(finishes(), after=10 * MINUTE)
    story.push(idle, after=10 * MINUTE)
    assert story.push(word, after=MINUTE) == []
    assert story.wait(10 * SECOND) == [("started", None)]
    assert story.push(finishes(), after=10 * MINUTE) == [("finished", None)]


def test_what_goes_on_after_it_was_idle_is_no_other_print(story: Story) -> None:
    """The power was lost, and nobody has told an end."""
    start = story.now
    story.push(runs())
    story.wait(2 * SECOND)
    story.push(IDLE, after=10 * MINUTE)
    assert story.push(prepares(), after=MINUTE) == []
    assert story.wait(MINUTE) == []
    assert story.push(finishes(), after=10 * MINUTE) == []
    assert story.poll("SUCCESS", "71", task("71", start, story.now)) == [("finished", "71")]


@pytest.mark.parametrize("word", [runs(progress=5), runs(progress=99), runs()])
def test_what_lingers_is_no_print(story: Story, word: Word) -> None:
    story.push(runs())
    story.wait(2 * SECOND)
    story.push(finishes(), after=10 * MINUTE)
    assert story.push(word) == []
    assert story.wait(MINUTE) == []
    assert story.push(finishes()) == []


def test_the_id_of_the_print_before_until_it_has_its_own(story: Story) -> None:
    story.push(runs("71"))
    story.wait(2 * SECOND)
    story.push(finishes("71"), after=10 * MINUTE)
    assert story.push(prepares("71"), after=MINUTE) == []
    assert story.push(prepares("72"), after=3 * SECOND) == [("started", "72")]
    assert story.push(finishes("72"), after=10 * MINUTE) == [("finished", "72")]


def test_its_own_id_comes_with_its_end(story: Story) -> None:
    """Bind goes on to say that it prints, which is no other print."""
    story.push(runs("71"))
    story.wait(2 * SECOND)
    story.push(finishes("71"), after=10 * MINUTE)
    story.poll("SUCCESS", "71")
    story.push(prepares("71"), after=5 * MINUTE)
    assert story.wait(10 * SECOND) == [("started", None)]
    story.poll("RUNNING", "0")
    assert story.push(finishes("72"), after=10 * MINUTE) == [("finished", "72")]
    story.lose()
    assert story.poll("RUNNING", "0", after=10 * SECOND) == []
    assert story.status is PrinterStatus.FINISHED
    assert story.poll("SUCCESS", "0") == []


def test_its_id_comes_with_all_that_it_says_once_bind_has_named_it(story: Story) -> None:
    """The message in which it told to begin was lost, and bind is asked two minutes later."""
    start = story.now
    story.push(runs("0"), after=MINUTE)
    assert story.wait(2 * SECOND) == [("started", None)]
    assert story.push(runs("71"), after=2 * MINUTE + 10 * SECOND) == []
    story.poll("RUNNING", "71", task("71", start), after=SECOND)
    assert story.push(finishes("71"), after=10 * MINUTE) == [("finished", "71")]
    assert [event.type.value for event in story.heard] == ["started", "finished"]


def test_bind_lags_with_a_print_whose_own_id_nobody_knows(story: Story) -> None:
    """The next print has begun when bind names the one before it at last."""
    story.push(runs("5001", "5001"))
    story.wait(2 * SECOND)
    story.push(fails("5001", subtask_id="5001"))
    assert story.wait(3 * SECOND) == [("failed", "5001")]
    story.poll("RUNNING", "71", after=20 * SECOND)
    story.push(runs("72", "5002"), after=20 * SECOND)
    assert story.wait(2 * SECOND) == [("started", "72")]
    assert story.push(finishes("72", "5002"), after=10 * MINUTE) == [("finished", "72")]


def test_the_list_has_told_the_end_of_what_the_printer_names_by_no_id(story: Story) -> None:
    """It was lost when the print ended, and bind was not asked while it ran."""
    start = story.now
    story.push(runs("0"), after=5 * MINUTE)
    story.wait(2 * SECOND)
    story.lose()
    story.now += 20 * MINUTE
    told = task("71", start, story.now)
    assert story.poll("SUCCESS", "71", told) == [("finished", "71")]
    assert story.push(finishes("0")) == []
    assert story.wait(MINUTE) == []


def test_the_list_tells_the_end_of_the_print_before_a_minute_late(story: Story) -> None:
    """What begins meanwhile, from the card, is another print."""
    start = story.now
    story.push(runs("71"))
    story.wait(2 * SECOND)
    story.push(finishes("71"), after=10 * MINUTE)
    told = task("71", start, story.now + MINUTE)
    story.push(runs("0"), after=35 * SECOND)
    assert story.wait(2 * SECOND) == [("started", None)]
    story.poll("RUNNING", "0", told)
    assert story.push(finishes("0"), after=10 * MINUTE) == [("finished", None)]


@pytest.mark.parametrize("minutes", [3, 20])
def test_a_job_that_is_refused_while_a_card_is_printed(story: Story, minutes: int) -> None:
    """The list has it, with its start and its end, and it is not the print from the card."""
    story.push(runs("0", name="card"), after=5 * MINUTE)
    story.wait(2 * SECOND)
    refused = story.now + minutes * MINUTE
    listed = task("72", refused, refused + 5 * SECOND, failed=True)
    story.poll("RUNNING", "0", listed, after=(minutes + 1) * MINUTE)
    story.push(finishes("0", name="card"), after=10 * MINUTE)
    assert [event.print.task_id for event in story.heard if event.is_end] == ["72", None]


def test_a_job_that_is_refused_while_a_card_is_printed_that_only_bind_tells() -> None:
    story = Story()
    story.poll("IDLE", "0")
    story.poll("RUNNING", "0", after=5 * MINUTE)
    refused = story.now + 3 * MINUTE
    listed = task("72", refused, refused + 5 * SECOND, failed=True)
    for _ in range(3):
        story.poll("RUNNING", "0", listed, after=5 * MINUTE)
    story.poll("SUCCESS", "0", listed, after=5 * MINUTE)
    told = [(event.type.value, event.print.task_id) for event in story.heard]
    assert told == [("started", None), ("failed", "72"), ("finished", None)]


@pytest.mark.parametrize("job", ["0", "71"])
@pytest.mark.parametrize("name", ["lamp", "vase"])
def test_stopped_during_one_card_and_back_during_another(story: Story, job: str, name: str) -> None:
    """A print that the list has was in between."""
    story.push(runs("0", name="lamp"), after=5 * MINUTE)
    story.wait(2 * SECOND)
    start, end = story.now + 60 * MINUTE, story.now + 180 * MINUTE
    story.restart()
    listed = task("71", start, end)
    story.poll("RUNNING", job, listed, after=300 * MINUTE)
    story.push(runs("0", name=name), after=5 * SECOND)
    story.poll("RUNNING", job, listed, after=2 * MINUTE)
    story.push(finishes("0", name=name), after=60 * MINUTE)
    assert [event.print.task_id for event in story.heard if event.is_end] == ["71", None]


def test_what_ends_late_by_the_list_comes_before_what_followed_it(story: Story) -> None:
    """The word on its end was lost, and the next job was refused before the list's end of it."""
    start = story.now
    story.push(runs("71"))
    story.wait(2 * SECOND)
    story.poll("RUNNING", "71", task("71", start), after=5 * SECOND)
    story.push(prepares("72"), after=10 * MINUTE)
    begin = story.now
    story.wait(2 * SECOND)
    story.push(fails("72"), after=3 * SECOND)
    story.wait(3 * SECOND)
    ended = task("71", start, story.now + 30 * SECOND, failed=True)
    assert story.poll("FAIL", "72", ended, task("72", begin)) == [
        ("failed", "71"),
        ("failed", "72"),
    ]


def test_bind_names_a_print_long_after_one_whose_own_id_nobody_knows(story: Story) -> None:
    """It lags two minutes at the most, so what it names is what runs."""
    story.push(runs("5001", "5001"))
    story.wait(2 * SECOND)
    story.push(fails("5001", subtask_id="5001"))
    story.wait(3 * SECOND)
    story.poll("IDLE", "0", after=15 * MINUTE)
    story.heard.clear()
    story.push(runs("901", "902"), after=MINUTE)
    story.wait(2 * SECOND)
    story.lose()
    story.poll("RUNNING", "55", after=40 * SECOND)
    story.poll("FAIL", "55")
    story.push(fails("901", subtask_id="902"), after=MINUTE)
    story.wait(3 * SECOND)
    told = [(event.type.value, event.print.task_id) for event in story.heard]
    assert told == [("started", "901"), ("failed", "55")]


def test_what_bind_names_by_no_id_began_long_before_it_was_seen() -> None:
    """Home Assistant was stopped when it began, and the list knows it by its id."""
    story = Story()
    story.poll("SUCCESS", "0")
    start = story.now + MINUTE
    story.poll("RUNNING", "0", after=30 * MINUTE)
    end = story.now + 5 * MINUTE
    assert story.poll("SUCCESS", "0", task("71", start, end), after=6 * MINUTE) == [
        ("finished", "71")
    ]


# 11. Fire, then save.


def test_a_kill_between_the_two_repeats_and_loses_nothing(story: Story) -> None:
    story.push(runs())
    story.wait(2 * SECOND)
    saved = story.records
    assert story.push(finishes(), after=10 * MINUTE) == [("finished", "71")]
    assert not story.records.are_like(saved)
    story.records = saved
    story.restart()
    story.poll("RUNNING", "71")
    assert story.push(finishes()) == [("finished", "71")]


def test_what_waits_outlasts_a_restart(story: Story) -> None:
    """The two seconds in which a cancel may still be told."""
    story.push(runs("0"))
    story.wait(2 * SECOND)
    assert story.push(fails("0"), after=10 * MINUTE) == []
    story.restart()
    assert story.poll("FAIL", "0", after=5 * SECOND) == [("failed", None)]
