"""The demo's Home Assistant: its configuration folder, and what the demo does there over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp

DOMAIN = "bambu_lab_cloud"
ACCOUNT = "demo@example.com"
ACCOUNT_PASSWORD = "demo-password"  # noqa: S105  # made up, the simulator's
LOGIN = "demo"  # name and password of the Home Assistant user

CONFIGURATION = f"""\
homeassistant:
  name: Bambu Lab Cloud demo
  country: DE
  time_zone: {{time_zone}}
automation ui: !include automations.yaml
frontend:
config:
history:
logbook:
media_source:
logger:
  default: warning
  logs:
    custom_components.{DOMAIN}: debug
mobile_app:
"""


class DemoError(Exception):
    """What stands in the way, as one sentence."""


def time_zone(root: Path = Path("/")) -> str:
    """Return the time zone of this machine, which a browser on it has too; UTC if unknown."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    with suppress(OSError):
        names.append(str((root / "etc/localtime").readlink()))
    # Where localtime is no link but a copy.
    with suppress(OSError, ValueError):
        names.append((root / "etc/timezone").read_text().strip())
    for name in names:
        with suppress(OSError, ValueError, ZoneInfoNotFoundError):
            return ZoneInfo(name.rpartition("zoneinfo/")[2]).key
    return "UTC"


def prepare(folder: Path, components: Path, port: int, more: str = "") -> None:
    """Write the configuration folder, keeping what Home Assistant has stored there."""
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    configuration = CONFIGURATION.format(time_zone=time_zone())
    (folder / "configuration.yaml").write_text(configuration + more)
    # What is made in the editor goes there.
    (folder / "automations.yaml").touch()
    link = folder / "custom_components"
    link.unlink(missing_ok=True)
    link.symlink_to(components.relative_to(folder, walk_up=True))
    onboarding = storage / "onboarding"
    if not onboarding.exists():
        steps = ["user", "core_config", "analytics", "integration"]
        _store(onboarding, version=4, data={"done": steps})
    # An address from YAML is a trial that reverts after five minutes; a stored one stays. The
    # login is no secret, so that only this machine may reach it.
    stable = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": "2026-11-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    address = {"stable": stable, "pending": None, "yaml_migration_done": True}
    _store(storage / "http", version=3, data=address)


def _store(path: Path, *, version: int, data: dict[str, Any]) -> None:
    content = {"version": version, "minor_version": 1, "key": path.name, "data": data}
    path.write_text(json.dumps(content))


async def until[T](
    probe: Callable[[], Awaitable[T | None]], seconds: float, *, every: float = 0.3
) -> T | None:
    """Repeat the probe until it answers something true; None when the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                with suppress(aiohttp.ClientError):
                    if answer := await probe():
                        return answer
                await asyncio.sleep(every)
    return None


def _end(task: dict[str, Any]) -> tuple[str, int]:
    return task["endTime"], task["id"]


class Home:
    """A running Home Assistant, and the simulator it is to talk to."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, simulator: str, folder: Path
    ) -> None:
        self.url = url
        self.simulator = simulator
        self._folder = folder
        self._session = session
        self._token = ""
        # What the log must not show.
        self.secrets: set[str] = set()

    async def get(self, path: str) -> Any:
        """GET from Home Assistant."""
        return await self._json("GET", path)

    async def post(self, path: str, body: object = None) -> Any:
        """POST to Home Assistant."""
        return await self._json("POST", path, json=body)

    async def delete(self, path: str) -> Any:
        """DELETE in Home Assistant."""
        return await self._json("DELETE", path)

    async def render(self, template: str) -> str:
        """Return what a template says."""
        return await self._answer_to("POST", "/api/template", json={"template": template})

    async def update(self, entity_id: str) -> None:
        """Have an entity ask the cloud, as an owner can."""
        await self.post("/api/services/homeassistant/update_entity", {"entity_id": entity_id})

    async def simulated(self, path: str) -> Any:
        """GET from the simulator's own controls."""
        return await self._simulator("GET", f"/simulator/{path}")

    async def simulate(self, path: str, /, **body: object) -> Any:
        """POST to the simulator's own controls."""
        return await self._simulator("POST", f"/simulator/{path}", json=body)

    async def arrange(self, path: str, /, **body: object) -> Any:
        """PUT something into the simulator."""
        return await self._simulator("PUT", f"/simulator/{path}", json=body)

    async def alter(self, path: str, /, **body: object) -> Any:
        """PATCH something in the simulator."""
        return await self._simulator("PATCH", f"/simulator/{path}", json=body)

    async def unsimulate(self, path: str) -> Any:
        """DELETE in the simulator's own controls."""
        return await self._simulator("DELETE", f"/simulator/{path}")

    async def printers(self, account: str = ACCOUNT) -> list[dict[str, Any]]:
        """Return the printers of an account as the simulator has them."""
        printers = (await self.simulated("state"))["printers"]
        return [printer for printer in printers if account in printer["accounts"]]

    async def dev_id(self, name: str) -> str:
        """Return the id that the simulator has of a printer."""
        return next(str(each["dev_id"]) for each in await self.printers() if each["name"] == name)

    async def _simulator(self, method: str, path: str, **more: Any) -> Any:
        async with self._session.request(method, f"{self.simulator}{path}", **more) as response:
            response.raise_for_status()
            return await response.json()

    def _cloud_tokens(self) -> dict[str, str]:
        """Return the tokens that Home Assistant has stored, by entry."""
        path = self._folder / ".storage/core.config_entries"
        if not path.exists():
            # Home Assistant writes it a while later.
            return {}
        stored = json.loads(path.read_text())
        entries = [each for each in stored["data"]["entries"] if each["domain"] == DOMAIN]
        return {each["entry_id"]: str(each["data"]["token"]) for each in entries}

    def cloud_token(self) -> str:
        """Return the token that Home Assistant has of the account."""
        tokens = [*self._cloud_tokens().values()]
        if not tokens:
            raise DemoError("The account is not set up.")
        return tokens[0]

    async def remember_token(self, entry_id: str) -> None:
        """Remember the token of an entry as a secret, once Home Assistant has stored it."""

        async def stored() -> str | None:
            return self._cloud_tokens().get(entry_id)

        token = await until(stored, 10)
        if not token:
            raise DemoError("Home Assistant does not store the sign-in.")
        self.secrets.add(token)

    async def ended_tasks(self) -> list[dict[str, Any]]:
        """Return the tasks of the account that have ended, oldest first."""
        tasks: list[dict[str, Any]] = []
        page = None
        while page is None or page["hits"]:
            page = await self._cloud(f"my/tasks?limit=100&offset={len(tasks)}")
            tasks += page["hits"]
        return sorted((task for task in tasks if task["status"] in {2, 3}), key=_end)

    async def unread_messages(self) -> int:
        """Return how many messages to the account are unread."""
        return int((await self._cloud("my/message/count"))["unreadTotal"])

    async def _cloud(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.cloud_token()}"}
        return await self._simulator("GET", f"/v1/user-service/{path}", headers=headers)

    async def content(self, path: str) -> bytes:
        """Fetch the bytes of a page or picture."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._session.get(f"{self.url}{path}", headers=headers) as response:
            response.raise_for_status()
            return await response.read()

    async def command(self, name: str, /, **fields: object) -> Any:
        """Return the result of one websocket command."""
        async with self._session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": name, **fields})
            answer = await socket.receive_json()
        if not answer["success"]:
            raise DemoError(f"Home Assistant refuses {name}: {answer['error']['message']}.")
        return answer["result"]

    async def sign_in(self) -> None:
        """Sign the demo's user in and wait until everything is set up."""
        self._token = ""
        client = {"client_id": f"{self.url}/"}
        start = {"handler": ["homeassistant", None], "redirect_uri": f"{self.url}/"}
        flow = await self.post("/auth/login_flow", client | start)
        login = client | {"username": LOGIN, "password": LOGIN}
        result = await self.post(f"/auth/login_flow/{flow['flow_id']}", login)
        if result["type"] != "create_entry":
            raise DemoError("The login of the demo was changed: start afresh with --reset.")
        grant = client | {"grant_type": "authorization_code", "code": result["result"]}
        self._token = (await self._json("POST", "/auth/token", data=grant))["access_token"]
        if not await until(self._running, 90):
            raise DemoError("Home Assistant does not come to the end of its start.")

    async def _running(self) -> bool:
        return bool((await self.get("/api/config"))["state"] == "RUNNING")

    async def add_phone(self, app: dict[str, Any]) -> None:
        """Let the app of a phone register, as it does whenever it is started."""
        await self.post("/api/mobile_app/registrations", app)

    async def entry(self) -> dict[str, Any] | None:
        """Return the account's config entry."""
        entries = await self.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
        return entries[0] if entries else None

    async def connect(self) -> None:
        """Add the demo account, or sign it in again where its token is no longer taken."""
        if not await self.entry():
            await self._walk(
                await self.post("/api/config/config_entries/flow", {"handler": DOMAIN})
            )
            await self._assign()
            return
        for flow in await self.command("config_entries/flow/progress"):
            if flow["handler"] == DOMAIN and flow["context"]["source"] == "reauth":
                await self._walk(
                    await self.get(f"/api/config/config_entries/flow/{flow['flow_id']}")
                )

    async def _assign(self) -> None:
        """Put what was added in a room, as its overview is where an owner looks first."""
        entry = await self.entry() or {}
        area = await self.command("config/area_registry/create", name="Workshop")
        for device in await self.command("config/device_registry/list"):
            if device["config_entry_id"] == entry.get("entry_id"):
                await self.command(
                    "config/device_registry/update",
                    device_id=device["id"],
                    area_id=area["area_id"],
                )

    async def _walk(self, step: dict[str, Any]) -> None:
        """Answer each step of a config flow as a user would."""
        while step["type"] in {"menu", "form"}:
            if step.get("errors"):
                raise DemoError(f"Step {step['step_id']} answers {step['errors']}.")
            answer = await self._answer(step)
            step = await self.post(f"/api/config/config_entries/flow/{step['flow_id']}", answer)
        if step["type"] != "create_entry" and step.get("reason") != "reauth_successful":
            raise DemoError(f"Signing in ends with {step['type']}: {step.get('reason')}.")

    async def _answer(self, step: dict[str, Any]) -> dict[str, Any]:
        if step["type"] == "menu":
            return {"next_step_id": "password"}
        fields = step["data_schema"]
        values = {field["name"]: field["default"] for field in fields if "default" in field}
        values |= {"region": "global", "account": ACCOUNT, "password": ACCOUNT_PASSWORD}
        names = {field["name"] for field in fields}
        if "code" in names:
            values["code"] = (await self.simulated(f"codes/{ACCOUNT}"))["code"]
        return {name: value for name, value in values.items() if name in names}

    async def _json(self, method: str, path: str, **body: Any) -> Any:
        return json.loads(await self._answer_to(method, path, **body))

    async def _answer_to(self, method: str, path: str, **body: Any) -> str:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with self._session.request(
            method, f"{self.url}{path}", headers=headers, **body
        ) as response:
            if not response.ok:
                raise DemoError(f"{method} {path} answers {response.status}.")
            return await response.text()
