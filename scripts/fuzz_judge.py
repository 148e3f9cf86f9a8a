"""What must hold whatever comes, and what did not."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
import gc
import logging
import math
import re
import threading
import time
from typing import Any

from scripts.fuzz_bodies import SECRET

HOLD = 0.1
_UNSHOWABLE = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What nobody has published is passed on as it came.
_PASSED_ON = {"setting", "content", "sub_task", "subtask"}


@dataclass
class Judge(logging.Handler):
    """Collects what must not be; `number` is the body that is judged."""

    secrets: set[str] = field(default_factory=lambda: {SECRET})
    number: int = 0
    wrongs: list[tuple[str, int, str]] = field(default_factory=list)
    longest: float = 0.0

    def __post_init__(self) -> None:
        """Listen to the log as well."""
        super().__init__()

    def __hash__(self) -> int:
        """Be a handler among others."""
        return id(self)

    def blame(self, what: str, why: str) -> None:
        """Take note that something does not hold."""
        self.wrongs.append((what, self.number, why[:300]))

    def emit(self, record: logging.LogRecord) -> None:
        """Judge a line of the log."""
        text = record.getMessage()
        # The integration logs its mistakes without their text.
        if record.exc_info or "Traceback" in text or text.startswith("Unexpected "):
            self.blame("log", f"{text} {record.exc_info and record.exc_info[1]!r}")
        # Home Assistant shows what is too long as unknown, and says so.
        if "is longer than" in text or "exceed maximum size" in text:
            self.blame("states" if "longer" in text else "attributes", text)
        self.hide(text, "log")

    def hide(self, text: str, where: str) -> None:
        """Judge whether a text keeps secrets."""
        if any(secret in text for secret in self.secrets):
            self.blame("secrets", f"{where}: {text}")

    def value(self, value: Any) -> None:
        """Judge whether what was read can be stored, shown and reckoned with."""
        if isinstance(value, str):
            is_good = len(value) <= 4_000 and not _UNSHOWABLE.search(value)
        elif isinstance(value, int | float):
            is_good = math.isfinite(value) and abs(value) <= 2**64
        else:
            is_good = True
            for each in _parts(value):
                self.value(each)
        if not is_good:
            self.blame("values", repr(value))

    def held(self, seconds: float, what: str) -> None:
        """Judge how long the event loop was held."""
        self.longest = max(self.longest, seconds)
        if seconds > HOLD:
            self.blame("loop", f"{seconds * 1000:.0f} ms: {what}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to all logs."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)


def _parts(value: Any) -> Iterable[Any]:
    """Return what something consists of, but for what is passed on as it came."""
    if is_dataclass(value):
        return [getattr(value, each.name) for each in fields(value) if each.name not in _PASSED_ON]
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set | frozenset) else ()


class Stopwatch:
    """Counts CPU of this thread, without what collects the garbage of all that was before."""

    def __init__(self) -> None:
        self._garbage = 0.0
        self._thread = threading.get_ident()
        gc.callbacks.append(self._collect)

    def _collect(self, phase: str, _: object) -> None:
        # Other threads have a time of their own.
        if threading.get_ident() == self._thread:
            self._garbage += time.thread_time() * (1 if phase == "stop" else -1)

    def __call__(self) -> float:
        """Return the time, of which only differences mean something."""
        return time.thread_time() - self._garbage

    def stop(self) -> None:
        """Watch no more."""
        gc.callbacks.remove(self._collect)
