"""A simulator of one's own, with its schedules, and plain requests to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from typing import Any

from aiohttp import ClientSession, DummyCookieJar
from freezegun.api import FrozenDateTimeFactory
import pytest
from yarl import URL

from simulator import Simulator
from simulator.cloud import Cloud

NOW = "2026-11-20 12:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Any
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.content)


type Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def simulator(
    socket_enabled: None, freezer: FrozenDateTimeFactory, options: dict[str, Any]
) -> AsyncIterator[Simulator]:
    freezer.move_to(NOW)
    simulator = Simulator(**options)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def cloud(simulator: Simulator) -> Cloud:
    return simulator.cloud


@pytest.fixture
def tokens(cloud: Cloud) -> Callable[[str], str]:
    def token(login: str) -> str:
        return cloud.accounts.token(cloud.accounts.find(login), datetime.now(UTC))

    return token


@pytest.fixture
async def session(simulator: Simulator) -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        yield session


@pytest.fixture
def ask(simulator: Simulator, session: ClientSession, tokens: Callable[[str], str]) -> Ask:
    """Ask as the demo account, as another, or as nobody."""

    async def ask(
        method: str,
        path: str,
        *,
        account: str | None = "demo",
        headers: dict[str, str] | None = None,
        body: Any = None,
        data: bytes | None = None,
    ) -> Reply:
        bearer = {"Authorization": f"Bearer {tokens(account)}"} if account else {}
        url = URL(path if path.startswith("http") else simulator.url + path, encoded=True)
        async with session.request(
            method,
            url,
            headers=bearer | (headers or {}),
            json=body,
            data=data,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    return ask


@pytest.fixture
def devices(ask: Ask) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    async def devices(endpoint: str = "bind", account: str = "demo") -> list[dict[str, Any]]:
        reply = await ask("GET", f"/v1/iot-service/api/user/{endpoint}", account=account)
        found: list[dict[str, Any]] = reply.json["devices"]
        return found

    return devices


@pytest.fixture
def tasks(ask: Ask) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def tasks(query: str = "limit=100", account: str = "demo") -> dict[str, Any]:
        reply = await ask("GET", f"/v1/user-service/my/tasks?{query}", account=account)
        page: dict[str, Any] = reply.json
        return page

    return tasks
