from datetime import timedelta
import io
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from PIL import Image
import pytest

from simulator.cloud import Cloud

from .conftest import Ask


@pytest.fixture
def options() -> dict[str, Any]:
    return {"history": 80}


@pytest.fixture
async def signed(tasks: Any) -> str:
    hits = (await tasks())["hits"]
    return next(str(hit["cover"]) for hit in hits if "X-Amz" in hit["cover"])


async def test_pictures_of_all_kinds(ask: Ask, tasks: Any) -> None:
    kinds = set()
    hits = (await tasks())["hits"]
    for url in {hit["cover"] for hit in hits} - {""}:
        reply = await ask("GET", url, account=None)
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/octet-stream"
        picture = Image.open(io.BytesIO(reply.content))
        assert picture.size == (512, 512)
        kinds.add(picture.format)
    assert kinds == {"PNG", "WEBP", "JPEG"}
    assert "" in {hit["cover"] for hit in hits}


async def test_designs_have_unsigned_covers(tasks: Any) -> None:
    hits = [hit for hit in (await tasks())["hits"] if hit["cover"]]
    assert {bool(hit["designId"]) for hit in hits} == {True, False}
    for hit in hits:
        assert ("?" in hit["cover"]) is (hit["designId"] == 0)
        assert bool(hit["designTitle"]) is bool(hit["designId"]) is hit["isPublicProfile"]


async def test_each_job_has_a_picture_of_its_own(ask: Ask, cloud: Cloud, tasks: Any) -> None:
    cloud.stop_schedules()
    pictures = set()
    for _ in range(3):
        cloud.start("00M00A000000001", title="Bracket", task_lag=0)
        url = (await tasks("limit=1"))["hits"][0]["cover"]
        pictures.add((await ask("GET", url, account=None)).content)
        cloud.end("00M00A000000001")
    assert len(pictures) == 3


async def test_links_are_fresh_at_each_call(tasks: Any) -> None:
    first = [hit["cover"] for hit in (await tasks())["hits"] if "X-Amz" in hit["cover"]]
    second = [hit["cover"] for hit in (await tasks())["hits"] if "X-Amz" in hit["cover"]]
    assert not set(first) & set(second)
    assert [url.partition("?")[0] for url in first] == [url.partition("?")[0] for url in second]


async def test_links_live_half_an_hour(
    ask: Ask, signed: str, freezer: FrozenDateTimeFactory
) -> None:
    freezer.tick(timedelta(minutes=30))
    assert (await ask("GET", signed, account=None)).status == 200
    freezer.tick(timedelta(seconds=1))
    reply = await ask("GET", signed, account=None)
    assert reply.status == 403
    assert reply.headers["Content-Type"] == "application/xml"
    assert "Request has expired" in reply.text


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("%2F", "/", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=1800", "X-Amz-Expires=9999", "SignatureDoesNotMatch"),
        ("plate_1", "plate_2", "SignatureDoesNotMatch"),
        ("X-Amz-Signature", "X-Amz-Other", "AccessDenied"),
        ("Metadata/plate_1.png", "", "SignatureDoesNotMatch"),
    ],
)
async def test_tampered_links(ask: Ask, signed: str, old: str, new: str, code: str) -> None:
    assert old in signed
    reply = await ask("GET", signed.replace(old, new), account=None)
    assert reply.status == 403
    assert f"<Code>{code}</Code>" in reply.text


async def test_bearer_is_an_error(ask: Ask, signed: str) -> None:
    reply = await ask("GET", signed, account="demo")
    assert reply.status == 400
    assert "<Code>InvalidArgument</Code>" in reply.text


async def test_only_pictures_are_stored(ask: Ask) -> None:
    reply = await ask("GET", "/covers/makerworld/slice_info.config", account=None)
    assert reply.status == 404
    assert "<Code>NoSuchKey</Code>" in reply.text
