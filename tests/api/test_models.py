"""What becomes of the cloud's bodies."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api import (
    AmsVersion,
    CameraCredentials,
    Compatibility,
    Context,
    Device,
    DeviceVersion,
    File,
    Firmware,
    Material,
    Message,
    MessageComment,
    MessageCount,
    MessageDesign,
    MessageSender,
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
    Spool,
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
    "thumbnail": {"name": "plate_1.png", "dir": "Metadata", "url": COVER},
    "gcode": {"name": None, "dir": None, "url": None},
    "filaments": [{"id": "1", "type": "PLA", "color": "#00ae42", "used_m": "6.8", "used_g": "20"}],
}
A_PLATE = Plate(
    index=1,
    prediction=5400.0,
    weight=20.5,
    filaments=(PlateFilament("1", "PLA", "#00AE42", 6.8, 20.0),),
    thumbnail=File("plate_1.png", "Metadata", COVER),
    gcode=File(),
)
CONTEXT = {
    "compatibility": {
        "dev_model_name": "C12",
        "dev_product_name": "P1S",
        "nozzle_diameter": 0.4,
    },
    "pictures": None,
    "configs": [{"name": "slice_info.config", "dir": "Metadata", "url": COVER}],
    "plates": [PLATE],
    "materials": [{"color": "00AE42", "material": "PLA", "filament_id": "GFL99"}],
    "auxiliary_pictures": [{"name": "front.png"}],
    "auxiliary_bom": [{"name": "screws.pdf"}],
    "auxiliary_guide": [{"name": "guide.pdf"}],
    "auxiliary_other": [{"name": "other.zip"}],
}
PLATES = Context(plates=(Plate(),))
A_CONTEXT = Context(
    compatibility=Compatibility("C12", "P1S", 0.4),
    configs=(File("slice_info.config", "Metadata", COVER),),
    plates=(A_PLATE,),
    materials=(Material("PLA", "#00AE42", "GFL99"),),
    auxiliary_pictures=(File("front.png"),),
    auxiliary_bom=(File("screws.pdf"),),
    auxiliary_guide=(File("guide.pdf"),),
    auxiliary_other=(File("other.zip"),),
)
SLICED = {
    "name": "Vase",
    "model_id": "US0a",
    "status": "active",
    "create_time": "2026-03-01 12:00:00",
    "update_time": "2026-03-01 12:00:10",
    "content": "{}",
}
SLICED_FILE = {
    "filename": "vase.3mf",
    "url": COVER,
    "md5": "0a1b",
    "keystore_xml": "<keystore/>",
}
A_PROFILE = Profile(
    id="22",
    name="Vase",
    model_id="US0a",
    status="ACTIVE",
    create_time="2026-03-01 12:00:00",
    update_time="2026-03-01 12:00:10",
    context=A_CONTEXT,
    content="{}",
    filename="vase.3mf",
    url=COVER,
    md5="0a1b",
    keystore="<keystore/>",
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
            {"accessToken": "a", "refreshToken": "r", "expiresIn": "60", "refreshExpiresIn": 90},
            Token("a", 60, "r", 90),
        ),
        ({"accessToken": "a", "expiresIn": 0, "refreshExpiresIn": 0}, Token("a")),
        ({"accessToken": "a" * 4_000}, Token("a" * 4_000)),
        (
            {
                "uid": 1000000001,
                "name": "Maker",
                "handle": "maker",
                "avatar": "https://a",
                "bio": "I print.\nA lot.",
                "links": ["https://b", "", None, "https://c"],
                "backgroundUrl": "https://d",
            },
            Preference(
                uid="1000000001",
                name="Maker",
                handle="maker",
                avatar="https://a",
                bio="I print.\nA lot.",
                links=("https://b", "https://c"),
                background="https://d",
            ),
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
                "dev_model_name": "C12",
                "dev_product_name": "Bambu Lab P1S",
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
                model="C12",
                product_name="P1S",
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
                "parent": 99,
                "sub_task": [{"a": 1}, None],
                "subtask": [{"b": 2}],
                "est": 5400,
                **SLICED,
                **SLICED_FILE,
            },
            TaskDetail(
                id="100",
                name="Vase",
                status="ACTIVE",
                model_id="US0a",
                project_id="21",
                profile_id="22",
                create_time="2026-03-01 12:00:00",
                update_time="2026-03-01 12:00:10",
                context=A_CONTEXT,
                content="{}",
                parent="99",
                sub_task=({"a": 1},),
                subtask=({"b": 2},),
                est=5400.0,
                url=COVER,
                md5="0a1b",
            ),
        ),
        ({"job_id": 0, "context": None, "parent": 0, "sub_task": None}, TaskDetail()),
        ({"profile_id": "22", "context": CONTEXT, **SLICED, **SLICED_FILE}, A_PROFILE),
        ({"profile_id": "22", "context": {"plates": [{}]}}, Profile("22", context=PLATES)),
        (
            {
                **SLICED,
                "project_id": "21",
                "user_id": "1000000001",
                "content": "{'printed_plates': [{'plate': 1}]}",
                "profiles": [{"profile_id": "22", "context": CONTEXT, **SLICED, **SLICED_FILE}],
                "download_url": COVER,
                "download_md5": "0a1b",
                "keystore_xml": "<keystore/>",
                "upload_url": f"{COVER}&upload",
                "upload_ticket": 7,
            },
            Project(
                id="21",
                name="Vase",
                model_id="US0a",
                status="ACTIVE",
                create_time="2026-03-01 12:00:00",
                update_time="2026-03-01 12:00:10",
                profiles=(A_PROFILE,),
                user_id="1000000001",
                content="{'printed_plates': [{'plate': 1}]}",
                download_url=COVER,
                download_md5="0a1b",
                keystore="<keystore/>",
                upload_url=f"{COVER}&upload",
                upload_ticket="7",
            ),
        ),
        (
            {
                "id": 1,
                "type": 6,
                "isread": 1,
                "createTime": NOON,
                "design": None,
                "comment": None,
                "from": {
                    "uid": 2,
                    "name": "Bambu",
                    "handle": "bambu",
                    "avatar": "https://a",
                    "fanCount": 3,
                    "followCount": 4,
                    "likeCount": 5,
                    "isFollowed": False,
                    "title": "not a title",
                },
                "taskMessage": {
                    "id": 1220177551,
                    "title": "Vase",
                    "cover": COVER,
                    "designId": 71,
                    "status": 2,
                    "deviceId": SERIAL,
                    "deviceName": "Desk",
                    "detail": "Task Success",
                },
            },
            Message(
                id="1",
                type=6,
                read=True,
                created=AT_NOON,
                sender="Bambu",
                task=MessageTask(
                    id="1220177551",
                    title="Vase",
                    status=2,
                    device_id=SERIAL,
                    detail="Task Success",
                    cover=COVER,
                    design_id="71",
                    device_name="Desk",
                ),
                sender_details=MessageSender(
                    uid="2",
                    name="Bambu",
                    handle="bambu",
                    avatar="https://a",
                    fans=3,
                    follows=4,
                    likes=5,
                    is_followed=False,
                ),
            ),
        ),
        (
            {
                "id": 2,
                "type": 201,
                "isread": 0,
                "from": None,
                "designCommented": {
                    "designInfo": {"id": 71, "title": "Vase", "modelId": "US0a", "cover": COVER},
                    "commentInfo": {"id": 8, "content": "So <b>nice</b>"},
                },
            },
            Message(
                "2",
                201,
                read=False,
                title="Vase",
                text="So <b>nice</b>",
                design=MessageDesign("71", "Vase", "US0a", COVER),
                comment=MessageComment("8", "So <b>nice</b>"),
            ),
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
            Message("3", read=True, title="Vase", text="Fine", design=MessageDesign(title="Vase")),
        ),
        (
            {"id": 4, "systemForWeb": {"systemInfo": {"title": "News", "content": "Long"}}},
            Message("4", title="News", text="Long"),
        ),
        ({"id": 5, "pointDesignBoosted": {"designTitle": "Vase"}}, Message("5", title="Vase")),
        ({"id": 6, "newBadgeReceived": {"badgeTitle": "Guardian"}}, Message("6", title="Guardian")),
        (
            {"id": 7, "design": {"title": "Vase"}, "comment": {"content": "Nice"}},
            Message(
                "7",
                title="Vase",
                text="Nice",
                design=MessageDesign(title="Vase"),
                comment=MessageComment(text="Nice"),
            ),
        ),
        (
            {
                "noticeCount": 1,
                "total": 40,
                "commentCount": 3,
                "deviceCount": 30,
                "systemCount": "2",
                "designCount": None,
                "communityCount": -1,
                "IMUnreadCount": True,
                "unreadTotal": 35,
                "bubbleMsg": [],
                "taskPopup": None,
            },
            MessageCount(35, {"comment": 3, "device": 30, "system": 2}),
        ),
        ({"unreadTotal": "many", "deviceCount": 2}, MessageCount(None, {"device": 2})),
        ({}, MessageCount()),
        (
            {
                "id": 1758290,
                "createType": "ams",
                "filamentVendor": "Bambu Lab",
                "filamentType": "PLA",
                "filamentName": "PLA Basic",
                "filamentId": "GFA00",
                "RFID": "0" * 32,
                "color": "#8e9089FF",
                "colorType": 2,
                "colors": ["#8E9089FF", None, "grey"],
                "netWeight": 760,
                "totalNetWeight": 1000,
                "note": "almost full",
                "createdAt": 1772366400,
                "updatedAt": 1772366400,
                "isSupport": False,
                "displayName": "Workbench spool",
                "inPrinter": True,
                "devId": SERIAL,
                "amsSn": "00600A000000001",
                # One is a number and the other a text.
                "amsId": 0,
                "slotId": "3",
                "deviceName": "P1",
            },
            Spool(
                "1758290",
                "PLA",
                "PLA Basic",
                "Bambu Lab",
                "GFA00",
                "#8E9089",
                ("#8E9089",),
                760.0,
                1000.0,
                is_support=False,
                display_name="Workbench spool",
                note="almost full",
                created_by="ams",
                created=AT_NOON,
                updated=AT_NOON,
                in_printer=True,
                device_id=SERIAL,
                device_name="P1",
                ams_id=0,
                slot_id=3,
            ),
        ),
        ({"id": 1, "color": "grey", "colors": None, "netWeight": -1, "note": ""}, Spool("1")),
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
        (
            {"guide": {"version": "1", "url": "https://guide"}},
            SlicerResources(guide=Resource(version="1", url="https://guide")),
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
    "amsId",
    "avatar",
    "backgroundUrl",
    "bio",
    "code",
    "color",
    "colors",
    "comment",
    "commentInfo",
    "compatibility",
    "configs",
    "content",
    "context",
    "cover",
    "createTime",
    "createdAt",
    "data",
    "design",
    "designInfo",
    "dev_id",
    "dev_model_name",
    "deviceCount",
    "devices",
    "est",
    "expiresIn",
    "extention",
    "fanCount",
    "filament",
    "filaments",
    "firmware",
    "from",
    "gcode",
    "guide",
    "hits",
    "id",
    "inPrinter",
    "isread",
    "job_id",
    "keystore_xml",
    "length",
    "links",
    "materials",
    "md5",
    "name",
    "netWeight",
    "nozzle_diameter",
    "online",
    "parent",
    "pictures",
    "plateIndex",
    "plateName",
    "plates",
    "print",
    "print_job",
    "private",
    "profile_id",
    "profiles",
    "progress",
    "project_id",
    "refreshExpiresIn",
    "resources",
    "setting",
    "setting_id",
    "slotId",
    "software",
    "startTime",
    "start_time",
    "status",
    "sub_task",
    "targetColor",
    "taskMessage",
    "task_id",
    "thumbnail",
    "title",
    "total",
    "uid",
    "unreadTotal",
    "update_time",
    "url",
    "user_id",
    "version",
    "weight",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        [
            10**400,
            2**53,
            "9" * 5_000,
            "a\n" * 5_000,
            "a\0\u202e\tb",
            "9999-12-31T23:59:59-23:59",
            "0001-01-01T00:00:00+23:59",
        ]
    )
)
UNWANTED = {*map(chr, range(32)), "\x7f", "\u202e"} - {"\n", "\t"}
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
        assert len(text) <= 4_000
        assert not UNWANTED & set(text)
    for whole in (value for value in values if isinstance(value, int)):
        assert abs(whole) < 2**53
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


# What may be longer than a state, a name or an id, in pieces or as a whole only.
LONG = {"bio", "content", "description", "detail", "keystore", "note", "text"}
WHOLE = {
    "authkey",
    "avatar",
    "background",
    "cover",
    "download_url",
    "passwd",
    "refresh_token",
    "thumbnail",
    "ttcode",
    "upload_url",
    "url",
}


class _Full(dict[str, Any]):
    """An object that has every key with the same text, but an id that is one."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, self["text"])


@pytest.mark.parametrize(
    ("length", "longer"), [(255, set()), (256, LONG | WHOLE), (4_000, LONG | WHOLE), (4_001, LONG)]
)
def test_lengths(length: int, longer: set[str]) -> None:
    """Home Assistant has states of 255 characters."""
    ids = dict.fromkeys(("id", "dev_id", "uid", "profile_id", "project_id", "setting_id"), "7")
    token = {"accessToken": "t"}
    body = _Full(ids | token | {"text": "a" * length})
    # These promise lists and objects.
    models = [
        m for m in MODELS if not {"resources", "tasks", "public", "filament"} & {*m.__slots__}
    ]
    found = set()
    for model in models:
        result = model.from_api(body)
        texts = {name: getattr(result, name) for name in model.__slots__}
        found |= {n for n, value in texts.items() if isinstance(value, str) and len(value) > 255}
    assert found == longer
