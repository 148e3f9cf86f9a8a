"""The firmware of an account's printers and AMS: asked twice a day, one printer at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .api import BambuCloud, DeviceVersion, PermissionDeniedError, ResponseError
from .const import DOMAIN, LOGGER, MANUFACTURER
from .coordinator import BambuConfigEntry, BambuCoordinator, FleetCoordinator
from .fleet.firmware import DeviceFirmware, add_answer, as_stored, from_stored

BETWEEN_ANSWERS = timedelta(hours=12)
AFTER_BAD_ANSWER = timedelta(hours=1)
BEFORE_FIRST_PRINTER = timedelta(seconds=5)
BETWEEN_PRINTERS = timedelta(seconds=10)
# With nobody due the cloud is not asked; this is how soon a new printer is noticed.
BETWEEN_LOOKS = timedelta(minutes=5)
# Longer than between printers, so that a round of all is written once.
SAVE_DELAY = 30
STORAGE_VERSION = 1


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}.firmware", atomic_writes=True)


async def async_remove_firmware(hass: HomeAssistant, entry_id: str) -> None:
    """Remove the remembered firmware of an account."""
    await _store(hass, entry_id).async_remove()


class FirmwareCoordinator(BambuCoordinator[dict[str, DeviceFirmware]]):
    """The firmware of printers and AMS by id of the device."""

    _name = "firmware"

    @override
    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: BambuConfigEntry,
        client: BambuCloud,
        fleet: FleetCoordinator,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client)
        self.data = {}
        self.update_interval = BEFORE_FIRST_PRINTER
        self._fleet = fleet
        self._store = _store(hass, config_entry.entry_id)
        self._due: dict[str, datetime] = {}
        self._is_saved = True

    async def async_load(self) -> None:
        """Take up what an earlier start has stored, so that a restart asks for nothing."""
        if not (stored := await self._store.async_load()):
            return
        try:
            due = {key: datetime.fromisoformat(at) for key, at in stored["due"].items()}
            self.data, self._due = from_stored(stored["devices"]), due
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            LOGGER.warning(
                "The firmware is not readable and asked for anew: %s", type(err).__name__
            )

    @callback
    def start(self) -> None:
        """Ask from now on, whether an entity listens or not: devices follow the answers too."""
        self.config_entry.async_on_unload(self.async_add_listener(lambda: None))
        # An AMS is named after its printer.
        self.config_entry.async_on_unload(
            self._fleet.async_add_listener(lambda: self._update_registry(self.data))
        )

    @override
    async def async_shutdown(self) -> None:
        """Store what is not stored yet."""
        await super().async_shutdown()
        if not self._is_saved:
            await self._store.async_save(self._data_to_save())

    @callback
    def forget(self, device_id: str) -> None:
        """Forget a device that its owner removed, until an answer lists it again."""
        self.data = {key: device for key, device in self.data.items() if key != device_id}
        self._is_saved = False
        self._store.async_delay_save(self._data_to_save, SAVE_DELAY)
        # Who shows the device has to forget it as well, to show it again.
        self.async_update_listeners()

    @override
    async def _async_update_internal(self) -> dict[str, DeviceFirmware]:
        """Ask about the printer that waits longest, if one is due."""
        now = dt_util.utcnow()
        devices = self._without_removed_printers()
        waiting = self._waiting(now)
        if waiting:
            printer = self._fleet.data[waiting.pop(0)]
            answer = await self._async_answer(printer.id)
            if answer:
                devices = add_answer(devices, answer, online=printer.online is True)
            self._due[printer.id] = now + (BETWEEN_ANSWERS if answer else AFTER_BAD_ANSWER)
            self._is_saved = False
            self._store.async_delay_save(self._data_to_save, SAVE_DELAY)
        self.update_interval = BETWEEN_PRINTERS if waiting else BETWEEN_LOOKS
        self._update_registry(devices)
        return devices

    def _waiting(self, now: datetime) -> list[str]:
        """Return the printers that are due, those that were never asked about first."""
        due = {printer_id: self._due.get(printer_id) for printer_id in self._fleet.data}
        return sorted(
            (printer_id for printer_id, at in due.items() if at is None or at <= now),
            key=lambda printer_id: due[printer_id] or dt_util.utc_from_timestamp(0),
        )

    async def _async_answer(self, printer_id: str) -> DeviceVersion | None:
        """Ask about one printer; an answer that is no use holds up nobody else."""
        try:
            versions = await self.client.get_device_versions(printer_id)
        except (PermissionDeniedError, ResponseError) as err:
            LOGGER.debug("The firmware of a printer is not told: %s", err)
            return None
        # A cloud that does not understand the id may answer with all printers.
        return next((version for version in versions if version.id == printer_id), None)

    def _data_to_save(self) -> dict[str, Any]:
        """Return the answers, and when to ask again."""
        self._is_saved = True
        return {
            "devices": as_stored(self.data),
            "due": {printer_id: due.isoformat() for printer_id, due in self._due.items()},
        }

    def _without_removed_printers(self) -> dict[str, DeviceFirmware]:
        """Return what is known, without printers that the account and the registry have lost."""
        kept = {
            printer_id
            for printer_id in self.data.keys() | self._fleet.data.keys()
            if printer_id in self._fleet.data or self._registered(printer_id)
        }
        self._due = {printer_id: at for printer_id, at in self._due.items() if printer_id in kept}
        return {
            device_id: device
            for device_id, device in self.data.items()
            if (device.ams.printer_id if device.ams else device_id) in kept
        }

    def _registered(self, device_id: str) -> dr.DeviceEntry | None:
        """Return a device of the account."""
        return dr.async_get(self.hass).async_get_device_by_identifier(
            (DOMAIN, device_id), self.config_entry.entry_id
        )

    def _update_registry(self, devices: Mapping[str, DeviceFirmware]) -> None:
        """Let the device registry follow: versions, and AMS that come, change and go."""
        registry = dr.async_get(self.hass)
        for device_id, firmware in devices.items():
            printer = self._registered(firmware.ams.printer_id if firmware.ams else device_id)
            if printer is None:
                continue
            device = printer
            if ams := firmware.ams:
                device = registry.async_get_or_create(
                    config_entry_id=self.config_entry.entry_id,
                    identifiers={(DOMAIN, device_id)},
                    manufacturer=MANUFACTURER,
                    model=ams.model,
                    model_id=ams.model_id,
                    name=f"{printer.name} {ams.name}",
                    serial_number=ams.serial_number,
                    via_device_id=printer.id,
                )
            if firmware.installed:
                registry.async_update_device(device.id, sw_version=firmware.installed)
        for device_id in self.data.keys() - devices.keys():
            if gone := self._registered(device_id):
                registry.async_remove_device(gone.id)
