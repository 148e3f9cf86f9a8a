"""Pictures come from known hosts, without anything of the account."""

import aiohttp
from hypothesis import given, strategies as st
import pytest
from yarl import URL

from custom_components.bambu_lab_cloud.api import (
    GLOBAL,
    BambuCloud,
    CannotConnectError,
    Image,
    Region,
    ResponseError,
)

from .conftest import TOKEN, USER_AGENT, Stub, raw

PNG = b"\x89PNG\r\n\x1a\n rest"
JPEG = b"\xff\xd8\xff\xe0 rest"
WEBP = b"RIFF\x00\x00\x00\x00WEBP rest"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")],
)
async def test_types(cloud: BambuCloud, stub: Stub, content: bytes, content_type: str) -> None:
    stub.answer(raw(content, headers={"Content-Type": "text/html"}))
    assert await cloud.download_image(f"{stub.url}/cover") == Image(content, content_type)


async def test_request(
    cloud: BambuCloud, stub: Stub, session: aiohttp.ClientSession
) -> None:
    session.cookie_jar.update_cookies({"token": "secret"}, URL(stub.url))
    stub.answer(raw(PNG, headers={"Set-Cookie": "tracker=1"}))
    # Every byte of the query is part of the signature.
    path = "/a%2Fb/plate_1.png?X-Sig=a%2Fb%2B+c~%7E&empty&u=http://x"
    await cloud.download_image(stub.url + path)
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("GET", path)
    assert seen.headers["User-Agent"] == USER_AGENT
    assert "Authorization" not in seen.headers
    assert "Cookie" not in seen.headers
    assert [cookie.key for cookie in session.cookie_jar] == ["token"]
    assert not session.closed


@pytest.mark.parametrize(
    "content", [b"", b"<svg/>", b"GIF89a", b"RIFF\x00\x00\x00\x00WAVE", b"not WEBP"]
)
async def test_no_picture(cloud: BambuCloud, stub: Stub, content: bytes) -> None:
    stub.answer(raw(content, headers={"Content-Type": "image/png"}))
    with pytest.raises(ResponseError) as caught:
        await cloud.download_image(f"{stub.url}/cover")
    assert caught.value.status == 200


@pytest.mark.parametrize("status", [204, 206, 301, 302, 400, 401, 403, 404, 429])
async def test_refusals(cloud: BambuCloud, stub: Stub, status: int) -> None:
    headers = {"Location": f"{stub.url}/other"}
    stub.answer(raw(PNG, status=status, headers=headers), raw(PNG))
    with pytest.raises(ResponseError) as caught:
        await cloud.download_image(f"{stub.url}/cover?X-Sig=secret")
    assert caught.value.status == status
    assert str(caught.value) == f"image: HTTP {status}"
    assert len(stub.seen) == 1
    assert cloud.not_before == 0


async def test_outage(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(b"", status=503))
    with pytest.raises(CannotConnectError) as caught:
        await cloud.download_image(f"{stub.url}/cover")
    assert caught.value.status == 503


async def test_timeout(stub: Stub, session: aiohttp.ClientSession) -> None:
    cloud = BambuCloud(session, Region.at(stub.url), TOKEN, user_agent=USER_AGENT, timeout=0.05)
    stub.answer(stub.hang)
    with pytest.raises(CannotConnectError, match="image: TimeoutError"):
        await cloud.download_image(f"{stub.url}/cover")


@pytest.mark.parametrize(
    ("size", "outcome"), [(5 * 2**20, pytest.wraps), (5 * 2**20 + 1, pytest.raises)]
)
async def test_size(cloud: BambuCloud, stub: Stub, size: int, outcome: object) -> None:
    raise NotImplementedError
