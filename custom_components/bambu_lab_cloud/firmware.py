"""The firmware of an account's printers and AMS: asked twice a day, one printer at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .api import (
    AmsVersion,
    BambuCloud,
    BambuCloudError,
    DeviceVersion,
    PermissionDeniedError,
    ResponseError,
)
from .const import LOGGER
from .coordinator import BambuCoordinator, Outage
from .fleet.equipment import LiveAms
from .fleet.firmware import Ams, DeviceFirmware, add_answer
from .fleet.stored import as_stored, from_stored
from .printers import PrintersCoordinator
from .registry import Devices
from .storage import EntryStore

BETWEEN_ANSWERS = timedelta(hours=12)
AFTER_BAD_ANSWER = timedelta(hours=1)
BEFORE_FIRST_PRINTER = timedelta(seconds=5)
BETWEEN_PRINTERS = timedelta(seconds=10)
# With nobody due the cloud is not asked; this is how soon a new printer is noticed.
BETWEEN_LOOKS = timedelta(minutes=5)
# Longer than a round of most accounts, so that it is written once.
SAVE_DELAY = 300
# Owners, and automations of theirs, can ask for a look out of turn.
BETWEEN_CHECKS = timedelta(minutes=1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class FirmwareCoordinator(BambuCoordinator[dict[str, DeviceFirmware]]):
    """The firmware of printers and AMS by id of the device."""

    _name = "firmware"
    _first_interval = BEFORE_FIRST_PRINTER

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: ConfigEntry,
        client: BambuCloud,
        outage: Outage,
        *,
        devices: Devices,
        printers: PrintersCoordinator,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client, outage)
        self.data = {}
        self._printers = printers
        self._devices = devices
        self._due: dict[str, datetime] = {}
        self._asked_at: dict[str, datetime] = {}
        # The printers that somebody wants to know about out of turn.
        self._wanted = set[str]()
        self._store = EntryStore(
            hass, config_entry.entry_id, "firmware", self._as_dict, delay=SAVE_DELAY
        )

    async def async_load(self) -> None:
        """Take up what an earlier start has stored, so that a restart asks for nothing."""
        if known := await self._store.async_load(_read):
            self.data, self._due = known

    @callback
    def start(self) -> None:
        """Ask from now on, whether an entity listens or not: devices follow the answers too."""
        self.keep_polling()
        # An AMS is named after its printer.
        self.config_entry.async_on_unload(
            self._printers.async_add_listener(lambda: self._follow(self.data))
        )

    @override
    async def async_shutdown(self) -> None:
        """Store what is not stored yet."""
        await super().async_shutdown()
        await self._store.async_flush()

    async def async_check(self, printer_id: str) -> None:
        """Ask about a printer soon, unless that was done a moment ago or the cloud fails."""
        now = dt_util.utcnow()
        if (
            self.last_update_success
            # The clock may have been set back.
            and abs(now - self._asked_at.get(printer_id, _NEVER)) >= BETWEEN_CHECKS
        ):
            self._wanted.add(printer_id)
            # At once for the first of many, the others one by one.
            await self.async_request_refresh()

    @callback
    def forget(self, device_id: str) -> None:
        """Forget a device that its owner removed."""
        self.data = {key: device for key, device in self.data.items() if key != device_id}
        self._due.pop(device_id, None)
        self._store.set_dirty()
        # Who shows the device has to forget it as well, to show it again.
        self.async_update_listeners()

    @override
    def _of_device(self, context: str) -> object:
        """Return the firmware of a device."""
        return self.data.get(context)

    @override
    async def _async_update_internal(self) -> dict[str, DeviceFirmware]:
        """Ask about the printer that waits longest, if one is due."""
        now = dt_util.utcnow()
        devices = self._without_removed_printers()
        waiting = self._waiting(now)
        self._has_asked = bool(waiting)
        if waiting:
            printer = self._printers.data[waiting.pop(0)]
            # Whatever comes of it, the others have their turn before this one has another.
            self._wanted.discard(printer.id)
            self._asked_at[printer.id] = now
            self._due[printer.id] = now + AFTER_BAD_ANSWER
            self._store.set_dirty()
            try:
                answer = await self._async_answer(printer.id)
            except BambuCloudError:
                # That is no matter of this printer.
                self._due[printer.id] = now
                raise
            if answer:
                devices = self._after(answer, devices, online=printer.online is True)
                self._due[printer.id] = now + BETWEEN_ANSWERS
        self.update_interval = BETWEEN_PRINTERS if waiting else BETWEEN_LOOKS
        gone = self.data.keys() - devices.keys()
        # Who hears that they are gone looks here.
        self.data = devices
        for device_id in gone:
            if self._printers.told(device_id) is None:
                self._devices.remove(device_id)
                self._printers.forget(device_id)
        self._follow(devices)
        return devices

    @callback
    def _follow(self, devices: Mapping[str, DeviceFirmware]) -> None:
        """Follow the versions of devices, and say where the cloud has the AMS."""
        self._printers.ams.listed = {
            (ams.printer_id, ams.unit): device_id
            for device_id, firmware in devices.items()
            if (ams := firmware.ams) and ams.unit is not None
        }
        self._devices.follow_firmware(devices, self._printers.ams.places)

    def _after(
        self, answer: DeviceVersion, devices: dict[str, DeviceFirmware], *, online: bool
    ) -> dict[str, DeviceFirmware]:
        """Return the firmware after an answer; an AMS that its printer shows is not gone."""
        printer_id = answer.id
        devices = devices | self._unlisted(printer_id, devices)
        of_printer = {
            ams_id: ams
            for ams_id, firmware in devices.items()
            if (ams := firmware.ams) and ams.printer_id == printer_id
        }
        places = self._printers.ams.places
        kept = {ams_id for ams_id in places if self._printers.told(ams_id)}
        if self._printers.is_live(printer_id):
            units = {places[ams_id][1]: ams_id for ams_id in self._printers.ams.at(printer_id)}
        else:
            # Only their printer can tell of those that the cloud does not know.
            kept |= {ams_id for ams_id, ams in of_printer.items() if not ams.is_listed}
            units = {ams.unit: ams_id for ams_id, ams in of_printer.items() if ams.unit is not None}

        def identify(listed: AmsVersion) -> str | None:
            """Return the id of an AMS, of which some do not tell their serial number."""
            if listed.device_id is None and listed.address in units:
                return units[listed.address]
            return self._devices.ams_id(printer_id, listed.address, listed.device_id)

        heard = tuple(self._as_heard(listed, identify(listed), printer_id) for listed in answer.ams)
        return add_answer(
            devices, replace(answer, ams=heard), online=online, identify=identify, kept=kept
        )

    def _unlisted(
        self, printer_id: str, devices: Mapping[str, DeviceFirmware]
    ) -> dict[str, DeviceFirmware]:
        """Return the AMS of a printer that no answer has listed yet."""
        return {
            ams_id: DeviceFirmware(
                installed=None, latest=None, notes=None, ams=Ams(printer_id=printer_id)
            )
            for ams_id in self._devices.ams(printer_id) - devices.keys()
        }

    def _as_heard(self, listed: AmsVersion, ams_id: str | None, printer_id: str) -> AmsVersion:
        """Return an AMS with what its printer knows better, or alone."""
        if ams_id is None or ams_id not in self._printers.ams.at(printer_id):
            return listed
        told = self._printers.told(ams_id)
        if not isinstance(told, LiveAms):
            return listed
        return replace(
            listed,
            address=told.id,
            device_id=listed.device_id or told.serial,
            version=listed.version or told.version,
        )

    def _waiting(self, now: datetime) -> list[str]:
        """Return the printers that are due: the wanted, then those never asked about, first."""
        due = {key: self._due.get(key, _NEVER) for key in self._printers.data}
        return sorted(
            (
                key
                for key, at in due.items()
                # A time that lies further ahead than any of ours is that of a wrong clock.
                if key in self._wanted or not now < at <= now + BETWEEN_ANSWERS
            ),
            key=lambda key: (key not in self._wanted, due[key]),
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

    def _as_dict(self) -> dict[str, Any]:
        """Return the answers, and when to ask again."""
        return {
            "devices": as_stored(self.data),
            "due": as_stored(self._due),
        }

    def _without_removed_printers(self) -> dict[str, DeviceFirmware]:
        """Return what is known, without printers that the account and the registry have lost."""
        kept = {
            printer_id
            for printer_id in self.data.keys() | self._printers.data.keys()
            if printer_id in self._printers.data or self._devices.has(printer_id)
        }
        for memory in (self._due, self._asked_at):
            for printer_id in memory.keys() - kept:
                del memory[printer_id]
        return {
            device_id: device
            for device_id, device in self.data.items()
            if (device.ams.printer_id if device.ams else device_id) in kept
        }


def _read(data: dict[str, Any]) -> tuple[dict[str, DeviceFirmware], dict[str, datetime]]:
    return (
        from_stored(Mapping[str, DeviceFirmware], data["devices"]),
        from_stored(Mapping[str, datetime], data["due"]),
    )
