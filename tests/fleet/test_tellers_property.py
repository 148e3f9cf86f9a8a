"""Any interleaving of two tellers announces each print once.

The cloud over HTTP is as in tests/fleet/test_lifecycle_property.py, and late with all that it says.
The printer tells of itself by push: at once or late, message by message, some of which are lost,
over sessions that break. Its ids are not always the list's, and not always told at once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import Any

from hypothesis import given, strategies as st

from custom_components.bambu_lab_cloud.api.models import Device
from custom_components.bambu_lab_cloud.fleet.lifecycle import NEWS, next_records
from custom_components.bambu_lab_cloud.fleet.printer import PrinterStatus, PrintResult
from custom_components.bambu_lab_cloud.fleet.tellers import Word
from tests.fleet.test_lifecycle_property import EPOCH, SECOND, Job, ModelPrinter, Watch

MINUTE = timedelta(minutes=1)
ID = "00M00A000000001"
STATUS = {
    "IDLE": PrinterStatus.IDLE,
    "PREPARE": PrinterStatus.PREPARING,
    "RUNNING": PrinterStatus.PRINTING,
    "PAUSE": PrinterStatus.PAUSED,
    "FINISH": PrinterStatus.FINISHED,
    "FAILED": PrinterStatus.FAILED,
    "CALIBRATING": PrinterStatus.CALIBRATING,
}


@dataclass(frozen=True)
class LiveJob(Job):
    """A print, also as its printer tells it.

    kind is cloud, lan (which the list has and bind names, and of which the printer tells no id, or
    one that nobody knows), card or calibration.
    """

    kind: str = "cloud"
    other: str = "0"
    list_field: str = "task_id"
    cancelled: bool = False
    preparing: timedelta = timedelta()
    id_lag: timedelta = timedelta()
    pause: timedelta | None = None
    bind_start: datetime = EPOCH
    bind_end: datetime = EPOCH

    @property
    def ids(self) -> dict[str, str]:
        """Return the ids by which its printer tells of it."""
        if self.kind == "calibration":
            return {"task_id": "0", "subtask_id": "0"}
        if self.kind != "cloud":
            return {"task_id": self.other, "subtask_id": self.other}
        other = "subtask_id" if self.list_field == "task_id" else "task_id"
        return {self.list_field: self.id, other: self.other}

    def said(self, now: datetime, before: dict[str, Any]) -> dict[str, Any]:
        """Return what its printer says while and after it runs."""
        is_named = now >= self.start + self.id_lag
        ids = self.ids | {"name": self.id} if is_named else before
        told = {key: ids[key] for key in ("task_id", "subtask_id", "name")}
        progress = 0 if now < self.start + 2 * MINUTE else 50
        if self.kind == "calibration":
            state = "CALIBRATING" if now < self.end else "IDLE"
        elif now < self.start + self.preparing:
            state = "PREPARE"
        elif now < self.end:
            paused = self.pause and self.start + self.pause <= now < self.end - 5 * SECOND
            state = "PAUSE" if paused else "RUNNING"
        else:
            state, progress = ("FAILED", progress) if self.failed else ("FINISH", 100)
        return told | {"state": state, "progress": progress}

    @property
    def changes(self) -> list[datetime]:
        """Return when its printer has something to tell."""
        times = [self.start, self.start + self.id_lag, self.start + self.preparing, self.end]
        times += [self.start + 2 * MINUTE] if self.end - self.start > 2 * MINUTE else []
        if self.pause and self.start + self.pause < self.end - 5 * SECOND:
            times += [self.start + self.pause, self.end - 5 * SECOND]
        return sorted({at for at in times if at <= self.end})


@dataclass(frozen=True)
class Message:
    """What a printer sends when something changes."""

    sent: datetime
    arrives: datetime
    is_lost: bool
    said: dict[str, Any]
    cancelled_at: datetime | None


@dataclass(frozen=True)
class LivePrinter(ModelPrinter):
    """A printer that also speaks for itself."""

    messages: tuple[Message, ...] = ()

    def said(self, now: datetime) -> dict[str, Any]:
        """Return all that it would say of itself."""
        said = {"state": "IDLE", "task_id": "0", "subtask_id": "0", "name": "", "progress": 0}
        for job in self.jobs:
            assert isinstance(job, LiveJob)
            if job.start <= now:
                said = job.said(now, said)
        return said

    def cancelled_at(self, now: datetime) -> datetime | None:
        """Return when it last said that a print was cancelled."""
        jobs = [job for job in self.jobs if isinstance(job, LiveJob)]
        told = [job.end for job in jobs if job.cancelled and job.end <= now]
        return max(told, default=None)

    def bind(self, now: datetime) -> tuple[str, str]:
        """Return print_status and print_job, late."""
        status, named = "IDLE", "0"
        for job in self.jobs:
            assert isinstance(job, LiveJob)
            if job.bind_start <= now:
                named = job.print_job
                if now >= job.bind_start + job.sticky:
                    ended = "FAIL" if job.failed else "SUCCESS"
                    status = "RUNNING" if now < job.bind_end else ended
        return status, named


@dataclass
class Event:
    """Something that happens at a time."""

    at: datetime
    number: int
    act: Callable[[datetime], None]

    def __lt__(self, other: Event) -> bool:
        return (self.at, self.number) < (other.at, other.number)


@dataclass
class LiveWatch(Watch):
    """What a program that polls the cloud and listens to the printer keeps."""

    client: dict[str, Any] = field(default_factory=dict)
    cancelled_at: datetime | None = None
    heard_at: datetime | None = None
    heard_before: datetime | None = None
    session: int = 0
    is_connected: bool = False
    has_full: bool = False
    full_at: datetime = EPOCH
    lost_at: datetime = EPOCH
    asked_at: datetime = EPOCH
    polled: dict[str, Any] = field(default_factory=dict)
    queue: list[Event] = field(default_factory=list)
    numbers: Any = field(default_factory=count)
    steps: list[datetime] = field(default_factory=list)
    connects: list[datetime] = field(default_factory=list)
    breaks: list[datetime] = field(default_factory=list)

    @property
    def printer(self) -> LivePrinter:
        (printer,) = self.printers
        assert isinstance(printer, LivePrinter)
        return printer

    def at(self, at: datetime, act: Callable[[datetime], None]) -> None:
        """Let something happen later."""
        heappush(self.queue, Event(at, next(self.numbers), act))

    def run_to(self, now: datetime) -> None:
        """Let happen what is due."""
        while self.queue and self.queue[0].at <= now:
            event = heappop(self.queue)
            event.act(event.at)

    def word(self, now: datetime) -> Word | None:
        """Return what the printer says, if that is fresh."""
        if not self.has_full or not self.client:
            return None
        if not self.is_connected and now - self.lost_at > MINUTE:
            return None
        return Word(
            status=STATUS[self.client["state"]],
            task_id=self.client["task_id"],
            subtask_id=self.client["subtask_id"],
            name=self.client["name"],
            progress=self.client["progress"],
            cancelled_at=self.cancelled_at,
            heard_at=self.heard_before,
        )

    def step(self, now: datetime) -> None:
        """Let the lifecycle look, fire, then save."""
        if not self.polled:
            return
        before = self.records
        word = self.word(now)
        self.records, _, events = next_records(
            self.records,
            self._derive([self.polled["device"]], [], now),
            self.known.values(),
            now=now,
            seen=self.seen,
            asked_at=self.asked_at,
            words={ID: word} if word else {},
        )
        self.seen |= {ID}
        (self.save if events or not self.records.are_like(before) else int)()
        self.announced += ((now, event) for event in events)
        self.steps.append(now)
        due = self.records.printers[ID].due_at
        if due:
            self.at(max(due, now), self.step)

    def poll(self, now: datetime) -> None:
        """Ask now, and hear the answer at once."""
        self.ask(now, timedelta())
        self.run_to(now)

    def ask(self, now: datetime, takes: timedelta) -> None:
        """Ask bind now, and hear its answer and the list's a while later."""
        status, job = self.printer.bind(now)
        device = Device(id=ID, name="W", online=True, print_status=status, print_job=job)
        session = self.session

        def answer(at: datetime) -> None:
            if session != self.session:
                return
            self.asked_at = now
            self.polled = {"device": device}
            printers = self._derive([device], [], at)
            self.known |= {task.id: task for task in self._listed(printers, at)}
            self.step(at)
            self.records = self.records.read(at, {ID})
            self.polls.append(at)
            is_busy = self.client.get("state") in ("PREPARE", "RUNNING", "PAUSE", "CALIBRATING")
            ids = {self.client.get("task_id"), self.client.get("subtask_id")}
            if self.is_connected and status == "RUNNING" and not (is_busy and job in ids):
                # It may have been lost that the printer prints, or what.
                self.full(at)

        # One question at a time.
        if now >= self.asks_until:
            self.asks_until = now + takes
            self.at(now + takes, answer)

    def _listed(self, seen: dict[str, Any], now: datetime) -> Any:
        # A list that is read in full: how far back it is read has tests of its own.
        return (task for job in self.printer.jobs if (task := job.task(ID, now)))

    def full(self, now: datetime) -> None:
        """Hear all that the printer says."""
        if self.is_connected and now - self.full_at >= MINUTE:
            self.full_at = now
            self.hear(now, self.printer.said(now), self.printer.cancelled_at(now))
            self.has_full = True
            self.step(now)

    def hear(self, now: datetime, said: dict[str, Any], cancelled_at: datetime | None) -> None:
        self.client = self.client | said
        self.cancelled_at = max(filter(None, (self.cancelled_at, cancelled_at)), default=None)
        self.heard_before, self.heard_at = self.heard_at, now

    def take(self, message: Message, session: int | None = None) -> Callable[[datetime], None]:
        """Return what happens when a message arrives."""

        def arrive(at: datetime) -> None:
            # The answer with everything comes after what was sent before it.
            is_late = message.sent <= max(self.full_at, self.connected_at)
            if self.is_connected and not message.is_lost and not is_late:
                self.hear(at, message.said, message.cancelled_at)
                self.step(at)

        return arrive

    connected_at: datetime = EPOCH
    asks_until: datetime = EPOCH

    def heard(self, job: LiveJob) -> bool:
        """Return if all that its printer told of a print was heard."""
        told = [each for each in self.printer.messages if job.start <= each.sent <= job.end]
        return not any(each.is_lost for each in told) and self.listens(job.start, told[-1].arrives)

    def listens(self, start: datetime, end: datetime) -> bool:
        """Return if the session stood all the time."""
        sessions = zip(self.connects, [*self.breaks, end + SECOND], strict=False)
        return any(begin < start and end < over for begin, over in sessions)

    def connect(self, now: datetime) -> None:
        if not self.is_connected and self.polled:
            self.is_connected, self.has_full, self.connected_at = True, False, now
            self.client = {}
            self.connects.append(now)
            self.full_at = EPOCH - MINUTE
            self.full(now)

    def lose(self, now: datetime) -> None:
        if self.is_connected:
            self.is_connected, self.lost_at = False, now
            self.breaks.append(now)

    def restart(self) -> None:
        super().restart()
        self.session += 1
        self.asks_until = EPOCH
        self.has_full, self.client = False, {}
        self.cancelled_at = self.heard_at = self.heard_before = None
        self.polled = {}

    def crash(self, now: datetime) -> None:
        saved = self.saved
        self.poll(now)
        self.saved = saved
        self.lost.add(now)
        self.restart()


_SECONDS = st.sampled_from([0, 0, 1, 3]) | st.integers(0, 90)


@st.composite
def live_printers(draw: st.DrawFn) -> LivePrinter:
    """Draw a printer, with all that it will print and send."""
    list_field = draw(st.sampled_from(["task_id", "subtask_id"]))
    at = EPOCH + draw(st.integers(30, 3600)) * SECOND
    jobs: list[LiveJob] = []
    listed = bind = EPOCH
    for index in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["cloud", "cloud", "cloud", "lan", "card", "calibration"]))
        failed = draw(st.booleans())
        # What takes but seconds was refused.
        long = draw(st.sampled_from([3 if failed else 600, 150]) | st.integers(150, 2 * 3600))
        end = at + long * SECOND
        listed = max(listed, at + draw(_SECONDS) * SECOND)
        bind_start = max(bind, at + draw(_SECONDS) * SECOND)
        bind = max(bind_start, end + draw(_SECONDS) * SECOND)
        other = str(5000 + index)
        jobs.append(
            LiveJob(
                id=str(1000 + index),
                start=at,
                end=end,
                failed=failed,
                start_lag=listed - at,
                end_lag=draw(_SECONDS) * SECOND,
                sticky=draw(st.sampled_from([0, 0, 5, 60])) * SECOND,
                has_task=kind in ("cloud", "lan"),
                kind=kind,
                other=other if kind == "cloud" or draw(st.integers(0, 3)) == 0 else "0",
                list_field=list_field,
                cancelled=failed and draw(st.booleans()),
                preparing=min(long, draw(st.sampled_from([0, 2, 20]))) * SECOND,
                id_lag=min(long, draw(st.sampled_from([0, 0, 1]))) * SECOND,
                pause=draw(st.none() | st.integers(5, 600).map(lambda n: n * SECOND)),
                bind_start=bind_start,
                bind_end=bind,
            )
        )
        at = end + draw(st.sampled_from([35, 150]) | st.integers(35, 7200)) * SECOND
    printer = LivePrinter(id=ID, jobs=list(jobs), offline=[])
    times = sorted({change for job in jobs for change in job.changes})
    before = printer.said(EPOCH)
    messages: list[Message] = []
    arrives = EPOCH
    # A job that is refused within seconds is told at once: too much of it would be guessing.
    short = [(job.start, job.end) for job in jobs if job.end - job.start < 10 * SECOND]
    for time in times:
        said = printer.said(time)
        is_short = any(start <= time <= end for start, end in short)
        late = 0 if is_short else draw(st.sampled_from([0, 0, 1, 2, 3, 20]))
        arrives = max(arrives, time + late * SECOND)
        messages.append(
            Message(
                sent=time,
                arrives=arrives,
                is_lost=draw(st.integers(0, 9)) == 9 and not is_short,
                said={key: value for key, value in said.items() if before[key] != value},
                cancelled_at=printer.cancelled_at(time),
            )
        )
        before = said
    return replace(printer, messages=tuple(messages))


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 5, 20, 60, 60, 120, 300, 900, 1800]),
        st.sampled_from(
            ["poll"] * 3
            + ["ask", "ask", "lose", "connect", "connect", "repeat"]
            + ["save", "restart", "kill", "crash"]
        ),
        st.integers(0, 25),
    ),
    max_size=60,
)


def live_through(watch: LiveWatch, steps: list[tuple[int, str, int]]) -> None:
    """Live through it, then poll and listen until all is over and listed."""
    actions: dict[str, Callable[[datetime, int], None]] = {
        "poll": lambda now, _: watch.poll(now),
        "ask": lambda now, takes: watch.ask(now, takes * SECOND),
        "lose": lambda now, _: watch.lose(now),
        "connect": lambda now, _: watch.connect(now),
        "repeat": lambda now, _: watch.step(now),
        "save": lambda now, _: watch.save(),
        "restart": lambda now, _: (watch.save(), watch.lose(now), watch.restart()),
        "kill": lambda now, _: (watch.lose(now), watch.restart()),
        "crash": lambda now, _: (watch.crash(now), watch.lose(now)),
    }
    for message in watch.printer.messages:
        watch.at(message.arrives, watch.take(message))
    watch.poll(EPOCH)
    watch.connect(EPOCH)
    now = EPOCH
    for seconds, action, number in steps:
        now += seconds * SECOND
        watch.run_to(now)
        actions[action](now, number)
    end = max([now, *(job.end for job in watch.printer.jobs)])
    while now < end + timedelta(minutes=40):
        now += timedelta(minutes=2)
        watch.run_to(now)
        watch.poll(now)
        watch.connect(now)


@given(printer=live_printers(), steps=_STEPS)
def test_each_print_is_announced_once(
    printer: LivePrinter, steps: list[tuple[int, str, int]]
) -> None:
    watch = LiveWatch(printers=[printer], era="2026")
    live_through(watch, steps)
    jobs = [job for job in printer.jobs if isinstance(job, LiveJob)]
    prints = [job for job in jobs if job.kind != "calibration"]
    # What nobody but bind tells of is a print by all that bind says.
    unheard = [
        job
        for job in jobs
        if job.kind == "calibration"
        and not (watch.heard(job) and watch.listens(job.start, job.bind_end))
    ]
    by_id = {each: job for job in prints for each in (job.id, *job.ids.values()) if each != "0"}
    kept = watch.kept
    ends = [(at, event) for at, event in kept if event.is_end]
    starts = [(at, event) for at, event in kept if event.type == "started"]

    for events, moment in ((ends, "end"), (starts, "start")):
        told = Counter(by_id[e.print.task_id].id for _, e in events if e.print.task_id)
        assert max(told.values(), default=0) <= 1
        # What is told without an id is each a print of its own, that no id tells of.
        free = [job for job in prints if job.id not in told] + unheard
        for at, event in events:
            if event.print.task_id:
                assert at >= getattr(by_id[event.print.task_id], moment)
                continue
            before = [job for job in free if getattr(job, moment) <= at]
            assert before, (moment, at, event)
            free.remove(max(before, key=lambda job: job.start))

    # Exactly those with a task that were news.
    due = {
        job.id
        for job in prints
        if job.has_task
        and any(
            job.end + job.end_lag + job.start_lag <= poll <= job.end + NEWS for poll in watch.polls
        )
    }
    missing = due - {
        by_id[e.print.task_id].id for _, e in watch.announced if e.is_end and e.print.task_id
    }
    without = [e for _, e in watch.announced if e.is_end and not e.print.task_id]
    assert len(missing) <= len(without), missing
    # Those that were heard, in order; and nothing of a print after its end.
    heard = {job.id for job in prints if watch.heard(job)}
    named = [by_id[e.print.task_id] for _, e in ends if e.print.task_id]
    for (_, event), job in zip([(at, e) for at, e in ends if e.print.task_id], named, strict=True):
        right = (event.print.result is PrintResult.FAILED) is job.failed
        assert right or job.id not in heard
    order = [job.end for job in named if job.id in heard]
    assert all(earlier <= later for earlier, later in pairwise(order))
    over: set[str] = set()
    for _, event in kept:
        if event.print.task_id:
            name = by_id[event.print.task_id].id
            assert name not in over
            over |= {name} if event.is_end else set()
