"""What is printed and when, for scripts/cadence: a hobbyist, a workshop and a farm, from a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

# A Monday.
BEGIN = datetime(2025, 12, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Bind knows within seconds mostly that a print began or ended, at the latest after two minutes,
# and my/tasks within a minute after that. That a printer was switched off is known this late.
SHORTEST_LAG, USUAL_LAG, LONGEST_LAG = 3, 15, 120
LIST_LAG = 45
GONE = timedelta(seconds=200)


@dataclass(slots=True, eq=False)
class Job:
    """A print; bind, and my/tasks, know of its start and its end so much later."""

    id: int
    printer: int
    start: datetime
    end: datetime
    estimate: timedelta
    finishes: bool
    has_task: bool
    bind_lag: timedelta
    list_lag: timedelta


@dataclass(slots=True)
class Schedule:
    """The prints of some printers, and when these are switched on and off."""

    printers: int
    until: datetime
    jobs: list[Job] = field(default_factory=list)
    switched: list[tuple[datetime, int, bool]] = field(default_factory=list)


class _Printer:
    """A printer that is switched on and prints."""

    def __init__(self, schedule: Schedule, number: int, rng: Random) -> None:
        self._schedule = schedule
        self._number = number
        self._rng = rng
        self._is_on = False
        self.free_at = BEGIN
        # Each printer is slower than the slicer thinks by a share of its own, and each print by
        # another: together from -10 to +25 %.
        self._slower = rng.uniform(-0.02, 0.17)

    def switch(self, at: datetime, *, on: bool) -> None:
        if on is not self._is_on:
            self._is_on = on
            self._schedule.switched.append((at, self._number, on))

    def prints(self, at: datetime, hours: float) -> datetime:
        """Begin a print, and return when it ends."""
        rng = self._rng
        estimate = hours * HOUR
        off = min(max(rng.gauss(self._slower, 0.035), -0.1), 0.25)
        length = estimate * (1 + off)
        finishes = rng.random() > 0.06
        if not finishes:
            # Most of those that are cancelled are so at their first layers.
            length *= rng.betavariate(1, 3)
        length = max(length, 90 * SECOND)
        bind = min(SHORTEST_LAG + rng.expovariate(1 / USUAL_LAG), LONGEST_LAG)
        self._schedule.jobs.append(
            Job(
                id=len(self._schedule.jobs) + 1000,
                printer=self._number,
                start=at,
                end=at + length,
                estimate=estimate,
                finishes=finishes,
                has_task=rng.random() > 0.05,
                bind_lag=bind * SECOND,
                list_lag=(bind + rng.uniform(0, LIST_LAG)) * SECOND,
            )
        )
        self.free_at = at + length
        return self.free_at


def _hours(rng: Random, usual: float) -> float:
    return min(max(rng.lognormvariate(0, 0.7) * usual, 0.3), 20)


def _hobbyist(printers: list[_Printer], day: datetime, rng: Random) -> None:
    """Print now and then after work, more at weekends, and switch the printer off afterwards."""
    (printer,) = printers
    is_weekend = day.weekday() >= 5
    if rng.random() > (0.75 if is_weekend else 0.4):
        return
    at = day + (rng.uniform(10, 15) if is_weekend else rng.uniform(17, 21)) * HOUR
    at = max(at, printer.free_at + rng.uniform(5, 30) * MINUTE)
    printer.switch(at, on=True)
    for _ in range(rng.choice((1, 1, 1, 2, 3) if is_weekend else (1, 1, 2))):
        at += rng.uniform(2, 25) * MINUTE
        if at > day + 23 * HOUR:
            break
        at = printer.prints(at, _hours(rng, 2.2))
    off = at + rng.uniform(10, 60) * MINUTE
    if off > day + 24 * HOUR:
        # It ends at night, and is switched off in the morning.
        off = max(off, day + 31.5 * HOUR)
    printer.free_at = off
    printer.switch(off, on=False)


def _workshop(printers: list[_Printer], day: datetime, rng: Random) -> None:
    """Switch on in the morning, start what is wanted, and leave the long ones for the night."""
    if day.weekday() == 6 or (day.weekday() == 5 and rng.random() < 0.6):
        return
    for printer in printers:
        at = max(day + rng.gauss(8.2, 0.2) * HOUR, printer.free_at + 5 * MINUTE)
        printer.switch(at, on=True)
        at += rng.uniform(0.1, 5) * HOUR
        while at < day + 17 * HOUR:
            at = printer.prints(at, _hours(rng, 3)) + rng.uniform(0.1, 5) * HOUR
        if printer.free_at < day + 18 * HOUR and rng.random() < 0.2:
            printer.prints(day + rng.uniform(17.5, 18.2) * HOUR, rng.uniform(7, 13))
        off = max(day + rng.uniform(18.2, 18.6) * HOUR, printer.free_at + 10 * MINUTE)
        if off > day + 19 * HOUR:
            off = max(off, day + rng.uniform(32, 32.3) * HOUR)
        printer.free_at = off
        printer.switch(off, on=False)


def _farm(printers: list[_Printer], day: datetime, rng: Random) -> None:
    """Have somebody at the printers from seven to ten every day; they are always on."""
    for printer in printers:
        printer.switch(max(day, BEGIN), on=True)
        at = max(day + rng.uniform(7, 9) * HOUR, printer.free_at + rng.uniform(3, 30) * MINUTE)
        while at < day + 22 * HOUR:
            at = printer.prints(at, _hours(rng, 4)) + rng.uniform(3, 40) * MINUTE


type Site = Callable[[list[_Printer], datetime, Random], None]
SITES: dict[str, tuple[int, Site]] = {
    "hobbyist": (1, _hobbyist),
    "workshop": (8, _workshop),
    "farm": (200, _farm),
}


def schedule(site: str, days: int, seed: int = 1) -> Schedule:
    """Return what a site does on some days."""
    number, plan = SITES[site]
    rng = Random(f"{site} {seed}")  # noqa: S311 - a schedule
    made = Schedule(number, BEGIN + days * DAY)
    printers = [_Printer(made, each, rng) for each in range(number)]
    for day in range(days):
        plan(printers, BEGIN + day * DAY, rng)
    made.jobs = [job for job in made.jobs if job.end + HOUR < made.until]
    made.switched.sort()
    return made
