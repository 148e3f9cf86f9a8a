"""Who may sign in, the conversations that lead to a token, and the tokens."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
from random import Random
import struct
from typing import Any

from . import answers
from .answers import Answer, RefusedError

CODE_LIFE = timedelta(minutes=5)
SENDS = 5
SEND_WINDOW = timedelta(minutes=10)
TOTP_STEP = 30
EXPIRES_IN = 7_776_000

_CLAIMS = struct.Struct(">QIQQ")


@dataclass(slots=True)
class Code:
    """A code that was emailed or sent by SMS."""

    text: str
    sent: datetime
    used: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """Somebody who has an account, under the name that the log of requests shows."""

    alias: str
    login: str
    uid: int
    name: str
    ways: tuple[str, ...]
    refusal: Answer | None = None
    expires_in: int = EXPIRES_IN
    generation: int = 0
    # Whether the broker refuses its tokens, which the API takes.
    mqtt_refused: bool = False
    codes: list[Code] = field(default_factory=list)
    sends: list[datetime] = field(default_factory=list)

    @property
    def password(self) -> str | None:
        """Return the password, None for one who signs in with another service."""
        return f"{self.alias}-password" if "password" in self.ways else None


# Alias, name of the preference, ways to sign in (the first is what a password leads to), refusal.
_PEOPLE: tuple[tuple[str, str, tuple[str, ...], Answer | None], ...] = (
    ("demo", "Demo Maker", ("email", "password"), None),
    ("password", "Plain Maker", ("password",), None),
    ("google", "Single Sign-On Maker", ("email",), None),
    ("totp", "Careful Maker", ("totp", "password", "email"), None),
    ("tfa", "Cautious Maker", ("tfa", "password", "email"), None),
    ("china", "Shenzhen Maker", ("sms", "password"), None),
    ("none", "New Maker", ("password",), None),
    ("one", "One Printer Maker", ("password",), None),
    ("farm", "Print Farm", ("password",), None),
    ("partner", "Partner Maker", ("password",), None),
    ("captcha", "Suspect Maker", ("password",), answers.CAPTCHA),
    ("blocked", "Blocked Maker", ("password",), answers.BLOCKED),
    ("limited", "Hasty Maker", ("password",), answers.LIMITED),
)
_PHONES = {"china": "13800000000"}


class Accounts:
    """All accounts of one cloud."""

    def __init__(self, seed: int) -> None:
        """Open the accounts."""
        self._key = hashlib.sha256(f"bambu-{seed}".encode()).digest()
        self._chance = Random(f"{seed}:accounts")
        self._all = [
            Account(
                alias=alias,
                login=_PHONES.get(alias, f"{alias}@example.com"),
                uid=1_000_000_001 + number,
                name=name,
                ways=ways,
                refusal=refusal,
            )
            for number, (alias, name, ways, refusal) in enumerate(_PEOPLE)
        ]
        self._tfa_keys: dict[str, tuple[Account, datetime]] = {}
        self._csrf: set[str] = set()
        self._nonce = 0

    def __iter__(self) -> Any:
        """Go through the accounts in the order of their uid."""
        return iter(self._all)

    def find(self, login: str) -> Account:
        """Return the account with this email address, phone number or alias."""
        for account in self._all:
            if login in (account.login, account.alias):
                return account
        raise LookupError("No such account")

    def _known(self, login: str) -> Account | None:
        """Return the account of a sign-in, having refused those that are always refused."""
        account = next((account for account in self._all if account.login == login), None)
        if account and account.refusal:
            raise RefusedError(account.refusal)
        return account

    # Tokens verify by themselves, so that they outlive a restart of the simulator.

    def _sign(self, claims: bytes) -> bytes:
        """Return the signature that makes claims a token."""
        return hmac.digest(self._key, claims, "sha512")

    def issue(self, account: Account, now: datetime) -> Answer:
        """Return the answer that carries a new token."""
        token = self.token(account, now)
        return Answer(
            200,
            {
                "accessToken": token,
                "refreshToken": token,
                "expiresIn": account.expires_in,
                "refreshExpiresIn": account.expires_in,
                "tfaKey": "",
                "accessMethod": "",
                "loginType": "",
            },
        )

    def token(self, account: Account, now: datetime) -> str:
        """Return a new token."""
        self._nonce += 1
        expires = int(now.timestamp()) + account.expires_in
        claims = _CLAIMS.pack(account.uid, account.generation, expires, self._nonce)
        return "AQ" + base64.urlsafe_b64encode(claims + self._sign(claims)).decode().rstrip("=")

    def of_token(self, token: str, now: datetime) -> Account | None:
        """Return whose token this is, None when it is made up, expired or revoked."""
        try:
            raw = base64.urlsafe_b64decode(token.removeprefix("AQ") + "==")
            uid, generation, expires, _ = _CLAIMS.unpack(raw[: _CLAIMS.size])
        except ValueError, struct.error:
            return None
        if not hmac.compare_digest(raw[_CLAIMS.size :], self._sign(raw[: _CLAIMS.size])):
            return None
        account = next(account for account in self._all if account.uid == uid)
        if generation != account.generation or expires <= now.timestamp():
            return None
        return account

    def refresh(self, token: str, now: datetime) -> Answer:
        """Answer a token with a new one, as the cloud of 2022 did."""
        account = self.of_token(token, now)
        if account is None:
            raise RefusedError(answers.REFRESH_REFUSED)
        renewed = self.token(account, now)
        times = dict.fromkeys(("expiresIn", "refreshExpiresIn"), account.expires_in)
        return Answer(200, {"accessToken": renewed, "refreshToken": renewed, **times})

    # Codes

    def _new_code(self, account: Account, now: datetime) -> None:
        """Send a code, which invalidates those before it."""
        account.codes.append(Code(f"{self._chance.randrange(1_000_000):06d}", now))

    def send_code(self, login: str, now: datetime) -> Account | None:
        """Send a code to an account; whether one exists is not said."""
        account = self._known(login)
        if account is None:
            return None
        account.sends = [sent for sent in account.sends if sent > now - SEND_WINDOW]
        if len(account.sends) >= SENDS:
            raise RefusedError(answers.TOO_MANY_CODES)
        account.sends.append(now)
        self._new_code(account, now)
        return account

    def totp(self, account: Account, now: datetime, steps_ago: int = 0) -> str:
        """Return what an authenticator app shows."""
        step = int(now.timestamp()) // TOTP_STEP - steps_ago
        digest = hmac.digest(self._key, f"{account.uid}:{step}".encode(), "sha1")
        return f"{int.from_bytes(digest[:4]) % 1_000_000:06d}"

    def newest_code(self, login: str, now: datetime, kind: str | None = None) -> dict[str, Any]:
        """Return the code that the owner of the account sees now, in the app where there is one.

        A kind of code can be asked for: email, sms, totp.
        """
        account = self.find(login)
        sent = "sms" if "sms" in account.ways else "email"
        if account.ways[0] in ("totp", "tfa") and kind in (None, "totp"):
            step = int(now.timestamp()) // TOTP_STEP * TOTP_STEP
            shown = datetime.fromtimestamp(step, UTC)
            return {"code": self.totp(account, now), "kind": "totp", "sent_at": shown.isoformat()}
        if not account.codes or kind not in (None, sent):
            raise LookupError("No such code was sent to this account")
        newest = account.codes[-1]
        return {"code": newest.text, "kind": sent, "sent_at": newest.sent.isoformat()}

    # Sign-in

    def with_password(self, login: str, password: str, now: datetime) -> tuple[Account, Answer]:
        """Answer an account and its password."""
        account = self._known(login)
        if account is None or account.password is None or password != account.password:
            raise RefusedError(answers.INCORRECT_PASSWORD)
        step = account.ways[0]
        if step == "password":
            return account, self.issue(account, now)
        challenge = {
            "accessToken": "",
            "refreshToken": "",
            "expiresIn": 0,
            "refreshExpiresIn": 0,
            "tfaKey": "",
            "accessMethod": "",
            "loginType": "",
        }
        if step in ("email", "sms"):
            self._new_code(account, now)
            challenge["loginType"] = "verifyCode"
        else:
            key = f"{self._chance.getrandbits(128):032x}"
            self._tfa_keys[key] = (account, now)
            challenge["tfaKey"] = key
            # Measured: an account with TOTP can answer a key and an empty loginType.
            challenge["loginType"] = "tfa" if step == "tfa" else ""
        return account, Answer(200, challenge)

    def with_code(self, login: str, text: str, now: datetime) -> tuple[Account, Answer]:
        """Answer an account and the code that was sent to it."""
        account = self._known(login)
        if account is None or not account.codes:
            raise RefusedError(answers.UNKNOWN_CODE)
        newest = account.codes[-1]
        if text != newest.text:
            superseded = any(text == code.text for code in account.codes)
            raise RefusedError(answers.EMPTY_OBJECT if superseded else answers.INCORRECT_CODE)
        if newest.used:
            raise RefusedError(answers.EMPTY_OBJECT)
        if now - newest.sent > CODE_LIFE:
            raise RefusedError(answers.EXPIRED_CODE)
        newest.used = True
        return account, self.issue(account, now)

    def csrf_token(self) -> str:
        """Return a token for the double submit of the web sign-in."""
        token = f"{self._chance.getrandbits(128):032x}"
        self._csrf.add(token)
        return token

    def with_totp(
        self, cookie: str | None, header: str | None, key: str, code: str, now: datetime
    ) -> tuple[Account, Answer]:
        """Answer the web sign-in with a code of an authenticator app."""
        if not cookie:
            raise RefusedError(answers.csrf("missing_cookie"))
        if not header:
            raise RefusedError(answers.csrf("missing_header"))
        if cookie != header or cookie not in self._csrf:
            raise RefusedError(answers.csrf("invalid_token"))
        account, asked = self._tfa_keys.get(key, (None, now))
        if account is None or now - asked > CODE_LIFE:
            raise RefusedError(answers.LOGIN_FAILED)
        if code not in (self.totp(account, now), self.totp(account, now, 1)):
            raise RefusedError(answers.LOGIN_FAILED)
        del self._tfa_keys[key]
        token = self.token(account, now)
        cookies = {"token": token, "refreshToken": token}
        return account, Answer(200, {}, cookies=cookies, max_age=account.expires_in)
