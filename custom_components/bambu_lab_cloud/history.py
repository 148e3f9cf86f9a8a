"""The history of an account's prints: read once, kept in storage, then added to."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .api import BambuCloud, Task
from .const import LOGGER
from .coordinator import BambuCoordinator, Outage
from .fleet.cadence import EARLY
from .fleet.history import EndedPrint, History, Reading, Totals, total_of
from .storage import EntryStore
from .tasks import Page, TaskList

BEFORE_FIRST_PAGE = timedelta(seconds=15)
BETWEEN_PAGES = timedelta(seconds=3)
# Details of a print settle a minute after its end, so the newest page is read again now and then.
BETWEEN_READINGS = timedelta(hours=6)
SAVE_DELAY = 30
SAY_EVERY = 1000


def _say(before: History, after: History, *, starts: bool) -> None:
    """Log how far the first reading came: at its start, every so often and at its end."""
    count = len(after.prints)
    if after.is_full and not before.is_full:
        LOGGER.warning("The history of prints is full: of more than %s none is kept", count)
    elif after.is_complete:
        if not before.is_complete:
            LOGGER.info("The history of prints is complete: %s prints", count)
    elif starts or count // SAY_EVERY != len(before.prints) // SAY_EVERY:
        LOGGER.info("Reading the history of prints: %s so far", count)


class HistoryCoordinator(BambuCoordinator[History]):
    """The prints of an account that ended, and what they add up to."""

    _name = "history"
    _first_interval = BEFORE_FIRST_PAGE

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: ConfigEntry,
        client: BambuCloud,
        outage: Outage,
        *,
        tasks: TaskList,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client, outage)
        self.data = History()
        self._store = EntryStore(
            hass,
            config_entry.entry_id,
            "history",
            self._as_dict,
            delay=SAVE_DELAY,
            # It is large, and does not change but for another.
            in_thread=True,
        )
        self._tasks = tasks
        self._reading = Reading()
        # None while a reading is under way.
        self._read_at: datetime | None = None
        self._changes: dict[str, int] = {}
        # Of each printer, and of which prints they are.
        self._totals: dict[str, tuple[Collection[EndedPrint], Totals]] = {}

    async def async_load(self) -> None:
        """Take up what an earlier start has stored."""
        if history := await self._store.async_load(History.from_dict):
            self.data = history

    def _as_dict(self) -> dict[str, Any]:
        """Return what to store; called in a thread, which the data being immutable allows."""
        return self.data.as_dict()

    @override
    async def async_shutdown(self) -> None:
        """Store what is not stored yet."""
        await super().async_shutdown()
        await self._store.async_flush()

    def totals(self, printer_id: str) -> Totals | None:
        """Return what a printer's prints add up to, None until all of them are known."""
        if not self.data.is_complete:
            return None
        prints = self.data.of_printer(printer_id)
        known = self._totals.get(printer_id)
        if known is None or known[0] is not prints:
            known = self._totals[printer_id] = prints, total_of(prints)
        return known[1]

    @override
    def _of_device(self, context: str) -> object:
        """Return what changes with a printer's prints and with the totals."""
        return self.data.is_complete, self._changes.get(context, 0)

    @override
    async def _async_update_internal(self) -> History:
        """Have a page of the list read, and say when the next one is wanted."""
        if self._read_at is not None:
            wait = self._read_at + BETWEEN_READINGS - dt_util.utcnow()
            if EARLY < wait <= BETWEEN_READINGS:
                # Somebody else has read what there is.
                self._has_asked = False
                self.update_interval = wait
                return self.data
            self._read_at = None
        offset = self._reading.offset
        try:
            tasks = await self._tasks.async_ask_page(offset)
        except Exception:
            # It is read from its top then: in an outage it may have moved down a lot.
            self._reading = Reading()
            raise
        history = self._add(tasks, offset)
        self.update_interval = BETWEEN_READINGS if self._read_at else BETWEEN_PAGES
        return history

    @callback
    def take(self, pages: Iterable[Page]) -> None:
        """Add what was read for the printers."""
        before = self.data
        for tasks, offset in pages:
            self.data = self._add(tasks, offset)
        if self.data is not before:
            self.async_update_listeners()

    def _add(self, tasks: Sequence[Task], offset: int | None) -> History:
        """Return the history with a page, which counts as read if the reading stands there."""
        before = self.data
        goes_on = offset == self._reading.offset
        if goes_on:
            history, reading = before.with_page(tasks, self._reading)
            # Between two readings it only saves one if it leaves nothing to read.
            goes_on = self._read_at is None or reading is None
        if goes_on:
            _say(before, history, starts=self._reading == Reading())
            self._reading = reading or Reading()
            self._read_at = None if reading else dt_util.utcnow()
        else:
            history = before.with_tasks(tasks)
        if history is not before:
            for task in tasks:
                if (job := history.prints.get(task.id)) is not before.prints.get(task.id) and job:
                    self._changes[job.printer_id] = self._changes.get(job.printer_id, 0) + 1
            self._store.set_dirty()
        return history
