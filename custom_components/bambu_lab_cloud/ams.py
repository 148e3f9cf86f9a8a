"""The AMS of an account: which hangs where, by what the printers say themselves."""

from collections.abc import Mapping
from datetime import datetime

from homeassistant.core import callback

from .fleet.asking import NAMELESS
from .fleet.live import LiveState
from .fleet.printer import Printer
from .registry import Devices

# The printer, and the number there.
type Place = tuple[str, int]


class AmsPlaces:
    """Where the AMS hang, by id of the device.

    known are all of them, those included that no printer has shown since the start. listed are
    those of the cloud's last answers by their places, which are older.
    """

    def __init__(self, devices: Devices) -> None:
        """Initialize the places, with none so far."""
        self.known = devices.ams()
        self.places: Mapping[str, Place] = {}
        self.listed: Mapping[Place, str] = {}
        self._devices = devices
        # What each printer showed last, and the AMS that these were, who changed last at the end.
        self._told: dict[str, tuple[object, ...]] = {}
        self._shown: dict[str, dict[str, Place]] = {}
        # Which AMS was the last at a place.
        self._last: dict[Place, str] = {}

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
        shown: dict[str, Place] = {}
        # Those with a number are certain.
        for unit in sorted(live.ams, key=lambda unit: unit.serial is None):
            place = printer.id, unit.id
            ams_id = self._devices.ams_id(*place, unit.serial)
            if unit.serial is None:
                ams_id = self.listed.get(place) or self._last.get(place) or ams_id
                if is_late and not self._devices.has_no_number(ams_id):
                    continue
            if ams_id is None or ams_id in shown:
                continue
            shown[ams_id] = place
            self._last[place] = ams_id
            self._devices.follow_ams(ams_id, printer, unit)
        self._shown.pop(printer.id, None)
        self._shown[printer.id] = shown
        return self._join()

    def _join(self) -> bool:
        """Find out where each AMS hangs: if two printers show it, where it was plugged in last."""
        before = self.places
        self.places = {
            ams_id: place for shown in self._shown.values() for ams_id, place in shown.items()
        }
        self.known |= self.places.keys()
        return self.places != before

    @callback
    def forget(self, device_id: str) -> None:
        """Forget an AMS, or a printer with all that hang on it: what is there is told anew."""
        for printer_id, shown in tuple(self._shown.items()):
            if device_id in {printer_id, *shown}:
                del self._shown[printer_id], self._told[printer_id]
        # Those of a printer that is gone are gone with it.
        self.known = (self.known & self._devices.ams()) - {device_id}
        self._last = {place: each for place, each in self._last.items() if each in self.known}
        self._join()
