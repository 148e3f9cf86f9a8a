"""The history of an account's prints: read once, kept in storage, then added to."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .api import BambuCloud, Task
from .const import DOMAIN, LOGGER
from .coordinator import BambuConfigEntry, BambuCoordinator
from .fleet.history import History, Reading, Totals, totals

PAGE = 100
BEFORE_FIRST_PAGE = timedelta(seconds=15)
BETWEEN_PAGES = timedelta(seconds=3)
# Details of a print settle a minute after its end, so the newest page is read again now and then.
BETWEEN_READINGS = timedelta(hours=6)
SAVE_DELAY = 30
SAY_EVERY = 1000
STORAGE_VERSION = 1


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(
        hass,
        STORAGE_VERSION,
        f"{DOMAIN}.{entry_id}.history",
        atomic_writes=True,
        serialize_in_event_loop=False,
    )


async def async_remove_history(hass: HomeAssistant, entry_id: str) -> None:
    """Remove the history of an account."""
    await _store(hass, entry_id).async_remove()


def _say(before: History, after: History, *, starts: bool) -> None:
    """Log how far the first reading came: at its start, every so often and at its end."""
    count = len(after.prints)
    if after.is_complete:
        if not before.is_complete:
            LOGGER.info("The history of prints is complete: %s prints", count)
    elif starts or count // SAY_EVERY != len(before.prints) // SAY_EVERY:
        LOGGER.info("Reading the history of prints: %s so far", count)


class HistoryCoordinator(BambuCoordinator[History]):
    """The prints of an account that ended, and what they add up to."""

    _name = "history"

    @override
    def __init__(
        self, hass: HomeAssistant, config_entry: BambuConfigEntry, client: BambuCloud
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client)
        self.data = History()
        self.update_interval = BEFORE_FIRST_PAGE
        self._store = _store(hass, config_entry.entry_id)
        self._saved = self.data
        self._is_save_due = False
        self._reading = Reading()
        self._totals: tuple[History, Mapping[str, Totals]] = (self.data, {})

    async def async_load(self) -> None:
        """Take up what an earlier start has stored."""
        if stored := await self._store.async_load():
            try:
                self.data = await self.hass.async_add_executor_job(History.from_dict, stored)
            except (AttributeError, KeyError, TypeError, ValueError) as err:
                LOGGER.warning("The history is not readable and read anew: %s", type(err).__name__)
        self._saved = self.data

    @callback
    def start(self) -> None:
        """Read the list from now on, whether an entity listens or not."""
        self.config_entry.async_on_unload(self.async_add_listener(self._keep))
        self._keep()

    @override
    async def async_shutdown(self) -> None:
        """Store what is not stored yet."""
        await super().async_shutdown()
        if self._saved is not self.data:
            await self._store.async_save(self.data.as_dict())

    def totals(self, printer_id: str) -> Totals | None:
        """Return what a printer's prints add up to, None until all of them are known."""
        if not self.data.is_complete:
            return None
        if self._totals[0] is not self.data:
            self._totals = (self.data, totals(self.data.prints.values()))
        return self._totals[1].get(printer_id, Totals())

    @callback
    def add_tasks(self, tasks: Iterable[Task]) -> None:
        """Add tasks that somebody else asked the cloud for."""
        history = self.data.with_tasks(tasks)
        if history is not self.data:
            self.data = history
            self.async_update_listeners()

    @override
    async def _async_update_internal(self) -> History:
        """Read a page of my/tasks, and say when to read the next one."""
        # After a failure the list is read from its top: in an outage it may have moved down a lot.
        before, self._reading = self._reading, Reading()
        page = await self.client.get_tasks(limit=PAGE, offset=before.offset)
        known = self.data
        history, reading = known.with_page(page.tasks, before)
        self._reading = reading or Reading()
        self.update_interval = BETWEEN_PAGES if reading else BETWEEN_READINGS
        _say(known, history, starts=before == Reading())
        return history

    @callback
    def _keep(self) -> None:
        """Have what changed stored.

        A save that is due stays so: asked for again, it would wait for the last of many pages.
        """
        if self._saved is not self.data and not self._is_save_due:
            self._is_save_due = True
            self._store.async_delay_save(self._data_to_save, SAVE_DELAY)

    def _data_to_save(self) -> dict[str, Any]:
        """Return what to store; called in a thread, which the data being immutable allows."""
        self._is_save_due = False
        self._saved = history = self.data
        return history.as_dict()
