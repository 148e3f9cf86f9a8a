"""Whatever names or opens an account stays out of logs, exceptions and reprs."""

from collections.abc import AsyncGenerator, Awaitable, Callable
import inspect
import logging
import traceback
from typing import Any

import aiohttp
import pytest

from custom_components.bambu_lab_cloud.api import (
    BambuCloud,
    BambuCloudError,
    BambuLogin,
    Region,
)

from .conftest import USER_AGENT, Stub, json_reply, raw
from .pictures import jpeg

# Every secret holds this word.
SECRET = "hush"
SIGNED = f"https://a.bblmw.com/plate_1.png?X-Sig={SECRET}"
FILES = [{"name": "plate_1.png", "url": SIGNED}]
PLATES = {
    "plates": [{"index": 1, "thumbnail": FILES[0], "gcode": FILES[0]}],
    "pictures": FILES,
    "configs": FILES,
    "auxiliary_pictures": FILES,
    "auxiliary_bom": FILES,
    "auxiliary_guide": FILES,
    "auxiliary_other": FILES,
}
DOWNLOAD = {
    "url": SIGNED,
    "md5": SECRET,
    "keystore_xml": SECRET,
    "download_url": SIGNED,
    "download_md5": SECRET,
    "upload_url": SIGNED,
    "upload_ticket": SECRET,
    "user_id": SECRET,
}
PERSON = {
    "uid": SECRET,
    "name": SECRET,
    "handle": SECRET,
    "avatar": SIGNED,
    "bio": SECRET,
    "links": [SIGNED],
    "backgroundUrl": SIGNED,
}
FIRMWARE = [{"version": "01.00", "url": SIGNED}]
# All bodies in one: each method finds its own in it.
BODY = {
    "accessToken": SECRET,
    "refreshToken": SECRET,
    "account": f"{SECRET}@example.com",
    **DOWNLOAD,
    **PERSON,
    # So that whatever has a name shows that it can be read.
    "name": "Vase",
    "ttcode": SECRET,
    "passwd": SECRET,
    "authkey": SECRET,
    "region": SECRET,
    "sub_task": [DOWNLOAD],
    "subtask": [DOWNLOAD],
    "profile_id": "22",
    "project_id": "21",
    "context": PLATES,
    "devices": [
        {
            "dev_id": SECRET,
            "dev_access_code": SECRET,
            "thumbnail": SIGNED,
            "firmware": FIRMWARE,
            "ams": [{"device_id": SECRET, "firmware": FIRMWARE}],
        },
        {"dev_access_code": SECRET},
    ],
    "hits": [
        {
            "id": 1,
            "cover": SIGNED,
            "deviceId": SECRET,
            "devId": SECRET,
            "amsSn": SECRET,
            "RFID": SECRET,
            "from": PERSON,
            "design": {"id": 71, "cover": SIGNED},
            "taskMessage": {"deviceId": SECRET, "cover": SIGNED},
        },
        {"deviceId": SECRET},
        SECRET,
    ],
    "projects": [{"project_id": "21", **DOWNLOAD}],
    "profiles": [{"profile_id": "22", "context": PLATES, **DOWNLOAD}],
    "software": {"url": SIGNED},
    "guide": {"url": SIGNED},
    "resources": [{"url": SIGNED}],
}

type Call = Callable[[BambuCloud, BambuLogin], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "refresh_token": lambda cloud, _: cloud.refresh_token(SECRET),
    "get_preference": lambda cloud, _: cloud.get_preference(),
    "get_devices": lambda cloud, _: cloud.get_devices(),
    "get_print_status": lambda cloud, _: cloud.get_print_status(),
    "get_tasks": lambda cloud, _: cloud.get_tasks(device_id=SECRET, after=SECRET),
    "get_task": lambda cloud, _: cloud.get_task(SECRET),
    "create_task": lambda cloud, _: cloud.create_task({"deviceId": SECRET}),
    "get_messages": lambda cloud, _: cloud.get_messages(after=SECRET),
    "get_message_count": lambda cloud, _: cloud.get_message_count(),
    "get_filaments": lambda cloud, _: cloud.get_filaments(),
    "get_ticket": lambda cloud, _: cloud.get_ticket(SECRET),
    "get_device_versions": lambda cloud, _: cloud.get_device_versions(SECRET),
    "rename_device": lambda cloud, _: cloud.rename_device(SECRET, "Desk"),
    "get_projects": lambda cloud, _: cloud.get_projects(),
    "get_project": lambda cloud, _: cloud.get_project(SECRET),
    "get_profile": lambda cloud, _: cloud.get_profile(SECRET, SECRET),
    "get_slicer_resources": lambda cloud, _: cloud.get_slicer_resources(SECRET, SECRET),
    "get_slicer_settings": lambda cloud, _: cloud.get_slicer_settings(SECRET),
    "get_slicer_setting": lambda cloud, _: cloud.get_slicer_setting("1"),
    "get_notification": lambda cloud, _: cloud.get_notification("upload", SECRET),
    "get_camera_credentials": lambda cloud, _: cloud.get_camera_credentials(SECRET),
    "with_password": lambda _, login: login.with_password(f"{SECRET}@example.com", SECRET),
    "send_email_code": lambda _, login: login.send_email_code(f"{SECRET}@example.com"),
    "send_sms_code": lambda _, login: login.send_sms_code(SECRET),
    "with_code": lambda _, login: login.with_code(f"{SECRET}@example.com", SECRET),
    "with_totp": lambda _, login: login.with_totp(SECRET, SECRET),
}
COOKIES = [("Set-Cookie", f"bbl_csrf_token={SECRET}"), ("Set-Cookie", f"token={SECRET}")]


@pytest.fixture
def patience() -> float:
    return 20


@pytest.fixture
async def cloud(stub: Stub, session: aiohttp.ClientSession, patience: float) -> BambuCloud:
    return BambuCloud(session, Region.at(stub.url), SECRET, user_agent=USER_AGENT, timeout=patience)


@pytest.fixture
async def login(stub: Stub, patience: float) -> AsyncGenerator[BambuLogin]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield BambuLogin(session, Region.at(stub.url), user_agent=USER_AGENT, timeout=patience)


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_no_method_is_left_out() -> None:
    methods = {
        name
        for kind in (BambuCloud, BambuLogin)
        for name, each in vars(kind).items()
        if inspect.iscoroutinefunction(each) and not name.startswith("_")
    }
    assert CALLS.keys() == methods - {"download_image"}


@pytest.mark.parametrize("name", CALLS)
async def test_results(
    cloud: BambuCloud, login: BambuLogin, stub: Stub, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    stub.answer(json_reply(BODY, headers=COOKIES))
    result = await CALLS[name](cloud, login)
    assert SECRET not in repr(result)
    assert SECRET not in repr((cloud, login))
    assert SECRET not in caplog.text
    assert "HTTP 200" in caplog.text


async def test_names_of_accounts(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply(PERSON))
    preference = await cloud.get_preference()
    assert preference.name == SECRET
    assert SECRET not in repr(preference)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"code": 2, "error": SECRET, "message": SECRET}, status=400, headers=COOKIES),
        json_reply({"code": 4, "error": SECRET}, status=401, headers=COOKIES),
        json_reply({"code": 8, "error": SECRET}, status=403, headers=COOKIES),
        json_reply({"code": 14, "error": SECRET}),
        raw(f"<html>{SECRET}</html>".encode(), status=403, headers=COOKIES),
        raw(SECRET.encode(), status=404),
        raw(SECRET.encode(), status=418),
        raw(SECRET.encode(), status=429, headers={"Retry-After": SECRET, "Date": SECRET}),
        raw(SECRET.encode(), status=500, headers=COOKIES),
        raw(SECRET.encode(), headers={"Content-Encoding": "gzip"}),
        raw(b"", status=302, headers={"Location": SIGNED}),
    ],
)
async def test_errors(
    *,
    cloud: BambuCloud,
    login: BambuLogin,
    stub: Stub,
    caplog: pytest.LogCaptureFixture,
    name: str,
    reply: Any,
) -> None:
    stub.answer(reply)
    with pytest.raises(BambuCloudError) as caught:
        await CALLS[name](cloud, login)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
    assert SECRET not in caplog.text


@pytest.mark.parametrize("patience", [0.1])
@pytest.mark.parametrize("name", CALLS)
async def test_unread_bodies(
    cloud: BambuCloud, login: BambuLogin, stub: Stub, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    stub.answer(stub.hang)
    with pytest.raises(BambuCloudError) as caught:
        await CALLS[name](cloud, login)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "path", [f"/cover?X-Sig={SECRET}", f"/{SECRET} ", f"0/cover?X-Sig={SECRET}"]
)
async def test_images(
    cloud: BambuCloud, stub: Stub, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    stub.answer(raw(SECRET.encode(), status=403))
    with pytest.raises(BambuCloudError) as caught:
        await cloud.download_image(stub.url + path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text


async def test_picture(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(jpeg() + SECRET.encode()))
    assert SECRET not in repr(await cloud.download_image(f"{stub.url}/cover"))
