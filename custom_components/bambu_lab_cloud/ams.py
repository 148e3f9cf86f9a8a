"""The AMS of an account: which hangs where, by what the printers say themselves."""

from datetime import datetime

from homeassistant.core import callback

from .fleet.asking import NAMELESS
from .fleet.live import LiveState
from .fleet.printer import Printer
from .registry import Devices


class AmsPlaces:
    """Where the AMS hang: the printer and the number there, by id of the device.

    known are all of them, those included that no printer has shown since the start.
    """

    def __init__(self, devices: Devices) -> None:
        """Initialize the places, with none so far."""
        self.known = devices.ams()
        self.places: dict[str, tuple[str, int]] = {}
        self._devices = devices
        self._told: dict[str, tuple[object, ...]] = {}

    @callback
    def at(self, printer_id: str) -> set[str]:
        """Return the AMS that hang on a printer."""
        return {ams_id for ams_id, place in self.places.items() if place[0] == printer_id}

    @callback
    def follow(self, printer: Printer, live: LiveState, now: datetime) -> bool:
        """Follow which AMS a printer has, and return if they are others than before.

        One without a serial number may only be late with it, for an hour.
        """
        if not live.has_full:
            return False
        since = live.nameless_since
        is_late = since is not None and now - since < NAMELESS
        told = (
            printer.name,
            is_late,
            *((unit.id, unit.kind, unit.serial, unit.version) for unit in live.ams),
        )
        if self._told.get(printer.id) == told:
            return False
        self._told[printer.id] = told
        there: dict[str, tuple[str, int]] = {}
        for unit in live.ams:
            ams_id = self._devices.ams_id(printer.id, unit.id, unit.serial)
            if ams_id is None or (unit.serial is None and is_late and ams_id not in self.known):
                continue
            there[ams_id] = printer.id, unit.id
            self._devices.follow_ams(ams_id, printer, unit)
        before = self.places
        self.known |= there.keys()
        self.places = {
            ams_id: place for ams_id, place in before.items() if place[0] != printer.id
        } | there
        return self.places != before

    @callback
    def forget(self, device_id: str) -> None:
        """Forget an AMS, or a printer with all that hang on it: what is there is told anew."""
        gone = {device_id} | self.at(device_id)
        printer_id, _ = self.places.get(device_id, (device_id, 0))
        self._told.pop(printer_id, None)
        self.known -= gone
        self.places = {ams_id: place for ams_id, place in self.places.items() if ams_id not in gone}
