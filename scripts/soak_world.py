"""A simulated month: printers that print, faults, outages, restarts; see scripts/soak.

Time is moved to whatever is due next, in Home Assistant or here. Each choice follows from the seed
and from what it is about, so that nothing depends on what else happens.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
import json
import random
from random import Random
from typing import Any, NamedTuple

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
import pytest

from custom_components.bambu_lab_cloud.api import BambuCloudError, client, login
from custom_components.bambu_lab_cloud.cloud import forget_client
from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.cadence_schedule import DAY, GONE, HOUR, MINUTE, SECOND
from scripts.live_session import Broker
from simulator import Simulator
from simulator.catalogue import MODELS, MORE_MODELS
from simulator.cloud import Printer
from tests.conftest import settle, sign_in

ACCOUNT = "one"
OWN = {"region": "global", "account": f"{ACCOUNT}@example.com", "password": f"{ACCOUNT}-password"}
BIND = "/v1/iot-service/api/user/bind"
TASKS = "/v1/user-service/my/tasks"
VERSIONS = "/v1/iot-service/api/user/device/version"
# So often a printer that prints says that it does, and how far it is. They speak every two seconds.
MURMUR, SPEAK = timedelta(seconds=25), timedelta(minutes=10)
# Prints of a printer on a day.
PRINTS = 4 / 3
MOMENT = timedelta(microseconds=5)
# So long after the last fault nothing is left of the longest pause, and prints start in calm.
CALM = timedelta(hours=4, minutes=40)
# Of the event loop, after which nothing comes of itself.
QUIET_TURNS = 3
# What takes no time and does not end would be a burst of requests.
STORM = 100_000
OUTAGES = ("broker", "refused", "down", "bind", "tasks", "silent", "clock", "versions", "old")
# How many jobs of a hundred are of which kind: sent through the cloud, begun at the printer and in
# my/tasks all the same, begun at the printer, and its calibrations.
KINDS = {"cloud": 62, "listed": 12, "card": 14, "calibration": 12}

# What the cloud asks for a pause with, and for how many seconds at least.
PAUSES = {"rate_limited": 300, "rate_limited_1015": 300, "cloudflare": 1800, "captcha": 4 * 3600}
# What may be understood, also as something else.
MISLEADING = ("types", "fields", "emptied", "old")
# Also what aiohttp asks for once more at once.
UNCERTAIN = (*MISLEADING, "disconnect", "reset")

type Act = Callable[[], object]


@dataclass(slots=True)
class Truth:
    """What a printer printed, whoever knows of it."""

    dev_id: str
    printer: int
    title: str
    kind: str
    task_id: str | None
    started: datetime
    result: str = "finished"
    ended: datetime | None = None


@dataclass(slots=True)
class Heard:
    """What an automation heard."""

    at: datetime
    printer: int
    type: str
    task_id: str | None
    title: str | None
    # Whether Home Assistant was killed before it could take note of that.
    may_repeat: bool = False


class Request(NamedTuple):
    """What was asked, how that was answered, and by which fault."""

    at: datetime
    path: str
    status: int | None
    fault: str | None


@dataclass
class Soak:
    """All of it."""

    hass: HomeAssistant
    simulator: Simulator
    freezer: FrozenDateTimeFactory
    # What Home Assistant has written to disk, by the name of the file.
    storage: dict[str, Any]
    seed: int
    days: float
    printer_count: int
    share: float = 0.2
    printers: list[Printer] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    # When things went wrong that concern all: what, from, to.
    troubles: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    # When Home Assistant or the account began anew, and so forgot the pause that it was asked for.
    forgot: list[datetime] = field(default_factory=list)
    reloaded: list[datetime] = field(default_factory=list)
    # By which the account was signed in.
    tokens: set[str] = field(default_factory=set)
    # When a session with the broker was cut, or the account began anew.
    cuts: list[datetime] = field(default_factory=list)
    # What was found wrong.
    details: list[tuple[str, Any]] = field(default_factory=list)
    # What entities showed though the last answer of bind says otherwise.
    wrongly_shown: list[tuple[datetime, str]] = field(default_factory=list)
    looked: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        """Prepare the cloud."""
        self.cloud = self.simulator.cloud
        self.broker = Broker(self.cloud, seed=self.seed, share=self.share)
        self.loop = asyncio.get_running_loop()
        self.entry: ConfigEntry = None  # type: ignore[assignment]
        self._due: list[tuple[datetime, int, Act]] = []
        self._numbers = count()
        self._doing: set[asyncio.Task[Any]] = set()
        self._under_way = 0
        self._crash_with: dict[str, Any] | None = None
        self._titles = count(1)
        # The status and the fault of its last answer; nothing while it is not known what is shown.
        self._last_bind: tuple[int | None, str | None] | None = None

    def chance(self, *of: object) -> Random:
        """Return what decides about something."""
        return Random(":".join(map(str, (self.seed, *of))))  # noqa: S311 - chance

    # Time

    @property
    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def at(self, when: datetime, act: Act) -> None:
        """Let something happen later."""
        heappush(self._due, (when, next(self._numbers), act))

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin something that takes time."""
        task = self.loop.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def run_until(self, end: datetime) -> None:
        """Go from one thing that is due to the next."""
        while True:
            await self._rest()
            self._look()
            when = min(self._next_due(), end)
            # A moment later, or what is due by another clock would be due again and again.
            self.freezer.tick(max(when - self.now, timedelta()) + MOMENT)
            self.steps += 1
            if self.now >= end:
                return
            while self._due and self._due[0][0] <= self.now:
                heappop(self._due)[2]()

    async def finish(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something while time goes on, and wait for it."""
        self.do(work)
        while self._doing:
            await self.run_until(self._next_due() + SECOND)

    def _next_due(self) -> datetime:
        """Return when something happens next; connections that nobody uses are closed whenever."""
        whens = [
            handle.when()
            for handle in self.loop._scheduled  # type: ignore[attr-defined]  # noqa: SLF001
            if not handle.cancelled()
            and (self._under_way or not module_of(handle).startswith("aiohttp"))
        ]
        now = self.now
        timer = now + timedelta(seconds=min(whens) - self.loop.time()) if whens else now + HOUR
        return max(min(timer, self._due[0][0]) if self._due else timer, now)

    async def _rest(self) -> None:
        """Let all happen that takes no time."""
        quiet = turns = 0
        while quiet < QUIET_TURNS:
            begun = (*self.hass._tasks, *self.hass._background_tasks)  # noqa: SLF001
            if in_threads := [each for each in begun if not isinstance(each, asyncio.Task)]:
                await asyncio.wait(in_threads)
            await asyncio.sleep(0)
            turns += 1
            if turns > STORM:
                raise RuntimeError(f"Something goes on for ever at {self.now}")
            is_ready = bool(self.loop._ready)  # type: ignore[attr-defined]  # noqa: SLF001
            is_busy = is_ready or bool(in_threads) or self._under_way > self.cloud.stalled
            quiet = 0 if is_busy else quiet + 1

    # The account

    async def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sign in, and let things go wrong from then on."""
        self.loop.set_debug(False)
        # By which Home Assistant and the integration spread what they ask for.
        random.seed(self.seed)
        monkeypatch.setattr(f"custom_components.{DOMAIN}.live.live_session", self.broker.connect)
        # Who is asked, and when answers are here.
        for module in (client, login):
            monkeypatch.setattr(module, "send", self._counted(module.send))
        for printer in self.cloud.printers_of(self.cloud.accounts.find(ACCOUNT)):
            self.cloud.remove_printer(printer.dev_id)
        models = (*MODELS, *MORE_MODELS)
        for index in range(self.printer_count):
            model = models[index % len(models)].product
            dev_id = self.cloud.add_printer(ACCOUNT, model, f"P{index:02d}")
            self.printers.append(self.cloud.printer(dev_id))
        self.hass.bus.async_listen("state_changed", self._hear)
        # What is imported for the first time takes time in earnest.
        await sign_in(self.hass, ACCOUNT)
        await settle(self.hass)
        (self.entry,) = self.hass.config_entries.async_entries(DOMAIN)
        self.tokens.add(self.entry.data["token"])
        self.started = self.now + MINUTE
        self.end = self.started + self.days * DAY
        await self.run_until(self.started)
        self.cloud.plan_faults(self.seed, self.share)
        for index in range(self.printer_count):
            self._plan_day(index, 0)
        self._plan_troubles()

    def _counted(self, send: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        async def counted(*args: Any, **options: Any) -> Any:
            self._under_way += 1
            try:
                return await send(*args, **options)
            except BambuCloudError:
                if BIND.endswith(options["endpoint"]):
                    # Of a connection that was refused the simulator knows nothing.
                    self._last_bind = None, None
                raise
            finally:
                self._under_way -= 1

        return counted

    @callback
    def _hear(self, event: Any) -> None:
        """Hear of prints as an automation does that takes no return for an event."""
        old, new = event.data["old_state"], event.data["new_state"]
        entity_id = event.data["entity_id"]
        if not entity_id.startswith("event.") or new is None or old is None:
            return
        if old.state == new.state or "unavailable" in (old.state, new.state):
            return
        told = new.attributes
        if not entity_id.endswith("_print"):
            self.messages.append(told["id"])
            return
        printer = int(entity_id.removeprefix("event.p").removesuffix("_print"))
        heard = Heard(self.now, printer, told["event_type"], told["task_id"], told["title"])
        self.heard.append(heard)
        chance = self.chance("kill", printer, self.now)
        if heard.type in ("started", "finished", "failed") and chance.random() < 0.005:
            self._crash_with = self._crash_with or self._stored()
            # Nor is written down what was heard just before.
            for each in reversed(self.heard):
                if self.now - each.at > SECOND:
                    break
                each.may_repeat = True
        # What is heard between what is written and the kill may be heard once more.
        heard.may_repeat = self._crash_with is not None

    # Restarts

    def _stored(self) -> dict[str, Any]:
        """Return what is written down now."""
        return {name: data for name, data in self.storage.items() if name.startswith(DOMAIN)}

    def storage_size(self) -> int:
        """Return how many bytes the account has written."""
        return len(json.dumps(self._stored()))

    async def run_until_at_rest(self) -> None:
        """Go on until the account is set up and nothing is asked, which has tasks on both sides."""
        while self._under_way or self.entry.state is not ConfigEntryState.LOADED:
            await self.run_until(self.now + MINUTE)

    @property
    def is_up(self) -> bool:
        """Return whether the account is set up, or about to be."""
        return self.entry.state in (ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY)

    async def reload(self) -> None:
        """Reload the account."""
        if self.is_up:
            self.reloaded.append(self.now)
            self.cuts.append(self.now)
            await self.hass.config_entries.async_reload(self.entry.entry_id)

    async def restart(self, pause: float, *, stored: dict[str, Any] | None = None) -> None:
        """Stop and start; with what was stored before, Home Assistant was killed then."""
        if not self.is_up:
            return
        await self.hass.config_entries.async_unload(self.entry.entry_id)
        if stored is not None:
            for name in self._stored().keys() - stored.keys():
                del self.storage[name]
            self.storage.update(stored)
        forget_client(self.hass, self.entry)
        self.forgot.append(self.now)
        self.cuts.append(self.now)
        await asyncio.sleep(pause)
        await self.hass.config_entries.async_setup(self.entry.entry_id)

    async def sign_in_again(self) -> None:
        """Do what the owner is asked for, until it is done."""
        flows = self.hass.config_entries.flow
        while not any(self.entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):  # noqa: ASYNC110 - time is moved
            # A poll has to find out first, which waits for the end of an outage.
            await asyncio.sleep(600)
        while found := list(self.entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
            flow_id = found[0]["flow_id"]
            with suppress(Exception):
                await flows.async_configure(flow_id, {"next_step_id": "password"})
            await flows.async_configure(flow_id, OWN)
            self.tokens.add(self.entry.data["token"])
            self.forgot.append(self.now)
            await asyncio.sleep(600)

    # What goes wrong

    def _plan_troubles(self) -> None:
        """Plan outages, what the owner has to do, and restarts."""
        whole = self.end - self.started
        outages = max(len(OUTAGES), round(self.days))
        for index in range(outages):
            chance = self.chance("outage", index)
            begins = self.started + whole * (index + chance.random() * 0.5) / (outages + 1)
            lasts = chance.uniform(0.5, 5) * HOUR
            lasts = min(lasts, whole / (outages + 1) * 0.4)
            name = OUTAGES[index % len(OUTAGES)]
            self.troubles.append((name, begins, begins + lasts))
            self.at(begins, partial(self._break, name, lasts))
        self.at(self.started + whole * 0.35, self._captcha)
        self.at(self.started + whole * 0.6, lambda: self.cloud.revoke(ACCOUNT))
        away = min(whole * 0.05, 3 * HOUR)
        self.at(self.started + whole * 0.6 + away, lambda: self.do(self.sign_in_again()))
        ended = self.started + whole * 0.6
        self.troubles.append(("token", ended, ended + 2 * away))
        restarts = max(3, round(self.days))
        for index in range(restarts):
            chance = self.chance("restart", index)
            when = self.started + whole * (index + chance.random()) / (restarts + 1)
            self.at(when, partial(self._restart, chance))
        for index in range(round(self.days * 2)):
            chance = self.chance("message", index)
            self.at(self.started + whole * chance.random(), self._message)
        for index in range(round(self.days * 3)):
            chance = self.chance("session", index)
            self.at(self.started + whole * chance.random(), self._drop)

    def _message(self) -> None:
        with suppress(ValueError):
            self.cloud.send_messages(ACCOUNT, 201)

    def _drop(self) -> None:
        self.cuts.append(self.now)
        self.broker.drop()

    def _captcha(self) -> None:
        self.cloud.add_fault("captcha", BIND, 1)

    def _restart(self, chance: Random) -> None:
        """Begin anew in one of the ways in which that happens."""
        way, pause = chance.choice(("reload", "restart", "kill")), chance.choice((5, 30, 300, 1500))
        if way == "reload":
            self.do(self.reload())
        else:
            self.do(self.restart(pause, stored=self._stored() if way == "kill" else None))

    def _break(self, name: str, lasts: timedelta) -> None:
        seconds = lasts.total_seconds()
        match name:
            case "broker":
                self.broker.go_away()
                self.at(self.now + lasts, self.broker.come_back)
            case "refused":
                self.do(self.simulator.refuse())
                self.at(self.now + lasts, lambda: self.do(self.simulator.accept()))
            case "down":
                self.cloud.add_fault("unavailable", lasts=seconds)
            case "silent":
                self.cloud.add_fault("timeout", lasts=seconds)
            case "clock":
                self.cloud.add_fault("date", date=5400, lasts=seconds)
            case "old":
                self.cloud.add_fault("old", BIND, lasts=min(seconds, 1800))
            case _:
                path = {"bind": BIND, "tasks": TASKS, "versions": VERSIONS}[name]
                self.cloud.add_fault("server_error", path, lasts=seconds)

    # What is printed

    def _plan_day(self, index: int, day: int) -> None:
        """Plan what a printer does on a day: off at night, a few prints while it is on."""
        chance = self.chance("day", index, day)
        printer = self.printers[index]
        begin = self.started + day * DAY
        if index % 5:
            # The day begins at noon.
            night = begin + chance.uniform(9, 11) * HOUR
            morning = begin + chance.uniform(18, 20) * HOUR
            self.at(night, lambda: self._switch_off(printer))
            self.at(morning, lambda: self._switch_on(printer))
        prints = int(PRINTS) + (chance.random() < PRINTS % 1) + chance.choice((-1, 0, 0, 1))
        for _ in range(prints):
            hours = chance.choice((chance.uniform(0, 8.5), chance.uniform(20.2, 23.5)))
            kind = chance.choices([*KINDS], [*KINDS.values()])[0]
            own = chance.random()
            if begin + hours * HOUR <= self.end:
                self.at(begin + hours * HOUR, partial(self._print, index, kind, own))
        if begin + DAY < self.end:
            self.at(begin + DAY, lambda: self._plan_day(index, day + 1))

    def _switch_off(self, printer: Printer) -> None:
        if printer.offline_since or printer.current(self.now):
            return
        self.cloud.change_printer(printer.dev_id, online=False)
        since = printer.offline_since

        def gone() -> None:
            if printer.offline_since == since:
                self.broker.say_presence(printer, "disconnected")

        self.at(self.now + GONE, gone)

    def _switch_on(self, printer: Printer) -> None:
        if printer.offline_since:
            self.cloud.change_printer(printer.dev_id, online=True)
            self.broker.say_presence(printer, "connected")
            self.broker.say_everything(printer)

    def calm_down(self) -> None:
        """Let nothing go wrong any more, and each printer print once what has no task.

        All of that is heard in calm, of which faults leave little.
        """
        self.cloud.clear_faults()
        self.broker.share = 0
        for index, printer in enumerate(self.printers):
            self._switch_on(printer)
            kind = "calibration" if index % 3 == 2 else "card"
            self.at(self.now + CALM + index * MINUTE, partial(self._print, index, kind, 0))

    def _print(self, index: int, kind: str, own: float) -> None:
        """Start a print, and plan how it goes on."""
        printer, now = self.printers[index], self.now
        last = printer.last(now)
        just_ended = last and last.ends and now - last.ends < 2 * MINUTE
        if printer.offline_since or printer.current(now) or just_ended:
            return
        chance = self.chance("print", index, own)
        duration = timedelta(seconds=round(min(chance.lognormvariate(8.0, 0.8), 8 * 3600) + 180))
        if kind == "calibration":
            duration = chance.uniform(3, 15) * MINUTE
        title = f"Print {next(self._titles)}"
        result = chance.choices(("finished", "failed", "cancelled"), (84, 8, 8))[0]
        task = self.cloud.start(
            printer.dev_id,
            title=title,
            duration=duration.total_seconds(),
            result=result,
            kind={"card": "local", "listed": "local"}.get(kind, kind),
            task=kind in ("cloud", "listed"),
            task_lag=chance.uniform(2, 60),
            bind_lag=chance.uniform(0, 110),
            prepares=min(chance.uniform(5, 300), duration.total_seconds() / 3),
        )
        job = printer.jobs[-1]
        truth = Truth(printer.dev_id, index, title, kind, task and str(task), job.started, result)
        self.truths.append(truth)
        if kind == "calibration":
            result = "finished"
        self.broker.speak(printer)
        self.at(job.started + job.prepares, lambda: self.broker.speak(printer))
        if result != "finished":
            part = chance.uniform(0.05, 0.95)
            self.at(now + duration * part, lambda: self._end(printer, truth, result))
        elif chance.random() < 0.1:
            self.at(now + duration * chance.uniform(0.1, 0.8), lambda: self._pause(printer, truth))
        self._go_on(printer, truth, now + SPEAK)

    def _go_on(self, printer: Printer, truth: Truth, speaks: datetime) -> None:
        """Let a printer say that it prints, until it has ended."""
        job = printer.jobs[-1]
        if truth.ended:
            return
        if job.ends and job.ends <= self.now:
            truth.ended = job.ends
            self.broker.speak(printer)
            return
        if self.now >= speaks:
            self.broker.speak(printer)
            speaks = self.now + SPEAK
        else:
            self.broker.murmur(printer)
        then = self.now + MURMUR
        if job.ends and job.ends <= then:
            then = job.ends
        self.at(then, lambda: self._go_on(printer, truth, speaks))

    def _end(self, printer: Printer, truth: Truth, result: str) -> None:
        if truth.ended or not printer.current(self.now):
            return
        self.cloud.end(printer.dev_id, result)
        truth.ended = printer.jobs[-1].ends
        self.broker.speak(printer)

    def _pause(self, printer: Printer, truth: Truth) -> None:
        if truth.ended or not printer.current(self.now):
            return
        self.cloud.pause(printer.dev_id)
        self.broker.speak(printer)

        def resume() -> None:
            self.cloud.resume(printer.dev_id)
            self.broker.speak(printer)

        minutes = self.chance("pause", truth.title).uniform(1, 90)
        self.at(self.now + minutes * MINUTE, resume)

    # What is looked at

    def kinds(self) -> Counter[str]:
        """Return how many jobs of each kind there were, and how they went."""
        kinds = Counter(each.kind for each in self.truths)
        return kinds + Counter(each.result for each in self.truths if each.result != "finished")

    def struck(self) -> int:
        """Return how many requests something went wrong with."""
        return sum(each.fault is not None for each in self.requests)

    def _look(self) -> None:
        """Take note of what was asked, and of what is shown then."""
        if self._crash_with is not None:
            stored, self._crash_with = self._crash_with, None
            self.do(self.restart(20, stored=stored))
        asked = self.cloud.requests()
        if not asked:
            return
        self.cloud.clear_requests()
        for each in asked:
            at = datetime.fromisoformat(each["at"])
            self.requests.append(Request(at, each["path"], each["status"], each["fault"]))
            if each["path"] == BIND:
                self._last_bind = each["status"], each["fault"]
            elif each["fault"] in PAUSES:
                # The polls find that out with the next one, or have just done so.
                self._last_bind = None
        if self.entry is None or self.entry.state is not ConfigEntryState.LOADED or self._under_way:
            return
        if self._last_bind is None or self._last_bind[1] in UNCERTAIN:
            return
        status, fault = self._last_bind
        expected = status == 200 and fault in (None, "slow", "date")
        states = [
            self.hass.states.get(f"sensor.p{index:02d}") for index in range(self.printer_count)
        ]
        self.looked += any(states)
        for state in states:
            if state is not None and (state.state != "unavailable") is not expected:
                what = f"{state.entity_id} is {state.state} after {status} {fault}"
                self.wrongly_shown.append((self.now, what))
                break


def module_of(handle: asyncio.TimerHandle) -> str:
    """Return where what a timer calls comes from."""
    return getattr(handle._callback, "__module__", None) or ""  # type: ignore[attr-defined]  # noqa: SLF001
