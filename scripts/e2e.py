"""A walk through the real frontend, from the sign-in to what owners do with it every day.

On its way it sees that the pictures in docs/pictures are of these pages as they are now.
"""

import argparse
import asyncio
import shutil
import sys
import time

import aiohttp
from playwright.async_api import Error as BrowserError

from scripts.demo import Demo, alone, say
from scripts.demo_home import DemoError
from scripts.e2e_account import AccountWalk
from scripts.e2e_use import UseWalk
from scripts.e2e_walk import FOLDER, SIZES, opened_page


async def walk(demo: Demo) -> None:
    """Start everything and walk."""
    await demo.start_both()
    await demo.home.add_phone(demo.world.app)
    async with opened_page(viewport=SIZES["desk"]) as page:
        owner = AccountWalk(page, demo)
        try:
            await owner.keep_printing()
            await owner.open()
            await owner.add_account()
            await owner.see_live_data()
            await owner.compare("device")
            await owner.see_ams()
            await owner.see_states()
            maker = UseWalk(page, demo)
            await maker.see_dashboards()
            await maker.import_blueprint()
            await maker.add_automation()
            await maker.hear_of_a_print()
            await maker.see_pictures()
            await maker.see_calendar()
            await maker.call_action()
            await owner.switch_live_data()
            await owner.lose_token()
            await owner.sign_in_again()
            await owner.sign_in_early()
        except BrowserError, DemoError:
            await owner.see("FAILED")
            raise


async def run() -> None:
    """Walk through a Home Assistant of its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    arguments = argparse.Namespace(
        check=False, era="2026", live=True, printers=None, time_factor=60
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        demo = Demo(FOLDER / "home", session, arguments)
        try:
            await walk(demo)
        finally:
            await demo.stop()


def main() -> int:
    """Say how it went."""
    started = time.monotonic()
    try:
        with alone("e2e"):
            asyncio.run(run())
    except (OSError, aiohttp.ClientError, BrowserError, DemoError) as error:
        say(f"[e2e] FAILED: {error or type(error).__name__}")
        return 1
    pictures = len(list(FOLDER.glob("*.png")))
    say(f"Passed after {time.monotonic() - started:.0f} s; {pictures} screenshots in .e2e/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
