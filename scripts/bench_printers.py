"""A simulator whose printers all speak every two seconds, for scripts/bench live.

Its own printers speak a little more rarely, and some of them not at all while they rest.
"""

import argparse
import asyncio
from contextlib import suppress
from datetime import timedelta
import sys

from scripts.demo_live import MODELS
from simulator import Simulator

ACCOUNT = "none"
EVERY = 2.0
# A print of a few hours that is past its first layer.
PRINT, INTO_IT = timedelta(hours=3), timedelta(minutes=30)


async def speak(simulator: Simulator, dev_id: str, after: float) -> None:
    """Let a printer say every two seconds what has changed, from its turn on."""
    loop = asyncio.get_running_loop()
    turn = loop.time() + after
    while True:
        await asyncio.sleep(turn - loop.time())
        # None is while the broker is away.
        with suppress(ValueError):
            await simulator.push(dev_id)
        turn += EVERY


async def obey(simulator: Simulator, dev_ids: list[str]) -> None:
    """Start a print on each printer upon each line that comes, and tell that they print."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while await reader.readline():
        for dev_id in dev_ids:
            simulator.cloud.start(dev_id, duration=PRINT.total_seconds(), prepares=0)
            job = simulator.cloud.printer(dev_id).jobs[-1]
            job.started -= INTO_IT
            job.ends = job.started + job.cost
        sys.stdout.write("All print\n")
        sys.stdout.flush()


async def run(number: int) -> None:
    """Serve until killed."""
    simulator = Simulator(history=0, printers=0, mqtt="manual")
    await simulator.start()
    add = simulator.cloud.add_printer
    dev_ids = [
        add(ACCOUNT, MODELS[index % len(MODELS)], f"Printer {index + 1:03d}")
        for index in range(number)
    ]
    sys.stdout.write(f"{simulator.url}\n{simulator.mqtt_url}\n")
    sys.stdout.flush()
    async with asyncio.TaskGroup() as group:
        group.create_task(obey(simulator, dev_ids))
        for index, dev_id in enumerate(dev_ids):
            group.create_task(speak(simulator, dev_id, EVERY * index / number))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("printers", type=int)
    asyncio.run(run(parser.parse_args().printers))
