"""One request and the answer to it, and which error an answer is."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import sha256
from http.cookies import SimpleCookie
from ipaddress import ip_address
import json as jsonlib
import logging
import re
from types import MappingProxyType
from typing import Any, Self

import aiohttp
from yarl import URL

from .errors import (
    AuthenticationError,
    BambuCloudError,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
    RetryLaterError,
)
from .values import integer, label, mapping, number, part, skipping, text

_LOGGER = logging.getLogger(__name__)

LARGEST_BODY = 4 * 1024 * 1024
# What is read in the event loop; it takes some milliseconds. A short body can be many objects, each
# of which takes some microseconds to read.
_LARGEST_BODY_IN_LOOP = 256 * 1024
_MOST_OBJECTS_IN_LOOP = 1_000
_LONGEST_WAIT = 6 * 3600.0
# How long to ask nothing, also where the cloud names a shorter time.
_WAITS: dict[type[RetryLaterError], float] = {
    RateLimitedError: 300.0,
    BlockedError: 1800.0,
    CaptchaError: 4 * 3600.0,
}
# The envelope has numbers of its own for two statuses.
_STATUS_OF_CODE = {4: 401, 8: 403}
# What tells a 503 of the firewall from an outage, which has a page or an "error code: 503" as well.
_FIREWALL = re.compile(
    rb"^error code: 10\d\d|Just a moment|Attention Required|challenges\.cloudflare\.com"
)
_LONGEST_PAGE = 64 * 1024
# Neither user nor path.
_BROKER_URL = re.compile(
    r"(?P<scheme>mqtts?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})/?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where printers speak for themselves: an MQTT broker, by TLS unless it is on this machine.

    Raises ValueError for one elsewhere that is not encrypted.
    """

    host: str
    port: int = 8883
    is_encrypted: bool = True

    def __post_init__(self) -> None:
        if not self.is_encrypted and not _is_here(self.host):
            raise ValueError("a broker elsewhere must be encrypted")

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the broker at `mqtts://host:port` or, on this machine, `mqtt://host:port`.

        Raises ValueError for anything else, an account in the address included.
        """
        match = _BROKER_URL.fullmatch(url)
        if match is None or not 0 < int(match["port"]) < 2**16:
            raise ValueError("not the address of a broker")
        return cls(match["host"].strip("[]"), int(match["port"]), match["scheme"] == "mqtts")


def _is_here(host: str) -> bool:
    """Return whether a host is this machine, by name or by address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Region:
    """Where an account lives: the origins of the API and of the web sign-in, and the MQTT broker.

    Images come from many hosts, all known by name; `images` is the one origin that is exempt
    from the rules for them. Where `mqtt` is None there is no broker.
    """

    api: str
    web: str
    images: str | None = None
    mqtt: Broker | None = None

    @classmethod
    def at(cls, base_url: str) -> Self:
        """Return the region whose every host is this one, such as a simulator, without a broker.

        Raises ValueError where `base_url` is not an absolute URL.
        """
        origin = str(URL(base_url).origin())
        return cls(api=origin, web=origin, images=origin)


# China's broker lives in the other domain as well (community documents).
GLOBAL = Region(
    api="https://api.bambulab.com",
    web="https://bambulab.com",
    mqtt=Broker("us.mqtt.bambulab.com"),
)
CHINA = Region(
    api="https://api.bambulab.cn", web="https://bambulab.cn", mqtt=Broker("cn.mqtt.bambulab.com")
)
REGIONS: Mapping[str, Region] = MappingProxyType({"global": GLOBAL, "china": CHINA})


def bare(token: str) -> str:
    """Return a token without the line breaks and blanks that come with a pasted one."""
    return "".join(char for char in token if char.isprintable() and char != " ")


def parse_date(value: str | None) -> datetime | None:
    """Return the time of an HTTP date in UTC."""
    try:
        date = parsedate_to_datetime(value or "")
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except ValueError, OverflowError:
        return None


def _give_way(value: dict[str, Any]) -> dict[str, Any]:
    """Change nothing.

    The decoder is one piece of C: without a call into Python now and then it would hold the
    interpreter, and with it the event loop, in whatever thread it runs.
    """
    return value


async def _aside[T](body: bytes, work: Callable[[], T]) -> T:
    """Do what reads a body, outside of the event loop where that takes long."""
    if len(body) <= _LARGEST_BODY_IN_LOOP and body.count(b"{") <= _MOST_OBJECTS_IN_LOOP:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)


@dataclass(frozen=True, repr=False)
class Answer:
    """What came back, not yet judged. `endpoint` is a template and names no id."""

    endpoint: str
    status: int
    headers: Mapping[str, str]
    cookies: SimpleCookie
    body: bytes
    received: datetime
    known: bytes | None = None

    @cached_property
    def digest(self) -> bytes:
        """Return what tells the body from any other, and nothing of what it holds."""
        return sha256(self.body).digest()

    @property
    def is_known(self) -> bool:
        """Return if the body is the one that the caller has read before."""
        return self.known is not None and self.digest == self.known

    @property
    def request_id(self) -> str | None:
        """Return the cloud's name for the request."""
        return label(self.headers.get("X-Request-Id"))

    @property
    def clock_offset(self) -> timedelta | None:
        """Return how far the server's clock is ahead of ours; it shows whole seconds."""
        date = parse_date(self.headers.get("Date"))
        return None if date is None else date - self.received

    @cached_property
    def data(self) -> Any:
        """Return the decoded JSON body, None where it is none; of one that is known nothing."""
        if self.is_known:
            return {}
        try:
            body = self.body.decode("utf-8-sig", errors="replace")
            return jsonlib.loads(body, object_hook=_give_way)
        except ValueError, RecursionError:
            return None

    @property
    def code(self) -> int | None:
        """Return the error number of the envelope; 0 and null are success."""
        return integer(part(self.data).get("code")) or None

    @property
    def error(self) -> str:
        """Return the error text of the envelope, or of a body that is no JSON."""
        if isinstance(self.data, dict):
            return text(self.data.get("error")) or text(self.data.get("message")) or ""
        return self.body[:200].decode(errors="replace")

    @property
    def meaning(self) -> int:
        """Return the HTTP status, or the one an HTTP 200 hides in its envelope."""
        if not 200 <= self.status < 300 or self.code in {None, 200}:
            return self.status
        code = _STATUS_OF_CODE.get(self.code, self.code)
        return code if 400 <= code < 600 else 400

    @property
    def _is_markup(self) -> bool:
        return self.body.lstrip()[:1] == b"<"

    @property
    def _is_captcha(self) -> bool:
        return (
            418 in {self.status, self.code}
            or "captchaId" in part(self.data)
            or "not a robot" in self.error
        )

    @property
    def _is_blocked(self) -> bool:
        return (
            self.headers.get("cf-mitigated") == "challenge"
            or (self.status == 403 and self._is_markup)
            or (self.status in {403, 503} and self._is_firewall)
        )

    @property
    def _is_firewall(self) -> bool:
        return _FIREWALL.search(self.body, 0, _LONGEST_PAGE) is not None

    def check(self) -> None:
        """Raise what the answer is, if it is an error.

        The rules come from bodies that were captured or published up to 2026.
        """
        meaning = self.meaning
        if self._is_captcha:
            raise self.wait(CaptchaError)
        if meaning == 429:
            raise self.wait(RateLimitedError)
        if self._is_blocked:
            raise self.wait(BlockedError)
        if meaning == 401:
            raise self.fail(AuthenticationError)
        if meaning == 403:
            raise self.fail(PermissionDeniedError)
        if meaning >= 500:
            raise self.fail(CannotConnectError)
        if meaning >= 300 or self._is_markup:
            raise self.fail(ResponseError)

    async def read[T](self, parse: Callable[[dict[str, Any]], T]) -> T:
        """Return the body, which must be a JSON object, as `parse` reads it.

        With a large body, `parse` runs in another thread.
        """

        def read() -> T:
            try:
                with skipping(self.endpoint):
                    return parse(mapping(self.data))
            except ResponseError as err:
                raise self.fail(ResponseError, str(err)) from None

        return await _aside(self.body, read)

    def fail[E: BambuCloudError](self, kind: type[E], reason: str = "") -> E:
        """Return an error of this kind about this answer."""
        return kind(
            self._message(reason), status=self.status, request_id=self.request_id, code=self.code
        )

    def wait[E: RetryLaterError](self, kind: type[E]) -> E:
        """Return an error of this kind that says how long to wait."""
        return kind(
            min(max(self._retry_after(), _WAITS[kind]), _LONGEST_WAIT),
            self._message(),
            status=self.status,
            request_id=self.request_id,
            code=self.code,
        )

    def _message(self, reason: str = "") -> str:
        return f"{self.endpoint}: HTTP {self.status}" + (f", {reason}" if reason else "")

    def _retry_after(self) -> float:
        value = self.headers.get("Retry-After")
        seconds = number(value)
        if seconds is None and (until := parse_date(value)) is not None:
            now = parse_date(self.headers.get("Date")) or self.received
            seconds = (until - now).total_seconds()
        return seconds or 0.0


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    *,
    endpoint: str,
    headers: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - it becomes aiohttp's own
    json: Mapping[str, Any] | None = None,
    largest_body: int = LARGEST_BODY,
    known: bytes | None = None,
) -> Answer:
    """Send one request and read the whole answer. Redirects are answers, too.

    Where the body has the digest that is `known`, it is not decoded, and `data` is empty.

    Raises CannotConnectError when there is none within `timeout` seconds, ResponseError when it
    is larger than `largest_body` bytes.
    """
    body = bytearray()
    try:
        async with session.request(
            method,
            url,
            headers={"Accept-Encoding": "gzip, deflate", **headers},
            json=json,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            received = datetime.now(UTC)
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > largest_body:
                    raise ResponseError(
                        f"{endpoint}: the answer is too large",
                        status=response.status,
                        request_id=label(response.headers.get("X-Request-Id")),
                    )
    except (TimeoutError, aiohttp.ClientError) as err:
        # The text of these errors can hold the whole URL.
        raise CannotConnectError(f"{endpoint}: {type(err).__name__}") from None
    _LOGGER.debug("%s %s: HTTP %s", method, endpoint, response.status)
    answer = Answer(
        endpoint, response.status, response.headers, response.cookies, bytes(body), received, known
    )
    # Farms ask for a large one all the time, and most often nothing is new in it.
    if not answer.is_known:
        await _aside(answer.body, lambda: answer.data)
    return answer
