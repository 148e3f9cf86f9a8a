"""What is shown of a printer of each family is what the simulator knows of it, however it is told.

The simulator speaks as the families do; the messages come one by one, twice, or all of it at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.bambu_lab_cloud.api.report import Slot, parse
from custom_components.bambu_lab_cloud.fleet.live import LiveState, heard, session_lost, settled
from simulator import catalogue, reports
from simulator.cloud import Cloud, Printer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS = [model.product for model in (*catalogue.MODELS, *catalogue.MORE_MODELS)]
WITH_AMS = [model for model in MODELS if model not in {"A1 mini", "P1P"}]
TWO_NOZZLES = ["H2D", "H2D Pro", "H2C", "X2D"]
NO_CHAMBER_SENSOR = {"A1", "A1 mini", "A2L", "P1P", "P1S"}
KINDS = {"ams": "ams", "ams_f1": "ams_lite", "n3f": "ams_2_pro", "n3s": "ams_ht"}
# Whose firmware is old: there an AMS tells a level and no percentage, on the first two no kind
# and no temperature either, and on the last one no state of its trays.
OLD = {"P1S": (False, False), "P1P": (False, False), "X1E": (False, True)}
LEVELS = {30: 1, 28: 2, 26: 3, 22: 4, 12: 5}


@dataclass
class Listener:
    """Somebody who hears a printer, and how."""

    cloud: Cloud
    printer: Printer
    state: LiveState | None = None
    said: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0

    def hear(self, body: Any) -> None:
        message, model = parse(reports.encoded(self.printer, body)), self.printer.model.product
        assert message is not None
        self.state = heard(self.state, message, at=datetime.now(UTC), model=model)

    def _status(self) -> dict[str, Any]:
        self.sequence += 1
        return reports.status(self.cloud, self.printer, datetime.now(UTC), self.sequence)

    def full(self) -> None:
        self.said = self._status()
        self.hear(reports.full(self.printer, self.said, self.sequence))

    def delta(self, times: int = 1) -> None:
        before, self.said = self.said, self._status()
        for _ in range(times):
            self.hear(reports.delta(self.printer, before, self.said, self.sequence))

    def one_by_one(self) -> None:
        """The parts of a change in messages of their own, the last of them first."""
        before, self.said = self.said, self._status()
        changes = reports.difference(before, self.said)
        for key in reversed(changes):
            self.hear({"print": {"command": "push_status", "msg": 1, key: changes[key]}})

    def anew(self) -> None:
        """Another session."""
        assert self.state is not None
        self.state = session_lost(self.state, at=datetime.now(UTC))
        self.full()

    def versions(self) -> None:
        self.hear(reports.versions(self.printer, "0"))
        for unit in self.printer.units.values():
            unit.untold = max(0, unit.untold - 1)

    @property
    def live(self) -> LiveState:
        assert self.state is not None
        return self.state


@pytest.fixture
def cloud(freezer: FrozenDateTimeFactory) -> Cloud:
    freezer.move_to(NOW)
    return Cloud(history=0)


@pytest.fixture
def listener(cloud: Cloud, model: str) -> Listener:
    """Somebody who has heard a new printer, of the model that a test wants."""
    listener = Listener(cloud, cloud.printer(cloud.add_printer("none", model, "New")))
    for number in listener.printer.units:
        cloud.change_ams(listener.printer.dev_id, number, humidity=22, temperature=26)
    listener.full()
    listener.versions()
    return listener


def measured(listener: Listener, unit: int) -> tuple[Any, ...]:
    """What the simulator knows of an AMS, as far as such a printer tells it."""
    each = listener.printer.units[unit]
    percent, degrees = OLD.get(listener.printer.model.product, (True, True))
    old = each.kind == "ams"
    lite = each.kind == "ams_f1"
    now = datetime.now(UTC)
    humidity = each.humidity(now, 1)
    level = LEVELS.get(humidity, 0)
    return (
        KINDS[each.kind],
        each.serial,
        humidity if not lite and (percent or not old) else None,
        level if not lite and old and not percent else None,
        round(each.temperature(now, 1)) if not lite and (degrees or not old) else None,
        each.minutes(now, 1) if each.kind in {"n3f", "n3s"} else None,
    )


def spools(listener: Listener) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What the simulator knows of the trays of all AMS."""
    now, found = datetime.now(UTC), {}
    for unit, each in listener.printer.units.items():
        for slot in range(each.slots):
            spool = each.spools.get(slot)
            if spool is None:
                found[unit, slot] = (True, None, None, (), None)
                continue
            chip = spool.has_chip and each.kind != "ams_f1"
            left = listener.cloud.left(listener.printer, unit, slot, spool, now)
            colors = tuple(f"#{color[:6]}" for color in spool.colors)
            found[unit, slot] = (
                False,
                spool.material or None,
                colors[0] if spool.material else None,
                colors if len(colors) > 1 else (),
                int(left) // 10 if chip else None,
            )
    return found


def shown(live: LiveState) -> dict[tuple[int, int], tuple[Any, ...]]:
    return {
        (unit.id, tray.slot.tray or 0): (
            tray.is_empty,
            tray.material,
            tray.color,
            tray.colors,
            tray.remaining,
        )
        for unit in live.ams
        for tray in unit.trays
    }


def check(listener: Listener) -> None:
    live, units = listener.live, listener.printer.units
    assert [unit.id for unit in live.ams] == [*units]
    assert {
        unit.id: (
            unit.kind,
            unit.serial,
            unit.humidity,
            unit.humidity_level,
            unit.temperature,
            unit.drying_remaining,
        )
        for unit in live.ams
    } == {unit: measured(listener, unit) for unit in units}
    assert shown(live) == spools(listener)


type Hear = Callable[[Listener], Any]

# How a change comes.
WAYS: dict[str, Hear] = {
    "a change": lambda listener: listener.delta(),
    "twice": lambda listener: listener.delta(2),
    "in parts": lambda listener: listener.one_by_one(),
    "everything": lambda listener: listener.full(),
    "a change, and everything": lambda listener: (listener.delta(), listener.full()),
    "another session": lambda listener: listener.anew(),
}
by_any_way = pytest.mark.parametrize("hear", WAYS.values(), ids=WAYS)
type Do = Callable[[Cloud, str, int], Any]

# What owners do, one after the other: with the cloud, the printer and its first unit.
DOINGS: dict[str, list[Do]] = {
    "spools": [
        lambda cloud, dev_id, unit: cloud.put_spool(
            dev_id, unit, 1, material="PLA", colors=["FF6A13FF"], remaining=42
        ),
        lambda cloud, dev_id, unit: cloud.change_spool(dev_id, unit, 1, remaining=41),
        lambda cloud, dev_id, unit: cloud.take_spool(dev_id, unit, 1),
        lambda cloud, dev_id, unit: cloud.put_spool(dev_id, unit, 1, material="TPU", chip=False),
        lambda cloud, dev_id, unit: cloud.put_spool(
            dev_id, unit, 0, material="PLA", colors=["FF0000FF", "0000FFFF"], remaining=9
        ),
        lambda cloud, dev_id, unit: cloud.take_spool(dev_id, unit, 1),
        # Nobody knows what it is.
        lambda cloud, dev_id, unit: cloud.put_spool(dev_id, unit, 1, chip=False),
    ],
    "measuring": [
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, unit, humidity=12, temperature=31),
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, unit, humidity=30, temperature=24),
    ],
    "more units": [
        lambda cloud, dev_id, unit: cloud.plug_ams(dev_id, 3, "n3f", loaded="02"),
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, 3, humidity=26, temperature=24),
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, 3, humidity=28, drying=480),
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, 3, drying=0),
        lambda cloud, dev_id, unit: cloud.plug_ams(dev_id, 130, "n3s"),
        lambda cloud, dev_id, unit: cloud.change_ams(dev_id, 130, humidity=12, temperature=30),
        lambda cloud, dev_id, unit: cloud.unplug_ams(dev_id, 3),
        lambda cloud, dev_id, unit: cloud.unplug_ams(dev_id, unit),
    ],
}


@pytest.mark.parametrize("doings", DOINGS.values(), ids=DOINGS)
@by_any_way
@pytest.mark.parametrize("model", WITH_AMS)
def test_ams_and_spools(
    hear: Hear, doings: list[Do], cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    check(listener)
    unit = min(listener.printer.units)
    for do in doings:
        do(cloud, listener.printer.dev_id, unit)
        freezer.tick(60)
        hear(listener)
        listener.versions()
        check(listener)


@by_any_way
@pytest.mark.parametrize("model", WITH_AMS)
def test_an_ams_that_is_swapped_is_another_one(
    hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    dev_id, unit = listener.printer.dev_id, min(listener.printer.units)
    kind = listener.printer.units[unit].kind
    old = cloud.unplug_ams(dev_id, unit)
    freezer.tick(60)
    hear(listener)
    assert (listener.live.unit(unit), listener.live.modules.get(unit)) == (None, None)
    cloud.plug_ams(dev_id, unit, kind, untold=1)
    cloud.change_ams(dev_id, unit, humidity=28, temperature=24)
    for _ in range(2):
        # Nobody takes it for the one before, also while it does not say who it is.
        freezer.tick(60)
        hear(listener)
        plugged = listener.live.unit(unit)
        assert plugged is not None
        assert plugged.serial is None
        assert listener.live.nameless_since is not None
        listener.versions()
    check(listener)
    cloud.plug_ams(dev_id, unit, serial=old)
    freezer.tick(60)
    hear(listener)
    listener.versions()
    check(listener)


@by_any_way
@pytest.mark.parametrize("model", WITH_AMS)
def test_a_chip_is_read(
    hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    """It is not what was in the tray before, and nothing yet; then it is what the chip says."""
    dev_id, unit = listener.printer.dev_id, min(listener.printer.units)
    cloud.take_spool(dev_id, unit, 1)
    hear(listener)
    cloud.put_spool(dev_id, unit, 1, material="PLA", colors=["FF6A13FF"], remaining=42, reading=5)
    hear(listener)
    assert shown(listener.live)[unit, 1] == (False, None, None, (), None)
    freezer.tick(6)
    hear(listener)
    check(listener)
    # It is read once more, and nothing is forgotten that is known.
    before = shown(listener.live)
    cloud.change_spool(dev_id, unit, 1, reading=5)
    listener.delta()
    assert shown(listener.live) == before
    cloud.change_spool(dev_id, unit, 1, reading=0, reduced=True)
    listener.delta()
    assert shown(listener.live) == before


@by_any_way
@pytest.mark.parametrize("model", ["H2D"])
def test_an_ams_that_starts_is_not_there_yet(
    hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    dev_id = listener.printer.dev_id
    cloud.plug_ams(dev_id, 2, "n3f", ready=False)
    hear(listener)
    assert listener.live.unit(2) is None
    cloud.change_ams(dev_id, 2, ready=True, humidity=26, temperature=24)
    freezer.tick(60)
    hear(listener)
    listener.versions()
    check(listener)


@by_any_way
@pytest.mark.parametrize("model", ["X2D"])
def test_an_ams_behind_a_switch_for_filament_is_there(
    hear: Hear, cloud: Cloud, listener: Listener
) -> None:
    cloud.change_printer(listener.printer.dev_id, filament_switch=True)
    hear(listener)
    check(listener)


def in_use(live: LiveState) -> Any:
    spool = live.active_filament
    return spool and (spool.slot, spool.side)


@by_any_way
@pytest.mark.parametrize(
    ("model", "units", "tray", "expected"),
    [
        ("X1 Carbon", {}, 5, (Slot(1, 1), None)),
        ("X1 Carbon", {}, 255, (Slot(255, 0), None)),
        ("X1E", {}, 2, (Slot(0, 2), None)),
        ("P1S", {}, 3, (Slot(0, 3), None)),
        ("P1S", {}, 255, (Slot(255, 0), None)),
        ("P1P", {}, 255, (Slot(255, 0), None)),
        ("A1 mini", {}, 255, (Slot(255, 0), None)),
        ("A1", {}, 1, (Slot(0, 1), None)),
        # Only the slot is in tray_now.
        ("A2L", {}, 3, (Slot(16, 3), None)),
        ("P2S", {1: "n3f"}, 6, (Slot(1, 2), None)),
        ("P2S", {}, 255, (Slot(255, 0), None)),
        ("H2S", {128: "n3s"}, 128, (Slot(128, 0), None)),
        ("H2D", {}, 6, (Slot(1, 2), None)),
        ("H2D", {}, 16, (Slot(128, 0), None)),
        ("H2D", {}, 255, (Slot(255, 0), "right")),
        ("H2D Pro", {}, 254, (Slot(254, 0), "left")),
        ("H2C", {}, 254, (Slot(254, 0), "left")),
        ("X2D", {}, 1, (Slot(0, 1), None)),
        ("X2D", {}, 255, (Slot(255, 0), "right")),
    ],
)
def test_the_filament_in_use(
    units: dict[int, str],
    tray: int,
    expected: tuple[Slot, str | None],
    hear: Hear,
    cloud: Cloud,
    listener: Listener,
    freezer: FrozenDateTimeFactory,
) -> None:
    dev_id = listener.printer.dev_id
    for unit, kind in units.items():
        cloud.plug_ams(dev_id, unit, kind)
    cloud.start(dev_id, duration=1000, ams=[tray])
    seen = []
    for seconds in (5, 500, 500):
        freezer.tick(seconds)
        hear(listener)
        seen.append(in_use(listener.live))
    # A printer without an AMS goes on to name the only spool that it has.
    rests = expected if not listener.printer.units else None
    assert seen == [rests, expected, rests]


# The sides of a printer


@by_any_way
@pytest.mark.parametrize("model", MODELS)
def test_temperatures_of_a_print(
    model: str, hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    sides = ["left", "right"] if model in TWO_NOZZLES else [None]
    assert [nozzle.side for nozzle in listener.live.nozzles] == sides
    # From the tray that the left one has where there are two, if there is an AMS on the left.
    cloud.start(listener.printer.dev_id, duration=1000, ams=[0])
    hot = {"H2D": "left", "X2D": "left", "H2D Pro": "right", "H2C": "right"}.get(model)
    freezer.tick(500)
    hear(listener)
    # What comes in parts is held back for a moment.
    freezer.tick(31)
    listener.state = settled(listener.live, at=datetime.now(UTC))
    does = reports.doing(cloud, listener.printer, datetime.now(UTC))
    heat = reports._heat(listener.printer, does)
    live, rests = listener.live, (heat.room + reports.RESTING, 0)
    assert {nozzle.side: (nozzle.temperature, nozzle.target) for nozzle in live.nozzles} == {
        side: (heat.nozzle, heat.nozzle_target) if side == hot else rests for side in sides
    }
    assert (live.bed_temperature, live.bed_target) == (heat.bed, heat.bed_target)
    has_sensor = model not in NO_CHAMBER_SENSOR
    assert live.chamber_temperature == (heat.chamber if has_sensor else None)
    assert live.chamber_target == (heat.chamber_target if has_sensor else None)


@pytest.mark.parametrize("model", MODELS)
def test_fans_of_a_print(
    model: str, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    cloud.start(listener.printer.dev_id, duration=1000)
    freezer.tick(500)
    # One of them jumps.
    for _ in range(3):
        listener.delta()
        freezer.tick(20)
    fans = listener.live.fans
    only_one = model in {"A1", "A1 mini", "A2L"}
    others = (None, None) if only_one else (70, 30)
    assert (fans.part, fans.aux, fans.chamber, fans.heatbreak) == (90, *others, 100)


@by_any_way
@pytest.mark.parametrize("model", MODELS)
def test_the_door_and_all_else(
    model: str, hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    seen = [listener.live.door]
    for is_open in (True, False):
        cloud.change_printer(listener.printer.dev_id, door_open=is_open)
        freezer.tick(60)
        hear(listener)
        seen.append(listener.live.door)
    has_none = model in NO_CHAMBER_SENSOR
    assert seen == ([None] * 3 if has_none else [False, True, False])
    live = listener.live
    assert (live.wifi_signal is None) is (model == "H2D Pro")
    assert (live.sd_card, live.speed_profile, live.stage) == ("ok", "standard", None)
    assert live.chamber_light is False
    steel = "stainless_steel" if has_none else "hardened_steel"
    assert {(nozzle.type, nozzle.diameter) for nozzle in live.nozzles} == {(steel, 0.4)}
    # Whose nozzles have no code tell nothing of their flow.
    no_code = {"A1", "A1 mini", "A2L", "P1P", "P1S", "X1E"}
    flows = [None] if model in no_code else [False]
    assert [each.high_flow for each in live.nozzles] == (
        [True, False] if model in TWO_NOZZLES else flows
    )


@by_any_way
@pytest.mark.parametrize("model", ["X1 Carbon", "P1S", "P2S", "H2D"])
def test_remaining_falls_while_it_prints(
    hear: Hear, cloud: Cloud, listener: Listener, freezer: FrozenDateTimeFactory
) -> None:
    cloud.put_spool(listener.printer.dev_id, 0, 0, material="PLA", remaining=80)
    cloud.start(listener.printer.dev_id, duration=36_000, ams=[0])
    seen = []
    for _ in range(3):
        hear(listener)
        seen.append(listener.live.ams[0].trays[0].remaining)
        freezer.tick(18_000)
    assert seen == [80, 73, 66]


@by_any_way
@pytest.mark.parametrize(
    ("model", "tray", "code"),
    [
        ("X1 Carbon", 5, "0701-8011"),
        ("P1S", 2, "0700-8011"),
        ("A1", 1, "0700-8011"),
        ("H2D", 16, "1800-8011"),
        ("A1 mini", 255, "07FF-8011"),
    ],
)
def test_the_filament_runs_out(
    tray: int,
    code: str,
    hear: Hear,
    cloud: Cloud,
    listener: Listener,
    freezer: FrozenDateTimeFactory,
) -> None:
    dev_id = listener.printer.dev_id
    cloud.start(dev_id, duration=1000, ams=[tray])
    freezer.tick(500)
    hear(listener)
    cloud.run_out(dev_id)
    freezer.tick(6)
    hear(listener)
    listener.state = settled(listener.live, at=datetime.now(UTC) + timedelta(seconds=5))
    assert listener.live.stage == "paused_filament_runout"
    assert [error.code for error in listener.live.errors] == [code]
    assert shown(listener.live) == spools(listener)
    cloud.resume(dev_id)
    freezer.tick(6)
    hear(listener)
    assert listener.live.errors == ()
