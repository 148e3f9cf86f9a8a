"""Which firmware is installed, which is the latest, and which AMS there are."""

from collections.abc import Collection, Mapping
import json
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api.models import DeviceVersion
from custom_components.bambu_lab_cloud.fleet.ams import ams_id
from custom_components.bambu_lab_cloud.fleet.firmware import (
    ANSWERS_WITHOUT_AMS,
    Ams,
    DeviceFirmware,
    add_answer,
)
from custom_components.bambu_lab_cloud.fleet.stored import UnreadableError, as_stored, from_stored

PRINTER = "00M00A000000001"
OTHER = "01P00A000000002"
AMS_WITH_NUMBER = {"device_id": "00600A000000001", "address": 0, "dev_model_name": "BL-A001"}
AMS_WITHOUT_NUMBER = {"device_id": "", "address": 1, "dev_model_name": "BL-A001"}


def offer(version: str, status: str | None = "release") -> dict[str, Any]:
    return {"version": version, "status": status, "description": f"About {version}"}


def after(
    *answers: dict[str, Any],
    known: dict[str, DeviceFirmware] | None = None,
    online: bool = True,
    printer_id: str = PRINTER,
    kept: Collection[str] = (),
) -> dict[str, DeviceFirmware]:
    known = known or {}
    for answer in answers:
        known = add_answer(
            known,
            DeviceVersion.from_api({"dev_id": printer_id, **answer}),
            online=online,
            identify=lambda ams: ams_id(printer_id, ams.address, ams.device_id),
            kept=kept,
        )
    return known


@pytest.mark.parametrize(
    ("answer", "installed", "latest", "notes"),
    [
        pytest.param(
            {"version": "01.08.02.00", "firmware": []}, *["01.08.02.00"] * 2, None, id="empty"
        ),
        pytest.param({"version": "01.08.02.00"}, *["01.08.02.00"] * 2, None, id="absent"),
        pytest.param(
            {"version": "01.08.02.00", "firmware": None}, *["01.08.02.00"] * 2, None, id="null"
        ),
        pytest.param(
            {"version": "01.01.01.00", "firmware": [offer("01.01.01.00", None)]},
            "01.01.01.00",
            "01.01.01.00",
            "About 01.01.01.00",
            id="the installed one, in 2022",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("01.09.00.00")]},
            "01.08.02.00",
            "01.09.00.00",
            "About 01.09.00.00",
            id="newer",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("01.07.00.00")]},
            "01.08.02.00",
            "01.08.02.00",
            None,
            id="older",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("01.09.00.00", "testing")]},
            "01.08.02.00",
            "01.08.02.00",
            None,
            id="testing",
        ),
        pytest.param(
            {
                "version": "01.08.02.00",
                "firmware": [
                    offer("01.09.00.00"),
                    offer("01.10.00.00"),
                    offer("01.11.00.00", "testing"),
                    offer("01.09.01.00"),
                ],
            },
            "01.08.02.00",
            "01.10.00.00",
            "About 01.10.00.00",
            id="newest of several",
        ),
        pytest.param(
            {"version": "01.08.02.00", "firmware": [offer("02.05.03.xx"), offer("01.09.00.00")]},
            "01.08.02.00",
            "01.09.00.00",
            "About 01.09.00.00",
            id="not a version",
        ),
        pytest.param(
            {"firmware": [offer("01.09.00.00")]},
            None,
            "01.09.00.00",
            "About 01.09.00.00",
            id="installed not told",
        ),
        pytest.param({"firmware": []}, None, None, None, id="nothing told"),
        pytest.param(
            {"version": "beta of mine", "firmware": [offer("01.09.00.00")]},
            "beta of mine",
            None,
            None,
            id="installed cannot be compared",
        ),
    ],
)
def test_versions(
    answer: dict[str, Any], installed: str | None, latest: str | None, notes: str | None
) -> None:
    assert after(answer) == {
        PRINTER: DeviceFirmware(installed=installed, latest=latest, notes=notes)
    }


def test_answer_replaces_the_one_before() -> None:
    known = after(
        {"version": "01.08.02.00", "firmware": [offer("01.09.00.00")]},
        {"version": "01.09.00.00", "firmware": []},
    )
    assert known[PRINTER].installed == known[PRINTER].latest == "01.09.00.00"
    assert known[PRINTER].notes is None


@pytest.mark.parametrize(
    ("ams", "device_id", "expected", "name", "model"),
    [
        pytest.param(
            AMS_WITH_NUMBER,
            "00600A000000001",
            Ams(
                printer_id=PRINTER,
                unit=0,
                model_id="BL-A001",
                serial_number="00600A000000001",
            ),
            "AMS 1",
            "AMS",
            id="with a serial number",
        ),
        pytest.param(
            AMS_WITHOUT_NUMBER,
            f"{PRINTER}_ams_1",
            Ams(
                printer_id=PRINTER,
                unit=1,
                model_id="BL-A001",
                serial_number=None,
            ),
            "AMS 2",
            "AMS",
            id="without a serial number",
        ),
        pytest.param(
            {"address": 129, "dev_model_name": "N3S"},
            f"{PRINTER}_ams_129",
            Ams(
                printer_id=PRINTER,
                unit=129,
                model_id="N3S",
                serial_number=None,
            ),
            "AMS HT 2",
            "N3S",
            id="of another kind",
        ),
        pytest.param(
            {"device_id": "00600A000000001"},
            "00600A000000001",
            Ams(
                printer_id=PRINTER,
                serial_number="00600A000000001",
            ),
            "AMS",
            None,
            id="with nothing but a serial number",
        ),
    ],
)
def test_ams(
    ams: dict[str, Any], device_id: str, expected: Ams, name: str, model: str | None
) -> None:
    versions = {"firmware_current": "00.00.06.40", "firmware": [offer("00.00.06.49")]}
    known = after({"ams": [ams | versions]})
    assert known.keys() == {PRINTER, device_id}
    assert known[device_id] == DeviceFirmware(
        installed="00.00.06.40", latest="00.00.06.49", notes="About 00.00.06.49", ams=expected
    )
    assert (expected.name, expected.model) == (name, model)


@pytest.mark.parametrize("ams", [{}, {"device_id": PRINTER}, {"device_id": PRINTER, "address": 0}])
def test_ams_that_nothing_identifies_is_left_out(ams: dict[str, Any]) -> None:
    """Nor one that has the id of its printer, whose firmware it would hide."""
    known = after({"version": "01.08.02.00", "ams": [{"dev_model_name": "BL-A001", **ams}]})
    assert known.keys() == {PRINTER}
    assert known[PRINTER].ams is None


def test_ams_goes_after_several_answers_without_it() -> None:
    known = after({"ams": [AMS_WITH_NUMBER]}, *[{"ams": []}] * (ANSWERS_WITHOUT_AMS - 1))
    assert "00600A000000001" in known
    assert "00600A000000001" not in after({"ams": []}, known=known)


def test_ams_that_returns_begins_anew() -> None:
    answers = [{"ams": []}] * (ANSWERS_WITHOUT_AMS - 1)
    known = after({"ams": [AMS_WITH_NUMBER]}, *answers, {"ams": [AMS_WITH_NUMBER]}, *answers)
    assert "00600A000000001" in known


@pytest.mark.parametrize(
    "reason", [{"online": False}, {"kept": {"00600A000000001"}}], ids=["off", "shown"]
)
def test_ams_stays_while_its_printer_is_off_or_shows_it(reason: dict[str, Any]) -> None:
    known = after({"ams": [AMS_WITH_NUMBER]})
    assert "00600A000000001" in after(*[{"ams": []}] * 10, known=known, **reason)


def test_ams_moves_to_another_printer() -> None:
    known = after({"ams": [AMS_WITH_NUMBER, AMS_WITHOUT_NUMBER]})
    known = after({"ams": [AMS_WITH_NUMBER]}, known=known, printer_id=OTHER)
    known = after(*[{"ams": [AMS_WITHOUT_NUMBER]}] * 5, known=known)
    assert known["00600A000000001"].ams is not None
    assert known["00600A000000001"].ams.printer_id == OTHER
    assert known.keys() == {PRINTER, OTHER, f"{PRINTER}_ams_1", "00600A000000001"}


def test_survives_storage() -> None:
    known = after({"version": "01.08.02.00", "ams": [AMS_WITH_NUMBER, AMS_WITHOUT_NUMBER]})
    assert (
        from_stored(Mapping[str, DeviceFirmware], json.loads(json.dumps(as_stored(known)))) == known
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {PRINTER: None},
        {PRINTER: {}},
        {PRINTER: {"installed": 1, "latest": None, "notes": None, "ams": None}},
        {PRINTER: {"installed": None, "latest": None, "notes": None, "ams": "AMS 1"}},
        {PRINTER: {"installed": None, "latest": None, "notes": None}},
        {PRINTER: {"installed": None, "latest": None, "notes": None, "ams": None, "more": 1}},
    ],
)
def test_storage_of_something_else(data: Any) -> None:
    with pytest.raises(UnreadableError):
        from_stored(Mapping[str, DeviceFirmware], data)


def test_says_nothing_that_identifies() -> None:
    assert "00A00000000" not in repr(
        after({"ams": [AMS_WITH_NUMBER]})[AMS_WITH_NUMBER["device_id"]]
    )
