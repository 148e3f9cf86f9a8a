"""What the simulated cloud is stocked with: models, filaments, titles and release notes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from random import Random


@dataclass(frozen=True, slots=True)
class Unit:
    """An AMS, under the name that its kind has in the versions of a printer."""

    kind: str
    id: int
    # The slots that have a spool in them.
    loaded: str = "0123"
    # The nozzle that it feeds where there are two: 0 is the right one.
    nozzle: int = 0
    # Whether it is drying when the simulator starts.
    dries: bool = False

    @property
    def slots(self) -> int:
        """Return how many slots it has: one if it is an AMS HT."""
        return 1 if self.kind == "n3s" else 4


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of printer."""

    code: str
    product: str
    prefix: str
    structure: str
    units: tuple[Unit, ...] = ()
    nozzles: int = 1

    @property
    def ams(self) -> tuple[Unit, ...]:
        """Return the units with four slots, whose trays are numbered from 0."""
        return tuple(unit for unit in self.units if unit.slots == 4)

    @property
    def ht(self) -> tuple[Unit, ...]:
        """Return the units with one slot, whose trays have numbers of their own."""
        return tuple(unit for unit in self.units if unit.slots == 1)

    @property
    def trays(self) -> list[int]:
        """Return the numbers of the trays with a spool in a unit with four slots."""
        return [
            4 * index + int(slot) for index, unit in enumerate(self.ams) for slot in unit.loaded
        ]


AMS = Unit("ams", 0)
AMS_LITE = Unit("ams_f1", 0)
AMS_2_PRO = Unit("n3f", 0)
MODELS = (
    Model("BL-P001", "X1 Carbon", "00M", "CoreXY", (AMS, Unit("ams", 1))),
    Model("C12", "P1S", "01P", "CoreXY", (AMS,)),
    Model("N1", "A1 mini", "030", "I3"),
    Model("N2S", "A1", "039", "I3", (AMS_LITE,)),
    Model("C11", "P1P", "01S", "CoreXY"),
    Model("C13", "X1E", "03W", "CoreXY", (AMS,)),
    Model("N7-V2", "P2S", "22E", "CoreXY", (AMS_2_PRO,)),
    Model(
        "O1D",
        "H2D",
        "094",
        "CoreXY",
        (Unit("n3f", 0, nozzle=1), Unit("ams", 1), Unit("n3s", 128, "0")),
        nozzles=2,
    ),
    Model("O1C2-V2", "H2C", "31B", "CoreXY", (Unit("n3f", 0, dries=True),), nozzles=2),
)
# Only a demo account with many printers has them without having added them.
MORE_MODELS = (
    Model("O1S", "H2S", "093", "CoreXY", (Unit("n3f", 0, "01"),)),
    Model(
        "N6-V2",
        "X2D",
        "20P",
        "CoreXY",
        (Unit("n3f", 0, nozzle=1), Unit("n3s", 128, "0")),
        nozzles=2,
    ),
    Model("N9", "A2L", "26A", "I3", (Unit("ams_f1", 16, "13"),)),
    # It is connected by a cable.
    Model("O1E", "H2D Pro", "239", "CoreXY", (AMS_2_PRO, Unit("n3s", 128, "0")), nozzles=2),
)


def model(name: str) -> Model:
    """Return the model with this internal code or product name."""
    for known in (*MODELS, *MORE_MODELS):
        if name in (known.code, known.product):
            return known
    raise LookupError("No such model of printer")


@dataclass(frozen=True, slots=True)
class Filament:
    """A material that prints are made of."""

    type: str
    id: str
    grams_per_metre: float


FILAMENTS = (
    Filament("PLA", "GFA00", 2.98),
    Filament("PLA", "GFL99", 2.98),
    Filament("PETG", "GFG00", 3.05),
    Filament("ABS", "GFB00", 2.5),
    Filament("TPU", "GFU99", 2.91),
)
SPOOLS_SINCE = datetime(2026, 6, 1, tzinfo=UTC)
COLORS = ("00AE42FF", "FFFFFFFF", "161616FF", "F4D976FF", "0A2989FF", "C12E1FFF", "898989FF")
BEDS = ("textured_plate", "auto", "eng_plate", "Supertack Plate")
OWN_TITLES = (
    "Cable clip",
    "Drawer divider.3mf",
    "Lens cap 58 mm",
    "Hinge v7.3mf",
    "Plate with spacers",
    "Gehäusedeckel",
    "Robot arm 机械臂.stl",
    "Camera mount",
    "Washers, a dozen",
    "Spool adapter",
)
DESIGN_TITLES = (
    "Voronoi vase",
    "Articulated gecko",
    "Stackable desk tray",
    "Planetary gear toy",
    "Wall hook for headphones",
    "Low-poly fox",
)
PROFILE_TITLES = (
    "0.2mm layer, 2 walls, 15% infill",
    "0.16mm layer, 3 walls, 20% infill",
    "0.2mm层高 2层墙 15%填充",
)


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about a job that does not change while it prints."""

    title: str
    design: str
    model_id: str
    mode: str
    bed: str
    filaments: tuple[tuple[Filament, str, float], ...]


@lru_cache(4096)
def look(seed: int, number: int, title: str | None, spools: int, used: int | None = None) -> Look:
    """Make up a job from its id; a job with a title of its own is never a MakerWorld design.

    It is printed from some of the spools, or from a given number of them.
    """
    chance = Random(f"{seed}:look:{number}")
    design = "" if title or chance.random() < 0.65 else chance.choice(DESIGN_TITLES)
    if used is None:
        used = chance.randint(1, max(1, min(spools, 4)))
    filaments = chance.choices(FILAMENTS, k=used)
    shares = [chance.uniform(0.2, 1) for _ in filaments]
    return Look(
        title=title or chance.choice(PROFILE_TITLES if design else OWN_TITLES),
        design=design,
        model_id=f"US{chance.getrandbits(56):014x}",
        mode=chance.choice(("cloud_file", "cloud_file", "lan_file")),
        bed=chance.choice(BEDS),
        filaments=tuple(
            (filament, chance.choice(COLORS), share / sum(shares))
            for filament, share in zip(filaments, shares, strict=True)
        ),
    )


RELEASE_NOTES = (
    "## version ota{version}:\n### Improvements\n1. Faster start of prints sent over the cloud.\n"
    "2. Steadier first layer on textured plates.\n### Bugs fixed\n"
    "1. A print paused by the door sensor resumes at the right layer."
)
