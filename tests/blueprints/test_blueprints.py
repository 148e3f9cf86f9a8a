"""What holds for every blueprint."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint import Blueprint
from homeassistant.util.yaml import extract_inputs, load_yaml_dict
import pytest

from .conftest import BLUEPRINTS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.parametrize(
    "path", sorted(BLUEPRINTS.glob("*.yaml")), ids=lambda path: path.stem
)


def load(path: Path) -> Blueprint:
    return Blueprint(
        load_yaml_dict(str(path)),
        path=path.name,
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / name).read_text())
    return loaded


def test_is_imported_from_where_it_is(path: Path) -> None:
    """Importing it again updates it, so its address must be its own."""
    repository = read("custom_components/bambu_lab_cloud/manifest.json")["documentation"]
    address = f"{repository}/blob/main/{path.relative_to(ROOT)}"
    assert load(path).metadata["source_url"] == address


def test_is_offered_in_the_documentation(path: Path) -> None:
    """With a button that imports it, there and in the README, and a line in the table."""
    page, readme = ((ROOT / name).read_text() for name in ("docs/blueprints.md", "README.md"))
    address = quote(load(path).metadata["source_url"], safe="")
    button = f"/redirect/blueprint_import/?blueprint_url={address})"
    assert page.count(button) == readme.count(button) == 1
    assert f"](#{path.stem.replace('_', '-')}) |" in page


def test_needs_the_home_assistant_that_the_integration_needs(path: Path) -> None:
    needed = {"min_version": read("hacs.json")["homeassistant"]}
    assert load(path).metadata["homeassistant"] == needed


def test_uses_all_that_it_asks_for(path: Path) -> None:
    """What it uses and does not ask for is refused when it is loaded."""
    blueprint = load(path)
    assert extract_inputs(blueprint.data) == set(blueprint.inputs)
    assert blueprint.validate() is None


def test_is_still_a_blueprint_once_imported(path: Path, tmp_path: Path) -> None:
    """Importing writes what it has understood, which is not always understood again."""
    imported = tmp_path / path.name
    imported.write_text(load(path).yaml())
    assert load(imported).data == load(path).data


def test_everything_asked_for_is_explained_or_has_a_default(path: Path) -> None:
    """Whoever fills it in reads a name and gets a fitting field."""
    assert [
        key
        for key, asked in load(path).inputs.items()
        if not asked or not {"name", "selector"} <= asked.keys()
    ] == []
