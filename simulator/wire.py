"""The bodies that the cloud sends, in the shapes of 2022 and of 2026."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from . import ams, catalogue
from .accounts import Account
from .ams import Spool
from .answers import ENVELOPE
from .catalogue import Look
from .cloud import (
    FAILED,
    FINISHED,
    FIRST_DAY,
    FIRST_PRESET,
    PRINTER_NUMBERS,
    PRINTING,
    Cloud,
    Job,
    Preset,
    Printer,
    trays,
)

type Body = dict[str, Any]

MESSAGES_KEPT = timedelta(days=14)
# For how long bind repeats the status of an offline printer; how long really, nobody knows.
TELLS_OF_OFFLINE = timedelta(hours=6)
# Which kinds of hits a query for a type of messages gives; without a type it gives prints.
MESSAGE_TYPES = {
    "1": (201, 202, 203, 251, 252, 254),
    "2": (101, 102, 103),
    "3": (401, 402, 411, 412, 501, 502, 503),
    "4": (6,),
    "5": (601, 602, 603),
    "6": (6,),
}
AVATAR = "https://public-cdn.bblmw.com/default/avatar.png"
BACKGROUND = "https://public-cdn.bblmw.com/default/background.png"


def zulu(at: datetime) -> str:
    """Write a time as tasks and messages do."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def plain(at: datetime) -> str:
    """Write a time as projects and presets do."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


# A job has one model, one profile and one project, so their ids follow from its own.


def profile_id(job: Job) -> int:
    """Return the id of the profile that a job prints."""
    return job.id + PRINTER_NUMBERS // 2


def job_of_profile(profile: int) -> int:
    """Return the id of the job that prints a profile."""
    return profile - PRINTER_NUMBERS // 2


def cover_path(job: Job, look: Look) -> str:
    """Return where the picture of a job is; designs of MakerWorld have theirs in the open."""
    if look.design:
        place = f"makerworld/cache/2/{look.model_id}/{profile_id(job)}/3mf/1/REP1"
    else:
        place = f"private/{look.model_id}/{profile_id(job)}/3mf"
    return f"/covers/{place}/Metadata/plate_1.png"


def bind(printer: Printer, now: datetime, era: str) -> Body:
    """Describe a bound printer; of one that is offline for long the cloud tells no status."""
    at = printer.seen_at(now)
    status = printer.status(at, era) if now - at < TELLS_OF_OFFLINE else None
    body: Body = {
        "dev_id": printer.dev_id,
        "name": printer.name,
        "online": printer.offline_since is None,
        "print_status": status,
        "dev_model_name": printer.model.code,
        "dev_product_name": printer.model.product,
        "dev_access_code": printer.access_code,
    }
    if era == "2026":
        body["print_job"] = printer.job_named(at)
        body["nozzle_diameter"] = 0.4
        body["dev_structure"] = printer.model.structure
        if printer.offline_since and status is None:
            del body["dev_structure"]
    if status is None:
        del body["print_status"]
    return body


def print_status(
    printer: Printer, at: datetime, era: str, look: Look | None, thumbnail: str | None
) -> Body:
    """Describe a printer in user/print."""
    body: Body = {
        "dev_id": printer.dev_id,
        "dev_name": printer.name,
        "dev_model_name": printer.model.code,
        "dev_product_name": printer.model.product,
        "dev_online": printer.offline_since is None,
        "dev_access_code": printer.access_code,
    }
    if era == "2026":
        return body
    names = ("task_id", "task_name", "task_status", "model_id", "project_id", "profile_id")
    body |= dict.fromkeys((*names, "start_time", "prediction", "progress", "thumbnail"))
    job = printer.current(at)
    if job is None or look is None:
        return body
    # Synthetic: nobody published this body of a running print, so each printer has other types.
    cost = max(1, round(job.cost.total_seconds()))
    progress = min(100.0, 100 * job.printed_for(at) / job.cost)
    epoch = int(job.started.timestamp())
    start, prediction, percent = (
        (epoch, cost, int(progress)),
        (plain(job.started), str(cost), str(int(progress))),
        (epoch * 1000, float(cost), round(progress, 1)),
    )[printer.number % 3]
    return body | {
        "task_id": str(job.id) if job.has_task else "0",
        "task_name": look.title,
        "task_status": printer.status(at, era),
        "model_id": look.model_id,
        "project_id": str(job.id),
        "profile_id": str(profile_id(job)),
        "start_time": start,
        "prediction": prediction,
        "progress": percent,
        "thumbnail": thumbnail,
    }


def _centimetres(job: Job, look: Look) -> int:
    metres = sum(
        job.weight * share / filament.grams_per_metre for filament, _, share in look.filaments
    )
    return max(1, round(metres * 100))


def _task_filaments(job: Job, printer: Printer, look: Look) -> list[Body]:
    filaments = iter(look.filaments)
    nozzles = printer.model.nozzles
    items: list[Body] = []
    for tray in trays(job, printer, look):
        filament, color, share = next(filaments) if tray >= 0 else (None, "", 0)
        items.append(
            {
                "ams": tray,
                "sourceColor": color,
                "targetColor": color,
                "filamentId": filament.id if filament else "",
                "filamentType": filament.type if filament else "",
                "targetFilamentType": "",
                "weight": round(job.weight * share, 2),
                "nozzleId": tray % nozzles if nozzles > 1 else 1,
                # Zero in every entry that was seen in 2026.
                "amsId": 0,
                "slotId": 0,
            }
        )
    return items


def task(job: Job, printer: Printer, at: datetime, *, era: str, look: Look, cover: str) -> Body:
    """Describe a job in the task list."""
    ended = job.ends if job.listed_as_ended(at) else None
    # A running job has an end within a minute of its start.
    end = ended or job.started + timedelta(seconds=job.id // PRINTER_NUMBERS % 60)
    common: Body = {
        "id": job.id,
        "designId": job.id % 900_001 + 1 if look.design else 0,
        "modelId": look.model_id,
        "title": look.title,
        "cover": cover,
        "status": job.result if ended else PRINTING,
        "feedbackStatus": 2 if ended and job.result == FINISHED and job.id % 3 else 0,
        "startTime": zulu(job.started),
        "endTime": zulu(end),
        "weight": job.weight,
        "costTime": max(1, round(job.cost.total_seconds())),
        "profileId": profile_id(job),
        "plateIndex": 1,
        "deviceId": printer.dev_id,
        "amsDetailMapping": [],
        "mode": "lan_file" if job.kind == "local" else look.mode,
    }
    if era == "2022":
        return common
    dual = [{"id": n, "flowSize": "standard_flow", "diameter": 0.4} for n in (1, 0)]
    return common | {
        "designTitle": look.design,
        "designTitleTranslated": "",
        "instanceId": job.id % 700_001 + 1 if look.design else 0,
        "failedType": 0,
        "length": _centimetres(job, look),
        "plateName": "",
        "amsDetailMapping": _task_filaments(job, printer, look),
        "isPublicProfile": bool(look.design),
        "isPrintable": True,
        "isDelete": False,
        "deviceModel": printer.model.product,
        "deviceName": printer.name,
        "bedType": look.bed,
        "jobType": 1,
        "material": {"id": "", "name": ""},
        "platform": "",
        "stepSummary": [],
        "nozzleInfos": dual if printer.model.nozzles > 1 else [],
        "nozzleMapping": None,
        "snapShot": "",
        "extention": {
            "modelInfo": {
                "configs": [],
                "compatibility": {
                    "devModelName": printer.model.code,
                    "devProductName": printer.model.product,
                    "nozzleDiameter": 0.4,
                },
            }
        },
        "useAms": bool(printer.model.ams),
        "repetitions": 1,
    }


def print_message(job: Job, printer: Printer, era: str, look: Look, cover: str) -> Body:
    """Describe the message about the end of a print."""
    payload: Body = {
        "id": job.id,
        "title": look.title,
        "cover": cover,
        "status": 2 if job.result == FINISHED else 3,
        "deviceId": printer.dev_id,
    }
    if era == "2022":
        event = {"type": 6, "design": None, "comment": None, "taskMessage": payload}
        return event | {"from": sender(printer.name)}
    payload |= {
        "designId": 0,
        "deviceName": printer.name,
        "detail": "Task Canceled" if job.result == FAILED else "Task Success",
    }
    return {"type": 6, "taskMessage": payload}


# What else has happened: days before the start of the simulator, sender, event and its payload.
OTHER_MESSAGES: tuple[tuple[float, str | None, int, Body], ...] = (
    (
        0.4,
        "Avid Printer",
        251,
        {
            "instRating": {
                "id": 7001,
                "designInfo": {"id": 81, "title": "Wall hook for headphones", "modelId": ""},
                "instanceInfo": {"id": 82, "title": "0.2mm layer, 2 walls, 15% infill"},
                "score": 5,
                "content": "Fits on the first try.",
            }
        },
    ),
    (
        1.3,
        "Curious Printer",
        201,
        {
            "designCommented": {
                "designInfo": {"id": 81, "title": "Wall hook for headphones", "modelId": ""},
                "commentInfo": {
                    "id": 7002,
                    "uid": 5,
                    "content": "Which <b>glue</b>?",
                    "images": [],
                },
            }
        },
    ),
    (
        3.7,
        "Kind Printer",
        503,
        {
            "pointDesignBoosted": {
                "designId": 81,
                "designTitle": "Wall hook for headphones",
                "designBoostCnt": 3,
                "boostedByUsername": "Kind Printer",
            }
        },
    ),
    (
        6.1,
        None,
        412,
        {
            "systemForWeb": {
                "systemInfo": {
                    "uid": 0,
                    "title": "Planned maintenance",
                    "bio": "A short interruption.",
                    "content": "Dear makers,\nthe service rests for an hour on Tuesday.",
                }
            }
        },
    ),
    (
        9.5,
        None,
        603,
        {
            "communityPostLiked": {
                "post": {"postId": 7003, "type": 66, "content": '{"content":[]}', "designId": 81},
                "users": [{"uid": 6, "name": "Happy Printer", "handle": "happy"}],
                "userCount": 1,
            }
        },
    ),
)


# What makes ids of messages that are not about prints; the numbers of printers are below.
SENT, OTHERS = 6000, 9000


def other_message(row: tuple[float, str | None, int, Body]) -> Body:
    """Describe an event that is no print."""
    _, name, kind, payload = row
    return {"type": kind, "from": sender(name) if name else None, **payload}


def message(created: datetime, number: int, now: datetime, era: str, event: Body) -> Body:
    """Put an event into the envelope of a message; the number tells those of a second apart."""
    seconds = int((created - FIRST_DAY).total_seconds())
    body = {
        "id": seconds * PRINTER_NUMBERS + number,
        "from": None,
        **event,
        "createTime": zulu(created),
    }
    if era == "2026":
        body["isread"] = int(not unread(created, now))
    return body


def unread(created: datetime, now: datetime) -> bool:
    """Return whether nobody has read a message yet: it takes them a day."""
    return now - created <= timedelta(days=1)


def sender(name: str) -> Body:
    """Describe who caused a message."""
    counts = dict.fromkeys(("fanCount", "followCount", "likeCount"), 0)
    return {"uid": 5, "name": name, "avatar": AVATAR, **counts, "isFollowed": False}


def message_count(kinds: list[int]) -> Body:
    """Count unread messages of these kinds."""

    def count(*groups: str) -> int:
        return sum(kind in MESSAGE_TYPES[group] for group in groups for kind in kinds)

    return {
        "noticeCount": 0,
        "messageCount": 0,
        "total": 0,
        "commentCount": count("1"),
        "designCount": count("2"),
        "systemCount": count("3"),
        "deviceCount": count("6"),
        "communityCount": count("5"),
        "paidContentCount": 0,
        "crowdfundingMessageCount": 0,
        "unreadTotal": len(kinds),
        "IMUnreadCount": 0,
        "bubbleMsg": [],
        "taskPopup": None,
    }


def preference(account: Account, printers: list[Printer], era: str) -> Body:
    """Describe the account."""
    body: Body = {
        "uid": account.uid,
        "name": account.name,
        "handle": account.name.lower().replace(" ", "-"),
        "avatar": AVATAR,
        "bio": "",
        "links": [],
        "backgroundUrl": BACKGROUND,
    }
    if era == "2026":
        body["deviceNames"] = [f"Bambu Lab {printer.model.product}" for printer in printers]
        for name in ("printSuccess", "printError", "noticePrintSuccess", "noticePrintError"):
            body[name] = 1
        body |= {"deviceLiveView": 1, "isModelSave": 0, "noticePrintProgress": 0}
    return body


def my_profile(account: Account, printers: list[Printer], jobs: list[tuple[Job, Look]]) -> Body:
    """Describe the account with the totals of its ended jobs: grams, centimetres, seconds."""
    took = [(job.ends - job.started).total_seconds() for job, _ in jobs if job.ends]
    counts = ("fanCount", "followCount", "likeCount", "collectionCount", "downloadCount")
    mine = ("myDesignDownloadCount", "myInstanceDownloadCount", "designCount")
    return {
        "uid": account.uid,
        "uidStr": str(account.uid),
        "account": account.login,
        "name": account.name,
        "avatar": AVATAR,
        **dict.fromkeys(counts, 0),
        "identifier": 1,
        "productModels": sorted({printer.model.product for printer in printers}),
        "personal": {
            "bio": "",
            "links": [],
            "taskWeightSum": round(sum(job.weight for job, _ in jobs)),
            "taskLengthSum": sum(_centimetres(job, look) for job, look in jobs),
            "taskTimeSum": round(sum(took)),
            "backgroundUrl": BACKGROUND,
            "designsInfo": [],
            "userLevel": {"level": 6, "gradeType": 0},
        },
        "isNSFWShown": 0,
        "myLikeCount": 0,
        "favoritesCount": 0,
        "defaultLicense": "",
        "point": 0,
        "tpModelAccounts": [],
        "bannedPermission": dict.fromkeys(("whole", "comment", "upload", "redeem"), False),
        "MWCount": dict.fromkeys((*mine, "myDesignPrintCount", "myInstancePrintCount"), 0),
        "certificated": False,
        "setting": {
            **dict.fromkeys(("isLikeOpen", "isFollowOpen", "isFanOpen"), 0),
            "isFirmwareBetaOpen": False,
            "recommendStatus": 0,
        },
    }


def spools(cloud: Cloud, account: Account, now: datetime) -> list[Body]:
    """Describe the spools of an account: one in each slot of its AMS, and two on the shelf."""
    printers = cloud.printers_of(account)
    bodies = [
        {
            **_spool(spool, mounted=True),
            "netWeight": int(cloud.left(printer, unit, slot, spool, now)),
            "inPrinter": True,
            "devId": printer.dev_id,
            "amsSn": each.serial,
            # One is a number and the other a text.
            "amsId": address(unit),
            "slotId": str(slot),
            "deviceName": printer.name,
        }
        for printer in printers
        for unit, each in printer.units.items()
        for slot, spool in sorted(each.spools.items())
        if each.slots > 1
    ]
    shelf = [
        ams.seeded_spool(Random(f"{cloud.seed}:shelf:{account.uid}:{index}"), "", cloud.started)
        for index in range(2 * bool(printers))
    ]
    return bodies + [_spool(spool, mounted=False) for spool in shelf]


def _spool(spool: Spool, *, mounted: bool) -> Body:
    return {
        "id": spool.id,
        "createType": "ams" if mounted else "manual",
        "filamentVendor": spool.vendor,
        "filamentType": spool.material,
        "filamentName": spool.name,
        "filamentId": spool.filament_id,
        "RFID": "0" * 32,
        # With its opacity or without.
        "color": f"#{spool.colors[0]}" if mounted else f"#{spool.colors[0][:6]}",
        "colorType": 2,
        "colors": [f"#{color}" for color in spool.colors] if mounted else None,
        "netWeight": int(spool.grams),
        "totalNetWeight": ams.GRAMS,
        "note": "",
        "createdAt": spool.created,
        "updatedAt": spool.created + 3600,
        "status": 0,
        "isSupport": False,
        "trayIdName": "0",
        "category": spool.material,
    }


def _firmware(code: str, version: str, status: str, era: str) -> Body:
    body: Body = {
        "version": version,
        "force_update": False,
        "url": f"https://public-cdn.bblmw.com/upgrade/device/{code}/{version}/product/ota.json.sig",
        "description": catalogue.RELEASE_NOTES.format(version=version),
    }
    if era == "2026":
        body["status"] = status
    return body


def address(unit: int) -> int:
    """Return how HTTP counts a unit with four slots."""
    return unit if unit < ams.FIRST_AMS_HT else 0


def device_version(printer: Printer, era: str) -> Body:
    """Describe firmware: in turn an update, none, and one that is being tested."""
    code = printer.model.code
    current = "01.08.02.00" if era == "2026" else "01.01.01.00"
    newer = "01.09.00.00" if era == "2026" else "01.02.00.00"
    offered = (
        # In 2022 the newest version is named where the printer has it.
        [] if era == "2026" else [_firmware(code, current, "release", era)],
        [_firmware(code, newer, "release", era)],
        [_firmware(code, newer, "testing", era)],
    )
    units: list[Body] = [
        {
            "dev_model_name": "BL-A001",
            "address": address(unit),
            # Some units do not tell their serial number.
            "device_id": "" if address(unit) else each.serial,
            "firmware": [_firmware("BL-A001", "00.00.06.49", "release", era)]
            if address(unit)
            else [],
            # Synthetic: the only body that was published has null here.
            "firmware_current": "00.00.06.40" if printer.number % 3 == 1 else None,
        }
        for unit, each in printer.units_known().items()
        if each.slots > 1 and era == "2026"
    ]
    body: Body = {
        "dev_id": printer.dev_id,
        "version": current,
        "firmware": {1: offered[1], 2: offered[0], 0: offered[2]}[printer.number % 3],
        "ams": units,
    }
    if printer.number % 10 == 9:
        # Some answers say nothing of the version in use.
        del body["version"]
    return body


def _made(job: Job, era: str) -> Body:
    """Return when a project or profile was made, which the cloud of 2022 told in China's time."""
    sent = job.started + timedelta(hours=8 if era == "2022" else 0)
    return {"create_time": plain(sent - timedelta(minutes=2)), "update_time": plain(sent)}


def project(job: Job, account: Account, look: Look, era: str) -> Body:
    """Describe a project in the list."""
    contents = ("null", "{}", "{'printed_plates': [{'plate': 1}]}")
    return {
        "project_id": str(job.id),
        "user_id": str(account.uid),
        "model_id": look.model_id,
        "status": "ACTIVE",
        "name": look.title,
        "content": contents[job.id // PRINTER_NUMBERS % 3],
        **_made(job, era),
    }


def profile(job: Job, printer: Printer, look: Look, thumbnail: str, era: str) -> Body:
    """Describe what a job prints."""
    store = thumbnail.rpartition("/Metadata/")[0]
    configs = ("project_settings.config", "model_settings.config", "slice_info.config")
    return {
        "profile_id": str(profile_id(job)),
        "model_id": look.model_id,
        "status": "ACTIVE",
        "name": look.title,
        "content": "{}",
        **_made(job, era),
        "context": {
            "compatibility": {
                "dev_model_name": printer.model.code,
                "dev_product_name": printer.model.product,
                "nozzle_diameter": 0.4,
            },
            "pictures": None,
            "configs": [
                {"name": name, "dir": "Metadata", "url": f"{store}/Metadata/{name}"}
                for name in configs
            ],
            "plates": [
                {
                    "index": 1,
                    "thumbnail": {"name": "plate_1.png", "dir": "Metadata", "url": thumbnail},
                    "prediction": max(1, round(job.cost.total_seconds())),
                    "weight": job.weight,
                    "gcode": {"name": None, "dir": None, "url": None},
                    "filaments": [
                        {
                            "id": str(number),
                            "type": filament.type,
                            "color": f"#{color[:6]}",
                            "used_m": f"{job.weight * share / filament.grams_per_metre:.2f}",
                            "used_g": f"{job.weight * share:.2f}",
                        }
                        for number, (filament, color, share) in enumerate(look.filaments, start=1)
                    ],
                }
            ],
            "materials": [
                {"color": color[:6], "material": filament.type}
                for filament, color, _ in look.filaments
            ],
            "auxiliary_pictures": [],
            "auxiliary_bom": [],
            "auxiliary_guide": [],
            "auxiliary_other": [],
        },
    }


def project_detail(body: Body, profiles: list[Body]) -> Body:
    """Describe a project with its profiles."""
    return {
        **ENVELOPE,
        **body,
        "content": None,
        "profiles": profiles,
        "download_url": None,
        "download_md5": None,
        "keystore_xml": None,
        "upload_url": None,
        "upload_ticket": None,
    }


def slicer_resources(types: dict[str, str], era: str) -> Body:
    """Describe the newest slicer, and the plug-ins that were asked for."""
    version = "02.04.01.52" if era == "2026" else "01.03.00.25"
    store = "https://public-cdn.bblmw.com/upgrade/studio"
    return {
        **ENVELOPE,
        "software": {
            "type": None,
            "version": version,
            "description": "[Improvements]\n1. Slices thin walls faster\n",
            "url": f"{store}/software/{version}/Bambu_Studio_win-v{version}.exe",
            "force_update": False,
        },
        "guide": None,
        "resources": [
            {
                "type": kind,
                "version": f"{asked[:9]}99",
                "description": "",
                "url": f"{store}/plugins/{asked[:9]}99/win.zip",
                "force_update": False,
            }
            for kind, asked in types.items()
        ],
    }


PUBLIC_PRESETS = tuple(
    Preset(
        id=setting_id,
        kind=kind,
        name=name,
        version="01.09.00.15",
        base_id=None,
        filament_id=filament_id,
        setting={
            "name": name,
            "inherits": "fdm_process_bbl_0.20",
            "nozzle_temperature": "220,220",
            "compatible_printers": '"Bambu Lab X1 Carbon 0.4 nozzle"',
            # Numbers stand among texts.
            "activate_air_filtration": 0,
        },
        updated=FIRST_PRESET.updated,
    )
    for kind, setting_id, name, filament_id in (
        ("print", "GP001", "0.08mm Extra Fine @BBL X1C", None),
        ("print", "GP004", "0.20mm Standard @BBL X1C", None),
        ("printer", "GM001", "Bambu Lab X1 Carbon 0.4 nozzle", None),
        ("printer", "GM014", "Bambu Lab P1S 0.4 nozzle", None),
        ("filament", "GFSA00", "Bambu PLA Basic @BBL X1C", "GFA00"),
        ("filament", "GFSG00", "Bambu PETG Basic @BBL X1C", "GFG00"),
    )
)


def _preset(preset: Preset, era: str, *, public: bool) -> Body:
    body: Body = {
        "setting_id": preset.id,
        "version": preset.version,
        "name": preset.name,
        "nickname": None,
        "filament_id": preset.filament_id,
    }
    if era == "2022":
        return body
    body["update_time"] = plain(preset.updated)
    if public:
        if preset.kind != "filament":
            del body["filament_id"]
        return body
    # Of a preset that others than the slicer have written the cloud knows none of these.
    known = preset.id == FIRST_PRESET.id
    return body | {
        "base_id": preset.base_id,
        "filament_vendor": "Workshop" if known else None,
        "filament_type": "PLA" if known else None,
        "filament_is_support": "0" if known else None,
        "nozzle_temperature": [190, 240] if known else None,
        "nozzle_hrc": "3" if known else None,
        "inherits": None,
    }


def slicer_settings(era: str, own: Iterable[Preset], *, with_public: bool) -> Body:
    """List the presets."""
    known = PUBLIC_PRESETS if with_public else ()
    body: Body = dict(ENVELOPE)
    for kind in ("print", "printer", "filament"):
        body[kind] = {
            "public": [_preset(each, era, public=True) for each in known if each.kind == kind],
            "private": [_preset(each, era, public=False) for each in own if each.kind == kind],
        }
    if era == "2026":
        body["settings"] = []
    return body


def slicer_setting(setting_id: str, era: str, own: Mapping[str, Preset]) -> Body | None:
    """Describe one preset."""
    for preset in (*PUBLIC_PRESETS, *own.values()):
        if preset.id == setting_id:
            body = {
                **ENVELOPE,
                "public": preset.id not in own,
                "version": preset.version,
                "type": preset.kind,
                "name": preset.name,
                "nickname": None,
                "base_id": preset.base_id,
                "setting": preset.setting,
                "filament_id": preset.filament_id,
            }
            if era == "2026":
                body |= {"setting_id": preset.id, "update_time": plain(preset.updated)}
            return body
    return None
