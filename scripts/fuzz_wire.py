"""Answers without end, over a real connection: they are read to their bound and no further."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
import gzip
import resource
from typing import Any
import zlib

import aiohttp
from aiohttp import web

from custom_components.bambu_lab_cloud.api import BambuCloud, BambuCloudError, Region
from scripts.bench_live import Hold, watched
from scripts.fuzz_bodies import SECRET
from scripts.fuzz_judge import Judge

MB = 1024 * 1024
# MB that the process may take more for an answer that promises gigabytes; the largest that is
# read has 32, and is decoded after that.
MOST = 150


def _bomb(bits: int) -> bytes:
    """Return 2 GB of nothing in some MB."""
    squeeze, nothing = zlib.compressobj(1, zlib.DEFLATED, bits), bytes(MB)
    return b"".join([*(squeeze.compress(nothing) for _ in range(2048)), squeeze.flush()])


async def _no_end(response: web.StreamResponse) -> None:
    """Send until nobody reads any more, but no more than 4 GB."""
    for _ in range(4096):
        await response.write(b" " * MB)


def _answers() -> dict[str, tuple[dict[str, str], bytes | Callable[..., Any]]]:
    gzipped = _bomb(31)
    coded = {
        "gzip": gzipped,
        "deflate": _bomb(15),
        "gzip, gzip": gzip.compress(gzipped),
        "br": gzipped,
        "zstd": gzipped,
    }
    return {
        **{coding: ({"Content-Encoding": coding}, content) for coding, content in coded.items()},
        "members": ({"Content-Encoding": "gzip"}, gzip.compress(b"") * 30_000),
        "no end": ({}, _no_end),
        "headers": ({f"X-{number}": "x" * 4_000 for number in range(200)}, b"{}"),
        "header": ({"X": "x" * 100_000}, b"{}"),
        "cookies": ({"Set-Cookie": "a=b; " * 1_500}, b"{}"),
    }


@asynccontextmanager
async def _serving(answer: Any) -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        headers, content = answer()
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with suppress(ConnectionError):
            await (content(response) if callable(content) else response.write(content))
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def bombs(judge: Judge) -> int:
    """Ask for all of them, by three ways that have bounds of their own; return how many."""
    answers, name = _answers(), ""
    asked = 0
    async with _serving(lambda: answers[name]) as url, aiohttp.ClientSession() as session:
        for name in answers:
            cloud = BambuCloud(session, Region.at(url), SECRET, user_agent="fuzz")
            calls = (
                cloud.get_devices,
                lambda cloud=cloud: cloud.get_slicer_settings("1.0.0.0"),
                lambda cloud=cloud: cloud.download_image(f"{url}/a.png"),
            )
            for call in calls:
                asked += 1
                before, hold = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Hold()
                with watched(hold):
                    try:
                        await call()
                    except BambuCloudError as err:
                        judge.hide(str(err), "error")
                    except Exception as err:  # noqa: BLE001 - that is what is looked for
                        judge.blame("typed errors", f"{name}: {err!r}")
                judge.held(hold.cpu - hold.garbage, f"{name}: {hold.what}")
                after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                if (grown := (after - before) / 1024) > MOST:
                    judge.blame("capped", f"{name}: {grown:.0f} MB")
    return asked
