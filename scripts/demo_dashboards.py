"""The demo's dashboard, written as docs/dashboards.md tells owners to, and prints to show on it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from scripts.demo_home import DOMAIN, DemoError, Home, until

TEMPLATE = Path(__file__).parents[1] / "dashboards/printers.jinja"
DASHBOARD = "3d-printers"
# After that long a printer that left a serial number out of its versions was asked again.
LATE = 60
# Real seconds: what is printing when somebody opens the demo, and what has ended by then.
LONG, SHORT = 420, 20
# A nozzle that does not heat as it should.
ERROR = {"attr": 0x03000200, "code": 0x00010001}


async def arrange_prints(home: Home) -> None:
    """Have one print running, one finished and one failed, before anybody looks.

    The schedules of the printers go on from there.
    """
    for index, printer in enumerate(await home.printers()):
        path = f"printers/{printer['dev_id']}"
        if printer["job"]:
            await home.simulate(f"{path}/end")
        if not printer["online"]:
            await home.alter(path, online=True)
        match index:
            case 1:
                await home.simulate(f"{path}/start", duration=SHORT)
            case 2:
                await home.simulate(f"{path}/start", duration=SHORT, result="failed")
                await home.simulate(f"{path}/error", hms=[ERROR])
            case 3:
                await home.alter(path, online=False)
            case _ if index % 2 == 0:
                await home.simulate(f"{path}/start", duration=LONG + 60 * index)


async def install_dashboards(home: Home) -> dict[str, Any] | None:
    """Add the dashboard, on which Home Assistant then opens; None where there is one already."""
    dashboards = await home.command("lovelace/dashboards/list")
    if any(each["url_path"] == DASHBOARD for each in dashboards):
        return None
    await _told(home)
    await home.command(
        "lovelace/dashboards/create",
        url_path=DASHBOARD,
        title="3D printers",
        icon="mdi:printer-3d",
    )
    installed = await _write(home)
    await home.command("frontend/set_user_data", key="core", value={"default_panel": DASHBOARD})
    return installed


async def renew_dashboards(home: Home, installed: dict[str, Any] | None) -> None:
    """Add what came late, unless the dashboard was changed meanwhile."""
    if installed is None:
        return
    await asyncio.sleep(LATE)
    # Home Assistant may be about to start again.
    with suppress(DemoError, aiohttp.ClientError):
        if await home.command("lovelace/config", url_path=DASHBOARD) == installed:
            await _write(home)


async def _write(home: Home) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(await home.render(TEMPLATE.read_text()))
    await home.command("lovelace/config/save", url_path=DASHBOARD, config=config)
    return config


async def _told(home: Home) -> None:
    """Wait for the statistics, which come last: by then printers have said what they have."""

    async def there() -> bool:
        known = await home.command("recorder/list_statistic_ids")
        return any(each["source"] == DOMAIN for each in known)

    await until(there, 90)
