"""What a printer of each model has, from what it tells."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api.report import (
    AmsModule,
    AmsUnit,
    Fans,
    HmsError,
    Nozzle,
    Report,
    Slot,
    Tray,
)
from custom_components.bambu_lab_cloud.fleet import equipment
from custom_components.bambu_lab_cloud.fleet.equipment import (
    LiveAms,
    LiveNozzle,
    LiveSpool,
    PrinterError,
)

PLA = Tray(
    0,
    is_whole=True,
    has_spool=True,
    has_chip=True,
    material="PLA",
    brand="PLA Matte",
    name="A01-R1",
    color="#FF0000",
    remaining=80,
)
RED = LiveSpool(
    slot=Slot(0, 0),
    is_empty=False,
    material="PLA",
    brand="PLA Matte",
    name="A01-R1",
    color="#FF0000",
    remaining=80,
)
UNIT = AmsUnit(0, kind="ams", extruder=0, humidity=20, humidity_level=4, trays=(PLA, Tray(1)))
TOLD = Report(
    ams=(UNIT,),
    ams_ids=frozenset({0}),
    spools=frozenset({Slot(0, 0)}),
    measures_remaining=True,
    nozzle_temperature=220.4,
    nozzle_target=220.0,
)
RIGHT = Nozzle(0, 220.4, 220.0, Slot(0, 0), 0.4, "hardened_steel", high_flow=False)
LEFT = Nozzle(1, 40.0, 0.0, Slot(), 0.6, "stainless_steel", high_flow=True)
TWO = replace(TOLD, nozzles=(RIGHT, LEFT), active_nozzle=0, nozzle_count=2)


def trays(told: Report) -> tuple[LiveSpool, ...]:
    return equipment.ams_units(told, {}, {})[0].trays


def active(told: Report, model: str | None = None) -> LiveSpool | None:
    units = equipment.ams_units(told, {}, {})
    return equipment.active_filament(told, model, units, equipment.external_spools(told, model))


def sides(told: Report, model: str | None) -> list[str | None]:
    return [nozzle.side for nozzle in equipment.nozzles(told, model, {})]


# Nozzles.


@pytest.mark.parametrize("model", ["X1 Carbon", "A1", "P2S", "H2S", "Z9", None])
def test_one_nozzle(model: str | None) -> None:
    told = replace(TOLD, nozzle_type="stainless_steel", nozzle_diameter=0.4, high_flow=False)
    assert equipment.nozzles(told, model, {"nozzle None": 221}) == (
        LiveNozzle(
            side=None,
            temperature=221,
            target=220,
            type="stainless_steel",
            diameter=0.4,
            high_flow=False,
        ),
    )
    assert equipment.nozzles(Report(), model, {}) == ()


def test_the_list_knows_more_of_the_only_nozzle() -> None:
    told = replace(TOLD, nozzles=(RIGHT,), nozzle_type="stainless_steel", nozzle_diameter=0.2)
    assert equipment.nozzles(told, "P2S", {}) == (
        LiveNozzle(
            side=None,
            temperature=None,
            target=220,
            type="hardened_steel",
            diameter=0.4,
            high_flow=False,
        ),
    )


@pytest.mark.parametrize("model", ["H2D", "H2D Pro", "H2C", "X2D", "O1C2", "O1D", "N6", "Z9", None])
def test_two_nozzles(model: str | None) -> None:
    """Also on a model that nobody knows yet."""
    assert equipment.nozzles(TWO, model, {"nozzle left": 40, "nozzle right": 221}) == (
        LiveNozzle(
            side="left",
            temperature=40,
            target=0,
            type="stainless_steel",
            diameter=0.6,
            high_flow=True,
        ),
        LiveNozzle(
            side="right",
            temperature=221,
            target=220,
            type="hardened_steel",
            diameter=0.4,
            high_flow=False,
        ),
    )


@pytest.mark.parametrize("model", ["H2D", "H2D Pro", "H2C", "X2D", "O1C", "O1C2", "O1D", "O1E"])
def test_a_model_with_two_nozzles_waits_for_them(model: str) -> None:
    """The plain temperature is of either."""
    assert sides(TOLD, model) == []
    assert "nozzle None" not in equipment.temperatures(TOLD, model)
    assert sides(replace(TOLD, nozzles=(RIGHT,)), model) == ["right"]


def test_a_count_of_two_is_two() -> None:
    assert sides(replace(TOLD, nozzle_count=2), None) == []


# Temperatures.


@pytest.mark.parametrize(
    ("model", "celsius", "expected"),
    [
        ("A1", 5.0, None),
        ("A1 mini", 5.0, None),
        ("A2L", 5.0, None),
        ("P1P", 5.0, None),
        ("P1S", 5.0, None),
        ("C12", 5.0, None),
        ("N1", 30.0, None),
        ("X1 Carbon", 5.0, 5.0),
        ("X1E", 37.0, 37.0),
        ("X1", 37.0, 37.0),
        ("P2S", 47.0, 47.0),
        ("O1S", 60.0, 60.0),
        ("H2D", None, None),
        ("Z9", 5.0, None),
        (None, 5.0, None),
        ("Z9", 31.0, 31.0),
    ],
)
def test_a_chamber_of_5_degrees_has_no_sensor(
    model: str | None, celsius: float | None, expected: float | None
) -> None:
    told = Report(chamber_temperature=celsius, chamber_target=60.0)
    assert equipment.temperatures(told, model).get("chamber") == expected


@pytest.mark.parametrize(
    ("model", "expected"), [("X1E", 60), ("P1S", None), ("Z9", None), (None, None)]
)
def test_a_chamber_without_a_sensor_has_no_target(model: str, expected: int | None) -> None:
    assert equipment.chamber_target(Report(chamber_target=60.0), model) == expected


def test_temperatures() -> None:
    told = replace(TWO, bed_temperature=60.1, ams=(replace(UNIT, temperature=26.5),))
    assert equipment.temperatures(told, "H2D") == {
        "nozzle left": 40.0,
        "nozzle right": 220.4,
        "bed": 60.1,
        "ams 0": 26.5,
    }


# Fans.


def test_the_best_teller_of_each_fan() -> None:
    told = Report(
        fans=Fans(part=100, aux=67, chamber=33, heatbreak=40),
        fan_gear=Fans(part=96, aux=63),
        airduct=Fans(part=95),
    )
    assert equipment.fan_speeds(told, "P2S") == {
        "part": 95,
        "aux": 63,
        "chamber": 33,
        "heatbreak": 40,
    }
    assert equipment.fan_speeds(Report(), "P2S") == {}


@pytest.mark.parametrize("model", ["A1", "A1 mini", "A2L", "N2S", "N1", "N9"])
def test_fans_that_an_a1_only_tells_of(model: str) -> None:
    told = Report(fans=Fans(part=0, aux=67, chamber=33, heatbreak=40))
    assert equipment.fan_speeds(told, model) == {"part": 0, "heatbreak": 40}


# The AMS and spools.


def test_an_ams() -> None:
    modules = {0: AmsModule(0, "ams", "00600A000000001", "00.00.06.40")}
    assert equipment.ams_units(TOLD, modules, {"ams 0": 27}) == (
        LiveAms(
            id=0,
            kind="ams",
            serial="00600A000000001",
            version="00.00.06.40",
            humidity=20,
            humidity_level=None,
            temperature=27,
            drying_remaining=None,
            trays=(RED, LiveSpool(slot=Slot(0, 1), is_empty=True)),
        ),
    )


def test_the_kind_of_an_ams_may_be_known_by_its_module() -> None:
    told = replace(TOLD, ams=(AmsUnit(0, drying=30),))
    assert equipment.ams_units(told, {}, {})[0].kind is None
    unit = equipment.ams_units(told, {0: AmsModule(0, "ams_2_pro")}, {})[0]
    assert (unit.kind, unit.drying_remaining) == ("ams_2_pro", 30)


@pytest.mark.parametrize(
    ("changes", "humidity", "level"),
    [
        ({}, 20, None),
        ({"humidity": None}, None, 4),
        ({"humidity": None, "humidity_level": None}, None, None),
    ],
)
def test_the_level_is_shown_only_without_a_percentage(
    changes: dict[str, Any], humidity: int | None, level: int | None
) -> None:
    unit = equipment.ams_units(replace(TOLD, ams=(replace(UNIT, **changes),)), {}, {})[0]
    assert (unit.humidity, unit.humidity_level) == (humidity, level)


def test_an_ams_lite_has_no_sensors() -> None:
    """Older firmware tells a level all the same, and its kind only as that of its module."""
    told = replace(TOLD, ams=(AmsUnit(0, humidity_level=5),))
    assert equipment.ams_units(told, {}, {})[0].humidity_level == 5
    module = AmsModule(0, "ams_lite")
    assert equipment.ams_units(told, {0: module}, {})[0].humidity_level is None


def test_bits_say_nothing_of_an_ams_that_has_none() -> None:
    """One AMS HT was told without its bit."""
    told = replace(TOLD, ams=(AmsUnit(128, trays=(PLA,)),))
    assert trays(told) == (replace(RED, slot=Slot(128, 0)),)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ams", None), ("ams_lite", None), (None, None), ("ams_2_pro", 0), ("ams_ht", 0)],
)
def test_only_some_ams_can_dry(kind: str | None, expected: int | None) -> None:
    told = replace(TOLD, ams=(AmsUnit(0, kind=kind, drying=0),))
    assert equipment.ams_units(told, {}, {})[0].drying_remaining == expected


@pytest.mark.parametrize(("switch", "count"), [(None, 0), (False, 0), (True, 1)])
def test_an_ams_that_is_not_ready_is_left_out(count: int, *, switch: bool | None) -> None:
    """Unless a switch leads its filament to either nozzle."""
    told = replace(TOLD, ams=(replace(UNIT, extruder=14),), has_filament_switch=switch)
    assert len(equipment.ams_units(told, {}, {})) == count


@pytest.mark.parametrize(
    ("spools", "tray", "expected"),
    [
        (frozenset({Slot(0, 0)}), PLA, RED),
        (frozenset({Slot(0, 0)}), replace(PLA, has_spool=False), RED),
        (frozenset(), PLA, LiveSpool(slot=Slot(0, 0), is_empty=True)),
        (None, PLA, RED),
        (None, replace(PLA, has_spool=False), LiveSpool(slot=Slot(0, 0), is_empty=True)),
        (None, Tray(0), LiveSpool(slot=Slot(0, 0))),
        (frozenset({Slot(0, 0)}), Tray(0), LiveSpool(slot=Slot(0, 0), is_empty=False)),
    ],
    ids=["there", "the bits know better", "out", "no bits", "no bits, out", "nothing", "unknown"],
)
def test_a_tray(spools: frozenset[Slot] | None, tray: Tray, expected: LiveSpool) -> None:
    """Empty, unknown and loaded are three things."""
    told = replace(TOLD, spools=spools, ams=(AmsUnit(0, trays=(tray,)),))
    assert trays(told) == (expected,)


@pytest.mark.parametrize("measures", [None, False])
def test_what_is_left_is_unknown_unless_it_is_measured(*, measures: bool | None) -> None:
    assert trays(replace(TOLD, measures_remaining=measures))[0].remaining is None


def test_what_is_left_of_a_spool_without_a_chip_is_unknown() -> None:
    """A change may tell the percentage alone."""
    unit = replace(UNIT, trays=(replace(PLA, has_chip=False),))
    assert trays(replace(TOLD, ams=(unit,)))[0].remaining is None


@pytest.mark.parametrize(
    ("model", "ids", "expected"),
    [
        ("A1", (254,), {None: 254}),
        ("P2S", (255,), {None: 255}),
        ("X1 Carbon", (254, 255), {None: 255}),
        ("H2D", (254, 255), {"left": 254, "right": 255}),
        ("H2D", (255,), {"right": 255}),
        ("A1", (), {}),
    ],
)
def test_external_spools(model: str, ids: tuple[int, ...], expected: dict[str | None, int]) -> None:
    told = Report(external=tuple(replace(PLA, id=number) for number in ids))
    spools = equipment.external_spools(told, model)
    assert {spool.side: spool.slot.ams for spool in spools} == expected
    assert {(spool.is_empty, spool.material, spool.remaining) for spool in spools} <= {
        (None, "PLA", None)
    }


# The filament in use.


@pytest.mark.parametrize(
    ("told", "model"),
    [
        (replace(TOLD, tray_now=Slot(0, 0)), "X1 Carbon"),
        # On a P2S with several AMS and an A2L that is only the tray within the unit.
        (replace(TOLD, tray_now=Slot(0, 1), nozzles=(RIGHT,)), "P2S"),
        (replace(TWO, tray_now=Slot(0, 3)), "H2D"),
        (replace(TWO, nozzles=(RIGHT, replace(LEFT, source=Slot(0, 0))), active_nozzle=1), "X2D"),
    ],
)
def test_the_filament_in_use(told: Report, model: str) -> None:
    assert active(told, model) == RED


@pytest.mark.parametrize(
    ("told", "model"),
    [
        (TOLD, "X1 Carbon"),
        (replace(TOLD, tray_now=Slot()), "X1 Carbon"),
        (replace(TOLD, tray_now=Slot(0, 0), nozzles=(replace(RIGHT, source=Slot()),)), "P2S"),
        (replace(TOLD, tray_now=Slot(1, 0)), "X1 Carbon"),
        (replace(TOLD, tray_now=Slot(255, 0)), "A1"),
        (replace(TWO, active_nozzle=1), "H2D"),
        # While it changes nozzles.
        (replace(TWO, active_nozzle=None), "H2D"),
        (replace(TOLD, tray_now=Slot(0, 0)), "H2D"),
        (replace(TWO, nozzles=(replace(RIGHT, source=None), LEFT), tray_now=Slot(0, 0)), "H2D"),
    ],
)
def test_no_filament_in_use_that_is_known(told: Report, model: str) -> None:
    assert active(told, model) is None


@pytest.mark.parametrize(
    ("told", "model", "number", "side"),
    [
        # One nozzle has one external spool, by whichever number.
        (replace(TOLD, tray_now=Slot(254, 0)), "P2S", 255, None),
        (replace(TOLD, tray_now=Slot(255, 0)), "A1", 254, None),
        (replace(TWO, nozzles=(replace(RIGHT, source=Slot(255, 0)), LEFT)), "H2D", 255, "right"),
        (
            replace(TWO, nozzles=(RIGHT, replace(LEFT, source=Slot(254, 0))), active_nozzle=1),
            "H2D",
            254,
            "left",
        ),
    ],
)
def test_an_external_spool_in_use(told: Report, model: str, number: int, side: str | None) -> None:
    told = replace(told, external=(replace(PLA, id=number),))
    spool = active(told, model)
    assert spool is not None
    assert (spool.slot, spool.side, spool.material) == (Slot(number, 0), side, "PLA")


# Errors and the door.


@pytest.mark.parametrize(
    ("error", "hms", "expected"),
    [
        (None, None, ()),
        ("", (), ()),
        ("0700-8006", (), (("0700-8006", None),)),
        ("0300-400C", (), ()),
        ("0500-400E", (), ()),
        (
            "",
            (
                HmsError("0300_0100_0003_0001", 3),
                HmsError("0300_0200_0002_0001", 2),
                HmsError("0500_0100_0001_0007", 1),
                HmsError("0C00_0300_0004_0001", 4),
                HmsError("0C00_0300_0009_0001", None),
            ),
            (
                ("0500_0100_0001_0007", "fatal"),
                ("0300_0200_0002_0001", "serious"),
                ("0300_0100_0003_0001", "common"),
            ),
        ),
        (
            "0700-8006",
            (HmsError("0300_0100_0001_0007", 1),),
            (("0700-8006", None), ("0300_0100_0001_0007", "fatal")),
        ),
    ],
)
def test_errors(
    error: str | None,
    hms: tuple[HmsError, ...] | None,
    expected: tuple[tuple[str, str | None], ...],
) -> None:
    """The worst first; information is none, nor is a print that was cancelled."""
    found = equipment.errors(Report(error=error, hms=hms))
    assert tuple((one.code, one.severity) for one in found) == expected


@pytest.mark.parametrize(
    ("error", "link"),
    [
        (
            PrinterError(code="0700-8006"),
            "https://wiki.bambulab.com/en/hms/error-code#:~:text=0700%2D8006",
        ),
        (
            PrinterError(code="0300_0100_0001_0007", severity="fatal"),
            "https://e.bambulab.com/index.php?e=0300010000010007&d=00M&s=device_hms&lang=en",
        ),
    ],
)
def test_a_link_tells_three_characters_of_the_serial(error: PrinterError, link: str) -> None:
    """Or none: there is one page for the errors of prints."""
    assert error.link("00M00A000000001", "en") == link
    # Whatever it holds, it ends no link of Markdown.
    assert error.link(")](x", "en") == link.replace("00M", "%29%5D%28")


@pytest.mark.parametrize(
    ("language", "lang"),
    [
        ("de", "de"),
        ("de-CH", "de"),
        ("en-GB", "en"),
        ("es-419", "es"),
        ("ko", "ko"),
        ("pt", "pt"),
        ("pt-BR", "pt-br"),
        ("zh-Hans", "zh-cn"),
        ("zh-Hant", "en"),
        ("ga", "en"),
    ],
)
def test_a_link_is_in_the_language_of_home_assistant(language: str, lang: str) -> None:
    """In English where Bambu Lab has no texts in that."""
    error = PrinterError(code="0300_0100_0001_0007", severity="fatal")
    assert error.link("00M00A000000001", language).endswith(f"&lang={lang}")


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("0300_0100_0001_0007", "motion_controller"),
        ("0500-4002", "mainboard"),
        ("0700-8006", "ams"),
        ("0703_2000_0002_0001", "ams"),
        ("07FF-8011", "external_spool"),
        ("07FE-8011", "external_spool"),
        ("0800_0100_0002_0001", "toolhead"),
        ("0C00_0300_0003_0007", "camera"),
        ("1200-8011", "ams_lite"),
        ("12FF-C030", "external_spool"),
        ("1802-8011", "ams_ht"),
        ("05FE-8081", "mainboard"),
        ("9900_0100_0001_0007", None),
    ],
)
def test_an_error_says_which_part_complains(code: str, module: str | None) -> None:
    assert PrinterError(code=code).module == module


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("X1 Carbon", True),
        ("BL-P001", True),
        ("X1E", True),
        ("H2D", False),
        ("H2D Pro", False),
        ("H2C", False),
        ("H2S", False),
        ("P2S", False),
        ("N7", False),
        ("X2D", False),
        ("X1", None),
        ("P1S", None),
        ("A1", None),
        ("Z9", None),
        (None, None),
    ],
)
def test_the_door_is_told_in_another_place_by_each_model(
    model: str | None, *, expected: bool | None
) -> None:
    """The other place is set for good on some of them."""
    told = Report(door_by_home_flag=True, door_by_stat=False)
    assert equipment.door_is_open(told, model) is expected


def test_a_door_that_is_not_told_is_unknown() -> None:
    assert equipment.door_is_open(Report(), "X1 Carbon") is None
