"""Announces prints and messages, each once: the post office of an account."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started
from homeassistant.util.hass_dict import HassKey

from .api import BambuCloud
from .cloud import cloud_now
from .const import DOMAIN, LOGGER
from .fleet.lifecycle import ERROR_NEWS, GAP, NEWS, PrintEvent, PrintEventType
from .fleet.messages import News
from .fleet.printer import Print
from .memory import Announcement, Memory
from .pictures import Pictures
from .registry import entity_of

PICTURE_TIMEOUT = 5
# Of messages, for an entity that is not there; one that is takes them at once.
MESSAGES_KEPT = 50
# Of errors, which a printer that is broken may tell by the dozen.
ERRORS_KEPT = 50

# What the account itself is told; a printer is told under its id.
ACCOUNT = ""
# The event entity of a printer.
PRINT_EVENT = "print"

type Announce = Callable[[Announcement], None]
# Who listens to printers of whichever account, and may be there before the account is: for a
# printer of an account, how to announce what is for it, None if that is of no interest.
type Listen = Callable[[ConfigEntry, str], Announce | None]

LISTENING: HassKey[list[Listen]] = HassKey(f"{DOMAIN}_listening")


def _address(item: Announcement) -> str:
    """Return whom an announcement is for."""
    return ACCOUNT if isinstance(item, News) else item.print.printer_id


def _is_error(item: Announcement) -> bool:
    return isinstance(item, PrintEvent) and item.type is PrintEventType.ERROR


def _is_news(item: Announcement, now: datetime) -> bool:
    """Return if it is not too old to be announced."""
    return abs(now - item.found_at) < (ERROR_NEWS if _is_error(item) else NEWS)


@callback
def listen_to_printers(hass: HomeAssistant, listen: Listen) -> CALLBACK_TYPE:
    """Hear of printers of all accounts, through their reloads, until the returned call."""
    listening = hass.data.setdefault(LISTENING, [])
    listening.append(listen)
    return lambda: listening.remove(listen)


class Announcer:
    """Announces what waits in the outbox to those who listen."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        client: BambuCloud,
        memory: Memory,
        pictures: Pictures,
    ) -> None:
        """Initialize the announcer."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._memory = memory
        self._pictures = pictures
        self._armed = False
        self._listeners: dict[str, list[Announce]] = {}
        self._lock = asyncio.Lock()

    @callback
    def start(self) -> None:
        """Announce from the moment on that automations listen."""

        @callback
        def arm(_hass: HomeAssistant) -> None:
            self._armed = True
            self.deliver()

        self._entry.async_on_unload(async_at_started(self._hass, arm))

    @callback
    def add_listener(self, address: str, announce: Announce) -> CALLBACK_TYPE:
        """Announce what is for a printer or the account, until the returned call."""
        listeners = self._listeners.setdefault(address, [])
        listeners.append(announce)
        if self._memory.outbox:
            self.deliver()
        return lambda: listeners.remove(announce)

    @callback
    def post(self, items: Iterable[Announcement]) -> None:
        """Let something wait to be announced, and drop what is no news any more."""
        now = cloud_now(self._client)
        outbox = [item for item in self._memory.outbox if _is_news(item, now)]
        outbox += items
        messages = [item for item in outbox if isinstance(item, News)]
        errors = [item for item in outbox if _is_error(item)]
        for item in (*messages[:-MESSAGES_KEPT], *errors[:-ERRORS_KEPT]):
            outbox.remove(item)
        self._memory.keep(outbox)

    @callback
    def deliver(self) -> None:
        """Announce what is waiting, after what runs now: the entities show it then."""
        self._entry.async_create_background_task(
            self._hass, self._async_deliver(), "announcements", eager_start=False
        )

    async def _async_deliver(self) -> None:
        """Announce what is waiting, then save: whoever kills us in between hears it twice."""
        self.post(())
        for item in tuple(self._memory.outbox):
            if _is_error(item):
                # It waits for no picture, nor for those who do.
                await self._async_announce(item)
        async with self._lock:
            for item in tuple(self._memory.outbox):
                # While another one waited for its picture, an error may have been announced.
                if item in self._memory.outbox:
                    await self._async_announce(item)
            await self._memory.async_save_if_due()

    async def _async_announce(self, item: Announcement) -> None:
        """Announce something, if somebody listens and automations do."""
        if isinstance(item, PrintEvent) and not _is_error(item) and self._may_announce(item):
            await self._async_wait_for_picture(item.print)
        if not self._may_announce(item):
            return
        # A poll may have dropped it for its age while its picture was awaited.
        self._memory.keep([other for other in self._memory.outbox if other is not item])
        if isinstance(item, PrintEvent):
            # A print that waited for its entity or a start of Home Assistant is late as well.
            waited = cloud_now(self._client) - item.found_at > GAP
            item = replace(item, late=item.late or waited)
        for announce in self._hearers(item):
            try:
                announce(item)
            except Exception:  # noqa: BLE001
                # The mistake of one is no loss for the others.
                LOGGER.exception("Unexpected error announcing")

    async def _async_wait_for_picture(self, job: Print) -> None:
        """Wait a moment for a print's picture, which is worth no announcement less."""
        try:
            async with asyncio.timeout(PICTURE_TIMEOUT):
                await self._pictures.async_fetch(job)
        except TimeoutError:
            LOGGER.debug("A print is announced before its picture is here")

    def _may_announce(self, item: Announcement) -> bool:
        """Return if it would be heard: automations stop before the last polls end."""
        return self._armed and not self._hass.is_stopping and bool(self._hearers(item))

    def _hearers(self, item: Announcement) -> list[Announce]:
        """Return who hears of it now, triggers after the event entity.

        An entity that is missing for a moment is waited for: it would miss what triggers alone have
        heard. Where it is disabled, nobody knows for how long, they are enough.
        """
        entities = self._listeners.get(_address(item), [])
        if isinstance(item, News) or not (entities or self._is_disabled(item)):
            return [*entities]
        asked = [
            listen(self._entry, item.print.printer_id)
            for listen in self._hass.data.get(LISTENING, ())
        ]
        return [*entities, *filter(None, asked)]

    def _is_disabled(self, event: PrintEvent) -> bool:
        """Return if the event entity of a printer is disabled."""
        printer_id = event.print.printer_id
        entity = entity_of(self._hass, self._entry, printer_id, Platform.EVENT, PRINT_EVENT)
        return entity is not None and entity.disabled
