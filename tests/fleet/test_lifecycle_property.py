"""Any interleaving of prints, polls, outages and restarts announces each ended print once.

A cloud of the simplest kind: prints are known by their times, and every answer is worked out from
them, with the cloud's bad habits: the task list lags, a status stays for ever, and a new print
begins under the status of the one before.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
import json

from hypothesis import given, strategies as st

from custom_components.bambu_lab_cloud.api.models import Device, PrintStatus, Task
from custom_components.bambu_lab_cloud.fleet.cadence import awaits_its_task
from custom_components.bambu_lab_cloud.fleet.lifecycle import (
    LAG,
    NEWS,
    PrintEvent,
    Records,
    next_records,
    records_from_dict,
)
from custom_components.bambu_lab_cloud.fleet.printer import Printer, PrintResult, derive_printers
from custom_components.bambu_lab_cloud.fleet.stored import as_stored

EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """A print as it truly was."""

    id: str
    start: datetime
    end: datetime
    failed: bool
    start_lag: timedelta
    end_lag: timedelta
    sticky: timedelta
    has_task: bool = True

    @property
    def print_job(self) -> str:
        """Return by which id the printer speaks of it; prints from an SD card have none."""
        return self.id if self.has_task else "0"

    def task(self, printer_id: str, now: datetime) -> Task | None:
        """Return what my/tasks says of it."""
        if not self.has_task or now < self.start + self.start_lag:
            return None
        ended = now >= self.end + self.end_lag
        return Task(
            id=self.id,
            device_id=printer_id,
            title=self.id,
            status=(3 if self.failed else 2) if ended else 4,
            start_time=self.start,
            end_time=self.end if ended else self.start,
            cost_time=(self.end - self.start).total_seconds(),
        )


@dataclass(frozen=True)
class ModelPrinter:
    """A printer with all that it will ever print."""

    id: str
    jobs: list[Job]
    offline: list[tuple[datetime, datetime]]
    names_before: bool = False

    def online(self, now: datetime) -> bool:
        """Return if the cloud sees it."""
        return not any(start <= now < end for start, end in self.offline)

    def last(self, now: datetime) -> Job | None:
        """Return the print that runs or was the last."""
        return max(
            (job for job in self.jobs if job.start <= now), key=lambda job: job.start, default=None
        )

    def print_job(self, now: datetime) -> str:
        """Return the id that bind names: some go on with it during a print from the card."""
        told = [job for job in self.jobs if job.start <= now]
        if self.names_before:
            told = [job for job in told if job.has_task]
        return max(told, key=lambda job: job.start).print_job if told else "0"

    def status(self, now: datetime) -> str | None:
        """Return print_status, which stays, also a little into the next print."""
        job = self.last(now)
        if job is None:
            return None
        if now < job.start + job.sticky:
            before = [other for other in self.jobs if other.end <= job.start]
            return self._end_status(before[-1]) if before else None
        return "RUNNING" if now < job.end else self._end_status(job)

    def _end_status(self, job: Job) -> str:
        return "FAIL" if job.failed else "SUCCESS"


@dataclass
class Watch:
    """What a program that polls the cloud keeps, as the integration does."""

    printers: list[ModelPrinter]
    era: str
    records: Records = field(default_factory=Records)
    saved: str | None = None
    known: dict[str, Task] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    polls: list[datetime] = field(default_factory=list)
    lost: set[datetime] = field(default_factory=set)
    announced: list[tuple[datetime, PrintEvent]] = field(default_factory=list)

    @property
    def kept(self) -> list[tuple[datetime, PrintEvent]]:
        """Return what was announced at polls that were saved; of the others it may come again."""
        return [(at, event) for at, event in self.announced if at not in self.lost]

    def save(self) -> None:
        """Write the records."""
        self.saved = json.dumps(as_stored(self.records))

    def restart(self) -> None:
        """Begin with nothing but what was written."""
        self.records = records_from_dict(json.loads(self.saved)) if self.saved else Records()
        self.known, self.jobs, self.seen = {}, {}, set()

    def crash(self, now: datetime) -> None:
        """Be killed a moment after a poll, before it is saved."""
        saved = self.saved
        self.poll(now)
        self.saved = saved
        self.lost.add(now)
        self.restart()

    def learn(self, printers: dict[str, Printer], now: datetime) -> list[PrintEvent]:
        """Take a poll, fire, then save if anything changed that must not be lost."""
        before = self.records
        self.records, _, events = next_records(
            self.records,
            printers,
            self.known.values(),
            now=now,
            seen=self.seen,
        )
        self.records = self.records.read(now, {printer.id for printer in self.printers})
        self.seen |= printers.keys()
        (self.save if events or not self.records.are_like(before) else int)()
        return events

    def poll(self, now: datetime) -> None:
        """Ask, and announce."""
        devices = [self._device(printer, now) for printer in self.printers]
        statuses = [self._status(p, now) for p in self.printers] if self.era == "2022" else []
        self.jobs |= {status.id: status.task_id for status in statuses if status.task_id}
        printers = self._derive(devices, statuses, now)
        self.known |= {task.id: task for task in self._listed(printers, now)}
        printers = self._derive(devices, statuses, now)
        self.announced += ((now, event) for event in self.learn(printers, now))
        self.polls.append(now)

    def _derive(
        self, devices: list[Device], statuses: list[PrintStatus], now: datetime
    ) -> dict[str, Printer]:
        return derive_printers(
            devices, statuses, self.known.values(), now=now, remembered_jobs=self.jobs
        )

    def _device(self, printer: ModelPrinter, now: datetime) -> Device:
        return Device(
            id=printer.id,
            name="Workshop",
            online=printer.online(now),
            print_status=printer.status(now),
            print_job=printer.print_job(now) if self.era == "2026" else None,
        )

    def _status(self, printer: ModelPrinter, now: datetime) -> PrintStatus:
        job = printer.last(now)
        running = job is not None and job.start + job.sticky <= now < job.end
        return PrintStatus(
            id=printer.id,
            has_task_fields=True,
            task_id=job.id if job and running and job.has_task else None,
            task_status="RUNNING" if running else None,
        )

    def _listed(self, seen: dict[str, Printer], now: datetime) -> Iterator[Task]:
        """Yield the tasks that the integration asks for: new ones, and those it waits for."""
        awaited = self.records.awaited(seen)
        for printer in self.printers:
            record = self.records.printers.get(printer.id)
            since = min(
                record.online_at if record else now - DAY,
                awaited.get(printer.id, now),
                self.records.read_at or now - DAY,
            )
            newest = 3 * awaits_its_task(seen[printer.id])
            told = [task for job in printer.jobs if (task := job.task(printer.id, now))]
            for number, task in enumerate(reversed(told)):
                if number < newest or (task.start_time and task.start_time >= since - LAG):
                    yield task


_SPAN = st.integers(5, 3 * 3600).map(lambda seconds: seconds * SECOND)
_LAG = st.integers(0, 90).map(lambda seconds: seconds * SECOND)


@st.composite
def printers(draw: st.DrawFn, number: int, *, sd_cards: bool = False) -> ModelPrinter:
    """Draw a printer, which may print from an SD card as well."""
    at = EPOCH + draw(_SPAN)
    jobs: list[Job] = []
    listed = EPOCH
    for index in range(draw(st.integers(0, 6))):
        end = at + draw(_SPAN)
        # The list shows no print before an earlier one.
        listed = max(listed, at + draw(_LAG))
        jobs.append(
            Job(
                id=str(1000 * number + index + 1),
                start=at,
                end=end,
                failed=draw(st.booleans()),
                start_lag=listed - at,
                end_lag=draw(_LAG),
                sticky=draw(st.sampled_from([0, 0, 5, 120])) * SECOND,
                has_task=not sd_cards or draw(st.sampled_from([True, True, True, False])),
            )
        )
        at = end + draw(st.sampled_from([0, 20, 60]) | st.integers(0, 7200)) * SECOND
    offline = []
    for _ in range(draw(st.integers(0, 2))):
        start = EPOCH + draw(st.integers(0, 86400)) * SECOND
        offline.append((start, start + draw(st.sampled_from([60, 3600, 20 * 3600])) * SECOND))
    return ModelPrinter(
        id=f"00M00A00000000{number}",
        jobs=jobs,
        offline=offline,
        names_before=sd_cards and draw(st.booleans()),
    )


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([20, 25, 60, 60, 120, 120, 300, 1800, 7200, 30 * 3600]),
        st.sampled_from(["poll"] * 4 + ["outage", "save", "restart", "kill", "crash"]),
    ),
    min_size=5,
    max_size=60,
)


def _run(watch: Watch, steps: list[tuple[int, str]]) -> None:
    """Live through it, then poll until all is over and listed."""
    actions = {
        "poll": watch.poll,
        "outage": lambda now: None,
        "save": lambda now: watch.save(),
        "restart": lambda now: (watch.save(), watch.restart()),
        "kill": lambda now: watch.restart(),
        "crash": watch.crash,
    }
    now = EPOCH
    for seconds, action in steps:
        now += seconds * SECOND
        actions[action](now)
    end = max([now, *(job.end for printer in watch.printers for job in printer.jobs)])
    while now < end + timedelta(minutes=40):
        now += timedelta(minutes=2)
        watch.poll(now)


@given(
    first=printers(1),
    second=printers(2),
    steps=_STEPS,
    era=st.sampled_from(["2022", "2026"]),
)
def test_each_end_is_announced_once(
    first: ModelPrinter, second: ModelPrinter, steps: list[tuple[int, str]], era: str
) -> None:
    watch = Watch(printers=[first, second], era=era)
    watch.poll(EPOCH)
    _run(watch, steps)

    ends = [(at, event) for at, event in watch.announced if event.is_end]
    kept = [event for _, event in watch.kept]
    counts = Counter(event.print.task_id for event in kept if event.is_end)
    assert max(counts.values(), default=0) <= 1
    for printer in watch.printers:
        jobs = {job.id: job for job in printer.jobs}
        own = [(at, event) for at, event in ends if event.print.printer_id == printer.id]
        # Exactly those that were news when they and all before them could first be found.
        found = accumulate(
            (max(job.end + job.end_lag, job.start + job.start_lag) for job in printer.jobs), max
        )
        news = {
            job.id
            for job, at in zip(printer.jobs, found, strict=True)
            if next(poll for poll in watch.polls if poll >= at) - job.end <= NEWS
        }
        assert news <= {event.print.task_id for _, event in own} <= jobs.keys()
        # Never before it ended, as what it was, and in order.
        for at, event in own:
            job = jobs[event.print.task_id or ""]
            assert at >= job.end
            # The cloud of 2022 does not say which print its status means.
            later = any(job.end <= other.start <= at for other in printer.jobs)
            right = (event.print.result is PrintResult.FAILED) is job.failed
            assert right or (era == "2022" and later)
            assert event.late or event.print.ended_at is not None
        announced_ends = [
            jobs[event.print.task_id or ""].end for at, event in own if at not in watch.lost
        ]
        assert all(earlier <= later for earlier, later in pairwise(announced_ends))
    # No start or pause of a print comes after its end.
    ended: set[str | None] = set()
    for event in kept:
        assert event.print.task_id not in ended
        ended |= {event.print.task_id} if event.is_end else set()
    starts = Counter(event.print.task_id for event in kept if event.type == "started")
    assert max(starts.values(), default=0) <= 1
