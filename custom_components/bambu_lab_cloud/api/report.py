"""What a printer tells by MQTT on `device/<serial>/report`, as frozen dataclasses.

`parse` never raises. Only what is named here leaves it: addresses of the local network, access
codes, ids of chips and of boards, and answers to commands do not. Everything has bounds. A field
that is None was not in the message, or not readable: what was known of it before still holds. The
serial is in the topic and never in the body.

None of it is documented by Bambu Lab. "As Bambu Studio" is how the slicer reads it, "seen" is what
printers of that year sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
import json
import re
from typing import Any, Self

from .errors import ResponseError
from .values import (
    color,
    identifier,
    integer,
    label,
    mapping,
    moment,
    number,
    opaque,
    part,
    records,
    required,
)

AMS_KINDS = ("ams", "ams_lite", "ams_2_pro", "ams_ht")
NOZZLE_TYPES = ("brass", "hardened_steel", "stainless_steel", "tungsten_carbide")
SD_CARDS = ("none", "ok", "abnormal", "read_only")

# What is known to be pushed, beside what `Report` reads. It is listed so that what is unknown
# can be told.
_IGNORED = """
    2D ams_rfid_status ams_status ap_err aux_part_fan batch_id cali_version canvas_id care
    command design_id err err2 fail_reason file filam_bak flag3 force_upgrade fun fun2
    gcode_start_time hw_switch_state info ipcam job job_attr job_id k lan_task_id lifecycle
    maintain mapping mc_action mc_err mc_print_error_code mc_print_line_number mc_print_stage
    mc_print_sub_stage mc_stage mess_production_state model_id msg online percent plate_cnt
    plate_id print_gcode_action print_real_action profile_id project_id queue queue_est
    queue_number queue_sts queue_total remain_time s_obj sdcard sequence_id spd_mag state stg
    stg_cd t_utc upload ver xcam xcam_status
"""
_READ = """
    3D ams aux bed_target_temper bed_temper big_fan1_speed big_fan2_speed cfg chamber_temper
    cooling_fan_speed ctt device fan_gear gcode_file gcode_file_prepare_percent gcode_state
    heatbreak_fan_speed hms home_flag layer_num lights_report mc_percent mc_remaining_time net
    nozzle_diameter nozzle_target_temper nozzle_temper nozzle_type plate_idx prepare_per
    print_error print_type spd_lvl stat stg_cur subtask_id subtask_name task_id total_layer_num
    upgrade_state vir_slot vt_tray wifi_signal
"""
_KNOWN = frozenset((_IGNORED + _READ).split())
# What only an answer to a command has.
_ANSWER_KEYS = frozenset({"result", "reason", "param", "err_code"})
# Fewer than any whole status had (56 on a P1S), and more than any change.
_KEYS_OF_A_WHOLE_STATUS = 40
_AMS_KIND_OF_CODE = {1: "ams", 2: "ams_lite", 3: "ams_2_pro", 4: "ams_ht", 5: "ams_lite"}
_AMS_KIND_OF_MODULE = {
    "ams": "ams",
    "ams_f1": "ams_lite",
    "n3f": "ams_2_pro",
    "n3s": "ams_ht",
}
_NOZZLE_TYPE_OF_CODE = {
    "00": "stainless_steel",
    "01": "hardened_steel",
    "05": "tungsten_carbide",
}
# Standard, high flow, E3D's high flow, high flow for TPU.
_HIGH_FLOW_OF_CODE = {"S": False, "H": True, "E": True, "U": True}
# While firmware is installed, as Bambu Studio.
_UPDATING = frozenset(
    {"DOWNLOADING", "FLASHING", "UPGRADE_REQUEST", "PRE_FLASH_START", "PRE_FLASH_SUCCESS"}
)
_CALIBRATION_FILES = ("auto_cali_for_user", "extrusion_cali")
_LEFT, _RIGHT = 254, 255
_PLATE = re.compile(r"plate_(\d{1,3})\.gcode")
# The largest that was seen has 40 kB (2026).
LARGEST_PAYLOAD = 256 * 1024
_LONGEST_INTEGER = 20
_LONGEST_WORD = 32
_MOST_COLORS = 16
_MOST_ERRORS = 100
_MOST_MODULES = 100
_MOST_PARTS = 32
_MOST_TRAYS = 8
_MOST_UNITS = 24
_MOST_UNKNOWN = 50


def _within(value: Any, low: int, high: int) -> int | None:
    result = integer(value)
    return result if result is not None and low <= result <= high else None


def _unsigned(value: Any) -> int | None:
    """Return 32 bits, which some firmware writes with a sign."""
    result = _within(value, -(2**31), 2**32 - 1)
    return None if result is None else result & 0xFFFFFFFF


def _hex(value: Any) -> int | None:
    """Return a bit field that is written in hex without 0x, with up to 16 digits and more."""
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isalnum():
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None


def _bits(value: int, start: int, length: int = 1) -> int:
    return value >> start & (1 << length) - 1


def _field(value: int | None, start: int, length: int) -> int | None:
    return None if value is None else _bits(value, start, length)


def _bit(value: int | None, position: int) -> bool | None:
    return None if value is None else bool(_bits(value, position))


def _word(value: Any) -> str | None:
    """Return a word of letters, digits and underscores, or ""."""
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        return None
    word = value.strip()
    is_word = word.isascii() and word.replace("_", "").isalnum()
    return word if is_word or not word else None


def _temperature(value: Any) -> float | None:
    result = number(value)
    return result if result is not None and -50 <= result <= 500 else None


def _diameter(value: Any) -> float | None:
    # Some firmware sends single precision: 0.4000000059604645.
    result = number(value)
    return round(result, 2) if result is not None and 0 < result <= 5 else None


def _packed(value: Any) -> tuple[float | None, float | None]:
    """Return what is and what is wanted from the lower and the upper 16 bits (as Bambu Studio)."""
    both = _within(value, 0, 2**32 - 1)
    if both is None:
        return None, None
    return _temperature(_bits(both, 0, 16)), _temperature(_bits(both, 16, 16))


def _first[T](*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


def _list[T](value: Any, parse: Callable[[Any], T], longest: int) -> tuple[T, ...] | None:
    return records(value, parse, longest=longest) if isinstance(value, list) else None


def _nozzle(value: Any) -> tuple[str | None, bool | None]:
    """Return type and flow of a nozzle from a word or from a code as "HS01" or "HS01-0.4".

    The second letter is the flow, the digits are the material (as Bambu Studio).
    """
    word = _word(value.partition("-")[0]) if isinstance(value, str) else None
    if not word:
        return None, None
    if word.lower() in NOZZLE_TYPES:
        return word.lower(), None
    return _NOZZLE_TYPE_OF_CODE.get(word[2:]), _HIGH_FLOW_OF_CODE.get(word[1:2].upper())


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a spool; `Slot()` is none.

    `ams` is the id of an AMS (0 to 3, 16 for the AMS Lite of an A2L, 128 to 135 for an AMS HT) and
    `tray` counts from 0 in it. External spools have `tray` 0 and `ams` 255, which is the only one
    or the right one, or 254, the left one of a printer with two nozzles.
    """

    ams: int | None = None
    tray: int | None = None

    @classmethod
    def at(cls, ams: int, tray: int) -> Self | None:
        """Return a place that there can be; one that there cannot be is None."""
        is_external = ams in {_LEFT, _RIGHT} and not tray
        return cls(ams, tray) if is_external or (_is_ams(ams) and tray < _MOST_TRAYS) else None

    @classmethod
    def from_source(cls, value: Any) -> Self | None:
        """Read `snow` of an extruder: an AMS in the upper byte, a tray in the lower.

        0xFFFF and 0xFEFF are none, 0xFF00 and 0xFE00 external (seen on H2D, P2S and X2D).
        """
        both = _within(value, 0, 0xFFFF)
        if both is None:
            return None
        ams, tray = divmod(both, 0x100)
        return cls() if tray == 0xFF else cls.at(ams, tray)

    @classmethod
    def from_tray(cls, value: Any) -> Self | None:
        """Read `tray_now` or `tray_tar`: the trays of all AMS in a row (as Bambu Studio).

        255 is none, 254 the external spool of a printer with one nozzle, 128 and more an AMS HT.
        """
        tray = _within(value, 0, 255)
        if tray is None:
            return None
        if tray == 255:
            return cls()
        if tray == 254:
            return cls(_RIGHT, 0)
        return cls.at(tray, 0) if tray >= 128 else cls.at(*divmod(tray, 4))


def _is_ams(value: int) -> bool:
    return 0 <= value < _MOST_UNITS or 128 <= value < 136


def _ams_id(value: Any) -> int:
    result = required(integer(value))
    if not _is_ams(result):
        raise ResponseError("no AMS has such an id")
    return result


# The bits of `ams_exist_bits` and of `tray_exist_bits`, from the lowest (as Bambu Studio).
_BITS_OF_AMS = (*range(4), *range(128, 136), 16)
_BITS_OF_TRAYS = (
    *(Slot(ams, tray) for ams in range(4) for tray in range(4)),
    *(Slot(ams, 0) for ams in range(128, 136)),
    *(Slot(16, tray) for tray in range(4)),
)


def _chosen[T](value: Any, meanings: tuple[T, ...]) -> frozenset[T] | None:
    """Return what the set bits of a hex number mean."""
    bits = _hex(value)
    if bits is None:
        return None
    return frozenset(meaning for bit, meaning in enumerate(meanings) if _bits(bits, bit))


def _has_spool(state: int | None) -> bool | None:
    """Read bit 0 of a tray's `state` (seen on a P2S in 2026); of 2 nobody knows what it means."""
    return None if state in {None, 2} else _bit(state, 0)


def _has_chip(uid: Any) -> bool | None:
    """Say whether there is a chip, without keeping its id: without one it is all zeros."""
    return bool(uid.strip("0")) if isinstance(uid, str) and uid else None


def _visible(value: Any) -> str | None:
    """Return a colour; all zeros, with those of the opacity, are unset or a clear spool."""
    return None if value == "00000000" else color(value)


def _paint(value: Any) -> str:
    return required(_visible(value))


@dataclass(frozen=True, slots=True)
class Tray:
    """A tray of an AMS, or an external spool with its `id` 254 or 255 (see `Slot`).

    `is_whole` says whether the message describes the spool: then None is unknown, and what was
    known of the tray before is over. Otherwise only what is not None is new, as anywhere else:
    printers send trays that are reduced to `id` and `state`, and nulls for some seconds after a
    chip was read.
    `state` is the wire's number, `has_spool` what it says; `Report.spools` knows better.
    `material` is as "PLA", `brand` as "PLA Matte", `filament_id` as "GFA01", `name` as "A01-R1",
    the colours as "#RRGGBB", None where unset or clear; `colors` has all of a spool with several.
    `has_chip` is the RFID chip of Bambu Lab's spools. `remaining` is a percentage, only good where
    `Report.measures_remaining`; without a chip, and for 0, which stands for unknown, it is None.
    """

    id: int
    is_whole: bool = False
    state: int | None = None
    has_spool: bool | None = None
    has_chip: bool | None = None
    material: str | None = None
    brand: str | None = None
    filament_id: str | None = None
    name: str | None = None
    color: str | None = None
    colors: tuple[str, ...] = ()
    remaining: int | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `tray` of an AMS or of `vir_slot`, or `vt_tray`."""
        data = mapping(data)
        state = _within(data.get("state"), 0, 0xFFFF)
        has_chip = _has_chip(data.get("tag_uid"))
        colors = records(data.get("cols"), _paint, longest=_MOST_COLORS)
        return cls(
            id=required(_within(data.get("id"), 0, 255)),
            is_whole=all(isinstance(data.get(key), str) for key in ("tray_type", "tray_color")),
            state=state,
            has_spool=_has_spool(state),
            has_chip=has_chip,
            material=label(data.get("tray_type")),
            brand=label(data.get("tray_sub_brands")),
            filament_id=label(data.get("tray_info_idx")),
            name=label(data.get("tray_id_name")),
            color=_visible(data.get("tray_color")),
            colors=colors if len(colors) > 1 else (),
            remaining=None if has_chip is False else _within(data.get("remain"), 1, 100),
        )


def _tray(data: Any) -> Tray:
    tray = Tray.from_api(data)
    if tray.id >= _MOST_TRAYS:
        raise ResponseError("no AMS has such a tray")
    return tray


def _virtual(data: Any) -> Tray:
    tray = Tray.from_api(data)
    if tray.id not in {_LEFT, _RIGHT}:
        raise ResponseError("no external spool has such an id")
    return tray


def _external(data: dict[str, Any]) -> tuple[Tray, ...] | None:
    """Read `vir_slot`, or `vt_tray` of older firmware, whose id is 254 on some and 255 on others.

    Where both come, `vt_tray` repeats one of `vir_slot` (seen on H2D and X1).
    """
    slots = records(data.get("vir_slot"), _virtual, longest=2)
    tray = data.get("vt_tray")
    if not slots and isinstance(tray, dict):
        slots = (Tray.from_api({**tray, "id": _RIGHT}),)
    return slots or None


@dataclass(frozen=True, slots=True)
class AmsUnit:
    """An AMS by its id (see `Slot`); a message that leaves one out does not say that it is gone.

    `kind` is one of `AMS_KINDS`. `extruder` is the nozzle it feeds, 0 right and 1 left; 14 is one
    that is not ready yet, or that feeds both where `Report.has_filament_switch`. `humidity` is a
    percentage; `humidity_level` goes from 1, wet, to 5, dry. An AMS Lite has no sensors: there
    they and `temperature` are None, but for a level of 5 where older firmware does not tell the
    kind. `drying` are the minutes left, 0 when it does not dry. `trays` are merged by id.
    """

    id: int
    kind: str | None = None
    extruder: int | None = None
    humidity: int | None = None
    humidity_level: int | None = None
    temperature: float | None = None
    drying: int | None = None
    trays: tuple[Tray, ...] | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of the list of `ams`.

        `info` has the kind in bits 0 to 3 and the extruder in 8 to 11 (as Bambu Studio).
        """
        data = mapping(data)
        ams = _ams_id(data.get("id"))
        info = _hex(data.get("info"))
        kind = _AMS_KIND_OF_CODE.get(_field(info, 0, 4) or 0)
        extruder = _field(info, 8, 4)
        temperature = _temperature(data.get("temp"))
        return cls(
            id=ams,
            kind="ams_ht" if kind is None and ams >= 128 else kind,
            extruder=extruder if extruder in {0, 1, 14} else None,
            humidity=_within(data.get("humidity_raw"), 1, 100),
            humidity_level=None if kind == "ams_lite" else _within(data.get("humidity"), 1, 5),
            temperature=temperature if temperature is not None and 0 < temperature <= 100 else None,
            drying=_within(data.get("dry_time"), 0, 100_000),
            trays=_list(data.get("tray"), _tray, _MOST_TRAYS),
        )


@dataclass(frozen=True, slots=True)
class Nozzle:
    """A nozzle by its extruder: 0 right or the only one, 1 left; merged by id and field.

    `source` is where its filament comes from, `Slot()` when it has none: better than
    `Report.tray_now` wherever it is told. `type` is one of `NOZZLE_TYPES`.
    """

    id: int
    temperature: float | None = None
    target: float | None = None
    source: Slot | None = None
    diameter: float | None = None
    type: str | None = None
    high_flow: bool | None = None

    @classmethod
    def list_from_api(cls, device: dict[str, Any]) -> tuple[Self, ...] | None:
        """Read `extruder` and `nozzle` of `device`.

        An X1 may send `nozzle` as an object without a list. Ids from 16 on are the rack of an H2C.
        """
        extruders = _by_id(part(device, "extruder").get("info"))
        hotends = _by_id(part(device, "nozzle").get("info"))
        found = []
        for nozzle in sorted((extruders.keys() | hotends.keys()) & {0, 1}):
            extruder, hotend = extruders.get(nozzle, {}), hotends.get(nozzle, {})
            temperature, target = _packed(extruder.get("temp"))
            kind, high_flow = _nozzle(hotend.get("type"))
            found.append(
                cls(
                    id=nozzle,
                    temperature=temperature,
                    target=target,
                    source=Slot.from_source(extruder.get("snow")),
                    diameter=_diameter(hotend.get("diameter")),
                    type=kind,
                    high_flow=high_flow,
                )
            )
        return tuple(found) or None


def _entry(data: Any) -> tuple[int, dict[str, Any]]:
    data = mapping(data)
    return required(integer(data.get("id"))), data


def _by_id(value: Any) -> dict[int, dict[str, Any]]:
    return dict(records(value, _entry, longest=_MOST_PARTS))


@dataclass(frozen=True, slots=True)
class Fans:
    """Fans in percent, merged by field."""

    part: int | None = None
    aux: int | None = None
    chamber: int | None = None
    heatbreak: int | None = None

    @classmethod
    def from_levels(cls, data: dict[str, Any]) -> Self | None:
        """Read what every printer sends: "0" to "15", which jumps by one all the time."""

        def level(key: str) -> int | None:
            step = _within(data.get(key), 0, 15)
            return None if step is None else round(step * 100 / 15)

        fans = cls(
            part=level("cooling_fan_speed"),
            aux=level("big_fan1_speed"),
            chamber=level("big_fan2_speed"),
            heatbreak=level("heatbreak_fan_speed"),
        )
        return None if fans == cls() else fans

    @classmethod
    def from_gear(cls, value: Any) -> Self | None:
        """Read `fan_gear`: a byte for each fan, from the lowest (as Bambu Studio)."""
        gear = _unsigned(value)
        if gear is None:
            return None
        part_fan, aux, chamber = (round(_bits(gear, start, 8) * 100 / 255) for start in (0, 8, 16))
        return cls(part=part_fan, aux=aux, chamber=chamber)

    @classmethod
    def from_airduct(cls, device: dict[str, Any]) -> Self | None:
        """Read `airduct` of `device`: a fan has 0 in the lower 4 bits of its id, its number above.

        The lowest byte of `state` is the percentage (as Bambu Studio).
        """
        parts = _by_id(part(device, "airduct").get("parts"))

        def percent_of(fan: int) -> int | None:
            state = _unsigned(parts.get(fan << 4, {}).get("state"))
            return _within(_field(state, 0, 8), 0, 100)

        fans = cls(part=percent_of(1), aux=percent_of(2), chamber=percent_of(3))
        return None if fans == cls() else fans


@dataclass(frozen=True, slots=True)
class HmsError:
    """A complaint of the Health Management System: "0300_0100_0001_0007" and how bad it is.

    `level` is 1 fatal, 2 serious, 3 common, 4 information.
    """

    code: str
    level: int | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `hms`; the upper half of `code` is the level (as Bambu Studio)."""
        data = mapping(data)
        attr, code = (required(_unsigned(data.get(key))) for key in ("attr", "code"))
        digits = f"{attr:08X}{code:08X}"
        return cls(
            code="_".join(digits[start : start + 4] for start in range(0, 16, 4)),
            level=_within(_bits(code, 16, 16), 1, 4),
        )


def _code(error: HmsError) -> str:
    return error.code


def _hms(value: Any) -> tuple[HmsError, ...] | None:
    """Read the whole list, whose order is not stable."""
    errors = _list(value, HmsError.from_api, _MOST_ERRORS)
    # Nothing readable is not the same as nothing wrong.
    return (
        None if errors is None or (value and not errors) else tuple(sorted(set(errors), key=_code))
    )


def _error(value: Any) -> str | None:
    code = _unsigned(value)
    if code is None:
        return None
    digits = f"{code:08X}"
    return f"{digits[:4]}-{digits[4:]}" if code else ""


def _job_id(value: Any) -> str | None:
    """Read an id of the job: H2 and P2S say "" where the others say "0" (seen 2025)."""
    return "0" if value == "" else identifier(value)


def _name(value: Any) -> str | None:
    return label(value) or "" if isinstance(value, str) else None


def _is_calibration(file: Any) -> bool | None:
    """Tell a job that comes with the printer, such as "auto_cali_for_user_param.gcode"."""
    return file.rpartition("/")[2].startswith(_CALIBRATION_FILES) if isinstance(file, str) else None


def _plate(data: dict[str, Any]) -> int | None:
    """Read `plate_idx`, or the name of the file on firmware without it."""
    if (plate := _within(data.get("plate_idx"), 1, 999)) is not None:
        return plate
    file = data.get("gcode_file")
    match = _PLATE.search(file) if isinstance(file, str) else None
    return None if match is None else _within(match[1], 1, 999)


def _wifi_signal(value: Any) -> int | None:
    """Read "-46dBm"."""
    return _within(value.removesuffix("dBm") if isinstance(value, str) else value, -120, 0)


def _chamber_light(value: Any) -> bool | None:
    modes = [
        light.get("mode")
        for light in (value[:_MOST_PARTS] if isinstance(value, list) else [])
        if isinstance(light, dict) and light.get("node") == "chamber_light"
    ]
    return (
        {"on": True, "flashing": True, "off": False}.get(_word(modes[0]) or "") if modes else None
    )


def _unknown(data: dict[str, Any]) -> frozenset[str]:
    """Return the first names of keys that nobody here has heard of.

    What is no plain name, or has as many digits as an id, is left out.
    """
    names = (
        name
        for name in sorted(data.keys() - _KNOWN)
        if name and _word(name) == name and sum(map(str.isdigit, name)) < 5
    )
    return frozenset(name for _, name in zip(range(_MOST_UNKNOWN), names, strict=False))


@dataclass(frozen=True, slots=True)
class Report:
    """A status, or the change of one.

    `full` says that the message was the whole status; what it lacks is unchanged even then.

    The job: `gcode_state` is a word in upper case (IDLE, PREPARE, RUNNING, PAUSE, FINISH, FAILED,
    SLICING, INIT or one that nobody knows yet). `progress` is a percentage, `remaining` are
    minutes; both stay as they were after the end. `print_type` is "cloud", "local", "system" (a
    calibration that the printer started), "idle", or another word. The ids are "0" where there is
    none, and `name` is "" then. `is_calibration` goes by the name of the file alone; look at
    `print_type` too. `stage` is the wire's number: -1 or 255 on an idle printer, but 0 on an idle
    A1 or P1. `prepare_percent` is how much of the job the printer has fetched. `speed_level` is
    1 silent, 2 standard, 3 sport, 4 ludicrous.

    Errors: `error` is as "0300-400C", "" when there is none. `hms` is the whole list, sorted.

    Temperatures are °C. `nozzle_temperature` is only good on printers with one nozzle: with two it
    may be either's, and `nozzles` has both. `chamber_temperature` is 5 on the A1, A1 mini, A2L and
    P1, which have no sensor; nothing here knows the model. `nozzle_count` and `active_nozzle`
    (0 right, 1 left) are None also while nozzles change. `nozzles` know more of diameter and type
    than `nozzle_diameter` and `nozzle_type`.

    Fans are told up to three times, and the better teller wins for as long as it is known:
    `airduct`, then `fan_gear`, then `fans`, whose steps are coarse and jump. The aux and chamber
    fans of an A1 and A2L do not exist.

    `ams` are merged by id. `ams_ids` are the units that are there, and `spools` the trays that
    hold a spool. `tray_now` and `tray_target` are wrong where there are several AMS on an H2, P2S
    or X2D, and on the A2L: then the wire has only the tray within the unit. `external` are merged
    by id.

    `wifi_signal` is in dBm, and means nothing when `wired`. `sd_card` is one of `SD_CARDS`. The
    door is told twice: `door_by_home_flag` is true on X1 alone, `door_by_stat` on H2, P2S and X2D
    alone; the other means nothing there.

    `is_updating` says that firmware is installed, its own or that of an AMS, and `update_progress`
    is a percentage that many printers do not tell; it stays after the end.

    `unknown` are the names of keys that nothing here knows, at most 50.
    """

    full: bool = False
    gcode_state: str | None = None
    progress: int | None = None
    remaining: int | None = None
    layer: int | None = None
    total_layers: int | None = None
    print_type: str | None = None
    task_id: str | None = None
    subtask_id: str | None = None
    name: str | None = None
    is_calibration: bool | None = None
    plate: int | None = None
    stage: int | None = None
    prepare_percent: int | None = None
    speed_level: int | None = None
    error: str | None = None
    hms: tuple[HmsError, ...] | None = None
    nozzle_temperature: float | None = None
    nozzle_target: float | None = None
    bed_temperature: float | None = None
    bed_target: float | None = None
    chamber_temperature: float | None = None
    chamber_target: float | None = None
    nozzles: tuple[Nozzle, ...] | None = None
    nozzle_count: int | None = None
    active_nozzle: int | None = None
    nozzle_diameter: float | None = None
    nozzle_type: str | None = None
    high_flow: bool | None = None
    fans: Fans | None = None
    fan_gear: Fans | None = None
    airduct: Fans | None = None
    ams: tuple[AmsUnit, ...] | None = None
    ams_ids: frozenset[int] | None = None
    spools: frozenset[Slot] | None = None
    tray_now: Slot | None = None
    tray_target: Slot | None = None
    external: tuple[Tray, ...] | None = None
    measures_remaining: bool | None = None
    has_filament_switch: bool | None = None
    wifi_signal: int | None = None
    wired: bool | None = None
    chamber_light: bool | None = None
    sd_card: str | None = None
    door_by_home_flag: bool | None = None
    door_by_stat: bool | None = None
    is_updating: bool | None = None
    update_progress: int | None = None
    unknown: frozenset[str] = frozenset()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `print` of a message; an answer to a command is a ResponseError.

        It is full if `msg` is 0. X1 and H2 leave `msg` out on older firmware: there it is full if
        it has a state and as many keys as only a whole status has.
        """
        data = mapping(data)
        command = data.get("command")
        # Some changes come without a command, as some answers do.
        if command != "push_status" and (command is not None or data.keys() & _ANSWER_KEYS):
            raise ResponseError("it answers a command")
        message = integer(data.get("msg"))
        looks_whole = "gcode_state" in data and len(data) >= _KEYS_OF_A_WHOLE_STATUS
        device = part(data, "device")
        update = part(data, "upgrade_state")
        update_status = _word(update.get("status"))
        ams = part(data, "ams")
        full = command == "push_status" and (looks_whole if message is None else message == 0)
        # It lags behind, so in a change it is older than what is known.
        layers = part(data, "3D") if full else {}
        print_type = _word(data.get("print_type"))
        aux = _hex(data.get("aux"))
        home_flag = _unsigned(data.get("home_flag"))
        bed, bed_target = _packed(part(device, "bed", "info").get("temp"))
        chamber, chamber_target = _packed(part(device, "ctc", "info").get("temp"))
        nozzle_type, high_flow = _nozzle(data.get("nozzle_type"))
        extruders = _unsigned(part(device, "extruder").get("state"))
        sd_card = _first(_field(aux, 12, 2), _field(home_flag, 8, 2))
        return cls(
            full=full,
            gcode_state=(_word(data.get("gcode_state")) or "").upper() or None,
            progress=_within(data.get("mc_percent"), 0, 100),
            remaining=_within(data.get("mc_remaining_time"), 0, 100_000),
            layer=_first(
                _within(data.get("layer_num"), 0, 1_000_000),
                _within(layers.get("layer_num"), 0, 1_000_000),
            ),
            total_layers=_first(
                _within(data.get("total_layer_num"), 0, 1_000_000),
                _within(layers.get("total_layer_num"), 0, 1_000_000),
            ),
            # X1 and H2 say "" where the others say idle.
            print_type="idle" if print_type == "" else print_type and print_type.lower(),
            task_id=_job_id(data.get("task_id")),
            subtask_id=_job_id(data.get("subtask_id")),
            name=_name(data.get("subtask_name")),
            is_calibration=_is_calibration(data.get("gcode_file")),
            plate=_plate(data),
            stage=_within(data.get("stg_cur"), -1, 0xFFFF),
            prepare_percent=_first(
                _within(data.get("gcode_file_prepare_percent"), 0, 100),
                _within(data.get("prepare_per"), 0, 100),
            ),
            speed_level=_within(data.get("spd_lvl"), 1, 4),
            error=_error(data.get("print_error")),
            hms=_hms(data.get("hms")),
            nozzle_temperature=_temperature(data.get("nozzle_temper")),
            nozzle_target=_temperature(data.get("nozzle_target_temper")),
            bed_temperature=_first(bed, _temperature(data.get("bed_temper"))),
            bed_target=_first(bed_target, _temperature(data.get("bed_target_temper"))),
            chamber_temperature=_first(chamber, _temperature(data.get("chamber_temper"))),
            chamber_target=_first(chamber_target, _temperature(data.get("ctt"))),
            nozzles=Nozzle.list_from_api(device),
            nozzle_count=_within(_field(extruders, 0, 4), 1, 2),
            active_nozzle=_within(_field(extruders, 4, 4), 0, 1),
            nozzle_diameter=_diameter(data.get("nozzle_diameter")),
            nozzle_type=nozzle_type,
            high_flow=high_flow,
            fans=Fans.from_levels(data),
            fan_gear=Fans.from_gear(data.get("fan_gear")),
            airduct=Fans.from_airduct(device),
            ams=_list(ams.get("ams"), AmsUnit.from_api, _MOST_UNITS),
            ams_ids=_chosen(ams.get("ams_exist_bits"), _BITS_OF_AMS),
            spools=_chosen(ams.get("tray_exist_bits"), _BITS_OF_TRAYS),
            tray_now=Slot.from_tray(ams.get("tray_now")),
            tray_target=Slot.from_tray(ams.get("tray_tar")),
            external=_external(data),
            measures_remaining=_first(_bit(_hex(data.get("cfg")), 17), _bit(home_flag, 7)),
            has_filament_switch=_bit(aux, 29),
            wifi_signal=_wifi_signal(data.get("wifi_signal")),
            # 16 by Wi-Fi, 17 by cable (seen on an H2D Pro).
            wired=_bit(_within(part(data, "net").get("conf"), 0, 0xFFFF), 0),
            chamber_light=_chamber_light(data.get("lights_report")),
            sd_card=None if sd_card is None else SD_CARDS[sd_card],
            door_by_home_flag=_bit(home_flag, 23),
            door_by_stat=_bit(_hex(data.get("stat")), 23),
            is_updating=None if update_status is None else update_status in _UPDATING,
            update_progress=_within(update.get("progress"), 0, 100),
            unknown=_unknown(data),
        )


@dataclass(frozen=True, slots=True)
class AmsModule:
    """An AMS as get_version names it; one without `serial` is to be asked for again later."""

    id: int
    kind: str | None = None
    serial: str | None = field(default=None, repr=False)
    version: str | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read an element of `module` with a name as "n3f/0"; any other is a ResponseError."""
        data = mapping(data)
        kind, _, ams = (label(data.get("name")) or "").partition("/")
        serial = opaque(data.get("sn"), 64)
        return cls(
            id=_ams_id(ams),
            kind=required(_AMS_KIND_OF_MODULE.get(kind)),
            # Zeros stand for none, as in the numbers of chips.
            serial=serial if serial and serial.isalnum() and serial.strip("0") else None,
            version=label(data.get("sw_ver")),
        )


@dataclass(frozen=True, slots=True)
class Versions:
    """An answer to get_version, ours or another client's: it replaces what was known.

    `version` is the printer's. `product_name` is as "Bambu Lab X2D", on firmware since 2025.
    """

    version: str | None = None
    product_name: str | None = None
    ams: tuple[AmsModule, ...] = ()

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `info` of a message; one without a list of modules is a ResponseError."""
        data = mapping(data)
        modules = data.get("module")
        if data.get("command") != "get_version" or not isinstance(modules, list):
            raise ResponseError("it has no versions")
        ota: dict[str, Any] = next((one for one in modules if part(one).get("name") == "ota"), {})
        return cls(
            version=label(ota.get("sw_ver")),
            product_name=label(ota.get("product_name")),
            ams=records(modules, AmsModule.from_api, longest=_MOST_MODULES),
        )


@dataclass(frozen=True, slots=True)
class Presence:
    """The broker's word that the printer came or went; `at` is the time that it names.

    A printer that is switched off goes minutes later (seen 2023), and not every one is told.
    """

    online: bool
    at: datetime | None = None

    @classmethod
    def from_api(cls, data: Any) -> Self:
        """Read `event` of a message; any other event is a ResponseError."""
        data = mapping(data)
        match data.get("event"):
            case "client.connected":
                return cls(online=True, at=moment(data.get("connected_at")))
            case "client.disconnected":
                return cls(online=False, at=moment(data.get("disconnected_at")))
        raise ResponseError("it is another event")


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else None


# Printers put control characters into text. Python itself refuses integers of thousands of digits,
# and with them the message; who looks at each takes twice as long, and so does it only then.
_DECODERS = (
    json.JSONDecoder(strict=False),
    json.JSONDecoder(strict=False, parse_int=_integer),
)


def _decoded(payload: bytes) -> Any:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Names come in it, and cut in the middle of a character.
        text = payload.decode("latin-1")
    for decoder in _DECODERS:
        try:
            return decoder.decode(text)
        except ValueError:
            continue
        except RecursionError:
            return None
    return None


_SECTIONS: dict[str, Callable[[Any], Report | Versions | Presence]] = {
    "print": Report.from_api,
    "info": Versions.from_api,
    "event": Presence.from_api,
}


def parse(payload: bytes) -> Report | Versions | Presence | None:
    """Read a message; None is one that is nothing to us, or cannot be read.

    It never raises. None, too, is a sign that the broker serves us, but not that the printer is
    there: an empty `{}` comes while one that was switched off still counts as connected.
    """
    data = _decoded(payload) if len(payload) <= LARGEST_PAYLOAD else None
    for section, read in _SECTIONS.items():
        if body := part(data, section):
            try:
                return read(body)
            except ResponseError:
                continue
    return None
