"""The labels that the pages showed when their pictures were taken, in docs/pictures.

A label is a text of ours that is the same whatever a printer does.
"""

from collections.abc import Iterable, Iterator
import json
from pathlib import Path
import re
from typing import Any

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"
NOTED = PICTURES / "pictures.json"
MANIFEST = ROOT / "custom_components/bambu_lab_cloud/manifest.json"
ENGLISH = ROOT / "custom_components/bambu_lab_cloud/translations/en.json"
TEMPLATE = ROOT / "dashboards/printers.jinja"
BLUEPRINT = ROOT / "blueprints/automation/bambu_lab_cloud/print_notification.yaml"
VALUES = {"state", "state_attributes", "unit_of_measurement"}
# A heading or a name in the template, as it stands there or in a list of names.
WRITTEN = re.compile(r"(?:heading|title|name): ([A-Z][\w ]+)$|'([A-Z][\w ]+)'\)", re.MULTILINE)
# How the message of the notification begins.
TOLD = re.compile(r"^ +'\w+': '([A-Z]\w+)',$", re.MULTILINE)


def _texts(node: Any) -> Iterator[str]:
    """Yield the texts of translations, but for values."""
    if isinstance(node, str):
        yield node
        return
    for key, each in node.items():
        if key not in VALUES:
            yield from _texts(each)


def names() -> set[str]:
    """Return all labels there are; what differs is in braces, as in `Tray {number}`."""
    english = json.loads(ENGLISH.read_text())
    found = {json.loads(MANIFEST.read_text())["name"]}
    for part in (english["config"]["step"], english["entity"], english["selector"]):
        found |= {*_texts(part)}
    found |= {one or other for one, other in WRITTEN.findall(TEMPLATE.read_text())}
    found |= {f"{word}: {{name}}" for word in TOLD.findall(BLUEPRINT.read_text())}
    # Nobody can tell what is also the state of something.
    return found - {
        text
        for platform in english["entity"].values()
        for entity in platform.values()
        for text in entity.get("state", {}).values()
    }


def labels(words: Iterable[str]) -> list[str]:
    """Return the labels among the words of a page, sorted."""
    # The page of a device says what it hides elsewhere.
    patterns = {
        name: re.compile(".+".join(map(re.escape, re.split(r"\{\w+\}", name))) + r"( \(Hidden\))?")
        for name in names()
    }
    return sorted(
        {name for word in words for name, each in patterns.items() if each.fullmatch(word)}
    )


def noted() -> dict[str, list[str]]:
    """Return the labels of each picture."""
    taken: dict[str, list[str]] = json.loads(NOTED.read_text()) if NOTED.exists() else {}
    return taken


def note(taken: dict[str, list[str]]) -> None:
    """Write the labels of the pictures."""
    text = json.dumps(dict(sorted(taken.items())), indent=2, ensure_ascii=False)
    NOTED.write_text(text + "\n")


def difference(picture: str, found: list[str]) -> str | None:
    """Return how a page differs from its picture, and what mends that."""
    taken = noted().get(picture)
    if taken == found:
        return None
    if taken is None:
        return f"There is no picture {picture}: take it with scripts/screenshots {picture}."
    gone = ", ".join(f"“{each}”" for each in taken if each not in found)
    new = ", ".join(f"“{each}”" for each in found if each not in taken)
    parts = [f"{word} {each}" for word, each in (("lacks", gone), ("has", new)) if each]
    return (
        f"The page of the picture {picture} now {' and '.join(parts)}: "
        f"take it again with scripts/screenshots {picture}, and look at it."
    )
