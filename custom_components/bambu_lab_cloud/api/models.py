"""What the cloud speaks of, one frozen dataclass for each thing.

`from_api` takes a decoded JSON body. It ignores keys it does not know, turns missing, null and
ill-typed values into None, and raises nothing but ResponseError, where a body is no object or
lacks the id without which it means nothing. Weights are grams, lengths metres, durations seconds,
times aware datetimes in UTC, ids text. Everything has the bounds of `values`. Whatever names an
account or a printer, every URL, and what opens a file is kept out of `repr`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from .errors import ResponseError
from .values import (
    amount,
    color,
    count,
    flag,
    identifier,
    integer,
    label,
    mapping,
    moment,
    opaque,
    part,
    percent,
    promised_list,
    records,
    reference,
    required,
    text,
    upper,
)

# More than a printer has slots with every AMS that it takes.
_MOST_FILAMENTS = 32
_MOST_AMS = 24
_MOST_VERSIONS = 100
# More than anybody is known to have, and each is to be shown.
MOST_PRINTERS = 500
# More than is asked for at once.
LONGEST_PAGE = 1_000
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
# What else my/message/count has are sums of these, by rules that nobody has published.
_MESSAGE_KINDS = {
    "chat": "IMUnreadCount",
    "comment": "commentCount",
    "community": "communityCount",
    "crowdfunding": "crowdfundingMessageCount",
    "design": "designCount",
    "device": "deviceCount",
    "paid_content": "paidContentCount",
    "system": "systemCount",
}


def _optional[T](data: Any, parse: Callable[[Any], T]) -> T | None:
    return parse(data) if isinstance(data, dict) else None


def _link(data: Any) -> str:
    return required(opaque(data))


def _color(data: Any) -> str:
    return required(color(data))


def _seconds(data: Any) -> int | None:
    # 0 stands for none.
    return int(amount(data) or 0) or None


def _product_name(data: dict[str, Any]) -> str | None:
    """Return what is written on the box, which the newest printers have to be known for."""
    name = label((label(data.get("dev_product_name")) or "").removeprefix("Bambu Lab"))
    model = label(data.get("dev_model_name")) or ""
    return name or _PRODUCT_NAMES.get(model.removesuffix("-V2"))


@dataclass(frozen=True, slots=True)
class Token:
    """What signs requests; `expires_in` and `refresh_expires_in` count seconds from the answer."""

    access_token: str = field(repr=False)
    expires_in: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_in: int | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/login or user/refreshtoken."""
        data = mapping(data)
        return cls(
            access_token=required(opaque(data.get("accessToken"))),
            expires_in=_seconds(data.get("expiresIn")),
            refresh_token=opaque(data.get("refreshToken")),
            refresh_expires_in=_seconds(data.get("refreshExpiresIn")),
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """The account: `uid` identifies it for good, `name` is what its owner calls it.

    `bio`, `links` and `background` are what its page on MakerWorld shows.
    """

    uid: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    avatar: str | None = field(default=None, repr=False)
    bio: str | None = field(default=None, repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)
    background: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of my/preference."""
        data = mapping(data)
        return cls(
            uid=required(identifier(data.get("uid"))),
            name=label(data.get("name")) or label(data.get("nickname")),
            handle=label(data.get("handle")),
            avatar=opaque(data.get("avatar")),
            bio=text(data.get("bio")),
            links=records(data.get("links"), _link),
            background=opaque(data.get("backgroundUrl")),
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
        return cls(
            id=required(identifier(data.get("dev_id"))),
            name=label(data.get("name")),
            online=flag(data.get("online")),
            print_status=upper(data.get("print_status")),
            print_job=identifier(data.get("print_job")),
            model=label(data.get("dev_model_name")),
            product_name=_product_name(data),
            nozzle_diameter=amount(data.get("nozzle_diameter")),
            structure=label(data.get("dev_structure")),
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
        devices = records(promised_list(listed), cls.from_api, longest=MOST_PRINTERS)
        if listed and not devices:
            raise ResponseError("no device can be read")
        return list(devices)


@dataclass(frozen=True, slots=True)
class PrintStatus:
    """What a printer is doing now, as far as the cloud tells.

    Since 2025 the cloud leaves the task's keys out; `has_task_fields` says whether it sent any.
    `progress` is 0 to 100, `prediction` the slicer's estimate of the whole print. `model` and
    `product_name` are as those of a device.
    """

    id: str = field(repr=False)
    name: str | None = None
    model: str | None = None
    product_name: str | None = None
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
            name=label(data.get("dev_name")),
            model=label(data.get("dev_model_name")),
            product_name=_product_name(data),
            online=flag(data.get("dev_online")),
            has_task_fields=not _TASK_KEYS.isdisjoint(data),
            task_id=reference(data.get("task_id")),
            task_name=label(data.get("task_name")),
            task_status=upper(data.get("task_status")),
            model_id=identifier(data.get("model_id")),
            project_id=reference(data.get("project_id")),
            profile_id=reference(data.get("profile_id")),
            start_time=moment(data.get("start_time")),
            prediction=amount(data.get("prediction")),
            progress=percent(data.get("progress")),
            thumbnail=opaque(data.get("thumbnail")),
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
            type=label(data.get("targetFilamentType")) or label(data.get("filamentType")),
            color=color(data.get("targetColor")) or color(data.get("sourceColor")),
            weight=amount(data.get("weight")),
            filament_id=identifier(data.get("filamentId")),
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
            title=label(data.get("title")),
            design_title=label(data.get("designTitle")),
            design_id=reference(data.get("designId")),
            instance_id=reference(data.get("instanceId")),
            model_id=identifier(data.get("modelId")),
            cover=opaque(data.get("cover")),
            status=integer(data.get("status")),
            start_time=moment(data.get("startTime")),
            end_time=moment(data.get("endTime")),
            weight=amount(data.get("weight")),
            length=None if centimetres is None else centimetres / 100,
            cost_time=amount(data.get("costTime")),
            profile_id=reference(data.get("profileId")),
            plate_index=integer(data.get("plateIndex")),
            plate_name=label(data.get("plateName")),
            device_id=identifier(data.get("deviceId")),
            device_name=label(data.get("deviceName")),
            device_model=label(data.get("deviceModel")),
            filaments=records(
                data.get("amsDetailMapping"), TaskFilament.from_api, longest=_MOST_FILAMENTS
            ),
            mode=label(data.get("mode")),
            bed_type=label(data.get("bedType")),
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
            total=count(data.get("total")),
            tasks=records(promised_list(data.get("hits")), Task.from_api, longest=LONGEST_PAGE),
        )


@dataclass(frozen=True, slots=True)
class File:
    """A file of a sliced model; its URL is signed for minutes."""

    name: str | None = None
    directory: str | None = None
    url: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an object with `name`, `dir` and `url`."""
        data = mapping(data)
        return cls(
            name=label(data.get("name")),
            directory=label(data.get("dir")),
            url=opaque(data.get("url")),
        )


@dataclass(frozen=True, slots=True)
class PlateFilament:
    """What a plate needs of one filament, metres and grams; `id` counts those of the project."""

    id: str | None = None
    type: str | None = None
    color: str | None = None
    used_m: float | None = None
    used_g: float | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `filaments` of a plate."""
        data = mapping(data)
        return cls(
            id=identifier(data.get("id")),
            type=label(data.get("type")),
            color=color(data.get("color")),
            used_m=amount(data.get("used_m")),
            used_g=amount(data.get("used_g")),
        )


@dataclass(frozen=True, slots=True)
class Plate:
    """A sliced plate."""

    index: int | None = None
    prediction: float | None = None
    weight: float | None = None
    filaments: tuple[PlateFilament, ...] = ()
    thumbnail: File | None = None
    gcode: File | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `context.plates`."""
        data = mapping(data)
        return cls(
            index=integer(data.get("index")),
            prediction=amount(data.get("prediction")),
            weight=amount(data.get("weight")),
            filaments=records(data.get("filaments"), PlateFilament.from_api),
            thumbnail=_optional(data.get("thumbnail"), File.from_api),
            gcode=_optional(data.get("gcode"), File.from_api),
        )


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The printer that a model was sliced for, as a device tells its own."""

    model: str | None = None
    product_name: str | None = None
    nozzle_diameter: float | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `compatibility` of a context."""
        data = mapping(data)
        return cls(
            model=label(data.get("dev_model_name")),
            product_name=_product_name(data),
            nozzle_diameter=amount(data.get("nozzle_diameter")),
        )


@dataclass(frozen=True, slots=True)
class Material:
    """A filament that a model was sliced for."""

    type: str | None = None
    color: str | None = None
    filament_id: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `materials` of a context."""
        data = mapping(data)
        return cls(
            type=label(data.get("material")),
            color=color(data.get("color")),
            filament_id=identifier(data.get("filament_id")),
        )


@dataclass(frozen=True, slots=True)
class Context:
    """How a model was sliced: for what, with which files, onto which plates.

    Nobody has published an element of `pictures` and the auxiliary lists; they are read as files.
    """

    compatibility: Compatibility | None = None
    pictures: tuple[File, ...] = ()
    configs: tuple[File, ...] = ()
    plates: tuple[Plate, ...] = ()
    materials: tuple[Material, ...] = ()
    auxiliary_pictures: tuple[File, ...] = ()
    auxiliary_bom: tuple[File, ...] = ()
    auxiliary_guide: tuple[File, ...] = ()
    auxiliary_other: tuple[File, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `context` of a task or a profile."""
        data = mapping(data)
        return cls(
            compatibility=_optional(data.get("compatibility"), Compatibility.from_api),
            pictures=records(data.get("pictures"), File.from_api),
            configs=records(data.get("configs"), File.from_api),
            plates=records(data.get("plates"), Plate.from_api),
            materials=records(data.get("materials"), Material.from_api),
            auxiliary_pictures=records(data.get("auxiliary_pictures"), File.from_api),
            auxiliary_bom=records(data.get("auxiliary_bom"), File.from_api),
            auxiliary_guide=records(data.get("auxiliary_guide"), File.from_api),
            auxiliary_other=records(data.get("auxiliary_other"), File.from_api),
        )


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A print with its plates; the cloud refuses it to most callers.

    `create_time` and `update_time` are as the cloud writes them, without a zone, and `content` is
    text of its own making. Nobody has published what `est` is nor the elements of `sub_task` and
    `subtask`: the one is read as seconds, the others are passed on.
    """

    id: str | None = None
    name: str | None = None
    status: str | None = None
    model_id: str | None = None
    project_id: str | None = None
    profile_id: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    context: Context = Context()
    content: str | None = None
    parent: str | None = None
    sub_task: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    subtask: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    est: float | None = None
    url: str | None = field(default=None, repr=False)
    md5: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/task/{id}."""
        data = mapping(data)
        return cls(
            id=reference(data.get("job_id")),
            name=label(data.get("name")),
            status=upper(data.get("status")),
            model_id=identifier(data.get("model_id")),
            project_id=reference(data.get("project_id")),
            profile_id=reference(data.get("profile_id")),
            create_time=label(data.get("create_time")),
            update_time=label(data.get("update_time")),
            context=Context.from_api(part(data, "context")),
            content=text(data.get("content")),
            parent=reference(data.get("parent")),
            sub_task=records(data.get("sub_task"), mapping),
            subtask=records(data.get("subtask"), mapping),
            est=amount(data.get("est")),
            url=opaque(data.get("url")),
            md5=identifier(data.get("md5")),
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A way of slicing a model.

    `create_time` and `update_time` are as the cloud writes them, without a zone: those of 2022
    are eight hours ahead of UTC. `content` is text of its own making. `url`, `md5` and `keystore`
    are those of the sliced file.
    """

    id: str
    name: str | None = None
    model_id: str | None = None
    status: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    context: Context = Context()
    content: str | None = None
    filename: str | None = None
    url: str | None = field(default=None, repr=False)
    md5: str | None = field(default=None, repr=False)
    keystore: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/profile/{id} or an element of `profiles` of a project."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("profile_id"))),
            name=label(data.get("name")),
            model_id=identifier(data.get("model_id")),
            status=upper(data.get("status")),
            create_time=label(data.get("create_time")),
            update_time=label(data.get("update_time")),
            context=Context.from_api(part(data, "context")),
            content=text(data.get("content")),
            filename=label(data.get("filename")),
            url=opaque(data.get("url")),
            md5=identifier(data.get("md5")),
            keystore=text(data.get("keystore_xml")),
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A model that was sent to a printer; a list of projects leaves `profiles` out.

    The times and `content` are as those of a profile.
    """

    id: str
    name: str | None = None
    model_id: str | None = None
    status: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    profiles: tuple[Profile, ...] = ()
    user_id: str | None = field(default=None, repr=False)
    content: str | None = None
    download_url: str | None = field(default=None, repr=False)
    download_md5: str | None = field(default=None, repr=False)
    keystore: str | None = field(default=None, repr=False)
    upload_url: str | None = field(default=None, repr=False)
    upload_ticket: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of user/project/{id} or an element of `projects` of user/project."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("project_id"))),
            name=label(data.get("name")),
            model_id=identifier(data.get("model_id")),
            status=upper(data.get("status")),
            create_time=label(data.get("create_time")),
            update_time=label(data.get("update_time")),
            profiles=records(data.get("profiles"), Profile.from_api),
            user_id=identifier(data.get("user_id")),
            content=text(data.get("content")),
            download_url=opaque(data.get("download_url")),
            download_md5=identifier(data.get("download_md5")),
            keystore=text(data.get("keystore_xml")),
            upload_url=opaque(data.get("upload_url")),
            upload_ticket=identifier(data.get("upload_ticket")),
        )


@dataclass(frozen=True, slots=True)
class MessageTask:
    """The print that a message is about."""

    id: str | None = None
    title: str | None = None
    status: int | None = None
    device_id: str | None = field(default=None, repr=False)
    detail: str | None = None
    cover: str | None = field(default=None, repr=False)
    design_id: str | None = None
    device_name: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `taskMessage` of a message."""
        data = mapping(data)
        return cls(
            id=reference(data.get("id")),
            title=label(data.get("title")),
            status=integer(data.get("status")),
            device_id=identifier(data.get("deviceId")),
            detail=text(data.get("detail")),
            cover=opaque(data.get("cover")),
            design_id=reference(data.get("designId")),
            device_name=label(data.get("deviceName")),
        )


@dataclass(frozen=True, slots=True)
class MessageSender:
    """The account that a message is from."""

    uid: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    avatar: str | None = field(default=None, repr=False)
    fans: int | None = None
    follows: int | None = None
    likes: int | None = None
    is_followed: bool | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `from` of a message."""
        data = mapping(data)
        return cls(
            uid=reference(data.get("uid")),
            name=label(data.get("name")),
            handle=label(data.get("handle")),
            avatar=opaque(data.get("avatar")),
            fans=count(data.get("fanCount")),
            follows=count(data.get("followCount")),
            likes=count(data.get("likeCount")),
            is_followed=flag(data.get("isFollowed")),
        )


@dataclass(frozen=True, slots=True)
class MessageDesign:
    """The model on MakerWorld that a message is about."""

    id: str | None = None
    title: str | None = None
    model_id: str | None = None
    cover: str | None = field(default=None, repr=False)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `design` of a message or `designInfo` in it."""
        data = mapping(data)
        return cls(
            id=reference(data.get("id")),
            title=label(data.get("title")),
            model_id=identifier(data.get("modelId")),
            cover=opaque(data.get("cover")),
        )


@dataclass(frozen=True, slots=True)
class MessageComment:
    """The comment that a message is about; `text` may hold HTML that other people wrote."""

    id: str | None = None
    text: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `comment` of a message or `commentInfo` in it."""
        data = mapping(data)
        return cls(id=reference(data.get("id")), text=text(data.get("content")))


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the account: 6 is a print, the other types come from MakerWorld.

    `sender` is the name of who it is from, `title` and `text` what it says, whatever its type.
    `text` may hold HTML that other people wrote.
    """

    id: str
    type: int | None = None
    read: bool | None = None
    created: datetime | None = None
    sender: str | None = field(default=None, repr=False)
    task: MessageTask | None = None
    title: str | None = None
    text: str | None = None
    sender_details: MessageSender | None = None
    design: MessageDesign | None = None
    comment: MessageComment | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `hits` of my/messages."""
        data = mapping(data)
        read = integer(data.get("isread"))
        # Each type has an object of its own name, and they share the names inside.
        events = [
            value
            for key, value in data.items()
            if isinstance(value, dict) and key not in {"from", "taskMessage"}
        ]
        titles = (
            label(title)
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
        designs = (part(data, "design"), *(part(event, "designInfo") for event in events))
        comments = (part(data, "comment"), *(part(event, "commentInfo") for event in events))
        return cls(
            id=required(identifier(data.get("id"))),
            type=integer(data.get("type")),
            read=read == 1 if read in {0, 1} else flag(data.get("isread")),
            created=moment(data.get("createTime")),
            sender=label(part(data, "from").get("name")),
            task=_optional(data.get("taskMessage"), MessageTask.from_api),
            title=next(filter(None, titles), None),
            text=next(filter(None, texts), None),
            sender_details=_optional(data.get("from"), MessageSender.from_api),
            design=_optional(next(filter(None, designs), None), MessageDesign.from_api),
            comment=_optional(next(filter(None, comments), None), MessageComment.from_api),
        )


@dataclass(frozen=True, slots=True)
class MessageCount:
    """How many messages are unread: all of them, and those of each kind that the cloud names.

    The kinds are chat, comment, community, crowdfunding, design, device, paid_content and system.
    """

    unread: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of my/message/count."""
        data = mapping(data)
        counts = {kind: count(data.get(key)) for kind, key in _MESSAGE_KINDS.items()}
        return cls(
            unread=count(data.get("unreadTotal")),
            kinds={kind: unread for kind, unread in counts.items() if unread is not None},
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
            version=required(label(data.get("version"))),
            force_update=flag(data.get("force_update")),
            description=text(data.get("description")),
            url=opaque(data.get("url")),
            status=label(data.get("status")),
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
            model=label(data.get("dev_model_name")),
            version=label(data.get("firmware_current")),
            firmware=records(data.get("firmware"), Firmware.from_api, longest=_MOST_VERSIONS),
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
            version=label(data.get("version")),
            firmware=records(data.get("firmware"), Firmware.from_api, longest=_MOST_VERSIONS),
            ams=records(data.get("ams"), AmsVersion.from_api, longest=_MOST_AMS),
        )


@dataclass(frozen=True, slots=True)
class Spool:
    """A spool of the list that the owner keeps in Bambu Handy.

    `weight` is what is left of `full_weight`. `created_by` is "ams" if a printer put it there and
    "manual" if its owner did. One that is `in_printer` is in a tray of `device_id`: `slot_id`
    counts from 0 in the AMS `ams_id`. The serial number of that AMS and the number of the spool's
    chip are not kept.
    """

    id: str
    type: str | None = None
    name: str | None = None
    vendor: str | None = None
    filament_id: str | None = None
    color: str | None = None
    colors: tuple[str, ...] = ()
    weight: float | None = None
    full_weight: float | None = None
    is_support: bool | None = None
    display_name: str | None = None
    note: str | None = None
    created_by: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    in_printer: bool | None = None
    device_id: str | None = field(default=None, repr=False)
    device_name: str | None = None
    ams_id: int | None = None
    slot_id: int | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `hits` of my/filament/v2."""
        data = mapping(data)
        return cls(
            id=required(identifier(data.get("id"))),
            type=label(data.get("filamentType")),
            name=label(data.get("filamentName")),
            vendor=label(data.get("filamentVendor")),
            filament_id=identifier(data.get("filamentId")),
            color=color(data.get("color")),
            colors=records(data.get("colors"), _color, longest=_MOST_FILAMENTS),
            weight=amount(data.get("netWeight")),
            full_weight=amount(data.get("totalNetWeight")),
            is_support=flag(data.get("isSupport")),
            display_name=label(data.get("displayName")),
            note=text(data.get("note")),
            created_by=label(data.get("createType")),
            created=moment(data.get("createdAt")),
            updated=moment(data.get("updatedAt")),
            in_printer=flag(data.get("inPrinter")),
            device_id=identifier(data.get("devId")),
            device_name=label(data.get("deviceName")),
            ams_id=count(data.get("amsId")),
            slot_id=count(data.get("slotId")),
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
            type=label(data.get("type")),
            version=label(data.get("version")),
            description=text(data.get("description")),
            url=opaque(data.get("url")),
            force_update=flag(data.get("force_update")),
        )


@dataclass(frozen=True, slots=True)
class SlicerResources:
    """The newest Bambu Studio, a guide to it, and what was asked for."""

    software: Resource | None = None
    resources: tuple[Resource, ...] = ()
    guide: Resource | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an answer of slicer/resource."""
        data = mapping(data)
        return cls(
            software=_optional(data.get("software"), Resource.from_api),
            resources=records(promised_list(data.get("resources")), Resource.from_api),
            guide=_optional(data.get("guide"), Resource.from_api),
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
            name=label(data.get("name")),
            type=label(data.get("type")),
            version=label(data.get("version")),
            nickname=label(data.get("nickname")),
            public=flag(data.get("public")),
            update_time=moment(data.get("update_time")),
            base_id=identifier(data.get("base_id")),
            filament_id=identifier(data.get("filament_id")),
            filament_type=label(data.get("filament_type")),
            filament_vendor=label(data.get("filament_vendor")),
            inherits=label(data.get("inherits")),
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
            ttcode=opaque(data.get("ttcode")),
            passwd=opaque(data.get("passwd")),
            authkey=opaque(data.get("authkey")),
            region=label(data.get("region")),
            type=label(data.get("type")),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A picture; `content_type` is told by its first bytes."""

    content: bytes = field(repr=False)
    content_type: str
