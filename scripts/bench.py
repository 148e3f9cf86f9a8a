"""What the benches share: a simulator, a Home Assistant, figures and goals; see scripts/bench."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
import gc
import json
import logging
from pathlib import Path
import sys
from typing import Any

from homeassistant.bootstrap import async_setup_hass
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.runner import RuntimeConfig

from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.demo import ASIDE, free_port
from scripts.demo_home import prepare
from scripts.figures import MARKS

ROOT = Path(__file__).parents[1]

type Row = tuple[str, ...]


@asynccontextmanager
async def child(module: str, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a simulator in a process of its own, so that its share is not counted."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *options),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def apart(module: str, *options: str) -> Any:
    """Return what a module measures in a process of its own, by the last line that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *options), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        sys.exit(process.returncode)
    return json.loads(output.splitlines()[-1])


async def address(process: asyncio.subprocess.Process) -> str:
    """Return the address in the next line that a simulator writes."""
    assert process.stdout  # noqa: S101 - for the type
    return (await process.stdout.readline()).decode().split()[-1]


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


async def sign_in(hass: HomeAssistant, alias: str) -> ConfigEntry[Any]:
    """Sign an account in whose password is enough."""
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": "user"})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "password"})
    answer = {
        "region": "global",
        "account": f"{alias}@example.com",
        "password": f"{alias}-password",
    }
    await flows.async_configure(result["flow_id"], answer)
    await hass.async_block_till_done()
    return hass.config_entries.async_entries(DOMAIN)[0]


def memory(key: str = "VmRSS") -> float:
    """Return the memory of this process in MB."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def met(value: float, goal: float) -> str:
    """Return a goal, with a mark that says whether it is met."""
    return f"{MARKS[value <= goal]} ≤ {goal:g}"


def table(title: str, rows: Iterable[Row], *, has_notes: bool = False) -> None:
    """Print rows in columns: figures on the right, names and notes on the left."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<", *(">" for _ in widths[2:]), "<" if has_notes else ">"]
    print(f"\n{title}")
    for row in rows:
        cells = zip(row, sides, widths, strict=True)
        print("  ".join(f"{cell:{side}{width}}" for cell, side, width in cells).rstrip())
    sys.stdout.flush()


def markdown(title: str, rows: list[Row]) -> str:
    """Return a table as Markdown."""
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([f"**{title}**", "", head, f"|{'---|' * len(rows[0])}", *rest])
