"""What a home has around it: an address from which blueprints are imported, and a phone."""

from pathlib import Path
from typing import Any

from aiohttp import web

BLUEPRINTS = Path(__file__).parents[1] / "blueprints/automation/bambu_lab_cloud"
PHONE = "Demo phone"
# What the app of Home Assistant says of itself and of the server that pushes to it.
APP = {
    "device_id": "demo-phone",
    "app_id": "demo",
    "app_name": "Demo",
    "app_version": "1",
    "device_name": PHONE,
    "manufacturer": "Demo",
    "model": "Phone",
    "os_name": "Demo",
    "os_version": "1",
    "supports_encryption": False,
}
LIMITS = {"successful": 1, "errors": 0, "maximum": 500, "resetsAt": "2100-01-01T00:00:00Z"}


class World:
    """A web server for both, which only this machine can reach."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._port = port
        self._runner: web.AppRunner | None = None
        # The notifications that the phone shows or has shown.
        self.notifications: list[dict[str, Any]] = []

    def blueprint(self, name: str) -> str:
        """Return the address of a blueprint."""
        return f"{self._url}/blueprints/{name}.yaml"

    @property
    def app(self) -> dict[str, Any]:
        """Return with what the phone registers in Home Assistant."""
        return APP | {"app_data": {"push_url": f"{self._url}/push", "push_token": "demo"}}

    async def start(self) -> None:
        """Serve the blueprints as they are in the tree, and take what is pushed."""
        app = web.Application()
        app.router.add_static("/blueprints", BLUEPRINTS)
        app.router.add_post("/push", self._push)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """End both."""
        if self._runner:
            await self._runner.cleanup()

    async def _push(self, request: web.Request) -> web.Response:
        self.notifications.append(await request.json())
        return web.json_response({"rateLimits": LIMITS}, status=201)
