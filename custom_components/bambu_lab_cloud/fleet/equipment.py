"""What a printer has and how it does, from what it told: nozzles, AMS, spools, fans, errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from ..api.report import AmsModule, AmsUnit, Nozzle, Report, Slot, Tray
from .ams import slot_name

SPEED_PROFILES = {1: "silent", 2: "standard", 3: "sport", 4: "ludicrous"}
# What is mere information is nothing to complain of.
SEVERITIES = {1: "fatal", 2: "serious", 3: "common"}
# Somebody cancelled a print, which is no fault.
CANCELLED = frozenset({"0300-400C", "0500-400E"})
# By the first byte of a code: ModuleID in DevHMS.h of Bambu Studio; 12 and 18 by the texts of
# their codes in its resources/hms.
_MODULES = {
    "03": "motion_controller",
    "05": "mainboard",
    "07": "ams",
    "08": "toolhead",
    "0C": "camera",
    "12": "ams_lite",
    "18": "ams_ht",
}
_AMS_MODULES = frozenset({"07", "12", "18"})
_EXTERNAL_UNITS = frozenset({"FE", "FF"})
_EXTERNAL_SPOOL = "external_spool"
MODULES = frozenset({*_MODULES.values(), _EXTERNAL_SPOOL})
_PAGE = "https://e.bambulab.com/index.php"
_TABLE = "https://wiki.bambulab.com/en/hms/error-code"
# Of Home Assistant's languages those in which Bambu Lab explains errors.
_LANGUAGES = frozenset({"de", "es", "fr", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv"})
_OTHER_NAMES = {"pt-BR": "pt-br", "zh-Hans": "zh-cn"}

# Product names, and the internal codes of those whose product name is not told.
_TWO_NOZZLES = frozenset({"H2C", "H2D", "H2D Pro", "X2D", "O1C", "O1C2", "O1D", "O1E", "N6"})
_ONE_FAN = frozenset({"A1", "A1 mini", "A2L", "N1", "N2S", "N9"})
# They tell 5 °C, for ever.
_NO_CHAMBER_SENSOR = _ONE_FAN | {"P1P", "P1S", "C11", "C12"}
_DOOR_BY_HOME_FLAG = frozenset({"X1 Carbon", "X1E", "BL-P001", "C13"})
_DOOR_BY_STAT = _TWO_NOZZLES | {"H2S", "P2S", "O1S", "N7"}
_CHAMBER_SENSOR = _DOOR_BY_HOME_FLAG | _DOOR_BY_STAT | {"X1", "BL-P002"}
_SIDES = {"left": 1, "right": 0}
_EXTERNAL = {"left": 254, "right": 255}
_CAN_DRY = frozenset({"ams_2_pro", "ams_ht"})
_NO_SENSORS = "ams_lite"
# The extruder of an AMS that is not ready yet.
_NOT_READY = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterError:
    """What is wrong, by its code; severity is one of SEVERITIES, None for the error of a print."""

    code: str
    severity: str | None = None

    @property
    def module(self) -> str | None:
        """Return which part of the printer complains, one of MODULES, None if that is not known.

        Where the number of the AMS would stand, FE and FF mean the external spools, as in trays.
        """
        module, unit = self.code[:2], self.code[2:4]
        if module in _AMS_MODULES and unit in _EXTERNAL_UNITS:
            return _EXTERNAL_SPOOL
        return _MODULES.get(module)

    def link(self, printer_id: str, language: str) -> str:
        """Return the page that explains it; of the serial it names only what tells the model.

        Complaints have a page each; the errors of prints stand in one table, which is in English,
        and the browser is asked to go to their line.

        language is one of Home Assistant's. The page takes the same names of languages as the
        texts, in small letters (HMS.cpp of Bambu Studio); those that there are texts in, besides
        English, are the ones in its resources/hms and in ha-bambulab (seen 2026).
        """
        if self.severity is None:
            return f"{_TABLE}#:~:text={self.code.replace('-', '%2D')}"
        digits = self.code.replace("_", "")
        base = language.partition("-")[0]
        lang = _OTHER_NAMES.get(language, base if base in _LANGUAGES else "en")
        return f"{_PAGE}?e={digits}&d={quote(printer_id[:3])}&s=device_hms&lang={lang}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSpool:
    """A tray of an AMS or the place of an external spool, and what is on it.

    side is that of the nozzle that an external spool feeds, None for an only one. is_empty is None
    where nothing tells, as for external spools. remaining is a percentage, None unless the printer
    measures it.
    """

    slot: Slot
    side: str | None = None
    is_empty: bool | None = None
    material: str | None = None
    brand: str | None = None
    name: str | None = None
    color: str | None = None
    colors: tuple[str, ...] = ()
    remaining: int | None = None

    @property
    def tray(self) -> str:
        """Return what Bambu Studio calls its place."""
        return slot_name(self.slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAms:
    """An AMS: kind is one of AMS_KINDS, temperature °C, humidity a percentage.

    humidity_level, 1 wet to 5 dry, is told only where no percentage is. drying_remaining are
    minutes, None on one that cannot dry.
    """

    id: int
    kind: str | None
    serial: str | None = field(repr=False)
    version: str | None
    humidity: int | None
    humidity_level: int | None
    temperature: int | None
    drying_remaining: int | None
    trays: tuple[LiveSpool, ...]

    def tray(self, number: int) -> LiveSpool | None:
        """Return a tray by its number, from 0 on."""
        return next((tray for tray in self.trays if tray.slot.tray == number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNozzle:
    """A nozzle, °C and mm; side is "left" or "right", and None on a printer with one."""

    side: str | None
    temperature: int | None
    target: int | None
    type: str | None
    diameter: float | None
    high_flow: bool | None


def _has_two_nozzles(told: Report, model: str | None) -> bool:
    """Return if a printer has two nozzles, also before it told of them."""
    return model in _TWO_NOZZLES or told.nozzle_count == 2 or len(told.nozzles or ()) > 1


def temperatures(told: Report, model: str | None) -> dict[str, float]:
    """Return what is known of "bed", "chamber", the nozzles by side, and the AMS by their id."""
    found: dict[str, float | None] = {
        f"nozzle {side}": nozzle.temperature for side, nozzle in _told_nozzles(told, model).items()
    }
    found |= {f"ams {unit.id}": unit.temperature for unit in told.ams or ()}
    found["bed"] = told.bed_temperature
    if _has_chamber_sensor(told, model):
        found["chamber"] = told.chamber_temperature
    return {key: value for key, value in found.items() if value is not None}


def chamber_target(told: Report, model: str | None) -> int | None:
    """Return how warm the chamber is to be, in °C."""
    return whole(told.chamber_target) if _has_chamber_sensor(told, model) else None


def _has_chamber_sensor(told: Report, model: str | None) -> bool:
    """Return if a printer measures its chamber; one that is new to us may tell 5 °C as well."""
    if model in _CHAMBER_SENSOR:
        return True
    return model not in _NO_CHAMBER_SENSOR and told.chamber_temperature not in {None, 5}


def fan_speeds(told: Report, model: str | None) -> dict[str, int]:
    """Return what is known of the fans, in percent, each from its best teller."""
    tellers = [fans for fans in (told.airduct, told.fan_gear, told.fans) if fans is not None]
    names = ("part", "heatbreak") if model in _ONE_FAN else ("part", "aux", "chamber", "heatbreak")
    found = {
        name: next((speed for fans in tellers if (speed := getattr(fans, name)) is not None), None)
        for name in names
    }
    return {name: speed for name, speed in found.items() if speed is not None}


def whole(value: float | None) -> int | None:
    """Return a whole number."""
    return None if value is None else round(value)


def nozzles(told: Report, model: str | None, shown: Mapping[str, int]) -> tuple[LiveNozzle, ...]:
    """Return the nozzles that were told; shown are temperatures as above, but quiet."""
    return tuple(
        LiveNozzle(
            side=side,
            temperature=shown.get(f"nozzle {side}"),
            target=whole(nozzle.target),
            type=nozzle.type,
            diameter=nozzle.diameter,
            high_flow=nozzle.high_flow,
        )
        for side, nozzle in _told_nozzles(told, model).items()
    )


def _told_nozzles(told: Report, model: str | None) -> dict[str | None, Nozzle]:
    """Return the nozzles by their side, None for the only one."""
    known = {nozzle.id: nozzle for nozzle in told.nozzles or ()}
    if _has_two_nozzles(told, model):
        return {side: known[number] for side, number in _SIDES.items() if number in known}
    told_twice = known.get(0, Nozzle(0))
    only = Nozzle(
        0,
        # Who tells it twice need not tell both each time, so these are the newest of either.
        temperature=told.nozzle_temperature,
        target=told.nozzle_target,
        diameter=told_twice.diameter or told.nozzle_diameter,
        type=told_twice.type or told.nozzle_type,
        high_flow=told.high_flow if told_twice.high_flow is None else told_twice.high_flow,
    )
    return {} if only == Nozzle(0) else {None: only}


def ams_units(
    told: Report, modules: Mapping[int, AmsModule], shown: Mapping[str, int]
) -> tuple[LiveAms, ...]:
    """Return the AMS that are ready; shown are temperatures as above, but quiet."""
    return tuple(
        _ams(unit, told, modules.get(unit.id, AmsModule(unit.id)), shown.get(f"ams {unit.id}"))
        for unit in told.ams or ()
        if unit.extruder != _NOT_READY or told.has_filament_switch
    )


def _ams(unit: AmsUnit, told: Report, module: AmsModule, temperature: int | None) -> LiveAms:
    kind = unit.kind or module.kind
    return LiveAms(
        id=unit.id,
        kind=kind,
        serial=module.serial,
        version=module.version,
        humidity=unit.humidity,
        humidity_level=unit.humidity_level
        if unit.humidity is None and kind != _NO_SENSORS
        else None,
        temperature=temperature,
        drying_remaining=unit.drying if kind in _CAN_DRY else None,
        trays=tuple(_tray(Slot(unit.id, tray.id), tray, told) for tray in unit.trays or ()),
    )


def _tray(slot: Slot, tray: Tray, told: Report) -> LiveSpool:
    has_spool = tray.has_spool
    if told.spools is not None and slot.ams in (told.ams_ids or ()):
        has_spool = slot in told.spools
    if has_spool is False:
        # Printers go on to describe what was in it.
        return LiveSpool(slot=slot, is_empty=True)
    is_measured = told.measures_remaining and tray.has_chip is not False
    remaining = tray.remaining if is_measured else None
    return _spool(slot, tray, is_empty=None if has_spool is None else False, remaining=remaining)


def _spool(
    slot: Slot, tray: Tray, *, is_empty: bool | None = None, remaining: int | None = None
) -> LiveSpool:
    return LiveSpool(
        slot=slot,
        is_empty=is_empty,
        material=tray.material,
        brand=tray.brand,
        name=tray.name,
        color=tray.color,
        colors=tray.colors,
        remaining=remaining,
    )


def external_spools(told: Report, model: str | None) -> tuple[LiveSpool, ...]:
    """Return the places of external spools, each on the side of its nozzle."""
    known = {tray.id: _spool(Slot(tray.id, 0), tray) for tray in told.external or ()}
    if _has_two_nozzles(told, model):
        return tuple(
            replace(known[number], side=side)
            for side, number in _EXTERNAL.items()
            if number in known
        )
    # One nozzle has one, by either number.
    return (known[max(known)],) if known else ()


def active_filament(
    told: Report, model: str | None, ams: Iterable[LiveAms], external: Iterable[LiveSpool]
) -> LiveSpool | None:
    """Return the spool that feeds the nozzle in use, None if there is none or nobody knows."""
    two = _has_two_nozzles(told, model)
    nozzle = told.active_nozzle if two else 0
    slot = next((known.source for known in told.nozzles or () if known.id == nozzle), None)
    if slot is None and not two:
        slot = told.tray_now
    if slot is None or slot.ams is None:
        return None
    if slot.ams in _EXTERNAL.values():
        return next((spool for spool in external if not two or spool.slot == slot), None)
    trays = (tray for unit in ams for tray in unit.trays)
    return next((tray for tray in trays if tray.slot == slot), None)


def errors(told: Report) -> tuple[PrinterError, ...]:
    """Return what is wrong, the worst first: the error of a print, which has stopped it.

    Complaints follow that are more than information. A print that was cancelled tells so as an
    error, which it is not.
    """
    of_print = [] if not told.error or told.error in CANCELLED else [PrinterError(code=told.error)]
    complaints = (
        PrinterError(code=error.code, severity=severity)
        for level, severity in SEVERITIES.items()
        for error in told.hms or ()
        if error.level == level
    )
    return (*of_print, *complaints)


def door_is_open(told: Report, model: str | None) -> bool | None:
    """Return if the door is open, on models of which is known where they tell it."""
    if model in _DOOR_BY_HOME_FLAG:
        return told.door_by_home_flag
    return told.door_by_stat if model in _DOOR_BY_STAT else None
