from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator.cloud import Cloud, Job

from .conftest import Ask

X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINI = "03000A000000003"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def second(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def quiet(cloud: Cloud) -> Cloud:
    cloud.stop_schedules()
    return cloud


@pytest.fixture
def bare(freezer: FrozenDateTimeFactory) -> Cloud:
    """A cloud without HTTP."""
    freezer.move_to(NOW)
    return Cloud(history=30)


def test_no_print_ends_as_it_starts(freezer: FrozenDateTimeFactory) -> None:
    """Not even one whose time comes in the second in which the simulator starts."""
    for number in range(120):
        freezer.move_to(NOW + second(number))
        cloud = Cloud(history=30, time_factor=300)
        account = cloud.accounts.find("demo")
        jobs = [job for job, _ in cloud.tasks(account, NOW + second(number + 120))]
        assert [job for job in jobs if job.ends and job.ends <= job.started] == []


async def test_a_print_from_start_to_end(
    quiet: Cloud, freezer: FrozenDateTimeFactory, devices: Any, tasks: Any
) -> None:
    before = (await devices())[1]
    total = (await tasks())["total"]
    task_id = quiet.start(P1S, title="Bracket", duration=600)
    started = (await devices())[1]
    assert started == before | {"print_status": "RUNNING", "print_job": task_id}
    # The task list learns of it later.
    assert (await tasks())["total"] == total
    freezer.tick(second(5))
    hit = (await tasks())["hits"][0]
    assert (hit["id"], hit["status"]) == (task_id, 4)
    freezer.tick(second(594))
    assert (await devices())[1]["print_status"] == "RUNNING"
    freezer.tick(second(1))
    assert (await devices())[1]["print_status"] == "SUCCESS"
    assert (await tasks())["hits"][0]["status"] == 4
    freezer.tick(second(5))
    hit = (await tasks())["hits"][0]
    assert (hit["status"], hit["endTime"]) == (2, "2026-11-20T12:10:00Z")
    freezer.tick(timedelta(days=300))
    ended = (await devices())[1]
    assert (ended["print_status"], ended["print_job"]) == ("SUCCESS", task_id)
    assert (await tasks())["total"] == total + 1


RESULTS = pytest.mark.parametrize(
    ("result", "status", "bind"), [("finished", 2, "SUCCESS"), ("failed", 3, "FAIL")]
)


@RESULTS
async def test_planned_results(
    quiet: Cloud,
    freezer: FrozenDateTimeFactory,
    devices: Any,
    tasks: Any,
    *,
    result: str,
    status: int,
    bind: str,
) -> None:
    quiet.start(P1S, duration=600, result=result, task_lag=0)
    freezer.tick(second(600))
    assert (await devices())[1]["print_status"] == bind
    assert (await tasks())["hits"][0]["status"] == status


@RESULTS
async def test_commanded_results(
    quiet: Cloud,
    freezer: FrozenDateTimeFactory,
    devices: Any,
    tasks: Any,
    *,
    result: str,
    status: int,
    bind: str,
) -> None:
    quiet.start(P1S, duration=600, task_lag=0)
    freezer.tick(second(60))
    quiet.end(P1S, result)
    assert (await devices())[1]["print_status"] == bind
    hit = (await tasks())["hits"][0]
    assert (hit["status"], hit["endTime"]) == (status, "2026-11-20T12:01:00Z")
    # The slicer's estimates are of the whole job.
    assert hit["costTime"] == 600


async def test_bind_learns_late_of_a_start_and_an_end(
    quiet: Cloud, freezer: FrozenDateTimeFactory, devices: Any
) -> None:
    before = (await devices())[1]
    task_id = quiet.start(P1S, duration=100, bind_lag=30, stale=10, preparing=10)
    seen = []
    for span in (0, 29, 1, 10, 10, 50, 29, 1):
        freezer.tick(second(span))
        device = (await devices())[1]
        seen.append((device["print_status"], device["print_job"] == task_id))
    old = before["print_status"]
    assert seen == [
        *[(old, False)] * 2,
        (old, True),
        ("PREPARE", True),
        *[("RUNNING", True)] * 3,
        ("SUCCESS", True),
    ]


async def test_a_local_print_that_the_list_has(quiet: Cloud, devices: Any, tasks: Any) -> None:
    task_id = quiet.start(P1S, kind="local", task=True, task_lag=0)
    assert (await devices())[1]["print_job"] == task_id
    hit = (await tasks())["hits"][0]
    assert (hit["id"], hit["mode"]) == (task_id, "lan_file")


async def test_a_cancelled_print_has_failed_for_the_list(quiet: Cloud, tasks: Any) -> None:
    quiet.start(P1S, task_lag=0)
    quiet.end(P1S, "cancelled")
    assert (await tasks())["hits"][0]["status"] == 3


async def test_old_status_then_preparing(
    quiet: Cloud, freezer: FrozenDateTimeFactory, devices: Any
) -> None:
    quiet.start(P1S)
    quiet.end(P1S)
    task_id = quiet.start(P1S, stale=20, preparing=60)
    seen = []
    for span in (0, 19, 1, 59, 1):
        freezer.tick(second(span))
        device = (await devices())[1]
        seen.append(device["print_status"])
        assert device["print_job"] == task_id
    assert seen == ["SUCCESS", "SUCCESS", "PREPARE", "PREPARE", "RUNNING"]


async def test_stale_status_of_a_first_print(quiet: Cloud, devices: Any) -> None:
    quiet.change_printer(MINI, online=True)
    quiet.start(MINI, stale=20)
    mini = (await devices())[2]
    assert "print_status" not in mini
    assert mini["dev_structure"] == "I3"


@pytest.mark.parametrize(
    ("options", "paused"), [({"era": "2022"}, "PAUSE"), ({"era": "2026"}, "RUNNING")]
)
async def test_pause(
    quiet: Cloud,
    freezer: FrozenDateTimeFactory,
    devices: Any,
    tasks: Any,
    paused: str,
) -> None:
    quiet.start(P1S, duration=600, task_lag=0)
    freezer.tick(second(100))
    quiet.pause(P1S)
    with pytest.raises(ValueError, match="is paused"):
        quiet.pause(P1S)
    assert (await devices())[1]["print_status"] == paused
    freezer.tick(timedelta(days=2))
    assert (await devices())[1]["print_status"] == paused
    assert (await tasks())["hits"][0]["status"] == 4
    quiet.resume(P1S)
    with pytest.raises(ValueError, match="not paused"):
        quiet.resume(P1S)
    assert (await devices())[1]["print_status"] == "RUNNING"
    freezer.tick(second(499))
    assert (await devices())[1]["print_status"] == "RUNNING"
    freezer.tick(second(1))
    assert (await devices())[1]["print_status"] == "SUCCESS"


async def test_end_of_a_paused_print(quiet: Cloud, devices: Any, tasks: Any) -> None:
    quiet.start(P1S, task_lag=0)
    quiet.pause(P1S)
    quiet.end(P1S, "failed")
    assert (await devices())[1]["print_status"] == "FAIL"
    assert (await tasks())["hits"][0]["status"] == 3


async def test_print_from_the_sd_card(
    quiet: Cloud, freezer: FrozenDateTimeFactory, devices: Any, tasks: Any
) -> None:
    total = (await tasks())["total"]
    assert quiet.start(P1S, task=False, duration=60) is None
    freezer.tick(second(30))
    device = (await devices())[1]
    assert (device["print_status"], device["print_job"]) == ("RUNNING", 0)
    freezer.tick(second(60))
    device = (await devices())[1]
    assert (device["print_status"], device["print_job"]) == ("SUCCESS", 0)
    assert (await tasks())["total"] == total


CARD_KEEPS_JOB = pytest.mark.parametrize("options", [{"card_keeps_job": True}])


@CARD_KEEPS_JOB
@RESULTS
async def test_print_from_the_sd_card_under_the_id_before_it(
    *,
    ask: Ask,
    quiet: Cloud,
    freezer: FrozenDateTimeFactory,
    devices: Any,
    tasks: Any,
    result: str,
    status: int,
    bind: str,
) -> None:
    before = quiet.start(P1S, duration=60, task_lag=0)
    freezer.tick(second(60))
    total = (await tasks())["total"]
    body = {"task": False, "duration": 60, "result": result}
    reply = await ask("POST", f"/simulator/printers/{P1S}/start", body=body)
    assert reply.json == {"task_id": None}
    seen = []
    for _ in range(2):
        device = (await devices())[1]
        seen.append((device["print_status"], device["print_job"]))
        freezer.tick(second(60))
    assert seen == [("RUNNING", before), (bind, before)]
    page = await tasks()
    assert (page["total"], page["hits"][0]["id"], page["hits"][0]["status"]) == (total, before, 2)
    after = quiet.start(P1S)
    assert (await devices())[1]["print_job"] == after


@pytest.mark.parametrize("options", [{"card_keeps_job": keeps} for keeps in (True, False)])
@pytest.mark.parametrize("keeps", [True, False])
async def test_one_print_from_the_sd_card_has_its_own_way(
    quiet: Cloud, devices: Any, *, keeps: bool
) -> None:
    before = quiet.start(P1S)
    quiet.end(P1S)
    quiet.start(P1S, task=False, keeps_job=keeps)
    assert (await devices())[1]["print_job"] == (before if keeps else 0)


@CARD_KEEPS_JOB
async def test_print_from_the_sd_card_of_a_new_printer(quiet: Cloud, devices: Any) -> None:
    quiet.change_printer(MINI, online=True)
    quiet.start(MINI, task=False)
    mini = (await devices())[2]
    assert (mini["print_status"], mini["print_job"]) == ("ACTIVE", 0)


async def test_offline_printers_tell_nothing(
    quiet: Cloud, freezer: FrozenDateTimeFactory, devices: Any, tasks: Any
) -> None:
    quiet.start(P1S, duration=600, task_lag=0)
    freezer.tick(second(60))
    quiet.change_printer(P1S, online=False)
    freezer.tick(timedelta(hours=2))
    device = (await devices())[1]
    assert (device["online"], device["print_status"]) == (False, "RUNNING")
    assert (await tasks())["hits"][0]["status"] == 4
    with pytest.raises(ValueError, match="offline"):
        quiet.start(P1S)
    quiet.change_printer(P1S, online=False)
    quiet.change_printer(P1S, online=True)
    device = (await devices())[1]
    assert (device["online"], device["print_status"]) == (True, "SUCCESS")
    assert (await tasks())["hits"][0]["endTime"] == "2026-11-20T12:10:00Z"


async def test_durations_shrink_and_estimates_do_not(
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(time_factor=60)
    cloud.stop_schedules()
    cloud.start(P1S)
    job = cloud.printer(P1S).jobs[-1]
    assert job.cost == timedelta(minutes=2)
    assert job.weight == 27.4


async def test_jobs_of_one_second_have_ids_of_their_own(quiet: Cloud) -> None:
    for _ in range(3):
        quiet.start(P1S)
        quiet.end(P1S)
    ids = [job.id for job in jobs_of(quiet, P1S)]
    assert ids == sorted(set(ids))


async def test_only_idle_printers_start(quiet: Cloud) -> None:
    quiet.start(P1S)
    with pytest.raises(ValueError, match="is printing"):
        quiet.start(P1S)
    with pytest.raises(ValueError, match="not printing"):
        quiet.end(X1C)
    with pytest.raises(ValueError, match="finished, failed or cancelled"):
        quiet.end(P1S, "exploded")
    with pytest.raises(LookupError):
        quiet.start("unknown")


def jobs_of(cloud: Cloud, dev_id: str) -> list[Job]:
    return cloud.printer(dev_id).jobs


async def test_schedules(bare: Cloud, freezer: FrozenDateTimeFactory) -> None:
    assert len(jobs_of(bare, X1C)) == 16
    assert jobs_of(bare, X1C)[-1].running(NOW)
    assert not jobs_of(bare, P1S)[-1].running(NOW)
    freezer.tick(timedelta(days=60))
    x1c, p1s = jobs_of(bare, X1C), jobs_of(bare, P1S)
    assert len(x1c) > 300
    assert 200 < len(p1s) < len(x1c)
    for jobs in (x1c, p1s):
        assert all(not job.running(after.started) for job, after in pairwise(jobs))
        results = Counter(job.result for job in jobs)
        assert 4 < len(jobs) / results[3] < 16
        assert 0.05 < sum(bool(job.pauses) for job in jobs) / len(jobs) < 0.3
        spans = [job.ends - job.started for job in jobs if job.ends]
        assert max(spans) > 2 * min(spans)
    assert {job.has_task for job in p1s} == {True, False}
    assert {job.has_task for job in x1c} == {True}
    assert {bool(job.stale) for job in x1c} == {True, False}


async def test_a_week_at_once_or_in_steps(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    at_once, in_steps = Cloud(), Cloud()
    for _ in range(7 * 24):
        freezer.tick(timedelta(hours=1))
        in_steps.printer(P1S)
    assert [job.id for job in jobs_of(at_once, P1S)] == [job.id for job in jobs_of(in_steps, P1S)]


async def test_a_restart_keeps_the_meaning_of_ids(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    before = Cloud(time_factor=60, history=40)
    seen = {job.id: (job.started, job.cost) for job in jobs_of(before, P1S)}
    freezer.tick(timedelta(minutes=10))
    after = Cloud(time_factor=60, history=40)
    common = [job for job in jobs_of(after, P1S) if job.id in seen]
    assert len(common) > len(seen) / 2
    for job in common:
        assert seen[job.id] == (job.started, job.cost)
    assert after.printer(P1S).number == before.printer(P1S).number


@pytest.mark.parametrize("days", [1, 7, 61])
@pytest.mark.parametrize("history", [40, 1000, 3000])
@pytest.mark.parametrize("dev_id", [X1C, P1S])
def test_a_restart_on_another_day_finds_the_same_past(
    freezer: FrozenDateTimeFactory, dev_id: str, history: int, days: int
) -> None:
    freezer.move_to(NOW)
    before = jobs_of(Cloud(time_factor=60, history=history), dev_id)
    freezer.tick(timedelta(days=days))
    after = jobs_of(Cloud(time_factor=60, history=history), dev_id)
    # Of those that the schedule has just printed no restart knows.
    past = [asdict(job) for job in before if after[0].started <= job.started < NOW - second(86400)]
    found = [asdict(job) for job in after if job.started < NOW - second(86400)]
    assert len(past) > len(before) / 2
    assert past == found
    ids = [job.id for job in after]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("minutes", range(0, 240, 30))
async def test_what_runs_when_the_simulator_starts(
    freezer: FrozenDateTimeFactory, minutes: int
) -> None:
    freezer.move_to(NOW + timedelta(minutes=minutes))
    jobs = [printer["job"] for printer in Cloud().state()["printers"][:3]]
    assert [bool(job) for job in jobs] == [True, False, False]


async def test_stopped_schedules(bare: Cloud, freezer: FrozenDateTimeFactory) -> None:
    bare.stop_schedules()
    total = len(jobs_of(bare, X1C))
    assert bare.state()["printers"][0]["job"] is None
    freezer.tick(timedelta(days=30))
    assert len(jobs_of(bare, X1C)) == total
    bare.change_printer(X1C, scheduled=True)
    bare.change_printer(MINI, online=True, scheduled=True)
    freezer.tick(timedelta(days=2))
    assert len(jobs_of(bare, X1C)) > total
    assert jobs_of(bare, X1C)[total].started > NOW + timedelta(days=30)
    assert len(jobs_of(bare, MINI)) > 2


async def test_nothing_is_sent_to_offline_printers(
    bare: Cloud, freezer: FrozenDateTimeFactory
) -> None:
    bare.change_printer(X1C, online=False)
    total = len(jobs_of(bare, X1C))
    freezer.tick(timedelta(days=3))
    assert len(jobs_of(bare, X1C)) == total
    bare.change_printer(X1C, online=True)
    assert len(jobs_of(bare, X1C)) == total
    freezer.tick(timedelta(days=1))
    assert jobs_of(bare, X1C)[total].started > NOW + timedelta(days=3)


async def test_schedules_leave_commanded_prints_alone(
    bare: Cloud, freezer: FrozenDateTimeFactory
) -> None:
    bare.start(P1S, title="Long", duration=2 * 86400)
    freezer.tick(timedelta(days=1))
    assert bare.state()["printers"][1]["job"]["title"] == "Long"
    freezer.tick(timedelta(days=2))
    assert jobs_of(bare, P1S)[-1].title is None


@pytest.mark.parametrize("history", [0, 1, 7, 200, 1000])
async def test_history(freezer: FrozenDateTimeFactory, history: int) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(history=history)
    ended = [job for dev_id in (X1C, P1S) for job in jobs_of(cloud, dev_id) if not job.running(NOW)]
    assert len(ended) == history
    assert {job.result for job in ended} <= {2, 3}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_month_looks_like_a_month(freezer: FrozenDateTimeFactory, seed: int) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(history=1000, time_factor=60, seed=seed)
    jobs = cloud.tasks(cloud.accounts.find("demo"), NOW)
    # The newest ones are of the schedule, in which time is short.
    past = [(job, printer) for job, printer in jobs if job.started < NOW - timedelta(days=1)]
    days = [(NOW - timedelta(days=number)).date() for number in range(2, 62)]
    counts = Counter(job.started.date() for job, _ in past)
    prints = [counts[day] for day in days]
    assert 50 < sum(prints) < 120
    assert 3 < prints.count(0) < 30
    assert max(prints) < 8
    # No week without any, and more on a weekend.
    assert all(sum(prints[first : first + 7]) for first in range(0, 56, 7))
    every = [job.started for job, _ in past]
    weekend = sum(at.weekday() >= 5 for at in every) / 2
    assert 1.5 < weekend / (sum(at.weekday() < 5 for at in every) / 5) < 2.8
    for dev_id in (X1C, P1S):
        month = [j for j, p in past if p.dev_id == dev_id and j.started.date() in days[:30]]
        assert 7 < len(month) < 40
    hours = sorted((job.ends - job.started) / timedelta(hours=1) for job, _ in past if job.ends)
    assert 1 < hours[len(hours) // 2] < 2.5
    assert 6 < hours[-len(hours) // 50] < hours[-1] < 24
    weights = sorted(job.weight for job, _ in past)
    assert 10 < weights[len(weights) // 2] < 40
    assert weights[-1] < 400
    # Some are printed with more filament an hour than others.
    rates = [job.weight / (job.cost / timedelta(hours=1)) for job, _ in past if job.weight > 1]
    assert max(rates) > 2 * min(rates)
    assert timedelta(days=600) < NOW - every[-1] < timedelta(days=860)


async def test_a_large_cloud(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(printers=1000, history=10_000)
    demo = cloud.accounts.find("demo")
    assert len(cloud.fleet(demo, NOW)) == 1000
    found = cloud.tasks(demo, NOW)
    assert len(found) > 9000
    assert len({job.id for job, _ in found}) == len(found)
    assert cloud.job(demo, found[5000][0].id, NOW) == found[5000]


async def test_a_long_history_on_one_printer(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(history=10_000)
    found = cloud.tasks(cloud.accounts.find("one"), NOW)
    assert len(found) == 10_001
    starts = [job.started for job, _ in found]
    assert starts == sorted(starts, reverse=True)
    assert NOW - starts[-1] > timedelta(days=3 * 365)


async def test_a_cloud_without_printers(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    cloud = Cloud(printers=0)
    for login in ("demo", "partner"):
        assert cloud.fleet(cloud.accounts.find(login), NOW) == []


async def test_what_ended_before_schedules_stop_is_told(bare: Cloud) -> None:
    bare.stop_schedules()
    farm = bare.fleet(bare.accounts.find("farm"), NOW)
    assert NOW in {job.ends for printer in farm for job in printer.jobs}
    assert all(job.listed_as_ended(NOW) for printer in farm for job in printer.jobs)


async def test_no_scheduled_print_is_lost_at_the_start(bare: Cloud) -> None:
    later = NOW + timedelta(hours=12)
    resting = [
        printer
        for printer in bare.fleet(bare.accounts.find("farm"), NOW)
        if printer.pace == "resting" and printer.scheduled
    ]
    assert len(resting) > 100
    for printer in resting:
        slot = bare._slot_number(printer, NOW)
        planned = [bare._scheduled_job(printer, slot + n) for n in range(5)]
        due = {job.id for job in planned if job and NOW < job.started <= later}
        bare.advance(printer, later)
        assert due == {job.id for job in printer.jobs if job.started > NOW}
