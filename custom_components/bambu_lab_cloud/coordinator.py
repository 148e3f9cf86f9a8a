"""What all coordinators of an account share: the client, and one mapping of its errors."""

from abc import abstractmethod
import asyncio
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from random import random
import traceback
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .api import (
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    CannotConnectError,
    PermissionDeniedError,
    RetryLaterError,
)
from .cloud import error_text
from .const import DOMAIN, LOGGER
from .fleet.cadence import retry_interval


def error_key(err: Exception) -> str:
    """Return the key of the sentence that tells an owner of an error."""
    match err:
        case RetryLaterError():
            return "cloud_refuses"
        case CannotConnectError():
            return "cannot_connect"
        case _:
            return "unexpected_answer"


def action_error(err: BambuCloudError) -> HomeAssistantError:
    """Return what an action raises for an error, with what its caller can do about it.

    Whether a token that is refused is dead, the polls find out.
    """
    match err:
        case AuthenticationError():
            key = "authentication_failed"
        case PermissionDeniedError():
            key = "permission_denied"
        case _:
            # What asks again by itself says so; an action does not.
            key = f"action_{error_key(err)}"
    wait = err.retry_after if isinstance(err, RetryLaterError) else 0
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"reason": str(err), "minutes": str(ceil(wait / 60))},
    )


class Outage:
    """Who of an account's coordinators has no answer, so that the log says it once.

    While nobody has an answer, a reason that concerns the whole cloud is said by the first alone.
    """

    def __init__(self) -> None:
        """Initialize the outage, with nobody in it."""
        self._said_by = set[str]()
        self._reasons = set[str]()

    def begins(self, name: str, reason: str) -> bool:
        """Return if a failure is to be said: nobody has, for this reason."""
        if name in self._said_by or reason in self._reasons:
            return False
        self._said_by.add(name)
        self._reasons.add(reason)
        return True

    def ends(self, name: str, *, has_answer: bool) -> bool:
        """Return if a recovery is to be said: the failure was."""
        if has_answer:
            # Who still fails does so for a reason of its own.
            self._reasons.clear()
        was_said = name in self._said_by
        self._said_by.discard(name)
        return was_said


class Mistakes:
    """The errors that nobody has foreseen, each of which the log has once, with its place."""

    def __init__(self, name: str) -> None:
        """Initialize the mistakes of somebody, with none so far."""
        self._name = name
        self._known = set[str]()

    def say(self, err: Exception) -> None:
        """Log an error without its text, which could hold anything."""
        stack = traceback.extract_tb(err.__traceback__)
        place = f"{stack[-1].filename}:{stack[-1].lineno}"
        if place not in self._known:
            self._known.add(place)
            LOGGER.error(
                "Unexpected %s in %s\n%s", type(err).__name__, self._name, "".join(stack.format())
            )

    @contextmanager
    def survived(self) -> Generator[None]:
        """Go on after a mistake in what is done within, as if it were done."""
        try:
            yield
        except Exception as err:  # noqa: BLE001 - the mistake of one is no loss for the others
            self.say(err)


class BambuCoordinator[_DataT](DataUpdateCoordinator[_DataT]):
    """A coordinator of an account.

    A listener whose context is the id of a device hears only of changes of that device.
    """

    config_entry: ConfigEntry
    _name: str
    # Until it polls for the first time; who polls at once has none.
    _first_interval: timedelta | None = None

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: ConfigEntry,
        client: BambuCloud,
        outage: Outage,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=config_entry,
            name=f"{DOMAIN} {self._name}",
            update_interval=self._first_interval,
            always_update=False,
        )
        self.client = client
        self._outage = outage
        self._failures = 0
        self._poll: asyncio.Task[_DataT] | None = None
        # Whoever found nothing to ask knows nothing of an outage either.
        self._has_asked = True
        self._mistakes = Mistakes(self.name)
        self._was_good = True
        self._told: dict[str, object] = {}
        # Those who listen for one device: a farm has thousands, of whom a push concerns a few.
        self._device_listeners: dict[str, list[CALLBACK_TYPE]] = {}

    @override
    async def _async_update_data(self) -> _DataT:
        """Ask the cloud in a task of our own, which ends with the account."""
        self._poll = self.hass.async_create_background_task(
            self._async_ask(), f"{self.name} poll", eager_start=True
        )
        return await self._poll

    async def _async_ask(self) -> _DataT:
        """Ask the cloud, and tell Home Assistant what to make of a refusal."""
        self._has_asked = True
        try:
            data = await self._async_update_internal()
        except AuthenticationError as err:
            raise await self._async_refused(err) from err
        except BambuCloudError as err:
            raise self._failed(err) from err
        except Exception as err:  # noqa: BLE001 - no mistake of ours may become a storm
            self._mistakes.say(err)
            # Home Assistant logs causes, and the text of this one could hold anything.
            raise self._failed(err) from None
        self._failures = 0
        if not self._outage.ends(self.name, has_answer=self._has_asked):
            # Home Assistant would say of a coordinator that it recovered from what was not said.
            self.last_update_success = True
        return data

    @override
    async def async_shutdown(self) -> None:
        """End a poll that is under way, whoever asked for it: it would outlast the account."""
        await super().async_shutdown()
        if self._poll and not self._poll.done():
            self._poll.cancel()

    @abstractmethod
    async def _async_update_internal(self) -> _DataT:
        """Ask the cloud."""

    async def _async_refused(self, err: AuthenticationError) -> HomeAssistantError:
        """Return what to raise for a 401.

        A single one may be a hiccup, and the owner is to sign in again, with polling stopped until
        then, only if the endpoint that checks tokens answers the same.
        """
        try:
            await self.client.get_preference()
        except AuthenticationError:
            self.last_update_success = self._outage.begins(self.name, "authentication_failed")
            return ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="authentication_failed"
            )
        except BambuCloudError as other:
            return self._failed(other)
        return self._failed(err)

    def _failed(self, err: Exception) -> UpdateFailed:
        """Return what to raise for anything else, with the time to wait before the next poll."""
        self._failures += 1
        retry_after = retry_interval(self._failures, random()).total_seconds()  # noqa: S311 - jitter
        if isinstance(err, RetryLaterError):
            retry_after = max(retry_after, err.retry_after)
        key = error_key(err)
        # What is wrong with one endpoint alone is another matter than a cloud that is away.
        reason = f"{self.name}: {key}" if key == "unexpected_answer" else key
        text = error_text(err)
        # Home Assistant says it of a coordinator that succeeded the last time.
        self.last_update_success = self._outage.begins(self.name, reason)
        if not self.last_update_success:
            LOGGER.debug("%s is without an answer: %s", self.name, text)
        return UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"reason": text},
            retry_after=retry_after,
        )

    @callback
    def keep_polling(self) -> None:
        """Poll until the account is unloaded, whether an entity listens or not."""
        self.config_entry.async_on_unload(self.async_add_listener(lambda: None))

    def _of_device(self, context: str) -> object:
        """Return what is told of a device; whoever listens for it hears when that changes."""
        return self.data

    @callback
    @override
    def async_add_listener(
        self, update_callback: CALLBACK_TYPE, context: Any = None
    ) -> Callable[[], None]:
        """Listen for updates; of a device, for those after what it is now."""
        remove = super().async_add_listener(update_callback, context)
        if context is None:
            return remove
        self._told.setdefault(context, self._of_device(context))
        self._device_listeners.setdefault(context, []).append(update_callback)

        @callback
        def remove_of_device() -> None:
            remove()
            self._device_listeners[context].remove(update_callback)

        return remove_of_device

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Tell those who listen for all, and those whose device has changed."""
        devices = {each for each, listeners in self._device_listeners.items() if listeners}
        was_good, self._was_good = self._was_good, self.last_update_success
        known = self._told if was_good is self._was_good else {}
        self._told = {each: known[each] for each in devices & known.keys()}
        self._tell(devices, all_others=True)

    @callback
    def _tell(self, devices: Collection[str], *, all_others: bool) -> None:
        """Tell those who listen for one of these devices if it has changed, or for all of them."""
        changed = set[str]()
        for each in devices:
            now = self._of_device(each)
            if each not in self._told or self._told[each] != now:
                changed.add(each)
            self._told[each] = now
        if all_others:
            listeners = [
                listener
                for listener, context in self._listeners.values()
                if context is None or context in changed
            ]
        else:
            listeners = [
                listener for each in changed for listener in self._device_listeners.get(each, ())
            ]
        for listener in listeners:
            try:
                listener()
            except Exception:  # noqa: BLE001
                # As Home Assistant does it: the mistake of one is no loss for the others.
                LOGGER.exception("Unexpected error updating a listener for %s", self.name)
