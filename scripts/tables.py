"""Writes the tables of docs that follow from the code, and says what else there does not fit it.

What an attribute means, and where the value of an entity comes from, is written by hand, in tables
whose first column has the names that the code has: no more, and no less.
"""

import argparse
import asyncio
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
import json
from pathlib import Path
import re
import sys
from typing import Any
from unittest.mock import MagicMock

from homeassistant import components
from homeassistant.components.event import EventEntityDescription
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import Platform
from homeassistant.helpers.entity import EntityDescription
from homeassistant.util.yaml import load_yaml_dict

from custom_components.bambu_lab_cloud import PLATFORMS
from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.entity import BambuEntity, BambuLiveEntity
from custom_components.bambu_lab_cloud.event import MESSAGE, PRINT, print_attributes
from custom_components.bambu_lab_cloud.fleet.equipment import SEVERITIES
from custom_components.bambu_lab_cloud.fleet.live import LiveState
from custom_components.bambu_lab_cloud.messages import Inbox, message_attributes
from scripts.figures import DOCS, put

# An entity with its platform.
type Added = tuple[str, BambuEntity[Any]]

INTEGRATION = Path(__file__).parents[1] / "custom_components" / DOMAIN
STRINGS = json.loads((INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8"))
# The devices.
PRINTER, AMS, ACCOUNT = "printer", "ams", "account"
# The chapters of docs/entities.md by what is written there.
CHAPTERS = {
    PRINTER: "Printer",
    f"{PRINTER} live": "Printer with live data",
    AMS: "AMS",
    ACCOUNT: "Account",
}
# Those of docs/automations.md by the event that they are about.
EVENTS = {PRINT.key: "The print event", MESSAGE.key: "Messages of the account"}
# More of them take more room than a cell has.
MOST_STATES = 12
# A table that was written by hand, with its rows; and what was not.
TABLE = re.compile(r"^\|.*\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)
GENERATED = re.compile(
    r"^<!-- (scripts/tables .*) writes this -->\n.*?^<!-- end of \1 -->\n", re.MULTILINE | re.DOTALL
)


async def added() -> list[Added]:
    """Return what the platforms add for an account with one printer and one AMS.

    They work with stand-ins, which have whatever is asked of them.
    """
    data = MagicMock()
    data.printers.data = {PRINTER: MagicMock()}
    data.printers.ams.known = {AMS}
    data.firmware.data = {AMS: MagicMock(ams=MagicMock(printer_id=PRINTER))}
    data.messages.data = Inbox()
    for coordinator in (data.printers, data.messages, data.slicer):
        coordinator.config_entry.unique_id = ACCOUNT
    found: list[Added] = []
    for platform in PLATFORMS:
        module = import_module(f"custom_components.{DOMAIN}.{platform}")
        entities: list[BambuEntity[Any]] = []
        await module.async_setup_entry(MagicMock(), MagicMock(runtime_data=data), entities.extend)
        for entity in entities:
            entity.hass = data.hass
        found += [(platform, entity) for entity in entities]
    return found


def device_of(entity: BambuEntity[Any]) -> str:
    """Return the device of an entity."""
    info: Any = entity.device_info
    [(_, device)] = info["identifiers"]
    return str(device)


def chapter_of(entity: BambuEntity[Any]) -> str:
    """Return which of CHAPTERS an entity belongs to."""
    device = device_of(entity)
    is_live = device == PRINTER and isinstance(entity, BambuLiveEntity)
    return f"{device} live" if is_live else device


@cache
def core_texts(platform: str) -> dict[str, Any]:
    """Return what Home Assistant itself calls the entities of a platform, by device class."""
    path = Path(components.__path__[0]) / platform / "translations" / "en.json"
    texts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["entity_component"]
    return texts


def texts_of(platform: str, description: EntityDescription) -> dict[str, Any]:
    """Return the texts of an entity: ours, and else Home Assistant's."""
    core = core_texts(platform)
    ours = STRINGS["entity"].get(platform, {}).get(description.translation_key, {})
    return {**core["_"], **core.get(description.device_class or "_", {}), **ours}


def name_of(platform: str, description: EntityDescription) -> str:
    """Return the name of an entity; one that has but its printer's goes by its key."""
    if description.name is None:
        return description.key.capitalize()
    name: str = texts_of(platform, description)["name"]
    return name.format(**description.translation_placeholders or {})


def states(values: Iterable[str], texts: Mapping[str, str]) -> str:
    """Return values as automations have them, with what is shown where that says something else."""
    found = []
    for value in values:
        shown = texts.get(value, value)
        is_same = shown.casefold() == value.replace("_", " ")
        found.append(f"`{value}`" if is_same else f"`{value}` ({shown})")
    return ", ".join(found)


def values_of(platform: str, description: Any) -> str:
    """Return what an entity can be: states, a unit or a kind of value."""
    texts = texts_of(platform, description)
    match platform:
        case Platform.EVENT:
            types = texts["state_attributes"]["event_type"]["state"]
            return states(description.event_types, types)
        case Platform.IMAGE:
            return "picture"
        case Platform.SENSOR:
            return sensor_values(description, texts)
    return states(("on", "off"), texts["state"])


def sensor_values(description: Any, texts: Mapping[str, Any]) -> str:
    """Return what a sensor can be."""
    if description.options:
        return states(description.options, texts["state"])
    if description.device_class == SensorDeviceClass.TIMESTAMP:
        return "time"
    units = (
        description.suggested_unit_of_measurement,
        description.native_unit_of_measurement,
        texts.get("unit_of_measurement"),
        description.state_class and "number",
    )
    # All sensors of Home Assistant can be on or off, if ours say nothing else.
    known = texts["state"].keys() - {"on", "off"}
    some = f", among others {states(sorted(known), texts['state'])}" if known else ""
    return next((unit for unit in units if unit), f"text{some}")


def entity_table(entities: Iterable[Added]) -> str:
    """Return what there is to say of entities without knowing what they mean."""
    lines = [
        "| entity | | values | at first | is there | attributes |",
        "|---|---|---|---|---|---|",
    ]
    below = []
    for platform, entity in entities:
        description: Any = entity.entity_description
        name, values = name_of(platform, description), values_of(platform, description)
        if values.count(", ") > MOST_STATES:
            below.append(f"*{name}* is one of {values}.")
            values = "see below"
        category = f" ({description.entity_category})" if description.entity_category else ""
        hidden = "" if description.entity_registry_visible_default else ", hidden"
        first = f"on{hidden}" if description.entity_registry_enabled_default else "off"
        is_live = isinstance(entity, BambuLiveEntity)
        is_there = "with live data" if is_live else "always"
        if device_of(entity) == AMS or (is_live and not description.is_of(LiveState())):
            is_there = "once told"
        attributes = ", ".join(f"`{each}`" for each in entity.extra_state_attributes or {})
        if platform == Platform.EVENT:
            attributes = "[its own](automations.md)"
        cells = (name, platform.replace("_", " ") + category, values, first, is_there, attributes)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n\n".join(["\n".join(lines), *below])


def described(kind: str) -> dict[str, dict[str, Any]]:
    """Return the actions ("services"), triggers or conditions; a dot begins what they share."""
    found = load_yaml_dict(INTEGRATION / f"{kind}.yaml")
    return {key: each for key, each in found.items() if not key.startswith(".")}


def field_value(selector: Mapping[str, Any]) -> str:
    """Return what a field takes, by its selector."""
    [(kind, options)] = selector.items()
    match kind, options or {}:
        case "number", {"min": least, "max": most}:
            return f"{least} to {most}"
        case "select", {"options": values, "translation_key": key}:
            return states(values, STRINGS["selector"][key]["options"])
        case "device", {"multiple": True}:
            return "ids of devices"
    return {
        "automation_behavior": "`any`, `all`",
        "config_entry": "id of an entry",
        "device": "id of a device",
    }.get(kind, kind)


def field_table(kind: str, key: str) -> str:
    """Return the fields of an action, a trigger or a condition."""
    lines = ["| field | in YAML | | takes | |", "|---|---|---|---|---|"]
    for field, each in described(kind)[key]["fields"].items():
        texts = STRINGS[kind][key]["fields"][field]
        need = "required" if each.get("required") else "optional"
        if "default" in each:
            need = f"optional: `{each['default']}` without"
        cells = (texts["name"], f"`{field}`", need, field_value(each["selector"]))
        lines.append(f"| {' | '.join(cells)} | {texts.get('description', '')} |")
    return "\n".join(lines)


def kind_table(kind: str) -> str:
    """Return the triggers or the conditions, and the fields of those that have any."""
    lines = [f"| {kind.removesuffix('s')} | in YAML | |", "|---|---|---|"]
    for key in described(kind):
        texts = STRINGS[kind][key]
        lines.append(f"| {texts['name']} | `{DOMAIN}.{key}` | {texts['description']} |")
    fields = [field_table(kind, key) for key, each in described(kind).items() if "fields" in each]
    return "\n\n".join(["\n".join(lines), *fields])


def attribute_table(event: EventEntityDescription) -> str:
    """Return the attributes of an event that have certain values, and these."""
    lines = ["| attribute | values |", "|---|---|"]
    # The others are in the order of their texts.
    ordered = {"event_type": event.event_types or (), "severity": SEVERITIES.values()}
    for name, texts in STRINGS["entity"]["event"][event.key]["state_attributes"].items():
        if known := texts.get("state"):
            lines.append(f"| `{name}` | {states(ordered.get(name, known), known)} |")
    return "\n".join(lines)


def generated(entities: Iterable[Added]) -> dict[str, dict[str, str]]:
    """Return what is written on each page, by the name of its place there."""
    return {
        "entities": {
            part: entity_table(each for each in entities if chapter_of(each[1]) == part)
            for part in CHAPTERS
        },
        "actions": {key: field_table("services", key) for key in described("services")},
        "automations": {event.key: attribute_table(event) for event in (PRINT, MESSAGE)}
        | {kind: kind_table(kind) for kind in ("triggers", "conditions")},
    }


def explained(entities: Iterable[Added]) -> dict[tuple[str, str], dict[str, str]]:
    """Return what is explained by hand in a chapter of a page: the name there, the key in code."""
    stand_in = MagicMock()
    payloads = {
        PRINT.key: print_attributes(stand_in, stand_in, stand_in),
        MESSAGE.key: message_attributes(stand_in, stand_in, stand_in),
    }
    found = {
        ("entities", chapter): {
            name_of(platform, entity.entity_description): entity.entity_description.key
            for platform, entity in entities
            if chapter_of(entity) == part
        }
        for part, chapter in CHAPTERS.items()
    }
    found |= {
        ("automations", chapter): {name: name for name in ("event_type", *payloads[event])}
        for event, chapter in EVENTS.items()
    }
    return found | {
        ("actions", "Actions"): {f"{DOMAIN}.{key}": key for key in described("services")}
    }


def explanations(text: str, chapter: str) -> dict[str, bool]:
    """Return the names that the tables of a chapter explain, each with whether they do."""
    text = GENERATED.sub("", text)
    found = re.search(
        rf"^#+ {re.escape(chapter)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    rows = [row for table in TABLE.findall(found[1] if found else "") for row in table.splitlines()]
    return {
        name.strip("`"): all(cells)
        for row in rows
        for names, *cells in [[cell.strip() for cell in row.strip("|").split("|")]]
        for name in names.split(", ")
    }


def faults(docs: Path, *, write: bool) -> list[str]:
    """Write what is generated, if wanted, and return what is wrong with the pages."""
    entities = asyncio.run(added())
    found = []
    for page, parts in generated(entities).items():
        path = docs / f"{page}.md"
        text = before = path.read_text(encoding="utf-8")
        for part, table in parts.items():
            try:
                text = put(text, f"scripts/tables {part}", table)
            except ValueError as error:
                found.append(f"docs/{page}.md: {error}")
        if write:
            path.write_text(text, encoding="utf-8")
        elif text != before:
            found.append(f"docs/{page}.md is not as the code has it: run scripts/tables")
    for (page, chapter), keys in explained(entities).items():
        known = explanations((docs / f"{page}.md").read_text(encoding="utf-8"), chapter)
        place = f"docs/{page}.md, {chapter}"
        found += [
            f"{place}: write a line about {name} ({keys[name]})"
            for name in keys
            if not known.get(name)
        ]
        found += [f"{place}: the code has no {name}" for name in known if name not in keys]
    return found


def main() -> int:
    """Write the tables, or look at them."""
    parser = argparse.ArgumentParser(prog="scripts/tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    found = faults(DOCS, write=not parser.parse_args().check)
    for fault in found:
        print(f"[tables] {fault}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
