"""What live data of many printers costs a Home Assistant; see scripts/bench."""

import asyncio
from asyncio.base_events import _format_handle  # type: ignore[attr-defined]
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
import gc
import os
from pathlib import Path
from statistics import median
import sys
import time
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.bambu_lab_cloud.live import LiveFeed
from scripts.bench import Row, address, child, home, memory, met, sign_in, table
from scripts.bench_printers import ACCOUNT
from scripts.demo_home import until

# Seconds of each phase, and for what has begun to come to rest, of each printer some more.
PHASE, REST, REST_OF_EACH = 60, 15, 0.5
# Of how many printers the delay is measured, and what they complain of.
SAMPLE, COMPLAINT = 20, 0x05004001
STATES_IDLE, STATES_PRINTING, HOLD, SHARE, DELAY = 1, 12, 20, 5, 0.5


@dataclass(slots=True)
class Hold:
    """How long a callback kept the event loop: seconds of CPU, of the clock, and of collecting."""

    cpu: float = 0
    clock: float = 0
    garbage: float = 0
    what: str = ""

    def __str__(self) -> str:
        """Return it in ms."""
        return (
            f"{self.clock * 1000:.0f} by the clock, {self.garbage * 1000:.0f} of garbage collection"
        )


class Phase:
    """What happens in some time: holds of the loop, CPU, messages, and states that are written."""

    def __init__(self, hass: HomeAssistant, printers: int) -> None:
        self.hold = Hold()
        self.heard = 0
        self.seconds = self.cpu = 0.0
        self._hass = hass
        self._printers = printers
        self._written = Counter[str]()

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[Self]:
        """Measure what happens within."""
        stop = self._hass.bus.async_listen(EVENT_STATE_CHANGED, self._count)
        with self._listening(), watched(self.hold):
            began, cpu = time.monotonic(), time.process_time()
            yield self
            self.seconds = time.monotonic() - began
            self.cpu = time.process_time() - cpu
        stop()

    @callback
    def _count(self, event: Event[EventStateChangedData]) -> None:
        entity_id = event.data["entity_id"]
        # What is added has not changed, and firmware is what HTTP tells, of one after the other.
        if event.data["old_state"] and not entity_id.startswith("update."):
            self._written[entity_id] += 1

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Count the messages that come."""
        hear = LiveFeed._hear  # noqa: SLF001 - where all of them pass

        def counted(feed: LiveFeed, *message: Any) -> None:
            self.heard += 1
            hear(feed, *message)

        LiveFeed._hear = counted  # type: ignore[assignment,method-assign] # noqa: SLF001
        try:
            yield
        finally:
            LiveFeed._hear = hear  # type: ignore[method-assign] # noqa: SLF001

    @property
    def rate(self) -> float:
        """Return how many messages a printer has sent in a second."""
        return self.heard / self.seconds / self._printers

    @property
    def share(self) -> float:
        """Return the share of a core in percent."""
        return self.cpu / self.seconds * 100

    def cost(self, without: float) -> float:
        """Return the microseconds of CPU that a message takes, where all else takes a share."""
        return (self.share - without) / 100 * self.seconds / self.heard * 1e6

    def states(self, entry: ConfigEntry[Any]) -> tuple[float, str]:
        """Return how many states a printer has written in a minute, and who wrote most of them."""
        registry = dr.async_get(self._hass)
        printers, kinds = Counter[str](), Counter[str]()
        for each in er.async_entries_for_config_entry(er.async_get(self._hass), entry.entry_id):
            device = registry.async_get(each.device_id or "")
            # An AMS counts with its printer, and the account not at all.
            if device and device.entry_type is None:
                printers[device.via_device_id or device.id] += self._written[each.entity_id]
                kinds[each.translation_key or each.domain] += self._written[each.entity_id]
        minutes = self.seconds / 60
        most = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(3) if count)
        note = f"{max(printers.values()) / minutes:.1f} by the busiest; {most or 'nobody'}"
        return printers.total() / self._printers / minutes, note


@contextmanager
def watched(longest: Hold) -> Iterator[None]:
    """Take note of the callback that keeps the event loop longest.

    By its CPU: on a machine that has more to do the clock tells of that as well.
    """
    run = asyncio.Handle._run  # type: ignore[attr-defined] # noqa: SLF001 - there is no other door
    began = collected = 0.0

    def collect(phase: str, _: object) -> None:
        nonlocal began, collected
        if phase == "start":
            began = time.thread_time()
        else:
            collected += time.thread_time() - began

    def timed(handle: asyncio.Handle) -> None:
        clock, cpu, before = time.perf_counter(), time.thread_time(), collected
        run(handle)
        if (cpu := time.thread_time() - cpu) > longest.cpu:
            longest.cpu, longest.clock = cpu, time.perf_counter() - clock
            longest.garbage, longest.what = collected - before, _format_handle(handle)

    gc.callbacks.append(collect)
    asyncio.Handle._run = timed  # type: ignore[attr-defined] # noqa: SLF001
    try:
        yield
    finally:
        asyncio.Handle._run = run  # type: ignore[attr-defined] # noqa: SLF001
        gc.callbacks.remove(collect)


@asynccontextmanager
async def watched_alone(longest: Hold) -> AsyncIterator[None]:
    """Watch what happens within, while no garbage is collected.

    When that is done is chance, and how long it takes is the whole of Home Assistant.
    """
    gc.collect()
    gc.disable()
    try:
        with watched(longest):
            # From here on it is a callback that is watched.
            await asyncio.sleep(0)
            yield
            await asyncio.sleep(0)
    finally:
        gc.enable()


class Delays:
    """How long it takes from what a printer says to what Home Assistant says."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], url: str) -> None:
        self._hass = hass
        self._url = url
        rows = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        self._entities = {each.unique_id: each.entity_id for each in rows}
        self._account = str(entry.unique_id)

    async def of(self, printer_id: str, what: str, key: str, **body: object) -> float:
        """Do something to a printer, let it say so, and wait until an entity of it is written."""
        entity_id = self._entities[f"{self._account}_{printer_id}_{key}"]
        written = asyncio.Event()

        @callback
        def note(event: Event[EventStateChangedData]) -> None:
            if event.data["entity_id"] == entity_id:
                written.set()

        stop = self._hass.bus.async_listen(EVENT_STATE_CHANGED, note)
        began = time.perf_counter()
        await self._post(printer_id, what, **body)
        await self._post(printer_id, "push")
        async with asyncio.timeout(30):
            await written.wait()
        stop()
        return time.perf_counter() - began

    async def _post(self, printer_id: str, what: str, **body: object) -> None:
        url = f"{self._url}/simulator/printers/{printer_id}/{what}"
        async with async_get_clientsession(self._hass).post(url, json=body) as answer:
            answer.raise_for_status()


def rows_of(
    name: str, phase: Phase, states: tuple[float, str], goal: float, cpu: float
) -> list[Row]:
    """Return the rows of a phase."""
    hold = phase.hold
    return [
        (f"{name}: messages a second and printer", f"{phase.rate:.2f}", "", ""),
        (
            "  states written a minute and printer",
            f"{states[0]:.1f}",
            met(states[0], goal),
            states[1],
        ),
        (
            "  CPU of all, percent of a core",
            f"{phase.share:.1f}",
            met(phase.share, SHARE),
            f"{cpu:.1f} of it without live data, {phase.cost(cpu):.0f} µs a message",
        ),
        (
            "  longest hold of the loop, ms of CPU",
            f"{hold.cpu * 1000:.0f}",
            met(hold.cpu * 1000, HOLD),
            f"{hold}",
        ),
    ]


async def measure(folder: Path, number: int) -> None:
    """Let so many printers speak, resting and printing, and print what that takes."""
    rest = REST + REST_OF_EACH * number
    async with child("scripts.bench_printers", str(number)) as simulator, home(folder) as hass:
        os.environ["BAMBU_LAB_CLOUD_URL"] = url = await address(simulator)
        broker = await address(simulator)
        entry = await sign_in(hass, ACCOUNT)
        # Once more, as the account is with live data: what is left of that is no matter of it.
        await hass.config_entries.async_reload(entry.entry_id)
        await asyncio.sleep(rest)
        without = memory()
        async with Phase(hass, number).measured() as alone:
            await asyncio.sleep(PHASE)

        os.environ["BAMBU_LAB_CLOUD_MQTT_URL"] = broker
        async with Phase(hass, number).measured() as first:
            await hass.config_entries.async_reload(entry.entry_id)
            printers = entry.runtime_data.printers

            async def have_told() -> bool:
                return sum(live.has_full for live in printers.live.values()) == number

            await until(have_told, 300, every=0.1)
        # Versions are asked after that, a printer every quarter of a second.
        await asyncio.sleep(rest)
        grown = memory() - without
        async with Phase(hass, number).measured() as idle:
            await asyncio.sleep(PHASE)

        assert simulator.stdin and simulator.stdout  # noqa: S101, PT018 - for the type
        simulator.stdin.write(b"print\n")
        await simulator.stdout.readline()
        async with Phase(hass, number).measured() as begin:
            # What begins writes all at once.
            await asyncio.sleep(max(rest, PHASE))
        async with Phase(hass, number).measured() as printing:
            await asyncio.sleep(PHASE)
        delays = Delays(hass, entry, url)
        sample = list(printers.polled)[:: max(1, number // SAMPLE)]
        states = [
            await delays.of(each, "error", "error", print_error=error)
            for each in sample
            for error in (COMPLAINT, 0)
        ]
        events = [await delays.of(each, "end", "print") for each in sample]

    plural = "printer" if number == 1 else "printers"
    table(
        f"Live data of {number} {plural}, in Home Assistant",
        [
            (
                "all values are there, s",
                f"{first.seconds:.1f}",
                "",
                f"longest hold of the loop {first.hold.cpu * 1000:.0f} ms of CPU, {first.hold}",
            ),
            ("memory a printer, MB", f"{grown / number:.2f}", "", f"{grown:+.1f} in all"),
            *rows_of("resting", idle, idle.states(entry), STATES_IDLE, alone.share),
            *rows_of("prints begin", begin, begin.states(entry), STATES_PRINTING, alone.share),
            *rows_of("printing", printing, printing.states(entry), STATES_PRINTING, alone.share),
            *(
                (
                    f"from a push to the {what}, s",
                    f"{median(seconds):.3f}",
                    met(median(seconds), DELAY),
                    f"{max(seconds):.3f} at most",
                )
                for what, seconds in (("state", states), ("event", events))
            ),
        ],
        has_notes=True,
    )
    for phase in (first, idle, begin, printing):
        print(phase.hold.what, file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2])))
