"""Sign in to a Bambu Lab account, in any of the ways that Bambu Lab knows."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, override

from aiohttp import ClientSession
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import CONF_CODE, CONF_PASSWORD, CONF_REGION, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.typing import UNDEFINED, UndefinedType, VolDictType
from homeassistant.util import dt as dt_util
import probatio

from .api import (
    REGIONS,
    BambuCloudError,
    BambuLogin,
    CodeRequired,
    RetryLaterError,
    Token,
    TotpRequired,
)
from .cloud import cloud_client, cloud_login, forget_client, login_session
from .const import CONF_ACCOUNT, CONF_EXPIRES_AT, CONF_LIVE_DATA, DOMAIN, LOGGER
from .repairs import async_delete_expiry_issue
from .sign_in import (
    ERRORS,
    REFUSED,
    SEND_ERRORS,
    TOKEN_ERRORS,
    TOTP_ERRORS,
    Errors,
    bare_account,
    bare_token,
    expiry,
    is_phone_number,
    wait_text,
)

CHINA = "china"
WAYS = ["password", "email_code", "sms_code", "token"]

# A form has one button, so that the owner says what it is for.
CONF_NEXT = "next"
SIGN_IN = "sign_in"
SEND_CODE = "send_code"
OTHER_WAY = "other_way"

# A new code ends the one before, and codes stop coming for those who ask for many.
COOL_DOWN = timedelta(seconds=60)


def _text(autocomplete: str, kind: TextSelectorType = TextSelectorType.TEXT) -> TextSelector:
    return TextSelector(TextSelectorConfig(type=kind, autocomplete=autocomplete))


REGION = SelectSelector(SelectSelectorConfig(options=list(REGIONS), translation_key="region"))
CODE: VolDictType = {probatio.Optional(probatio.Secret(CONF_CODE)): _text("one-time-code")}

# The frontend sends no form with a required field that is empty, not even to choose another way.
FORMS: dict[str, VolDictType] = {
    "password": {
        probatio.Optional(CONF_REGION): REGION,
        probatio.Optional(CONF_ACCOUNT): _text("username"),
        probatio.Optional(probatio.Secret(CONF_PASSWORD)): _text(
            "current-password", TextSelectorType.PASSWORD
        ),
    },
    "email_code": {
        probatio.Optional(CONF_REGION): REGION,
        probatio.Optional(CONF_ACCOUNT): _text("username", TextSelectorType.EMAIL),
    },
    "sms_code": {probatio.Optional(CONF_ACCOUNT): _text("tel", TextSelectorType.TEL)},
    "token": {
        probatio.Optional(CONF_REGION): REGION,
        probatio.Optional(probatio.Secret(CONF_TOKEN)): _text("off", TextSelectorType.PASSWORD),
    },
    "code": CODE,
    "totp": CODE,
}
CODE_FORMS = ("code", "totp")
# What helps after these, so that it is chosen already.
WAY_REMEDIES = {"captcha": OTHER_WAY}
CODE_REMEDIES = {
    **WAY_REMEDIES,
    "another_account": OTHER_WAY,
    "expired_code": SEND_CODE,
    "refused": SEND_CODE,
    "totp_refused": SEND_CODE,
}

type SignIn = Callable[[dict[str, str], dict[str, str]], Awaitable[ConfigFlowResult | None]]


class BambuConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sign in to a Bambu Lab account, for the first time or again."""

    def __init__(self) -> None:
        """Initialize the flow."""
        self._session: ClientSession | None = None
        self._region = "global"
        self._account = ""
        self._code_sent_at: datetime | None = None
        self._tried_code = ""
        self._tfa_key = ""
        self._token: Token | None = None
        self._wait = timedelta()

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> BambuOptionsFlow:
        """Return the flow that changes the options of an account."""
        return BambuOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a way to sign in."""
        return self.async_show_menu(step_id="user", menu_options=WAYS)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in again, because the cloud does not know the token any more or soon will not."""
        self._check_entry()
        async_delete_expiry_issue(self.hass, self._get_reauth_entry())
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in again."""
        self._check_entry()
        return self._show_menu_for(self._get_reauth_entry(), "reauth_confirm")

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose a way to sign in again, because the owner wants to."""
        self._check_entry()
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
        return await self._async_form("password", self._async_with_password, user_input)

    async def async_step_email_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code emailed, which needs no password."""
        return await self._async_form("email_code", self._async_with_email, user_input)

    async def async_step_sms_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a code sent to a phone, as accounts in China do."""
        return await self._async_form("sms_code", self._async_with_phone, user_input)

    async def async_step_token(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a token that the owner has found."""
        return await self._async_form("token", self._async_with_token, user_input)

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code that was emailed or sent to the phone."""
        return await self._async_form("code", self._async_with_code, user_input)

    async def async_step_totp(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the code of an authenticator app."""
        return await self._async_form("totp", self._async_with_totp, user_input)

    async def _async_form(
        self, step_id: str, sign_in: SignIn, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Show a form, and again with the reason for as long as what it is for has failed."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._check_entry()
            if user_input[CONF_NEXT] == OTHER_WAY:
                return await self._async_menu()
            # The frontend leaves out what is empty.
            typed = dict.fromkeys(map(str, FORMS[step_id]), "") | user_input
            if result := await sign_in(typed, errors):
                return result
        return self._show_form(step_id, errors)

    async def _async_with_password(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Sign in with the password, which may lead to a code."""
        self._remember(typed)
        if self._is_phone_number and self._region != CHINA:
            errors[CONF_REGION] = "wrong_region"
        elif "@" not in self._account and not self._is_phone_number:
            errors[CONF_ACCOUNT] = "not_an_account"
        if not typed[CONF_PASSWORD]:
            errors[CONF_PASSWORD] = "password_missing"
        if errors:
            return None
        answer = await self._async_try(
            self._login.with_password(self._account, typed[CONF_PASSWORD]), errors
        )
        match answer:
            case Token():
                return await self._async_finish(answer, errors)
            case CodeRequired():
                self._code_sent_at = dt_util.utcnow()
                return await self.async_step_code()
            case TotpRequired():
                self._tfa_key = answer.tfa_key
                return await self.async_step_totp()
        return None

    async def _async_with_email(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Have a code emailed."""
        self._remember(typed)
        if "@" not in self._account:
            errors[CONF_ACCOUNT] = "not_an_email"
            return None
        return await self._async_send_code(errors)

    async def _async_with_phone(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Have a code sent to the phone."""
        self._remember(typed)
        if not self._is_phone_number:
            errors[CONF_ACCOUNT] = "not_a_phone_number"
            return None
        self._remember({CONF_REGION: CHINA})
        return await self._async_send_code(errors)

    async def _async_with_token(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Keep the token if the cloud knows it."""
        self._remember(typed)
        if self.source == SOURCE_USER:
            self._account = ""
        token = Token(access_token=bare_token(typed[CONF_TOKEN]))
        if not token.access_token:
            errors[CONF_TOKEN] = "token_missing"
            return None
        return await self._async_finish(token, errors, TOKEN_ERRORS)

    async def _async_with_code(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Sign in with the code that was sent."""
        return await self._async_take_code(
            typed, errors, lambda code: self._login.with_code(self._account, code)
        )

    async def _async_with_totp(
        self, typed: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        """Sign in with the code that the app shows."""
        return await self._async_take_code(
            typed, errors, lambda code: self._login.with_totp(self._tfa_key, code), TOTP_ERRORS
        )

    async def _async_take_code(
        self,
        typed: dict[str, str],
        errors: dict[str, str],
        sign_in: Callable[[str], Awaitable[Token]],
        own_errors: Errors | None = None,
    ) -> ConfigFlowResult | None:
        """Take a code, or have another one sent."""
        code = typed[CONF_CODE].strip()
        # Whoever types a code wants it used, also where a new one was chosen already.
        if typed[CONF_NEXT] == SEND_CODE and code in {"", self._tried_code}:
            return await self._async_send_code(errors)
        if not self._token and not code:
            errors[CONF_CODE] = "code_missing"
            return None
        self._tried_code = code
        # A code is good for one sign-in: if only what followed it failed, go on from there.
        token = self._token or await self._async_try(sign_in(code), errors, own_errors)
        return await self._async_finish(token, errors) if token else None

    async def _async_menu(self) -> ConfigFlowResult:
        """Return to the choice of ways."""
        if self.source == SOURCE_REAUTH:
            return await self.async_step_reauth_confirm()
        if self.source == SOURCE_RECONFIGURE:
            return await self.async_step_reconfigure()
        return await self.async_step_user()

    async def _async_send_code(self, errors: dict[str, str]) -> ConfigFlowResult | None:
        """Have a code sent and ask for it, be it the one from a moment ago."""
        self._token = None
        if self._code_sent_at:
            self._wait = self._code_sent_at + COOL_DOWN - dt_util.utcnow()
            if timedelta() < self._wait <= COOL_DOWN:
                errors["base"] = "code_just_sent"
                return self._show_form("code", errors)
        send = self._login.send_sms_code if self._is_phone_number else self._login.send_email_code
        await self._async_try(send(self._account), errors, SEND_ERRORS)
        if errors:
            return None
        self._code_sent_at = dt_util.utcnow()
        return await self.async_step_code()

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
        self._check_entry()
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
            CONF_EXPIRES_AT: expiry(token, dt_util.utcnow()),
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
            errors["base"] = "unknown"
            # A form that was closed meanwhile has taken its session with it.
            if not (self._session and self._session.closed):
                LOGGER.exception("Unexpected error while signing in")
        return None

    @property
    def _login(self) -> BambuLogin:
        """Return the sign-in of this flow, which shares no cookies with any other."""
        if self._session is None:
            self._session = login_session(self.hass)
        return cloud_login(self._session, self._region)

    @property
    def _is_phone_number(self) -> bool:
        return is_phone_number(self._account)

    def _remember(self, data: Mapping[str, Any]) -> None:
        """Remember what identifies the account, for the next form and for the entry."""
        before = self._region, self._account
        self._region = data.get(CONF_REGION) or self._region
        self._account = bare_account(data.get(CONF_ACCOUNT, self._account))
        self._token = None
        if before != (self._region, self._account):
            self._code_sent_at = None

    def _check_entry(self) -> None:
        """End the flow if the account that it signs in again was removed meanwhile."""
        entry_id = self.context.get("entry_id")
        if entry_id and not self.hass.config_entries.async_get_entry(entry_id):
            raise AbortFlow("entry_removed")

    def _show_form(self, step_id: str, errors: dict[str, str]) -> ConfigFlowResult:
        """Show a form with what is known already, but for secrets."""
        self._check_entry()
        sent_at = dt_util.as_local(self._code_sent_at) if self._code_sent_at else None
        # An email address of another way is of no use here.
        account = "" if step_id == "sms_code" and "@" in self._account else self._account
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(FORMS[step_id] | _choice(step_id, errors)),
                {CONF_REGION: self._region, CONF_ACCOUNT: account},
            ),
            errors=errors,
            description_placeholders={
                "account": self._account,
                "time": sent_at.strftime("%H:%M") if sent_at else "",
                "token_url": "https://makerworld.com",
                "token_url_china": "https://makerworld.com.cn",
                "wait": wait_text(self._wait),
            },
        )

    @override
    @callback
    def async_remove(self) -> None:
        """Let go of the session."""
        if self._session:
            self._session.detach()


class BambuOptionsFlow(OptionsFlowWithReload):
    """Choose what is read of an account."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose whether the printers are listened to."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(
                    {probatio.Required(CONF_LIVE_DATA, default=True): BooleanSelector()}
                ),
                self.config_entry.options,
            ),
        )


def _choice(step_id: str, errors: dict[str, str]) -> VolDictType:
    """Return the field for what to do, of which that is chosen which helps."""
    takes_code = step_id in CODE_FORMS
    remedies = CODE_REMEDIES if takes_code else WAY_REMEDIES
    remedy = next((remedies[error] for error in errors.values() if error in remedies), SIGN_IN)
    selector = SelectSelector(
        SelectSelectorConfig(
            options=[SIGN_IN, *([SEND_CODE] if takes_code else []), OTHER_WAY],
            translation_key=f"next_{step_id}",
            mode=SelectSelectorMode.LIST,
        )
    )
    return {probatio.Optional(CONF_NEXT, default=remedy): selector}
