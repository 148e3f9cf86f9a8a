"""The state of the cloud: printers, their jobs, and what can be done to them.

Nothing runs by itself. What a printer does is decided by its schedule, the commands so far and
the present time, and is worked out when somebody asks.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice, pairwise
from random import Random
from typing import Any

from . import ams, catalogue
from .accounts import Account, Accounts
from .ams import Ams, Spool
from .answers import FAULTS, JSON, Answer
from .catalogue import Look, Model
from .faults import NAMES, WEIGHTS, Fault, Plan

SLOT = timedelta(hours=4)
RECENT_JOBS = 6
HISTORY_REACH = timedelta(days=2 * 365)
HISTORY_GAP = timedelta(hours=6)
DAY = timedelta(days=1)
# A printer that has printed more often than that has days and weekends; with more than the most
# of a day its past is longer, though not longer than the cloud.
OFTEN = timedelta(days=2)
MOST_A_DAY = 3
LONGEST_REACH = timedelta(days=10 * 365)
# How much more or less is printed, over a week as much as on seven days.
WEEKEND, WEEKDAY = 1.6, 0.76
FINISHED, FAILED, PRINTING = 2, 3, 4
GRAMS_PER_HOUR = 13.7
# The share of a job after which the first layer begins.
FIRST_LAYER = 0.04
# How much later the cloud knows which AMS there are, before the time factor.
VERSIONS_LAG = 60.0
FILAMENT_RAN_OUT = 6
RAN_OUT, RAN_OUT_HT, RAN_OUT_BESIDE = 0x07008011, 0x18008011, 0x07FF8011
# The rest of an id is seconds since this day, so ids rise with time and never get a second meaning.
FIRST_DAY = datetime(2014, 1, 1, tzinfo=UTC)
PRINTER_NUMBERS = 10_000
LOG_LENGTH = 20_000
SENT_KINDS = (201, 251, 412, 503, 603)
MOST_SENT = 3000
# Nineteen centuries: what is further from now is no date.
MOST_SECONDS = 6e10

PAUSED_BY_USER = 16
# By the user, as the filament ran out, as the front cover was taken off.
PAUSES = (PAUSED_BY_USER, 6, 17)
KINDS = ("cloud", "local", "calibration")

_RESULTS = {"finished": FINISHED, "failed": FAILED, "cancelled": FAILED}


@dataclass(slots=True, eq=False)
class Job:
    """One print; `ends` is None while it is paused without a known end."""

    id: int
    title: str | None
    started: datetime
    ends: datetime | None
    cost: timedelta
    weight: float
    result: int
    has_task: bool
    has_cover: bool
    # For how long the task list does not know of a start or an end that bind knows of.
    lag: timedelta
    # For how long bind goes on to say how the previous job ended, and then that this one prepares.
    stale: timedelta
    preparing: timedelta
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    # The flat numbers of the trays that it is printed from where a command names them.
    ams: tuple[int, ...] | None = None
    # Whether bind goes on to name the cloud's job before this one, which has no task.
    keeps_job: bool = False
    # Sent by the cloud, or "local" (from the SD card or the network), or a "calibration".
    kind: str = "cloud"
    # For how long the printer itself says that it prepares.
    prepares: timedelta = timedelta()
    # For how long bind does not know of a start or an end that the printer tells at once.
    bind_lag: timedelta = timedelta()
    # What the printer itself calls a job that did not come from the cloud; None as its family does.
    told_id: int | None = None
    cancelled: bool = False
    # Why it pauses: a stage as printers number them.
    pause_stage: int = PAUSED_BY_USER

    def done(self, at: datetime) -> float:
        """Return which share of it is done."""
        if not self.running(at):
            at = self.ends or at
            if self.result == FINISHED:
                return 1
        return min(max(self.printed_for(at) / self.cost, 0), 1)

    def running(self, at: datetime) -> bool:
        """Return whether the job occupies the printer."""
        return self.started <= at and (self.ends is None or at < self.ends)

    def paused(self, at: datetime) -> bool:
        """Return whether the job is interrupted."""
        return any(start <= at and (end is None or at < end) for start, end in self.pauses)

    def printed_for(self, at: datetime) -> timedelta:
        """Return the time spent printing, without pauses."""
        lost = sum(
            (min(end or at, at) - start for start, end in self.pauses if start < at), timedelta()
        )
        return at - self.started - lost

    def listed(self, at: datetime) -> bool:
        """Return whether the task list has the job."""
        return self.has_task and self.started + self.lag <= at

    def listed_as_ended(self, at: datetime) -> bool:
        """Return whether the task list has the end of the job."""
        return self.ends is not None and self.ends + self.lag <= at


@dataclass(slots=True, eq=False)
class Printer:
    """A printer; `pace` is "busy", "resting" or None for one without a schedule."""

    number: int
    dev_id: str
    model: Model
    name: str
    access_code: str
    pace: str | None
    past: int
    scheduled: bool
    offline_since: datetime | None = None
    filled: bool = False
    next_slot: int = 0
    jobs: list[Job] = field(default_factory=list)
    # How often it came back, and for how long it was off before the last time.
    returns: int = 0
    off_for: timedelta = timedelta()
    # What only the printer itself tells.
    door_open: bool = False
    updating: int | None = None
    # Whether each AMS feeds either nozzle.
    filament_switch: bool = False
    latin1: bool = False
    print_error: int = 0
    hms: tuple[tuple[int, int], ...] = ()
    # Since when it says nothing more of the jobs that had ended by then.
    idle_since: datetime | None = None
    # From which its AMS and spools follow, and since when they do.
    seed: int = 0
    born: datetime = FIRST_DAY
    _plugged: list[tuple[datetime, dict[int, Ams]]] = field(default_factory=list)
    # The spools beside it.
    beside: dict[int, Spool] = field(default_factory=dict)

    @property
    def plugged(self) -> list[tuple[datetime, dict[int, Ams]]]:
        """Return which AMS there were, and from when on HTTP knows of these."""
        if not self._plugged:
            units = ams.stocked(
                self.model, self.number, self.dev_id, seed=self.seed, since=self.born
            )
            self._plugged.append((self.born, units))
        return self._plugged

    @property
    def units(self) -> dict[int, Ams]:
        """Return its AMS by their ids."""
        return self.plugged[-1][1]

    def units_known(self) -> dict[int, Ams]:
        """Return the AMS that HTTP knows of now, which is late."""
        at = self.seen_at(datetime.now(UTC))
        known = (units for since, units in reversed(self.plugged) if since <= at)
        return next(known, self.plugged[0][1])

    def places(self) -> Iterator[tuple[int, int, Spool]]:
        """Yield the spools with the units and slots that they are in, those beside it too."""
        for unit, each in self.units.items():
            for slot, spool in sorted(each.spools.items()):
                yield unit, slot, spool
        for unit, spool in sorted(self.beside.items()):
            yield unit, 0, spool

    def seen_at(self, now: datetime) -> datetime:
        """Return the moment of which the cloud knows: it learns nothing from an offline printer."""
        return self.offline_since or now

    def current(self, at: datetime) -> Job | None:
        """Return the running job."""
        last = self.last(at)
        return last if last and last.running(at) else None

    def last(self, at: datetime) -> Job | None:
        """Return the newest job that has begun."""
        return next((job for job in reversed(self.jobs) if job.started <= at), None)

    def job_named(self, at: datetime) -> int:
        """Return the id of the job that bind names, 0 for none."""
        known = (job for job in reversed(self.jobs) if job.started + job.bind_lag <= at)
        last = next(known, None)
        if last and not last.has_task and last.keeps_job:
            last = next((job for job in known if job.has_task), None)
        return last.id if last and last.has_task else 0

    def status(self, at: datetime, era: str) -> str | None:
        """Return how the newest job stands: the state of the job, not of the machine."""
        begun = [job for job in self.jobs[-2:] if job.started + job.bind_lag <= at]
        if begun and at < begun[-1].started + begun[-1].bind_lag + begun[-1].stale:
            begun.pop()
        if not begun:
            return None
        job = begun[-1]
        at -= job.bind_lag
        if not job.running(at):
            return "SUCCESS" if job.result == FINISHED else "FAIL"
        # Nobody has seen the cloud of 2026 speak of a pause.
        if era == "2022" and job.paused(at):
            return "PAUSE"
        if at < job.started + job.stale + job.preparing:
            return "PREPARE"
        return "ACTIVE" if self.number % 2 else "RUNNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A preset of the slicer that belongs to an account."""

    id: str
    kind: str
    name: str
    version: str
    base_id: str | None
    filament_id: str | None
    setting: dict[str, Any]
    updated: datetime


FIRST_PRESET = Preset(
    id="PFUS0000000000000a",
    kind="filament",
    name="Workshop PLA @BBL X1C",
    version="1.9.0.14",
    base_id=None,
    filament_id="P0000001",
    setting={"filament_vendor": '"Workshop"', "filament_type": '"PLA"'},
    updated=datetime(2026, 4, 6, 19, 3, 50, tzinfo=UTC),
)


def trays(job: Job, printer: Printer, look: Look) -> list[int]:
    """Return the flat number of the tray of each filament, -1 for one that is not used."""
    model, second = printer.model, job.id // PRINTER_NUMBERS
    if job.ams is not None:
        return list(job.ams)
    if not model.ams:
        return [255] * len(look.filaments)
    first = second % max(1, len(model.trays) - 3)
    trays = model.trays[first : first + len(look.filaments)]
    if model.ht and second % 3 == 0:
        trays[-1] = ams.FIRST_AMS_HT
    return [-1, *trays] if second % 7 == 0 else trays


def part(done: float, parts: int) -> tuple[int, float]:
    """Return which part of several a job is at, and which share of the job ago it began."""
    length = (1 - FIRST_LAYER) / parts
    number = min(parts - 1, int(max(0, done - FIRST_LAYER) / length))
    return number, done - FIRST_LAYER - number * length


class Cloud:
    """Accounts, printers, jobs and everything that the control endpoints do."""

    def __init__(
        self,
        *,
        era: str = "2026",
        time_factor: float = 1.0,
        history: int = 20,
        printers: int | None = None,
        seed: int = 1,
        card_keeps_job: bool = False,
        list_id: str = "task_id",
    ) -> None:
        """Stock the cloud; `list_id` is which id of a printer is the one of the task list, or both.

        The other one is an id that no list knows.
        """
        if list_id not in ("task_id", "subtask_id", "both"):
            raise ValueError("The id of the list is the task_id, the subtask_id or both")
        self.era = era
        self.list_id = list_id
        self.card_keeps_job = card_keeps_job
        self.time_factor = time_factor
        self.seed = seed
        self.started = datetime.now(UTC).replace(microsecond=0)
        self.slow_seconds = 3.0
        self.accounts = Accounts(seed)
        self._history = history
        self._slot = SLOT / time_factor
        self._printers: dict[str, Printer] = {}
        self._by_number: dict[int, Printer] = {}
        # Whose printers they are; who unbinds one keeps its tasks.
        self._bound: dict[int, dict[str, Printer]] = {account.uid: {} for account in self.accounts}
        self._ever_bound: dict[int, dict[str, Printer]] = {uid: {} for uid in self._bound}
        self._faults: list[Fault] = []
        self._plan: Plan | None = None
        # How many requests wait for nothing but time.
        self.stalled = 0
        self._requests: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self._served = 0
        # When messages came that a command has sent, their numbers, and their kinds.
        self._sent: dict[int, list[tuple[datetime, int, int]]] = {uid: [] for uid in self._bound}
        # The presets of each account by their ids; all begin with the same one.
        self.presets = {uid: {FIRST_PRESET.id: FIRST_PRESET} for uid in self._bound}
        # The AMS that are nowhere, and all spools that commands have made.
        self._shelf: dict[str, Ams] = {}
        self._spools: list[Spool] = []
        self._made = 0
        self._received: list[dict[str, Any]] = []
        self._posted = 0
        self._stock(printers)

    # Stocking

    def _stock(self, printers: int | None) -> None:
        """Give the accounts their printers."""
        models, all_models = catalogue.MODELS, (*catalogue.MODELS, *catalogue.MORE_MODELS)
        fleet = (("Workshop X1C", "busy"), ("P1S", "resting"), ("3DP-030-117", None))
        for index in range(3 if printers is None else printers):
            name, pace = fleet[index] if index < 3 else (f"Printer {index + 1}", "resting")
            model = all_models[index % len(all_models)]
            self._place("demo", model, name, pace, offline=index == 2)
        for alias, product, pace in (
            ("password", "H2D", "busy"),
            ("password", "A1", "resting"),
            ("google", "P2S", "busy"),
            ("totp", "X1E", "busy"),
            ("tfa", "P1P", "resting"),
            ("china", "A1", "busy"),
            ("one", "P1S", "busy"),
        ):
            self._place(alias, catalogue.model(product), f"My {product}", pace)
        for index in range(200):
            pace = "busy" if index % 3 == 0 else "resting"
            name = f"Farm {index + 1:03d}"
            self._place("farm", models[index % len(models)], name, pace, offline=index % 10 == 7)
        if shared := next(iter(self.printers_of(self.accounts.find("demo"))), None):
            self._bind(shared, self.accounts.find("partner"))
        for account in self.accounts:
            used = [p for p in self.printers_of(account) if p.pace and account.alias != "partner"]
            for index, printer in enumerate(used):
                printer.past = self._history // len(used) + (index < self._history % len(used))

    def _place(
        self, login: str, model: Model, name: str, pace: str | None, *, offline: bool = False
    ) -> Printer:
        """Bind a new printer to an account."""
        number, now = len(self._by_number) + 1, datetime.now(UTC)
        code = f"{Random(f'{self.seed}:code:{number}').randrange(10**8):08d}"
        printer = Printer(
            number=number,
            dev_id=f"{model.prefix}00A{number:09d}",
            model=model,
            name=name,
            # The cloud hands out some access codes with a line break at their end.
            access_code=code + "\n" * (number % 3 == 1),
            pace=pace,
            past=0,
            scheduled=pace is not None and not offline,
            offline_since=self.started if offline else None,
            seed=self.seed,
            born=now,
            beside={} if model.units else {ams.RIGHT: ams.spool_beside(now)},
        )
        self._printers[printer.dev_id] = self._by_number[number] = printer
        self._bind(printer, self.accounts.find(login))
        return printer

    def _bind(self, printer: Printer, account: Account) -> None:
        self._bound[account.uid][printer.dev_id] = printer
        self._ever_bound[account.uid][printer.dev_id] = printer

    # Schedules

    def _slot_number(self, printer: Printer, at: datetime) -> int:
        """Return the number of the slot; each printer has slots of its own."""
        return (at - FIRST_DAY - self._phase(printer)) // self._slot

    def _slot_begin(self, printer: Printer, number: int) -> datetime:
        return FIRST_DAY + self._phase(printer) + self._slot * number

    def _phase(self, printer: Printer) -> timedelta:
        return self._slot * Random(printer.number).random()

    def _scheduled_job(self, printer: Printer, number: int) -> Job | None:
        """Return the job that the schedule has in a slot."""
        chance = Random(f"{self.seed}:{printer.number}:{number}")
        busy = printer.pace == "busy"
        if not busy and chance.random() < 0.25:
            return None
        offset = chance.uniform(0, 0.02) if busy else chance.uniform(0, 0.2)
        cost = chance.uniform(0.7, 0.86) if busy else chance.uniform(0.12, 0.6)
        begin = self._slot_begin(printer, number) + self._slot * offset
        job = self._job(
            printer,
            begin,
            self._slot * cost,
            result=FAILED if chance.random() < 0.125 else FINISHED,
            has_task=busy or chance.random() < 0.9,
            lag=chance.uniform(2, 12),
            stale=20.0 if chance.random() < 0.33 else 0.0,
            preparing=120.0 if chance.random() < 0.5 else 0.0,
            prepares=240.0,
        )
        # Without a draw more, so that the schedules stay as they were.
        job.cancelled = job.result == FAILED and number % 2 == 0
        job.pause_stage = PAUSES[number % len(PAUSES)]
        printing = self._slot * cost * chance.uniform(0.97, 1.03)
        if job.result == FAILED:
            printing *= chance.uniform(0.2, 0.9)
        if chance.random() < 0.16:
            pause = job.started + printing * 0.4
            job.pauses.append((pause, pause + self._slot * 0.04))
            printing += self._slot * 0.04
        job.ends = _whole(job.started + printing)
        return job

    def _job(
        self,
        printer: Printer,
        started: datetime,
        cost: timedelta,
        *,
        title: str | None = None,
        result: int = FINISHED,
        has_task: bool = True,
        lag: float = 5.0,
        stale: float = 0.0,
        preparing: float = 0.0,
        prepares: float = 5.0,
        nominal: timedelta | None = None,
    ) -> Job:
        """Return a job; the spans that are numbers are seconds before the time factor."""
        started = _whole(started)
        hours = (nominal or cost * self.time_factor) / timedelta(hours=1)
        return Job(
            id=int((started - FIRST_DAY).total_seconds()) * PRINTER_NUMBERS + printer.number,
            title=title,
            started=started,
            ends=started + cost,
            cost=cost,
            weight=round(max(0.31, hours * GRAMS_PER_HOUR), 2),
            result=result,
            has_task=has_task,
            has_cover=True,
            lag=timedelta(seconds=lag / self.time_factor),
            stale=timedelta(seconds=stale / self.time_factor),
            preparing=timedelta(seconds=preparing / self.time_factor),
            keeps_job=self.card_keeps_job,
            kind="cloud" if has_task else "local",
            prepares=timedelta(seconds=prepares / self.time_factor),
        )

    def _fill(self, printer: Printer) -> None:
        """Give a printer its past, at the first question about it."""
        printer.filled = True
        if printer.pace is None:
            return
        recent = self._recent_jobs(printer) if printer.scheduled else []
        ended = [job for job in recent if not job.running(self.started)]
        before = recent[0].started if recent else self.started
        printer.jobs = self._old_jobs(printer, before, printer.past - len(ended)) + recent
        if printer.pace == "busy" and printer.scheduled and len(ended) == len(recent):
            # It prints when the simulator starts, and until the slot after the next one.
            printer.next_slot = self._slot_number(printer, self.started) + 2
            until = self._slot_begin(printer, printer.next_slot) - self.started
            self._append(printer, self._job(printer, self.started, until * 0.9, lag=0))

    def _recent_jobs(self, printer: Printer) -> list[Job]:
        """Return what the schedule had before the start of the simulator, and what it has then."""
        current = self._slot_number(printer, self.started)
        printer.next_slot = current + 1
        wanted = min(RECENT_JOBS, (printer.past + 1) // 2)
        jobs: list[Job] = []
        for number in count(current, -1):
            if number < current and len(jobs) >= wanted:
                break
            job = self._scheduled_job(printer, number)
            if job and job.started >= self.started:
                printer.next_slot = number
            elif job and job.running(self.started) and printer.pace == "busy":
                jobs.append(job)
                wanted += 1
            elif job and len(jobs) < wanted:
                # The others rest when the simulator starts.
                job.ends = self.started if job.running(self.started) else job.ends
                jobs.append(job)
        return jobs[::-1]

    def _old_jobs(self, printer: Printer, before: datetime, number: int) -> list[Job]:
        """Return the jobs of years ago, which last as long as real ones.

        When they were follows from their number and not from the day of the start, so that
        every restart finds the same ones.
        """
        often = number * OFTEN > HISTORY_REACH
        plan = self._jobs_by_day if often else self._rare_jobs
        ended = (job for job in plan(printer, before, number) if job.ends and job.ends <= before)
        return [*islice(ended, number)][::-1]

    def _rare_jobs(self, printer: Printer, before: datetime, number: int) -> Iterator[Job]:
        """Yield one job for each cell of a grid that stands still, newest first."""
        share = HISTORY_REACH / max(1, number)
        cell = share + HISTORY_GAP
        for index in count((before - FIRST_DAY) // cell, -1):
            chance = Random(f"{self.seed}:past:{printer.number}:{index}")
            started = FIRST_DAY + cell * index + share * chance.random()
            cost = HISTORY_GAP * chance.uniform(0.1, 0.75)
            yield self._old_job(printer, started, cost, chance)

    def _jobs_by_day(self, printer: Printer, before: datetime, number: int) -> Iterator[Job]:
        """Yield the jobs of each day, newest first: on some none, on a weekend more."""
        reach = min(max(HISTORY_REACH, DAY * number / MOST_A_DAY), LONGEST_REACH)
        a_day = DAY * number / reach
        slots = max(4, round(2 * a_day))
        for day in count((before - FIRST_DAY) // DAY, -1):
            chance = Random(f"{self.seed}:day:{printer.number}:{day}")
            midnight = FIRST_DAY + DAY * day
            zeal = WEEKEND if midnight.weekday() >= 5 else WEEKDAY
            used = [slot for slot in range(slots) if chance.random() < zeal * a_day / slots]
            jobs: list[Job] = []
            for slot, following in pairwise([*used, slots]):
                started = midnight + DAY / slots * (slot + chance.uniform(0, 0.3))
                room = midnight + DAY / slots * following - started
                cost = min(timedelta(hours=chance.lognormvariate(0.5, 0.8)), room * 0.9)
                job = self._old_job(printer, started, cost, chance)
                job.weight = round(max(0.31, job.weight * chance.uniform(0.6, 1.5)), 2)
                jobs.append(job)
            yield from reversed(jobs)

    def _old_job(self, printer: Printer, started: datetime, cost: timedelta, chance: Random) -> Job:
        cost = _whole_span(cost)
        result = FAILED if chance.random() < 0.125 else FINISHED
        job = self._job(printer, started, cost, result=result, nominal=cost)
        # The list has no picture for some of the prints sent over the local network.
        job.has_cover = chance.random() > 0.05
        took = chance.uniform(0.1, 0.9) if result == FAILED else chance.uniform(0.97, 1.04)
        job.ends = _whole(job.started + cost * took)
        return job

    def _append(self, printer: Printer, job: Job) -> None:
        """Add a job, with an id above those of the jobs before it."""
        if printer.jobs:
            job.id = max(job.id, printer.jobs[-1].id + PRINTER_NUMBERS)
        printer.jobs.append(job)

    def advance(self, printer: Printer, now: datetime) -> None:
        """Begin the jobs whose time has come."""
        if not printer.filled:
            self._fill(printer)
        if not printer.scheduled or printer.offline_since:
            return
        current = self._slot_number(printer, now)
        while printer.next_slot <= current:
            job = self._scheduled_job(printer, printer.next_slot)
            if job and job.started > now:
                return
            printer.next_slot += 1
            last = printer.jobs[-1] if printer.jobs else None
            if job and not (last and last.running(job.started)):
                self._append(printer, job)

    # Questions

    def printers_of(self, account: Account) -> list[Printer]:
        """Return the printers bound to an account."""
        return list(self._bound[account.uid].values())

    def all_printers(self) -> list[Printer]:
        """Return the printers of all accounts."""
        return list(self._printers.values())

    def is_bound(self, dev_id: str, account: Account) -> bool:
        """Return whether a printer is bound to an account."""
        return dev_id in self._bound[account.uid]

    def fleet(self, account: Account, now: datetime) -> list[Printer]:
        """Return the printers bound to an account as they are now."""
        printers = self.printers_of(account)
        for printer in printers:
            self.advance(printer, now)
        return printers

    def tasks(
        self, account: Account, now: datetime, dev_id: str | None = None
    ) -> list[tuple[Job, Printer]]:
        """Return the jobs that the task list has, newest first."""
        found: list[tuple[Job, Printer]] = []
        for printer in self._ever_bound[account.uid].values():
            if dev_id in (None, printer.dev_id):
                self.advance(printer, now)
                at = printer.seen_at(now)
                found += [(job, printer) for job in printer.jobs if job.listed(at)]
        found.sort(key=lambda pair: pair[0].id, reverse=True)
        return found

    def job(self, account: Account, number: int, now: datetime) -> tuple[Job, Printer] | None:
        """Return the listed job with this id."""
        printer = self._by_number.get(number % PRINTER_NUMBERS)
        if printer is None or printer.dev_id not in self._ever_bound[account.uid]:
            return None
        self.advance(printer, now)
        index = bisect_left(printer.jobs, number, key=lambda job: job.id)
        job = printer.jobs[index] if index < len(printer.jobs) else None
        listed = job and job.id == number and job.listed(printer.seen_at(now))
        return (job, printer) if job and listed else None

    def look(self, job: Job, printer: Printer) -> Look:
        """Return what a job prints."""
        used = None if job.ams is None else sum(tray >= 0 for tray in job.ams)
        return catalogue.look(self.seed, job.id, job.title, len(printer.model.trays), used)

    def left(self, printer: Printer, unit: int, slot: int, spool: Spool, now: datetime) -> float:
        """Return how many grams there are on a spool.

        Prints take from it; one that is empty is followed by a full one of the same kind.
        """
        gone, numbers = 0.0, ams.trays(unit, slot)
        for job in reversed(printer.jobs):
            if job.ends and job.ends <= spool.since:
                break
            look = self.look(job, printer)
            used = [tray for tray in trays(job, printer, look) if tray >= 0]
            for tray, (_, _, share) in zip(used, look.filaments, strict=True):
                if tray in numbers:
                    since = job.done(max(spool.since, job.started))
                    gone += job.weight * share * max(0, job.done(now) - since)
        return ams.GRAMS - (ams.GRAMS - spool.grams + gone) % ams.GRAMS

    def printer(self, dev_id: str) -> Printer:
        """Return a printer as it is now."""
        if dev_id not in self._printers:
            raise LookupError("No such printer")
        printer = self._printers[dev_id]
        self.advance(printer, datetime.now(UTC))
        return printer

    # What the control endpoints do

    def state(self) -> dict[str, Any]:
        """Return accounts and printers."""
        now = datetime.now(UTC)
        owners: dict[str, list[str]] = {dev_id: [] for dev_id in self._printers}
        for account in self.accounts:
            for dev_id in self._bound[account.uid]:
                owners[dev_id].append(account.login)
        return {
            "era": self.era,
            "time_factor": self.time_factor,
            "now": now.isoformat(),
            "accounts": [
                {"account": account.login, "uid": account.uid, "ways": list(account.ways)}
                for account in self.accounts
            ],
            "printers": [self._state_of(dev_id, owners[dev_id], now) for dev_id in self._printers],
        }

    def _state_of(self, dev_id: str, owners: list[str], now: datetime) -> dict[str, Any]:
        printer = self.printer(dev_id)
        at = printer.seen_at(now)
        job = printer.current(now)
        return {
            "dev_id": dev_id,
            "name": printer.name,
            "model": printer.model.product,
            "accounts": owners,
            "online": printer.offline_since is None,
            "scheduled": printer.scheduled,
            "print_status": printer.status(at, self.era),
            "job": job
            and {
                "task_id": job.id if job.has_task else None,
                "title": self.look(job, printer).title,
                "started": job.started.isoformat(),
                "ends": job.ends and job.ends.isoformat(),
                "paused": job.paused(now),
            },
        }

    def code(self, account: str, kind: str | None = None) -> dict[str, Any]:
        """Return the newest code of an account, or that of a kind: code, kind, sent_at."""
        return self.accounts.newest_code(account, datetime.now(UTC), kind)

    def add_printer(self, account: str, model: str, name: str) -> str:
        """Bind a new printer that waits for commands and return its dev_id."""
        return self._place(account, catalogue.model(model), name, None).dev_id

    def remove_printer(self, dev_id: str, account: str | None = None) -> None:
        """Unbind a printer from one account or from all."""
        self.printer(dev_id)
        accounts = [self.accounts.find(account)] if account else list(self.accounts)
        for owner in accounts:
            self._bound[owner.uid].pop(dev_id, None)

    def bind_printer(self, dev_id: str, account: str) -> None:
        """Bind a printer to an account, as its owner or one more."""
        self._bind(self.printer(dev_id), self.accounts.find(account))

    def change_printer(
        self,
        dev_id: str,
        *,
        online: bool | None = None,
        name: str | None = None,
        scheduled: bool | None = None,
        door_open: bool | None = None,
        updating: int | None = None,
        latin1: bool | None = None,
        filament_switch: bool | None = None,
        restarted: bool = False,
    ) -> None:
        """Take a printer off line or back, rename it, or stop or resume its schedule.

        Only the printer itself tells of its door, and how much it has installed of new firmware
        (`updating`, a percentage; 100 is its end), may not write UTF-8 but Latin-1, can have a
        switch for filament between its AMS and its nozzles, and forgets its last print when it is
        `restarted`.
        """
        printer = self.printer(dev_id)
        now = datetime.now(UTC)
        if restarted:
            if printer.current(now):
                raise ValueError("The printer is printing")
            printer.idle_since = now
        printer.door_open = printer.door_open if door_open is None else door_open
        if updating is not None:
            printer.updating = updating if updating < 100 else None
        printer.latin1 = printer.latin1 if latin1 is None else latin1
        if filament_switch is not None:
            printer.filament_switch = filament_switch
        if name is not None:
            printer.name = name
        if online is False and printer.offline_since is None:
            printer.offline_since = now
        elif online is True and printer.offline_since is not None:
            printer.off_for = now - printer.offline_since
            printer.returns += 1
            printer.offline_since = None
            # Nothing was sent to it meanwhile.
            printer.next_slot = self._slot_number(printer, now) + 1
        if scheduled is not None:
            printer.pace = printer.pace or "resting"
            printer.scheduled = scheduled
            printer.next_slot = self._slot_number(printer, now) + 1

    def set_error(
        self,
        dev_id: str,
        *,
        print_error: int | None = None,
        hms: Sequence[Mapping[str, int]] | None = None,
    ) -> None:
        """Set what the printer itself complains of until it is set again: 0 and [] are nothing.

        Each complaint of the HMS is an `attr` and a `code`.
        """
        printer = self.printer(dev_id)
        if hms is not None:
            printer.hms = tuple((entry["attr"], entry["code"]) for entry in hms)
        if print_error is not None:
            printer.print_error = print_error

    # AMS and spools

    def ams(self, dev_id: str) -> dict[str, Any]:
        """Return the AMS of a printer, and the spools in them and beside it."""
        printer, now = self.printer(dev_id), datetime.now(UTC)
        return {
            "units": ams.described(printer.units, now, self.time_factor),
            "spools": [
                {
                    "unit": unit,
                    "tray": slot,
                    "spool": spool.id,
                    "material": spool.material,
                    "name": spool.name,
                    "colors": list(spool.colors),
                    "chip": spool.has_chip,
                    "remaining": int(self.left(printer, unit, slot, spool, now)) // 10,
                }
                for unit, slot, spool in printer.places()
            ],
        }

    def _settle(self, printer: Printer, now: datetime) -> None:
        """Let what is on the spools of a printer no longer follow from what it has printed."""
        for unit, slot, spool in printer.places():
            spool.grams, spool.since = self.left(printer, unit, slot, spool, now), now

    def _plug(
        self, printer: Printer, units: Mapping[int, Ams], now: datetime, lag: float | None
    ) -> None:
        seconds = VERSIONS_LAG / self.time_factor if lag is None else lag
        since = now + timedelta(seconds=seconds)
        # What was plugged in later is not known before.
        printer.plugged[1:] = [each for each in printer.plugged[1:] if each[0] < since]
        printer.plugged.append((since, dict(sorted(units.items()))))

    def plug_ams(
        self,
        dev_id: str,
        unit: int,
        kind: str | None = None,
        *,
        serial: str | None = None,
        loaded: str | None = None,
        nozzle: int | None = None,
        untold: float = 0,
        ready: bool = True,
        lag: float | None = None,
    ) -> str:
        """Plug an AMS in as a unit of a printer, in place of what is there; return its serial.

        With the serial number of one that there is or was, it is that one, with its spools, and is
        no longer where it was. `loaded` are the slots of a new one with a spool in them, all
        without. In so many answers about versions as `untold` its serial number is missing, for
        ever if that is True. One that is not `ready` starts. `lag` is how many seconds later HTTP
        knows.
        """
        printer, now = self.printer(dev_id), datetime.now(UTC)
        each = self._shelf.get(serial or "")
        for other in self._printers.values():
            for number, known in other.units.items() if serial and not each else ():
                if known.serial == serial:
                    self.unplug_ams(other.dev_id, number, lag=lag)
                    each = known
                    break
        kind = each.kind if each else kind or "ams"
        loaded = ("0" if kind == "n3s" else "0123") if loaded is None else loaded
        ams.checked(kind, unit, loaded)
        self._settle(printer, now)
        if each is None:
            each = self._new_ams(kind, serial, loaded, now)
        self._shelf.pop(each.serial, None)
        units = dict(printer.units)
        if before := units.get(unit):
            self._shelf[before.serial] = before
        for spool in each.spools.values():
            spool.since = now
        each.nozzle = each.nozzle if nozzle is None else nozzle
        each.untold = float("inf") if untold is True else untold
        each.ready = ready
        self._plug(printer, units | {unit: each}, now, lag)
        return each.serial

    def _number(self) -> int:
        """Return a number for something new, which nothing that was there from the start has."""
        self._made += 1
        return 900_000 + self._made

    def _new_ams(self, kind: str, serial: str | None, loaded: str, now: datetime) -> Ams:
        number = self._number()
        chance = Random(f"{self.seed}:ams:{number}")
        each = Ams(
            kind=kind,
            serial=serial or f"00600Z{number:09d}",
            chip=f"C0DE5EC{number:06d}000",
            percent=chance.randint(8, 32),
            celsius=chance.randint(24, 29),
            measured=now,
        )
        each.spools = {int(slot): self._new_spool(now) for slot in loaded}
        return each

    def _new_spool(self, now: datetime) -> Spool:
        number = self._number()
        spool = ams.seeded_spool(Random(f"{self.seed}:new:{number}"), f"{number}00", now)
        self._spools.append(spool)
        return spool

    def _unit(self, printer: Printer, unit: int) -> Ams:
        if unit not in printer.units:
            raise LookupError("No such AMS")
        return printer.units[unit]

    def unplug_ams(self, dev_id: str, unit: int, *, lag: float | None = None) -> str:
        """Unplug an AMS, with its spools, and return its serial number; HTTP knows later."""
        printer, now = self.printer(dev_id), datetime.now(UTC)
        each = self._unit(printer, unit)
        self._settle(printer, now)
        self._shelf[each.serial] = each
        units = {number: other for number, other in printer.units.items() if number != unit}
        self._plug(printer, units, now, lag)
        return each.serial

    def change_ams(
        self,
        dev_id: str,
        unit: int,
        *,
        humidity: float | None = None,
        temperature: float | None = None,
        drying: float | None = None,
        nozzle: int | None = None,
        untold: float | None = None,
        ready: bool | None = None,
    ) -> None:
        """Set what an AMS measures, in percent and °C, or let it dry for minutes, 0 to end it.

        The minutes pass as fast as the time factor says. What it measures then goes on to drift.
        The rest is as in `plug_ams`.
        """
        each, now = self._unit(self.printer(dev_id), unit), datetime.now(UTC)
        if humidity is not None or temperature is not None:
            each.measures(now, self.time_factor, humidity, temperature)
        if drying is not None:
            if each.kind not in ("n3f", "n3s"):
                raise ValueError("It cannot dry")
            each.dries = (now, timedelta(minutes=drying)) if drying else None
        each.nozzle = each.nozzle if nozzle is None else nozzle
        each.ready = each.ready if ready is None else ready
        if untold is not None:
            each.untold = float("inf") if untold is True else untold

    def _tray(self, printer: Printer, unit: int, tray: int) -> dict[int, Spool]:
        """Return where the spool of a tray is noted, by its number there."""
        if unit in (ams.LEFT, ams.RIGHT):
            if tray or (unit == ams.LEFT and printer.model.nozzles == 1):
                raise LookupError("No such tray")
            return printer.beside
        each = self._unit(printer, unit)
        if not 0 <= tray < each.slots:
            raise LookupError("No such tray")
        return each.spools

    def put_spool(
        self,
        dev_id: str,
        unit: int,
        tray: int = 0,
        *,
        spool: int | None = None,
        material: str | None = None,
        filament_id: str | None = None,
        brand: str | None = None,
        name: str | None = None,
        colors: Sequence[str] | None = None,
        remaining: float | None = None,
        chip: bool = True,
        reading: float = 0,
    ) -> int:
        """Put a spool into a tray, in place of what is there, and return its number.

        A unit of 255, or 254 on the left, is the place beside the printer. It is a `spool` that
        there was before, or a new one: what is not said of it is made up, but without a chip and a
        material the printer does not know what it is. `colors` are as "FF6A13FF", several of one
        with several; `remaining` is a percentage. The printer reads its chip for some seconds.
        """
        printer, now = self.printer(dev_id), datetime.now(UTC)
        where, place = self._tray(printer, unit, tray), unit if unit >= ams.LEFT else tray
        self._settle(printer, now)
        if spool is None:
            new = self._new_spool(now)
            new.has_chip = chip and unit < ams.LEFT
            if material or not chip:
                new.material, new.filament_id = material or "", ""
                new.vendor = "Bambu Lab" if new.has_chip else "Generic"
                known = (each for each in catalogue.FILAMENTS if each.type == material)
                if material and (filament := next(known, None)):
                    new.filament_id = filament.id if new.has_chip else f"GF{material[0]}99"
                new.name = f"{material} Basic" if material else ""
        else:
            new = self._take_anywhere(spool)
        new.filament_id = filament_id or new.filament_id
        new.vendor = brand or new.vendor
        new.name = name or new.name
        new.colors = tuple(colors) if colors else new.colors
        new.grams = new.grams if remaining is None else remaining * 10
        new.since, new.reduced, new.state = now, False, None
        new.read_until = now + timedelta(seconds=reading)
        where[place] = new
        return new.id

    def _take_anywhere(self, spool: int) -> Spool:
        """Return a spool that is somewhere or was, and is then nowhere."""
        for printer in self._printers.values():
            for unit, slot, known in printer.places():
                if known.id == spool:
                    self.take_spool(printer.dev_id, unit, slot)
                    return known
        for known in self._spools:
            if known.id == spool:
                return known
        raise LookupError("No such spool")

    def take_spool(self, dev_id: str, unit: int, tray: int = 0) -> int:
        """Take the spool out of a tray and return its number."""
        printer, now = self.printer(dev_id), datetime.now(UTC)
        where, place = self._tray(printer, unit, tray), unit if unit >= ams.LEFT else tray
        if place not in where:
            raise ValueError("There is no spool")
        self._settle(printer, now)
        taken = where.pop(place)
        if taken not in self._spools:
            self._spools.append(taken)
        return taken.id

    def change_spool(
        self,
        dev_id: str,
        unit: int,
        tray: int = 0,
        *,
        remaining: float | None = None,
        reading: float | None = None,
        reduced: bool | None = None,
        state: int | None = None,
    ) -> None:
        """Change what a printer tells of a spool.

        `remaining` is a percentage. For so many seconds as `reading` the printer reads its chip.
        While it is `reduced` only its number and state are told; `state` is that number, 0 is as
        the printer would tell.
        """
        printer, now = self.printer(dev_id), datetime.now(UTC)
        where, place = self._tray(printer, unit, tray), unit if unit >= ams.LEFT else tray
        if place not in where:
            raise ValueError("There is no spool")
        spool = where[place]
        if remaining is not None:
            self._settle(printer, now)
            spool.grams = remaining * 10
        if reading is not None:
            spool.read_until = now + timedelta(seconds=reading)
        spool.reduced = spool.reduced if reduced is None else reduced
        spool.state = spool.state if state is None else state or None

    def spools_made(self) -> list[Spool]:
        """Return the spools that were taken out or came by command."""
        return self._spools

    def units_unplugged(self) -> list[Ams]:
        """Return the AMS that are nowhere."""
        return list(self._shelf.values())

    def run_out(self, dev_id: str) -> None:
        """Let the filament run out that is printed from: the print pauses, and the tray is empty.

        The error goes when the print is resumed.
        """
        now = datetime.now(UTC)
        job, printer = self._running(dev_id, now), self.printer(dev_id)
        used = [tray for tray in trays(job, printer, self.look(job, printer)) if tray >= 0]
        tray = used[part(job.done(now), len(used))[0]]
        beside = tray in (ams.LEFT, ams.RIGHT)
        place = (tray, 0) if beside else ams.place(printer.units, tray)
        if place is None:
            raise ValueError("It does not print from a tray")
        self.take_spool(dev_id, *place)
        self.pause(dev_id, FILAMENT_RAN_OUT)
        unit = place[0]
        error = RAN_OUT | unit << 16 if unit < 128 else RAN_OUT_HT | unit - 128 << 16
        printer.print_error = RAN_OUT_BESIDE if beside else error

    def stop_schedules(self) -> None:
        """Let every printer rest: schedules stop, running jobs never were, ended ones are told."""
        now = datetime.now(UTC)
        for printer in self._printers.values():
            self.advance(printer, now)
            printer.scheduled = False
            printer.jobs = [job for job in printer.jobs if not job.running(now)]
            for job in printer.jobs:
                job.lag = timedelta()

    def start(
        self,
        dev_id: str,
        *,
        title: str | None = None,
        duration: float | None = None,
        ago: float = 0,
        result: str = "finished",
        kind: str | None = None,
        task: bool | None = None,
        task_lag: float | None = None,
        bind_lag: float = 0,
        stale: float = 0,
        preparing: float = 0,
        prepares: float | None = None,
        told_id: int | None = None,
        ams: Sequence[int] | None = None,
        keeps_job: bool | None = None,
    ) -> int | None:
        """Start a print and return its task id, None for one without a task.

        It is of the kind "cloud" or, without a task, "local": from the SD card or the network; one
        with a task is local as well where the list has it although the cloud has not sent it. A
        "calibration" never has a task.

        Times are real seconds: how long it prints; how long `ago` it began, and what was printed
        since then never was; how much later the task list, and how much later bind, learns of its
        start and end; how long bind goes on with the old status; how long it then prepares, and how
        long the printer itself says so, which may be 0. `told_id` is what the printer calls a job
        that is local. `ams` are the flat numbers of its trays, -1 for one that is not used. While
        and after a print without a task bind names the job before it if it `keeps_job`.
        """
        if ams is not None and not all(isinstance(tray, int) for tray in ams):
            raise ValueError("The trays of an AMS are numbers")
        task = kind in (None, "cloud") if task is None else task
        kind = kind or ("cloud" if task else "local")
        if kind not in KINDS or (kind, task) in (("cloud", False), ("calibration", True)):
            raise ValueError("A print is from the cloud, which has a task, local or a calibration")
        printer = self.printer(dev_id)
        now = datetime.now(UTC)
        if printer.offline_since:
            raise ValueError("The printer is offline")
        if printer.current(now):
            raise ValueError("The printer is printing")
        hours = timedelta(hours=2) / self.time_factor
        begun = now - timedelta(seconds=ago)
        if ago:
            printer.jobs = [each for each in printer.jobs if each.ends and each.ends <= begun]
        job = self._job(
            printer,
            begun,
            hours if duration is None else timedelta(seconds=duration),
            title=title,
            result=_result(result),
            has_task=task,
        )
        job.kind, job.cancelled = kind, result == "cancelled"
        if task_lag is not None:
            job.lag = timedelta(seconds=task_lag)
        job.bind_lag = timedelta(seconds=bind_lag)
        job.stale, job.preparing = timedelta(seconds=stale), timedelta(seconds=preparing)
        if preparing or prepares is not None:
            job.prepares = timedelta(seconds=preparing if prepares is None else prepares)
        job.told_id = told_id
        job.ams = None if ams is None else tuple(ams)
        job.keeps_job = job.keeps_job if keeps_job is None else keeps_job
        self._append(printer, job)
        return job.id if task else None

    def _running(self, dev_id: str, now: datetime) -> Job:
        job = self.printer(dev_id).current(now)
        if job is None:
            raise ValueError("The printer is not printing")
        return job

    def end(self, dev_id: str, result: str = "finished", *, idle: bool = False) -> None:
        """End the running print now; the printer says how, or is `idle` at once."""
        now = datetime.now(UTC)
        job = self._running(dev_id, now)
        job.result, job.cancelled = _result(result), result == "cancelled"
        job.ends = now
        if idle:
            self._printers[dev_id].idle_since = now
        job.pauses = [(start, min(stop or now, now)) for start, stop in job.pauses if start < now]

    def pause(self, dev_id: str, stage: int = PAUSED_BY_USER) -> None:
        """Pause the running print until it is resumed; the stage says why."""
        now = datetime.now(UTC)
        job = self._running(dev_id, now)
        if job.paused(now):
            raise ValueError("The print is paused")
        job.pauses = [(start, stop) for start, stop in job.pauses if start < now] + [(now, None)]
        job.pause_stage = stage
        job.ends = None

    def resume(self, dev_id: str) -> None:
        """Go on with the paused print."""
        now = datetime.now(UTC)
        job = self._running(dev_id, now)
        if not job.paused(now):
            raise ValueError("The print is not paused")
        rest = max(job.cost - job.printed_for(now), timedelta(seconds=1))
        job.pauses[-1] = (job.pauses[-1][0], now)
        if job.pause_stage == FILAMENT_RAN_OUT:
            self._printers[dev_id].print_error = 0
        job.ends = now + rest

    def revoke(self, account: str) -> None:
        """Make all tokens of an account invalid."""
        self.accounts.find(account).generation += 1

    def refuse_mqtt(self, account: str, *, refused: bool = True) -> None:
        """Let the broker alone refuse the tokens of an account, or take them again."""
        self.accounts.find(account).mqtt_refused = refused

    def set_expires_in(self, account: str, expires_in: int) -> None:
        """Set for how long new tokens of an account live, in seconds."""
        self.accounts.find(account).expires_in = expires_in

    def send_messages(self, account: str, kind: int = 201, number: int = 1) -> None:
        """Send messages of a kind to an account, which stay unread for a day."""
        sent = self._sent[self.accounts.find(account).uid]
        if kind not in SENT_KINDS:
            raise LookupError("No such kind of message")
        if not 0 < number <= MOST_SENT - len(sent):
            raise ValueError(f"An account can be sent {MOST_SENT} messages in all")
        now = datetime.now(UTC)
        sent += [(now, len(sent) + index, kind) for index in range(number)]

    def sent_messages(self, account: Account) -> list[tuple[datetime, int, int]]:
        """Return when messages were sent by command, their numbers, and their kinds."""
        return self._sent[account.uid]

    # Faults, the log of requests, and what automations send

    def add_fault(
        self,
        fault: str,
        path: str = "*",
        times: int | None = None,
        *,
        date: str | float | None = None,
        body: Any = None,
        status: int = 200,
        after: float = 0,
        lasts: float | None = None,
    ) -> None:
        """Let requests fail whose path begins so; all of them without a number of times.

        Any fault can carry a `date`, a text or seconds from now, for the header of its answer.
        The fault "body" answers with `body`: text as it stands, everything else as JSON. It
        begins `after` so many seconds and `lasts` for so many, for ever without.
        """
        if fault not in NAMES:
            raise LookupError("No such fault")
        answer = FAULTS.get(fault)
        if fault == "body":
            answer = Answer(status, body, JSON)
        elif body is not None:
            raise ValueError("Only the fault body has a body")
        if fault == "date" and date is None:
            raise ValueError("The fault date wants a date")
        if isinstance(date, int | float) and not abs(date) < MOST_SECONDS:
            raise ValueError("A date so far away can only be a text")
        if not 0 <= after < MOST_SECONDS or not 0 < (lasts or 1) < MOST_SECONDS:
            raise ValueError("A fault begins after some seconds and lasts for some")
        begins = datetime.now(UTC) + timedelta(seconds=after)
        self._faults.append(
            Fault(
                path,
                fault,
                times,
                answer,
                date,
                begins=begins if after else None,
                ends=None if lasts is None else begins + timedelta(seconds=lasts),
                seed=f"{self.seed}:{len(self._faults)}",
            )
        )

    def plan_faults(
        self,
        seed: int,
        share: float = 0.2,
        path: str = "/v1/",
        weights: Mapping[str, float] = WEIGHTS,
    ) -> None:
        """Let a seed decide for a share of the requests below a path what goes wrong.

        What happens to the n-th request of a path follows from these alone, whatever else is asked.
        Faults that were added strike first. A share of 0 ends it.
        """
        if not 0 <= share <= 1:
            raise ValueError("A share is from 0 to 1")
        if unknown := weights.keys() - {*NAMES} | {"body"} & weights.keys():
            raise LookupError(f"No such fault: {', '.join(sorted(unknown))}")
        self._plan = Plan(seed, share, path, weights) if share else None

    def clear_faults(self) -> None:
        """Let everything work again."""
        self._faults.clear()
        self._plan = None

    def faults(self) -> dict[str, Any]:
        """Return the active faults and the names of all."""
        active = [
            {"path": f.path, "fault": f.name, "times": f.times}
            | ({} if f.date is None else {"date": f.date})
            | ({"status": f.answer.status} if f.name == "body" and f.answer else {})
            | ({"begins": f.begins.isoformat()} if f.begins else {})
            | ({"ends": f.ends.isoformat()} if f.ends else {})
            for f in self._faults
        ]
        plan = {"seed": p.seed, "share": p.share, "path": p.path} if (p := self._plan) else None
        return {"active": active, "names": sorted(NAMES), "plan": plan}

    def take_fault(self, path: str) -> Fault | None:
        """Return the fault that strikes a request, and count it."""
        now = datetime.now(UTC)
        self._faults = [fault for fault in self._faults if not fault.is_over(now)]
        fault = next((fault for fault in self._faults if fault.hits(path, now)), None)
        if fault is None:
            return self._plan.strike(path) if self._plan else None
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return fault

    def log_request(self, **entry: Any) -> None:
        """Note a request that was served."""
        self._served += 1
        self._requests.append({"n": self._served, **entry})

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the requests after number `since`."""
        return [entry for entry in self._requests if entry["n"] > since]

    def clear_requests(self) -> None:
        """Forget the requests; the numbers go on."""
        self._requests.clear()

    def receive(self, name: str, body: Any) -> None:
        """Keep what an automation under test sends."""
        self._posted += 1
        at = datetime.now(UTC).isoformat()
        self._received.append({"n": self._posted, "name": name, "at": at, "body": body})

    def received(self) -> list[dict[str, Any]]:
        """Return what automations sent."""
        return list(self._received)

    def clear_received(self) -> None:
        """Forget what automations sent."""
        self._received.clear()


def _result(name: str) -> int:
    if name not in _RESULTS:
        raise ValueError("A result is finished, failed or cancelled")
    return _RESULTS[name]


def _whole(at: datetime) -> datetime:
    """Cut to a second, which is how the cloud counts."""
    return at.replace(microsecond=0)


def _whole_span(span: timedelta) -> timedelta:
    return timedelta(seconds=max(1, round(span.total_seconds())))
