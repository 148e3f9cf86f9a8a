"""From the answers of device/version to the firmware of each printer and AMS."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
import re

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy

from ..api.models import AmsVersion, DeviceVersion, Firmware
from .ams import ams_name

# An AMS is gone after this many answers in a row about a printer that is on and does not list it.
ANSWERS_WITHOUT_AMS = 3

# The notes begin with the name of the file, which says nothing to its reader.
_HEAD = re.compile(r"\s*#*\s*version\s+\S+\s*(\n|$)", re.IGNORECASE)
# The cloud names an offer "release" or "testing", that of 2022 names none.
_RELEASED = frozenset({None, "release"})
_MODELS = {"BL-A001": "AMS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ams:
    """An AMS: the printer it is connected to, and its number there.

    missing counts the answers in a row that did not list it.
    """

    printer_id: str = field(repr=False)
    unit: int | None = None
    model_id: str | None = None
    serial_number: str | None = field(default=None, repr=False)
    missing: int = 0

    @property
    def is_listed(self) -> bool:
        """Return if an answer has listed it: nothing identifies one that tells neither."""
        return self.unit is not None or self.serial_number is not None

    @property
    def name(self) -> str:
        """Return what it is called there."""
        return ams_name(self.unit)

    @property
    def model(self) -> str | None:
        """Return the product name, as far as the cloud tells it."""
        return _MODELS.get(self.model_id or "", self.model_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFirmware:
    """The firmware of a printer, or of an AMS.

    installed is None where the cloud does not tell it, latest where it cannot be told. notes are
    Markdown and belong to latest.
    """

    installed: str | None
    latest: str | None
    notes: str | None
    ams: Ams | None = None


def _device_firmware(
    installed: str | None, offers: Iterable[Firmware], ams: Ams | None = None
) -> DeviceFirmware:
    """Return what is installed and the newest that is offered.

    No offer means up to date (observed 2026); the cloud of 2022 offers what is installed. What is
    still tested, older than the installed version or no version at all is no offer.
    """
    released = [
        offer for offer in offers if offer.status in _RELEASED and _is_version(offer.version)
    ]
    newest = max(released, key=lambda offer: AwesomeVersion(offer.version), default=None)
    if newest and installed and not _is_version(installed):
        return DeviceFirmware(installed=installed, latest=None, notes=None, ams=ams)
    if newest is None or (installed and AwesomeVersion(newest.version) < installed):
        return DeviceFirmware(installed=installed, latest=installed, notes=None, ams=ams)
    return DeviceFirmware(installed=installed, latest=newest.version, notes=_notes(newest), ams=ams)


def _notes(offer: Firmware) -> str | None:
    """Return what is new in a firmware, without the head of the file that it comes from."""
    if offer.description is None:
        return None
    head = _HEAD.match(offer.description)
    return offer.description[head.end() if head else 0 :].strip() or None


def _is_version(version: str) -> bool:
    """Return if a version can be compared."""
    return AwesomeVersion(version).strategy is not AwesomeVersionStrategy.UNKNOWN


def add_answer(
    known: Mapping[str, DeviceFirmware],
    answer: DeviceVersion,
    *,
    online: bool,
    identify: Callable[[AmsVersion], str | None],
    kept: Collection[str] = (),
) -> dict[str, DeviceFirmware]:
    """Return the firmware by id of the device, known so far, after an answer about one printer.

    online says if the printer is; what an answer about one that is off leaves out is not gone, and
    neither are those that are kept. identify returns the id of an AMS, None if it has none.
    """
    printer_id = answer.id
    listed = {
        device_id: _device_firmware(
            ams.version,
            ams.firmware,
            Ams(
                printer_id=printer_id,
                unit=ams.address,
                model_id=ams.model,
                serial_number=ams.device_id,
            ),
        )
        for ams in answer.ams
        if (device_id := identify(ams))
    }
    result = {}
    for device_id, device in known.items():
        ams = device.ams
        if ams and ams.printer_id == printer_id and device_id not in listed:
            ams = replace(ams, missing=ams.missing + (online and device_id not in kept))
            if ams.missing >= ANSWERS_WITHOUT_AMS:
                continue
        result[device_id] = replace(device, ams=ams)
    return result | {printer_id: _device_firmware(answer.version, answer.firmware)} | listed
