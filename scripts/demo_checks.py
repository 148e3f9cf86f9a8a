"""What `scripts/demo --check` looks at."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
import json
from pathlib import Path
import re
from typing import Any

from scripts.demo_home import ACCOUNT, ACCOUNT_PASSWORD, DOMAIN, DemoError, Home, until

ROOT = Path(__file__).parents[1]
# When a state is known: always, from the cloud of 2026, of printers that print by themselves, or
# perhaps; a disabled entity has none.
ALWAYS, TODAY, BUSY, PERHAPS, DISABLED = "always", "today", "busy", "perhaps", "disabled"
# Per printer: the platform, the key that ends the unique id, and when it is known.
PRINTER_ENTITIES = (
    ("binary_sensor", "online", ALWAYS),
    ("binary_sensor", "printing", DISABLED),
    ("binary_sensor", "problem", DISABLED),
    ("calendar", "prints", ALWAYS),
    ("event", "print", PERHAPS),
    ("image", "last_print_preview", PERHAPS),
    ("image", "print_preview", PERHAPS),
    ("sensor", "bed_type", DISABLED),
    ("sensor", "firmware_version", DISABLED),
    ("sensor", "last_print_duration", PERHAPS),
    ("sensor", "last_print_end", DISABLED),
    ("sensor", "last_print_result", DISABLED),
    ("sensor", "last_print_title", DISABLED),
    ("sensor", "last_print_weight", DISABLED),
    ("sensor", "nozzle_diameter", DISABLED),
    ("sensor", "print_end", PERHAPS),
    ("sensor", "print_filament", DISABLED),
    ("sensor", "print_length", DISABLED),
    ("sensor", "print_remaining", DISABLED),
    ("sensor", "print_start", DISABLED),
    ("sensor", "print_title", PERHAPS),
    ("sensor", "print_weight", DISABLED),
    ("sensor", "progress", PERHAPS),
    ("sensor", "status", ALWAYS),
    ("sensor", "success_rate", BUSY),
    ("sensor", "total_filament_length", DISABLED),
    ("sensor", "total_filament_weight", ALWAYS),
    ("sensor", "total_print_time", ALWAYS),
    ("sensor", "total_prints", ALWAYS),
    ("update", "firmware", BUSY),
)
ACCOUNT_ENTITIES = (
    ("binary_sensor", "live_data", ALWAYS),
    ("event", "message", PERHAPS),
    ("sensor", "last_message", PERHAPS),
    ("sensor", "next_print_end", PERHAPS),
    ("sensor", "printers_printing", ALWAYS),
    ("sensor", "slicer_version", DISABLED),
    ("sensor", "token_expiry", DISABLED),
    ("sensor", "unread_messages", TODAY),
)
# Per printer that speaks for itself.
LIVE_ENTITIES = (
    ("binary_sensor", "chamber_light", DISABLED),
    ("binary_sensor", "error", ALWAYS),
    ("sensor", "bed_target_temperature", DISABLED),
    ("sensor", "bed_temperature", ALWAYS),
    ("sensor", "external_spool", PERHAPS),
    ("sensor", "heatbreak_fan", DISABLED),
    ("sensor", "layer", PERHAPS),
    ("sensor", "nozzle_target_temperature", DISABLED),
    ("sensor", "nozzle_temperature", ALWAYS),
    ("sensor", "nozzle_type", DISABLED),
    ("sensor", "part_fan", DISABLED),
    ("sensor", "sd_card", DISABLED),
    ("sensor", "speed_profile", DISABLED),
    ("sensor", "stage", PERHAPS),
    ("sensor", "total_layers", PERHAPS),
    ("sensor", "wifi_signal", DISABLED),
)
# Per printer that tells of them, now or once.
LIVE_ENTITIES_OF_SOME = (
    ("binary_sensor", "door"),
    ("sensor", "active_filament"),
    ("sensor", "aux_fan"),
    ("sensor", "chamber_fan"),
    ("sensor", "chamber_target_temperature"),
    ("sensor", "chamber_temperature"),
)
UNREAD = "sensor.demo_maker_unread_messages"
MESSAGES = 30  # more than a page
UNAVAILABLE = {"state": "unavailable"}
METRICS = ("filament_weight", "print_time", "prints")
FAR = "2099-01-01T00:00:00Z"
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
        # The folder of the checkout may be named like us.
        if DOMAIN in record.replace(str(ROOT), "")
        and "has not been tested by Home Assistant" not in record
    )


def mentions(log: str, words: Iterable[str]) -> list[str]:
    """Select the records with one of the words."""
    return [record for _, record in records(log) if any(word in record for word in words)]


async def account(home: Home) -> tuple[str, list[dict[str, Any]]]:
    """Return the demo account's id and its printers, as the simulator has them."""
    state = await home.simulated("state")
    uid = next(item["uid"] for item in state["accounts"] if item["account"] == ACCOUNT)
    return str(uid), [each for each in state["printers"] if ACCOUNT in each["accounts"]]


async def expected(home: Home) -> dict[tuple[str, str], str]:
    """List the demo account's entities by platform and unique id, with when they are known."""
    uid, printers = await account(home)
    entities = {(platform, f"{uid}_{key}"): known for platform, key, known in ACCOUNT_ENTITIES}
    live = LIVE_ENTITIES if await is_live(home) else ()
    for printer in printers:
        for platform, key, known in (*PRINTER_ENTITIES, *(live if printer["online"] else ())):
            certain = ALWAYS if printer["scheduled"] else PERHAPS
            unique_id = f"{uid}_{printer['dev_id']}_{key}"
            entities[platform, unique_id] = certain if known == BUSY else known
    today = ALWAYS if await is_today(home) else PERHAPS
    return {key: today if known == TODAY else known for key, known in entities.items()}


async def is_today(home: Home) -> bool:
    """Return if the simulator answers as the cloud does today."""
    return bool((await home.simulated("state"))["era"] == "2026")


async def is_live(home: Home) -> bool:
    """Return if the printers speak for themselves."""
    return bool((await home.simulated("mqtt"))["running"])


async def registered(home: Home, registry: str) -> list[dict[str, Any]]:
    """Return the account's rows of the entity or device registry."""
    entry = await home.entry() or {}
    rows = await home.command(f"config/{registry}_registry/list")
    return [row for row in rows if row["config_entry_id"] == entry.get("entry_id")]


async def entities(home: Home) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the states of our entities by entity id, and what is wrong with them."""
    rows = {
        (row["entity_id"].partition(".")[0], row["unique_id"]): row
        for row in await registered(home, "entity")
    }
    ours = {row["entity_id"] for row in rows.values() if not row["disabled_by"]}
    states = {item["entity_id"]: item for item in await home.get("/api/states")}
    states = {entity_id: states[entity_id] for entity_id in sorted(ours & states.keys())}
    wrong = [f"{entity_id} has no state" for entity_id in sorted(ours - states.keys())]
    wrong += [
        f"{entity_id} is unavailable"
        for entity_id, item in states.items()
        if item["state"] == "unavailable"
    ]
    for (platform, unique_id), known in (await expected(home)).items():
        row = rows.get((platform, unique_id))
        if not row:
            wrong.append(f"{platform} …{unique_id.partition('_')[2]} is missing")
        elif bool(row["disabled_by"]) != (known == DISABLED):
            wrong.append(f"{row['entity_id']} is disabled by {row['disabled_by']}")
        elif known == ALWAYS and states.get(row["entity_id"], {}).get("state") == "unknown":
            wrong.append(f"{row['entity_id']} is unknown")
    return states, wrong


async def of_busy_printers(home: Home, platform: str, key: str) -> dict[str, str]:
    """Return an entity of each printer that prints by itself, by the id of the printer."""
    uid, printers = await account(home)
    ids = {
        (row["entity_id"].partition(".")[0], row["unique_id"]): row["entity_id"]
        for row in await registered(home, "entity")
    }
    busy = [printer["dev_id"] for printer in printers if printer["scheduled"]]
    return {dev_id: ids[platform, f"{uid}_{dev_id}_{key}"] for dev_id in busy}


async def ended_by_printer(home: Home) -> dict[str, set[str]]:
    """Return the ids of the tasks that ended, by the id of the printer."""
    ended: dict[str, set[str]] = {}
    for task in await home.ended_tasks():
        ended.setdefault(task["deviceId"], set()).add(str(task["id"]))
    return ended


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
    """Wait until all entities are there, available and known where they can be.

    Firmware and messages are asked about one by one; the latter wait less if somebody asks.
    """

    async def complete() -> bool:
        states, wrong = await entities(home)
        for entity_id in states:
            if wrong and entity_id.endswith("_unread_messages"):
                await home.update(entity_id)
        return not wrong

    await until(complete, 90, every=2)
    states, wrong = await entities(home)
    if wrong:
        raise DemoError("; ".join(wrong))
    if unlisted := (await unexpected(home)):
        raise DemoError(f"Not listed in scripts/demo_checks.py: {', '.join(unlisted)}.")
    return f"{len(states)} entities, none missing or unavailable"


async def unexpected(home: Home) -> list[str]:
    """Return our entities that are in no list, but for those of AMS."""
    devices = {row["id"]: row for row in await registered(home, "device")}
    wanted = set(await expected(home))
    if await is_live(home):
        uid, printers = await account(home)
        speaking = [printer["dev_id"] for printer in printers if printer["online"]]
        wanted |= {
            (platform, f"{uid}_{dev_id}_{key}")
            for platform, key in LIVE_ENTITIES_OF_SOME
            for dev_id in speaking
        }
    return [
        row["entity_id"]
        for row in await registered(home, "entity")
        if (row["entity_id"].partition(".")[0], row["unique_id"]) not in wanted
        and not _is_ams(devices[row["device_id"]])
    ]


def says_itself(row: dict[str, Any], uid: str) -> bool:
    """Return if an entity of an account is of what a printer says itself."""
    own = row["unique_id"].removeprefix(uid)
    return not any(own.endswith(f"_{key}") for _, key, _ in (*PRINTER_ENTITIES, *ACCOUNT_ENTITIES))


def _is_ams(device: dict[str, Any]) -> bool:
    return bool(device["via_device_id"])


async def check_devices(home: Home) -> str:
    """Look at the devices: the account, its printers, and their AMS."""
    uid, printers = await account(home)
    devices = await registered(home, "device")
    by_identifier = {row["identifiers"][0][1]: row for row in devices}
    if by_identifier.get(uid, {}).get("entry_type") != "service":
        raise DemoError("The account is no service.")
    for printer in printers:
        row = by_identifier.get(printer["dev_id"])
        if row is None or (row["name"], row["serial_number"]) != (
            printer["name"],
            printer["dev_id"],
        ):
            raise DemoError(f"{printer['name']} is no device.")
    ids = {by_identifier[printer["dev_id"]]["id"] for printer in printers}
    ams = [row for row in devices if _is_ams(row)]
    has_ams = await is_today(home) or await is_live(home)
    if bool(ams) != has_ams or any(row["via_device_id"] not in ids for row in ams):
        raise DemoError(f"These are the AMS: {[row['name'] for row in ams]}.")
    if len(devices) != 1 + len(printers) + len(ams):
        raise DemoError(f"There are others: {[row['name'] for row in devices]}.")
    return f"the account, {len(printers)} printers, {len(ams)} AMS"


async def check_history(home: Home) -> str:
    """Compare calendars, totals and statistics with the list of tasks, print by print."""
    calendars = await of_busy_printers(home, "calendar", "prints")
    totals = await of_busy_printers(home, "sensor", "total_prints")
    uid, _ = await account(home)
    statistics = {
        dev_id: f"{DOMAIN}:{uid}_{dev_id}_prints".lower() for dev_id in await ended_by_printer(home)
    }
    counts: dict[str, Any] = {}

    async def is_complete() -> bool:
        # Prints of seconds end more often than the cloud is asked by itself.
        await home.update("sensor.workshop_x1c")
        ended = await ended_by_printer(home)
        sums = await last_sums(home, set(statistics.values()))
        for dev_id, entity_id in calendars.items():
            path = f"/api/calendars/{entity_id}?start=2014-01-01T00:00:00Z&end={FAR}"
            listed = {event["uid"] for event in await home.get(path)}
            total = (await home.get(f"/api/states/{totals[dev_id]}"))["state"]
            counts[entity_id] = {
                "tasks": len(ended[dev_id]),
                "missing in the calendar": len(ended[dev_id] - listed),
                "total": total,
                "statistics": sums.get(statistics[dev_id]),
            }
        return all(
            not each["missing in the calendar"]
            and float(each["total"]) == each["statistics"] == each["tasks"]
            for each in counts.values()
        )

    if not await until(is_complete, 60, every=2):
        raise DemoError(f"The history differs from the tasks: {counts}.")
    return f"{sum(each['tasks'] for each in counts.values())} prints of {len(counts)} printers"


async def check_action(home: Home) -> str:
    """Ask for the history by an action, and compare it with the calendars."""
    path = f"/api/services/{DOMAIN}/get_print_history?return_response"
    answer = (await home.post(path, {"limit": 1000}))["service_response"]
    if not answer["complete"] or answer["count"] < len(answer["prints"]) or not answer["prints"]:
        raise DemoError(f"The action answers with {answer['count']} prints of an incomplete list.")
    listed = {each["task_id"] for each in answer["prints"]}
    known = set().union(*(await ended_by_printer(home)).values())
    if not listed <= known:
        raise DemoError(f"The action tells prints that the cloud does not: {listed - known}.")
    return f"{answer['count']} prints"


async def check_media(home: Home) -> str:
    """Go down the media panel to a print, and fetch its picture."""
    place, depth = f"media-source://{DOMAIN}", 0
    while True:
        folder = await home.command("media_source/browse_media", media_content_id=place)
        # A printer that never printed has no months.
        child = max(folder["children"], key=lambda each: each["thumbnail"] or "")
        if not child["can_expand"]:
            break
        place, depth = child["media_content_id"], depth + 1
    picture = await home.command(
        "media_source/resolve_media", media_content_id=child["media_content_id"]
    )
    if not MAGIC.match(await home.content(picture["url"])):
        raise DemoError("The media panel delivers something else than a picture.")
    return f"a picture {depth} folders down, among {len(folder['children'])}"


async def last_sums(home: Home, ids: set[str]) -> dict[str, float]:
    """Return the newest sums of statistics."""
    rows = await home.command(
        "recorder/statistics_during_period",
        start_time="2014-01-01T00:00:00+00:00",
        statistic_ids=sorted(ids),
        period="hour",
        types=["sum"],
    )
    return {key: each[-1]["sum"] for key, each in rows.items()}


async def check_statistics(home: Home) -> str:
    """See that the recorder has the statistics of every printer that has printed."""
    uid, _ = await account(home)
    rows = await home.command("recorder/list_statistic_ids", statistic_type="sum")
    ours = {row["statistic_id"] for row in rows if row["source"] == DOMAIN}
    wanted = {
        f"{DOMAIN}:{uid}_{dev_id}_{metric}".lower()
        for dev_id in await of_busy_printers(home, "calendar", "prints")
        for metric in METRICS
    }
    if not wanted <= ours:
        raise DemoError(f"{len(wanted - ours)} of {len(wanted)} statistics are missing.")
    return f"{len(ours)} with sums"


async def check_firmware(home: Home) -> str:
    """Read the release notes of each update that waits, of which there is one at least.

    Today some AMS tell their firmware as well.
    """
    states, _ = await entities(home)
    devices = {row["id"]: row for row in await registered(home, "device")}
    of_ams = [
        row["entity_id"]
        for row in await registered(home, "entity")
        if _is_ams(devices[row["device_id"]]) and row["entity_id"].startswith("update.")
    ]
    known = [key for key in of_ams if states[key]["state"] in {"on", "off"}]
    if bool(known) != await is_today(home):
        raise DemoError(f"These AMS tell their firmware: {known}.")
    updates = [
        entity_id
        for entity_id, item in states.items()
        if entity_id.startswith("update.") and item["state"] == "on"
    ]
    if not updates:
        raise DemoError("No printer has an update.")
    for entity_id in updates:
        if not await home.command("update/release_notes", entity_id=entity_id):
            raise DemoError(f"{entity_id} has no release notes.")
    return f"{len(updates)} updates with release notes, {len(known)} AMS"


async def check_update(home: Home) -> str:
    """Have the firmware of printers asked about: one by one, and once a minute at most.

    Their own moments come every twelve hours, so that none comes between.
    """
    uid, printers = await account(home)
    asked = [f"{uid}_{printer['dev_id']}_firmware" for printer in printers[:2]]
    ids = {row["unique_id"]: row["entity_id"] for row in await registered(home, "entity")}
    before = await firmware_questions(home)
    for unique_id in (*asked, *asked):
        await home.update(ids[unique_id])

    async def all_asked() -> bool:
        return await firmware_questions(home) - before >= len(asked)

    await until(all_asked, 30, every=1)
    came = await firmware_questions(home) - before
    if came != len(asked):
        raise DemoError(f"Of {len(asked)} printers, each asked about twice, came {came} questions.")
    return f"{len(asked)} printers, each asked about twice, are {came} questions"


async def firmware_questions(home: Home) -> int:
    """Return how often the cloud was asked about the firmware of one printer."""
    return sum(
        each["path"].endswith("/user/device/version") and each["query"] == ["dev_id"]
        for each in await home.simulated("requests")
    )


async def check_messages(home: Home) -> str:
    """Compare the unread messages, of which there are more than a page, with the cloud's count."""
    if not await is_today(home):
        return "the cloud of 2022 does not count them"
    await home.simulate(f"accounts/{ACCOUNT}/messages", number=MESSAGES)
    counts: dict[str, int] = {}

    async def agree() -> bool:
        # Groups of messages are asked for in turn, of which one comes with the count.
        await home.update(UNREAD)
        told = (await home.get(f"/api/states/{UNREAD}"))["state"]
        counts.update(cloud=await home.unread_messages(), sensor=int(float(told)))
        return MESSAGES <= counts["cloud"] == counts["sensor"]

    if not await until(agree, 90, every=1):
        raise DemoError(f"These messages are unread: {counts}.")
    return f"{counts['sensor']} unread, as the cloud says"


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
        if not await is_picture(home, entity_id):
            raise DemoError(f"{entity_id} delivers something else than a picture.")
    return f"{len(images)} pictures"


async def is_picture(home: Home, entity_id: str) -> bool:
    """Return if an image entity delivers a picture."""
    return bool(MAGIC.match(await home.content(f"/api/image_proxy/{entity_id}")))


async def check_reload(home: Home) -> str:
    """Unload the entry and load it again, after which all entities are back.

    A printer is asked for what it says itself a minute after the last time at the earliest.
    """
    uid, _ = await account(home)
    rows = await registered(home, "entity")
    before = {row["entity_id"] for row in rows if not (row["disabled_by"] or says_itself(row, uid))}
    entry = await home.entry() or {}
    await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
    await check_entry(home)

    async def gone() -> set[str]:
        states, _ = await entities(home)
        return {key for key in before if states.get(key, UNAVAILABLE)["state"] == "unavailable"}

    async def are_back() -> bool:
        return not await gone()

    if not await until(are_back, 30):
        raise DemoError(f"After the reload these are missing: {', '.join(sorted(await gone()))}.")
    return "unloaded and loaded again"


async def check_states(home: Home) -> str:
    """Show all states."""
    states, _ = await entities(home)
    lines = [f"        {entity_id:50} {item['state']}" for entity_id, item in states.items()]
    return "\n".join([str(len(lines)), *lines])


type Check = Callable[[Home], Awaitable[str]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("frontend", check_frontend),
    ("entry", check_entry),
)
# After what takes its time: firmware, messages and history are asked for gently.
MIDDLE_CHECKS: tuple[tuple[str, Check], ...] = (
    ("entities", check_entities),
    ("devices", check_devices),
    ("pictures", check_pictures),
    ("firmware", check_firmware),
    ("statistics", check_statistics),
)
LAST_CHECKS: tuple[tuple[str, Check], ...] = (
    ("reload", check_reload),
    ("firmware, asked for", check_update),
    ("unread messages", check_messages),
    ("history", check_history),
    ("action", check_action),
    ("media panel", check_media),
    ("states", check_states),
)


async def secrets(home: Home) -> set[str]:
    """List what must not be in the log: what was typed, tokens, addresses, ids and serials."""
    state = await home.simulated("state")
    accounts = {str(each[key]) for each in state["accounts"] for key in ("account", "uid")}
    serials = {printer["dev_id"] for printer in state["printers"]}
    return {ACCOUNT_PASSWORD, home.cloud_token(), *home.secrets} | accounts | serials


async def check_log(home: Home, log: str, said: Iterable[str] = ()) -> str:
    """Read the whole log, also of the stop: no complaint about us but what is said, no secret.

    Each of these complaints, told by a part of it, is there once.
    """
    found = complaints(log)
    for text in said:
        if text not in "".join(found):
            raise DemoError(f"Home Assistant did not log: {text}")
        found.remove(next(record for record in found if text in record))
    if found:
        raise DemoError("Home Assistant logged:\n" + "\n".join(found))
    if found := mentions(log, await secrets(home)):
        raise DemoError("Home Assistant's log tells secrets:\n" + "\n".join(found))
    return f"{log.count(f'[custom_components.{DOMAIN}')} lines of ours, no complaint"


async def secrets_of_printers(home: Home) -> re.Pattern[bytes]:
    """Return what finds anything that printers tell and nobody but their owner may see."""
    return finder(await home.simulated("mqtt/secrets"))


def finder(words: Iterable[str]) -> re.Pattern[bytes]:
    """Return what finds words, some of which are mere numbers of eight digits, part of others."""
    any_word = b"|".join(re.escape(word.encode()) for word in sorted(words))
    return re.compile(rb"(?<![0-9A-Za-z.])(?:" + any_word + rb")(?![0-9A-Za-z])")


async def check_shown(home: Home, hidden: re.Pattern[bytes]) -> str:
    """Read all states, and what an owner downloads for a report, where ids are left out as well."""
    if hidden.search(await home.content("/api/states")):
        raise DemoError("A state tells a secret of a printer.")
    entries = await home.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    known = [word.encode() for word in await secrets(home)]
    for entry in entries:
        content = await home.content(f"/api/diagnostics/config_entry/{entry['entry_id']}")
        ours = json.dumps(json.loads(content)["data"]).encode()
        if hidden.search(content) or any(word in ours for word in known):
            raise DemoError("The diagnostics tell a secret.")
    return f"none in the states and in the diagnostics of {len(entries)} accounts"


async def check_files(folder: Path, hidden: re.Pattern[bytes]) -> str:
    """Read what Home Assistant has written: its log, its storage and its database."""
    files = contents(folder)
    if found := [name for name, content in files.items() if hidden.search(content)]:
        raise DemoError(f"These files tell a secret of a printer: {', '.join(found)}.")
    return f"none in {len(files)} files"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


async def check_sessions(home: Home) -> str:
    """See how the broker was treated: never two sessions of an account, and none in the end.

    A printer is asked for everything once in a session, and once more at the most.
    """
    mqtt = await home.simulated("mqtt")
    if mqtt["accidents"]:
        raise DemoError(f"Something else was published: {mqtt['accidents']}.")
    if wrong := impolite(mqtt["log"]):
        raise DemoError("; ".join(wrong))
    counts = Counter(each["what"] for each in mqtt["log"])
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "none"


def impolite(log: Iterable[dict[str, Any]]) -> list[str]:
    """Say what is too much in a broker's log."""
    wrong: list[str] = []
    sessions, begun = Counter[str](), Counter[str]()
    asked: Counter[tuple[str, str, str]] = Counter()
    for each in log:
        account, what = each["account"], each["what"]
        if what == "connect":
            sessions[account] += 1
            begun[account] += 1
            if sessions[account] > 1:
                wrong.append(f"{account} has {sessions[account]} sessions at {each['at']}")
        elif what == "disconnect":
            sessions[account] -= 1
        elif what in {"pushall", "get_version"}:
            asked[account, each["dev_id"], what] += 1
    wrong += [f"{account} has a session yet" for account, count in sessions.items() if count]
    wrong += [
        f"{dev_id} was asked for {what} {count} times in {begun[account]} sessions"
        for (account, dev_id, what), count in asked.items()
        if count > begun[account] + 1
    ]
    return wrong


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
