"""What becomes of the messages of a printer."""

from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.api import (
    AmsModule,
    AmsUnit,
    Fans,
    HmsError,
    Nozzle,
    Presence,
    Report,
    Slot,
    Tray,
    Versions,
    report,
)
from custom_components.bambu_lab_cloud.api.report import parse

from .reports import FAMILIES, SECRETS, delta, message, tray, versions

UNKNOWN_KEYS = frozenset({"brand_new"})


def read(payload: bytes) -> Report:
    result = parse(payload)
    assert isinstance(result, Report)
    return result


def change(**changes: Any) -> Report:
    return read(delta(**changes))


def family(name: str, **changes: Any) -> Report:
    return read(message(FAMILIES[name]() | changes))


def ams_of(**unit: Any) -> AmsUnit:
    (result,) = change(ams={"ams": [{"id": "0", **unit}]}).ams or ()
    return result


def tray_of(**spool: Any) -> Tray:
    (result,) = ams_of(tray=[{"id": "0", **spool}]).trays or ()
    return result


def nozzle_of(**entry: Any) -> Nozzle:
    (result,) = change(device={"extruder": {"info": [{"id": 0, **entry}]}}).nozzles or ()
    return result


def told(value: Any) -> Any:
    """Return a dataclass as what it tells, without the fields that are None."""
    match value:
        case _ if is_dataclass(value):
            names = [field.name for field in fields(value)]
            return {
                name: told(getattr(value, name))
                for name in names
                if getattr(value, name) is not None
            }
        case tuple():
            return [told(one) for one in value]
        case frozenset():
            return sorted(map(str, value))
    return value


def leaves(value: Any) -> Iterator[Any]:
    """Yield every value in a dataclass."""
    match value:
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from leaves(getattr(value, field.name))
        case tuple() | frozenset():
            assert len(value) <= 100
            for one in value:
                yield from leaves(one)
        case _:
            yield value


def is_bounded(value: Any) -> bool:
    match value:
        case None | bool() | datetime():
            return True
        case int():
            return -120 <= value <= 1_000_000
        case float():
            return -50 <= value <= 500
    return len(value) <= 255 and "\n" not in value and value == value.encode().decode()


# Whole statuses


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str, snapshot: SnapshotAssertion) -> None:
    assert told(family(name)) == snapshot


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_secret_leaves_the_parser(name: str) -> None:
    payload = message(FAMILIES[name]())
    assert any(secret in payload.decode() for secret in SECRETS)
    result = f"{read(payload)!r} {asdict(read(payload))}"
    assert [secret for secret in SECRETS if secret in result] == []


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_known_keys_only(name: str) -> None:
    assert family(name).unknown == frozenset()


def test_keys_that_are_called_read_are_read() -> None:
    class Recorder(dict[str, Any]):
        def __init__(self, data: dict[str, Any]) -> None:
            super().__init__(data)
            self.asked: set[str] = set()

        def get(self, key: str, default: Any = None) -> Any:
            self.asked.add(key)
            return super().get(key, default)

    recorder = Recorder({"command": "push_status", "msg": 0})
    Report.from_api(recorder)
    asked = recorder.asked - {"command", "msg"}
    assert asked == set(report._READ.split())
    assert asked.isdisjoint(report._IGNORED.split())


# Messages


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b'"print"',
        b"{",
        b"\xff\xfe",
        b'{"print": []}',
        b'{"print": {}}',
        b'{"print": null}',
        b'{"info": {"command": "get_version"}}',
        b'{"info": {"command": "get_version", "module": null, "result": "fail"}}',
        b'{"info": {"command": "other", "module": []}}',
        b'{"event": {"event": "client.other"}}',
        b'{"event": {}}',
        b'{"system": {"command": "ledctrl", "led_node": "chamber_light", "led_mode": "on"}}',
        b'{"camera": {"command": "ipcam_record_set", "control": "enable"}}',
        b'{"xcam": {"command": "xcam_control_set", "control": true}}',
        b'{"upgrade": {"command": "upgrade_confirm"}}',
        b'{"security": {"command": "app_cert_install"}}',
        b'{"pushing": {"command": "pushall"}}',
        b'{"mc_print": {"command": "push_info", "param": "log"}}',
        b"[" * 100_000,
        b'{"print": ' * 100_000,
        b'{"print": {"mc_percent": 12}}' + b" " * 256 * 1024,
    ],
    ids=lambda payload: payload[:40].decode("latin-1"),
)
def test_what_is_nothing_to_us(payload: bytes) -> None:
    assert parse(payload) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"command": "project_file", "result": "success", "gcode_state": "FAILED"},
        {"command": "project_prepare", "subtask_name": "Other"},
        {"command": "gcode_line", "param": "M106", "reason": "", "result": "fail"},
        {"command": "ams_filament_setting", "ams_id": 0, "tray_id": 2},
        {"command": "stop", "err_code": 84033543, "reason": "verify failed"},
        {"command": "get_access_code", "access_code": "5ec2e7c0"},
        {"command": 7, "gcode_state": "IDLE"},
        {"result": "success", "gcode_state": "IDLE"},
        {"reason": "", "gcode_state": "IDLE"},
        {"param": "", "gcode_state": "IDLE"},
        {"err_code": 0, "gcode_state": "IDLE"},
    ],
    ids=str,
)
def test_answers_to_commands_are_never_a_status(answer: dict[str, Any]) -> None:
    assert parse(message(answer)) is None


def test_an_access_code_is_not_read() -> None:
    answer = {"command": "get_access_code", "access_code": "5ec2e7c0", "result": "success"}
    assert parse(message(answer, "system")) is None


def test_a_change_may_come_without_a_command() -> None:
    assert read(message({"mc_percent": 12, "sequence_id": "9"})) == Report(progress=12)


def test_pretty_printed_text_is_read() -> None:
    assert read(json.dumps({"print": {"mc_percent": 12}}, indent=4).encode()).progress == 12


def test_a_byte_order_mark_is_skipped() -> None:
    assert read(b'\xef\xbb\xbf{"print": {"mc_percent": 12}}').progress == 12


def test_names_in_latin_1_are_read() -> None:
    payload = '{"print": {"subtask_name": "Halter für Öl"}}'.encode("latin-1")
    assert read(payload).name == "Halter für Öl"


def test_text_that_is_cut_in_a_character_is_read() -> None:
    payload = '{"print": {"subtask_name": "Öl ☃"}}'.encode().replace(b"\x83", b"")
    assert read(payload).gcode_state is None
    assert parse(payload) is not None


def test_control_characters_in_text_are_read() -> None:
    assert read(b'{"print": {"subtask_name": "two\nlines\x07"}}').name == "two lines"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Bracket", "Bracket"),
        ("", ""),
        (" ", ""),
        (None, None),
        (7, None),
        ("x" * 300, "x" * 255),
        ("\ud800", "?"),
    ],
)
def test_names_are_bounded(name: Any, expected: str | None) -> None:
    assert change(subtask_name=name).name == expected


def test_a_number_of_thousands_of_digits_spoils_nothing_else() -> None:
    payload = b'{"print": {"mc_percent": 12, "layer_num": ' + b"9" * 10_000 + b"}}"
    assert read(payload) == Report(progress=12)


def test_one_bad_field_spoils_nothing_else() -> None:
    body = FAMILIES["h2d"]()
    good = read(message(body))
    body["device"]["extruder"]["info"][0]["temp"] = "hot"
    body["ams"]["ams"][1]["humidity_raw"] = {}
    bad = read(message(body))
    assert [getattr(bad, f.name) == getattr(good, f.name) for f in fields(Report)].count(False) == 2
    assert bad.nozzles
    assert good.nozzles
    assert bad.nozzles[1] == good.nozzles[1]
    assert bad.nozzles[0].source == good.nozzles[0].source


@pytest.mark.parametrize("value", [None, True, [], {}, "x", "", 1.5, 1e300, 10**18, -(10**12)])
@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("mc_percent", "progress"),
        ("mc_remaining_time", "remaining"),
        ("layer_num", "layer"),
        ("stg_cur", "stage"),
        ("spd_lvl", "speed_level"),
        ("gcode_file_prepare_percent", "prepare_percent"),
        ("fan_gear", "fan_gear"),
        ("home_flag", "door_by_home_flag"),
        ("wifi_signal", "wifi_signal"),
        ("plate_idx", "plate"),
    ],
)
def test_ill_typed_numbers_are_not_told(key: str, field: str, value: Any) -> None:
    assert getattr(change(**{key: value}), field) is None


@pytest.mark.parametrize("value", [42, "42", 42.0, "42.0"])
def test_numbers_are_read_from_text_and_floats(value: Any) -> None:
    assert change(mc_percent=value).progress == 42


def test_null_is_not_told() -> None:
    nulls = dict.fromkeys(report._READ.split())
    assert read(delta(**nulls)) == Report()


# Whole or change


@pytest.mark.parametrize("name", FAMILIES)
def test_whole_statuses_are_full(name: str) -> None:
    assert family(name).full
    assert not family(name, msg=1).full


def test_a_whole_status_without_msg_is_known_by_its_keys() -> None:
    body = FAMILIES["x1c"]()
    assert "msg" not in body
    assert read(message(body)).full
    few = dict(list(body.items())[:20]) | {"command": "push_status", "gcode_state": "RUNNING"}
    assert not read(message(few)).full
    del body["gcode_state"]
    assert not read(message(body)).full


def test_a_message_without_command_is_never_full() -> None:
    body = FAMILIES["p1s"]()
    del body["command"]
    assert not read(message(body)).full


def test_what_a_change_lacks_is_not_told() -> None:
    assert change(nozzle_temper=229.9375, bed_temper=64.5, mc_remaining_time=100) == Report(
        nozzle_temperature=229.9375, bed_temperature=64.5, remaining=100
    )


# Job


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("RUNNING", "RUNNING"),
        ("pause", "PAUSE"),
        ("", None),
        (None, None),
        (4, None),
        ("BRAND_NEW", "BRAND_NEW"),
        ("two words", None),
        ("X" * 33, None),
    ],
)
def test_state(word: Any, expected: str | None) -> None:
    assert change(gcode_state=word).gcode_state == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cloud", "cloud"),
        ("local", "local"),
        ("system", "system"),
        ("idle", "idle"),
        # X1 and H2 while idle.
        ("", "idle"),
        (None, None),
    ],
)
def test_print_type(word: Any, expected: str | None) -> None:
    assert change(print_type=word).print_type == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("900001", "900001"), (900001, "900001"), ("0", "0"), ("", "0"), (None, None), (" ", None)],
)
def test_ids(value: Any, expected: str | None) -> None:
    result = change(task_id=value, subtask_id=value)
    assert (result.task_id, result.subtask_id) == (expected, expected)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/usr/etc/print/H2S/auto_cali_for_user_param.gcode", True),
        ("auto_cali_for_user", True),
        ("/usr/etc/print/extrusion_cali.gcode", True),
        ("/data/Metadata/plate_1.gcode", False),
        ("not_auto_cali_for_user.3mf", False),
        ("", False),
        (None, None),
    ],
)
def test_calibration_is_told_by_its_file(file: Any, *, expected: bool | None) -> None:
    assert change(gcode_file=file).is_calibration is expected


def test_a_change_without_a_file_says_nothing_of_calibration() -> None:
    assert change(mc_percent=3, print_type="system").is_calibration is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"plate_idx": 3}, 3),
        ({"plate_idx": 3, "gcode_file": "/data/Metadata/plate_2.gcode"}, 3),
        ({"plate_idx": 0, "gcode_file": "/data/Metadata/plate_2.gcode"}, 2),
        ({"gcode_file": "Bracket.3mf"}, None),
        ({"gcode_file": "/data/Metadata/plate_0.gcode"}, None),
        ({"gcode_file": "/data/Metadata/plate_1234.gcode"}, None),
        ({"plate_idx": 0}, None),
    ],
)
def test_plate(sent: dict[str, Any], expected: int | None) -> None:
    assert change(**sent).plate == expected


def test_the_layers_above_win_over_those_that_lag() -> None:
    lagging = {"layer_num": 40, "total_layer_num": 124}
    assert change(**{"3D": lagging, "layer_num": 41}).layer == 41
    # In a change they are older than what was told before.
    assert (change(**{"3D": lagging}).layer, change(**{"3D": lagging}).total_layers) == (None, None)
    body = FAMILIES["p2s"]() | {"3D": lagging}
    del body["layer_num"], body["total_layer_num"]
    assert (read(message(body)).layer, read(message(body)).total_layers) == (40, 124)


def test_only_mc_percent_is_progress() -> None:
    """`percent` doubles it, and layers tell of something else."""
    assert change(percent=50, layer_num=5, total_layer_num=10).progress is None


@pytest.mark.parametrize("stage", [-1, 0, 14, 77, 255])
def test_the_stage_is_the_wires(stage: int) -> None:
    assert change(stg_cur=stage).stage == stage


# Errors


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (0, ""),
        (50348044, "0300-400C"),
        (83902478, "0500-400E"),
        (117473286, "0700-8006"),
        ("117473286", "0700-8006"),
        (0x18010001, "1801-0001"),
        # A code with the highest bit, as 32 bits with a sign.
        (-0x7FFFFFFF, "8000-0001"),
        (2**32, None),
        (None, None),
    ],
)
def test_print_errors_have_eight_digits(error: Any, expected: str | None) -> None:
    assert change(print_error=error).error == expected


def test_hms_errors_are_sorted_and_have_a_level() -> None:
    listed = [
        {"attr": 0x0C000300, "code": 0x00030007},
        {"attr": 0x03000100, "code": 0x00010007},
        {"attr": 0x07000200, "code": 0x00090001},
    ]
    expected = (
        HmsError("0300_0100_0001_0007", 1),
        HmsError("0700_0200_0009_0001", None),
        HmsError("0C00_0300_0003_0007", 3),
    )
    assert change(hms=listed).hms == expected
    assert change(hms=listed[::-1] + listed).hms == expected


def test_hms_errors_clear_with_an_empty_list_and_not_without_one() -> None:
    assert change(hms=[]).hms == ()
    assert change().hms is None


@pytest.mark.parametrize("hms", [None, {}, 7, [7], [{}], [{"attr": 1}], [{"attr": "x", "code": 1}]])
def test_hms_errors_that_cannot_be_read_are_not_cleared(hms: Any) -> None:
    assert change(hms=hms).hms is None


def test_hms_errors_are_bounded() -> None:
    listed = [{"attr": number, "code": 0x00010001} for number in range(1_000)]
    assert len(change(hms=listed).hms or ()) == 100


# Temperatures and fans


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (3932220, (60, 60)),
        (25, (25, 0)),
        (245 << 16 | 244, (244, 245)),
        ("3932220", (60, 60)),
        (0, (0, 0)),
        (65533, (None, 0)),
        (600 << 16 | 20, (20, None)),
        (2**32, (None, None)),
        (-1, (None, None)),
        (22.5, (None, None)),
        (None, (None, None)),
    ],
)
def test_packed_temperatures_are_unpacked(packed: Any, expected: tuple[Any, Any]) -> None:
    """One is never shown as 3,932,220 °C."""
    result = change(
        device={
            "bed": {"info": {"temp": packed}},
            "ctc": {"info": {"temp": packed}},
            "extruder": {"info": [{"id": 1, "temp": packed}]},
        }
    )
    assert (result.bed_temperature, result.bed_target) == expected
    assert (result.chamber_temperature, result.chamber_target) == expected
    assert result.nozzles
    assert (result.nozzles[0].temperature, result.nozzles[0].target) == expected


def test_a_wrong_packed_temperature_leaves_the_plain_one() -> None:
    result = change(
        bed_temper=59.5, bed_target_temper=60, device={"bed": {"info": {"temp": 65533}}}
    )
    assert result.bed_temperature == 59.5


@pytest.mark.parametrize("name", ["p1s", "a1", "a1_mini", "a2l"])
def test_five_degrees_for_no_sensor_are_left_to_who_knows_the_model(name: str) -> None:
    assert family(name).chamber_temperature == 5


def test_an_absurd_temperature_is_not_told() -> None:
    result = change(nozzle_temper=3932220, bed_temper=-60, chamber_temper="warm")
    assert result == Report()


def test_fans_in_steps() -> None:
    result = change(
        cooling_fan_speed="15", big_fan1_speed="14", big_fan2_speed="0", heatbreak_fan_speed="16"
    )
    assert result.fans == Fans(part=100, aux=93, chamber=0)
    assert change(cooling_fan_speed="").fans is None


def test_fans_in_bytes() -> None:
    assert change(fan_gear=0x33B3FF).fan_gear == Fans(part=100, aux=70, chamber=20)
    assert change(fan_gear=0).fan_gear == Fans(part=0, aux=0, chamber=0)


def test_fans_in_parts_of_the_airduct() -> None:
    parts = [
        {"id": 16, "state": 90},
        {"id": 32, "state": 0x5A00 | 30},
        {"id": 48, "state": 101},
        # Off while cooling, left aux, and something that is no fan.
        {"id": 96, "state": 100},
        {"id": 160, "state": 20},
        {"id": 17, "state": 50},
        {"state": 50},
        7,
    ]
    assert change(device={"airduct": {"parts": parts}}).airduct == Fans(part=90, aux=30)


def test_each_teller_of_fans_is_kept_apart() -> None:
    """A step that jumps by one must not win over a byte that did not change."""
    result = change(cooling_fan_speed="14")
    assert (result.fans, result.fan_gear, result.airduct) == (Fans(part=93), None, None)


# Nozzles


@pytest.mark.parametrize(
    ("state", "count", "active"),
    [
        (1, 1, 0),
        (2, 2, 0),
        (274, 2, 1),
        (33042, 2, 1),
        # While they change.
        (0x1F2, 2, None),
        (0, None, 0),
        (9, None, 0),
        (2**32, None, None),
        ("x", None, None),
    ],
)
def test_nozzles_in_use(state: Any, count: int | None, active: int | None) -> None:
    result = change(device={"extruder": {"state": state}})
    assert (result.nozzle_count, result.active_nozzle) == (count, active)


@pytest.mark.parametrize(
    ("snow", "source"),
    [
        (0, Slot(0, 0)),
        (259, Slot(1, 3)),
        (16 << 8 | 1, Slot(16, 1)),
        (0x8000, Slot(128, 0)),
        (0xFF00, Slot(255, 0)),
        (0xFE00, Slot(254, 0)),
        (0xFFFF, Slot()),
        (0xFEFF, Slot()),
        (255, Slot()),
        (0x5000, None),
        (0xFF01, None),
        (0x0009, None),
        (0x10000, None),
        (-1, None),
        ("x", None),
    ],
)
def test_where_a_nozzle_has_its_filament_from(snow: Any, source: Slot | None) -> None:
    assert nozzle_of(snow=snow).source == source


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("0", Slot(0, 0)),
        ("7", Slot(1, 3)),
        ("15", Slot(3, 3)),
        ("65", Slot(16, 1)),
        ("128", Slot(128, 0)),
        ("135", Slot(135, 0)),
        ("254", Slot(255, 0)),
        ("255", Slot()),
        ("127", None),
        ("140", None),
        ("256", None),
        ("", None),
        (3, Slot(0, 3)),
    ],
)
def test_tray_now(now: Any, expected: Slot | None) -> None:
    result = change(ams={"tray_now": now, "tray_tar": now})
    assert (result.tray_now, result.tray_target) == (expected, expected)


def test_tray_now_is_only_local_where_the_nozzle_knows_better() -> None:
    result = family("h2d")
    assert result.tray_now == Slot(0, 3)
    assert result.nozzles
    assert result.nozzles[0].source == Slot(1, 3)


def test_lists_of_nozzles_may_lack_keys() -> None:
    result = change(
        device={
            "extruder": {"info": [{"id": 1, "temp": 40}, {"id": 0, "snow": 3}]},
            "nozzle": {"info": [{"id": 0, "type": "HS01"}, {"id": 17, "type": "HS00"}, {}]},
        }
    )
    assert result.nozzles == (
        Nozzle(0, source=Slot(0, 3), type="hardened_steel", high_flow=False),
        Nozzle(1, temperature=40, target=0),
    )


@pytest.mark.parametrize("nozzle", [{"0": {"info": 136, "temp": 14418139}, "info": 17}, 7, [], {}])
def test_an_x1_sends_its_nozzle_in_another_form(nozzle: Any) -> None:
    assert change(device={"nozzle": nozzle}).nozzles is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stainless_steel", ("stainless_steel", None)),
        ("hardened_steel", ("hardened_steel", None)),
        ("HS00", ("stainless_steel", False)),
        ("HS01-0.4", ("hardened_steel", False)),
        ("HH05", ("tungsten_carbide", True)),
        ("HE01", ("hardened_steel", True)),
        ("HU01", ("hardened_steel", True)),
        ("HX01", ("hardened_steel", None)),
        ("HA00", ("stainless_steel", None)),
        ("HS99", (None, False)),
        ("", (None, None)),
        ("H", (None, None)),
        (1, (None, None)),
    ],
)
def test_types_of_nozzles(kind: Any, expected: tuple[str | None, bool | None]) -> None:
    result = change(nozzle_type=kind)
    assert (result.nozzle_type, result.high_flow) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("0.4", 0.4), (0.4000000059604645, 0.4), ("0", None), (40, None)]
)
def test_diameters_of_nozzles(value: Any, expected: float | None) -> None:
    assert change(nozzle_diameter=value).nozzle_diameter == expected


# AMS


def test_a_change_of_the_tray_alone_says_nothing_of_the_units() -> None:
    result = change(ams={"tray_now": "2", "tray_pre": "2", "tray_tar": "2", "version": 4})
    assert result == Report(tray_now=Slot(0, 2), tray_target=Slot(0, 2))


@pytest.mark.parametrize(
    ("info", "kind", "extruder"),
    [
        ("1001", "ams", 0),
        ("1002", "ams_lite", 0),
        ("2103", "ams_2_pro", 1),
        ("11002E03", "ams_2_pro", 14),
        ("30001005", "ams_lite", 0),
        ("2F04", "ams_ht", None),
        ("1009", None, 0),
        ("", None, None),
        ("xyz", None, None),
        (1001, None, None),
        (None, None, None),
    ],
)
def test_kinds_of_ams(info: Any, kind: str | None, extruder: int | None) -> None:
    result = ams_of(info=info)
    assert (result.kind, result.extruder) == (kind, extruder)


def test_an_ams_ht_is_known_by_its_number() -> None:
    (result,) = change(ams={"ams": [{"id": "129"}]}).ams or ()
    assert result == AmsUnit(129, kind="ams_ht")


@pytest.mark.parametrize("number", ["-1", "24", "127", "136", "254", "x", None, True])
def test_an_ams_that_cannot_be_is_left_out(number: Any) -> None:
    result = change(ams={"ams": [{"id": number}, {"id": "1"}, 7]})
    assert result.ams == (AmsUnit(1),)


def test_humidity_is_the_percentage_where_there_is_one() -> None:
    """An AMS HT says level 0 beside a good percentage, an AMS Lite 0 percent for no sensor."""
    dry = ams_of(humidity="5", humidity_raw="14", info="1001")
    assert (dry.humidity, dry.humidity_level) == (14, 5)
    ht = ams_of(humidity="0", humidity_raw="6", info="2004")
    assert (ht.humidity, ht.humidity_level) == (6, None)
    lite = ams_of(humidity="5", humidity_raw="0", info="1002", temp="0.0")
    assert (lite.humidity, lite.humidity_level, lite.temperature) == (None, None, None)
    old = ams_of(humidity="4", temp="26.4")
    assert (old.humidity, old.humidity_level, old.temperature) == (None, 4, 26.4)


def test_values_of_an_ams_that_powers_on_are_left_out() -> None:
    result = ams_of(humidity="6", humidity_raw="101", temp="100.5", dry_time=-1)
    assert result == AmsUnit(0)
    assert ams_of(humidity_raw="-2", temp="-60.0") == AmsUnit(0)


def test_drying_is_in_minutes() -> None:
    assert ams_of(dry_time=716).drying == 716
    assert ams_of(dry_time=0).drying == 0


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0", set()),
        ("1", {0}),
        ("f", {0, 1, 2, 3}),
        ("17", {0, 1, 2, 128}),
        ("3f", {0, 1, 2, 3, 128, 129}),
        ("1000", {16}),
        ("FFFF", {*range(4), *range(128, 136), 16}),
    ],
)
def test_units_that_are_there(bits: str, expected: set[int]) -> None:
    assert change(ams={"ams_exist_bits": bits}).ams_ids == expected


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0", set()),
        ("3", {Slot(0, 0), Slot(0, 1)}),
        ("80", {Slot(1, 3)}),
        ("10000", {Slot(128, 0)}),
        ("2000000", {Slot(16, 1)}),
        ("2000000000", set()),
    ],
)
def test_trays_with_a_spool(bits: str, expected: set[Slot]) -> None:
    assert change(ams={"tray_exist_bits": bits}).spools == expected


@pytest.mark.parametrize("bits", [None, 17, "", "xyz", "-1", "f" * 33, []])
def test_bits_that_are_no_hex_text_are_not_told(bits: Any) -> None:
    result = change(
        ams={"ams_exist_bits": bits, "tray_exist_bits": bits}, stat=bits, aux=bits, cfg=bits
    )
    assert result == Report()


@pytest.mark.parametrize("number", ["-1", "8", "254", "x", None, True])
def test_a_tray_that_cannot_be_is_left_out(number: Any) -> None:
    assert ams_of(tray=[{"id": number}, {"id": "1"}, 7]).trays == (Tray(1),)


def test_lists_of_ams_and_trays_are_bounded() -> None:
    trays = [{"id": str(number % 4)} for number in range(20)]
    result = change(ams={"ams": [{"id": str(number % 4), "tray": trays} for number in range(50)]})
    assert result.ams
    assert len(result.ams) == 24
    assert [len(unit.trays or ()) for unit in result.ams] == [8] * 24


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        # Older firmware.
        (0, False),
        (1, True),
        (2, None),
        (3, True),
        # Newer firmware: empty, unknown, empty with a memory, known; while a chip is read.
        (8, False),
        (9, True),
        (10, False),
        (11, True),
        (5, True),
        (17, True),
        (21, True),
        (27, True),
        (None, None),
        ("x", None),
    ],
)
def test_states_of_trays(state: Any, *, expected: bool | None) -> None:
    assert tray_of(state=state).has_spool is expected


def test_a_tray_may_be_reduced_to_id_and_state() -> None:
    assert tray_of(state=11) == Tray(0, state=11, has_spool=True)
    assert tray_of() == Tray(0)


@pytest.mark.parametrize("key", ["tray_type", "tray_color"])
def test_a_tray_with_a_part_of_its_spool_is_not_whole(key: str) -> None:
    whole = tray(0, "PLA", "FFFFFFFF")
    assert tray_of(**whole).is_whole
    del whole[key]
    assert not tray_of(**whole).is_whole


def test_nulls_after_a_chip_was_read_are_not_told() -> None:
    nulls = dict.fromkeys(tray(0, "PLA", "FFFFFFFF"))
    assert tray_of(**nulls | {"id": "0"}) == Tray(0)


def test_a_spool_that_was_cleared_is_whole_and_unknown() -> None:
    cleared = tray(0, "", "00000000", state=11)
    assert tray_of(**cleared) == Tray(0, is_whole=True, state=11, has_spool=True, has_chip=False)


def test_what_is_known_of_a_spool() -> None:
    spool = tray(0, "PLA", "00AE42FF", remain=42, chip=True, cols=["00AE42FF", "0086D6FF", 7])
    assert tray_of(**spool) == Tray(
        0,
        is_whole=True,
        has_chip=True,
        material="PLA",
        brand="PLA Basic",
        filament_id="GFA00",
        name="A00-K0",
        color="#00AE42",
        colors=("#00AE42", "#0086D6"),
        remaining=42,
    )


@pytest.mark.parametrize(
    ("remain", "chip", "expected"),
    [
        (1, True, 1),
        (100, True, 100),
        (0, True, None),
        (-1, True, None),
        (101, True, None),
        (75, False, None),
    ],
)
def test_remaining_needs_a_chip_and_zero_is_unknown(
    remain: int, *, chip: bool, expected: int | None
) -> None:
    assert tray_of(**tray(0, "PLA", "FFFFFFFF", remain=remain, chip=chip)).remaining == expected


def test_remaining_alone_is_told() -> None:
    assert tray_of(remain=41).remaining == 41


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("FF6A13FF", "#FF6A13"),
        ("ff6a13ff", "#FF6A13"),
        ("000000FF", "#000000"),
        # Unset, or clear.
        ("00000000", None),
        ("", None),
        ("red", None),
    ],
)
def test_colors_of_spools(color: str, expected: str | None) -> None:
    assert tray_of(tray_color=color).color == expected


def test_virtual_slots_win_over_the_virtual_tray() -> None:
    old = tray(255, "TPU", "161616FF")
    new = [tray(254, "PLA", "FFFFFFFF"), tray(255, "PETG", "FFFFFFFF")]
    result = change(vt_tray=old, vir_slot=new).external or ()
    assert [(spool.id, spool.material) for spool in result] == [(254, "PLA"), (255, "PETG")]


def test_a_virtual_slot_that_cannot_be_is_left_out() -> None:
    assert change(vir_slot=[tray(0, "ABS", "FFFFFFFF"), 7]).external is None


@pytest.mark.parametrize("number", ["254", "255", 254, None, "x"])
def test_the_only_external_spool_is_always_number_255(number: Any) -> None:
    result = change(vt_tray=tray(0, "TPU", "161616FF") | {"id": number}).external or ()
    assert [(spool.id, spool.material) for spool in result] == [(255, "TPU")]
    assert change(ams={"tray_now": "254"}).tray_now == Slot(255, 0)


# The rest


@pytest.mark.parametrize(
    ("signal", "expected"),
    [("-46dBm", -46), ("-46", -46), (-46, -46), ("<redacted>", None), ("5dBm", None)],
)
def test_wifi_signal(signal: Any, expected: int | None) -> None:
    assert change(wifi_signal=signal).wifi_signal == expected


@pytest.mark.parametrize(("conf", "expected"), [(16, False), (17, True), (0, False), ("x", None)])
def test_wired(conf: Any, *, expected: bool | None) -> None:
    assert change(net={"conf": conf}).wired is expected


@pytest.mark.parametrize(
    ("lights", "expected"),
    [
        ([{"node": "work_light", "mode": "flashing"}], None),
        ([{"node": "work_light", "mode": "on"}, {"node": "chamber_light", "mode": "off"}], False),
        ([{"node": "chamber_light", "mode": "on"}], True),
        ([{"node": "chamber_light", "mode": "flashing"}], True),
        ([{"node": "chamber_light", "mode": []}], None),
        ([{"node": "chamber_light2", "mode": "on"}, 7], None),
        ([], None),
        ({}, None),
    ],
)
def test_chamber_light(lights: Any, *, expected: bool | None) -> None:
    assert change(lights_report=lights).chamber_light is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"home_flag": 0}, "none"),
        ({"home_flag": 0x100 - 2**31}, "ok"),
        ({"home_flag": 0x200}, "abnormal"),
        ({"aux": "3000"}, "read_only"),
        ({"aux": "2001004", "home_flag": 0}, "ok"),
        # Present, and nothing of its health.
        ({"sdcard": True}, None),
    ],
)
def test_sd_card(sent: dict[str, Any], expected: str | None) -> None:
    assert change(**sent).sd_card == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"status": 7, "progress": "140"}, (None, None)),
        ({"status": "IDLE", "progress": ""}, (False, None)),
        ({"status": "UPGRADE_SUCCESS", "progress": "100"}, (False, 100)),
        ({"status": "FLASHING", "progress": "40"}, (True, 40)),
        ({"status": "DOWNLOADING", "progress": ""}, (True, None)),
    ],
)
def test_firmware(told: Any, expected: tuple[bool | None, int | None]) -> None:
    report = change(upgrade_state=told)
    assert (report.is_updating, report.update_progress) == expected


def test_the_two_doors_are_kept_apart() -> None:
    """An X1C sends the second one, too, and always as open."""
    result = change(home_flag=-1066934785, stat="7A58000")
    assert (result.door_by_home_flag, result.door_by_stat) == (False, True)
    result = change(home_flag=-1058546177)
    assert (result.door_by_home_flag, result.door_by_stat) == (True, None)
    result = change(stat="46258008")
    assert (result.door_by_home_flag, result.door_by_stat) == (None, False)
    assert change(stat="1001000208070").door_by_stat is False


def test_flags_of_ams() -> None:
    assert change(home_flag=0x80).measures_remaining is True
    assert change(home_flag=0).measures_remaining is False
    assert change(cfg="FB299", home_flag=0).measures_remaining is True
    assert change(aux="20000000").has_filament_switch is True
    assert change(aux="2001004").has_filament_switch is False


def test_unknown_keys_are_named() -> None:
    result = change(
        brand_new="5ec2e7",
        **{
            "01P00A000000001": 1,
            "x" * 33: 1,
            "two words": 1,
            "": 1,
            "ä": 1,
            "a\n": 1,
        },
    )
    assert result.unknown == UNKNOWN_KEYS


def test_unknown_keys_are_bounded() -> None:
    assert len(change(**{f"key_{number}": 1 for number in range(999)}).unknown) == 50


# Versions


def test_versions(snapshot: SnapshotAssertion) -> None:
    assert told(parse(message(versions(), "info"))) == snapshot


def test_versions_show_no_serial() -> None:
    result = repr(parse(message(versions(), "info")))
    assert "AmsModule" in result
    assert [module["sn"] for module in versions()["module"] if module["sn"] in result] == []


def test_serials_of_boards_are_not_kept() -> None:
    result = parse(message(versions(), "info"))
    assert isinstance(result, Versions)
    assert not [secret for secret in SECRETS if secret in str(asdict(result))]


def test_an_answer_to_another_client_and_one_with_a_result_are_versions() -> None:
    body = versions() | {"result": "success", "reason": ""}
    result = parse(message(body, "info"))
    assert isinstance(result, Versions)
    assert [module.id for module in result.ams] == [0, 16, 1, 128, 129]


@pytest.mark.parametrize("serial", [None, "", "N/A", "**REDACTED**", 7, "A" * 65])
def test_an_ams_may_come_without_a_serial(serial: Any) -> None:
    body = {"command": "get_version", "module": [{"name": "ams/0", "sn": serial}]}
    result = parse(message(body, "info"))
    assert result == Versions(ams=(AmsModule(0, "ams"),))


def test_modules_that_cannot_be_read_are_left_out() -> None:
    names = ["ams", "ams/", "ams/x", "ams/200", "mc/0", ["ams/0"], None, "n3f/2"]
    modules = [{"name": name, "sn": "A1"} for name in names]
    body = {"command": "get_version", "module": [7, None, *modules]}
    result = parse(message(body, "info"))
    assert result == Versions(ams=(AmsModule(2, "ams_2_pro", "A1"),))


# Presence


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"event": "client.connected", "connected_at": "1695009714757"},
            Presence(online=True, at=datetime(2023, 9, 18, 4, 1, 54, 757000, UTC)),
        ),
        (
            {"event": "client.disconnected", "disconnected_at": "1695009714000"},
            Presence(online=False, at=datetime(2023, 9, 18, 4, 1, 54, tzinfo=UTC)),
        ),
        ({"event": "client.connected"}, Presence(online=True)),
        ({"event": "client.disconnected", "disconnected_at": "soon"}, Presence(online=False)),
    ],
)
def test_presence(event: dict[str, Any], expected: Presence) -> None:
    assert parse(message(event, "event")) == expected


# Whatever comes

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**33), 2**33)
    | st.floats()
    | st.text()
    | st.sampled_from(["", "0", "255", "ffffffff", "RUNNING", "-46dBm", "FF6A13FF"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
_KEYS = st.sampled_from(
    sorted({*report._READ.split(), "command", "msg", "module", "event", "connected_at"})
)


def _check(payload: bytes) -> None:
    result = parse(payload)
    assert all(is_bounded(value) for value in leaves(result))
    repr(result)


@given(st.binary())
def test_any_bytes(payload: bytes) -> None:
    _check(payload)


@given(_JSON)
def test_any_json(data: Any) -> None:
    _check(json.dumps(data).encode())


@given(st.sampled_from(["print", "info", "event"]), st.dictionaries(_KEYS | st.text(), _JSON))
def test_any_section(section: str, body: dict[str, Any]) -> None:
    _check(message(body, section))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a body."""
    match value:
        case dict():
            children: Any = value.items()
        case list():
            children = enumerate(value)
        case _:
            children = ()
    for key, child in children:
        yield (*path, key)
        yield from _places(child, (*path, key))


_BODIES = [("print", build) for build in FAMILIES.values()] + [("info", versions)]
_PLACES = [(section, build, place) for section, build in _BODIES for place in _places(build())]


@settings(max_examples=300)
@given(st.sampled_from(_PLACES), _JSON)
def test_any_value_in_place_of_one(place: tuple[Any, Any, tuple[Any, ...]], value: Any) -> None:
    """Every family, with something else somewhere."""
    section, build, (*path, last) = place
    body = build()
    holder = body
    for key in path:
        holder = holder[key]
    holder[last] = value
    _check(message(body, section))
