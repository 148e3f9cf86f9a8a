"""A simulator whose printers all join, start and end at once upon a line; see scripts/bench."""

import argparse
import asyncio
import sys

from scripts.bench_printers import ACCOUNT
from scripts.demo_live import MODELS
from simulator import Simulator

HOURS = 3600.0


async def run(number: int) -> None:
    """Serve until killed, and do with all printers what each line says: add, start or end."""
    simulator = Simulator(history=0, printers=0)
    await simulator.start()
    cloud, dev_ids = simulator.cloud, list[str]()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    sys.stdout.write(f"{simulator.url}\n")
    sys.stdout.flush()
    while what := (await reader.readline()).strip():
        if what == b"add":
            for index in range(number):
                model = MODELS[index % len(MODELS)]
                dev_ids.append(cloud.add_printer(ACCOUNT, model, f"Printer {index + 1:03d}"))
        for dev_id in dev_ids:
            if what == b"start":
                cloud.start(dev_id, duration=3 * HOURS, prepares=0, bind_lag=0, task_lag=0)
            elif what == b"end":
                cloud.end(dev_id)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("printers", type=int)
    asyncio.run(run(parser.parse_args().printers))
