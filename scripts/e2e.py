"""A walk through the real frontend: sign in, see a printer, lose the token, sign in again."""

import argparse
import asyncio
import re
import shutil
import sys
import time
from typing import Any

import aiohttp
from playwright.async_api import Error as BrowserError, Locator, Page, async_playwright

from scripts.demo import ROOT, Demo, alone, say
from scripts.demo_home import ACCOUNT, ACCOUNT_PASSWORD, LOGIN, DemoError, until

FOLDER = ROOT / ".e2e"
CHROMIUM = shutil.which("chromium")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PRINTER, AMS, OFF = "Workshop X1C", "Workshop X1C AMS 1", "3DP-030-117"
# A desk and a phone.
SIZES = {"desk": {"width": 1200, "height": 900}, "phone": {"width": 390, "height": 844}}
# What it says itself, and how the page shows a value of it.
LIVE = ("Bed temperature", "Nozzle temperature", "Layer")
VALUE = re.compile(r"\d")
MATERIAL = re.compile("PLA|PETG|ABS|TPU")
LONG = 1800  # s of the print that is looked at, more than the walk takes
PATIENCE = 30_000  # ms for whatever the page has to show


class Walk:
    """An owner with a browser."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self._page = page
        self._home = demo.home
        self._pictures = 0

    async def see(self, name: str) -> None:
        """Keep a screenshot of what is there, once it stands still."""
        await self._page.wait_for_timeout(700)
        self._pictures += 1
        await self._page.screenshot(path=FOLDER / f"{self._pictures:02d}-{name}.png")
        say(f"[e2e] {name}")

    def text(self, text: str) -> Locator:
        """Return what shows this text."""
        return self._page.get_by_text(text, exact=True).locator("visible=true").first

    def button(self, name: str) -> Locator:
        """Return the button of this name."""
        return self._page.get_by_role("button", name=name, exact=True).locator("visible=true").last

    async def fill(self, name: str, value: str) -> None:
        """Type into a field of a form."""
        field = self._page.locator(f'input[autocomplete="{name}"]').locator("visible=true").first
        await field.fill(value)

    async def open(self) -> None:
        """Log in to Home Assistant."""
        await self._page.goto(self._home.url)
        await self._page.locator('input[name="username"]').fill(LOGIN)
        await self._page.locator('input[name="password"]').fill(LOGIN)
        await self.see("login")
        await self._page.keyboard.press("Enter")
        await self._page.locator("home-assistant-main").wait_for()

    async def add_account(self) -> None:
        """Add the integration and sign in with password and code."""
        await self._page.goto(f"{self._home.url}/config/integrations/dashboard")
        await self.button("Add integration").click()
        await (
            self._page.get_by_role("searchbox")
            .or_(self._page.locator("input[type=search], ha-dialog input, search-input input"))
            .locator("visible=true")
            .first.fill("Bambu")
        )
        await self.text("Bambu Lab Cloud").wait_for()
        await self.see("integrations")
        await self.text("Bambu Lab Cloud").click()
        await self.sign_in("ways")
        await self.button("Skip and finish").wait_for()
        await self.see("added")
        await self.button("Skip and finish").click()

    async def sign_in(self, menu: str) -> None:
        """Go from the menu of ways to the code, with a wrong one first."""
        await self.text("Pasted token").wait_for()
        await self.see(menu)
        await self.text("Password").click()
        # Nothing typed, which the frontend sends only if no field is required.
        await self.button("Submit").click()
        await self._page.get_by_text("Enter the password.").wait_for()
        await self.see("empty")
        await self.text("Choose another way to sign in").click()
        await self.button("Submit").click()
        await self.text("Password").click()
        await self.fill("username", ACCOUNT)
        await self.fill("current-password", "wrong")
        await self.button("Submit").click()
        await self._page.get_by_text("does not accept this combination").wait_for()
        await self.see("wrong-password")
        await self.fill("current-password", ACCOUNT_PASSWORD)
        await self.see("password")
        await self.button("Submit").click()
        await self.text("Enter the code").wait_for()
        await self.see("code")
        await self.button("Submit").click()
        await self._page.get_by_text("Enter the code first.").wait_for()
        await self.fill("one-time-code", "000 000")
        await self.button("Submit").click()
        await self._page.get_by_text("The code is incorrect").wait_for()
        await self.see("wrong-code")
        code = (await self._home.simulated(f"codes/{ACCOUNT}"))["code"]
        await self.fill("one-time-code", f"{code[:3]} {code[3:]}")
        await self.button("Submit").click()

    async def see_printer(self) -> None:
        """Look at the page of a printer."""
        await self.open_device(PRINTER)
        await self.text("Print title").wait_for()
        await self.see("printer")

    async def open_device(self, name: str) -> dict[str, Any]:
        """Open the page of a device, and return it as the registry has it."""
        devices = await self._home.command("config/device_registry/list")
        device: dict[str, Any] = next(device for device in devices if device["name"] == name)
        await self._page.goto(f"{self._home.url}/config/devices/device/{device['id']}")
        return device

    async def see_everywhere(self, name: str, device: str) -> None:
        """Look at the page of a device as a whole: at a desk and on a phone, light and dark."""
        await self.open_device(device)
        for size, viewport in SIZES.items():
            for scheme in ("light", "dark"):
                await self._page.emulate_media(color_scheme=scheme)
                await self._page.set_viewport_size({**viewport, "height": 2400})
                await self.see(f"{name}-{size}-{scheme}")
        await self._page.emulate_media(color_scheme="light")
        await self._page.set_viewport_size(SIZES["desk"])

    async def see_ams(self) -> None:
        """See what is in the trays of an AMS, in its colors."""
        await self.open_device(AMS)
        await self.row("Tray 1").filter(has_text=MATERIAL).wait_for()
        painted = self._page.locator("state-badge[style*='data:image/svg']")
        if await painted.count() != len(await self._trays()):
            raise DemoError("Not each tray with a spool shows its colors.")
        await self.see_everywhere("ams", AMS)
        await self.text("Tray 1").click()
        await self.text("History").wait_for()
        await self.see("tray")

    async def keep_printing(self) -> None:
        """Have the printer print all the time, as its schedule may have it rest just then."""
        await self._home.simulate("stop-schedules")
        await self._home.simulate(f"printers/{await self._dev_id()}/start", duration=LONG)

    async def _dev_id(self) -> str:
        printers = (await self._home.simulated("state"))["printers"]
        return next(str(each["dev_id"]) for each in printers if each["name"] == PRINTER)

    async def _trays(self) -> list[dict[str, Any]]:
        """Return the spools that are in the AMS."""
        spools = (await self._home.simulated(f"printers/{await self._dev_id()}/ams"))["spools"]
        return [each for each in spools if each["unit"] == 0]

    async def see_states(self) -> None:
        """See a printer that prints, one that is off, and the first while the broker is away."""
        await self.see_everywhere("printing", PRINTER)
        await self.see_everywhere("off", OFF)
        await self._home.simulate("mqtt/stop")
        await self.open_device(PRINTER)
        for name in LIVE:
            # They are kept for a minute.
            await self.row(name).filter(has_text="Unavailable").wait_for(timeout=90_000)
        await self.see_everywhere("away", PRINTER)
        await self._home.simulate("mqtt/start")

    async def see_live_data(self) -> None:
        """See on the page of a printer what it says itself, with values."""
        await self.see_printer()
        for name in LIVE:
            # The states of a page are not known from its start.
            await self.text(name).scroll_into_view_if_needed()
            await self.row(name).filter(has_text=VALUE).wait_for()
        await self.see("live")

    def row(self, name: str) -> Locator:
        """Return the row of an entity on the page of a device."""
        return self._page.locator("hui-generic-entity-row").filter(has_text=name).first

    async def switch_live_data(self) -> None:
        """Switch live data off and on again, in the dialog of the account's options."""
        await self._switch("off")
        await self._without_live_data()
        await self._switch("on")
        await self.see_live_data()

    async def _switch(self, name: str) -> None:
        """Read what the option says, and turn it over."""
        await self._page.goto(f"{self._home.url}/config/integrations/integration/bambu_lab_cloud")
        await self.button("Configure").click()
        await self._page.get_by_text("Reads what your printers say themselves").wait_for()
        await self.see(f"options-{name}")
        await self._page.locator("ha-switch").locator("visible=true").last.click()
        await self.button("Submit").click()
        await self._page.get_by_text("success").locator("visible=true").first.wait_for()
        await self.see(f"switched-{name}")

    async def _without_live_data(self) -> None:
        """See that nothing of it is left on the page of a printer."""
        await self.see_printer()
        for name in LIVE:
            await self.text(name).wait_for(state="hidden")
        await self.see("no-live")

    async def lose_token(self) -> None:
        """Have the cloud forget the token, and find what Home Assistant offers."""
        await self._home.simulate(f"accounts/{ACCOUNT}/revoke")

        async def offered() -> bool:
            flows = await self._home.command("config_entries/flow/progress")
            return any(flow["context"]["source"] == "reauth" for flow in flows)

        if not await until(offered, 180):
            raise DemoError("Home Assistant does not offer to sign in again.")

    async def sign_in_again(self) -> None:
        """Follow the offer."""
        await self.repair("Authentication expired for Demo Maker", "expired")
        # For so short a time that the next offer comes at once.
        await self._home.simulate(f"accounts/{ACCOUNT}", expires_in=5 * 86_400)
        await self.sign_in_to_another_account()
        await self.finish_signing_in("again")

    async def sign_in_to_another_account(self) -> None:
        """Sign in to an account of which the entry is not, and return to the choice of ways."""
        await self.text("Password").click()
        await self.fill("username", "password@example.com")
        await self.fill("current-password", "password-password")
        await self.button("Submit").click()
        await self._page.get_by_text("That is the sign-in of another account.").wait_for()
        await self.see("another-account")
        await self.text("Choose another way to sign in").click()
        await self.button("Submit").click()

    async def sign_in_early(self) -> None:
        """Follow the offer that comes before the token dies."""
        await self._home.simulate(f"accounts/{ACCOUNT}", expires_in=90 * 86_400)
        await self.repair("Sign-in for Demo Maker expires soon", "expires-soon")
        await self.text("Sign in to Demo Maker again").wait_for()
        await self.see("repair")
        await self.button("Submit").click()
        await self.finish_signing_in("early")
        await self.see_printer()

    async def repair(self, title: str, name: str) -> None:
        """Open a repair from the list of all."""
        await self._page.goto(f"{self._home.url}/config/repairs")
        await self.text(title).wait_for()
        await self.see(name)
        await self.text(title).click()

    async def finish_signing_in(self, name: str) -> None:
        """Sign in and wait for the account to be set up."""
        await self.sign_in(f"ways-{name}")
        await self._page.get_by_text("successful").locator("visible=true").first.wait_for()
        await self.see(f"signed-in-{name}")

        async def loaded() -> bool:
            return ((await self._home.entry()) or {}).get("state") == "loaded"

        if not await until(loaded, 30):
            raise DemoError("The account is not set up after signing in again.")


async def walk(demo: Demo) -> None:
    """Start everything and walk."""
    await demo.start_both()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = await browser.new_page(viewport=SIZES["desk"], locale="en-GB")
        page.set_default_timeout(PATIENCE)
        owner = Walk(page, demo)
        try:
            await owner.keep_printing()
            await owner.open()
            await owner.add_account()
            await owner.see_live_data()
            await owner.see_ams()
            await owner.see_states()
            await owner.switch_live_data()
            await owner.lose_token()
            await owner.sign_in_again()
            await owner.sign_in_early()
        except BrowserError, DemoError:
            await owner.see("FAILED")
            raise
        finally:
            await browser.close()


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
