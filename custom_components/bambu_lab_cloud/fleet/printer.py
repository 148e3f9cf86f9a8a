"""From a device, its print answer and its tasks to a printer: status, current print, last print."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
import logging

from ..api.models import Device, PrintStatus, Task

_LOGGER = logging.getLogger(__name__)

NO_TASK = "0"
# The serial number would be unique, but names reach logs and states.
_NAMELESS = "3D printer"


class PrinterStatus(StrEnum):
    """What a printer is doing. It calibrates, which is no print, only where it says so itself."""

    OFFLINE = "offline"
    IDLE = "idle"
    CALIBRATING = "calibrating"
    PREPARING = "preparing"
    PRINTING = "printing"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


ACTIVE = frozenset({PrinterStatus.PREPARING, PrinterStatus.PRINTING, PrinterStatus.PAUSED})
ENDED = frozenset({PrinterStatus.FINISHED, PrinterStatus.FAILED})


class PrintResult(StrEnum):
    """How a print ended. The list does not tell a cancelled print from a failed one."""

    FINISHED = "finished"
    FAILED = "failed"


RESULT_OF_STATUS = {
    PrinterStatus.FINISHED: PrintResult.FINISHED,
    PrinterStatus.FAILED: PrintResult.FAILED,
}

_STATUS_BY_NAME = {
    "RUNNING": PrinterStatus.PRINTING,
    "ACTIVE": PrinterStatus.PRINTING,
    "PRINTING": PrinterStatus.PRINTING,
    "PREPARE": PrinterStatus.PREPARING,
    "CREATED": PrinterStatus.PREPARING,
    "SLICING": PrinterStatus.PREPARING,
    "SUCCESS": PrinterStatus.FINISHED,
    "ERROR": PrinterStatus.FAILED,
    "IDLE": PrinterStatus.IDLE,
}
_STATUS_BY_PREFIX = {
    "PAUSE": PrinterStatus.PAUSED,
    "FINISH": PrinterStatus.FINISHED,
    "FAIL": PrinterStatus.FAILED,
    "CANCEL": PrinterStatus.FAILED,
}

_RESULTS = {2: PrintResult.FINISHED, 3: PrintResult.FAILED}
_RUNNING = 4
ACTIVE_TASK = frozenset({1, _RUNNING})
_UNUSED = -1
_TASK_LAG = timedelta(minutes=10)
# No print takes longer: what seems to was told wrongly.
LONGEST = timedelta(days=366)
# A task that runs is listed with an end about its start.
_NO_END = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filament:
    """A filament of a print: color is #RRGGBB, weight the slicer's estimate in g.

    slot counts from 1 over all AMS. The external spool and an AMS HT, which has but one, have none.
    """

    type: str | None
    color: str | None
    weight: float | None
    slot: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One print of one printer.

    weight (g), length (m) and cost_time (s) are the slicer's estimates for the whole plate, also
    of a print that failed. result and ended_at are None while it runs. in_tasks tells whether it
    stands in my/tasks, or only the printer spoke of it. design_id is its page on MakerWorld.
    Whether it was cancelled, and the codes of the errors that ended it, only the printer itself
    tells. The cover is a signed address that changes with every answer, so it is no part of what
    makes two prints equal, but has_cover is: whether there is one.
    """

    printer_id: str = field(repr=False)
    task_id: str | None = None
    title: str | None = None
    result: PrintResult | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cost_time: float | None = None
    weight: float | None = None
    length: float | None = None
    filaments: tuple[Filament, ...] = ()
    plate: int | None = None
    model_id: str | None = None
    design_id: str | None = None
    bed_type: str | None = None
    in_tasks: bool = False
    cancelled: bool | None = None
    errors: tuple[str, ...] = ()
    cover: str | None = field(default=None, repr=False, compare=False)
    has_cover: bool = field(init=False)

    def __post_init__(self) -> None:
        """Say if there is a picture."""
        object.__setattr__(self, "has_cover", self.cover is not None)

    @property
    def duration(self) -> timedelta | None:
        """Return the time between start and end, pauses included; beyond a year it is unknown."""
        if self.started_at is None or self.ended_at is None:
            return None
        duration = self.ended_at - self.started_at
        return duration if timedelta() <= duration <= LONGEST else None

    @property
    def material(self) -> str | None:
        """Return the types of its filaments, each once, as far as a state holds them."""
        types = dict.fromkeys(filament.type for filament in self.filaments if filament.type)
        return ", ".join(types)[:255] or None

    @property
    def ended_too_soon(self) -> bool:
        """Return if it finished in less time than it can have taken, by the slicer's estimate.

        A print that ran was seen listed so, with 19 s of 562 (2026). One that failed may well have.
        """
        return (
            self.result is PrintResult.FINISHED
            and self.duration is not None
            and self.duration <= _NO_END
            and self.duration.total_seconds() * 4 < (self.cost_time or 0)
        )

    @property
    def expected_end(self) -> datetime | None:
        """Return start plus slicing time, also if that has passed; None if either is unknown."""
        if self.started_at is None or not self.cost_time:
            return None
        if self.cost_time > LONGEST.total_seconds():
            return None
        return self.started_at + timedelta(seconds=self.cost_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPrint:
    """The print that a printer is busy with, and how far it is.

    progress is a whole percent, progress_estimated says that it was reckoned from the clock.
    expected_end is absolute and an estimate always; None where unknown or already passed.
    """

    print: Print
    progress: int | None
    progress_estimated: bool
    expected_end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """A printer as owners think of it. online and status are None where the cloud does not say.

    was_active says that it went offline while it was busy, and nobody knows yet how that ended.
    """

    id: str = field(repr=False)
    name: str
    model: str | None
    model_id: str | None
    nozzle_diameter: float | None
    online: bool | None
    status: PrinterStatus | None
    print_job: str | None
    current: CurrentPrint | None
    last: Print | None
    was_active: bool

    @property
    def shown(self) -> Print | None:
        """Return the print that it shows: the running one, else the last."""
        return self.current.print if self.current else self.last

    @property
    def is_active(self) -> bool:
        """Return if it prepares, prints or is paused."""
        return self.status in ACTIVE

    @property
    def is_printing(self) -> bool | None:
        """Return if it is busy with a print, None where that cannot be known."""
        return None if self.status is None or self.was_active else self.is_active


def newest_print(*candidates: Print | None) -> Print | None:
    """Return the print that ended last; of one print, the candidate that comes first.

    The printer's own status tells the end of a print before my/tasks does, so candidates that come
    first are the better told.
    """
    newest: Print | None = None
    for job in candidates:
        if job is not None and (newest is None or _ended_after(job, newest)):
            newest = job
    if newest is None or newest.task_id is None:
        return newest
    same = (job for job in candidates if job and job.task_id == newest.task_id)
    told = next((job for job in same if job.cancelled is not None), newest)
    # The list does not know why it ended.
    return (
        newest if told is newest else replace(newest, cancelled=told.cancelled, errors=told.errors)
    )


def _ended_after(job: Print, other: Print) -> bool:
    """Return if a print ended after another one that is better told."""
    if job.task_id is not None and job.task_id == other.task_id:
        return other.ended_too_soon and not job.ended_too_soon
    # The task of a print that had none turns up with an end a little before what we saw.
    margin = _TASK_LAG * ((job.task_id is None) - (other.task_id is None))
    return _ended_at(job) - _ended_at(other) > margin.total_seconds()


def _ended_at(job: Print) -> float:
    at = job.ended_at or job.started_at
    return at.timestamp() if at else 0.0


def print_from_task(task: Task, printer_id: str) -> Print:
    """Return the print that a task of my/tasks records.

    Status 2 is finished and 3 failed or cancelled (observed 2026); in any other the cloud's
    endTime is a copy of the start and means nothing. MakerWorld prints carry the profile's name as
    title, so the design's title goes first.
    """
    result = _RESULTS.get(task.status) if task.status is not None else None
    return Print(
        printer_id=printer_id,
        task_id=task.id,
        title=task.design_title or task.title,
        result=result,
        started_at=task.start_time,
        ended_at=task.end_time if result else None,
        cost_time=task.cost_time,
        weight=task.weight,
        length=task.length,
        filaments=tuple(
            Filament(
                type=filament.type,
                color=filament.color,
                weight=filament.weight,
                slot=_slot(filament.ams),
            )
            for filament in task.filaments
            # A blank entry is a slot that the print did not use.
            if not (filament.ams == _UNUSED and filament.type is None)
        ),
        plate=task.plate_index,
        model_id=task.model_id,
        design_id=task.design_id,
        bed_type=task.bed_type,
        in_tasks=True,
        cover=task.cover,
    )


def believed(tasks: Iterable[Task], running: Collection[str | None]) -> list[Task]:
    """Return tasks, with one as running that finished too soon while its printer says it runs."""
    return [
        replace(task, status=_RUNNING)
        if task.id in running and print_from_task(task, "").ended_too_soon
        else task
        for task in tasks
    ]


def _slot(ams: int | None) -> int | None:
    """Return the number of a slot, counted from 1 over all AMS.

    The external spool is 255. An AMS HT is 16 to 23 (seen 2026) or 128 and more.
    """
    return ams + 1 if ams is not None and 0 <= ams < 16 else None


def status_from_cloud(raw: str | None) -> PrinterStatus | None:
    """Return what an upper-case status of user/bind or user/print means, None if nobody knows."""
    if raw is None:
        return None
    if status := _STATUS_BY_NAME.get(raw):
        return status
    for prefix, status in _STATUS_BY_PREFIX.items():
        if raw.startswith(prefix):
            return status
    _say_once(raw)
    return None


@lru_cache
def _say_once(raw: str) -> None:
    _LOGGER.debug("The cloud reports a print status that is not known yet: %s", raw)


def derive_printers(
    devices: Iterable[Device],
    statuses: Iterable[PrintStatus],
    tasks: Iterable[Task],
    *,
    now: datetime,
    remembered_jobs: Mapping[str, str],
) -> dict[str, Printer]:
    """Return every printer of user/bind by its id.

    statuses are the answer of user/print of the same poll, empty if it was not asked. tasks are
    those known of my/tasks, in any order. now is the cloud's time. remembered_jobs are the task
    ids that user/print told last, by printer: the cloud of 2022 has no print_job in user/bind.
    """
    status_by_id = {status.id: status for status in statuses}
    tasks_by_id: dict[str, list[Task]] = {}
    for task in tasks:
        if task.device_id is not None:
            tasks_by_id.setdefault(task.device_id, []).append(task)
    return {
        device.id: derive_printer(
            device,
            status_by_id.get(device.id),
            tasks_by_id.get(device.id, ()),
            now=now,
            remembered_job=remembered_jobs.get(device.id),
        )
        for device in devices
    }


def derive_printer(
    device: Device,
    status: PrintStatus | None,
    tasks: Iterable[Task],
    *,
    now: datetime,
    remembered_job: str | None = None,
) -> Printer:
    """Return one printer from the answers about it; see derive_printers for the arguments."""
    online = device.online
    if online is None and status is not None:
        online = status.online
    raw = (status.task_status if status else None) or device.print_status
    told = state = status_from_cloud(raw)
    job = (status.task_id if status else None) or device.print_job
    if job is None:
        # The cloud of 2022 names the job here or, while something runs, says that it has none.
        nameless = status is not None and status.has_task_fields and told in ACTIVE
        job = NO_TASK if nameless else remembered_job
    tasks = believed(tasks, (job,) if told in ACTIVE else ())
    newest_first = sorted(tasks, key=start_of, reverse=True)
    if online is False:
        state = PrinterStatus.OFFLINE
    elif raw is None and online:
        # Bind that names no job does not speak of a task that the list knows before it.
        active = job != NO_TASK and _active_task(newest_first, raw_state=None, job=job, now=now)
        state = PrinterStatus.PRINTING if active else PrinterStatus.IDLE
    return Printer(
        id=device.id,
        name=device.name or (status.name if status else None) or device.product_name or _NAMELESS,
        model=device.product_name,
        model_id=device.model,
        nozzle_diameter=device.nozzle_diameter,
        online=online,
        status=state,
        print_job=job,
        current=_current(device.id, state, status, newest_first, job=job, now=now),
        last=next(
            (
                ended
                for task in sorted(newest_first, key=_end, reverse=True)
                if (ended := print_from_task(task, device.id)).result
            ),
            None,
        ),
        # Its status stays as it was, for days, also if the print ended meanwhile.
        was_active=(
            state is PrinterStatus.OFFLINE
            and told in ACTIVE
            and not any(task.id == job and task.status in _RESULTS for task in newest_first)
        ),
    )


def start_of(task: Task) -> float:
    """Return what sorts tasks by their start; those without one began before all others."""
    return task.start_time.timestamp() if task.start_time else 0.0


def _end(task: Task) -> float:
    return task.end_time.timestamp() if task.end_time else start_of(task)


def _active_task(
    newest_first: list[Task], *, raw_state: PrinterStatus | None, job: str | None, now: datetime
) -> Task | None:
    """Return the task that runs, if one plausibly does.

    Tasks that never ended stay at status 4 for ever. So only the newest of a printer counts, and
    only while something speaks for it: the printer's own state, or the clock. Where the printer
    names it as its job, which may be that of its last print, the clock is given more time.
    """
    if not newest_first or newest_first[0].status not in ACTIVE_TASK:
        return None
    task = newest_first[0]
    if raw_state in ACTIVE:
        return task
    if task.start_time is None or not task.cost_time:
        return None
    taken = (now - task.start_time).total_seconds()
    longest = 3 * task.cost_time + 3600 if task.id == job else 2 * task.cost_time
    return task if taken < longest else None


def _current(
    device_id: str,
    state: PrinterStatus | None,
    status: PrintStatus | None,
    newest_first: list[Task],
    *,
    job: str | None,
    now: datetime,
) -> CurrentPrint | None:
    """Return the print that an active printer is busy with, with all that is known of it."""
    if state not in ACTIVE:
        return None
    if job is None:
        task = _active_task(newest_first, raw_state=state, job=None, now=now)
    else:
        # A task that ended is not what runs now, whatever the job says: the two answers crossed,
        # or the print was started at the printer and has no task. Job "0" matches none.
        task = next((t for t in newest_first if t.id == job and t.status not in _RESULTS), None)
    known = print_from_task(task, device_id) if task else Print(printer_id=device_id)
    ended_job = task is None and any(t.id == job for t in newest_first)
    task_id = known.task_id or (None if ended_job or job == NO_TASK else job)
    current = Print(
        printer_id=device_id,
        task_id=task_id,
        title=known.title or (status.task_name if status else None),
        # What user/print tells has no time zone.
        started_at=known.started_at or (status.start_time if status else None),
        cost_time=(status.prediction if status else None) or known.cost_time,
        weight=known.weight,
        length=known.length,
        filaments=known.filaments,
        plate=known.plate,
        model_id=known.model_id or (status.model_id if status else None),
        design_id=known.design_id,
        bed_type=known.bed_type,
        in_tasks=known.in_tasks,
        cover=known.cover or (status.thumbnail if status else None),
    )
    # How long a pause lasts nobody knows, so the clock tells nothing during one.
    end = None if state is PrinterStatus.PAUSED else current.expected_end
    reported = status.progress if status else None
    progress = _estimate(current, end, now) if reported is None else int(reported)
    return CurrentPrint(
        print=current,
        progress=progress,
        progress_estimated=reported is None,
        expected_end=end if end and end > now else None,
    )


def _estimate(current: Print, end: datetime | None, now: datetime) -> int | None:
    """Return the share of the expected time that has passed, below 100 until the end is known."""
    # A tiny time adds nothing to the start.
    if current.started_at is None or end is None or end <= current.started_at:
        return None
    share = (now - current.started_at) / (end - current.started_at)
    return max(0, min(99, int(share * 100)))
