"""Hostile answers, messages and headers, and what comes of them; see scripts/fuzz."""

import argparse
import asyncio
from datetime import UTC, datetime
import logging
import os
from pathlib import Path
import sys
import time
from typing import Any

from scripts import figures
from scripts.bench import home, memory, sign_in
from scripts.fuzz_bodies import chance
from scripts.fuzz_home import Home
from scripts.fuzz_judge import HOLD, Judge
from scripts.fuzz_parsers import Parsers, valid_bodies
from scripts.fuzz_wire import bombs
from simulator import Simulator, reports

BODIES, SHORT = 100_000, 2_000
# Of a hundred bodies so many go to each: all that follow one another are of one kind.
SHARES = {"answers": 60, "messages": 28, "pictures": 4, "home_answers": 3, "home_messages": 5}
# After so many the truth is told.
BEFORE_THE_TRUTH = 50
GROWTH = 100
RULES = {
    "typed errors": "nothing is raised but a typed error",
    "values": "what is read is bounded, finite and can be shown",
    "states": "no state of more than 255 characters",
    "attributes": "no attributes of more than 16,384 bytes",
    "loop": f"no body holds the event loop for more than {HOLD * 1000:.0f} ms",
    "capped": "a body without end is read to its bound alone",
    "addresses": "no picture from anywhere else",
    "last good": "the next good answer shows everything right",
    "log": "no traceback in the log",
    "secrets": "no secret in a log or an error",
    "memory": f"no more than {GROWTH} MB of memory more than after the first tenth",
}


def pushes_of(simulator: Simulator) -> list[Any]:
    """Return what printers say when all is well."""
    cloud, now = simulator.cloud, datetime.now(UTC)
    printers = {each.model.code: each for each in cloud.all_printers()}.values()
    states = [reports.full(each, reports.status(cloud, each, now, 1), 1) for each in printers]
    versions = [reports.versions(each, "1") for each in printers]
    events = [reports.event(name, now) for name in ("connected", "disconnected")]
    return [*states, *states, *states, *versions, *events]


def plan(bodies: int) -> dict[str, range]:
    """Return the numbers of the bodies of each kind."""
    numbers, begin = {}, 0
    for kind, share in SHARES.items():
        numbers[kind] = range(begin, begin + bodies * share // 100)
        begin = numbers[kind].stop
    return numbers


class Run:
    """One run, of which every body follows from its seed and its number."""

    def __init__(self, seed: int, bodies: int, only: int | None) -> None:
        self.judge = Judge()
        self.rows: list[tuple[str, int, float]] = []
        self._seed = seed
        self._plan = plan(bodies)
        self._only = only
        self._memory: list[float] = []

    def _numbers(self, kind: str) -> list[int]:
        return [each for each in self._plan[kind] if self._only in (None, each)]

    async def _each(self, kind: str, make: Any, after: Any = None) -> None:
        self.judge.longest = 0.0
        numbers = self._numbers(kind)
        for index, self.judge.number in enumerate(numbers):
            await make(chance(self._seed, self.judge.number))
            if after and (index + 1) % BEFORE_THE_TRUTH == 0:
                await after()
            if index == len(numbers) // 10:
                before = memory("VmRSS")
        if numbers and (grown := memory("VmRSS") - before) > GROWTH:
            self.judge.blame("memory", f"{kind}: {grown:.0f} MB")
        self.rows.append((kind.replace("_", ": "), len(numbers), self.judge.longest))

    async def run(self, folder: Path) -> None:
        """Do it all."""
        valid = await valid_bodies()
        simulator = Simulator(history=5, mqtt="manual")
        pushes = pushes_of(simulator)
        parsers = Parsers(self.judge, valid, pushes)
        with self.judge.listening():
            await self._each("answers", parsers.answer)
            await self._each("messages", parsers.push)
            await self._each("pictures", parsers.picture)
            parsers.stop()
            if self._only is None:
                self.judge.longest = 0.0
                self.rows.append(("without end", await bombs(self.judge), self.judge.longest))
        if self._numbers("home_answers") or self._numbers("home_messages"):
            await self._home(folder, simulator, valid, pushes)

    async def _home(
        self, folder: Path, simulator: Simulator, valid: dict[str, Any], pushes: list[Any]
    ) -> None:
        await simulator.start()
        simulator.cloud.stop_schedules()
        os.environ["BAMBU_LAB_CLOUD_URL"] = simulator.url
        os.environ["BAMBU_LAB_CLOUD_MQTT_URL"] = simulator.mqtt_url
        async with home(folder) as hass:
            entry = await sign_in(hass, "password")
            await asyncio.sleep(2)
            account = Home(
                judge=self.judge,
                hass=hass,
                entry=entry,
                simulator=simulator,
                valid=valid,
                pushes=pushes,
            )
            await account.good()
            with self.judge.listening():
                await self._each("home_answers", account.answer, account.good)
                await account.good()
                await self._each("home_messages", account.push, account.good)
                await account.good()
            account.stop()
        await simulator.stop()


def table(run: Run, seconds: float, seed: int) -> str:
    """Return what came out, as Markdown."""
    blamed = {what for what, _, _ in run.judge.wrongs}
    lines = ["| what | how many | longest hold of the event loop, ms |", "|---|--:|--:|"]
    lines += [f"| {name} | {count:,} | {held * 1000:.0f} |" for name, count, held in run.rows]
    lines += ["", "| what must hold | |", "|---|---|"]
    lines += [f"| {text} | {'✗' if what in blamed else '✓'} |" for what, text in RULES.items()]
    total = sum(count for _, count, _ in run.rows)
    return "\n".join([*lines, "", f"{total:,} bodies of seed {seed} in {seconds:.0f} s."])


def main() -> int:
    """Run, and say what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bodies", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", type=int)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    bodies = options.bodies or (SHORT if options.short else BODIES)
    logging.basicConfig(level=logging.DEBUG, handlers=[logging.NullHandler()])
    run, began = Run(options.seed, bodies, options.only), time.monotonic()
    asyncio.run(run.run(options.folder))
    text = table(run, time.monotonic() - began, options.seed)
    print(text)
    for what, number, why in run.judge.wrongs[:40]:
        print(f"{what}, body {number} of {bodies} (--seed {options.seed}): {why}", file=sys.stderr)
    if options.write and bodies == BODIES and not run.judge.wrongs:
        figures.write("reliability", "scripts/fuzz", text)
    return bool(run.judge.wrongs)


if __name__ == "__main__":
    sys.exit(main())
