"""The tables of docs that follow from the code, and what is written by hand beside them."""

from dataclasses import fields, replace
from pathlib import Path
import shutil

import pytest

from custom_components.bambu_lab_cloud import sensor
from custom_components.bambu_lab_cloud.fleet.printer import Filament
from scripts import tables
from scripts.figures import DOCS

PAGES = ("actions", "automations", "entities")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Return a copy of the pages, to be spoilt."""
    for page in PAGES:
        shutil.copy(DOCS / f"{page}.md", tmp_path)
    return tmp_path


def spoil(docs: Path, page: str, old: str, new: str) -> None:
    """Write something else into a page."""
    text = (docs / f"{page}.md").read_text()
    assert old in text
    (docs / f"{page}.md").write_text(text.replace(old, new, 1))


def test_the_documents_are_current() -> None:
    assert tables.faults(DOCS, write=False) == []


STALE = [
    ("entities", "| Progress | sensor | % | on |"),
    ("entities", "`vibration_compensation` (Measuring vibration), "),
    ("actions", "optional: `50` without"),
    ("automations", "| Print paused | `bambu_lab_cloud.print_paused` |"),
    ("automations", "| Condition passes if | `behavior` |"),
    ("automations", "`paused_by_user` (By the user)"),
]


@pytest.mark.parametrize(("page", "old"), STALE)
def test_what_is_stale(docs: Path, page: str, old: str) -> None:
    """It is said in a line that names the file and what mends it, and that does."""
    spoil(docs, page, old, "something else")
    stale = [f"docs/{page}.md is not as the code has it: run scripts/tables"]
    assert tables.faults(docs, write=False) == stale
    assert tables.faults(docs, write=True) == []
    assert tables.faults(docs, write=False) == []


@pytest.mark.parametrize(
    ("page", "old", "new", "fault"),
    [
        (
            "entities",
            "| Last print weight | reported:",
            "| Last weight | reported:",
            "docs/entities.md, Printer: write a line about Last print weight (last_print_weight)",
        ),
        (
            "entities",
            "| SD card | reported |",
            "| SD card | |",
            "docs/entities.md, Printer with live data: write a line about SD card (sd_card)",
        ),
        (
            "entities",
            "| Tray 1, Tray 2, Tray 3, Tray 4 |",
            "| Tray 1, Tray 2, Tray 3, Tray 4, Tray 5 |",
            "docs/entities.md, AMS: the code has no Tray 5",
        ),
        (
            "automations",
            "| `weight`, `length` |",
            "| `weight` |",
            "docs/automations.md, The print event: write a line about length (length)",
        ),
        (
            "automations",
            "| `sender` |",
            "| `sender`, `author` |",
            "docs/automations.md, Messages of the account: the code has no author",
        ),
        (
            "actions",
            "| `bambu_lab_cloud.get_messages` |",
            "| `bambu_lab_cloud.get_messages`, `bambu_lab_cloud.pause` |",
            "docs/actions.md, Actions: the code has no bambu_lab_cloud.pause",
        ),
        (
            "actions",
            "<!-- scripts/tables get_project writes this -->",
            "",
            "docs/actions.md: there is no place for the figures of scripts/tables get_project",
        ),
    ],
)
def test_what_is_written_by_hand(docs: Path, page: str, old: str, new: str, fault: str) -> None:
    """Nothing writes it: what is missing or has no match is said, and stays."""
    spoil(docs, page, old, new)
    assert fault in tables.faults(docs, write=True)
    assert fault in tables.faults(docs, write=False)


def test_an_entity_that_is_new(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written into the table of its device, but where its value comes from is not known."""
    new = replace(sensor.SENSORS[1], key="cost", translation_key="layer")
    monkeypatch.setattr(sensor, "SENSORS", (*sensor.SENSORS, new))
    missing = "docs/entities.md, Printer: write a line about Layer (cost)"
    assert tables.faults(docs, write=True) == [missing]
    assert (
        "\n| Layer | sensor | % | on | always | `estimated` |\n"
        in (docs / "entities.md").read_text()
    )


@pytest.mark.parametrize("name", [field.name for field in fields(Filament)])
def test_what_is_told_of_a_filament(docs: Path, name: str) -> None:
    [row] = [
        row
        for row in (docs / "automations.md").read_text().splitlines()
        if row.startswith("| `filaments` |")
    ]
    assert f"`{name}`" in row


@pytest.mark.parametrize(("arguments", "code"), [(["--check"], 1), ([], 0)])
def test_the_script(
    docs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    spoil(docs, *STALE[0], "something else")
    monkeypatch.setattr(tables, "DOCS", docs)
    monkeypatch.setattr("sys.argv", ["tables", *arguments])
    assert tables.main() == code
    assert len(capsys.readouterr().out.splitlines()) == code
