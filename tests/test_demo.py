"""Tests of the pure parts of scripts/demo."""

import json
from pathlib import Path
import socket

import pytest

from scripts.demo import free_port
from scripts.demo_checks import MAGIC, complaints, mentions, records, warnings
from scripts.demo_home import prepare

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


@pytest.mark.usefixtures("socket_enabled")
def test_busy_port_moves_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert free_port(port) > port
