"""How often a hobbyist's day asks the cloud, with time that is moved; see scripts/bench.

pytest runs it, with the fixtures of the tests.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.bench import met, table
from scripts.cadence_schedule import DAY, GONE, HOUR, MINUTE
from scripts.live_session import Broker
from simulator import Simulator
from tests.conftest import settle, sign_in

pytest_plugins = ["tests.conftest"]

ACCOUNT = "one"
STEP = timedelta(seconds=10)
# An hour after the account is set up, and by then its past is read.
BEGIN = datetime(2026, 11, 20, 13, tzinfo=UTC)
END = BEGIN + DAY
# Printers are off at night.
OFF, ON = BEGIN + 10 * HOUR, BEGIN + 18.5 * HOUR
# How long HTTP does not know of a begin or an end.
BIND_LAG, TASK_LAG = 20, 25
GOAL = 288

# What is printed: on which printer, from which hour of the day on, and for how many hours.
type Plan = tuple[tuple[int, float, float], ...]
PLANS: dict[str, Plan] = {
    "no print": (),
    "3 prints": ((0, 1, 2.5), (1, 4, 3.2), (0, 20, 1.4)),
    "8 prints": (
        *((0, 0.5, 2.2), (0, 3, 1.5), (0, 6, 3), (0, 20, 2.4)),
        *((1, 1, 1.2), (1, 4, 2), (1, 7, 2.5), (1, 21, 0.7)),
    ),
}


class Day:
    """Two printers that are on by day and print as planned, and what they say of it."""

    def __init__(self, simulator: Simulator, broker: Broker, plan: Plan) -> None:
        self._cloud = simulator.cloud
        self._cloud.add_printer(ACCOUNT, "X1 Carbon", "X1C")
        self._printers = self._cloud.printers_of(self._cloud.accounts.find(ACCOUNT))
        self._broker = broker
        self._plan = sorted((BEGIN + hour * HOUR, number, hours) for number, hour, hours in plan)

    def go_on(self, now: datetime) -> None:
        """Do what is due, and let the printers speak."""
        is_on = not OFF <= now < ON
        for printer in self._printers:
            if is_on is (printer.offline_since is not None):
                self._cloud.change_printer(printer.dev_id, online=is_on)
                if is_on:
                    self._broker.say_presence(printer, "connected")
        while self._plan and self._plan[0][0] <= now:
            _, number, hours = self._plan.pop(0)
            dev_id, seconds = self._printers[number].dev_id, hours * 3600
            self._cloud.start(dev_id, duration=seconds, bind_lag=BIND_LAG, task_lag=TASK_LAG)
        for printer in self._printers:
            if printer.offline_since is None:
                self._broker.speak(printer)
            elif now - STEP < printer.offline_since + GONE <= now:
                self._broker.say_presence(printer, "disconnected")


type Days = dict[tuple[str, bool], Counter[str]]


@pytest.fixture(scope="module")
def days() -> Iterator[Days]:
    """Print in the end what was asked on each day, by endpoint."""
    days: Days = {}
    yield days
    endpoints = sorted(set().union(*days.values()))
    rows = [
        ("", *(plan for plan, _ in days)),
        ("", *("live" if is_live else "without" for _, is_live in days)),
        *((each, *(f"{asked[each]}" for asked in days.values())) for each in endpoints),
        ("all", *(f"{asked.total()}" for asked in days.values())),
        ("", *(met(asked.total(), GOAL) if live else "" for (_, live), asked in days.items())),
    ]
    title = "The requests of a day, of two printers that are off at night"
    table(f"{title} (a poll a minute: {DAY // MINUTE})", rows)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "without"])
@pytest.mark.parametrize("plan", PLANS)
async def test_day(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    days: Days,
    plan: str,
    is_live: bool,
) -> None:
    """Count the requests of a day."""
    broker = Broker(simulator.cloud)
    connect = broker.connect if is_live else AsyncMock(return_value=None)
    monkeypatch.setattr(f"custom_components.{DOMAIN}.live.live_session", connect)
    day = Day(simulator, broker, PLANS[plan])
    await sign_in(hass, ACCOUNT)
    while (now := datetime.now(UTC)) < END:
        day.go_on(now)
        await broker.is_heard()
        freezer.tick(STEP)
        async_fire_time_changed(hass)
        await settle(hass)
    days[plan, is_live] = Counter(
        "pictures" if each["path"].startswith("/covers") else each["path"].partition("-service/")[2]
        for each in simulator.cloud.requests()
        if each["at"] >= BEGIN.isoformat()
    )
