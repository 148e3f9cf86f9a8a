"""What `scripts/demo --check` looks at."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
import json
from pathlib import Path
import re
from typing import Any

from scripts.demo_home import ACCOUNT, ACCOUNT_PASSWORD, DOMAIN, DemoError, Home, until

# Per printer: the platform, the key that ends the unique id, and whether it is always known.
PRINTER_ENTITIES = (
    ("binary_sensor", "online", True),
    ("image", "print_preview", False),
    ("sensor", "print_end", False),
    ("sensor", "print_start", False),
    ("sensor", "print_title", False),
    ("sensor", "progress", False),
    ("sensor", "status", True),
)
MAGIC = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)
RECORD = re.compile(r"^\d{4}-\d\d-\d\d \S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) \(.*?\) \[(.*?)\] ")


def records(log: str) -> Iterator[tuple[str, str]]:
    """Yield each record of a log with its level; lines outside of any record count as errors."""
    level, lines = "ERROR", list[str]()
    for line in log.splitlines():
        if start := RECORD.match(line):
            if lines:
                yield level, "\n".join(lines)
            level, lines = start[1], []
        lines.append(line)
    if lines:
        yield level, "\n".join(lines)


def warnings(log: str) -> list[str]:
    """Select the records at WARNING or above."""
    return [record for level, record in records(log) if level not in {"DEBUG", "INFO"}]


def complaints(log: str) -> list[str]:
    """Select the records about us that should not be: warnings, errors, and any traceback."""
    alarming = {*warnings(log), *(record for _, record in records(log) if "Traceback" in record)}
    return sorted(
        record
        for record in alarming
        if DOMAIN in record and "has not been tested by Home Assistant" not in record
    )


def mentions(log: str, words: Iterable[str]) -> list[str]:
    """Select the records with one of the words."""
    return [record for _, record in records(log) if any(word in record for word in words)]


async def expected(home: Home) -> dict[tuple[str, str], bool]:
    """List the demo account's entities by platform and unique id, with whether they are known."""
    state = await home.simulated("state")
    uid = next(item["uid"] for item in state["accounts"] if item["account"] == ACCOUNT)
    return {
        (platform, f"{uid}_{printer['dev_id']}_{key}"): known
        for printer in state["printers"]
        if ACCOUNT in printer["accounts"]
        for platform, key, known in PRINTER_ENTITIES
    }


async def entities(home: Home) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the states of our entities by entity id, and what is wrong with them."""
    registered = {
        (entry["entity_id"].partition(".")[0], entry["unique_id"]): entry["entity_id"]
        for entry in await home.command("config/entity_registry/list")
        if entry["platform"] == DOMAIN and not entry["disabled_by"]
    }
    ours = set(registered.values())
    states = {item["entity_id"]: item for item in await home.get("/api/states")}
    states = {entity_id: states[entity_id] for entity_id in sorted(ours & states.keys())}
    wrong = [f"{entity_id} has no state" for entity_id in sorted(ours - states.keys())]
    wrong += [
        f"{entity_id} is unavailable"
        for entity_id, item in states.items()
        if item["state"] == "unavailable"
    ]
    for (platform, unique_id), known in (await expected(home)).items():
        entity_id = registered.get((platform, unique_id))
        if not entity_id:
            wrong.append(f"{platform} …{unique_id.partition('_')[2]} is missing")
        elif known and states.get(entity_id, {}).get("state") == "unknown":
            wrong.append(f"{entity_id} is unknown")
    return states, wrong


async def check_frontend(home: Home) -> str:
    """Load the page, and the services without which it waits for ever."""
    if b"<home-assistant>" not in await home.content("/"):
        raise DemoError("The page at / is not Home Assistant's.")
    return f"{len(await home.command('get_services'))} domains with actions"


async def check_entry(home: Home) -> str:
    """See that the account is set up."""
    entry = await home.entry()
    if not entry or entry["state"] != "loaded":
        raise DemoError(f"The account's entry is {entry and entry['state']}, not loaded.")
    return "the account is loaded"


async def check_entities(home: Home) -> str:
    """Wait up to half a minute until all entities are there and available."""

    async def complete() -> bool:
        return not (await entities(home))[1]

    await until(complete, 30)
    states, wrong = await entities(home)
    if wrong:
        raise DemoError("; ".join(wrong))
    return f"{len(states)} entities, none missing or unavailable"


async def check_pictures(home: Home) -> str:
    """Fetch each known picture, of which there is one at least."""

    async def known() -> list[str]:
        states, _ = await entities(home)
        return [
            entity_id
            for entity_id, item in states.items()
            if entity_id.startswith("image.") and item["state"] != "unknown"
        ]

    images = await until(known, 30)
    if not images:
        raise DemoError("No printer has a picture.")
    for entity_id in images:
        if not MAGIC.match(await home.content(f"/api/image_proxy/{entity_id}")):
            raise DemoError(f"{entity_id} delivers something else than a picture.")
    return f"{len(images)} pictures"


async def check_reload(home: Home) -> str:
    """Unload the entry and load it again, after which all entities are back."""
    before, _ = await entities(home)
    entry = await home.entry() or {}
    await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
    await check_entry(home)
    await check_entities(home)
    after, _ = await entities(home)
    if gone := before.keys() - after.keys():
        raise DemoError(f"After the reload these are missing: {', '.join(sorted(gone))}.")
    return "unloaded and loaded again"


async def check_states(home: Home) -> str:
    """Show all states."""
    states, _ = await entities(home)
    lines = [f"        {entity_id:50} {item['state']}" for entity_id, item in states.items()]
    return "\n".join([str(len(lines)), *lines])


CHECKS: tuple[tuple[str, Callable[[Home], Awaitable[str]]], ...] = (
    ("frontend", check_frontend),
    ("entry", check_entry),
    ("entities", check_entities),
    ("pictures", check_pictures),
    ("reload", check_reload),
    ("states", check_states),
)


async def secrets(home: Home, folder: Path) -> set[str]:
    """List what must not be in the log: the account's address, password, id, token, and serials."""
    ids = {part for _, unique_id in await expected(home) for part in unique_id.split("_")[:2]}
    stored = json.loads((folder / ".storage/core.config_entries").read_text())
    tokens = {
        entry["data"]["token"] for entry in stored["data"]["entries"] if entry["domain"] == DOMAIN
    }
    return {ACCOUNT, ACCOUNT_PASSWORD} | ids | tokens


async def check_log(home: Home, folder: Path, log: str) -> str:
    """Read the whole log, also of the stop: no complaint about us, and no secret."""
    if found := complaints(log):
        raise DemoError("Home Assistant logged:\n" + "\n".join(found))
    if found := mentions(log, await secrets(home, folder)):
        raise DemoError("Home Assistant's log tells secrets:\n" + "\n".join(found))
    return f"{log.count(f'[custom_components.{DOMAIN}')} lines of ours, no complaint"


async def check_end(code: int) -> str:
    """See that Home Assistant ends by itself when asked to."""
    if code:
        raise DemoError(f"Home Assistant ends with {code}.")
    return "Home Assistant ends in time"


async def check_simulator_log(log: str) -> str:
    """Read the simulator's log."""
    if "Traceback" in log:
        raise DemoError(log)
    return "no accident"
