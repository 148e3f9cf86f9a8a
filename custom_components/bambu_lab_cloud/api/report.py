"""What a printer tells by MQTT on `device/<serial>/report`, as frozen dataclasses.

`parse` never raises. Only what is named here leaves it: addresses of the local network, access
codes, ids of chips and of boards, and answers to commands do not. Everything has bounds. A field
that is None was not in the message, or not readable: what was known of it before still holds. The
serial is in the topic and never in the body.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a spool, `Slot()` is none.

    `ams` is the id of an AMS (0 to 3, 16 for the AMS Lite of an A2L, 128 to 135 for an AMS HT) and
    `tray` counts from 0 in it. External spools have `ams` 254 or 255 and `tray` 0: with two
    nozzles 255 is the right one and 254 the left one, with one nozzle both mean the only one.
    """

    ams: int | None = None
    tray: int | None = None


@dataclass(frozen=True, slots=True)
class Tray:
    """A tray of an AMS, or an external spool with its `id` 254 or 255 (see `Slot`).

    `is_whole` says whether the message describes the spool: then None is unknown, and what was
    known of the tray before is over. Otherwise only what is not None is new, as anywhere else;
    printers send trays that are reduced to `id` and `state`, and nulls for some seconds after a
    chip was read.
    `state` is the wire's number, `has_spool` what it says as far as that is known; `Report.spools`
    knows better. `material` is as "PLA", `brand` as "PLA Matte", `filament_id` as "GFA01", `name`
    as "A01-R1", the colours as "#RRGGBB"; `colors` has all of a spool with several. `remaining` is
    a percentage, None where the printer does not know; `has_chip` says that the spool has an RFID
    chip: without one, or where the printer does not measure (`Report.measures_remaining`), a
    `remaining` of 0 means nothing.
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


@dataclass(frozen=True, slots=True)
class AmsUnit:
    """An AMS by its id (see `Slot`); a message that leaves one out does not say that it is gone.

    `kind` is one of `AMS_KINDS`. `extruder` is the nozzle it feeds, 0 right and 1 left; 14 is one
    that is not ready yet, or that feeds both where `Report.has_filament_switch`. `humidity` is a
    percentage; `humidity_level` goes from 1, wet, to 5, dry. `drying` are the minutes left, 0 when
    it does not dry. `trays` are merged by id.
    """

    id: int
    kind: str | None = None
    extruder: int | None = None
    humidity: int | None = None
    humidity_level: int | None = None
    temperature: float | None = None
    drying: int | None = None
    trays: tuple[Tray, ...] | None = None


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


@dataclass(frozen=True, slots=True)
class Fans:
    """Fans in percent, merged by field."""

    part: int | None = None
    aux: int | None = None
    chamber: int | None = None
    heatbreak: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class HmsError:
    """A complaint of the Health Management System: "0300_0100_0001_0007" and how bad it is.

    `level` is 1 fatal, 2 serious, 3 common, 4 information.
    """

    code: str
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A status, or the change of one.

    `full` says that the message was the whole status; the absent is unchanged even then.

    The job: `gcode_state` is a word in upper case (IDLE, PREPARE, RUNNING, PAUSE, FINISH, FAILED,
    SLICING, INIT or one we do not know yet). `progress` is a percentage, `remaining` are minutes;
    both stay as they were after the end. `print_type` is "cloud", "local", "system" (a calibration
    that the printer started), "idle", or another word. The ids are "0" where there is none, and
    `name` is "" then. `is_calibration` goes by the name of the file alone; look at `print_type`
    too. `stage` is the wire's number, 0, -1 or 255 on an idle printer. `prepare_percent` is how
    much of the job the printer has fetched. `speed_level` is 1 silent, 2 standard, 3 sport,
    4 ludicrous.

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
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AmsModule:
    """An AMS as get_version names it; one without `serial` is to be asked for again later."""

    id: int
    kind: str | None = None
    serial: str | None = field(default=None, repr=False)
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """An answer to get_version, ours or another client's: it replaces what was known.

    `product_name` is as "Bambu Lab X2D", on firmware since 2025.
    """

    version: str | None = None
    product_name: str | None = None
    ams: tuple[AmsModule, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence:
    """The broker's word that the printer came or went, minutes late; `at` is the broker's time."""

    online: bool
    at: datetime | None = None


AMS_KINDS = ("ams", "ams_lite", "ams_2_pro", "ams_ht")
NOZZLE_TYPES = ("stainless_steel", "hardened_steel", "tungsten_carbide")
SD_CARDS = ("none", "ok", "abnormal", "read_only")


def parse(payload: bytes) -> Report | Versions | Presence | None:
    """Read a message; None is one that is nothing to us.

    What is None still proves that the broker sends: an empty `{}` is all that comes while a
    printer that was switched off counts as connected, so it says nothing about the printer.
    """
    del payload
    return None
