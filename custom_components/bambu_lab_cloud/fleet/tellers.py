"""The two who tell of a printer, the HTTP cloud and the printer itself: what each said last.

The printer is ahead: bind hears of a start or an end up to a minute later, and may name the print
by another id. So each is compared with its own last word alone, and a printer has one print at a
time, whatever the two call it. What it is busy with from one change to the next is a Run. The
Tellers follow the runs: `polled` takes an answer of bind, `heard` a word of the printer, and
`named` finds out which print of my/tasks the run is.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..api.models import Task
from .printer import (
    ACTIVE,
    ENDED,
    NO_TASK,
    RESULT_OF_STATUS,
    Printer,
    PrinterStatus,
    PrintResult,
)

# A start that only the printer tells waits so long for its name: for bind, the list, or the next
# message of a printer that tells everything each second. With the way it is two seconds.
NAMING = timedelta(seconds=1.5)
# A print that seems to begin under the id of one that has ended is another one after so long.
AGAIN = timedelta(seconds=10)
_AT_ITS_BEGIN = 5
# A print fails, and is said to have been cancelled, within these.
_CANCEL_BEFORE = timedelta(seconds=10)
CANCEL_AFTER = timedelta(seconds=2)
# How far behind the printer bind may be, and how far apart two tell the start of one print.
BIND_LAG = timedelta(minutes=2)
SAME_START = timedelta(minutes=2)
# A push may come so late.
LATE = timedelta(seconds=30)
# How long an id that no list knows may still be that of a print of the cloud.
UNLISTED = timedelta(minutes=10)
# How long an end that the printer told stays shown while bind goes on to say that it prints.
HOLD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a printer itself says of its print, by push.

    status is never OFFLINE, and None where it says nothing known. task_id and subtask_id are as it
    tells them, one of which is the id of my/tasks: "0" is none, None is not told. cancelled_at is
    when it last said that a print was cancelled, errors the codes of what is wrong otherwise, and
    stage why it is paused, where it says so. heard_at is when it was heard before it said so.
    """

    status: PrinterStatus | None
    task_id: str | None = None
    subtask_id: str | None = None
    name: str | None = None
    progress: int | None = None
    cancelled_at: datetime | None = None
    errors: tuple[str, ...] = ()
    stage: str | None = None
    heard_at: datetime | None = None

    @property
    def is_busy(self) -> bool:
        """Return if it prints, prepares to or is paused; calibrating is no print."""
        return self.status in ACTIVE

    @property
    def is_at_begin(self) -> bool:
        """Return if its print has just begun, as far as it tells."""
        return self.status is PrinterStatus.PREPARING or (
            self.progress is not None and self.progress < _AT_ITS_BEGIN
        )

    @property
    def essence(self) -> Word:
        """Return what of it may be news of a print."""
        return replace(self, progress=None, errors=(), stage=None, heard_at=None)

    def ids(self, field: str | None) -> tuple[str, ...]:
        """Return the ids that may be the list's, the likelier first; field is the one that is."""
        told = {"task_id": self.task_id, "subtask_id": self.subtask_id}
        ids = [told[field]] if field else list(told.values())
        return tuple(each for each in ids if each is not None and each != NO_TASK)

    def was_cancelled(self, at: datetime) -> bool:
        """Return if what ended at that time was cancelled."""
        return self.cancelled_at is not None and (
            at - _CANCEL_BEFORE <= self.cancelled_at <= at + CANCEL_AFTER
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a printer is busy with from one change that it told to the next.

    since is when that was heard first, after the last time it said otherwise. has_begun says that
    it was heard to begin. name is the id of its print, NO_TASK if it has none; is_certain that
    bind or the list tells the same. is_followed says that its start is announced or never will be.
    is_again says that it goes by the id of a print that has ended, and so may be another.
    """

    since: datetime
    after: datetime | None
    has_begun: bool
    name: str = NO_TASK
    is_certain: bool = False
    is_followed: bool = False
    is_again: bool = False

    @property
    def task_id(self) -> str | None:
        """Return the id of its print, None for one without a task."""
        return None if self.name == NO_TASK else self.name

    @property
    def follow_at(self) -> datetime:
        """Return when its start is told at the latest."""
        return self.since + (AGAIN if self.is_again else NAMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A run that is over, by which ids, and how it ended, None if the printer does not tell."""

    left: Run
    ids: tuple[str, ...]
    result: PrintResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tellers:
    """What both said last.

    Of bind: asked_at is when it was asked, busy_since since when it has said without a break that
    the printer is busy, rested_at when it last said otherwise; job is the one that it names while
    the printer is busy, job_since since when, is_paused whether it says so.

    Of the printer: its word, is_lost if it is not heard since, its run, over the ids of the run
    before, quiet_at when it last told an end or a calibration. id_field is which of its two ids is
    that of my/tasks, learnt from the first print that both name.
    """

    asked_at: datetime | None = None
    busy_since: datetime | None = None
    rested_at: datetime | None = None
    job: str | None = None
    job_since: datetime | None = None
    is_paused: bool = False
    word: Word | None = None
    is_lost: bool = False
    run: Run | None = None
    over: tuple[str, ...] = ()
    quiet_at: datetime | None = None
    id_field: str | None = None

    @property
    def is_stale(self) -> bool:
        """Return if bind, which says busy, may speak of what the printer told to be over."""
        if self.quiet_at is None or self.busy_since is None:
            return False
        if self.run and self.asked_at and self.asked_at > self.run.since + BIND_LAG:
            # It has heard of what the printer told to begin after that.
            return False
        calibrates = self.word is not None and self.word.status is PrinterStatus.CALIBRATING
        lag = self.quiet_at + BIND_LAG
        is_named = self._bind_id and self.job_since and self.job_since > lag
        return not is_named and (calibrates or self.busy_since <= lag)

    @property
    def _bind_id(self) -> str | None:
        """Return the id of what bind says the printer is busy with, None if it names none."""
        return None if self.job == NO_TASK else self.job

    @property
    def essence(self) -> Tellers:
        """Return what of them must not be lost."""
        return replace(self, asked_at=None, rested_at=None, is_lost=False)

    def healed(self, heal: Callable[[datetime], datetime]) -> Tellers:
        """Return the tellers with each time healed."""
        return replace(
            self,
            busy_since=self.busy_since and heal(self.busy_since),
            rested_at=self.rested_at and heal(self.rested_at),
            job_since=self.job_since and heal(self.job_since),
            quiet_at=self.quiet_at and heal(self.quiet_at),
            run=self.run
            and replace(
                self.run, since=heal(self.run.since), after=self.run.after and heal(self.run.after)
            ),
        )

    def polled(self, printer: Printer, asked_at: datetime) -> Tellers:
        """Return the tellers after an answer of bind that was asked for at that time."""
        if asked_at == self.asked_at:
            return self
        if printer.status is PrinterStatus.OFFLINE:
            # Its status stands still.
            return replace(self, asked_at=asked_at)
        is_busy = printer.is_active
        job = printer.print_job if is_busy else None
        word = self.word
        if word and self.is_lost and not is_busy and word.status is PrinterStatus.CALIBRATING:
            # That is over.
            word = replace(word, status=PrinterStatus.IDLE)
        return replace(
            self,
            word=word,
            asked_at=asked_at,
            busy_since=(self.busy_since or asked_at) if is_busy else None,
            rested_at=self.rested_at if is_busy else asked_at,
            job=job,
            job_since=self.job_since if job == self.job else asked_at,
            is_paused=printer.status is PrinterStatus.PAUSED,
        )

    def heard(
        self,
        word: Word | None,
        *,
        now: datetime,
        ended: Collection[str],
        left: Collection[str],
        is_over: bool,
    ) -> tuple[Tellers, Change | None]:
        """Return the tellers after a word of the printer, and how its run ended, if it did.

        A word that it is busy goes on with the run, unless it is of another print; any other ends
        it. Without a word the printer is lost, and the run stands. ended are the ids of prints that
        are over, left of those that the printer went idle from, or to another, without a word, and
        is_over tells that the run's own is one of the ended.
        """
        if word is None:
            return replace(self, is_lost=self.word is not None), None
        before, run = self.word, self.run
        if word.status is None:
            # A word that nobody knows changes nothing.
            if before is None:
                return self, None
            word = replace(word, status=before.status)
        is_other = before is not None and (
            self._is_other(before, word, now) or (self.is_lost and is_over)
        )
        if is_other and run and self._awaits_its_id(run, now):
            run = self._with_own_id(run, word, {*ended, *left}, is_over=is_over)
            before, is_other = _bare(word), False
        if word.is_busy and run and not is_other:
            return replace(self, word=_refined(word, before), run=run, is_lost=False), None
        change = self._left(run, before, word, now, is_other=is_other) if run else None
        over = self._over(before, word, change)
        after = replace(self, word=_bare(word), run=None, over=over, is_lost=False)
        if word.is_busy:
            if change is None and self.quiet_at and now - self.quiet_at > BIND_LAG:
                # Bind does not speak any more of the print before, whose id may be unknown.
                after = replace(after, over=tuple(each for each in over if each != NO_TASK))
            return replace(after, run=self._begun(word, now, ended, left)), change
        calibrates = word.status is PrinterStatus.CALIBRATING
        has_ended = self.word is None or self.word.status != word.status
        if has_ended or is_other or calibrates:
            after = replace(after, quiet_at=now)
        return after, change

    def _awaits_its_id(self, run: Run, now: datetime) -> bool:
        """Return if a run that goes by the id of the print before it may get one of its own."""
        is_soon = not self.is_lost or now - run.since < SAME_START
        return run.is_again and (is_soon or self._is_binds(run, now))

    def _with_own_id(self, run: Run, word: Word, ended: Collection[str], *, is_over: bool) -> Run:
        """Return a run that went by the id of an ended print, by the id that it has now."""
        own = word.ids(self.id_field)
        lingers = not {*ended, *self.over}.isdisjoint(own) or (
            # Bind and the list know it by another one.
            run.is_certain and run.name not in word.ids(None)
        )
        if not run.is_certain and not lingers:
            is_followed = run.is_followed and not is_over
            run = replace(run, name=own[0] if own else NO_TASK, is_followed=is_followed)
        return replace(run, is_again=lingers)

    def _left(
        self, run: Run, before: Word | None, word: Word, now: datetime, *, is_other: bool
    ) -> Change:
        """Return how a run is over with a word."""
        is_end = not is_other and not word.is_busy
        last = _refined(word, before) if is_end else before
        ids = last.ids(self.id_field) if last and not run.is_again else ()
        if ids and run.name == NO_TASK and not run.is_certain:
            # Its id came with its end.
            run = replace(run, name=ids[0])
        return Change(left=run, ids=ids, result=_result(word, now) if is_end else None)

    def _over(self, before: Word | None, word: Word, change: Change | None) -> tuple[str, ...]:
        """Return the ids of what is over, which the printer goes on to name a while."""
        # What went by an id of its own alone may have another one.
        name = change.left.name if change and change.left.is_certain else NO_TASK
        left = (*change.ids, name) if change else ()
        has_ended = word.status in ENDED and (
            before is None or self.is_lost or before.status not in ENDED
        )
        named = word.ids(self.id_field) if has_ended else ()
        return (*left, *named) or self.over

    def _is_binds(self, run: Run | None, now: datetime) -> bool:
        """Return if bind has just said, of the print that the printer is busy with, that it is."""
        return (
            run is not None
            and run.name == self.job
            and (run.is_certain or not self.is_stale)
            and self.asked_at is not None
            and now - self.asked_at <= LATE
        )

    def _is_other(self, before: Word, word: Word, now: datetime) -> bool:
        """Return if the printer names another print than it did."""
        fields = (self.id_field,) if self.id_field else ("task_id", "subtask_id")
        pairs = [(getattr(before, each), getattr(word, each)) for each in fields]
        told = [(old, new) for old, new in pairs if old is not None and new is not None]
        told = [each for each in told if each != (NO_TASK, NO_TASK)]
        if self._may_get_its_id(word, now):
            told = [(old, new) for old, new in told if old != NO_TASK]
        elif not told:
            # Nothing but its name tells a print from the card from another one.
            told = [(before.name, word.name)] if before.name and word.name else []
        return bool(told) and all(old != new for old, new in told)

    def _may_get_its_id(self, word: Word, now: datetime) -> bool:
        """Return if an id that was not told so far makes it no other print.

        It comes a while after the start, at the latest with all that the printer says once bind
        has named the print, or later while bind goes on with the run.
        """
        run = self.run
        is_binds = self._is_binds(run, now)
        if self.is_lost and not is_binds:
            return False
        return (
            run is None
            or now - run.since <= (LATE if run.is_certain else BIND_LAG + LATE)
            or run.name in word.ids(None)
            or is_binds
        )

    def _begun(
        self, word: Word, now: datetime, ended: Collection[str], left: Collection[str]
    ) -> Run:
        """Return the run that begins with a word."""
        before = self.word
        has_begun = before is not None and not self.is_lost
        ids = word.ids(self.id_field)
        is_again = any(each in {*ended, *left, *self.over} for each in ids)
        # It goes idle from an end, but also when the power is lost, and may then resume.
        was_over = before is not None and (
            before.status in ENDED
            or (before.status is PrinterStatus.IDLE and any(each in ended for each in ids))
        )
        may_be_another = was_over and has_begun and word.is_at_begin
        return Run(
            since=now,
            after=word.heard_at if before else None,
            has_begun=has_begun,
            is_followed=is_again and not may_be_another,
            is_again=is_again,
        )

    def named(
        self,
        tasks: Mapping[str, Task],
        *,
        taken: Collection[str],
        ended: Collection[str],
        now: datetime,
    ) -> Tellers:
        """Return the tellers with the run by the name that is the likeliest of all.

        That is an id of the printer's which bind or the list tells as well; else the job that bind
        names, if it can be the run; else the task that began when the run did. These are certain.
        Until then it goes by its own id, while the list may still come to know that, or by none.

        tasks are the printer's in my/tasks; taken are the ids of other prints, ended of those that
        are over.
        """
        word, run = self.word, self.run
        if word is None or run is None:
            return self
        # What goes by the id of an ended print has none of its own.
        own = () if run.is_again else word.ids(self.id_field)
        ids = () if run.is_again else (*own, *word.ids(None))
        listed = next((each for each in ids if each in tasks), None)
        if known := self._bind_id if self._bind_id in ids else listed:
            field = self._field_of(word, known)
            return replace(self, id_field=field, run=replace(run, name=known, is_certain=True))
        if run.is_certain:
            return self
        # An id of its own is likelier to be listed soon than to be no task's.
        is_own = bool(own) and now - run.since <= UNLISTED
        within = LATE if is_own else SAME_START
        name = (
            self._named_by_bind(tasks, run, ended=ended, has_id=bool(own), now=now)
            or _nearest(tasks.values(), run, {*taken, *ended}, within)
            # The list may have told all of it before the printer was heard.
            or _nearest(tasks.values(), run, {*taken, *self.over}, LATE)
        )
        if name:
            return replace(self, run=replace(run, name=name, is_certain=True))
        # Bind knows the print, and no id.
        is_without = self.job == NO_TASK and not self.is_stale
        return replace(
            self, run=replace(run, name=own[0] if is_own and not is_without else NO_TASK)
        )

    def _field_of(self, word: Word, task_id: str) -> str:
        """Return which of the ids of a word is that of my/tasks: the one that was, if it can be."""
        if self.id_field and getattr(word, self.id_field) == task_id:
            return self.id_field
        return "task_id" if word.task_id == task_id else "subtask_id"

    def _named_by_bind(
        self,
        tasks: Mapping[str, Task],
        run: Run,
        *,
        ended: Collection[str],
        has_id: bool,
        now: datetime,
    ) -> str | None:
        """Return the id of what bind is busy with, None if that is another print than the run."""
        bind = self._bind_id
        if not bind or bind in ended:
            return None
        begin = run.since - LATE if run.has_begun else run.after and run.after - BIND_LAG
        since = self.job_since or now
        # It began after the end that the printer told last, and the word of its begin was lost.
        is_next = not has_id and self.quiet_at is not None and since > self.quiet_at
        named_before = begin is not None and since < begin and not is_next
        is_old = self.asked_at is None or self.asked_at < run.since - BIND_LAG
        # Bind would have heard of it by then.
        has_rested = self.rested_at is not None and self.rested_at > run.since + BIND_LAG
        # It may still speak of the print before, whose id nobody knows.
        is_new = run.has_begun and now - run.since < BIND_LAG
        may_lag = has_id and is_new and NO_TASK in self.over
        start = tasks[bind].start_time if bind in tasks else None
        began_later = run.has_begun and start is not None and start - run.since > SAME_START
        may_not = named_before or is_old or has_rested or may_lag or began_later
        return None if may_not else bind


def _bare(word: Word) -> Word:
    """Return what of a word is compared with the next one."""
    return Word(
        status=word.status, task_id=word.task_id, subtask_id=word.subtask_id, name=word.name
    )


def _refined(word: Word, before: Word | None) -> Word:
    """Return a word with the ids that were told at the beginning of the run."""
    if before is None:
        return _bare(word)

    def first(old: str | None, new: str | None) -> str | None:
        return new if old in (None, NO_TASK) and new is not None else old

    return Word(
        status=word.status,
        task_id=first(before.task_id, word.task_id),
        subtask_id=first(before.subtask_id, word.subtask_id),
        name=word.name or before.name,
    )


def _result(word: Word, now: datetime) -> PrintResult | None:
    """Return how a print ended, by the printer's word after it."""
    if word.status in RESULT_OF_STATUS:
        return RESULT_OF_STATUS[word.status]
    return PrintResult.FAILED if word.was_cancelled(now) else None


def _nearest(
    tasks: Collection[Task], run: Run, taken: Collection[str], within: timedelta
) -> str | None:
    """Return the task that began when the run did, of those that are no other print's."""
    if not run.has_begun:
        return None
    near = [
        (abs(task.start_time - run.since), task.id)
        for task in tasks
        if task.id not in taken
        and task.start_time
        and abs(task.start_time - run.since) <= within
        and not (task.end_time and task.start_time < task.end_time < run.since - LATE)
    ]
    return min(near)[1] if near else None
