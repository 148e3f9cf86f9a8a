"""Draws the pictures that Home Assistant shows of the integration, and says what is wrong."""

import argparse
from fractions import Fraction
from io import BytesIO
from pathlib import Path
import re
import shutil
from struct import pack
import sys
from zlib import compress, crc32

from PIL import Image

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "brand"
PICTURES = ROOT / "custom_components" / "bambu_lab_cloud" / "brand"
# What Home Assistant asks for; a dark one only where the light one cannot be seen on black.
NAMES = ("icon", "logo", "dark_icon", "dark_logo")
NEEDED = ("icon", "logo")
HEIGHT = 256  # px; twice that of @2x
SCALES = {"": 1, "@2x": 2}


def size(source: Path, scale: int) -> tuple[int, int]:
    """Width and height of a drawing's picture in pixels: an icon is square, a logo is wide."""
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', source.read_text())
    if not box:
        raise ValueError(f"{source.name} has no viewBox from 0 0")
    ratio = Fraction(box[1]) / Fraction(box[2])
    if (ratio != 1) if "icon" in source.name else (ratio <= 1):
        raise ValueError(f"{source.name} has the wrong shape")
    width = ratio * HEIGHT * scale
    if width.denominator != 1:
        raise ValueError(f"{source.name} is no whole number of pixels wide")
    return int(width), HEIGHT * scale


def faults(sources: Path = SOURCES, pictures: Path = PICTURES) -> list[str]:
    """Return what the stores or Home Assistant would not take."""
    found = [f"{name}.svg is missing" for name in NEEDED if not (sources / f"{name}.svg").exists()]
    expected = set()
    for source in sorted(sources.glob("*.svg")):
        if source.stem not in NAMES:
            found.append(f"{source.name} is none that Home Assistant asks for")
            continue
        for suffix, scale in SCALES.items():
            picture = pictures / f"{source.stem}{suffix}.png"
            expected.add(picture)
            try:
                found += flaws(picture, size(source, scale))
            except (OSError, ValueError) as error:
                found.append(str(error))
    strays = set(pictures.iterdir()) - expected if pictures.exists() else set()
    return found + [f"{stray.name} has no SVG" for stray in sorted(strays)]


def flaws(picture: Path, wanted: tuple[int, int]) -> list[str]:
    """Return what is wrong with one picture."""
    if not picture.exists():
        return [f"{picture.name} is missing"]
    with Image.open(picture) as image:
        found = []
        if image.format != "PNG":
            found.append(f"{picture.name} is {image.format}")
        if image.size != wanted:
            found.append(f"{picture.name} has {image.size}, not {wanted}")
        # A corner with nothing in it, and something at each of the four edges.
        alpha = image.convert("RGBA").getchannel("A")
        if alpha.getbbox() != (0, 0, *image.size) or alpha.getpixel((0, 0)):
            found.append(f"{picture.name} is not trimmed or not transparent")
    return found


def packed(shot: bytes) -> bytes:
    """Write a PNG anew with the same pixels: flat colors are smallest without a filter."""
    with Image.open(BytesIO(shot)) as image:
        width, height = image.size
        pixels = image.convert("RGBA").tobytes()
    rows = (pixels[at : at + width * 4] for at in range(0, len(pixels), width * 4))
    chunks = (
        b"IHDR" + pack(">2L5B", width, height, 8, 6, 0, 0, 0),  # 8 bits each of RGBA
        b"IDAT" + compress(b"".join(b"\0" + row for row in rows), 9),
        b"IEND",
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">L", len(chunk) - 4) + chunk + pack(">L", crc32(chunk)) for chunk in chunks
    )


def draw() -> None:
    """Make each drawing's pictures anew."""
    # Whoever only checks needs no browser.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=("--no-sandbox", "--disable-gpu")
        )
        page = browser.new_page()
        for source in sorted(SOURCES.glob("*.svg")):
            for suffix, scale in SCALES.items():
                width, height = size(source, scale)
                page.set_viewport_size({"width": width, "height": height})
                page.set_content(f"<style>body {{ margin: 0 }}</style>{source.read_text()}")
                shot = page.screenshot(omit_background=True)
                (PICTURES / f"{source.stem}{suffix}.png").write_bytes(packed(shot))
        browser.close()


def main() -> int:
    """Draw if wanted, and check."""
    parser = argparse.ArgumentParser(prog="scripts/brand", description=__doc__)
    parser.add_argument("--check", action="store_true", help="draw nothing")
    if not parser.parse_args().check:
        draw()
    found = faults()
    for fault in found:
        print(f"[brand] {fault}")
    if not found:
        for picture in sorted(PICTURES.iterdir()):
            with Image.open(picture) as image:
                width, height = image.size
            print(f"[brand] {picture.name}: {width}x{height}, {picture.stat().st_size} bytes")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
