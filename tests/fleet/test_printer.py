"""What a printer is doing, by what the cloud of either era says of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from hypothesis import example, given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api.models import (
    Device,
    PrintStatus,
    Task,
    TaskFilament,
)
from custom_components.bambu_lab_cloud.fleet.printer import (
    Filament,
    Print,
    Printer,
    PrinterStatus,
    PrintResult,
    derive_printer,
    derive_printers,
    newest_print,
    print_from_task,
    status_from_cloud,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRINTER_ID = "00M00A000000001"
HOUR = timedelta(hours=1)


def device(**changes: Any) -> Device:
    return replace(
        Device(
            id=PRINTER_ID,
            name="Workshop",
            online=True,
            print_status="RUNNING",
            print_job="71",
            model="BL-P001",
            product_name="X1 Carbon",
            nozzle_diameter=0.4,
        ),
        **changes,
    )


def task(**changes: Any) -> Task:
    return replace(
        Task(
            id="71",
            title="bracket.3mf",
            device_id=PRINTER_ID,
            status=4,
            start_time=NOW - HOUR,
            end_time=NOW - HOUR,
            cost_time=4 * 3600,
            weight=25.5,
            length=8.4,
            plate_index=2,
            model_id="US0001",
            bed_type="textured_plate",
            cover="https://example.com/cover.png?signature=1",
            filaments=(TaskFilament(type="PLA", color="#00AE42", weight=25.5, ams=1),),
        ),
        **changes,
    )


def ended(**changes: Any) -> Task:
    return task(**{"status": 2, "end_time": NOW - timedelta(minutes=10)} | changes)


def derive(
    a_device: Device, status: PrintStatus | None, *tasks: Task, remembered: str | None = None
) -> Printer:
    return derive_printer(a_device, status, tasks, now=NOW, remembered_job=remembered)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("RUNNING", PrinterStatus.PRINTING),
        ("ACTIVE", PrinterStatus.PRINTING),
        ("PRINTING", PrinterStatus.PRINTING),
        ("PREPARE", PrinterStatus.PREPARING),
        ("CREATED", PrinterStatus.PREPARING),
        ("SLICING", PrinterStatus.PREPARING),
        ("PAUSE", PrinterStatus.PAUSED),
        ("PAUSED", PrinterStatus.PAUSED),
        ("SUCCESS", PrinterStatus.FINISHED),
        ("FINISH", PrinterStatus.FINISHED),
        ("FINISHED", PrinterStatus.FINISHED),
        ("FAIL", PrinterStatus.FAILED),
        ("FAILED", PrinterStatus.FAILED),
        ("CANCEL", PrinterStatus.FAILED),
        ("CANCELLED", PrinterStatus.FAILED),
        ("ERROR", PrinterStatus.FAILED),
        ("IDLE", PrinterStatus.IDLE),
        ("LEVITATING", None),
        (None, None),
    ],
)
def test_status_from_cloud(raw: str | None, status: PrinterStatus | None) -> None:
    assert status_from_cloud(raw) is status


def test_unknown_status_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(3):
        status_from_cloud("WHISTLING")
    assert caplog.text.count("WHISTLING") == 1


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        # bind says it; the print answer of the same poll says it better
        ({}, None, PrinterStatus.PRINTING),
        ({}, PrintStatus(id=PRINTER_ID, task_status="PAUSE"), PrinterStatus.PAUSED),
        ({}, PrintStatus(id=PRINTER_ID, online=False), PrinterStatus.PRINTING),
        # a printer that is off keeps a stale status in the cloud
        ({"online": False}, None, PrinterStatus.OFFLINE),
        ({"online": False}, PrintStatus(id=PRINTER_ID, online=True), PrinterStatus.OFFLINE),
        ({"online": None}, PrintStatus(id=PRINTER_ID, online=False), PrinterStatus.OFFLINE),
        ({"online": None}, None, PrinterStatus.PRINTING),
        ({"print_status": "LEVITATING"}, None, None),
        ({"print_status": None, "online": None}, None, None),
        # no status at all: the tasks decide
        ({"print_status": None}, None, PrinterStatus.PRINTING),
        ({"print_status": None, "online": False}, None, PrinterStatus.OFFLINE),
    ],
)
def test_status(
    changes: dict[str, Any], status: PrintStatus | None, expected: PrinterStatus | None
) -> None:
    assert derive(device(**changes), status, task()).status is expected


@pytest.mark.parametrize(
    ("job", "tasks", "expected"),
    [
        ("71", [ended()], PrinterStatus.IDLE),
        (None, [], PrinterStatus.IDLE),
        # started long ago and never ended in the list: nobody believes that it still prints …
        (None, [task(start_time=NOW - 9 * HOUR)], PrinterStatus.IDLE),
        (None, [task(start_time=None)], PrinterStatus.IDLE),
        (None, [task(cost_time=None)], PrinterStatus.IDLE),
        # … unless it is the printer's job, or the time fits
        ("71", [task(start_time=NOW - 12 * HOUR)], PrinterStatus.PRINTING),
        ("71", [task(start_time=NOW - 13 * HOUR)], PrinterStatus.IDLE),
        ("71", [task(start_time=NOW - HOUR, cost_time=60)], PrinterStatus.PRINTING),
        ("71", [task(start_time=NOW - 2 * HOUR, cost_time=60)], PrinterStatus.IDLE),
        ("71", [task(cost_time=None)], PrinterStatus.IDLE),
        (None, [task(start_time=NOW - 7 * HOUR)], PrinterStatus.PRINTING),
        # bind, which knows of a first print later than the list, names none yet
        ("0", [task(start_time=NOW - HOUR)], PrinterStatus.IDLE),
        # only the newest counts
        (None, [task(), ended(id="72", start_time=NOW)], PrinterStatus.IDLE),
    ],
)
def test_online_without_status(job: str | None, tasks: list[Task], expected: PrinterStatus) -> None:
    printer = derive(device(print_status=None, print_job=job), None, *tasks)
    assert printer.status is expected


@pytest.mark.parametrize("raw", ["IDLE", "SUCCESS", "FAIL", "LEVITATING"])
def test_no_current_print_unless_active(raw: str) -> None:
    printer = derive(device(print_status=raw), None, task())
    assert printer.current is None
    assert not printer.is_active


def test_current_print_of_today() -> None:
    """The cloud of 2026 names the job, its task tells the rest, progress is an estimate."""
    current = derive(device(), None, task()).current
    assert current is not None
    assert current.print == Print(
        printer_id=PRINTER_ID,
        task_id="71",
        title="bracket.3mf",
        started_at=NOW - HOUR,
        cost_time=4 * 3600,
        weight=25.5,
        length=8.4,
        filaments=(Filament(type="PLA", color="#00AE42", weight=25.5, slot=2),),
        plate=2,
        model_id="US0001",
        bed_type="textured_plate",
        in_tasks=True,
        cover="https://example.com/cover.png?signature=1",
    )
    assert (current.progress, current.progress_estimated) == (25, True)
    assert current.expected_end == NOW + 3 * HOUR
    assert current.print.duration is None


def test_current_print_of_2022() -> None:
    """The cloud of 2022 tells all of it in user/print, and bind has no job."""
    status = PrintStatus(
        id=PRINTER_ID,
        has_task_fields=True,
        task_id="71",
        task_name="Untitled",
        task_status="RUNNING",
        model_id="US0009",
        start_time=NOW - 2 * HOUR,
        prediction=3 * 3600,
        progress=42.9,
        thumbnail="https://example.com/thumbnail.png",
    )
    current = derive(device(print_job=None), status).current
    assert current is not None
    assert (current.print.task_id, current.print.title) == ("71", "Untitled")
    assert (current.progress, current.progress_estimated) == (42, False)
    assert current.expected_end == NOW + HOUR
    assert current.print.model_id == "US0009"
    assert current.print.cover == "https://example.com/thumbnail.png"
    assert not current.print.in_tasks


def test_current_print_of_2022_joins_its_task() -> None:
    status = PrintStatus(id=PRINTER_ID, task_id="71", task_name="Untitled", task_status="RUNNING")
    current = derive(device(print_job=None), status, task(design_title="Bracket")).current
    assert current is not None
    assert current.print.title == "Bracket"
    assert current.print.weight == 25.5
    assert current.progress == 25


def test_remembered_job_of_2022() -> None:
    """A poll without user/print still knows which job it was."""
    older = task(id="70", start_time=NOW - 2 * HOUR)
    printer = derive(device(print_job=None), None, task(), older, remembered="70")
    assert printer.current is not None
    assert printer.current.print.task_id == "70"


def test_print_of_2022_without_a_task() -> None:
    """What the printer was busy with before is not what runs now."""
    status = PrintStatus(id=PRINTER_ID, has_task_fields=True, task_status="RUNNING")
    printer = derive(device(print_job=None), status, task(), remembered="71")
    assert printer.print_job == "0"
    assert printer.current is not None
    assert printer.current.print.task_id is None


@pytest.mark.parametrize(
    ("job", "tasks", "task_id"),
    [
        # the task list lags behind: the job is known, nothing else of it
        ("72", [ended()], "72"),
        ("72", [], "72"),
        ("72", [task()], "72"),
        # the task ended while bind still says RUNNING: what runs now is not known
        ("71", [ended()], None),
        # a print from the SD card has no task, and an abandoned one is not taken for it
        ("0", [task()], None),
        # nothing names the job: the newest, if it runs
        (None, [task(start_time=NOW - 20 * HOUR)], "71"),
        (None, [ended()], None),
    ],
)
def test_current_print_where_answers_disagree(
    job: str | None, tasks: list[Task], task_id: str | None
) -> None:
    printer = derive(device(print_job=job), None, *tasks)
    assert printer.status is PrinterStatus.PRINTING
    assert printer.current is not None
    assert printer.current.print.task_id == task_id


@pytest.mark.parametrize(
    ("started_ago", "cost_time", "progress", "remaining"),
    [
        (timedelta(0), 3600, 0, HOUR),
        (timedelta(minutes=-5), 3600, 0, HOUR + timedelta(minutes=5)),
        (timedelta(minutes=59, seconds=50), 3600, 99, timedelta(seconds=10)),
        (HOUR, 3600, 99, None),
        (3 * HOUR, 3600, 99, None),
        (HOUR, None, None, None),
        (HOUR, 0, None, None),
    ],
)
def test_estimate(
    started_ago: timedelta,
    cost_time: float | None,
    progress: int | None,
    remaining: timedelta | None,
) -> None:
    """Below 100 until the end is known, and an expected end that has passed is none."""
    current = derive(
        device(), None, task(start_time=NOW - started_ago, cost_time=cost_time)
    ).current
    assert current is not None
    assert current.progress == progress
    assert (current.expected_end and current.expected_end - NOW) == remaining


def test_pause_stops_the_estimates() -> None:
    """Nobody knows how long it lasts, so neither progress nor end can be told by the clock."""
    current = derive(device(print_status="PAUSE"), None, task()).current
    assert current is not None
    assert (current.progress, current.expected_end) == (None, None)


@pytest.mark.parametrize("reported", [0.0, 33.4, 100.0])
def test_reported_progress_wins(reported: float) -> None:
    status = PrintStatus(id=PRINTER_ID, task_id="71", progress=reported)
    current = derive(device(), status, task()).current
    assert current is not None
    assert (current.progress, current.progress_estimated) == (int(reported), False)


@pytest.mark.parametrize(
    ("tasks", "task_id", "result"),
    [
        ([], None, None),
        ([task()], None, None),
        ([task(status=None)], None, None),
        ([ended()], "71", PrintResult.FINISHED),
        ([ended(status=3)], "71", PrintResult.FAILED),
        # sorted by end, whatever the order of the list; an unknown end counts as its start
        ([ended(), ended(id="70", end_time=NOW - 9 * HOUR)], "71", PrintResult.FINISHED),
        ([ended(id="70", end_time=NOW), ended()], "70", PrintResult.FINISHED),
        ([ended(end_time=None), ended(id="70", status=3)], "70", PrintResult.FAILED),
        ([task(id="72"), ended(start_time=None, end_time=None)], "71", PrintResult.FINISHED),
    ],
)
def test_last_print(tasks: list[Task], task_id: str | None, result: PrintResult | None) -> None:
    last = derive(device(), None, *tasks).last
    assert (last.task_id if last else None) == task_id
    assert (last.result if last else None) == result


def test_last_print_outlives_the_printer_being_off() -> None:
    printer = derive(device(online=False), None, ended())
    assert printer.current is None
    assert printer.last is not None
    assert printer.last.duration == timedelta(minutes=50)


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [
        (NOW - HOUR, NOW, HOUR),
        (NOW, NOW, timedelta(0)),
        (NOW - timedelta(days=366), NOW, timedelta(days=366)),
        (NOW - timedelta(days=367), NOW, None),
        (None, NOW, None),
        (NOW, None, None),
        (NOW, NOW - HOUR, None),
    ],
)
def test_duration(start: datetime | None, end: datetime | None, duration: timedelta | None) -> None:
    job = print_from_task(ended(start_time=start, end_time=end), PRINTER_ID)
    assert job.duration == duration


@pytest.mark.parametrize(
    ("ams", "slot"),
    [(0, 1), (4, 5), (15, 16), (16, None), (23, None), (128, None), (255, None), (None, None)],
)
def test_slot(ams: int | None, slot: int | None) -> None:
    job = print_from_task(task(filaments=(TaskFilament(ams=ams),)), PRINTER_ID)
    assert [filament.slot for filament in job.filaments] == [slot]


def test_slots_that_a_print_does_not_use_are_left_out() -> None:
    filaments = (TaskFilament(ams=-1), TaskFilament(type="PLA", ams=-1), TaskFilament(ams=0))
    job = print_from_task(task(filaments=filaments), PRINTER_ID)
    assert [(filament.type, filament.slot) for filament in job.filaments] == [
        ("PLA", None),
        (None, 1),
    ]


def test_design() -> None:
    job = derive(device(), None, task(design_id="1234"))
    assert job.current is not None
    assert job.current.print.design_id == "1234"


def test_an_address_that_arrives_later_changes_the_print() -> None:
    """Else nobody would ask for its picture."""
    without, signed = derive(device(), None, ended(cover=None)), derive(device(), None, ended())
    assert without != signed
    assert (without.last and without.last.has_cover, signed.last and signed.last.has_cover) == (
        False,
        True,
    )


def test_start_of_2022() -> None:
    """What user/print tells is without a time zone, so that of the task is the better one."""
    status = PrintStatus(
        id=PRINTER_ID, task_id="71", task_status="RUNNING", start_time=NOW + 8 * HOUR
    )
    current = derive(device(print_job=None), status, task()).current
    assert current is not None
    assert (current.print.started_at, current.progress) == (NOW - HOUR, 25)


_SOON = NOW - HOUR + timedelta(seconds=19)


@pytest.mark.parametrize(
    ("a_device", "changes", "is_running"),
    [
        (device(), {}, True),
        (device(print_status="PAUSE"), {}, True),
        # the printer does not run it
        (device(print_status="SUCCESS"), {}, False),
        (device(print_job="72"), {}, False),
        # one that failed may well have ended so soon, or one that takes no longer
        (device(), {"status": 3}, False),
        (device(), {"cost_time": 60}, False),
        (device(), {"cost_time": None}, False),
        (device(), {"end_time": NOW - HOUR + timedelta(seconds=61)}, False),
    ],
)
def test_finish_that_cannot_be(
    a_device: Device, changes: dict[str, Any], *, is_running: bool
) -> None:
    """A print that ran was listed as finished 19 s after its start."""
    printer = derive(a_device, None, ended(**{"end_time": _SOON} | changes))
    assert (printer.current is not None and printer.current.print.task_id == "71") is is_running
    assert (printer.last is None) is is_running
    assert printer.current is None or printer.current.print.result is None


def test_finish_that_cannot_be_of_a_printer_that_went_off() -> None:
    assert derive(device(online=False), None, ended(end_time=_SOON)).was_active


_LISTED = print_from_task(ended(), PRINTER_ID)
_UNTRACKED = Print(printer_id=PRINTER_ID, result=PrintResult.FAILED, ended_at=NOW)


@pytest.mark.parametrize(
    ("candidates", "newest"),
    [
        ([], None),
        ([None, _LISTED, None], 1),
        ([_LISTED, replace(_LISTED, task_id="72", ended_at=NOW)], 1),
        ([_LISTED, replace(_LISTED, task_id="72", ended_at=NOW - HOUR)], 0),
        # without an end it counts by its start
        ([_LISTED, replace(_LISTED, task_id="72", ended_at=None)], 0),
        ([replace(_LISTED, task_id="72", ended_at=None), _LISTED], 1),
        # of one print the first knows best, unless it cannot be
        ([_LISTED, replace(_LISTED, ended_at=NOW)], 0),
        ([replace(_LISTED, ended_at=_SOON), _LISTED], 1),
        ([_LISTED, replace(_LISTED, ended_at=_SOON)], 0),
        ([replace(_LISTED, ended_at=_SOON), replace(_LISTED, ended_at=_SOON, title=None)], 0),
        # the task of a print without one turns up with an end a little before what we saw
        ([replace(_LISTED, ended_at=NOW - timedelta(minutes=9)), _UNTRACKED], 0),
        ([replace(_LISTED, ended_at=NOW - timedelta(minutes=11)), _UNTRACKED], 1),
        ([_UNTRACKED, replace(_LISTED, ended_at=NOW - timedelta(minutes=9))], 1),
        ([_UNTRACKED, replace(_LISTED, ended_at=NOW - timedelta(minutes=11))], 0),
        ([_UNTRACKED, replace(_UNTRACKED, ended_at=NOW + HOUR)], 1),
    ],
)
def test_newest_print(candidates: list[Print | None], newest: int | None) -> None:
    expected = None if newest is None else candidates[newest]
    assert newest_print(*candidates) is expected


def test_a_new_signature_is_no_new_print() -> None:
    """Else every poll would write states."""
    one, other = task(), task(cover="https://example.com/cover.png?signature=2")
    assert derive(device(), None, one) == derive(device(), None, other)


@pytest.mark.parametrize(
    ("a_device", "status", "name"),
    [
        (device(), None, "Workshop"),
        (device(name=None), PrintStatus(id=PRINTER_ID, name="Cellar"), "Cellar"),
        (device(name=None), PrintStatus(id=PRINTER_ID), "X1 Carbon"),
        (device(name=None, product_name=None), None, "3D printer"),
    ],
)
def test_name(a_device: Device, status: PrintStatus | None, name: str) -> None:
    """The serial is a secret and never a name."""
    assert derive(a_device, status).name == name


def test_each_printer_gets_its_own() -> None:
    other = device(id="00M00A000000002", print_status="IDLE", print_job="80")
    printers = derive_printers(
        [device(), other],
        [PrintStatus(id="00M00A000000002", online=True), PrintStatus(id="99")],
        [task(), ended(id="80", device_id=other.id), ended(id="81", device_id=None)],
        now=NOW,
        remembered_jobs={},
    )
    assert list(printers) == [PRINTER_ID, other.id]
    assert printers[PRINTER_ID].last is None
    assert printers[other.id].last is not None
    assert printers[other.id].current is None


_MOMENTS = st.none() | st.integers(1_500_000_000, 1_900_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
_JOBS = st.none() | st.sampled_from(["0", "70", "71", "72"])
_TASKS = st.lists(
    st.builds(
        Task,
        id=st.sampled_from(["70", "71", "72"]),
        device_id=st.just(PRINTER_ID),
        status=st.none() | st.integers(0, 6),
        start_time=_MOMENTS,
        end_time=_MOMENTS,
        cost_time=st.none() | st.floats(0, 1e6),
    ),
    max_size=4,
)
_STATUSES = st.none() | st.builds(
    PrintStatus,
    id=st.just(PRINTER_ID),
    online=st.none() | st.booleans(),
    task_id=_JOBS,
    task_status=st.none() | st.sampled_from(["RUNNING", "PAUSE", "SUCCESS", "SINGING"]),
    start_time=_MOMENTS,
    prediction=st.none() | st.floats(0, 1e6),
    progress=st.none() | st.floats(0, 100),
)
_DEVICES = st.builds(
    Device,
    id=st.just(PRINTER_ID),
    online=st.none() | st.booleans(),
    print_status=st.none() | st.sampled_from(["RUNNING", "PAUSE", "SUCCESS", "IDLE", "SINGING"]),
    print_job=_JOBS,
)


@given(a_device=_DEVICES, status=_STATUSES, tasks=_TASKS, remembered=_JOBS)
@example(
    a_device=Device(id=PRINTER_ID),
    status=PrintStatus(id=PRINTER_ID, task_status="RUNNING", start_time=NOW, prediction=1e-80),
    tasks=[],
    remembered=None,
)
def test_whatever_the_cloud_says(
    a_device: Device, status: PrintStatus | None, tasks: list[Task], remembered: str | None
) -> None:
    """No combination of answers breaks what the entities rely on."""
    printer = derive(a_device, status, *tasks, remembered=remembered)
    assert printer.is_active == (printer.current is not None)
    assert printer.last is None or printer.last.result is not None
    progress = printer.current.progress if printer.current else None
    assert progress is None or 0 <= progress <= 100
    expected_end = printer.current.expected_end if printer.current else None
    assert expected_end is None or expected_end > NOW
