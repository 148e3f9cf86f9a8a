"""Firmware of the printers and AMS of the Bambu Lab Cloud integration."""

from typing import override

from homeassistant.components.update import (
    DOMAIN as UPDATE,
    UpdateDeviceClass,
    UpdateEntity,
    UpdateEntityDescription,
    UpdateEntityFeature,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import BambuConfigEntry, FleetCoordinator
from .entity import BambuFirmwareEntity, add_printer_entities, unique_id
from .firmware import FirmwareCoordinator

PARALLEL_UPDATES = 0

FIRMWARE = UpdateEntityDescription(
    key="firmware",
    device_class=UpdateDeviceClass.FIRMWARE,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the firmware of the printers, and of the AMS whose version is or was known."""
    fleet, firmware = entry.runtime_data.fleet, entry.runtime_data.firmware
    add_printer_entities(
        entry,
        async_add_entities,
        lambda coordinator, printer_id: [BambuUpdate(coordinator, printer_id, FIRMWARE, firmware)],
    )
    registry = er.async_get(hass)
    known: set[str] = set()

    def is_wanted(ams_id: str) -> bool:
        """Return if an AMS has a version to show, or had one before."""
        return firmware.data[ams_id].installed is not None or bool(
            registry.async_get_entity_id(UPDATE, DOMAIN, unique_id(entry, ams_id, FIRMWARE))
        )

    @callback
    def add_new() -> None:
        known.intersection_update(firmware.data)
        new = {
            ams_id: device.ams.printer_id
            for ams_id, device in firmware.data.items()
            if device.ams
            and device.ams.printer_id in fleet.data
            and ams_id not in known
            and is_wanted(ams_id)
        }
        known.update(new)
        async_add_entities(
            BambuAmsUpdate(fleet, printer_id, FIRMWARE, firmware, ams_id)
            for ams_id, printer_id in new.items()
        )

    entry.async_on_unload(firmware.async_add_listener(add_new))
    entry.async_on_unload(fleet.async_add_listener(add_new))
    add_new()


class BambuUpdate(BambuFirmwareEntity, UpdateEntity):
    """The firmware of a printer."""

    _attr_supported_features = UpdateEntityFeature.RELEASE_NOTES

    @property
    @override
    def installed_version(self) -> str | None:
        """Return the version in use."""
        return self.firmware.installed if self.firmware else None

    @property
    @override
    def latest_version(self) -> str | None:
        """Return the newest version that is not only being tested."""
        return self.firmware.latest if self.firmware else None

    @override
    async def async_release_notes(self) -> str | None:
        """Return what is new in the newest version."""
        return self.firmware.notes if self.firmware else None


class BambuAmsUpdate(BambuUpdate):
    """The firmware of an AMS, which is there while its printer is."""

    def __init__(
        self,
        coordinator: FleetCoordinator,
        printer_id: str,
        description: UpdateEntityDescription,
        firmware: FirmwareCoordinator,
        ams_id: str,
    ) -> None:
        """Initialize the entity."""
        super().__init__(coordinator, printer_id, description, firmware)
        self._firmware_id = ams_id
        self._attr_unique_id = unique_id(coordinator.config_entry, ams_id, description)
        # The coordinator of the firmware made the device, and keeps it up to date.
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, ams_id)})
