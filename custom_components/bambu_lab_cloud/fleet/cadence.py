"""When to ask the cloud again, and for what."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from .printer import ENDED, NO_TASK, Printer

NEAR_END = timedelta(seconds=25)
PRINTING = timedelta(minutes=1)
IDLE = timedelta(minutes=2)
NOBODY_ONLINE = timedelta(minutes=5)

# With live data the printers themselves say what is new, and bind is for the rest.
LIVE = timedelta(minutes=15)
# Should nobody be heard, a printer that comes on is seen before its start is no news any more.
LIVE_ALL_OFF = timedelta(minutes=9)
# It is late: so it is asked that long after what a printer told.
_AFTER_CHANGE = [timedelta(seconds=seconds) for seconds in (5, 30, 60, 120)]
AWAITING = timedelta(seconds=30)
# What the list does not tell within this it may never tell: of a printer that two accounts share,
# each lists its own prints, and owners delete them.
_AWAITED_FOR = timedelta(minutes=20)

# How long before its expected end a print is polled faster.
_NEAR = timedelta(minutes=3)
# Prints run over their estimate a little, rarely much: after this the pace is the usual one again.
_OVER = timedelta(minutes=10)

TASKS_WHILE_PRINTING = timedelta(minutes=5)
# A print can begin and end between two polls, and leave the printer as it was before.
TASKS_OTHERWISE = timedelta(hours=1)
PRINT_STATUS_WITHOUT_TASKS = timedelta(hours=6)
# Messages are read only when another number of them is unread.
MESSAGES_WHILE_LIVE = timedelta(minutes=30)
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(minutes=30)
FIRST_RECONNECT = timedelta(seconds=5)
LONGEST_RECONNECT = timedelta(minutes=5)
# A session that lasts for so long is no sign of trouble when it ends.
LASTING = timedelta(minutes=10)
# The broker once refused every token for days (seen 2023).
FIRST_REFUSAL = timedelta(minutes=15)
LONGEST_REFUSAL = timedelta(hours=6)


def poll_interval(printers: Collection[Printer], now: datetime) -> timedelta:
    """Return how long to wait before user/bind is asked again."""
    if any(printer.is_active for printer in printers):
        return NEAR_END if any(_is_near_end(p, now) for p in printers) else PRINTING
    return IDLE if any(printer.online for printer in printers) else NOBODY_ONLINE


def live_interval(
    changed_at: datetime, *, awaits: bool, is_any_on: bool, now: datetime
) -> timedelta:
    """Return how long to wait before user/bind is asked again while all that are on are live.

    changed_at is when a printer last told a begin or an end, or when the account was set up; awaits
    says that something is not listed yet as it was told, or waits for the list.
    """
    # The clock may have been set back.
    since = abs(now - changed_at)
    for after in _AFTER_CHANGE:
        if since < after:
            return after - since
    if awaits and since < _AWAITED_FOR:
        return AWAITING
    return LIVE if is_any_on else LIVE_ALL_OFF


def _is_near_end(printer: Printer, now: datetime) -> bool:
    """Return if a printer's print should end about now."""
    end = printer.current.print.expected_end if printer.current else None
    return end is not None and end - _NEAR <= now <= end + _OVER


def tasks_are_due(
    before: Mapping[str, Printer] | None,
    printers: Mapping[str, Printer],
    *,
    asked_at: datetime | None,
    are_live: bool = False,
    now: datetime,
) -> bool:
    """Return if the newest page of my/tasks should be asked after a poll of user/bind.

    before are the printers after the previous poll, None at the start; printers those of this
    poll with the tasks known so far. It is asked at the start, when a printer is new or its job or
    status changed, every few minutes while something prints and is not live, and once in a while as
    long as a printer is on.
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
            >= (TASKS_WHILE_PRINTING if printer.is_active and not are_live else TASKS_OTHERWISE)
        )
        for printer in printers.values()
    )


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
