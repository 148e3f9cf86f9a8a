"""Which starts, pauses and ends of prints to announce: each once, through lost polls and restarts.

The record of a printer is a value: a report of the printer takes the record before it and gives
the one after it with the events to announce. Whoever keeps the records across restarts, and saves
them after announcing whenever their essence changed, announces the end of each print of my/tasks
once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any, Self

from ..api.models import Task
from .equipment import PrinterError
from .printer import (
    ACTIVE_TASK,
    NO_TASK,
    RESULT_OF_STATUS,
    CurrentPrint,
    Print,
    Printer,
    PrinterStatus,
    PrintResult,
    believed,
    newest_print,
    print_from_task,
)
from .stored import UnreadableError, from_stored
from .tellers import BIND_LAG, CANCEL_AFTER, HOLD, LATE, SAME_START, Change, Run, Tellers, Word

# Reports further apart than this leave doubt about what happened between them.
GAP = timedelta(minutes=10)
# my/tasks may list a print this much after it started, or by a clock this much behind.
LAG = timedelta(minutes=10)
# An end that is found later than this is recorded and no news any more.
NEWS = timedelta(hours=24)
# What went wrong before this is seen on the printer, or is mended.
ERROR_NEWS = timedelta(minutes=10)
# How long what was announced is remembered: longer than anything is news.
MEMORY = 2 * NEWS + LAG
# How long the end of a later print waits for that of an earlier one, to be announced in order.
PATIENCE = timedelta(minutes=15)
# How long a print that nobody hears of again is looked for.
GIVE_UP = timedelta(days=7)


class PrintEventType(StrEnum):
    """What happened to a print."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    FINISHED = "finished"
    FAILED = "failed"
    ERROR = "error"


_END: dict[PrintResult | None, PrintEventType] = {
    PrintResult.FINISHED: PrintEventType.FINISHED,
    PrintResult.FAILED: PrintEventType.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintEvent:
    """Something to announce about a print, found out by a report; late if that was after a gap.

    reason is the stage at which the printer says that it paused. errors are what went wrong with
    the printer, the worst first; print is then what it was busy with, and names none if it rested.
    """

    type: PrintEventType
    print: Print
    found_at: datetime
    late: bool = False
    reason: str | None = None
    errors: tuple[PrinterError, ...] = ()

    @property
    def is_end(self) -> bool:
        """Return if the print ended."""
        return self.type in _END.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPrint:
    """A print whose end is not announced yet; task_id is None for one from an SD card.

    seen_active tells whether a report saw the printer busy with it, seen_by_bind whether bind did:
    only then a status of bind that ends prints can mean this one. since is the time of the report
    that first knew of it, active_at that of the last one that saw it run. named is the ended print
    whose id the printer goes on to name during one without a task. adopted says that nobody saw it
    start, is_left that the printer has told that it is busy with another one. A print that has a
    result waits for its announcement; ids are those by which the printer named it then.
    """

    print: Print
    since: datetime
    active_at: datetime | None = None
    paused: bool = False
    named: str | None = None
    adopted: bool = False
    seen_by_bind: bool = False
    is_left: bool = False
    ids: tuple[str, ...] = ()

    @property
    def seen_active(self) -> bool:
        """Return if a report saw the printer busy with it."""
        return self.active_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class UntoldPrint:
    """A print that has ended and that the list may know by another id, or not by any.

    ids are those by which it was announced. Its times are exact where the printer told them.
    """

    started_at: datetime
    ended_at: datetime
    ids: tuple[str, ...] = ()
    is_exact: bool = False

    def may_be(self, job: Print) -> bool:
        """Return if a print that turns up in the list may be this one."""
        if job.started_at is None or job.started_at > self.ended_at:
            return False
        if self.is_exact and job.ended_at and job.ended_at < self.started_at - LATE:
            return False
        early = self.started_at - job.started_at
        if not self.is_exact:
            # It may have begun long before it was first seen; then it still ran after that.
            return early <= LAG or (
                job.ended_at is not None and job.ended_at > self.started_at + BIND_LAG
            )
        # What has an id is likely to be listed by it.
        within = LATE if self.ids else SAME_START
        return abs(early) <= within or (
            job.ended_at is not None and abs(job.ended_at - self.ended_at) <= within
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterRecord:
    """What is remembered of a printer between two reports of it.

    announced maps task ids to when their end was announced, or silently taken note of: at first
    sight, where it is the baseline, the status may have been that of the print before. untold are
    the prints without a task that have ended; their tasks may turn up later. last is the newest
    print that is known to have ended. tellers is what bind and the printer itself said last.
    unread_since is from when on its tasks are not known, as it was away.
    """

    baseline: datetime
    seen_at: datetime
    online_at: datetime
    open: tuple[OpenPrint, ...] = ()
    announced: Mapping[str, datetime] = field(default_factory=dict)
    untold: tuple[UntoldPrint, ...] = ()
    last: Print | None = None
    tellers: Tellers = field(default_factory=Tellers)
    unread_since: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """Return when to report again although nothing has changed: something waits until then."""
        run = self.tellers.run
        times = [run.follow_at] if run and not run.is_followed else []
        times += [
            job.print.ended_at + CANCEL_AFTER for job in self.open if job.ids and job.print.ended_at
        ]
        return min((at for at in times if at > self.seen_at), default=None)

    @property
    def essence(self) -> tuple[Any, ...]:
        """Return what of it must not be lost."""
        return (
            {
                (job.print.task_id, job.seen_active, job.paused, job.print.result)
                for job in self.open
            },
            self.announced.keys(),
            self.baseline,
            self.untold,
            self.last,
            self.tellers.essence,
            self.unread_since,
        )

    def healed(self, now: datetime) -> Self:
        """Return the record with now for each time that lies ahead: a wrong clock wrote it.

        What was announced stays so; a time ahead only keeps it for longer.
        """

        def heal(at: datetime) -> datetime:
            return now.replace(microsecond=0) if at - now > LAG else at

        baseline = heal(self.baseline)
        return replace(
            self,
            baseline=baseline,
            seen_at=heal(self.seen_at),
            online_at=heal(self.online_at),
            open=tuple(
                replace(job, since=heal(job.since), active_at=job.active_at and heal(job.active_at))
                for job in self.open
            ),
            announced={
                task_id: baseline if at == self.baseline else at
                for task_id, at in self.announced.items()
            },
            untold=tuple(
                replace(job, started_at=heal(job.started_at), ended_at=heal(job.ended_at))
                for job in self.untold
            ),
            tellers=self.tellers.healed(heal),
            unread_since=self.unread_since and heal(self.unread_since),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is remembered of all printers, and when my/tasks was last read without a gap."""

    read_at: datetime | None = None
    printers: Mapping[str, PrinterRecord] = field(default_factory=dict, repr=False)

    def read(self, at: datetime | None, caught_up: Collection[str]) -> Self:
        """Return the records after a reading of my/tasks, complete at that time unless it is None.

        caught_up are the printers whose own tasks were read back to where they were last seen.
        """
        printers = dict(self.printers)
        for printer_id in caught_up & printers.keys():
            printers[printer_id] = replace(printers[printer_id], unread_since=None)
        return replace(self, read_at=at or self.read_at, printers=printers)

    def last_read(self, now: datetime) -> datetime | None:
        """Return when my/tasks was last read without a gap, None if that is not known."""
        if self.read_at is None or self.read_at - now > LAG:
            return None
        return self.read_at

    def unread(self, printers: Iterable[Printer]) -> dict[str, datetime]:
        """Return the printers that have come back, and since when their tasks are not known."""
        found: dict[str, datetime] = {}
        for printer in printers:
            if (record := self.printers.get(printer.id)) and printer.online:
                returns = record.online_at if record.online_at < record.seen_at else None
                if since := record.unread_since or returns:
                    found[printer.id] = since
        return found

    def awaited(self, printers: Mapping[str, Printer]) -> dict[str, datetime]:
        """Return the printers with an open print that they are not busy with, and its start.

        my/tasks tells its end, unless bind's status does.
        """
        starts = {
            printer.id: [
                job.print.started_at or job.since
                for job in record.open
                if job.print.task_id is not None
                and (printer.current is None or printer.current.print.task_id != job.print.task_id)
            ]
            for printer in printers.values()
            if (record := self.printers.get(printer.id))
        }
        return {printer_id: min(times) for printer_id, times in starts.items() if times}

    def are_ended_by_bind(self, printer: Printer, now: datetime) -> bool:
        """Return if bind's status is the end of all open prints: it saw them run until now."""
        record = self.printers.get(printer.id)
        return (
            record is not None
            and abs(now - record.seen_at) <= GAP
            and printer.status in RESULT_OF_STATUS
            and all(
                job.seen_by_bind and job.print.task_id == printer.print_job for job in record.open
            )
        )

    def rests(self, printer: Printer) -> bool:
        """Return if reports that repeat the last one of a printer tell nothing, whenever they come.

        It prints nothing and awaits nothing, which time does not change, and bind alone tells it.
        """
        record = self.printers.get(printer.id)
        return (
            record is not None
            and printer.current is None
            and not record.open
            and record.unread_since is None
            and (record.online_at == record.seen_at or not printer.online)
            and record.tellers.run is None
            and record.tellers.word is None
        )

    def is_unfinished(self, printer_id: str) -> bool:
        """Return if a printer was busy when it was last online, with a print of unknown end."""
        record = self.printers.get(printer_id)
        return record is not None and any(
            job.active_at is not None and job.active_at >= record.online_at for job in record.open
        )

    def are_like(self, others: Records) -> bool:
        """Return if others hold all that must not be lost, which is not when printers were seen.

        Who saves whenever they do not announces nothing twice after a kill, and misses nothing; a
        kill between the announcement and the save repeats what was announced.
        """
        known = others.printers
        return self.printers.keys() == known.keys() and all(
            record is known[each] or record.essence == known[each].essence
            for each, record in self.printers.items()
        )

    def with_record(self, printer_id: str, record: PrinterRecord) -> Self:
        """Return the records after one printer was reported by itself."""
        return replace(self, printers={**self.printers, printer_id: record})

    def without(self, printer_id: str) -> Records:
        """Return the records after a printer was removed for good."""
        printers = {key: record for key, record in self.printers.items() if key != printer_id}
        return replace(self, printers=printers)


def next_records(
    records: Records,
    printers: Mapping[str, Printer],
    tasks: Iterable[Task],
    *,
    now: datetime,
    seen: Collection[str],
    asked_at: datetime | None = None,
    words: Mapping[str, Word] | None = None,
) -> tuple[Records, dict[str, Printer], list[PrintEvent]]:
    """Return the records after good reports of these printers, what they do, and what to announce.

    It may be all of them or one; when all were polled last is the caller's to say. seen are the ids
    of the printers that were reported since the program started, words what printers say of
    themselves; for the rest see next_record.
    """
    tasks_by_printer: dict[str, list[Task]] = {}
    for task in tasks:
        if task.device_id is not None:
            tasks_by_printer.setdefault(task.device_id, []).append(task)
    events: list[PrintEvent] = []
    # A printer that the cloud leaves out keeps its record until somebody takes it `without`.
    after = dict(records.printers)
    shown: dict[str, Printer] = {}
    for printer in printers.values():
        after[printer.id], shown[printer.id], found = next_record(
            records.printers.get(printer.id),
            printer,
            tasks_by_printer.get(printer.id, []),
            now=now,
            after_start=printer.id not in seen,
            asked_at=asked_at,
            word=words.get(printer.id) if words else None,
        )
        events += found
    return replace(records, printers=after), shown, events


def next_record(
    before: PrinterRecord | None,
    printer: Printer,
    tasks: Collection[Task],
    *,
    now: datetime,
    after_start: bool,
    asked_at: datetime | None = None,
    word: Word | None = None,
) -> tuple[PrinterRecord, Printer, list[PrintEvent]]:
    """Return the record of a printer after a good report, what it does, and what to announce.

    before is None at first sight. printer is it by the last answer of bind, which was asked for at
    asked_at, now if that is not given; word is what it says of itself, None while nothing that is
    fresh was heard. tasks are all that is known of this printer's in my/tasks, in any order; the
    caller asks back to LAG before the last reading and for each awaited print. now is the cloud's
    time. after_start says that this is the first report of the printer since the program started.
    The events are in order.
    """
    step = _Step(printer, before, tasks, now=now, after_start=after_start)
    record = step.record(word, asked_at or now)
    return record, step.printer, step.events


class _Step:
    """One good report of one printer: from the record before it to the record after it."""

    def __init__(
        self,
        printer: Printer,
        before: PrinterRecord | None,
        tasks: Collection[Task],
        *,
        now: datetime,
        after_start: bool,
    ) -> None:
        self._polled = self.printer = printer
        self._first_sight = before is None
        # The cloud tells ends in whole seconds.
        baseline = now.replace(microsecond=0)
        known = before or PrinterRecord(baseline=baseline, seen_at=now, online_at=now)
        self._before = known.healed(now)
        self._has_new_baseline = self._before.baseline != known.baseline
        # Of two tellers neither is before the other.
        self._now = max(now, self._before.seen_at)
        self._tasks = tasks
        self._gap = after_start or before is None or now - self._before.seen_at > GAP
        self._tellers = self._before.tellers
        self._word: Word | None = None
        self._listed: dict[str, Print] = {}
        self._listed_active: set[str] = set()
        self._open = {job.print.task_id: job for job in self._before.open}
        self._followed = frozenset(self._open)
        self._announced = dict(self._before.announced)
        self._untold = self._before.untold
        self._last = self._before.last
        self.events: list[PrintEvent] = []

    def record(self, word: Word | None, asked_at: datetime) -> PrinterRecord:
        """Return the record after the report, with its events in self.events."""
        self._read_list(word)
        self._recognize_told()
        change = self._hear(word, asked_at)
        self.printer = self._seen()
        self._recognize_untold()
        self._open_listed()
        if change:
            self._leave(change)
        self._end_by_tasks_and_as_told()
        self._end_by_status()
        self._follow_current()
        self._forget()
        before = self._before
        has_come_back = self.printer.online and before.online_at < before.seen_at
        return replace(
            before,
            seen_at=self._now,
            online_at=self._now if self.printer.online else before.online_at,
            unread_since=before.unread_since or (before.online_at if has_come_back else None),
            open=tuple(self._open.values()),
            announced=self._announced,
            untold=self._untold,
            last=self._last,
            tellers=self._tellers,
        )

    def _hear(self, word: Word | None, asked_at: datetime) -> Change | None:
        """Take what both tell, and see the printer as that of the two does who counts now."""
        tellers = self._tellers.polled(self._polled, asked_at)
        if word and word.heard_at and self._now - word.heard_at <= GAP:
            self._gap = False
        before = tellers.run
        ended, left = self._ended(), self._left()
        tellers, change = tellers.heard(
            word,
            now=self._now,
            ended=ended,
            left=left,
            is_over=before is not None and before.is_followed and before.task_id not in self._open,
        )
        if tellers.run and self._polled.print_job and self._bind_has_ended(tellers.run, asked_at):
            ended.add(self._polled.print_job)
        if change and change.left.task_id:
            ended.add(change.left.task_id)
        tasks = {task.id: task for task in self._tasks}
        taken = self._taken(before)
        self._tellers = tellers.named(tasks, taken=taken, ended=ended | left, now=self._now)
        self._word = word
        if before and (same := change.left if change else self._tellers.run):
            self._rename(before, same)
        return change

    def _ended(self) -> set[str]:
        """Return the ids of prints that are over, be it that they wait for their announcement."""
        # At first sight a status may have been that of the print before.
        ended = {task_id for task_id, at in self._announced.items() if at != self._before.baseline}
        return ended.union(*(job.ids for job in self._open.values()))

    def _left(self) -> set[str]:
        """Return the ids of prints that their printer has left without a word."""
        return {task_id for task_id, job in self._open.items() if task_id and job.is_left}

    def _taken(self, run: Run | None) -> set[str]:
        """Return the ids of prints that were seen to run, but for the one of a run."""
        return {
            task_id
            for task_id, job in self._open.items()
            if task_id and job.seen_active and not (run and run.task_id == task_id)
        }

    def _bind_has_ended(self, run: Run, asked_at: datetime) -> bool:
        """Return if bind said before a run that the job it names has ended."""
        return not self._polled.is_active and asked_at <= run.since

    def _rename(self, old: Run, new: Run) -> None:
        """Let the print that the printer is busy with go by another id: it is the same one."""
        if old.task_id == new.task_id or old.task_id not in self._open or not old.is_followed:
            return
        job = self._open.pop(old.task_id)
        if new.task_id in self._announced:
            return
        if other := self._open.get(new.task_id):
            job = replace(job, print=other.print, seen_by_bind=other.seen_by_bind)
        self._open[new.task_id] = replace(job, print=replace(job.print, task_id=new.task_id))

    def _read_list(self, word: Word | None) -> None:
        """Take what the list tells."""
        busy = self._polled.is_active or self._polled.was_active
        running = [self._polled.print_job] if busy and word is None else []
        if word is not None and word.is_busy:
            run = self._tellers.run
            running = [*word.ids(None), run.name if run else None]
        tasks = believed(self._tasks, running)
        self._listed = {task.id: print_from_task(task, self._polled.id) for task in tasks}
        self._listed_active = {task.id for task in tasks if task.status in ACTIVE_TASK}
        # What the list still shows is remembered whatever the clock says.
        self._announced = {
            task_id: at
            for task_id, at in self._announced.items()
            if task_id in self._listed or self._now - at < MEMORY
        }
        self._untold = tuple(job for job in self._untold if self._now - job.ended_at < MEMORY)
        self._last = newest_print(
            *(job for job in self._listed.values() if job.result), self._before.last
        )

    def _seen(self) -> Printer:
        """Return the printer as that of the two sees it who counts now."""
        word, told = self._word, self._tellers.word
        if word is not None and told is not None:
            run = self._tellers.run
            return replace(
                self._polled,
                online=True,
                status=told.status,
                was_active=False,
                print_job=run.name if run else self._polled.print_job,
                current=self._current(run) if run else None,
            )
        quiet_at = self._tellers.quiet_at
        if (
            told is not None
            and quiet_at is not None
            and self._polled.is_active
            and self._tellers.is_stale
            and not told.is_busy
            and not self._is_current_open()
            and self._now - quiet_at <= HOLD
        ):
            # Bind has not heard yet of the end that the printer told.
            return replace(self._polled, status=told.status, current=None)
        return self._polled

    def _current(self, run: Run) -> CurrentPrint:
        """Return the print that the printer says it is busy with, by all that is known of it."""
        polled, word = self._polled.current, self._word
        known = self._open.get(run.task_id)
        if polled and run.task_id and polled.print.task_id == run.task_id:
            job = polled.print
        elif run.task_id in self._listed:
            job = replace(self._listed[run.task_id], result=None, ended_at=None)
        else:
            job = Print(printer_id=self._polled.id, task_id=run.task_id)
        start = known.print.started_at if known else None
        return CurrentPrint(
            print=replace(
                job,
                title=job.title or (word.name if word else None),
                started_at=job.started_at or start or (run.since if run.has_begun else None),
            ),
            progress=word.progress if word else None,
            progress_estimated=False,
            expected_end=None,
        )

    def _is_current_open(self) -> bool:
        """Return if bind says that the printer is busy with a print that is known to run."""
        current = self._polled.current
        return current is not None and current.print.task_id in self._open

    def _recognize_untold(self) -> None:
        """Recognize the task of a print that had none so far and runs."""
        current, untold = self.printer.current, self._open.get(None)
        if (
            self._tellers.run is None
            and current is not None
            and untold is not None
            and untold.active_at is not None
            and current.print.task_id not in self._open | self._announced
            # What began while that one still printed is that one.
            and (current.print.started_at or untold.since) <= untold.active_at
        ):
            del self._open[None]
            # Until its task tells, it may as well have begun now, and holds no other end up.
            since = untold.since if current.print.started_at else self._now
            self._open[current.print.task_id] = replace(untold, print=current.print, since=since)

    def _recognize_told(self) -> None:
        """Recognize the tasks of prints that were announced by another id, or by none."""
        self._recognize_left()
        # Those that stand in the list by the id that they had.
        self._untold = tuple(job for job in self._untold if self._listed.keys().isdisjoint(job.ids))
        seen = {task_id for task_id, job in self._open.items() if job.seen_active}
        for job in self._untold:
            same = [
                (abs(each.started_at - job.started_at), task_id)
                for task_id, each in self._listed.items()
                if each.started_at
                and task_id not in seen | self._announced.keys()
                and job.may_be(each)
            ]
            if same:
                _, task_id = min(same)
                self._open.pop(task_id, None)
                self._announced[task_id] = self._now
                self._untold = tuple(each for each in self._untold if each is not job)

    def _recognize_left(self) -> None:
        """Recognize the task of a print that the printer left without a word, by another id."""
        seen = {task_id for task_id, job in self._open.items() if job.seen_active}
        for task_id, left in tuple(self._open.items()):
            if not left.is_left or task_id in self._listed:
                continue
            start = left.print.started_at or left.since
            near = [
                (abs(job.started_at - start), job)
                for job in self._listed.values()
                if job.started_at
                and job.task_id not in seen | self._announced.keys()
                and abs(job.started_at - start) <= LATE
            ]
            if near:
                _, job = min(near, key=itemgetter(0))
                del self._open[task_id]
                self._open[job.task_id] = replace(left, print=replace(job, result=None))

    def _leave(self, change: Change) -> None:
        """Take note of how the printer says that its print ended, or that it has another one."""
        run = change.left
        job = self._open.get(run.task_id)
        if change.result is None:
            if run.task_id is None:
                self._drop_untold()
            elif job:
                self._open[run.task_id] = replace(job, is_left=True)
            return
        is_over = run.task_id in self._announced
        if job and run.task_id is None and self._was_told_by_list(job):
            del self._open[None]
            return
        if not run.is_followed and not run.is_again and not is_over:
            # It ended before it had a name.
            self._follow(job, self._begun(run))
            job = self._open.get(run.task_id)
        if job and run.task_id not in self._announced:
            told = self._listed.get(run.task_id or "", job.print)
            told = replace(told, result=change.result, ended_at=self._now)
            self._open[run.task_id] = replace(job, print=told, ids=change.ids or (NO_TASK,))
            ids = tuple(dict.fromkeys(each for each in (run.task_id, *change.ids) if each))
            start = told.started_at or job.since
            untold = UntoldPrint(started_at=start, ended_at=self._now, ids=ids, is_exact=True)
            self._untold += (untold,)

    def _begun(self, run: Run) -> OpenPrint:
        return OpenPrint(print=self._current(run).print, since=run.since, active_at=self._now)

    def _end_by_tasks_and_as_told(self) -> None:
        """Announce the ends that my/tasks and the printer tell, in the order of their prints."""
        ended = [*self._ended_by_tasks(), *self._ended_as_told()]
        for job in sorted(ended, key=self._begin_of):
            known = self._open.get(job.task_id)
            # The list is wrong about the time of one that was seen to run beyond it.
            was_seen = known is not None and known.seen_active and not known.ids
            self._end(replace(job, ended_at=self._now) if was_seen and job.ended_too_soon else job)

    def _begin_of(self, job: Print) -> datetime:
        known = self._open.get(job.task_id)
        return job.started_at or (known.since if known else None) or job.ended_at or self._now

    def _ended_by_tasks(self) -> list[Print]:
        """Return the prints that my/tasks says have ended; the printer tells of its own itself."""
        told = {each for known in self._open.values() for each in known.ids}
        return [
            job
            for task_id, job in self._listed.items()
            if job.result
            and task_id not in told | self._announced.keys()
            and not ((known := self._open.get(task_id)) and known.ids)
        ]

    def _ended_as_told(self) -> list[Print]:
        """Return the prints that the printer says have ended, once it is known why one failed."""
        ended = []
        for known in tuple(self._open.values()):
            job = known.print
            if not known.ids or job.ended_at is None:
                continue
            if job.result is PrintResult.FAILED and job.cancelled is None:
                word = self._word
                cancelled = word is not None and word.was_cancelled(job.ended_at)
                waits = self._now < job.ended_at + CANCEL_AFTER and self._tellers.run is None
                if not cancelled and waits:
                    continue
                errors = word.errors if word else ()
                job = replace(
                    job, cancelled=cancelled or (False if errors else None), errors=errors
                )
                self._open[job.task_id] = replace(known, print=job)
            ended.append(job)
        return ended

    def _end_by_status(self) -> None:
        """Announce the end that bind's status tells, where that is first.

        The status stays until the next print, and beyond its beginning: so it counts only for a
        print that an earlier answer of bind saw run, and not while the printer says that it runs.
        """
        status = self._polled.status
        result = RESULT_OF_STATUS.get(status) if status else None
        task_id = self._polled.print_job
        untold = self._open.get(None)
        if task_id == NO_TASK or (untold and untold.named == task_id):
            task_id = None
        if result is None:
            return
        if self._first_sight and task_id:
            self._announced[task_id] = self._before.baseline
            self._open.pop(task_id, None)
        job = self._open.get(task_id)
        run = self._tellers.run
        if job is None or not job.seen_by_bind or job.ids:
            return
        if self._word is not None and (task_id is None or (run and run.task_id == task_id)):
            return
        told = self._listed.get(task_id, job.print) if task_id else job.print
        if any(told.started_at and start > told.started_at for start in self._starts()):
            # Something was printed since, and the status may speak of that.
            return
        if task_id is None and self._announced_by_list(job):
            del self._open[None]
            return
        self._end(replace(told, result=result, ended_at=job.print.ended_at or self._now))

    def _announced_by_list(self, untold: OpenPrint) -> list[Print]:
        """Return the tasks whose end was announced that may be a print that bind names by none.

        A printer prints one at a time, so it is the one that still ran when this began; the list
        may have taken its end back.
        """
        span = UntoldPrint(started_at=untold.since, ended_at=untold.active_at or self._now)
        return [
            job
            for task_id, job in self._listed.items()
            if task_id in self._announced
            and (job.ended_at is None or job.ended_at > untold.since)
            # What began later is another one, such as a job that was refused meanwhile.
            and (job.started_at is None or job.started_at <= untold.since + SAME_START)
            and span.may_be(job)
        ]

    def _was_told_by_list(self, untold: OpenPrint) -> bool:
        """Return if the list has told the end of what its printer names by no task.

        It may tell the end of the print before that a little late.
        """
        ends = [job.ended_at for job in self._announced_by_list(untold)]
        return any(end is not None and end > untold.since + BIND_LAG for end in ends)

    def _other_since(self, untold: OpenPrint) -> datetime | None:
        """Return since when another print than this may run, which bind names by no task either.

        The list has told the end of this one, and bind would have by now, or something began since.
        """
        ends = [job.ended_at for job in self._announced_by_list(untold)]
        if not ends or None in ends:
            return None
        end = max(filter(None, ends))
        is_other = self._now - end > LAG or any(start >= end for start in self._starts())
        return end if is_other else None

    def _starts(self) -> list[datetime]:
        return [job.started_at for job in self._listed.values() if job.started_at]

    def _end(self, job: Print) -> None:
        """Announce the end of a print, take silent note of it, or leave it for a later report."""
        self._last = newest_print(self._last, job)
        known = self._open.get(job.task_id)
        ended_at = job.ended_at or (self._now if known else self._now - 2 * NEWS)
        if self._has_new_baseline:
            # Its time tells nothing of what ended since the true one.
            is_new = job.task_id in self._followed
        else:
            is_new = self._before.baseline <= ended_at and not self._first_sight
        if is_new and self._now - ended_at <= NEWS:
            if self._follows_an_open(job, ended_at):
                if known:
                    # It ended when that was found out, not when it is announced.
                    self._open[job.task_id] = replace(known, print=job)
                return
            late = self._gap or ended_at < self._before.seen_at - LAG
            self._announce(_END[job.result], job, late=late)
        told = (job.task_id, *(known.ids if known else ()))
        ids = tuple(each for each in told if each is not None and each != NO_TASK)
        if is_new or self._before.baseline <= ended_at:
            self._announced |= dict.fromkeys(ids, self._now)
        if known and job.task_id is None and not known.ids:
            end = known.active_at or self._now
            self._untold += (UntoldPrint(started_at=known.since, ended_at=end),)
        self._open.pop(job.task_id, None)

    def _announce(
        self, what: PrintEventType, job: Print, *, late: bool = False, reason: str | None = None
    ) -> None:
        self.events.append(
            PrintEvent(type=what, print=job, found_at=self._now, late=late, reason=reason)
        )

    def _follows_an_open(self, job: Print, ended_at: datetime) -> bool:
        """Return if an earlier print of the printer is to be announced first."""
        start = job.started_at
        return (
            start is not None
            and job.task_id is not None
            and self._now - ended_at < PATIENCE
            and any(
                task_id not in (None, job.task_id)
                and (other.print.started_at or other.since) < start
                and (self._gap or self._now - (other.active_at or other.since) < PATIENCE)
                for task_id, other in self._open.items()
            )
        )

    def _follow_current(self) -> None:
        """Announce the start or the pause of what the printer is busy with."""
        if self._word is not None:
            self._see_by_bind()
            self._follow_run()
        elif self.printer.current is None:
            self._drop_doubt()
        else:
            self._follow_bind(self.printer.current.print)

    def _follow_bind(self, job: Print) -> None:
        """Announce the start or the pause of what bind says the printer is busy with."""
        if not self._bind_counts(job):
            return
        known = self._open.get(job.task_id)
        paused = self._is_paused_by_bind(known)
        seen = OpenPrint(
            print=job, since=self._now, active_at=self._now, paused=paused, seen_by_bind=True
        )
        if job.task_id and self._announced.get(job.task_id) == self._before.baseline:
            # It ran at first sight, under the status of the print before.
            del self._announced[job.task_id]
            known = seen
        if job.task_id in self._announced:
            if job.in_tasks:
                # The list has taken its end back, so nothing else runs.
                self._drop_untold()
            return
        if job.task_id is not None:
            self._drop_untold()
        elif self.printer.print_job not in (None, NO_TASK):
            seen = replace(seen, named=self.printer.print_job)
            known = known or replace(
                seen, active_at=None, seen_by_bind=False, adopted=not self._is_news(job)
            )
            if self._is_doubtful(known):
                self._open[None] = known
                return
        elif known and (since := self._other_since(known)):
            known, seen = None, replace(seen, since=since)
        self._follow(known, seen)
        if (run := self._tellers.run) and run.task_id == job.task_id:
            # The printer, which is not heard, has told to begin it.
            self._tellers = replace(self._tellers, run=replace(run, is_followed=True))

    def _is_paused_by_bind(self, known: OpenPrint | None) -> bool:
        """Return if bind says that a print is paused, or the printer did when it was heard last."""
        tellers = self._tellers
        was_paused = tellers.word is not None and tellers.word.status is PrinterStatus.PAUSED
        # The cloud of 2026 tells no pause: what the printer told stays.
        stays = was_paused and known is not None and known.paused
        return tellers.is_paused or (stays and not self._before.tellers.is_paused)

    def _bind_counts(self, job: Print) -> bool:
        """Return if bind's word that the printer is busy is about a print that may be new."""
        return (
            not self._tellers.is_stale
            or job.task_id in self._listed_active
            or (job.task_id is not None and job.task_id in self._open)
        )

    def _see_by_bind(self) -> None:
        """Take note that bind shows the print that is open: then its status can end it."""
        current = self._polled.current
        job = self._open.get(current.print.task_id) if current else None
        if job and current and not job.ids and self._bind_counts(current.print):
            self._open[job.print.task_id] = replace(job, seen_by_bind=True)

    def _follow_run(self) -> None:
        """Announce the start or the pause of the run of which the printer tells."""
        run, word = self._tellers.run, self._word
        if run is None or word is None or self.printer.current is None:
            self._drop_untold()
            return
        known = self._open.get(run.task_id)
        if run.task_id in self._announced or (run.is_followed and known is None):
            # It has ended by somebody else's word.
            self._tellers = replace(self._tellers, run=replace(run, is_followed=True))
            return
        if (
            not run.is_followed
            and not run.is_certain
            and known is None
            and self._now < run.follow_at
        ):
            return
        if run.task_id is not None:
            self._drop_untold()
        seen = replace(self._begun(run), paused=self.printer.status is PrinterStatus.PAUSED)
        has_rested = self._tellers.rested_at is not None
        if run.after is None and not run.has_begun and not (has_rested and word.is_at_begin):
            # It was heard for the first time, and began some time before.
            known = known or replace(seen, active_at=None, adopted=True)
        self._follow(known, seen)
        self._tellers = replace(self._tellers, run=replace(run, is_followed=True))

    def _follow(self, known: OpenPrint | None, seen: OpenPrint) -> None:
        """Announce what has changed between what is known of a print and what is seen of it."""
        job = seen.print
        if known is None or not known.seen_active:
            if self._is_news(job) and not (known and known.adopted):
                self._announce(PrintEventType.STARTED, job)
        elif seen.paused is not known.paused:
            what = PrintEventType.PAUSED if seen.paused else PrintEventType.RESUMED
            reason = self._word.stage if self._word and seen.paused else None
            self._announce(what, job, reason=reason)
        if known:
            # The list may not have been asked again since a restart.
            told = known.print if known.print.in_tasks and not job.in_tasks else job
            seen = replace(
                seen,
                print=told,
                since=known.since,
                seen_by_bind=seen.seen_by_bind or known.seen_by_bind,
            )
        self._open[job.task_id] = seen

    def _is_doubtful(self, untold: OpenPrint) -> bool:
        """Return if what seems to run under the id of an ended print may be that one.

        The list tells an end before the printer does, and the two answers cross. If it stays so,
        it is a print without a task, and the printer goes on to name the one before it.
        """
        return not untold.seen_active and self._now - untold.since <= LAG

    def _drop_untold(self) -> None:
        """Forget a print without a task whose end nobody saw: nobody will tell it."""
        if (job := self._open.get(None)) and not job.ids:
            del self._open[None]

    def _drop_doubt(self) -> None:
        """Forget what seemed to run under the id of an ended print: the answers had crossed."""
        untold = self._open.get(None)
        if untold is not None and not untold.seen_active:
            del self._open[None]

    def _is_news(self, job: Print) -> bool:
        """Return if a print that is new to us has just started, as far as can be told."""
        if self._first_sight or self._gap:
            return False
        if job.started_at is None:
            return self._before.online_at == self._before.seen_at
        return job.started_at >= self._before.seen_at - LAG

    def _open_listed(self) -> None:
        """Await the end of prints that my/tasks lists as running and no poll saw run."""
        starts = {job.task_id: job.started_at for job in self._listed.values() if job.started_at}
        newest = max(starts.values(), default=None)
        for task_id, start in starts.items():
            recent = not self._first_sight and start >= self._before.seen_at - LAG
            if (
                task_id in self._listed_active
                and task_id not in self._open | self._announced
                and (recent or start == newest)
                and self._now - start < GIVE_UP
            ):
                self._open[task_id] = OpenPrint(print=self._listed[task_id], since=self._now)

    def _forget(self) -> None:
        """Drop the prints whose end nobody will tell any more."""
        untold = self._open.get(None)
        gone = (
            untold is not None
            and self._polled.status is PrinterStatus.IDLE
            and (untold.seen_by_bind or not untold.seen_active)
            and self._word is None
        )
        # What the printer left without a word, and nobody else knows, nobody will tell of.
        unknown = {
            task_id
            for task_id, job in self._open.items()
            if job.is_left and task_id not in self._listed and not job.seen_by_bind
        }
        self._open = {
            task_id: job
            for task_id, job in self._open.items()
            if self._now - (job.active_at or job.since) < (LAG if task_id in unknown else GIVE_UP)
            and not (gone and task_id is None)
        }


def records_from_dict(data: Any) -> Records:
    """Return records as as_stored gave them; anything else is an UnreadableError."""
    records: Records = from_stored(Records, data)
    for printer_id, record in records.printers.items():
        jobs = [job.print for job in record.open] + [job for job in [record.last] if job]
        if any(job.printer_id != printer_id for job in jobs):
            raise UnreadableError("a print of another printer")
    return records
