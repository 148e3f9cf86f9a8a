"""What a printer's messages cost beside their decoding by orjson; see scripts/bench."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
import gc
from itertools import pairwise
from statistics import median
import time

import orjson

from custom_components.bambu_lab_cloud.api.report import parse
from custom_components.bambu_lab_cloud.fleet.live import LiveState, heard
from scripts.bench import Row, met, table
from simulator import reports
from simulator.catalogue import MODELS, MORE_MODELS
from simulator.cloud import Cloud

# Ten minutes of a print, a message every two seconds.
PRINT, INTO_IT = timedelta(hours=2), timedelta(minutes=30)
APART, MESSAGES = timedelta(seconds=2), 300
ROUNDS = 15
FULL, CHANGE = 8, 1

type Said = tuple[datetime, bytes]


def said(product: str) -> list[Said]:
    """Return what a printer says when it is asked for everything, and for ten minutes after it."""
    cloud = Cloud(printers=0, history=0)
    dev_id = cloud.add_printer("one", product, product)
    cloud.start(dev_id, duration=PRINT.total_seconds())
    printer = cloud.printer(dev_id)
    times = [cloud.started + INTO_IT + APART * number for number in range(MESSAGES)]
    states = [reports.status(cloud, printer, at, number) for number, at in enumerate(times)]
    bodies = [reports.full(printer, states[0], 0)]
    for number, (before, after) in enumerate(pairwise(states), 1):
        bodies.append(reports.delta(printer, before, after, number))
    return [(at, reports.encoded(printer, body)) for at, body in zip(times, bodies, strict=True)]


def cost(action: Callable[[], object], times: int = 1) -> float:
    """Return the microseconds of CPU that an action takes."""
    start = time.thread_time()
    for _ in range(times):
        action()
    return (time.thread_time() - start) / times * 1e6


def hear(before: LiveState | None, messages: Sequence[Said], product: str) -> LiveState | None:
    """Take messages as the feed does."""
    for at, payload in messages:
        message = parse(payload)
        assert message is not None  # noqa: S101 - for the type
        before = heard(before, message, at=at, model=product)
    return before


def measure(product: str) -> tuple[Row, float]:
    """Return a row with what a printer's messages cost, and what the average one does in µs."""
    first, *others = said(product)
    # Some send all of themselves instead of what has changed.
    is_whole = len(others[0][1]) > len(first[1]) / 2
    before = hear(None, [first], product)
    decodings, fulls, rests = [], [], []
    for _ in range(ROUNDS):
        # One beside the other, as a machine is not as fast as it was a second ago.
        decodings.append(cost(lambda: orjson.loads(first[1]), len(others)))
        fulls.append(cost(lambda: hear(None, [first], product), len(others)))
        rests.append(cost(lambda: hear(before, others, product)) / len(others))
    # The least is what it takes where nobody else is in the way.
    decoding, rest = min(decodings), min(rests)
    full = rest if is_whole else min(fulls)
    change = (
        ("", "", "", "")
        if is_whole
        else (
            f"{median(len(payload) for _, payload in others):.0f}",
            f"{rest:.0f}",
            f"{rest / decoding:.1f}",
            met(rest / decoding, CHANGE),
        )
    )
    row = (
        product,
        f"{len(first[1])}",
        f"{decoding:.0f}",
        f"{full:.0f}",
        f"{full / decoding:.1f}",
        met(full / decoding, FULL),
        *change,
    )
    return row, rest


def main() -> None:
    """Print what the messages of each model cost."""
    gc.disable()
    products = [each.product for each in (*MODELS, *MORE_MODELS)]
    rows, rests = zip(*map(measure, products), strict=True)
    ours = ("ours µs", "ratio", "goal")
    table(
        "Parse and merge of a message, beside orjson's decoding of the printer's full push"
        f" (on average {sum(rests) / len(rests):.0f} µs)",
        [
            ("", "full push", "", "", "", "", "change", "", "", ""),
            ("", "bytes", "orjson µs", *ours, "bytes", *ours),
            *rows,
        ],
    )


if __name__ == "__main__":
    main()
