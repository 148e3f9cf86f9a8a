"""Each row of the table of scripts/soak turns red where that happens which it is there for."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from operator import setitem
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import soak_checks as checks
from scripts.soak_world import BIND, TASKS, Heard, Truth

FAILS = "Error fetching bambu_lab_cloud printers data: HTTP 500"
RECOVERS = "Fetching bambu_lab_cloud printers data recovered"
LOST, BACK = "There is no live data, everything else goes on", "Live data is back"
OWN = "The printers are without an answer"


def at(minutes: float) -> datetime:
    """Return a moment of the run."""
    return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(minutes=minutes)


def heard(minutes: float, kind: str, task_id: str | None, title: str, **more: bool) -> Heard:
    """Return what an automation heard."""
    return Heard(at(minutes), 1, 0, kind, task_id, title, **more)


@pytest.fixture
def life() -> Any:
    """Return a run in which all went well: two prints with a task, one without, a calibration."""
    return SimpleNamespace(
        truths=[
            Truth("a", 0, "One", "cloud", "1", at(0), "finished", at(60)),
            Truth("a", 0, "Two", "cloud", "2", at(70), "failed", at(100)),
            Truth("a", 0, "Card", "card", None, at(200), "finished", at(260)),
            Truth("a", 0, "Own", "calibration", None, at(300), "finished", at(305)),
        ],
        heard=[
            heard(1, "started", "1", "One"),
            heard(61, "finished", "1", "One"),
            heard(71, "started", "2", "Two"),
            heard(101, "failed", "2", "Two"),
            heard(201, "started", None, "Card"),
            heard(261, "finished", None, "Card"),
        ],
        messages=["1", "2"],
        requests=[(at(minutes), BIND, 200, None) for minutes in range(0, 400, 3)],
        wrongly_shown=[],
        looked=100,
        broker=SimpleNamespace(lost=defaultdict(list)),
        details=[],
        troubles=[],
        cuts=[],
        forgot=[],
        reloaded=[],
        days=1,
        number=1,
    )


def red(rows: Iterable[checks.Row]) -> list[str]:
    """Return the rows that do not hold."""
    return [what for what, _, is_met in rows if not is_met]


LOST_ROW = "of 2 ended prints with a task, not announced"
ORDER_ROW = "ends of a printer out of order"
CARD_ROW = "of 1 prints without a task that were heard in calm, missed"


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (lambda it: None, []),
        (lambda it: it.heard.pop(1), [LOST_ROW]),
        (
            lambda it: it.heard.insert(2, heard(62, "finished", "1", "One")),
            ["announced twice, but where killed in between"],
        ),
        (
            lambda it: it.heard.insert(1, heard(61, "finished", "1", "One", may_repeat=True)),
            [],
        ),
        (
            lambda it: it.heard.insert(1, heard(2, "started", "1", "One")),
            ["their starts announced twice"],
        ),
        (
            lambda it: setitem(it.heard, 1, heard(57, "finished", "1", "One")),
            ["announced before they ended"],
        ),
        (
            lambda it: setitem(it.heard, 1, heard(61, "failed", "1", "One")),
            ["announced with another result"],
        ),
        (lambda it: it.heard.insert(3, replace(it.heard.pop(1), at=at(102))), [ORDER_ROW]),
        (lambda it: it.heard.pop(), [CARD_ROW]),
        (
            lambda it: it.heard.append(heard(262, "finished", None, "Card")),
            ["of these, announced twice"],
        ),
        (
            lambda it: it.heard.append(heard(306, "finished", None, "Own")),
            ["of 1 calibrations heard in calm, announced"],
        ),
        (lambda it: it.messages.append("1"), ["of 2 messages, announced twice"]),
        # Of nothing it is not known whether it would hold.
        (lambda it: it.messages.clear(), ["of 0 messages, announced twice"]),
        (lambda it: it.heard.clear(), [LOST_ROW, CARD_ROW]),
        (
            lambda it: it.truths.clear(),
            [
                "of 0 ended prints with a task, not announced",
                "of 0 prints without a task that were heard in calm, missed",
                "of 0 calibrations heard in calm, announced",
            ],
        ),
    ],
)
def test_prints(life: Any, change: Callable[[Any], object], rows: list[str]) -> None:
    change(life)
    assert red(checks.prints(life)) == rows


def asked(number: int, every: float, path: str = TASKS) -> list[Any]:
    """Return requests from noon on, some seconds apart."""
    return [(at(each * every / 60), path, 200, None) for each in range(number)]


PAUSE = (at(10), BIND, 429, "rate_limited")
PAUSE_ROW = "requests in a pause that the cloud asked for"


@pytest.mark.parametrize(
    ("requests", "forgot", "rows"),
    [
        (asked(100, 60), [], []),
        (asked(9, 6, BIND), [], ["of user/bind in a minute (≤ 8)"]),
        (asked(71, 0.5), [], ["of any endpoint in a minute (≤ 70)"]),
        (asked(601, 5.9), [], ["of any endpoint in an hour (≤ 600)"]),
        ([PAUSE, (at(14.9), TASKS, 200, None)], [], [PAUSE_ROW]),
        ([PAUSE, (at(15), TASKS, 200, None)], [], []),
        # With a restart it is forgotten.
        ([PAUSE, (at(14.9), TASKS, 200, None)], [at(12)], []),
        # So is a longer one before it.
        ([(at(1), BIND, 418, "captcha"), PAUSE, (at(15), TASKS, 200, None)], [at(2)], []),
        ([(at(1), BIND, 418, "captcha"), PAUSE, (at(14), TASKS, 200, None)], [at(2)], [PAUSE_ROW]),
        ([(at(1), BIND, 418, "captcha"), (at(15), TASKS, 200, None)], [], [PAUSE_ROW]),
        ([], [], ["requests, a day 0"]),
    ],
)
def test_requests(life: Any, requests: list[Any], forgot: list[datetime], rows: list[str]) -> None:
    life.requests, life.forgot = requests, forgot
    assert red(checks.requests(life)) == rows


@pytest.mark.parametrize(
    ("looked", "wrongly", "is_red"), [(9, [], False), (9, [(at(0), "x")], True), (0, [], True)]
)
def test_shown(life: Any, looked: int, wrongly: list[Any], is_red: bool) -> None:  # noqa: FBT001
    life.looked, life.wrongly_shown = looked, wrongly
    assert bool(red(checks.shown(life))) is is_red


@pytest.mark.parametrize(
    ("texts", "rows"),
    [
        ([FAILS, RECOVERS, LOST, BACK, FAILS, OWN], []),
        ([FAILS, FAILS], ["of 2 lines, said twice, or back and never away"]),
        ([FAILS, RECOVERS, RECOVERS], ["of 3 lines, said twice, or back and never away"]),
        ([LOST, LOST], ["of 2 lines, said twice, or back and never away"]),
        ([BACK], ["of 1 lines, said twice, or back and never away"]),
        ([OWN, OWN], ["of 2 lines, said twice, or back and never away"]),
        (["Unexpected KeyError in printers"], ["mistakes in the log"]),
        (["Bearer AQsecret"], ["secrets in the log"]),
        ([], ["of 0 lines, said twice, or back and never away"]),
    ],
)
def test_log(life: Any, texts: list[str], rows: list[str]) -> None:
    lines = checks.Log()
    # Whichever module says it.
    for text in texts:
        name = "custom_components.bambu_lab_cloud.api.transport"
        lines.emit(logging.LogRecord(name, logging.WARNING, __file__, 1, text, (), None))
    assert red(checks.log(life, lines, {"AQsecret"})) == rows


def test_trace_in_log(life: Any) -> None:
    lines = checks.Log()
    trace = (KeyError, KeyError(), None)
    lines.emit(logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "Ouch", (), trace))
    assert red(checks.log(life, lines, ())) == ["mistakes in the log"]


SAMPLE = {
    "objects of ours": 1500,
    "what they hold": 30_000,
    "tasks": 5,
    "timers": 10,
    "listeners of the bus": 40,
    "listeners of the printers": 450,
    "prints in the history": 20,
    "bytes stored": 9_000,
}


@pytest.mark.parametrize(
    ("what", "leak"),
    [
        ("objects of ours", 300),
        ("what they hold", 1000),
        ("tasks", 4),
        ("timers", 7),
        ("listeners of the bus", 3),
        ("listeners of the printers", 40),
        ("bytes stored", 5_000),
    ],
)
def test_growth(life: Any, what: str, leak: int) -> None:
    samples = [SAMPLE, SAMPLE, SAMPLE, SAMPLE | {what: SAMPLE[what] + leak}]
    assert [row.partition(" (")[0] for row in red(checks.growth(life, samples))] == [what]


def test_growth_of_history(life: Any) -> None:
    more = {"prints in the history": 40, "objects of ours": 1740, "bytes stored": 12_000}
    assert red(checks.growth(life, [SAMPLE, SAMPLE | more])) == []


def test_growth_of_nothing(life: Any) -> None:
    assert red(checks.growth(life, [])) == ["samples"]
