"""The pictures of past prints, fetched when somebody looks at them."""

import asyncio
from datetime import datetime
from functools import partial
import time

from homeassistant.components.image import Image
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.file import WriteError

from .api import BambuCloudError, CannotConnectError
from .cloud import error_text
from .const import LOGGER
from .fleet.history import OVERLAP, EndedPrint
from .history import HistoryCoordinator
from .pictures import Pictures, Shelf
from .tasks import FULL_PAGE, TaskList

# Bytes on disk; one is some 100 kB.
LARGEST_ALBUM = 100_000_000
# Seconds; an address is good for half an hour.
LIFE_OF_ADDRESS = 20 * 60
MOST_ADDRESSES = 1000
# Seconds between two pages of the list, and after one that did not come.
BETWEEN_PAGES = 3
AFTER_FAILURE = 300
# Where a print should be in the list, and then above or below that.
PAGES_PER_PRINT = 4


class Album:
    """The pictures of an account's past prints, on a shelf of their own.

    What entities show is not thrown out by who browses, and does not wait for it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        history: HistoryCoordinator,
        pictures: Pictures,
        tasks: TaskList,
    ) -> None:
        """Initialize the album."""
        self._hass = hass
        self._history = history
        self._pictures = pictures
        self._tasks = tasks
        self._shelf = Shelf(hass, entry, "album")
        # Signed, so they are never written anywhere; with None the picture is not to be had. Both
        # until a time of the monotonic clock.
        self._addresses: dict[str, tuple[str | None, float]] = {}
        self._free_at = 0.0
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._end_pause: CALLBACK_TYPE | None = None
        entry.async_on_unload(self._cancel_pause)

    async def async_load(self) -> None:
        """Find the pictures that an earlier start left."""
        await self._shelf.async_load()

    @callback
    def has(self, task_id: str) -> bool:
        """Return if the picture of a print is at home."""
        return self._pictures.has(task_id) or task_id in self._shelf.sizes

    async def async_picture(self, job: EndedPrint) -> Image | None:
        """Return the picture of a print, fetched if it is not at home; None if it cannot be had."""
        if (image := await self._async_read(job.task_id)) is not None:
            return image
        await self._shelf.async_fetch(job.task_id, partial(self._async_fetch, job))
        return await self._async_read(job.task_id)

    async def _async_read(self, task_id: str) -> Image | None:
        return await self._pictures.async_read(task_id) or await self._shelf.async_read(task_id)

    async def _async_fetch(self, job: EndedPrint) -> None:
        """Fetch a picture, unless its host is left alone or nobody knows where it is."""
        if self._pictures.is_paused or (url := await self._async_address(job)) is None:
            return
        try:
            content = await self._pictures.async_download(url)
            await self._shelf.async_store(job.task_id, content, self._surplus(len(content)))
        except CannotConnectError as err:
            LOGGER.debug("The picture of a past print is fetched later: %s", err)
        except (BambuCloudError, OSError, WriteError) as err:
            LOGGER.debug("The picture of a past print could not be fetched: %s", error_text(err))
            self._note(job.task_id, None)

    def _surplus(self, size: int) -> list[str]:
        """Return which pictures make room for another: those looked at least lately."""
        surplus = sum(self._shelf.sizes.values()) + size - LARGEST_ALBUM
        gone = []
        for task_id, each in self._shelf.sizes.items():
            if surplus <= 0:
                break
            gone.append(task_id)
            surplus -= each
        return gone

    async def _async_address(self, job: EndedPrint) -> str | None:
        """Return where a picture is; a page of the list tells it of a hundred prints."""
        if not self._is_noted(job.task_id):
            await self._async_ask(job)
        return self._addresses[job.task_id][0] if self._is_noted(job.task_id) else None

    def _is_noted(self, task_id: str) -> bool:
        """Return if it is known where a picture is, or that it is not to be had."""
        noted = self._addresses.get(task_id)
        return noted is not None and time.monotonic() < noted[1]

    def _note(self, task_id: str, url: str | None) -> None:
        """Note where a picture is, of as many prints as somebody may look at in a while."""
        self._addresses.pop(task_id, None)
        self._addresses[task_id] = url, time.monotonic() + LIFE_OF_ADDRESS
        if len(self._addresses) > MOST_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]

    async def _async_ask(self, job: EndedPrint) -> None:
        """Ask for the page of its printer's list on which a print should be, or those beside it."""
        offset = self._place(job)
        for _ in range(PAGES_PER_PRINT):
            if time.monotonic() < self._free_at:
                return
            await self._may_ask.wait()
            self._pause()
            try:
                tasks = await self._tasks.async_ask_page(offset, job.printer_id)
            except BambuCloudError as err:
                self._free_at = time.monotonic() + AFTER_FAILURE
                LOGGER.debug("The pictures of past prints are asked for later: %s", err)
                return
            for task in tasks:
                self._note(task.id, task.cover)
            if self._is_noted(job.task_id):
                return
            starts = [task.start_time for task in tasks if task.start_time]
            if offset and (not starts or max(starts) < job.began_at):
                # Some that were newer have been deleted from the list.
                offset = max(0, offset + OVERLAP - FULL_PAGE)
            elif starts and min(starts) > job.began_at:
                offset += len(tasks) - OVERLAP
            else:
                break
        self._note(job.task_id, None)

    def _place(self, job: EndedPrint) -> int:
        """Return the offset of a page that begins a little above a print."""
        newer = sum(
            each.began_at > job.began_at for each in self._history.data.of_printer(job.printer_id)
        )
        return max(0, newer - OVERLAP)

    @callback
    def _pause(self) -> None:
        """Let some time pass before the next page."""

        @callback
        def end(_now: datetime) -> None:
            self._may_ask.set()

        self._may_ask.clear()
        self._end_pause = async_call_later(self._hass, BETWEEN_PAGES, end)

    @callback
    def _cancel_pause(self) -> None:
        if self._end_pause:
            self._end_pause()
