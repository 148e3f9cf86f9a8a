"""Announces what happens to prints, each once: the memory and the post office of the lifecycle."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .api import Task
from .const import DOMAIN, LOGGER
from .covers import Covers
from .fleet.lifecycle import (
    GAP,
    NEWS,
    PrintEvent,
    Records,
    event_as_dict,
    event_from_dict,
    next_records,
    records_as_dict,
    records_from_dict,
)
from .fleet.printer import Print, Printer

STORAGE_VERSION = 1
COVER_TIMEOUT = 5
# Between two polls only the time of the poll changes, which is worth a write now and then.
SAVE_DELAY = timedelta(minutes=15)

type Announce = Callable[[PrintEvent], None]


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}.prints", atomic_writes=True)


async def async_remove_records(hass: HomeAssistant, entry_id: str) -> None:
    """Remove what an account's prints are remembered by."""
    await _store(hass, entry_id).async_remove()


class Announcer:
    """Announces the prints of an account through the event entities of its printers."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, covers: Covers) -> None:
        """Initialize the announcer."""
        self.records = Records()
        self._hass = hass
        self._entry = entry
        self._covers = covers
        self._store = _store(hass, entry.entry_id)
        self._saved_at = dt_util.utcnow()
        self._changed = False
        self._seen = set[str]()
        self._armed = False
        self._outbox: list[PrintEvent] = []
        self._entities: dict[str, Announce] = {}
        self._lock = asyncio.Lock()

    async def async_load(self) -> None:
        """Take up what an earlier start has stored."""
        if (stored := await self._store.async_load()) is None:
            return
        try:
            outbox = [event_from_dict(event) for event in stored["outbox"]]
            self.records, self._outbox = records_from_dict(stored["records"]), outbox
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            LOGGER.warning(
                "What was remembered of prints cannot be read, so it begins anew: %s",
                type(err).__name__,
            )

    @callback
    def start(self) -> CALLBACK_TYPE:
        """Announce from the moment on that automations listen."""

        @callback
        def arm(hass: HomeAssistant) -> None:
            self._armed = True
            self.deliver()

        return async_at_started(self._hass, arm)

    @callback
    def add_entity(self, printer_id: str, announce: Announce) -> CALLBACK_TYPE:
        """Announce the prints of a printer through an entity, until the returned call."""
        self._entities[printer_id] = announce
        if self._outbox:
            self.deliver()
        return lambda: self._entities.pop(printer_id, None) and None

    @callback
    def take_poll(
        self, printers: Mapping[str, Printer], tasks: Iterable[Task], now: datetime
    ) -> list[PrintEvent]:
        """Learn from a good poll, and return what is now waiting to be announced because of it."""
        before = self.records.essence()
        self.records, events = next_records(self.records, printers, tasks, now=now, seen=self._seen)
        self._seen |= printers.keys()
        self._outbox = [event for event in self._outbox if now - event.found_at < NEWS] + events
        if events or self.records.essence() != before:
            self._set_changed()
        return events

    @callback
    def forget(self, printer_id: str) -> None:
        """Forget a printer that was removed."""
        self.records = self.records.without(printer_id)
        self._set_changed()

    @callback
    def _set_changed(self) -> None:
        """Have what has changed written soon, and at the latest when Home Assistant stops."""
        self._changed = True
        self._store.async_delay_save(self._data, 1)

    @callback
    def deliver(self) -> None:
        """Announce what is waiting, after what runs now: the entities show it then."""
        self._entry.async_create_background_task(
            self._hass, self._async_deliver(), "announce prints", eager_start=False
        )

    async def _async_deliver(self) -> None:
        """Announce what is waiting, then save: whoever kills us in between hears it twice."""
        async with self._lock:
            for event in tuple(self._outbox):
                await self._async_announce(event)
            if self._changed or dt_util.utcnow() - self._saved_at > SAVE_DELAY:
                await self.async_save()

    async def _async_announce(self, event: PrintEvent) -> None:
        """Announce an event, if its entity is there and automations listen."""
        printer_id = event.print.printer_id
        if event.is_end and self._may_announce(printer_id):
            await self._async_wait_for_cover(event.print)
        if self._may_announce(printer_id):
            # An event that waited for its entity or a start of Home Assistant is late as well.
            waited = self.records.polled_at is not None and (
                self.records.polled_at - event.found_at > GAP
            )
            self._entities[printer_id](replace(event, late=event.late or waited))
            # A poll may have dropped it for its age while its picture was awaited.
            self._outbox = [other for other in self._outbox if other is not event]
            self._set_changed()

    async def _async_wait_for_cover(self, job: Print) -> None:
        """Wait a moment for a print's picture, which is worth no announcement less."""
        try:
            async with asyncio.timeout(COVER_TIMEOUT):
                await self._covers.async_fetch(job)
        except TimeoutError:
            LOGGER.debug("A print is announced before its picture is here")

    def _may_announce(self, printer_id: str) -> bool:
        """Return if an event would be heard: automations stop before the last polls end."""
        return self._armed and not self._hass.is_stopping and printer_id in self._entities

    async def async_save(self) -> None:
        """Write what has to survive a restart."""
        self._changed = False
        self._saved_at = dt_util.utcnow()
        await self._store.async_save(self._data())

    def _data(self) -> dict[str, Any]:
        """Return what has to survive a restart."""
        return {
            "records": records_as_dict(self.records),
            "outbox": [event_as_dict(event) for event in self._outbox],
        }
