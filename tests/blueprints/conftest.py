"""Blueprints as owners use them: imported, filled in, and run on events of real prints."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import persistent_notification
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.bambu_lab_cloud.const import DOMAIN
from tests.conftest import Wait, set_up, settle

BLUEPRINTS = Path(__file__).parents[2] / "blueprints/automation" / DOMAIN
X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINUTE = timedelta(minutes=1)

# A name that looks like a template, a link, a picture and HTML, and how it is written in Markdown,
# so that it is read as it stands.
HOSTILE = (
    "{{ 1 + 1 }} [click](javascript:alert(1)) ![x](http://example.com/x.png) <img src=x> *b* `c`"
    " &lt; www.example.com"
)
ESCAPED = (
    r"{{ 1 + 1 }} \[click\](javascript:alert(1)) !\[x\](http:\//example.com/x.png) \<img src=x\>"
    r" \*b\* \`c\` \&lt; www\.example.com"
)

type Automate = Callable[..., Awaitable[str]]
type Restart = Callable[..., Awaitable[None]]


@dataclass
class Phone:
    """A phone with the app of Home Assistant, and what it was told."""

    id: str
    calls: list[ServiceCall] = field(repr=False)

    @property
    def told(self) -> list[dict[str, Any]]:
        """Return what it was told: message, title, data."""
        return [dict(call.data) for call in self.calls]


def messages(phone: Phone) -> list[str]:
    """Return the texts of what a phone was told."""
    return [told["message"] for told in phone.told]


def _phone(hass: HomeAssistant, name: str, action: str) -> Phone:
    """Register a phone as its app does; action is how it is notified."""
    entry = MockConfigEntry(domain="mobile_app", title=name)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("mobile_app", name)}, name=name
    )
    return Phone(device.id, async_mock_service(hass, "notify", action))


@pytest.fixture
def phone(hass: HomeAssistant) -> Phone:
    """A phone whose owner called it something else in Home Assistant."""
    phone = _phone(hass, "Zoë's phone", "mobile_app_zoe_s_phone")
    dr.async_get(hass).async_update_device(phone.id, name_by_user="My phone")
    return phone


@pytest.fixture
def tablet(hass: HomeAssistant) -> Phone:
    """A second one."""
    return _phone(hass, "Tablet", "mobile_app_tablet")


@pytest.fixture
async def automate(hass: HomeAssistant) -> AsyncIterator[Automate]:
    """Set automations up from a blueprint: its name, its inputs; their ids are returned."""

    async def automate(blueprint: str, **inputs: Any) -> str:
        folder = Path(hass.config.path("blueprints/automation"), DOMAIN)
        shutil.copytree(BLUEPRINTS, folder, dirs_exist_ok=True)
        uses = {"path": f"{DOMAIN}/{blueprint}.yaml", "input": inputs}
        config = {"id": blueprint, "alias": blueprint, "use_blueprint": uses}
        assert await async_setup_component(hass, "persistent_notification", {})
        assert await async_setup_component(hass, "automation", {"automation": config})
        await hass.async_block_till_done()
        entity_id = f"automation.{blueprint}"
        # One whose blueprint or inputs are wrong is unavailable.
        assert hass.states.get(entity_id).state == "on"
        return entity_id

    yield automate
    # What they wait for ends with them.
    every = {"entity_id": "all"}
    await hass.services.async_call("automation", "turn_off", every, blocking=True)


@pytest.fixture
def notices(hass: HomeAssistant) -> dict[str, dict[str, Any]]:
    """The persistent notifications, by id."""
    notices: dict[str, dict[str, Any]] = persistent_notification._async_get_or_create_notifications(
        hass
    )
    return notices


async def pass_time(wait: Wait, minutes: int) -> None:
    """Let minutes pass one by one, so that all that is polled meanwhile is."""
    for _ in range(minutes):
        await wait(MINUTE)


@pytest.fixture
def restart(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, automate: Automate
) -> Restart:
    """Stop Home Assistant, and start it again after a while, with an automation."""

    async def restart(away: timedelta, blueprint: str, **inputs: Any) -> None:
        await hass.config_entries.async_unload(entry.entry_id)
        hass.set_state(CoreState.not_running)
        freezer.tick(away)
        await automate(blueprint, **inputs)
        await set_up(hass, entry)
        await hass.async_start()
        await settle(hass)

    return restart
