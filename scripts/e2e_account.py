"""The walk through an account: sign in, lose the token, sign in again, switch live data."""

from scripts.demo_home import ACCOUNT, ACCOUNT_PASSWORD, DemoError, until
from scripts.e2e_printer import LIVE, PrinterWalk


class AccountWalk(PrinterWalk):
    """An owner who signs in."""

    async def add_account(self) -> None:
        """Add the integration and sign in with password and code."""
        await self.goto("/config/integrations/dashboard")
        await self.button("Add integration").click()
        await (
            self.page.get_by_role("searchbox")
            .or_(self.page.locator("input[type=search], ha-dialog input, search-input input"))
            .locator("visible=true")
            .first.fill("Bambu")
        )
        await self.text("Bambu Lab Cloud").wait_for()
        await self.see("integrations")
        await self.text("Bambu Lab Cloud").click()
        await self.compare("sign-in")
        await self.sign_in("ways")
        await self.button("Skip and finish").wait_for()
        await self.see("added")
        await self.button("Skip and finish").click()

    async def sign_in(self, menu: str) -> None:
        """Go from the menu of ways to the code, with a wrong one first."""
        await self.text("Paste a token").wait_for()
        await self.see(menu)
        await self.text("Password").click()
        # Nothing typed, which the frontend sends only if no field is required.
        await self.button("Submit").click()
        await self.page.get_by_text("The password is missing.").wait_for()
        await self.see("empty")
        await self.text("Choose another way to sign in").click()
        await self.button("Submit").click()
        await self.text("Password").click()
        await self.fill("username", ACCOUNT)
        await self.fill("current-password", "wrong")
        await self.button("Submit").click()
        await self.page.get_by_text("Invalid authentication.").wait_for()
        await self.see("wrong-password")
        await self.fill("current-password", ACCOUNT_PASSWORD)
        await self.see("password")
        await self.button("Submit").click()
        await self.text("Enter the code").wait_for()
        await self.see("code")
        await self.button("Submit").click()
        await self.page.get_by_text("The code is missing.").wait_for()
        await self.fill("one-time-code", "000 000")
        await self.button("Submit").click()
        await self.page.get_by_text("The code is incorrect").wait_for()
        await self.see("wrong-code")
        code = (await self.home.simulated(f"codes/{ACCOUNT}"))["code"]
        await self.fill("one-time-code", f"{code[:3]} {code[3:]}")
        await self.button("Submit").click()

    async def switch_live_data(self) -> None:
        """Switch live data off and on again, in the dialog of the account's options."""
        await self._switch("off")
        await self._without_live_data()
        await self._switch("on")
        await self.see_live_data()

    async def _switch(self, name: str) -> None:
        """Read what the option says, and turn it over."""
        await self.goto("/config/integrations/integration/bambu_lab_cloud")
        await self.button("Configure").click()
        await self.page.get_by_text("Receives what your printers report").wait_for()
        await self.see(f"options-{name}")
        await self.page.locator("ha-switch").locator("visible=true").last.click()
        await self.button("Submit").click()
        await self.page.get_by_text("success").locator("visible=true").first.wait_for()
        await self.see(f"switched-{name}")

    async def _without_live_data(self) -> None:
        """See that nothing of it is left on the page of a printer."""
        await self.see_printer()
        for name in LIVE:
            await self.text(name).wait_for(state="hidden")
        await self.see("no-live")

    async def lose_token(self) -> None:
        """Have the cloud forget the token, and find what Home Assistant offers."""
        await self.home.simulate(f"accounts/{ACCOUNT}/revoke")

        async def offered() -> bool:
            # With live data the next poll by itself may be a quarter of an hour away.
            await self.home.update("sensor.workshop_x1c")
            flows = await self.home.command("config_entries/flow/progress")
            return any(flow["context"]["source"] == "reauth" for flow in flows)

        if not await until(offered, 180):
            raise DemoError("Home Assistant does not offer to sign in again.")

    async def sign_in_again(self) -> None:
        """Follow the offer."""
        await self.repair("Authentication expired for Demo Maker", "expired")
        # For so short a time that the next offer comes at once.
        await self.home.simulate(f"accounts/{ACCOUNT}", expires_in=5 * 86_400)
        await self.sign_in_to_another_account()
        await self.finish_signing_in("again")

    async def sign_in_to_another_account(self) -> None:
        """Sign in to an account of which the entry is not, and return to the choice of ways."""
        await self.text("Password").click()
        await self.fill("username", "password@example.com")
        await self.fill("current-password", "password-password")
        await self.button("Submit").click()
        await self.page.get_by_text("The credentials belong to a different account.").wait_for()
        await self.see("another-account")
        await self.text("Choose another way to sign in").click()
        await self.button("Submit").click()

    async def sign_in_early(self) -> None:
        """Follow the offer that comes before the token dies."""
        await self.home.simulate(f"accounts/{ACCOUNT}", expires_in=90 * 86_400)
        await self.repair("Sign-in for Demo Maker expires soon", "expires-soon")
        await self.text("Sign in to the account Demo Maker again").wait_for()
        await self.see("repair")
        await self.button("Submit").click()
        await self.finish_signing_in("early")
        await self.see_printer()

    async def repair(self, title: str, name: str) -> None:
        """Open a repair from the list of all."""
        await self.goto("/config/repairs")
        await self.text(title).wait_for()
        await self.see(name)
        await self.text(title).click()

    async def finish_signing_in(self, name: str) -> None:
        """Sign in and wait for the account to be set up."""
        await self.sign_in(f"ways-{name}")
        await self.page.get_by_text("successful").locator("visible=true").first.wait_for()
        await self.see(f"signed-in-{name}")

        async def loaded() -> bool:
            return ((await self.home.entry()) or {}).get("state") == "loaded"

        if not await until(loaded, 30):
            raise DemoError("The account is not set up after signing in again.")
