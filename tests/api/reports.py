"""Whole statuses as printers of each family send them; every id and value is made up.

What must never leave the parser is in `SECRETS`; each body has what such a printer has of it.
"""

from copy import deepcopy
import json
from typing import Any

CHIP = "C0FFEE0000000100"
SPOOL = "5EC2E700000000000000000000000001"
CHIP_OF_AMS = "5EC2E7C1"
RTSP = "rtsps://192.0.2.77:322/streaming/live/1"
ADDRESS = 1291977920
BOARD = "09C00A5EC2E7001"
UPLOAD = "https://bucket.example/key?Signature=5ec2e7"
SECRETS = (CHIP, SPOOL, CHIP_OF_AMS, RTSP, "192.0.2.77", str(ADDRESS), BOARD, UPLOAD, "5ec2e7")


def message(body: Any, section: str = "print") -> bytes:
    """Return what the broker delivers."""
    return json.dumps({section: body}).encode()


def delta(**changes: Any) -> bytes:
    """Return a change as the broker delivers it."""
    return message({"command": "push_status", "msg": 1, "sequence_id": "77", **changes})


def tray(
    slot: int, material: str, color: str, *, remain: int = -1, chip: bool = False, **more: Any
) -> dict[str, Any]:
    """Return a tray with a spool."""
    return {
        "bed_temp": "35",
        "bed_temp_type": "1",
        "cali_idx": -1,
        "cols": [color],
        "ctype": 0,
        "drying_temp": "55",
        "drying_time": "8",
        "id": str(slot),
        "nozzle_temp_max": "230",
        "nozzle_temp_min": "190",
        "remain": remain,
        "tag_uid": CHIP if chip else "0" * 16,
        "total_len": 330000,
        "tray_color": color,
        "tray_diameter": "1.75",
        "tray_id_name": "A00-K0" if chip else "",
        "tray_info_idx": ("GFA00" if chip else "GFL99") if material else "",
        "tray_sub_brands": f"{material} Basic" if chip else "",
        "tray_type": material,
        "tray_uuid": SPOOL if chip else "0" * 32,
        "tray_weight": "1000" if chip else "0",
        "xcam_info": "000000000000000000000000",
        **more,
    }


NO_SPOOL = tray(255, "", "00000000", remain=0)
UPGRADE = {
    "sequence_id": 0,
    "progress": "",
    "status": "",
    "consistency_request": False,
    "dis_state": 0,
    "err_code": 0,
    "force_upgrade": False,
    "message": "",
    "module": "",
    "new_version_state": 2,
    "sn": BOARD,
    "new_ver_list": [],
}
IPCAM = {
    "ipcam_dev": "1",
    "ipcam_record": "enable",
    "timelapse": "disable",
    "resolution": "1080p",
    "rtsp_url": RTSP,
    "tutk_server": "disable",
    "mode_bits": 3,
}
UPLOADED = {"status": "idle", "progress": 0, "message": "", "oss_url": UPLOAD}
NET = {"conf": 16, "info": [{"ip": ADDRESS, "mask": 16777215}, {"ip": 0, "mask": 0}]}

# What every family sends.
COMMON: dict[str, Any] = {
    "ams_rfid_status": 0,
    "ams_status": 0,
    "bed_target_temper": 60.0,
    "bed_temper": 59.8,
    "big_fan1_speed": "10",
    "big_fan2_speed": "3",
    "cali_version": 0,
    "command": "push_status",
    "cooling_fan_speed": "14",
    "fan_gear": 0x33B3FF,
    "force_upgrade": False,
    "gcode_file": "/data/Metadata/plate_2.gcode",
    "gcode_file_prepare_percent": "100",
    "gcode_state": "RUNNING",
    "heatbreak_fan_speed": "15",
    "hms": [],
    "home_flag": 0x180 - 2**31,
    "hw_switch_state": 1,
    "ipcam": IPCAM,
    "layer_num": 41,
    "lights_report": [{"node": "chamber_light", "mode": "on"}],
    "mc_percent": 33,
    "mc_print_stage": "2",
    "mc_print_sub_stage": 0,
    "mc_remaining_time": 95,
    "msg": 0,
    "net": NET,
    "nozzle_diameter": "0.4",
    "nozzle_target_temper": 220.0,
    "nozzle_temper": 219.6,
    "nozzle_type": "stainless_steel",
    "online": {"ahb": True, "rfid": False, "version": 7},
    "print_error": 0,
    "print_type": "cloud",
    "profile_id": "900003",
    "project_id": "900004",
    "queue_est": 0,
    "queue_number": 0,
    "queue_sts": 0,
    "queue_total": 0,
    "s_obj": [],
    "sdcard": True,
    "sequence_id": "2021",
    "spd_lvl": 2,
    "spd_mag": 100,
    "stg": [2, 14, 1],
    "stg_cur": 0,
    "subtask_id": "900002",
    "subtask_name": "Bracket",
    "task_id": "900001",
    "total_layer_num": 124,
    "upgrade_state": UPGRADE,
    "upload": UPLOADED,
    "wifi_signal": "-48dBm",
    "xcam": {"buildplate_marker_detector": True},
}
# What A1 and P1 send beside it.
OF_A1_AND_P1: dict[str, Any] = {
    "chamber_temper": 5,
    "filam_bak": [],
    "flag3": 15,
    "k": "0.0200",
    "lifecycle": "product",
    "mc_print_line_number": "280515",
    "mess_production_state": "active",
}
# What X1 of 2025, H2, P2S, X2D and A2L send beside it.
OF_THE_NEWER: dict[str, Any] = {
    "2D": {"bs": {"bi": [], "total_time": 0}, "makeable": False},
    "3D": {"layer_num": 40, "total_layer_num": 124},
    "ap_err": 0,
    "aux": "2001004",
    "aux_part_fan": False,
    "batch_id": 0,
    "canvas_id": 0,
    "care": [{"id": "ls", "info": "1864"}],
    "cfg": "3C5FDA99",
    "design_id": "900005",
    "err": "0",
    "fail_reason": "0",
    "file": "/data/Metadata/plate_2.gcode",
    "fun": "41AFFF9CFB",
    "fun2": "1",
    "info": {"temp": 35},
    "job": {"cur_stage": {"idx": 0, "state": 2}, "stage": []},
    "job_attr": 17,
    "job_id": "900006",
    "lan_task_id": "0",
    "maintain": 3,
    "mapping": [0],
    "mc_action": 0,
    "mc_err": 0,
    "mc_print_error_code": "0",
    "mc_stage": 2,
    "model_id": "US0000000000000",
    "percent": 33,
    "plate_cnt": 2,
    "plate_id": 2,
    "plate_idx": 2,
    "prepare_per": 100,
    "print_gcode_action": 0,
    "print_real_action": 0,
    "queue": 0,
    "remain_time": 95,
    "stat": "1638218070",
    "state": 4,
    "stg_cd": 0,
    "t_utc": 1780000000000,
    "ver": "20010",
    "xcam_status": "0",
}


def ams(units: list[Any], exist: str, trays: str, now: str) -> dict[str, Any]:
    """Return the part of a status that is about AMS."""
    return {
        "ams": units,
        "ams_exist_bits": exist,
        "ams_exist_bits_raw": exist,
        "cali_id": 255,
        "cali_stat": 0,
        "insert_flag": True,
        "power_on_flag": False,
        "tray_exist_bits": trays,
        "tray_is_bbl_bits": trays,
        "tray_now": now,
        "tray_pre": now,
        "tray_read_done_bits": trays,
        "tray_reading_bits": "0",
        "tray_tar": now,
        "version": 3,
    }


def unit(number: int, trays: list[Any], **more: Any) -> dict[str, Any]:
    """Return an AMS."""
    return {"id": str(number), "chip_id": CHIP_OF_AMS, "temp": "24.5", "tray": trays, **more}


FOUR_SPOOLS = [
    tray(0, "PLA", "FFFFFFFF", remain=80, chip=True),
    tray(1, "PLA", "DE4343FF", remain=0),
    tray(2, "PETG", "161616FF"),
    tray(3, "PLA", "00AE42FF", remain=100, chip=True, cols=["00AE42FF", "0086D6FF"]),
]


def p1s() -> dict[str, Any]:
    """Return a P1S that prints; its AMS is of older firmware and tells neither kind nor percent."""
    return deepcopy(
        COMMON
        | OF_A1_AND_P1
        | {
            "ams": ams([unit(0, FOUR_SPOOLS, humidity="4")], "1", "f", "3"),
            "gcode_file": "Bracket.3mf",
            "vt_tray": NO_SPOOL | {"id": "254"},
        }
    )


def a1() -> dict[str, Any]:
    """Return an A1 that is idle, whose stage is 0 for all that."""
    trays = [tray(slot, "PLA", "DE4343FF", remain=0, chip=True, state=3) for slot in range(4)]
    return deepcopy(
        COMMON
        | OF_A1_AND_P1
        | {
            "ams": ams(
                [
                    unit(0, trays, humidity="5", humidity_raw="0", info="1002", dry_time=0)
                    | {"temp": "0.0"}
                ],
                "1",
                "f",
                "255",
            ),
            "gcode_file": "",
            "gcode_state": "IDLE",
            "mc_percent": 0,
            "mc_remaining_time": 0,
            "print_type": "idle",
            "project_id": "0",
            "stg": [],
            "stg_cur": 0,
            "subtask_id": "0",
            "subtask_name": "",
            "task_id": "0",
            "vt_tray": tray(254, "PLA", "161616FF", remain=0),
        }
    )


def a1_mini() -> dict[str, Any]:
    """Return an A1 mini without AMS that feeds from the external spool, told to stop."""
    return deepcopy(
        COMMON
        | OF_A1_AND_P1
        | {
            "ams": ams([], "0", "0", "254"),
            "gcode_file": "Bracket.gcode.3mf",
            "gcode_state": "FAILED",
            "print_error": 50348044,
            "print_type": "local",
            "stg_cur": 255,
            "subtask_id": "0",
            "task_id": "0",
            "vt_tray": tray(254, "TPU", "F5547CFF", remain=0),
        }
    )


def _device(
    nozzles: list[dict[str, Any]], *, state: int, hotends: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "bed": {"info": {"temp": 60 << 16 | 59}, "state": 2},
        "bed_temp": 60 << 16 | 59,
        "cam": {"laser": {"cond": 252, "state": 0}},
        "extruder": {
            "info": [
                {"filam_bak": [], "hnow": entry["id"], "info": 75, "spre": 65535, "star": 65535}
                | {"stat": 0}
                | entry
                for entry in nozzles
            ],
            "state": state,
        },
        "fan": 419300,
        "nozzle": {
            "exist": 3,
            "info": [
                {"tm": 0, "wear": 0.0, "sn": BOARD, "fila_id": "", "color_m": "00000000"} | hotend
                for hotend in hotends
            ],
            "state": 0,
        },
        "plate": {"base": 4, "cur_id": "P0101"},
        "type": 1,
    }


def _airduct(**states: int) -> dict[str, Any]:
    return {
        "modeCur": 0,
        "parts": [
            {"func": 0, "id": int(number), "range": 6553600, "state": state}
            for number, state in ((key.removeprefix("part"), states[key]) for key in states)
        ],
    }


def a2l() -> dict[str, Any]:
    """Return an A2L that is idle, with its AMS Lite, which is number 16."""
    return deepcopy(
        COMMON
        | OF_THE_NEWER
        | {
            "ams": ams(
                [
                    unit(
                        16,
                        [
                            {"id": "0"},
                            tray(1, "PETG", "0ACC38FF", state=3),
                            {"id": "2"},
                            {"id": "3"},
                        ],
                        humidity="5",
                        humidity_raw="0",
                        info="30001005",
                    )
                    | {"temp": "0.0"}
                ],
                "1000",
                "2000000",
                "1",
            ),
            "chamber_temper": 5,
            "device": _device(
                [{"id": 0, "snow": 16 << 8 | 1, "temp": 22}],
                state=1,
                hotends=[{"id": 0, "diameter": 0.4, "type": "HA00"}],
            )
            | {"airduct": _airduct(part16=0)},
            "gcode_state": "IDLE",
            "hw_switch_state": 0,
            "vir_slot": [NO_SPOOL],
        }
    )


def x1c() -> dict[str, Any]:
    """Return an X1C of older firmware: no `msg`, hotend in an object, with its door open."""
    body = deepcopy(
        COMMON
        | {
            "ams": ams(
                [
                    unit(0, FOUR_SPOOLS, humidity="3"),
                    unit(1, [{"id": str(slot)} for slot in range(4)], humidity="1"),
                ],
                "3",
                "f",
                "0",
            ),
            "chamber_temper": 37.0,
            "ctt": 0,
            "device": {"nozzle": {"0": {"info": 136, "temp": 14418139}, "info": 17}},
            "hms": [
                {"attr": 0x0C000300, "code": 0x00030007},
                {"attr": 0x03000100, "code": 0x00010007},
            ],
            "home_flag": 0x180 | 1 << 23,
            "lights_report": [
                {"node": "chamber_light", "mode": "off"},
                {"node": "work_light", "mode": "flashing"},
            ],
            "nozzle_type": "hardened_steel",
            "stg_cur": 14,
            "vt_tray": NO_SPOOL | {"id": "254"},
        }
    )
    del body["msg"]
    return body


def h2d() -> dict[str, Any]:
    """Return an H2D with two nozzles, three AMS and an AMS HT that dries, all of them in use."""
    pair = [tray(0, "PLA", "FFFFFFFF", state=11), {"id": "1", "state": 10}]
    more = [{"id": "2", "state": 9}, tray(3, "PLA", "161616FF", remain=42, chip=True, state=11)]
    return deepcopy(
        COMMON
        | OF_THE_NEWER
        | {
            "ams": ams(
                [
                    unit(0, pair + more, humidity="5", humidity_raw="14", info="1103", dry_time=0),
                    unit(1, pair + more, humidity="4", humidity_raw="21", info="1001", dry_time=0),
                    unit(2, pair + more, humidity="1", humidity_raw="36", info="2103", dry_time=0),
                    unit(
                        128,
                        [tray(0, "PA-CF", "161616FF", remain=90, chip=True, state=11)],
                        humidity="0",
                        humidity_raw="6",
                        info="2024",
                        dry_time=716,
                    ),
                ],
                "17",
                "10ddd",
                # Of AMS 1, which it does not say.
                "3",
            ),
            "chamber_temper": 49,
            "ctt": 60,
            "device": _device(
                [
                    {"id": 0, "snow": 1 << 8 | 3, "temp": 245 << 16 | 244},
                    {"id": 1, "snow": 0xFEFF, "temp": 40},
                ],
                state=2,
                hotends=[
                    {"id": 0, "diameter": 0.4000000059604645, "type": "HS01"},
                    {"id": 1, "diameter": 0.6, "type": "HH05"},
                ],
            )
            | {
                "airduct": _airduct(part16=100, part32=70, part48=30, part96=0),
                "ctc": {"info": {"temp": 60 << 16 | 48}, "state": 1},
            },
            "lights_report": [
                {"node": "chamber_light", "mode": "on"},
                {"node": "work_light", "mode": "flashing"},
                {"node": "chamber_light2", "mode": "off"},
            ],
            "net": NET | {"conf": 17},
            "vir_slot": [NO_SPOOL | {"id": "254"}, tray(255, "TPU", "9B9EA0FF", remain=0)],
            "vt_tray": tray(255, "TPU", "9B9EA0FF", remain=0),
        }
    )


def h2c() -> dict[str, Any]:
    """Return an H2C, which has a rack of hotends, after a print that was cancelled."""
    empty = [{"id": str(slot), "state": 10} for slot in range(4)]
    rack = [{"id": number, "diameter": 0.2, "type": "HS00"} for number in (16, 18, 21)]
    return deepcopy(
        COMMON
        | OF_THE_NEWER
        | {
            "ams": ams(
                [unit(0, empty, humidity="1", humidity_raw="29", info="1023", dry_time=716)],
                "1",
                "0",
                "255",
            ),
            "aux": "2000004",
            "device": _device(
                [
                    {"id": 0, "snow": 65535, "temp": 44},
                    {"id": 1, "snow": 0xFE00, "temp": 40},
                ],
                state=0x1F2,
                hotends=[
                    {"id": 0, "diameter": 0.4, "type": "HS01"},
                    {"id": 1, "diameter": 0.4, "type": "HU01"},
                    *rack,
                ],
            )
            | {
                "airduct": _airduct(part16=0, part32=0, part48=0, part96=0),
                "ctc": {"info": {"temp": 35}, "state": 0},
            },
            "fail_reason": "50348044",
            "gcode_state": "FAILED",
            "nozzle_type": "HS01-0.4",
            "print_type": "",
            "sdcard": False,
            "stg_cur": -1,
            "vir_slot": [NO_SPOOL | {"id": "254"}, NO_SPOOL],
        }
    )


def p2s() -> dict[str, Any]:
    """Return a P2S that prints from a stick, with its door open."""
    spools = [spool | {"state": 11} for spool in FOUR_SPOOLS]
    return deepcopy(
        COMMON
        | OF_THE_NEWER
        | {
            "ams": ams(
                [unit(0, spools, humidity="5", humidity_raw="16", info="1003", dry_time=0)],
                "1",
                "f",
                "3",
            ),
            "device": _device(
                [{"id": 0, "snow": 3, "temp": 255 << 16 | 254}],
                state=1,
                hotends=[{"id": 0, "diameter": 0.4, "type": "HS01"}],
            )
            | {
                "airduct": _airduct(part16=90, part32=0),
                "ctc": {"info": {"temp": 47}, "state": 0},
            },
            "nozzle_type": "HS01",
            "print_type": "local",
            "stat": "46A58008",
            "subtask_id": "",
            "task_id": "6456",
            "vir_slot": [NO_SPOOL],
        }
    )


def x2d() -> dict[str, Any]:
    """Return an X2D that prints with its left nozzle and complains."""
    spools = [
        tray(0, "PLA", "161616FF", state=11),
        tray(1, "PETG", "161616FF", state=27),
        {"id": "2", "state": 8},
        tray(3, "PLA", "00000000", state=11),
    ]
    return deepcopy(
        COMMON
        | OF_THE_NEWER
        | {
            "ams": ams(
                [unit(0, spools, humidity="5", humidity_raw="12", info="11002E03", dry_time=0)],
                "1",
                "b",
                "1",
            ),
            "aux": "22001004",
            "device": _device(
                [
                    {"id": 0, "snow": 65535, "temp": 50},
                    {"id": 1, "snow": 1, "temp": 250 << 16 | 250},
                ],
                state=33042,
                hotends=[
                    {"id": 0, "diameter": 0.4, "type": "HS01"},
                    {"id": 1, "diameter": 0.4, "type": "HX01"},
                ],
            )
            | {
                "airduct": _airduct(part16=80, part32=10, part160=20, part48=70),
                "ctc": {"info": {"temp": 38}, "state": 0},
                "fila_switch": {"in": [-1, -1], "out": [0, 1], "info": 0, "stat": 0},
            },
            "err2": {"err_code": "0", "img_id": ""},
            "hms": [
                {
                    "attr": 83887616,
                    "code": 131184,
                    "ts_boot": 15950,
                    "ts_unix": "20260426002648",
                }
            ],
            "vir_slot": [NO_SPOOL | {"id": "254"}, NO_SPOOL],
        }
    )


FAMILIES = {
    "p1s": p1s,
    "a1": a1,
    "a1_mini": a1_mini,
    "a2l": a2l,
    "x1c": x1c,
    "h2d": h2d,
    "h2c": h2c,
    "p2s": p2s,
    "x2d": x2d,
}
# What the cloud calls them.
MODELS = {
    "p1s": "P1S",
    "a1": "A1",
    "a1_mini": "A1 mini",
    "a2l": "A2L",
    "x1c": "X1 Carbon",
    "h2d": "H2D",
    "h2c": "H2C",
    "p2s": "P2S",
    "x2d": "X2D",
}


def versions() -> dict[str, Any]:
    """Return an answer to get_version of a printer with every kind of AMS."""
    modules = [
        ("ota", "01.01.02.08", BOARD, "Bambu Lab H2D"),
        ("ams/0", "00.01.06.62", "00600A000000001", "AMS (1)"),
        ("ams_f1/16", "00.00.08.22", "03C00A000000002", "AMS lite"),
        ("n3f/1", "02.00.19.68", "19C00A000000003", "AMS 2 Pro (2)"),
        ("n3s/128", "02.00.19.67", "19F00A000000004", "AMS HT (1)"),
        ("n3s/129", "02.00.19.67", "N/A", "AMS HT (2)"),
        ("mc", "02.05.57.52", BOARD, ""),
        ("wtm/16", "01.00.11.19", BOARD, "WTM"),
    ]
    return {
        "command": "get_version",
        "module": [
            {
                "flag": 0,
                "hw_ver": "AP05",
                "loader_ver": "00.00.00.00",
                "name": name,
                "product_name": product,
                "sn": serial,
                "sw_ver": version,
                "visible": True,
            }
            for name, version, serial, product in modules
        ],
        "sequence_id": "20004",
    }
