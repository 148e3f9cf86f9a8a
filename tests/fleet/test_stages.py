"""The stages of a print by their number."""

import re

import pytest

from custom_components.bambu_lab_cloud.fleet.stages import PRINTING, STAGES, stage_name


def test_stages_are_options() -> None:
    assert STAGES[0] == PRINTING == "printing"
    assert len(set(STAGES)) == len(STAGES)
    assert [name for name in STAGES if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []


def test_every_known_number_has_one() -> None:
    assert {stage_name(number) for number in range(78)} == set(STAGES)


@pytest.mark.parametrize("number", [None, -1, 255, 78, 1000])
def test_a_number_that_nobody_knows_has_none(number: int | None) -> None:
    assert stage_name(number) is None


@pytest.mark.parametrize(("one", "other"), [(12, 18), (45, 46)])
def test_two_numbers_for_the_same(one: int, other: int) -> None:
    assert stage_name(one) == stage_name(other)


@pytest.mark.parametrize(("one", "other"), [(36, 37), (47, 48), (74, 75), (1, 40)])
def test_two_numbers_for_different_things(one: int, other: int) -> None:
    assert stage_name(one) != stage_name(other)


def test_reasons_of_a_pause() -> None:
    paused = {number for number in range(78) if (stage_name(number) or "").startswith("paused_")}
    assert paused == {6, 16, 17, 20, 21, 23, 26, 27, 28, 30, 32, 33, 34, 35}
