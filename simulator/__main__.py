"""Run the simulator: `python -m simulator --port 8099`."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import suppress
import signal
import sys

from .faults import GIVEN, NAMES
from .server import Simulator


def between[N: (int, float)](kind: type[N], least: N, most: N) -> Callable[[str], N]:
    """Return what reads a number of the command line."""

    def read(word: str) -> N:
        with suppress(ValueError):
            if least <= (number := kind(word)) <= most:
                return number
        raise argparse.ArgumentTypeError(f"{word} is no number from {least} to {most}")

    return read


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="simulator", description="A simulated Bambu Lab cloud.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port",
        type=between(int, 0, 65535),
        required=True,
        help="port to listen on, 0 for a free one",
    )
    parser.add_argument(
        "--mqtt-port",
        type=between(int, 0, 65535),
        help="port of the broker on this machine, 0 for a free one; without it there is none",
    )
    parser.add_argument(
        "--list-id",
        choices=("task_id", "subtask_id", "both"),
        default="task_id",
        help="which id of the printers' is the one of the task list",
    )
    parser.add_argument(
        "--time-factor",
        type=between(float, 0.01, 3600),
        default=60.0,
        help="how often durations shrink",
    )
    parser.add_argument(
        "--era", choices=("2022", "2026"), default="2026", help="shape of the bodies"
    )
    parser.add_argument(
        "--printers", type=between(int, 0, 5000), help="printers of the demo account"
    )
    parser.add_argument(
        "--history",
        type=between(int, 0, 1_000_000),
        default=40,
        help="past prints of each account",
    )
    parser.add_argument(
        "--card-keeps-job",
        action="store_true",
        help="name the job before it while something is printed from the SD card",
    )
    parser.add_argument(
        "--faults", nargs="*", choices=sorted({*NAMES} - {*GIVEN}), default=[], metavar="NAME"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same cloud")
    return parser.parse_args(words)


async def run(options: argparse.Namespace) -> None:
    """Serve until a signal asks for the end."""
    simulator = Simulator(
        era=options.era,
        time_factor=options.time_factor,
        history=options.history,
        printers=options.printers,
        seed=options.seed,
        card_keeps_job=options.card_keeps_job,
        list_id=options.list_id,
        mqtt=options.mqtt_port is not None,
    )
    for fault in options.faults:
        simulator.cloud.add_fault(fault)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    try:
        await simulator.start(options.port, options.host, options.mqtt_port or 0)
    except OSError as error:
        await simulator.stop()
        sys.exit(f"The simulator cannot listen: {error.strerror or error}")
    sys.stdout.write(f"Simulated Bambu Lab cloud at {simulator.url}\n")
    if simulator.mqtt_url:
        sys.stdout.write(f"Its broker at {simulator.mqtt_url}\n")
    sys.stdout.flush()
    await end.wait()
    await simulator.stop()


if __name__ == "__main__":
    asyncio.run(run(arguments()))
