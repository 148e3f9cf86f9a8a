"""Events of the Bambu Lab Cloud integration."""

from dataclasses import asdict
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .activity import note_end
from .announcer import ACCOUNT, PRINT_EVENT, Announcer
from .data import BambuConfigEntry
from .entity import BambuAccountEntity, BambuPrinterEntity, async_add_printer_entities
from .fleet.lifecycle import PrintEvent, PrintEventType
from .fleet.messages import MESSAGE_TYPES, News
from .image import LAST_PRINT_PREVIEW, PRINT_PREVIEW
from .memory import Announcement
from .messages import MessagesCoordinator, message_attributes
from .printers import PrintersCoordinator
from .registry import device_name, entity_of

PARALLEL_UPDATES = 0

PRINT = EventEntityDescription(
    key=PRINT_EVENT, translation_key="print", event_types=[kind.value for kind in PrintEventType]
)
MESSAGE = EventEntityDescription(
    key="message", translation_key="message", event_types=MESSAGE_TYPES
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the events of the printers and of the account."""
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            BambuPrintEvent(data.printers, printer_id, PRINT, data.announcer)
        ],
    )
    data = entry.runtime_data
    async_add_entities([BambuMessageEvent(data.messages, MESSAGE, data.announcer)])


def print_attributes(
    hass: HomeAssistant, entry: BambuConfigEntry, event: PrintEvent
) -> dict[str, Any]:
    """Return what automations are told of a print, by whichever way they hear of it."""
    job = event.print
    duration = job.duration
    worst = event.errors[0] if event.errors else None
    return {
        "printer": device_name(hass, entry, job.printer_id),
        "task_id": job.task_id,
        "title": job.title,
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "duration": None if duration is None else round(duration.total_seconds()),
        "weight": job.weight,
        "length": job.length,
        "filaments": [asdict(filament) for filament in job.filaments],
        "plate": job.plate,
        "model_id": job.model_id,
        "design_id": job.design_id,
        "image": _picture(hass, entry, event),
        "late": event.late,
        "reason": event.reason,
        "cancelled": job.cancelled,
        "errors": [error.code for error in event.errors] or list(job.errors),
        "severity": worst and worst.severity,
        "module": worst and worst.module,
        "link": worst and worst.link(job.printer_id, hass.config.language),
    }


def _picture(hass: HomeAssistant, entry: BambuConfigEntry, event: PrintEvent) -> str | None:
    """Return the image entity that shows the print: the last one if it has ended."""
    if (task_id := event.print.task_id) is None:
        return None
    preview = LAST_PRINT_PREVIEW if event.is_end else PRINT_PREVIEW
    entity = entity_of(hass, entry, event.print.printer_id, Platform.IMAGE, preview.key)
    if entity is None or entity.disabled:
        return None
    # It may still show the print before, or already the one after it.
    shown = entry.runtime_data.pictures.is_shown(entity.unique_id, task_id)
    return entity.entity_id if shown else None


class BambuEvent(EventEntity):
    """An event: what happened stays true while the cloud is away, and automations hear of it."""

    @property
    @override
    def available(self) -> bool:
        """Return that it is: Home Assistant takes what follows unavailable for no event."""
        return True


class BambuPrintEvent(BambuEvent, BambuPrinterEntity):
    """What happens to the prints of a printer, each announced once."""

    _unrecorded_attributes = frozenset({"errors", "filaments"})

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: EventEntityDescription,
        announcer: Announcer,
    ) -> None:
        """Initialize the event."""
        super().__init__(coordinator, printer_id, description)
        self._announcer = announcer

    @override
    async def async_added_to_hass(self) -> None:
        """Let the prints of the printer be announced here."""
        await super().async_added_to_hass()
        self.async_on_remove(self._announcer.add_listener(self._printer_id, self._announce))

    @callback
    def _announce(self, event: Announcement) -> None:
        """Announce what happened to a print."""
        assert isinstance(event, PrintEvent)  # noqa: S101 - what a printer is told of
        attributes = print_attributes(self.hass, self.coordinator.config_entry, event)
        self._trigger_event(event.type, attributes)
        self._write()
        note_end(self.hass, self.entity_id, event)


class BambuMessageEvent(BambuEvent, BambuAccountEntity[MessagesCoordinator]):
    """The messages to an account, each announced once."""

    def __init__(
        self,
        coordinator: MessagesCoordinator,
        description: EventEntityDescription,
        announcer: Announcer,
    ) -> None:
        """Initialize the event."""
        super().__init__(coordinator, description)
        self._announcer = announcer

    @override
    async def async_added_to_hass(self) -> None:
        """Let the messages be announced here."""
        await super().async_added_to_hass()
        self.async_on_remove(self._announcer.add_listener(ACCOUNT, self._announce))

    @callback
    def _announce(self, news: Announcement) -> None:
        """Announce a message."""
        assert isinstance(news, News)  # noqa: S101 - what the account is told of
        self._trigger_event(
            news.type, message_attributes(self.hass, self.coordinator.config_entry, news)
        )
        self._write()
