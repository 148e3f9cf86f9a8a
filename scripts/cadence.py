"""When the cloud is asked, over a year of prints in moved time; see scripts/cadence.

The clock and the cloud are a model, and so is what Home Assistant's coordinators do with an
interval; what decides is the integration's own: `fleet/cadence.py`, the reader of my/tasks and the
lifecycle. tests/test_cadence.py compares the model with the integration itself.
"""

from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
import sys
from typing import Any

from custom_components.bambu_lab_cloud import firmware, history, messages
from custom_components.bambu_lab_cloud.api import Device, Task, TaskPage
from custom_components.bambu_lab_cloud.api.report import Presence, Report
from custom_components.bambu_lab_cloud.fleet.cadence import (
    BETWEEN_COUNTS,
    PRINT_STATUS_WITHOUT_TASKS,
    awaits_its_task,
    is_looked_for,
    live_interval,
    poll_interval,
)
from custom_components.bambu_lab_cloud.fleet.lifecycle import (
    PrinterRecord,
    PrintEvent,
    PrintEventType,
    Records,
    next_record,
)
from custom_components.bambu_lab_cloud.fleet.live import (
    LiveState,
    fresh_until,
    heard,
    is_fresh,
    session_lost,
)
from custom_components.bambu_lab_cloud.fleet.printer import NO_TASK, Printer, derive_printer
from custom_components.bambu_lab_cloud.fleet.tellers import BIND_LAG, Word
from custom_components.bambu_lab_cloud.tasks import KEPT_PER_PRINTER, TaskList
from scripts.cadence_schedule import BEGIN, DAY, GONE, HOUR, MINUTE, SECOND, Job, Schedule, schedule
from scripts.figures import MARKS, write

# Home Assistant runs what is due in this part of a second.
_PART_OF_SECOND = timedelta(seconds=0.3)
_COOLDOWN = timedelta(seconds=10)
# From a change of a printer until its word is here, for how long it then says that it prepares,
# and how long it takes to be heard after it was switched on.
PUSH = timedelta(seconds=0.3)
PREPARES = timedelta(seconds=60)
BOOT = timedelta(seconds=20)
MODEL = "X1 Carbon"


class Cloud:
    """What bind and my/tasks answer, by now."""

    def __init__(self, schedule: Schedule) -> None:
        self.devices = {
            str(number): Device(id=str(number), name="Printer", online=False, product_name=MODEL)
            for number in range(schedule.printers)
        }
        # Whose answer of bind is another one since that was last asked.
        self.changed = set(self.devices)
        self._tasks: list[Task] = []
        self._by_printer: defaultdict[str | None, list[Task]] = defaultdict(list)
        self.asked: Callable[[str], None]

    def tell(self, printer: int, **changes: Any) -> None:
        """Have bind tell something else of a printer."""
        key = str(printer)
        self.devices[key] = replace(self.devices[key], **changes)
        self.changed.add(key)

    def list_job(self, job: Job, *, has_ended: bool) -> None:
        """Have my/tasks tell of a print."""
        status = (2 if job.finishes else 3) if has_ended else 4
        task = Task(
            id=str(job.id),
            device_id=str(job.printer),
            status=status,
            start_time=job.start,
            end_time=job.end if has_ended else job.start,
            cost_time=job.estimate.total_seconds(),
        )
        for tasks in (self._tasks, self._by_printer[task.device_id]):
            same = next((n for n in range(len(tasks)) if tasks[-1 - n].id == task.id), None)
            if same is not None:
                tasks[-1 - same] = task
                continue
            tasks.append(task)
            # They come in the order of their starts, almost.
            if len(tasks) > 1 and tasks[-2].start_time > tasks[-1].start_time:  # type: ignore[operator]
                tasks[-2:] = reversed(tasks[-2:])

    async def get_tasks(self, *, device_id: str | None, limit: int, offset: int) -> TaskPage:
        """Answer as my/tasks does."""
        self.asked("tasks")
        tasks = self._tasks if device_id is None else self._by_printer[device_id]
        last = len(tasks) - offset
        return TaskPage(tasks=tuple(reversed(tasks[max(last - limit, 0) : max(last, 0)])))


_MOMENTS = {
    PrintEventType.STARTED: "start",
    PrintEventType.FINISHED: "end",
    PrintEventType.FAILED: "end",
}


def _name(job: Job) -> str:
    """Return the id by which bind and the printer name a print."""
    return str(job.id) if job.has_task else NO_TASK


def _result[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise RuntimeError("It waits")


class Account:
    """A model of an account in Home Assistant, and of the world around it."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        is_live: bool,
        lost: Iterable[tuple[datetime, datetime]] = (),
        keeps: bool = False,
    ) -> None:
        self._cloud = Cloud(schedule)
        self._cloud.asked = self._count
        self._schedule = schedule
        self.now = BEGIN
        self.requests = Counter[str]()
        self.kept: list[tuple[datetime, str]] = []
        self._keeps = keeps
        self.seen: dict[tuple[int, str], datetime] = {}
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._jobs: dict[str, list[Job]] = defaultdict(list)
        # The integration.
        self._tasks = TaskList(self._cloud)  # type: ignore[arg-type]
        self._known: dict[str, Task] = {}
        self._listed: dict[str, list[Task]] = defaultdict(list)
        self._polled: dict[str, Printer] = {}
        self._records: dict[str, PrinterRecord] = {}
        self._taken = Records()
        self._read_at: datetime | None = None
        self._unsettled = set[str]()
        self._shown: dict[str, Printer] = {}
        self._live: dict[str, LiveState] = {}
        self._on = set[str]()
        self._words: dict[str, Word | None] = {}
        self._is_connected = False
        self._polls = 0
        self._polled_at = BEGIN
        self._cools_until = BEGIN
        self._is_wanted = False
        self._changed_at = self._looked_at = BEGIN - BIND_LAG
        self._came_on_at: datetime | None = None
        self._on_at = BEGIN
        self._status_at: datetime | None = None
        self._messages = 0
        self._looks = 0
        self._message_count = 0
        self._groups_read = 0
        for printer_at, number, on in schedule.switched:
            self._at(
                printer_at + (BOOT if on else timedelta()), partial(self._switch, number, on=on)
            )
        for job in schedule.jobs:
            self._plan(job)
        self._at(BEGIN, self._poll)
        self._at(BEGIN + messages.BETWEEN_GROUPS, self._ask_messages)
        for printer in range(schedule.printers):
            self._at(BEGIN + (printer + 1) * firmware.BETWEEN_PRINTERS, self._ask_firmware)
        self._at(BEGIN + history.BETWEEN_READINGS, self._ask_history)
        if is_live:
            self._at(BEGIN + SECOND, self._connect)
        for begin, end in lost:
            self._at(begin, self._disconnect)
            self._at(end, self._connect)

    def run(self) -> None:
        """Let time pass."""
        while self._heap and self._heap[0][0] <= self._schedule.until:
            self.now, _, do = heappop(self._heap)
            do()

    def _at(self, at: datetime, do: Callable[[], None]) -> None:
        heappush(self._heap, (at, next(self._numbers), do))

    def _count(self, kind: str) -> None:
        self.requests[kind] += 1
        if self._keeps:
            self.kept.append((self.now, kind))

    # The world

    def _plan(self, job: Job) -> None:
        key, name = str(job.printer), _name(job)
        tell = partial(self._cloud.tell, job.printer)
        begin, end = job.start + job.bind_lag, job.end + job.bind_lag
        self._at(job.start, lambda: self._jobs[key].append(job))
        self._at(begin, partial(tell, print_status="RUNNING", print_job=name))
        self._at(end, partial(tell, print_status="SUCCESS" if job.finishes else "FAIL"))
        if job.has_task:
            list_job = partial(self._cloud.list_job, job)
            self._at(job.start + job.list_lag, partial(list_job, has_ended=False))
            self._at(
                max(job.end, job.start + SECOND) + job.list_lag, partial(list_job, has_ended=True)
            )
            self._at(job.end, self._message)
        self._at(job.start + PUSH, partial(self._say, key))
        if job.start + PREPARES < job.end:
            self._at(job.start + PREPARES + PUSH, partial(self._say, key))
        self._at(job.end + PUSH, partial(self._say, key))

    def _message(self) -> None:
        self._messages += 1

    def _switch(self, number: int, *, on: bool) -> None:
        key = str(number)
        if on:
            self._on.add(key)
            self._cloud.tell(number, online=True)
            if self._is_connected:
                self._hear(key, Presence(online=True))
                self._say(key)
            return

        def is_told() -> None:
            if key not in self._on:
                self._cloud.tell(number, online=False)
                if self._is_connected:
                    self._hear(key, Presence(online=False))

        self._on.discard(key)
        self._at(self.now + GONE, is_told)

    def _say(self, key: str) -> None:
        """Have a printer say by push what it does."""
        if not self._is_connected or key not in self._on:
            return
        job = next(iter(self._jobs[key][-1:]), None)
        state = "IDLE"
        if job:
            state = "RUNNING" if job.start + PREPARES <= self.now else "PREPARE"
            if job.end <= self.now:
                state = "FINISH" if job.finishes else "FAILED"
        name = _name(job) if job else NO_TASK
        self._hear(key, Report(full=True, gcode_state=state, task_id=name))

    def _connect(self) -> None:
        self._is_connected = True
        for key in sorted(self._on):
            self._say(key)

    def _disconnect(self) -> None:
        self._is_connected = False
        for key, state in tuple(self._live.items()):
            # Whoever is on was heard until now.
            heard_at = self.now if key in self._on else state.heard_at
            self._take_live(key, session_lost(replace(state, heard_at=heard_at), at=self.now))

    # What is heard

    def _hear(self, key: str, message: Report | Presence) -> None:
        self._take_live(key, heard(self._live.get(key), message, at=self.now, model=MODEL))

    def _take_live(self, key: str, state: LiveState) -> None:
        self._live[key] = state
        self._take_push(key)
        until = fresh_until(state, online=self._online(key))
        if until is not None and not self._speaks(key):
            self._at(until, partial(self._doubt, key))

    def _doubt(self, key: str) -> None:
        if not self._is_live(key):
            self._live[key] = session_lost(self._live[key], at=self.now)
            self._take_push(key)

    def _online(self, key: str) -> bool | None:
        return self._polled[key].online if key in self._polled else None

    def _speaks(self, key: str) -> bool:
        """Return if a printer is heard all the time."""
        return self._is_connected and key in self._on

    def _is_live(self, key: str) -> bool:
        if self._speaks(key):
            return key in self._live and key in self._polled
        return is_fresh(self._live.get(key), online=self._online(key), now=self.now)

    @property
    def _are_live(self) -> bool:
        on = [each.id for each in self._polled.values() if each.online is not False]
        return all(map(self._is_live, on)) if on else self._is_connected

    def _word(self, key: str) -> Word | None:
        if not self._is_live(key):
            return None
        return replace(self._live[key].word, heard_at=self.now)

    def _take_push(self, key: str) -> None:
        word = self._word(key)
        if key in self._polled and (word and word.essence) != self._words.get(key):
            self._take_one(key, word)

    def _take_one(self, key: str, word: Word | None) -> None:
        before = self._shown[key]
        self._words[key] = word and word.essence
        self._step(key, self._polled[key], word)
        after = self._shown[key]
        has_changed = (before.is_active, before.print_job) != (after.is_active, after.print_job)
        if has_changed or word is None:
            changed_at, self._changed_at = self._changed_at, self.now
            if word is None or not is_looked_for(changed_at, self.now):
                self._looked_at = self.now
                self._request()

    def _step(self, key: str, printer: Printer, word: Word | None) -> None:
        record, shown, events = next_record(
            self._records.get(key),
            printer,
            self._listed[key],
            now=self.now,
            after_start=False,
            asked_at=self._polled_at,
            word=word,
        )
        self._records[key], self._shown[key] = record, shown
        for event in events:
            self._note(key, event)
        if record.due_at is not None:
            self._at(max(record.due_at, self.now), partial(self._take_due, key))

    def _take_due(self, key: str) -> None:
        due = self._records[key].due_at
        if due is None or due <= self.now:
            self._take_one(key, self._word(key))

    def _note(self, key: str, event: PrintEvent) -> None:
        """Take note of when a start or an end was announced."""
        kind = _MOMENTS.get(event.type)
        for job in self._jobs[key][-3:]:
            is_it = (event.print.task_id or NO_TASK) == _name(job)
            if kind and is_it and (job.has_task or job is self._jobs[key][-1]):
                self.seen.setdefault((job.id, kind), self.now)

    # What is asked

    def _request(self) -> None:
        """Ask soon, as Home Assistant's debouncer does."""
        if self.now < self._cools_until:
            if not self._is_wanted:
                self._is_wanted = True
                self._at(self._cools_until, partial(self._poll_if_wanted, self._polls))
            return
        self._poll()
        self._cools_until = self.now + _COOLDOWN

    def _poll_if_wanted(self, polls: int) -> None:
        if self._is_wanted and polls == self._polls:
            self._poll()
            self._cools_until = self.now + _COOLDOWN

    def _poll_if_last(self, polls: int) -> None:
        if polls == self._polls:
            self._poll()

    def _poll(self) -> None:
        self._polls += 1
        self._is_wanted, self._cools_until = False, self.now
        self._count("bind")
        if self._status_at is None or self.now - self._status_at >= PRINT_STATUS_WITHOUT_TASKS:
            self._count("print")
            self._status_at = self.now
        changed, self._cloud.changed = self._cloud.changed, set()
        before = self._polled
        printers = self._derived(before, changed)
        polled_at, self._polled_at = self._polled_at, self.now
        self._take_calm(changed, polled_at)
        records = Records(read_at=self._read_at, printers=self._records)
        has_read = _result(
            self._tasks.async_ask_newest(before or None, printers, records, self.now)
        )
        changed |= (read := self._taken_pages())
        printers = self._derived(printers, read)
        caught_up = _result(self._tasks.async_ask_printers(printers, records, self.now))
        changed |= (read := self._taken_pages())
        printers = self._derived(printers, read)
        self._take_calm(changed | self._unsettled, polled_at)
        if any(p.online and not before.get(p.id, p).online for p in printers.values()):
            self._came_on_at = self.now
        self._polled = printers
        for key in sorted(changed | self._unsettled):
            word = self._word(key)
            self._words[key] = word and word.essence
            self._step(key, printers[key], word)
            # What time alone may change: the print of a printer that the list does not have.
            current = printers[key].current
            self._unsettled.discard(key)
            if (current and not current.print.in_tasks) or self._records[key].unread_since:
                self._unsettled.add(key)
        after = Records(read_at=self._read_at, printers=self._records)
        after = after.read(self.now if has_read else None, caught_up)
        self._records, self._read_at = dict(after.printers), after.read_at
        wait = self._interval(printers)
        second = self.now.replace(microsecond=0)
        self._at(second + wait + _PART_OF_SECOND, partial(self._poll_if_last, self._polls))
        # Live data begins after the first good poll.
        for key in printers.keys() - before.keys():
            if key in self._live:
                self._take_push(key)

    def _take_calm(self, printers: Iterable[str], polled_at: datetime) -> None:
        """Take the polls until then, in which printers did what they had done before."""
        # Nothing but the times of a record changes with those.
        for key in printers:
            before, record = self._polled.get(key), self._records.get(key)
            if before and record and record.seen_at < polled_at:
                online_at = polled_at if before.online else record.online_at
                tellers = record.tellers.polled(before, polled_at)
                self._records[key] = replace(
                    record, seen_at=polled_at, online_at=online_at, tellers=tellers
                )

    def _derived(self, printers: dict[str, Printer], changed: set[str]) -> dict[str, Printer]:
        return printers | {
            key: derive_printer(self._cloud.devices[key], None, self._listed[key], now=self.now)
            for key in changed
        }

    def _taken_pages(self) -> set[str]:
        """Return the printers of which my/tasks has told something else."""
        changed = set[str]()
        for page, _ in self._tasks.take_pages():
            for task in page:
                if self._known.get(task.id) is not task and task.device_id:
                    self._known[task.id] = task
                    known = {each.id: each for each in self._listed[task.device_id]} | {
                        task.id: task
                    }
                    newest = sorted(known.values(), key=lambda each: each.start_time or BEGIN)
                    self._listed[task.device_id] = newest[-KEPT_PER_PRINTER:]
                    changed.add(task.device_id)
        return changed

    def _interval(self, printers: dict[str, Printer]) -> timedelta:
        on = [printer for printer in printers.values() if printer.online is not False]
        if any(printer.online for printer in on):
            self._on_at = self.now
        if not self._are_live:
            return poll_interval(
                printers.values(),
                self._tasks.end_windows,
                came_on_at=self._came_on_at,
                on_at=self._on_at,
                now=self.now,
            )
        records = Records(printers=self._records)
        awaits = any(map(awaits_its_task, on)) or bool(records.awaited(self._shown))
        return live_interval(
            self._looked_at, self._changed_at, awaits=awaits, is_any_on=bool(on), now=self.now
        )

    def _ask_messages(self) -> None:
        has_all = self._groups_read >= len(messages.GROUPS)
        if self._groups_read % len(messages.GROUPS) == 0:
            self._count("messages")
            known, self._message_count = self._message_count, self._messages
            if known == self._messages and has_all and self._looks < messages.MOST_LOOKS:
                self._looks += 1
                self._at(self.now + BETWEEN_COUNTS, self._ask_messages)
                return
            self._looks = 0
        self._count("messages")
        self._groups_read += 1
        is_over = self._groups_read % len(messages.GROUPS) == 0
        wait = BETWEEN_COUNTS if is_over else messages.BETWEEN_GROUPS
        self._at(self.now + wait, self._ask_messages)

    def _ask_firmware(self) -> None:
        self._count("firmware")
        self._at(self.now + firmware.BETWEEN_ANSWERS, self._ask_firmware)

    def _ask_history(self) -> None:
        self._count("tasks")
        self._at(self.now + history.BETWEEN_READINGS, self._ask_history)


# What comes of it

# A poll a minute, of which a third without live data, a fifth with it, is the goal.
FIXED = DAY // MINUTE
REQUESTS = ("bind", "print", "tasks", "messages", "firmware")
# For how many days each is run: that of a farm is like another, and takes long.
DAYS = {"hobbyist": 364, "workshop": 364, "farm": 3}
SHORT = {"hobbyist": 56, "workshop": 56}
LIVE, LOST, WITHOUT = "live", "live, lost for hours", "without live"
# Goals that are missed, and are known to be.
MISSED = {
    ("workshop", WITHOUT, "requests"),
    ("farm", WITHOUT, "requests"),
    ("farm", LIVE, "requests"),
}


@dataclass(slots=True)
class Outcome:
    """What came of a way to ask: requests a day by kind, and delays in seconds.

    A delay counts from when bind itself knew; that of `real` from what the printer did.
    """

    asked: dict[str, float]
    delays: dict[str, list[float]]
    real: dict[str, list[float]]
    unseen: int = 0

    @property
    def total(self) -> float:
        """Return all requests of a day."""
        return sum(self.asked.values())


def _outcome(
    made: Schedule, asked: dict[str, float], seen: Callable[[Job, str], datetime | None]
) -> Outcome:
    outcome = Outcome(asked, {"start": [], "end": []}, {"start": [], "end": []})
    for job in made.jobs:
        for kind, at in (("start", job.start), ("end", job.end)):
            if (found := seen(job, kind)) is None:
                outcome.unseen += 1
                continue
            outcome.real[kind].append((found - at).total_seconds())
            outcome.delays[kind].append((found - at - job.bind_lag).total_seconds())
    return outcome


def run(made: Schedule, mode: str) -> Outcome:
    """Let the integration ask as it does."""
    weeks = range(-((BEGIN - made.until) // (7 * DAY)))
    # Each week for some hours, another day and another time each.
    lost = [BEGIN + week * 7 * DAY + (week * 29 % 160 + 6) * HOUR for week in weeks]
    account = Account(
        made,
        is_live=mode != WITHOUT,
        lost=[(at, at + 5 * HOUR) for at in lost] if mode == LOST else [],
    )
    account.run()
    days = (made.until - BEGIN) / DAY
    asked = {kind: account.requests[kind] / days for kind in REQUESTS}
    return _outcome(made, asked, lambda job, kind: account.seen.get((job.id, kind)))


def fixed(made: Schedule, every: int) -> Outcome:
    """Ask bind at a fixed pace, and nothing else."""
    pace = every * SECOND

    def seen(job: Job, kind: str) -> datetime:
        knows_at = (job.start if kind == "start" else job.end) + job.bind_lag
        return BEGIN + -(-(knows_at - BEGIN) // pace) * pace

    return _outcome(made, {"bind": DAY / pace}, seen)


def _percentile(delays: list[float], percent: int) -> float:
    ordered = sorted(delays)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def goals(mode: str, outcome: Outcome) -> dict[str, tuple[float, float]]:
    """Return what was reached and what is wanted, by name."""
    if mode == LOST:
        return {}
    share = FIXED / 3 if mode == WITHOUT else FIXED / 5
    reached = {"requests": (outcome.total, share)}
    if mode == WITHOUT:
        reached["start median"] = _percentile(outcome.delays["start"], 50), 90
        reached["end median"] = _percentile(outcome.delays["end"], 50), 15
        reached["end 95 %"] = _percentile(outcome.delays["end"], 95), 45
    if mode == LIVE:
        for kind in ("start", "end"):
            reached[f"{kind} median"] = _percentile(outcome.real[kind], 50), 2
            reached[f"{kind} 95 %"] = _percentile(outcome.real[kind], 95), 5
    return reached


def _row(name: str, outcome: Outcome) -> tuple[str, ...]:
    cells = [
        name,
        *(f"{outcome.asked.get(kind, 0):.0f}" for kind in REQUESTS),
        f"{outcome.total:.0f}",
    ]
    for kind in ("start", "end"):
        # By push it is known before bind knows it.
        cells += [
            " / ".join(f"{_percentile(delays, each):.0f}" for each in (50, 95))
            for delays in (outcome.delays[kind], outcome.real[kind])
        ]
    return (*cells, f"{outcome.unseen}")


HEAD = (
    *("", "bind", "user/print", "tasks", "messages", "firmware", "all"),
    *("start", "from the printer's", "end", "from the printer's", "not seen"),
)


def report(days: dict[str, int]) -> tuple[str, bool]:
    """Return the tables as Markdown, and whether a goal is missed that is not in MISSED."""
    text, is_worse = "", False
    for site, count_ in days.items():
        made = schedule(site, count_)
        text += (
            f"\n**{site.capitalize()}**: printers {made.printers}, prints {len(made.jobs)} in"
            f" {count_} days\n\n| {' | '.join(HEAD)} |\n|---|{'---:|' * (len(HEAD) - 1)}\n"
        )
        notes = []
        for mode in (LIVE, LOST, WITHOUT):
            outcome = run(made, mode)
            text += f"| {' | '.join(_row(mode, outcome))} |\n"
            for goal, (reached, wanted) in goals(mode, outcome).items():
                is_met = reached <= wanted
                is_known = (site, mode, goal) in MISSED
                notes.append(f"{MARKS[is_met]} {mode}: {goal} {reached:.1f} of {wanted:.0f}")
                if not is_met and not is_known:
                    is_worse = True
                    print(f"Missed: {site}, {mode}, {goal}: {reached:.1f}, not {wanted:.0f}")
                if is_met and is_known:
                    print(f"Met by now: {site}, {mode}, {goal}")
        for every in (30, 60, 300):
            text += f"| every {every} s | {' | '.join(_row('', fixed(made, every))[1:])} |\n"
        text += "\n" + "\n".join(f"- {note}" for note in notes) + "\n"
    return text, is_worse


def main() -> None:
    """Print the tables, and write them to the page if that is wanted."""
    parser = ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text, is_worse = report(SHORT if options.short else DAYS)
    print(text)
    if options.write and not options.short:
        write("reliability", "scripts/cadence", text)
    sys.exit(is_worse)


if __name__ == "__main__":
    main()
