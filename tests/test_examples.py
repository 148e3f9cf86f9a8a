"""The examples of the README and of docs: Home Assistant takes them, and answers as they say."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
import re
from typing import Any

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import async_validate_actions_config
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.messages import BETWEEN_GROUPS

from .conftest import Wait, read_history

ROOT = Path(__file__).parent.parent
# What an example that is no response has one of, and what the response to an action has.
ASKED = ("triggers", "actions", "action")
TOLD_BY = {
    "prints": "get_print_history",
    "messages": "get_messages",
    "filaments": "get_filaments",
    "profile_id": "get_profile",
    "preset_id": "get_slicer_preset",
}


def examples() -> Iterator[tuple[str, Any]]:
    """Return each with its page, and its number there."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        blocks = re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
        for number, block in enumerate(blocks, 1):
            yield f"{path.stem} {number}", yaml.safe_load(block)


def is_response(example: Any) -> bool:
    """Return if it is what an action answers with."""
    return isinstance(example, dict) and not any(key in example for key in ASKED)


ALL = dict(examples())
RESPONSES = {
    next(action for key, action in TOLD_BY.items() if key in example): example
    for example in ALL.values()
    if is_response(example)
}


def calls(example: Any) -> Iterator[dict[str, Any]]:
    """Return the calls of actions of ours in an example, wherever they are."""
    if isinstance(example, list):
        for each in example:
            yield from calls(each)
    elif isinstance(example, dict):
        if str(example.get("action")).startswith(f"{DOMAIN}."):
            yield example
        yield from calls(list(example.values()))


AUTOMATIONS = {name: example for name, example in ALL.items() if "triggers" in example}
ACTIONS = {
    name: example["actions"] if "actions" in example else example  # noqa: SIM401 - or a list
    for name, example in ALL.items()
    if name not in AUTOMATIONS and not is_response(example)
}


@pytest.mark.parametrize("name", AUTOMATIONS)
async def test_home_assistant_takes_automations(hass: HomeAssistant, name: str) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert await async_setup_component(hass, "automation", {})
    automation = {"alias": "Example", **AUTOMATIONS[name]}
    config = await async_validate_config_item(hass, name, automation)
    assert config is not None
    assert config.validation_error is None


@pytest.mark.parametrize("name", ACTIONS)
async def test_home_assistant_takes_actions(hass: HomeAssistant, name: str) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert await async_validate_actions_config(hass, cv.SCRIPT_SCHEMA(ACTIONS[name]))


@pytest.mark.parametrize("name", [name for name in ALL if list(calls(ALL[name]))])
async def test_actions_take_what_they_are_given(hass: HomeAssistant, name: str) -> None:
    """What is no template is looked at as well as its name."""
    assert await async_setup_component(hass, DOMAIN, {})
    for call in calls(ALL[name]):
        service = hass.services.async_services_for_domain(DOMAIN)[call["action"].split(".")[1]]
        fields = service.schema.schema
        data = call.get("data", {})
        needed = {str(field) for field in fields if isinstance(field, probatio.Required)}
        assert needed <= data.keys() <= {str(field) for field in fields}
        plain = {key: value for key, value in data.items() if "{{" not in str(value)}
        schema = {field: check for field, check in fields.items() if str(field) in plain}
        probatio.Schema(schema)(plain)
        assert ("response_variable" in call) == (call["action"] != f"{DOMAIN}.rename_printer")


def shape(value: Any) -> Any:
    """Return the keys of a response, and of the first of each list in it."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return shape(value[0]) if isinstance(value, list) and value else None


type Ask = Callable[..., Awaitable[Any]]


async def nothing(_: Ask) -> dict[str, Any]:
    """Return what most actions want."""
    return {}


async def preset(ask: Ask) -> dict[str, Any]:
    """Return which preset to ask for."""
    return {"preset_id": (await ask("get_slicer_presets"))["presets"][0]["preset_id"]}


async def profile(ask: Ask) -> dict[str, Any]:
    """Return which profile to ask for."""
    project_id = (await ask("get_projects"))["projects"][0]["project_id"]
    profile = (await ask("get_project", project_id=project_id))["profiles"][0]
    return {key: profile[key] for key in ("profile_id", "model_id")}


WANTED = {"get_profile": profile, "get_slicer_preset": preset}
# Which values there are depends on the preset.
VARIES = {"get_slicer_preset": ["values"]}


@pytest.mark.parametrize("action", RESPONSES)
async def test_responses_are_as_they_are_told(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wait: Wait,
    action: str,
) -> None:
    """With the same keys in the same order."""

    async def ask(name: str, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, name, data, blocking=True, return_response=True
        )

    await read_history(wait)
    for _ in range(5):
        await wait(BETWEEN_GROUPS)
    data = await WANTED.get(action, nothing)(ask)
    response, told = shape(await ask(action, **data)), shape(RESPONSES[action])
    for key in VARIES.get(action, []):
        del response[key], told[key]
    assert str(response) == str(told)
