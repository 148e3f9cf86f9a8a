"""The one reader of my/tasks: what is known of it, and which pages to ask for."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from .api import BambuCloud, Task
from .cloud import optional
from .fleet.cadence import (
    BETWEEN_TASKS,
    BETWEEN_TRIES,
    LONGEST_RETRY,
    awaits_its_task,
    retry_interval,
    tasks_are_due,
    usual_end_windows,
)
from .fleet.history import OVERLAP
from .fleet.lifecycle import LAG, Records
from .fleet.printer import Printer, PrinterStatus, start_of

# At the start a page shows the newest prints of most printers; later the first shows what is new,
# and those after it are for what was missed.
FULL_PAGE = 100
FIRST_PAGE = 20
# After a long absence only what ended in the last day is announced, so that a few days are enough;
# the history reads the rest.
LONGEST_BACK = timedelta(days=3)
PAGES_PER_POLL = 10
# How many printers are asked for in one poll, so that two hundred are no burst.
PRINTERS_PER_POLL = 5
# What the list still does not tell after so many tries is asked for in every so manyth poll only.
EAGER_TRIES, POLLS_BETWEEN_LATER_TRIES = 10, 10
KEPT_PER_PRINTER = 10


# Tasks, and where they begin in the account's list, None if they are of a single printer's.
type Page = tuple[Sequence[Task], int | None]


class TaskList:
    """The newest tasks of every printer, and the pages that brought them."""

    def __init__(self, client: BambuCloud) -> None:
        """Initialize the list."""
        self._client = client
        # What failing polls have read waits here for a good one, as far as one poll reads.
        self._read = deque[Page](maxlen=PAGES_PER_POLL)
        self._tasks: dict[str, Task] = {}
        # Whether they are others than before the last poll asked for the newest.
        self.have_changed = False
        self._asked_at: datetime | None = None
        self._polls = 0
        self._pages = 0
        self._failures = 0
        self._free_at: datetime | None = None
        self._is_backing_off = False
        self._due = False
        # How often a printer was asked for what is awaited, and when last, or since when it is.
        self._tries: dict[tuple[str, str | None, PrinterStatus | None], tuple[int, datetime]] = {}
        # The tasks that the pages of this poll have shown.
        self._shown = set[str]()
        # From which to which part of their estimates the prints of each printer may end.
        self.end_windows: dict[str, tuple[float, float]] = {}

    def values(self) -> Iterable[Task]:
        """Return the tasks in no order: of each printer the newest, and all that are just read."""
        return self._tasks.values()

    def has_nothing_to_ask(self, now: datetime) -> bool:
        """Return if nothing is to be asked of printers that rest as they did at the last poll."""
        return (
            # What was just read is still held, until the next poll has looked at it.
            not (self._due or self._is_backing_off or self._tries or self._pages)
            and self._asked_at is not None
            and abs(now - self._asked_at) < BETWEEN_TASKS
        )

    def take_pages(self) -> list[Page]:
        """Return the pages that were read for the printers since the last call."""
        pages = list(self._read)
        self._read.clear()
        return pages

    async def async_ask_page(self, offset: int, device_id: str | None = None) -> Sequence[Task]:
        """Ask for a page of the list of the account or of a printer; raises what the client does.

        It holds what is long over as well, so nothing of it is kept here.
        """
        page = await self._client.get_tasks(device_id=device_id, limit=FULL_PAGE, offset=offset)
        return page.tasks

    async def async_ask_newest(
        self,
        before: Mapping[str, Printer] | None,
        printers: Mapping[str, Printer],
        records: Records,
        now: datetime,
    ) -> bool:
        """Ask for what is new in the account, if a poll of the printers makes it likely.

        Return if the list was read back to where it was last read: then it was without a gap.
        """
        self.have_changed = self._pages > 0
        if self.have_changed:
            self._trim()
        self._pages = 0
        self._shown.clear()
        wait = self._free_at - now if self._free_at else timedelta()
        # One that is longer was begun by a clock that was wrong.
        self._is_backing_off = timedelta() < wait <= LONGEST_RETRY
        self._due |= tasks_are_due(before, printers, asked_at=self._asked_at, now=now)
        if not self._due or self._is_backing_off:
            return False
        # my/tasks is sorted by start, and lists a print a while after that.
        last = records.last_read(now)
        limit = FIRST_PAGE if self._asked_at else FULL_PAGE
        since = max(last - LAG, now - LONGEST_BACK) if last else now
        # What so many pages do not show is for the history alone.
        if not await self._async_read(since, now, limit=limit) and self._pages < PAGES_PER_POLL:
            return False
        self._asked_at = now
        self._due = False
        return True

    async def async_ask_printers(
        self, printers: Mapping[str, Printer], records: Records, now: datetime
    ) -> set[str]:
        """Ask for the printers whose tasks the newest of the account may not show.

        Return those of them that have come back and whose tasks are known again.
        """
        awaited = records.awaited(printers)
        # Nobody but the list tells how these have ended.
        urgent = {each for each in awaited if not records.are_ended_by_bind(printers[each], now)}
        listed_late = (each.id for each in printers.values() if awaits_its_task(each))
        awaited = dict.fromkeys(listed_late, now) | awaited
        keys = [(p.id, p.print_job, p.status) for p in printers.values() if p.id in awaited]
        self._tries = {key: self._tries.get(key, (0, now)) for key in keys}
        self._polls += 1
        due = [
            key
            for key in sorted(self._tries, key=self._tries.__getitem__)
            if (self._tries[key][0] < EAGER_TRIES or self._polls % POLLS_BETWEEN_LATER_TRIES == 0)
            and (
                key[0] in urgent
                # The clock may have been set back.
                or (
                    abs(now - self._tries[key][1]) >= BETWEEN_TRIES
                    and not self._has_looked_for(key[1])
                )
            )
        ]
        # Those first that come back, then those that were asked for least.
        back = records.unread(printers.values())
        wanted = back | {key[0]: awaited[key[0]] for key in due if key[0] not in back}
        chosen = dict(list(wanted.items())[:PRINTERS_PER_POLL])
        asked, caught_up = set[str](), set[str]()
        for printer_id, start in chosen.items():
            if self._pages == PAGES_PER_POLL or self._is_backing_off:
                # The next poll goes on with it.
                break
            asked.add(printer_id)
            since = max(start - LAG, now - LONGEST_BACK)
            if await self._async_read(since, now, limit=FIRST_PAGE, device_id=printer_id):
                caught_up.add(printer_id)
        for key in due:
            if key[0] in asked:
                self._tries[key] = self._tries[key][0] + 1, now
        if self._shown:
            read = {task.device_id for task in self._tasks.values() if task.id in self._shown}
            self.end_windows |= usual_end_windows(
                task for task in self._tasks.values() if task.device_id in read
            )
        return caught_up & back.keys()

    def _has_looked_for(self, job: str | None) -> bool:
        """Return if this poll has read where a job stands, or would stand were it listed."""
        return self._pages > 0 and (job in self._shown or job not in self._tasks)

    async def _async_read(
        self, since: datetime, now: datetime, *, limit: int, device_id: str | None = None
    ) -> bool:
        """Read pages back to a time; return if all were read: the poll may have no more."""
        offset = 0
        while self._pages < PAGES_PER_POLL and not self._is_backing_off:
            page = await optional(
                self._client.get_tasks(device_id=device_id, limit=limit, offset=offset)
            )
            if page is None:
                # The list alone may fail, while all else is polled as ever.
                self._failures += 1
                self._free_at = now + retry_interval(self._failures, 0)
                self._is_backing_off = True
                return False
            self._failures = 0
            self._pages += 1
            self.have_changed = True
            self._tasks |= {task.id: task for task in page.tasks}
            self._shown |= {task.id for task in page.tasks}
            self._read.append((page.tasks, None if device_id else offset))
            # A print that is deleted between two pages shifts those after it.
            offset += limit - OVERLAP
            limit = FULL_PAGE
            starts = [task.start_time for task in page.tasks if task.start_time]
            if not starts or min(starts) < since:
                return True
        return False

    def _trim(self) -> None:
        """Keep the newest of every printer."""
        kept: dict[str, Task] = {}
        count: dict[str | None, int] = {}
        for task in sorted(self._tasks.values(), key=start_of, reverse=True):
            count[task.device_id] = count.get(task.device_id, 0) + 1
            if count[task.device_id] <= KEPT_PER_PRINTER:
                kept[task.id] = task
        self._tasks = kept
