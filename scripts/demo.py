"""A Home Assistant with the integration, connected to the simulator: see docs/development.md."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
import ctypes
import fcntl
from functools import partial
import os
from pathlib import Path
import shutil
import signal
import socket
import sys
import time

import aiohttp

from scripts import demo_live
from scripts.demo_checks import (
    CHECKS,
    LAST_CHECKS,
    MIDDLE_CHECKS,
    check_end,
    check_files,
    check_log,
    check_sessions,
    check_shown,
    check_simulator_log,
    secrets_of_printers,
    warnings,
)
from scripts.demo_dashboards import arrange_prints, install_dashboards, renew_dashboards
from scripts.demo_flows import FLOW_CHECKS
from scripts.demo_home import LOGIN, DemoError, Home, prepare, until
from scripts.demo_prints import EVENTS, Prints, configuration
from scripts.demo_world import World

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".demo"
HASS = Path(sys.executable).with_name("hass")
# Where to look for ports, different for each process; from 32768 on the system gives them away.
ASIDE = 10_000 + os.getpid() % 20_000
# Those that are about to be used.
PROMISED = set[int]()
SEED = 1  # of the simulator
RESTART = 100  # Home Assistant's exit code when it is to be started again
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

type Arrange = Callable[[Home], Awaitable[None]]
type Check = Callable[[], Awaitable[str]]
# What is looked at one after the other, by name, and the rows that are side by side.
type Row = Sequence[tuple[str, Check]]
type Step = Sequence[Row]


def say(text: str) -> None:
    """Print a line, also to a terminal that is gone or has few letters."""
    encoding = sys.stdout.encoding
    with suppress(OSError):
        print(text.encode(encoding, "replace").decode(encoding), flush=True)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one process at a time have the configuration folder."""
    with (ROOT / ".tools" / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("It runs already, with the same configuration folder.") from None
        yield


def free_port(preferred: int) -> int:
    """Return the preferred port or the next free one, each only once."""
    for port in sorted({*range(preferred, preferred + 100)} - PROMISED):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            PROMISED.add(port)
            return port
    raise DemoError(f"No port from {preferred} on is free.")


def end_with_parent() -> None:
    """Have Linux end a child when the demo itself is killed."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A process of the demo; its output goes to a log."""

    def __init__(self, name: str, log: Path, *command: str | Path, **env: str) -> None:
        self._name = name
        self.log = log
        self._command = command
        self._env = os.environ | env
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process; the log is empty at first, and goes on at the next start."""
        with self.log.open("ab" if self._process else "wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self._env,
                start_new_session=True,  # Ctrl-C is for the demo, which ends them in order
                preexec_fn=end_with_parent,
            )

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        """End the process, by force after half a minute."""
        if self._process and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self.wait(), 30)
            except TimeoutError:
                await self.kill()

    async def kill(self) -> None:
        """End the process by force."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self.wait()

    async def answers(self, url: str) -> None:
        """Wait for the process to answer."""

        async def probe() -> bool:
            if self._process and self._process.returncode is not None:
                raise self.ended()
            async with aiohttp.request("GET", url) as response:
                return response.ok

        if not await until(probe, 90):
            raise DemoError(f"{self._name} does not answer: see {self.log.relative_to(ROOT)}.")

    def ended(self) -> DemoError:
        """Return the error for a process that nobody has stopped."""
        return DemoError(f"{self._name} has ended by itself: see {self.log.relative_to(ROOT)}.")

    def text(self) -> str:
        """Read the log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Demo:
    """The simulator and Home Assistant on their ports."""

    def __init__(
        self,
        folder: Path,
        session: aiohttp.ClientSession,
        arguments: argparse.Namespace,
        events: Iterable[str] = EVENTS,
    ) -> None:
        self._folder = folder
        # Only the demo itself has ports to remember; what runs beside it keeps out of its way.
        owner = folder == FOLDER
        port = free_port(8123 if owner else ASIDE)
        simulator_port = free_port(8099 if owner else ASIDE)
        mqtt_port = free_port(8100 if owner else ASIDE)
        simulator = f"http://127.0.0.1:{simulator_port}"
        self.home = Home(session, f"http://127.0.0.1:{port}", simulator, folder)
        self.world = World(free_port(8101 if owner else ASIDE))
        more = configuration(simulator, events) if arguments.check else ""
        prepare(folder, ROOT / "custom_components", port, more)
        factor = str(arguments.time_factor)
        options = ("--seed", str(SEED), "--time-factor", factor, "--era", arguments.era)
        # So many that a graph of a month looks like one.
        history = ("--history", "1000")
        self.simulator = Child(
            "The simulator",
            folder / "simulator.log",
            *(sys.executable, "-m", "simulator", "--port", str(simulator_port)),
            *options,
            *history,
            *(("--printers", str(arguments.printers)) if arguments.printers else ()),
            *(("--mqtt-port", str(mqtt_port)) if arguments.live else ()),
        )
        self.hass = Child(
            "Home Assistant",
            folder / "hass.log",
            *(HASS, "-c", folder, "--skip-pip", "--log-no-color"),
            BAMBU_LAB_CLOUD_URL=simulator,
            BAMBU_LAB_CLOUD_MQTT_URL=f"mqtt://127.0.0.1:{mqtt_port}" if arguments.live else "",
        )

    async def start(self, arrange: Arrange | None = None) -> str:
        """Start both and sign in, to Home Assistant and in it to the demo account."""
        await self.start_both(arrange)
        say("[demo] Signing the demo account in")
        await self.home.connect()
        return "both run, and the demo account is signed in"

    async def start_both(self, arrange: Arrange | None = None) -> None:
        """Start the simulator, arrange something in it, start Home Assistant and sign in to it."""
        await self._start_outside()
        if arrange:
            await arrange(self.home)
        await self._start_first_home()

    async def _start_outside(self) -> None:
        """Start the simulator, and what else is outside Home Assistant."""
        say("[demo] Starting the simulator")
        await self.simulator.start()
        await self.simulator.answers(f"{self.home.simulator}/simulator/state")
        await self.world.start()

    async def _start_first_home(self) -> None:
        """Start Home Assistant, which has its user by then, and sign in to it."""
        if not (self._folder / ".storage/auth_provider.homeassistant").exists():
            await self._add_user()
        say("[demo] Starting Home Assistant")
        await self.start_home()

    async def start_home(self) -> None:
        """Start Home Assistant and sign in to it."""
        await self.hass.start()
        await self.hass.answers(self.home.url)
        await self.home.sign_in()

    async def end_home(self, *, kill: bool = False) -> None:
        """End Home Assistant in order, or by force."""
        if kill:
            await self.hass.kill()
        else:
            await self.hass.stop()
            await check_end(await self.hass.wait())

    async def _add_user(self) -> None:
        say("[demo] Creating the user of Home Assistant")
        command = (HASS, "--script", "auth", "-c", self._folder, "add", LOGIN, LOGIN)
        script = Child("The script that adds a user", self._folder / "auth.log", *command)
        await script.start()
        try:
            if await script.wait():
                raise script.ended()
        finally:
            await script.stop()

    async def stop(self) -> None:
        """End both, Home Assistant first."""
        await self.hass.stop()
        await self.world.stop()
        await self.simulator.stop()

    async def show(self) -> int:
        """Run until cancelled, or until one of the two ends by itself."""
        await self.start(arrange_prints)
        await self.home.add_phone(self.world.app)
        say("[demo] Waiting for the history, and writing the dashboard")
        installed = await install_dashboards(self.home)
        self._renewal = asyncio.create_task(renew_dashboards(self.home, installed))
        say(f"\n  Home Assistant   {self.home.url}   (name {LOGIN}, password {LOGIN})")
        say(f"  Simulator        {self.home.simulator}/simulator/state")
        say(f"  Blueprint        {self.world.blueprint('print_notification')}")
        say(f"  Log              {self.hass.log.relative_to(ROOT)}\n\nCtrl-C ends both.")
        simulator = asyncio.create_task(self.simulator.wait())
        while True:
            hass = asyncio.create_task(self.hass.wait())
            await asyncio.wait({simulator, hass}, return_when=asyncio.FIRST_COMPLETED)
            if simulator.done():
                raise self.simulator.ended()
            if hass.result() != RESTART:
                raise self.hass.ended()
            say("[demo] Home Assistant starts again")
            await self.hass.start()

    async def check(
        self, start: Check, steps: Iterable[Step], said: Iterable[str] = ()
    ) -> list[str]:
        """Run every check, the rows of a step side by side, end both, and read the logs.

        Each of `said` stands in Home Assistant's log once, although it is a complaint. Return what
        failed.
        """
        failures = await failures_of([("start", start)])
        for step in () if failures else steps:
            for found in await asyncio.gather(*(failures_of(row) for row in step)):
                failures += found
        hidden = await secrets_of_printers(self.home)
        failures += await failures_of(
            [("secrets that are shown", partial(check_shown, self.home, hidden))]
        )
        await self.hass.stop()
        log, code = self.hass.text(), await self.hass.wait()
        failures += await failures_of(
            [
                ("end", partial(check_end, code)),
                ("log", partial(check_log, self.home, log, said)),
                ("secrets in files", partial(check_files, self._folder, hidden)),
                ("sessions", partial(check_sessions, self.home)),
                ("simulator", partial(check_simulator_log, self.simulator.text())),
            ]
        )
        for record in warnings(log):
            say(f"        {record.splitlines()[0]}")
        if failures:
            say("\n".join(["The end of Home Assistant's log:", *log.splitlines()[-40:]]))
        return failures


async def failures_of(row: Row) -> list[str]:
    """Run some checks one after the other, say how each ends, and return what failed."""
    failures = []
    for name, check in row:
        try:
            say(f"ok      {name}: {await check()}")
        except (OSError, KeyError, ValueError, aiohttp.ClientError, DemoError) as error:
            failures.append(f"FAILED  {name}: {str(error) or type(error).__name__}")
            say(failures[-1])
    return failures


def steps_of_prints(demo: Demo) -> list[Step]:
    """Return what is looked at with the demo account."""
    prints = Prints(demo)

    def of_home(checks: Iterable[tuple[str, Callable[[Home], Awaitable[str]]]]) -> Row:
        return [(name, partial(check, demo.home)) for name, check in checks]

    return [
        [[*of_home(CHECKS), *prints.early_checks()]],
        # Both take their time.
        [of_home(MIDDLE_CHECKS), [("activity of a print", prints.activity)]],
        [[*prints.checks(), *of_home(LAST_CHECKS), ("prints, each once", prints.each_once)]],
        [of_home(FLOW_CHECKS)],
    ]


async def check(session: aiohttp.ClientSession, arguments: argparse.Namespace) -> int:
    """Run the checks; those of live data take their time, with another Home Assistant."""
    demo = Demo(emptied("check"), session, arguments)
    demos = [demo]
    tracks = [demo.check(demo.start, steps_of_prints(demo))]
    if arguments.live:
        other = Demo(emptied("check_live"), session, arguments, demo_live.EVENTS)
        demos.append(other)
        live = demo_live.Live(other)
        tracks.append(other.check(live.start, live.steps(), demo_live.SAID))
    try:
        failures = [each for found in await asyncio.gather(*tracks) for each in found]
    finally:
        await asyncio.gather(*(each.stop() for each in demos))
    # Once more below the logs, where whoever looks sees it first.
    for each in failures:
        say(each)
    return int(bool(failures))


def emptied(name: str) -> Path:
    """Return a configuration folder beside the demo's own, with nothing in it."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


async def show(session: aiohttp.ClientSession, arguments: argparse.Namespace) -> int:
    """Run the demo."""
    if arguments.reset:
        reset()
    demo = Demo(FOLDER, session, arguments)
    try:
        return await demo.show()
    finally:
        await demo.stop()


def reset() -> None:
    """Remove the demo's configuration folder, but for those of other scripts that are in it."""
    for item in FOLDER.iterdir() if FOLDER.exists() else ():
        if item.is_symlink() or item.is_file():
            item.unlink()
        elif item.name not in {"check", "check_live", "kills", "screenshots"}:
            shutil.rmtree(item)


async def run(arguments: argparse.Namespace) -> int:
    """Run the demo or the check; a signal ends it."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        work = asyncio.create_task((check if arguments.check else show)(session, arguments))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        try:
            return await work
        except asyncio.CancelledError:
            say("[demo] Ending Home Assistant and the simulator")
            return 130


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run the checks and end")
    parser.add_argument("--reset", action="store_true", help="begin with an empty configuration")
    parser.add_argument("--era", choices=("2022", "2026"), default="2026", help="the cloud's age")
    parser.add_argument(
        "--no-live", dest="live", action="store_false", help="have no broker, and no live data"
    )
    parser.add_argument(
        "--time-factor", type=float, help="how much shorter prints take: 60, with --check 300"
    )
    parser.add_argument("--printers", type=int, help="how many printers: 13 are one of each model")
    arguments = parser.parse_args()
    # Within the minutes that the checks take, prints are to end by themselves as well.
    arguments.time_factor = arguments.time_factor or (300 if arguments.check else 60)
    started = time.monotonic()
    try:
        with alone("check" if arguments.check else "demo"):
            code = asyncio.run(run(arguments))
    except (OSError, aiohttp.ClientError, DemoError) as error:
        say(f"[demo] {error or type(error).__name__}")
        return 1
    if arguments.check:
        say(f"{'Failed' if code else 'Passed'} after {time.monotonic() - started:.0f} s.")
    return code


if __name__ == "__main__":
    sys.exit(main())
