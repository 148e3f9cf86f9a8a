"""The home of the pictures in docs/pictures: printers that have been at work for an hour."""

from contextlib import closing
from functools import partial
from pathlib import Path
import re
import shutil
import sqlite3
import time
from typing import Any

import yaml

from scripts.demo import SEED, Demo
from scripts.demo_dashboards import ERROR, install_dashboards
from scripts.demo_home import DemoError, Home, until
from scripts.demo_world import BLUEPRINTS
from scripts.screenshots_labels import ROOT
from simulator.catalogue import look

# The printers of the demo by what becomes of them: their name, what they print, how many minutes
# ago it began, and how many it takes.
FLEET = {
    "prints": ("Workshop X1C", "Twisted vase", 83, 140),
    "finishes": ("P1S", "Pen holder", 107, 125),
    "failed": ("A1 mini", "Lamp shade", 52, 40),
    "paused": ("A1", "Planter", 41, 150),
    "off": ("P1P", None, 0, 0),
    "prints too": ("X1E", "Drawer knob", 12, 35),
}
# What is in its AMS; the first is what it prints from.
SPOOLS: tuple[dict[str, Any], ...] = (
    {"colors": ["E36F1EFF"], "remaining": 64},
    {"material": "PLA", "name": "PLA Basic", "colors": ["FFFFFFFF"], "remaining": 87},
    {"material": "PETG", "name": "PETG HF", "colors": ["00AE42FF"], "remaining": 31},
    {"material": "PLA", "name": "PLA Silk", "colors": ["F4D976FF"], "remaining": 12},
)
GUIDE = ROOT / "docs/blueprints.md"
NOTIFICATION = "print_notification.yaml"
# How many minutes it takes to heat a part to what it has now.
HEAT = {"nozzle_temperature": 4, "bed_temperature": 3, "chamber_temperature": 60}
COLD = 23  # °C
# How the recorder keeps what a sensor was.
KEPT = (
    "SELECT CAST(state AS INTEGER) AS hot, metadata_id, attributes_id"
    " FROM states_meta JOIN states USING (metadata_id)"
    " WHERE states_meta.entity_id LIKE ? AND hot > 0 ORDER BY state_id DESC LIMIT 1"
)
KEEP = "INSERT INTO states (state, last_updated_ts, metadata_id, attributes_id) VALUES (?, ?, ?, ?)"


async def arrange(home: Home) -> None:
    """Give each printer its name, and something in hand."""
    await home.simulate("stop-schedules")
    fleet = zip(await home.printers(), FLEET.items(), strict=True)
    for printer, (fate, (name, title, ago, takes)) in fleet:
        path = f"printers/{printer['dev_id']}"
        await home.alter(path, name=name, online=title is not None)
        if title is None:
            continue
        job: dict[str, Any] = {"title": title, "ago": 60 * ago, "duration": 60 * takes}
        if fate == "prints":
            task = (await home.simulate(f"{path}/start", **job, ams=[0]))["task_id"]
            await home.unsimulate(f"{path}/ams/1")
            # It is as hot as the material of the print wants it.
            used = look(SEED, task, title, len(SPOOLS), 1).filaments[0][0].type
            for tray, spool in enumerate(({"material": used} | SPOOLS[0], *SPOOLS[1:])):
                await home.arrange(f"{path}/ams/0/{tray}", **spool)
            continue
        if fate == "failed":
            job["result"] = "failed"
            await home.simulate(f"{path}/error", hms=[ERROR])
        await home.simulate(f"{path}/start", **job)
        if fate == "paused":
            await home.simulate(f"{path}/pause")


def actions(folder: Path) -> list[dict[str, Any]]:
    """Return the actions of docs/blueprints.md that show a picture in a notification."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    text = next(block for block in blocks if "image.snapshot" in block)
    found: list[dict[str, Any]] = yaml.safe_load(text.replace("/config/", f"{folder}/"))
    return found


def automate(folder: Path) -> None:
    """Make an automation of the blueprint of notifications, before the start."""
    (folder / "www").mkdir()
    path = folder / "blueprints/automation/bambu_lab_cloud"
    path.mkdir(parents=True)
    shutil.copy(BLUEPRINTS / NOTIFICATION, path)
    printers = ["event.p1s_print", "event.workshop_x1c_print"]
    inputs = {"printers": printers, "notice": "never", "more_actions": actions(folder)}
    blueprint = {"path": f"bambu_lab_cloud/{NOTIFICATION}", "input": inputs}
    automation = {"id": "notification", "alias": "Tell of prints", "use_blueprint": blueprint}
    (folder / "automations.yaml").write_text(yaml.safe_dump([automation]))


async def begin(demo: Demo, folder: Path) -> None:
    """Start everything, with the account signed in and its dashboard written."""
    automate(folder)
    await demo.start(arrange)
    await install_dashboards(demo.home)
    await remember(folder)
    await finish(demo.home)


async def kept(database: sqlite3.Connection, end: str) -> tuple[int, int, int] | None:
    """Return the newest of a temperature of the printer that prints, None until it is written."""
    row: tuple[int, int, int] | None = database.execute(KEPT, [f"%_x1c_{end}"]).fetchone()
    return row


async def remember(folder: Path) -> None:
    """Give the printer that prints the temperatures of the hours before."""
    begun, now = FLEET["prints"][2], time.time()
    with closing(sqlite3.connect(folder / "home-assistant_v2.db", timeout=30)) as database:
        for end, takes in HEAT.items():
            if not (row := await until(partial(kept, database, end), 60, every=1)):
                raise DemoError(f"The recorder does not write the {end}.")
            hot, *numbers = row
            for minute in range(-180, 0):
                share = min(max(begun + minute, 0) / takes, 1)
                # One degree more now and then, as no sensor is quite still.
                degrees = round(COLD + (hot - COLD) * share) + (minute % 7 == 0)
                database.execute(KEEP, (str(degrees), now + 60 * minute, *numbers))
        database.commit()


async def finish(home: Home) -> None:
    """End the print that is told of, once Home Assistant knows of it."""
    name = FLEET["finishes"][0]

    async def is_printing() -> bool:
        states = await home.get("/api/states")
        return any(
            each["attributes"].get("friendly_name") == name and each["state"] == "printing"
            for each in states
        )

    if not await until(is_printing, 60):
        raise DemoError(f"{name} does not print.")
    await home.simulate(f"printers/{await home.dev_id(name)}/end")
