"""The pictures of prints: fetched once, kept, and never taken away by a failure."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from shutil import rmtree
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.image import async_get_image
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.file import write_utf8_file_atomic
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.pictures import SPARE, TRIES_PER_PICTURE
from simulator import Simulator, pictures, wire
from tests.api.pictures import jpeg, segment
from tests.conftest import Wait, reload, set_up

P1S = "01P00A000000002"
PREVIEW = "image.p1s_print_preview"
LAST = "image.p1s_last_print_preview"
MINUTE = timedelta(minutes=1)

type Picture = Callable[[str], Awaitable[bytes]]


def fetched(simulator: Simulator) -> int:
    return sum(r["path"].startswith("/covers/") for r in simulator.cloud.requests())


def kept(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    folder = Path(hass.config.cache_path(DOMAIN, entry.entry_id))
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def picture(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> Picture:
    """The picture of an entity, as a dashboard gets it."""

    async def picture(entity_id: str) -> bytes:
        client = await hass_client_no_auth()
        response = await client.get(hass.states.get(entity_id).attributes["entity_picture"])
        assert response.status == HTTPStatus.OK
        return await response.read()

    return picture


async def test_a_picture_is_fetched_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    picture: Picture,
) -> None:
    """Signatures rotate and expire; the picture and its time stay."""
    simulator.cloud.start(P1S, duration=4 * 3600)
    simulator.cloud.clear_requests()
    await wait(IDLE)
    await wait(MINUTE)
    assert fetched(simulator) == 1
    state = hass.states.get(PREVIEW).state
    content = await picture(PREVIEW)
    assert content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF"))
    await wait(40 * MINUTE)
    await wait(40 * MINUTE)
    assert fetched(simulator) == 1
    assert hass.states.get(PREVIEW).state == state
    assert await picture(PREVIEW) == content
    assert await picture(LAST) != content


async def test_the_last_picture_stays_until_a_print_ends(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, picture: Picture
) -> None:
    old = await picture(LAST)
    simulator.cloud.start(P1S, duration=1200)
    await wait(IDLE)
    await wait(MINUTE)
    running = await picture(PREVIEW)
    assert await picture(LAST) == old != running
    await wait(20 * MINUTE)
    await wait(MINUTE)
    assert await picture(LAST) == running == await picture(PREVIEW)


async def test_pictures_survive_a_restart(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    picture: Picture,
) -> None:
    content, state = await picture(LAST), hass.states.get(LAST).state
    await hass.config_entries.async_unload(entry.entry_id)
    simulator.cloud.clear_requests()
    freezer.tick(MINUTE)
    await set_up(hass, entry)
    assert hass.states.get(LAST).state == state
    assert await picture(LAST) == content
    assert fetched(simulator) == 0


@pytest.mark.parametrize("fault", ["forbidden", "html", "empty", "unauthorized"])
async def test_a_failing_cover_leaves_the_picture(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    picture: Picture,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """It stays as it was, is not asked for without end, and comes as soon as it can."""
    old, state = await picture(PREVIEW), hass.states.get(PREVIEW).state
    simulator.cloud.add_fault(fault, "/covers/")
    simulator.cloud.start(P1S, duration=2 * 3600)
    simulator.cloud.clear_requests()
    for _ in range(30):
        await wait(MINUTE)
    assert await picture(PREVIEW) == old
    assert hass.states.get(PREVIEW).state == state
    said = [r for r in caplog.records if "picture could" in r.message]
    assert len(said) == 1
    assert "X-Amz" not in caplog.text
    assert fetched(simulator) == TRIES_PER_PICTURE


@pytest.mark.parametrize("fault", ["server_error", "disconnect"])
async def test_a_cover_comes_as_soon_as_it_can(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    picture: Picture,
    fault: str,
) -> None:
    old = await picture(PREVIEW)
    simulator.cloud.clear_requests()
    simulator.cloud.add_fault(fault, "/covers/", times=2)
    simulator.cloud.start(P1S, duration=3600)
    for _ in range(15):
        await wait(MINUTE)
    assert await picture(PREVIEW) != old
    assert fetched(simulator) == 3


@pytest.mark.parametrize("fault", ["server_error", "disconnect", "forbidden"])
async def test_a_picture_that_fails_at_the_end_comes_while_nothing_else_happens(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    """No answer of an idle account differs from the one before."""
    before = hass.states.get(LAST).state
    simulator.cloud.add_fault(fault, "/covers/")
    simulator.cloud.start(P1S, duration=300)
    for _ in range(8):
        await wait(MINUTE)
    simulator.cloud.clear_faults()
    assert hass.states.get(LAST).state == before
    for _ in range(10):
        await wait(MINUTE)
    assert hass.states.get(LAST).state != before


async def test_outages_of_another_day_do_not_count(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """After each, the picture comes by itself."""
    for _ in range(3):
        before = hass.states.get(LAST).state
        simulator.cloud.add_fault("server_error", "/covers/")
        simulator.cloud.start(P1S, duration=300)
        for _ in range(18):
            await wait(MINUTE)
        simulator.cloud.clear_faults()
        assert hass.states.get(LAST).state == before
        for _ in range(10):
            await wait(MINUTE)
        assert hass.states.get(LAST).state != before


@pytest.mark.parametrize("fault", ["server_error", "forbidden"])
async def test_a_picture_that_never_comes_is_given_up(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait, fault: str
) -> None:
    simulator.cloud.add_fault(fault, "/covers/")
    simulator.cloud.start(P1S, duration=300)
    for _ in range(60):
        await wait(MINUTE)
    simulator.cloud.clear_requests()
    for _ in range(60):
        await wait(MINUTE)
    assert fetched(simulator) == 0


async def test_a_print_without_a_picture(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It leaves the picture as it was, and that is said once."""
    task = wire.task
    monkeypatch.setattr(wire, "task", lambda *args, **facts: task(*args, **facts) | {"cover": ""})
    before = hass.states.get(LAST).state
    simulator.cloud.start(P1S, duration=300)
    for _ in range(20):
        await wait(MINUTE)
    assert hass.states.get(LAST).state == before
    assert caplog.text.count("without a picture") == 1


async def test_a_print_from_an_sd_card(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """It shows no picture, rather than that of the print before."""
    before = [hass.states.get(key).state for key in (PREVIEW, LAST)]
    simulator.cloud.start(P1S, duration=300, task=False)
    await wait(IDLE)
    assert [hass.states.get(key).state for key in (PREVIEW, LAST)] == ["unknown", before[1]]
    assert "entity_picture" not in hass.states.get(PREVIEW).attributes
    for _ in range(5):
        await wait(IDLE)
    assert [hass.states.get(key).state for key in (PREVIEW, LAST)] == ["unknown"] * 2
    simulator.cloud.start(P1S, duration=300)
    for _ in range(8):
        await wait(MINUTE)
    assert min(hass.states.get(key).state for key in (PREVIEW, LAST)) > before[1]
    assert "entity_picture" in hass.states.get(PREVIEW).attributes


async def test_the_last_picture_carries_the_time_of_the_end(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """And that of the running print the time of its start."""
    simulator.cloud.start(P1S, duration=600)
    await wait(IDLE)
    await wait(MINUTE)
    assert hass.states.get(PREVIEW).state == "2026-11-20T12:00:00+00:00"
    for _ in range(10):
        await wait(MINUTE)
    assert hass.states.get(LAST).state >= "2026-11-20T12:10:00+00:00"


@pytest.mark.parametrize("kind", [0xFE, 0xDB, 0xE3])
async def test_every_picture_that_is_kept_is_shown(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
    kind: int,
) -> None:
    """JPEG begins in many ways, not all of which Home Assistant knows."""
    content = jpeg(before=segment(kind, bytes(range(256))))
    monkeypatch.setattr(pictures, "picture", lambda *_: content)
    simulator.cloud.start(P1S, duration=300)
    for _ in range(8):
        await wait(MINUTE)
    assert await picture(LAST) == content
    await reload(hass, entry)
    assert await picture(LAST) == content


async def test_an_address_that_comes_after_the_end(
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The picture is fetched all the same."""
    old = await picture(LAST)
    task = wire.task
    with monkeypatch.context() as patch:
        patch.setattr(wire, "task", lambda *args, **facts: task(*args, **facts) | {"cover": ""})
        simulator.cloud.start(P1S, duration=300)
        for _ in range(8):
            await wait(MINUTE)
        assert await picture(LAST) == old
    for _ in range(70):
        await wait(MINUTE)
    assert await picture(LAST) != old


@pytest.mark.parametrize(
    "spoil",
    [lambda folder: folder.write_text("no folder"), lambda folder: folder.symlink_to("/proc/1")],
    ids=["file", "somebody else's"],
)
async def test_a_cache_that_cannot_be_used(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], object],
) -> None:
    """An account without pictures is better than none."""
    await hass.config_entries.async_unload(entry.entry_id)
    folder = Path(hass.config.cache_path(DOMAIN))
    rmtree(folder)
    spoil(folder)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    simulator.cloud.start(P1S, duration=300)
    for _ in range(8):
        await wait(MINUTE)
    assert hass.states.get("event.p1s_print").attributes["event_type"] == "finished"
    assert "X-Amz" not in caplog.text


async def test_an_emptied_cache_is_filled_again(
    hass: HomeAssistant, entry: MockConfigEntry, picture: Picture
) -> None:
    content = await picture(PREVIEW)
    for name in kept(hass, entry):
        Path(hass.config.cache_path(DOMAIN, entry.entry_id, name)).unlink()
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, PREVIEW)
    await reload(hass, entry)
    assert await picture(PREVIEW) == content


async def test_few_pictures_are_kept(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    """Only those that some entity shows; none once the account is removed."""
    for _ in range(30):
        simulator.cloud.start(P1S, duration=60)
        await wait(IDLE)
        await wait(IDLE)
    assert len(kept(hass, entry)) == SPARE + 2 * 4
    await hass.config_entries.async_remove(entry.entry_id)
    assert not Path(hass.config.cache_path(DOMAIN, entry.entry_id)).exists()


async def test_a_full_disk_stops_no_announcement(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("custom_components.bambu_lab_cloud.pictures.write_utf8_file_atomic", full)
    simulator.cloud.start(P1S, duration=300)
    for _ in range(8):
        await wait(MINUTE)
    assert hass.states.get("event.p1s_print").attributes["event_type"] == "finished"


async def test_a_cache_folder_that_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, wait: Wait, picture: Picture
) -> None:
    rmtree(hass.config.cache_path(DOMAIN, entry.entry_id))
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    await wait(MINUTE)
    assert await picture(PREVIEW)


async def start_until(
    hass: HomeAssistant,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    writing: threading.Event,
) -> None:
    """Start a print, and wait until its picture is being written."""
    simulator.cloud.start(P1S, duration=3600)
    freezer.tick(IDLE)
    async_fire_time_changed(hass)
    assert await hass.async_add_executor_job(writing.wait, 10)


async def test_a_disk_that_is_full_while_the_entry_unloads(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody waits for the picture any more, and nothing is worth an error."""
    writing, is_unloading = threading.Event(), threading.Event()

    def write(*args: Any, **options: Any) -> None:
        writing.set()
        is_unloading.wait(10)
        raise OSError

    monkeypatch.setattr("custom_components.bambu_lab_cloud.pictures.write_utf8_file_atomic", write)
    entry.async_on_unload(is_unloading.set)
    await start_until(hass, simulator, freezer, writing)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_removal_waits_for_a_slow_disk(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Or the folder would go while a picture is written into it."""
    writing, is_removed = threading.Event(), threading.Event()

    def write(*args: Any, **options: Any) -> None:
        writing.set()
        is_removed.wait(0.3)
        write_utf8_file_atomic(*args, **options)

    def remove(*args: Any) -> None:
        rmtree(*args)
        is_removed.set()

    ours = "custom_components.bambu_lab_cloud.pictures"
    monkeypatch.setattr(f"{ours}.write_utf8_file_atomic", write)
    monkeypatch.setattr(f"{ours}.rmtree", remove)
    await start_until(hass, simulator, freezer, writing)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not Path(hass.config.cache_path(DOMAIN, entry.entry_id)).exists()
    assert "Saving file failed" not in caplog.text
