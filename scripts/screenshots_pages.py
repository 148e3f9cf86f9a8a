"""The pages of the pictures in docs/pictures, and what is cut out of them."""

from io import BytesIO
from typing import override

from PIL import Image
from playwright.async_api import FloatRect

from scripts.demo_dashboards import DASHBOARD
from scripts.demo_home import DemoError, until
from scripts.e2e_printer import LIVE, PRINTER
from scripts.e2e_use import MONTH, THUMBNAIL
from scripts.e2e_walk import SCHEMES, Walk
from scripts.screenshots_labels import PICTURES, note, noted

# By picture, in pixels of the window: its width, its height, and the margin of what is cut out.
WINDOWS = {
    "dashboard": (1256, 1000, 16),
    "device": (1200, 1500, 16),
    "media": (1200, 696, 0),
    "notification": (1000, 900, 16),
    "printer": (1366, 1400, 16),
    "sign-in": (1000, 900, 0),
}
SCALE = 1.5  # pixels of the picture
# With so many colors a picture is like a photo; with fewer, 256 of them are enough.
COLORFUL = 10_000
# What a page still loads, or shows for a moment only.
UNREST = """() => {
  const found = [];
  const look = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE || node.checkVisibility?.() === false) return;
    if (/^(HA-SPINNER|WA-SPINNER|HA-SKELETON.*|HA-TOAST|HA-FADE-IN)$/.test(node.tagName))
      found.push(node.tagName);
    if (node.tagName === "IMG" && !(node.complete && node.naturalWidth)) found.push(node.src);
    for (const child of node.shadowRoot?.children ?? []) look(child);
    for (const child of node.children) look(child);
  };
  look(document.body);
  return found;
}"""


def write(name: str, shots: dict[str, bytes]) -> None:
    """Write a picture, by scheme, as what is small and looks good."""
    for old in PICTURES.glob(f"{name}-*"):
        old.unlink()
    images = {scheme: Image.open(BytesIO(shot)).convert("RGB") for scheme, shot in shots.items()}
    flat = all(image.getcolors(COLORFUL) for image in images.values())
    for scheme, image in images.items():
        path = PICTURES / f"{name}-{scheme}.{'png' if flat else 'jpg'}"
        if flat:
            image.quantize(dither=Image.Dither.NONE).save(path, optimize=True)
        else:
            image.save(path, quality=88, subsampling=0, optimize=True, progressive=True)


class Pages(Walk):
    """An owner who shows around."""

    @override
    async def see(self, name: str, *, known: str = "") -> None:
        """Keep nothing of what scripts/e2e keeps."""

    async def show(self, name: str) -> None:
        """Open the page of a picture."""
        width, height, _ = WINDOWS[name]
        await self.page.set_viewport_size({"width": width, "height": height})
        await getattr(self, f"_show_{name.replace('-', '_')}")()

    async def _show_sign_in(self) -> None:
        await self.goto("/config/integrations/integration/bambu_lab_cloud")
        await self.button("Add account").click()
        await self.text("Paste a token").wait_for()

    async def _show_device(self) -> None:
        await self.open_device(PRINTER)
        # The last to be told of is what is printed from.
        for name in (*LIVE, "Active filament"):
            await self.row(name).wait_for(timeout=90_000)

    async def _show_notification(self) -> None:
        await self.goto("/profile")
        await self.text("Notifications").click()
        await self.page.get_by_text("Finished: ").wait_for()

    async def _show_dashboard(self) -> None:
        await self.goto(f"/{DASHBOARD}/all")
        await self.text(PRINTER).wait_for()

    async def _show_printer(self) -> None:
        await self.goto(f"/{DASHBOARD}/workshop-x1c")
        await self.text("Temperatures").wait_for()

    async def _show_media(self) -> None:
        await self.goto("/media-browser/browser")
        await self.text("Bambu Lab Cloud").click()
        await self.text(PRINTER).click()
        await self.page.get_by_text(MONTH).locator("visible=true").first.click()
        await self.page.locator(THUMBNAIL).first.wait_for()

    async def take(self, name: str) -> None:
        """Take the picture, light and dark, and note its labels."""
        box: FloatRect | None = None
        shots = {}
        for scheme in SCHEMES:
            await self.page.emulate_media(color_scheme=scheme)
            await self._settle()
            box = box or await self._box(name)
            shots[scheme] = await self.page.screenshot(clip=box)
        write(name, shots)
        await self.page.emulate_media(color_scheme="light")
        note(noted() | {name: await self.labels(name)})

    async def _settle(self) -> None:
        """Wait until everything is loaded and stands still, with the mouse out of the way."""
        await self.page.mouse.move(0, 0)

        async def is_still() -> bool:
            return not await self.page.evaluate(UNREST)

        if not await until(is_still, 30):
            raise DemoError(f"The page goes on to load {await self.page.evaluate(UNREST)}.")
        await self.page.wait_for_timeout(1500)

    async def _box(self, name: str) -> FloatRect:
        """Return what is to be cut out."""
        margin = WINDOWS[name][2]
        found = [await each.bounding_box() for each in await self.frames(name).all()]
        boxes = [box for box in found if box and box["height"]]
        left = min(box["x"] for box in boxes) - margin
        top = min(box["y"] for box in boxes) - margin
        right = max(box["x"] + box["width"] for box in boxes) + margin
        bottom = max(box["y"] + box["height"] for box in boxes) + margin
        return {"x": left, "y": top, "width": right - left, "height": bottom - top}
