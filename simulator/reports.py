"""What printers say of themselves over MQTT, each family in its own way.

Everything follows from the jobs that HTTP tells of, the time, and the number of the message, from
which the noise comes: two messages of one moment differ in it alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import json
from typing import Any

from . import ams, wire
from .ams import NO_TAG, NO_UUID, Ams, Spool
from .catalogue import Look
from .cloud import FINISHED, FIRST_LAYER, PRINTER_NUMBERS, Cloud, Job, Printer, part, trays

type Body = dict[str, Any]

# Until when the first layer begins, and which share of a job is in which stage before.
STAGES = ((0.01, 2), (0.02, 7), (0.03, 1), (FIRST_LAYER, 14))
CHANGING_FILAMENT, FOR_SO_LONG = 4, 0.01
# A calibration is over before its progress is.
CALIBRATION_STAGES = ((0.2, 13), (0.5, 1), (0.7, 3), (0.9, 8))
HEATING = 0.02
COOLING = timedelta(minutes=10)
NOZZLE = {"PLA": 220, "PETG": 250, "ABS": 260, "TPU": 230}
BED = {"PLA": 55, "PETG": 70, "ABS": 95, "TPU": 40}
HOT_CHAMBER, WARM_CHAMBER = 60, 38
# The task that was cancelled; it is an error for so long.
CANCELLED, CANCELLED_FOR = 0x0300400C, timedelta(seconds=2)
# How much warmer than the room a nozzle is that rests beside a hot one.
RESTING = 9
EXTERNAL, NO_TRAY = 254, 255
BUSY = ("PREPARE", "RUNNING", "PAUSE")
PERCENT_PACKED = 100 << 16
# The nozzle of an AMS that starts, or that feeds either of two.
NOT_READY = 0xE


@dataclass(frozen=True, slots=True)
class Family:
    """What is peculiar to the reports of some models."""

    # "small" is a plain board with floats and few keys, "x1" and "new" have a Linux aboard.
    board: str
    idle_stage: int
    # It sends all of itself instead of what has changed, with line breaks and blanks.
    whole: bool = False
    # The keys that came with the firmware of 2025: device, the bit fields and vir_slot.
    device: bool = True
    # Old firmware does not tell a full message from others.
    msg: bool = True
    vt_tray: str | None = None
    door: str | None = None
    heats_chamber: bool = False
    chamber_fan: bool = True
    # The number of a tray is that of a slot, whichever AMS it is in.
    local_trays: bool = False
    # A local job has a number, which no list knows.
    numbers_local_jobs: bool = False
    rtsp: bool = False
    wired: bool = False


SMALL = Family("small", 255, device=False, vt_tray="254")
A1 = Family("small", 0, device=False, vt_tray="254", chamber_fan=False)
NEW = Family("new", -1, door="stat", numbers_local_jobs=True)
TWO_NOZZLES = Family(
    "new", -1, door="stat", heats_chamber=True, local_trays=True, numbers_local_jobs=True
)
FAMILIES: Mapping[str, Family] = {
    "X1 Carbon": Family("x1", -1, whole=True, vt_tray="255", door="home_flag", rtsp=True),
    "X1E": Family(
        "x1",
        -1,
        whole=True,
        device=False,
        msg=False,
        vt_tray="254",
        door="home_flag",
        heats_chamber=True,
        rtsp=True,
    ),
    "P1S": SMALL,
    "P1P": SMALL,
    "A1": A1,
    "A1 mini": A1,
    "A2L": Family("small", 0, chamber_fan=False, local_trays=True),
    "P2S": NEW,
    "H2S": Family("new", -1, door="stat", heats_chamber=True, numbers_local_jobs=True, rtsp=True),
    "H2D": TWO_NOZZLES,
    # As older firmware, and with both ways to tell of the spools beside it.
    "H2D Pro": replace(TWO_NOZZLES, vt_tray="255", wired=True),
    "H2C": TWO_NOZZLES,
    "X2D": TWO_NOZZLES,
}


def family(printer: Printer) -> Family:
    """Return how a printer speaks."""
    return FAMILIES[printer.model.product]


# What it does


@dataclass(frozen=True, slots=True)
class Doing:
    """What a printer does, as it sees it itself."""

    state: str = "IDLE"
    job: Job | None = None
    look: Look | None = None
    # Which share of the job is done; what is shown can be of the job before.
    done: float = 0
    percent: int = 0
    layer: int = 0
    layers: int = 0
    minutes: int = 0
    stage: int | None = None
    # How far it is heated, from 0 to 1.
    heat: float = 0
    # The unit and the slot that it prints from, and the nozzle that is hot or was last.
    place: tuple[int, int] | None = None
    nozzle: int = 0

    @property
    def busy(self) -> bool:
        """Return whether it prints or is about to."""
        return self.state in BUSY


def _told(printer: Printer) -> Iterator[Job]:
    """Yield the jobs that a printer still speaks of, newest first."""
    for job in reversed(printer.jobs):
        if printer.idle_since and job.ends and job.ends <= printer.idle_since:
            return
        yield job


def _layers(job: Job) -> int:
    """Return of how many layers a job is."""
    return 0 if job.kind == "calibration" else 20 + job.id // PRINTER_NUMBERS % 400


def _layer(job: Job, done: float) -> int:
    """Return the layer that a job is at, 0 before the first."""
    layers = _layers(job)
    if done < FIRST_LAYER:
        return 0
    return min(layers, 1 + int((done - FIRST_LAYER) / (1 - FIRST_LAYER) * layers))


def _stage(job: Job, done: float, trays: int) -> int | None:
    """Return the stage of a job that runs."""
    stages = CALIBRATION_STAGES if job.kind == "calibration" else STAGES
    for until, stage in stages:
        if done < until:
            return stage
    if job.kind == "calibration":
        return None
    number, ago = part(done, trays)
    return CHANGING_FILAMENT if number and ago < FOR_SO_LONG else 0


def _place(printer: Printer, tray: int | None) -> tuple[int, int] | None:
    """Return the unit and the slot of a tray, those beside the printer too; None is none."""
    if tray in (ams.LEFT, ams.RIGHT):
        return (ams.LEFT if tray == ams.LEFT and printer.model.nozzles > 1 else ams.RIGHT), 0
    return None if tray is None else ams.place(printer.units, tray)


def _nozzle(printer: Printer, place: tuple[int, int] | None) -> int:
    """Return which nozzle a tray feeds."""
    if place is None or printer.model.nozzles == 1:
        return 0
    unit = place[0]
    return printer.units[unit].nozzle if unit in printer.units else int(unit == ams.LEFT)


def doing(cloud: Cloud, printer: Printer, now: datetime) -> Doing:
    """Return what a printer does."""
    told = _told(printer)
    job, before = next(told, None), next(told, None)
    if job is None:
        # Nobody knows why it sometimes is 100 after a restart.
        return Doing(percent=100 if printer.idle_since and printer.number % 2 == 0 else 0)
    look, done = cloud.look(job, printer), job.done(now)
    used = [tray for tray in trays(job, printer, look) if tray >= 0]
    if job.kind == "calibration":
        used = []
    place = _place(printer, used[part(done, len(used))[0]]) if used else None
    nozzle = _nozzle(printer, place)
    if not job.running(now):
        since = (now - (job.ends or now)) / (COOLING / cloud.time_factor)
        finished = job.result == FINISHED
        return Doing(
            state="FINISH" if finished else "FAILED",
            job=job,
            look=look,
            done=done,
            percent=100 if finished else min(99, int(done * 100)),
            layer=_layer(job, done),
            layers=_layers(job),
            heat=min(1, done / HEATING) * max(0, 1 - since),
            nozzle=nozzle,
        )
    if now < job.started + job.prepares and job.kind != "calibration":
        # It goes on to show how far the job before was.
        last = before.done(now) if before else 0
        return Doing(
            state="PREPARE",
            job=job,
            look=look,
            percent=int(last * 100),
            layer=_layer(before, last) if before else 0,
            layers=_layers(before) if before else 0,
        )
    paused = job.paused(now)
    return Doing(
        state="PAUSE" if paused else "RUNNING",
        job=job,
        look=look,
        done=done,
        percent=min(99, int(done * 100)),
        layer=_layer(job, done),
        layers=_layers(job),
        minutes=int(job.cost * (1 - done) / timedelta(minutes=1)),
        stage=job.pause_stage if paused else _stage(job, done, len(used) or 1),
        heat=min(1, done / HEATING),
        place=place if done >= HEATING else None,
        nozzle=nozzle,
    )


# The parts of a report


def _job(printer: Printer, doing: Doing, cloud: Cloud, sequence: int) -> Body:
    """Tell of the job."""
    speaks, job, look = family(printer), doing.job, doing.look
    small = speaks.board == "small"
    if job is None or look is None:
        ids = dict.fromkeys(("task_id", "subtask_id", "project_id", "profile_id"), "0")
        name, kind = "", ""
    elif job.kind == "cloud":
        others = PRINTER_NUMBERS // 4
        ids = {
            "task_id": str(job.id - others * (cloud.list_id == "subtask_id")),
            "subtask_id": str(job.id + others * (cloud.list_id == "task_id")),
            "project_id": str(job.id),
            "profile_id": str(wire.profile_id(job)),
        }
        name, kind = look.title, "cloud"
    else:
        number = job.told_id
        if number is None:
            number = job.id // PRINTER_NUMBERS % 9000 + 1000 if speaks.numbers_local_jobs else 0
        ids = {
            "task_id": str(number),
            "subtask_id": "" if number else "0",
            "project_id": "0",
            "profile_id": "" if number else "0",
        }
        name, kind = look.title, "local"
        if job.kind == "calibration":
            ids = dict.fromkeys(ids, "0")
            name, kind = "auto_cali_for_user", "system"
    file = "" if not name or (small and not doing.busy) else f"{name.removesuffix('.3mf')}.3mf"
    body: Body = {
        "gcode_state": doing.state,
        **ids,
        "subtask_name": name,
        "gcode_file": file if small or not file else "/data/Metadata/plate_1.gcode",
        "gcode_file_prepare_percent": "0" if job is None else "99" if small else "100",
        "print_type": kind if doing.busy else "idle" if small else "",
        "mc_percent": doing.percent,
        "mc_remaining_time": doing.minutes,
        "layer_num": doing.layer,
        "total_layer_num": doing.layers,
        "stg": [] if job is None else [2, 14, 1, 4] if small else [29, 2, 13, 4, 14, 1],
        "stg_cur": speaks.idle_stage if doing.stage is None else doing.stage,
        "mc_print_stage": "2" if doing.state in ("RUNNING", "PAUSE") else "1",
        "mc_print_sub_stage": 0,
        "s_obj": [],
        **dict.fromkeys(("queue_number", "queue_total", "queue_est", "queue_sts"), 0),
    }
    if small:
        body["mc_print_line_number"] = str(sequence * 137 if doing.busy else 0)
    if speaks.device:
        body["3D"] = {"layer_num": doing.layer, "total_layer_num": doing.layers}
        body |= {
            "percent": doing.percent,
            "remain_time": doing.minutes,
            "prepare_per": 0 if job is None else 100,
            "job_id": ids["project_id"],
            "plate_id": int(job is not None),
            "canvas_id": 0,
            "batch_id": 0,
        }
    if speaks.board == "new":
        body |= {"lan_task_id": "0", "plate_idx": 1, "plate_cnt": 1, "stg_cd": 0, "design_id": "0"}
        body |= {"model_id": look.model_id if look else "", "file": body["gcode_file"]}
    return body


def _errors(printer: Printer, doing: Doing, now: datetime) -> Body:
    """Tell what is wrong; a cancelled job is, for a moment."""
    last = printer.jobs[-1] if printer.jobs else None
    just_cancelled = (
        last and last.cancelled and last.ends and last.ends <= now < last.ends + CANCELLED_FOR
    )
    error = CANCELLED if just_cancelled else printer.print_error
    body: Body = {"print_error": error, "hms": []}
    for attr, code in printer.hms:
        entry: Body = {"attr": attr, "code": code}
        if family(printer).board == "new":
            entry |= {"ts_boot": 15_000, "ts_unix": "20261120080000"}
        body["hms"].append(entry)
    if family(printer).board != "small":
        failed = doing.state == "FAILED" and doing.job and doing.job.cancelled
        body |= {"mc_print_error_code": "0", "fail_reason": str(CANCELLED if failed else 0)}
    if family(printer).device:
        body |= {"err": "0", "ap_err": 0}
    return body


@dataclass(frozen=True, slots=True)
class _Heat:
    """Temperatures and their targets, in whole degrees."""

    room: int
    nozzle: int
    nozzle_target: int
    bed: int
    bed_target: int
    chamber: int
    chamber_target: int


def _heat(printer: Printer, doing: Doing) -> _Heat:
    """Return the temperatures."""
    room = 22 + printer.number % 5
    kind = doing.look.filaments[0][0].type if doing.look else "PLA"
    hot = kind == "ABS" and family(printer).heats_chamber
    on = doing.state in ("RUNNING", "PAUSE")

    def warm(target: int) -> int:
        return round(room + (target - room) * doing.heat)

    return _Heat(
        room=room,
        nozzle=warm(NOZZLE[kind]),
        nozzle_target=NOZZLE[kind] if on else 0,
        bed=warm(BED[kind]),
        bed_target=BED[kind] if on else 0,
        chamber=warm(HOT_CHAMBER if hot else WARM_CHAMBER),
        chamber_target=HOT_CHAMBER if hot and on else 0,
    )


def _packed(now: int, target: int) -> int:
    """Put a temperature and its target into one number."""
    return target << 16 | now


def _temperatures(printer: Printer, heat: _Heat, sequence: int) -> Body:
    """Tell the temperatures; there is noise in those of a small board."""
    if family(printer).board == "small":
        noise = (sequence * 7 % 5 - 2) / 32
        nozzle, bed = heat.nozzle + noise, heat.bed - noise
    else:
        nozzle, bed = float(heat.nozzle), float(heat.bed)
    body: Body = {
        "nozzle_temper": nozzle,
        "nozzle_target_temper": heat.nozzle_target,
        "bed_temper": bed,
        "bed_target_temper": heat.bed_target,
        "nozzle_diameter": "0.4",
        "nozzle_type": _nozzle_type(printer),
    }
    if family(printer).board == "small":
        # It has no sensor.
        body["chamber_temper"] = 5
    elif not family(printer).device:
        body |= {"chamber_temper": float(heat.chamber), "ctt": heat.chamber_target}
    if printer.model.nozzles > 1:
        # The one that rests.
        body |= {"nozzle_temper": float(heat.room + RESTING), "nozzle_target_temper": 0.0}
    return body


def _nozzle_type(printer: Printer) -> str:
    match printer.model.product:
        case "H2C":
            return "HS01-0.4"
        case "P2S" | "H2S" | "X2D":
            return "HS01"
        case "X1 Carbon" | "X1E":
            return "hardened_steel"
    return "stainless_steel"


@dataclass(frozen=True, slots=True)
class _Fans:
    """Levels from 0 to 15."""

    part: int
    aux: int
    chamber: int
    hotend: int


def _fans(printer: Printer, doing: Doing, heat: _Heat, sequence: int) -> _Fans:
    """Return the levels, of which one is never quite steady."""
    on = doing.layer > 1 and doing.state == "RUNNING"
    part = 13 + sequence % 2 if on else 0
    if not family(printer).chamber_fan:
        # There is but one, and the others tell the same.
        return _Fans(part, part, part, 15 * (heat.nozzle > 50))
    return _Fans(part, 10 * on, 4 * on, 15 * (heat.nozzle > 50))


def _fan_levels(fans: _Fans) -> Body:
    """Tell the fans as texts, and as bytes of a number."""
    return {
        "cooling_fan_speed": str(fans.part),
        "big_fan1_speed": str(fans.aux),
        "big_fan2_speed": str(fans.chamber),
        "heatbreak_fan_speed": str(fans.hotend),
        "fan_gear": fans.part * 17 | fans.aux * 17 << 8 | fans.chamber * 17 << 16,
    }


# The AMS


def _bits(unit: int) -> tuple[int, int]:
    """Return the bit of a unit, and that of its first tray."""
    if unit >= 128:
        return 4 + unit - 128, 16 + unit - 128
    # The AMS Lite of an A2L has a place of its own.
    return (12, 24) if unit == 16 else (unit, 4 * unit)


def _reads(spool: Spool, now: datetime) -> bool:
    """Return whether the printer reads the chip of a spool."""
    return spool.read_until is not None and now < spool.read_until


def _description(slot: int, spool: Spool | None, *, small: bool) -> Body:
    """Describe a spool, None and one that is unknown as a printer describes an empty place."""
    kind = spool.material if spool else ""
    chip = spool is not None and spool.has_chip
    colors = spool.colors if spool and kind else ("00000000",)
    nozzle = NOZZLE.get(kind, 220)
    return {
        "id": str(slot),
        "cali_idx": -1,
        "tag_uid": spool.tag if spool and chip else NO_TAG,
        "tray_id_name": f"{spool.filament_id[2:]}-K0" if spool and chip else "",
        "tray_info_idx": spool.filament_id if spool else "",
        "tray_type": kind,
        "tray_sub_brands": spool.name if spool and chip else "",
        "tray_color": colors[0],
        "tray_weight": "1000" if chip else "0",
        "tray_diameter": "1.75" if chip or not small else "0.00",
        "bed_temp_type": "0",
        "bed_temp": "0",
        "nozzle_temp_max": str(nozzle + 20) if kind else "0",
        "nozzle_temp_min": str(nozzle - 30) if kind else "0",
        "xcam_info": "0" * 24,
        "tray_uuid": spool.uuid if spool and chip else NO_UUID,
        "ctype": 0,
        "cols": [*colors],
    }


def _tray(cloud: Cloud, printer: Printer, place: tuple[int, int], now: datetime) -> Body:
    """Describe a slot."""
    unit, slot = place
    each = printer.units[unit]
    speaks, lite, spool = family(printer), each.kind == "ams_f1", each.spools.get(slot)
    small, number = speaks.board == "small", {"id": str(slot)}
    # Old firmware tells no state, but an AMS Lite does.
    states = lite or not small
    if spool is None:
        # Empty, and empty with the memory of what was there.
        return number if small else number | {"state": 10 if slot == 2 else 8}
    state = spool.state or (3 if lite else 11 if spool.material else 9)
    if spool.reduced or (not spool.material and not small):
        return number | {"state": state}
    described = _description(slot, spool, small=small)
    if _reads(spool, now):
        return number | dict.fromkeys((*described, "remain", "state"), None) | number
    tagged = spool.has_chip and not lite
    left = int(cloud.left(printer, unit, slot, spool, now)) // 10
    unknown = 0 if speaks.board == "x1" or lite else -1
    body = described | {"remain": left if tagged else unknown}
    if states or spool.state:
        body["state"] = state
    if small:
        return body | {"k": 0.02, "n": 1, "tray_temp": "55", "tray_time": "8"}
    return body | {"drying_temp": "55", "drying_time": "8", "total_len": 330_000}


# From which percentage on it is how damp: 5 is dry.
LEVELS = ((28, 1), (27, 2), (25, 3), (20, 4))


def _unit(cloud: Cloud, printer: Printer, unit: int, each: Ams, now: datetime) -> Body:
    """Describe an AMS."""
    speaks = family(printer)
    percent = each.humidity(now, cloud.time_factor)
    level = next((level for above, level in LEVELS if percent > above), 5)
    minutes = each.minutes(now, cloud.time_factor)
    kind = ams.KINDS.index(each.kind) + 1
    nozzle = each.nozzle if printer.model.nozzles > 1 else 0
    nozzle = nozzle if each.ready and not printer.filament_switch else NOT_READY
    info = f"{(2 if kind == 4 else 1) << 12 | nozzle << 8 | 2 * bool(minutes) << 4 | kind:x}"
    body: Body = {
        "id": str(unit),
        "humidity": str(level),
        "temp": f"{each.temperature(now, cloud.time_factor)}",
    }
    match each.kind:
        case "ams_f1":
            # It measures neither.
            body |= {"humidity": "5", "humidity_raw": "0", "temp": "0.0", "dry_time": 0}
            body |= {"info": "30001005" if unit == 16 else info, "check": 0}
            body["chip_id"] = each.chip
        case "ams" if speaks.board == "small":
            body["temp"] = "0.0"
        case "n3f" | "n3s":
            body |= {"humidity_raw": str(percent), "dry_time": minutes, "info": info}
        case "ams" if speaks.device:
            body |= {"humidity_raw": str(percent), "dry_time": minutes, "info": info}
    if not each.ready and "humidity_raw" in body:
        # What it measures while it starts is nothing.
        body |= {"humidity_raw": "0", "temp": "-60.0"}
    if each.kind == "n3s":
        body["humidity"] = "0"
    if speaks.board == "new":
        body["dry_setting"] = {
            "dry_duration": 12 if minutes else -1,
            "dry_filament": "PETG" if minutes else "",
            "dry_temperature": 65 if minutes else -1,
        }
    body["tray"] = [_tray(cloud, printer, (unit, slot), now) for slot in range(each.slots)]
    return body


def _tray_number(printer: Printer, doing: Doing) -> int:
    """Return the tray in use as a printer numbers them."""
    if doing.place is None:
        return NO_TRAY if printer.units else EXTERNAL
    unit, slot = doing.place
    if unit in (ams.LEFT, ams.RIGHT):
        return EXTERNAL
    # With one AMS it makes no difference.
    if family(printer).local_trays or (printer.model.product == "P2S" and len(printer.units) > 1):
        return slot
    return unit if unit >= 128 else unit * 4 + slot


def _ams(cloud: Cloud, printer: Printer, doing: Doing, now: datetime) -> Body:
    """Tell of all units."""
    there = {
        1 << _bits(unit)[1] + slot: spool
        for unit, each in printer.units.items()
        for slot, spool in each.spools.items()
    }
    number = str(_tray_number(printer, doing))
    reading = sum(bit for bit, spool in there.items() if _reads(spool, now))
    return {
        "ams": [_unit(cloud, printer, unit, each, now) for unit, each in printer.units.items()],
        "ams_exist_bits": f"{sum(1 << _bits(unit)[0] for unit in printer.units):x}",
        "tray_exist_bits": f"{sum(there):x}",
        "tray_is_bbl_bits": f"{sum(bit for bit, spool in there.items() if spool.has_chip):x}",
        "tray_read_done_bits": f"{sum(there) - reading:x}",
        "tray_reading_bits": f"{reading:x}",
        "tray_now": number,
        "tray_tar": number,
        "tray_pre": number,
        "version": 3,
        "insert_flag": True,
        "power_on_flag": False,
    }


def _external(printer: Printer, slot: str) -> Body:
    """Describe the spool beside the printer."""
    small = family(printer).board == "small"
    # With one nozzle there is one place, by either number.
    place = int(slot) if printer.model.nozzles > 1 else ams.RIGHT
    spool = printer.beside.get(place)
    body = _description(int(slot), spool, small=small) | {"remain": 0}
    if small:
        del body["cols"], body["ctype"]
        return body | {"k": 0.02, "n": 1}
    return body


# What came with the firmware of 2025


def _extruders(printer: Printer, doing: Doing, heat: _Heat) -> Body:
    """Describe the extruders: 0 is on the right, 1 on the left."""
    nozzles = printer.model.nozzles
    info = []
    for number in range(nozzles):
        hot = number == doing.nozzle
        snow = nothing = 0xFEFF if number else 0xFFFF
        if hot and doing.place is not None:
            snow = doing.place[0] << 8 | doing.place[1]
        warmth = (heat.nozzle, heat.nozzle_target) if hot else (heat.room + RESTING, 0)
        info.append(
            {
                "id": number,
                "filam_bak": [],
                "hnow": number,
                "hpre": number,
                "htar": number,
                # A nozzle, and filament in it.
                "info": 8 | 6 * (snow != nothing),
                "snow": snow,
                "spre": snow,
                "star": snow,
                "stat": 0,
                "temp": _packed(*warmth),
            }
        )
    return {"info": info, "state": nozzles | doing.nozzle << 4 | doing.nozzle << 8}


def _nozzles(printer: Printer) -> Body:
    """Describe the nozzles; on an H2C there are some more in the rack."""
    ids = [*range(printer.model.nozzles)]
    if printer.model.product == "H2C":
        ids += [16, 18, 17]
    info: list[Body] = []
    small = family(printer).board == "small"
    for number in ids:
        # Of the left one much flows.
        kind = "HA00" if small else "HH01" if number == 1 else "HS01"
        nozzle: Body = {"id": number, "diameter": 0.4, "type": kind, "tm": 0, "wear": 0}
        if family(printer).board == "new":
            serial = f"0ZZ{printer.number:08d}{number:02d}"
            nozzle |= {"color_m": "00000000", "fila_id": "", "sn": serial, "stat": 0}
        info.append(nozzle)
    return {"exist": sum(1 << number for number in ids), "info": info, "state": 0}


def _airduct(printer: Printer, fans: _Fans) -> Body:
    """Describe the fans as parts: the part, the auxiliary, the chamber, the left one."""
    parts = {16: fans.part, 32: fans.aux}
    if printer.model.product in ("P2S", "X2D"):
        parts[160] = fans.aux
    if printer.model.product != "P2S":
        parts[48] = fans.chamber
    if printer.model.product.startswith("H2"):
        parts[96] = 0
    return {
        "modeCur": 0,
        "modeList": [{"ctrl": [16, 32, 48], "modeId": 0, "off": [96]}],
        "parts": [
            # In tens of percent, and the range in the same number as elsewhere the target.
            {"id": number, "func": number >> 4, "state": level * 20 // 3, "range": PERCENT_PACKED}
            for number, level in parts.items()
        ],
    }


def _device(printer: Printer, doing: Doing, heat: _Heat, fans: _Fans) -> Body:
    """Tell everything once more, packed."""
    body: Body = {
        "type": 1,
        "bed": {"info": {"temp": _packed(heat.bed, heat.bed_target)}, "state": 0},
        "extruder": _extruders(printer, doing, heat),
        "nozzle": _nozzles(printer),
        "ext_tool": {"calib": 2, "low_prec": True, "mount": 0, "th_temp": 0, "type": ""},
    }
    if family(printer).board == "small":
        part = {"id": 16, "func": 0, "state": fans.part * 20 // 3, "range": PERCENT_PACKED}
        return body | {"airduct": {"parts": [part], "version": 1}}
    body |= {
        "bed_temp": _packed(heat.bed, heat.bed_target),
        "ctc": {"info": {"temp": _packed(heat.chamber, heat.chamber_target)}, "state": 0},
        "cam": {"laser": {"cond": 252, "state": 0}},
        "fan": 0,
        "laser": {"power": 0},
        "plate": {"base": 4, "cali2d_id": "", "cur_id": "", "mat": 1, "tar_id": ""},
    }
    if family(printer).board == "new":
        body["airduct"] = _airduct(printer, fans)
    return body


def _bit_fields(printer: Printer, doing: Doing) -> Body:
    """Tell the flags, most of them in hexadecimal digits."""
    speaks = family(printer)
    open_now = printer.door_open
    home = 0b111 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 17
    if speaks.board != "small":
        home |= 0b11 << 30
    home |= (open_now and speaks.door == "home_flag") << 23
    body: Body = {"home_flag": home - (1 << 32) if home >> 31 else home}
    if not speaks.device:
        return body
    # An X1C has the bit of the door of others set for ever.
    door = open_now if speaks.door == "stat" else speaks.board == "x1"
    cfg = 0x5457DA1B & ~(0b111 << 8) | 2 << 8 | 1 << 17
    return body | {
        "stat": f"{0x46058008 | door << 23:X}",
        "cfg": f"{cfg & ~(1 << 7) | doing.busy << 7:X}",
        "aux": f"{0x2001004 | printer.filament_switch << 29:X}",
        "fun": f"{0x41AFFF9CFB:X}",
        "ver": "20010",
    }


def address(printer: Printer) -> str:
    """Return the address of a printer in the network of its owner."""
    return f"10.77.{printer.number >> 8}.{printer.number & 255}"


def _network(printer: Printer, sequence: int) -> Body:
    """Tell how it is connected."""
    number = int.from_bytes(bytes(map(int, address(printer).split("."))), "little")
    info = [{"ip": number, "mask": 0x00FFFFFF}, {"ip": 0, "mask": 0}]
    small, wired = family(printer).board == "small", family(printer).wired
    return {
        # By cable there is no signal.
        "wifi_signal": "-90dBm" if wired else f"-{42 + printer.number % 20 + sequence * 3 % 4}dBm",
        "net": {"conf": 0 if small else 16 | wired, "info": info[: 1 if small else 2]},
    }


def rtsp_url(printer: Printer) -> str:
    """Return where the camera of a printer can be seen in the network of its owner."""
    return f"rtsps://{address(printer)}:322/streaming/live/1"


def _rest(printer: Printer, doing: Doing) -> Body:
    """Tell what hardly ever changes."""
    speaks = family(printer)
    small = speaks.board == "small"
    lights = {"chamber_light": "on" if doing.busy else "off"}
    if not small:
        lights["work_light"] = "flashing"
    if printer.model.product.startswith("H2"):
        lights["chamber_light2"] = lights["chamber_light"]
    camera: Body = {
        "ipcam_dev": "1",
        "ipcam_record": "enable",
        "timelapse": "disable",
        "resolution": "1080p",
        "tutk_server": "disable",
        "mode_bits": 3 if small else 2,
    }
    upgrade: Body = {
        "sequence_id": 0,
        "progress": "" if small else "100",
        "status": "IDLE" if small else "UPGRADE_SUCCESS",
        "consistency_request": False,
        "dis_state": 0,
        "err_code": 0,
        "force_upgrade": False,
        "message": "0%, 0B/s" if small else "",
        "module": "",
        "new_version_state": 2,
    }
    if printer.updating is not None:
        # Many P1 and A1 tell no progress.
        upgrade |= {"status": "FLASHING", "progress": "" if small else f"{printer.updating}"}
    watch: Body = {"buildplate_marker_detector": True}
    body: Body = {
        "lights_report": [{"node": node, "mode": mode} for node, mode in lights.items()],
        "ipcam": camera,
        "upgrade_state": upgrade,
        "xcam": watch,
        "upload": {"status": "idle", "progress": 0, "message": "" if small else "Good"},
        "online": {"ahb": not small, "rfid": False, "version": 7},
        "spd_lvl": 2,
        "spd_mag": 100,
        "sdcard": True,
        "force_upgrade": False,
        "ams_status": 768 if doing.place is not None else 0,
        "ams_rfid_status": 0,
        "hw_switch_state": int(doing.place is not None),
        "cali_version": 0,
    }
    if small:
        upgrade |= {"cur_state_code": 0, "idx2": 1804806695, "new_ver_list": []}
        body |= {"lifecycle": "product", "mess_production_state": "active", "filam_bak": []}
        body |= {"flag3": 31, "k": "0.0200"}
        return body
    camera |= {"rtsp_url": rtsp_url(printer) if speaks.rtsp else "disable"}
    camera |= {"agora_service": "disable", "brtc_service": "enable", "bs_state": 0}
    versions = ("ahb_new_version_number", "ams_new_version_number", "ext_new_version_number")
    upgrade |= dict.fromkeys((*versions, "ota_new_version_number"), "")
    upgrade |= {"sn": printer.dev_id, "lower_limit": "00.00.00.00", "idx": 7}
    watch |= dict.fromkeys(("first_layer_inspector", "print_halt", "printing_monitor"), True)
    watch |= {"halt_print_sensitivity": "medium", "spaghetti_detector": True}
    body |= {"aux_part_fan": speaks.board == "x1", "xcam_status": "0", "print_real_action": 0}
    body |= {"care": [{"id": "ls", "info": "1864"}], "maintain": 3, "mc_err": 0, "mc_action": 0}
    return body


def status(cloud: Cloud, printer: Printer, now: datetime, sequence: int) -> Body:
    """Return everything that a printer says of itself in its n-th message."""
    speaks, does = family(printer), doing(cloud, printer, now)
    heat = _heat(printer, does)
    fans = _fans(printer, does, heat, sequence)
    body = {
        **_job(printer, does, cloud, sequence),
        **_errors(printer, does, now),
        **_temperatures(printer, heat, sequence),
        **_fan_levels(fans),
        "ams": _ams(cloud, printer, does, now),
        **_bit_fields(printer, does),
        **_network(printer, sequence),
        **_rest(printer, does),
    }
    if speaks.vt_tray:
        body["vt_tray"] = _external(printer, speaks.vt_tray)
    if speaks.device:
        body["device"] = _device(printer, does, heat, fans)
        slots = ("254", "255") if printer.model.nozzles > 1 else ("255",)
        body["vir_slot"] = [_external(printer, slot) for slot in slots]
    elif speaks.board == "x1":
        # A nozzle was told so for a while.
        packed = _packed(heat.nozzle, heat.nozzle_target)
        body["device"] = {"fan": 0, "nozzle": {"0": {"info": 136, "temp": packed}, "info": 17}}
    return body


def talkative(printer: Printer, state: Body) -> bool:
    """Return whether a printer speaks although nothing has changed."""
    return family(printer).board == "small" or state["gcode_state"] in BUSY


# Messages


def _number(printer: Printer, sequence: int) -> str:
    return "2021" if family(printer).whole else str(sequence)


def full(printer: Printer, body: Body, sequence: int) -> Body:
    """Return a message that says everything."""
    envelope: Body = {"command": "push_status", "sequence_id": _number(printer, sequence)}
    if family(printer).msg:
        envelope["msg"] = 0
    return {"print": body | envelope}


def delta(printer: Printer, before: Body, after: Body, sequence: int) -> Body:
    """Return a message that says what has changed, or everything where that is how it is done."""
    if family(printer).whole:
        return full(printer, after, sequence)
    envelope = {"command": "push_status", "msg": 1, "sequence_id": _number(printer, sequence)}
    return {"print": difference(before, after) | envelope}


def difference(before: Body, after: Body) -> Body:
    """Return what has changed: in objects deep, of lists all but in the two that have ids."""
    changed: Body = {}
    for key, value in after.items():
        old = before.get(key)
        if value == old:
            continue
        match key, value:
            case "ams", dict():
                changed[key] = _changed_ams(old or {}, value)
            case _, dict() if isinstance(old, dict):
                changed[key] = difference(old, value)
            case "info", [{"snow": _}, *_] if isinstance(old, list):
                changed[key] = [
                    {"id": new["id"], **difference(entry, new)}
                    for entry, new in zip(old, value, strict=True)
                    if entry != new
                ]
            case _:
                changed[key] = value
    return changed


def _changed_ams(before: Body, after: Body) -> Body:
    """Return what has changed of the AMS: the units concerned, with the other trays as stubs."""
    changed = {key: value for key, value in after.items() if value != before.get(key)}
    if "ams" not in changed:
        return changed | {"version": after["version"]}
    old = {unit["id"]: unit for unit in before.get("ams", ())}
    units: list[Body] = []
    for unit in after["ams"]:
        known = old.get(unit["id"], {})
        if unit == known:
            continue
        trays = {tray["id"]: tray for tray in known.get("tray", ())}
        units.append(
            {
                **unit,
                "tray": [
                    {key: tray[key] for key in ("id", "state") if key in tray}
                    if tray == trays.get(tray["id"])
                    else tray
                    for tray in unit["tray"]
                ],
            }
        )
    return changed | {"ams": units}


_BOARDS = {
    "small": (("esp32", "AP05"), ("mc", "MC02"), ("th", "TH03")),
    "x1": (("rv1126", "AP05"), ("mc", "MC07"), ("th", "TH09"), ("ahb", "AHB01")),
    "new": (("ap2", "AP04"), ("mc", "MC09"), ("th", "TH06"), ("smc", "SMC03"), ("ahb", "AHB03")),
}
_AMS = {
    "ams": ("AMS", "AMS08"),
    "ams_f1": ("AMS Lite", "AMS_F102"),
    "n3f": ("AMS 2 Pro", "N3F05"),
    "n3s": ("AMS HT", "N3S05"),
}


def _module(name: str, product: str, hardware: str, version: str, serial: str) -> Body:
    return {
        "name": name,
        "product_name": product,
        "sw_ver": version,
        "hw_ver": hardware,
        "loader_ver": "00.00.00.00",
        "sn": serial,
        "visible": bool(product),
        "flag": 3 if name == "ota" else 0,
    }


def versions(printer: Printer, sequence_id: str, *, early: bool = False) -> Body:
    """Return the answer to get_version; `early` on the last of several units has no serial yet."""
    product = printer.model.product.replace("X1 C", "X1-C")
    modules = [_module("ota", f"Bambu Lab {product}", "OTA", "01.08.02.00", printer.dev_id)]
    for name, hardware in _BOARDS[family(printer).board]:
        serial = f"0BB{printer.number:08d}{name.upper()}"
        modules.append(_module(name, "", hardware, "00.00.31.10", serial))
    for index, (unit, each) in enumerate(printer.units.items()):
        kind, hardware = _AMS[each.kind]
        name = kind if each.kind == "ams_f1" else f"{kind} ({index + 1})"
        module = _module(f"{each.kind}/{unit}", name, hardware, "00.00.06.40", each.serial)
        modules.append(module)
        if each.untold or (early and 0 < index == len(printer.units) - 1):
            del module["sn"]
    body: Body = {"command": "get_version", "sequence_id": sequence_id, "module": modules}
    if family(printer).board == "small":
        body |= {"result": "success", "reason": ""}
    return {"info": body}


def event(name: str, now: datetime) -> Body:
    """Return what the cloud says when a printer has connected or disconnected."""
    at = str(int(now.timestamp() * 1000))
    return {"event": {"event": f"client.{name}", f"{name}_at": at}}


def encoded(printer: Printer, body: Body) -> bytes:
    """Return a message as a printer writes it."""
    layout: Body = {"indent": 4} if family(printer).whole else {"separators": (",", ":")}
    text = json.dumps(body, ensure_ascii=False, **layout)
    return text.encode("latin-1" if printer.latin1 else "utf-8", "replace")


def _job_secret(printer: Printer) -> str:
    return f"5EC0DE{printer.number:06d}99{'0' * 18}"


def foreign(printer: Printer) -> list[Body | bytes]:
    """Return what is in the reports beside the printer's own state, and what is broken.

    These are the answers to the apps of the owner, with secrets in them, and echoes.
    """
    code = printer.access_code.strip()
    done = {"result": "success", "reason": ""}
    return [
        {"system": {"command": "get_access_code", "sequence_id": "20012", "access_code": code}},
        {"print": {"sequence_id": "20013", "param": "2", **done}},
        {"print": {"command": "print_speed", "sequence_id": "20014", "param": "3", **done}},
        {
            "print": {
                "command": "project_file",
                "sequence_id": "20015",
                "subtask_name": "A job of somebody's app",
                "url": f"https://media.example.com/{_job_secret(printer)}.3mf",
                "task_id": "1",
                "gcode_state": "RUNNING",
                **done,
            }
        },
        versions(printer, "20016"),
        {"system": {"command": "ledctrl", "led_node": "heatbed_light", "led_mode": "on", **done}},
        {"camera": {"command": "ipcam_get_media_info", "rtsp_url": rtsp_url(printer), **done}},
        {"xcam": {"command": "xcam_control_set", "module_name": "print_halt", **done}},
        {"upgrade": {"command": "get_history", "sn": printer.dev_id, **done}},
        {"security": {"command": "app_cert_list", "cert_ids": ["5ec0de"], **done}},
        {"mc_print": {"command": "push_info", "param": "[BMC] M400", "sequence_id": "9"}},
        {"print": {"command": "push_status", "msg": 1, "nozzle_temper": "hot", "hms": {}}},
        {},
        b'{"print": {"command": "push_status", "nozzle_te',
        b'{"print": {"command": "push_status", "msg": 1, "subtask_name": "Geh\xe4use"}}',
        b"\x00\xff",
        b"[]",
    ]


def secrets(cloud: Cloud) -> list[str]:
    """Return everything in the messages of all printers that nobody else may see."""
    found: set[str] = set()
    for printer in cloud.all_printers():
        ip = address(printer)
        found |= {ip, str(int.from_bytes(bytes(map(int, ip.split("."))), "little"))}
        found |= {printer.access_code.strip(), _job_secret(printer)}
        found |= {each.chip for each in printer.units.values()}
        for _, _, spool in printer.places():
            found |= {spool.tag, spool.uuid}
    for each in cloud.units_unplugged():
        found.add(each.chip)
        for spool in each.spools.values():
            found |= {spool.tag, spool.uuid}
    for spool in cloud.spools_made():
        found |= {spool.tag, spool.uuid}
    return sorted(found - {NO_TAG, NO_UUID})
