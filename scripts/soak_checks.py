"""What must hold of a simulated month, and by how much it does; see scripts/soak."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence, Sized
from datetime import UTC, datetime, timedelta
import gc
from hashlib import sha256
from itertools import pairwise
import logging
from operator import itemgetter
import re
import sys
from typing import Any, NamedTuple

from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts.cadence_schedule import HOUR, MINUTE, SECOND
from scripts.figures import Row
from scripts.soak_world import BIND, MISLEADING, PAUSES, Heard, Soak, Truth, module_of

ENDS = ("finished", "failed")
# Home Assistant joins the polls that are wanted within ten seconds, and one ends with up to ten
# pages of my/tasks. Nothing else is asked more often.
MOST_A_MINUTE, MOST_BIND_A_MINUTE = 70, 8
MOST_AN_HOUR = 600
# Of what is announced later, for as long as an earlier end is waited for.
PATIENCE = timedelta(minutes=15)
# For so long after its end a print can be heard of without an id.
JUST_NOW = timedelta(minutes=2)
# Bytes: what is stored of a printer, and of a print in the history.
MOST_STORED_OF_PRINTER, MOST_STORED_OF_PRINT = 12_000, 700
# That many more may be for each print that is new in the history.
MORE_STORED_OF_PRINT = 300


class Line(NamedTuple):
    """A line of the log, by the name of its logger."""

    at: datetime
    name: str
    text: str
    has_trace: bool
    # Whether it is more than news.
    is_bad: bool


class Log(logging.Handler):
    """What was said, with the time."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.records: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if DOMAIN in record.name or record.levelno >= logging.ERROR:
            at = datetime.fromtimestamp(record.created).astimezone()
            text = record.getMessage()
            is_bad = record.levelno >= logging.WARNING
            self.records.append(Line(at, record.name, text, bool(record.exc_info), is_bad))


def sizes(soak: Soak) -> Mapping[str, int]:
    """Return how much of everything there is."""
    gc.collect()
    ours = [
        each for each in gc.get_objects() if type(each).__module__.startswith("custom_components")
    ]
    loop: Any = asyncio.get_running_loop()
    data = soak.entry.runtime_data
    return {
        "objects of ours": len(ours),
        "what they hold": _held(ours),
        "tasks": len(asyncio.all_tasks()),
        # Those of connections that nobody uses come and go.
        "timers": sum(
            not each.cancelled() and not module_of(each).startswith("aiohttp")
            for each in loop._scheduled  # noqa: SLF001
        ),
        "listeners of the bus": sum(soak.hass.bus.async_listeners().values()),
        "listeners of the printers": len(data.printers._listeners),  # noqa: SLF001
        "prints in the history": len(data.history.data.prints),
        "bytes stored": soak.storage_size(),
    }


def _held(ours: Iterable[object]) -> int:
    """Return how much is in the lists and the like of objects and of modules, however deep."""
    todo: list[object] = [*ours, *(each for name, each in sys.modules.items() if DOMAIN in name)]
    known, number = set[int](), 0
    while todo:
        for each in gc.get_referents(todo.pop()):
            if isinstance(each, deque | dict | list | set | tuple) and id(each) not in known:
                known.add(id(each))
                number += len(each)
                todo.append(each)
    return number


def named(soak: Soak) -> list[tuple[Heard, Truth]]:
    """Return what was heard with the print that it is about.

    Without an id it is the one of that name, if it runs or has just ended, else what its printer
    began last: where the message was lost that names a print, printers go on to name the last one.
    """
    by_id = {truth.task_id: truth for truth in soak.truths if truth.task_id}
    by_title = {truth.title: truth for truth in soak.truths}
    of_printer = defaultdict[int, list[Truth]](list)
    for truth in soak.truths:
        of_printer[truth.printer].append(truth)
    known = []
    for heard in soak.heard:
        truth = by_id.get(heard.task_id)
        begun = [each for each in of_printer[heard.printer] if each.started <= heard.at]
        if truth is None and (of_name := by_title.get(heard.title or "")):
            is_over = of_name.ended and heard.at - of_name.ended >= JUST_NOW
            truth = None if is_over else of_name
        if truth is None and begun:
            truth = begun[-1]
        if truth and heard.type != "error":
            known.append((heard, truth))
    return known


def prints(soak: Soak) -> list[Row]:
    """Check what was announced."""
    known = named(soak)
    ends, starts = defaultdict[str, list[Heard]](list), defaultdict[str, list[Heard]](list)
    for heard, truth in known:
        if heard.type in ENDS:
            ends[truth.title].append(heard)
        if heard.type == "started":
            starts[truth.title].append(heard)
    due = [each for each in soak.truths if each.task_id and each.ended]
    lost = [each for each in due if not ends[each.title]]
    doubled = [
        each
        for each in due
        if _more_than_once(ends[each.title]) and not _has_no_sure_time(soak, each)
    ]
    started_twice = [each for each in due if _more_than_once(starts[each.title])]
    early = [t for h, t in known if h.type in ENDS and (t.ended is None or h.at < t.ended)]
    wrong = [
        truth
        for heard, truth in known
        if heard.type in ENDS
        and truth.task_id
        and (heard.type == "finished") is not (truth.result == "finished")
    ]
    untold = [each for each in soak.truths if not each.task_id and each.kind != "calibration"]
    calm = [each for each in untold if each.ended and _is_calm(soak, each)]
    missed = [each for each in calm if len(ends[each.title]) == 0]
    again = [each for each in calm if len(ends[each.title]) > 1]
    calibrated = [t for t in soak.truths if t.kind == "calibration" and _is_calm(soak, t)]
    told = [each for each in calibrated if starts[each.title] or ends[each.title]]
    out_of_order = _out_of_order(known)
    messages = [key for key, number in Counter(soak.messages).items() if number > 1]
    soak.details += [
        *(("lost", each) for each in lost),
        *(("doubled", (each, ends[each.title])) for each in doubled),
        *(("started twice", (each, starts[each.title])) for each in started_twice),
        *(("early", each) for each in early),
        *(("wrong", each) for each in wrong),
        *(("missed", each) for each in missed),
        *(("again", (each, ends[each.title])) for each in again),
        *(("calibration", each) for each in told),
        *(("out of order", each) for each in out_of_order),
    ]
    return [
        _none(f"of {len(due)} ended prints with a task, not announced", lost, of=len(due)),
        _none("announced twice, but where killed in between", doubled),
        _none("their starts announced twice", started_twice),
        _none("announced before they ended", early),
        _none("announced with another result", wrong),
        _none("ends of a printer out of order", out_of_order),
        _none(
            f"of {len(calm)} prints without a task that were heard in calm, missed",
            missed,
            of=len(calm),
        ),
        _none("of these, announced twice", again),
        _none(
            f"of {len(calibrated)} calibrations heard in calm, announced", told, of=len(calibrated)
        ),
        _none(
            f"of {len({*soak.messages})} messages, announced twice", messages, of=len(soak.messages)
        ),
    ]


def _none(what: str, found: Sized, *, of: int = 1) -> Row:
    """Return that nothing was found among so many: where there was nothing, it holds nothing."""
    return what, str(len(found)), len(found) == 0 < of


def _more_than_once(heard: list[Heard]) -> bool:
    """Return whether something was announced again without a kill in between."""
    return any(not each.may_repeat for each in heard[:-1])


def _is_calm(soak: Soak, truth: Truth) -> bool:
    """Return whether nothing that concerns a print went wrong from its start to its end."""
    if truth.ended is None:
        return False
    since, until = truth.started - 30 * MINUTE, truth.ended + 30 * MINUTE
    cuts = any(since < at < until for at in soak.cuts)
    troubles = any(begins < until and since < ends for _, begins, ends in soak.troubles)
    spoiled = any(
        each.at < until and since < each.at + PAUSES.get(each.fault or "", 0) * SECOND
        for each in soak.requests
        if each.fault in (*MISLEADING, *PAUSES)
    )
    lost = any(since < at < until for at in soak.broker.lost[truth.dev_id])
    return not (cuts or troubles or spoiled or lost)


def _has_no_sure_time(soak: Soak, truth: Truth) -> bool:
    """Return whether only its time names a print, and the cloud was wrong about that.

    Its clock was, or what bind said was older than it ever is.
    """
    if truth.kind != "listed":
        return False
    until = truth.ended or truth.started
    clock = any(
        name == "clock" and begins < until and truth.started < ends + HOUR
        for name, begins, ends in soak.troubles
    )
    return clock or any(
        each.fault == "old" and each.path == BIND and truth.started <= each.at <= until
        for each in soak.requests
    )


def _out_of_order(known: list[tuple[Heard, Truth]]) -> list[tuple[Truth, Truth]]:
    """Return pairs of ends in the wrong order, where the first did not wait for the second.

    It waits for a print of which the start was heard, and a quarter of an hour at the most: after
    that nobody has told the end of the earlier one for so long.
    """
    told = defaultdict[str, list[tuple[Heard, Truth]]](list)
    begun = {truth.title: heard.at for heard, truth in known if heard.type == "started"}
    for heard, truth in known:
        if heard.type in ENDS and truth.ended and not heard.may_repeat:
            told[truth.dev_id].append((heard, truth))
    return [
        (first, second)
        for of_printer in told.values()
        for (one, first), (_, second) in pairwise(of_printer)
        if first.ended
        and second.ended
        and first.ended > second.ended
        and one.at - first.ended < PATIENCE
        and one.at - second.ended < PATIENCE
        and begun.get(second.title, one.at) < one.at
    ]


def requests(soak: Soak) -> list[Row]:
    """Check how often the cloud was asked, and that it was left alone when it wanted that."""
    asked = [each for each in soak.requests if each.path.startswith(("/v1/", "/api/"))]
    minutes = Counter((each.path, each.at.replace(second=0, microsecond=0)) for each in asked)
    hours = Counter(
        (each.path, each.at.replace(minute=0, second=0, microsecond=0)) for each in asked
    )
    bind = max((n for (path, _), n in minutes.items() if path.endswith("/bind")), default=0)
    most, hour = max(minutes.values(), default=0), max(hours.values(), default=0)
    in_pause: list[Any] = []
    began_at = free_at = datetime.min.replace(tzinfo=UTC)
    # They stand in the order in which they were answered.
    for at, path, _, fault in sorted(asked, key=itemgetter(0)):
        if "/login" in path or "/sign-in" in path:
            continue
        if any(began_at <= forgot <= at for forgot in soak.forgot):
            # A shorter pause that comes after that is no longer for it.
            free_at = at
        if at < free_at:
            in_pause.append((at, path, began_at, free_at))
        if fault in PAUSES:
            # What is under way when the cloud wants a pause is no matter of that.
            began_at, free_at = at, max(free_at, at + (PAUSES[fault] - 1) * SECOND)
    soak.details += [("in a pause", each) for each in in_pause]
    days = max(soak.days, 1)
    return [
        (f"requests, a day {len(asked) / days:.0f}", str(len(asked)), bool(asked)),
        (
            f"of user/bind in a minute (≤ {MOST_BIND_A_MINUTE})",
            str(bind),
            bind <= MOST_BIND_A_MINUTE,
        ),
        (f"of any endpoint in a minute (≤ {MOST_A_MINUTE})", str(most), most <= MOST_A_MINUTE),
        (f"of any endpoint in an hour (≤ {MOST_AN_HOUR})", str(hour), hour <= MOST_AN_HOUR),
        _none("requests in a pause that the cloud asked for", in_pause),
    ]


def shown(soak: Soak) -> list[Row]:
    """Check when entities were available."""
    soak.details += [("shown", each) for each in soak.wrongly_shown]
    what = f"of {soak.looked} looks, available against the last answer of bind"
    return [_none(what, soak.wrongly_shown, of=soak.looked)]


_FAILS = re.compile(rf"(?:Error|Authentication failed while) fetching {DOMAIN} (\w+) data")
_RECOVERS = re.compile(rf"Fetching {DOMAIN} (\w+) data recovered")


def _outage(text: str) -> tuple[str, bool] | None:
    """Return who is away by a line of the log, or back again: its name, and whether it is away."""
    if found := _FAILS.match(text) or _RECOVERS.match(text):
        return found[1], not _RECOVERS.match(text)
    if "There is no live data" in text or "Live data is back" in text:
        return "live", "no live data" in text
    return None


def log(soak: Soak, lines: Log, secrets: Iterable[str]) -> list[Row]:
    """Check that the log says once that something is away, once that it is back, and no secret."""
    down: dict[str, int] = {}
    again, traces = [], []
    said = set[tuple[int, str]]()
    for at, name, text, has_trace, is_bad in lines.records:
        # What is said as it is restarted was said before.
        session = sum(begun < at for begun in soak.forgot + soak.reloaded)
        if has_trace or "Unexpected" in text or "Traceback" in text:
            traces.append((at, name, text))
        if outage := _outage(text):
            who, is_lost = outage
            # Whoever has failed before a restart says after it that it has recovered.
            is_of_session = is_lost or who == "live"
            was_lost = down.get(who) == session if is_of_session else who in down
            if is_lost is was_lost:
                again.append((at, text))
            if is_lost:
                down[who] = session
            else:
                down.pop(who, None)
        elif is_bad:
            # Whatever it is about, to say it again tells nothing.
            if (session, text) in said:
                again.append((at, text))
            said.add((session, text))
    whole = "\n".join({line.text for line in lines.records})
    leaks = [each for each in secrets if each in whole]
    soak.details += [*(("log", each) for each in again), *(("trace", each) for each in traces)]
    return [
        _none(
            f"of {len(lines.records)} lines, said twice, or back and never away",
            again,
            of=len(lines.records),
        ),
        _none("mistakes in the log", traces),
        _none("secrets in the log", leaks),
    ]


def growth(soak: Soak, samples: Sequence[Mapping[str, int]]) -> list[Row]:
    """Check that nothing grows but the history: the most in one half beside that in the other."""
    if len(samples) < 2:
        return [("samples", str(len(samples)), False)]
    half = len(samples) // 2
    before, after = (
        {what: max(sample[what] for sample in some) for what in samples[-1]}
        for some in (samples[:half], samples[half:])
    )
    new = max(0, after["prints in the history"] - before["prints in the history"])
    rows = []
    for what, most in (
        # A print in the history has filaments.
        ("objects of ours", before["objects of ours"] * 1.05 + 12 * new + 200),
        ("what they hold", before["what they hold"] * 1.02 + 15 * new + 300),
        ("tasks", before["tasks"] + 3),
        ("timers", before["timers"] + soak.printer_count + 5),
        ("listeners of the bus", before["listeners of the bus"] + 2),
        ("listeners of the printers", before["listeners of the printers"] * 1.05 + 10),
    ):
        rows.append((f"{what} (before {before[what]})", str(after[what]), after[what] <= most))
    most = (
        MOST_STORED_OF_PRINTER * soak.printer_count
        + MOST_STORED_OF_PRINT * after["prints in the history"]
    )
    more = before["bytes stored"] * 1.1 + MORE_STORED_OF_PRINT * new + 2_000
    most, stored = min(most, round(more)), after["bytes stored"]
    rows.append((f"bytes stored (≤ {most})", str(stored), stored <= most))
    return rows


def digest(soak: Soak) -> str:
    """Return what is another where anything went another way."""
    told = [(h.at, h.printer, h.type, h.task_id, h.title) for h in soak.heard]
    asked = [tuple(each) for each in soak.requests]
    return sha256(repr((told, asked)).encode()).hexdigest()[:16]
