"""When to ask the cloud again, and for what.

Without live data one question about all printers is asked as often as the most urgent of them
wants. A print ends about when its estimate says: this printer's last prints tell how far off that
is, and in that time, and a little around it, it is asked every 15 to 40 seconds, the longer that
time and the more printers print the less often. Otherwise each minute while one prints, or nobody
knows for how long, and every 90 seconds while several do; each minute for a quarter of an hour once
a printer came on, as it is to print; every three minutes while one is on; every five while all are
off, and every eight after an hour of that. With live data it is asked at once after a begin or an
end, and two minutes later, when it knows of that however late it is, also of what others told
meanwhile; every 30 seconds while the list does not tell the same; and rarely otherwise. my/tasks is
asked when a printer or its job has changed and until the list tells the same, besides once an hour,
or every five minutes while something prints that nobody has named. user/print, which tells little
today, is asked every six hours, and messages when their number has changed.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from ..api.models import Task
from .printer import ENDED, NO_TASK, Printer, PrinterStatus, PrintResult, print_from_task
from .tellers import BIND_LAG

PRINTING = timedelta(minutes=1)
# One of them is likely to end for much of the time, and the others are asked for with it.
SEVERAL_PRINTING = timedelta(seconds=90)
IDLE = timedelta(minutes=3)
# Whoever switches a printer on wants to print.
CAME_ON = timedelta(minutes=1)
_CAME_ON_FOR = timedelta(minutes=15)
NOBODY_ONLINE = timedelta(minutes=5)
# A start is no news if ten minutes lie between two polls, of which one may fail.
NOBODY_ONLINE_FOR_LONG = timedelta(minutes=8)
_FOR_LONG = timedelta(hours=1)
# The time in which a print is likely to end is cut into so many parts, within these bounds.
_PARTS = 75
_SHORTEST, _LONGEST = timedelta(seconds=15), timedelta(seconds=40)
# Each more that prints makes that shortest wait longer, up to some sixty of them: of so many one is
# likely to end at any time.
_FOR_EACH, _SHORTEST_OF_MANY = timedelta(seconds=0.25), timedelta(seconds=30)

# Prints take so much of their estimate, as far as their printer has not shown its own.
_USUAL = 0.9, 1.25
_FEWEST = 3
# What took less or more was paused, or its estimate was that of another print.
_PLAUSIBLE = 0.5, 2.0
# A print may well end this much of its estimate beyond all that this printer has shown, and so
# much later for what heating and the cloud take.
_BEYOND = 0.05
_BEFORE, _AFTER = timedelta(seconds=30), timedelta(minutes=2)

# With live data the printers themselves say what is new, and bind is for the rest.
LIVE = timedelta(minutes=15)
# Should nobody be heard, a printer that comes on is seen before its start is no news any more.
LIVE_ALL_OFF = NOBODY_ONLINE_FOR_LONG
# Home Assistant polls up to a second too early, and need not do so again for the rest of it.
EARLY = timedelta(seconds=2)
AWAITING = timedelta(seconds=30)
# The list lags behind bind by up to a minute. What it only completes is asked for so long after
# that was missed, and after each try.
BETWEEN_TRIES = timedelta(seconds=45)
# What the list does not tell within this it may never tell: of a printer that two accounts share,
# each lists its own prints, and owners delete them.
_AWAITED_FOR = timedelta(minutes=20)

# A print can begin and end between two polls, and leave the printer as it was before.
BETWEEN_TASKS = timedelta(hours=1)
# Nobody else tells what is printed where user/bind does not name it.
BETWEEN_TASKS_OF_NAMELESS = timedelta(minutes=5)
PRINT_STATUS_WITHOUT_TASKS = timedelta(hours=6)
# Messages are read only when another number of them is unread. Nobody waits for them: those about
# prints repeat what was announced, and the others are news of Bambu Lab and of other people.
BETWEEN_COUNTS = timedelta(hours=1)
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(minutes=30)
FIRST_RECONNECT = timedelta(seconds=5)
LONGEST_RECONNECT = timedelta(minutes=5)
# A session that lasts for so long is no sign of trouble when it ends.
LASTING = timedelta(minutes=10)
# The broker once refused every token for days (seen 2023).
FIRST_REFUSAL = timedelta(minutes=15)
LONGEST_REFUSAL = timedelta(hours=6)


def poll_interval(
    printers: Collection[Printer],
    end_windows: Mapping[str, tuple[float, float]],
    *,
    came_on_at: datetime | None,
    on_at: datetime,
    now: datetime,
) -> timedelta:
    """Return how long to wait before user/bind is asked again.

    end_windows are those of usual_end_windows. came_on_at is when a printer was last seen to come
    on, on_at when one was last seen on.
    """
    has_come_on = came_on_at is not None and abs(now - came_on_at) < _CAME_ON_FOR
    idle = CAME_ON if has_come_on else IDLE
    # The clock may have been set back.
    off = NOBODY_ONLINE if abs(now - on_at) < _FOR_LONG else NOBODY_ONLINE_FOR_LONG
    count = sum(each.is_active for each in printers)
    return min(
        (
            _until_end(each, end_windows.get(each.id, _USUAL), now, count)
            if each.is_active
            else (off if each.online is False else idle)
            for each in printers
        ),
        default=off,
    )


def _until_end(
    printer: Printer, window: tuple[float, float], now: datetime, count: int
) -> timedelta:
    """Return how long to wait for the end of a print, while a number of them is under way."""
    job = printer.current.print if printer.current else None
    if job is None or job.started_at is None or job.expected_end is None:
        return PRINTING
    otherwise = PRINTING if count == 1 else SEVERAL_PRINTING
    if printer.status is PrinterStatus.PAUSED:
        return otherwise
    shortest = min(_SHORTEST + (count - 1) * _FOR_EACH, _SHORTEST_OF_MANY)
    estimate = job.expected_end - job.started_at
    begin = job.started_at + estimate * window[0] - _BEFORE
    end = job.started_at + estimate * window[1] + _AFTER
    if begin <= now <= end:
        return min(max((end - begin) / _PARTS, shortest), _LONGEST)
    return max(min(begin - now, otherwise), shortest) if now < begin else otherwise


def usual_end_windows(tasks: Iterable[Task]) -> dict[str, tuple[float, float]]:
    """Return from which to which part of their estimates the prints of each printer may end.

    It is what the tasks that finished took, and a little beyond; a printer of which too few are
    known has none.
    """
    taken: dict[str, list[float]] = {}
    for task in tasks:
        job = print_from_task(task, task.device_id or "")
        if job.result is PrintResult.FINISHED and job.duration and job.cost_time:
            share = job.duration.total_seconds() / job.cost_time
            if _PLAUSIBLE[0] <= share <= _PLAUSIBLE[1]:
                taken.setdefault(job.printer_id, []).append(share)
    return {
        printer_id: (min(shares) - _BEYOND, max(shares) + _BEYOND)
        for printer_id, shares in taken.items()
        if len(shares) >= _FEWEST
    }


def is_looked_for(changed_at: datetime, now: datetime) -> bool:
    """Return if bind is to be asked for what was told at changed_at, and so for what is now."""
    # The clock may have been set back.
    return abs(now - changed_at) < BIND_LAG - EARLY


def live_interval(
    looked_at: datetime, changed_at: datetime, *, awaits: bool, is_any_on: bool, now: datetime
) -> timedelta:
    """Return how long to wait before user/bind is asked again while all that are on are live.

    changed_at is when a printer last told a begin or an end, or before the account was set up, and
    looked_at when that was asked for at once, for the first of several; awaits says that something
    is not listed yet as it was told, or waits for the list.
    """
    # The clock may have been set back.
    looked, changed = abs(now - looked_at), abs(now - changed_at)
    for since in (looked, changed):
        # Then bind knows it, however late it is.
        if since < BIND_LAG - EARLY:
            return BIND_LAG - since
    if awaits and changed < _AWAITED_FOR:
        return AWAITING
    return LIVE if is_any_on else LIVE_ALL_OFF


def tasks_are_due(
    before: Mapping[str, Printer] | None,
    printers: Mapping[str, Printer],
    *,
    asked_at: datetime | None,
    now: datetime,
) -> bool:
    """Return if the newest page of my/tasks should be asked after a poll of user/bind.

    before are the printers after the previous poll, None at the start; printers those of this
    poll with the tasks known so far. It is asked at the start, when a printer is new or its job or
    status changed, and once in a while as long as a printer is on.
    """
    if before is None or asked_at is None:
        return True
    return any(
        (old := before.get(printer.id)) is None
        or (old.status, old.print_job) != (printer.status, printer.print_job)
        or (
            printer.online is not False
            # The clock may have been set back.
            and abs(now - asked_at)
            >= (BETWEEN_TASKS_OF_NAMELESS if _is_nameless(printer) else BETWEEN_TASKS)
        )
        for printer in printers.values()
    )


def _is_nameless(printer: Printer) -> bool:
    """Return if a printer prints what neither it nor the list has named yet."""
    job = printer.current.print if printer.current else None
    return printer.print_job is None and job is not None and not job.in_tasks


def awaits_its_task(printer: Printer) -> bool:
    """Return if a printer's job does not stand in the known tasks as the printer has it.

    my/tasks lags behind user/bind by seconds to a minute, at the start of a print and at its end.
    """
    if printer.print_job in (None, NO_TASK):
        return False
    if printer.current is not None:
        return not printer.current.print.in_tasks
    return printer.status in ENDED and (
        printer.last is None or printer.last.task_id != printer.print_job
    )


def retry_interval(failures: int, jitter: float) -> timedelta:
    """Return how long to wait after a number of failed polls in a row; jitter is from 0 to 1."""
    return _doubled(FIRST_RETRY, failures, LONGEST_RETRY, jitter)


def reconnect_interval(attempts: int, jitter: float) -> timedelta:
    """Return how long to leave the broker alone after a number of attempts, none of which lasted.

    jitter is from 0 to 1.
    """
    return _doubled(FIRST_RECONNECT, attempts, LONGEST_RECONNECT, jitter)


def refusal_interval(refusals: int, jitter: float) -> timedelta:
    """Return how long to wait after the broker refused the token a number of times in a row.

    jitter is from 0 to 1.
    """
    return _doubled(FIRST_REFUSAL, refusals, LONGEST_REFUSAL, jitter)


def _doubled(first: timedelta, times: int, longest: timedelta, jitter: float) -> timedelta:
    return min(first * (1 << min(times - 1, 10)), longest) * (1 + jitter / 4)
