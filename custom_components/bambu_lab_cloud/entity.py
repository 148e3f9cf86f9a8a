"""What the entities of a printer share."""

from collections.abc import Callable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN, MANUFACTURER
from .coordinator import BambuConfigEntry, FleetCoordinator
from .fleet.printer import Printer


class BambuPrinterEntity(CoordinatorEntity[FleetCoordinator]):
    """An entity of a printer."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: FleetCoordinator, printer_id: str, description: EntityDescription
    ) -> None:
        """Initialize the entity."""
        super().__init__(coordinator)
        self.entity_description = description
        self._printer_id = printer_id
        printer = self.printer
        # A printer may be shared by two accounts, each an entry with entities of its own.
        account = coordinator.config_entry.unique_id
        self._attr_unique_id = f"{account}_{printer_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, printer_id)},
            manufacturer=MANUFACTURER,
            model=printer.model,
            model_id=printer.model_id,
            name=printer.name,
            serial_number=printer_id,
        )

    @property
    def printer(self) -> Printer:
        """Return the printer as of the last poll."""
        return self.coordinator.data[self._printer_id]

    @property
    @override
    def available(self) -> bool:
        """Return if the last poll succeeded and told of the printer."""
        return super().available and self._printer_id in self.coordinator.data


def add_printer_entities(
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    create: Callable[[FleetCoordinator, str], list[Entity]],
) -> None:
    """Add the entities of every printer, now and whenever one joins the account."""
    coordinator = entry.runtime_data.fleet
    known: set[str] = set()

    @callback
    def add_new() -> None:
        new = coordinator.data.keys() - known
        known.update(new)
        async_add_entities(
            entity for printer_id in new for entity in create(coordinator, printer_id)
        )

    entry.async_on_unload(coordinator.async_add_listener(add_new))
    add_new()
