"""The AMS at printers and the spools in them and beside the printers, all of which can be moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from math import sin, tau
from random import Random
from typing import Any

from .catalogue import COLORS, FILAMENTS, SPOOLS_SINCE, Model, Unit

DAY = timedelta(days=1)
# The ids of places for spools beside a printer: the only one or the right one, and the left one.
RIGHT, LEFT = 255, 254
# Where a client has seen the trays of AMS HT begin; others have seen 128.
FIRST_AMS_HT = 16
NO_TAG, NO_UUID = "0" * 16, "0" * 32
KINDS = ("ams", "ams_f1", "n3f", "n3s")
GRAMS = 1000
# How far humidity and temperature go up and down in about a day.
PERCENT, DEGREES = 4, 1.5
DRYING, DRYING_HEAT = timedelta(hours=12), 20


@dataclass(slots=True, eq=False)
class Spool:
    """A spool; one without a chip and without a material is unknown to the printer."""

    id: int
    material: str
    filament_id: str
    vendor: str
    name: str
    # With their opacity; more than one where it has several.
    colors: tuple[str, ...]
    # How much there was when it was put in, and when that was.
    grams: float
    since: datetime
    created: int
    tag: str
    uuid: str
    has_chip: bool = True
    # Until when the printer reads its chip, and tells nothing of it.
    read_until: datetime | None = None
    # Whether no more is told of it than that it is there, and with which number.
    reduced: bool = False
    state: int | None = None


@dataclass(eq=False)
class Ams:
    """An AMS, wherever it is."""

    kind: str
    serial: str
    chip: str
    # What it measured at a time, from which that goes up and down.
    percent: float
    celsius: float
    measured: datetime
    spools: dict[int, Spool] = field(default_factory=dict)
    # Which nozzle it feeds where there are two: 0 is the right one.
    nozzle: int = 0
    # In how many answers about versions its serial number is missing.
    untold: float = 0
    # Whether it is done with starting.
    ready: bool = True
    # Since when it dries, and for how long.
    dries: tuple[datetime, timedelta] | None = None

    @property
    def slots(self) -> int:
        """Return how many slots it has."""
        return Unit(self.kind, 0).slots

    @cached_property
    def _pace(self) -> float:
        return Random(self.serial).choice((-1, 1)) * Random(self.serial).uniform(0.7, 1.3)

    def _drift(self, now: datetime, factor: float) -> float:
        return sin(tau * self._pace * ((now - self.measured) * factor / DAY))

    def humidity(self, now: datetime, factor: float) -> int:
        """Return the percentage."""
        return min(100, max(1, round(self.percent + PERCENT * self._drift(now, factor))))

    def temperature(self, now: datetime, factor: float) -> float:
        """Return °C, in tenths."""
        heat = DRYING_HEAT if self.minutes(now, factor) else 0
        return round(self.celsius + heat + DEGREES * self._drift(now, factor), 1)

    def minutes(self, now: datetime, factor: float) -> int:
        """Return for how many minutes more it dries."""
        if self.dries is None:
            return 0
        begun, long = self.dries
        return max(0, (long - (now - begun) * factor) // timedelta(minutes=1))

    def measures(
        self, now: datetime, factor: float, humidity: float | None, temperature: float | None
    ) -> None:
        """Set what it measures now."""
        percent = self.humidity(now, factor)
        celsius = self.celsius + DEGREES * self._drift(now, factor)
        self.percent = percent if humidity is None else humidity
        self.celsius = celsius if temperature is None else temperature
        self.measured = now


def seeded_spool(chance: Random, number: str, since: datetime) -> Spool:
    """Make up a spool; the number is that of its chips."""
    filament, color = chance.choice(FILAMENTS), chance.choice(COLORS)
    created = SPOOLS_SINCE + timedelta(seconds=chance.randrange(86400 * 100))
    generic = filament.id.endswith("99")
    return Spool(
        material=filament.type,
        filament_id=filament.id,
        vendor="Generic" if generic else "Bambu Lab",
        name=f"{filament.type} Basic",
        colors=(color,),
        created=int(created.timestamp()),
        id=chance.randrange(1_000_000, 9_000_000),
        grams=chance.randrange(40, 1001),
        since=since,
        tag=f"5EC0DE{number[:8]:0<8}00",
        uuid=f"5EC0DE{number:0<26}",
        has_chip=not generic,
    )


def spool_beside(since: datetime) -> Spool:
    """Return the spool beside a printer without an AMS."""
    return Spool(
        id=0,
        material="PETG",
        filament_id="GFG99",
        vendor="Generic",
        name="PETG Basic",
        colors=("BCBCBCFF",),
        created=0,
        grams=GRAMS,
        since=since,
        tag=NO_TAG,
        uuid=NO_UUID,
        has_chip=False,
    )


def ams_serial(dev_id: str, index: int) -> str:
    """Return the serial number of the n-th AMS that a printer came with."""
    return f"006{dev_id[3:5]}{chr(ord('A') + index)}{dev_id[6:]}"


def stocked(
    model: Model, number: int, dev_id: str, *, seed: int, since: datetime
) -> dict[int, Ams]:
    """Return the units that a printer came with, by their ids."""
    return {
        unit.id: Ams(
            kind=unit.kind,
            serial=ams_serial(dev_id, index),
            chip=f"C0DE5EC{number:06d}{index:03d}",
            spools={
                int(slot): seeded_spool(
                    Random(f"{seed}:spool:{number}:{index}:{slot}"),
                    f"{number:06d}{index}{slot}",
                    since,
                )
                for slot in unit.loaded
            },
            nozzle=unit.nozzle,
            percent=8 + (number * 7 + index * 5) % 25,
            celsius=25 + number % 4 + index / 10,
            measured=since,
            dries=(since, DRYING) if unit.dries else None,
        )
        for index, unit in enumerate((*model.ams, *model.ht))
    }


def checked(kind: str, unit: int, loaded: str) -> None:
    """Complain of what no AMS is."""
    if kind not in KINDS:
        raise ValueError(f"An AMS is one of {', '.join(KINDS)}")
    if unit not in (range(128, 136) if kind == "n3s" else (0, 1, 2, 3, 16)):
        raise ValueError("An AMS is a unit from 0 to 3 or 16, an AMS HT one from 128 to 135")
    if not set(loaded) <= set("0" if kind == "n3s" else "0123"):
        raise ValueError("It has no such tray")


def trays(unit: int, slot: int) -> tuple[int, ...]:
    """Return the numbers that a tray has among all of its printer."""
    if unit in (LEFT, RIGHT):
        return (unit,)
    if unit >= 128:
        return FIRST_AMS_HT + unit - 128, unit
    return (4 * (unit if unit < 16 else 0) + slot,)


def place(units: Mapping[int, Ams], tray: int) -> tuple[int, int] | None:
    """Return the unit and the slot that a number is that of."""
    for unit, ams in units.items():
        for slot in range(ams.slots):
            if tray in trays(unit, slot):
                return unit, slot
    return None


def described(units: Mapping[int, Ams], now: datetime, factor: float) -> list[dict[str, Any]]:
    """Describe units for those who steer the simulator."""
    return [
        {
            "unit": unit,
            "kind": ams.kind,
            "serial": ams.serial,
            "nozzle": ams.nozzle,
            "ready": ams.ready,
            "humidity": ams.humidity(now, factor),
            "temperature": ams.temperature(now, factor),
            "drying": ams.minutes(now, factor),
        }
        for unit, ams in units.items()
    ]
