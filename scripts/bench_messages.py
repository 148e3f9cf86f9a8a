"""What a printer's messages cost beside their decoding by orjson; see scripts/bench."""

from datetime import datetime, timedelta
import gc
from itertools import pairwise
from statistics import mean, median
import time

import orjson

from custom_components.bambu_lab_cloud.api.report import parse
from custom_components.bambu_lab_cloud.fleet.live import LiveState, heard
from scripts.bench import Row, met, table
from simulator import reports
from simulator.catalogue import MODELS, MORE_MODELS
from simulator.cloud import Cloud

# From some time into a print on, a message every two seconds.
PRINT, INTO_IT = timedelta(hours=2), timedelta(minutes=30)
APART, MESSAGES = timedelta(seconds=2), 100
# Seconds between any two things that are measured: none, and as the messages of 200 printers come.
# Meanwhile a core forgets what it was at, or is given to somebody else.
PAUSES = {"in a row": 0, "one every 10 ms": 0.01}
FULL, CHANGE = 8, 1

type Said = tuple[datetime, bytes]


def said(product: str) -> list[Said]:
    """Return what a printer says when it is asked for everything, and after it."""
    cloud = Cloud(printers=0, history=0)
    dev_id = cloud.add_printer("one", product, product)
    cloud.start(dev_id, duration=PRINT.total_seconds())
    printer = cloud.printer(dev_id)
    times = [cloud.started + INTO_IT + APART * number for number in range(MESSAGES + 1)]
    states = [reports.status(cloud, printer, at, number) for number, at in enumerate(times)]
    bodies = [reports.full(printer, states[0], 0)]
    for number, (before, after) in enumerate(pairwise(states), 1):
        bodies.append(reports.delta(printer, before, after, number))
    return [(at, reports.encoded(printer, body)) for at, body in zip(times, bodies, strict=True)]


def hear(before: LiveState | None, message: Said, product: str) -> LiveState:
    """Take a message as the feed does."""
    at, payload = message
    told = parse(payload)
    assert told is not None  # noqa: S101 - for the type
    return heard(before, told, at=at, model=product)


def measure(product: str, pause: float) -> tuple[Row, float]:
    """Return a row with what a printer's messages cost, and what one of a print does in µs."""
    first, *others = said(product)
    # Some send all of themselves instead of what has changed.
    is_whole = len(others[0][1]) > len(first[1]) / 2
    decodings, fulls, rests = [], [], []
    state = hear(None, first, product)
    for message in others:
        # One beside the other, as a machine is not as fast as it was a second ago.
        time.sleep(pause)
        start = time.thread_time()
        orjson.loads(first[1])
        decodings.append(time.thread_time() - start)
        time.sleep(pause)
        start = time.thread_time()
        hear(None, first, product)
        fulls.append(time.thread_time() - start)
        time.sleep(pause)
        start = time.thread_time()
        state = hear(state, message, product)
        rests.append(time.thread_time() - start)
    decoding, rest = median(decodings), median(rests)
    full = rest if is_whole else median(fulls)
    row = (product, f"{len(first[1])}", f"{decoding * 1e6:.0f}", *compared(full, decoding, FULL))
    length = f"{median(len(payload) for _, payload in others):.0f}"
    change = ("", "", "", "") if is_whole else (length, *compared(rest, decoding, CHANGE))
    return (*row, *change), rest * 1e6


def compared(ours: float, decoding: float, goal: float) -> tuple[str, ...]:
    """Return what something takes, how much more than decoding that is, and the goal."""
    return f"{ours * 1e6:.0f}", f"{ours / decoding:.1f}", met(ours / decoding, goal)


def main() -> None:
    """Print what the messages of each model cost."""
    gc.disable()
    ours = ("ours µs", "ratio", "goal")
    head = [
        ("", "full push", "", "", "", "", "change", "", "", ""),
        ("", "bytes", "orjson µs", *ours, "bytes", *ours),
    ]
    products = [each.product for each in (*MODELS, *MORE_MODELS)]
    for name, pause in PAUSES.items():
        rows, rests = zip(*(measure(product, pause) for product in products), strict=True)
        table(
            "Parse and merge of a message, beside orjson's decoding of the printer's full push,"
            f" {name} (a message of a print {mean(rests):.0f} µs)",
            [*head, *rows],
        )


if __name__ == "__main__":
    main()
