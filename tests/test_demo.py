"""Tests of the pure parts of scripts/demo."""

from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
import json
from pathlib import Path
import socket
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from scripts import demo_checks
from scripts.demo import free_port, reset, say
from scripts.demo_checks import (
    MAGIC,
    check_log,
    complaints,
    contents,
    finder,
    impolite,
    mentions,
    records,
    says_itself,
    warnings,
)
from scripts.demo_home import DemoError, Home, prepare, time_zone
from scripts.demo_prints import disagreements, ended_after

OURS = "[custom_components.bambu_lab_cloud.coordinator]"
QUIET = f"""\
2026-11-22 21:09:59.375+00:00 WARNING (MainThread) [homeassistant.bootstrap] Skipping pip
2026-11-22 21:09:59.538+00:00 WARNING (SyncWorker_0) [homeassistant.loader] We found a custom \
integration bambu_lab_cloud which has not been tested by Home Assistant. This might be a problem
2026-11-22 21:09:59.740+00:00 ERROR (MainThread) [haffmpeg.core] FFmpeg fails
Traceback (most recent call last):
FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'
2026-11-22 21:10:01.009+00:00 DEBUG (MainThread) {OURS} Finished fetching
"""
SINCE = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


def task(number: int, minutes: float, *, status: int = 2, printer: str = "a") -> dict[str, Any]:
    """Return a task that ended some minutes after the account was added."""
    ended = SINCE + timedelta(minutes=minutes)
    return {"id": number, "status": status, "deviceId": printer, "endTime": ended.isoformat()}


def report(number: int | None, minutes: float, event_type: str = "finished") -> dict[str, Any]:
    """Return what the automation reports of a task, some minutes after the account was added."""
    return {
        "task_id": None if number is None else str(number),
        "event_type": event_type,
        "at": (SINCE + timedelta(minutes=minutes)).isoformat(),
    }


TASKS = [
    task(1, -5),
    task(2, 0),
    task(3, 5, status=3),
    task(4, 6, printer="b"),
    task(5, 10),
]
# The one that ended as the account was added may be missing.
REPORTS = [
    report(3, 1, "started"),
    report(4, 6.5),
    report(3, 7, "failed"),
    report(None, 8, "started"),
    report(None, 9),
    report(5, 11),
]


def test_records() -> None:
    assert [level for level, _ in records(QUIET)] == ["WARNING", "WARNING", "ERROR", "DEBUG"]
    assert next(records("stray\n" + QUIET)) == ("ERROR", "stray")
    assert list(records("")) == []


def test_quiet_log() -> None:
    assert len(warnings(QUIET)) == 3
    assert complaints(QUIET) == []


@pytest.mark.parametrize(
    "line",
    [
        f"2026-11-22 21:10:02.009+00:00 WARNING (MainThread) {OURS} Something",
        "2026-11-22 21:10:02.009+00:00 ERROR (MainThread) [homeassistant.setup] bambu_lab_cloud",
        "2026-11-22 21:10:02.009+00:00 INFO (MainThread) [asyncio] Traceback\n bambu_lab_cloud/a",
    ],
)
def test_complaint(line: str) -> None:
    assert complaints(QUIET + line) == [line]


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ("database at //home/me/bambu_lab_cloud/.demo/check/home-assistant_v2.db", 0),
        ("/home/me/bambu_lab_cloud/custom_components/bambu_lab_cloud/event.py", 1),
    ],
)
def test_checkout_named_like_us(monkeypatch: pytest.MonkeyPatch, record: str, found: int) -> None:
    monkeypatch.setattr(demo_checks, "ROOT", Path("/home/me/bambu_lab_cloud"))
    line = "2026-11-22 21:10:02.009+00:00 WARNING (Recorder) [homeassistant.components.recorder] "
    assert len(complaints(QUIET + line + record)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"code": "12345678"}', True),
        (b"12345678\n", True),
        (b"at 1764112345678.25", False),
        (b"912345678", False),
        (b"0.12345678", False),
        (b"rtsps://10.0.0.7:322", True),
        (b"10.0.0.71", False),
    ],
)
def test_secrets_of_printers(text: bytes, *, found: bool) -> None:
    assert bool(finder(["12345678", "10.0.0.7"]).search(text)) is found


def test_all_files_are_read(tmp_path: Path) -> None:
    (tmp_path / ".storage").mkdir()
    (tmp_path / ".storage/one").write_bytes(b"\xff")
    (tmp_path / "two").write_bytes(b"2")
    assert contents(tmp_path) == {".storage/one": b"\xff", "two": b"2"}


@pytest.mark.parametrize(
    ("key", "own"),
    [
        ("1_00M1_status", False),
        ("1_00M1_last_print_title", False),
        ("1_live_data", False),
        ("1_AMS1_firmware", False),
        ("1_00M1_ams_0_firmware", False),
        ("1_00M1_stage", True),
        ("1_00M1_bed_temperature", True),
        ("1_AMS1_tray_1", True),
    ],
)
def test_entities_of_what_printers_say_themselves(key: str, *, own: bool) -> None:
    assert says_itself({"unique_id": key}, "1") is own


def noted(*entries: str) -> list[dict[str, Any]]:
    """Return a broker's log of two accounts, in which each word is what somebody did."""
    accounts = {"a": "demo", "b": "farm"}
    return [
        {"at": "now", "what": what, "account": accounts[who], "dev_id": "00M1"}
        for who, _, what in (entry.partition(" ") for entry in entries)
    ]


@pytest.mark.parametrize(
    ("log", "wrong"),
    [
        (["a connect", "b connect", "a pushall", "b disconnect", "a disconnect"], []),
        (["a connect", "a pushall", "a pushall", "a disconnect"], []),
        (["a refused", "a connect", "a disconnect"], []),
        (
            ["a connect", "a connect", "a disconnect", "a disconnect"],
            ["demo has 2 sessions at now"],
        ),
        (["a connect"], ["demo has a session yet"]),
        (
            ["a connect", *["a get_version"] * 3, "a disconnect"],
            ["00M1 was asked for get_version 3 times in 1 sessions"],
        ),
    ],
)
def test_how_the_broker_is_treated(log: list[str], wrong: list[str]) -> None:
    assert impolite(noted(*log)) == wrong


class Simulated:
    """A home of which nobody knows a secret."""

    secrets: frozenset[str] = frozenset()

    def cloud_token(self) -> str:
        return "a token"

    async def simulated(self, _path: str) -> dict[str, list[Any]]:
        return {"accounts": [], "printers": []}


LOST = f"2026-11-22 21:10:02.009+00:00 WARNING (MainThread) {OURS} There is no live data\n"


async def test_what_may_be_said_once() -> None:
    assert await check_log(Simulated(), QUIET + LOST, ["no live data"])  # type: ignore[arg-type]
    with pytest.raises(DemoError, match="logged"):
        await check_log(Simulated(), QUIET + LOST)  # type: ignore[arg-type]
    with pytest.raises(DemoError, match="logged"):
        await check_log(
            Simulated(), QUIET + LOST + LOST.replace("02.009", "02.010"), ["no live data"]
        )  # type: ignore[arg-type]
    with pytest.raises(DemoError, match="did not log: no live data"):
        await check_log(Simulated(), QUIET, ["no live data"])  # type: ignore[arg-type]


def test_mentions() -> None:
    assert mentions(QUIET, ["absent"]) == []
    assert len(mentions(QUIET, ["absent", "FFmpeg"])) == 1


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\n\0\0\0WEBP"]
)
def test_picture(content: bytes) -> None:
    assert MAGIC.match(content)


def test_prepare_keeps_what_is_stored(tmp_path: Path) -> None:
    components = tmp_path / "custom_components"
    components.mkdir()
    folder = tmp_path / "demo"
    prepare(folder, components, 8123)
    onboarding = folder / ".storage/onboarding"
    onboarding.write_text("kept")
    prepare(folder, components, 8124)
    assert onboarding.read_text() == "kept"
    stored = json.loads((folder / ".storage/http").read_text())["data"]["stable"]
    assert (stored["server_host"], stored["server_port"]) == (["127.0.0.1"], 8124)
    assert (folder / "custom_components").readlink() == Path("../custom_components")


BERLIN = "/usr/share/zoneinfo/Europe/Berlin"


@pytest.mark.parametrize(
    ("variable", "link", "file", "zone"),
    [
        ("Europe/Berlin", ["/usr/share/zoneinfo/Asia/Tokyo"], ["Asia/Tokyo"], "Europe/Berlin"),
        (f":{BERLIN}", ["/usr/share/zoneinfo/Asia/Tokyo"], [], "Europe/Berlin"),
        (":Europe/Berlin", [], [], "Europe/Berlin"),
        ("", [BERLIN], ["Asia/Tokyo"], "Europe/Berlin"),
        ("", ["/var/db/timezone/zoneinfo/Europe/Berlin"], [], "Europe/Berlin"),
        ("", ["../usr/share/zoneinfo/America/Argentina/Salta"], [], "America/Argentina/Salta"),
        ("", [], ["Europe/Berlin\n"], "Europe/Berlin"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", [BERLIN], [], "Europe/Berlin"),
        (":/etc/localtime", [BERLIN], [], "Europe/Berlin"),
        ("Europe", [], ["Europe/Berlin"], "Europe/Berlin"),
        ("nowhere", ["/etc/nowhere"], ["\0"], "UTC"),
        ("../../etc/passwd", ["/etc/passwd"], ["two\nlines"], "UTC"),
        ("", [], [], "UTC"),
    ],
)
def test_time_zone_of_the_machine(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    link: list[str],
    file: list[str],
    zone: str,
) -> None:
    monkeypatch.setenv("TZ", variable)
    etc = tmp_path / "etc"
    etc.mkdir()
    for target in link:
        (etc / "localtime").symlink_to(target)
    for text in file:
        (etc / "timezone").write_text(text)
    assert time_zone(tmp_path) == zone


def test_home_assistant_has_the_time_zone_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    components = tmp_path / "custom_components"
    components.mkdir()
    prepare(tmp_path / "demo", components, 8123, "more: {{}}\n")
    lines = (tmp_path / "demo/configuration.yaml").read_text().splitlines()
    assert "  time_zone: Asia/Tokyo" in lines
    assert lines[-1] == "more: {{}}"


def test_terminal_with_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, "latin-1"))
    say("é 层高")
    assert written.getvalue() == "é ??\n".encode("latin-1")


async def test_simulator_is_told_of_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    home, told = Home(Mock(), "", "", Path()), AsyncMock()
    monkeypatch.setattr(home, "_simulator", told)
    await home.simulate("faults", fault="html", path="/v1")
    told.assert_awaited_once_with(
        "POST", "/simulator/faults", json={"fault": "html", "path": "/v1"}
    )


def test_reset_leaves_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.demo.FOLDER", tmp_path)
    others = {"check", "check_live", "kills", "screenshots"}
    for name in (".storage", *others):
        (tmp_path / name).mkdir()
    (tmp_path / "hass.log").touch()
    reset()
    assert {item.name for item in tmp_path.iterdir()} == others


@pytest.mark.usefixtures("socket_enabled")
def test_busy_port_moves_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert free_port(port) > port


@pytest.mark.usefixtures("socket_enabled")
def test_a_port_is_promised_once() -> None:
    port = free_port(20_000)
    assert free_port(port) > port


def test_each_print_is_announced_once() -> None:
    assert ended_after(TASKS, SINCE) == {"3", "4", "5"}
    assert disagreements(REPORTS, TASKS, SINCE) == []
    assert disagreements([report(2, 1), *REPORTS], TASKS, SINCE) == []


@pytest.mark.parametrize(
    ("reports", "wrong"),
    [
        ([*REPORTS, report(5, 12)], ["5 was announced 2 times"]),
        ([*REPORTS, report(3, 12, "started")], ["3 started 2 times"]),
        (REPORTS[:-1], ["5 was not announced"]),
        ([*REPORTS, report(6, 12)], ["6 was announced and has not ended"]),
        ([report(1, 1), *REPORTS], ["1 was announced and had ended before"]),
        ([*REPORTS[:-1], report(5, 9)], ["5 was announced before it ended"]),
        ([*REPORTS[:-1], report(5, 11, "failed")], ["5 was announced as failed"]),
        (
            [REPORTS[1], report(5, 11), report(3, 12, "failed")],
            ["5, 3 were announced out of order"],
        ),
    ],
)
def test_print_that_is_not_announced_once(reports: list[dict[str, Any]], wrong: list[str]) -> None:
    assert disagreements(reports, TASKS, SINCE) == wrong
