"""Takes the pictures of docs/pictures from a demo of its own, light and dark, or checks them."""

import argparse
import asyncio
import sys
import time

import aiohttp
from playwright.async_api import Error as BrowserError

from scripts.demo import FOLDER as DEMO, Demo, alone, emptied, say
from scripts.demo_home import DemoError
from scripts.e2e_walk import opened_page
from scripts.screenshots_pages import SCALE, WINDOWS, Pages
from scripts.screenshots_world import FLEET, begin

FOLDER = DEMO / "screenshots"


async def visit(demo: Demo, names: list[str], *, check: bool) -> list[str]:
    """Open the pages, take their pictures unless they are only checked, return what is wrong."""
    faults = []
    async with opened_page(device_scale_factor=SCALE) as page:
        pages = Pages(page, demo)
        try:
            await pages.open()
            for name in names:
                await pages.show(name)
                if not check:
                    await pages.take(name)
                elif fault := await pages.fault(name):
                    faults.append(fault)
        except BrowserError, DemoError:
            await page.screenshot(path=FOLDER / "FAILED.png")
            raise
    return faults


async def run(arguments: argparse.Namespace) -> list[str]:
    """Start a Home Assistant and visit it."""
    options = argparse.Namespace(
        check=False, era="2026", live=True, printers=len(FLEET), time_factor=1
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        demo = Demo(emptied(FOLDER.name), session, options)
        try:
            await begin(demo, FOLDER)
            return await visit(demo, arguments.names or [*WINDOWS], check=arguments.check)
        finally:
            await demo.stop()


def main() -> int:
    """Read the command line, and say how it went."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("--check", action="store_true", help="take none, and compare the labels")
    parser.add_argument("names", nargs="*", choices=WINDOWS, metavar="NAME", help="which ones")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        with alone("screenshots"):
            faults = asyncio.run(run(arguments))
    except (OSError, aiohttp.ClientError, BrowserError, DemoError) as error:
        say(f"[screenshots] FAILED: {error or type(error).__name__}")
        return 1
    for fault in faults:
        say(f"[screenshots] {fault}")
    say(f"{'Failed' if faults else 'Passed'} after {time.monotonic() - started:.0f} s.")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
