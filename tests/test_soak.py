"""A short run of scripts/soak: faults, outages and restarts; no print is lost or doubled."""

from collections.abc import Iterator
from contextlib import contextmanager
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from scripts.soak import run
from scripts.soak_checks import digest
from scripts.soak_world import Soak
from simulator import Simulator


@pytest.fixture
def past() -> int:
    """How many prints an account has in its history."""
    return 0


@contextmanager
def nothing_kept(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Have pytest keep no log: with an exception it keeps all that was there when it was raised."""
    root = logging.getLogger()
    keepers = [each for each in root.handlers if isinstance(each, type(caplog.handler))]
    for each in keepers:
        root.removeHandler(each)
    try:
        yield
    finally:
        for each in keepers:
            root.addHandler(each)


@pytest.fixture(scope="module")
def digests() -> list[str]:
    """What happened in each run so far."""
    return []


# Once more: the same seed gives the same run.
@pytest.mark.parametrize("again", [False, True])
async def test_short_soak(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    digests: list[str],
    again: bool,
) -> None:
    soak = Soak(hass, simulator, freezer, hass_storage, seed=1, days=0.5, printer_count=4)
    with nothing_kept(caplog):
        rows = await run(soak, monkeypatch)
    assert [row for row in rows if not row[2]] == [], "\n".join(map(str, soak.details))
    assert soak.heard
    assert soak.struck() > 50
    digests.append(digest(soak))
    assert len({*digests}) == 1
