"""Tests of every way into an account, and of what each refusal says and leads to."""

import asyncio
from datetime import timedelta
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import Mock, patch

from aiohttp import ClientSession, DummyCookieJar
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud import config_flow
from custom_components.bambu_lab_cloud.api import (
    BambuLogin,
    CannotConnectError,
    CodeRequired,
    Preference,
)
from custom_components.bambu_lab_cloud.api.transport import send
from custom_components.bambu_lab_cloud.cloud import cloud_login
from custom_components.bambu_lab_cloud.const import CONF_EXPIRES_AT, DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from simulator import Simulator
from simulator.answers import Answer
from simulator.endpoints import Call
from tests.conftest import Wait, reload

LOGIN = "/v1/user-service/user/login"
SEND_EMAIL = "/v1/user-service/user/sendemail/code"
SEND_SMS = "/v1/user-service/user/sendsmscode"
PREFERENCE = "/v1/design-user-service/my/preference"
WEB = "/api/"

PASSWORD = {"region": "global", "account": "password@example.com", "password": "password-password"}
EMAIL = {"region": "global", "account": "google@example.com"}
TOTP = {"region": "global", "account": "totp@example.com", "password": "totp-password"}
PHONE = {"account": "13800000000"}
DEMO = {"region": "global", "account": "demo@example.com", "password": "demo-password"}
TOKEN = {"region": "global", "token": "AQnonsense"}

# What each fault is to somebody who signs in, whatever the way.
FAULTS = {
    "bad_gateway": "cannot_connect",
    "captcha": "captcha",
    "captcha_418": "captcha",
    "captcha_text": "captcha",
    "cloudflare": "blocked",
    "cloudflare_503": "blocked",
    "cloudflare_attention": "blocked",
    "disconnect": "cannot_connect",
    "forbidden": "unexpected_answer",
    "html": "unexpected_answer",
    "invalid_input": "unexpected_answer",
    "method_not_allowed": "unexpected_answer",
    "not_found": "unexpected_answer",
    "redirect": "unexpected_answer",
    "server_error": "cannot_connect",
    "unavailable": "cannot_connect",
}
RATE_LIMITS = ["rate_limited", "rate_limited_1015"]
UNREADABLE = ["empty", "empty_object", "null", "text", "truncated_json", "wrong_shape"]
SAYS_NOTHING = ["bad_request", "bad_request_object"]
REFUSALS = ["unauthorized", "unauthorized_empty"]
LOGIN_FAULTS = [
    *FAULTS.items(),
    *((fault, "rate_limited") for fault in RATE_LIMITS),
    *((fault, "unexpected_answer") for fault in UNREADABLE),
]
SEND_FAULTS = [*FAULTS.items(), *((fault, "too_many_codes") for fault in RATE_LIMITS)]


ENGLISH = json.loads((Path(config_flow.__file__).parent / "translations" / "en.json").read_text())[
    "config"
]


class Owner:
    """Somebody who goes through a flow."""

    def __init__(self, hass: HomeAssistant, simulator: Simulator) -> None:
        self._flows = hass.config_entries.flow
        self._hass = hass
        self._accounts = simulator.cloud.accounts
        self.result: ConfigFlowResult = {}

    async def begin(self, way: str, **context: Any) -> ConfigFlowResult:
        """Begin a flow and choose a way from its menu."""
        self.result = await self._flows.async_init(
            DOMAIN, context={"source": SOURCE_USER, **context}
        )
        return await self.choose(way)

    async def choose(self, way: str) -> ConfigFlowResult:
        """Choose a way from the menu."""
        assert self.result["type"] is FlowResultType.MENU
        self.reads()
        assert self.result["menu_options"] == ["password", "email_code", "sms_code", "token"]
        return await self.submit({"next_step_id": way})

    async def submit(self, values: dict[str, Any]) -> ConfigFlowResult:
        """Fill the form in and press its button."""
        self.result = await self._flows.async_configure(self.result["flow_id"], values)
        await self._hass.async_block_till_done(wait_background_tasks=True)
        return self.result

    async def enter_code(self, account: str) -> ConfigFlowResult:
        """Enter the newest code that the account was sent."""
        code = self._accounts.find(account).codes[-1].text
        return await self.submit({"code": code, "next": "sign_in"})

    async def enter_totp(self, account: str) -> ConfigFlowResult:
        """Enter what the account's authenticator app shows."""
        code = self._accounts.totp(self._accounts.find(account), dt_util.utcnow())
        return await self.submit({"code": code, "next": "sign_in"})

    def sees(self, step_id: str, errors: dict[str, str] | None = None) -> None:
        """Assert which form is shown, with which errors."""
        assert self.result["type"] is FlowResultType.FORM
        assert (self.result["step_id"], self.result["errors"]) == (step_id, errors or {})
        self.reads()

    def reads(self) -> None:
        """Assert that what stands in braces is known, else the frontend shows no text."""
        texts = [str(ENGLISH["step"][self.result["step_id"]])]
        texts += [ENGLISH["error"][error] for error in (self.result.get("errors") or {}).values()]
        needed = re.findall(r"\{(\w+)\}", " ".join(texts))
        assert {*needed} <= {*(self.result["description_placeholders"] or {})}

    def placeholder(self, name: str) -> str:
        """Return what stands in the texts of the form."""
        return self.result["description_placeholders"][name]

    def chosen(self) -> Any:
        """Return what the form would do now."""
        schema = self.result["data_schema"].schema
        return next(field.default() for field in schema if field == "next")

    def suggested(self) -> dict[str, Any]:
        """Return what stands in the form already."""
        schema = self.result["data_schema"].schema
        return {str(field): (field.description or {}).get("suggested_value") for field in schema}

    def entry(self, name: str) -> ConfigEntry:
        """Assert that an entry was made for the account of this name, and return it."""
        assert self.result["type"] is FlowResultType.CREATE_ENTRY
        assert self.result["title"] == name
        assert self.result["result"].state is ConfigEntryState.LOADED
        return self.result["result"]

    def ends(self, reason: str) -> None:
        """Assert how the flow ends without an entry of its own."""
        assert self.result["type"] is FlowResultType.ABORT
        assert self.result["reason"] == reason


@pytest.fixture
def owner(hass: HomeAssistant, simulator: Simulator) -> Owner:
    return Owner(hass, simulator)


def token(simulator: Simulator, account: str) -> str:
    """Return a token as the owner finds it in a browser."""
    accounts = simulator.cloud.accounts
    return accounts.token(accounts.find(account), dt_util.utcnow())


def form_fields(result: ConfigFlowResult) -> list[dict[str, Any]]:
    """Return the fields of a form as the frontend is told of them."""
    return probatio.to_field_list(result["data_schema"], custom_serializer=cv.custom_serializer)


def asked(simulator: Simulator) -> list[str]:
    """Return the paths that were asked for since the last time."""
    paths = [request["path"] for request in simulator.cloud.requests()]
    simulator.cloud.clear_requests()
    return paths


# The ways


async def test_password(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("password")
    owner.sees("password")
    await owner.submit(PASSWORD)
    entry = owner.entry("Plain Maker")
    assert entry.unique_id == str(simulator.cloud.accounts.find("password").uid)
    assert entry.data == {
        "region": "global",
        "account": "password@example.com",
        "token": entry.data["token"],
        "expires_at": "2027-02-18T12:00:00+00:00",
    }
    assert entry.data["token"].startswith("AQ")


async def test_password_then_code(owner: Owner) -> None:
    await owner.begin("password")
    values = {"account": " demo@example.com ", "password": "demo-password"}
    await owner.submit({"region": "global", **values})
    owner.sees("code")
    assert (owner.placeholder("account"), owner.chosen()) == ("demo@example.com", "sign_in")
    await owner.enter_code("demo")
    assert owner.entry("Demo Maker").data["account"] == "demo@example.com"


async def test_email_code(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("email_code")
    owner.sees("email_code")
    await owner.submit(EMAIL)
    owner.sees("code")
    code = simulator.cloud.code("google")["code"]
    await owner.submit({"code": f" {code[:3]}-{code[3:]} ", "next": "sign_in"})
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize("account", ["totp", "tfa"])
async def test_authenticator_app(owner: Owner, account: str) -> None:
    await owner.begin("password")
    values = {"account": f"{account}@example.com", "password": f"{account}-password"}
    await owner.submit({"region": "global", **values})
    owner.sees("totp")
    await owner.enter_totp(account)
    assert owner.result["type"] is FlowResultType.CREATE_ENTRY
    # The web host does not say for how long.
    assert owner.result["data"][CONF_EXPIRES_AT] == "2027-02-18T12:00:00+00:00"


async def test_code_instead_of_the_authenticator_app(owner: Owner) -> None:
    await owner.begin("password")
    await owner.submit(TOTP)
    await owner.submit({"next": "send_code"})
    owner.sees("code")
    await owner.enter_code("totp")
    owner.entry("Careful Maker")


async def test_digits_of_other_scripts_are_no_phone_number(
    owner: Owner, simulator: Simulator
) -> None:
    await owner.begin("sms_code")
    await owner.submit({"account": "\N{ARABIC-INDIC DIGIT ONE}" * 11})
    owner.sees("sms_code", {"account": "not_a_phone_number"})
    assert asked(simulator) == []


@pytest.mark.parametrize(
    "number",
    [
        "13800000000",
        "+8613800000000",
        "+86 138 0000 0000",
        "138-0000-0000",
        "0086 138 0000 0000",
        "8613800000000",
        "(+86) 138 0000 0000",
        "138\N{NO-BREAK SPACE}0000\N{NO-BREAK SPACE}0000",
        "138\N{EN DASH}0000\N{EN DASH}0000",
        "\N{LEFT-TO-RIGHT EMBEDDING}13800000000\N{POP DIRECTIONAL FORMATTING}",
        "\uff11\uff13\uff18" + "\uff10" * 8,
    ],
)
async def test_sms_code(owner: Owner, number: str) -> None:
    await owner.begin("sms_code")
    owner.sees("sms_code")
    await owner.submit({"account": number})
    owner.sees("code")
    await owner.enter_code("china")
    data = owner.entry("Shenzhen Maker").data
    assert (data["region"], data["account"]) == ("china", "13800000000")


async def test_password_of_a_phone_number(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("password")
    values = {"account": "138 0000 0000", "password": "china-password"}
    await owner.submit({"region": "global", **values})
    owner.sees("password", {"region": "wrong_region"})
    assert asked(simulator) == []
    await owner.submit({"region": "china", **values})
    owner.sees("code")
    await owner.enter_code("china")
    owner.entry("Shenzhen Maker")


@pytest.mark.parametrize(
    "pasted",
    [
        "{}",
        "  {}\n",
        "Bearer {}",
        "bearer {}",
        "Authorization: Bearer {}",
        '"{}"',
        "token={}",
        "token={}; Path=/; HttpOnly",
        "token={}; bbl_csrf_token=AAAA",
        "lang=en; token={}; refreshToken=other",
    ],
)
async def test_token(owner: Owner, simulator: Simulator, pasted: str) -> None:
    good = token(simulator, "google")
    await owner.begin("token")
    owner.sees("token")
    await owner.submit({"region": "global", "token": pasted.format(good)})
    assert owner.entry("Single Sign-On Maker").data == {
        "region": "global",
        "account": "",
        "token": good,
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("way", "autocomplete"),
    [
        ("password", {"account": "username", "password": "current-password"}),
        ("email_code", {"account": "username"}),
        ("sms_code", {"account": "tel"}),
        ("token", {"token": "off"}),
    ],
)
async def test_autocomplete(owner: Owner, way: str, autocomplete: dict[str, str]) -> None:
    result = await owner.begin(way)
    fields = {str(field): value.config for field, value in result["data_schema"].schema.items()}
    assert {name: fields[name]["autocomplete"] for name in autocomplete} == autocomplete


async def test_autocomplete_of_codes(owner: Owner) -> None:
    await owner.begin("email_code")
    result = await owner.submit(EMAIL)
    assert result["data_schema"].schema["code"].config["autocomplete"] == "one-time-code"


@pytest.mark.parametrize(
    ("region", "host"), [("global", "api.bambulab.com"), ("china", "api.bambulab.cn")]
)
async def test_region(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    monkeypatch.delenv("BAMBU_LAB_CLOUD_URL")
    await owner.begin("token")
    with patch(
        "custom_components.bambu_lab_cloud.api.client.send", side_effect=CannotConnectError
    ) as send:
        await owner.submit({"region": region, "token": "AQnonsense"})
    owner.sees("token", {"base": "cannot_connect"})
    (_, _, url), _ = send.call_args
    assert (url.scheme, url.host) == ("https", host)


@pytest.mark.parametrize("way", ["password", "email_code", "sms_code", "token"])
async def test_another_way_from_the_first_form_on(
    owner: Owner, simulator: Simulator, way: str
) -> None:
    result = await owner.begin(way)
    assert owner.chosen() == "sign_in"
    # The frontend would not send a form with a field that is required and empty.
    assert [field for field in form_fields(result) if field["required"]] == []
    await owner.submit({"next": "other_way"})
    assert owner.result["step_id"] == "user"
    assert asked(simulator) == []
    await owner.choose("password")
    await owner.submit(PASSWORD)
    owner.entry("Plain Maker")


async def test_secrets_are_marked(owner: Owner) -> None:
    """What does not fit is told without them."""
    forms = [await owner.begin(way) for way in ("password", "email_code", "sms_code", "token")]
    await owner.begin("email_code")
    forms.append(await owner.submit(EMAIL))
    await owner.begin("password")
    forms.append(await owner.submit(TOTP))
    marked = [
        (form["step_id"], field["name"])
        for form in forms
        for field in form_fields(form)
        if field.get("secret")
    ]
    assert marked == [
        ("password", "password"),
        ("token", "token"),
        ("code", "code"),
        ("totp", "code"),
    ]


# What goes wrong, and then right


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *LOGIN_FAULTS,
        *((fault, "invalid_auth") for fault in ["incorrect_password", *SAYS_NOTHING, *REFUSALS]),
    ],
)
async def test_password_fails(owner: Owner, simulator: Simulator, fault: str, error: str) -> None:
    await owner.begin("password")
    simulator.cloud.add_fault(fault, LOGIN)
    await owner.submit(PASSWORD)
    owner.sees("password", {"base": error})
    assert asked(simulator) == [LOGIN]
    simulator.cloud.clear_faults()
    await owner.submit({**PASSWORD, "next": "sign_in"})
    owner.entry("Plain Maker")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({**PASSWORD, "password": "wrong"}, {"base": "invalid_auth"}),
        ({**PASSWORD, "account": "nobody@example.com"}, {"base": "invalid_auth"}),
        ({**PASSWORD, "account": "google@example.com"}, {"base": "invalid_auth"}),
        ({**PASSWORD, "account": "captcha@example.com"}, {"base": "captcha"}),
        ({**PASSWORD, "account": "blocked@example.com"}, {"base": "blocked"}),
        ({**PASSWORD, "account": "limited@example.com"}, {"base": "rate_limited"}),
        ({**PASSWORD, "account": "13800000000"}, {"region": "wrong_region"}),
        ({**PASSWORD, "account": " "}, {"account": "not_an_account"}),
        ({**PASSWORD, "account": "maker"}, {"account": "not_an_account"}),
    ],
)
async def test_wrong_values_with_a_password(
    owner: Owner, values: dict[str, str], error: dict[str, str]
) -> None:
    await owner.begin("password")
    await owner.submit(values)
    owner.sees("password", error)
    await owner.submit({**PASSWORD, "next": "sign_in"})
    owner.entry("Plain Maker")


async def test_rate_limit_says_how_long(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("password")
    simulator.cloud.add_fault("rate_limited", LOGIN)
    await owner.submit(PASSWORD)
    assert owner.placeholder("wait") == "5 min"


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [
        ("301", "6 min"),
        ("3660", "61 min"),
        ("7199", "120 min"),
        ("7200", "2 h"),
        ("7201", "3 h"),
        ("1000000", "6 h"),
    ],
)
async def test_long_waits_are_told_in_hours(
    owner: Owner, simulator: Simulator, seconds: str, wait: str
) -> None:
    refusal = Answer(429, None, {"Retry-After": seconds})
    simulator.cloud.accounts.find("password").refusal = refusal
    await owner.begin("password")
    await owner.submit(PASSWORD)
    owner.sees("password", {"base": "rate_limited"})
    assert owner.placeholder("wait") == wait


async def test_secrets_are_not_suggested(owner: Owner) -> None:
    await owner.begin("password")
    await owner.submit({**PASSWORD, "password": "wrong"})
    assert owner.suggested() == {
        "region": "global",
        "account": "password@example.com",
        "password": None,
        "next": None,
    }


@pytest.mark.parametrize(
    ("way", "values", "path", "account"),
    [
        ("email_code", EMAIL, SEND_EMAIL, "google"),
        ("sms_code", PHONE, SEND_SMS, "china"),
    ],
)
@pytest.mark.parametrize(("fault", "error"), SEND_FAULTS)
async def test_sending_a_code_fails(
    owner: Owner,
    simulator: Simulator,
    way: str,
    values: dict[str, str],
    path: str,
    account: str,
    fault: str,
    error: str,
) -> None:
    await owner.begin(way)
    simulator.cloud.add_fault(fault, path)
    await owner.submit(values)
    owner.sees(way, {"base": error})
    assert asked(simulator) == [path]
    simulator.cloud.clear_faults()
    await owner.submit({**values, "next": "sign_in"})
    owner.sees("code")
    await owner.enter_code(account)
    assert owner.result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("way", "wrong", "error", "right", "account"),
    [
        ("email_code", {"region": "china", **PHONE}, "not_an_email", EMAIL, "google"),
        ("sms_code", {"account": "google@example.com"}, "not_a_phone_number", PHONE, "china"),
    ],
)
async def test_account_of_another_kind(
    owner: Owner,
    simulator: Simulator,
    way: str,
    wrong: dict[str, str],
    error: str,
    right: dict[str, str],
    account: str,
) -> None:
    await owner.begin(way)
    await owner.submit(wrong)
    owner.sees(way, {"account": error})
    assert asked(simulator) == []
    await owner.submit({**right, "next": "sign_in"})
    await owner.enter_code(account)
    assert owner.result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_mistake_does_not_move_to_china(owner: Owner) -> None:
    await owner.begin("sms_code")
    await owner.submit({"account": "google@example.com"})
    await owner.submit({"next": "other_way"})
    await owner.choose("email_code")
    assert owner.suggested()["account"] == "google@example.com"
    assert owner.suggested()["region"] == "global"
    await owner.submit({**EMAIL, "account": "password@example.com"})
    await owner.submit({"next": "other_way"})
    await owner.choose("sms_code")
    assert not owner.suggested()["account"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *LOGIN_FAULTS,
        ("incorrect_code", "invalid_code"),
        ("expired_code", "expired_code"),
        *((fault, "invalid_code") for fault in REFUSALS),
        *((fault, "used_code") for fault in SAYS_NOTHING),
    ],
)
async def test_code_fails(owner: Owner, simulator: Simulator, fault: str, error: str) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    simulator.cloud.add_fault(fault, LOGIN)
    await owner.enter_code("google")
    owner.sees("code", {"base": error})
    simulator.cloud.clear_faults()
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_wrong_code(owner: Owner) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    await owner.submit({"code": "none", "next": "sign_in"})
    owner.sees("code", {"base": "invalid_code"})
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_no_code(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    asked(simulator)
    await owner.submit({"next": "sign_in"})
    owner.sees("code", {"code": "code_missing"})
    assert asked(simulator) == []
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_expired_code(owner: Owner, freezer: FrozenDateTimeFactory) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    freezer.tick(timedelta(minutes=6))
    await owner.enter_code("google")
    owner.sees("code", {"base": "expired_code"})
    assert owner.chosen() == "send_code"
    await owner.submit({"next": "send_code"})
    owner.sees("code")
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_typed_code_is_used_where_a_new_one_is_chosen(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    freezer.tick(timedelta(minutes=6))
    await owner.enter_code("google")
    assert owner.chosen() == "send_code"
    simulator.cloud.accounts.send_code("google@example.com", dt_util.utcnow())
    asked(simulator)
    await owner.submit({"code": simulator.cloud.code("google")["code"], "next": "send_code"})
    owner.entry("Single Sign-On Maker")
    assert SEND_EMAIL not in asked(simulator)


async def test_code_that_was_tried_gives_way_to_a_new_one(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    """A browser may fill it in once more."""
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    freezer.tick(timedelta(minutes=6))
    await owner.enter_code("google")
    old = simulator.cloud.code("google")["code"]
    asked(simulator)
    await owner.submit({"code": old, "next": "send_code"})
    owner.sees("code")
    assert asked(simulator) == [SEND_EMAIL]
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_typed_totp_is_used_where_a_code_is_chosen(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    await owner.begin("password")
    await owner.submit(TOTP)
    simulator.cloud.add_fault("cloudflare", WEB, times=1)
    await owner.enter_totp("totp")
    assert owner.chosen() == "send_code"
    freezer.tick(timedelta(seconds=31))
    accounts = simulator.cloud.accounts
    code = accounts.totp(accounts.find("totp"), dt_util.utcnow())
    await owner.submit({"code": code, "next": "send_code"})
    owner.entry("Careful Maker")


async def test_code_of_another_account(owner: Owner, simulator: Simulator) -> None:
    simulator.cloud.accounts.send_code("google@example.com", dt_util.utcnow())
    await owner.begin("email_code")
    await owner.submit({**EMAIL, "account": "demo@example.com"})
    await owner.enter_code("google")
    owner.sees("code", {"base": "invalid_code"})
    await owner.enter_code("demo")
    owner.entry("Demo Maker")


async def test_used_code(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    simulator.cloud.add_fault("unauthorized", PREFERENCE, times=1)
    await owner.enter_code("google")
    # The token that the code has brought is not tried again, and the code is spent.
    owner.sees("code", {"base": "refused"})
    assert owner.chosen() == "send_code"
    await owner.enter_code("google")
    owner.sees("code", {"base": "used_code"})
    freezer.tick(timedelta(seconds=61))
    await owner.submit({"next": "send_code"})
    owner.sees("code")
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_code_that_was_never_sent(owner: Owner) -> None:
    """The cloud says that it sends a code, whatever the address."""
    await owner.begin("email_code")
    await owner.submit({**EMAIL, "account": "gogle@example.com"})
    await owner.submit({"code": "123456", "next": "sign_in"})
    owner.sees("code", {"base": "expired_code"})
    await owner.submit({"next": "other_way"})
    await owner.choose("email_code")
    await owner.submit(EMAIL)
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize(("fault", "error"), SEND_FAULTS)
async def test_sending_another_code_fails(
    owner: Owner,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    fault: str,
    error: str,
) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    freezer.tick(timedelta(seconds=61))
    simulator.cloud.add_fault(fault, SEND_EMAIL)
    await owner.submit({"next": "send_code"})
    owner.sees("code", {"base": error})
    simulator.cloud.clear_faults()
    # The code before is still good.
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize("seconds", [61, -3600])
async def test_superseded_code(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory, seconds: int
) -> None:
    """A minute later, or when the clock was set back, which is not worth an hour of waiting."""
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    first = simulator.cloud.code("google")["code"]
    freezer.tick(timedelta(seconds=seconds))
    await owner.submit({"next": "send_code"})
    owner.sees("code")
    await owner.submit({"code": first, "next": "sign_in"})
    owner.sees("code", {"base": "used_code"})
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_cool_down(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    asked(simulator)
    freezer.tick(timedelta(seconds=15.5))
    await owner.submit({"next": "send_code"})
    owner.sees("code", {"base": "code_just_sent"})
    assert owner.placeholder("wait") == "45 s"
    # Whoever comes back to the form is led to the code, not kept from it.
    await owner.submit({"next": "other_way"})
    await owner.choose("email_code")
    await owner.submit(EMAIL)
    owner.sees("code", {"base": "code_just_sent"})
    assert asked(simulator) == []
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_cool_down_is_per_account(owner: Owner) -> None:
    await owner.begin("email_code")
    await owner.submit({**EMAIL, "account": "gogle@example.com"})
    await owner.submit({"next": "other_way"})
    await owner.choose("email_code")
    await owner.submit(EMAIL)
    owner.sees("code")
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


async def test_too_many_codes(
    owner: Owner, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    for _ in range(5):
        simulator.cloud.accounts.send_code("google@example.com", dt_util.utcnow())
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    owner.sees("email_code", {"base": "too_many_codes"})
    assert owner.placeholder("wait") == "10 min"
    freezer.tick(timedelta(minutes=11))
    await owner.submit({**EMAIL, "next": "sign_in"})
    await owner.enter_code("google")
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((fault, FAULTS[fault]) for fault in ("bad_gateway", "captcha", "disconnect")),
        *((fault, "totp_refused") for fault in ("cloudflare", "csrf", "forbidden", "html")),
        ("not_found", "totp_refused"),
        ("rate_limited", "rate_limited"),
        ("login_failed", "invalid_totp"),
    ],
)
async def test_authenticator_app_fails(
    owner: Owner, simulator: Simulator, fault: str, error: str
) -> None:
    await owner.begin("password")
    await owner.submit(TOTP)
    simulator.cloud.add_fault(fault, "/api/sign-in")
    await owner.enter_totp("totp")
    owner.sees("totp", {"base": error})
    simulator.cloud.clear_faults()
    await owner.enter_totp("totp")
    owner.entry("Careful Maker")


async def test_web_host_refuses(owner: Owner, simulator: Simulator) -> None:
    await owner.begin("password")
    await owner.submit(TOTP)
    simulator.cloud.add_fault("cloudflare", WEB)
    await owner.enter_totp("totp")
    owner.sees("totp", {"base": "totp_refused"})
    assert owner.chosen() == "send_code"
    await owner.submit({"next": "send_code"})
    await owner.enter_code("totp")
    owner.entry("Careful Maker")


async def test_wrong_totp(owner: Owner) -> None:
    await owner.begin("password")
    await owner.submit(TOTP)
    await owner.submit({"code": "none", "next": "sign_in"})
    owner.sees("totp", {"base": "invalid_totp"})
    await owner.enter_totp("totp")
    owner.entry("Careful Maker")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *LOGIN_FAULTS,
        *((fault, "invalid_token") for fault in ("unauthorized", "unauthorized_empty")),
    ],
)
async def test_token_cannot_be_checked(
    owner: Owner, simulator: Simulator, fault: str, error: str
) -> None:
    values = {"region": "global", "token": token(simulator, "google")}
    await owner.begin("token")
    simulator.cloud.add_fault(fault, PREFERENCE)
    await owner.submit(values)
    owner.sees("token", {"base": error})
    assert set(asked(simulator)) == {PREFERENCE}
    simulator.cloud.clear_faults()
    await owner.submit({**values, "next": "sign_in"})
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize("wrong", ["AQnonsense", "ä\n€", "google@example.com", "x" * 4000])
async def test_wrong_token(owner: Owner, simulator: Simulator, wrong: str) -> None:
    await owner.begin("token")
    await owner.submit({"region": "global", "token": wrong})
    owner.sees("token", {"base": "invalid_token"})
    good = token(simulator, "google")
    await owner.submit({"region": "global", "token": good, "next": "sign_in"})
    owner.entry("Single Sign-On Maker")


@pytest.mark.parametrize(
    ("way", "errors"),
    [
        ("password", {"account": "not_an_account", "password": "password_missing"}),
        ("email_code", {"account": "not_an_email"}),
        ("sms_code", {"account": "not_a_phone_number"}),
        ("token", {"token": "token_missing"}),
    ],
)
async def test_empty_form(
    owner: Owner, simulator: Simulator, way: str, errors: dict[str, str]
) -> None:
    await owner.begin(way)
    await owner.submit({"next": "sign_in"})
    owner.sees(way, errors)
    assert asked(simulator) == []


@pytest.mark.parametrize(
    ("way", "values", "field", "error"),
    [
        ("password", {**PASSWORD, "password": ""}, "password", "password_missing"),
        ("token", {"region": "global", "token": " "}, "token", "token_missing"),
        ("token", {"region": "global", "token": "Bearer "}, "token", "token_missing"),
    ],
)
async def test_nothing_is_asked_with_a_secret_that_is_missing(
    owner: Owner,
    simulator: Simulator,
    way: str,
    values: dict[str, str],
    field: str,
    error: str,
) -> None:
    """Each failed attempt brings the captcha closer."""
    await owner.begin(way)
    await owner.submit(values)
    owner.sees(way, {field: error})
    assert asked(simulator) == []
    good = {**PASSWORD, "token": token(simulator, "password")}
    await owner.submit({key: good[key] for key in values} | {"next": "sign_in"})
    owner.entry("Plain Maker")


async def test_token_after_another_way(owner: Owner, simulator: Simulator) -> None:
    """The account that was typed for the other way is not the token's."""
    await owner.begin("password")
    await owner.submit({**PASSWORD, "account": "demo@example.com"})
    await owner.submit({"next": "other_way"})
    await owner.choose("token")
    await owner.submit({"region": "global", "token": token(simulator, "password")})
    assert owner.entry("Plain Maker").data["account"] == ""


async def test_revoked_token(owner: Owner, simulator: Simulator) -> None:
    old = token(simulator, "google")
    simulator.cloud.revoke("google")
    await owner.begin("token")
    await owner.submit({"region": "global", "token": old})
    owner.sees("token", {"base": "invalid_token"})


@pytest.mark.parametrize(
    ("fault", "error"), [("server_error", "cannot_connect"), ("unauthorized", "refused")]
)
async def test_account_cannot_be_read_after_the_password(
    owner: Owner, simulator: Simulator, fault: str, error: str
) -> None:
    await owner.begin("password")
    simulator.cloud.add_fault(fault, PREFERENCE, times=1)
    await owner.submit(PASSWORD)
    owner.sees("password", {"base": error})
    assert owner.chosen() == "sign_in"
    await owner.submit({**PASSWORD, "next": "sign_in"})
    owner.entry("Plain Maker")


async def test_code_is_not_lost_when_the_account_cannot_be_read(
    owner: Owner, simulator: Simulator
) -> None:
    await owner.begin("email_code")
    await owner.submit(EMAIL)
    simulator.cloud.add_fault("server_error", PREFERENCE, times=1)
    await owner.enter_code("google")
    owner.sees("code", {"base": "cannot_connect"})
    asked(simulator)
    await owner.submit({"next": "sign_in"})
    owner.entry("Single Sign-On Maker")
    assert LOGIN not in asked(simulator)


@pytest.mark.parametrize(
    ("way", "values", "path"),
    [
        ("password", PASSWORD, LOGIN),
        ("email_code", EMAIL, SEND_EMAIL),
        ("sms_code", PHONE, SEND_SMS),
        ("token", {"region": "global", "token": "AQnonsense"}, PREFERENCE),
    ],
)
async def test_no_answer_in_time(
    owner: Owner,
    simulator: Simulator,
    freezer: FrozenDateTimeFactory,
    way: str,
    values: dict[str, str],
    path: str,
) -> None:
    await owner.begin(way)
    simulator.cloud.add_fault("timeout", path)
    submitted = asyncio.ensure_future(owner.submit(values))
    while not submitted.done():
        freezer.tick()
        await asyncio.sleep(0)
    owner.sees(way, {"base": "cannot_connect"})
    await owner.submit({"next": "other_way"})
    await owner.choose("password")
    simulator.cloud.clear_faults()
    await owner.submit(PASSWORD)
    owner.entry("Plain Maker")


@pytest.mark.parametrize(
    ("way", "values", "method"),
    [
        ("password", PASSWORD, "with_password"),
        ("email_code", EMAIL, "send_email_code"),
        ("sms_code", PHONE, "send_sms_code"),
    ],
)
async def test_unknown_error(
    owner: Owner,
    caplog: pytest.LogCaptureFixture,
    way: str,
    values: dict[str, str],
    method: str,
) -> None:
    await owner.begin(way)
    with patch.object(BambuLogin, method, side_effect=RuntimeError):
        await owner.submit(values)
    owner.sees(way, {"base": "unknown"})
    assert "Unexpected error while signing in" in caplog.text
    await owner.submit({"next": "other_way"})
    await owner.choose("password")
    await owner.submit(PASSWORD)
    owner.entry("Plain Maker")


async def test_form_is_closed_while_the_cloud_is_asked(
    hass: HomeAssistant, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """The session goes with the form, so that the second of three requests finds none."""

    async def close(*args: Any, **kwargs: Any) -> Any:
        answer = await send(*args, **kwargs)
        hass.config_entries.flow.async_abort(owner.result["flow_id"])
        return answer

    await owner.begin("password")
    await owner.submit(TOTP)
    with (
        patch("custom_components.bambu_lab_cloud.api.login.send", side_effect=close) as sent,
        pytest.raises(UnknownFlow),
    ):
        await owner.enter_totp("totp")
    assert sent.call_count == 2
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("password", PASSWORD),
        ("email_code", EMAIL),
        ("sms_code", PHONE),
        ("token", {"region": "global", "token": "AQnonsense"}),
    ],
)
async def test_another_way_after_a_failure(
    owner: Owner, simulator: Simulator, way: str, values: dict[str, str]
) -> None:
    await owner.begin(way)
    simulator.cloud.add_fault("captcha", "*")
    await owner.submit(values)
    owner.sees(way, {"base": "captcha"})
    assert owner.chosen() == "other_way"
    simulator.cloud.clear_faults()
    asked(simulator)
    await owner.submit({"next": "other_way"})
    assert owner.result["step_id"] == "user"
    assert asked(simulator) == []
    await owner.choose("password")
    await owner.submit(PASSWORD)
    owner.entry("Plain Maker")


@pytest.mark.parametrize(
    ("seconds", "expires_at"),
    [
        (3600, "2026-11-20T13:00:00+00:00"),
        (31_536_000, "2027-11-20T12:00:00+00:00"),
        (10**15, None),
    ],
)
async def test_expiry(
    owner: Owner, simulator: Simulator, seconds: int, expires_at: str | None
) -> None:
    answer = {"accessToken": token(simulator, "password"), "expiresIn": seconds}
    await owner.begin("password")
    with patch.object(simulator.cloud.accounts, "issue", return_value=answer):
        await owner.submit(PASSWORD)
    assert owner.entry("Plain Maker").data["expires_at"] == expires_at


async def test_account_without_a_name(owner: Owner, simulator: Simulator) -> None:
    simulator.cloud.accounts.find("password").name = ""
    await owner.begin("password")
    await owner.submit(PASSWORD)
    owner.entry("Bambu Lab")


# Several accounts


async def test_account_that_is_set_up_already(owner: Owner, entry: MockConfigEntry) -> None:
    await owner.begin("email_code")
    await owner.submit({**EMAIL, "account": "demo@example.com"})
    await owner.enter_code("demo")
    owner.ends("already_configured")
    assert entry.state is ConfigEntryState.LOADED


async def test_token_of_an_account_that_is_set_up_already(
    owner: Owner, entry: MockConfigEntry
) -> None:
    """It does not tell the address, which stays known for the next time."""
    await owner.begin("token")
    await owner.submit({"region": "global", "token": entry.data["token"]})
    owner.ends("already_configured")
    assert entry.data["account"] == "demo@example.com"


@pytest.mark.parametrize("notice", ["poll", "reload"])
async def test_account_that_has_stopped_is_added_again(
    hass: HomeAssistant,
    owner: Owner,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    notice: str,
) -> None:
    """Its entry goes on, with nothing left to repair."""
    simulator.cloud.revoke("demo@example.com")
    await {"poll": lambda: wait(IDLE), "reload": lambda: reload(hass, entry)}[notice]()
    assert len(hass.config_entries.flow.async_progress()) == 1
    await owner.begin("email_code")
    await owner.submit({**EMAIL, "account": "demo@example.com"})
    await owner.enter_code("demo")
    owner.ends("already_configured")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.config_entries.flow.async_progress() == []
    await wait(IDLE)
    assert hass.states.get("sensor.p1s").state == "finished"


async def test_two_flows_for_one_account(
    hass: HomeAssistant, owner: Owner, simulator: Simulator
) -> None:
    other = Owner(hass, simulator)
    await other.begin("email_code")
    await owner.begin("password")
    await owner.submit(PASSWORD)
    owner.entry("Plain Maker")
    await other.submit({**EMAIL, "account": "password@example.com"})
    await other.enter_code("password")
    other.ends("already_configured")


async def test_accounts_share_no_cookies(owner: Owner) -> None:
    with patch("simulator.server.Call", wraps=Call) as calls:
        for account, name in (("totp", "Careful Maker"), ("tfa", "Cautious Maker")):
            await owner.begin("password")
            values = {"account": f"{account}@example.com", "password": f"{account}-password"}
            await owner.submit({"region": "global", **values})
            await owner.enter_totp(account)
            owner.entry(name)
    cookies = [(call.kwargs["path"], [*call.kwargs["cookies"]]) for call in calls.mock_calls]
    assert [each for each in cookies if each[1]] == [("/api/sign-in/tfa", ["bbl_csrf_token"])] * 2


async def test_sign_ins_keep_no_cookies(owner: Owner) -> None:
    # No jar keeps the cookies of a bare address, such as the simulator's.
    sessions: list[ClientSession] = []
    with patch(
        "custom_components.bambu_lab_cloud.config_flow.cloud_login",
        side_effect=lambda session, region: (
            sessions.append(session) or cloud_login(session, region)
        ),
    ):
        await owner.begin("password")
        await owner.submit(PASSWORD)
    owner.entry("Plain Maker")
    (session,) = sessions
    assert isinstance(session.cookie_jar, DummyCookieJar)
    # It is let go, and the connections that it borrowed stay open for all others.
    assert session.closed
    assert session.connector is None


async def test_printer_shared_by_two_accounts(
    hass: HomeAssistant,
    owner: Owner,
    simulator: Simulator,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    await owner.begin("password")
    await owner.submit(
        {"region": "global", "account": "partner@example.com", "password": "partner-password"}
    )
    partner = owner.entry("Partner Maker")
    (shared,) = simulator.cloud.printers_of(simulator.cloud.accounts.find("partner"))
    devices = [
        device_registry.async_get_device_by_identifier((DOMAIN, shared.dev_id), each.entry_id)
        for each in (entry, partner)
    ]
    assert devices[0].id != devices[1].id
    online = [
        entity_registry.async_get_entity_id(
            "binary_sensor", DOMAIN, f"{each.unique_id}_{shared.dev_id}_online"
        )
        for each in (entry, partner)
    ]
    assert [hass.states.get(entity_id).state for entity_id in online] == ["on", "on"]
    assert len(set(online)) == 2
    await hass.config_entries.async_remove(partner.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(online[0]).state == "on"
    assert hass.states.get(online[1]) is None


# Reconfigure


async def test_reconfigure(owner: Owner, simulator: Simulator, entry: MockConfigEntry) -> None:
    old = dict(entry.data)
    context = {"source": "reconfigure", "entry_id": entry.entry_id}
    await owner.begin("email_code", **context)
    assert owner.suggested()["account"] == "demo@example.com"
    assert owner.suggested()["region"] == "global"
    await owner.submit({**EMAIL, "account": "demo@example.com"})
    await owner.submit({"next": "other_way"})
    assert owner.result["step_id"] == "reconfigure"
    await owner.choose("token")
    await owner.submit({"region": "global", "token": token(simulator, "demo")})
    owner.ends("reconfigure_successful")
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data == {
        **old,
        "token": entry.data["token"],
        # Nobody knows for how long a pasted token is good.
        "expires_at": None,
    }
    assert entry.data["token"] != old["token"]


async def test_the_owner_need_not_wait_for_a_captcha_to_pass(
    hass: HomeAssistant, owner: Owner, simulator: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    """Only what Home Assistant asks by itself does, even where the token stays the same."""
    simulator.cloud.add_fault("captcha", "*")
    await wait(timedelta(minutes=10))
    values = {"region": "global", "token": entry.data["token"]}
    await owner.begin("token", source="reconfigure", entry_id=entry.entry_id)
    await owner.submit(values)
    owner.sees("token", {"base": "captcha"})
    simulator.cloud.clear_faults()
    asked(simulator)
    await wait(timedelta(hours=3))
    assert asked(simulator) == []
    await owner.submit({**values, "next": "sign_in"})
    owner.ends("reconfigure_successful")
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("binary_sensor.workshop_x1c_connectivity").state == "on"


async def test_address_that_was_cleared_is_not_used(
    owner: Owner, simulator: Simulator, entry: MockConfigEntry
) -> None:
    await owner.begin("email_code", source="reconfigure", entry_id=entry.entry_id)
    asked(simulator)
    await owner.submit({"region": "global", "next": "sign_in"})
    owner.sees("email_code", {"account": "not_an_email"})
    assert asked(simulator) == []


@pytest.mark.parametrize(
    "steps",
    [
        [{"next_step_id": "password"}],
        [{"next_step_id": "password"}, {"next": "sign_in", **DEMO}],
        [{"next_step_id": "password"}, {"next": "other_way"}],
        [{"next_step_id": "token"}, {"region": "global", "token": "AQnonsense"}],
        [{"next_step_id": "password"}, DEMO, {"code": "123456", "next": "sign_in"}],
        [{"next_step_id": "password"}, DEMO, {"next": "send_code"}],
    ],
)
async def test_account_is_removed_while_it_is_reconfigured(
    hass: HomeAssistant,
    owner: Owner,
    simulator: Simulator,
    entry: MockConfigEntry,
    steps: list[dict[str, str]],
) -> None:
    context = {"source": "reconfigure", "entry_id": entry.entry_id}
    owner.result = await hass.config_entries.flow.async_init(DOMAIN, context=context)
    for step in steps[:-1]:
        await owner.submit(step)
    await hass.config_entries.async_remove(entry.entry_id)
    asked(simulator)
    await owner.submit(steps[-1])
    owner.ends("entry_removed")
    assert asked(simulator) == []


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
@pytest.mark.parametrize(
    ("way", "values", "method", "answer"),
    [
        ("password", DEMO, "BambuLogin.with_password", Mock(side_effect=CannotConnectError)),
        ("password", DEMO, "BambuLogin.with_password", Mock(return_value=CodeRequired())),
        ("email_code", EMAIL, "BambuLogin.send_email_code", Mock()),
        ("token", TOKEN, "BambuCloud.get_preference", Mock(side_effect=CannotConnectError)),
        ("token", TOKEN, "BambuCloud.get_preference", Mock(return_value=Preference(uid="1"))),
    ],
)
async def test_account_is_removed_while_the_cloud_is_asked(
    hass: HomeAssistant,
    owner: Owner,
    entry: MockConfigEntry,
    source: str,
    way: str,
    values: dict[str, str],
    method: str,
    answer: Mock,
) -> None:
    async def remove(*_: str) -> Any:
        await hass.config_entries.async_remove(entry.entry_id)
        return answer()

    await owner.begin(way, source=source, entry_id=entry.entry_id)
    with patch(f"custom_components.bambu_lab_cloud.api.{method}", side_effect=remove):
        await owner.submit(values)
    owner.ends("entry_removed")
    assert hass.config_entries.async_entries(DOMAIN) == []


async def test_reconfigure_with_another_account(owner: Owner, entry: MockConfigEntry) -> None:
    old = dict(entry.data)
    await owner.begin("password", source="reconfigure", entry_id=entry.entry_id)
    await owner.submit(PASSWORD)
    owner.ends("unique_id_mismatch")
    assert (entry.data, entry.state) == (old, ConfigEntryState.LOADED)


async def test_reconfigure_ends_a_reauth_that_waits(
    hass: HomeAssistant, owner: Owner, simulator: Simulator, entry: MockConfigEntry
) -> None:
    entry.async_start_reauth(hass)
    assert len(list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))) == 1
    await owner.begin("token", source="reconfigure", entry_id=entry.entry_id)
    await owner.submit({"region": "global", "token": token(simulator, "demo")})
    owner.ends("reconfigure_successful")
    assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})) == []
