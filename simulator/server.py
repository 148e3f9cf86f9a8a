"""The cloud over HTTP: who may ask, faults, the log of requests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
import socket
import struct
from typing import Any
from urllib.parse import urlsplit
import uuid

from aiohttp import web

from . import answers, control, endpoints
from .answers import Answer, RefusedError
from .cloud import Cloud
from .control import CLOUD, LIVE
from .endpoints import Call, Handler
from .faults import SPOILS, Fault, OldAnswers, spoiled
from .live import Live, Mqtt

STOPPING = web.AppKey("stopping", asyncio.Event)
OLD_ANSWERS = web.AppKey("old_answers", OldAnswers)
ACCOUNT = web.RequestKey("account", str)
# Who closes a connection so resets it: what is not sent yet is not sent any more.
AT_ONCE = struct.pack("ii", 1, 0)

type Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _respond(answer: Any) -> web.Response:
    """Turn what an endpoint says into a response."""
    if not isinstance(answer, Answer):
        answer = Answer(200, answer)
    body, headers = b"", dict(answer.headers)
    if isinstance(answer.body, bytes):
        body = answer.body
    elif isinstance(answer.body, str):
        body = answer.body.encode()
    elif answer.body is not None:
        body = json.dumps(answer.body, ensure_ascii=False).encode(errors="backslashreplace")
        headers["Content-Type"] = "application/json"
    response = web.Response(status=answer.status, body=body or None, headers=headers)
    for name, value in answer.cookies.items():
        response.set_cookie(name, value, path="/", httponly=True, max_age=answer.max_age)
    return response


async def _body(request: web.Request) -> Any:
    """Return the JSON of a request."""
    if not request.can_read_body:
        return None
    try:
        return json.loads(await request.read())
    except ValueError:
        raise RefusedError(answers.BAD_REQUEST) from None


def _endpoint(handler: Handler, *, public: bool) -> Serve:
    """Serve an endpoint, to those who may ask."""

    async def serve(request: web.Request) -> web.StreamResponse:
        cloud, now = request.app[CLOUD], datetime.now(UTC)
        call = Call(
            cloud=cloud,
            now=now,
            base=f"{request.scheme}://{request.host}",
            path=request.raw_path,
            query=request.query,
            params=request.match_info,
            headers=request.headers,
            cookies=request.cookies,
        )
        try:
            if not public:
                kind, _, token = request.headers.get("Authorization", "").partition(" ")
                call.account = cloud.accounts.of_token(token, now) if kind == "Bearer" else None
                if call.account is None:
                    empty = request.path.endswith(endpoints.PREFERENCE)
                    return _respond(answers.UNAUTHORIZED_EMPTY if empty else answers.UNAUTHORIZED)
            call.body = await _body(request)
            return _respond(handler(call))
        except RefusedError as error:
            return _respond(error.answer)
        finally:
            if call.account:
                request[ACCOUNT] = call.account.alias

    return serve


async def _strike(request: web.Request, fault: Fault, handler: Serve) -> web.StreamResponse:
    """Answer with a fault."""
    if fault.answer:
        return _respond(fault.answer)
    cloud = request.app[CLOUD]
    if fault.name == "slow":
        await _wait(request, cloud.slow_seconds)
    if fault.name in ("slow", "date"):
        return await handler(request)
    if fault.name == "timeout":
        await _wait(request, None)
    if fault.name in (*SPOILS, "truncated", "trickle", "wrong_gzip"):
        answer = await handler(request)
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            return await _spoil(request, fault, answer, answer.body)
        return answer
    _hang_up(request, reset=fault.name == "reset")
    return web.Response()


async def _wait(request: web.Request, seconds: float | None) -> None:
    """Let time pass, until the simulator stops without a number of seconds."""
    stopping, cloud = request.app[STOPPING], request.app[CLOUD]
    cloud.stalled += 1
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
    finally:
        cloud.stalled -= 1


def _hang_up(request: web.Request, *, reset: bool = False) -> None:
    if transport := request.transport:
        if reset:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        transport.abort()


async def _spoil(
    request: web.Request, fault: Fault, answer: web.Response, body: bytes
) -> web.StreamResponse:
    """Send another answer than the right one, or not all of it."""
    if fault.name == "wrong_gzip":
        answer.headers["Content-Encoding"] = "gzip"
    elif fault.name in ("truncated", "trickle"):
        return await _send_slowly(request, fault, answer, body)
    elif fault.name == "old":
        old = request.app[OLD_ANSWERS].find(_asked(request), datetime.now(UTC))
        answer.body = old or body
    elif answer.content_type == "application/json" and isinstance(json.loads(body), dict):
        told = spoiled(fault.name, json.loads(body), fault.seed)
        answer.body = json.dumps(told, ensure_ascii=False).encode()
    return answer


async def _send_slowly(
    request: web.Request, fault: Fault, answer: web.Response, body: bytes
) -> web.StreamResponse:
    """Send half of an answer and hang up, or send it by a byte a second."""
    sent = web.StreamResponse(status=answer.status, headers=answer.headers)
    sent.content_length = len(body)
    await sent.prepare(request)
    if fault.name == "truncated":
        await sent.write(body[: len(body) // 2])
        if request.transport:
            request.transport.close()
        return sent
    for index in range(len(body)):
        await sent.write(body[index : index + 1])
        await _wait(request, 1)
    return sent


def _asked(request: web.Request) -> str:
    """Return what an answer is to, and to whom."""
    return f"{request.get(ACCOUNT)} {request.path_qs}"


def _keep(request: web.Request, response: web.StreamResponse) -> None:
    """Keep an answer, to be given once more when it is old."""
    body = response.body if isinstance(response, web.Response) else None
    if request.path.startswith("/v1/") and isinstance(body, bytes):
        request.app[OLD_ANSWERS].keep(_asked(request), body, datetime.now(UTC))


def _date(fault: Fault | None) -> str:
    """Return the date of an answer, which a fault may set wrong."""
    date = None if fault is None else fault.date
    if isinstance(date, str):
        return date
    return format_datetime(datetime.now(UTC) + timedelta(seconds=date or 0), usegmt=True)


@web.middleware
async def _middleware(request: web.Request, handler: Serve) -> web.StreamResponse:
    """Let faults strike, note the request, and send the headers that every answer has."""
    if request.path.startswith("/simulator"):
        return await handler(request)
    cloud, at = request.app[CLOUD], datetime.now(UTC)
    fault = cloud.take_fault(request.path)
    status: int | None = None
    try:
        response = await (_strike(request, fault, handler) if fault else handler(request))
        status = response.status
        if fault is None and status == 200 and request.method == "GET":
            _keep(request, response)
    except web.HTTPException as error:
        text = Answer(error.status, error.reason, answers.TEXT)
        response = _respond(answers.ROUTE_NOT_FOUND if error.status == 404 else text)
        status = response.status
    finally:
        resource = request.match_info.route.resource
        canonical = resource.canonical if resource else ""
        cloud.log_request(
            at=at.isoformat(),
            method=request.method,
            # A ticket is as good as a token.
            path=canonical if "/ticket/" in canonical else request.path,
            query=sorted(request.query),
            status=status,
            account=request.get(ACCOUNT),
            fault=fault and fault.name,
        )
    if not response.prepared:
        response.headers["Date"] = _date(fault)
        response.headers["X-Request-Id"] = uuid.uuid4().hex
    return response


class Simulator(Live):
    """A Bambu Lab cloud on a port of this machine, and its broker on another."""

    def __init__(
        self,
        *,
        era: str = "2026",
        time_factor: float = 1.0,
        history: int = 20,
        printers: int | None = None,
        seed: int = 1,
        card_keeps_job: bool = False,
        list_id: str = "task_id",
        mqtt: Mqtt = False,
        silence: float = 200,
    ) -> None:
        """Stock the cloud."""
        cloud = Cloud(
            era=era,
            time_factor=time_factor,
            history=history,
            printers=printers,
            seed=seed,
            card_keeps_job=card_keeps_job,
            list_id=list_id,
        )
        super().__init__(cloud, mqtt=mqtt, silence=silence)
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._stopping: asyncio.Event | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1", mqtt_port: int = 0) -> None:
        """Serve on these ports, 0 for a free one."""
        app = web.Application(middlewares=[_middleware])
        app[CLOUD], app[LIVE] = self.cloud, self
        app[STOPPING] = self._stopping = asyncio.Event()
        app[OLD_ANSWERS] = OldAnswers()
        for routes, public in ((endpoints.PUBLIC, True), (endpoints.SIGNED_IN, False)):
            for method, path, handler in routes:
                serve = _endpoint(handler, public=public)
                app.router.add_route(method, path, serve)
                if path.startswith("/v1/"):
                    # The web host, which is another one in the world, mirrors the API.
                    app.router.add_route(method, f"/api{path}", serve)
        control.add_routes(app)
        # A client that gives up must not leave a hanging request behind.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await self._listen(host, port)
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        if self.mqtt:
            await self.start_broker(mqtt_port)

    async def _listen(self, host: str, port: int) -> None:
        if self._runner:
            self._site = web.TCPSite(self._runner, host, port)
            await self._site.start()

    async def refuse(self) -> None:
        """Refuse all connections by HTTP, and cut those that stand."""
        if self._site and self._runner and self._runner.server:
            await self._site.stop()
            self._site = None
            for connection in self._runner.server.connections:
                if connection.transport:
                    connection.transport.abort()

    async def accept(self) -> None:
        """Take connections again, on the same port."""
        if self._site is None:
            url = urlsplit(self.url)
            await self._listen(url.hostname or "", url.port or 0)

    async def stop(self) -> None:
        """Stop serving."""
        await self.stop_broker()
        if self._runner and self._stopping:
            self._stopping.set()
            await self._runner.cleanup()
            self._runner = None
