"""Past prints in the media panel: what it lists, and pictures that come when they are looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
import json
import logging
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.media_player import BrowseError
from homeassistant.components.media_source import async_browse_media
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.bambu_lab_cloud import album
from custom_components.bambu_lab_cloud.album import AFTER_FAILURE, BETWEEN_PAGES, LIFE_OF_ADDRESS
from custom_components.bambu_lab_cloud.api import BambuCloud
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.history import BEFORE_FIRST_PAGE
from simulator import Simulator, pictures, wire
from simulator.cloud import Job

from .conftest import Wait, reload, set_up, settle, sign_in, sign_in_demo

ROOT = f"media-source://{DOMAIN}"
SECOND = timedelta(seconds=1)

type Browse = Callable[[str], Awaitable[dict[str, Any]]]
type Get = Callable[[str], Awaitable[ClientResponse]]


@pytest.fixture
def past() -> int:
    return 12


@pytest.fixture(autouse=True)
async def account(
    hass: HomeAssistant, simulator: Simulator, wait: Wait, caplog: pytest.LogCaptureFixture
) -> MockConfigEntry:
    """The account with one printer, whose history has been read."""
    caplog.set_level(logging.DEBUG)
    await hass.config.async_set_time_zone("UTC")
    for component in ("media_source", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    result = await sign_in(hass, "one")
    await settle(hass)
    for _ in range(8):
        await wait(BEFORE_FIRST_PAGE + SECOND)
    # Home Assistant loads the platform with this, and no test client takes a view after it started.
    await async_browse_media(hass, ROOT)
    simulator.cloud.clear_requests()
    return result["result"]


@pytest.fixture
async def ask(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, hass_admin_user: MockUser
) -> Callable[[str, str], Awaitable[dict[str, Any]]]:
    """The answer of a command of the panel."""
    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, "https://example.com/app")
    socket = await hass_ws_client(hass, hass.auth.async_create_access_token(refresh))

    async def ask(command: str, content_id: str) -> dict[str, Any]:
        kind = f"media_source/{command}_media"
        await socket.send_json_auto_id({"type": kind, "media_content_id": content_id})
        answer: dict[str, Any] = await socket.receive_json()
        return answer

    return ask


@pytest.fixture
def browse(ask: Callable[[str, str], Awaitable[dict[str, Any]]]) -> Browse:
    """What the panel shows of a place."""

    async def browse(content_id: str) -> dict[str, Any]:
        answer = await ask("browse", content_id)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    return browse


@pytest.fixture
async def get(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, hass_admin_user: MockUser
) -> Get:
    """A request of somebody who is signed in, however much time has passed."""
    client = await hass_client_no_auth()
    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, "https://example.com/two")

    async def get(path: str) -> ClientResponse:
        token = hass.auth.async_create_access_token(refresh)
        return await client.get(path, headers={"Authorization": f"Bearer {token}"})

    return get


def asked(simulator: Simulator, path: str) -> int:
    return sum(request["path"].startswith(path) for request in simulator.cloud.requests())


def lists(simulator: Simulator) -> int:
    return asked(simulator, "/v1/user-service/my/tasks")


def covers(simulator: Simulator) -> int:
    return asked(simulator, "/covers/")


def all_jobs(simulator: Simulator, name: str = "one") -> list[Job]:
    """The prints of an account, the newest first."""
    account = simulator.cloud.accounts.find(name)
    return [job for job, _ in simulator.cloud.tasks(account, dt_util.utcnow())]


def jobs(simulator: Simulator) -> list[Job]:
    """Those of them that have a picture."""
    return [job for job in all_jobs(simulator) if job.has_cover]


async def turn() -> None:
    """Let everything come as far as it can while no time passes."""
    for _ in range(300):
        await asyncio.sleep(0)


def drawn(simulator: Simulator, job: Job, content_type: str) -> bytes:
    """What the simulator draws of a print."""
    printer = simulator.cloud.printers_of(simulator.cloud.accounts.find("one"))[0]
    path = wire.cover_path(job, simulator.cloud.look(job, printer))
    return pictures.picture(path, content_type.removeprefix("image/").upper())


def url(entry: MockConfigEntry, job: Job) -> str:
    return f"/api/{DOMAIN}/pictures/{entry.entry_id}/{job.id}"


def album_of(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    folder = Path(hass.config.cache_path(DOMAIN, entry.entry_id, "album"))
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


async def first_month(browse: Browse) -> dict[str, Any]:
    """The newest month of the only printer."""
    (printer,) = (await browse(ROOT))["children"]
    return await browse(
        (await browse(printer["media_content_id"]))["children"][0]["media_content_id"]
    )


@pytest.mark.parametrize("era", ["2022", "2026"])
@pytest.mark.parametrize("past", [60])
async def test_the_tree(simulator: Simulator, browse: Browse, account: MockConfigEntry) -> None:
    """It has every print once, newest first, and is read from what is at home alone."""
    root = await browse(ROOT)
    (printer,) = root["children"]
    assert (root["title"], printer["title"]) == ("Bambu Lab Cloud", "My P1S")
    months = (await browse(printer["media_content_id"]))["children"]
    assert len(months) > 1
    assert [month["title"] for month in months] == sorted(
        (month["title"] for month in months), reverse=True
    )
    found: list[dict[str, Any]] = []
    for month in months:
        prints = (await browse(month["media_content_id"]))["children"]
        name, count = month["title"].split(" ")
        assert count == f"({len(prints)})"
        assert all(f" · {name}-" in each["title"] for each in prints)
        found += prints
    ended = {str(job.id): job for job in all_jobs(simulator)}
    ids = [each["media_content_id"].rpartition("/")[2] for each in found]
    assert sorted(ids) == sorted(ended)
    assert ids == sorted(ids, key=int, reverse=True)
    signs = {each["title"].startswith("✗ ") for each in found}
    assert signs == {True, False}
    assert all(
        each["title"].startswith("✗ ") == (ended[task_id].result == 3)
        for task_id, each in zip(ids, found, strict=True)
    )
    assert simulator.cloud.requests() == []
    (device,) = simulator.cloud.printers_of(simulator.cloud.accounts.find("one"))
    assert device.dev_id not in json.dumps([root, months, found])


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_a_picture(
    simulator: Simulator,
    browse: Browse,
    get: Get,
    ask: Callable[[str, str], Awaitable[dict[str, Any]]],
) -> None:
    """Each is the one of its print, in the list as well as when it is opened."""
    tiles = (await first_month(browse))["children"]
    by_id = {str(job.id): job for job in jobs(simulator)}
    kinds = set()
    for tile in tiles:
        answer = await ask("resolve", tile["media_content_id"])
        media = answer["result"]
        job = by_id[tile["media_content_id"].rpartition("/")[2]]
        response = await get(media["url"])
        assert response.status == HTTPStatus.OK
        assert response.content_type == media["mime_type"]
        assert response.headers["Cache-Control"].startswith("private")
        content = await response.read()
        assert content == drawn(simulator, job, media["mime_type"])
        assert await (await get(tile["thumbnail"])).read() == content
        kinds.add(media["mime_type"])
    assert len(kinds) > 1


@pytest.mark.parametrize("past", [60])
async def test_many_at_once_are_no_burst(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One question tells where they all are, and they come one at a time, each once."""
    download, running, most = BambuCloud.download_image, 0, 0

    async def counted(*args: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await download(*args)
        finally:
            running -= 1

    monkeypatch.setattr(BambuCloud, "download_image", counted)
    wanted = jobs(simulator)[5:35]
    for _ in range(2):
        paths = [url(account, job) for job in (*wanted, *wanted[:5])]
        answers = await asyncio.gather(*(get(path) for path in paths))
        assert {answer.status for answer in answers} == {HTTPStatus.OK}
        assert (lists(simulator), covers(simulator), most) == (1, 30, 1)
    assert album_of(hass, account) == {str(job.id) for job in wanted}


async def test_pictures_survive_a_restart(
    simulator: Simulator, hass: HomeAssistant, account: MockConfigEntry, get: Get, browse: Browse
) -> None:
    """And then show without the cloud; a folder shows one of those that are at home."""
    old = jobs(simulator)[8]
    content = await (await get(url(account, old))).read()
    await reload(hass, account)
    simulator.cloud.clear_requests()
    simulator.cloud.add_fault("server_error")
    assert await (await get(url(account, old))).read() == content
    assert (lists(simulator), covers(simulator)) == (0, 0)
    (printer,) = (await browse(ROOT))["children"]
    # That one is shown by an entity.
    assert printer["thumbnail"] == url(account, jobs(simulator)[0])
    assert (await get(printer["thumbnail"])).status == HTTPStatus.OK
    assert (await get(url(account, jobs(simulator)[9]))).status == HTTPStatus.NOT_FOUND


async def test_who_is_not_signed_in_gets_nothing(
    simulator: Simulator, account: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    response = await client.get(url(account, jobs(simulator)[0]))
    assert response.status == HTTPStatus.UNAUTHORIZED
    assert (lists(simulator), covers(simulator)) == (0, 0)


@pytest.mark.parametrize(
    "path",
    [
        "{entry}/1",
        "{entry}/..",
        "{entry}/..%2F..%2F.storage%2Fauth",
        "{entry}/album",
        "{entry}/%2Fetc%2Fpasswd",
        "{entry}/{others}",
        "nobody/{mine}",
        "../{mine}",
        "{foreign}/{mine}",
        "{unloaded}/{mine}",
    ],
)
async def test_nothing_else_is_served(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    path: str,
) -> None:
    """Neither the print of another account nor a file."""
    await sign_in(hass, "demo2")
    foreign = MockConfigEntry(domain="other")
    unloaded = MockConfigEntry(domain=DOMAIN, unique_id="1")
    foreign.add_to_hass(hass)
    unloaded.add_to_hass(hass)
    foreign.mock_state(hass, ConfigEntryState.LOADED)
    other = all_jobs(simulator, "demo")[0]
    ids = {"mine": jobs(simulator)[0].id, "others": other.id, "entry": account.entry_id}
    ids |= {"foreign": foreign.entry_id, "unloaded": unloaded.entry_id}
    response = await get(f"/api/{DOMAIN}/pictures/{path.format(**ids)}")
    # Home Assistant itself refuses what looks like a way out.
    assert response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)
    assert covers(simulator) == 0


@pytest.mark.parametrize("fault", ["server_error", "unauthorized", "rate_limited"])
async def test_a_list_that_does_not_come(
    *,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """The panel shows a placeholder, and asks again only after a while."""
    simulator.cloud.add_fault(fault, "/v1/user-service/my/tasks")
    for job in jobs(simulator)[4:]:
        response = await get(url(account, job))
        assert response.status == HTTPStatus.NOT_FOUND
        assert response.content_type == "image/svg+xml"
        assert response.headers["Cache-Control"] == "no-store"
    assert (lists(simulator), covers(simulator)) == (1, 0)
    simulator.cloud.clear_faults()
    await wait(timedelta(seconds=AFTER_FAILURE + 1))
    assert (await get(url(account, jobs(simulator)[4]))).status == HTTPStatus.OK
    assert "X-Amz" not in caplog.text


@pytest.mark.parametrize(("fault", "tries"), [("server_error", 1), ("forbidden", 5), ("html", 5)])
async def test_pictures_that_do_not_come(
    *,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    tries: int,
) -> None:
    """A host that does not answer is left alone; a picture that is refused is asked for once."""
    simulator.cloud.add_fault(fault, "/covers/")
    for job in jobs(simulator)[4:9] * 2:
        assert (await get(url(account, job))).status == HTTPStatus.NOT_FOUND
    assert covers(simulator) == tries
    simulator.cloud.clear_faults()
    await wait(timedelta(seconds=LIFE_OF_ADDRESS + 1))
    assert (await get(url(account, jobs(simulator)[4]))).status == HTTPStatus.OK
    assert "X-Amz" not in caplog.text


async def test_a_print_without_a_picture(
    *,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    ask: Callable[[str, str], Awaitable[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = wire.task
    monkeypatch.setattr(wire, "task", lambda *args, **facts: task(*args, **facts) | {"cover": ""})
    job = jobs(simulator)[6]
    for _ in range(3):
        assert (await get(url(account, job))).status == HTTPStatus.NOT_FOUND
        answer = await ask("resolve", f"{ROOT}/{account.entry_id}/{job.id}")
        assert answer["error"]["code"] == "resolve_media_failed"
        assert "picture of this print is not available" in answer["error"]["message"]
    assert (lists(simulator), covers(simulator)) == (1, 0)


async def test_addresses_expire(
    simulator: Simulator, account: MockConfigEntry, get: Get, wait: Wait
) -> None:
    """Then they are asked for anew, which takes nothing from a picture that is at home."""
    first, second, *_ = jobs(simulator)[6:]
    assert (await get(url(account, first))).status == HTTPStatus.OK
    await wait(timedelta(hours=1))
    simulator.cloud.clear_requests()
    assert (await get(url(account, first))).status == HTTPStatus.OK
    assert (lists(simulator), covers(simulator)) == (0, 0)
    assert (await get(url(account, second))).status == HTTPStatus.OK
    assert (lists(simulator), covers(simulator)) == (1, 1)


@pytest.mark.parametrize("past", [250])
async def test_pages_come_one_after_the_other(
    *,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Who looks at a print of years ago asks for its page alone, and some time after the last."""
    old, older = jobs(simulator)[100], jobs(simulator)[-1]
    assert (await get(url(account, old))).status == HTTPStatus.OK
    assert (lists(simulator), covers(simulator)) == (1, 1)
    response = asyncio.create_task(get(url(account, older)))
    await turn()
    assert (lists(simulator), response.done()) == (1, False)
    freezer.tick(BETWEEN_PAGES + 1)
    async_fire_time_changed(hass)
    assert (await response).status == HTTPStatus.OK
    assert (lists(simulator), covers(simulator)) == (2, 2)


@pytest.mark.parametrize("past", [250])
@pytest.mark.parametrize(("gone", "pages"), [(slice(30, 150), 3), (slice(0, 3), 1)])
async def test_prints_that_were_deleted_from_the_list(
    *,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    gone: slice,
    pages: int,
) -> None:
    """Those below have moved up; they themselves have no picture any more."""
    (printer,) = simulator.cloud.printers_of(simulator.cloud.accounts.find("one"))
    wanted, deleted = jobs(simulator)[-20], all_jobs(simulator)[gone]
    ids = {job.id for job in deleted}
    printer.jobs[:] = [job for job in printer.jobs if job.id not in ids]
    for job, status in ((wanted, HTTPStatus.OK), (deleted[2], HTTPStatus.NOT_FOUND)):
        simulator.cloud.clear_requests()
        response = asyncio.create_task(get(url(account, job)))
        for _ in range(5):
            await turn()
            freezer.tick(BETWEEN_PAGES + 1)
            async_fire_time_changed(hass)
        assert (await response).status == status
        assert lists(simulator) <= pages


async def test_the_album_is_bounded(
    hass: HomeAssistant,
    simulator: Simulator,
    account: MockConfigEntry,
    get: Get,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those go that nobody has looked at for longest, and never what an entity shows."""
    folder = Path(hass.config.cache_path(DOMAIN, account.entry_id))
    shown = {path.name for path in folder.iterdir()}
    first, second, third, fourth = jobs(simulator)[4:8]
    size = 0
    for job in (first, second, third):
        size += len(await (await get(url(account, job))).read())
    monkeypatch.setattr(album, "LARGEST_ALBUM", size)
    await get(url(account, first))
    await get(url(account, fourth))
    kept = album_of(hass, account)
    assert kept >= {str(first.id), str(fourth.id)}
    assert str(second.id) not in kept
    assert sum(path.stat().st_size for path in (folder / "album").iterdir()) <= size
    monkeypatch.setattr(album, "LARGEST_ALBUM", 1)
    await get(url(account, second))
    assert album_of(hass, account) == {str(second.id)}
    assert {path.name for path in folder.iterdir()} == {*shown, "album"}
    await hass.config_entries.async_remove(account.entry_id)
    assert not folder.exists()


async def test_an_emptied_album_is_filled_again(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, get: Get
) -> None:
    job = jobs(simulator)[6]
    content = await (await get(url(account, job))).read()
    path = Path(hass.config.cache_path(DOMAIN, account.entry_id, "album", str(job.id)))
    path.unlink()
    assert await (await get(url(account, job))).read() == content
    path.write_text("no picture")
    assert await (await get(url(account, job))).read() == content


async def test_a_full_disk(
    simulator: Simulator, account: MockConfigEntry, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no reason to download the same picture again and again."""

    def full(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("custom_components.bambu_lab_cloud.pictures.write_utf8_file_atomic", full)
    for _ in range(3):
        response = await get(url(account, jobs(simulator)[6]))
        assert response.status == HTTPStatus.NOT_FOUND
    assert covers(simulator) == 1


@pytest.mark.parametrize("past", [250])
async def test_who_waits_while_the_account_unloads(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, get: Get
) -> None:
    await get(url(account, jobs(simulator)[100]))
    response = asyncio.create_task(get(url(account, jobs(simulator)[-1])))
    await turn()
    await hass.config_entries.async_unload(account.entry_id)
    assert (await response).status == HTTPStatus.NOT_FOUND
    await set_up(hass, account)
    assert (await get(url(account, jobs(simulator)[-1]))).status == HTTPStatus.OK


async def test_several_accounts(
    hass: HomeAssistant, simulator: Simulator, account: MockConfigEntry, browse: Browse
) -> None:
    """Each has a folder of its own."""
    await sign_in_demo(hass, simulator)
    await settle(hass)
    accounts = (await browse(ROOT))["children"]
    assert [each["media_content_id"] for each in accounts] == [
        f"{ROOT}/{entry.entry_id}" for entry in hass.config_entries.async_entries(DOMAIN)
    ]
    (printer,) = (await browse(accounts[0]["media_content_id"]))["children"]
    assert printer["title"] == "My P1S"


async def test_the_owners_name_of_a_printer(
    hass: HomeAssistant, account: MockConfigEntry, browse: Browse
) -> None:
    registry = dr.async_get(hass)
    (printer,) = (await browse(ROOT))["children"]
    device_id = printer["media_content_id"].rpartition("/")[2]
    registry.async_update_device(device_id, name_by_user="Attic")
    (printer,) = (await browse(ROOT))["children"]
    assert printer["title"] == "Attic"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("nobody", "not loaded"),
        ("{entry}/nothing", "not in the print history"),
        ("{entry}/{device}/2001-01", "not in the print history"),
        ("{entry}/{device}/../..", "not in the print history"),
        ("{entry}/{device}/2001-01/1", "not in the print history"),
    ],
)
async def test_places_that_are_not_there(
    *,
    account: MockConfigEntry,
    browse: Browse,
    ask: Callable[[str, str], Awaitable[dict[str, Any]]],
    place: str,
    text: str,
) -> None:
    (printer,) = (await browse(ROOT))["children"]
    device_id = printer["media_content_id"].rpartition("/")[2]
    content_id = f"{ROOT}/{place.format(entry=account.entry_id, device=device_id)}"
    for command in ("browse", "resolve"):
        answer = await ask(command, content_id)
        assert answer["error"]["code"] == f"{command}_media_failed"
        assert text in answer["error"]["message"]


async def test_an_account_that_is_not_loaded(
    hass: HomeAssistant,
    account: MockConfigEntry,
    ask: Callable[[str, str], Awaitable[dict[str, Any]]],
) -> None:
    await hass.config_entries.async_unload(account.entry_id)
    for place in (ROOT, f"{ROOT}/{account.entry_id}"):
        answer = await ask("browse", place)
        assert "not loaded" in answer["error"]["message"]


async def test_an_account_that_is_unloaded_meanwhile(
    hass: HomeAssistant, account: MockConfigEntry, browse: Browse
) -> None:
    """While its prints are looked through."""
    (printer,) = (await browse(ROOT))["children"]
    for place in (ROOT, printer["media_content_id"]):
        browsing = asyncio.create_task(async_browse_media(hass, place))
        await asyncio.sleep(0)
        await hass.config_entries.async_unload(account.entry_id)
        with pytest.raises(BrowseError) as error:
            await browsing
        assert error.value.translation_key == "no_loaded_account"
        await set_up(hass, account)


@pytest.mark.parametrize("past", [0])
async def test_a_printer_that_has_printed_nothing(browse: Browse) -> None:
    (printer,) = (await browse(ROOT))["children"]
    assert (await browse(printer["media_content_id"]))["children"] == []


@pytest.mark.parametrize("past", [250])
async def test_a_history_that_is_being_read(
    hass: HomeAssistant,
    simulator: Simulator,
    account: MockConfigEntry,
    browse: Browse,
    ask: Callable[[str, str], Awaitable[dict[str, Any]]],
) -> None:
    """What is known shows with a sign that there is more, and nothing says so as well."""
    await hass.config_entries.async_remove(account.entry_id)
    await sign_in(hass, "one")
    await settle(hass)
    (printer,) = (await browse(ROOT))["children"]
    assert printer["title"] == "My P1S …"
    assert (await browse(printer["media_content_id"]))["children"]
    await hass.config_entries.async_remove(hass.config_entries.async_entries(DOMAIN)[0].entry_id)
    simulator.cloud.add_fault("server_error", "/v1/user-service/my/tasks")
    await sign_in(hass, "one")
    await settle(hass)
    (printer,) = (await browse(ROOT))["children"]
    answer = await ask("browse", printer["media_content_id"])
    assert "first time" in answer["error"]["message"]
