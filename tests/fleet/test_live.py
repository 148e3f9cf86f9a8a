"""What a printer tells by push, in order, and what is shown of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from hypothesis import example, given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api.report import (
    AmsModule,
    AmsUnit,
    Fans,
    HmsError,
    Nozzle,
    Presence,
    Report,
    Tray,
    Versions,
)
from custom_components.bambu_lab_cloud.fleet import live
from custom_components.bambu_lab_cloud.fleet.live import (
    LiveState,
    fresh_until,
    heard,
    is_fresh,
    overlaid,
    session_lost,
    settled,
)
from custom_components.bambu_lab_cloud.fleet.printer import (
    CurrentPrint,
    Print,
    Printer,
    PrinterStatus,
    PrintResult,
)
from custom_components.bambu_lab_cloud.fleet.tellers import Word

from .reports import REPORTS

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
IDLE = Report(full=True, gcode_state="IDLE", progress=0, remaining=0, layer=0, stage=255)
RUNNING = Report(
    full=True,
    gcode_state="RUNNING",
    print_type="cloud",
    task_id="71",
    subtask_id="72",
    name="Vase",
    progress=40,
    remaining=60,
    layer=10,
    total_layers=25,
    stage=0,
)
FINISHED = replace(RUNNING, gcode_state="FINISH", progress=100, remaining=0, layer=25)
CALIBRATING = replace(RUNNING, print_type="system", task_id="0", subtask_id="0", name="cali")
CAME = Presence(online=True)
WENT = Presence(online=False)

type Message = Report | Versions | Presence


def at(seconds: float) -> datetime:
    return NOW + seconds * SECOND


def say(
    *messages: Message, before: LiveState | None = None, start: float = 0, model: str = "X1 Carbon"
) -> LiveState:
    """Return the state after messages, a second apart."""
    state = before
    for number, message in enumerate(messages):
        state = heard(state, message, at=at(start + number), model=model)
    assert state is not None
    return state


def shown(key: str, steps: dict[float, Message], *, before: LiveState | None = None) -> list[Any]:
    """Return what is shown after each message, by the second in which it comes."""
    values = []
    for seconds, message in steps.items():
        before = heard(before, message, at=at(seconds), model="X1 Carbon")
        values.append(getattr(before, key))
    return values


# The status.


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("IDLE", PrinterStatus.IDLE),
        ("PREPARE", PrinterStatus.PREPARING),
        ("SLICING", PrinterStatus.PREPARING),
        ("RUNNING", PrinterStatus.PRINTING),
        ("PAUSE", PrinterStatus.PAUSED),
        ("FINISH", PrinterStatus.FINISHED),
        ("FAILED", PrinterStatus.FAILED),
        ("INIT", None),
        ("OFFLINE", None),
        ("DREAMING", None),
        (None, None),
    ],
)
def test_status(word: str | None, status: PrinterStatus | None) -> None:
    assert say(Report(full=True, gcode_state=word)).status is status


@pytest.mark.parametrize("word", [None, "INIT", "OFFLINE", "DREAMING"])
@pytest.mark.parametrize("full", [False, True])
def test_a_state_that_says_nothing_keeps_the_old_one(word: str | None, *, full: bool) -> None:
    state = session_lost(say(RUNNING), at=at(1))
    state = say(Report(full=full, gcode_state=word), before=state, start=2)
    assert state.status is PrinterStatus.PRINTING


def test_an_unknown_state_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    live._say_once.cache_clear()
    say(RUNNING, Report(gcode_state="DREAMING"), Report(gcode_state="DREAMING"))
    say(RUNNING, Report(gcode_state="INIT"))
    assert caplog.messages == ["A printer tells a state that is not known yet: DREAMING"]


@pytest.mark.parametrize("print_type", ["idle", "local", "cloud", "something"])
def test_the_type_of_print_is_no_state(print_type: str) -> None:
    """An A1 says idle while the ids of the print that finished still stand."""
    state = say(replace(FINISHED, print_type=print_type))
    assert state.status is PrinterStatus.FINISHED
    assert state.task_id == "71"


@pytest.mark.parametrize("word", ["PREPARE", "RUNNING", "PAUSE"])
def test_its_own_calibration_is_no_print(word: str) -> None:
    state = say(replace(CALIBRATING, gcode_state=word))
    assert state.status is PrinterStatus.CALIBRATING
    assert state.is_busy
    assert (state.progress, state.expected_end, state.layer, state.total_layers) == (None,) * 4


@pytest.mark.parametrize(
    ("print_type", "status"),
    [
        ("local", PrinterStatus.CALIBRATING),
        ("idle", PrinterStatus.CALIBRATING),
        (None, PrinterStatus.CALIBRATING),
        ("cloud", PrinterStatus.PRINTING),
    ],
)
def test_a_calibration_is_known_by_its_file(print_type: str | None, status: PrinterStatus) -> None:
    state = say(Report(gcode_state="RUNNING", print_type=print_type, is_calibration=True))
    assert state.status is status


@pytest.mark.parametrize("word", ["FINISH", "FAILED", "IDLE"])
def test_a_calibration_that_ended_finished_nothing(word: str) -> None:
    """It soon says that it is idle of type, with the state and the name of the end."""
    state = say(CALIBRATING, Report(gcode_state=word), Report(print_type="idle"))
    assert state.status is PrinterStatus.IDLE
    repaired = say(
        replace(CALIBRATING, gcode_state=word, print_type="idle"), before=state, start=300
    )
    assert repaired.status is PrinterStatus.IDLE


def test_a_print_after_a_calibration_finishes() -> None:
    state = say(CALIBRATING, replace(CALIBRATING, gcode_state="FINISH"), RUNNING)
    assert state.status is PrinterStatus.PRINTING
    assert say(FINISHED, before=state, start=9).status is PrinterStatus.FINISHED


def test_a_print_that_nobody_saw_after_a_calibration_has_finished() -> None:
    state = session_lost(say(CALIBRATING), at=at(1))
    assert say(FINISHED, before=state, start=9000).status is PrinterStatus.FINISHED


def test_when_the_status_became_another() -> None:
    state = say(RUNNING, Report(progress=41), Report(gcode_state="PAUSE"), Report(progress=42))
    assert state.status_at == at(2)


def test_the_word_is_what_the_lifecycle_hears() -> None:
    state = say(
        RUNNING,
        Report(
            stage=4,
            error="0700-8006",
            hms=(HmsError("0300_0100_0001_0007", 1), HmsError("0C00_0300_0004_0001", 4)),
        ),
    )
    assert state.word == Word(
        status=PrinterStatus.PRINTING,
        task_id="71",
        subtask_id="72",
        name="Vase",
        progress=40,
        errors=("0700-8006", "0300_0100_0001_0007"),
    )


def test_only_a_stage_that_is_a_pause_is_the_reason_of_one() -> None:
    paused = replace(RUNNING, gcode_state="PAUSE")
    assert say(replace(paused, stage=6)).word.stage == "paused_filament_runout"
    assert say(replace(paused, stage=4)).word.stage is None


# The progress.


@pytest.mark.parametrize("message", [IDLE, FINISHED, replace(FINISHED, gcode_state="FAILED")])
def test_what_is_left_after_the_end_is_no_progress(message: Report) -> None:
    state = say(RUNNING, message)
    assert (state.progress, state.expected_end, state.layer, state.total_layers) == (None,) * 4


def test_the_progress_of_a_print() -> None:
    state = say(RUNNING)
    assert (state.progress, state.layer, state.total_layers) == (40, 10, 25)
    assert state.expected_end == NOW + 60 * MINUTE


def test_progress_is_never_reckoned_from_layers() -> None:
    state = say(Report(full=True, gcode_state="RUNNING", layer=24, total_layers=25))
    assert state.progress is None


@pytest.mark.parametrize("word", ["PREPARE", "RUNNING"])
def test_100_at_the_start_is_that_of_the_print_before(word: str) -> None:
    """Until it has fallen, also if it skips PREPARE."""
    steps = {
        0: FINISHED,
        1: Report(gcode_state=word),
        2: Report(bed_target=60.0),
        3: Report(gcode_state="RUNNING"),
        4: Report(progress=0),
        5: Report(progress=1),
    }
    assert shown("progress", steps) == [None, None, None, None, 0, 1]


def test_100_while_it_prepares_is_left_over_also_at_first_sight() -> None:
    steps = {
        0: replace(FINISHED, gcode_state="PREPARE"),
        1: Report(gcode_state="RUNNING"),
        2: Report(progress=3),
    }
    assert shown("progress", steps) == [None, None, 3]


def test_what_is_left_of_a_print_that_failed() -> None:
    """A P1P goes on to tell them for hours."""
    failed = replace(RUNNING, gcode_state="FAILED", progress=43, remaining=759, layer=1)
    state = say(failed, Report(gcode_state="PREPARE"), replace(failed, gcode_state="RUNNING"))
    assert (state.progress, state.expected_end, state.layer, state.total_layers) == (None,) * 4
    state = say(
        Report(progress=0, remaining=80, layer=0),
        Report(progress=43, remaining=79, layer=1),
        before=state,
        start=3,
    )
    assert (state.progress, state.layer, state.total_layers) == (43, 1, 25)
    assert state.expected_end == at(3) + 80 * MINUTE


@pytest.mark.parametrize("word", ["RUNNING", "PAUSE"])
def test_progress_that_jumps_to_100_is_dropped(word: str) -> None:
    """An A1 mini does so several times in a print."""
    steps = {
        0: replace(RUNNING, gcode_state=word),
        1: Report(progress=100),
        2: Report(layer=11),
        3: Report(progress=41),
    }
    assert shown("progress", steps) == [40, 40, 40, 41]


def test_progress_of_100_is_true_in_the_last_minute() -> None:
    """Whichever of the two comes first."""
    steps = {0: RUNNING, 1: Report(progress=100), 2: Report(remaining=1), 3: Report(remaining=0)}
    assert shown("progress", steps) == [40, 40, 100, 100]


def test_progress_of_100_at_first_sight_tells_nothing() -> None:
    assert say(replace(RUNNING, progress=100)).progress is None


# The end.


def test_the_end_moves_by_two_minutes_or_not_at_all() -> None:
    """A printer that tells everything each second tells whole minutes."""
    steps = {
        0: RUNNING,
        59: Report(remaining=60),
        60: Report(remaining=59),
        100: Report(remaining=56),
        101: Report(progress=50),
        102: Report(remaining=70),
    }
    hour = NOW + 60 * MINUTE
    assert shown("expected_end", steps) == [
        hour,
        hour,
        hour,
        at(100) + 56 * MINUTE,
        at(100) + 56 * MINUTE,
        at(102) + 70 * MINUTE,
    ]


def test_the_end_is_known_in_the_last_minute() -> None:
    """Which a printer that tells whole minutes calls the last of none."""
    steps = {0: replace(RUNNING, remaining=1), 20: Report(remaining=0), 59: Report(progress=99)}
    assert shown("expected_end", steps) == [at(60)] * 3


def test_the_end_is_unknown_at_zero_and_in_a_pause() -> None:
    steps = {
        0: replace(RUNNING, gcode_state="PREPARE", remaining=0),
        9: Report(gcode_state="RUNNING"),
        10: Report(remaining=30),
        11: Report(gcode_state="PAUSE"),
        12: Report(remaining=30),
        600: Report(gcode_state="RUNNING"),
        601: Report(remaining=0),
    }
    assert shown("expected_end", steps) == [
        None,
        None,
        at(10) + 30 * MINUTE,
        None,
        None,
        at(600) + 30 * MINUTE,
        None,
    ]


def test_the_end_stands_still_while_a_printer_prepares() -> None:
    """The minutes that are left do as well, though the time to prepare is in them."""
    steps = {
        0: replace(RUNNING, gcode_state="PREPARE"),
        300: Report(remaining=60),
        600: Report(gcode_state="RUNNING", remaining=60),
        660: Report(remaining=50),
        780: Report(remaining=51),
    }
    hour = NOW + 60 * MINUTE
    assert shown("expected_end", steps) == [hour] * 4 + [at(780) + 51 * MINUTE]


def test_the_end_is_reckoned_from_when_it_was_told() -> None:
    """A printer that tells changes tells the minutes that are left when they change."""
    steps = {0: RUNNING, 100: Report(progress=41), 200: Report(progress=42)}
    assert shown("expected_end", steps) == [NOW + 60 * MINUTE] * 3


def test_an_end_that_is_reached_moves_at_once() -> None:
    steps = {0: replace(RUNNING, remaining=1), 59: Report(remaining=1), 60: Report(remaining=1)}
    assert shown("expected_end", steps) == [at(60), at(60), at(120)]


def test_the_end_of_the_next_print_is_another() -> None:
    steps = {0: RUNNING, 1: Report(gcode_state="FINISH"), 2: replace(RUNNING, remaining=61)}
    assert shown("expected_end", steps)[-1] == at(2) + 61 * MINUTE


# The stage.


@pytest.mark.parametrize("stage", [0, 1, 255, -1])
@pytest.mark.parametrize("word", ["IDLE", "FINISH", "FAILED"])
def test_a_stage_means_nothing_while_it_is_not_busy(word: str, stage: int) -> None:
    """An A1 or P1 that is idle says 0, which is printing."""
    state = say(replace(RUNNING, gcode_state=word, stage=stage))
    assert (state.stage, state.stage_now, state.due_at) == (None, None, None)


@pytest.mark.parametrize(
    ("word", "number", "stage"),
    [
        ("RUNNING", 0, "printing"),
        ("PREPARE", 0, None),
        ("PAUSE", 0, None),
        ("PREPARE", 2, "preheating_bed"),
        ("RUNNING", 255, None),
        ("RUNNING", -1, None),
        ("RUNNING", 78, None),
        ("RUNNING", None, None),
    ],
)
def test_a_stage_at_first_sight(word: str, number: int | None, stage: str | None) -> None:
    assert say(replace(RUNNING, gcode_state=word, stage=number)).stage == stage


def test_a_calibration_has_stages() -> None:
    assert say(replace(CALIBRATING, stage=3)).stage == "vibration_compensation"


def test_a_short_stage_is_not_shown() -> None:
    steps = {
        0: RUNNING,
        10: Report(stage=14),
        14.9: Report(stage=0),
        30: Report(stage=4),
        34.9: Report(layer=11),
        35: Report(layer=12),
    }
    assert shown("stage", steps) == [
        "printing",
        "printing",
        "printing",
        "printing",
        "printing",
        "changing_filament",
    ]


def test_a_stage_that_holds_is_shown_without_another_message() -> None:
    state = say(RUNNING, Report(stage=14))
    assert state.due_at == at(6)
    assert settled(state, at=at(5.9)) == state
    assert settled(state, at=at(6)).stage == "cleaning_nozzle"
    assert settled(state, at=at(6)).due_at is None


def test_the_first_stage_of_a_print_holds_as_well() -> None:
    steps = {0: IDLE, 1: replace(RUNNING, stage=13), 2: Report(stage=2), 7: Report(layer=0)}
    assert shown("stage", steps) == [None, None, None, "preheating_bed"]


def test_a_stage_is_over_with_the_print_at_once() -> None:
    assert shown("stage", {0: RUNNING, 1: Report(gcode_state="FAILED")}) == ["printing", None]


def test_the_reason_of_a_pause_is_told_at_once() -> None:
    """What is shown holds for a while, but an event cannot wait."""
    steps = {0: RUNNING, 1: Report(gcode_state="PAUSE"), 2: Report(stage=6)}
    assert shown("stage_now", steps) == ["printing", None, "paused_filament_runout"]


# Errors.


def test_an_error_stands_until_it_is_cleared() -> None:
    """0 clears it, an absent one does not."""
    steps = {
        0: replace(RUNNING, error="0700-8006"),
        1: Report(progress=41),
        2: Report(error=""),
    }
    assert [len(errors) for errors in shown("errors", steps)] == [1, 1, 0]


def test_complaints_stand_until_the_list_is_without_them() -> None:
    complaint = HmsError("0300_0100_0001_0007", 1)
    steps = {0: replace(RUNNING, hms=(complaint,)), 1: Report(progress=41), 2: Report(hms=())}
    assert [len(errors) for errors in shown("errors", steps)] == [1, 1, 0]


@pytest.mark.parametrize("code", ["0300-400C", "0500-400E"])
def test_cancelling_is_no_error(code: str) -> None:
    """The code stands for two seconds, before the state or with it."""
    state = say(RUNNING, Report(error=code), Report(error="", gcode_state="FAILED"))
    assert (state.errors, state.cancelled_at) == ((), at(1))
    assert say(RUNNING, Report(error=code)).word.cancelled_at == at(1)


def test_nothing_is_cancelled_by_another_error() -> None:
    assert say(RUNNING, Report(error="0300-4000")).cancelled_at is None


HOT = HmsError("0300_0100_0001_0007", 1)
DIRTY = HmsError("0C00_0300_0003_0007", 3)
NOTED = HmsError("0500_0300_0004_0001", 4)


def news(steps: dict[float, Message], *, before: LiveState | None = None) -> list[list[str]]:
    """Return the codes that each message brings anew, by the second in which it comes."""
    found: list[list[str]] = []
    for seconds, message in steps.items():
        known = before.new_errors if before else ()
        before = heard(before, message, at=at(seconds), model="X1 Carbon")
        is_told = before.new_errors is not known
        found.append([error.code for error in before.new_errors] * is_told)
    return found


@pytest.mark.parametrize(
    ("steps", "codes"),
    [
        ({1: Report(hms=(HOT,))}, [[HOT.code]]),
        ({1: Report(error="0700-8006")}, [["0700-8006"]]),
        (
            {1: Report(error="0700-8006", hms=(DIRTY, HOT))},
            [["0700-8006", HOT.code, DIRTY.code]],
        ),
        ({1: Report(hms=(HOT,)), 2: Report(hms=(HOT, DIRTY))}, [[HOT.code], [DIRTY.code]]),
        (
            {1: Report(hms=(HOT, DIRTY)), 2: Report(hms=(DIRTY, HOT)), 3: Report(progress=41)},
            [[HOT.code, DIRTY.code], [], []],
        ),
        (
            {1: Report(hms=(HOT,)), 2: replace(RUNNING, hms=(HOT, DIRTY))},
            [[HOT.code], [DIRTY.code]],
        ),
        ({1: Report(hms=(HOT,)), 2: Versions(), 3: WENT}, [[HOT.code], [], []]),
        ({1: Report(hms=(NOTED,))}, [[]]),
        ({1: Report(error="0300-400C"), 3: Report(error="")}, [[], []]),
        ({1: Report(error="0500-400E", gcode_state="FAILED")}, [[]]),
        (
            {1: Report(error="0700-8006"), 2: Report(error="0700-8007")},
            [["0700-8006"], ["0700-8007"]],
        ),
    ],
)
def test_what_is_wrong_is_new_once(steps: dict[float, Message], codes: list[list[str]]) -> None:
    """All that a message brings, the worst first, in whatever order it tells it."""
    assert news(steps, before=say(RUNNING)) == codes


@pytest.mark.parametrize(("gone_for", "is_new"), [(1, False), (119, False), (121, True)])
@pytest.mark.parametrize("stood_for", [1, 150])
def test_what_is_gone_for_a_moment_is_the_same(
    stood_for: float, gone_for: float, *, is_new: bool
) -> None:
    """However long it stood before."""
    gone = 1 + stood_for
    steps = {1: Report(hms=(HOT,)), gone: Report(hms=()), gone + gone_for: Report(hms=(HOT,))}
    assert news(steps, before=say(RUNNING)) == [[HOT.code], [], [HOT.code] * is_new]


def test_what_flickers_is_told_once() -> None:
    steps = {second: Report(hms=(HOT,) * (second % 2)) for second in range(1, 400)}
    assert sum(map(len, news(steps, before=say(RUNNING)))) == 1


@pytest.mark.parametrize(
    "before",
    [
        None,
        say(replace(RUNNING, full=False)),
        session_lost(say(RUNNING), at=at(1)),
        session_lost(say(RUNNING, Report(hms=(DIRTY,))), at=at(1)),
        say(RUNNING, start=-200),
    ],
    ids=["connect", "changes", "reconnect", "reconnect with an error", "silence"],
)
def test_what_is_wrong_when_everything_is_told_anew_is_old(before: LiveState | None) -> None:
    """What comes after that is new."""
    steps = {
        2: Report(hms=(HOT,)),
        3: replace(RUNNING, hms=(HOT, DIRTY)),
        4: Report(hms=(HOT, DIRTY), error="0700-8006"),
    }
    assert news(steps, before=before) == [[], [], ["0700-8006"]]


# Freshness.


@pytest.mark.parametrize("online", [True, False, None])
def test_nothing_is_fresh_before_everything_is_told(*, online: bool | None) -> None:
    change = replace(RUNNING, full=False)
    for state in (None, LiveState(), say(change), say(CAME), say(change, change, Versions())):
        assert not is_fresh(state, online=online, now=at(2))


@pytest.mark.parametrize("message", [RUNNING, CALIBRATING, replace(RUNNING, gcode_state="PAUSE")])
@pytest.mark.parametrize("online", [True, False, None])
def test_a_busy_printer_is_fresh_for_three_minutes(message: Report, *, online: bool | None) -> None:
    """Whatever user/bind says, which is slow."""
    state = say(message, Report(progress=41))
    assert fresh_until(state, online=online) == at(181)
    assert is_fresh(state, online=online, now=at(180.9))
    assert not is_fresh(state, online=online, now=at(181))


@pytest.mark.parametrize("message", [IDLE, FINISHED, replace(RUNNING, gcode_state="FAILED")])
def test_an_idle_printer_is_fresh_for_as_long_as_the_session(message: Report) -> None:
    """An X1 that sleeps says nothing for hours."""
    state = say(message)
    assert fresh_until(state, online=True) is None
    assert is_fresh(state, online=True, now=at(86_400))


@pytest.mark.parametrize(("online", "seconds"), [(None, 180), (False, 60)])
def test_an_idle_printer_is_fresh_while_it_speaks(seconds: float, *, online: bool | None) -> None:
    """It came on after user/bind was asked, or the cloud does not tell who is on."""
    state = say(IDLE, Report(wifi_signal=-50))
    assert fresh_until(state, online=online) == at(1 + seconds)
    assert is_fresh(state, online=online, now=at(seconds))
    assert not is_fresh(state, online=online, now=at(1 + seconds))


def test_a_printer_that_is_gone_for_a_minute_is_not_fresh() -> None:
    state = say(IDLE, WENT, WENT)
    assert fresh_until(state, online=True) == at(61)
    assert is_fresh(state, online=True, now=at(60.9))
    assert not is_fresh(state, online=True, now=at(61))


def test_versions_of_a_printer_are_no_sign_of_its_state() -> None:
    state = say(RUNNING, Versions())
    assert state.heard_at == NOW


@pytest.mark.parametrize(
    "messages",
    [
        (WENT, CAME),
        (
            Presence(online=True, at=NOW + 2 * SECOND),
            Presence(online=False, at=NOW + SECOND),
        ),
        (WENT, Report(wifi_signal=-60)),
    ],
    ids=["in order", "the later first", "it speaks"],
)
def test_a_moment_without_wifi(messages: tuple[Message, ...]) -> None:
    """Both events come within a second, in either order."""
    state = say(IDLE, *messages)
    assert is_fresh(state, online=True, now=at(600))


def test_changes_may_have_been_lost_in_a_moment_without_wifi() -> None:
    state = say(IDLE, WENT, CAME)
    assert state.is_doubtful
    assert not say(IDLE, before=state, start=9).is_doubtful


def test_a_printer_that_was_off_is_not_fresh_when_it_comes_on() -> None:
    """It told of another day: its first changes are added to that, and everything replaces it."""
    state = say(IDLE, WENT)
    state = say(CAME, Report(bed_temperature=21.0), before=state, start=9000)
    assert not state.has_full
    assert not is_fresh(state, online=True, now=at(9001))
    state = say(IDLE, before=state, start=9002)
    assert is_fresh(state, online=True, now=at(9003))


def test_a_printer_that_slept_stays_fresh_for_a_minute_when_it_comes_back() -> None:
    """Nobody said that it was gone."""
    state = say(IDLE)
    state = say(CAME, before=state, start=9000)
    assert fresh_until(state, online=True) == at(9060)
    assert is_fresh(state, online=True, now=at(9059))


def test_a_busy_printer_that_was_silent_for_too_long_has_to_tell_everything() -> None:
    state = say(RUNNING)
    state = say(Report(progress=50), before=state, start=180)
    assert state.progress == 50
    assert not is_fresh(state, online=True, now=at(181))
    assert is_fresh(say(RUNNING, before=state, start=190), online=True, now=at(191))


def test_a_lost_session_keeps_its_values_for_a_minute() -> None:
    state = session_lost(say(RUNNING), at=at(10))
    state = say(Report(progress=41), before=state, start=20)
    assert not state.has_full
    assert fresh_until(state, online=True) == at(70)
    assert is_fresh(state, online=True, now=at(69))
    assert not is_fresh(state, online=True, now=at(70))


def test_a_session_that_is_lost_twice_keeps_them_for_the_first_minute() -> None:
    state = session_lost(session_lost(say(RUNNING), at=at(10)), at=at(40))
    assert fresh_until(state, online=True) == at(70)
    assert session_lost(state, at=at(80)).lost_at is None


def test_what_was_not_fresh_is_not_so_because_its_session_is_lost() -> None:
    state = session_lost(say(RUNNING), at=at(500))
    assert not is_fresh(state, online=True, now=at(500))


def test_what_is_lost_is_fresh_with_everything_told() -> None:
    state = session_lost(say(RUNNING), at=at(1))
    state = say(replace(RUNNING, progress=41), before=state, start=30)
    assert is_fresh(state, online=True, now=at(120))


def test_what_the_session_before_told_is_forgotten() -> None:
    """What is not told with everything is told no more."""
    state = session_lost(say(RUNNING, Report(chamber_light=True, speed_level=2)), at=at(9))
    state = say(Report(bed_temperature=60.0), before=state, start=20)
    assert (state.chamber_light, state.speed_profile) == (True, "standard")
    state = say(RUNNING, before=state, start=21)
    assert (state.chamber_light, state.speed_profile, state.bed_temperature) == (None,) * 3


def test_what_everything_lacks_within_a_session_is_unchanged() -> None:
    assert say(RUNNING, Report(chamber_light=True), RUNNING).chamber_light is True


# Hints at changes that were lost.


@pytest.mark.parametrize("heats", [{"nozzle_target": 220.0}, {"bed_target": 55.0}])
def test_an_idle_printer_that_heats_may_have_begun_to_print(heats: dict[str, float]) -> None:
    state = say(FINISHED, Report(**heats))
    assert state.is_doubtful
    assert say(Report(nozzle_temperature=50.0), before=state, start=5).is_doubtful
    # Its owner warms it up.
    confirmed = say(replace(FINISHED, **heats), before=state, start=9)
    assert not confirmed.is_doubtful
    assert not say(Report(nozzle_temperature=90.0), before=confirmed, start=20).is_doubtful


@pytest.mark.parametrize(
    "messages",
    [
        (IDLE, Report(nozzle_target=0.0)),
        (replace(IDLE, bed_target=60.0), Report(bed_target=65.0)),
        (RUNNING, Report(nozzle_target=220.0)),
        (IDLE, Report(nozzle_target=220.0, gcode_state="RUNNING")),
    ],
)
def test_heating_that_is_no_hint(messages: tuple[Report, ...]) -> None:
    assert not say(*messages).is_doubtful


# Quiet.


def test_nothing_changed_but_the_time() -> None:
    before = say(RUNNING, Report(nozzle_temperature=219.9, wifi_signal=-50))
    state = say(Report(nozzle_temperature=220.2, wifi_signal=-53), before=before, start=5)
    assert state == before
    assert (before.heard_at, state.heard_at) == (at(1), at(5))
    assert say(Report(nozzle_temperature=221.2), before=before, start=30) != before


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (RUNNING, [20, 20, 20, 24, 24, 25]),
        (IDLE, [20, 20, 20, 20, 20, 25]),
    ],
    ids=["every 10 s while busy", "every 30 s otherwise"],
)
def test_temperatures_are_paced(message: Report, expected: list[int]) -> None:
    steps = {
        0: replace(message, bed_temperature=20.4),
        2: Report(bed_temperature=21.5),
        9.9: Report(bed_temperature=23.6),
        10: Report(bed_temperature=24.2),
        12: Report(bed_temperature=25.3),
        30: Report(bed_temperature=25.1),
    }
    assert shown("bed_temperature", steps) == expected


def test_temperatures_are_shown_late_without_another_message() -> None:
    state = say(RUNNING, Report(bed_temperature=20.0), Report(bed_temperature=23.0))
    assert (state.bed_temperature, state.due_at) == (20, at(11))
    state = settled(state, at=at(11))
    assert (state.bed_temperature, state.due_at) == (23, None)


def test_a_temperature_that_came_back_is_not_held_back() -> None:
    temperatures = (20.0, 23.0, 20.0)
    state = say(RUNNING, *(Report(bed_temperature=celsius) for celsius in temperatures))
    assert (state.bed_temperature, state.due_at) == (20, None)


def test_a_temperature_between_two_degrees_is_one_of_them() -> None:
    steps = {
        0: replace(IDLE, bed_temperature=59.4),
        60: Report(bed_temperature=59.6),
        120: Report(bed_temperature=59.3),
        180: Report(bed_temperature=59.9),
        240: Report(bed_temperature=59.4),
    }
    assert shown("bed_temperature", steps) == [59, 59, 59, 60, 60]


def test_a_target_is_shown_at_once() -> None:
    steps = {0: replace(RUNNING, bed_target=60.0), 1: Report(bed_target=65.0)}
    assert shown("bed_target", steps) == [60, 65]


def test_a_fan_that_jumps_by_a_step_stands_still() -> None:
    """An A1 mini does so every few seconds; a step is 7 %."""
    speeds = (53, 60, 53, 60, 67, 60, 73, 67, 0, 7, 0, 100)
    steps = {20 * number: Report(fans=Fans(part=speed)) for number, speed in enumerate(speeds)}
    fans = shown("fans", steps)
    assert [fan.part for fan in fans] == [50, 60, 60, 60, 60, 60, 70, 70, 0, 0, 0, 100]


def test_fans_are_paced() -> None:
    steps = {
        0: Report(fans=Fans(part=0)),
        2: Report(fans=Fans(part=100)),
        4: Report(fans=Fans(part=40)),
        10: Report(progress=3),
    }
    assert [fan.part for fan in shown("fans", steps)] == [0, 0, 0, 40]


def test_wifi_is_shown_once_a_minute() -> None:
    steps = {
        0: Report(wifi_signal=-50),
        2: Report(wifi_signal=-60),
        59.9: Report(wifi_signal=-55),
        60: Report(wifi_signal=-54),
        62: Report(wired=True),
        64: Report(wired=False),
    }
    assert shown("wifi_signal", steps) == [-50, -50, -50, -54, None, -54]


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    state = say(IDLE, Report(bed_temperature=20.0), start=9000)
    assert say(Report(bed_temperature=30.0), before=state).bed_temperature == 30


def test_all_is_shown_at_once_when_everything_is_told_anew() -> None:
    state = session_lost(say(replace(RUNNING, bed_temperature=59.4)), at=at(1))
    state = say(replace(RUNNING, bed_temperature=59.9), before=state, start=2)
    assert state.bed_temperature == 60


# The AMS.


def test_an_ams_gets_its_serial_number() -> None:
    """Some leave it out now and then, and it is what the AMS is known by."""
    named = Versions(ams=(AmsModule(0, "ams", "00600A000000001"),))
    nameless = Versions(ams=(AmsModule(0, "ams"),))
    state = say(replace(IDLE, ams=(AmsUnit(0),)), named)
    assert [unit.serial for unit in state.ams] == ["00600A000000001"]
    assert say(nameless, before=state, start=9) == state
    assert say(named, replace(IDLE, ams=(AmsUnit(0),))).ams == state.ams
    assert "00600A" not in repr(state)


def test_since_when_an_ams_has_no_serial_number() -> None:
    state = say(IDLE, replace(IDLE, ams=(AmsUnit(0),)), replace(IDLE, ams=(AmsUnit(0),)))
    assert state.nameless_since == at(1)
    state = say(Versions(ams=(AmsModule(0, "ams", "00600A000000001"),)), before=state, start=9)
    assert state.nameless_since is None
    # Another one is plugged in.
    state = say(Report(ams=(AmsUnit(1),)), Report(progress=0), before=state, start=20)
    assert state.nameless_since == at(20)


# The sides of a printer.


@pytest.mark.parametrize(
    ("model", "side", "expected"),
    [
        ("H2D", "left", (40, 254)),
        ("H2D", "right", (220, 255)),
        ("H2D", None, None),
        ("P2S", None, (30, 255)),
        ("P2S", "left", None),
    ],
)
def test_what_is_on_a_side(model: str, side: str | None, expected: tuple[int, int] | None) -> None:
    told = {
        "H2D": (Nozzle(0, 220.0), Nozzle(1, 40.0)),
        "P2S": (Nozzle(0, 30.0),),
    }
    state = say(replace(IDLE, nozzles=told[model], external=(Tray(254), Tray(255))), model=model)
    nozzle, spool = state.nozzle(side), state.external_spool(side)
    assert (nozzle and spool and (nozzle.temperature, spool.slot.ams)) == expected
    assert (nozzle is None) is (spool is None)


# The printer that is shown.

PRINTER = Printer(
    id="00M00A000000001",
    name="Workshop",
    model="X1 Carbon",
    model_id="BL-P001",
    nozzle_diameter=0.4,
    online=False,
    status=PrinterStatus.OFFLINE,
    print_job="70",
    current=None,
    last=Print(printer_id="00M00A000000001", task_id="70", result=PrintResult.FINISHED),
    was_active=True,
)


def test_a_printer_is_as_it_says_itself() -> None:
    state = say(RUNNING)
    assert overlaid(PRINTER, state, now=NOW) == replace(
        PRINTER,
        online=True,
        status=PrinterStatus.PRINTING,
        was_active=False,
        current=CurrentPrint(
            print=Print(printer_id=PRINTER.id, title="Vase"),
            progress=40,
            progress_estimated=False,
            expected_end=NOW + 60 * MINUTE,
        ),
    )
    assert overlaid(PRINTER, say(FINISHED), now=NOW).current is None


def test_the_cloud_knows_more_of_a_print() -> None:
    known = CurrentPrint(
        print=Print(printer_id=PRINTER.id, task_id="71", title="Vase, spiral"),
        progress=7,
        progress_estimated=True,
        expected_end=NOW + 5 * MINUTE,
    )
    printer = replace(PRINTER, status=PrinterStatus.PRINTING, current=known)
    current = overlaid(printer, say(replace(RUNNING, gcode_state="PAUSE")), now=NOW).current
    assert current == CurrentPrint(
        print=known.print, progress=40, progress_estimated=False, expected_end=None
    )
    assert overlaid(printer, say(IDLE), now=NOW).current is None
    # It has not said yet what it is doing.
    silent = say(Report(full=True, bed_temperature=20.0))
    assert overlaid(printer, silent, now=NOW).current == known


def test_an_end_that_has_passed_is_unknown() -> None:
    current = overlaid(PRINTER, say(RUNNING), now=NOW + 60 * MINUTE).current
    assert current is not None
    assert current.expected_end is None


# Whatever comes.

PRESENCES = st.builds(Presence, st.booleans(), st.none() | st.sampled_from((NOW, NOW + MINUTE)))
VERSIONS = st.just(Versions(ams=(AmsModule(0, "ams", "00600A000000001"), AmsModule(1, "ams"))))
PAUSES = st.sampled_from((0.0, 0.5, 3.0, 11.0, 61.0, 200.0))
MODELS = st.sampled_from((None, "X1 Carbon", "A1 mini", "H2D", "O1C2-V2", "N7", "Z9"))


def hear(messages: list[tuple[Message, float]], model: str | None) -> tuple[LiveState, datetime]:
    """Return the state after messages, each a number of seconds later, and when that is."""
    state, now = LiveState(), NOW
    for message, seconds in messages:
        now += seconds * SECOND
        state = heard(state, message, at=now, model=model)
    return state, now


@given(st.lists(st.tuples(REPORTS | PRESENCES | VERSIONS, PAUSES), max_size=6), MODELS)
@example(
    [
        (Report(gcode_state="PREPARE", stage=1), 0.0),
        (Report(full=True), 0.0),
        (Presence(online=False), 11.0),
    ],
    None,
)
def test_whatever_comes_is_taken(messages: list[tuple[Message, float]], model: str | None) -> None:
    state, now = hear(messages, model)
    assert settled(state, at=now) == state
    assert state.due_at is None or state.due_at > now
    assert state.word.status is state.status
    assert state.stage is None or state.is_busy
    assert not is_fresh(state, online=None, now=now + 60 * MINUTE)


@given(st.lists(st.tuples(REPORTS | PRESENCES, PAUSES), max_size=4), REPORTS, MODELS)
def test_what_comes_twice_changes_nothing(
    messages: list[tuple[Message, float]], last: Report, model: str | None
) -> None:
    once, _ = hear([*messages, (last, 2.0)], model)
    twice, _ = hear([*messages, (last, 2.0), (last, 0.0)], model)
    assert (twice, twice.told, twice.word) == (once, once.told, once.word)


@given(st.lists(st.tuples(REPORTS | PRESENCES, PAUSES), max_size=4), REPORTS, MODELS)
def test_everything_told_in_a_new_session_is_all_that_is_known(
    messages: list[tuple[Message, float]], last: Report, model: str | None
) -> None:
    """Whatever was before."""
    last = replace(last, full=True, gcode_state="IDLE")
    state, now = hear(messages, model)
    state = heard(session_lost(state, at=now), last, at=now, model=model)
    alone = heard(None, last, at=now, model=model)
    assert state.told == alone.told
    assert replace(state, cancelled_at=alone.cancelled_at) == alone
