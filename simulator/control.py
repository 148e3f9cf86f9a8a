"""The endpoints under /simulator that steer the simulated cloud."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from aiohttp import web

from .cloud import Cloud
from .live import Live

CLOUD = web.AppKey("cloud", Cloud)
LIVE = web.AppKey("live", Live)

type Command = Callable[[Cloud, web.Request, dict[str, Any]], Any]


def _state(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.state()


def _code(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.code(request.match_info["account"], request.query.get("kind"))


def _add_printer(cloud: Cloud, _request: web.Request, body: dict[str, Any]) -> Any:
    return {"dev_id": cloud.add_printer(**body)}


def _remove_printer(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> None:
    cloud.remove_printer(request.match_info["dev_id"], request.query.get("account"))


def _bind_printer(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.bind_printer(request.match_info["dev_id"], **body)


def _change_printer(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.change_printer(request.match_info["dev_id"], **body)


def _start(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return {"task_id": cloud.start(request.match_info["dev_id"], **body)}


def _end(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.end(request.match_info["dev_id"], **body)


def _pause(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.pause(request.match_info["dev_id"], **body)


def _resume(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> None:
    cloud.resume(request.match_info["dev_id"])


def _stop_schedules(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> None:
    cloud.stop_schedules()


def _revoke(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> None:
    cloud.revoke(request.match_info["account"])


def _set_expires_in(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.set_expires_in(request.match_info["account"], **body)


def _send_messages(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.send_messages(request.match_info["account"], **body)


def _faults(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.faults()


def _add_fault(cloud: Cloud, _request: web.Request, body: dict[str, Any]) -> None:
    cloud.add_fault(**body)


def _plan_faults(cloud: Cloud, _request: web.Request, body: dict[str, Any]) -> None:
    cloud.plan_faults(**body)


def _clear_faults(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> None:
    cloud.clear_faults()


def _requests(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.requests(int(request.query.get("since", "0")))


def _clear_requests(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> None:
    cloud.clear_requests()


def _received(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.received()


def _clear_received(cloud: Cloud, _request: web.Request, _body: dict[str, Any]) -> None:
    cloud.clear_received()


def _set_error(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.set_error(request.match_info["dev_id"], **body)


def _ams(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return cloud.ams(request.match_info["dev_id"])


def _unit(request: web.Request) -> tuple[str, int]:
    return request.match_info["dev_id"], int(request.match_info["unit"])


def _tray(request: web.Request) -> tuple[str, int, int]:
    return *_unit(request), int(request.match_info["tray"])


def _plug_ams(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return {"serial": cloud.plug_ams(*_unit(request), **body)}


def _unplug_ams(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return {"serial": cloud.unplug_ams(*_unit(request), **body)}


def _change_ams(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.change_ams(*_unit(request), **body)


def _put_spool(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return {"spool": cloud.put_spool(*_tray(request), **body)}


def _take_spool(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return {"spool": cloud.take_spool(*_tray(request))}


def _change_spool(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.change_spool(*_tray(request), **body)


def _run_out(cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> None:
    cloud.run_out(request.match_info["dev_id"])


def _refuse_mqtt(cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    cloud.refuse_mqtt(request.match_info["account"], **body)


def _mqtt(_cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return request.app[LIVE].mqtt_state(int(request.query.get("since", "0")))


def _clear_mqtt(_cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> None:
    request.app[LIVE].clear_mqtt_log()


def _mqtt_secrets(_cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return request.app[LIVE].mqtt_secrets()


def _stop_broker(_cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return request.app[LIVE].stop_broker()


def _start_broker(_cloud: Cloud, request: web.Request, _body: dict[str, Any]) -> Any:
    return request.app[LIVE].start_broker()


def _drop_sessions(_cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return request.app[LIVE].drop_sessions(**body)


def _push(_cloud: Cloud, request: web.Request, body: dict[str, Any]) -> Any:
    return request.app[LIVE].push(request.match_info["dev_id"], **body)


def _lose(_cloud: Cloud, request: web.Request, body: dict[str, Any]) -> None:
    request.app[LIVE].lose(request.match_info["dev_id"], **body)


def _publish(_cloud: Cloud, request: web.Request, body: Any) -> Any:
    # Of a text each character is a byte, so that what is no JSON can be said too.
    said = body.encode("latin-1") if isinstance(body, str) else body
    return request.app[LIVE].publish(request.match_info["dev_id"], said)


async def _receive(request: web.Request) -> web.Response:
    """Keep whatever an automation posts, JSON or not."""
    text = await request.text()
    try:
        body = await request.json()
    except ValueError:
        body = text
    request.app[CLOUD].receive(request.match_info["name"], body)
    return web.json_response({})


def _serve(command: Command) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Run a command with the JSON of the request."""

    async def serve(request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            answer = command(request.app[CLOUD], request, body)
            if isawaitable(answer):
                answer = await answer
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({} if answer is None else answer)

    return serve


ROUTES: tuple[tuple[str, str, Command], ...] = (
    ("GET", "/simulator/state", _state),
    ("GET", "/simulator/codes/{account}", _code),
    ("POST", "/simulator/printers", _add_printer),
    ("DELETE", "/simulator/printers/{dev_id}", _remove_printer),
    ("PATCH", "/simulator/printers/{dev_id}", _change_printer),
    ("POST", "/simulator/printers/{dev_id}/bind", _bind_printer),
    ("POST", "/simulator/printers/{dev_id}/start", _start),
    ("POST", "/simulator/printers/{dev_id}/end", _end),
    ("POST", "/simulator/printers/{dev_id}/pause", _pause),
    ("POST", "/simulator/printers/{dev_id}/resume", _resume),
    ("POST", "/simulator/printers/{dev_id}/error", _set_error),
    ("POST", "/simulator/printers/{dev_id}/run-out", _run_out),
    ("GET", "/simulator/printers/{dev_id}/ams", _ams),
    ("PUT", "/simulator/printers/{dev_id}/ams/{unit}", _plug_ams),
    ("PATCH", "/simulator/printers/{dev_id}/ams/{unit}", _change_ams),
    ("DELETE", "/simulator/printers/{dev_id}/ams/{unit}", _unplug_ams),
    ("PUT", "/simulator/printers/{dev_id}/ams/{unit}/{tray}", _put_spool),
    ("PATCH", "/simulator/printers/{dev_id}/ams/{unit}/{tray}", _change_spool),
    ("DELETE", "/simulator/printers/{dev_id}/ams/{unit}/{tray}", _take_spool),
    ("POST", "/simulator/printers/{dev_id}/push", _push),
    ("POST", "/simulator/printers/{dev_id}/lose", _lose),
    ("POST", "/simulator/printers/{dev_id}/publish", _publish),
    ("POST", "/simulator/stop-schedules", _stop_schedules),
    ("POST", "/simulator/accounts/{account}/revoke", _revoke),
    ("POST", "/simulator/accounts/{account}/messages", _send_messages),
    ("POST", "/simulator/accounts/{account}/mqtt", _refuse_mqtt),
    ("POST", "/simulator/accounts/{account}", _set_expires_in),
    ("GET", "/simulator/mqtt", _mqtt),
    ("DELETE", "/simulator/mqtt", _clear_mqtt),
    ("GET", "/simulator/mqtt/secrets", _mqtt_secrets),
    ("POST", "/simulator/mqtt/stop", _stop_broker),
    ("POST", "/simulator/mqtt/start", _start_broker),
    ("POST", "/simulator/mqtt/drop", _drop_sessions),
    ("GET", "/simulator/faults", _faults),
    ("POST", "/simulator/faults", _add_fault),
    ("PUT", "/simulator/faults/plan", _plan_faults),
    ("DELETE", "/simulator/faults", _clear_faults),
    ("GET", "/simulator/requests", _requests),
    ("DELETE", "/simulator/requests", _clear_requests),
    ("GET", "/simulator/received", _received),
    ("DELETE", "/simulator/received", _clear_received),
)


def add_routes(app: web.Application) -> None:
    """Serve the control endpoints."""
    for method, path, command in ROUTES:
        app.router.add_route(method, path, _serve(command))
    app.router.add_post("/simulator/received/{name}", _receive)
