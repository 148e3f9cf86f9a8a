"""Tests of staying signed in: a token that dies, what only looks like it, and the warning."""

from datetime import timedelta

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.repairs import async_create_fix_flow
from simulator import Simulator
from simulator.answers import FAULTS
from tests.conftest import Wait, reload

PREFERENCE = "/v1/design-user-service/my/preference"
BIND = "/v1/iot-service/api/user/bind"
DEAD = {"unauthorized", "unauthorized_200", "unauthorized_empty", "unauthorized_refresh"}
# Nothing answers, so that the clock would have to be moved while the poll waits.
SILENT = {"slow", "timeout", "trickle"}
DAY = timedelta(days=1)
POLL = timedelta(minutes=10)

OWN = {"region": "global", "account": "demo@example.com", "password": "demo-password"}
OTHER = {
    "region": "global",
    "account": "password@example.com",
    "password": "password-password",
}


def reauths(hass: HomeAssistant, entry: MockConfigEntry) -> list[ConfigFlowResult]:
    """Return the flows that ask the owner to sign in again."""
    return list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


def issues(hass: HomeAssistant) -> list[str]:
    """Return what Home Assistant's repairs say about the integration."""
    found = ir.async_get(hass).issues.values()
    return [
        issue.translation_key for issue in found if issue.issue_domain or issue.domain == DOMAIN
    ]


async def submit(hass: HomeAssistant, flow: ConfigFlowResult, values: dict) -> ConfigFlowResult:
    """Fill a step of the flow in."""
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], values)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def chosen(result: ConfigFlowResult) -> str:
    """Return what the form would do now."""
    return next(field.default() for field in result["data_schema"].schema if field == "next")


async def sign_in_again(
    hass: HomeAssistant, simulator: Simulator, flow: ConfigFlowResult
) -> ConfigFlowResult:
    """Sign the demo account in by its password and code."""
    await submit(hass, flow, {"next_step_id": "password"})
    await submit(hass, flow, OWN)
    code = simulator.cloud.code("demo")["code"]
    return await submit(hass, flow, {"code": code, "next": "sign_in"})


# The token dies


async def test_reauth(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    old = dict(entry.data)
    simulator.cloud.revoke("demo")
    await wait(POLL)
    (flow,) = reauths(hass, entry)
    assert "config_entry_reauth" in issues(hass)
    simulator.cloud.clear_requests()
    await wait(DAY)
    assert simulator.cloud.requests() == []
    result = await sign_in_again(hass, simulator, flow)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data == {
        **old,
        "token": entry.data["token"],
        "expires_at": "2027-02-19T12:10:00+00:00",
    }
    assert entry.data["token"] != old["token"]
    assert issues(hass) == []
    assert hass.states.get("binary_sensor.workshop_x1c_connectivity").state == "on"


async def test_reauth_at_start(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    simulator.cloud.revoke("demo")
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = reauths(hass, entry)
    await sign_in_again(hass, simulator, flow)
    assert entry.state is ConfigEntryState.LOADED


async def test_reauth_suggests_the_account(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entry.async_start_reauth(hass)
    (flow,) = reauths(hass, entry)
    menu = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert menu["description_placeholders"] == {"name": "Demo Maker"}
    result = await submit(hass, flow, {"next_step_id": "email_code"})
    suggested = [field.description for field in result["data_schema"].schema]
    assert suggested == [
        {"suggested_value": "global"},
        {"suggested_value": "demo@example.com"},
        None,
    ]


async def test_reauth_with_another_account(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    old = dict(entry.data)
    entry.async_start_reauth(hass)
    (flow,) = reauths(hass, entry)
    await submit(hass, flow, {"next_step_id": "password"})
    result = await submit(hass, flow, OTHER)
    assert result["errors"] == {"base": "another_account"}
    # To correct what was typed is the next thing: the form keeps it.
    assert chosen(result) == "sign_in"
    assert entry.data == old
    menu = await submit(hass, flow, {"next": "other_way"})
    assert menu["step_id"] == "reauth_confirm"
    result = await sign_in_again(hass, simulator, flow)
    assert result["reason"] == "reauth_successful"


async def test_address_of_another_account_is_not_kept(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    """Where a token was pasted, there is none to suggest either."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, "account": ""})
    entry.async_start_reauth(hass)
    (flow,) = reauths(hass, entry)
    await submit(hass, flow, {"next_step_id": "password"})
    await submit(hass, flow, OTHER)
    await submit(hass, flow, {"next": "other_way"})
    await submit(hass, flow, {"next_step_id": "token"})
    accounts = simulator.cloud.accounts
    token = accounts.token(accounts.find("demo"), dt_util.utcnow())
    result = await submit(hass, flow, {"region": "global", "token": token})
    assert result["reason"] == "reauth_successful"
    assert entry.data["account"] == ""


async def test_cool_down_outlasts_the_menu(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entry.async_start_reauth(hass)
    (flow,) = reauths(hass, entry)
    for error in ({}, {"base": "code_just_sent"}):
        await submit(hass, flow, {"next_step_id": "email_code"})
        result = await submit(hass, flow, {"region": "global", "account": "demo@example.com"})
        assert (result["step_id"], result["errors"]) == ("code", error)
        await submit(hass, flow, {"next": "other_way"})


async def test_code_of_another_account_is_not_kept(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    entry.async_start_reauth(hass)
    (flow,) = reauths(hass, entry)
    await submit(hass, flow, {"next_step_id": "email_code"})
    await submit(hass, flow, {"region": "global", "account": "google@example.com"})
    code = simulator.cloud.code("google")["code"]
    result = await submit(hass, flow, {"code": code, "next": "sign_in"})
    assert result["errors"] == {"base": "another_account"}
    assert chosen(result) == "other_way"
    result = await submit(hass, flow, {"next": "sign_in"})
    assert result["errors"] == {"code": "code_missing"}


# What is no dead token


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - DEAD - SILENT))
async def test_no_reauth(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, wait: Wait, fault: str
) -> None:
    simulator.cloud.add_fault(fault)
    for _ in range(3):
        await wait(timedelta(hours=2))
    assert reauths(hass, entry) == []
    simulator.cloud.clear_faults()
    await wait(timedelta(hours=12))
    assert hass.states.get("binary_sensor.workshop_x1c_connectivity").state == "on"


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - DEAD - SILENT))
async def test_no_reauth_at_start(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, fault: str
) -> None:
    simulator.cloud.add_fault(fault)
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert reauths(hass, entry) == []


@pytest.mark.parametrize("fault", sorted(DEAD))
async def test_401_is_confirmed(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, wait: Wait, fault: str
) -> None:
    simulator.cloud.add_fault(fault, "/v1/iot-service")
    simulator.cloud.clear_requests()
    await wait(POLL)
    assert reauths(hass, entry) == []
    paths = [request["path"] for request in simulator.cloud.requests()]
    assert PREFERENCE in paths[paths.index(BIND) :]
    simulator.cloud.add_fault(fault, PREFERENCE)
    await wait(timedelta(hours=2))
    assert len(reauths(hass, entry)) == 1


@pytest.mark.parametrize("fault", ["cloudflare", "disconnect", "forbidden", "server_error"])
async def test_401_that_cannot_be_confirmed(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, wait: Wait, fault: str
) -> None:
    simulator.cloud.add_fault("unauthorized", "/v1/iot-service")
    simulator.cloud.add_fault(fault, PREFERENCE)
    for _ in range(3):
        await wait(timedelta(hours=2))
    assert reauths(hass, entry) == []


# The warning before


@pytest.fixture
async def expiring(hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry) -> None:
    """Make the sign-in of the demo account end in ten days and a half."""
    assert await async_setup_component(hass, "repairs", {})
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "expires_at": "2026-12-01T00:00:00+00:00"}
    )
    await hass.config_entries.async_reload(entry.entry_id)


@pytest.mark.usefixtures("expiring")
async def test_warning(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait) -> None:
    await wait(DAY * 3.5 - timedelta(seconds=1))
    assert issues(hass) == []
    await wait(timedelta(seconds=1))
    (issue,) = ir.async_get(hass).issues.values()
    assert (issue.translation_key, issue.is_fixable) == ("sign_in_expires", True)
    assert issue.translation_placeholders == {"date": "2026-11-30", "name": "Demo Maker"}


@pytest.mark.usefixtures("expiring")
async def test_warning_at_start(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await wait(4 * DAY)
    assert issues(hass) == []
    await hass.config_entries.async_setup(entry.entry_id)
    assert issues(hass) == ["sign_in_expires"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == []


async def test_no_warning_without_a_date(
    hass: HomeAssistant, entry: MockConfigEntry, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, "expires_at": None})
    await wait(DAY)
    assert issues(hass) == []


async def test_repair_leads_into_the_reauth(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    expiring: None,
    hass_client: ClientSessionGenerator,
    wait: Wait,
) -> None:
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "expires_at": "2026-11-25T12:00:00+00:00"}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    (issue,) = ir.async_get(hass).issues.values()
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    response = await client.post(url, json={"handler": DOMAIN, "issue_id": issue.issue_id})
    form = await response.json()
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"] == {"date": "2026-11-25", "name": "Demo Maker"}
    response = await client.post(f"{url}/{form['flow_id']}", json={})
    end = await response.json()
    (flow,) = reauths(hass, entry)
    assert (end["type"], end["next_flow"]) == ("create_entry", ["config_flow", flow["flow_id"]])
    assert issues(hass) == ["config_entry_reauth"]
    # It does not come back while the owner is led to sign in.
    await wait(DAY)
    assert issues(hass) == ["config_entry_reauth"]
    await sign_in_again(hass, simulator, flow)
    await wait(DAY)
    assert issues(hass) == []


async def test_account_is_removed_while_its_repair_is_open(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    expiring: None,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "expires_at": "2026-11-25T12:00:00+00:00"}
    )
    await reload(hass, entry)
    (issue,) = ir.async_get(hass).issues.values()
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    response = await client.post(url, json={"handler": DOMAIN, "issue_id": issue.issue_id})
    form = await response.json()
    await hass.config_entries.async_remove(entry.entry_id)
    response = await client.post(f"{url}/{form['flow_id']}", json={})
    end = await response.json()
    assert (end["type"], end["reason"]) == ("abort", "entry_removed")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.config_entries.flow.async_progress() == []
    # The log of requests of Home Assistant's server knows no clock that is moved.
    errors = {record.name for record in caplog.records if record.levelname == "ERROR"}
    assert errors <= {"aiohttp.access"}


async def test_repair_of_an_account_that_is_gone(hass: HomeAssistant) -> None:
    """It was removed while Home Assistant looked the repair up."""
    flow = await async_create_fix_flow(hass, "sign_in_expires_gone", {"entry_id": "gone"})
    flow.hass = hass
    result = await flow.async_step_init()
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_removed")


async def test_reauth_of_an_account_that_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """It was removed while Home Assistant began to ask."""
    await hass.config_entries.async_remove(entry.entry_id)
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_REAUTH, "entry_id": entry.entry_id},
        data=dict(entry.data),
    )
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_removed")


@pytest.mark.usefixtures("expiring")
async def test_warning_goes_when_the_token_dies(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    await wait(4 * DAY)
    assert issues(hass) == ["sign_in_expires"]
    simulator.cloud.revoke("demo")
    await wait(POLL)
    assert issues(hass) == ["config_entry_reauth"]


async def test_token_expiry_sensor(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entity_id = entity_registry.async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_token_expiry"
    )
    assert hass.states.get(entity_id) is None
    entity_registry.async_update_entity(entity_id, disabled_by=None)
    await reload(hass, entry)
    assert hass.states.get(entity_id).state == entry.data["expires_at"]
