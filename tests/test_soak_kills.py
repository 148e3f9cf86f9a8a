"""What scripts/soak kills says of prints that are lost, doubled or invented."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_home import DOMAIN, DemoError
from scripts.soak_kills import announced, checked, is_of_outage, readable

SINCE = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
WRONG = "  lost, doubled or wrong"
IN_FLIGHT = "  killed before the automation was done"
REPEATED = "  repeated, killed before it was stored"
PRINTS = range(1, 5)


def at(minutes: float) -> str:
    """Return some minutes after the start."""
    return (SINCE + timedelta(minutes=minutes)).isoformat()


def report(number: int, minutes: float, event_type: str = "finished") -> dict[str, Any]:
    """Return what the automation reports of a print."""
    return {"task_id": f"{number}", "event_type": event_type, "at": at(minutes), "late": False}


# Each print ends after as many minutes as its number says, and is told half a minute later.
TASKS = [{"id": each, "status": 2, "deviceId": "a", "endTime": at(each)} for each in PRINTS]
TOLD = [report(each, each + 0.5) for each in PRINTS]


@pytest.mark.parametrize(
    ("reports", "stored", "killed", "rows"),
    [
        (TOLD, (), (), {}),
        # It is lost.
        (TOLD[1:], (), (), {WRONG: "1 was not announced"}),
        # Its automation was killed, which may happen to one and not to two.
        (TOLD[1:], ("1",), (), {}),
        (TOLD[2:], ("1", "2"), (), {IN_FLIGHT: "2"}),
        # It is doubled, without a kill, which may not be, and after one, which may be for one.
        ([TOLD[0], *TOLD], (), (), {WRONG: "1 was announced 2 times"}),
        ([TOLD[0], *TOLD], (), (9,), {WRONG: "1 was announced 2 times"}),
        ([TOLD[0], report(1, 1.8), *TOLD[1:]], (), (1.6,), {}),
        (
            [TOLD[0], report(1, 1.7), report(1, 1.9), *TOLD[1:]],
            (),
            (1.6, 1.8),
            {WRONG: "1 was announced 2 times"},
        ),
        (
            [TOLD[0], report(1, 1.8), TOLD[1], report(2, 2.8), *TOLD[2:]],
            (),
            (1.6, 2.6),
            {REPEATED: "2"},
        ),
        (
            [TOLD[0], report(1, 1.8, "failed"), *TOLD[1:]],
            (),
            (1.6,),
            {WRONG: "1 was announced 2 times; 1 was announced as failed"},
        ),
        ([report(1, 0.1, "started")] * 2 + TOLD, (), (), {WRONG: "1 started 2 times"}),
        # It is invented.
        ([*TOLD, report(9, 5)], (), (), {WRONG: "9 was announced and has not ended"}),
        ([*TOLD, report(9, 5)], ("9",), (4.8,), {WRONG: "9 was announced and has not ended"}),
    ],
)
def test_announced(
    reports: list[dict[str, Any]],
    stored: tuple[str, ...],
    killed: tuple[float, ...],
    rows: dict[str, str],
) -> None:
    found = announced(
        "state",
        reports,
        TASKS,
        due={f"{each}" for each in PRINTS},
        stored={*stored},
        since=SINCE,
        killed=[SINCE + timedelta(minutes=each) for each in killed],
    )
    assert {what: value for what, value, is_good in found if not is_good} == rows


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    contents = {
        "good": "{}",
        "broken": "{",
        "odd.unreadable": "{}",
        "good.corrupt.2026-11-22T21:00:00+00:00": "{}",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert readable(tmp_path.iterdir()) == {tmp_path / "good": {}}


async def test_checks() -> None:
    async def check(error: str) -> str:
        if error:
            raise DemoError(error)
        return "none"

    assert await checked("secrets", check("")) == ("secrets", "none", True)
    assert await checked("secrets", check("A state tells one")) == (
        "secrets",
        "A state tells one",
        False,
    )


@pytest.mark.parametrize(
    ("complaint", "is_due"),
    [
        ("ERROR Error fetching bambu_lab_cloud printers data: HTTP 500", True),
        ("WARNING There is no live data, everything else goes on (a): b", True),
        ("ERROR Unexpected error fetching bambu_lab_cloud printers data", False),
        ("ERROR Error fetching bambu_lab_cloud printers data: b\nTraceback (most", False),
        (f"a DEBUG (b) Full error:\nTraceback\n{DOMAIN}.api.errors.ResponseError: c", True),
        (f"a DEBUG (b) Full error:\nTraceback\n{DOMAIN}.api.models.ValueError: c", False),
        ("WARNING What was stored of an account's history cannot be read", False),
    ],
)
def test_complaints(complaint: str, is_due: bool) -> None:  # noqa: FBT001
    assert is_of_outage(complaint) is is_due
