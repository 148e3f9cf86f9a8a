"""What pytest loads before all else, the harness included (see setup.cfg)."""

# It puts its own packages in the place of some that the harness imports.
import homeassistant  # noqa: F401 # isort: skip

# Nor may anything of Home Assistant come before these.
from pytest_homeassistant_custom_component import (  # noqa: F401 # isort: skip
    patch_json,
    patch_recorder,
    patch_time,
)

from collections.abc import Iterator
import logging
import re

from homeassistant.components import logger
from homeassistant.components.logger import helpers
import pytest

# It has moved, and the harness looks for it in the old place.
logger._clear_logger_overwrites = helpers._clear_logger_overwrites  # type: ignore[attr-defined]

# To import the integration here would hide it from coverage.
_OURS = "bambu_lab_cloud"
_OUR_FAULT = re.compile("deprecated|will stop working|custom integration '|bug report")


class _Complaints(logging.Handler):
    """Keeps what Home Assistant says against our code, at import as well as in a test."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _OURS in message and _OUR_FAULT.search(message):
            self.kept.append(message)


_complaints = _Complaints()
logging.getLogger().addHandler(_complaints)


@pytest.fixture(autouse=True)
def _nothing_to_complain_of() -> Iterator[None]:
    """Fail where Home Assistant says that we use what it will remove, or use it wrongly.

    It says so once, so this is the first test that comes across it.
    """
    yield
    kept = _complaints.kept.copy()
    _complaints.kept.clear()
    assert kept == []
