from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import Simulator
from simulator.cloud import Cloud
from simulator.endpoints import SIGNED_IN

from .conftest import Ask

IOT = "/v1/iot-service/api"
USER = "/v1/user-service"
PREFERENCE = "/v1/design-user-service/my/preference"
ENVELOPE = {"message": "success", "code": None, "error": None}
X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINI = "03000A000000003"
ERAS = pytest.mark.parametrize("options", [{"era": "2022"}, {"era": "2026"}], ids=["2022", "2026"])
ERA_2022 = pytest.mark.parametrize("options", [{"era": "2022"}])
TASK_KEYS_OF_PRINT = {
    *("task_id", "task_name", "task_status", "model_id", "project_id", "profile_id"),
    *("start_time", "prediction", "progress", "thumbnail"),
}
TASK_2022 = {
    *("id", "designId", "modelId", "title", "cover", "status", "feedbackStatus", "startTime"),
    *("endTime", "weight", "costTime", "profileId", "plateIndex", "deviceId"),
    *("amsDetailMapping", "mode"),
}


HOSTS = pytest.mark.parametrize("host", ["", "/api"], ids=["API", "web"])


@HOSTS
@pytest.mark.parametrize(("method", "path", "_"), SIGNED_IN)
@pytest.mark.parametrize("header", ["", "Bearer made-up", "Basic made-up"])
async def test_nothing_without_a_token(
    *, ask: Ask, method: str, path: str, _: Any, header: str, host: str
) -> None:
    path = re.sub(r"\{id.*", "1", path)
    headers = {"Authorization": header}
    reply = await ask(method, host + path, account=None, headers=headers, body={})
    empty = path == PREFERENCE
    assert reply.status == 401
    assert reply.content == b"" or reply.json == {
        "code": 4,
        "error": "Please login.",
        "message": "",
    }
    assert (reply.content == b"") is empty


@pytest.mark.parametrize(
    "path", [PREFERENCE, f"{IOT}/user/bind", f"{USER}/my/messages", f"{IOT}/slicer/resource"]
)
async def test_web_host_mirrors_the_api(ask: Ask, path: str) -> None:
    replies = [await ask("GET", host + path) for host in ("/api", "")]
    assert {reply.status for reply in replies} == {200}
    mirrored, own = (re.sub(r"\?X-Amz-[^\"]*", "", reply.text) for reply in replies)
    assert mirrored == own


async def test_api_host_has_no_web_sign_in(ask: Ask) -> None:
    for path in ("/v1/api/csrf", "/api/api/csrf", "/api/covers/private/a/1/3mf/a.png"):
        assert (await ask("GET", path)).status == 404


async def test_headers_of_every_answer(ask: Ask, freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2027-03-01 08:00:00+00:00")
    replies = [await ask("GET", path) for path in (f"{IOT}/user/bind", "/nowhere", PREFERENCE)]
    for reply in replies:
        assert parsedate_to_datetime(reply.headers["Date"]).isoformat().startswith("2027-03-01T08")
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nowhere", 404, "404 Route Not Found"),
        ("GET", "/api/sign-in/csrf", 404, "404 Route Not Found"),
        ("GET", f"{USER}/my/preference", 404, "404 Route Not Found"),
        ("GET", f"{IOT}/user/project/x", 404, "404 Route Not Found"),
        ("GET", f"{IOT}/user/ttcode", 405, "Method Not Allowed"),
        ("POST", f"{IOT}/user/print", 405, "Method Not Allowed"),
        ("PUT", f"{IOT}/slicer/setting", 405, "Method Not Allowed"),
    ],
)
async def test_no_such_route(ask: Ask, method: str, path: str, status: int, text: str) -> None:
    reply = await ask(method, path)
    assert (reply.status, reply.text) == (status, text)


@ERAS
async def test_preference(ask: Ask, options: dict[str, Any]) -> None:
    body = (await ask("GET", PREFERENCE)).json
    assert (body["uid"], body["name"], body["handle"]) == (1000000001, "Demo Maker", "demo-maker")
    assert ("deviceNames" in body) is (options["era"] == "2026")


async def test_profile_has_totals(ask: Ask, tasks: Any) -> None:
    body = (await ask("GET", f"{USER}/my/profile")).json
    ended = [hit for hit in (await tasks())["hits"] if hit["status"] != 4]
    spans = [
        datetime.fromisoformat(hit["endTime"]) - datetime.fromisoformat(hit["startTime"])
        for hit in ended
    ]
    totals = {name: body["personal"][f"task{name}Sum"] for name in ("Weight", "Length", "Time")}
    assert totals == {
        "Weight": round(sum(hit["weight"] for hit in ended)),
        "Length": sum(hit["length"] for hit in ended),
        "Time": sum(spans, timedelta()).total_seconds(),
    }
    assert (body["uid"], body["uidStr"]) == (1000000001, "1000000001")
    assert body["productModels"] == ["A1 mini", "P1S", "X1 Carbon"]


FILAMENT = "/v1/design-user-service/my/filament/v2"


async def test_spools(ask: Ask, devices: Any) -> None:
    hits = (await ask("GET", f"{FILAMENT}?limit=100")).json["hits"]
    mounted = [hit for hit in hits if hit.get("inPrinter")]
    # Two AMS of the X1 Carbon and one of the P1S, and what lies on the shelf.
    places = [(hit["devId"], hit["amsId"], hit["slotId"]) for hit in mounted]
    assert len(places) == len(set(places)) == 12
    assert set(places[:5]) == {(X1C, 0, slot) for slot in "0123"} | {(X1C, 1, "0")}
    assert {place[0] for place in places} == {X1C, P1S}
    assert len(hits) == 14
    assert len({hit["id"] for hit in hits}) == 14
    assert all(0 < hit["netWeight"] <= hit["totalNetWeight"] == 1000 for hit in hits)
    serials = {hit["amsSn"] for hit in mounted}
    known = {
        unit["device_id"] for printer in await devices("device/version") for unit in printer["ams"]
    }
    assert len(serials) == 3
    assert known - {""} < serials
    page = (await ask("GET", f"{FILAMENT}?limit=5&offset=10")).json["hits"]
    assert page == hits[10:]
    assert (await ask("GET", FILAMENT, account="none")).json == {"hits": []}


@ERA_2022
async def test_no_spools_in_2022(ask: Ask) -> None:
    reply = await ask("GET", FILAMENT)
    assert (reply.status, reply.text) == (404, "404 Route Not Found")


async def test_bind_of_today(ask: Ask) -> None:
    reply = await ask("GET", f"{IOT}/user/bind")
    body = reply.json
    assert {name: body[name] for name in ENVELOPE} == ENVELOPE
    x1c, p1s, mini = body["devices"]
    assert x1c | {"print_job": 0, "dev_access_code": ""} == {
        "dev_id": X1C,
        "name": "Workshop X1C",
        "online": True,
        "print_status": "ACTIVE",
        "dev_model_name": "BL-P001",
        "dev_product_name": "X1 Carbon",
        "dev_access_code": "",
        "print_job": 0,
        "nozzle_diameter": 0.4,
        "dev_structure": "CoreXY",
    }
    assert x1c["print_job"] > 2**31
    assert x1c["dev_access_code"].endswith("\n")
    assert len(p1s["dev_access_code"]) == 8
    assert p1s["print_status"] in ("SUCCESS", "FAIL")
    assert (mini["dev_id"], mini["online"], mini["print_job"]) == (MINI, False, 0)
    assert "print_status" not in mini
    assert "dev_structure" not in mini


@ERA_2022
async def test_bind_of_2022(devices: Any) -> None:
    x1c, _, mini = await devices()
    common = {"dev_id", "name", "online", "dev_model_name", "dev_product_name", "dev_access_code"}
    assert set(x1c) == common | {"print_status"}
    assert set(mini) == common


async def test_print_of_today_says_nothing_of_tasks(ask: Ask) -> None:
    body = (await ask("GET", f"{IOT}/user/print?force=true")).json
    assert body["code"] == 0
    for device in body["devices"]:
        assert not TASK_KEYS_OF_PRINT & set(device)
    assert [device["dev_online"] for device in body["devices"]] == [True, True, False]


@ERA_2022
async def test_print_of_2022(ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory) -> None:
    cloud.stop_schedules()
    cloud.change_printer(MINI, online=True)
    jobs = [cloud.start(dev_id, title="Bracket", duration=1000) for dev_id in (X1C, P1S, MINI)]
    freezer.tick(timedelta(seconds=421))
    body = (await ask("GET", f"{IOT}/user/print")).json
    assert body["code"] is None
    devices = body["devices"]
    assert [device["task_id"] for device in devices] == [str(job) for job in jobs]
    assert [device["task_status"] for device in devices] == ["ACTIVE", "RUNNING", "ACTIVE"]
    assert {device["task_name"] for device in devices} == {"Bracket"}
    assert [device["progress"] for device in devices] == ["42", 42.1, 42]
    assert [device["prediction"] for device in devices] == ["1000", 1000.0, 1000]
    assert [device["start_time"] for device in devices] == [
        "2026-11-20 12:00:00",
        1795176000000,
        1795176000,
    ]
    assert (await ask("GET", devices[0]["thumbnail"], account=None)).status == 200
    cloud.end(X1C)
    idle = (await ask("GET", f"{IOT}/user/print")).json["devices"][0]
    assert {idle[name] for name in TASK_KEYS_OF_PRINT} == {None}


@ERA_2022
async def test_print_of_2022_from_the_sd_card(devices: Any, cloud: Cloud) -> None:
    cloud.stop_schedules()
    cloud.start(X1C, task=False)
    x1c = (await devices("print"))[0]
    assert (x1c["task_id"], x1c["task_status"], x1c["progress"]) == ("0", "ACTIVE", "0")


async def test_tasks_of_today(tasks: Any, cloud: Cloud, freezer: FrozenDateTimeFactory) -> None:
    cloud.stop_schedules()
    task_id = cloud.start(X1C, title="Bracket.3mf", duration=7200)
    freezer.tick(timedelta(seconds=10))
    page = await tasks("limit=1")
    hit = page["hits"][0]
    assert set(hit) > TASK_2022
    assert (hit["id"], hit["title"], hit["status"]) == (task_id, "Bracket.3mf", 4)
    assert (hit["costTime"], hit["weight"]) == (7200, 27.4)
    assert 700 < hit["length"] < 1200
    assert (hit["deviceId"], hit["deviceModel"]) == (X1C, "X1 Carbon")
    assert hit["startTime"] == "2026-11-20T12:00:00Z"
    assert hit["startTime"] <= hit["endTime"] < "2026-11-20T12:01:00Z"
    assert sum(item["weight"] for item in hit["amsDetailMapping"]) == pytest.approx(27.4, abs=0.1)
    assert hit["extention"]["modelInfo"]["compatibility"]["nozzleDiameter"] == 0.4


@ERA_2022
async def test_tasks_of_2022(tasks: Any) -> None:
    for hit in (await tasks())["hits"]:
        assert set(hit) == TASK_2022
        assert hit["amsDetailMapping"] == []


async def test_tasks_are_paged_newest_first(tasks: Any) -> None:
    everything = await tasks()
    ids = [hit["id"] for hit in everything["hits"]]
    assert ids == sorted(set(ids), reverse=True)
    assert everything["total"] == len(ids) >= 20
    page = await tasks("limit=7&offset=7")
    assert [hit["id"] for hit in page["hits"]] == ids[7:14]
    assert page["total"] == everything["total"]
    assert len((await tasks(""))["hits"]) == 20
    assert (await tasks(f"limit=5&offset={len(ids)}"))["hits"] == []
    after = await tasks(f"limit=100&after={ids[3]}")
    assert [hit["id"] for hit in after["hits"]] == ids
    starts = [hit["startTime"] for hit in everything["hits"]]
    assert starts == sorted(starts, reverse=True)
    assert starts[-1] < "2025"


async def test_tasks_are_filtered(tasks: Any) -> None:
    everything = (await tasks())["hits"]
    x1c = await tasks(f"deviceId={X1C}&limit=100")
    assert [hit["id"] for hit in x1c["hits"]] == [
        hit["id"] for hit in everything if hit["deviceId"] == X1C
    ]
    assert 0 < x1c["total"] < len(everything)
    running = await tasks("status=4")
    assert [hit["status"] for hit in running["hits"]] == [4]
    assert (await tasks("status=0&limit=100"))["total"] == len(everything)
    assert (await tasks("deviceId=unknown"))["total"] == 0


@pytest.mark.parametrize("limit", ["many", "-1", pytest.param("9" * 5000, id="too long")])
async def test_wrong_types_in_the_query(ask: Ask, limit: str) -> None:
    reply = await ask("GET", f"{USER}/my/tasks?limit={limit}")
    assert (reply.status, reply.text) == (400, "type mismatch for field limit")


async def test_creating_a_task_is_refused(ask: Ask) -> None:
    reply = await ask("POST", f"{USER}/my/task", body={"title": "x"})
    assert (reply.status, reply.text) == (400, "")


@ERA_2022
async def test_creating_a_task_in_2022(
    ask: Ask, cloud: Cloud, devices: Any, tasks: Any, freezer: FrozenDateTimeFactory
) -> None:
    cloud.stop_schedules()
    body = {"deviceId": P1S, "title": "Bracket.3mf", "costTime": 600, "mode": "cloud_file"}
    reply = await ask("POST", f"{USER}/my/task", body=body)
    assert reply.status == 200
    assert (await devices())[1]["print_status"] == "RUNNING"
    freezer.tick(timedelta(seconds=10))
    hit = (await tasks("limit=1"))["hits"][0]
    assert hit["id"] == reply.json["id"]
    assert (hit["title"], hit["costTime"], hit["status"]) == ("Bracket.3mf", 600, 4)
    # It prints already.
    assert (await ask("POST", f"{USER}/my/task", body=body)).status == 400


@ERA_2022
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"deviceId": MINI, "title": "x"}, 400),
        ({"deviceId": "unknown", "title": "x"}, 403),
        ({"title": "x"}, 400),
        ({"deviceId": P1S}, 400),
        ({"deviceId": P1S, "title": "x", "costTime": "long"}, 400),
        ({"deviceId": P1S, "title": "x", "costTime": 2**70}, 400),
    ],
)
async def test_tasks_that_cannot_be_created(
    ask: Ask, devices: Any, body: dict[str, Any], status: int
) -> None:
    before = await devices()
    assert (await ask("POST", f"{USER}/my/task", body=body)).status == status
    assert await devices() == before


async def test_single_tasks_are_refused(ask: Ask) -> None:
    own = await ask("GET", f"{USER}/my/task/1")
    assert (own.status, own.json["code"]) == (403, 8)
    iot = await ask("GET", f"{IOT}/user/task/1")
    assert (iot.status, iot.json["code"], iot.json["error"]) == (403, 8, "Resource forbidden")
    assert iot.json["sub_task"] is None


async def test_ticket(ask: Ask) -> None:
    assert (await ask("GET", f"{USER}/my/ticket/abc")).json == {}


async def test_messages_of_today(ask: Ask, cloud: Cloud) -> None:
    cloud.stop_schedules()
    task_id = cloud.start(P1S, title="Bracket", task_lag=0)
    cloud.end(P1S, "failed")
    hits = (await ask("GET", f"{USER}/my/messages")).json["hits"]
    assert hits[0]["type"] == 6
    assert hits[0]["isread"] == 0
    assert hits[0]["from"] is None
    message = hits[0]["taskMessage"]
    assert (message["id"], message["title"], message["status"]) == (task_id, "Bracket", 3)
    assert (message["deviceId"], message["detail"]) == (P1S, "Task Canceled")
    ids = [hit["id"] for hit in hits]
    assert ids == sorted(set(ids), reverse=True)
    page = (await ask("GET", f"{USER}/my/messages?limit=1&offset=1")).json["hits"]
    assert [hit["id"] for hit in page] == ids[1:2]


@pytest.mark.parametrize(
    ("kind", "types", "payload"),
    [
        ("1", [251, 201], "instRating"),
        ("2", [], ""),
        ("3", [503, 412], "pointDesignBoosted"),
        ("5", [603], "communityPostLiked"),
        ("99", [], ""),
    ],
)
async def test_other_messages(ask: Ask, kind: str, types: list[int], payload: str) -> None:
    hits = (await ask("GET", f"{USER}/my/messages?type={kind}")).json["hits"]
    assert [hit["type"] for hit in hits] == types
    assert [payload] * bool(types) == [name for hit in hits[:1] for name in hit if name == payload]


async def test_messages_are_kept_for_two_weeks(ask: Ask, freezer: FrozenDateTimeFactory) -> None:
    freezer.tick(timedelta(days=8))
    hits = (await ask("GET", f"{USER}/my/messages?type=3")).json["hits"]
    assert [hit["type"] for hit in hits] == [503]
    assert hits[0]["isread"] == 1


@ERA_2022
async def test_messages_of_2022(ask: Ask) -> None:
    hit = (await ask("GET", f"{USER}/my/messages")).json["hits"][0]
    assert set(hit) == {"id", "type", "design", "comment", "taskMessage", "from", "createTime"}
    assert set(hit["taskMessage"]) == {"id", "title", "cover", "status", "deviceId"}
    assert hit["from"]["fanCount"] == 0
    assert (await ask("GET", f"{USER}/my/messages?type=3")).json["hits"] == []


async def test_message_count(ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory) -> None:
    cloud.stop_schedules()
    freezer.tick(timedelta(hours=12))
    cloud.start(P1S)
    cloud.end(P1S)
    freezer.tick(timedelta(seconds=10))
    count = (await ask("GET", f"{USER}/my/message/count")).json
    assert count["commentCount"] == 1
    assert count["deviceCount"] >= 1
    assert count["unreadTotal"] == 1 + count["deviceCount"]
    freezer.tick(timedelta(days=2))
    assert (await ask("GET", f"{USER}/my/message/count")).json["unreadTotal"] == 0


COUNTED = ("commentCount", "designCount", "systemCount", "deviceCount", "communityCount")


async def counted(ask: Ask) -> dict[str, int]:
    body = (await ask("GET", f"{USER}/my/message/count")).json
    return {name: body[name] for name in (*COUNTED, "unreadTotal")}


@pytest.mark.parametrize(
    ("kind", "name", "group"),
    [
        (201, "commentCount", "1"),
        (251, "commentCount", "1"),
        (412, "systemCount", "3"),
        (503, "systemCount", "3"),
        (603, "communityCount", "5"),
    ],
)
async def test_hundreds_of_unread_messages(
    *, ask: Ask, freezer: FrozenDateTimeFactory, kind: int, name: str, group: str
) -> None:
    before = await counted(ask)
    path = "/simulator/accounts/demo@example.com/messages"
    for number in (358, 1):
        await ask("POST", path, body={"kind": kind, "number": number})
        freezer.tick(timedelta(seconds=1))
    more = {name: before[name] + 359, "unreadTotal": before["unreadTotal"] + 359}
    assert await counted(ask) == before | more
    assert (await ask("GET", f"{USER}/my/message/count", account="password")).json[name] <= 1
    query = f"{USER}/my/messages?type={group}"
    assert len((await ask("GET", query)).json["hits"]) == 20
    pages = [
        (await ask("GET", f"{query}&limit=60&offset={offset}")).json["hits"]
        for offset in range(0, 480, 60)
    ]
    hits = [hit for page in pages for hit in page if not hit["isread"] and hit["type"] == kind]
    ids = [hit["id"] for hit in hits]
    assert len(ids) >= 359
    assert ids == sorted(set(ids), reverse=True)
    freezer.tick(timedelta(days=1))
    assert (await counted(ask))[name] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [({"kind": 6}, 404), ({"number": 0}, 400), ({"number": 3001}, 400)],
)
async def test_messages_that_cannot_be_sent(ask: Ask, body: dict[str, int], status: int) -> None:
    before = await counted(ask)
    path = "/simulator/accounts/demo@example.com/messages"
    assert (await ask("POST", path, body=body)).status == status
    assert await counted(ask) == before


async def test_unread_messages_by_kind_are_those_of_the_lists(ask: Ask) -> None:
    count = await counted(ask)
    lists = {"commentCount": 1, "designCount": 2, "systemCount": 3, "deviceCount": 6}
    for name, group in (lists | {"communityCount": 5}).items():
        hits = (await ask("GET", f"{USER}/my/messages?type={group}&limit=64")).json["hits"]
        assert count[name] == sum(not hit["isread"] for hit in hits)
    assert sum(count[name] for name in COUNTED) == count["unreadTotal"] > 1


async def test_latest_message(ask: Ask, cloud: Cloud) -> None:
    path = f"{USER}/my/message/latest"
    newest = (await ask("GET", f"{USER}/my/messages?limit=1")).json["hits"][0]
    latest = (await ask("GET", path)).json
    assert (latest["id"], latest["type"]) == (newest["id"], 6)
    cloud.send_messages("demo", 412)
    latest = (await ask("GET", path)).json
    assert (latest["type"], latest["isread"]) == (412, 0)
    assert latest["createTime"] == "2026-11-20T12:00:00Z"


@ERA_2022
async def test_no_latest_message(ask: Ask) -> None:
    assert (await ask("GET", f"{USER}/my/message/latest", account="none")).json == {}


async def test_status_of_tasks(ask: Ask, cloud: Cloud, tasks: Any) -> None:
    cloud.stop_schedules()
    running = cloud.start(P1S, task_lag=0)
    path = f"{USER}/my/message/device/taskstatus"
    newest = (await ask("GET", path)).json["deviceTaskInfo"]
    assert [item["deviceId"] for item in newest] == [P1S, X1C]
    assert newest[0] == {"deviceId": P1S, "taskId": running, "status": 4}
    hits = (await tasks())["hits"]
    ended = next(hit for hit in hits if hit["status"] == 3)
    named = [{"deviceId": hit["deviceId"], "taskId": hit["id"]} for hit in (ended, hits[0])]
    stranger = {"deviceId": X1C, "taskId": 7}
    reply = await ask("POST", path, body={"deviceTaskInfo": [*named, stranger]})
    assert reply.json["deviceTaskInfo"] == [named[0] | {"status": 3}, named[1] | {"status": 4}]


@pytest.mark.parametrize("asked", ["all", [7], [{"taskId": "x"}], [{"taskId": "9" * 5000}]])
async def test_malformed_question_about_tasks(ask: Ask, asked: Any) -> None:
    path = f"{USER}/my/message/device/taskstatus"
    reply = await ask("POST", path, body={"deviceTaskInfo": asked})
    assert reply.status == 400
    assert reply.text.startswith("type mismatch for field ")


@pytest.mark.parametrize("key", ["dev_name", "name"])
async def test_rename(ask: Ask, devices: Any, key: str) -> None:
    path = f"{IOT}/user/device/info"
    reply = await ask("PATCH", path, body={"dev_id": X1C, key: "Big one"})
    assert (reply.status, reply.json) == (200, ENVELOPE)
    assert (await devices())[0]["name"] == "Big one"
    await ask("PATCH", path, body={"dev_id": X1C})
    assert (await devices())[0]["name"] == "Big one"


async def test_rename_of_a_stranger(ask: Ask) -> None:
    path = f"{IOT}/user/device/info"
    reply = await ask("PATCH", path, body={"dev_id": P1S, "dev_name": "x"}, account="partner")
    assert (reply.status, reply.json["code"]) == (403, 8)
    assert (await ask("PATCH", path, body={"dev_name": "x"})).status == 400


async def test_firmware_of_today(devices: Any) -> None:
    x1c, p1s, mini = await devices("device/version")
    assert (x1c["version"], x1c["firmware"][0]["version"]) == ("01.08.02.00", "01.09.00.00")
    assert x1c["firmware"][0]["status"] == "release"
    assert "Improvements" in x1c["firmware"][0]["description"]
    assert p1s["firmware"] == []
    assert [firmware["status"] for firmware in mini["firmware"]] == ["testing"]
    assert [unit["device_id"] for unit in x1c["ams"]] == ["00600A000000001", ""]
    assert [unit["address"] for unit in x1c["ams"]] == [0, 1]
    assert {unit["firmware_current"] for unit in x1c["ams"]} == {"00.00.06.40"}
    assert {unit["firmware_current"] for unit in p1s["ams"]} == {None}
    assert mini["ams"] == []
    assert await devices(f"device/version?dev_id={P1S}") == [p1s]
    assert await devices("device/version?dev_id=unknown") == []


@ERA_2022
async def test_firmware_of_2022(devices: Any) -> None:
    p1s = (await devices(f"device/version?dev_id={P1S}"))[0]
    assert p1s["version"] == p1s["firmware"][0]["version"]
    assert "status" not in p1s["firmware"][0]
    assert p1s["ams"] == []


async def test_firmware_without_a_version(devices: Any) -> None:
    lists = await devices("device/version", "farm")
    assert 0 < sum("version" not in device for device in lists) < 30


async def test_projects_and_profiles(ask: Ask) -> None:
    projects = (await ask("GET", f"{IOT}/user/project")).json["projects"]
    assert {type(project["content"]) for project in projects} == {str}
    first = projects[0]
    detail = (await ask("GET", f"{IOT}/user/project/{first['project_id']}")).json
    assert {name: detail[name] for name in ENVELOPE} == ENVELOPE
    assert (detail["name"], detail["content"]) == (first["name"], None)
    profile = detail["profiles"][0]
    plate = profile["context"]["plates"][0]
    assert plate["filaments"][0]["used_g"].replace(".", "").isdecimal()
    assert plate["filaments"][0]["color"].startswith("#")
    assert len(profile["context"]["materials"][0]["color"]) == 6
    path = f"{IOT}/user/profile/{profile['profile_id']}"
    alone = (await ask("GET", f"{path}?model_id={profile['model_id']}")).json
    assert alone["context"]["plates"][0]["prediction"] == plate["prediction"]
    assert (alone["name"], alone["content"]) == (first["name"], None)
    assert profile["content"] == "{}"
    missing = await ask("GET", path)
    assert (missing.status, missing.text) == (400, 'field "model_id" is not set')
    assert (await ask("GET", f"{path}?model_id=USx")).json["code"] == 8


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({"era": "2022"}, {"2026-11-20 19:58:00", "2026-11-20 20:00:00"}),
        ({"era": "2026"}, {"2026-11-20 11:58:00", "2026-11-20 12:00:00"}),
    ],
)
async def test_projects_of_2022_have_the_time_of_china(
    ask: Ask, cloud: Cloud, times: set[str]
) -> None:
    cloud.stop_schedules()
    project = cloud.start(X1C, task_lag=0)
    detail = (await ask("GET", f"{IOT}/user/project/{project}")).json
    for body in (detail, *detail["profiles"]):
        assert {body["create_time"], body["update_time"]} == times


async def test_files_of_profiles_live_five_minutes(
    ask: Ask, freezer: FrozenDateTimeFactory, cloud: Cloud
) -> None:
    cloud.stop_schedules()
    project = cloud.start(X1C, title="Bracket", task_lag=0)
    detail = (await ask("GET", f"{IOT}/user/project/{project}")).json
    url = detail["profiles"][0]["context"]["plates"][0]["thumbnail"]["url"]
    freezer.tick(timedelta(minutes=5))
    assert (await ask("GET", url, account=None)).status == 200
    freezer.tick(timedelta(seconds=1))
    assert (await ask("GET", url, account=None)).status == 403


@pytest.mark.parametrize("number", ["1", "40000000000001", "9999"])
async def test_projects_of_nobody(ask: Ask, number: str) -> None:
    reply = await ask("GET", f"{IOT}/user/project/{number}")
    assert (reply.status, reply.json["code"]) == (403, 8)


@pytest.mark.parametrize("kind", ["project", "profile"])
async def test_ids_beyond_numbers(ask: Ask, kind: str) -> None:
    assert (await ask("GET", f"{IOT}/user/{kind}/{'1' * 5000}")).status == 404


async def test_projects_of_others(ask: Ask, tasks: Any) -> None:
    other = (await tasks(f"deviceId={P1S}"))["hits"][0]["id"]
    assert (await ask("GET", f"{IOT}/user/project/{other}")).status == 200
    assert (await ask("GET", f"{IOT}/user/project/{other}", account="partner")).status == 403


async def test_account_without_anything(ask: Ask, devices: Any, tasks: Any) -> None:
    assert await devices(account="none") == []
    assert await tasks(account="none") == {"total": 0, "hits": []}
    assert (await ask("GET", f"{IOT}/user/project", account="none")).json == ENVELOPE


async def test_partner_shares_the_first_printer(devices: Any, tasks: Any) -> None:
    assert [device["dev_id"] for device in await devices(account="partner")] == [X1C]
    assert {hit["deviceId"] for hit in (await tasks(account="partner"))["hits"]} == {X1C}


@pytest.mark.parametrize(
    ("account", "products"),
    [("one", {"P1S"}), ("password", {"H2D", "A1"}), ("china", {"A1"})],
)
async def test_fleets(devices: Any, account: str, products: set[str]) -> None:
    fleet = await devices(account=account)
    assert {device["dev_product_name"] for device in fleet} == products
    assert len({device["dev_id"] for device in fleet}) == len(fleet)


async def test_farm(devices: Any, tasks: Any) -> None:
    fleet = await devices(account="farm")
    assert len(fleet) == 200
    assert {len(device["dev_id"]) for device in fleet} == {15}
    assert sum(not device["online"] for device in fleet) == 20
    running = await tasks("status=4&limit=100", account="farm")
    assert {hit["deviceModel"] for hit in running["hits"]} > {"X1 Carbon", "H2D"}


def trays(hits: list[dict[str, Any]], model: str) -> set[int]:
    return {
        item["ams"]
        for hit in hits
        if hit["deviceModel"] == model
        for item in hit["amsDetailMapping"]
    }


@pytest.mark.parametrize("options", [{"history": 60}])
async def test_only_the_flat_number_of_a_tray_is_right(tasks: Any) -> None:
    demo = (await tasks())["hits"]
    assert trays(demo, "X1 Carbon") == {-1, *range(8)}
    assert trays(demo, "P1S") == {-1, *range(4)}
    other = (await tasks(account="password"))["hits"]
    # With an AMS HT.
    assert trays(other, "H2D") == {-1, *range(8), 16}
    assert trays((await tasks(account="tfa"))["hits"], "P1P") == {255}
    items = [item for hit in demo + other for item in hit["amsDetailMapping"]]
    assert {(item["amsId"], item["slotId"]) for item in items} == {(0, 0)}


@pytest.mark.parametrize("options", [{"history": 60}])
async def test_trays_that_are_not_used(tasks: Any) -> None:
    hits = (await tasks())["hits"]
    unused = [item for hit in hits for item in hit["amsDetailMapping"] if item["ams"] == -1]
    assert 0 < len(unused) < len(hits) / 3
    told = ("filamentType", "filamentId", "sourceColor", "targetColor", "weight")
    assert {tuple(item[name] for name in told) for item in unused} == {("", "", "", "", 0)}
    for hit in hits:
        used = sum(item["weight"] for item in hit["amsDetailMapping"])
        assert used == pytest.approx(hit["weight"], abs=0.05)


@pytest.mark.parametrize(
    "named", [[128], [17, 129, 3], [-1, 0], [-1], []], ids=["one", "three", "unused", "none", "no"]
)
async def test_trays_that_a_command_names(
    ask: Ask, cloud: Cloud, tasks: Any, named: list[int]
) -> None:
    cloud.stop_schedules()
    body = {"ams": named, "task_lag": 0}
    task = (await ask("POST", f"/simulator/printers/{P1S}/start", body=body)).json["task_id"]
    hit = (await tasks("limit=1"))["hits"][0]
    assert hit["id"] == task
    assert [item["ams"] for item in hit["amsDetailMapping"]] == named
    assert [bool(item["filamentType"]) for item in hit["amsDetailMapping"]] == [
        n >= 0 for n in named
    ]
    assert (await ask("GET", f"{IOT}/user/project/{task}")).status == 200


async def test_trays_are_numbers(ask: Ask, cloud: Cloud) -> None:
    cloud.stop_schedules()
    for named in (["A1"], "A1", 7):
        body = {"ams": named}
        reply = await ask("POST", f"/simulator/printers/{P1S}/start", body=body)
        assert reply.status == 400
    assert cloud.printer(P1S).current(cloud.started) is None


async def test_dual_nozzles(tasks: Any) -> None:
    hits = (await tasks(account="password"))["hits"]
    h2d = next(hit for hit in hits if hit["deviceModel"] == "H2D")
    assert [nozzle["id"] for nozzle in h2d["nozzleInfos"]] == [1, 0]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("action=upload&ticket=x", 200, '"message": "success"'),
        ("action=import_mesh&ticket=x", 200, '"message": "success"'),
        ("action=other&ticket=x", 422, "Invalid input parameters"),
    ],
)
async def test_notification(ask: Ask, query: str, status: int, text: str) -> None:
    reply = await ask("GET", f"{IOT}/user/notification?{query}")
    assert reply.status == status
    assert text in reply.text


async def test_camera_credentials_are_for_the_app(ask: Ask) -> None:
    reply = await ask("POST", f"{IOT}/user/ttcode", body={"dev_id": X1C})
    assert (reply.status, reply.json["code"]) == (403, 8)


@ERA_2022
async def test_camera_credentials_of_2022(ask: Ask) -> None:
    reply = await ask("POST", f"{IOT}/user/ttcode", body={"dev_id": X1C})
    assert set(reply.json) == {*ENVELOPE, "ttcode", "passwd", "authkey"}


@ERAS
async def test_slicer_resource_needs_no_token(ask: Ask, options: dict[str, Any]) -> None:
    path = f"{IOT}/slicer/resource?slicer/plugins/cloud=01.01.00.00"
    body = (await ask("GET", path, account=None)).json
    first = {"2022": "01.03.00.25", "2026": "02.04.01.52"}[options["era"]]
    assert body["software"]["version"] == first
    assert [resource["type"] for resource in body["resources"]] == ["slicer/plugins/cloud"]
    assert body["resources"][0]["version"] == "01.01.00.99"


@ERAS
async def test_slicer_settings(ask: Ask, options: dict[str, Any]) -> None:
    body = (await ask("GET", f"{IOT}/slicer/setting?version=02.00.00.00")).json
    assert [preset["name"] for preset in body["filament"]["private"]] == ["Workshop PLA @BBL X1C"]
    assert len(body["print"]["public"]) == len(body["printer"]["public"]) == 2
    assert ("settings" in body) is (options["era"] == "2026")
    own = (await ask("GET", f"{IOT}/slicer/setting?version=1.0.0.0&public=false")).json
    assert own["filament"]["public"] == []
    assert len(own["filament"]["private"]) == 1


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("", 400, 'field "version" is not set'),
        ("?version=newest", 422, '{"detail": "Invalid input parameters"}'),
    ],
)
async def test_slicer_settings_want_a_version(ask: Ask, query: str, status: int, text: str) -> None:
    reply = await ask("GET", f"{IOT}/slicer/setting{query}")
    assert (reply.status, reply.text) == (status, text)


@ERAS
async def test_slicer_setting(ask: Ask, options: dict[str, Any]) -> None:
    body = (await ask("GET", f"{IOT}/slicer/setting/GP004")).json
    assert (body["public"], body["type"]) == (True, "print")
    assert body["setting"]["activate_air_filtration"] == 0
    assert ("setting_id" in body) is (options["era"] == "2026")
    assert (await ask("GET", f"{IOT}/slicer/setting/none")).status == 403


SETTING = f"{IOT}/slicer/setting"
PRESET = {
    "name": "Fast draft",
    "type": "print",
    "version": "2.0.0.0",
    "base_id": "GP004",
    "filament_id": "",
    "setting": {"layer_height": "0.28", "inherits": "0.20mm Standard @BBL X1C"},
}


async def own_presets(ask: Ask, kind: str, account: str = "demo") -> dict[str, Any]:
    path = f"{SETTING}?version=2.0.0.0&public=false"
    body = (await ask("GET", path, account=account)).json
    return {preset["setting_id"]: preset for preset in body[kind]["private"]}


@ERAS
@pytest.mark.parametrize(
    ("kind", "begin"), [("print", "PPUS"), ("filament", "PFUS"), ("printer", "PMUS")]
)
async def test_presets_come_change_and_go(
    *, ask: Ask, freezer: FrozenDateTimeFactory, options: dict[str, Any], kind: str, begin: str
) -> None:
    before = await own_presets(ask, kind)
    created = await ask("POST", SETTING, body=PRESET | {"type": kind})
    assert created.status == 200
    preset_id = created.json["setting_id"]
    assert created.json == ENVELOPE | {
        "setting_id": preset_id,
        "update_time": "2026-11-20 12:00:00",
    }
    assert (preset_id[:4], len(preset_id)) == (begin, 18)
    assert (await own_presets(ask, kind))[preset_id]["name"] == "Fast draft"
    assert preset_id not in await own_presets(ask, kind, "password")
    detail = (await ask("GET", f"{SETTING}/{preset_id}")).json
    assert (detail["public"], detail["type"], detail["base_id"]) == (False, kind, "GP004")
    assert (detail["filament_id"], detail["setting"]) == (None, PRESET["setting"])
    assert (await ask("GET", f"{SETTING}/{preset_id}", account="password")).status == 403
    freezer.tick(timedelta(minutes=1))
    change = PRESET | {"type": kind, "name": "Faster draft", "setting": {}}
    changed = await ask("PATCH", f"{SETTING}/{preset_id}", body=change)
    assert changed.json == created.json | {"update_time": "2026-11-20 12:01:00"}
    detail = (await ask("GET", f"{SETTING}/{preset_id}")).json
    assert (detail["name"], detail["setting"]) == ("Faster draft", {})
    for _ in range(2):
        deleted = await ask("DELETE", f"{SETTING}/{preset_id}")
        assert (deleted.status, deleted.json) == (200, ENVELOPE)
    assert await own_presets(ask, kind) == before
    assert (await ask("PATCH", f"{SETTING}/{preset_id}", body=change)).status == 422


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"version": None}, 400, 'field "version" is not set'),
        ({"name": None}, 400, 'field "name" is not set'),
        ({"setting": None}, 400, 'field "setting" is not set'),
        ({"name": 7}, 400, "type mismatch for field name"),
        ({"type": "bed"}, 422, '{"detail": "Invalid input parameters"}'),
        ({"type": []}, 400, "type mismatch for field type"),
        ({"setting": []}, 422, '{"detail": "Invalid input parameters"}'),
    ],
)
async def test_presets_that_cannot_be_stored(
    ask: Ask, change: dict[str, Any], status: int, text: str
) -> None:
    before = await own_presets(ask, "filament")
    for method, path in (("POST", SETTING), ("PATCH", f"{SETTING}/PFUS0000000000000a")):
        reply = await ask(method, path, body=PRESET | change)
        assert (reply.status, reply.text) == (status, text)
    assert await own_presets(ask, "filament") == before


async def test_presets_of_everybody_stay(ask: Ask) -> None:
    assert (await ask("PATCH", f"{SETTING}/GP004", body=PRESET)).status == 422
    assert (await ask("DELETE", f"{SETTING}/GP004")).status == 200
    assert (await ask("GET", f"{SETTING}/GP004")).json["name"] == "0.20mm Standard @BBL X1C"
    assert (await ask("PUT", f"{SETTING}/GP004", body=PRESET)).status == 405
    assert (await ask("POST", SETTING, body=[])).status == 400


async def test_a_hundred_presets_of_a_kind(ask: Ask) -> None:
    for _ in range(100):
        last = await ask("POST", SETTING, body=PRESET)
        assert last.status == 200
    refused = await ask("POST", SETTING, body=PRESET)
    assert (refused.status, refused.json["code"]) == (400, 14)
    assert len(await own_presets(ask, "print")) == 100
    assert (await ask("POST", SETTING, body=PRESET | {"type": "printer"})).status == 200
    path = f"{SETTING}/{last.json['setting_id']}"
    assert (await ask("PATCH", path, body=PRESET)).status == 200
    await ask("DELETE", path)
    assert (await ask("POST", SETTING, body=PRESET)).status == 200


async def test_two_simulators_of_a_seed_look_alike(simulator: Simulator) -> None:
    assert Cloud().state() == simulator.cloud.state()
    assert Cloud(seed=2).state() != simulator.cloud.state()


@pytest.mark.parametrize("options", [{"history": 150}])
async def test_a_page_has_at_most_a_hundred_tasks(tasks: Any) -> None:
    page = await tasks("limit=500")
    assert (len(page["hits"]), page["total"] > 140) == (100, True)
