"""The pictures of README and docs: what a browser is not needed for."""

from pathlib import Path
import re

import aiohttp
from PIL import Image, ImageStat
import pytest

from scripts import screenshots_labels
from scripts.demo import SEED
from scripts.demo_home import Home
from scripts.screenshots_labels import PICTURES, ROOT, difference, labels, names, note, noted
from scripts.screenshots_world import FLEET, arrange
from simulator import Simulator

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
# How a picture stands in a page: it is the dark one where the reader's screen is dark.
SHOWN = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="([^"]+-dark\.(?:png|jpg))">'
    r'<img alt="([^"]+)" src="([^"]+-light\.(?:png|jpg))"(?: width="\d+")?></picture>'
)
# How it stands in the README.
PLAIN = re.compile(r"!\[([^]]+)\]\((docs/pictures/[\w-]+-light\.\w+)\)")
KINDS = {".jpg": "JPEG", ".png": "PNG"}
MOST, MOST_OF_ALL = 300_000, 2_000_000  # bytes


def shown() -> set[tuple[Path, Path, str]]:
    """Return the pictures of all pages, dark and light, with their alternative texts."""
    return {
        ((page.parent / dark).resolve(), (page.parent / light).resolve(), alternative)
        for page in PAGES
        for dark, alternative, light in SHOWN.findall(page.read_text())
    }


def test_each_picture_is_shown_in_light_and_dark() -> None:
    """A picture that no page shows is to be deleted; one in another form is not found here."""
    there = {path for path in PICTURES.iterdir() if path.suffix != ".json"}
    assert {path for dark, light, _ in shown() for path in (dark, light)} == there
    for page in PAGES:
        pictures = re.findall(r"pictures/[\w-]+\.\w+", page.read_text())
        assert len(pictures) == 2 * len(SHOWN.findall(page.read_text()))


def test_readme_is_shown_by_hacs_as_well() -> None:
    """It shows tags of HTML as text, and does not find a path that has an address behind it."""
    text = README.read_text()
    assert {path for _, path in PLAIN.findall(text)} == {
        "docs/pictures/dashboard-light.png",
        "docs/pictures/notification-light.png",
    }
    assert not re.findall(r"</?[a-z]+[ />]", text)
    assert not re.findall(r"^.*\]\((?!https:).*https:.*$", text, re.MULTILINE)


def test_each_picture_says_in_words_what_it_shows() -> None:
    """In the same words wherever it is."""
    texts = {path.name: alternative for _, path, alternative in shown()}
    assert len(shown()) == len(texts)
    assert all(len(alternative.split()) > 3 for alternative in texts.values())
    for alternative, path in PLAIN.findall(README.read_text()):
        assert alternative == texts[Path(path).name]


def test_light_and_dark_are_a_pair() -> None:
    for dark, light, _ in shown():
        assert dark.name.replace("-dark.", "-light.") == light.name
        with Image.open(dark) as one, Image.open(light) as other:
            assert one.size == other.size
            assert {one.format, other.format} == {KINDS[light.suffix]}
            dim, bright = (ImageStat.Stat(each.convert("L")).mean[0] for each in (one, other))
            assert dim < bright


def test_pictures_are_small() -> None:
    """They are in every clone."""
    sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert {name for name, size in sizes.items() if size > MOST} == set()
    assert sum(sizes.values()) <= MOST_OF_ALL


def test_each_picture_is_of_the_present_interface() -> None:
    """As far as can be told without a browser."""
    pictures = {path.stem.removesuffix("-light") for _, path, _ in shown()}
    assert noted().keys() == pictures
    for picture, taken in noted().items():
        gone = sorted({*taken} - names())
        assert not gone, f"Take it again: scripts/screenshots {picture}"


@pytest.mark.usefixtures("socket_enabled")
async def test_printers_have_been_at_work() -> None:
    """So that pictures show several states, with an end that is an hour away."""
    cloud = Simulator(seed=SEED, printers=len(FLEET), time_factor=1)
    await cloud.start(port=0)
    async with aiohttp.ClientSession() as session:
        await arrange(Home(session, "", cloud.url, Path()))
    printers = dict(zip(FLEET, cloud.cloud.state()["printers"], strict=False))
    await cloud.stop()
    assert [each["name"] for each in printers.values()] == [name for name, *_ in FLEET.values()]
    busy = {fate: each["job"] for fate, each in printers.items() if each["job"]}
    assert busy.keys() == {"prints", "finishes", "paused", "prints too"}
    assert [fate for fate, job in busy.items() if job["paused"]] == ["paused"]
    assert printers["failed"]["print_status"] == "FAIL"
    assert [fate for fate, each in printers.items() if not each["online"]] == ["off"]


def test_labels_are_what_does_not_change() -> None:
    words = [
        "Tray 2",
        "Layer",
        "57",
        "Printing",
        "Finished: Fox",
        "In 2 minutes",
        "Total layers (Hidden)",
    ]
    assert labels(words) == ["Finished: {name}", "Layer", "Total layers", "Tray {number}"]


def test_a_difference_says_what_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screenshots_labels, "NOTED", tmp_path / "pictures.json")
    assert difference("device", []) == (
        "There is no picture device: take it with scripts/screenshots device."
    )
    note({"device": ["Layer", "Stage"]})
    assert difference("device", ["Layer", "Stage"]) is None
    assert difference("device", ["Phase", "Stage"]) == (
        "The page of the picture device now lacks “Layer” and has “Phase”: "
        "take it again with scripts/screenshots device, and look at it."
    )
    assert difference("device", ["Layer"]) == (
        "The page of the picture device now lacks “Stage”: "
        "take it again with scripts/screenshots device, and look at it."
    )
