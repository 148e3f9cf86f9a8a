"""The pictures of prints: fetched once each, kept on disk, outliving their signed addresses."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from shutil import rmtree

from homeassistant.components.image import Image
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from .api import BambuCloud, BambuCloudError, CannotConnectError, image_type
from .cloud import error_text
from .const import DOMAIN, LOGGER
from .fleet.printer import Print

# One that is refused may come with the next address, which the task list signs anew.
TRIES_PER_PICTURE = 3
# In a row, before only an update of a printer asks again: an address is good for half an hour.
TRIES_OF_HOST = 6
SPARE = 10
# Seconds between two tries.
PAUSE = 300


def _directory(hass: HomeAssistant, entry_id: str) -> Path:
    return Path(hass.config.cache_path(DOMAIN, entry_id))


async def async_remove_pictures(hass: HomeAssistant, entry_id: str) -> None:
    """Remove all pictures of an account."""
    await hass.async_add_executor_job(rmtree, _directory(hass, entry_id), True)  # noqa: FBT003


class Shelf:
    """Pictures of an account in a folder, by task id."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, name: str = "") -> None:
        """Initialize the shelf; what it has is known after async_load."""
        self._hass = hass
        self._entry = entry
        self._directory = _directory(hass, entry.entry_id) / name
        # How large each is, those first that nobody has looked at for longest.
        self.sizes: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()

    async def async_load(self) -> None:
        """Find the pictures that an earlier start left."""

        def load() -> dict[str, int]:
            try:
                found = [path for path in self._directory.iterdir() if path.name.isdecimal()]
                found.sort(key=lambda path: int(path.name))
                return {path.name: path.stat().st_size for path in found}
            except FileNotFoundError:
                return {}
            except OSError as err:
                # An account without pictures is better than none.
                LOGGER.warning("The folder of pictures cannot be read: %s", type(err).__name__)
                return {}

        self.sizes = await self._hass.async_add_executor_job(load)

    async def async_fetch(self, task_id: str, fetch: Callable[[], Awaitable[None]]) -> None:
        """Have a picture fetched, one at a time.

        Whoever asks for the same picture waits for the same download.
        """
        # The id becomes a file's name, so it has to be the number that it should be.
        if not task_id.isdecimal():
            return
        if (task := self._fetching.get(task_id)) is None:
            task = self._entry.async_create_background_task(
                self._hass, self._async_fetch(fetch), "picture of a print"
            )
            self._fetching[task_id] = task
            task.add_done_callback(lambda _: self._fetching.pop(task_id))
        # Unloading cancels it, which is not to be the end of who waits.
        await asyncio.wait([task])

    async def _async_fetch(self, fetch: Callable[[], Awaitable[None]]) -> None:
        async with self._lock:
            await fetch()

    async def async_store(self, task_id: str, content: bytes, gone: Collection[str]) -> None:
        """Keep a picture, in place of others; raises OSError or WriteError if it cannot be.

        Unloading cancels whoever waits for that, but waits for what is being written.
        """
        err = await asyncio.shield(
            self._entry.async_create_task(
                self._hass, self._async_write(task_id, content, gone), "store a picture"
            )
        )
        if err:
            raise err

    async def _async_write(
        self, task_id: str, content: bytes, gone: Collection[str]
    ) -> OSError | WriteError | None:
        """Write a picture; return why it cannot be.

        Raised, the reason would be the event loop's to log if nobody waits for it any more.
        """

        def write() -> None:
            # Whoever empties the cache may take the folder as well.
            self._directory.mkdir(parents=True, exist_ok=True)
            write_utf8_file_atomic(str(self._directory / task_id), content, mode="wb")
            for key in gone:
                (self._directory / key).unlink(missing_ok=True)

        try:
            await self._hass.async_add_executor_job(write)
        except (OSError, WriteError) as err:
            return err
        for key in gone:
            self.sizes.pop(key, None)
        self.sizes[task_id] = len(content)
        return None

    async def async_read(self, task_id: str) -> Image | None:
        """Return a picture that is here."""
        if (size := self.sizes.pop(task_id, None)) is None:
            return None
        self.sizes[task_id] = size
        try:
            content = await self._hass.async_add_executor_job(
                (self._directory / task_id).read_bytes
            )
        except OSError:
            # Somebody emptied the cache; the next who wants it fetches it again.
            self.sizes.pop(task_id, None)
            return None
        if (content_type := image_type(content)) is None:
            # Nothing like it was kept, so the file was spoilt; it is fetched again as well.
            self.sizes.pop(task_id, None)
            return None
        return Image(content_type, content)


class Pictures:
    """The pictures of an account's prints that entities show, by task id."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, client: BambuCloud) -> None:
        """Initialize the pictures."""
        self._hass = hass
        self._client = client
        self._shelf = Shelf(hass, entry)
        self._shown: dict[str, str] = {}
        self._refusals: dict[str, int] = {}
        self._host_failures = 0
        # The prints whose pictures are not asked for at the moment, with None the host of them all.
        self._pauses: dict[str | None, CALLBACK_TYPE] = {}
        self._listeners: list[CALLBACK_TYPE] = []
        entry.async_on_unload(self._cancel_pauses)

    async def async_load(self) -> None:
        """Find the pictures that an earlier start left."""
        await self._shelf.async_load()

    async def async_read(self, task_id: str) -> Image | None:
        """Return a picture that is here."""
        return await self._shelf.async_read(task_id)

    @callback
    def has(self, task_id: str) -> bool:
        """Return if the picture of a print is here."""
        return task_id in self._shelf.sizes

    @callback
    def show(self, entity: str, task_id: str) -> None:
        """Keep a picture as long as an entity shows it."""
        self._shown[entity] = task_id

    @callback
    def is_shown(self, entity: str, task_id: str) -> bool:
        """Return if an entity shows the picture of a print, and not that of another one."""
        return self._shown.get(entity) == task_id

    @callback
    def add_listener(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Tell somebody who misses a picture when to ask again, until the returned call."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def async_fetch(self, job: Print) -> bool:
        """Fetch the picture of a print unless it is here; return if it is."""
        task_id, url = job.task_id, job.cover
        if task_id is None:
            return False
        if self.has(task_id):
            return True
        if not url:
            if task_id not in self._refusals:
                LOGGER.debug("A print comes without a picture so far")
                self._remember(task_id, 0)
            return False
        await self._shelf.async_fetch(task_id, partial(self._async_fetch, task_id, url))
        return self.has(task_id)

    async def _async_fetch(self, task_id: str, url: str) -> None:
        """Fetch a picture, unless it is no time to ask for it."""
        refusals = self._refusals.get(task_id, 0)
        if refusals >= TRIES_PER_PICTURE or self.is_paused or task_id in self._pauses:
            return
        try:
            content = await self.async_download(url)
            await self._shelf.async_store(task_id, content, self._surplus())
        except CannotConnectError as err:
            LOGGER.debug("A print's picture is fetched later: %s", err)
        except (BambuCloudError, OSError, WriteError) as err:
            if not refusals:
                LOGGER.info("A print's picture could not be fetched: %s", error_text(err))
            self._remember(task_id, refusals + 1)
            if refusals + 1 < TRIES_PER_PICTURE:
                self._pause(task_id)
        else:
            self._refusals.pop(task_id, None)

    @property
    def is_paused(self) -> bool:
        """Return if the host of the pictures is left alone, as it did not answer."""
        return None in self._pauses

    async def async_download(self, url: str) -> bytes:
        """Return the picture at an address; raises what the client does."""
        try:
            image = await self._client.download_image(url)
        except CannotConnectError:
            self._host_failures += 1
            self._pause(None)
            raise
        except BambuCloudError:
            self._host_failures = 0
            raise
        self._host_failures = 0
        return image.content

    def _surplus(self) -> list[str]:
        """Return which pictures make room for another: the oldest of those that nobody shows."""
        # Some more than are shown, for those that are about to be.
        surplus = len(self._shelf.sizes) + 1 - 2 * len(self._shown) - SPARE
        shown = set(self._shown.values())
        unused = [key for key in self._shelf.sizes if key not in shown]
        return unused[: max(0, surplus)]

    @callback
    def _remember(self, task_id: str, refusals: int) -> None:
        """Remember a picture that is missing, of as many prints as somebody may wait for."""
        self._refusals[task_id] = refusals
        if len(self._refusals) > len(self._listeners) + SPARE:
            del self._refusals[next(iter(self._refusals))]

    @callback
    def _pause(self, task_id: str | None) -> None:
        """Leave a picture alone for a while, or all of them, and then have it asked for again."""
        if task_id in self._pauses:
            return

        @callback
        def end(_now: datetime) -> None:
            del self._pauses[task_id]
            if self._host_failures < TRIES_OF_HOST:
                for listener in tuple(self._listeners):
                    listener()

        self._pauses[task_id] = async_call_later(self._hass, PAUSE, end)

    @callback
    def _cancel_pauses(self) -> None:
        """Ask for nothing any more."""
        for cancel in self._pauses.values():
            cancel()
