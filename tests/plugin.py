"""What pytest loads before all else, the harness included (see setup.cfg)."""

# It puts its own packages in the place of some that the harness imports.
import homeassistant  # noqa: F401 # isort: skip

# Nor may anything of Home Assistant come before these.
from pytest_homeassistant_custom_component import (  # noqa: F401 # isort: skip
    patch_json,
    patch_recorder,
    patch_time,
)

from homeassistant.components import logger
from homeassistant.components.logger import helpers

# It has moved, and the harness looks for it in the old place.
logger._clear_logger_overwrites = helpers._clear_logger_overwrites  # type: ignore[attr-defined]
