from typing import Any

import aiomqtt
import pytest

from simulator import Simulator
from simulator.cloud import Cloud
from simulator.control import ROUTES

from .conftest import Ask

X1C = "00M00A000000001"
P1S = "01P00A000000002"
CONTROL = "/simulator"


async def test_state(ask: Ask) -> None:
    state = (await ask("GET", f"{CONTROL}/state", account=None)).json
    assert (state["era"], state["time_factor"]) == ("2026", 1.0)
    assert state["now"] == "2026-11-20T12:00:00+00:00"
    accounts = {account["account"]: account for account in state["accounts"]}
    assert accounts["demo@example.com"]["ways"] == ["email", "password"]
    assert accounts["13800000000"]["uid"] == 1000000006
    x1c, p1s, mini = state["printers"][:3]
    assert x1c["accounts"] == ["demo@example.com", "partner@example.com"]
    assert set(x1c["job"]) == {"task_id", "title", "started", "ends", "paused"}
    assert (p1s["job"], p1s["scheduled"], mini["online"]) == (None, True, False)


async def test_codes(ask: Ask) -> None:
    path = f"{CONTROL}/codes/google@example.com"
    assert (await ask("GET", path, account=None)).status == 404
    body = {"email": "google@example.com", "type": "codeLogin"}
    await ask("POST", "/v1/user-service/user/sendemail/code", account=None, body=body)
    code = (await ask("GET", path, account=None)).json
    assert code["kind"] == "email"
    assert code["code"].isdecimal()
    assert len(code["code"]) == 6
    assert code["sent_at"] == "2026-11-20T12:00:00+00:00"
    assert (await ask("GET", f"{CONTROL}/codes/nobody", account=None)).status == 404


async def test_printers_come_change_and_go(ask: Ask, devices: Any) -> None:
    body = {"account": "none@example.com", "model": "A1", "name": "New"}
    dev_id = (await ask("POST", f"{CONTROL}/printers", body=body)).json["dev_id"]
    new = (await devices(account="none"))[0]
    assert (new["dev_id"], new["name"], new["online"]) == (dev_id, "New", True)
    assert "print_status" not in new
    change = {"online": False, "name": "Renamed", "scheduled": False}
    await ask("PATCH", f"{CONTROL}/printers/{dev_id}", body=change)
    changed = (await devices(account="none"))[0]
    assert (changed["name"], changed["online"]) == ("Renamed", False)
    await ask("DELETE", f"{CONTROL}/printers/{dev_id}")
    assert await devices(account="none") == []


async def test_unbinding_from_one_account(ask: Ask, devices: Any, tasks: Any) -> None:
    total = (await tasks(f"deviceId={X1C}"))["total"]
    await ask("DELETE", f"{CONTROL}/printers/{X1C}?account=demo@example.com")
    assert X1C not in [device["dev_id"] for device in await devices()]
    assert len(await devices(account="partner")) == 1
    # What was printed stays.
    assert (await tasks(f"deviceId={X1C}"))["total"] == total


async def test_prints_are_steered(ask: Ask, cloud: Cloud, devices: Any) -> None:
    path = f"{CONTROL}/printers/{P1S}"
    assert (await ask("POST", f"{CONTROL}/stop-schedules")).json == {}
    reply = await ask("POST", f"{path}/start", body={"title": "Bracket", "duration": 60})
    assert reply.json["task_id"] == (await devices())[1]["print_job"]
    await ask("POST", f"{path}/pause")
    assert cloud.state()["printers"][1]["job"]["paused"] is True
    await ask("POST", f"{path}/resume")
    assert cloud.state()["printers"][1]["job"]["paused"] is False
    await ask("POST", f"{path}/end", body={"result": "failed"})
    assert (await devices())[1]["print_status"] == "FAIL"
    reply = await ask("POST", f"{path}/start", body={"task": False})
    assert reply.json == {"task_id": None}
    assert cloud.state()["printers"][1]["job"]["task_id"] is None


async def test_a_print_began_a_while_ago(ask: Ask, tasks: Any) -> None:
    """As it is half done, and what the printer did meanwhile is not in its way."""
    path = f"{CONTROL}/printers/{P1S}"
    await ask("POST", f"{CONTROL}/stop-schedules")
    await ask("POST", f"{path}/start", body={"title": "Forgotten"})
    await ask("POST", f"{path}/end")
    await ask("POST", f"{path}/start", body={"title": "Vase", "ago": 3600, "duration": 7200})
    newest = (await tasks(f"deviceId={P1S}"))["hits"][:2]
    assert newest[0]["title"] == "Vase"
    assert newest[0]["startTime"] == "2026-11-20T11:00:00Z"
    assert newest[1]["title"] != "Forgotten"


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("printers/unknown/start", {}, 404, "No such printer"),
        ("printers", {"account": "x", "model": "A1", "name": ""}, 404, "No such account"),
        ("printers", {"account": "demo", "model": "x", "name": ""}, 404, "No such model"),
        ("printers", {}, 400, "missing 3 required"),
        (f"printers/{P1S}/end", {}, 400, "not printing"),
        (f"printers/{P1S}/start", {"result": "x"}, 400, "finished, failed or cancelled"),
        (f"printers/{P1S}/start", {"colour": "x"}, 400, "unexpected keyword"),
        ("faults", {"fault": "x"}, 404, "No such fault"),
        ("accounts/nobody/revoke", {}, 404, "No such account"),
    ],
)
async def test_mistakes(ask: Ask, path: str, body: Any, status: int, error: str) -> None:
    reply = await ask("POST", f"{CONTROL}/{path}", body=body)
    assert reply.status == status
    assert error in reply.json["error"]


async def test_json_is_expected(ask: Ask) -> None:
    assert (await ask("POST", f"{CONTROL}/faults", data=b"{")).status == 400


async def test_tokens_are_steered(ask: Ask, tokens: Any) -> None:
    token = {"Authorization": f"Bearer {tokens('demo')}"}
    path = "/v1/iot-service/api/user/bind"
    assert (await ask("GET", path, account=None, headers=token)).status == 200
    await ask("POST", f"{CONTROL}/accounts/demo@example.com/revoke", account=None)
    assert (await ask("GET", path, account=None, headers=token)).status == 401
    await ask("POST", f"{CONTROL}/accounts/password@example.com", body={"expires_in": 60})
    body = {"account": "password@example.com", "password": "password-password"}
    reply = await ask("POST", "/v1/user-service/user/login", account=None, body=body)
    assert reply.json["expiresIn"] == 60


async def test_log_of_requests(ask: Ask) -> None:
    await ask("GET", "/v1/user-service/my/tasks?limit=1&deviceId=" + X1C)
    await ask("GET", "/v1/iot-service/api/user/bind", account=None)
    await ask("GET", "/v1/user-service/my/ticket/secret-ticket")
    await ask("GET", "/nowhere")
    log = (await ask("GET", f"{CONTROL}/requests")).json
    assert log[0] == {
        "n": 1,
        "at": "2026-11-20T12:00:00+00:00",
        "method": "GET",
        "path": "/v1/user-service/my/tasks",
        "query": ["deviceId", "limit"],
        "status": 200,
        "account": "demo",
        "fault": None,
    }
    assert [entry["status"] for entry in log] == [200, 401, 200, 404]
    assert [entry["account"] for entry in log] == ["demo", None, "demo", None]
    assert log[2]["path"] == "/v1/user-service/my/ticket/{id}"
    assert [e["n"] for e in (await ask("GET", f"{CONTROL}/requests?since=2")).json] == [3, 4]
    await ask("DELETE", f"{CONTROL}/requests")
    assert (await ask("GET", f"{CONTROL}/requests")).json == []
    await ask("GET", "/nowhere")
    assert [e["n"] for e in (await ask("GET", f"{CONTROL}/requests")).json] == [5]


async def test_log_has_no_secrets(ask: Ask, cloud: Cloud, tasks: Any) -> None:
    body = {"account": "demo@example.com", "password": "demo-password"}
    await ask("POST", "/v1/user-service/user/login", account=None, body=body)
    code = cloud.code("demo@example.com")["code"]
    body = {"account": "demo@example.com", "code": code}
    login = await ask("POST", "/v1/user-service/user/login", account=None, body=body)
    cover = (await tasks("limit=1"))["hits"][0]["cover"]
    await ask("GET", cover, account=None)
    log = str(cloud.requests())
    assert len(cloud.requests()) == 4
    for secret in (login.json["accessToken"], "password", code, "@", cover[-64:]):
        assert secret not in log
    assert [entry["account"] for entry in cloud.requests()] == ["demo", "demo", "demo", None]


async def test_received(ask: Ask) -> None:
    await ask("POST", f"{CONTROL}/received/phone", account=None, body={"title": "Done"})
    await ask("POST", f"{CONTROL}/received/light", account=None, data=b"on")
    received = (await ask("GET", f"{CONTROL}/received")).json
    assert received == [
        {"n": 1, "name": "phone", "at": "2026-11-20T12:00:00+00:00", "body": {"title": "Done"}},
        {"n": 2, "name": "light", "at": "2026-11-20T12:00:00+00:00", "body": "on"},
    ]
    await ask("DELETE", f"{CONTROL}/received")
    assert (await ask("GET", f"{CONTROL}/received")).json == []


@pytest.mark.parametrize("options", [{"mqtt": "manual"}])
async def test_what_only_printers_tell_is_steered(ask: Ask, cloud: Cloud) -> None:
    path = f"{CONTROL}/printers/{P1S}"
    await ask("POST", f"{CONTROL}/stop-schedules")
    start = {"kind": "local", "task": True, "told_id": 7, "bind_lag": 60, "prepares": 0}
    task_id = (await ask("POST", f"{path}/start", body=start)).json["task_id"]
    printer = cloud.printer(P1S)
    assert printer.jobs[-1].id == task_id
    await ask("POST", f"{path}/pause", body={"stage": 6})
    assert printer.jobs[-1].pause_stage == 6
    await ask("POST", f"{path}/end", body={"result": "cancelled", "idle": True})
    assert printer.jobs[-1].cancelled
    body = {"print_error": 5, "hms": [{"attr": 1, "code": 2}]}
    assert (await ask("POST", f"{path}/error", body=body)).json == {}
    assert (printer.print_error, printer.hms) == (5, ((1, 2),))
    await ask("PATCH", path, body={"door_open": True, "latin1": True, "restarted": True})
    assert (printer.door_open, printer.latin1) == (True, True)
    await ask("POST", f"{CONTROL}/accounts/demo@example.com/mqtt", body={"refused": True})
    assert cloud.accounts.find("demo").mqtt_refused


@pytest.mark.parametrize("options", [{"mqtt": "manual"}])
async def test_broker_is_steered(ask: Ask, simulator: Simulator, tokens: Any) -> None:
    path, mqtt = f"{CONTROL}/printers/{P1S}", f"{CONTROL}/mqtt"
    user = f"u_{simulator.cloud.accounts.find('demo').uid}"
    port = int(simulator.mqtt_url.rpartition(":")[2])

    def connect() -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", port, username=user, password=tokens("demo"))

    async with connect() as client:
        await client.subscribe(f"device/{P1S}/report")
        await ask("POST", f"{path}/lose", body={"number": 1})
        await ask("POST", f"{path}/push")
        await ask("POST", f"{path}/push", body={"full": True})
        await ask("POST", f"{path}/publish", body={"event": {}})
        await ask("POST", f"{path}/publish", body="Geh\xe4use")
        full, event, text = [(await anext(aiter(client.messages))).payload for _ in range(3)]
        assert b'"msg":0' in full
        assert (event, text) == (b'{"event":{}}', b"Geh\xe4use")
        state = (await ask("GET", mqtt)).json
        session = {"account": "demo", "client": 1, "dev_ids": [P1S]}
        assert (state["url"], state["running"]) == (simulator.mqtt_url, True)
        assert (state["sessions"], state["accidents"]) == ([session], [])
        assert [entry["what"] for entry in state["log"]] == ["connect", "subscribe"]
        assert len((await ask("GET", f"{mqtt}?since=1")).json["log"]) == 1
        assert (await ask("POST", f"{mqtt}/drop", body={"account": "demo"})).json == {}
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(client.messages))
    assert (await ask("DELETE", mqtt)).json == {}
    await ask("POST", f"{mqtt}/stop")
    state = (await ask("GET", mqtt)).json
    assert (state["running"], state["sessions"], state["log"]) == (False, [], [])
    assert (await ask("POST", f"{path}/push")).status == 400
    await ask("POST", f"{mqtt}/start")
    async with connect():
        pass
    assert set((await ask("GET", f"{mqtt}/secrets")).json) == set(simulator.mqtt_secrets())
    assert (await ask("POST", f"{CONTROL}/printers/unknown/push")).status == 404
    assert (await ask("POST", f"{mqtt}/drop", body={"account": "nobody"})).status == 404


async def test_without_a_broker(ask: Ask) -> None:
    assert (await ask("GET", f"{CONTROL}/mqtt")).json["running"] is False
    reply = await ask("POST", f"{CONTROL}/printers/{P1S}/push")
    assert (reply.status, reply.json) == (400, {"error": "The broker is not running"})


async def test_control_is_neither_logged_nor_faulty(ask: Ask, cloud: Cloud) -> None:
    cloud.add_fault("server_error")
    assert (await ask("GET", f"{CONTROL}/state")).status == 200
    assert cloud.requests() == []


def test_every_command_has_a_path_of_its_own() -> None:
    assert len({(method, path) for method, path, _ in ROUTES}) == len(ROUTES)
