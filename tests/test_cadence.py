"""That scripts/cadence asks as the integration does: one day of both, request by request."""

from bisect import bisect
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed_exact

from scripts.cadence import BOOT, Account
from scripts.cadence_schedule import BEGIN, GONE, HOUR, MINUTE, SECOND, Job, Schedule
from simulator import Simulator

from .conftest import settle, sign_in

KINDS = {
    "api/user/bind": "bind",
    "api/user/print": "print",
    "api/user/device/version": "firmware",
    "my/tasks": "tasks",
    "my/messages": "messages",
    "my/message/count": "messages",
}
# Printer, hour of its start, estimate in hours, how long it takes by that.
PRINTS = [
    (0, 1.0, 1.5, 1.1),
    (1, 1.4, 2.0, 0.95),
    (0, 3.1, 0.5, 1.2),
    (1, 4.0, 3.0, 0.1),
    (0, 4.3, 4.0, 1.05),
    (1, 5.2, 1.0, 1.0),
    (1, 7.0, 1.0, 1.02),
]


def plan() -> Schedule:
    """Return a day of two printers that are on for some hours of it."""
    made = Schedule(2, BEGIN + 14 * HOUR)
    rng = Random(1)  # noqa: S311 - a schedule
    for printer in range(2):
        made.switched.append((BEGIN + 50 * MINUTE, printer, True))
        made.switched.append((BEGIN + 10 * HOUR, printer, False))
    for number, (printer, hour, estimate, share) in enumerate(PRINTS):
        start = BEGIN + hour * HOUR
        lag = rng.uniform(3, 40)
        made.jobs.append(
            Job(
                id=number + 1,
                printer=printer,
                start=start,
                end=start + estimate * share * HOUR,
                estimate=estimate * HOUR,
                finishes=share > 0.5,
                has_task=True,
                bind_lag=lag * SECOND,
                list_lag=(lag + 20) * SECOND,
            )
        )
    return made


class World:
    """What the plan does to the printers of the simulator."""

    def __init__(self, simulator: Simulator, made: Schedule, offset: timedelta) -> None:
        self._cloud = simulator.cloud
        account = self._cloud.accounts.find("one")
        self._ids = [each.dev_id for each in self._cloud.printers_of(account)]
        self.due = sorted(
            [
                (at + offset + (BOOT if on else GONE), self._switch, (number, on))
                for at, number, on in made.switched
            ]
            + [(job.start + offset, self._start, (job,)) for job in made.jobs],
            key=lambda each: each[0],
        )
        for printer_id in self._ids:
            self._cloud.change_printer(printer_id, online=False)

    def _switch(self, number: int, on: bool) -> None:  # noqa: FBT001
        self._cloud.change_printer(self._ids[number], online=on)

    def _start(self, job: Job) -> None:
        self._cloud.start(
            self._ids[job.printer],
            duration=job.estimate.total_seconds(),
            result="finished" if job.finishes else "failed",
            bind_lag=job.bind_lag.total_seconds(),
            task_lag=job.list_lag.total_seconds(),
            prepares=60,
        )
        started = self._cloud.printer(self._ids[job.printer]).jobs[-1]
        started.ends = started.started + (job.end - job.start)

    def go_on(self, now: datetime) -> None:
        """Do what is due."""
        while self.due and self.due[0][0] <= now:
            _, do, arguments = self.due.pop(0)
            do(*arguments)


async def real(
    hass: HomeAssistant, simulator: Simulator, freezer: FrozenDateTimeFactory, made: Schedule
) -> list[tuple[datetime, str]]:
    """Return what the integration asks, and when, from the begin of the plan on."""
    simulator.cloud.add_printer("one", "X1 Carbon", "Second")
    begin = datetime.now(UTC)
    offset = begin - BEGIN
    world = World(simulator, made, offset)
    await sign_in(hass, "one")
    await settle(hass)
    while (now := datetime.now(UTC)) < made.until + offset:
        world.go_on(now)
        handles = get_scheduled_timer_handles(hass.loop)
        waits = [handle.when() - hass.loop.time() for handle in handles]
        waits += [(at - now).total_seconds() for at, *_ in world.due[:1]]
        freezer.tick(max(min(waits), 0.2))
        async_fire_time_changed_exact(hass)
        await settle(hass)
    return [
        (datetime.fromisoformat(each["at"]) - offset, KINDS[name])
        for each in simulator.cloud.requests()
        if (name := each["path"].partition("-service/")[2]) in KINDS
        and datetime.fromisoformat(each["at"]) >= begin
    ]


@pytest.mark.parametrize("past", [0])
async def test_the_model_asks_as_the_integration_does(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BAMBU_LAB_CLOUD_MQTT_URL")
    # Home Assistant draws by chance in which part of a second it polls.
    monkeypatch.setattr("homeassistant.helpers.update_coordinator.randint", lambda *_: 300_000)
    made = plan()
    account = Account(made, is_live=False, keeps=True)
    account.run()
    asked = await real(hass, simulator, freezer, made)
    count, expected = (Counter(kind for _, kind in each) for each in (asked, account.kept))
    assert count.keys() == expected.keys()
    for kind, number in expected.items():
        assert count[kind] == pytest.approx(number, rel=0.02, abs=2), kind
    binds = [at for at, kind in account.kept if kind == "bind"]
    apart = sorted(
        min(abs(at - each) for each in binds[max(bisect(binds, at) - 1, 0) :][:2])
        for at, kind in asked
        if kind == "bind"
    )
    # A poll that begins a second later sees a change a poll later, now and then.
    assert apart[len(apart) // 2] <= SECOND
    assert apart[len(apart) * 9 // 10] <= 5 * SECOND
