"""Which error an answer is, and what happens when there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import gzip
from http.cookies import SimpleCookie
from itertools import pairwise
import json
import logging
import threading
from time import perf_counter
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api import (
    CHINA,
    GLOBAL,
    REGIONS,
    BambuCloud,
    BambuCloudError,
    BlockedError,
    Broker,
    CannotConnectError,
    CaptchaError,
    Device,
    RateLimitedError,
    Region,
    ResponseError,
    Task,
    transport,
    values,
)
from custom_components.bambu_lab_cloud.api.clock import ServerClock

from .conftest import TOKEN, USER_AGENT, Stub, json_reply, raw
from .errors import ANYWHERE, BAD_UTF8, ELSEWHERE, UNREADABLE

DAY = timedelta(days=1)

type Call = Callable[[BambuCloud], Awaitable[Any]]


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"), [*ANYWHERE, *ELSEWHERE, *UNREADABLE, BAD_UTF8]
)
async def test_errors(
    *,
    cloud: BambuCloud,
    stub: Stub,
    status: int,
    body: bytes,
    headers: Any,
    error: type[BambuCloudError],
) -> None:
    stub.answer(raw(body, status=status, headers={"X-Request-Id": "r-1", **(headers or {})}))
    with pytest.raises(BambuCloudError) as caught:
        await cloud.get_devices()
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.request_id == cloud.last_request_id == "r-1"
    assert str(caught.value).startswith(f"iot-service/api/user/bind: HTTP {status}")
    assert len(stub.seen) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, {"code": 8}, 8),
        (400, {"code": "14"}, 14),
        (200, {"code": 418}, 418),
        (429, {"code": 7}, 7),
        (500, {"code": None}, None),
        (500, {"code": 0}, None),
        (400, {"code": 2**64}, None),
        (401, [], None),
    ],
)
async def test_codes(
    cloud: BambuCloud, stub: Stub, status: int, body: Any, code: int | None
) -> None:
    stub.answer(json_reply(body, status=status))
    with pytest.raises(BambuCloudError) as caught:
        await cloud.get_devices()
    assert caught.value.code == code


async def test_an_endless_name_of_a_request(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(json_reply({"devices": []}, headers={"X-Request-Id": "r" * 4_000}))
    await cloud.get_devices()
    assert cloud.last_request_id == "r" * 255


@pytest.mark.parametrize("code", [None, 0, 200, "0", True, [], "abc"])
async def test_success_codes(cloud: BambuCloud, stub: Stub, code: Any) -> None:
    stub.answer(json_reply({"code": code, "devices": []}))
    assert await cloud.get_devices() == []


async def test_json_is_read_whatever_its_type_says(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(b'\xef\xbb\xbf{"devices": []}', headers={"Content-Type": "text/html"}))
    assert await cloud.get_devices() == []


async def test_not_utf8_in_text_is_no_reason_to_fail(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(b'{"devices": [{"dev_id": "00M00A000000001", "name": "a\xff"}]}'))
    assert (await cloud.get_devices())[0].name == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("status", "body", "error", "shortest"),
    [
        (429, b"", RateLimitedError, 300),
        (403, b"<html>", BlockedError, 1800),
        (418, b"", CaptchaError, 4 * 3600),
    ],
)
@pytest.mark.parametrize(
    ("headers", "retry_after"),
    [
        ({}, 0),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": ""}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "120"}, 0),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "18000"}, 5 * 3600),
        ({"Retry-After": "1000000"}, 6 * 3600),
        # It counts from the server's clock, which is wrong by years here.
        (
            {
                "Date": "Wed, 01 Jan 2020 10:00:00 GMT",
                "Retry-After": "Wed, 01 Jan 2020 15:00:00 GMT",
            },
            5 * 3600,
        ),
        ({"Retry-After": "Wed, 01 Jan 2020 15:00:00 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 6 * 3600),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}, 0),
        ({"Date": "Fri, 31 Dec 9999 23:59:59 -2359", "Retry-After": "600"}, 600),
        ({"Retry-After": "9" * 5_000}, 0),
    ],
)
async def test_retry_after(
    *,
    cloud: BambuCloud,
    stub: Stub,
    status: int,
    body: bytes,
    error: type[RateLimitedError | BlockedError | CaptchaError],
    shortest: float,
    headers: dict[str, str],
    retry_after: float,
) -> None:
    stub.answer(raw(body, status=status, headers=headers))
    with pytest.raises(error) as caught:
        await cloud.get_devices()
    assert caught.value.retry_after == max(shortest, retry_after)


async def test_retry_after_counts_from_our_clock_without_a_date(
    cloud: BambuCloud, stub: Stub
) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    stub.answer(raw(b"", status=429, headers={"Retry-After": until, "Date": "?"}))
    with pytest.raises(RateLimitedError) as caught:
        await cloud.get_devices()
    assert 580 < caught.value.retry_after <= 600


async def test_timeout(stub: Stub, session: aiohttp.ClientSession) -> None:
    stub.answer(stub.hang)
    cloud = BambuCloud(session, Region.at(stub.url), TOKEN, user_agent=USER_AGENT, timeout=0.05)
    with pytest.raises(CannotConnectError) as caught:
        await cloud.get_tasks(device_id="00M00A000000001")
    assert str(caught.value) == "user-service/my/tasks: TimeoutError"
    assert caught.value.status is None
    assert caught.value.request_id is None


async def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _stop_halfway(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"devices": []')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize(
    "reply",
    [
        _hang_up,
        _stop_halfway,
        raw(b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["hang up", "stop halfway", "not gzip"],
)
async def test_broken_connection(cloud: BambuCloud, stub: Stub, reply: Any) -> None:
    stub.answer(reply)
    with pytest.raises(CannotConnectError) as caught:
        await cloud.get_devices()
    assert caught.value.__suppress_context__


async def test_not_http(socket_enabled: None, session: aiohttp.ClientSession) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    cloud = BambuCloud(session, Region.at(f"http://127.0.0.1:{port}"), TOKEN, user_agent=USER_AGENT)
    with pytest.raises(CannotConnectError):
        await cloud.get_devices()
    server.close()
    await server.wait_closed()
    # Nobody listens there any more.
    with pytest.raises(CannotConnectError):
        await cloud.get_devices()


async def test_compressed(cloud: BambuCloud, stub: Stub) -> None:
    stub.answer(raw(gzip.compress(b'{"devices": []}'), headers={"Content-Encoding": "gzip"}))
    assert await cloud.get_devices() == []
    assert stub.seen[0].headers["Accept-Encoding"] == "gzip, deflate"


MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("call", "largest"),
    [
        (lambda cloud: cloud.get_devices(), 4 * MIB),
        (lambda cloud: cloud.get_slicer_setting("1"), 4 * MIB),
        (lambda cloud: cloud.get_slicer_settings("1.0.0.0"), 32 * MIB),
    ],
)
async def test_too_large(cloud: BambuCloud, stub: Stub, call: Call, largest: int) -> None:
    whole, over = (
        gzip.compress(b'{"devices": []}'.ljust(size), 1) for size in (largest, largest + 1)
    )
    headers = {"Content-Encoding": "gzip", "X-Request-Id": "r-2"}
    stub.answer(raw(whole, headers=headers), raw(over, headers=headers))
    await call(cloud)
    with pytest.raises(ResponseError, match="too large") as caught:
        await call(cloud)
    assert (caught.value.status, caught.value.request_id) == (200, "r-2")


@pytest.mark.parametrize(
    ("size", "objects", "in_loop"),
    [
        (256 * 1024, 0, True),
        (256 * 1024 + 1, 0, False),
        # What is short may be much.
        (256 * 1024, 998, True),
        (256 * 1024, 999, False),
    ],
)
async def test_large_bodies_are_read_outside_of_the_loop(
    *,
    cloud: BambuCloud,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    objects: int,
    in_loop: bool,
) -> None:
    threads = set()

    def noting[**P, T](function: Callable[P, T]) -> Callable[P, T]:
        def note(*args: P.args, **kwargs: P.kwargs) -> T:
            threads.add(threading.current_thread() is threading.main_thread())
            return function(*args, **kwargs)

        return note

    monkeypatch.setattr(transport.jsonlib, "loads", noting(json.loads))
    monkeypatch.setattr(Device, "list_from_api", noting(Device.list_from_api))
    body = b'{"devices": [{"dev_id": "00M00A000000001"}' + b", {}" * objects + b"]}"
    stub.answer(raw(body.ljust(size)))
    assert await cloud.get_devices() == [Device("00M00A000000001")]
    assert threads == {in_loop}


async def test_the_loop_has_its_turns_while_a_large_body_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    json_loads = json.loads
    decoding = []

    def loads(*args: Any, **kwargs: Any) -> Any:
        decoding.append(perf_counter())
        result = json_loads(*args, **kwargs)
        decoding.append(perf_counter())
        return result

    monkeypatch.setattr(transport.jsonlib, "loads", loads)
    answer = transport.Answer(
        endpoint="my/ticket",
        status=200,
        headers={},
        cookies=SimpleCookie(),
        body=b'{"a": [' + b"{}," * 1_300_000 + b"{}]}",
        received=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    reading = asyncio.ensure_future(answer.read(len))
    turns = []
    while not reading.done():
        await asyncio.sleep(0)
        turns.append(perf_counter())
    assert await reading == 1
    start, end = decoding
    waits = [after - before for before, after in pairwise(turns) if start < after < end]
    # The decoder alone would let the loop wait once, for all of its time.
    assert len([wait for wait in waits if wait > 0.002]) > 2


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"), [*ANYWHERE, *ELSEWHERE, *UNREADABLE, BAD_UTF8]
)
async def test_large_errors(
    *,
    cloud: BambuCloud,
    stub: Stub,
    status: int,
    body: bytes,
    headers: Any,
    error: type[BambuCloudError],
) -> None:
    stub.answer(raw(body.ljust(300 * 1024), status=status, headers=headers))
    with pytest.raises(BambuCloudError) as caught:
        await cloud.get_devices()
    assert type(caught.value) is error


async def test_endless_lists(
    cloud: BambuCloud, stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger=values.__name__)
    stub.answer(raw(b'{"devices": [' + b"{}," * 100_000 + b"{}]}"))
    assert await cloud.get_print_status() == []
    stub.answer(json_reply({"hits": [{"id": 1, "amsDetailMapping": [1, 2]}, {}, "private"]}))
    assert (await cloud.get_tasks()).tasks == (Task("1"),)
    lines = [record.getMessage() for record in caplog.records if record.name == values.__name__]
    assert [line.split(", ") for line in lines] == [
        [
            "iot-service/api/user/print: skipped 100001 elements",
            "the first in PrintStatus.from_api: a required value is missing",
        ],
        [
            "user-service/my/tasks: skipped 4 elements",
            "the first in TaskFilament.from_api: an object was promised",
        ],
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Wed, 01 Jan 2020 10:00:00 GMT", datetime(2020, 1, 1, 10, tzinfo=UTC)),
        ("Wed, 01 Jan 2020 10:00:00 -0000", datetime(2020, 1, 1, 10, tzinfo=UTC)),
        ("Wed, 01 Jan 2020 12:00:00 +0200", datetime(2020, 1, 1, 10, tzinfo=UTC)),
        ("Wed, 99 Jan 2020 10:00:00 GMT", None),
        (f"Wed, 01 Jan 2020 10:00:00 +{'9' * 30}", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        (f"Wed, 01 Jan {'9' * 5_000} 10:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_dates(value: str | None, expected: datetime | None) -> None:
    assert transport.parse_date(value) == expected


DATES = st.text(st.characters(codec="latin-1")) | st.from_regex(
    r"Wed, [0-9]{1,2} Jan [0-9]{1,5} [0-9]{1,2}:[0-9]{2}:[0-9]{2} (GMT|-0000|[+-][0-9]{1,6})",
    fullmatch=True,
)


@given(DATES)
def test_dates_never_raise(value: str) -> None:
    date = transport.parse_date(value)
    assert date is None or date.tzinfo is UTC


@given(st.lists(st.tuples(DATES, DATES), max_size=12))
def test_any_headers_with_dates(headers: list[tuple[str, str]]) -> None:
    clock = ServerClock()
    for date, retry_after in headers:
        answer = transport.Answer(
            endpoint="user/bind",
            status=429,
            headers={"Date": date, "Retry-After": retry_after},
            cookies=SimpleCookie(),
            body=b"",
            received=datetime(2026, 3, 1, 12, tzinfo=UTC),
        )
        assert 300 <= answer.wait(RateLimitedError).retry_after <= 6 * 3600
        offset = answer.clock_offset
        clock.hear(timedelta() if offset is None else offset)
        assert abs(clock.offset) <= 30 * DAY


def test_regions() -> None:
    assert REGIONS == {"global": GLOBAL, "china": CHINA}
    assert (GLOBAL.api, GLOBAL.web) == ("https://api.bambulab.com", "https://bambulab.com")
    assert (CHINA.api, CHINA.web) == ("https://api.bambulab.cn", "https://bambulab.cn")
    assert GLOBAL.images is CHINA.images is None
    assert GLOBAL.mqtt == Broker("us.mqtt.bambulab.com", 8883, is_encrypted=True)
    assert CHINA.mqtt == Broker("cn.mqtt.bambulab.com", 8883, is_encrypted=True)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8090", "http://127.0.0.1:8090/", "http://127.0.0.1:8090/a?b"]
)
def test_region_at(base_url: str) -> None:
    origin = "http://127.0.0.1:8090"
    assert Region.at(base_url) == Region(api=origin, web=origin, images=origin)


@pytest.mark.parametrize("base_url", ["", "localhost", "/a", "http://"])
def test_region_nowhere(base_url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Region.at(base_url)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://127.0.0.1:1883", Broker("127.0.0.1", 1883, is_encrypted=False)),
        ("mqtt://127.8.7.6:1/", Broker("127.8.7.6", 1, is_encrypted=False)),
        ("mqtt://localhost:1883", Broker("localhost", 1883, is_encrypted=False)),
        ("mqtt://[::1]:65535", Broker("::1", 65535, is_encrypted=False)),
        ("mqtts://broker.example.com:8883", Broker("broker.example.com")),
        ("mqtts://192.168.1.2:8884", Broker("192.168.1.2", 8884)),
        ("mqtts://127.0.0.1:8883", Broker("127.0.0.1")),
    ],
)
def test_broker_at(url: str, broker: Broker) -> None:
    assert Broker.at(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:1883",
        "mqtt://127.0.0.1",
        "mqtt://127.0.0.1:0",
        "mqtts://127.0.0.1:65536",
        "mqtt://broker.example.com:1883",
        "mqtt://us.mqtt.bambulab.com:8883",
        "mqtt://192.168.1.2:1883",
        "mqtt://0.0.0.0:1883",
        "mqtt://localhost.example.com:1883",
        "mqtt://127.0.0.1.example.com:1883",
        "mqtt://127.0.0.1:1883@example.com:1883",
        "mqtts://user:password@broker.example.com:8883",
        "mqtts://broker.example.com:8883/path",
        "mqtts://broker.example.com:8883?query",
        " mqtts://broker.example.com:8883",
        "http://127.0.0.1:1883",
        "ws://127.0.0.1:1883",
    ],
)
def test_broker_nowhere(url: str) -> None:
    with pytest.raises(ValueError, match=r"broker") as caught:
        Broker.at(url)
    assert "example" not in str(caught.value)
