"""From the tasks of years to what is kept of them: totals, hourly statistics, ranges of prints."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from math import fsum
from typing import Any, Self

from ..api.models import Task
from .printer import LONGEST, Print, PrintResult, print_from_task
from .stored import UnreadableError, is_integer, is_number, is_text

# So many prints are kept of a list that never ends …
MOST_PRINTS = 200_000
# … and from then on a reading goes this far down, for what is new.
_FURTHER = 10_000
# Neighbouring pages share some prints, so that one deleted meanwhile does not hide another.
OVERLAP = 5
_LONGEST_TITLE = 255
_RESULTS = tuple(PrintResult)
_TOO_LATE = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPrint:
    """What is kept of a print that ended.

    weight (g) and length (m) are the slicer's estimates for the whole plate, also of a print that
    failed; material is the types of its filaments. A print whose end the cloud does not tell counts
    at its start, as does one that finished sooner than it can have.
    """

    task_id: str
    printer_id: str = field(repr=False)
    title: str | None
    result: PrintResult
    started_at: datetime | None
    ended_at: datetime
    weight: float | None
    length: float | None
    material: str | None = None

    @property
    def duration(self) -> timedelta | None:
        """Return the time between start and end, pauses included; beyond a year it is unknown."""
        if self.started_at is None:
            return None
        duration = self.ended_at - self.started_at
        return duration if timedelta() < duration <= LONGEST else None

    @property
    def began_at(self) -> datetime:
        """Return when it started, its end if it is not known how long it took."""
        return self.ended_at - (self.duration or timedelta())

    def as_print(self) -> Print:
        """Return the print, as far as the history knows it."""
        return Print(
            printer_id=self.printer_id,
            task_id=self.task_id,
            title=self.title,
            result=self.result,
            started_at=self.started_at,
            ended_at=None if self.ended_at == self.started_at else self.ended_at,
            weight=self.weight,
            length=self.length,
            in_tasks=True,
        )


def ended_print(task: Task) -> EndedPrint | None:
    """Return what to keep of a task, None while it runs or if nobody can place it."""
    if task.device_id is None:
        return None
    job = print_from_task(task, task.device_id)
    ended_at = (None if job.ended_too_soon else job.ended_at) or job.started_at
    if job.result is None or ended_at is None:
        return None
    return EndedPrint(
        task_id=task.id,
        printer_id=task.device_id,
        title=job.title[:_LONGEST_TITLE] if job.title else None,
        result=job.result,
        started_at=job.started_at,
        ended_at=ended_at,
        weight=job.weight,
        length=job.length,
        material=job.material,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a reading of the list from its top came, and which tasks it met.

    It is joined once it met prints that an earlier reading had read without a gap, and repeats if
    its last page brought nothing that it had not met before.
    """

    offset: int = 0
    seen: frozenset[str] = frozenset()
    joined: bool = False
    repeats: bool = False


@dataclass(frozen=True, kw_only=True)
class History:
    """The ended prints of an account by task id, and which part of the list they are.

    The list is read from its top, a page at a time, and once to its bottom: depth is how far that
    came, is_complete that it arrived. Prints in loose are known by chance or from a reading that
    was interrupted, so unknown ones may stand between them and the rest.
    """

    prints: Mapping[str, EndedPrint] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    depth: int = 0
    is_complete: bool = False

    @property
    def is_full(self) -> bool:
        """Return if the list has so many prints that it is not read to its bottom."""
        return len(self.prints) >= MOST_PRINTS

    def newest(self, printer_id: str) -> EndedPrint | None:
        """Return the print of a printer that ended last."""
        return self._newest.get(printer_id)

    def of_printer(self, printer_id: str) -> Collection[EndedPrint]:
        """Return the prints of a printer, in no order."""
        return self._by_printer.get(printer_id, ())

    @cached_property
    def _by_printer(self) -> dict[str, list[EndedPrint]]:
        return by_printer(self.prints.values())

    @cached_property
    def _newest(self) -> dict[str, EndedPrint]:
        newest: dict[str, EndedPrint] = {}
        for job in self.prints.values():
            known = newest.get(job.printer_id)
            if known is None or job.ended_at > known.ended_at:
                newest[job.printer_id] = job
        return newest

    def with_tasks(self, tasks: Iterable[Task]) -> Self:
        """Return the history with tasks from anywhere in the list, itself if it knew them."""
        changed = self._changed(tasks)
        if not changed:
            return self
        return replace(
            self,
            prints={**self.prints, **changed},
            loose=self.loose | (changed.keys() - self.prints.keys()),
        )

    def with_page(self, tasks: Sequence[Task], reading: Reading) -> tuple[Self, Reading | None]:
        """Return the history with a page of the list, and how to go on, None if that was the last.

        The cloud's count of tasks can be too low, so only an empty page, or one that repeats what
        this reading met before, is the bottom, and what is full has one: see is_full. An empty list
        tells nothing about known prints.
        """
        ids = {task.id for task in tasks}
        seen = reading.seen | ids
        if not seen and self.prints:
            return self, None
        history = self.with_tasks(tasks)
        joined = reading.joined or self._knows_all(tasks, reading.seen)
        repeats = ids <= reading.seen
        # A page may repeat because as many prints began meanwhile: then the next one does not.
        is_bottom = (repeats and (len(tasks) <= OVERLAP or reading.repeats)) or (
            history.is_full and len(seen) >= _FURTHER
        )
        if is_bottom or (joined and self.is_complete):
            return history._joined(seen, is_complete=True), None  # noqa: SLF001 - of this class
        offset = reading.offset + max(1, len(tasks) - OVERLAP)
        if joined:
            offset = max(offset, self.depth)
            history = history._joined(seen, depth=offset)  # noqa: SLF001
        return history, Reading(offset, seen, joined, repeats)

    def _knows_all(self, tasks: Sequence[Task], seen: frozenset[str]) -> bool:
        """Return if nothing unknown can stand below these tasks, as far as the list was read.

        Before the first reading that is nothing. Where all that was read had not ended, or nothing
        was there to read, no print tells where that was, so the list is read anew.
        """
        if not self.depth and not self.is_complete:
            return True
        settled = self.prints.keys() - self.loose
        ended = {job.task_id for task in tasks if (job := ended_print(task))}
        return not ended.isdisjoint(settled) and ended <= settled | seen

    def _joined(self, seen: frozenset[str], **changes: Any) -> Self:
        """Return the history after a reading that left no gap above the prints known before."""
        return replace(self, loose=self.loose - seen, **changes)

    def _changed(self, tasks: Iterable[Task]) -> dict[str, EndedPrint]:
        """Return the prints that are new or told differently than before."""
        ended = (job for task in tasks if (job := ended_print(task)))
        return {job.task_id: job for job in ended if self.prints.get(job.task_id) != job}

    def as_dict(self) -> dict[str, Any]:
        """Return the history as columns, which JSON holds in a small space."""
        prints = self.prints.values()
        printers = {printer_id: n for n, printer_id in enumerate({p.printer_id for p in prints})}
        return {
            "is_complete": self.is_complete,
            "depth": self.depth,
            "loose": sorted(self.loose),
            "printers": list(printers),
            "task_id": [job.task_id for job in prints],
            "printer": [printers[job.printer_id] for job in prints],
            "title": [job.title for job in prints],
            "result": [_RESULTS.index(job.result) for job in prints],
            "started_at": [_seconds(job.started_at) for job in prints],
            "ended_at": [_seconds(job.ended_at) for job in prints],
            "weight": [job.weight for job in prints],
            "length": [job.length for job in prints],
            "material": [job.material for job in prints],
        }

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Return the history that as_dict described; anything else is an UnreadableError."""
        try:
            return cls._read(data)
        except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError) as err:
            raise UnreadableError(type(err).__name__) from None

    @classmethod
    def _read(cls, data: Any) -> Self:
        printers, loose = data["printers"], data["loose"]
        columns = {
            "task_id": is_text,
            "printer": lambda value: is_integer(value) and 0 <= value < len(printers),
            "title": lambda value: value is None or is_text(value),
            "result": lambda value: is_integer(value) and 0 <= value < len(_RESULTS),
            "started_at": lambda value: value is None or _is_seconds(value),
            "ended_at": _is_seconds,
            "weight": lambda value: value is None or is_number(value),
            "length": lambda value: value is None or is_number(value),
            "material": lambda value: value is None or is_text(value),
        }
        rest = {"is_complete", "depth", "loose", "printers"}
        readable = (
            data.keys() == columns.keys() | rest
            and isinstance(data["is_complete"], bool)
            and is_integer(data["depth"])
            and data["depth"] >= 0
            and all(isinstance(data[name], list) for name in ("printers", "loose", *columns))
            and all(map(is_text, printers + loose))
            and all(all(map(is_right, data[name])) for name, is_right in columns.items())
        )
        if not readable:
            raise TypeError
        rows = zip(*(data[name] for name in columns), strict=True)
        prints = {
            task_id: EndedPrint(
                task_id=task_id,
                printer_id=printers[printer],
                title=title,
                result=_RESULTS[result],
                started_at=None if start is None else datetime.fromtimestamp(start, UTC),
                ended_at=datetime.fromtimestamp(end, UTC),
                weight=weight,
                length=length,
                material=material,
            )
            for task_id, printer, title, result, start, end, weight, length, material in rows
        }
        if len(prints) != len(data["task_id"]):
            raise ValueError
        return cls(
            is_complete=data["is_complete"],
            depth=data["depth"],
            loose=frozenset(loose),
            prints=prints,
        )


def _is_seconds(value: Any) -> bool:
    return is_number(value) and 0 <= value < _TOO_LATE


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    seconds = moment.timestamp()
    # The cloud counts whole seconds, and those are shorter to write.
    return int(seconds) if seconds.is_integer() else seconds


def by_printer(prints: Iterable[EndedPrint]) -> dict[str, list[EndedPrint]]:
    """Return the prints of each printer."""
    grouped: dict[str, list[EndedPrint]] = {}
    for job in prints:
        grouped.setdefault(job.printer_id, []).append(job)
    return grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What prints add up to, failed ones included: g, m and the time printed."""

    prints: int = 0
    finished: int = 0
    print_time: timedelta = timedelta()
    weight: float | None = 0.0
    length: float | None = 0.0

    @property
    def success_rate(self) -> float | None:
        """Return the share of prints that finished in percent, None without prints."""
        return round(self.finished / self.prints * 100, 1) if self.prints else None


def total_of(prints: Collection[EndedPrint]) -> Totals:
    """Return what prints add up to, whoever printed them."""
    if not prints:
        return Totals()
    return Totals(
        prints=len(prints),
        finished=sum(job.result is PrintResult.FINISHED for job in prints),
        print_time=sum((job.duration or timedelta() for job in prints), timedelta()),
        weight=_total(job.weight for job in prints),
        length=_total(job.length for job in prints),
    )


def _total(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of the amounts that are known, None if none is."""
    known = [amount for amount in amounts if amount is not None]
    return round(fsum(known), 2) if known else None


def between(prints: Iterable[EndedPrint], start: datetime, end: datetime) -> list[EndedPrint]:
    """Return the prints that fall into a range at least in part, in their order."""
    found = (job for job in prints if job.began_at < end and job.ended_at > start)
    return sorted(found, key=lambda job: job.ended_at)


def matching(
    prints: Iterable[EndedPrint],
    *,
    printer_ids: Collection[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    result: PrintResult | None = None,
    title: str = "",
) -> list[EndedPrint]:
    """Return the prints of some printers that ended in a range, both its ends included.

    title is a part of the title, in upper or lower case. What is not given may be anything.
    """
    wanted = title.casefold()
    return [
        job
        for job in prints
        if (not printer_ids or job.printer_id in printer_ids)
        and (start is None or job.ended_at >= start)
        and (end is None or job.ended_at <= end)
        and (result is None or job.result is result)
        and wanted in (job.title or "").casefold()
    ]


class Metric(StrEnum):
    """What long-term statistics count: g, hours, and prints."""

    FILAMENT_WEIGHT = "filament_weight"
    PRINT_TIME = "print_time"
    PRINTS = "prints"


_AMOUNTS: dict[Metric, Callable[[EndedPrint], float]] = {
    Metric.FILAMENT_WEIGHT: lambda job: job.weight or 0.0,
    Metric.PRINT_TIME: lambda job: (job.duration or timedelta()) / timedelta(hours=1),
    Metric.PRINTS: lambda job: 1.0,
}


@dataclass(frozen=True, slots=True)
class HourlySum:
    """What an hour added, and the sum from the first print on."""

    state: float
    sum: float


HOUR = timedelta(hours=1)


def _hour_of(job: EndedPrint) -> datetime:
    """Return the hour that a print counts in: the one in which it ended."""
    return job.ended_at.replace(minute=0, second=0, microsecond=0)


def hourly_sums(
    prints: Iterable[EndedPrint], metric: Metric, hours: Iterable[datetime] = ()
) -> dict[datetime, HourlySum]:
    """Return the sums for the hours in which one of a printer's prints ended, and other hours.

    The hour before each is among them: Home Assistant reckons what a period adds from the first
    sum that it finds there, or in the hour before.
    """
    amounts: dict[datetime, list[float]] = {hour: [] for hour in hours}
    for job in prints:
        amounts.setdefault(_hour_of(job), []).append(_AMOUNTS[metric](job))
        amounts.setdefault(_hour_of(job) - HOUR, [])
    states = {hour: round(fsum(amounts[hour]), 4) for hour in sorted(amounts)}
    sums = accumulate(states.values())
    return {
        hour: HourlySum(state, round(total, 4))
        for (hour, state), total in zip(states.items(), sums, strict=True)
    }


def changed_hours(
    before: Mapping[str, EndedPrint], after: Mapping[str, EndedPrint]
) -> dict[str, set[datetime]]:
    """Return the hours of each printer that count differently after than before."""
    hours: dict[str, set[datetime]] = {}
    for task_id, job in after.items():
        old = before.get(task_id)
        if old is not job:
            for each in (job, old or job):
                hours.setdefault(each.printer_id, set()).add(_hour_of(each))
    return hours
