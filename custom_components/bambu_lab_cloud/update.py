"""Firmware of the printers and AMS of the Bambu Lab Cloud integration."""

from typing import override

from homeassistant.components.update import (
    UpdateDeviceClass,
    UpdateEntity,
    UpdateEntityDescription,
    UpdateEntityFeature,
)
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import BambuConfigEntry
from .entity import BambuFirmwareEntity, async_add_printer_entities
from .fleet.live import LiveState
from .printers import live_context
from .registry import entity_of

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
    printers, firmware = entry.runtime_data.printers, entry.runtime_data.firmware
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [BambuUpdate(printers, printer_id, FIRMWARE, firmware)],
    )
    known: set[str] = set()

    def is_wanted(ams_id: str) -> bool:
        """Return if an AMS has a version to show, or had one before."""
        registered = entity_of(hass, entry, ams_id, Platform.UPDATE, FIRMWARE.key)
        return firmware.data[ams_id].installed is not None or registered is not None

    @callback
    def add_new() -> None:
        known.intersection_update(firmware.data)
        new = {
            ams_id: device.ams.printer_id
            for ams_id, device in firmware.data.items()
            if device.ams
            and device.ams.printer_id in printers.data
            and ams_id not in known
            and is_wanted(ams_id)
        }
        known.update(new)
        async_add_entities(
            BambuUpdate(printers, printer_id, FIRMWARE, firmware, ams_id)
            for ams_id, printer_id in new.items()
        )

    entry.async_on_unload(firmware.async_add_listener(add_new))
    entry.async_on_unload(printers.async_add_listener(add_new))
    add_new()


class BambuUpdate(BambuFirmwareEntity, UpdateEntity):
    """The firmware of a printer or an AMS."""

    _attr_supported_features = UpdateEntityFeature.PROGRESS | UpdateEntityFeature.RELEASE_NOTES

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

    @property
    @override
    def in_progress(self) -> bool:
        """Return if the printer says that it installs firmware, its own or that of an AMS."""
        return self._live is not None and self._live.is_updating

    @property
    @override
    def update_percentage(self) -> int | None:
        """Return how much of it is installed, where the printer tells that."""
        return self._live.update_progress if self._live else None

    @property
    def _live(self) -> LiveState | None:
        """Return what a printer says itself, None if that is not true now."""
        told = self.coordinator.told(self._device_id)
        return told if isinstance(told, LiveState) else None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow what the printer says itself as well."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_add_listener(
                self._handle_coordinator_update, live_context(self._device_id)
            )
        )

    @override
    async def async_release_notes(self) -> str | None:
        """Return what is new in the newest version."""
        return self.firmware.notes if self.firmware else None

    @override
    async def async_update(self) -> None:
        """Ask about the firmware, which is what an owner means who wants it up to date."""
        await self._firmware.async_check(self._printer_id)
