"""What the cloud speaks of, one frozen dataclass for each thing.

`from_api` takes a decoded JSON body. It ignores keys it does not know, turns missing, null and
ill-typed values into None, and raises nothing but ResponseError, where a body is no object or
lacks the id without which it means nothing. Weights are grams, lengths metres, durations seconds,
times aware datetimes in UTC, ids text. Whatever names an account or a printer, and every URL, is
kept out of `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from .errors import ResponseError
from .values import (
    amount,
    color,
    flag,
    identifier,
    integer,
    mapping,
    moment,
    part,
    percent,
    promised_list,
    records,
    reference,
    required,
    text,
    upper,
)

_PRODUCT_NAMES = {
    "BL-P001": "X1 Carbon",
    "BL-P002": "X1",
    "C11": "P1P",
    "C12": "P1S",
    "C13": "X1E",
    "N1": "A1 mini",
    "N2S": "A1",
    "N6": "X2D",
    "N7": "P2S",
    "N9": "A2L",
    "O1C": "H2C",
    "O1C2": "H2C",
    "O1D": "H2D",
    "O1E": "H2D Pro",
    "O1S": "H2S",
}
_TASK_KEYS = frozenset(
    {
        "task_id",
        "task_name",
        "task_status",
        "model_id",
        "project_id",
        "profile_id",
        "start_time",
        "prediction",
        "progress",
        "thumbnail",
    }
)
_ENVELOPE_KEYS = frozenset({"message", "code", "error"})


@dataclass(frozen=True, slots=True)
class Token:
    """What signs requests; `expires_in` counts seconds from the answer."""

    access_token: str = field(repr=False)
    expires_in: int | None = None
    refresh_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/login or user/refreshtoken."""
        data = mapping(data)
        expires_in = amount(data.get("expiresIn"))
        return cls(
            access_token=required(text(data.get("accessToken"))),
            expires_in=int(expires_in) if expires_in else None,
            refresh_token=text(data.get("refreshToken")),
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """The account: `uid` identifies it for good, `name` is what its owner calls it."""

    uid: str = field(repr=False)
    name: str | None = None
    handle: str | None = None
    avatar: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of my/preference."""
        data = mapping(data)
        return cls(
            uid=required(identifier(data.get("uid"))),
            name=text(data.get("name")) or text(data.get("nickname")),
            handle=text(data.get("handle")),
            avatar=text(data.get("avatar")),
        )


@dataclass(frozen=True, slots=True)
class Device:
    """A printer that is bound to the account.

    `print_status` is the status of the current or last print in upper case and stays after its
    end. `print_job` is the id of that print's task, "0" where the cloud says there is none.
    `model` is the internal code, `product_name` what is written on the box. The access code of
    the local network is not kept.
    """

    id: str = field(repr=False)
    name: str | None = None
    online: bool | None = None
    print_status: str | None = None
    print_job: str | None = None
    model: str | None = None
    product_name: str | None = None
    nozzle_diameter: float | None = None
    structure: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `devices` of user/bind."""
        data = mapping(data)
        model = text(data.get("dev_model_name"))
        product_name = text((text(data.get("dev_product_name")) or "").removeprefix("Bambu Lab"))
        return cls(
            id=required(identifier(data.get("dev_id"))),
            name=text(data.get("name")),
            online=flag(data.get("online")),
            print_status=upper(data.get("print_status")),
            print_job=identifier(data.get("print_job")),
            model=model,
            product_name=product_name or _PRODUCT_NAMES.get((model or "").removesuffix("-V2")),
            nozzle_diameter=amount(data.get("nozzle_diameter")),
            structure=text(data.get("dev_structure")),
        )

    @classmethod
    def list_from_api(cls, data: Any) -> list[Self]:
        """Read an answer of user/bind.

        An account without printers answers with an empty list. A missing list, or one without a
        single readable printer, is a ResponseError: it must not look like printers that are gone.
        """
        data = mapping(data)
        listed = data.get("devices", part(data, "data").get("devices"))
        if listed is None:
            raise ResponseError("the list of devices is missing")
        devices = records(promised_list(listed), cls.from_api)
        if listed and not devices:
            raise ResponseError("no device can be read")
        return list(devices)


@dataclass(frozen=True, slots=True)
class PrintStatus:
    """What a printer is doing now, as far as the cloud tells.

    Since 2025 the cloud leaves the task's keys out; `has_task_fields` says whether it sent any.
    `progress` is 0 to 100, `prediction` the slicer's estimate of the whole print.
    """

    id: str = field(repr=False)
    name: str | None = None
    online: bool | None = None
    has_task_fields: bool = False
    task_id: str | None = None
    task_name: str | None = None
    task_status: str | None = None
    model_id: str | None = None
    project_id: str | None = None
    profile_id: str | None = None
    start_time: datetime | None = None
    prediction: float | None = None
    progress: float | None = None
    thumbnail: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `devices` of user/print."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("dev_id"))),
            name=text(data.get("dev_name")),
            online=flag(data.get("dev_online")),
            has_task_fields=not _TASK_KEYS.isdisjoint(data),
            task_id=reference(data.get("task_id")),
            task_name=text(data.get("task_name")),
            task_status=upper(data.get("task_status")),
            model_id=identifier(data.get("model_id")),
            project_id=reference(data.get("project_id")),
            profile_id=reference(data.get("profile_id")),
            start_time=moment(data.get("start_time")),
            prediction=amount(data.get("prediction")),
            progress=percent(data.get("progress")),
            thumbnail=text(data.get("thumbnail")),
        )


@dataclass(frozen=True, slots=True)
class TaskFilament:
    """A filament of a print: the spool that was used, else what the slicer asked for.

    `ams` counts trays over all AMS from 0 and is 255 for the external spool.
    """

    type: str | None = None
    color: str | None = None
    weight: float | None = None
    filament_id: str | None = None
    ams: int | None = None
    ams_id: int | None = None
    slot_id: int | None = None
    nozzle_id: int | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `amsDetailMapping` of a task."""
        data = mapping(data)
        return cls(
            type=text(data.get("targetFilamentType")) or text(data.get("filamentType")),
            color=color(data.get("targetColor")) or color(data.get("sourceColor")),
            weight=amount(data.get("weight")),
            filament_id=text(data.get("filamentId")),
            ams=integer(data.get("ams")),
            ams_id=integer(data.get("amsId")),
            slot_id=integer(data.get("slotId")),
            nozzle_id=integer(data.get("nozzleId")),
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A print in the account's history.

    `status` is 2 when finished, 3 when failed or cancelled, 1 or 4 while it may be running; then
    `end_time` is close to `start_time`. `weight`, `length` and `cost_time` are the slicer's
    estimates for the whole print, also when it failed.
    """

    id: str
    title: str | None = None
    design_title: str | None = None
    design_id: str | None = None
    instance_id: str | None = None
    model_id: str | None = None
    cover: str | None = field(default=None, repr=False)
    status: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    weight: float | None = None
    length: float | None = None
    cost_time: float | None = None
    profile_id: str | None = None
    plate_index: int | None = None
    plate_name: str | None = None
    device_id: str | None = field(default=None, repr=False)
    device_name: str | None = None
    device_model: str | None = None
    filaments: tuple[TaskFilament, ...] = ()
    mode: str | None = None
    bed_type: str | None = None
    nozzle_diameter: float | None = None
    failed_type: int | None = None
    feedback_status: int | None = None
    use_ams: bool | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `hits` of my/tasks."""
        data = mapping(data)
        centimetres = amount(data.get("length"))
        # The cloud spells it so.
        compatibility = part(data, "extention", "modelInfo", "compatibility")
        return cls(
            id=required(identifier(data.get("id"))),
            title=text(data.get("title")),
            design_title=text(data.get("designTitle")),
            design_id=reference(data.get("designId")),
            instance_id=reference(data.get("instanceId")),
            model_id=identifier(data.get("modelId")),
            cover=text(data.get("cover")),
            status=integer(data.get("status")),
            start_time=moment(data.get("startTime")),
            end_time=moment(data.get("endTime")),
            weight=amount(data.get("weight")),
            length=None if centimetres is None else centimetres / 100,
            cost_time=amount(data.get("costTime")),
            profile_id=reference(data.get("profileId")),
            plate_index=integer(data.get("plateIndex")),
            plate_name=text(data.get("plateName")),
            device_id=identifier(data.get("deviceId")),
            device_name=text(data.get("deviceName")),
            device_model=text(data.get("deviceModel")),
            filaments=records(data.get("amsDetailMapping"), TaskFilament.from_api),
            mode=text(data.get("mode")),
            bed_type=text(data.get("bedType")),
            nozzle_diameter=amount(compatibility.get("nozzleDiameter")),
            failed_type=integer(data.get("failedType")),
            feedback_status=integer(data.get("feedbackStatus")),
            use_ams=flag(data.get("useAms")),
        )


@dataclass(frozen=True, slots=True)
class TaskPage:
    """A page of the history, newest first; `total` counts the whole history."""

    total: int | None = None
    tasks: tuple[Task, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of my/tasks."""
        data = mapping(data)
        return cls(
            total=integer(data.get("total")),
            tasks=records(promised_list(data.get("hits")), Task.from_api),
        )


@dataclass(frozen=True, slots=True)
class PlateFilament:
    """What a plate needs of one filament: metres and grams."""

    type: str | None = None
    color: str | None = None
    used_m: float | None = None
    used_g: float | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `filaments` of a plate."""
        data = mapping(data)
        return cls(
            type=text(data.get("type")),
            color=color(data.get("color")),
            used_m=amount(data.get("used_m")),
            used_g=amount(data.get("used_g")),
        )


@dataclass(frozen=True, slots=True)
class Plate:
    """A sliced plate; the URL of `thumbnail` is signed for minutes."""

    index: int | None = None
    prediction: float | None = None
    weight: float | None = None
    filaments: tuple[PlateFilament, ...] = ()
    thumbnail: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `context.plates`."""
        data = mapping(data)
        return cls(
            index=integer(data.get("index")),
            prediction=amount(data.get("prediction")),
            weight=amount(data.get("weight")),
            filaments=records(data.get("filaments"), PlateFilament.from_api),
            thumbnail=text(part(data, "thumbnail").get("url")),
        )


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A print with its plates; the cloud refuses it to most callers.

    `create_time` and `update_time` are as the cloud writes them, without a zone.
    """

    id: str | None = None
    name: str | None = None
    status: str | None = None
    model_id: str | None = None
    project_id: str | None = None
    profile_id: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    plates: tuple[Plate, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/task/{id}."""
        data = mapping(data)
        return cls(
            id=reference(data.get("job_id")),
            name=text(data.get("name")),
            status=upper(data.get("status")),
            model_id=identifier(data.get("model_id")),
            project_id=reference(data.get("project_id")),
            profile_id=reference(data.get("profile_id")),
            create_time=text(data.get("create_time")),
            update_time=text(data.get("update_time")),
            plates=records(part(data, "context").get("plates"), Plate.from_api),
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A way of slicing a model.

    `create_time` and `update_time` are as the cloud writes them, without a zone: those of 2022
    are eight hours ahead of UTC.
    """

    id: str
    name: str | None = None
    model_id: str | None = None
    status: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    device_model: str | None = None
    nozzle_diameter: float | None = None
    plates: tuple[Plate, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/profile/{id} or an element of `profiles` of a project."""
        data = mapping(data)
        compatibility = part(data, "context", "compatibility")
        return cls(
            id=required(identifier(data.get("profile_id"))),
            name=text(data.get("name")),
            model_id=identifier(data.get("model_id")),
            status=upper(data.get("status")),
            create_time=text(data.get("create_time")),
            update_time=text(data.get("update_time")),
            device_model=text(compatibility.get("dev_product_name")),
            nozzle_diameter=amount(compatibility.get("nozzle_diameter")),
            plates=records(part(data, "context").get("plates"), Plate.from_api),
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A model that was sent to a printer; a list of projects leaves `profiles` out.

    The times are as those of a profile.
    """

    id: str
    name: str | None = None
    model_id: str | None = None
    status: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    profiles: tuple[Profile, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/project/{id} or an element of `projects` of user/project."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("project_id"))),
            name=text(data.get("name")),
            model_id=identifier(data.get("model_id")),
            status=upper(data.get("status")),
            create_time=text(data.get("create_time")),
            update_time=text(data.get("update_time")),
            profiles=records(data.get("profiles"), Profile.from_api),
        )


@dataclass(frozen=True, slots=True)
class MessageTask:
    """The print that a message is about."""

    id: str | None = None
    title: str | None = None
    status: int | None = None
    device_id: str | None = field(default=None, repr=False)
    detail: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `taskMessage` of a message."""
        data = mapping(data)
        return cls(
            id=reference(data.get("id")),
            title=text(data.get("title")),
            status=integer(data.get("status")),
            device_id=identifier(data.get("deviceId")),
            detail=text(data.get("detail")),
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the account: 6 is a print, the other types come from MakerWorld.

    `text` may hold HTML that other people wrote.
    """

    id: str
    type: int | None = None
    read: bool | None = None
    created: datetime | None = None
    sender: str | None = None
    task: MessageTask | None = None
    title: str | None = None
    text: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `hits` of my/messages."""
        data = mapping(data)
        read = integer(data.get("isread"))
        task = data.get("taskMessage")
        # Each type has an object of its own name, and they share the names inside.
        events = [
            value
            for key, value in data.items()
            if isinstance(value, dict) and key not in {"from", "taskMessage"}
        ]
        titles = (
            text(title)
            for event in events
            for title in (
                part(event, "systemInfo").get("title"),
                part(event, "designInfo").get("title"),
                event.get("designTitle"),
                event.get("badgeTitle"),
                event.get("title"),
            )
        )
        texts = (
            text(content)
            for event in events
            for content in (
                part(event, "systemInfo").get("content"),
                part(event, "commentInfo").get("content"),
                event.get("content"),
            )
        )
        return cls(
            id=required(identifier(data.get("id"))),
            type=integer(data.get("type")),
            read=read == 1 if read in {0, 1} else flag(data.get("isread")),
            created=moment(data.get("createTime")),
            sender=text(part(data, "from").get("name")),
            task=MessageTask.from_api(task) if isinstance(task, dict) else None,
            title=next(filter(None, titles), None),
            text=next(filter(None, texts), None),
        )


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware that is offered; `description` is Markdown."""

    version: str
    force_update: bool | None = None
    description: str | None = None
    url: str | None = field(default=None, repr=False)
    status: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `firmware`."""
        data = mapping(data)
        return cls(
            version=required(text(data.get("version"))),
            force_update=flag(data.get("force_update")),
            description=text(data.get("description")),
            url=text(data.get("url")),
            status=text(data.get("status")),
        )


@dataclass(frozen=True, slots=True)
class AmsVersion:
    """The firmware of an AMS; `version` is the installed one where the cloud knows it."""

    device_id: str | None = field(default=None, repr=False)
    address: int | None = None
    model: str | None = None
    version: str | None = None
    firmware: tuple[Firmware, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `ams` of a device."""
        data = mapping(data)
        return cls(
            device_id=identifier(data.get("device_id")),
            address=integer(data.get("address")),
            model=text(data.get("dev_model_name")),
            version=text(data.get("firmware_current")),
            firmware=records(data.get("firmware"), Firmware.from_api),
        )


@dataclass(frozen=True, slots=True)
class DeviceVersion:
    """The firmware of a printer and its AMS; no `firmware` means up to date."""

    id: str = field(repr=False)
    version: str | None = None
    firmware: tuple[Firmware, ...] = ()
    ams: tuple[AmsVersion, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `devices` of device/version."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("dev_id"))),
            version=text(data.get("version")),
            firmware=records(data.get("firmware"), Firmware.from_api),
            ams=records(data.get("ams"), AmsVersion.from_api),
        )


@dataclass(frozen=True, slots=True)
class Resource:
    """Something the slicer can download: Bambu Studio itself or a plug-in of it."""

    type: str | None = None
    version: str | None = None
    description: str | None = None
    url: str | None = field(default=None, repr=False)
    force_update: bool | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `software` or an element of `resources` of slicer/resource."""
        data = mapping(data)
        return cls(
            type=text(data.get("type")),
            version=text(data.get("version")),
            description=text(data.get("description")),
            url=text(data.get("url")),
            force_update=flag(data.get("force_update")),
        )


@dataclass(frozen=True, slots=True)
class SlicerResources:
    """The newest Bambu Studio and what was asked for."""

    software: Resource | None = None
    resources: tuple[Resource, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of slicer/resource."""
        data = mapping(data)
        software = data.get("software")
        return cls(
            software=Resource.from_api(software) if isinstance(software, dict) else None,
            resources=records(promised_list(data.get("resources")), Resource.from_api),
        )


@dataclass(frozen=True, slots=True)
class SlicerSetting:
    """A preset of the slicer; a list of presets leaves `setting` empty."""

    id: str
    name: str | None = None
    type: str | None = None
    version: str | None = None
    nickname: str | None = None
    public: bool | None = None
    update_time: datetime | None = None
    base_id: str | None = None
    filament_id: str | None = None
    filament_type: str | None = None
    filament_vendor: str | None = None
    inherits: str | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of slicer/setting/{id} or an element of a list of presets."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("setting_id"))),
            name=text(data.get("name")),
            type=text(data.get("type")),
            version=text(data.get("version")),
            nickname=text(data.get("nickname")),
            public=flag(data.get("public")),
            update_time=moment(data.get("update_time")),
            base_id=identifier(data.get("base_id")),
            filament_id=identifier(data.get("filament_id")),
            filament_type=text(data.get("filament_type")),
            filament_vendor=text(data.get("filament_vendor")),
            inherits=text(data.get("inherits")),
            setting=part(data, "setting"),
        )


@dataclass(frozen=True, slots=True)
class SlicerSettingGroup:
    """Presets of one kind: Bambu Lab's and the account's own."""

    public: tuple[SlicerSetting, ...] = ()
    private: tuple[SlicerSetting, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `print`, `printer` or `filament` of slicer/setting."""
        data = mapping(data)
        return cls(
            public=records(promised_list(data.get("public")), SlicerSetting.from_api),
            private=records(promised_list(data.get("private")), SlicerSetting.from_api),
        )


@dataclass(frozen=True, slots=True)
class SlicerSettings:
    """All presets of the slicer."""

    print: SlicerSettingGroup = SlicerSettingGroup()
    printer: SlicerSettingGroup = SlicerSettingGroup()
    filament: SlicerSettingGroup = SlicerSettingGroup()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of slicer/setting."""
        data = mapping(data)
        return cls(
            print=SlicerSettingGroup.from_api(data.get("print") or {}),
            printer=SlicerSettingGroup.from_api(data.get("printer") or {}),
            filament=SlicerSettingGroup.from_api(data.get("filament") or {}),
        )


def _without_envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in _ENVELOPE_KEYS}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket of the web sign-in; nobody has published its keys, so they are passed on."""

    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of my/ticket/{id}."""
        return cls(content=_without_envelope(mapping(data)))


@dataclass(frozen=True, slots=True)
class Notification:
    """The state of an upload; nobody has published its keys, so they are passed on."""

    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/notification."""
        return cls(content=_without_envelope(mapping(data)))


@dataclass(frozen=True, slots=True)
class CameraCredentials:
    """What opens the camera's stream."""

    ttcode: str | None = field(default=None, repr=False)
    passwd: str | None = field(default=None, repr=False)
    authkey: str | None = field(default=None, repr=False)
    region: str | None = field(default=None, repr=False)
    type: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/ttcode."""
        data = mapping(data)
        data = part(data, "data") or data
        return cls(
            ttcode=text(data.get("ttcode")),
            passwd=text(data.get("passwd")),
            authkey=text(data.get("authkey")),
            region=text(data.get("region")),
            type=text(data.get("type")),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A picture; `content_type` is told by its first bytes."""

    content: bytes = field(repr=False)
    content_type: str
