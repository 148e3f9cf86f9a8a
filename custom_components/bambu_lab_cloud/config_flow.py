"""Sign in to a Bambu Lab account, in any of the ways that Bambu Lab knows."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from math import ceil
import re
from typing import Any, override
from unicodedata import normalize

from aiohttp import ClientSession
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.const import CONF_CODE, CONF_PASSWORD, CONF_REGION, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.typing import UNDEFINED, UndefinedType
from homeassistant.util import dt as dt_util
import probatio

from .api import (
    REGIONS,
    AuthenticationError,
    BambuCloudError,
    BambuLogin,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    CodeRequired,
    ExpiredCodeError,
    InvalidCodeError,
    InvalidCredentialsError,
    RateLimitedError,
    ResponseError,
    RetryLaterError,
    Token,
    TotpRequired,
    UsedCodeError,
)
from .cloud import cloud_client, cloud_login, forget_client, login_session
from .const import CONF_ACCOUNT, CONF_EXPIRES_AT, DOMAIN, LOGGER
from .repairs import async_delete_expiry_issue

CHINA = "china"
WAYS = ["password", "email_code", "sms_code", "token"]

# A form has one button, so that the owner says what it is for where there is a choice.
CONF_NEXT = "next"
SIGN_IN = "sign_in"
SEND_CODE = "send_code"
OTHER_WAY = "other_way"

# A new code ends the one before, and codes stop coming for those who ask for many.
COOL_DOWN = timedelta(seconds=60)

REGION = SelectSelector(SelectSelectorConfig(options=list(REGIONS), translation_key="region"))
ACCOUNT = TextSelector(TextSelectorConfig(autocomplete="username"))
EMAIL = TextSelector(TextSelectorConfig(type=TextSelectorType.EMAIL, autocomplete="username"))
PHONE = TextSelector(TextSelectorConfig(type=TextSelectorType.TEL, autocomplete="tel"))
PASSWORD = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
CODE = TextSelector(TextSelectorConfig(autocomplete="one-time-code"))
TOKEN = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

# As it is typed, pasted from a list of contacts, or dialled from abroad.
_BETWEEN_DIGITS = re.compile(r"[\s()\-\u2010-\u2015\u202a-\u202e]")
_PHONE_NUMBER = re.compile(r"(?:(?:\+|00)86|86(?=\d{11}))?(\d+)", re.ASCII)

type Errors = Mapping[type[BambuCloudError], str]

ERRORS: Errors = {
    AuthenticationError: "refused",
    BlockedError: "blocked",
    CannotConnectError: "cannot_connect",
    CaptchaError: "captcha",
    ExpiredCodeError: "expired_code",
    InvalidCodeError: "invalid_code",
    InvalidCredentialsError: "invalid_auth",
    RateLimitedError: "rate_limited",
    UsedCodeError: "used_code",
}
SEND_ERRORS: Errors = {RateLimitedError: "too_many_codes"}
TOKEN_ERRORS: Errors = {AuthenticationError: "invalid_token"}
# The web host is the only one to take these codes, and it turns many away.
TOTP_ERRORS: Errors = {
    AuthenticationError: "refused",
    BlockedError: "totp_refused",
    InvalidCodeError: "invalid_totp",
    ResponseError: "totp_refused",
}
# After these a token is good for nothing.
REFUSED = ("invalid_token", "refused")
# What helps after these, so that it is chosen already.
WAY_REMEDIES = {"captcha": OTHER_WAY}
CODE_REMEDIES = {
    **WAY_REMEDIES,
    "another_account": OTHER_WAY,
    "expired_code": SEND_CODE,
    "refused": SEND_CODE,
    "totp_refused": SEND_CODE,
}


class BambuConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sign in to a Bambu Lab account, for the first time or again."""

    def __init__(self) -> None:
        """Initialize the flow."""
        self._session: ClientSession | None = None
        self._region = "global"
        self._account = ""
        self._code_sent_at: datetime | None = None
        self._tfa_key = ""
        self._token: Token | None = None
        self._wait = timedelta()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a way to sign in."""
        return self.async_show_menu(step_id="user", menu_options=WAYS)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in again, because the cloud does not know the token any more or soon will not."""
        async_delete_expiry_issue(self.hass, self._get_reauth_entry())
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in again."""
        return self._show_menu_for(self._get_reauth_entry(), "reauth_confirm")

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in again, because the owner wants to."""
        return self._show_menu_for(self._get_reconfigure_entry(), "reconfigure")

    def _show_menu_for(self, entry: ConfigEntry, step_id: str) -> ConfigFlowResult:
        """Choose a way to sign in to the account of an entry."""
        self._remember(entry.data)
        return self.async_show_menu(
            step_id=step_id,
            menu_options=WAYS,
            description_placeholders={"name": entry.title},
        )

    async def async_step_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in with the password."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input.get(CONF_NEXT) == OTHER_WAY:
                return await self._async_menu()
            self._remember(user_input)
            password = user_input.get(CONF_PASSWORD, "")
            if self._is_phone_number and self._region != CHINA:
                errors[CONF_REGION] = "wrong_region"
            elif "@" not in self._account and not self._is_phone_number:
                errors[CONF_ACCOUNT] = "not_an_account"
            elif not password:
                errors[CONF_PASSWORD] = "password_missing"
            else:
                answer = await self._async_try(
                    self._login.with_password(self._account, password), errors
                )
                match answer:
                    case Token():
                        if result := await self._async_finish(answer, errors):
                            return result
                    case CodeRequired():
                        self._code_sent_at = dt_util.utcnow()
                        return await self.async_step_code()
                    case TotpRequired():
                        self._tfa_key = answer.tfa_key
                        return await self.async_step_totp()
        return self._show_way(
            "password",
            {CONF_REGION: REGION, CONF_ACCOUNT: ACCOUNT, CONF_PASSWORD: PASSWORD},
            errors,
        )

    async def async_step_email_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code emailed, which needs no password."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input.get(CONF_NEXT) == OTHER_WAY:
                return await self._async_menu()
            self._remember(user_input)
            if "@" not in self._account:
                errors[CONF_ACCOUNT] = "not_an_email"
            elif await self._async_send_code(errors):
                return self._show_code("code", errors)
        return self._show_way("email_code", {CONF_REGION: REGION, CONF_ACCOUNT: EMAIL}, errors)

    async def async_step_sms_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code sent to a phone, as accounts in China do."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input.get(CONF_NEXT) == OTHER_WAY:
                return await self._async_menu()
            self._remember(user_input)
            if not self._is_phone_number:
                errors[CONF_ACCOUNT] = "not_a_phone_number"
            else:
                self._remember({CONF_REGION: CHINA})
                if await self._async_send_code(errors):
                    return self._show_code("code", errors)
        return self._show_way("sms_code", {CONF_ACCOUNT: PHONE}, errors)

    async def async_step_token(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a token that the owner has found."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input.get(CONF_NEXT) == OTHER_WAY:
                return await self._async_menu()
            self._remember(user_input)
            if self.source == SOURCE_USER:
                self._account = ""
            token = Token(access_token=_bare_token(user_input.get(CONF_TOKEN, "")))
            if not token.access_token:
                errors[CONF_TOKEN] = "token_missing"
            elif result := await self._async_finish(token, errors, TOKEN_ERRORS):
                return result
        return self._show_way("token", {CONF_REGION: REGION, CONF_TOKEN: TOKEN}, errors)

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code that was emailed or sent to the phone."""
        return await self._async_take_code(
            "code", lambda code: self._login.with_code(self._account, code), user_input
        )

    async def async_step_totp(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code of an authenticator app."""
        return await self._async_take_code(
            "totp",
            lambda code: self._login.with_totp(self._tfa_key, code),
            user_input,
            TOTP_ERRORS,
        )

    async def _async_take_code(
        self,
        step_id: str,
        sign_in: Callable[[str], Awaitable[Token]],
        user_input: dict[str, Any] | None,
        own_errors: Errors | None = None,
    ) -> ConfigFlowResult:
        """Take a code, or do what the owner wants instead."""
        errors: dict[str, str] = {}
        if user_input is not None:
            choice, code = user_input[CONF_NEXT], user_input.get(CONF_CODE, "")
            if choice == OTHER_WAY:
                return await self._async_menu()
            if choice == SEND_CODE:
                if await self._async_send_code(errors):
                    return self._show_code("code", errors)
            elif self._token is None and not code:
                errors[CONF_CODE] = "code_missing"
            else:
                # A code is good for one sign-in: if only what followed it failed, go on from there.
                token = self._token or await self._async_try(sign_in(code), errors, own_errors)
                if token and (result := await self._async_finish(token, errors)):
                    return result
        return self._show_code(step_id, errors)

    def _show_way(
        self, step_id: str, fields: dict[str, TextSelector | SelectSelector], errors: dict[str, str]
    ) -> ConfigFlowResult:
        """Show the form of a way to sign in.

        Once it has failed, the form also leads back to the other ways, with no secret asked for.
        """
        needed = probatio.Optional if errors else probatio.Required
        schema: dict[probatio.Marker, Any] = {
            needed(name): selector for name, selector in fields.items()
        }
        if errors:
            schema |= _choice("next_way", [SIGN_IN, OTHER_WAY], errors, WAY_REMEDIES)
        return self._show(step_id, schema, errors)

    def _show_code(self, step_id: str, errors: dict[str, str]) -> ConfigFlowResult:
        """Show the form for a code."""
        options = [SIGN_IN, SEND_CODE, OTHER_WAY]
        return self._show(
            step_id,
            {
                probatio.Optional(CONF_CODE): CODE,
                **_choice(f"next_{step_id}", options, errors, CODE_REMEDIES),
            },
            errors,
        )

    async def _async_menu(self) -> ConfigFlowResult:
        """Return to the choice of ways."""
        if self.source == SOURCE_REAUTH:
            return await self.async_step_reauth_confirm()
        if self.source == SOURCE_RECONFIGURE:
            return await self.async_step_reconfigure()
        return await self.async_step_user()

    async def _async_send_code(self, errors: dict[str, str]) -> bool:
        """Have a code sent; return if one is on its way, be it the one from a moment ago."""
        self._token = None
        if self._code_sent_at:
            self._wait = self._code_sent_at + COOL_DOWN - dt_util.utcnow()
            if self._wait > timedelta():
                errors["base"] = "code_just_sent"
                return True
        send = self._login.send_sms_code if self._is_phone_number else self._login.send_email_code
        await self._async_try(send(self._account), errors, SEND_ERRORS)
        if errors:
            return False
        self._code_sent_at = dt_util.utcnow()
        return True

    async def _async_finish(
        self, token: Token, errors: dict[str, str], own_errors: Errors | None = None
    ) -> ConfigFlowResult | None:
        """Learn whose token it is and keep it; return None with the reason if that failed."""
        client = cloud_client(self.hass, self._region, token.access_token)
        preference = await self._async_try(client.get_preference(), errors, own_errors)
        if preference is None:
            # Kept for the next try, unless it is the token itself that is refused.
            self._token = None if errors["base"] in REFUSED else token
            return None
        reauthenticates = self.source == SOURCE_REAUTH
        if reauthenticates and preference.uid != self._get_reauth_entry().unique_id:
            # To end here would leave the entry signed out with nothing to lead back in.
            self._token = None
            errors["base"] = "another_account"
            return None
        await self.async_set_unique_id(preference.uid)
        data = {
            CONF_REGION: self._region,
            CONF_ACCOUNT: self._account,
            CONF_TOKEN: token.access_token,
            CONF_EXPIRES_AT: _expires_at(token),
        }
        reason: str | UndefinedType = UNDEFINED
        if self.source == SOURCE_USER:
            entries = self.hass.config_entries
            known = entries.async_entry_for_domain_unique_id(DOMAIN, preference.uid)
            if known is None:
                # Home Assistant logs titles, so it is the public name, never the email address.
                return self.async_create_entry(title=preference.name or "Bambu Lab", data=data)
            # Whoever adds an account again often does so because it has stopped.
            entry, reason = known, "already_configured"
            # A token says nothing of the address.
            data[CONF_ACCOUNT] = self._account or known.data[CONF_ACCOUNT]
        elif reauthenticates:
            entry = self._get_reauth_entry()
        else:
            self._abort_if_unique_id_mismatch()
            entry = self._get_reconfigure_entry()
        # The cloud answers: whatever pause it has asked for before is over, also for this token.
        forget_client(self.hass, entry)
        return self.async_update_reload_and_abort(entry, data_updates=data, reason=reason)

    async def _async_try[_T](
        self, request: Awaitable[_T], errors: dict[str, str], own_errors: Errors | None = None
    ) -> _T | None:
        """Return the cloud's answer, or None with the reason for the owner to read."""
        try:
            return await request
        except BambuCloudError as err:
            known = {**ERRORS, **(own_errors or {})}
            errors["base"] = known.get(type(err), "unexpected_answer")
            if isinstance(err, RetryLaterError):
                self._wait = timedelta(seconds=err.retry_after)
        except Exception:  # noqa: BLE001 - the form stays usable whatever happens
            LOGGER.exception("Unexpected error while signing in")
            errors["base"] = "unknown"
        return None

    @property
    def _login(self) -> BambuLogin:
        """Return the sign-in of this flow, which shares no cookies with any other."""
        if self._session is None:
            self._session = login_session(self.hass)
        return cloud_login(self._session, self._region)

    @property
    def _is_phone_number(self) -> bool:
        """Return if the account is a phone number: only China has those."""
        return self._account.isdecimal()

    def _remember(self, data: Mapping[str, Any]) -> None:
        """Remember what identifies the account, for the next form and for the entry."""
        before = self._region, self._account
        self._region = data.get(CONF_REGION) or self._region
        account = data.get(CONF_ACCOUNT, self._account).strip()
        number = _PHONE_NUMBER.fullmatch(_BETWEEN_DIGITS.sub("", normalize("NFKC", account)))
        self._account = number[1] if number else account
        self._token = None
        if before != (self._region, self._account):
            self._code_sent_at = None

    def _show(
        self, step_id: str, fields: dict[probatio.Marker, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        """Show a form with what is known already, but for secrets."""
        sent_at = dt_util.as_local(self._code_sent_at) if self._code_sent_at else None
        # An email address of another way is of no use here.
        account = "" if step_id == "sms_code" and "@" in self._account else self._account
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(fields), {CONF_REGION: self._region, CONF_ACCOUNT: account}
            ),
            errors=errors,
            description_placeholders={
                "account": self._account,
                "time": sent_at.strftime("%H:%M") if sent_at else "",
                "token_url": "https://makerworld.com",
                "token_url_china": "https://makerworld.com.cn",
                "wait": _wait_text(self._wait),
            },
        )

    @override
    @callback
    def async_remove(self) -> None:
        """Let go of the session."""
        if self._session:
            self._session.detach()


def _choice(
    translation_key: str, options: list[str], errors: dict[str, str], remedies: Mapping[str, str]
) -> dict[probatio.Marker, SelectSelector]:
    """Return the field for what to do, of which that is chosen which helps."""
    remedy = next((remedies[error] for error in errors.values() if error in remedies), SIGN_IN)
    selector = SelectSelector(
        SelectSelectorConfig(
            options=options, translation_key=translation_key, mode=SelectSelectorMode.LIST
        )
    )
    return {probatio.Required(CONF_NEXT, default=remedy): selector}


def _bare_token(text: str) -> str:
    """Return the token without what was copied with it: a header, a cookie, quotes."""
    if cookie := re.search(r"(?:^|[;\s\"'])token=([^;\s\"']+)", text):
        return cookie[1]
    return re.sub(
        r"(?i)^(?:authorization:)?\s*bearer(?:\s+|$)", "", text.strip(" \t\r\n\"'")
    ).strip()


def _wait_text(wait: timedelta) -> str:
    """Return a time to wait, rounded up, with the symbol of its unit: those have no plural."""
    seconds = ceil(wait.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{ceil(seconds / length)} {unit}"
    return f"{seconds} s"


def _expires_at(token: Token) -> str | None:
    """Return until when a token is good, None where the cloud does not say."""
    if not token.expires_in:
        return None
    return (dt_util.utcnow() + timedelta(seconds=token.expires_in)).isoformat()
