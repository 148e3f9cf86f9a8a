"""What an account remembers across restarts: one store for each thing, all handled alike."""

from collections.abc import Callable
from contextlib import suppress
import os
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN, LOGGER

STORAGE_VERSION = 1
# By these all files of an account are found again when it is removed.
STORES = ("announced", "firmware", "history")
_UNREADABLE = ".unreadable"


def _store(
    hass: HomeAssistant, entry_id: str, name: str, *, in_thread: bool = False
) -> Store[dict[str, Any]]:
    return Store(
        hass,
        STORAGE_VERSION,
        f"{DOMAIN}.{entry_id}.{name}",
        atomic_writes=True,
        serialize_in_event_loop=not in_thread,
    )


async def async_remove_stores(hass: HomeAssistant, entry_id: str) -> None:
    """Remove all that an account has stored."""
    for name in STORES:
        store = _store(hass, entry_id, name)
        with suppress(OSError):
            await store.async_remove()
        await hass.async_add_executor_job(_remove_aside, Path(store.path))


def _remove_aside(path: Path) -> None:
    """Remove what was put aside, by us or by Home Assistant."""
    for aside in path.parent.glob(f"{path.name}.*"):
        with suppress(OSError):
            aside.unlink()


class EntryStore:
    """A store of an account, written a while after a change and at the latest at the end."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        name: str,
        data: Callable[[], dict[str, Any]],
        *,
        delay: float,
        in_thread: bool = False,
    ) -> None:
        """Initialize the store; data returns what to write, in a thread where that is wanted."""
        self._hass = hass
        self._store = _store(hass, entry_id, name, in_thread=in_thread)
        self._name = name
        self._data = data
        self._delay = delay
        self._in_thread = in_thread
        self.is_dirty = False

    async def async_load[_T](self, read: Callable[[dict[str, Any]], _T]) -> _T | None:
        """Return what was stored, as read makes it out, None if there is nothing.

        What cannot be read, for whatever reason, is put aside and said, and all begins anew: an
        account that cannot be set up for it would help nobody.
        """
        try:
            if not (stored := await self._store.async_load()):
                return None
            return await self._hass.async_add_executor_job(read, stored)
        except Exception as err:  # noqa: BLE001 - a file can hold anything
            LOGGER.warning(
                "What was stored of an account's %s cannot be read, so it begins anew; it is"
                " put aside, if that can be done: %s",
                self._name,
                type(err).__name__,
            )
            path = self._store.path
            with suppress(OSError):
                await self._hass.async_add_executor_job(os.replace, path, path + _UNREADABLE)
            return None

    @callback
    def set_dirty(self) -> None:
        """Have the store written: soon after the first change, however many follow it."""
        if not self.is_dirty:
            self.is_dirty = True
            self._store.async_delay_save(self._data_to_write, self._delay)

    def _data_to_write(self) -> dict[str, Any]:
        # Before the data is taken: what changes meanwhile is written once more.
        self.is_dirty = False
        return self._data()

    async def async_flush(self) -> None:
        """Write what is not written yet, so that nothing is left to be written later."""
        if self.is_dirty:
            await self.async_save()

    async def async_save(self) -> None:
        """Write the store now."""
        if self._in_thread:
            data = await self._hass.async_add_executor_job(self._data_to_write)
        else:
            data = self._data_to_write()
        await self._store.async_save(data)
