"""Whether an automation hears of each print once, with Home Assistant stopped and killed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scripts.demo_checks import is_live, is_picture, registered
from scripts.demo_home import DemoError, until

if TYPE_CHECKING:
    from scripts.demo import Demo

# The simulator's own printers print by themselves; this one is added, and prints by command.
PRINTER = "Bench"
EVENT = "event.bench_print"
PICTURE = "image.bench_print_preview"
# It is there once the printer says itself what it does.
SPEAKING = "sensor.bench_stage"
EVENTS = ("event.workshop_x1c_print", "event.p1s_print", "event.3dp_030_117_print", EVENT)
# What the status of a task means.
RESULTS = {2: "finished", 3: "failed"}
# The ways in which an owner can listen.
TRIGGERS = ("received", "state", "own")
OWN = ("started", "paused", "resumed", "finished", "failed")
# Home Assistant joins the polls that are asked for within ten seconds, and the list of tasks lags.
PATIENCE = 45
# After an event: its report has arrived, and it is stored that it was announced.
CALM = 3
# The recorder writes every five seconds.
RECORDING = 7
# To the activity, without live data and with it.
MOST_LINES, MOST_LIVE_LINES = 10, 30
# The cloud counts in whole seconds, which matters at the moment from which on prints are followed.
DOUBT = timedelta(seconds=2)


def configuration(simulator: str, events: Iterable[str] = EVENTS) -> str:
    """Return the configuration of an automation that reports each print event to the simulator.

    What an owner downloads for a report is there as well.
    """
    listed = ", ".join(events)
    own = "".join(
        f"""
      - trigger: bambu_lab_cloud.{name}
        id: own
        target:
          entity_id: [{listed}]"""
        for name in (*(f"print_{each}" for each in OWN), "printer_error")
    )
    return f"""\
diagnostics:
rest_command:
  report:
    url: "{simulator}/simulator/received/{{{{ trigger }}}}"
    method: post
    content_type: application/json
    payload: "{{{{ event | to_json }}}}"
automation reports:
  - id: report_prints
    alias: Report prints
    mode: queued
    max: 1000
    triggers:
      - trigger: event.received
        id: received
        target:
          entity_id: [{listed}]
        options:
          event_type: [started, paused, resumed, finished, failed, error]
      - trigger: state
        id: state
        entity_id: [{listed}]
        not_from: unavailable
        not_to: [unavailable, unknown]{own}
    actions:
      - action: rest_command.report
        data:
          trigger: "{{{{ trigger.id }}}}"
          event: >-
            {{{{ trigger.print if trigger.id == 'own' else dict(trigger.to_state.attributes) }}}}
"""


def ends(reports: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Select the ends of prints that have a task."""
    return [
        each
        for each in reports
        if each["event_type"] in RESULTS.values() and each["task_id"] is not None
    ]


def ended_after(tasks: Iterable[dict[str, Any]], moment: datetime) -> set[str]:
    """Return the ids of the tasks that ended after a moment."""
    return {str(task["id"]) for task in tasks if datetime.fromisoformat(task["endTime"]) > moment}


def disagreements(
    reports: list[dict[str, Any]],
    tasks: list[dict[str, Any]],
    since: datetime,
    *,
    in_order: bool = True,
) -> list[str]:
    """Say where reports and ended tasks, oldest first, differ; since is when the first was due."""
    by_id = {str(task["id"]): task for task in tasks}
    ended_at = {key: datetime.fromisoformat(task["endTime"]) for key, task in by_id.items()}
    counts = Counter(each["task_id"] for each in ends(reports))
    starts = Counter(each["task_id"] for each in reports if each["event_type"] == "started")
    starts.pop(None, None)
    wrong = [f"{key} was announced {count} times" for key, count in counts.items() if count > 1]
    wrong += [f"{key} started {count} times" for key, count in starts.items() if count > 1]
    wrong += [
        f"{key} was not announced"
        for key, at in ended_at.items()
        if at > since + DOUBT and key not in counts
    ]
    for each in ends(reports):
        key = each["task_id"]
        if key not in by_id:
            wrong.append(f"{key} was announced and has not ended")
            continue
        if ended_at[key] < since - DOUBT:
            wrong.append(f"{key} was announced and had ended before")
        if datetime.fromisoformat(each["at"]) < ended_at[key]:
            wrong.append(f"{key} was announced before it ended")
        if each["event_type"] != RESULTS[by_id[key]["status"]]:
            wrong.append(f"{key} was announced as {each['event_type']}")
    told = [each["task_id"] for each in ends(reports) if each["task_id"] in by_id]
    for printer in {task["deviceId"] for task in tasks}:
        heard = [key for key in told if by_id[key]["deviceId"] == printer]
        if in_order and heard != sorted(heard, key=list(by_id).index):
            wrong.append(f"{', '.join(heard)} were announced out of order")
    return wrong


class Prints:
    """Prints on a printer of the simulator, and what the automation reports of them."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._home = demo.home
        self._printer = ""

    async def _reports(self, trigger: str) -> list[dict[str, Any]]:
        """Return what the automation has reported by a trigger, in order."""
        received = await self._home.simulated("received")
        return [item["body"] | {"at": item["at"]} for item in received if item["name"] == trigger]

    async def _start(self, duration: float = 3600, **more: object) -> str:
        """Start a print, that takes longer than all checks if nothing else is said."""
        path = f"printers/{self._printer}/start"
        answer = await self._home.simulate(path, duration=duration, **more)
        return str(answer["task_id"])

    async def _end(self, result: str = "finished") -> None:
        """End the print."""
        await self._home.simulate(f"printers/{self._printer}/end", result=result)

    async def _hear(self, task_id: str, *events: tuple[str, bool]) -> None:
        """Wait until these events of a print were reported, each with whether it is late."""
        heard: dict[str, list[tuple[str, bool]]] = {}

        async def is_heard() -> bool:
            for trigger in TRIGGERS:
                heard[trigger] = [
                    (each["event_type"], each["late"])
                    for each in await self._reports(trigger)
                    if each["task_id"] == task_id
                ]
            if all(len(each) >= len(events) for each in heard.values()):
                return True
            await self._home.update("sensor.workshop_x1c")
            return False

        await until(is_heard, PATIENCE, every=1)
        for trigger, each in heard.items():
            if each != list(events):
                raise DemoError(f"By {trigger} came {each} instead of {list(events)}.")

    async def new_printer(self) -> str:
        """Add a printer to the account, which appears by itself."""
        answer = await self._home.simulate(
            "printers", account="demo@example.com", model="A1", name=PRINTER
        )
        self._printer = answer["dev_id"]

        # What it does when it is heard for the first time it may have begun before.
        wanted = {EVENT, *((SPEAKING,) if await is_live(self._home) else ())}

        async def is_there() -> bool:
            await self._home.update("sensor.workshop_x1c")
            return wanted <= {item["entity_id"] for item in await self._home.get("/api/states")}

        if not await until(is_there, PATIENCE, every=2):
            raise DemoError("A printer that joins the account does not appear.")
        return "it appears without a reload"

    async def while_running(self) -> str:
        """Print while Home Assistant runs, and look at what is told of it."""
        task = await self._start()
        await self._hear(task, ("started", False))

        async def is_shown() -> bool:
            await self._home.update("sensor.workshop_x1c")
            return bool((await self._home.get(f"/api/states/{PICTURE}"))["state"] != "unknown")

        if not await until(is_shown, PATIENCE, every=2):
            raise DemoError(f"{PICTURE} shows nothing.")
        await self._end()
        await self._hear(task, ("started", False), ("finished", False))
        reports = [each for each in await self._reports("state") if each["task_id"] == task]
        for each in reports:
            if each["printer"] != PRINTER:
                raise DemoError(f"The event names {each['printer']} instead of {PRINTER}.")
        if not (image := reports[-1]["image"]) or not await is_picture(self._home, image):
            raise DemoError(f"There is no picture at {image}.")
        return "started and finished, with the printer's name, and a picture at the end"

    async def activity(self) -> str:
        """Count the lines that one print writes to the activity on the page of its printer."""
        rows = await registered(self._home, "entity")
        device = next(row["device_id"] for row in rows if row["entity_id"] == EVENT)
        ids = [
            row["entity_id"]
            for row in rows
            if row["device_id"] == device
            and not row["disabled_by"]
            # Whose firmware is heard of meanwhile, for the first time, is no matter of a print.
            and not row["entity_id"].startswith("update.")
        ]
        total = next(each for each in ids if each.endswith("_total_prints"))
        before = (await self._home.get(f"/api/states/{total}"))["state"]
        start = datetime.now(UTC).isoformat()
        # Not what the one before was called. It ends by itself: the time of one that ends long
        # before its slicing time is not believed, and its entities stay silent.
        task = await self._start(25, title="Boat")
        await self._hear(task, ("started", False))
        await self._hear(task, ("started", False), ("finished", False))

        async def is_counted() -> bool:
            await self._home.update("sensor.workshop_x1c")
            return bool((await self._home.get(f"/api/states/{total}"))["state"] != before)

        if not await until(is_counted, PATIENCE, every=2):
            raise DemoError(f"{total} stays at {before}.")
        await asyncio.sleep(RECORDING)
        lines = await self._home.command(
            "logbook/get_events", start_time=start, entity_ids=ids, device_ids=[device]
        )
        # Whatever is no change of a state has a name and a message.
        told = [
            f"{line.get('entity_id') or line['name']}: {line.get('state') or line['message']}"
            for line in lines
        ]
        most = MOST_LIVE_LINES if await is_live(self._home) else MOST_LINES
        if not told or len(told) > most:
            raise DemoError(f"A print writes {len(told)} lines: {', '.join(told)}.")
        return "\n        ".join([f"{len(told)} lines", *told])

    async def after_stop(self) -> str:
        """Stop Home Assistant while a print runs, which ends before the next start."""
        task = await self._start()
        await self._hear(task, ("started", False))
        await self._demo.end_home()
        await self._end()
        await self._demo.start_home()
        await self._hear(task, ("started", False), ("finished", True))
        return "finished, late"

    async def after_kill(self) -> str:
        """Kill Home Assistant after a print failed; another one begins and ends without it."""
        failed = await self._start()
        await self._hear(failed, ("started", False))
        await self._end("failed")
        await self._hear(failed, ("started", False), ("failed", False))
        await asyncio.sleep(CALM)
        await self._demo.end_home(kill=True)
        unseen = await self._start()
        await self._end()
        await self._demo.start_home()
        await self._hear(unseen, ("finished", True))
        await self._hear(failed, ("started", False), ("failed", False))
        return "failed before and not repeated, finished in between, late"

    async def through_kill(self) -> str:
        """Kill Home Assistant while a print runs that ends after the next start."""
        task = await self._start()
        await self._hear(task, ("started", False))
        await asyncio.sleep(CALM)
        await self._demo.end_home(kill=True)
        await self._demo.start_home()
        await self._end()
        await self._hear(task, ("started", False), ("finished", False))
        return "started before, finished after"

    async def each_once(self) -> str:
        """Compare all that was reported with all prints that ended, also by themselves."""
        requests = await self._home.simulated("requests")
        first = next(each for each in requests if each["path"].endswith("/user/bind"))
        since = datetime.fromisoformat(first["at"])
        due = ended_after(await self._home.ended_tasks(), since + DOUBT)

        async def are_heard() -> bool:
            await self._home.update("sensor.workshop_x1c")
            heard = [{each["task_id"] for each in await self._reports(key)} for key in TRIGGERS]
            return all(due <= each for each in heard)

        await until(are_heard, PATIENCE, every=2)
        await asyncio.sleep(CALM)
        reports = {trigger: await self._reports(trigger) for trigger in TRIGGERS}
        # A print that ended since then is not due, but may be among the reports.
        ended = await self._home.ended_tasks()
        not_due = ended_after(ended, since + DOUBT) - due
        for trigger, each in reports.items():
            told = {report["task_id"] for report in ends(each)}
            tasks = [task for task in ended if str(task["id"]) not in not_due - told]
            if wrong := disagreements(each, tasks, since):
                raise DemoError(f"By {trigger}: {'; '.join(wrong)}.")
        heard = ends(reports["state"])
        types = Counter(report["event_type"] for report in reports["state"])
        return (
            f"{len(due)} prints ended, {len(heard)} ends were announced,"
            f" {sum(report['late'] for report in heard)} of them late"
            f" ({', '.join(f'{count} {name}' for name, count in sorted(types.items()))})"
        )

    def early_checks(self) -> tuple[tuple[str, Callable[[], Awaitable[str]]], ...]:
        """Return the checks during which other things come to rest."""
        return (
            ("printer that joins", self.new_printer),
            ("print, Home Assistant running", self.while_running),
        )

    def checks(self) -> tuple[tuple[str, Callable[[], Awaitable[str]]], ...]:
        """Return the checks in their order."""
        return (
            ("print, Home Assistant stopped", self.after_stop),
            ("print, Home Assistant killed afterwards", self.after_kill),
            ("print, Home Assistant killed meanwhile", self.through_kill),
        )
