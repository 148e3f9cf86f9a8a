"""What the history of an account costs a Home Assistant: run it with scripts/bench."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
import gc
import logging
import os
from pathlib import Path
import sys
import time

from homeassistant.bootstrap import async_setup_hass
from homeassistant.components.recorder import get_instance
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.runner import RuntimeConfig

from custom_components.bambu_lab_cloud import history
from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.demo import ASIDE, free_port
from scripts.demo_home import prepare

ROOT = Path(__file__).parents[1]
ROUNDS = 5


@asynccontextmanager
async def simulator(past: int) -> AsyncIterator[None]:
    """Run the simulator in a process of its own, so that its share is not counted."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--port", "0", "--history", str(past)),
        *("--time-factor", "1"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout  # noqa: S101 - for the type
    line = (await process.stdout.readline()).decode()
    os.environ["BAMBU_LAB_CLOUD_URL"] = line.split()[-1]
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def home(folder: Path) -> AsyncIterator[HomeAssistant]:
    """Run the demo's Home Assistant in this process."""
    prepare(folder, ROOT / "custom_components", free_port(ASIDE))
    hass = await async_setup_hass(RuntimeConfig(config_dir=str(folder), skip_pip=True))
    assert hass  # noqa: S101 - for the type
    logging.getLogger(f"custom_components.{DOMAIN}").setLevel(logging.WARNING)
    await hass.async_start()
    await hass.async_block_till_done()
    try:
        yield hass
    finally:
        await hass.async_stop(force=True)


async def sign_in(hass: HomeAssistant) -> ConfigEntry:
    """Sign the account with one printer in."""
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": "user"})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "password"})
    answer = {"region": "global", "account": "one@example.com", "password": "one-password"}
    await flows.async_configure(result["flow_id"], answer)
    await hass.async_block_till_done()
    return hass.config_entries.async_entries(DOMAIN)[0]


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


def memory(key: str = "VmRSS") -> float:
    """Return the memory of this process in MB."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


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
    async with simulator(past), home(folder) as hass:
        # Until its pages are asked for, an account with a history is set up like any other.
        history.BEFORE_FIRST_PAGE = timedelta(hours=1)
        entry = await sign_in(hass)
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
