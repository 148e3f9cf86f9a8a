"""What each endpoint of the cloud answers; the server calls these with a checked request."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
import re
from typing import Any
from zlib import crc32

from . import answers, pictures, wire
from .accounts import Account
from .answers import ENVELOPE, Answer, RefusedError
from .cloud import PRINTING, Cloud, Job, Preset, Printer

MOST_TASKS = 100
MOST_MESSAGES = 64
# Seen for presets of the kind print.
MOST_PRESETS = 100
# How the id of an own preset of each kind begins.
PRESET_IDS = {"print": "PPUS", "filament": "PFUS", "printer": "PMUS"}
MOST_COST = 100 * 24 * 3600
NUMBER = r"[0-9]{1,18}"
_links, _written_presets = count(1), count(1)


@dataclass(slots=True)
class Call:
    """One request; `account` is whoever it turns out to be from."""

    cloud: Cloud
    now: datetime
    base: str
    path: str
    query: Mapping[str, str]
    params: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: Any = None
    account: Account | None = None

    @property
    def owner(self) -> Account:
        """Return the account that the token belongs to."""
        if self.account is None:
            raise RefusedError(answers.UNAUTHORIZED)
        return self.account

    def text(self, name: str, *, optional: bool = False) -> str:
        """Return a text of the body."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if value is None and optional:
            return ""
        if value is None:
            raise RefusedError(answers.BAD_REQUEST)
        if not isinstance(value, str):
            raise RefusedError(_mismatch(name))
        return value

    def number(self, name: str, default: int) -> int:
        """Return a number of the query."""
        text = self.query.get(name, "")
        if text and not re.fullmatch(NUMBER, text):
            raise RefusedError(_mismatch(name))
        return int(text) if text else default

    def cover(self, job: Job, printer: Printer, life: timedelta = pictures.COVER_LIFE) -> str:
        """Return a fresh link to the picture of a job, or an empty text."""
        if not job.has_cover:
            return ""
        path = wire.cover_path(job, self.cloud.look(job, printer))
        if path.startswith("/covers/private/"):
            path = pictures.sign(path, self.now, next(_links), life)
        return self.base + path


def _mismatch(name: str) -> Answer:
    return Answer(400, f"type mismatch for field {name}", answers.TEXT)


# user-service


def login(call: Call) -> Answer:
    """Sign in with a password or with a code."""
    account = call.text("account")
    password, code = call.text("password", optional=True), call.text("code", optional=True)
    if bool(password) == bool(code):
        raise RefusedError(answers.BAD_REQUEST)
    accounts = call.cloud.accounts
    if password:
        call.account, answer = accounts.with_password(account, password, call.now)
    else:
        call.account, answer = accounts.with_code(account, code, call.now)
    return answer


def _send_code(call: Call, login: str) -> Answer:
    if call.text("type") != "codeLogin":
        raise RefusedError(answers.BAD_REQUEST)
    call.account = call.cloud.accounts.send_code(login, call.now)
    sent = len(call.account.sends) if call.account else 0
    # All three were seen.
    return (Answer(200, {}), Answer(200, {"code": None, "error": None}), Answer(200))[sent % 3]


def send_email_code(call: Call) -> Answer:
    """Send a code by email."""
    return _send_code(call, call.text("email"))


def send_sms_code(call: Call) -> Answer:
    """Send a code by SMS."""
    return _send_code(call, call.text("phone"))


def refresh_token(call: Call) -> Answer:
    """Give a new token for an old one, in 2022; today the endpoint is dead."""
    if call.cloud.era == "2026":
        return answers.REFRESH_REFUSED
    return call.cloud.accounts.refresh(call.text("refreshToken"), call.now)


def csrf(call: Call) -> Answer:
    """Begin the web sign-in."""
    return Answer(204, cookies={"bbl_csrf_token": call.cloud.accounts.csrf_token()})


def sign_in_tfa(call: Call) -> Answer:
    """Complete the web sign-in."""
    call.account, answer = call.cloud.accounts.with_totp(
        call.cookies.get("bbl_csrf_token"),
        call.headers.get("x-bbl-csrf-token"),
        call.text("tfaKey", optional=True),
        call.text("tfaCode", optional=True),
        call.now,
    )
    return answer


def preference(call: Call) -> Any:
    """Say who this is."""
    return wire.preference(call.owner, call.cloud.printers_of(call.owner), call.cloud.era)


def my_profile(call: Call) -> Any:
    """Say who this is, with totals."""
    jobs = [
        (job, call.cloud.look(job, printer))
        for job, printer in call.cloud.tasks(call.owner, call.now)
        if job.listed_as_ended(printer.seen_at(call.now))
    ]
    return wire.my_profile(call.owner, call.cloud.printers_of(call.owner), jobs)


def my_filament(call: Call) -> Any:
    """List the spools that the owner keeps in Bambu Handy, which 2022 did not know."""
    if call.cloud.era == "2022":
        return answers.ROUTE_NOT_FOUND
    spools = wire.spools(call.cloud, call.owner, call.now)
    limit, offset = min(call.number("limit", 20), MOST_TASKS), call.number("offset", 0)
    return {"hits": spools[offset : offset + limit]}


def my_tasks(call: Call) -> Any:
    """List prints; `after` is ignored."""
    found = call.cloud.tasks(call.owner, call.now, call.query.get("deviceId") or None)
    tasks = [(job, printer, printer.seen_at(call.now)) for job, printer in found]
    if status := call.number("status", 0):
        tasks = [(job, printer, at) for job, printer, at in tasks if _status(job, at) == status]
    limit, offset = min(call.number("limit", 20), MOST_TASKS), call.number("offset", 0)
    cloud = call.cloud
    hits = [
        wire.task(
            job,
            printer,
            at,
            era=cloud.era,
            look=cloud.look(job, printer),
            cover=call.cover(job, printer),
        )
        for job, printer, at in tasks[offset : offset + limit]
    ]
    return {"total": len(tasks), "hits": hits}


def _status(job: Job, at: datetime) -> int:
    return job.result if job.listed_as_ended(at) else PRINTING


def create_task(call: Call) -> Any:
    """Print, in 2022; today a request that is not signed by the app is refused.

    Synthetic: nobody has published the answer.
    """
    if call.cloud.era == "2026":
        return answers.BAD_REQUEST
    printer = _own_printer(call, call.text("deviceId"))
    cost = call.body.get("costTime")
    if cost is not None and (not isinstance(cost, int) or not 0 < cost < MOST_COST):
        raise RefusedError(_mismatch("costTime"))
    try:
        task_id = call.cloud.start(printer.dev_id, title=call.text("title"), duration=cost)
    except ValueError:
        raise RefusedError(answers.BAD_REQUEST) from None
    return {"id": task_id}


def forbidden(_call: Call) -> Answer:
    """Refuse: only the app may ask."""
    return answers.FORBIDDEN


@dataclass(slots=True)
class _Message:
    """A message, whose number tells it from others of its second, and how to make its body."""

    created: datetime
    number: int
    kind: int
    event: Callable[[], wire.Body]

    def body(self, call: Call) -> wire.Body:
        era = call.cloud.era
        return wire.message(self.created, self.number, call.now, era, self.event())


def _print_message(call: Call, job: Job, printer: Printer) -> wire.Body:
    look, cover = call.cloud.look(job, printer), call.cover(job, printer)
    return wire.print_message(job, printer, call.cloud.era, look, cover)


def _messages(call: Call, kinds: Collection[int] | None = None) -> list[_Message]:
    """Return the messages that are kept, of some kinds or of all, newest first."""
    cloud, since = call.cloud, call.now - wire.MESSAGES_KEPT
    found = [
        _Message(job.ends, printer.number, 6, partial(_print_message, call, job, printer))
        for job, printer in cloud.tasks(call.owner, call.now)
        if job.ends and job.ends > since and job.listed_as_ended(printer.seen_at(call.now))
    ]
    rows = {row[2]: row for row in reversed(wire.OTHER_MESSAGES)}
    found += [
        _Message(at, wire.SENT + number, kind, partial(wire.other_message, rows[kind]))
        for at, number, kind in cloud.sent_messages(call.owner)
    ]
    for row in wire.OTHER_MESSAGES if cloud.era == "2026" else ():
        at = cloud.started - timedelta(days=row[0])
        found.append(_Message(at, wire.OTHERS + row[2], row[2], partial(wire.other_message, row)))
    found.sort(key=lambda message: (message.created, message.number), reverse=True)
    return [
        message
        for message in found
        if message.created > since and (kinds is None or message.kind in kinds)
    ]


def my_messages(call: Call) -> Any:
    """List messages of the last two weeks."""
    kinds = wire.MESSAGE_TYPES.get(call.query.get("type") or "6", ())
    limit, offset = min(call.number("limit", 20), MOST_MESSAGES), call.number("offset", 0)
    found = _messages(call, kinds)[offset : offset + limit]
    return {"hits": [message.body(call) for message in found]}


def message_count(call: Call) -> Any:
    """Count unread messages."""
    unread = [message for message in _messages(call) if wire.unread(message.created, call.now)]
    return wire.message_count([message.kind for message in unread])


def latest_message(call: Call) -> Any:
    """Tell the newest message; synthetic, as nobody has published the answer."""
    return next((message.body(call) for message in _messages(call)), {})


def task_status(call: Call) -> Any:
    """Tell how tasks stand: those that are named, or the newest of each printer.

    The request was seen; the answer is synthetic, as nobody has published it.
    """
    asked = call.body.get("deviceTaskInfo") if isinstance(call.body, dict) else None
    if asked is None:
        newest: dict[str, tuple[Job, Printer]] = {}
        for job, printer in call.cloud.tasks(call.owner, call.now):
            newest.setdefault(printer.dev_id, (job, printer))
        found = [*newest.values()]
    else:
        found = [task for item in _list(asked) if (task := _listed(call, item))]
    return {
        "deviceTaskInfo": [
            {
                "deviceId": printer.dev_id,
                "taskId": job.id,
                "status": _status(job, printer.seen_at(call.now)),
            }
            for job, printer in found
        ]
    }


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise RefusedError(_mismatch("deviceTaskInfo"))
    return value


def _listed(call: Call, item: Any) -> tuple[Job, Printer] | None:
    number = str(item.get("taskId")) if isinstance(item, dict) else ""
    if not re.fullmatch(NUMBER, number):
        raise RefusedError(_mismatch("taskId"))
    return call.cloud.job(call.owner, int(number), call.now)


def my_ticket(_call: Call) -> Any:
    """Answer for a ticket of the web sign-in; nobody has published what is in it."""
    return {}


# iot-service


def bind(call: Call) -> Any:
    """List printers."""
    fleet = call.cloud.fleet(call.owner, call.now)
    devices = [wire.bind(p, call.now, call.cloud.era) for p in fleet]
    return {**ENVELOPE, "devices": devices}


def user_print(call: Call) -> Any:
    """List what printers do, of which the cloud of 2026 says nothing any more."""
    cloud, devices = call.cloud, []
    for printer in cloud.fleet(call.owner, call.now):
        at = printer.seen_at(call.now)
        job = printer.current(at)
        look = cloud.look(job, printer) if job else None
        cover = call.cover(job, printer) if job else None
        devices.append(wire.print_status(printer, at, cloud.era, look, cover))
    code = 0 if cloud.era == "2026" else None
    return {**ENVELOPE, "code": code, "devices": devices}


def _own_printer(call: Call, dev_id: str) -> Printer:
    for printer in call.cloud.printers_of(call.owner):
        if printer.dev_id == dev_id:
            return printer
    raise RefusedError(answers.FORBIDDEN)


def device_info(call: Call) -> Any:
    """Rename a printer."""
    printer = _own_printer(call, call.text("dev_id"))
    name = call.text("dev_name", optional=True) or call.text("name", optional=True)
    if name:
        printer.name = name
    return ENVELOPE


def device_version(call: Call) -> Any:
    """List firmware; without a known dev_id that of all printers."""
    printers = call.cloud.printers_of(call.owner)
    if wanted := call.query.get("dev_id"):
        printers = [printer for printer in printers if printer.dev_id == wanted]
    return {
        **ENVELOPE,
        "devices": [wire.device_version(p, call.cloud.era) for p in printers],
    }


def projects(call: Call) -> Any:
    """List projects; an account without any gets no list."""
    found = call.cloud.tasks(call.owner, call.now)[:20]
    if not found:
        return ENVELOPE
    looks = [(job, call.cloud.look(job, printer)) for job, printer in found]
    era = call.cloud.era
    items = [wire.project(job, call.owner, look, era) for job, look in looks]
    return {**ENVELOPE, "projects": items}


def _job(call: Call, number: int) -> tuple[Job, Printer]:
    found = call.cloud.job(call.owner, number, call.now)
    if found is None:
        raise RefusedError(answers.FORBIDDEN)
    return found


def _profile(call: Call, job: Job, printer: Printer) -> wire.Body:
    thumbnail = call.cover(job, printer, pictures.FILE_LIFE)
    return wire.profile(job, printer, call.cloud.look(job, printer), thumbnail, call.cloud.era)


def project(call: Call) -> Any:
    """Describe a project."""
    job, printer = _job(call, int(call.params["id"]))
    look = call.cloud.look(job, printer)
    body = wire.project(job, call.owner, look, call.cloud.era)
    return wire.project_detail(body, [_profile(call, job, printer)])


def profile(call: Call) -> Any:
    """Describe a profile of a model."""
    job, printer = _job(call, wire.job_of_profile(int(call.params["id"])))
    if not call.query.get("model_id"):
        return Answer(400, 'field "model_id" is not set', answers.TEXT)
    if call.query["model_id"] != call.cloud.look(job, printer).model_id:
        return answers.FORBIDDEN
    # Its own answer lacks the content that the profiles of a project have.
    more = dict.fromkeys(("content", "filename", "url", "md5", "keystore_xml"))
    return {**ENVELOPE, **_profile(call, job, printer), **more}


def user_task(_call: Call) -> Answer:
    """Refuse with the keys of a success."""
    names = (
        *("parent", "model_id", "project_id", "profile_id", "status", "name", "content"),
        *("context", "create_time", "update_time", "sub_task", "subtask", "est", "url", "md5"),
    )
    refusal = {"message": "permission denied", "code": 8, "error": "Resource forbidden"}
    return Answer(403, refusal | dict.fromkeys(names))


def notification(call: Call) -> Any:
    """Answer about an upload or an import; nobody has published more than the envelope."""
    if call.query.get("action") not in ("upload", "import_mesh"):
        return answers.INVALID_INPUT
    return ENVELOPE


def ttcode(call: Call) -> Any:
    """Give credentials of the camera, in 2022; today only the app gets them."""
    if call.cloud.era == "2026":
        return answers.FORBIDDEN
    number = _own_printer(call, call.text("dev_id")).number
    codes = {"ttcode": f"TT{number:018d}", "passwd": f"{number:06d}", "authkey": f"{number:08d}"}
    return {**ENVELOPE, **codes}


def slicer_resource(call: Call) -> Any:
    """Say what can be downloaded for the slicer."""
    return wire.slicer_resources(dict(call.query), call.cloud.era)


def slicer_settings(call: Call) -> Any:
    """List presets."""
    version = call.query.get("version")
    if not version:
        return Answer(400, 'field "version" is not set', answers.TEXT)
    if not re.fullmatch(r"\d+(\.\d+){3}", version):
        return answers.INVALID_INPUT
    with_public = call.query.get("public") != "false"
    own = _presets(call).values()
    return wire.slicer_settings(call.cloud.era, own, with_public=with_public)


def _presets(call: Call) -> dict[str, Preset]:
    return call.cloud.presets[call.owner.uid]


def slicer_setting(call: Call) -> Any:
    """Describe a preset."""
    found = wire.slicer_setting(call.params["id"], call.cloud.era, _presets(call))
    return found or answers.FORBIDDEN


def _written(call: Call, preset_id: str) -> Preset:
    """Return the preset that a request describes."""
    body = call.body if isinstance(call.body, dict) else {}
    for name in ("name", "type", "version", "setting"):
        if body.get(name) is None:
            raise RefusedError(Answer(400, f'field "{name}" is not set', answers.TEXT))
    kind = call.text("type")
    if kind not in PRESET_IDS or not isinstance(body["setting"], dict):
        raise RefusedError(answers.INVALID_INPUT)
    return Preset(
        id=preset_id or f"{PRESET_IDS[kind]}{next(_written_presets):014x}",
        kind=kind,
        name=call.text("name"),
        version=call.text("version"),
        base_id=call.text("base_id", optional=True) or None,
        filament_id=call.text("filament_id", optional=True) or None,
        setting=body["setting"],
        updated=call.now,
    )


def _keep(call: Call, preset: Preset) -> Any:
    _presets(call)[preset.id] = preset
    return {**ENVELOPE, "setting_id": preset.id, "update_time": wire.plain(preset.updated)}


def create_setting(call: Call) -> Any:
    """Store a preset."""
    preset = _written(call, "")
    if sum(own.kind == preset.kind for own in _presets(call).values()) >= MOST_PRESETS:
        return answers.TOO_MANY_PRESETS
    return _keep(call, preset)


def change_setting(call: Call) -> Any:
    """Store a preset of one's own again."""
    if call.params["id"] not in _presets(call):
        return answers.INVALID_INPUT
    return _keep(call, _written(call, call.params["id"]))


def delete_setting(call: Call) -> Any:
    """Delete a preset of one's own; it is no mistake if there is none."""
    _presets(call).pop(call.params["id"], None)
    return ENVELOPE


# Pictures


def cover(call: Call) -> Answer:
    """Send a picture, without saying of what kind."""
    path = call.path.partition("?")[0]
    if "authorization" in {name.lower() for name in call.headers}:
        message = "Only one auth mechanism allowed"
        return answers.storage(400, "InvalidArgument", message)
    if path.startswith("/covers/private/") and (refusal := pictures.refusal(call.path, call.now)):
        return refusal
    if not path.endswith(".png"):
        return answers.storage(404, "NoSuchKey", "The specified key does not exist.")
    kind = "PNG"
    if path.startswith("/covers/makerworld/"):
        # Named .png all the same.
        kind = "JPEG" if crc32(path.encode()) % 4 == 0 else "WEBP"
    octets = {"Content-Type": "application/octet-stream"}
    return Answer(200, pictures.picture(path, kind), octets)


type Handler = Callable[[Call], Any]

PUBLIC: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/v1/user-service/user/login", login),
    ("POST", "/v1/user-service/user/sendemail/code", send_email_code),
    ("POST", "/v1/user-service/user/sendsmscode", send_sms_code),
    ("POST", "/v1/user-service/user/refreshtoken", refresh_token),
    ("GET", "/api/csrf", csrf),
    ("POST", "/api/sign-in/tfa", sign_in_tfa),
    ("GET", "/v1/iot-service/api/slicer/resource", slicer_resource),
    ("GET", "/covers/{path:.+}", cover),
)
PREFERENCE = "/v1/design-user-service/my/preference"
SIGNED_IN: tuple[tuple[str, str, Handler], ...] = (
    ("GET", PREFERENCE, preference),
    ("GET", "/v1/design-user-service/my/filament/v2", my_filament),
    ("GET", "/v1/user-service/my/profile", my_profile),
    ("GET", "/v1/user-service/my/messages", my_messages),
    ("GET", "/v1/user-service/my/message/count", message_count),
    ("GET", "/v1/user-service/my/message/latest", latest_message),
    # Clients disagree on how to ask.
    ("GET", "/v1/user-service/my/message/device/taskstatus", task_status),
    ("POST", "/v1/user-service/my/message/device/taskstatus", task_status),
    ("GET", "/v1/user-service/my/tasks", my_tasks),
    ("POST", "/v1/user-service/my/task", create_task),
    ("GET", "/v1/user-service/my/task/{id}", forbidden),
    ("GET", "/v1/user-service/my/ticket/{id}", my_ticket),
    ("GET", "/v1/iot-service/api/slicer/setting", slicer_settings),
    ("POST", "/v1/iot-service/api/slicer/setting", create_setting),
    ("GET", "/v1/iot-service/api/slicer/setting/{id}", slicer_setting),
    ("PATCH", "/v1/iot-service/api/slicer/setting/{id}", change_setting),
    ("DELETE", "/v1/iot-service/api/slicer/setting/{id}", delete_setting),
    ("GET", "/v1/iot-service/api/user/bind", bind),
    ("GET", "/v1/iot-service/api/user/print", user_print),
    ("PATCH", "/v1/iot-service/api/user/device/info", device_info),
    ("GET", "/v1/iot-service/api/user/device/version", device_version),
    ("GET", "/v1/iot-service/api/user/project", projects),
    ("GET", f"/v1/iot-service/api/user/project/{{id:{NUMBER}}}", project),
    ("GET", f"/v1/iot-service/api/user/profile/{{id:{NUMBER}}}", profile),
    ("GET", "/v1/iot-service/api/user/task/{id}", user_task),
    ("GET", "/v1/iot-service/api/user/notification", notification),
    ("POST", "/v1/iot-service/api/user/ttcode", ttcode),
)
