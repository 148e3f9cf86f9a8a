"""A real Home Assistant that is killed again and again while printers print; see scripts/soak.

An automation posts every event to the simulator, which has all prints and outlives the kills. The
cloud and its broker are not well meanwhile.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Set as AbstractSet
from contextlib import suppress
from datetime import datetime, timedelta
import json
from pathlib import Path
from random import Random
import sys
import time
from typing import Any

import aiohttp

from scripts.bench import markdown, table
from scripts.demo import Demo, alone, emptied, say
from scripts.demo_checks import (
    check_end,
    check_files,
    check_shown,
    complaints,
    mentions,
    secrets,
    secrets_of_printers,
)
from scripts.demo_home import DOMAIN, DemoError, until
from scripts.demo_prints import CALM, DOUBT, TRIGGERS, disagreements, ended_after, ends
from scripts.figures import MARKS, Row, write

ACCOUNT = "demo@example.com"
MODELS = ("X1 Carbon", "P1S", "A1", "H2D", "P2S", "A1 mini")
PRINTERS = [f"Kill {number}" for number in range(1, len(MODELS) + 1)]
EVENTS = [f"event.{name.lower().replace(' ', '_')}_print" for name in PRINTERS]
STATUSES = [f"sensor.{name.lower().replace(' ', '_')}" for name in PRINTERS]
# Seconds from the start of Home Assistant to a kill: while it starts, which takes some eight, while
# it reads the cloud for the first time, and while it has come to rest.
LIFE = (3, 40)
# Seconds of a print, and of the rest after it: no printer begins the next one sooner.
PRINT, REST = (12, 50), (35, 50)
RESULTS = ("finished", "finished", "finished", "failed", "cancelled")
FAULTS = ("server_error", "disconnect", "truncated_json", "html", "empty", "wrong_shape")
PATHS = ("/v1/iot-service/api/user/bind", "/v1/user-service/my/tasks", "/v1")
# What the log says of faults, and of a broker that is away, as it should.
OUTAGES = (f"Error fetching {DOMAIN}", "There is no live data")
# All that was missed is announced this long after the last start, and entities are back.
PATIENCE = 180
BACK = 30
# A print may be announced to an automation that is killed before it has done anything.
MOST_IN_FLIGHT = 0.1
# What is remembered of an account, and of each print that its history has.
KB_OF_ALL, KB_OF_A_PRINT = 40, 0.4
# Two or three starts, each of which asks for everything once.
MOST_REQUESTS = 120


class Kills:
    """Printers that print, a Home Assistant that is killed, and what the automation posts."""

    def __init__(self, demo: Demo, folder: Path, kill_count: int, seed: int) -> None:
        self._demo = demo
        self._home = demo.home
        self._folder = folder
        self._kill_count = kill_count
        # Each who acts by chance has a chance of its own, so that none depends on another's pace.
        self._seed = seed
        self._printers: list[str] = []
        # What the storage knew to be announced after each kill.
        self._stored = set[str]()
        self._killed: list[datetime] = []
        self._unread = set[str]()
        self._sizes: list[int] = []

    async def start(self) -> None:
        """Start both, sign the account in, and let it have printers that print by command."""
        await self._demo.start_both()
        await self._home.simulate("stop-schedules")
        for name, model in zip(PRINTERS, MODELS, strict=True):
            answer = await self._home.simulate("printers", account=ACCOUNT, model=model, name=name)
            self._printers.append(answer["dev_id"])
        await self._home.connect()
        entry = await self._home.entry()
        assert entry  # noqa: S101 - for the type
        await self._home.remember_token(entry["entry_id"])
        self._store = self._folder / ".storage" / f"{DOMAIN}.{entry['entry_id']}.announced"
        if not await until(self._are_back, PATIENCE):
            raise DemoError("The printers do not appear.")

    async def _are_back(self) -> bool:
        states = {each["entity_id"]: each["state"] for each in await self._home.get("/api/states")}
        return all(states.get(each, "unavailable") != "unavailable" for each in STATUSES)

    async def run(self) -> None:
        """Kill and start Home Assistant while prints begin and end."""
        self._since = datetime.now().astimezone()
        others = [
            asyncio.create_task(self._print(dev_id, Random(f"{self._seed} {index}")))  # noqa: S311
            for index, dev_id in enumerate(self._printers)
        ]
        others.append(asyncio.create_task(self._disturb(Random(f"{self._seed} faults"))))  # noqa: S311
        chance = Random(f"{self._seed} kills")  # noqa: S311 - it is to be the same one again
        try:
            for number in range(1, self._kill_count + 1):
                await self._kill()
                await self._demo.hass.start()
                await asyncio.sleep(chance.uniform(*LIFE))
                for each in others:
                    if each.done():
                        # It goes on for ever, unless it fails.
                        each.result()
                if number % 10 == 0:
                    say(f"        {number} kills")
            await self._kill()
        finally:
            for each in others:
                each.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _print(self, dev_id: str, chance: Random) -> None:
        """Print one after the other."""
        path = f"printers/{dev_id}"
        while True:
            await asyncio.sleep(chance.uniform(*REST))
            duration = chance.uniform(*PRINT)
            result = chance.choice(RESULTS)
            await self._home.simulate(f"{path}/start", duration=duration * 3, bind_lag=2)
            await asyncio.sleep(duration)
            # One that is gone without a word, as it was ended by itself, is no trouble.
            with suppress(aiohttp.ClientResponseError):
                await self._home.simulate(f"{path}/end", result=result)

    async def _disturb(self, chance: Random) -> None:
        """Let about every fifth request fail, and the broker be away now and then."""
        while True:
            fault, path = chance.choice(FAULTS), chance.choice(PATHS)
            # Those that nobody has met yet would add up to a cloud that never answers.
            await self._home.unsimulate("faults")
            await self._home.simulate("faults", fault=fault, path=path, times=chance.randint(1, 3))
            await asyncio.sleep(chance.uniform(3, 15))
            what = chance.choice(("mqtt/drop", "mqtt/stop", "nothing", "nothing"))
            if what != "nothing":
                await self._home.simulate(what)
                await asyncio.sleep(chance.uniform(1, 20))
                with suppress(aiohttp.ClientResponseError):
                    await self._home.simulate("mqtt/start")

    async def _kill(self) -> None:
        """Kill Home Assistant, and read what is left."""
        await self._demo.end_home(kill=True)
        self._killed.append(datetime.now().astimezone())
        files = list(self._store.parent.glob(f"{DOMAIN}.*"))
        self._sizes.append(sum(file.stat().st_size for file in files))
        contents = readable(files)
        self._unread |= {file.name for file in files if file not in contents}
        if self._store in contents:
            records = contents[self._store]["data"]["records"]["printers"]
            self._stored |= {key for each in records.values() for key in each["announced"]}

    async def judge(self) -> list[Row]:
        """Start Home Assistant once more, in peace, and return what is found, and if it may be."""
        home = self._home
        await self._calm_down()
        # While it is looked at, it is asked to ask.
        asked = Counter(each["at"][:16] for each in await home.simulated("requests"))
        began = time.monotonic()
        await self._demo.start_home()
        is_back = await until(self._are_back, BACK)
        seconds = time.monotonic() - began
        due = ended_after(await home.ended_tasks(), self._since + DOUBT)
        await self._wait_for(due)
        reports = {each: await self._reports(each) for each in TRIGGERS}
        tasks = await home.ended_tasks()
        rows: list[Row] = [
            ("kills", f"{self._kill_count + 1}", True),
            ("prints that ended", f"{len(due)}", bool(due)),
        ]
        for trigger, each in reports.items():
            rows += announced(
                trigger,
                each,
                tasks,
                due=due,
                stored=self._stored,
                since=self._since,
                killed=self._killed,
            )
        rows.append(("entities back after a start", f"{seconds:.1f} s", bool(is_back)))
        rows.append(("files that cannot be read", f"{len(self._unread)}", not self._unread))
        size, bound = self._sizes[-1] / 1000, KB_OF_ALL + KB_OF_A_PRINT * len(tasks)
        rows.append((f"kB stored (≤ {bound:.0f})", f"{size:.0f}", size <= bound))
        most = max(asked.values())
        rows.append(("most requests in a minute", f"{most}", most <= MOST_REQUESTS))
        return rows + await self._told()

    async def _calm_down(self) -> None:
        """Let nothing fail any more, and what is running end, so that all has ended."""
        await self._home.unsimulate("faults")
        with suppress(aiohttp.ClientResponseError):
            await self._home.simulate("mqtt/start")
        for dev_id in self._printers:
            with suppress(aiohttp.ClientResponseError):
                await self._home.simulate(f"printers/{dev_id}/end", result="finished")

    async def _wait_for(self, due: set[str]) -> None:
        """Wait until all ends that are due are heard, as far as they will be."""

        async def are_heard() -> bool:
            await self._home.update(STATUSES[0])
            reports = [await self._reports(each) for each in TRIGGERS]
            heard = [{report["task_id"] for report in ends(each)} for each in reports]
            return all(due <= each | self._stored for each in heard)

        await until(are_heard, PATIENCE, every=2)
        await asyncio.sleep(CALM)

    async def _told(self) -> list[Row]:
        """Return what is found where secrets and complaints would be."""
        home = self._home
        hidden = await secrets_of_printers(home)
        are_shown = await checked("secrets that are shown", check_shown(home, hidden))
        await self._demo.hass.stop()
        end = await checked("end", check_end(await self._demo.hass.wait()))
        log = self._demo.hass.text()
        found = [each for each in complaints(log) if not is_of_outage(each)]
        told = mentions(log, await secrets(home))
        return [
            are_shown,
            end,
            ("complaints in the log", "; ".join(found[:3]) or "0", not found),
            ("secrets in the log", f"{len(told)}", not told),
            await checked("secrets in files", check_files(self._folder, hidden)),
        ]

    async def _reports(self, trigger: str) -> list[dict[str, Any]]:
        received = await self._home.simulated("received")
        return [each["body"] | {"at": each["at"]} for each in received if each["name"] == trigger]


def readable(files: Iterable[Path]) -> dict[Path, Any]:
    """Return what is in files of JSON, but for those that cannot be read.

    Whoever could not read one has put it aside: we, or Home Assistant with the time in its name.
    """
    contents = {}
    for file in files:
        if file.suffix != ".unreadable" and ".corrupt." not in file.name:
            with suppress(ValueError):
                contents[file] = json.loads(file.read_text(encoding="utf-8"))
    return contents


def is_of_outage(complaint: str) -> bool:
    """Return whether a complaint in the log says that the cloud or its broker is not well."""
    if "Traceback" in complaint:
        # Home Assistant's own helpers tell all of it to who debugs.
        return " DEBUG " in complaint.split("\n", 1)[0] and f"{DOMAIN}.api.errors." in complaint
    return any(each in complaint for each in OUTAGES)


async def checked(what: str, check: Awaitable[str]) -> Row:
    """Return what a check finds."""
    try:
        return what, await check, True
    except DemoError as error:
        return what, f"{error}", False


def announced(
    trigger: str,
    reports: Iterable[dict[str, Any]],
    tasks: Iterable[dict[str, Any]],
    *,
    due: AbstractSet[str],
    stored: AbstractSet[str],
    since: datetime,
    killed: Collection[datetime],
) -> list[Row]:
    """Return what is found in the reports of one trigger, oldest first as the ended tasks are.

    due are the prints that ended meanwhile, stored those that the storage knew to be announced.
    """
    kept, repeated = _without_repeats(reports, killed)
    heard = {each["task_id"] for each in ends(kept)}
    in_flight = (due - heard) & stored
    known = [task for task in tasks if str(task["id"]) not in in_flight]
    # What its printer tells does not wait until the list can be read again, with what was before.
    wrong = disagreements(kept, known, since, in_order=False)
    late = sum(each["late"] for each in ends(kept))
    few = max(1, MOST_IN_FLIGHT * len(killed))
    return [
        (f"announced, by {trigger}", f"{len(heard & due)}, {late} of them late", True),
        ("  killed before the automation was done", f"{len(in_flight)}", len(in_flight) <= few),
        ("  repeated, killed before it was stored", f"{repeated}", repeated <= few),
        ("  lost, doubled or wrong", "; ".join(wrong) or "0", not wrong),
    ]


def _without_repeats(
    reports: Iterable[dict[str, Any]], killed: Collection[datetime]
) -> tuple[list[dict[str, Any]], int]:
    """Return reports without those that say again, after a kill, what was said before it.

    That is no mistake, once; and how many they are.
    """
    kept: list[dict[str, Any]] = []
    said_at: dict[tuple[str, str], datetime] = {}
    repeated = set[tuple[str, str]]()
    for each in reports:
        at = datetime.fromisoformat(each["at"])
        # Whoever repeats an end may have another idea of how the print ended, which is a mistake.
        key = each["task_id"], each["event_type"]
        before = said_at.get(key)
        is_after_kill = before is not None and any(before <= kill <= at for kill in killed)
        if is_after_kill and key not in repeated:
            repeated.add(key)
            continue
        kept.append(each)
        if ends([each]) or (key[0] is not None and key[1] == "started"):
            said_at[key] = at
    return kept, len(repeated)


def shown(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    """Return the rows as they are printed."""
    return [(what, value, MARKS[is_good]) for what, value, is_good in rows]


async def run(arguments: argparse.Namespace) -> int:
    """Kill, judge and print."""
    folder = emptied("kills")
    options = argparse.Namespace(
        check=True, era=arguments.era, live=True, printers=None, time_factor=300
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        demo = Demo(folder, session, options, EVENTS)
        kills = Kills(demo, folder, arguments.kills, arguments.seed)
        began = time.monotonic()
        try:
            await kills.start()
            await kills.run()
            rows = await kills.judge()
        finally:
            await demo.stop()
    minutes = timedelta(seconds=round(time.monotonic() - began))
    title = f"{arguments.kills + 1} kills, seed {arguments.seed}, era {arguments.era}, {minutes}"
    table(title, shown(rows))
    if arguments.write:
        text = markdown(title, [("", "", ""), *shown(rows)])
        write("reliability", "scripts/soak kills", text)
    return int(not all(is_good for _, _, is_good in rows))


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--era", choices=("2022", "2026"), default="2026")
    parser.add_argument("--write", action="store_true", help="write the table into docs")
    arguments = parser.parse_args()
    try:
        with alone("kills"):
            return asyncio.run(run(arguments))
    except (OSError, aiohttp.ClientError, DemoError) as error:
        say(f"[soak] {error or type(error).__name__}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
