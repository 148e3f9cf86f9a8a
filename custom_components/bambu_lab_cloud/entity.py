"""What the entities of an account, a printer and an AMS share."""

from collections.abc import Callable
from typing import Any, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN, MANUFACTURER
from .coordinator import BambuConfigEntry, BambuCoordinator, FleetCoordinator
from .firmware import FirmwareCoordinator
from .fleet.firmware import DeviceFirmware
from .fleet.printer import Printer


def unique_id(entry: BambuConfigEntry, device_id: str, description: EntityDescription) -> str:
    """Return what identifies an entity of a device.

    A printer may be shared by two accounts, each an entry with entities of its own.
    """
    return f"{entry.unique_id}_{device_id}_{description.key}"


class BambuAccountEntity[_CoordinatorT: BambuCoordinator[Any]](CoordinatorEntity[_CoordinatorT]):
    """An entity of an account."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: _CoordinatorT, description: EntityDescription) -> None:
        """Initialize the entity."""
        super().__init__(coordinator)
        self.entity_description = description
        entry = coordinator.config_entry
        self._attr_unique_id = f"{entry.unique_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, str(entry.unique_id))},
            manufacturer=MANUFACTURER,
            name=entry.title,
        )


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
        self._attr_unique_id = unique_id(coordinator.config_entry, printer_id, description)
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


class BambuFirmwareEntity(BambuPrinterEntity):
    """An entity that tells of a printer's firmware; it is there whenever the printer is."""

    def __init__(
        self,
        coordinator: FleetCoordinator,
        printer_id: str,
        description: EntityDescription,
        firmware: FirmwareCoordinator,
    ) -> None:
        """Initialize the entity."""
        super().__init__(coordinator, printer_id, description)
        self._firmware = firmware
        self._firmware_id = printer_id

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the firmware as well."""
        await super().async_added_to_hass()
        self.async_on_remove(self._firmware.async_add_listener(self.async_write_ha_state))

    @property
    def firmware(self) -> DeviceFirmware | None:
        """Return the firmware, None as long as the cloud told nothing of it."""
        return self._firmware.data.get(self._firmware_id)


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
        known.difference_update([key for key in known if not coordinator.is_remembered(key)])
        new = coordinator.data.keys() - known
        known.update(new)
        async_add_entities(
            entity for printer_id in new for entity in create(coordinator, printer_id)
        )

    entry.async_on_unload(coordinator.async_add_listener(add_new))
    add_new()
