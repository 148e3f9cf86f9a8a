"""Hostile answers to every method of the client, and hostile messages of printers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.cookies import CookieError, SimpleCookie
import json
from random import Random
from typing import Any
from unittest.mock import patch

import aiohttp
from multidict import CIMultiDict

from custom_components.bambu_lab_cloud.api import (
    BambuCloud,
    BambuCloudError,
    BambuLogin,
    Region,
    client,
    image_type,
    login,
)
from custom_components.bambu_lab_cloud.api.report import parse
from scripts.fuzz_bodies import PAGES, SECRET, STATUSES, TEXTS, body, headers
from scripts.fuzz_judge import Judge, Stopwatch
from simulator import Simulator

ACCOUNT, PASSWORD = "demo@example.com", "demo-password"
AGENT = "fuzz"
X1C = "00M00A000000001"
# What an element is made of; more of them teach a mutation nothing.
FEW = 3

type Call = Callable[[BambuCloud, BambuLogin], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "refresh_token": lambda cloud, _: cloud.refresh_token("t"),
    "preference": lambda cloud, _: cloud.get_preference(),
    "devices": lambda cloud, _: cloud.get_devices(),
    "print_status": lambda cloud, _: cloud.get_print_status(),
    "tasks": lambda cloud, _: cloud.get_tasks(),
    "task": lambda cloud, _: cloud.get_task("1"),
    "create_task": lambda cloud, _: cloud.create_task({}),
    "messages": lambda cloud, _: cloud.get_messages(),
    "message_count": lambda cloud, _: cloud.get_message_count(),
    "filaments": lambda cloud, _: cloud.get_filaments(),
    "ticket": lambda cloud, _: cloud.get_ticket("1"),
    "versions": lambda cloud, _: cloud.get_device_versions(X1C),
    "rename": lambda cloud, _: cloud.rename_device(X1C, "X1C"),
    "projects": lambda cloud, _: cloud.get_projects(),
    "project": lambda cloud, _: cloud.get_project("1"),
    "profile": lambda cloud, _: cloud.get_profile("1", "US1"),
    "resources": lambda cloud, _: cloud.get_slicer_resources("slicer/plugins/cloud", "1.0.0.0"),
    "settings": lambda cloud, _: cloud.get_slicer_settings("1.0.0.0", public=False),
    "setting": lambda cloud, _: cloud.get_slicer_setting("1"),
    "notification": lambda cloud, _: cloud.get_notification("upload", "1"),
    "camera": lambda cloud, _: cloud.get_camera_credentials(X1C),
    "password": lambda _, login: login.with_password(ACCOUNT, PASSWORD),
    "email_code": lambda _, login: login.send_email_code(ACCOUNT),
    "sms_code": lambda _, login: login.send_sms_code("13800000000"),
    "code": lambda _, login: login.with_code(ACCOUNT, "123456"),
    "totp": lambda _, login: login.with_totp("key", "123456"),
}
# What the simulator refuses to this account, as others have published it.
PUBLISHED = {
    "refresh_token": {"accessToken": "t", "refreshToken": "r", "expiresIn": 7776000},
    "password": {"accessToken": "", "loginType": "verifyCode", "tfaKey": ""},
    "code": {"accessToken": "t", "refreshToken": "r", "expiresIn": 7776000},
    "totp": {"data": {"token": "t"}},
    "create_task": {"id": 1},
    "camera": {"ttcode": "t", "passwd": "p", "authkey": "a", "region": "us", "type": "tutk"},
    "ticket": {"ticket": "t"},
    "setting": {"setting_id": "GFSA00", "name": "PLA", "setting": {"nozzle": "0.4"}},
    "project": {"project_id": "1", "name": "Boat", "profiles": [{"profile_id": "1"}]},
    "profile": {
        "profile_id": "1",
        "context": {
            "compatibility": {"dev_model_name": "C11"},
            "plates": [{"index": 1, "filaments": [{"id": "1", "used_g": "2.5"}]}],
            "materials": [{"material": "PLA", "color": "FF0000FF"}],
            "pictures": [{"name": "a", "dir": "b", "url": "https://example.com/"}],
        },
    },
    "task": {"job_id": 1, "name": "Boat", "status": "RUNNING", "sub_task": [{"id": 1}]},
}


def _few(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _few(value) for key, value in data.items()}
    return [_few(value) for value in data[:FEW]] if isinstance(data, list) else data


async def valid_bodies() -> dict[str, Any]:
    """Return what the simulator answers to every method, whose lists are cut."""
    simulator = Simulator(history=FEW, mqtt="manual")
    await simulator.start()
    heard: list[bytes] = []

    async def listen(*args: Any, **options: Any) -> Any:
        answer = await send(*args, **options)
        if answer.status == 200:
            heard.append(answer.body)
        return answer

    send, bodies = client.send, dict[str, Any](PUBLISHED)
    async with aiohttp.ClientSession() as session:
        region = Region.at(simulator.url)
        sign_in = BambuLogin(session, region, user_agent=AGENT)
        await sign_in.send_email_code(ACCOUNT)
        code = simulator.cloud.code(ACCOUNT)["code"]
        token = await sign_in.with_code(ACCOUNT, code)
        with patch.object(client, "send", listen), patch.object(login, "send", listen):
            for name, call in CALLS.items():
                heard.clear()
                cloud = BambuCloud(session, region, token.access_token, user_agent=AGENT)
                try:
                    await call(cloud, sign_in)
                except BambuCloudError:
                    continue
                for each in heard:
                    bodies[name] = _few(json.loads(each or b"{}"))
    await simulator.stop()
    return bodies


class _Response:
    """An answer as aiohttp gives it."""

    def __init__(self, status: int, pairs: list[tuple[str, str]], content: bytes) -> None:
        self.status = status
        self.headers = CIMultiDict(pairs)
        self.cookies = SimpleCookie()
        self.content = self
        self._body = content
        for cookie in self.headers.getall("Set-Cookie", []):
            try:
                self.cookies.load(cookie)
            except CookieError:
                continue

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""
        yield self._body[:1000]
        yield self._body[1000:]


class _Session:
    """A session whose next answer is known."""

    answer: _Response

    @asynccontextmanager
    async def request(self, *_: Any, **__: Any) -> AsyncIterator[_Response]:
        """Answer."""
        yield self.answer


@contextmanager
def _timed(judge: Judge, watch: Stopwatch, what: str) -> Iterator[None]:
    began = watch()
    yield
    judge.held(watch() - began, what)


class Parsers:
    """Everything that reads what comes from outside, without a network."""

    def __init__(self, judge: Judge, valid: dict[str, Any], pushes: list[Any]) -> None:
        self._judge = judge
        self._valid = valid
        self._pushes = pushes
        self._watch = Stopwatch()
        self._names = sorted(CALLS)
        self._session: Any = _Session()
        self._region = Region.at("http://127.0.0.1:1")

    async def answer(self, random: Random) -> None:
        """Answer a method of the client."""
        name = random.choice(self._names)
        content = body(random, self._valid.get(name, {"code": 1, "error": "No"}))
        response = _Response(random.choice(STATUSES), headers(random), content)
        self._session.answer = response
        cloud = BambuCloud(self._session, self._region, SECRET, user_agent=AGENT)
        sign_in = BambuLogin(self._session, self._region, user_agent=AGENT)
        judge = self._judge
        try:
            with _timed(judge, self._watch, name):
                result = await CALLS[name](cloud, sign_in)
        except BambuCloudError as err:
            judge.hide(f"{err} {err!r}", "error")
            judge.value(vars(err))
        except Exception as err:  # noqa: BLE001 - that is what is looked for
            judge.blame("typed errors", f"{name}: {err!r}")
        else:
            judge.value(result)
        judge.value(cloud.last_request_id)

    async def push(self, random: Random) -> None:
        """Say something by push."""
        content = body(random, random.choice(self._pushes))
        try:
            with _timed(self._judge, self._watch, "push"):
                result = parse(content)
        except Exception as err:  # noqa: BLE001 - that is what is looked for
            self._judge.blame("typed errors", f"push: {err!r}")
        else:
            self._judge.value(result)

    async def picture(self, random: Random) -> None:
        """Show a picture, and name where one is."""
        begin = random.choice(
            (b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF1234WEBPVP8X", b"GIF8", b"")
        )
        content = begin + random.choice((random.randbytes(200), b"\xff\xe0\0\2" * 200_000, *PAGES))
        host = random.choice(("https://", "//", "ftp://", "https://x.bblmw.com", *TEXTS))
        cloud = BambuCloud(self._session, self._region, SECRET, user_agent=AGENT)
        try:
            with _timed(self._judge, self._watch, "picture"):
                image_type(content)
                url = cloud._image_url(host + random.choice(TEXTS))  # noqa: SLF001 - before it is asked
            if url.host is None or not url.host.endswith(".bblmw.com") or url.scheme != "https":
                self._judge.blame("addresses", str(url))
        except BambuCloudError as err:
            self._judge.hide(str(err), "error")
        except Exception as err:  # noqa: BLE001 - that is what is looked for
            self._judge.blame("typed errors", f"picture: {err!r}")

    def stop(self) -> None:
        """Watch no more."""
        self._watch.stop()
