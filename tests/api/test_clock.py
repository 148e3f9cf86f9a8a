"""Whose clock is wrong, and by how much."""

from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api.clock import ServerClock

ZERO = timedelta()
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _settled(*offsets: timedelta) -> timedelta:
    clock = ServerClock()
    for offset in offsets:
        clock.hear(offset)
    return clock.offset


@pytest.mark.parametrize(
    ("offsets", "settled"),
    [
        ([], ZERO),
        # Below five seconds nothing is certain.
        ([4 * SECOND], ZERO),
        ([-4 * SECOND], ZERO),
        ([5 * SECOND], 5 * SECOND),
        # The first answer is believed, if it can be, until there are three.
        ([2 * HOUR], 2 * HOUR),
        ([3 * HOUR], 3 * HOUR),
        ([-3 * HOUR], -3 * HOUR),
        ([3 * HOUR + SECOND], ZERO),
        ([ZERO, 2 * HOUR], ZERO),
        ([ZERO, -2 * HOUR], ZERO),
        ([ZERO, 2 * HOUR, ZERO], ZERO),
        ([ZERO, 2 * HOUR, 2 * HOUR], 2 * HOUR),
        ([2 * HOUR, ZERO, ZERO], ZERO),
        # One absurd answer, or some that do not agree.
        ([2 * DAY], ZERO),
        ([2 * DAY, ZERO, ZERO], ZERO),
        ([HOUR, HOUR, HOUR, 2 * DAY, HOUR], HOUR),
        ([HOUR, HOUR, HOUR, *[2 * DAY] * 4], HOUR),
        ([2 * DAY, 2 * DAY, ZERO, 2 * DAY, 2 * DAY], ZERO),
        ([DAY, 2 * DAY, 3 * DAY, 4 * DAY, 5 * DAY], ZERO),
        ([2 * DAY + minute * 16 * SECOND for minute in range(5)], ZERO),
        ([timedelta.min, timedelta.max, 2 * DAY, 2 * DAY, 2 * DAY], ZERO),
        # A machine without a clock.
        ([2 * DAY] * 5, 2 * DAY),
        ([-2 * DAY] * 5, -2 * DAY),
        ([2 * DAY + minute * 15 * SECOND for minute in range(5)], 2 * DAY + 45 * SECOND),
        ([30 * DAY] * 5, 30 * DAY),
        ([30 * DAY + SECOND] * 50, ZERO),
        ([-3_000_000 * DAY] * 50, ZERO),
        ([*[2 * DAY] * 5, ZERO], 2 * DAY),
        ([*[2 * DAY] * 5, 9 * DAY], 2 * DAY),
        # It is set.
        ([*[2 * DAY] * 5, ZERO, ZERO], ZERO),
        ([*[2 * DAY] * 5, *[9 * DAY] * 5], 9 * DAY),
    ],
)
def test_offsets(offsets: list[timedelta], settled: timedelta) -> None:
    assert _settled(*offsets) == settled


@given(st.lists(st.timedeltas() | st.sampled_from([ZERO, HOUR, DAY, 2 * DAY, -DAY])))
def test_whatever_was_said_two_right_answers_end_it(offsets: list[timedelta]) -> None:
    assert abs(_settled(*offsets)) <= 30 * DAY
    assert _settled(*offsets, ZERO, ZERO) == ZERO
