"""What `scripts/demo --check` tries of the ways into an account, over Home Assistant's REST API."""

from collections.abc import Awaitable, Callable
from typing import Any

from scripts.demo_home import DOMAIN, DemoError, Home, until

FLOWS = "/api/config/config_entries/flow"
ENTRIES = "/api/config/config_entries/entry"
SIGN_IN = "sign_in"

type Step = dict[str, Any]


def _account(name: str, **more: str) -> Step:
    return {"region": "global", "account": f"{name}@example.com", **more}


def with_password(name: str) -> Step:
    """Return what the form for a password takes of an account."""
    return _account(name, password=f"{name}-password")


# By account: the way, what its form takes, and the form for a code that follows.
WAYS: dict[str, tuple[str, Step, str | None]] = {
    "password": ("password", with_password("password"), None),
    "google": ("email_code", _account("google"), "code"),
    "totp": ("password", with_password("totp"), "totp"),
    "tfa": ("password", with_password("tfa"), "totp"),
    "china": ("sms_code", {"account": "+86 138 0000 0000"}, "code"),
}
# What an owner does wrong: the way, what the form takes, and the error that it answers.
MISTAKES: tuple[tuple[str, Step, str], ...] = (
    ("password", _account("password", password="wrong"), "invalid_auth"),  # noqa: S106
    ("password", {**with_password("china"), "account": "13800000000"}, "wrong_region"),
    ("password", {**with_password("password"), "account": "maker"}, "not_an_account"),
    ("password", with_password("captcha"), "captcha"),
    ("password", with_password("blocked"), "blocked"),
    ("password", with_password("limited"), "rate_limited"),
    ("email_code", {**_account("google"), "account": "13800000000"}, "not_an_email"),
    ("sms_code", {"account": "google@example.com"}, "not_a_phone_number"),
    ("token", {"region": "global", "token": "AQnonsense"}, "invalid_token"),
)


async def begin(home: Home, way: str, **more: object) -> Step:
    """Begin a flow and choose a way."""
    menu = await home.post(FLOWS, {"handler": DOMAIN, **more})
    return await submit(home, menu, {"next_step_id": way})


async def submit(home: Home, flow: Step, values: Step) -> Step:
    """Fill a step in, and remember what is secret of it."""
    typed = {values.get(name, "") for name in ("account", "code", "password", "token")}
    home.secrets |= {each for each in typed if len(each) > 5}
    return dict(await home.post(f"{FLOWS}/{flow['flow_id']}", values))


async def submit_code(home: Home, flow: Step, name: str) -> Step:
    """Type the code that an account was sent, as an owner may write it."""
    code = (await home.simulated(f"codes/{name}"))["code"]
    return await submit(home, flow, {"code": f"{code[:3]}-{code[3:]}", "next": SIGN_IN})


def expect(step: Step, **wanted: object) -> None:
    """Fail unless the step is as it should be."""
    if found := {key: step.get(key) for key, value in wanted.items() if step.get(key) != value}:
        raise DemoError(f"A flow answers {found}, not {wanted}.")


async def check_ways(home: Home) -> str:
    """Add an account by each way, with a wrong code where there is one, and remove it again."""
    for name, (way, values, code_step) in WAYS.items():
        step = await submit(home, await begin(home, way), values)
        if code_step:
            expect(step, type="form", step_id=code_step)
            step = await submit(home, step, {"code": "none", "next": SIGN_IN})
            expect(step, errors={"base": f"invalid_{code_step}"})
            step = await submit_code(home, step, name)
        expect(step, type="create_entry")
        expect(step["result"], state="loaded")
        await home.remember_token(step["result"]["entry_id"])
        await home.delete(f"{ENTRIES}/{step['result']['entry_id']}")
    return f"{len(WAYS)} accounts were added and removed"


async def check_mistakes(home: Home) -> str:
    """See that each mistake is answered with a sentence, and that the flow goes on."""
    texts = await home.command(
        "frontend/get_translations", language="en", category="config", integration=[DOMAIN]
    )
    for way, values, error in MISTAKES:
        step = await submit(home, await begin(home, way), values)
        expect(step, type="form", step_id=way)
        if [*step["errors"].values()] != [error]:
            raise DemoError(f"{way} answers {step['errors']}, not {error}.")
        if f"component.{DOMAIN}.config.error.{error}" not in texts["resources"]:
            raise DemoError(f"The error {error} has no sentence.")
        step = await submit(home, step, {"next": "other_way"})
        expect(step, type="menu", step_id="user")
        step = await submit(home, step, {"next_step_id": "password"})
        await home.delete(f"{FLOWS}/{step['flow_id']}")
    return f"{len(MISTAKES)} mistakes lead back to the ways"


async def check_reconfigure(home: Home) -> str:
    """Sign the account in again: first another one, which is refused, then a token of its own."""
    entry = await home.entry() or {}
    source = {"entry_id": entry["entry_id"]}
    step = await submit(home, await begin(home, "password", **source), with_password("password"))
    expect(step, type="abort", reason="unique_id_mismatch")
    step = await begin(home, "token", **source)
    step = await submit(home, step, {"region": "global", "token": home.cloud_token()})
    expect(step, type="abort", reason="reconfigure_successful")

    # What loads it again must not be cut short by the end of the check.
    async def is_loaded() -> bool:
        return (await home.entry() or {}).get("state") == "loaded"

    if not await until(is_loaded, 30):
        raise DemoError("The account is not loaded again.")
    return "another account is refused, the own one is taken"


FLOW_CHECKS: tuple[tuple[str, Callable[[Home], Awaitable[str]]], ...] = (
    ("ways to sign in", check_ways),
    ("mistakes at signing in", check_mistakes),
    ("reconfigure", check_reconfigure),
)
