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
    image_type,
)

from .conftest import TOKEN, USER_AGENT, Stub, raw
from .pictures import jpeg, png, segment, webp

PNG, JPEG, WEBP = png(), jpeg(), webp()
# A page of comments, a profile of colors, and marks that are filled up, before the frame.
PHOTO = jpeg(
    frame=0xC2, before=segment(0xFE, b"a comment") + b"\xff\xff" + segment(0xE2, bytes(60_000))
)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (PHOTO, "image/jpeg"),
        (WEBP, "image/webp"),
        (webp(kind=b"VP8L"), "image/webp"),
        (webp(kind=b"VP8 "), "image/webp"),
        (png(5000, 5000), "image/png"),
        (jpeg(1, 65_535), "image/jpeg"),
        (webp(5000, 5000), "image/webp"),
    ],
)
async def test_types(cloud: BambuCloud, stub: Stub, content: bytes, content_type: str) -> None:
    stub.answer(raw(content, headers={"Content-Type": "text/html"}))
    assert await cloud.download_image(f"{stub.url}/cover") == Image(content, content_type)
    assert image_type(content) == content_type


async def test_request(cloud: BambuCloud, stub: Stub, session: aiohttp.ClientSession) -> None:
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
    "content",
    [
        b"",
        b"<svg/>".ljust(64),
        b"GIF89a".ljust(64),
        b"RIFF\x00\x00\x00\x00WAVE".ljust(64),
        b"not WEBP".ljust(64),
        # The beginning of a picture that stopped there.
        PNG[:8],
        PNG[:63],
        JPEG[:3],
        JPEG[:63],
        WEBP[:12],
        WEBP[:63],
        # A few bytes that would take gigabytes to show.
        png(50_000, 50_000),
        png(2**32 - 1, 2**32 - 1),
        png(25_000_001, 1),
        jpeg(50_000, 50_000),
        jpeg(50_000, 50_000, before=segment(0xE1, jpeg(160, 120))),
        webp(50_000, 50_000),
        webp(16_383, 16_383, b"VP8L"),
        webp(16_383, 16_383, b"VP8 "),
        # Those of no size, and those that do not tell it.
        png(0, 512),
        jpeg(512, 0),
        PNG.replace(b"IHDR", b"IDAT"),
        WEBP.replace(b"VP8X", b"ANMF"),
        jpeg(before=segment(0xDA) + b"entropy"),
        pytest.param(jpeg(before=segment(0xE0) * 1_000), id="a thousand segments"),
        b"\xff\xd8\xff\xe0\xff\xff".ljust(64),
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
    ],
)
async def test_no_picture(cloud: BambuCloud, stub: Stub, content: bytes) -> None:
    stub.answer(raw(content, headers={"Content-Type": "image/png"}))
    with pytest.raises(ResponseError) as caught:
        await cloud.download_image(f"{stub.url}/cover")
    assert caught.value.status == 200
    assert image_type(content) is None


@given(st.binary())
def test_any_content(content: bytes) -> None:
    assert image_type(content) in {None, "image/png", "image/jpeg", "image/webp"}


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


async def test_largest(cloud: BambuCloud, stub: Stub) -> None:
    content = PNG.ljust(5 * 1024 * 1024, b"\0")
    stub.answer(raw(content))
    assert (await cloud.download_image(f"{stub.url}/cover")).content == content


async def test_too_large(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(PNG.ljust(5 * 1024 * 1024 + 1, b"\0")))
    with pytest.raises(ResponseError, match="image: the answer is too large"):
        await cloud.download_image(f"{stub.url}/cover")


@pytest.fixture
def at_home(session: aiohttp.ClientSession) -> BambuCloud:
    return BambuCloud(session, GLOBAL, TOKEN, user_agent=USER_AGENT)


@pytest.mark.parametrize(
    "url",
    [
        "https://model-file.bambulab.com/a.png",
        "https://model-file.bambulab.cn/a.png",
        "https://makerworld.bblmw.com/makerworld/cache/plate_1.png",
        "https://public-cdn.bblmw.cn/a.png",
        "https://makerworld.com/a.png",
        "https://api.makerworld.com/a.png",
        "https://makerworld.com.cn/a.png",
        "https://public.makerworld.com.cn/a.png",
        "https://bucket.s3.dualstack.us-west-2.amazonaws.com/a.png?X-Sig=b%2Fc",
        "https://s3.us-west-2.amazonaws.com/bucket/a.png",
        "https://bucket.oss-us-west-1.aliyuncs.com/a.png",
        "https://MakerWorld.BBLMW.com/a.png",
        "https://makerworld.bblmw.com/花瓶/plate_1.png",
    ],
)
def test_hosts(at_home: BambuCloud, url: str) -> None:
    assert str(at_home._image_url(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a.png",
        "None/a.png",
        "not a URL",
        "https://",
        "https:///a.png",
        "https://[",
        "https://[::1]/a.png",
        "http://makerworld.bblmw.com/a.png",
        "ftp://makerworld.bblmw.com/a.png",
        "https://example.com/a.png",
        "https://bblmw.com.example.com/a.png",
        "https://notbblmw.com/a.png",
        "https://example.com/makerworld.bblmw.com",
        "https://example.com?makerworld.bblmw.com",
        "https://example.com#.bblmw.com",
        "https://example.com\\.bblmw.com/a.png",
        "https://makerworld.bblmw.com./a.png",
        "https://makerworld.bblmw.com:443/a.png",
        "https://makerworld.bblmw.com:8443/a.png",
        "https://makerworld.bblmw.com:port/a.png",
        "https://user@makerworld.bblmw.com/a.png",
        "https://user:password@makerworld.bblmw.com/a.png",
        "https://:password@makerworld.bblmw.com/a.png",
        "https://@makerworld.bblmw.com/a.png",
        "https://makerworld.bblmw.com@example.com/a.png",
        "https://makerworld.bblmw.com/a b.png",
        "https://makerworld.bblmw.com/a\N{IDEOGRAPHIC SPACE}b.png",
        "https://makerworld.bblmw.com/a\0b.png",
        "https://makerworld..bblmw.com/a.png",
        f"https://{'a' * 64}.bblmw.com/a.png",
        "https://makerworld.bblmw.com",
        "https://\N{KELVIN SIGN}.bblmw.com/a.png",
        "https://makerworld.bblmw.com/a\r\nHost: example.com",
        "https://127.0.0.1/a.png",
        "https://localhost/a.png",
        # The same by other spellings, and others at home.
        "https://2130706433/a.png",
        "https://0x7f000001/a.png",
        "https://0177.0.0.1/a.png",
        "https://127.1/a.png",
        "https://[::ffff:127.0.0.1]/a.png",
        "https://[::ffff:7f00:1]/a.png",
        "https://192.168.1.1/a.png",
        "https://10.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/a.png",
        "https://homeassistant.local/a.png",
        "https://127.0.0.1.nip.io/a.png",
        "https://metadata.google.internal/a.png",
        "https://127.0.0.1#.bblmw.com/a.png",
        "https://127.0.0.1?.bblmw.com/a.png",
        "https://127.0.0.1\\@makerworld.bblmw.com/a.png",
        "https://127.0.0.1%2f.bblmw.com/a.png",
        "//makerworld.bblmw.com/a.png",
        "file:///etc/passwd",
        "file://makerworld.bblmw.com/etc/passwd",
        "data:image/png;base64,iVBORw0KGgo=",
        "javascript:alert(1)//makerworld.bblmw.com/",
        "gopher://makerworld.bblmw.com/",
        "ws://makerworld.bblmw.com/",
        "https://makerworld.bblmw\N{FULLWIDTH FULL STOP}com/a.png",
    ],
)
async def test_other_hosts(at_home: BambuCloud, url: str) -> None:
    with pytest.raises(ResponseError, match="image: not a"):
        await at_home.download_image(url)


async def test_only_its_own_origin_is_exempt(cloud: BambuCloud, stub: Stub) -> None:
    port = URL(stub.url).port
    for url in (
        f"https://127.0.0.1:{port}/cover",
        f"http://localhost:{port}/cover",
        f"http://user@127.0.0.1:{port}/cover",
        f"{stub.url}.example.com/cover",
        f"{stub.url}@example.com/cover",
        f"{stub.url}/a cover",
        f"{stub.url}/a\r\ncover",
        "http://127.0.0.1:1/cover",
        "http://127.0.0.1/cover",
    ):
        with pytest.raises(ResponseError, match="image: not a"):
            await cloud.download_image(url)
    assert stub.seen == []


@given(
    st.text(),
    st.sampled_from(["", "https://", "https://a.bblmw.com", "https://a.bblmw.com/"]),
)
def test_any_text(rest: str, start: str) -> None:
    cloud = BambuCloud(None, GLOBAL, TOKEN, user_agent=USER_AGENT)  # type: ignore[arg-type]
    try:
        url = cloud._image_url(start + rest)
    except ResponseError:
        return
    assert url.scheme == "https"
    assert url.host is not None
    assert url.host.endswith(".bblmw.com")
    assert str(url).isprintable()
