"""Runs a simulated month and checks it; see scripts/soak. pytest runs it, for its fixtures."""

import logging
from os import environ
import sys
from typing import Any

from freezegun import api as frozen
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
import pytest

from custom_components.bambu_lab_cloud.const import DOMAIN
from scripts import soak_checks as checks
from scripts.cadence_schedule import HOUR
from scripts.figures import MARKS, Row, write
from scripts.soak_world import ACCOUNT, OWN, Soak
from simulator import Simulator, reports
from tests.conftest import settle

pytest_plugins = ["tests.conftest"]

# How often it is looked how much there is of everything, at different times of the day.
SAMPLES = 25


async def run(soak: Soak, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Live through all of it, and return what came out."""
    root, ours = logging.getLogger(), logging.getLogger(f"custom_components.{DOMAIN}")
    lines = checks.Log()
    levels = root.level, ours.level
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    root.addHandler(lines)
    try:
        await soak.begin(monkeypatch)
        samples = []
        for index in range(SAMPLES):
            await soak.run_until(soak.started + (index + 1) / SAMPLES * (soak.end - soak.started))
            await soak.run_until_at_rest()
            samples.append(checks.sizes(soak))
            # Of the harness, which keeps all that was ever written.
            Store._async_write_data.reset_mock()  # type: ignore[attr-defined]  # noqa: SLF001
            sys.stderr.write(f"{soak.now:%d %b %H:%M}, {len(soak.heard)} events\n")
        soak.calm_down()
        # What is printed comes to its end, and is told.
        await soak.run_until(soak.end + 14 * HOUR)
        await soak.run_until_at_rest()
        samples.append(checks.sizes(soak))
        accounts = soak.cloud.accounts
        secrets = {
            *reports.secrets(soak.cloud),
            *(each.dev_id for each in soak.printers),
            str(accounts.find(ACCOUNT).uid),
            OWN["account"],
            *soak.tokens,
        }
        return [
            *checks.prints(soak),
            *checks.shown(soak),
            *checks.requests(soak),
            *checks.log(soak, lines, secrets),
            *checks.growth(soak, samples),
        ]
    finally:
        root.removeHandler(lines)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        await soak.hass.config_entries.async_unload(soak.entry.entry_id)
        await settle(soak.hass)


def markdown(soak: Soak, rows: list[Row]) -> str:
    """Return the table."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(soak.kinds().items()))
    done, asked = soak.broker.done, len(soak.requests)
    head = (
        f"{soak.printer_count} printers, {soak.days:g} days, seed {soak.seed}:"
        f" {len(soak.truths)} jobs ({kinds}),"
        f" {soak.struck()} of {asked} requests struck by a fault,"
        f" {done['lost']} pushes lost, {done['repeated']} repeated and {done['late']} late"
        f" of {done['said']},"
        f" {len(soak.troubles)} outages, {len(soak.reloaded)} reloads and {len(soak.forgot)} stops,"
        f" kills and sign-ins. What happened has the digest {checks.digest(soak)}."
    )
    body = [f"| {what} | {value} | {MARKS[met]} |" for what, value, met in rows]
    return "\n".join([head, "", "| | | |", "|---|---|---|", *body])


@pytest.fixture
def past() -> int:
    """Begin without a past."""
    return 0


async def test_soak(
    hass: HomeAssistant,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    hass_storage: dict[str, Any],
) -> None:
    """Run what the environment asks for."""
    begun = frozen.real_perf_counter()
    soak = Soak(
        hass,
        simulator,
        freezer,
        hass_storage,
        seed=int(environ.get("SOAK_SEED", "1")),
        days=float(environ.get("SOAK_DAYS", "30")),
        printer_count=int(environ.get("SOAK_PRINTERS", "50")),
    )
    rows = await run(soak, monkeypatch)
    table = markdown(soak, rows)
    for what, detail in soak.details[:60]:
        sys.stdout.write(f"{what}: {detail}\n")
    sys.stdout.write(
        f"{table}\n\nIn {frozen.real_perf_counter() - begun:.0f} s, {soak.steps} steps\n"
    )
    if environ.get("SOAK_WRITE"):
        write("reliability", "scripts/soak", table)
    if not all(met for _, _, met in rows):
        pytest.fail("Not all of it holds")
