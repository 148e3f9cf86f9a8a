"""The devices of an account: the one place that writes them, and where to find them."""

from collections.abc import Container, Mapping

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.device_registry import DeviceEntryType
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.helpers.typing import UNDEFINED
import probatio

from .const import DOMAIN, MANUFACTURER
from .fleet.ams import AMS_MODELS, ams_id, ams_name
from .fleet.equipment import LiveAms
from .fleet.firmware import DeviceFirmware
from .fleet.printer import Printer

# A target that names something; by itself the schema takes one that names nothing.
TARGET = probatio.All(cv.TARGET_FIELDS, cv.has_at_least_one_key(*cv.TARGET_FIELDS))


def device_of(hass: HomeAssistant, entry: ConfigEntry, device_id: str) -> dr.DeviceEntry | None:
    """Return a device as it is registered, None where there is none."""
    return dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)


def ids_of(device: dr.AnyDeviceEntry) -> set[str]:
    """Return the id of a printer, an AMS or an account by its device, the only one that it has."""
    return {identifier for domain, identifier in device.identifiers if domain == DOMAIN}


def printer_devices(hass: HomeAssistant, entry: ConfigEntry) -> list[dr.DeviceEntry]:
    """Return the printers of an account as they are registered: neither itself nor an AMS."""
    return [
        device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if device.entry_type is None and device.via_device_id is None
    ]


def device_name(hass: HomeAssistant, entry: ConfigEntry, device_id: str) -> str | None:
    """Return what the owner calls a device, None where there is none."""
    device = device_of(hass, entry, device_id)
    return (device.name_by_user or device.name) if device else None


def unique_id(entry: ConfigEntry, device_id: str, key: str) -> str:
    """Return what identifies an entity of a device.

    A printer may be shared by two accounts, each an entry with entities of its own.
    """
    return f"{entry.unique_id}_{device_id}_{key}"


def entity_of(
    hass: HomeAssistant, entry: ConfigEntry, device_id: str, platform: Platform, key: str
) -> er.RegistryEntry | None:
    """Return an entity of a device as it is registered, also if it is disabled."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id(platform, DOMAIN, unique_id(entry, device_id, key))
    return registry.async_get(entity_id) if entity_id else None


def targeted_devices(hass: HomeAssistant, target: TargetSelection) -> set[str]:
    """Return which devices of the registry a target means, by themselves or by an entity."""
    selected = async_extract_referenced_entity_ids(hass, target, expand_group=False)
    registry = er.async_get(hass)
    entities = (
        registry.async_get(each) for each in selected.referenced | selected.indirectly_referenced
    )
    return selected.referenced_devices | {
        each.device_id for each in entities if each and each.device_id
    }


class Devices:
    """The devices of an account: itself, its printers and their AMS."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Initialize the devices."""
        self._hass = hass
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id

    @callback
    def add_account(self, entry: ConfigEntry) -> None:
        """Add the account itself."""
        self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, str(entry.unique_id))},
            manufacturer=MANUFACTURER,
            model="Account",
            name=entry.title,
        )

    @callback
    def has(self, device_id: str) -> bool:
        """Return if a device is registered."""
        return self._device(device_id) is not None

    @callback
    def follow_printers(self, printers: Mapping[str, Printer]) -> None:
        """Add printers that are new, and follow the names and models of the others."""
        for printer in printers.values():
            device = self._device(printer.id)
            if device and (device.name, device.model) == (printer.name, printer.model):
                continue
            self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, printer.id)},
                manufacturer=MANUFACTURER,
                model=printer.model,
                model_id=printer.model_id,
                name=printer.name,
                serial_number=printer.id,
            )

    @callback
    def ams(self, printer_id: str | None = None) -> set[str]:
        """Return the AMS that are registered, or those of a printer."""
        printer = self._device(printer_id) if printer_id else None
        if printer_id and printer is None:
            return set()
        return {
            device_id
            for device in self._all()
            if device.via_device_id and (printer is None or device.via_device_id == printer.id)
            for device_id in ids_of(device)
        }

    @callback
    def ams_id(self, printer_id: str, unit: int | None, serial: str | None) -> str | None:
        """Return what identifies an AMS; what did so before goes on to.

        One that did not tell its serial number may do so later. Nothing identifies one that tells
        the number of a printer or of the account.
        """
        told = ams_id(printer_id, unit, serial)
        if told and (device := self._device(told)) and not device.via_device_id:
            return None
        if told is None or serial is None or unit is None:
            return told
        for device in self._all():
            if device.via_device_id and device.serial_number == serial:
                return next(iter(ids_of(device)))
        before = ams_id(printer_id, unit, None)
        return before if self.has_no_number(before) else told

    @callback
    def has_no_number(self, device_id: str | None) -> bool:
        """Return if a device is registered, and has not told its serial number yet."""
        device = self._device(device_id) if device_id else None
        return device is not None and device.serial_number is None

    @callback
    def follow_ams(self, device_id: str, printer: Printer, unit: LiveAms) -> None:
        """Add an AMS that a printer has, or follow where it hangs and what it is called there."""
        if (hub := self._device(printer.id)) is None:
            return
        is_new = not self.has(device_id)
        device = self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers={(DOMAIN, device_id)},
            manufacturer=MANUFACTURER,
            # What is not told is left as it was.
            model=AMS_MODELS.get(unit.kind or "", UNDEFINED),
            name=f"{printer.name} {ams_name(unit.id)}",
            serial_number=unit.serial or UNDEFINED,
            sw_version=unit.version or UNDEFINED,
            via_device_id=hub.id,
        )
        if is_new and device.area_id is None:
            # It stands where its printer does.
            self._registry.async_update_device(device.id, area_id=hub.area_id)

    @callback
    def follow_firmware(self, devices: Mapping[str, DeviceFirmware], heard: Container[str]) -> None:
        """Follow the versions, and add AMS that have one to show.

        Those that are heard tell better themselves what they are.
        """
        for device_id, firmware in devices.items():
            ams = firmware.ams
            printer = self._device(ams.printer_id if ams else device_id)
            if printer is None or device_id in heard or (ams and not ams.is_listed):
                continue
            if ams is None:
                if firmware.installed and firmware.installed != printer.sw_version:
                    self._registry.async_update_device(printer.id, sw_version=firmware.installed)
                continue
            known = self._device(device_id)
            name = f"{printer.name} {ams.name}"
            version = firmware.installed or (known.sw_version if known else None)
            model = (known.model if known else None) or ams.model
            if version is None or (
                known and (known.name, known.model, known.sw_version) == (name, model, version)
            ):
                continue
            self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, device_id)},
                manufacturer=MANUFACTURER,
                model=model,
                model_id=ams.model_id or UNDEFINED,
                name=name,
                serial_number=ams.serial_number or UNDEFINED,
                sw_version=version,
                via_device_id=printer.id,
            )

    @callback
    def remove_ams_without_entities(self) -> None:
        """Remove the AMS of which nothing is shown any more."""
        entities = er.async_get(self._hass)
        for device_id in self.ams():
            device = self._device(device_id)
            if device and not er.async_entries_for_device(
                entities, device.id, include_disabled_entities=True
            ):
                self._registry.async_remove_device(device.id)

    @callback
    def remove(self, device_id: str) -> None:
        """Remove a device, and those that hang on it."""
        self.remove_ams_of(device_id)
        if device := self._device(device_id):
            self._registry.async_remove_device(device.id)

    @callback
    def remove_ams_of(self, printer_id: str) -> None:
        """Remove what hangs on a printer."""
        if (printer := self._device(printer_id)) is None:
            return
        for device in self._all():
            if device.via_device_id == printer.id:
                self._registry.async_remove_device(device.id)

    def _all(self) -> list[dr.DeviceEntry]:
        return dr.async_entries_for_config_entry(self._registry, self._entry_id)

    def _device(self, device_id: str) -> dr.DeviceEntry | None:
        return self._registry.async_get_device_by_identifier((DOMAIN, device_id), self._entry_id)
