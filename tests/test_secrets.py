"""Secrets go to the cloud and into the entry's data, and nowhere else."""

from collections.abc import Iterator
from datetime import timedelta
import json
import logging
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.json import json_dumps
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator
from simulator.answers import FAULTS
from tests.conftest import Wait, sign_in

SIGNED_QUERY = re.compile(r"X-Amz-\w+=|[?&](Signature|Expires)=")
# Where nothing answers, the clock would have to be moved while the request waits.
BREAKAGES = sorted(FAULTS.keys() - {"slow", "timeout", "trickle"})


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def secrets(simulator: Simulator) -> Iterator[str]:
    """List what must not be seen, of all accounts."""
    for account in simulator.cloud.accounts:
        yield from (account.login, str(account.uid))
        yield from (code.text for code in account.codes)
        yield from filter(None, [account.password])
        for printer in simulator.cloud.printers_of(account):
            yield from (printer.dev_id, printer.access_code.strip())


def tokens(hass: HomeAssistant) -> list[str]:
    """Return the tokens that the entries have."""
    return [entry.data["token"] for entry in hass.config_entries.async_entries(DOMAIN)]


def exceptions(entry: MockConfigEntry) -> Iterator[str]:
    """Return the text of the errors that the coordinators met, with their causes."""
    data = entry.runtime_data
    for name in data.__slots__:
        error = getattr(getattr(data, name), "last_exception", None)
        while error:
            yield f"{error} {error!r}"
            error = error.__cause__


def leaks(text: str, simulator: Simulator, known: list[str]) -> list[str]:
    """Return the secrets that stand in a text."""
    found = [secret for secret in {*secrets(simulator), *known} if secret in text]
    return found + SIGNED_QUERY.findall(text)


def log(caplog: pytest.LogCaptureFixture) -> str:
    """Return what anybody logged at any level, but for the harness's own storage."""
    harness = "pytest_homeassistant_custom_component"
    records = (record for record in caplog.records if not record.name.startswith(harness))
    return "\n".join(map(caplog.handler.format, records))


@pytest.mark.parametrize("era", ["2022", "2026"])
async def test_nothing_is_told(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    device_registry: dr.DeviceRegistry,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    printers = simulator.cloud.printers_of(simulator.cloud.accounts.find("demo"))
    for printer in printers[:2]:
        simulator.cloud.start(printer.dev_id)
    # Soon enough that a repair says so.
    end = (dt_util.utcnow() + timedelta(days=3)).isoformat()
    hass.config_entries.async_update_entry(entry, data={**entry.data, "expires_at": end})
    await hass.config_entries.async_reload(entry.entry_id)
    for _ in range(10):
        await wait(timedelta(minutes=2))
    known = tokens(hass)
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert len(devices) > 3
    diagnostics = [
        await get_diagnostics_for_config_entry(hass, hass_client, entry),
        *[await get_diagnostics_for_device(hass, hass_client, entry, each) for each in devices],
    ]
    (issue,) = ir.async_get(hass).issues.values()
    repair = [issue.issue_id, issue.data, issue.translation_placeholders]
    states = [state.as_dict() for state in hass.states.async_all()]
    assert len(states) > 20
    assert leaks(json_dumps(diagnostics), simulator, known) == []
    assert leaks(json_dumps(repair), simulator, known) == []
    assert leaks(json_dumps(states), simulator, known) == []
    assert leaks(json.dumps(simulator.cloud.requests()), simulator, known) == []
    assert leaks(log(caplog), simulator, known) == []


@pytest.mark.parametrize("fault", BREAKAGES)
async def test_nothing_is_told_by_errors(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    simulator.cloud.add_fault(fault)
    for _ in range(3):
        await wait(timedelta(hours=2))
    known = tokens(hass)
    told = "\n".join(exceptions(entry))
    assert told
    assert leaks(told, simulator, known) == []
    assert leaks(log(caplog), simulator, known) == []
    assert leaks(json.dumps(simulator.cloud.requests()), simulator, known) == []


async def step(hass: HomeAssistant, flow: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Fill a step of a flow in."""
    return await hass.config_entries.flow.async_configure(flow["flow_id"], values)


@pytest.mark.parametrize(
    ("fault", "path"), [*((fault, "*") for fault in BREAKAGES), ("empty", "/nowhere")]
)
async def test_nothing_is_told_by_sign_ins(
    hass: HomeAssistant,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    path: str,
) -> None:
    accounts = simulator.cloud.accounts
    token = accounts.token(accounts.find("google"), dt_util.utcnow())
    flow = await sign_in(hass, "totp")
    code = accounts.totp(accounts.find("totp"), dt_util.utcnow())
    (tfa_key,) = accounts._tfa_keys
    simulator.cloud.add_fault(fault, path)
    results = [await step(hass, flow, code=code, next="sign_in")]
    results += [await sign_in(hass, name) for name in ("password", "demo", "nobody")]
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
    await step(hass, menu, next_step_id="token")
    results.append(await step(hass, menu, region="global", token=token))
    await hass.async_block_till_done(wait_background_tasks=True)
    known = [*tokens(hass), token, tfa_key, code, "nobody-password", "nobody@example.com"]
    assert leaks(log(caplog), simulator, known) == []
    assert leaks(json.dumps(simulator.cloud.requests()), simulator, known) == []
    # What a flow shows, but for the account that its owner has typed.
    shown = [
        {
            "errors": result.get("errors"),
            "title": result.get("title"),
            "reason": result.get("reason"),
        }
        for result in results
    ]
    assert leaks(json.dumps(shown), simulator, known) == []


@pytest.mark.parametrize("name", ["password", "nobody", "captcha"])
async def test_form_shows_the_account_alone(
    hass: HomeAssistant, simulator: Simulator, name: str
) -> None:
    simulator.cloud.add_fault("server_error")
    result = await sign_in(hass, name)
    shown = str([field.description for field in result["data_schema"].schema])
    shown += str(result["description_placeholders"])
    assert set(leaks(shown, simulator, [f"{name}-password"])) <= {f"{name}@example.com"}
