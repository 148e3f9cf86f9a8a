"""Sign in to a Bambu Lab account, in any of the ways that Bambu Lab knows."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from math import ceil
from typing import Any, override

from aiohttp import ClientSession
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
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
    Token,
    TotpRequired,
)
from .cloud import cloud_client, cloud_login, login_session
from .const import CONF_ACCOUNT, CONF_EXPIRES_AT, DOMAIN, LOGGER

CHINA = "china"
WAYS = ["password", "email_code", "sms_code", "token"]

# Beside the code, the owner says what it is for: HTML forms of Home Assistant have one button.
CONF_NEXT = "next"
SIGN_IN = "sign_in"
SEND_CODE = "send_code"
OTHER_WAY = "other_way"

# A new code makes the one before worthless, and codes stop coming for those who ask for many.
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

ERRORS: dict[type[BambuCloudError], str] = {
    AuthenticationError: "invalid_token",
    BlockedError: "blocked",
    CannotConnectError: "cannot_connect",
    CaptchaError: "captcha",
    ExpiredCodeError: "expired_code",
    InvalidCodeError: "invalid_code",
    InvalidCredentialsError: "invalid_auth",
    RateLimitedError: "rate_limited",
}


def _next(translation_key: str) -> SelectSelector:
    """Return the choice of what to do in a form for a code."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[SIGN_IN, SEND_CODE, OTHER_WAY],
            translation_key=translation_key,
            mode=SelectSelectorMode.LIST,
        )
    )


NEXT = {"code": _next("next"), "totp": _next("next_totp")}


class BambuConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sign in to a Bambu Lab account, for the first time or anew."""

    def __init__(self) -> None:
        """Initialize the flow."""
        self._session: ClientSession | None = None
        self._region = "global"
        self._account = ""
        self._code_sent_at = dt_util.utc_from_timestamp(0)
        self._tfa_key = ""
        self._token: Token | None = None
        self._wait = timedelta()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a way to sign in."""
        return self.async_show_menu(step_id="user", menu_options=WAYS)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in anew, because the cloud does not know the token any more."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in anew."""
        self._remember(self._get_reauth_entry().data)
        return self.async_show_menu(step_id="reauth_confirm", menu_options=WAYS)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in anew, because the owner wants to."""
        self._remember(self._get_reconfigure_entry().data)
        return self.async_show_menu(step_id="reconfigure", menu_options=WAYS)

    async def async_step_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in with the password."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._remember(user_input)
            if self._is_phone_number and self._region != CHINA:
                errors[CONF_REGION] = "wrong_region"
            else:
                answer = await self._async_try(
                    self._login.with_password(self._account, user_input[CONF_PASSWORD]), errors
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
        return self._show(
            "password",
            {
                probatio.Required(CONF_REGION): REGION,
                probatio.Required(CONF_ACCOUNT): ACCOUNT,
                probatio.Required(CONF_PASSWORD): PASSWORD,
            },
            errors,
        )

    async def async_step_email_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code e-mailed, which needs no password."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._remember(user_input)
            if await self._async_send_code(errors):
                return await self.async_step_code()
        return self._show(
            "email_code",
            {probatio.Required(CONF_REGION): REGION, probatio.Required(CONF_ACCOUNT): EMAIL},
            errors,
        )

    async def async_step_sms_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code sent to a phone, as accounts in China do."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._remember({CONF_REGION: CHINA, **user_input})
            if await self._async_send_code(errors):
                return await self.async_step_code()
        return self._show("sms_code", {probatio.Required(CONF_ACCOUNT): PHONE}, errors)

    async def async_step_token(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a token that the owner has found."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._remember(user_input)
            text = user_input[CONF_TOKEN].strip().removeprefix("Bearer ").removeprefix("token=")
            if result := await self._async_finish(Token(access_token=text), errors):
                return result
        return self._show(
            "token", {probatio.Required(CONF_REGION): REGION, probatio.Required(CONF_TOKEN): TOKEN}, errors
        )

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code that was e-mailed or sent to the phone."""
        return await self._async_take_code(
            "code", lambda code: self._login.with_code(self._account, code), user_input
        )

    async def async_step_totp(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code of an authenticator app."""
        return await self._async_take_code(
            "totp", lambda code: self._login.with_totp(self._tfa_key, code), user_input
        )

    async def _async_take_code(
        self,
        step_id: str,
        sign_in: Callable[[str], Awaitable[Token]],
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Take a code, or do what the owner wants instead."""
        errors: dict[str, str] = {}
        if user_input is not None:
            choice, code = user_input[CONF_NEXT], user_input.get(CONF_CODE, "")
            if choice == OTHER_WAY:
                return await self._async_menu()
            if choice == SEND_CODE:
                if await self._async_send_code(errors):
                    return await self.async_step_code()
            elif self._token is None and not code:
                errors[CONF_CODE] = "code_missing"
            else:
                # A code is good for one sign-in: if only what followed it failed, go on from there.
                token = self._token or await self._async_try(sign_in(code), errors)
                if token and (result := await self._async_finish(token, errors)):
                    return result
        return self._show(
            step_id,
            {
                probatio.Optional(CONF_CODE): CODE,
                probatio.Required(CONF_NEXT, default=SIGN_IN): NEXT[step_id],
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
        """Have a code sent; return if it is on its way."""
        self._wait = self._code_sent_at + COOL_DOWN - dt_util.utcnow()
        if self._wait > timedelta():
            errors["base"] = "code_just_sent"
            return False
        self._token = None
        send = self._login.send_sms_code if self._is_phone_number else self._login.send_email_code
        await self._async_try(send(self._account), errors)
        if not errors:
            self._code_sent_at = dt_util.utcnow()
        return not errors

    async def _async_finish(self, token: Token, errors: dict[str, str]) -> ConfigFlowResult | None:
        """Learn whose token it is and keep it; return None with the reason if that failed."""
        self._token = token
        client = cloud_client(self.hass, self._region, token.access_token)
        if (preference := await self._async_try(client.get_preference(), errors)) is None:
            return None
        await self.async_set_unique_id(preference.uid)
        expires_at = None
        if token.expires_in:
            expires_at = (dt_util.utcnow() + timedelta(seconds=token.expires_in)).isoformat()
        data = {
            CONF_REGION: self._region,
            CONF_ACCOUNT: self._account,
            CONF_TOKEN: token.access_token,
            CONF_EXPIRES_AT: expires_at,
        }
        if self.source in (SOURCE_REAUTH, SOURCE_RECONFIGURE):
            self._abort_if_unique_id_mismatch()
            entry = (
                self._get_reauth_entry()
                if self.source == SOURCE_REAUTH
                else self._get_reconfigure_entry()
            )
            return self.async_update_reload_and_abort(entry, data_updates=data)
        self._abort_if_unique_id_configured()
        # Home Assistant logs titles, so it is the public name and never the e-mail address.
        return self.async_create_entry(title=preference.name or "Bambu Lab", data=data)

    async def _async_try[_T](self, request: Awaitable[_T], errors: dict[str, str]) -> _T | None:
        """Return the cloud's answer, or None with the reason for the owner to read."""
        try:
            return await request
        except BambuCloudError as err:
            errors["base"] = ERRORS.get(type(err), "unexpected_answer")
            self._wait = timedelta(seconds=getattr(err, "retry_after", 0))
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
        self._region = data.get(CONF_REGION) or self._region
        account = (data.get(CONF_ACCOUNT) or self._account).strip()
        digits = account.removeprefix("+86").replace(" ", "").replace("-", "")
        self._account = digits if digits.isdecimal() else account
        self._token = None

    def _show(
        self, step_id: str, fields: dict[probatio.Marker, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        """Show a form with what is known already, but for secrets."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(fields), {CONF_REGION: self._region, CONF_ACCOUNT: self._account}
            ),
            errors=errors,
            description_placeholders={
                "seconds": str(ceil(self._wait.total_seconds())),
                "minutes": str(ceil(self._wait.total_seconds() / 60)),
                "token_url": "https://makerworld.com",
            },
        )

    @override
    @callback
    def async_remove(self) -> None:
        """Let go of the session."""
        if self._session:
            self._session.detach()
