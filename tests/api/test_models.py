"""What becomes of the cloud's bodies."""

from datetime import UTC, datetime
import logging
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api import (
    AmsVersion,
    CameraCredentials,
    Device,
    DeviceVersion,
    Firmware,
    Message,
    MessageTask,
    Notification,
    Plate,
    PlateFilament,
    Preference,
    PrintStatus,
    Profile,
    Project,
    Resource,
    ResponseError,
    SlicerResources,
    SlicerSetting,
    SlicerSettingGroup,
    SlicerSettings,
    Task,
    TaskDetail,
    TaskFilament,
    TaskPage,
    Ticket,
    Token,
    models,
)

SERIAL = "01P00A000000001"
COVER = "https://bucket.s3.us-west-2.amazonaws.com/plate_1.png?X-Sig=a"
NOON = "2026-03-01T12:00:00Z"
AT_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

PLATE = {
    "index": 1,
    "prediction": 5400,
    "weight": 20.5,
    "thumbnail": {"name": "plate_1.png", "url": COVER},
    "filaments": [{"id": "1", "type": "PLA", "color": "#00ae42", "used_m": "6.8", "used_g": "20"}],
}
A_PLATE = Plate(1, 5400.0, 20.5, (PlateFilament("PLA", "#00AE42", 6.8, 20.0),), COVER)
CONTEXT = {
    "compatibility": {"dev_product_name": "P1S", "nozzle_diameter": 0.4},
    "plates": [PLATE],
}
SLICED = {
    "name": "Vase",
    "model_id": "US0a",
    "status": "active",
    "create_time": "2026-03-01 12:00:00",
    "update_time": "2026-03-01 12:00:10",
}
A_PROFILE = Profile(
    "22",
    "Vase",
    "US0a",
    "ACTIVE",
    "2026-03-01 12:00:00",
    "2026-03-01 12:00:10",
    "P1S",
    0.4,
    (A_PLATE,),
)
TASK = {
    "id": 1220177551,
    "title": "Vase",
    "designTitle": "Spiral Vase",
    "designId": 71,
    "instanceId": 72,
    "modelId": "US0a",
    "cover": COVER,
    "status": 2,
    "failedType": 0,
    "feedbackStatus": 2,
    "startTime": NOON,
    "endTime": "2026-03-01T13:30:00Z",
    "weight": 20.5,
    "length": 685,
    "costTime": 5400,
    "profileId": 22,
    "plateIndex": 1,
    "plateName": "Small parts",
    "deviceId": SERIAL,
    "deviceName": "Desk",
    "deviceModel": "P1S",
    "amsDetailMapping": [
        {
            "ams": 4,
            "sourceColor": "FFFFFFFF",
            "targetColor": "#102030ff",
            "filamentId": "GFG99",
            "filamentType": "PLA",
            "targetFilamentType": "PETG",
            "weight": 20.5,
            "nozzleId": 1,
            "amsId": 1,
            "slotId": "0",
        }
    ],
    "mode": "cloud_file",
    "bedType": "textured_plate",
    "useAms": True,
    "extention": {"modelInfo": {"compatibility": {"nozzleDiameter": 0.4}}},
}
A_TASK = Task(
    id="1220177551",
    title="Vase",
    design_title="Spiral Vase",
    design_id="71",
    instance_id="72",
    model_id="US0a",
    cover=COVER,
    status=2,
    start_time=AT_NOON,
    end_time=datetime(2026, 3, 1, 13, 30, tzinfo=UTC),
    weight=20.5,
    length=6.85,
    cost_time=5400.0,
    profile_id="22",
    plate_index=1,
    plate_name="Small parts",
    device_id=SERIAL,
    device_name="Desk",
    device_model="P1S",
    filaments=(TaskFilament("PETG", "#102030", 20.5, "GFG99", 4, 1, 0, 1),),
    mode="cloud_file",
    bed_type="textured_plate",
    nozzle_diameter=0.4,
    failed_type=0,
    feedback_status=2,
    use_ams=True,
)
FIRMWARE = {
    "version": "01.08.00.00",
    "force_update": False,
    "description": "## Fixes",
    "url": "https://public-cdn.bblmw.com/ota",
    "status": "release",
}
A_FIRMWARE = Firmware(
    version="01.08.00.00",
    force_update=False,
    description="## Fixes",
    url="https://public-cdn.bblmw.com/ota",
    status="release",
)
RESOURCE = {
    "type": "slicer/plugins/cloud",
    "version": "02.01.00.00",
    "description": "Fixes",
    "url": "https://public-cdn.bblmw.com/plugin.zip",
    "force_update": True,
}
A_RESOURCE = Resource(
    type="slicer/plugins/cloud",
    version="02.01.00.00",
    description="Fixes",
    url="https://public-cdn.bblmw.com/plugin.zip",
    force_update=True,
)
SETTING = {
    "setting_id": "PFUS01",
    "name": "My PLA",
    "type": "filament",
    "version": "1.9.0.14",
    "nickname": "mine",
    "public": False,
    "update_time": "2026-03-01 12:00:00",
    "base_id": "GFSA00",
    "filament_id": "P01",
    "filament_type": "PLA",
    "filament_vendor": "Acme",
    "inherits": "Generic PLA",
}
A_SETTING = SlicerSetting(
    id="PFUS01",
    name="My PLA",
    type="filament",
    version="1.9.0.14",
    nickname="mine",
    public=False,
    update_time=AT_NOON,
    base_id="GFSA00",
    filament_id="P01",
    filament_type="PLA",
    filament_vendor="Acme",
    inherits="Generic PLA",
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"accessToken": "a", "refreshToken": "r", "expiresIn": "60"},
            Token("a", 60, "r"),
        ),
        (
            {
                "uid": 1000000001,
                "name": "Maker",
                "handle": "maker",
                "avatar": "https://a",
                "bio": "",
            },
            Preference("1000000001", "Maker", "maker", "https://a"),
        ),
        ({"uid": "7", "name": "", "nickname": "Nick"}, Preference("7", "Nick")),
        (
            {
                "dev_id": SERIAL,
                "name": "Desk ",
                "online": True,
                "print_status": "success",
                "print_job": 1220177551,
                "dev_model_name": "C12",
                "dev_product_name": "P1S",
                "dev_access_code": "secret\n",
                "nozzle_diameter": "0.4",
                "dev_structure": "CoreXY",
            },
            Device(
                id=SERIAL,
                name="Desk",
                online=True,
                print_status="SUCCESS",
                print_job="1220177551",
                model="C12",
                product_name="P1S",
                nozzle_diameter=0.4,
                structure="CoreXY",
            ),
        ),
        (
            {"dev_id": SERIAL, "online": "true", "name": "", "print_status": None, "print_job": 0},
            Device(SERIAL, print_job="0"),
        ),
        (
            {
                "dev_id": SERIAL,
                "dev_name": "Desk",
                "dev_online": False,
                "task_id": 1220177551,
                "task_name": "Vase",
                "task_status": "Running",
                "model_id": "US0a",
                "project_id": "21",
                "profile_id": 22,
                "start_time": AT_NOON.timestamp(),
                "prediction": "5400",
                "progress": "42%",
                "thumbnail": COVER,
            },
            PrintStatus(
                id=SERIAL,
                name="Desk",
                online=False,
                has_task_fields=True,
                task_id="1220177551",
                task_name="Vase",
                task_status="RUNNING",
                model_id="US0a",
                project_id="21",
                profile_id="22",
                start_time=AT_NOON,
                prediction=5400.0,
                progress=42.0,
                thumbnail=COVER,
            ),
        ),
        ({"dev_id": SERIAL}, PrintStatus(SERIAL)),
        ({"dev_id": SERIAL, "progress": None}, PrintStatus(SERIAL, has_task_fields=True)),
        ({"dev_id": SERIAL, "task_id": "0"}, PrintStatus(SERIAL, has_task_fields=True)),
        (TASK, A_TASK),
        (
            {
                "id": "1",
                "designId": 0,
                "instanceId": 0,
                "profileId": 0,
                "designTitle": "",
                "plateName": "",
                "cover": "",
                "amsDetailMapping": None,
                "extention": [],
                "endTime": "0001-01-01T00:00:00Z",
                "length": None,
                "weight": True,
                "status": "two",
            },
            Task("1"),
        ),
        (
            {"filamentType": "PLA", "targetFilamentType": "", "targetColor": "", "slotId": None},
            TaskFilament("PLA"),
        ),
        ({"sourceColor": "A1B2C3FF"}, TaskFilament(color="#A1B2C3")),
        ({"total": 531, "hits": [TASK]}, TaskPage(531, (A_TASK,))),
        ({"hits": None}, TaskPage()),
        ({}, TaskPage()),
        (
            {
                "job_id": 100,
                "project_id": "21",
                "profile_id": "22",
                "context": CONTEXT,
                **SLICED,
            },
            TaskDetail(
                "100",
                "Vase",
                "ACTIVE",
                "US0a",
                "21",
                "22",
                "2026-03-01 12:00:00",
                "2026-03-01 12:00:10",
                (A_PLATE,),
            ),
        ),
        ({"job_id": 0, "context": None}, TaskDetail()),
        ({"profile_id": "22", "context": CONTEXT, **SLICED}, A_PROFILE),
        (
            {
                "project_id": "21",
                "user_id": "1000000001",
                "content": "{'printed_plates': [{'plate': 1}]}",
                "profiles": [{"profile_id": "22", "context": CONTEXT, **SLICED}],
                **SLICED,
            },
            Project(
                "21",
                "Vase",
                "US0a",
                "ACTIVE",
                "2026-03-01 12:00:00",
                "2026-03-01 12:00:10",
                (A_PROFILE,),
            ),
        ),
        (
            {
                "id": 1,
                "type": 6,
                "isread": 1,
                "createTime": NOON,
                "design": None,
                "from": {"name": "Bambu", "title": "not a title"},
                "taskMessage": {
                    "id": 1220177551,
                    "title": "Vase",
                    "status": 2,
                    "deviceId": SERIAL,
                    "detail": "Task Success",
                },
            },
            Message(
                id="1",
                type=6,
                read=True,
                created=AT_NOON,
                sender="Bambu",
                task=MessageTask("1220177551", "Vase", 2, SERIAL, "Task Success"),
            ),
        ),
        (
            {
                "id": 2,
                "type": 201,
                "isread": 0,
                "from": None,
                "designCommented": {
                    "designInfo": {"title": "Vase"},
                    "commentInfo": {"content": "So <b>nice</b>"},
                },
            },
            Message("2", 201, read=False, title="Vase", text="So <b>nice</b>"),
        ),
        (
            {
                "id": 3,
                "isread": True,
                "instRating": {
                    "designInfo": {"title": "Vase"},
                    "instanceInfo": {"title": "0.2mm layer"},
                    "content": "Fine",
                },
            },
            Message("3", read=True, title="Vase", text="Fine"),
        ),
        (
            {"id": 4, "systemForWeb": {"systemInfo": {"title": "News", "content": "Long"}}},
            Message("4", title="News", text="Long"),
        ),
        ({"id": 5, "pointDesignBoosted": {"designTitle": "Vase"}}, Message("5", title="Vase")),
        ({"id": 6, "newBadgeReceived": {"badgeTitle": "Guardian"}}, Message("6", title="Guardian")),
        (
            {"id": 7, "design": {"title": "Vase"}, "comment": {"content": "Nice"}},
            Message("7", title="Vase", text="Nice"),
        ),
        (
            {"id": 8, "isread": 2, "communityPostLiked": {"post": {"content": "{}"}}},
            Message("8"),
        ),
        (
            {
                "dev_id": SERIAL,
                "version": "01.07.00.00",
                "firmware": [FIRMWARE, {"url": "https://without.version"}],
                "ams": [
                    {
                        "dev_model_name": "BL-A001",
                        "address": 0,
                        "device_id": "00600A000000001",
                        "firmware": [FIRMWARE],
                        "firmware_current": "00.00.06.40",
                    },
                    {"device_id": "", "firmware": None, "firmware_current": None},
                ],
            },
            DeviceVersion(
                SERIAL,
                "01.07.00.00",
                (A_FIRMWARE,),
                (
                    AmsVersion("00600A000000001", 0, "BL-A001", "00.00.06.40", (A_FIRMWARE,)),
                    AmsVersion(),
                ),
            ),
        ),
        (
            {"software": RESOURCE, "guide": None, "resources": [RESOURCE, None]},
            SlicerResources(A_RESOURCE, (A_RESOURCE,)),
        ),
        ({"software": None}, SlicerResources()),
        (
            {
                "print": {"public": [SETTING], "private": None},
                "printer": {},
                "filament": {"private": [SETTING, {"name": "without id"}]},
                "settings": [],
            },
            SlicerSettings(
                SlicerSettingGroup(public=(A_SETTING,)),
                SlicerSettingGroup(),
                SlicerSettingGroup(private=(A_SETTING,)),
            ),
        ),
        (
            {"setting_id": "1", "setting": {"layer_height": "0.2"}},
            SlicerSetting("1", setting={"layer_height": "0.2"}),
        ),
        ({"setting_id": "1", "setting": []}, SlicerSetting("1")),
        ({"code": None, "error": None, "message": "", "key": 1}, Ticket({"key": 1})),
        ({"message": "success", "key": 1}, Notification({"key": 1})),
        (
            {"ttcode": "T", "passwd": "P", "authkey": "A", "region": "us", "type": "tutk"},
            CameraCredentials("T", "P", "A", "us", "tutk"),
        ),
        (
            {"data": {"type": "agora", "authkey": "A"}},
            CameraCredentials(authkey="A", type="agora"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_from_api(body: Any, expected: Any) -> None:
    assert type(expected).from_api(body) == expected


@pytest.mark.parametrize(
    ("model", "product_name", "expected"),
    [
        ("C12", "Bambu Lab P1S", "P1S"),
        ("C12", "", "P1S"),
        ("N6-V2", None, "X2D"),
        ("O1C2-V2", "Bambu Lab ", "H2C"),
        ("BL-X999", None, None),
        (None, None, None),
        (7, 7, None),
    ],
)
def test_product_names(model: Any, product_name: Any, expected: str | None) -> None:
    device = Device.from_api(
        {"dev_id": SERIAL, "dev_model_name": model, "dev_product_name": product_name}
    )
    assert device.product_name == expected


@pytest.mark.parametrize(
    "body",
    [
        {"devices": [{"dev_id": SERIAL}, {"name": "no id"}, None, {"dev_id": " "}, 7]},
        {"data": {"devices": [{"dev_id": SERIAL}]}},
    ],
)
def test_readable_devices(body: Any) -> None:
    assert Device.list_from_api(body) == [Device(SERIAL)]


def test_no_devices() -> None:
    assert Device.list_from_api({"devices": []}) == []


def test_a_skipped_element_is_said_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    TaskPage.from_api({"hits": [{"title": "private"}, None, TASK]})
    assert [record.message for record in caplog.records] == [
        "Skipped an element in Task.from_api: a required value is missing",
        "Skipped an element in Task.from_api: an object was promised",
    ]


@pytest.mark.parametrize("body", [{"hits": {}}, {"hits": "none"}, {"hits": 0}, [], None, "text"])
def test_no_page(body: Any) -> None:
    with pytest.raises(ResponseError):
        TaskPage.from_api(body)


MODELS = sorted(
    (
        model
        for model in vars(models).values()
        if isinstance(model, type) and hasattr(model, "from_api")
    ),
    key=str,
)
KEYS = [
    "accessToken",
    "amsDetailMapping",
    "code",
    "content",
    "context",
    "cover",
    "createTime",
    "data",
    "dev_id",
    "dev_model_name",
    "devices",
    "expiresIn",
    "extention",
    "filament",
    "filaments",
    "firmware",
    "hits",
    "id",
    "isread",
    "job_id",
    "length",
    "nozzle_diameter",
    "online",
    "plates",
    "print",
    "print_job",
    "private",
    "profile_id",
    "profiles",
    "progress",
    "project_id",
    "resources",
    "setting",
    "setting_id",
    "software",
    "startTime",
    "start_time",
    "status",
    "targetColor",
    "taskMessage",
    "task_id",
    "thumbnail",
    "uid",
    "version",
    "weight",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=8)
    ),
    max_leaves=30,
)


def _values(value: Any) -> Any:
    """Yield everything in a model, whatever its depth."""
    yield value
    names = getattr(value, "__dataclass_fields__", ())
    parts = value if isinstance(value, tuple) else [getattr(value, name) for name in names]
    for part in parts:
        yield from _values(part)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@given(body=JSON)
def test_any_json(model: Any, body: Any) -> None:
    try:
        result = model.from_api(body)
    except ResponseError:
        return
    values = list(_values(result))
    for text in (value for value in values if isinstance(value, str)):
        assert text == text.strip() != ""
        assert text.encode()
    for number in (value for value in values if isinstance(value, float)):
        assert 0 <= number <= 1e9
    for moment in (value for value in values if isinstance(value, datetime)):
        assert moment.tzinfo is UTC
        assert 2000 <= moment.year < 2100


@given(JSON)
def test_any_devices(body: Any) -> None:
    try:
        devices = Device.list_from_api({"devices": body})
    except ResponseError:
        return
    assert all(device.id for device in devices)
    assert bool(devices) == bool(body)
