"""Whether what printers say themselves is there, in time, and nobody suffers when it is not."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from statistics import median
import time
from typing import TYPE_CHECKING, Any

from scripts.demo_checks import says_itself
from scripts.demo_flows import (
    FLOWS,
    begin,
    expect,
    submit,
    submit_code,
    with_password,
)
from scripts.demo_home import DOMAIN, DemoError, until
from scripts.demo_prints import CALM, RECORDING, TRIGGERS

if TYPE_CHECKING:
    from scripts.demo import Demo, Step

OPTIONS = "/api/config/config_entries/options/flow"
# Each account for one thing: many printers, the option, a dead token, a printer that is somebody
# else's, and a token that only the broker refuses.
MANY, SWITCHED, EXPIRED, ROBBED, REFUSED = "none", "password", "partner", "one", "google"
ACCOUNTS = (MANY, SWITCHED, EXPIRED, ROBBED, REFUSED)
MODELS = (
    *("X1 Carbon", "P1S", "A1", "H2D", "P2S", "X2D"),
    *("H2S", "A2L", "P1P", "X1E", "H2C", "A1 mini"),
)
PRINTERS = [f"Live {number:02d}" for number in range(1, 21)]
EVENTS = [f"event.{name.lower().replace(' ', '_')}_print" for name in PRINTERS]
# What Home Assistant says once: of the dead token, in a word and in detail, and of the outage.
LOST = "There is no live data, everything else goes on"
SAID = (
    "Authentication failed while fetching",
    "errors.AuthenticationError",
    *(f"{LOST} ({name})" for name in ("New Maker", "Plain Maker", "Partner Maker")),
    *(f"{LOST} ({name})" for name in ("One Printer Maker", "Single Sign-On Maker")),
    # That was lost before, and was back.
    f"{LOST} (One Printer Maker)",
)
# Seconds: from setting an account up to the first values of all its printers, and from what a
# printer says to the automation that hears of it.
AT_FIRST, HEARD = 10, 3
# As long as the values are kept when a session is lost, and until they must be gone.
KEPT, GONE = 50, 75
# The longest pause of the attempts within an outage of that length, and the answers.
BACK = 130
# Until a printer is asked once more who an AMS is that it shows, and has answered.
VERSIONS = 90
# After half a minute the log says that live data is back, so that the next loss is another one.
BACK_FOR_GOOD = 35
# A first attempt after a loss, and what comes of it.
SOON = 20


class Live:
    """A Home Assistant with several accounts, whose printers speak for themselves."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._home = demo.home
        self._uids: dict[str, str] = {}
        self._entries: dict[str, str] = {}
        # The printers of the account with many, and one that another account loses.
        self._fleet: list[str] = []
        self._lost = ""
        # The prints of the former.
        self._tasks: list[str] = []

    async def start(self) -> str:
        """Start both, with printers that print by command."""
        await self._demo.start_both()
        # What begins by itself has the cloud asked, in the midst of what is looked at.
        await self._home.simulate("stop-schedules")
        for index, name in enumerate(PRINTERS):
            self._fleet.append(await self._add_printer(MANY, MODELS[index % len(MODELS)], name))
        self._lost = await self._add_printer(ROBBED, "A1", "Sold A1")
        accounts = (await self._home.simulated("state"))["accounts"]
        self._uids = {each["account"].partition("@")[0]: str(each["uid"]) for each in accounts}
        return "a Home Assistant for live data runs as well"

    async def _add_printer(self, alias: str, model: str, name: str) -> str:
        account = _login(alias)
        answer = await self._home.simulate("printers", account=account, model=model, name=name)
        return str(answer["dev_id"])

    # What is looked at

    async def set_up(self) -> str:
        """Add the accounts, and wait for the first values of each printer."""
        await asyncio.gather(*(self._add(alias) for alias in ACCOUNTS))
        many, *few = await asyncio.gather(*(self._speaks(alias, AT_FIRST) for alias in ACCOUNTS))
        return (
            f"values of {len(self._fleet)} printers after {many:.1f} s,"
            f" of {len(few)} other accounts after {max(few):.1f} s"
        )

    async def _add(self, alias: str) -> None:
        home = self._home
        if alias == REFUSED:
            form = await begin(home, "email_code")
            step = await submit(home, form, {"region": "global", "account": _login(alias)})
            step = await submit_code(home, step, alias)
        else:
            step = await submit(home, await begin(home, "password"), with_password(alias))
        expect(step, type="create_entry")
        expect(step["result"], state="loaded")
        self._entries[alias] = step["result"]["entry_id"]
        await home.remember_token(self._entries[alias])

    async def heard(self) -> str:
        """Let printers of four kinds print, and see how long an automation waits for it."""
        started, ended = zip(
            *await asyncio.gather(*(self._hear_of(dev_id) for dev_id in self._fleet[:4])),
            strict=True,
        )
        seconds = [*started, *ended]
        if max(seconds) > HEARD:
            raise DemoError(f"An automation hears of a start or an end after {_listed(seconds)} s.")
        return f"started after {_listed(started)} s, finished after {_listed(ended)} s"

    async def _hear_of(self, dev_id: str) -> tuple[float, float]:
        """Let a printer print, of which the cloud knows later; return the seconds to the events."""
        task = await self._start(dev_id, bind_lag=20, task_lag=25)
        spoke = await self._speak(dev_id)
        started = await self._told(task, "started")
        # So that it is sure what it is that began.
        await asyncio.sleep(CALM)
        await self._end(dev_id)
        ended = await self._speak(dev_id)
        finished = await self._told(task, "started", "finished")
        return (started - spoke).total_seconds(), (finished - ended).total_seconds()

    async def _speak(self, dev_id: str) -> datetime:
        """Let a printer say what is new, and return when that was."""
        now = datetime.now(UTC)
        await self._home.simulate(f"printers/{dev_id}/push")
        return now

    async def complained(self) -> str:
        """Let four printers complain, and see how long an automation waits for it."""
        seconds = await asyncio.gather(*(self._hear_complaint(each) for each in self._fleet[8:12]))
        if max(seconds) > HEARD:
            raise DemoError(f"An automation hears of an error after {_listed(seconds)} s.")
        return f"heard after {_listed(seconds)} s, and over when the printer says so"

    async def _hear_complaint(self, dev_id: str) -> float:
        """Let a printer complain, and return the seconds until an automation hears of it."""
        number = self._fleet.index(dev_id)
        name, code = PRINTERS[number], f"0300_0100_0001_{number:04X}"
        error = await self._entity(dev_id, "binary_sensor", "error")
        hms = [{"attr": 0x0300_0100, "code": 0x0001_0000 | number}]
        await self._home.simulate(f"printers/{dev_id}/error", hms=hms)
        spoke = await self._speak(dev_id)
        heard: dict[str, datetime] = {}

        async def is_heard() -> bool:
            heard.update(
                (each["trigger"], datetime.fromisoformat(each["at"]))
                for each in await self._reports()
                if each["printer"] == name and each["errors"] == [code]
            )
            return len(heard) == len(TRIGGERS)

        if not await until(is_heard, SOON):
            raise DemoError(f"No automation hears of {code}.")
        await self._home.simulate(f"printers/{dev_id}/error", hms=[])
        await self._speak(dev_id)

        async def is_over() -> bool:
            return (await self._states())[error] == "off"

        if not await until(is_over, SOON):
            raise DemoError(f"{error} stays on.")
        return (max(heard.values()) - spoke).total_seconds()

    async def filament(self) -> str:
        """Look into each tray of each family, then plug an AMS in elsewhere and swap another.

        Who has a spool out and another one in sees it at once.
        """
        printers = self._fleet[8:20]
        trays = await self._agree(printers)
        # An X1 Carbon has two, an X1E one.
        unit = f"printers/{self._fleet[12]}/ams/1"
        serial = (await self._home.unsimulate(unit))["serial"]
        await self._home.arrange(f"printers/{self._fleet[9]}/ams/3", serial=serial)
        await self._home.arrange(unit, kind="n3f")
        await self._home.unsimulate(f"{unit}/0")
        await self._home.arrange(f"{unit}/1", material="PA-CF", colors=["101010FF"])
        moved = await self._agree(printers)
        return f"{trays} trays of {len(printers)} printers, and {moved} after a move and a swap"

    async def _agree(self, printers: Iterable[str]) -> int:
        """Wait until the trays show what is in them, and return how many there are."""
        uid, wanted = self._uids[MANY], dict[str, str]()
        for dev_id in printers:
            told = await self._home.simulated(f"printers/{dev_id}/ams")
            serials = {each["unit"]: each for each in told["units"]}
            for each in serials.values():
                count = 1 if each["kind"] == "n3s" else 4
                wanted |= {f"{uid}_{each['serial']}_tray_{n + 1}": "empty" for n in range(count)}
            wanted |= {
                f"{uid}_{serials[each['unit']]['serial']}_tray_{each['tray'] + 1}": each["material"]
                for each in told["spools"]
                if each["unit"] in serials
            }
        shown: dict[str, str] = {}

        async def agree() -> bool:
            states = await self._states()
            shown.update(
                (row["unique_id"], states.get(row["entity_id"], ""))
                for row in await self._rows()
                if row["unique_id"] in wanted
            )
            return shown == wanted

        if not await until(agree, VERSIONS):
            wrong = [f"{shown.get(key)} is {value}" for key, value in wanted.items()
                     if shown.get(key) != value]  # fmt: skip
            raise DemoError(f"Of {len(wanted)} trays {len(wrong)} differ: {', '.join(wrong)}.")
        return len(wanted)

    async def expired(self) -> str:
        """Revoke a token, at the broker and elsewhere, and sign in again."""
        home, entry_id = self._home, self._entries[EXPIRED]
        await home.simulate(f"accounts/{EXPIRED}/revoke")
        await home.simulate("mqtt/drop", account=EXPIRED)
        if not await until(self._reauths, SOON):
            raise DemoError("Home Assistant does not offer to sign in again.")
        await asyncio.sleep(CALM)
        flows = await self._reauths()
        if [flow["context"]["entry_id"] for flow in flows] != [entry_id]:
            raise DemoError(f"Home Assistant offers {len(flows)} times to sign in again.")
        menu = await home.get(f"{FLOWS}/{flows[0]['flow_id']}")
        step = await submit(home, menu, {"next_step_id": "password"})
        step = await submit(home, step, with_password(EXPIRED))
        expect(step, type="abort", reason="reauth_successful")
        seconds = await self._speaks(EXPIRED, AT_FIRST)
        await home.remember_token(entry_id)
        if await self._reauths():
            raise DemoError("Home Assistant still offers to sign in again.")
        return f"one offer to sign in again, and live data {seconds:.1f} s after it"

    async def _reauths(self) -> list[dict[str, Any]]:
        flows = await self._home.command("config_entries/flow/progress")
        return [
            flow
            for flow in flows
            if flow["handler"] == DOMAIN and flow["context"]["source"] == "reauth"
        ]

    async def switched(self) -> str:
        """Switch live data off for an account, and on again."""
        before = await self._live_entities(SWITCHED)
        await self._switch(on=False)
        await until(self._without(SWITCHED), SOON)
        left = len(await self._live_entities(SWITCHED)), await self._sessions(SWITCHED)
        await self._switch(on=True)

        async def is_back() -> bool:
            return await self._sessions(SWITCHED) == 1

        if left != (0, 0):
            raise DemoError("Switched off, {} entities and {} sessions are left.".format(*left))
        if not await until(is_back, SOON):
            raise DemoError("Switched on again, there is no session.")
        return f"{len(before)} entities and the session gone, and a session again"

    async def _switch(self, *, on: bool) -> None:
        flow = await self._home.post(OPTIONS, {"handler": self._entries[SWITCHED]})
        step = await self._home.post(f"{OPTIONS}/{flow['flow_id']}", {"live_data": on})
        expect(step, type="create_entry")

    def _without(self, alias: str) -> Callable[[], Awaitable[bool]]:
        async def is_without() -> bool:
            return not (await self._live_entities(alias) or await self._sessions(alias))

        return is_without

    async def robbed(self) -> str:
        """Take a printer from an account that goes on to listen to it, which the broker refuses.

        A poll would tell that it is gone: of those after a set-up two come within seven seconds,
        and the next after half a minute.
        """
        entry_id = self._entries[ROBBED]
        await self._home.post(f"/api/config/config_entries/entry/{entry_id}/reload")
        await asyncio.sleep(8)
        await self._home.unsimulate(f"printers/{self._lost}?account={_login(ROBBED)}")
        await self._home.simulate("mqtt/drop", account=ROBBED)

        async def is_refused() -> bool:
            log = (await self._home.simulated("mqtt"))["log"]
            topic = f"device/{self._lost}/report"
            return any(
                each["what"] == "subscribe_refused" and each["topic"] == topic for each in log
            )

        if not await until(is_refused, SOON):
            raise DemoError("Nobody tries to listen to a printer that is somebody else's.")
        await asyncio.sleep(CALM)
        if await self._sessions(ROBBED) != 1:
            raise DemoError("With a printer that is somebody else's there is no session.")
        await asyncio.sleep(BACK_FOR_GOOD)
        return "somebody else's is not heard, the session goes on"

    async def refused(self) -> str:
        """Refuse a token at the broker alone."""
        await self._home.simulate(f"accounts/{REFUSED}/mqtt")
        await self._home.simulate("mqtt/drop", account=REFUSED)

        async def is_said() -> bool:
            return (await self._live_data(REFUSED))["attributes"].get("reason") == "refused"

        if not await until(is_said, SOON):
            raise DemoError("It is not told that the broker refuses the token.")
        return "it is told why there is no live data"

    async def away(self) -> str:
        """Stop the broker while prints begin and end, until all that was live is gone; start it.

        Meanwhile nothing of HTTP is unavailable for a moment, and no print is told of twice.
        """
        home = self._home
        ends_away, ends_after, begins_away = self._fleet[4:7]
        tasks = [await self._start(ends_away), await self._start(ends_after)]
        await asyncio.gather(*(self._told(task, "started") for task in tasks))
        begun, stopped = datetime.now(UTC), time.monotonic()
        await home.simulate("mqtt/stop")
        await self._end(ends_away)
        tasks.append(await self._start(begins_away))
        if not await until(self._is_silent, GONE, every=1):
            raise DemoError(f"Live values are still there after {GONE} s.")
        kept = time.monotonic() - stopped
        await home.simulate("mqtt/start")
        started = time.monotonic()
        if kept < KEPT:
            raise DemoError(f"Live values were gone after {kept:.0f} s.")
        back = [self._speaks(alias, BACK) for alias in ACCOUNTS if alias != REFUSED]
        await asyncio.gather(
            *back,
            self._told(tasks[0], "started", "finished"),
            self._told(tasks[2], "started"),
        )
        seconds = time.monotonic() - started
        await asyncio.gather(self._end(ends_after), self._end(begins_away))
        await asyncio.gather(*(self._told(task, "started", "finished") for task in tasks))
        await asyncio.sleep(RECORDING)
        blinked = await self._blinked(begun)
        if blinked:
            raise DemoError(f"These were unavailable meanwhile: {', '.join(blinked)}.")
        return (
            f"values gone after {kept:.0f} s, back {seconds:.0f} s after the broker,"
            " nothing else was unavailable"
        )

    async def _is_silent(self) -> bool:
        """Return if nothing live is left; and have HTTP tell what is new."""
        await self._home.update(await self._entity(self._fleet[0], "sensor", "status"))
        states = await self._states()
        rows = await self._rows()
        # Home Assistant counts a problem that is unavailable as one, so that one is unknown.
        live = {
            row["entity_id"]: "unknown" if row["unique_id"].endswith("_error") else "unavailable"
            for row in rows
            if row["config_entry_id"] in self._entries.values()
            and says_itself(row, self._uid(row))
            and not row["disabled_by"]
        }
        return all(states.get(each, gone) == gone for each, gone in live.items())

    async def _blinked(self, since: datetime) -> list[str]:
        """Return the entities of HTTP that were unavailable since then."""
        ids = [
            row["entity_id"]
            for row in await self._rows()
            if not (says_itself(row, self._uid(row)) or row["disabled_by"])
            # It is gone for good.
            and self._lost not in row["unique_id"]
        ]
        history = await self._home.command(
            "history/history_during_period",
            start_time=since.isoformat(),
            entity_ids=ids,
            significant_changes_only=False,
            no_attributes=True,
        )
        if not history:
            raise DemoError("There is no history of states.")
        return sorted(
            entity_id
            for entity_id, states in history.items()
            if any(state["s"] == "unavailable" for state in states)
        )

    async def politeness(self) -> str:
        """See that the refused account left the broker alone, and that nobody is to sign in."""
        log = (await self._home.simulated("mqtt"))["log"]
        tries = [
            each
            for each in log
            if each["account"] == REFUSED and each["what"] in {"connect", "refused"}
        ]
        if [each["what"] for each in tries] != ["connect", "refused"]:
            raise DemoError(f"The broker was asked too often: {[each['at'] for each in tries]}.")
        if await self._reauths():
            raise DemoError(
                "Home Assistant offers to sign in again, though only the broker refuses."
            )
        return "one attempt with a token that the broker refuses, and no offer to sign in again"

    async def each_once(self) -> str:
        """Compare what was reported with the prints."""
        for trigger in TRIGGERS:
            reports = [
                each
                for each in await self._reports()
                if each["trigger"] == trigger and each["event_type"] != "error"
            ]
            for task in self._tasks:
                events = [each["event_type"] for each in reports if each["task_id"] == task]
                if events != ["started", "finished"]:
                    raise DemoError(f"Of {task} came {events} by {trigger}.")
            if others := {each["task_id"] for each in reports} - set(self._tasks):
                raise DemoError(f"There were no such prints: {others}.")
        return f"{len(self._tasks)} prints, each announced once"

    def steps(self) -> list[Step]:
        """Return what is looked at, and what side by side."""
        return [
            [[("live, set-up", self.set_up)]],
            [
                [("live, automation", self.heard)],
                [("live, errors", self.complained), ("live, AMS", self.filament)],
                [("live, token revoked", self.expired)],
                [("live, switched off and on", self.switched)],
                [("live, somebody else's printer", self.robbed)],
                [("live, token refused by the broker", self.refused)],
            ],
            [[("live, broker away", self.away)]],
            [
                [("live, refused token", self.politeness)],
                [("live, prints, each once", self.each_once)],
            ],
        ]

    # Home Assistant

    async def _rows(self) -> list[dict[str, Any]]:
        rows = await self._home.command("config/entity_registry/list")
        return [row for row in rows if row["platform"] == DOMAIN]

    async def _states(self) -> dict[str, str]:
        return {each["entity_id"]: each["state"] for each in await self._home.get("/api/states")}

    def _uid(self, row: dict[str, Any]) -> str:
        return next(uid for uid in self._uids.values() if row["unique_id"].startswith(f"{uid}_"))

    async def _entity(self, device: str, platform: str, key: str) -> str:
        """Return the entity id of a printer or account."""
        return next(
            row["entity_id"]
            for row in await self._rows()
            if row["unique_id"].endswith(f"{device}_{key}")
            and row["entity_id"].startswith(f"{platform}.")
        )

    async def _live_entities(self, alias: str) -> list[str]:
        """Return the entities of what an account's printers say themselves, disabled ones too."""
        uid = self._uids[alias]
        return [
            row["entity_id"]
            for row in await self._rows()
            if self._uid(row) == uid and says_itself(row, uid)
        ]

    async def _live_data(self, alias: str) -> dict[str, Any]:
        entity_id = await self._entity(self._uids[alias], "binary_sensor", "live_data")
        return dict(await self._home.get(f"/api/states/{entity_id}"))

    async def _speaks(self, alias: str, patience: float) -> float:
        """Wait for values of each printer of an account, and return for how long that was."""
        ours = [each["dev_id"] for each in await self._home.printers(_login(alias))]
        silent = set(ours)
        began = time.monotonic()

        async def all_speak() -> bool:
            states = await self._states()
            bed = {
                row["unique_id"]: states.get(row["entity_id"], "")
                for row in await self._rows()
                if row["unique_id"].endswith("_bed_temperature")
            }
            uid = self._uids[alias]
            silent.difference_update(
                each for each in ours if bed.get(f"{uid}_{each}_bed_temperature", "").isdigit()
            )
            return not silent

        if not await until(all_speak, patience):
            raise DemoError(f"{len(silent)} printers of {alias} say nothing after {patience} s.")
        return time.monotonic() - began

    # The simulator

    async def _sessions(self, alias: str) -> int:
        sessions = (await self._home.simulated("mqtt"))["sessions"]
        return sum(each["account"] == alias for each in sessions)

    async def _start(self, dev_id: str, **more: object) -> str:
        answer = await self._home.simulate(f"printers/{dev_id}/start", duration=3600, **more)
        self._tasks.append(str(answer["task_id"]))
        return self._tasks[-1]

    async def _end(self, dev_id: str) -> None:
        await self._home.simulate(f"printers/{dev_id}/end", result="finished")

    async def _reports(self) -> list[dict[str, Any]]:
        return [
            each["body"] | {"at": each["at"], "trigger": each["name"]}
            for each in await self._home.simulated("received")
        ]

    async def _told(self, task: str, *events: str) -> datetime:
        """Wait until these events of a print were reported by each trigger; return when."""
        heard: dict[str, list[dict[str, Any]]] = {}

        async def is_told() -> bool:
            for trigger in TRIGGERS:
                heard[trigger] = [
                    each
                    for each in await self._reports()
                    if each["trigger"] == trigger and each["task_id"] == task
                ]
            return all(len(each) >= len(events) for each in heard.values())

        await until(is_told, 60)
        for trigger, reports in heard.items():
            if [each["event_type"] for each in reports] != [*events]:
                came = [each["event_type"] for each in reports]
                raise DemoError(f"By {trigger} came {came} instead of {list(events)}.")
        return max(datetime.fromisoformat(each[-1]["at"]) for each in heard.values())


def _login(alias: str) -> str:
    return f"{alias}@example.com"


def _listed(seconds: Iterable[float]) -> str:
    """Return the middle and the longest of some times."""
    seconds = list(seconds)
    return f"{median(seconds):.1f} (at most {max(seconds):.1f})"
