"""What each method asks, and what it makes of the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest

from custom_components.bambu_lab_cloud.api import (
    AmsVersion,
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    BambuLogin,
    CameraCredentials,
    CannotConnectError,
    Context,
    Device,
    DeviceVersion,
    Firmware,
    Message,
    MessageCount,
    Notification,
    Plate,
    Preference,
    PrintStatus,
    Profile,
    Project,
    RateLimitedError,
    Region,
    Resource,
    ResponseError,
    SlicerResources,
    SlicerSetting,
    SlicerSettingGroup,
    SlicerSettings,
    Spool,
    Task,
    TaskDetail,
    TaskPage,
    Ticket,
    Token,
    client,
)

from .conftest import TOKEN, USER_AGENT, Stub, json_reply, raw
from .pictures import jpeg
from .test_secrets import CALLS

SERIAL = "00M00A000000001"
IOT = "/v1/iot-service/api"
USER = "/v1/user-service"
PLATES = {"context": {"plates": [{"index": 1, "prediction": 60}]}}
PLATE = Context(plates=(Plate(index=1, prediction=60.0),))

type Call = Callable[[BambuCloud], Awaitable[Any]]


def _case(name: str, call: Call, path: str, answer: Any, result: Any) -> Any:
    return pytest.param(call, path, answer, result, id=name)


@pytest.mark.parametrize(
    ("call", "path", "answer", "result"),
    [
        _case(
            "get_preference",
            lambda cloud: cloud.get_preference(),
            "/v1/design-user-service/my/preference",
            {"uid": 1000000001, "name": "Maker"},
            Preference("1000000001", "Maker"),
        ),
        _case(
            "get_devices",
            lambda cloud: cloud.get_devices(),
            f"{IOT}/user/bind",
            {"message": "success", "code": None, "devices": [{"dev_id": SERIAL}]},
            [Device(SERIAL)],
        ),
        _case(
            "get_print_status",
            lambda cloud: cloud.get_print_status(),
            f"{IOT}/user/print",
            {"code": 0, "devices": [{"dev_id": SERIAL, "dev_online": True}]},
            [PrintStatus(SERIAL, online=True)],
        ),
        _case(
            "get_print_status by force",
            lambda cloud: cloud.get_print_status(force=True),
            f"{IOT}/user/print?force=true",
            {"devices": None},
            [],
        ),
        _case(
            "get_tasks",
            lambda cloud: cloud.get_tasks(),
            f"{USER}/my/tasks?limit=20&offset=0",
            {"total": 1, "hits": [{"id": 1}]},
            TaskPage(1, (Task("1"),)),
        ),
        _case(
            "get_tasks of a printer",
            lambda cloud: cloud.get_tasks(
                device_id=SERIAL, limit=100, offset=200, after="5", status=2
            ),
            f"{USER}/my/tasks?deviceId={SERIAL}&limit=100&offset=200&after=5&status=2",
            {"hits": None},
            TaskPage(),
        ),
        _case(
            "get_task",
            lambda cloud: cloud.get_task("42"),
            f"{IOT}/user/task/42",
            {"job_id": 42, **PLATES},
            TaskDetail("42", context=PLATE),
        ),
        _case(
            "get_messages",
            lambda cloud: cloud.get_messages(),
            f"{USER}/my/messages?limit=20&offset=0",
            {"hits": [{"id": 7, "type": 6}]},
            [Message("7", 6)],
        ),
        _case(
            "get_messages of a type",
            lambda cloud: cloud.get_messages(type=1, after="a&b", limit=5, offset=10),
            f"{USER}/my/messages?type=1&after=a%26b&limit=5&offset=10",
            {},
            [],
        ),
        _case(
            "get_message_count",
            lambda cloud: cloud.get_message_count(),
            f"{USER}/my/message/count",
            {"deviceCount": 30, "unreadTotal": 35},
            MessageCount(35, {"device": 30}),
        ),
        _case(
            "get_filaments",
            lambda cloud: cloud.get_filaments(),
            "/v1/design-user-service/my/filament/v2?limit=20&offset=0",
            {"hits": [{"id": 7, "filamentType": "PLA"}]},
            [Spool("7", "PLA")],
        ),
        _case(
            "get_filaments of a page",
            lambda cloud: cloud.get_filaments(limit=100, offset=200),
            "/v1/design-user-service/my/filament/v2?limit=100&offset=200",
            {"hits": None},
            [],
        ),
        _case(
            "get_ticket",
            lambda cloud: cloud.get_ticket("a/b?c"),
            f"{USER}/my/ticket/a%2Fb%3Fc",
            {"message": "success", "code": None, "error": None, "key": 1},
            Ticket({"key": 1}),
        ),
        _case(
            "get_device_versions",
            lambda cloud: cloud.get_device_versions(SERIAL),
            f"{IOT}/user/device/version?dev_id={SERIAL}",
            {
                "devices": [
                    {"dev_id": SERIAL, "firmware": [{"version": "01.02"}], "ams": [{"address": 0}]}
                ]
            },
            [DeviceVersion(SERIAL, None, (Firmware("01.02"),), (AmsVersion(address=0),))],
        ),
        _case(
            "get_projects",
            lambda cloud: cloud.get_projects(),
            f"{IOT}/user/project",
            {"projects": [{"project_id": "1", "content": "null"}]},
            [Project("1", content="null")],
        ),
        _case(
            "get_projects without any",
            lambda cloud: cloud.get_projects(),
            f"{IOT}/user/project",
            {"message": "success"},
            [],
        ),
        _case(
            "get_project",
            lambda cloud: cloud.get_project("1"),
            f"{IOT}/user/project/1",
            {"project_id": "1", "profiles": [{"profile_id": 2, **PLATES}]},
            Project("1", profiles=(Profile("2", context=PLATE),)),
        ),
        _case(
            "get_profile",
            lambda cloud: cloud.get_profile("2", "US0a"),
            f"{IOT}/user/profile/2?model_id=US0a",
            {"profile_id": "2", **PLATES},
            Profile("2", context=PLATE),
        ),
        _case(
            "get_slicer_settings",
            lambda cloud: cloud.get_slicer_settings("01.03.00.00"),
            f"{IOT}/slicer/setting?version=01.03.00.00",
            {"filament": {"private": [{"setting_id": "P1"}]}, "settings": []},
            SlicerSettings(filament=SlicerSettingGroup(private=(SlicerSetting("P1"),))),
        ),
        _case(
            "get_slicer_settings of our own",
            lambda cloud: cloud.get_slicer_settings("01.03.00.00", public=False),
            f"{IOT}/slicer/setting?version=01.03.00.00&public=false",
            {"print": None, "settings": {}},
            SlicerSettings(),
        ),
        _case(
            "get_slicer_setting",
            lambda cloud: cloud.get_slicer_setting("GP001"),
            f"{IOT}/slicer/setting/GP001",
            {"name": "0.12mm", "setting": {"layer_height": "0.12"}},
            SlicerSetting("GP001", "0.12mm", setting={"layer_height": "0.12"}),
        ),
        _case(
            "get_notification",
            lambda cloud: cloud.get_notification("upload", "t-1"),
            f"{IOT}/user/notification?action=upload&ticket=t-1",
            {"code": 0, "state": "done"},
            Notification({"state": "done"}),
        ),
    ],
)
async def test_get(
    *, cloud: BambuCloud, stub: Stub, call: Call, path: str, answer: Any, result: Any
) -> None:
    stub.answer(json_reply(answer))
    assert await call(cloud) == result
    (seen,) = stub.seen
    assert (seen.method, seen.path, seen.body) == ("GET", path, b"")
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["User-Agent"] == USER_AGENT


@pytest.mark.parametrize(
    ("call", "method", "path", "body", "answer", "result"),
    [
        pytest.param(
            lambda cloud: cloud.create_task({"title": "Benchy"}),
            "POST",
            f"{USER}/my/task",
            {"title": "Benchy"},
            {"id": 42},
            "42",
            id="create_task",
        ),
        pytest.param(
            lambda cloud: cloud.create_task({}),
            "POST",
            f"{USER}/my/task",
            {},
            {},
            None,
            id="create_task without an id",
        ),
        pytest.param(
            lambda cloud: cloud.rename_device(SERIAL, "Käthe"),
            "PATCH",
            f"{IOT}/user/device/info",
            {"dev_id": SERIAL, "dev_name": "Käthe"},
            {"message": "success"},
            None,
            id="rename_device",
        ),
        pytest.param(
            lambda cloud: cloud.get_camera_credentials(SERIAL),
            "POST",
            f"{IOT}/user/ttcode",
            {"dev_id": SERIAL},
            {"ttcode": "T", "passwd": "P", "authkey": "A", "region": "us", "type": "tutk"},
            CameraCredentials("T", "P", "A", "us", "tutk"),
            id="get_camera_credentials",
        ),
    ],
)
async def test_send(
    *,
    cloud: BambuCloud,
    stub: Stub,
    call: Call,
    method: str,
    path: str,
    body: Any,
    answer: Any,
    result: Any,
) -> None:
    stub.answer(json_reply(answer))
    assert await call(cloud) == result
    (seen,) = stub.seen
    assert (seen.method, seen.path, seen.json) == (method, path, body)
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("item_id", ["", ".", ".."])
@pytest.mark.parametrize(
    "call",
    [
        lambda cloud, item_id: cloud.get_task(item_id),
        lambda cloud, item_id: cloud.get_ticket(item_id),
        lambda cloud, item_id: cloud.get_project(item_id),
        lambda cloud, item_id: cloud.get_profile(item_id, "1"),
        lambda cloud, item_id: cloud.get_slicer_setting(item_id),
    ],
)
async def test_no_id_leads_to_another_endpoint(
    cloud: BambuCloud, stub: Stub, call: Any, item_id: str
) -> None:
    stub.answer(json_reply({}))
    with pytest.raises(ResponseError, match=r"/\{id\}: not an id"):
        await call(cloud, item_id)
    assert stub.seen == []


async def test_rename_needs_no_body(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(b""))
    await cloud.rename_device(SERIAL, "Desk")
    assert len(stub.seen) == 1


async def test_get_slicer_resources_is_not_signed(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"software": {"version": "02.01"}, "resources": [{"type": "t"}]}))
    resources = await cloud.get_slicer_resources("slicer/plugins/cloud", "01.01.00.00")
    assert resources == SlicerResources(Resource(version="02.01"), (Resource("t"),))
    (seen,) = stub.seen
    assert seen.path == f"{IOT}/slicer/resource?slicer/plugins/cloud=01.01.00.00"
    assert "Authorization" not in seen.headers


async def test_refresh_token_is_not_signed(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"accessToken": "new", "refreshToken": "next", "expiresIn": 60}))
    assert await cloud.refresh_token("old") == Token("new", 60, "next")
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", f"{USER}/user/refreshtoken")
    assert seen.json == {"refreshToken": "old"}
    assert "Authorization" not in seen.headers


async def test_refresh_token_of_today(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"code": 401, "error": "authenticate"}, status=401))
    with pytest.raises(AuthenticationError):
        await cloud.refresh_token("old")


@pytest.mark.parametrize("token", ["  to ken\n", "to\r\nken", "to\N{NO-BREAK SPACE}k\0en"])
async def test_pasted_token(stub: Stub, session: aiohttp.ClientSession, token: str) -> None:
    cloud = BambuCloud(session, Region.at(stub.url), token, user_agent=USER_AGENT)
    stub.answer(json_reply({"devices": []}))
    await cloud.get_devices()
    assert stub.seen[0].headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"devices": None},
        {"data": {}},
        {"devices": {}},
        {"devices": "none"},
        {"devices": [{"name": "nameless"}, None, []]},
    ],
)
async def test_printers_do_not_vanish(cloud: BambuCloud, stub: Stub, answer: Any) -> None:
    stub.answer(json_reply(answer, headers={"X-Request-Id": "r-3"}))
    with pytest.raises(ResponseError, match=r"iot-service/api/user/bind: HTTP 200, ") as caught:
        await cloud.get_devices()
    assert (caught.value.status, caught.value.request_id) == (200, "r-3")


@pytest.mark.parametrize(
    "call",
    [
        lambda cloud: cloud.get_print_status(),
        lambda cloud: cloud.get_tasks(),
        lambda cloud: cloud.get_messages(),
        lambda cloud: cloud.get_device_versions(SERIAL),
        lambda cloud: cloud.get_projects(),
        lambda cloud: cloud.get_slicer_resources("t", "v"),
        lambda cloud: cloud.get_slicer_settings("v"),
    ],
)
async def test_a_list_that_is_none(cloud: BambuCloud, stub: Stub, call: Call) -> None:
    names = ("devices", "hits", "projects", "resources", "print")
    stub.answer(json_reply(dict.fromkeys(names, "none")))
    with pytest.raises(ResponseError):
        await call(cloud)


async def test_redirects_are_not_followed(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(b"", status=302, headers={"Location": f"{stub.url}/elsewhere"}))
    with pytest.raises(ResponseError):
        await cloud.get_devices()
    assert len(stub.seen) == 1


def _date(**ahead: float) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + timedelta(**ahead), usegmt=True)}


async def test_clock_offset(cloud: BambuCloud, stub: Stub) -> None:
    assert cloud.clock_offset == timedelta()
    stub.answer(json_reply({"devices": []}, headers=_date(hours=2)))
    await cloud.get_devices()
    assert abs(cloud.clock_offset - timedelta(hours=2)) < timedelta(seconds=10)
    # A refusal has a clock, too.
    stub.answer(raw(b"", status=500, headers=_date(hours=-2)))
    for _ in range(2):
        with pytest.raises(BambuCloudError):
            await cloud.get_devices()
    assert abs(cloud.clock_offset + timedelta(hours=2)) < timedelta(seconds=10)
    stub.answer(json_reply({"devices": []}, headers={"Date": "?"}))
    await cloud.get_devices()
    assert abs(cloud.clock_offset + timedelta(hours=2)) < timedelta(seconds=10)
    stub.answer(json_reply({"devices": []}, headers=_date(seconds=1)))
    for _ in range(2):
        await cloud.get_devices()
    assert cloud.clock_offset == timedelta()


@pytest.mark.parametrize(
    "date",
    [
        _date(days=2),
        _date(days=-2),
        {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 +2359"},
        {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ],
)
async def test_one_absurd_date(cloud: BambuCloud, stub: Stub, date: dict[str, str]) -> None:
    stub.answer(
        json_reply({"devices": []}, headers=date),
        json_reply({"devices": []}, headers=_date(seconds=0)),
    )
    for _ in range(3):
        assert await cloud.get_devices() == []
        assert cloud.clock_offset == timedelta()


async def test_a_machine_that_is_days_off(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"devices": []}, headers=_date(days=20)))
    for _ in range(4):
        await cloud.get_devices()
    assert cloud.clock_offset == timedelta()
    await cloud.get_devices()
    assert abs(cloud.clock_offset - timedelta(days=20)) < timedelta(minutes=1)


async def test_last_request_id(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"devices": []}, headers={"X-Request-Id": "r-4"}), json_reply({}))
    ids = [cloud.last_request_id]
    await cloud.get_devices()
    ids.append(cloud.last_request_id)
    await cloud.get_print_status()
    ids.append(cloud.last_request_id)
    assert ids == [None, "r-4", None]


@dataclass
class Clock:
    """Stands in for the module `time`."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """Return what the test says."""
        return self.now


@pytest.mark.parametrize(
    ("status", "body", "wait"), [(429, b"", 300), (418, b"", 14_400), (403, b"<html>", 1800)]
)
async def test_the_cloud_is_left_alone(
    *,
    cloud: BambuCloud,
    login: BambuLogin,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    wait: float,
) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)
    assert cloud.not_before == 0
    stub.answer(raw(body, status=status))
    with pytest.raises(BambuCloudError):
        await cloud.get_devices()
    assert cloud.not_before == wait
    clock.now += 60
    for call in (each for name, each in CALLS.items() if hasattr(BambuCloud, name)):
        with pytest.raises(RateLimitedError) as caught:
            await call(cloud, login)
        assert caught.value.retry_after == wait - 60
        assert caught.value.status is None
    assert len(stub.seen) == 1
    stub.answer(raw(jpeg()))
    await cloud.download_image(f"{stub.url}/cover")
    clock.now += wait - 60
    assert cloud.not_before == 0
    stub.answer(json_reply({"devices": []}))
    assert await cloud.get_devices() == []


async def test_a_short_wait_does_not_end_a_long_one(
    cloud: BambuCloud, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)

    async def captcha_meanwhile(request: Any) -> Any:
        cloud._free_at = 1000.0 + 3600
        return await raw(b"", status=429)(request)

    stub.answer(captcha_meanwhile)
    with pytest.raises(RateLimitedError):
        await cloud.get_devices()
    assert cloud.not_before == 3600


@pytest.mark.parametrize(
    ("call", "key", "id_key", "longest"),
    [
        (BambuCloud.get_devices, "devices", "dev_id", 500),
        (BambuCloud.get_print_status, "devices", "dev_id", 500),
        (BambuCloud.get_messages, "hits", "id", 1_000),
        (BambuCloud.get_filaments, "hits", "id", 1_000),
        (BambuCloud.get_projects, "projects", "project_id", 1_000),
    ],
)
async def test_a_list_without_end_is_cut(
    *, cloud: BambuCloud, stub: Stub, call: Any, key: str, id_key: str, longest: int
) -> None:
    stub.answer(json_reply({key: [{id_key: number} for number in range(1, 10_000)]}))
    assert [each.id for each in await call(cloud)] == [str(n) for n in range(1, longest + 1)]


async def test_a_page_and_the_versions_without_end_are_cut(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(
        json_reply({"hits": [{"id": number} for number in range(1, 10_000)]}),
        json_reply(
            {
                "devices": [
                    {
                        "dev_id": 1,
                        "firmware": [{"version": "1"}] * 999,
                        "ams": [{"address": 1}] * 99,
                    }
                ]
            }
        ),
    )
    assert len((await cloud.get_tasks()).tasks) == 1_000
    (versions,) = await cloud.get_device_versions("1")
    assert (len(versions.firmware), len(versions.ams)) == (100, 24)


async def test_an_equal_answer_is_the_same_list(cloud: BambuCloud, stub: Stub) -> None:
    one, two = ({"devices": [{"dev_id": each}]} for each in ("00M00A000000001", "01P00A000000002"))
    stub.answer(json_reply(one), json_reply(one), json_reply(one, status=500), json_reply(two))
    devices = await cloud.get_devices()
    assert await cloud.get_devices() is devices
    with pytest.raises(CannotConnectError):
        await cloud.get_devices()
    assert [device.id for device in await cloud.get_devices()] == ["01P00A000000002"]
