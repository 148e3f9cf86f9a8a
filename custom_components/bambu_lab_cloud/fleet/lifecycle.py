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
from typing import Any, Self

from ..api.models import Task
from .printer import (
    ACTIVE_TASK,
    NO_TASK,
    Print,
    Printer,
    PrinterStatus,
    PrintResult,
    believed,
    newest_print,
    print_from_task,
)
from .stored import UnreadableError, from_stored

# Reports further apart than this leave doubt about what happened between them.
GAP = timedelta(minutes=10)
# my/tasks may list a print this much after it started, or by a clock this much behind.
LAG = timedelta(minutes=10)
# An end that is found later than this is recorded and no news any more.
NEWS = timedelta(hours=24)
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


_RESULT_OF_STATUS = {
    PrinterStatus.FINISHED: PrintResult.FINISHED,
    PrinterStatus.FAILED: PrintResult.FAILED,
}
_END: dict[PrintResult | None, PrintEventType] = {
    PrintResult.FINISHED: PrintEventType.FINISHED,
    PrintResult.FAILED: PrintEventType.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a printer itself says of its print, by push, in the same words as at the last message.

    status is never OFFLINE, and None where it says nothing known. task_id and subtask_id are as it
    tells them, one of which is the id of my/tasks: "0" is none, None is not told. cancelled_at is
    when it last said that a print was cancelled, errors the codes of what is wrong otherwise, and
    stage what it is at.
    """

    status: PrinterStatus | None
    task_id: str | None = None
    subtask_id: str | None = None
    name: str | None = None
    progress: int | None = None
    cancelled_at: datetime | None = None
    errors: tuple[str, ...] = ()
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintEvent:
    """Something to announce about a print, found out by a report; late if that was after a gap."""

    type: PrintEventType
    print: Print
    found_at: datetime
    late: bool = False

    @property
    def is_end(self) -> bool:
        """Return if the print ended."""
        return self.type in _END.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPrint:
    """A print whose end is not known yet; task_id is None for one from an SD card.

    seen_active tells whether a report saw the printer busy with it: only then a status that ends
    prints can mean this one. since is the time of the report that first knew of it, active_at that
    of the last one that saw it run. named is the ended print whose id the printer goes on to name
    during one without a task. adopted says that nobody saw it start.
    """

    print: Print
    since: datetime
    active_at: datetime | None = None
    paused: bool = False
    named: str | None = None
    adopted: bool = False

    @property
    def seen_active(self) -> bool:
        """Return if a report saw the printer busy with it."""
        return self.active_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterRecord:
    """What is remembered of a printer between two reports of it.

    announced maps task ids to when their end was announced, or silently taken note of: at first
    sight, where it is the baseline, the status may have been that of the print before. untracked
    is from when to when the last print without a task was seen; its task may turn up later. last
    is the newest print that is known to have ended.
    """

    baseline: datetime
    seen_at: datetime
    online_at: datetime
    open: tuple[OpenPrint, ...] = ()
    announced: Mapping[str, datetime] = field(default_factory=dict)
    untracked: tuple[datetime, datetime] | None = None
    last: Print | None = None

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
            untracked=self.untracked and (heal(self.untracked[0]), heal(self.untracked[1])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is remembered of all printers, and when they were polled last."""

    polled_at: datetime | None = None
    printers: Mapping[str, PrinterRecord] = field(default_factory=dict, repr=False)

    def polled(self, now: datetime) -> Self:
        """Return the records after a good poll of all printers."""
        return replace(self, polled_at=now)

    def last_poll(self, now: datetime) -> datetime | None:
        """Return when the printers were polled last, None if that is not known."""
        if self.polled_at is None or self.polled_at - now > LAG:
            return None
        return self.polled_at

    def awaited(self, printers: Mapping[str, Printer]) -> dict[str, datetime]:
        """Return the printers with a print whose end only my/tasks can tell, and its start.

        That is every open print but the one that the printer itself reports on.
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

    def is_unfinished(self, printer_id: str) -> bool:
        """Return if a printer was busy when it was last online, with a print of unknown end."""
        record = self.printers.get(printer_id)
        return record is not None and any(
            job.active_at is not None and job.active_at >= record.online_at for job in record.open
        )

    def essence(self) -> dict[str, Any]:
        """Return what must not be lost, which is not the time of the last poll.

        Who saves whenever it changed announces nothing twice after a kill, and misses nothing; a
        kill between the announcement and the save repeats what was announced.
        """
        return {
            printer_id: (
                {(job.print.task_id, job.seen_active, job.paused) for job in record.open},
                record.announced.keys(),
                record.baseline,
                record.untracked,
                record.last,
            )
            for printer_id, record in self.printers.items()
        }

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
) -> tuple[Records, list[PrintEvent]]:
    """Return the records after good reports of these printers, and what to announce, in order.

    It may be all of them or one; when all were polled last is the caller's to say. seen are the ids
    of the printers that were reported since the program started; for the others see next_record.
    """
    tasks_by_printer: dict[str, list[Task]] = {}
    for task in tasks:
        if task.device_id is not None:
            tasks_by_printer.setdefault(task.device_id, []).append(task)
    events: list[PrintEvent] = []
    # A printer that the cloud leaves out keeps its record until somebody takes it `without`.
    after = dict(records.printers)
    for printer in printers.values():
        after[printer.id], found = next_record(
            records.printers.get(printer.id),
            printer,
            tasks_by_printer.get(printer.id, []),
            now=now,
            after_start=printer.id not in seen,
        )
        events += found
    return replace(records, printers=after), events


def next_record(
    before: PrinterRecord | None,
    printer: Printer,
    tasks: Collection[Task],
    *,
    now: datetime,
    after_start: bool,
) -> tuple[PrinterRecord, list[PrintEvent]]:
    """Return the record of a printer after a good report of it, and what to announce, in order.

    before is None at first sight. tasks are all that is known of this printer's in my/tasks, in
    any order; the caller asks back to LAG before the last good poll and for each awaited print.
    now is the cloud's time. after_start says that this is the first report of the printer since
    the program started.
    """
    step = _Step(printer, before, tasks, now=now, after_start=after_start)
    return step.record(), step.events


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
        self._printer = printer
        self._first_sight = before is None
        # The cloud tells ends in whole seconds.
        baseline = now.replace(microsecond=0)
        known = before or PrinterRecord(baseline=baseline, seen_at=now, online_at=now)
        self._before = known.healed(now)
        self._has_new_baseline = self._before.baseline != known.baseline
        busy = printer.is_active or printer.was_active
        tasks = believed(tasks, printer.print_job if busy else None)
        self._listed = {task.id: print_from_task(task, printer.id) for task in tasks}
        self._listed_active = {task.id for task in tasks if task.status in ACTIVE_TASK}
        self._now = now
        self._gap = after_start or before is None or now - self._before.seen_at > GAP
        self._open = {job.print.task_id: job for job in self._before.open}
        self._followed = frozenset(self._open)
        # What the list still shows is remembered whatever the clock says.
        self._announced = {
            task_id: at
            for task_id, at in self._before.announced.items()
            if task_id in self._listed or now - at < MEMORY
        }
        self._untracked = self._before.untracked
        self._last = newest_print(
            *(job for job in self._listed.values() if job.result), self._before.last
        )
        self.events: list[PrintEvent] = []

    def record(self) -> PrinterRecord:
        """Return the record after the report, with its events in self.events."""
        self._merge_untracked()
        self._open_listed()
        self._end_by_tasks()
        self._end_by_status()
        self._follow_current()
        self._forget()
        return replace(
            self._before,
            seen_at=self._now,
            online_at=self._now if self._printer.online else self._before.online_at,
            open=tuple(self._open.values()),
            announced=self._announced,
            untracked=self._untracked,
            last=self._last,
        )

    def _merge_untracked(self) -> None:
        """Recognize the task of a print that had none so far, running or ended."""
        current, untold = self._printer.current, self._open.get(None)
        if (
            current is not None
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
        if self._untracked is None:
            return
        start, end = self._untracked
        for task_id, job in self._listed.items():
            if (
                task_id not in self._open | self._announced
                and job.started_at is not None
                and start - LAG <= job.started_at <= end
            ):
                self._announced[task_id] = self._now
                self._untracked = None
                return

    def _end_by_tasks(self) -> None:
        """Announce the ends that my/tasks tells, oldest first."""
        ended = [job for job in self._listed.values() if job.result]
        for job in sorted(ended, key=lambda job: job.ended_at or job.started_at or self._now):
            if job.task_id in self._announced:
                continue
            known = self._open.get(job.task_id)
            seen_longer = job.ended_too_soon and known is not None and known.seen_active
            self._end(replace(job, ended_at=self._now) if seen_longer else job)

    def _end_by_status(self) -> None:
        """Announce the end that the printer's own status tells, where that is first.

        The status stays until the next print, and beyond its beginning: so it counts only for a
        print that an earlier report saw run.
        """
        result = _RESULT_OF_STATUS.get(self._printer.status) if self._printer.status else None
        task_id = self._printer.print_job
        untold = self._open.get(None)
        if task_id == NO_TASK or (untold and untold.named == task_id):
            task_id = None
        if result is None:
            return
        if self._first_sight and task_id:
            self._announced[task_id] = self._before.baseline
            self._open.pop(task_id, None)
        job = self._open.get(task_id)
        if job is None or not job.seen_active:
            return
        told = self._listed.get(task_id, job.print) if task_id else job.print
        if any(told.started_at and start > told.started_at for start in self._starts()):
            # Something was printed since, and the status may speak of that.
            return
        self._end(replace(told, result=result, ended_at=job.print.ended_at or self._now))
        if task_id is None:
            self._untracked = (job.since, job.active_at or self._now)

    def _starts(self) -> list[datetime]:
        return [job.started_at for job in self._listed.values() if job.started_at]

    def _end(self, job: Print) -> None:
        """Announce the end of a print, take silent note of it, or leave it for a later report."""
        self._last = newest_print(self._last, job)
        ended_at = job.ended_at or (
            self._now if job.task_id in self._open else self._now - 2 * NEWS
        )
        if self._has_new_baseline:
            # Its time tells nothing of what ended since the true one.
            is_new = job.task_id in self._followed
        else:
            is_new = self._before.baseline <= ended_at and not self._first_sight
        if is_new and self._now - ended_at <= NEWS:
            if self._follows_an_open(job, ended_at):
                if known := self._open.get(job.task_id):
                    # It ended when that was found out, not when it is announced.
                    self._open[job.task_id] = replace(known, print=job)
                return
            late = self._gap or ended_at < self._before.seen_at - LAG
            self._announce(_END[job.result], job, late=late)
        if job.task_id is not None and (is_new or self._before.baseline <= ended_at):
            self._announced[job.task_id] = self._now
        self._open.pop(job.task_id, None)

    def _announce(self, what: PrintEventType, job: Print, *, late: bool = False) -> None:
        self.events.append(PrintEvent(type=what, print=job, found_at=self._now, late=late))

    def _follows_an_open(self, job: Print, ended_at: datetime) -> bool:
        """Return if an earlier print of the printer is to be announced first."""
        start = job.started_at
        return (
            start is not None
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
        if self._printer.current is None:
            self._drop_doubt()
            return
        job = self._printer.current.print
        paused = self._printer.status is PrinterStatus.PAUSED
        seen = OpenPrint(print=job, since=self._now, active_at=self._now, paused=paused)
        known = self._open.get(job.task_id)
        if job.task_id and self._announced.get(job.task_id) == self._before.baseline:
            # It ran at first sight, under the status of the print before.
            del self._announced[job.task_id]
            known = seen
        if job.task_id in self._announced:
            if job.in_tasks:
                # The list has taken its end back, so nothing else runs.
                self._open.pop(None, None)
            return
        if job.task_id is not None:
            # Nobody saw the end of a print without a task, and nobody will tell it.
            self._open.pop(None, None)
        elif self._printer.print_job not in (None, NO_TASK):
            seen = replace(seen, named=self._printer.print_job)
            known = known or replace(seen, active_at=None, adopted=not self._is_news(job))
            if self._is_doubtful(known):
                self._open[None] = known
                return
        self._follow(known, seen)

    def _follow(self, known: OpenPrint | None, seen: OpenPrint) -> None:
        """Announce what has changed between what is known of a print and what is seen of it."""
        job = seen.print
        if known is None or not known.seen_active:
            if self._is_news(job) and not (known and known.adopted):
                self._announce(PrintEventType.STARTED, job)
        elif seen.paused is not known.paused:
            what = PrintEventType.PAUSED if seen.paused else PrintEventType.RESUMED
            self._announce(what, job)
        if known:
            # The list may not have been asked again since a restart.
            told = known.print if known.print.in_tasks and not job.in_tasks else job
            seen = replace(seen, print=told, since=known.since)
        self._open[job.task_id] = seen

    def _is_doubtful(self, untold: OpenPrint) -> bool:
        """Return if what seems to run under the id of an ended print may be that one.

        The list tells an end before the printer does, and the two answers cross. If it stays so,
        it is a print without a task, and the printer goes on to name the one before it.
        """
        return not untold.seen_active and self._now - untold.since <= LAG

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
        untracked = self._open.get(None)
        gone = untracked is not None and self._printer.status is PrinterStatus.IDLE
        self._open = {
            task_id: job
            for task_id, job in self._open.items()
            if self._now - (job.active_at or job.since) < GIVE_UP and not (gone and task_id is None)
        }


def records_from_dict(data: Any) -> Records:
    """Return records as as_stored gave them; anything else is an UnreadableError."""
    records: Records = from_stored(Records, data)
    for printer_id, record in records.printers.items():
        jobs = [job.print for job in record.open] + [job for job in [record.last] if job]
        if any(job.printer_id != printer_id for job in jobs):
            raise UnreadableError("a print of another printer")
    return records
