"""What printers say, without a broker in between."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import catalogue, reports
from simulator.cloud import Cloud, Printer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS = [model.product for model in (*catalogue.MODELS, *catalogue.MORE_MODELS)]
SMALL = ["P1S", "P1P", "A1", "A1 mini", "A2L"]
TWO_NOZZLES = ["H2D", "H2C", "X2D"]

type Say = Callable[..., dict[str, Any]]


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
def cloud(freezer: FrozenDateTimeFactory, options: dict[str, Any]) -> Cloud:
    """A cloud without HTTP."""
    freezer.move_to(NOW)
    return Cloud(history=0, **options)


@pytest.fixture
def add(cloud: Cloud) -> Callable[[str], Printer]:
    def add(model: str) -> Printer:
        return cloud.printer(cloud.add_printer("none", model, "New"))

    return add


@pytest.fixture
def say(cloud: Cloud) -> Say:
    """What a printer says now."""

    def say(printer: Printer, sequence: int = 1) -> dict[str, Any]:
        return reports.status(cloud, printer, datetime.now(UTC), sequence)

    return say


def packed(number: int) -> tuple[int, int]:
    return number & 0xFFFF, number >> 16


def snows(state: dict[str, Any]) -> list[int]:
    return [entry["snow"] for entry in state["device"]["extruder"]["info"]]


# Families


@pytest.mark.parametrize("model", MODELS)
def test_each_family_says_what_it_knows(model: str, add: Any, say: Say) -> None:
    printer = add(model)
    body = json.loads(reports.encoded(printer, reports.full(printer, say(printer), 7)))["print"]
    assert body["command"] == "push_status"
    assert body.get("msg") == {"X1E": None}.get(model, 0)
    assert 62 <= len(body) <= 99
    assert (body["gcode_state"], body["mc_percent"], body["task_id"]) == ("IDLE", 0, "0")
    assert isinstance(body["ams"]["tray_now"], str)
    assert isinstance(body["cooling_fan_speed"], str)
    assert {"vt_tray", "vir_slot"} & set(body)
    assert len(body["ams"]["ams"]) == len(printer.model.units)
    small = model in SMALL
    assert body["print_type"] == ("idle" if small else "")
    assert ("ota_new_version_number" in body["upgrade_state"]) is not small
    assert (body["home_flag"] < 0) is not small


@pytest.mark.parametrize(
    ("model", "stage"),
    [
        ("A1", 0),
        ("A1 mini", 0),
        ("A2L", 0),
        ("P1S", 255),
        ("P1P", 255),
        ("X1 Carbon", -1),
        ("H2D", -1),
    ],
)
def test_idle_stage(model: str, stage: int, add: Any, say: Say) -> None:
    assert say(add(model))["stg_cur"] == stage


@pytest.mark.parametrize("model", SMALL)
def test_a_small_board_tells_the_chamber_of_none(model: str, add: Any, say: Say) -> None:
    state = say(add(model))
    assert state["chamber_temper"] == 5
    assert "ctc" not in state.get("device", {})


@pytest.mark.parametrize("model", ["X1 Carbon", "P2S", "H2S", *TWO_NOZZLES])
def test_packed_temperatures(
    model: str, cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add(model)
    cloud.start(printer.dev_id, duration=1000)
    freezer.tick(500)
    state = say(printer)
    assert "chamber_temper" not in state
    assert packed(state["device"]["bed"]["info"]["temp"]) == (
        state["bed_temper"],
        state["bed_target_temper"],
    )
    nozzles = [packed(entry["temp"]) for entry in state["device"]["extruder"]["info"]]
    assert max(nozzles) in {(220, 220), (230, 230), (250, 250), (260, 260)}
    chamber, target = packed(state["device"]["ctc"]["info"]["temp"])
    assert 30 < chamber <= 60
    assert target in {0, 60}


def test_the_nozzle_of_an_old_x1_is_no_list(add: Any, say: Say) -> None:
    assert isinstance(say(add("X1E"))["device"]["nozzle"]["info"], int)


def test_nozzles_in_the_rack(add: Any, say: Say) -> None:
    ids = [nozzle["id"] for nozzle in say(add("H2C"))["device"]["nozzle"]["info"]]
    assert ids == [0, 1, 16, 18, 17]


@pytest.mark.parametrize(
    ("model", "slots"),
    [("P1P", None), ("X1 Carbon", ["255"]), ("P2S", ["255"]), ("H2D", ["254", "255"])],
)
def test_spool_beside_the_printer(model: str, slots: list[str] | None, add: Any, say: Say) -> None:
    state = say(add(model))
    told = state.get("vir_slot")
    assert (told and [slot["id"] for slot in told]) == slots
    assert ("vt_tray" in state) is (model in {"P1P", "X1 Carbon"})


def test_an_x1_has_the_door_of_others_open_for_ever(cloud: Cloud, add: Any, say: Say) -> None:
    printer = add("X1 Carbon")
    closed = say(printer)
    cloud.change_printer(printer.dev_id, door_open=True)
    opened = say(printer)
    assert (closed["home_flag"] >> 23 & 1, opened["home_flag"] >> 23 & 1) == (0, 1)
    assert closed["stat"] == opened["stat"]
    assert int(closed["stat"], 16) >> 23 & 1


@pytest.mark.parametrize("model", ["P2S", "H2S", *TWO_NOZZLES])
def test_door(model: str, cloud: Cloud, add: Any, say: Say) -> None:
    printer = add(model)
    before = say(printer)
    cloud.change_printer(printer.dev_id, door_open=True)
    after = say(printer)
    assert reports.difference(before, after) == {"stat": after["stat"]}
    assert int(before["stat"], 16) ^ int(after["stat"], 16) == 1 << 23


@pytest.mark.parametrize(("model", "progress"), [("P1S", ""), ("X1 Carbon", "40")])
def test_firmware_that_is_installed(
    model: str, progress: str, cloud: Cloud, add: Any, say: Say
) -> None:
    printer = add(model)
    before = say(printer)
    cloud.change_printer(printer.dev_id, updating=40)
    told = say(printer)["upgrade_state"]
    assert (told["status"], told["progress"]) == ("FLASHING", progress)
    cloud.change_printer(printer.dev_id, updating=100)
    assert say(printer)["upgrade_state"] == before["upgrade_state"]


# Trays


@pytest.mark.parametrize(
    ("model", "tray", "now", "snow"),
    [
        ("P1S", 2, "2", None),
        ("X1 Carbon", 5, "5", [0x0101]),
        ("P2S", 3, "3", [3]),
        # The number is that of the slot alone.
        ("H2D", 5, "1", [0x0101, 0xFEFF]),
        ("H2D", 2, "2", [0xFFFF, 2]),
        ("H2D", 16, "0", [0x8000, 0xFEFF]),
        ("H2D", 128, "0", [0x8000, 0xFEFF]),
        ("H2D", 255, "254", [0xFF00, 0xFEFF]),
        ("A2L", 3, "3", [0x1003]),
        ("A1 mini", 255, "254", None),
    ],
)
def test_tray_in_use(
    model: str,
    tray: int,
    now: str,
    snow: list[int] | None,
    cloud: Cloud,
    add: Any,
    say: Say,
    freezer: FrozenDateTimeFactory,
) -> None:
    printer = add(model)
    cloud.start(printer.dev_id, duration=1000, ams=[tray])
    freezer.tick(500)
    state = say(printer)
    assert state["ams"]["tray_now"] == now
    told = state.get("device", {}).get("extruder")
    assert (told and snows(state)) == snow


def test_nozzle_in_use(cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory) -> None:
    printer = add("X2D")
    states = [say(printer)]
    # Of the AMS on the left, then of the AMS HT on the right.
    cloud.start(printer.dev_id, duration=1000, ams=[0, 16])
    for _ in range(2):
        freezer.tick(400)
        states.append(say(printer))
    assert [state["device"]["extruder"]["state"] for state in states] == [2, 274, 2]
    assert [snows(state) for state in states] == [
        [0xFFFF, 0xFEFF],
        [0xFFFF, 0],
        [0x8000, 0xFEFF],
    ]
    # The plain number is that of the nozzle that rests.
    assert [state["nozzle_temper"] < 50 for state in states] == [True] * 3


@pytest.mark.parametrize(
    ("model", "units", "trays"),
    [
        ("X1 Carbon", "3", "ff"),
        ("A1", "1", "f"),
        ("H2D", "13", "100ff"),
        ("A2L", "1000", "a000000"),
        ("H2S", "1", "3"),
        ("P1P", "0", "0"),
    ],
)
def test_bits_of_what_is_there(model: str, units: str, trays: str, add: Any, say: Say) -> None:
    ams = say(add(model))["ams"]
    assert (ams["ams_exist_bits"], ams["tray_exist_bits"]) == (units, trays)


def test_kinds_of_ams(add: Any, say: Say) -> None:
    first, second, third = say(add("H2D"))["ams"]["ams"]
    assert [unit["info"] for unit in (first, second, third)] == ["1103", "1001", "2004"]
    assert third["humidity"] == "0"
    assert int(third["humidity_raw"]) > 0
    (lite,) = say(add("A2L"))["ams"]["ams"]
    assert (lite["id"], lite["humidity_raw"], lite["temp"]) == ("16", "0", "0.0")
    assert [len(tray) > 2 for tray in lite["tray"]] == [False, True, False, True]
    (old,) = say(add("P1S"))["ams"]["ams"]
    assert set(old) == {"id", "humidity", "temp", "tray"}
    assert [tray["state"] for tray in say(add("H2S"))["ams"]["ams"][0]["tray"]] == [11, 11, 10, 8]


def test_drying(add: Any, say: Say, freezer: FrozenDateTimeFactory) -> None:
    printer = add("H2C")
    seen = []
    for minutes in (0, 90, 700):
        freezer.tick(timedelta(minutes=minutes))
        (unit,) = say(printer)["ams"]["ams"]
        seen.append((unit["dry_time"], unit["info"]))
    assert seen == [(720, "1023"), (630, "1023"), (0, "1003")]


# Jobs


@pytest.fixture
def p1s(add: Any) -> Printer:
    printer: Printer = add("P1S")
    return printer


@pytest.fixture
def seen(say: Say, freezer: FrozenDateTimeFactory) -> Callable[..., list[tuple[Any, ...]]]:
    """What a printer says of some keys, each time some seconds later."""

    def seen(printer: Printer, keys: str, *spans: float) -> list[tuple[Any, ...]]:
        found = []
        for span in spans:
            freezer.tick(timedelta(seconds=span))
            state = say(printer)
            found.append(tuple(state[key] for key in keys.split()))
        return found

    return seen


def test_a_print_from_start_to_end(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, duration=1000, title="Bracket")
    keys = "gcode_state mc_percent mc_remaining_time stg_cur print_type mc_print_stage"
    assert seen(p1s, keys, 0, 4, 1, 10, 10, 10, 10, 455, 499, 1, 3600) == [
        ("PREPARE", 0, 0, 255, "cloud", "1"),
        ("PREPARE", 0, 0, 255, "cloud", "1"),
        ("RUNNING", 0, 16, 2, "cloud", "2"),
        ("RUNNING", 1, 16, 7, "cloud", "2"),
        ("RUNNING", 2, 16, 1, "cloud", "2"),
        ("RUNNING", 3, 16, 14, "cloud", "2"),
        ("RUNNING", 4, 15, 0, "cloud", "2"),
        ("RUNNING", 50, 8, 0, "cloud", "2"),
        ("RUNNING", 99, 0, 0, "cloud", "2"),
        ("FINISH", 100, 0, 255, "idle", "1"),
        ("FINISH", 100, 0, 255, "idle", "1"),
    ]


def test_layers(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, duration=1000)
    ((none, total), (first, _), (last, _), (end, _)) = seen(
        p1s, "layer_num total_layer_num", 10, 30.5, 959, 1
    )
    assert (none, first, end) == (0, 1, total)
    assert 1 < last <= total


def test_100_percent_lingers_into_the_next_print(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, title="First", duration=60)
    keys = "gcode_state mc_percent subtask_name"
    finished = seen(p1s, keys, 60)
    cloud.start(p1s.dev_id, title="Second", duration=60)
    assert finished + seen(p1s, keys, 1, 4) == [
        ("FINISH", 100, "First"),
        ("PREPARE", 100, "Second"),
        ("RUNNING", 8, "Second"),
    ]


@pytest.mark.parametrize(
    ("more", "states"),
    [
        ({"prepares": 0}, ["RUNNING", "RUNNING", "RUNNING"]),
        ({"prepares": 20}, ["PREPARE", "PREPARE", "RUNNING"]),
        # It and bind agree where nothing else is said.
        ({"preparing": 20}, ["PREPARE", "PREPARE", "RUNNING"]),
        ({"preparing": 20, "prepares": 0}, ["RUNNING", "RUNNING", "RUNNING"]),
        ({}, ["PREPARE", "RUNNING", "RUNNING"]),
    ],
    ids=str,
)
def test_preparing(
    more: dict[str, Any], states: list[str], cloud: Cloud, p1s: Printer, seen: Any
) -> None:
    cloud.start(p1s.dev_id, duration=100, **more)
    assert [state for (state,) in seen(p1s, "gcode_state", 0, 19, 1)] == states


def test_a_print_that_is_refused(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id)
    prepares = seen(p1s, "gcode_state print_error", 2)
    cloud.end(p1s.dev_id, "failed")
    assert prepares + seen(p1s, "gcode_state print_error", 0) == [("PREPARE", 0), ("FAILED", 0)]


def test_a_cancelled_print_has_an_error_for_two_seconds(
    cloud: Cloud, p1s: Printer, seen: Any
) -> None:
    cloud.start(p1s.dev_id, duration=100, task_lag=0)
    seen(p1s, "gcode_state", 50)
    cloud.end(p1s.dev_id, "cancelled")
    assert seen(p1s, "gcode_state print_error mc_percent", 0, 1.9, 0.1) == [
        ("FAILED", 0x0300400C, 50),
        ("FAILED", 0x0300400C, 50),
        ("FAILED", 0, 50),
    ]
    # The list knows no more than that it failed.
    assert p1s.jobs[-1].result == 3


def test_a_print_that_is_cancelled_by_plan(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, duration=100, result="cancelled")
    assert seen(p1s, "gcode_state print_error mc_percent", 99, 1) == [
        ("RUNNING", 0, 99),
        ("FAILED", 0x0300400C, 99),
    ]


def test_an_end_without_a_word(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id)
    cloud.end(p1s.dev_id, "cancelled", idle=True)
    keys = "gcode_state print_error task_id"
    assert seen(p1s, keys, 0, 2) == [("IDLE", 0x0300400C, "0"), ("IDLE", 0, "0")]


@pytest.mark.parametrize(("model", "percent"), [("A1", 0), ("P1S", 100)])
def test_a_restart(model: str, percent: int, cloud: Cloud, add: Any, seen: Any) -> None:
    printers = [add("P1P"), add("P1P"), add("P1P")]
    odd, even = (next(p for p in printers if p.number % 2 == rest) for rest in (1, 0))
    printer = {"A1": odd, "P1S": even}[model]
    cloud.start(printer.dev_id, duration=10)
    with pytest.raises(ValueError, match="is printing"):
        cloud.change_printer(printer.dev_id, restarted=True)
    seen(printer, "gcode_state", 10)
    cloud.change_printer(printer.dev_id, restarted=True)
    assert seen(printer, "gcode_state mc_percent subtask_name", 0) == [("IDLE", percent, "")]
    cloud.start(printer.dev_id)
    assert seen(printer, "gcode_state mc_percent", 0) == [("PREPARE", 0)]


@pytest.mark.parametrize(("more", "stage"), [({}, 16), ({"stage": 6}, 6)])
def test_a_pause(more: dict[str, int], stage: int, cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, duration=100)
    seen(p1s, "gcode_state", 50)
    cloud.pause(p1s.dev_id, **more)
    keys = "gcode_state stg_cur mc_percent mc_remaining_time"
    assert seen(p1s, keys, 0, 999) == [("PAUSE", stage, 50, 0)] * 2
    cloud.resume(p1s.dev_id)
    assert seen(p1s, keys, 0) == [("RUNNING", 0, 50, 0)]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {"task_id"}),
        ({"list_id": "subtask_id"}, {"subtask_id"}),
        ({"list_id": "both"}, {"task_id", "subtask_id"}),
    ],
)
def test_which_id_is_that_of_the_list(
    same: set[str], cloud: Cloud, p1s: Printer, say: Say, options: dict[str, Any]
) -> None:
    task_id = str(cloud.start(p1s.dev_id))
    state = say(p1s)
    assert {key for key in ("task_id", "subtask_id") if state[key] == task_id} == same


def test_no_other_id_of_the_list() -> None:
    with pytest.raises(ValueError, match="the task_id, the subtask_id or both"):
        Cloud(list_id="id")


@pytest.mark.parametrize(
    ("model", "more", "told"),
    [
        ("P1S", {}, "0"),
        ("P1S", {"told_id": 6456}, "6456"),
        ("P2S", {"told_id": 0}, "0"),
    ],
)
@pytest.mark.parametrize("task", [True, False])
def test_a_local_print(
    *, task: bool, model: str, more: dict[str, Any], told: str, cloud: Cloud, add: Any, say: Say
) -> None:
    printer = add(model)
    task_id = cloud.start(printer.dev_id, kind="local", task=task, title="Bracket", **more)
    state = say(printer)
    assert (state["task_id"], state["print_type"]) == (told, "local")
    assert state["subtask_name"] == "Bracket"
    # With a task bind names it, and the list will.
    assert printer.job_named(datetime.now(UTC)) == (task_id or 0)
    assert (task_id is not None) is task


def test_a_local_print_has_a_number_in_some_families(cloud: Cloud, add: Any, say: Say) -> None:
    printer = add("P2S")
    cloud.start(printer.dev_id, kind="local")
    state = say(printer)
    assert 1000 <= int(state["task_id"]) < 10_000
    assert (state["subtask_id"], state["project_id"]) == ("", "0")


def test_a_calibration(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, kind="calibration", duration=100)
    assert p1s.status(datetime.now(UTC), "2026") in {"ACTIVE", "RUNNING"}
    assert p1s.job_named(datetime.now(UTC)) == 0
    keys = "gcode_state print_type task_id mc_percent stg_cur layer_num"
    assert seen(p1s, keys, 0, 40, 55, 5) == [
        ("RUNNING", "system", "0", 0, 13, 0),
        ("RUNNING", "system", "0", 40, 1, 0),
        # Its last stage is over already.
        ("RUNNING", "system", "0", 95, 255, 0),
        ("FINISH", "idle", "0", 100, 255, 0),
    ]


def test_a_calibration_needs_no_tray(
    cloud: Cloud, p1s: Printer, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    cloud.start(p1s.dev_id, kind="calibration", duration=100)
    freezer.tick(50)
    assert say(p1s)["ams"]["tray_now"] == "255"


def test_a_print_that_takes_longer_than_planned(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    cloud.start(p1s.dev_id, duration=100)
    p1s.jobs[-1].ends = NOW + timedelta(seconds=120)
    keys = "gcode_state mc_percent mc_remaining_time"
    assert seen(p1s, keys, 110, 10) == [("RUNNING", 99, 0), ("FINISH", 100, 0)]


@pytest.mark.parametrize(
    "how",
    [{"kind": "calibration", "task": True}, {"kind": "cloud", "task": False}, {"kind": "x"}],
    ids=str,
)
def test_impossible_kinds(how: dict[str, Any], cloud: Cloud, p1s: Printer) -> None:
    with pytest.raises(ValueError, match="from the cloud, which has a task, local or a calib"):
        cloud.start(p1s.dev_id, **how)


def test_temperatures(cloud: Cloud, p1s: Printer, seen: Any) -> None:
    keys = "nozzle_temper nozzle_target_temper bed_temper bed_target_temper"
    cloud.start(p1s.dev_id, duration=1000)
    values = seen(p1s, keys, 0, 10, 10, 980, 300, 300)
    nozzle, bed = values[2][1], values[2][3]
    room = 22 + p1s.number % 5
    assert [[round(value) for value in row] for row in values] == [
        [room, 0, room, 0],
        [round((room + nozzle) / 2), nozzle, round((room + bed) / 2), bed],
        [nozzle, nozzle, bed, bed],
        [nozzle, 0, bed, 0],
        [round((room + nozzle) / 2), 0, round((room + bed) / 2), 0],
        [room, 0, room, 0],
    ]


def test_times_shrink_but_not_those_that_are_told(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(history=0, time_factor=60)
    printer = cloud.printer(cloud.add_printer("none", "P1S", "New"))
    cloud.start(printer.dev_id)
    freezer.tick(60)
    assert reports.doing(cloud, printer, datetime.now(UTC)).percent == 50
    freezer.tick(65)
    # It has cooled down by half.
    assert reports.doing(cloud, printer, datetime.now(UTC)).heat == 0.5


@pytest.mark.parametrize("model", ["P1S", "H2D"])
def test_errors_stand_until_they_are_taken_away(
    model: str, cloud: Cloud, add: Any, say: Say
) -> None:
    printer = add(model)
    hms = [{"attr": 0x07000100, "code": 0x00020003}]
    cloud.set_error(printer.dev_id, print_error=0x07008006, hms=hms)
    cloud.set_error(printer.dev_id)
    state = say(printer)
    assert state["print_error"] == 0x07008006
    assert [(entry["attr"], entry["code"]) for entry in state["hms"]] == [(0x07000100, 0x00020003)]
    assert ("ts_unix" in state["hms"][0]) is (model == "H2D")
    cloud.set_error(printer.dev_id, print_error=0, hms=[])
    state = say(printer)
    assert (state["print_error"], state["hms"]) == (0, [])


# Messages


def test_only_the_number_of_a_message_makes_noise(
    cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add("A1")
    assert set(reports.difference(say(printer, 1), say(printer, 2))) == {
        "wifi_signal",
        "nozzle_temper",
        "bed_temper",
    }
    cloud.start(printer.dev_id, duration=1000)
    freezer.tick(500)
    assert say(printer, 3) == say(printer, 3)
    first, second = say(printer, 3), say(printer, 4)
    assert abs(int(first["cooling_fan_speed"]) - int(second["cooling_fan_speed"])) == 1
    # There is but one fan.
    assert first["cooling_fan_speed"] == first["big_fan1_speed"] == first["big_fan2_speed"]


def merged(state: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """Add a delta: objects deep, lists whole but for units, trays and extruders."""
    result = dict(state)
    for key, value in delta.items():
        match key, value, state.get(key):
            case _, dict(), dict(old):
                result[key] = merged(old, value)
            case (("ams" | "tray" | "info"), [{"id": _}, *_], list(old)):
                known = {entry["id"]: entry for entry in old}
                for entry in value:
                    known[entry["id"]] = merged(known.get(entry["id"], {}), entry)
                result[key] = list(known.values())
            case _:
                result[key] = value
    return result


@pytest.mark.parametrize("model", MODELS)
def test_deltas_add_up(
    model: str, cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add(model)
    before = say(printer)
    state = {**before}
    cloud.start(printer.dev_id, duration=400)
    for sequence in range(2, 60):
        freezer.tick(10)
        after = say(printer, sequence)
        delta = reports.delta(printer, before, after, sequence)["print"]
        state = merged(state, delta)
        before = after
        envelope = {key: delta[key] for key in ("command", "msg", "sequence_id") if key in delta}
        assert state == after | envelope


def test_an_a1_does_not_repeat_its_trays(
    cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add("A1")
    before = say(printer)
    cloud.start(printer.dev_id, duration=1000)
    freezer.tick(500)
    delta = reports.delta(printer, before, say(printer), 2)["print"]
    assert (delta["msg"], delta["sequence_id"]) == (1, "2")
    assert set(delta["ams"]) == {"tray_now", "tray_tar", "tray_pre", "version"}


def test_a_changed_ams_comes_alone_with_stubs_of_its_trays(add: Any, say: Say) -> None:
    printer = add("H2D")
    before, after = say(printer), say(printer)
    after["ams"]["ams"][1]["temp"] = "31.0"
    after["ams"]["ams"][1]["tray"][2]["remain"] = 5
    (unit,) = reports.delta(printer, before, after, 2)["print"]["ams"]["ams"]
    assert (unit["id"], unit["temp"]) == ("1", "31.0")
    assert [set(tray) for tray in unit["tray"][:2]] == [{"id", "state"}] * 2
    assert unit["tray"][2]["remain"] == 5


def test_an_extruder_tells_only_what_has_changed(
    cloud: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add("H2D")
    cloud.start(printer.dev_id, duration=1000, ams=[0])
    freezer.tick(15)
    before = say(printer)
    freezer.tick(10)
    device = reports.difference(before, say(printer))["device"]
    assert [set(entry) for entry in device["extruder"]["info"]] == [
        {"id", "temp", "info", "snow", "spre", "star"}
    ]


@pytest.mark.parametrize(("model", "msg"), [("X1 Carbon", 0), ("X1E", None)])
def test_an_x1_sends_all_of_itself_prettily(
    model: str, msg: int | None, add: Any, say: Say
) -> None:
    printer = add(model)
    state = say(printer)
    body = reports.delta(printer, state, state, 2)
    assert len(body["print"]) > 60
    assert body["print"].get("msg") == msg
    assert reports.encoded(printer, body).startswith(b'{\n    "print": {\n')


def test_names_in_latin_1(cloud: Cloud, p1s: Printer, say: Say) -> None:
    cloud.change_printer(p1s.dev_id, latin1=True)
    cloud.start(p1s.dev_id, title="Gehäusedeckel 机")
    text = reports.encoded(p1s, reports.full(p1s, say(p1s), 1))
    with pytest.raises(UnicodeDecodeError):
        text.decode()
    assert json.loads(text.decode("latin-1"))["print"]["subtask_name"] == "Gehäusedeckel ?"
    cloud.change_printer(p1s.dev_id, latin1=False)
    assert "机" in reports.encoded(p1s, reports.full(p1s, say(p1s), 1)).decode()


@pytest.mark.parametrize(
    ("model", "units"),
    [
        ("X1 Carbon", ["ams/0", "ams/1"]),
        ("A1", ["ams_f1/0"]),
        ("H2D", ["n3f/0", "ams/1", "n3s/128"]),
        ("A2L", ["ams_f1/16"]),
        ("P1P", []),
    ],
)
def test_versions(model: str, units: list[str], add: Any) -> None:
    info = reports.versions(add(model), "0")["info"]
    assert (info["command"], info["sequence_id"]) == ("get_version", "0")
    modules = {module["name"]: module for module in info["module"]}
    assert [name for name in modules if "/" in name] == units
    assert all(module["sn"] for module in modules.values())
    assert modules["ota"]["product_name"].startswith("Bambu Lab ")


def test_the_serial_of_an_ams_can_come_late(add: Any) -> None:
    printer = add("X1 Carbon")
    early, late = (reports.versions(printer, "0", early=early) for early in (True, False))
    assert ["sn" in module for module in early["info"]["module"][-2:]] == [True, False]
    assert "sn" in late["info"]["module"][-1]


@pytest.mark.parametrize("model", MODELS)
def test_secrets_can_be_told_from_everything_else(
    model: str, cloud: Cloud, add: Any, say: Say
) -> None:
    printer = add(model)
    said = json.dumps([reports.full(printer, say(printer), 1), reports.foreign(printer)[:5]])
    found = {secret for secret in reports.secrets(cloud) if secret in said}
    units = say(printer)["ams"]["ams"]
    tags = {
        tray[key]
        for unit in units
        for tray in unit["tray"]
        for key in ("tag_uid", "tray_uuid")
        if set(tray.get(key, "0")) != {"0"}
    }
    spools = sum(len(unit.loaded) for unit in printer.model.units)
    assert bool(tags) is (spools > 0)
    assert tags | {unit["chip_id"] for unit in units if "chip_id" in unit} < found
    assert printer.access_code.strip() in found
    assert str(say(printer)["net"]["info"][0]["ip"]) in found


def test_what_is_not_a_printers_own_state(p1s: Printer) -> None:
    others = reports.foreign(p1s)
    assert all(
        "gcode_state" not in body.get("print", {}) or "result" in body["print"]
        for body in others
        if isinstance(body, dict)
    )
    assert sum(isinstance(body, bytes) for body in others) == 4
