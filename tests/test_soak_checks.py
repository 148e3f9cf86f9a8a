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
from scripts.figures import Row
from scripts.soak_world import BIND, TASKS, Heard, Request, Truth

FAILS = "Error fetching bambu_lab_cloud printers data: HTTP 500"
RECOVERS = "Fetching bambu_lab_cloud printers data recovered"
LOST, BACK = "There is no live data, everything else goes on", "Live data is back"
OWN = "The printers are without an answer"


def at(minutes: float) -> datetime:
    """Return a moment of the run."""
    return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(minutes=minutes)


def heard(minutes: float, kind: str, task_id: str | None, title: str, **more: bool) -> Heard:
    """Return what an automation heard."""
    return Heard(at(minutes), 0, kind, task_id, title, **more)


def answer(minutes: float, fault: str | None = None, path: str = BIND) -> Request:
    """Return a request, whose status nobody looks at."""
    return Request(at(minutes), path, 200, fault)


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
        requests=[answer(minutes) for minutes in range(0, 400, 3)],
        wrongly_shown=[],
        looked=100,
        broker=SimpleNamespace(lost=defaultdict(list)),
        details=[],
        troubles=[],
        cuts=[],
        forgot=[],
        reloaded=[],
        days=1,
        printer_count=1,
    )


def red(rows: Iterable[Row]) -> list[str]:
    """Return the rows that do not hold."""
    return [what for what, _, is_met in rows if not is_met]


LOST_ROW = "of 2 ended prints with a task, not announced"
DOUBLED_ROW = "announced twice, but where killed in between"
ORDER_ROW = "ends of a printer out of order"
CARD_ROW = "of 1 prints without a task that were heard in calm, missed"


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (lambda it: None, []),
        (lambda it: it.heard.pop(1), [LOST_ROW]),
        (
            lambda it: it.heard.insert(2, heard(62, "finished", "1", "One")),
            [DOUBLED_ROW],
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
        # It waits for the end of one that ended a moment ago, and for no other.
        (lambda it: it.heard.insert(3, replace(it.heard.pop(1), at=at(102))), []),
        (
            lambda it: (
                setitem(it.truths, 0, replace(it.truths[0], ended=at(69))),
                setitem(it.truths, 1, replace(it.truths[1], ended=at(80))),
                setitem(it.heard, 3, heard(81, "failed", "2", "Two")),
                it.heard.insert(3, replace(it.heard.pop(1), at=at(82))),
            ),
            [ORDER_ROW],
        ),
        (lambda it: it.heard.pop(), [CARD_ROW]),
        (
            lambda it: it.heard.append(heard(262, "finished", None, "Card")),
            ["of these, announced twice"],
        ),
        (
            lambda it: it.heard.append(heard(306, "finished", None, "Own")),
            ["of 1 calibrations heard in calm, announced"],
        ),
        # It goes by the name of the one before, as the message that names it was lost.
        (
            lambda it: (
                it.truths.append(Truth("a", 0, "Next", "cloud", "3", at(400), "finished", at(430))),
                it.heard.append(heard(431, "finished", None, "Card")),
            ),
            [],
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


@pytest.mark.parametrize(
    ("change", "is_calm"),
    [
        (lambda it: it.cuts.append(at(230)), False),
        (lambda it: it.cuts.append(at(160)), True),
        (lambda it: it.troubles.append(("bind", at(220), at(240))), False),
        (lambda it: it.troubles.append(("bind", at(120), at(160))), True),
        (lambda it: it.broker.lost["a"].append(at(230)), False),
        (lambda it: it.broker.lost["b"].append(at(230)), True),
        (lambda it: it.requests.append(answer(230, "old")), False),
        (lambda it: it.requests.append(answer(160, "old")), True),
        # It asks for a pause of four hours, the next one for one of five minutes.
        (lambda it: it.requests.append(answer(0, "captcha")), False),
        (lambda it: it.requests.append(answer(160, "rate_limited")), True),
    ],
)
def test_calm(life: Any, change: Callable[[Any], object], is_calm: bool) -> None:  # noqa: FBT001
    change(life)
    # The end of the print without a task is not heard.
    life.heard.pop()
    row = CARD_ROW if is_calm else "of 0 prints without a task that were heard in calm, missed"
    assert (row, f"{is_calm:d}", False) in checks.prints(life)


@pytest.mark.parametrize(
    ("kind", "change", "may_be_doubled"),
    [
        ("listed", lambda it: None, False),
        ("listed", lambda it: it.troubles.append(("clock", at(20), at(30))), True),
        # It was wrong until less than an hour before.
        ("listed", lambda it: it.troubles.append(("clock", at(-60), at(-30))), True),
        ("listed", lambda it: it.troubles.append(("clock", at(-90), at(-70))), False),
        ("listed", lambda it: it.troubles.append(("bind", at(20), at(30))), False),
        ("listed", lambda it: it.requests.append(answer(30, "old")), True),
        ("listed", lambda it: it.requests.append(answer(70, "old")), False),
        ("listed", lambda it: it.requests.append(answer(30, "old", TASKS)), False),
        # Its id names it.
        ("cloud", lambda it: it.troubles.append(("clock", at(20), at(30))), False),
    ],
)
def test_doubled(
    life: Any,
    kind: str,
    change: Callable[[Any], object],
    may_be_doubled: bool,  # noqa: FBT001
) -> None:
    life.truths.append(Truth("b", 1, "Three", kind, "3", at(0), "finished", at(60)))
    life.heard += [heard(61, "finished", "3", "Three"), heard(62, "finished", "3", "Own")]
    change(life)
    assert red(checks.prints(life)) == ([] if may_be_doubled else [DOUBLED_ROW])


def asked(number: int, every: float, path: str = TASKS) -> list[Request]:
    """Return requests from noon on, some seconds apart."""
    return [answer(each * every / 60, path=path) for each in range(number)]


PAUSE = answer(10, "rate_limited")
PAUSE_ROW = "requests in a pause that the cloud asked for"


@pytest.mark.parametrize(
    ("requests", "forgot", "rows"),
    [
        (asked(100, 60), [], []),
        (asked(9, 6, BIND), [], ["of user/bind in a minute (≤ 8)"]),
        (asked(71, 0.5), [], ["of any endpoint in a minute (≤ 70)"]),
        (asked(601, 5.9), [], ["of any endpoint in an hour (≤ 600)"]),
        ([PAUSE, answer(14.9, path=TASKS)], [], [PAUSE_ROW]),
        ([PAUSE, answer(15, path=TASKS)], [], []),
        # It was asked for before, and answered after it.
        ([PAUSE, answer(9.9, path=TASKS)], [], []),
        # With a restart it is forgotten.
        ([PAUSE, answer(14.9, path=TASKS)], [at(12)], []),
        # So is a longer one before it.
        ([answer(1, "captcha"), PAUSE, answer(15, path=TASKS)], [at(2)], []),
        ([answer(1, "captcha"), PAUSE, answer(14, path=TASKS)], [at(2)], [PAUSE_ROW]),
        ([answer(1, "captcha"), answer(15, path=TASKS)], [], [PAUSE_ROW]),
        ([], [], ["requests, a day 0"]),
    ],
)
def test_requests(
    life: Any, requests: list[Request], forgot: list[datetime], rows: list[str]
) -> None:
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


@pytest.mark.parametrize(
    ("printers", "prints", "most"), [(1, 20, 26_000), (2, 20, 38_000), (1, 21, 26_700)]
)
def test_bytes_stored(life: Any, printers: int, prints: int, most: int) -> None:
    life.printer_count = printers
    for more in (0, 1):
        sample = SAMPLE | {"prints in the history": prints, "bytes stored": most + more}
        # It does not grow, and is too much all the same.
        rows = [f"bytes stored (≤ {most})"] * more
        assert red(checks.growth(life, [sample, sample])) == rows


def test_growth_of_nothing(life: Any) -> None:
    assert red(checks.growth(life, [])) == ["samples"]
