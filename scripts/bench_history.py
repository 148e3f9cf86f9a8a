"""What the history of an account costs a Home Assistant; see scripts/bench."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
import os
from pathlib import Path
import sys
import time

from homeassistant.components.recorder import get_instance
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant

from custom_components.bambu_lab_cloud import history
from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.bench import address, child, home, memory, sign_in

ROUNDS = 5


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


async def measure(folder: Path, past: int) -> None:
    """Set the account up, read its history, restart it, and print what that took."""
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
        prints = len(entry.runtime_data.history.data.prints)
        history.BEFORE_FIRST_PAGE = timedelta(hours=1)
        ratio = (with_history := await set_up_time(hass, entry)) / without
    print(f"""
past prints                        {prints:10}      Home Assistant {__version__}
set-up without history             {without * 1000:10.0f} ms
set-up with the stored history     {with_history * 1000:10.0f} ms   ratio {ratio:.2f}
CPU to read and record the history {cpu:10.2f} s    of which the recorder {writing:.2f} s
storage                            {size / 1e6:10.2f} MB
memory, at rest                    {grown:+10.1f} MB
memory, at its peak                {peak:+10.1f} MB""")


if __name__ == "__main__":
    asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000))
