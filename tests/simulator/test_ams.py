"""AMS and spools that are moved about, as printers and HTTP then tell of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import catalogue, reports
from simulator.cloud import Cloud, Printer

from .conftest import Ask

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
P1S = "01P00A000000002"
MODELS = [model.product for model in (*catalogue.MODELS, *catalogue.MORE_MODELS)]

type Say = Callable[..., dict[str, Any]]


@pytest.fixture
def alone(freezer: FrozenDateTimeFactory) -> Cloud:
    """A cloud without HTTP."""
    freezer.move_to(NOW)
    return Cloud(history=0)


@pytest.fixture
def add(alone: Cloud) -> Callable[[str], Printer]:
    return lambda model: alone.printer(alone.add_printer("none", model, "New"))


@pytest.fixture
def say(alone: Cloud) -> Say:
    """What a printer says of its AMS."""

    def say(printer: Printer) -> dict[str, Any]:
        ams: dict[str, Any] = reports.status(alone, printer, datetime.now(UTC), 1)["ams"]
        return ams

    return say


def names(printer: Printer) -> dict[str, str | None]:
    """What a printer answers about its AMS: their serial numbers by their names."""
    modules = reports.versions(printer, "0")["info"]["module"]
    return {module["name"]: module.get("sn") for module in modules if "/" in module["name"]}


# Units


def test_a_unit_is_unplugged_and_plugged_in_again(alone: Cloud, add: Any, say: Say) -> None:
    printer = add("X1 Carbon")
    before, told = say(printer), names(printer)
    serial = alone.unplug_ams(printer.dev_id, 0)
    after = say(printer)
    assert ([unit["id"] for unit in after["ams"]], after["ams_exist_bits"]) == (["1"], "2")
    assert after["tray_exist_bits"] == "f0"
    assert names(printer) == {"ams/1": told["ams/1"]}
    delta = reports.delta(printer, {"ams": before}, {"ams": after}, 2)["print"]["ams"]
    assert delta["ams_exist_bits"] == "2"
    assert alone.plug_ams(printer.dev_id, 0, serial=serial) == serial == told["ams/0"]
    assert (say(printer), names(printer)) == (before, told)


def test_a_unit_is_swapped_for_another_one(alone: Cloud, add: Any, say: Say) -> None:
    """In one moment, so that its bit is always set."""
    printer = add("P1S")
    before, told = say(printer), names(printer)
    serial = alone.plug_ams(printer.dev_id, 0, loaded="13")
    after = say(printer)
    assert names(printer) == {"ams/0": serial}
    assert serial not in told.values()
    assert (after["ams_exist_bits"], after["tray_exist_bits"]) == ("1", "a")
    assert [len(tray) > 1 for tray in after["ams"][0]["tray"]] == [False, True, False, True]
    # The old one is not lost.
    assert alone.plug_ams(printer.dev_id, 0, serial=told["ams/0"]) == told["ams/0"]
    assert say(printer) == before


def test_a_unit_moves_to_another_printer(alone: Cloud, add: Any, say: Say) -> None:
    source, target = add("H2D"), add("A1 mini")
    serial = names(source)["n3s/128"]
    spools = say(source)["ams"][2]["tray"]
    alone.plug_ams(target.dev_id, 128, serial=serial)
    assert list(names(source)) == ["n3f/0", "ams/1"]
    assert names(target) == {"n3s/128": serial}
    assert say(target)["ams_exist_bits"] == "10"
    assert say(target)["ams"][0]["tray"][0]["tray_uuid"] == spools[0]["tray_uuid"]


def test_a_serial_is_told_late_or_never(alone: Cloud, add: Any) -> None:
    printer = add("P2S")
    alone.plug_ams(printer.dev_id, 1, "n3f", untold=True)
    serial = alone.plug_ams(printer.dev_id, 2, serial="0060000000K")
    assert list(names(printer).values())[1:] == [None, serial]
    alone.change_ams(printer.dev_id, 1, untold=0)
    assert None not in names(printer).values()


@pytest.mark.parametrize(
    ("model", "unit", "kind", "more", "told"),
    [
        # Old firmware tells a level alone, but not of what is younger.
        ("P1S", 0, "ams", {}, {"humidity": "3"}),
        ("P1P", 0, "ams", {}, {"humidity": "3"}),
        ("X1E", 0, "ams", {}, {"humidity": "3", "temp": "31.5"}),
        ("X1 Carbon", 0, "ams", {}, {"humidity": "3", "humidity_raw": "26", "temp": "31.5"}),
        ("P1S", 1, "n3f", {}, {"humidity": "3", "humidity_raw": "26", "info": "1003"}),
        ("A1", 128, "n3s", {}, {"humidity": "0", "humidity_raw": "26", "info": "2004"}),
        ("A1", 0, "ams_f1", {}, {"humidity": "5", "humidity_raw": "0", "temp": "0.0"}),
        ("A2L", 16, "ams_f1", {}, {"humidity": "5", "humidity_raw": "0", "info": "30001005"}),
        ("H2C", 1, "n3f", {"nozzle": 1}, {"humidity_raw": "26", "info": "1103"}),
        # It starts.
        ("X2D", 1, "n3f", {"ready": False}, {"humidity_raw": "0", "info": "1e03"}),
    ],
)
def test_what_units_measure(
    model: str, unit: int, kind: str, more: Any, told: Any, alone: Cloud, add: Any, say: Say
) -> None:
    printer = add(model)
    alone.plug_ams(printer.dev_id, unit, kind, **more)
    alone.change_ams(printer.dev_id, unit, humidity=26, temperature=31.5)
    (found,) = (each for each in say(printer)["ams"] if each["id"] == str(unit))
    assert {key: found.get(key) for key in told} == told
    assert ("humidity_raw" in found) is ("humidity_raw" in told)


def test_what_a_unit_measures_drifts(
    alone: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer, other = add("X1 Carbon"), add("X1 Carbon")
    alone.change_ams(printer.dev_id, 0, humidity=20, temperature=30)
    alone.change_ams(other.dev_id, 0, humidity=20, temperature=30)
    seen, same = [], []
    for _ in range(48):
        units = [say(each)["ams"][0] for each in (printer, other)]
        seen.append((int(units[0]["humidity_raw"]), float(units[0]["temp"])))
        same.append((int(units[1]["humidity_raw"]), float(units[1]["temp"])))
        freezer.tick(timedelta(hours=1))
    assert seen[0] == same[0] == (20, 30)
    assert seen != same
    assert {percent for percent, _ in seen} == set(range(16, 25))
    degrees = sorted(degrees for _, degrees in seen)
    assert (degrees[0] // 0.5, degrees[-1] // 0.5) == (57, 63)
    assert all(abs(one - other) <= 2 for (one, _), (other, _) in pairwise(seen))


def test_drying_is_started_and_ended(
    alone: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add("P2S")
    cool = float(say(printer)["ams"][0]["temp"])
    alone.change_ams(printer.dev_id, 0, drying=90)
    seen = []
    for minutes in (0, 30, 59, 1):
        freezer.tick(timedelta(minutes=minutes))
        unit = say(printer)["ams"][0]
        seen.append((unit["dry_time"], unit["info"], float(unit["temp"]) > cool + 15))
    assert seen == [
        (90, "1023", True),
        (60, "1023", True),
        (1, "1023", True),
        (0, "1003", False),
    ]
    alone.change_ams(printer.dev_id, 0, drying=90)
    alone.change_ams(printer.dev_id, 0, drying=0)
    assert say(printer)["ams"][0]["dry_time"] == 0
    with pytest.raises(ValueError, match="cannot dry"):
        alone.change_ams(add("P1S").dev_id, 0, drying=90)


# Spools


def test_a_spool_is_taken_out_and_put_in_elsewhere(alone: Cloud, add: Any, say: Say) -> None:
    printer = add("H2S")
    before = say(printer)
    spool = alone.take_spool(printer.dev_id, 0, 1)
    after = say(printer)
    assert (before["tray_exist_bits"], after["tray_exist_bits"]) == ("3", "1")
    assert after["ams"][0]["tray"][1] == {"id": "1", "state": 8}
    assert alone.put_spool(printer.dev_id, 0, 3, spool=spool) == spool
    moved = say(printer)
    assert moved["tray_exist_bits"] == "9"
    assert moved["ams"][0]["tray"][3] == {**before["ams"][0]["tray"][1], "id": "3"}
    alone.put_spool(printer.dev_id, 0, 0, spool=spool)
    assert say(printer)["tray_exist_bits"] == "1"


@pytest.mark.parametrize(
    ("model", "spool", "told"),
    [
        (
            "X1 Carbon",
            {"material": "PETG", "name": "PETG HF", "colors": ["FF6A13FF"], "remaining": 42},
            {"tray_type": "PETG", "tray_sub_brands": "PETG HF", "tray_color": "FF6A13FF"}
            | {"remain": 42, "state": 11, "tray_info_idx": "GFG00"},
        ),
        (
            "H2D",
            {"material": "PLA", "colors": ["FF0000FF", "0000FFFF"], "name": "PLA Silk"},
            {"cols": ["FF0000FF", "0000FFFF"], "tray_color": "FF0000FF"},
        ),
        # Without a chip nobody knows how much is left.
        (
            "X1 Carbon",
            {"material": "ABS", "chip": False, "remaining": 42},
            {"remain": 0, "tray_sub_brands": "", "tag_uid": "0" * 16, "tray_uuid": "0" * 32},
        ),
        ("P2S", {"material": "PA-CF", "chip": False}, {"tray_type": "PA-CF", "remain": -1}),
        # Nobody knows what it is.
        ("P2S", {"chip": False}, {"id": "0", "state": 9}),
        ("P1S", {"chip": False}, {"tray_type": "", "tray_color": "00000000", "remain": -1}),
        ("A1", {"material": "PLA", "remaining": 42}, {"state": 3, "remain": 0}),
    ],
)
def test_a_new_spool(model: str, spool: Any, told: Any, alone: Cloud, add: Any, say: Say) -> None:
    printer = add(model)
    alone.put_spool(printer.dev_id, 0, 0, **spool)
    tray = say(printer)["ams"][0]["tray"][0]
    assert {key: tray.get(key) for key in told} == told


@pytest.mark.parametrize("model", [model for model in MODELS if model not in {"P1P", "A1 mini"}])
def test_a_chip_is_read(
    model: str, alone: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    """For some seconds a printer tells nothing but nulls of its tray."""
    printer = add(model)
    unit = min(printer.units)
    alone.put_spool(printer.dev_id, unit, 1, material="PLA", reading=5)
    ams = say(printer)
    tray = ams["ams"][0]["tray"][1]
    assert {key for key, value in tray.items() if value is not None} == {"id"}
    assert {"tray_type", "tray_color", "remain"} < set(tray)
    bits = [int(ams[f"tray_{name}_bits"], 16) for name in ("exist", "read_done", "reading")]
    assert bits[2] == 1 << 1 + (24 if unit == 16 else 0)
    assert bits[0] == bits[1] | bits[2]
    freezer.tick(5)
    ams = say(printer)
    assert (ams["ams"][0]["tray"][1]["tray_type"], ams["tray_reading_bits"]) == ("PLA", "0")


def test_what_is_told_of_a_tray(alone: Cloud, add: Any, say: Say) -> None:
    printer = add("P2S")
    alone.change_spool(printer.dev_id, 0, 2, reduced=True)
    alone.change_spool(printer.dev_id, 0, 3, state=17, remaining=7)
    trays = say(printer)["ams"][0]["tray"]
    assert trays[2] == {"id": "2", "state": 11}
    assert trays[3]["state"] == 17
    alone.change_spool(printer.dev_id, 0, 2, reduced=False)
    alone.change_spool(printer.dev_id, 0, 3, state=0)
    trays = say(printer)["ams"][0]["tray"]
    assert trays[2]["tray_type"]
    assert trays[3]["state"] == 11


@pytest.mark.parametrize(
    ("model", "unit", "key", "slot"),
    [
        ("A1 mini", 255, "vt_tray", "254"),
        ("P1S", 255, "vt_tray", "254"),
        ("X1 Carbon", 255, "vt_tray", "255"),
        ("P2S", 255, "vir_slot", "255"),
        ("X2D", 255, "vir_slot", "255"),
        ("X2D", 254, "vir_slot", "254"),
        ("H2D Pro", 255, "vt_tray", "255"),
    ],
)
def test_a_spool_beside_a_printer(
    model: str, unit: int, key: str, slot: str, alone: Cloud, add: Any
) -> None:
    printer = add(model)

    def beside() -> dict[str, str]:
        told = reports.status(alone, printer, datetime.now(UTC), 1)[key]
        places = told if isinstance(told, list) else [told]
        return {place["id"]: place["tray_type"] for place in places}

    alone.put_spool(printer.dev_id, unit, material="TPU", colors=["F5547CFF"])
    assert beside()[slot] == "TPU"
    assert sum(bool(material) for material in beside().values()) == 1
    alone.take_spool(printer.dev_id, unit)
    assert set(beside().values()) == {""}


def test_a_print_takes_from_its_spools(
    alone: Cloud, add: Any, say: Say, freezer: FrozenDateTimeFactory
) -> None:
    printer = add("X1 Carbon")
    for slot in range(2):
        alone.put_spool(printer.dev_id, 0, slot, material="PLA", remaining=80)
    alone.start(printer.dev_id, duration=36_000, ams=[0])
    seen = []
    for _ in range(11):
        seen.append([tray["remain"] for tray in say(printer)["ams"][0]["tray"][:2]])
        freezer.tick(3600)
    # 137 grams in ten hours, from one of them.
    assert [one for one, _ in seen][::5] == [80, 73, 66]
    assert sorted(seen, reverse=True) == seen
    assert {other for _, other in seen} == {80}
    # What is left goes where the spool goes.
    spool = alone.take_spool(printer.dev_id, 0, 0)
    alone.put_spool(printer.dev_id, 0, 2, spool=spool)
    assert say(printer)["ams"][0]["tray"][2]["remain"] == 66
    # One that is empty is followed by a full one.
    alone.change_spool(printer.dev_id, 0, 1, remaining=5)
    alone.start(printer.dev_id, duration=36_000, ams=[1])
    freezer.tick(36_000)
    assert say(printer)["ams"][0]["tray"][1]["remain"] == 91


@pytest.mark.parametrize(
    ("model", "tray", "error"),
    [
        ("P1S", 2, 0x07008011),
        ("X1 Carbon", 5, 0x07018011),
        ("H2D", 16, 0x18008011),
        ("A1 mini", 255, 0x07FF8011),
    ],
)
def test_the_filament_runs_out(
    model: str, tray: int, error: int, alone: Cloud, add: Any, freezer: FrozenDateTimeFactory
) -> None:
    printer = add(model)

    def seen() -> tuple[Any, ...]:
        body = reports.status(alone, printer, datetime.now(UTC), 1)
        return body["gcode_state"], body["stg_cur"], body["print_error"], body["ams"]

    alone.start(printer.dev_id, duration=1000, ams=[tray])
    freezer.tick(500)
    before = seen()
    alone.run_out(printer.dev_id)
    state, stage, told, ams = seen()
    assert (state, stage, told) == ("PAUSE", 6, error)
    gone = int(before[3]["tray_exist_bits"], 16) - int(ams["tray_exist_bits"], 16)
    assert gone.bit_count() == (tray != 255)
    alone.resume(printer.dev_id)
    assert seen()[:3] == ("RUNNING", 0, 0)


@pytest.mark.parametrize(
    ("model", "units", "tray", "now", "snow"),
    [
        # With several AMS the number is that of the slot alone.
        ("P2S", [], 3, "3", [0x0003]),
        ("P2S", [1], 7, "3", [0x0103]),
        ("H2S", [1], 7, "7", [0x0103]),
        ("H2D", [], 254, "254", [0xFFFF, 0xFE00]),
        ("H2D", [], 255, "254", [0xFF00, 0xFEFF]),
        # Its AMS is gone.
        ("H2S", [], 7, "255", [0xFFFF]),
    ],
)
def test_tray_in_use(
    model: str,
    units: list[int],
    tray: int,
    now: str,
    snow: list[int],
    alone: Cloud,
    add: Any,
    freezer: FrozenDateTimeFactory,
) -> None:
    printer = add(model)
    for unit in units:
        alone.plug_ams(printer.dev_id, unit, "n3f")
    alone.start(printer.dev_id, duration=1000, ams=[tray])
    freezer.tick(500)
    body = reports.status(alone, printer, datetime.now(UTC), 1)
    assert body["ams"]["tray_now"] == now
    assert [entry["snow"] for entry in body["device"]["extruder"]["info"]] == snow


def test_what_is_made_is_secret_too(alone: Cloud, add: Any, say: Say) -> None:
    printer = add("A1")
    spool = alone.put_spool(printer.dev_id, 0, 0, material="PLA")
    tray = say(printer)["ams"][0]["tray"][0]
    alone.plug_ams(printer.dev_id, 0, "ams_f1")
    told = say(printer)["ams"][0]
    hidden = {tray["tag_uid"], tray["tray_uuid"], told["chip_id"]}
    assert spool > 0
    assert hidden < set(reports.secrets(alone))


def test_a_demo_can_have_a_printer_of_each_model() -> None:
    cloud = Cloud(printers=len(MODELS))
    printers = cloud.printers_of(cloud.accounts.find("demo"))
    assert [printer.model.product for printer in printers] == MODELS


def test_a_switch_for_filament(alone: Cloud, add: Any, say: Say) -> None:
    printer = add("X2D")
    alone.change_printer(printer.dev_id, filament_switch=True)
    assert [unit["info"] for unit in say(printer)["ams"]] == ["1e03", "2e04"]
    assert reports.status(alone, printer, NOW, 1)["aux"] == "22001004"


# By HTTP


async def test_units_are_steered(
    ask: Ask, devices: Any, cloud: Cloud, freezer: FrozenDateTimeFactory
) -> None:
    path = f"/simulator/printers/{P1S}/ams"

    async def versions() -> list[str]:
        told = {device["dev_id"]: device for device in await devices("device/version")}
        return [unit["device_id"] for unit in told[P1S]["ams"]]

    before = await versions()
    serial = (await ask("DELETE", f"{path}/0", body={"lag": 30})).json["serial"]
    assert before == [serial]
    # The cloud learns of it later.
    freezer.tick(29)
    assert await versions() == [serial]
    freezer.tick(1)
    assert await versions() == []
    body = {"kind": "n3f", "loaded": "02", "lag": 0}
    new = (await ask("PUT", f"{path}/1", body=body)).json["serial"]
    assert new != serial
    assert await versions() == [""]
    await ask("PUT", f"{path}/0", body={"serial": serial, "lag": 0})
    assert await versions() == [serial, ""]
    await ask("PATCH", f"{path}/1", body={"humidity": 31, "drying": 60})
    found = (await ask("GET", path)).json
    assert found["units"][1] == {
        "unit": 1,
        "kind": "n3f",
        "serial": new,
        "nozzle": 0,
        "ready": True,
        "humidity": 31,
        "temperature": cloud.ams(P1S)["units"][1]["temperature"],
        "drying": 60,
    }
    assert [(each["unit"], each["tray"]) for each in found["spools"]][-2:] == [(1, 0), (1, 2)]


async def test_spools_are_steered(ask: Ask, cloud: Cloud) -> None:
    path = f"/simulator/printers/{P1S}"

    async def spools() -> dict[tuple[str, int, str], tuple[str, int]]:
        hits = (await ask("GET", "/v1/design-user-service/my/filament/v2?limit=100")).json["hits"]
        return {
            (hit["devId"], hit["amsId"], hit["slotId"]): (hit["filamentType"], hit["netWeight"])
            for hit in hits
            if hit.get("inPrinter")
        }

    body = {"material": "TPU", "remaining": 12, "colors": ["FF6A13FF"]}
    spool = (await ask("PUT", f"{path}/ams/0/3", body=body)).json["spool"]
    assert (await spools())[P1S, 0, "3"] == ("TPU", 120)
    await ask("PATCH", f"{path}/ams/0/3", body={"remaining": 11})
    assert (await spools())[P1S, 0, "3"] == ("TPU", 110)
    assert (await ask("DELETE", f"{path}/ams/0/3")).json == {"spool": spool}
    assert (P1S, 0, "3") not in await spools()
    await ask("POST", f"{path}/start", body={"ams": [0]})
    assert (await ask("POST", f"{path}/run-out")).json == {}
    assert (P1S, 0, "0") not in await spools()
    assert cloud.printer(P1S).jobs[-1].pause_stage == 6


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("DELETE", "ams/3", {}, 404, "No such AMS"),
        ("PATCH", "ams/3", {"humidity": 3}, 404, "No such AMS"),
        ("PUT", "ams/x", {}, 400, "invalid literal"),
        ("PUT", "ams/4", {}, 400, "An AMS is a unit"),
        ("PUT", "ams/128", {"kind": "ams"}, 400, "An AMS is a unit"),
        ("PUT", "ams/0", {"kind": "n3s"}, 400, "An AMS is a unit"),
        ("PUT", "ams/0", {"kind": "ams_ht"}, 400, "An AMS is one of ams, ams_f1"),
        ("PUT", "ams/0", {"loaded": "4"}, 400, "no such tray"),
        ("PUT", "ams/0/4", {}, 404, "No such tray"),
        ("PUT", "ams/255/1", {}, 404, "No such tray"),
        ("PUT", "ams/254/0", {}, 404, "No such tray"),
        ("PUT", "ams/0/0", {"spool": 7}, 404, "No such spool"),
        ("DELETE", "ams/255/0", {}, 400, "no spool"),
        ("PATCH", "ams/255/0", {}, 400, "no spool"),
        ("POST", "run-out", {}, 400, "not printing"),
    ],
)
async def test_mistakes(
    ask: Ask, method: str, path: str, body: Any, status: int, error: str
) -> None:
    reply = await ask(method, f"/simulator/printers/{P1S}/{path}", body=body)
    assert (reply.status, error in reply.json["error"]) == (status, True)


async def test_a_print_without_a_tray_cannot_run_out(ask: Ask, cloud: Cloud) -> None:
    cloud.unplug_ams(P1S, 0)
    cloud.start(P1S, ams=[0])
    reply = await ask("POST", f"/simulator/printers/{P1S}/run-out")
    assert (reply.status, reply.json["error"]) == (400, "It does not print from a tray")
