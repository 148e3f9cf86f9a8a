"""What every part of the walk does in the browser: open a page, find a thing, keep a screenshot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import re
import shutil
from typing import Any

from playwright.async_api import Locator, Page, async_playwright

from scripts.demo import ROOT, Demo, say
from scripts.demo_home import LOGIN, DemoError, until
from scripts.screenshots_labels import difference, labels

FOLDER = ROOT / ".e2e"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A desk and a phone.
SIZES = {"desk": {"width": 1200, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES = ("light", "dark")
PATIENCE = 30_000  # ms for whatever the page has to show
# All that is to be read on a page or in a part of it, but for what an editor of code shows.
WORDS = """(root) => {
  const words = [];
  const read = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.parentElement?.checkVisibility()) words.push(node.textContent.trim());
      return;
    }
    if (["STYLE", "SCRIPT", "TEMPLATE", "HA-CODE-EDITOR"].includes(node.tagName)) return;
    for (const child of node.shadowRoot?.childNodes ?? []) read(child);
    for (const child of node.childNodes) read(child);
  };
  read(root ?? document.body);
  return words.filter((each) => each);
}"""
# What the pictures in docs/pictures show of a page.
FRAMES = {
    "dashboard": "hui-view-badges, hui-sections-view .section:not(:last-child)",
    "device": "ha-device-info-card, ha-device-entities-card:first-of-type",
    "media": "ha-media-player-browse .content",
    "notification": "notification-item",
    "printer": "hui-sections-view .section:not(:last-child)",
    "sign-in": "dialog-data-entry-flow, ha-dialog dialog",
}
# A key that has no translation, or a state that has none; the ids of entities have a dot.
RAW = re.compile(
    r"component\.\w+|\bui\.\w+\.\w+|bambu_lab_cloud\.\w+|(?<![\w./:-])[a-z]+(_[a-z0-9]+)+(?![\w.])"
)


@asynccontextmanager
async def opened_page(**options: Any) -> AsyncIterator[Page]:
    """Open an empty page in Chromium, and close that in the end."""
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        page = await browser.new_page(locale="en-GB", **options)
        page.set_default_timeout(PATIENCE)
        try:
            yield page
        finally:
            await browser.close()


class Walk:
    """An owner with a browser."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page = page
        self.home = demo.home

    async def see(self, name: str, *, known: str = "") -> None:
        """Keep a screenshot of what is there once it stands still, and find words that are none.

        `known` is what looks like a key and is meant, as the name of an action.
        """
        await self.page.wait_for_timeout(700)
        number = len([*FOLDER.glob("*.png")]) + 1
        await self.page.screenshot(path=FOLDER / f"{number:02d}-{name}.png")
        say(f"[e2e] {name}")
        words = [word for word in await self.page.evaluate(WORDS) if known not in word or not known]
        if raw := {word for word in words if RAW.search(word)}:
            raise DemoError(f"Not translated: {', '.join(sorted(raw))}")

    async def look(self, name: str, *, height: int = 2400, known: str = "") -> None:
        """Look at a page as a whole: at a desk and on a phone, light and dark."""
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                await self.page.set_viewport_size({**viewport, "height": height})
                await self.see(f"{name}-{size}-{scheme}", known=known)
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(SIZES["desk"])

    def frames(self, picture: str) -> Locator:
        """Return what a picture in docs/pictures shows of the page that is open."""
        return self.page.locator(FRAMES[picture])

    async def labels(self, picture: str) -> list[str]:
        """Return the labels that are there to be in a picture."""
        return labels(await self.frames(picture).evaluate_all(f"roots => roots.flatMap({WORDS})"))

    async def fault(self, picture: str) -> str | None:
        """Return how the labels of the page that is open differ from those of its picture."""

        async def is_same() -> bool:
            return not difference(picture, await self.labels(picture))

        # Some come late, as a printer is asked for them once a minute at the most.
        if await until(is_same, 70, every=1):
            return None
        return difference(picture, await self.labels(picture))

    async def compare(self, picture: str) -> None:
        """Fail where the page that is open has other labels than when its picture was taken."""
        if fault := await self.fault(picture):
            raise DemoError(fault)

    async def goto(self, path: str) -> None:
        """Open a page of Home Assistant."""
        await self.page.goto(f"{self.home.url}{path}")

    def text(self, text: str) -> Locator:
        """Return what shows this text."""
        return self.page.get_by_text(text, exact=True).locator("visible=true").first

    def button(self, name: str) -> Locator:
        """Return the button of this name."""
        return self.page.get_by_role("button", name=name, exact=True).locator("visible=true").last

    async def fill(self, name: str, value: str) -> None:
        """Type into a field of a form."""
        field = self.page.locator(f'input[autocomplete="{name}"]').locator("visible=true").first
        await field.fill(value)

    async def open(self) -> None:
        """Log in to Home Assistant."""
        await self.goto("/")
        await self.page.locator('input[name="username"]').fill(LOGIN)
        await self.page.locator('input[name="password"]').fill(LOGIN)
        await self.see("login")
        await self.page.keyboard.press("Enter")
        await self.page.locator("home-assistant-main").wait_for()

    async def open_device(self, name: str) -> dict[str, Any]:
        """Open the page of a device, and return it as the registry has it."""
        devices = await self.home.command("config/device_registry/list")
        device: dict[str, Any] = next(device for device in devices if device["name"] == name)
        await self.goto(f"/config/devices/device/{device['id']}")
        return device

    def row(self, name: str) -> Locator:
        """Return the row of an entity on the page of a device."""
        return self.page.locator("hui-generic-entity-row").filter(has_text=name).first
