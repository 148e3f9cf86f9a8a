"""The devices of an account: the one place that writes them."""

from collections.abc import Mapping

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo

from .const import DOMAIN, MANUFACTURER
from .fleet.firmware import DeviceFirmware
from .fleet.printer import Printer


def device_info(device_id: str) -> DeviceInfo:
    """Return how an entity names its device; all else of it stands here."""
    return DeviceInfo(identifiers={(DOMAIN, device_id)})


def device_name(hass: HomeAssistant, entry: ConfigEntry, device_id: str) -> str | None:
    """Return what the owner calls a device, None where there is none."""
    registry = dr.async_get(hass)
    device = registry.async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    return (device.name_by_user or device.name) if device else None


class Devices:
    """The devices of an account: itself, its printers and their AMS."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Initialize the devices."""
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
    def follow_firmware(self, devices: Mapping[str, DeviceFirmware]) -> None:
        """Follow the versions, and add AMS that have one to show."""
        for device_id, firmware in devices.items():
            ams = firmware.ams
            printer = self._device(ams.printer_id if ams else device_id)
            if printer is None:
                continue
            if ams is None:
                if firmware.installed and firmware.installed != printer.sw_version:
                    self._registry.async_update_device(printer.id, sw_version=firmware.installed)
                continue
            known = self._device(device_id)
            name = f"{printer.name} {ams.name}"
            version = firmware.installed or (known.sw_version if known else None)
            if version is None or (
                known and (known.name, known.model, known.sw_version) == (name, ams.model, version)
            ):
                continue
            self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, device_id)},
                manufacturer=MANUFACTURER,
                model=ams.model,
                model_id=ams.model_id,
                name=name,
                serial_number=ams.serial_number,
                sw_version=version,
                via_device_id=printer.id,
            )

    @callback
    def remove(self, device_id: str) -> None:
        """Remove a device, and those that hang on it."""
        if (device := self._device(device_id)) is None:
            return
        for other in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if other.via_device_id == device.id:
                self._registry.async_remove_device(other.id)
        self._registry.async_remove_device(device.id)

    def _device(self, device_id: str) -> dr.DeviceEntry | None:
        return self._registry.async_get_device_by_identifier((DOMAIN, device_id), self._entry_id)
