"""A cloud that answers what a test says, over real loopback HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
import json
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.bambu_lab_cloud.api import BambuCloud, BambuLogin, Region

TOKEN = "opaque-token"
USER_AGENT = "bambu-lab-cloud-tests/1.0"

type Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def raw(body: bytes, *, status: int = 200, headers: Any = None) -> Reply:
    """Answer with these bytes."""

    async def reply(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return reply


def json_reply(body: Any, *, status: int = 200, headers: Any = None) -> Reply:
    """Answer with this JSON."""
    return raw(json.dumps(body).encode(), status=status, headers=headers)


@dataclass
class Seen:
    """A request that reached the stub."""

    method: str
    path: str
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass
class Stub:
    """Gives its replies in turn, the last one for ever."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, *replies: Reply) -> None:
        """Set what comes next."""
        self.replies = list(replies)

    async def hang(self, _: web.Request) -> web.StreamResponse:
        """Answer only when the test is over."""
        await self.released.wait()
        return web.Response()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the request and give the next reply."""
        self.seen.append(
            Seen(request.method, request.raw_path, request.headers, await request.read())
        )
        reply = self.replies[0]
        self.replies = self.replies[1:] or self.replies
        return await reply(request)


@pytest.fixture
async def stub(socket_enabled: None) -> AsyncGenerator[Stub]:
    stub = Stub()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.handle)
    server = TestServer(app)
    await server.start_server(access_log=None)
    stub.url = str(server.make_url("/")).rstrip("/")
    yield stub
    stub.released.set()
    await server.close()


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session like Home Assistant's shared one: it has a cookie jar."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def cloud(stub: Stub, session: aiohttp.ClientSession) -> BambuCloud:
    return BambuCloud(session, Region.at(stub.url), TOKEN, user_agent=USER_AGENT)


@pytest.fixture
async def login(stub: Stub) -> AsyncGenerator[BambuLogin]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield BambuLogin(session, Region.at(stub.url), user_agent=USER_AGENT)
