"""Events of the Bambu Lab Cloud integration."""

from dataclasses import asdict
from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.start import async_at_started

from .announcer import Announcer
from .api import Message
from .coordinator import BambuConfigEntry, FleetCoordinator
from .entity import BambuAccountEntity, BambuPrinterEntity, add_printer_entities
from .fleet.lifecycle import PrintEvent, PrintEventType
from .messages import MESSAGE_TYPES, MessagesCoordinator, message_type, plain_text

PARALLEL_UPDATES = 0

PRINT = EventEntityDescription(
    key="print", translation_key="print", event_types=[kind.value for kind in PrintEventType]
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
    announcer = entry.runtime_data.announcer
    add_printer_entities(
        entry,
        async_add_entities,
        lambda coordinator, printer_id: [
            BambuPrintEvent(coordinator, printer_id, PRINT, announcer)
        ],
    )
    async_add_entities([BambuMessageEvent(entry.runtime_data.messages, MESSAGE)])


class BambuEvent(EventEntity):
    """An event: what happened stays true while the cloud is away, and automations hear of it."""

    @property
    @override
    def available(self) -> bool:
        """Return that it is: Home Assistant takes what follows unavailable for no event."""
        return True


class BambuPrintEvent(BambuEvent, BambuPrinterEntity):
    """What happens to the prints of a printer, each announced once."""

    def __init__(
        self,
        coordinator: FleetCoordinator,
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
        self.async_on_remove(self._announcer.add_entity(self._printer_id, self._announce))

    @callback
    def _announce(self, event: PrintEvent) -> None:
        """Announce what happened to a print."""
        job = event.print
        duration = job.duration
        self._trigger_event(
            event.type,
            {
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
                "late": event.late,
            },
        )
        self.async_write_ha_state()


class BambuMessageEvent(BambuEvent, BambuAccountEntity[MessagesCoordinator]):
    """The messages to an account, each announced once."""

    @override
    async def async_added_to_hass(self) -> None:
        """Announce once automations can hear it."""
        await super().async_added_to_hass()
        self.async_on_remove(async_at_started(self.hass, self._announce))

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Announce what the last poll brought."""
        if self.hass.state is CoreState.running:
            self._announce(self.hass)

    @callback
    def _announce(self, _hass: HomeAssistant) -> None:
        """Announce the messages that wait for it."""
        for message in self.coordinator.take_new():
            self._trigger_event(message_type(message), self._attributes(message))
            self.async_write_ha_state()

    def _attributes(self, message: Message) -> dict[str, str | None]:
        """Return what a message says."""
        task = message.task
        printers = self.coordinator.config_entry.runtime_data.fleet.data
        printer = printers.get(task.device_id) if task and task.device_id else None
        return {
            "id": message.id,
            "title": plain_text(message.title or (task.title if task else None)),
            "text": plain_text(message.text or (task.detail if task else None)),
            "sender": plain_text(message.sender),
            "printer": printer.name if printer else None,
            "created": message.created.isoformat() if message.created else None,
        }
