"""What the history of an account costs a Home Assistant; see scripts/bench."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
import json
import os
from pathlib import Path
from statistics import median
import time

from homeassistant.components.recorder import get_instance
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from custom_components.bambu_lab_cloud import history
from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.bench import Row, address, apart, child, home, markdown, memory, met, sign_in, table
from scripts.bench_live import Hold, watched_alone
from scripts.figures import write as write_figures

ROUNDS = 5
PAST = (10_000, 100_000)
# Seconds of CPU and MB for each print, and ms for which the loop may be held by who looks at them.
CPU, STORAGE, HOLD = 5 / 10_000, 4 / 10_000, 50


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that an action takes."""
    start = time.perf_counter()
    await action()
    return time.perf_counter() - start


async def set_up_time(hass: HomeAssistant, entry: ConfigEntry) -> float:
    """Return the time that setting the entry up takes, the shortest of a few."""
    times = []
    for _ in range(ROUNDS):
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        times.append(await timed(lambda: hass.config_entries.async_setup(entry.entry_id)))
    return min(times)


def thread_time(thread: int | None) -> float:
    """Return the CPU time of a thread of this process in seconds."""
    fields = Path(f"/proc/self/task/{thread}/stat").read_text(encoding="ascii").split()
    return (int(fields[-39]) + int(fields[-38])) / os.sysconf("SC_CLK_TCK")


async def recorded(hass: HomeAssistant) -> None:
    """Wait for the history to be complete and the recorder to have it."""
    done = asyncio.Event()
    coordinator = hass.config_entries.async_entries(DOMAIN)[0].runtime_data.history
    coordinator.async_add_listener(lambda: coordinator.data.is_complete and done.set())
    await done.wait()
    await hass.async_block_till_done(wait_background_tasks=True)
    await get_instance(hass).async_block_till_done()


@dataclass(kw_only=True)
class Figures:
    """What a history costs: seconds, MB, and seconds for which the loop is held."""

    set_up: float
    set_up_with: float
    cpu: float
    recorder: float
    storage: float
    memory: float
    peak: float
    month: float
    action: float


async def held(action: Callable[[], Awaitable[object]]) -> float:
    """Return how long an action holds the event loop, the median of a few."""
    holds = []
    for _ in range(ROUNDS):
        hold = Hold()
        async with watched_alone(hold):
            await action()
        holds.append(hold.cpu)
    return median(holds)


async def measure(folder: Path, past: int) -> Figures:
    """Set the account up, read its history, restart it, and return what that took."""
    options = ("--port", "0", "--history", str(past), "--time-factor", "1")
    async with child("simulator", *options) as simulator, home(folder) as hass:
        os.environ["BAMBU_LAB_CLOUD_URL"] = await address(simulator)
        # Until its pages are asked for, an account with a history is set up like any other.
        history.BEFORE_FIRST_PAGE = timedelta(hours=1)
        entry = await sign_in(hass, "one")
        without = await set_up_time(hass, entry)
        history.BEFORE_FIRST_PAGE = history.BETWEEN_PAGES = timedelta(milliseconds=10)
        await hass.config_entries.async_reload(entry.entry_id)
        resting, start = memory(), time.process_time()
        idle = thread_time(get_instance(hass).native_id)
        await recorded(hass)
        cpu, grown = time.process_time() - start, memory() - resting
        writing = thread_time(get_instance(hass).native_id) - idle
        peak = memory("VmHWM") - resting
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        size = os.stat(folder / ".storage" / f"{DOMAIN}.{entry.entry_id}.history").st_size  # noqa: PTH116
        await hass.config_entries.async_setup(entry.entry_id)
        history.BEFORE_FIRST_PAGE = timedelta(hours=1)
        with_history = await set_up_time(hass, entry)
        calendars = hass.states.async_entity_ids("calendar")
        now = dt_util.utcnow()
        month = {
            "start_date_time": (now - timedelta(days=31)).isoformat(),
            "end_date_time": now.isoformat(),
        }

        def act(domain: str, name: str, **data: object) -> Callable[[], Awaitable[object]]:
            return lambda: hass.services.async_call(
                domain, name, data, blocking=True, return_response=True
            )

        return Figures(
            set_up=without,
            set_up_with=with_history,
            cpu=cpu,
            recorder=writing,
            storage=size / 1e6,
            memory=grown,
            peak=peak,
            month=await held(act("calendar", "get_events", entity_id=calendars[0], **month)),
            action=await held(act(DOMAIN, "get_print_history", limit=50)),
        )


def compared(past: int, figures: Figures) -> list[Row]:
    """Return the figures beside their goals."""
    return [
        ("set-up without history, ms", f"{figures.set_up * 1000:.0f}", "", ""),
        (
            "set-up with the stored history, ms",
            f"{figures.set_up_with * 1000:.0f}",
            "",
            f"{figures.set_up_with / figures.set_up:.2f} times",
        ),
        (
            "CPU to read and record it, s",
            f"{figures.cpu:.1f}",
            met(figures.cpu, CPU * past),
            f"the recorder {figures.recorder:.1f} of it",
        ),
        ("storage, MB", f"{figures.storage:.2f}", met(figures.storage, STORAGE * past), ""),
        (
            "memory, MB",
            f"{figures.memory:+.1f}",
            "",
            f"{figures.peak:+.1f} at its peak",
        ),
        *(
            (f"{what}, longest hold ms", f"{hold * 1000:.1f}", met(hold * 1000, HOLD), "")
            for what, hold in (
                ("a month of the calendar", figures.month),
                ("get_print_history", figures.action),
            )
        ),
    ]


async def main(numbers: list[int], folder: Path, *, write: bool) -> None:
    """Print what histories cost, each measured in a process of its own."""
    tables = []
    for past in numbers:
        found = await apart("scripts.bench_history", "--one", str(folder), str(past))
        title = f"{past:,} past prints, Home Assistant {__version__}"
        rows = compared(past, Figures(**found))
        table(title, rows, has_notes=True)
        tables.append(markdown(title, [("", "", "goal", ""), *rows]))
    if write:
        write_figures("performance", "scripts/bench history", "\n\n".join(tables))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("past", type=int, nargs="*")
    parser.add_argument("--one", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.one:
        place = given.folder / str(given.past[0])
        place.mkdir(parents=True)
        print(json.dumps(asdict(asyncio.run(measure(place, given.past[0])))))
    else:
        asyncio.run(main(given.past or [*PAST], given.folder, write=given.write))
