"""What was told and one more message."""

from dataclasses import fields, replace
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api.report import (
    AmsUnit,
    Fans,
    HmsError,
    Nozzle,
    Report,
    Slot,
    Tray,
)
from custom_components.bambu_lab_cloud.fleet.merge import merged, replaced_units

from .reports import REPORTS

RED = Tray(0, is_whole=True, state=11, has_spool=True, material="PLA", color="#FF0000")
BLUE = Tray(1, is_whole=True, state=11, has_spool=True, material="PETG", color="#0000FF")
UNIT = AmsUnit(0, kind="ams", humidity=20, temperature=26.5, trays=(RED, BLUE))
WITH_AMS = Report(
    ams=(UNIT, AmsUnit(128, kind="ams_ht", humidity=8)),
    ams_ids=frozenset({0, 128}),
    spools=frozenset({Slot(0, 0), Slot(0, 1)}),
)


def told(*messages: Report) -> Report:
    known = Report()
    for message in messages:
        known = merged(known, message)
    return known


def test_what_a_message_lacks_is_unchanged() -> None:
    known = told(Report(progress=12, bed_temperature=60.0, name="Vase"), Report(progress=13))
    assert known == Report(progress=13, bed_temperature=60.0, name="Vase")


@pytest.mark.parametrize(
    ("before", "message", "expected"),
    [
        ({"progress": 40}, {"progress": 0}, {"progress": 0}),
        ({"door_by_stat": True}, {"door_by_stat": False}, {"door_by_stat": False}),
        ({"error": "0300-400C"}, {"error": ""}, {"error": ""}),
        ({"name": "Vase"}, {"name": ""}, {"name": ""}),
        (
            {"hms": (HmsError("0300_0100_0001_0007", 1),)},
            {"hms": ()},
            {"hms": ()},
        ),
        (
            {"hms": (HmsError("0300_0100_0001_0007", 1), HmsError("0700_0100_0001_0001", 3))},
            {"hms": (HmsError("0700_0100_0001_0001", 3),)},
            {"hms": (HmsError("0700_0100_0001_0001", 3),)},
        ),
    ],
)
def test_nothing_false_and_empty_are_told(
    before: dict[str, Any], message: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert told(Report(**before), Report(**message)) == Report(**expected)


def test_full_belongs_to_the_message() -> None:
    assert told(Report(full=True, progress=3)) == Report(progress=3)


def test_nothing_new_copies_nothing() -> None:
    known = told(WITH_AMS, Report(progress=3, fans=Fans(part=40)))
    assert merged(known, Report(progress=3, fans=Fans(part=40))) is known


def test_deltas_of_the_ams_lack_its_trays() -> None:
    """An A1 tells the list of trays with everything only, and changes without it."""
    known = told(WITH_AMS, Report(tray_now=Slot(0, 1)))
    assert known == replace(WITH_AMS, tray_now=Slot(0, 1))


def test_an_ams_that_a_list_lacks_is_not_gone() -> None:
    known = told(WITH_AMS, Report(ams=(AmsUnit(128, humidity=9),)))
    assert known.ams == (UNIT, AmsUnit(128, kind="ams_ht", humidity=9))


def test_an_ams_is_gone_when_its_bit_is() -> None:
    known = told(WITH_AMS, Report(ams_ids=frozenset({128})))
    assert [unit.id for unit in known.ams or ()] == [128]


def test_an_ams_whose_bit_was_never_set_stays() -> None:
    """Nobody knows the bit of each kind to come."""
    known = told(
        Report(ams=(UNIT,), ams_ids=frozenset()), Report(ams_ids=frozenset()), Report(progress=1)
    )
    assert known.ams == (UNIT,)


def test_an_ams_that_is_back_is_described_anew() -> None:
    known = told(
        WITH_AMS, Report(ams_ids=frozenset()), Report(ams=(AmsUnit(0),), ams_ids=frozenset({0}))
    )
    assert known.ams == (AmsUnit(0),)


def test_an_ams_of_another_kind_is_described_anew() -> None:
    """It was swapped in one moment, or while nobody listened."""
    other = AmsUnit(0, kind="ams_2_pro", drying=0)
    assert told(WITH_AMS, Report(ams=(other,))).ams == (
        other,
        AmsUnit(128, kind="ams_ht", humidity=8),
    )
    assert told(WITH_AMS, Report(ams=(AmsUnit(0, drying=0),))).ams != (other,)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (WITH_AMS, set()),
        (Report(), set()),
        (replace(WITH_AMS, ams_ids=frozenset({0})), {128}),
        (Report(ams_ids=frozenset()), {0, 128}),
        (Report(ams=(AmsUnit(0, kind="ams_2_pro"), AmsUnit(128))), {0}),
        (Report(ams=(AmsUnit(1, kind="ams"),), ams_ids=frozenset({0, 1, 128})), set()),
    ],
)
def test_which_ams_are_no_longer_there(after: Report, expected: set[int]) -> None:
    assert replaced_units(WITH_AMS, after) == expected
    assert replaced_units(Report(), after) == set()


def test_no_ams_at_all() -> None:
    assert told(Report(ams=(), ams_ids=frozenset())).ams == ()
    assert told(Report(ams_ids=frozenset())).ams is None


def test_a_tray_reduced_to_its_state_is_still_described() -> None:
    """P1S, P2S and H2D leave the rest out."""
    known = told(WITH_AMS, Report(ams=(AmsUnit(0, trays=(Tray(0, state=3, has_spool=True),)),)))
    assert known.ams is not None
    assert known.ams[0].trays == (replace(RED, state=3), BLUE)


def test_a_tray_that_is_described_is_replaced() -> None:
    green = Tray(0, is_whole=True, color="#00FF00")
    known = told(WITH_AMS, Report(ams=(AmsUnit(0, trays=(green,)),)))
    assert known.ams is not None
    assert known.ams[0].trays == (green, BLUE)


def test_a_spool_that_was_taken_out_is_forgotten() -> None:
    """What is put in next is another until it is described."""
    known = told(
        WITH_AMS,
        Report(spools=frozenset({Slot(0, 1)})),
        Report(spools=frozenset({Slot(0, 0), Slot(0, 1)})),
    )
    assert known.ams is not None
    assert known.ams[0].trays == (Tray(0, has_spool=False), BLUE)


def test_colors_of_a_tray_are_kept_and_replaced() -> None:
    rainbow = Tray(255, is_whole=True, material="PLA", colors=("#FF0000", "#00FF00"))
    known = told(Report(external=(rainbow,)), Report(external=(Tray(255, state=1),)))
    assert known.external == (replace(rainbow, state=1),)
    known = merged(known, Report(external=(Tray(255, colors=("#111111", "#222222")),)))
    assert known.external == (replace(rainbow, state=1, colors=("#111111", "#222222")),)


def test_nozzles_lack_what_they_like() -> None:
    known = told(
        Report(nozzles=(Nozzle(0, 220.0, 220.0, Slot(0, 1)), Nozzle(1, 40.0, 0.0, Slot()))),
        Report(nozzles=(Nozzle(1, 41.0),)),
        Report(nozzles=(Nozzle(0, source=Slot()),)),
    )
    assert known.nozzles == (Nozzle(0, 220.0, 220.0, Slot()), Nozzle(1, 41.0, 0.0, Slot()))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Report(nozzle_temperature=201.5), 201.5),
        (Report(nozzles=(Nozzle(0, 202.0),)), 202.0),
        (Report(nozzle_temperature=201.5, nozzles=(Nozzle(0, 202.0),)), 202.0),
        (Report(nozzles=(Nozzle(0, target=0.0),)), 200.0),
    ],
)
def test_the_only_nozzle_is_told_in_two_places(message: Report, expected: float) -> None:
    """Whichever a printer leaves out of a change, the other is the newer."""
    before = Report(nozzle_temperature=200.0, nozzles=(Nozzle(0, 200.0),))
    assert told(before, message).nozzle_temperature == expected


def test_fans_are_merged_one_by_one() -> None:
    known = told(
        Report(fans=Fans(part=40, aux=50), fan_gear=Fans(part=41)), Report(fans=Fans(aux=0))
    )
    assert known == Report(fans=Fans(part=40, aux=0), fan_gear=Fans(part=41))


def test_unknown_names_gather_up_to_fifty() -> None:
    known = told(
        *(
            Report(unknown=frozenset({f"{letter}{number:02}" for number in range(30)}))
            for letter in "ab"
        )
    )
    assert len(known.unknown) == 50
    assert {f"a{number:02}" for number in range(30)} < known.unknown


@given(st.lists(REPORTS, max_size=6), REPORTS)
def test_a_message_that_comes_twice_changes_nothing(before: list[Report], last: Report) -> None:
    known = told(*before, last)
    assert merged(known, last) is known


@given(REPORTS, REPORTS)
def test_the_order_of_what_is_unrelated_matters_not(one: Report, other: Report) -> None:
    """As two parts of a change that come as two messages."""
    together = {"ams", "ams_ids", "spools", "nozzles", "nozzle_temperature", "nozzle_target"}
    names = [one.name for one in fields(Report) if one.name not in together | {"unknown", "full"}]
    first = Report(**{name: getattr(one, name) for name in names[::2]})
    second = Report(**{name: getattr(other, name) for name in names[1::2]})
    assert told(first, second) == told(second, first)


@given(st.lists(REPORTS, max_size=4), REPORTS)
def test_whatever_is_told_holds(before: list[Report], last: Report) -> None:
    known = told(*before, last)
    plain = ("gcode_state", "progress", "error", "hms", "spools", "ams_ids", "door_by_stat")
    for name in plain:
        assert getattr(last, name) in {None, getattr(known, name)}
