"""When a printer is asked by MQTT, and user/bind because of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.bambu_lab_cloud.api.report import (
    AmsModule,
    AmsUnit,
    Presence,
    Report,
    Versions,
)
from custom_components.bambu_lab_cloud.fleet.asking import Asking, silence_at, wants_bind
from custom_components.bambu_lab_cloud.fleet.live import LiveState, heard, session_lost

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
IDLE = Report(full=True, gcode_state="IDLE")
RUNNING = Report(full=True, gcode_state="RUNNING", task_id="71")
CHANGE = Report(wifi_signal=-50)
BEGUN = Asking(began_at=NOW)


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def say(
    message: Report | Versions | Presence, minutes: float, state: LiveState | None = None
) -> LiveState:
    return heard(state, message, at=at(minutes), model="X1 Carbon")


def wants(
    asking: Asking,
    minutes: float,
    live: LiveState | None = None,
    *,
    online: bool | None = True,
    busy_since: float | None = None,
) -> bool:
    return asking.wants_everything(
        live,
        online=online,
        busy_since=None if busy_since is None else at(busy_since),
        now=at(minutes),
    )


def wants_versions(asking: Asking, minutes: float, live: LiveState | None = None) -> bool:
    return asking.wants_versions(live, online=True, now=at(minutes))


@pytest.mark.parametrize(("online", "expected"), [(True, True), (None, True), (False, False)])
def test_a_printer_that_is_on_is_asked_once(*, online: bool | None, expected: bool) -> None:
    assert wants(BEGUN, 0, online=online) is expected
    assert BEGUN.wants_versions(None, online=online, now=NOW) is expected
    asking = BEGUN.asked_everything(None, NOW).asked_versions(NOW)
    # It says nothing, so nobody asks again.
    assert not any(wants(asking, minutes, online=online) for minutes in range(600))
    assert not any(wants_versions(asking, minutes) for minutes in range(600))


def test_a_printer_that_comes_on_is_asked() -> None:
    """By the word of the broker, or its own."""
    assert wants(BEGUN.came_on(at(3)), 3, online=False)
    assert wants(BEGUN, 3, say(CHANGE, 3), online=False)
    asking = BEGUN.asked_everything(None, NOW).asked_versions(NOW).came_on(at(9))
    assert wants(asking, 9)
    assert wants_versions(asking, 9)


def test_a_printer_that_comes_on_too_soon_is_asked_later() -> None:
    asking = BEGUN.asked_everything(None, NOW).came_on(at(1))
    assert not wants(asking, 4.9)
    assert wants(asking, 5)


def test_a_new_session_asks_after_a_minute() -> None:
    asking = BEGUN.asked_everything(None, NOW).asked_versions(NOW).began(at(0.2))
    state = session_lost(say(IDLE, 0), at=at(0.1))
    assert not wants(asking, 0.9, state)
    assert wants(asking, 1, state)
    assert not wants_versions(asking, 0.9)
    assert wants_versions(asking, 1)


def test_who_told_everything_unasked_is_not_asked() -> None:
    assert not wants(BEGUN, 1, say(IDLE, 0))


def test_who_told_everything_is_not_asked_again() -> None:
    asking = BEGUN.asked_everything(None, NOW)
    state = say(CHANGE, 30, say(IDLE, 0.1))
    assert not any(wants(asking, minutes, state) for minutes in range(30, 600))


def test_repairs_become_rarer_and_never_cease() -> None:
    """Messages come all the time, and never everything."""
    asking, asked = BEGUN, []
    for minutes in range(300):
        state = say(CHANGE, minutes)
        for _ in range(wants(asking, minutes, state)):
            asking = asking.asked_everything(state, at(minutes))
            asked.append(minutes)
    assert asked == [0, 5, 15, 35, 75, 135, 195, 255]


def test_repairs_begin_anew_once_everything_was_told() -> None:
    asking = BEGUN
    for minutes in (0, 5, 15, 35):
        asking = asking.asked_everything(None, at(minutes))
    state = say(IDLE, 36)
    doubtful = say(Report(bed_target=60.0), 37, state)
    assert not wants(asking, 39, doubtful)
    assert wants(asking, 40, doubtful)
    asking = asking.asked_everything(doubtful, at(40))
    assert not wants(asking, 44, doubtful)
    assert wants(asking, 45, doubtful)


def test_a_silent_printer_is_not_asked_again() -> None:
    asking = BEGUN.asked_everything(None, at(1))
    assert not any(wants(asking, minutes, say(CHANGE, 0.5)) for minutes in range(600))


def test_a_printer_that_went_off_is_not_asked() -> None:
    """What it has told is old, and there is nobody to tell it anew."""
    asking = BEGUN.asked_everything(None, NOW)
    state = session_lost(say(IDLE, 1), at=at(3))
    assert not any(wants(asking, minutes, state, online=False) for minutes in range(2, 600))
    assert wants(asking, 10, say(CHANGE, 10, state), online=False)


def test_an_idle_printer_that_heats_is_asked() -> None:
    """The change to another status may have been lost on the way."""
    state = say(Report(bed_target=60.0), 7, say(IDLE, 0))
    assert wants(BEGUN.asked_everything(None, NOW), 7, state)
    assert not wants(
        BEGUN.asked_everything(None, NOW), 8, say(replace(IDLE, bed_target=60.0), 8, state)
    )


@pytest.mark.parametrize(
    ("state", "busy_since", "expected"),
    [
        (say(IDLE, 0), 5, True),
        (say(CHANGE, 7, say(IDLE, 0)), 5, True),
        (say(IDLE, 0), None, False),
        (say(RUNNING, 0), 5, False),
        # It said so after user/bind did.
        (say(IDLE, 6), 5, False),
        # user/bind is late with the end of a print.
        (say(Report(gcode_state="FINISH"), 2, say(RUNNING, 0)), 1, False),
    ],
    ids=["silent", "lost", "idle", "both print", "told anew", "ended"],
)
def test_a_printer_that_prints_by_bind_alone_is_asked(
    state: LiveState, busy_since: float | None, *, expected: bool
) -> None:
    assert wants(BEGUN, 10, state, busy_since=busy_since) is expected


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    asking = BEGUN.asked_everything(None, at(600)).asked_versions(at(600))
    assert wants(asking.came_on(at(601)), 3)
    assert wants_versions(asking.came_on(at(601)), 3)


def asked_for_versions(asking: Asking, state: LiveState, *minutes: float) -> list[float]:
    asked = []
    for minute in minutes:
        for _ in range(wants_versions(asking, minute, state)):
            asking = asking.asked_versions(at(minute))
            asked.append(minute)
    return asked


def test_versions_are_asked_again_while_an_ams_has_no_serial_number() -> None:
    """For an hour: some never tell it."""
    asking = BEGUN.asked_versions(NOW)
    state = say(replace(IDLE, ams=(AmsUnit(0),)), 0.1)
    assert asked_for_versions(asking, state, *range(1, 200)) == [1, 11, 21, 31, 41, 51]
    named = say(Versions(ams=(AmsModule(0, "ams", "00600A000000001"),)), 11, state)
    assert not wants_versions(BEGUN.asked_versions(NOW), 12, named)


NAMED = Versions(ams=(AmsModule(0, "ams", "00600A000000001"),))
WITH_AMS = replace(IDLE, ams=(AmsUnit(0, kind="ams"),), ams_ids=frozenset({0}))
OUT = Report(ams=(), ams_ids=frozenset())
IN = Report(ams=(AmsUnit(0, kind="ams"),), ams_ids=frozenset({0}))


@pytest.mark.parametrize(
    "swap", [(OUT, IN), (Report(ams=(AmsUnit(0, kind="ams_2_pro"),)),)], ids=["a while", "at once"]
)
def test_versions_are_asked_when_an_ams_is_swapped(swap: tuple[Report, ...]) -> None:
    """What was told of the one before says nothing of the new one, which starts slowly."""
    state = say(NAMED, 1, say(WITH_AMS, 0))
    asking = BEGUN.asked_versions(at(1))
    assert not wants_versions(asking, 299, state)
    for message in swap:
        state = say(message, 300, state)
    assert state.unit(0) is not None
    assert [unit.serial for unit in state.ams] == [None]
    assert asked_for_versions(asking, state, 300, 300.5, 301, 302, 310, 311) == [300, 301, 311]
    late = Versions(ams=(AmsModule(0, state.ams[0].kind),))
    assert [unit.serial for unit in say(late, 311, state).ams] == [None]
    other = Versions(ams=(AmsModule(0, state.ams[0].kind, "00600B000000002"),))
    state = say(other, 312, say(late, 311, state))
    assert [unit.serial for unit in state.ams] == ["00600B000000002"]
    assert not wants_versions(asking, 400, state)


def test_versions_are_asked_once_a_minute_while_ams_come_and_go() -> None:
    state = say(NAMED, 1, say(WITH_AMS, 0))
    asking, asked = BEGUN.asked_versions(at(1)), []
    for seconds in range(300, 420, 4):
        state = say(IN, seconds / 60 + 0.03, say(OUT, seconds / 60, state))
        for _ in range(wants_versions(asking, seconds / 60, state)):
            asking = asking.asked_versions(at(seconds / 60))
            asked.append(seconds)
    assert asked == [300, 360]
    assert state.unit(1) is None


def test_bind_is_asked_once_in_a_silence() -> None:
    state = say(RUNNING, 0)
    assert silence_at(state) == at(1)
    assert not wants_bind(state, asked_at=at(-5), now=at(0.9))
    assert wants_bind(state, asked_at=at(0.9), now=at(1))
    assert not wants_bind(state, asked_at=at(1), now=at(2))
    again = say(Report(progress=3), 2, state)
    assert wants_bind(again, asked_at=at(1), now=at(3))


def test_an_idle_printer_may_be_silent() -> None:
    state = say(IDLE, 0)
    assert silence_at(state) is None
    assert not wants_bind(state, asked_at=None, now=at(9))
    assert not wants_bind(LiveState(), asked_at=None, now=at(9))


def test_one_that_comes_on_again_and_again_is_no_reason_to_ask_for_versions_each_time() -> None:
    """Its Wi-Fi is weak, and it never answers."""
    asking, asked = BEGUN.asked_versions(NOW), 0
    for minutes in range(60):
        asking = asking.came_on(at(minutes))
        for _ in range(wants_versions(asking, minutes)):
            asking, asked = asking.asked_versions(at(minutes)), asked + 1
    assert asked == 11
