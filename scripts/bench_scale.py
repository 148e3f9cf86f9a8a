"""What printers cost a Home Assistant, beside the least that they can cost it; see scripts/bench.

Ours and the floor (`bench_floor`: an empty coordinator with as many entities) run each in a process
of its own, one after the other; what is compared was measured within a minute.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
import json
import os
from pathlib import Path
from statistics import median
import sys
import time
from types import MappingProxyType
from typing import Any

from homeassistant.components.recorder import get_instance
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import (
    CONF_TOKEN,
    EVENT_STATE_CHANGED,
    PERCENTAGE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    __version__,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
import orjson

import custom_components
from custom_components.bambu_lab_cloud.const import CONF_LIVE_DATA
from scripts import bench_floor
from scripts.bench import (
    ROOT,
    Row,
    address,
    apart,
    child,
    home,
    markdown,
    memory,
    met,
    sign_in,
    table,
)
from scripts.bench_live import Hold, watched_alone
from scripts.bench_printers import ACCOUNT
from scripts.figures import write as write_figures

POLLS, SETUPS = 21, 3
SHORT, FULL = (40,), (1, 10, 100, 340)
# What a run fails at: a figure so many times beyond its goal is no noise.
GROSS = 3
# Times the decoding, times the empty coordinator's, ms beyond the empty coordinator's.
POLL, FLOOR, HOLD = 2, 1.5, 50


@dataclass(kw_only=True)
class Cost:
    """What something took: s of CPU, s of the longest hold of the loop, states written."""

    cpu: float = 0
    hold: float = 0
    states: int = 0


@dataclass(kw_only=True)
class Figures:
    """What so many printers cost; memory in KB."""

    entities: int = 0
    first: Cost = field(default_factory=Cost)
    again: Cost = field(default_factory=Cost)
    start: Cost = field(default_factory=Cost)
    end: Cost = field(default_factory=Cost)
    remove: Cost = field(default_factory=Cost)
    memory: float = 0
    # Of a poll that brings nothing new, at rest and while all print; and of its body.
    poll: float = 0
    poll_printing: float = 0
    fetch: float = 0
    decode: float = 0


@asynccontextmanager
async def measured(hass: HomeAssistant) -> AsyncIterator[Cost]:
    """Measure what happens within."""
    hold, written = Hold(), list[object]()
    stop = hass.bus.async_listen(EVENT_STATE_CHANGED, written.append)
    await rest(hass)
    cost = Cost()
    async with watched_alone(hold):
        cpu = time.process_time()
        yield cost
        await hass.async_block_till_done()
        cost.cpu = time.process_time() - cpu
    cost.hold, cost.states = hold.cpu, len(written)
    stop()


async def rest(hass: HomeAssistant) -> None:
    """Wait until nothing is left to do of what was before, not for the recorder either."""
    await hass.async_block_till_done()
    await get_instance(hass).async_block_till_done()


async def typical(hass: HomeAssistant, *actions: Callable[[], Awaitable[object]]) -> list[float]:
    """Return the median CPU time of actions that take turns, as a machine changes its pace."""
    await rest(hass)
    times = [list[float]() for _ in actions]
    for _ in range(POLLS):
        for action, taken in zip(actions, times, strict=True):
            cpu = time.process_time()
            await action()
            taken.append(time.process_time() - cpu)
    return [median(taken) for taken in times]


async def set_up(hass: HomeAssistant, entry: ConfigEntry[Any], figures: Figures) -> None:
    """Set an entry up for the first time, and again as after a restart."""
    before = memory()
    async with measured(hass) as figures.first:
        await hass.config_entries.async_setup(entry.entry_id)
    # What was needed for that alone goes with another set-up.
    costs = []
    for _ in range(SETUPS):
        await hass.config_entries.async_unload(entry.entry_id)
        async with measured(hass) as cost:
            await hass.config_entries.async_setup(entry.entry_id)
        costs.append(cost)
    figures.again = Cost(
        cpu=median(each.cpu for each in costs), hold=median(each.hold for each in costs)
    )
    figures.memory = (memory() - before) * 1024


async def ours(folder: Path, number: int, rows: list[bench_floor.Row]) -> Figures:
    """Return what we cost, and add what the floor is to have."""
    figures = Figures()
    async with child("scripts.bench_farm", str(number)) as simulator, home(folder) as hass:
        assert simulator.stdin and simulator.stdout  # noqa: S101, PT018 - for the type
        stdin, stdout = simulator.stdin, simulator.stdout

        async def do(what: str) -> None:
            stdin.write(f"{what}\n".encode())
            await stdout.readline()

        os.environ["BAMBU_LAB_CLOUD_URL"] = url = await address(simulator)
        # An account without printers brings what all share; live data has a bench of its own.
        entry = await sign_in(hass, ACCOUNT)
        hass.config_entries.async_update_entry(entry, options={CONF_LIVE_DATA: False})
        await hass.config_entries.async_unload(entry.entry_id)
        without = {each.entity_id for each in rows_of(hass, entry)}
        await do("add")
        await set_up(hass, entry, figures)
        printers = entry.runtime_data.printers
        states = [states_of(hass, entry)]

        async def fetch() -> bytes:
            headers = {"Authorization": f"Bearer {entry.data[CONF_TOKEN]}"}
            path = f"{url}/v1/iot-service/api/user/bind"
            async with async_get_clientsession(hass).get(path, headers=headers) as answer:
                return await answer.read()

        body = await fetch()

        async def decode() -> None:
            orjson.loads(body)

        figures.decode, figures.fetch, figures.poll = await typical(
            hass, decode, fetch, printers.async_refresh
        )
        for what in ("start", "end"):
            await do(what)
            async with measured(hass) as cost:
                await printers.async_refresh()
            setattr(figures, what, cost)
            states.append(states_of(hass, entry))
            if what == "start":
                (figures.poll_printing,) = await typical(hass, printers.async_refresh)
        added = [each for each in rows_of(hass, entry) if each.entity_id not in without]
        rows += [row_of(each, states) for each in added]
        figures.entities = sum(each.disabled_by is None for each in added)
        async with measured(hass) as figures.remove:
            await hass.config_entries.async_remove(entry.entry_id)
    return figures


def rows_of(hass: HomeAssistant, entry: ConfigEntry[Any]) -> list[er.RegistryEntry]:
    """Return the entities of an entry."""
    return er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)


def states_of(hass: HomeAssistant, entry: ConfigEntry[Any]) -> dict[str, str]:
    """Return what the entities show."""
    states = (hass.states.get(each.entity_id) for each in rows_of(hass, entry))
    return {state.entity_id: state.state for state in states if state}


def row_of(entity: er.RegistryEntry, states: list[dict[str, str]]) -> bench_floor.Row:
    """Return what the floor has in place of an entity."""
    nothing = {STATE_UNKNOWN, STATE_UNAVAILABLE}
    values = (each.get(entity.entity_id) for each in states)
    # Units of our own are translated.
    has_unit = entity.original_device_class or entity.unit_of_measurement == PERCENTAGE
    return bench_floor.Row(
        platform=entity.domain,
        unique_id=entity.unique_id,
        key=entity.translation_key,
        device=str(entity.device_id),
        enabled=entity.disabled_by is None,
        visible=entity.hidden_by is None,
        category=entity.entity_category,
        device_class=entity.original_device_class,
        unit=entity.unit_of_measurement if has_unit else None,
        capabilities=dict(entity.capabilities or {}),
        states=tuple(None if value in nothing else value for value in values),
    )


async def floor(folder: Path, _: int, rows: list[bench_floor.Row]) -> Figures:
    """Return what as many entities cost that do nothing."""
    figures = Figures()
    components = folder.parent / "components"
    bench_floor.write(components, ROOT / "custom_components" / "bambu_lab_cloud")
    custom_components.__path__.append(str(components))
    async with home(folder) as hass:
        entry = ConfigEntry[Any](
            data={},
            discovery_keys=MappingProxyType({}),
            domain=bench_floor.DOMAIN,
            minor_version=1,
            options={},
            source="user",
            subentries_data=(),
            title="Floor",
            unique_id="floor",
            version=1,
        )
        await hass.config_entries.async_add(entry)
        await hass.async_block_till_done()
        await hass.config_entries.async_unload(entry.entry_id)
        bench_floor.rows[:] = rows
        bench_floor.shown = {row.unique_id: row.states[0] for row in rows}
        await set_up(hass, entry, figures)
        for number, what in enumerate(("start", "end"), 1):
            bench_floor.shown = {row.unique_id: row.states[number] for row in rows}
            async with measured(hass) as cost:
                await entry.runtime_data.async_refresh()
            setattr(figures, what, cost)
        figures.entities = sum(row.enabled for row in rows)
        async with measured(hass) as figures.remove:
            await hass.config_entries.async_remove(entry.entry_id)
    return figures


async def run(which: str, folder: Path, number: int) -> Figures:
    """Return what one of the two costs, measured in a process of its own."""
    options = ("--of", which, str(folder), str(number))
    found = await apart("scripts.bench_scale", *options)
    costs = {key: Cost(**value) for key, value in found.items() if isinstance(value, dict)}
    return Figures(**(found | costs))


def ms(seconds: float) -> str:
    """Return a time in ms."""
    return f"{seconds * 1000:.{0 if seconds >= 0.1 else 1 if seconds >= 0.01 else 2}f}"


class Report:
    """The rows of a table, and whether a figure is far beyond its goal."""

    def __init__(self) -> None:
        self.rows: list[Row] = [("", "ours", "floor", "ratio", "goal")]
        self.is_broken = False

    def add(
        self, what: str, ours: float, floor: float, goal: float = 0, form: Callable[..., str] = ms
    ) -> None:
        """Add a figure beside its floor, and how many times that it may be."""
        ratio = ours / floor if floor else 0.0
        self.rows.append(
            (what, form(ours), form(floor), f"{ratio:.2f}", met(ratio, goal) if goal else "")
        )
        self.is_broken |= bool(goal) and ratio > GROSS * goal

    def add_hold(self, what: str, ours: float, floor: float) -> None:
        """Add how long the loop was held, and how much longer than by the floor that may be."""
        beyond = (ours - floor) * 1000
        self.rows.append((what, ms(ours), ms(floor), f"{beyond:+.0f} ms", met(beyond, HOLD)))
        self.is_broken |= beyond > GROSS * HOLD


def compared(number: int, ours: Figures, floor: Figures) -> Report:
    """Return the figures of so many printers."""
    report = Report()
    report.add("set-up, new, CPU ms", ours.first.cpu, floor.first.cpu, FLOOR)
    report.add("set-up, known, CPU ms", ours.again.cpu, floor.again.cpu, FLOOR)
    report.add_hold("set-up, new, longest hold ms", ours.first.hold, floor.first.hold)
    report.add_hold("set-up, known, longest hold ms", ours.again.hold, floor.again.hold)
    report.add(
        "memory a printer, KB", ours.memory / number, floor.memory / number, FLOOR, "{:.0f}".format
    )
    report.add("unchanged poll, CPU ms", ours.poll, ours.fetch + ours.decode, POLL)
    report.add("  without its request, CPU ms", ours.poll - ours.fetch, ours.decode)
    report.add("poll while all print, CPU ms", ours.poll_printing, ours.fetch + ours.decode)
    for what, mine, least in (
        ("all start", ours.start, floor.start),
        ("all end", ours.end, floor.end),
    ):
        report.add(f"{what}, CPU ms", mine.cpu, least.cpu)
        report.add_hold(f"{what}, longest hold ms", mine.hold, least.hold)
        report.add(f"{what}, states written", mine.states, least.states, form="{:.0f}".format)
    report.add("removal, CPU ms", ours.remove.cpu, floor.remove.cpu)
    report.add_hold("removal, longest hold ms", ours.remove.hold, floor.remove.hold)
    return report


async def main(numbers: list[int], folder: Path, *, write: bool) -> bool:
    """Print what printers cost; return if a figure is far beyond its goal."""
    tables, is_broken = [], False
    for number in numbers:
        both = [await run(which, folder, number) for which in ("ours", "floor")]
        report = compared(number, *both)
        plural = "printer" if number == 1 else "printers"
        title = f"{number} {plural}, {both[0].entities} entities, Home Assistant {__version__}"
        table(title, report.rows)
        tables.append(markdown(title, report.rows))
        is_broken |= report.is_broken
    if write:
        write_figures("performance", "scripts/bench scale", "\n\n".join(tables))
    return is_broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("printers", type=int, nargs="*")
    parser.add_argument("--of", choices=("ours", "floor"))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.of:
        # Where the one writes down what the other is to have.
        place = given.folder / f"{given.of}-{given.printers[0]}"
        place.mkdir(parents=True)
        known = given.folder / "rows"
        if given.of == "ours":
            rows = list[bench_floor.Row]()
            found = asyncio.run(ours(place / "home", given.printers[0], rows))
            known.write_text(json.dumps([asdict(row) for row in rows]))
        else:
            rows = [bench_floor.Row(**row) for row in json.loads(known.read_text())]
            found = asyncio.run(floor(place / "home", given.printers[0], rows))
        print(json.dumps(asdict(found)))
    else:
        numbers = given.printers or list(SHORT if given.short else FULL)
        sys.exit(asyncio.run(main(numbers, given.folder, write=given.write)))
