"""The actions of the Bambu Lab Cloud integration."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, time
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID, ATTR_NAME
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import probatio

from .api import (
    BambuCloudError,
    PermissionDeniedError,
    Plate,
    Profile,
    Project,
    ResponseError,
    SlicerSetting,
    Slot,
    Spool,
)
from .const import DOMAIN
from .coordinator import action_error
from .data import BambuConfigEntry
from .fleet.ams import slot_name
from .fleet.history import EndedPrint, Totals, matching, total_of
from .fleet.messages import MESSAGE_TYPES, News
from .fleet.printer import PrintResult
from .messages import message_attributes
from .registry import device_name, device_of, ids_of
from .slicer import PLUGIN_VERSION

ATTR_END_DATE = "end_date"
ATTR_LIMIT = "limit"
ATTR_MODEL_ID = "model_id"
ATTR_PRESET_ID = "preset_id"
ATTR_PROFILE_ID = "profile_id"
ATTR_PROJECT_ID = "project_id"
ATTR_RESULT = "result"
ATTR_START_DATE = "start_date"
ATTR_TITLE = "title"
ATTR_TYPE = "type"

# What Bambu Studio lets a printer be called.
_LONGEST_NAME = 32
_NOT_IN_NAMES = frozenset('<>[]:/\\|?*"')
# A page of spools, what every page has at least if others follow, and how many pages are read.
_SPOOLS_PER_PAGE = 100
_FEWEST_PER_PAGE = 20
_MOST_PAGES = 10
# Presets of printers can hold the address, user and key of a print server at home.
_PRINT_SERVER = ("print_host", "printhost")
# How the cloud answers to an id that is none; without a status it was not even asked.
_NO_SUCH_ID = {None, 400, 404, 422}

_ACCOUNT: VolDictType = {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}


def _limit(default: int, most: int) -> VolDictType:
    """Return how many are wanted at most."""
    number = probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=most))
    return {probatio.Optional(ATTR_LIMIT, default=default): number}


def _accounts(hass: HomeAssistant, entry_id: str | None) -> list[BambuConfigEntry]:
    """Return the account of an id, or all without one; those that are switched off are none."""
    entries = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    return [entry for entry in entries if entry_id in {None, entry.entry_id}]


def _loaded(entry: BambuConfigEntry) -> BambuConfigEntry:
    """Return an account that is set up."""
    if entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="account_not_loaded",
            translation_placeholders={"account": entry.title},
        )
    return entry


def _account(call: ServiceCall) -> BambuConfigEntry:
    """Return the account that is meant, which need not be said where there is but one.

    One that is not set up at the moment counts as well, so that a call never goes to another
    account than it did yesterday.
    """
    entries = _accounts(call.hass, call.data.get(ATTR_CONFIG_ENTRY_ID))
    if not entries:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_account")
    if len(entries) > 1:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="several_accounts")
    return _loaded(entries[0])


def _printer(call: ServiceCall, device_id: str) -> tuple[BambuConfigEntry, str]:
    """Return a printer by its device, and the account that it is in."""
    device = dr.async_get(call.hass).async_get(device_id, include_child_devices=False)
    owner = device.config_entry_id if device else None
    wanted = call.data.get(ATTR_CONFIG_ENTRY_ID, owner)
    if device and owner == wanted and (entries := _accounts(call.hass, owner)):
        entry = _loaded(entries[0])
        for printer_id in ids_of(device):
            if printer_id in entry.runtime_data.memory.records.printers:
                return entry, printer_id
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="no_printer",
        translation_placeholders={
            "device": (device.name_by_user or device.name if device else None) or device_id
        },
    )


async def _answer[T](answer: Awaitable[T], unknown: ServiceValidationError | None = None) -> T:
    """Return an answer of the cloud, or raise what the owner can make of its refusal.

    `unknown` says that there is nothing with the id that was asked for.
    """
    try:
        return await answer
    except (PermissionDeniedError, ResponseError) as err:
        if unknown and (isinstance(err, PermissionDeniedError) or err.status in _NO_SUCH_ID):
            raise unknown from err
        raise action_error(err) from err
    except BambuCloudError as err:
        raise action_error(err) from err


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


_GET_PRINT_HISTORY: VolDictType = {
    **_ACCOUNT,
    probatio.Optional(ATTR_DEVICE_ID): probatio.All(cv.ensure_list, [cv.string]),
    probatio.Optional(ATTR_START_DATE): cv.date,
    probatio.Optional(ATTR_END_DATE): cv.date,
    probatio.Optional(ATTR_RESULT): probatio.Coerce(PrintResult),
    probatio.Optional(ATTR_TITLE, default=""): cv.string,
    **_limit(50, 1000),
}


async def _get_print_history(call: ServiceCall) -> ServiceResponse:
    """Return prints of the past, as they are stored here."""
    if call.data.get(ATTR_DEVICE_ID) == []:
        # From a template that found none, and is not to get those of all.
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_printers")
    printers = [_printer(call, device_id) for device_id in call.data.get(ATTR_DEVICE_ID, ())]
    entries = list({entry.entry_id: entry for entry, _ in printers}.values()) or [_account(call)]
    start, end = call.data.get(ATTR_START_DATE), call.data.get(ATTR_END_DATE)
    if start and end and end < start:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="end_before_start")
    histories = [(entry, entry.runtime_data.history.data) for entry in entries]

    def find() -> tuple[list[tuple[EndedPrint, BambuConfigEntry]], Totals]:
        # A print that two accounts list is one.
        found = {
            job.task_id: (job, entry)
            for entry, history in histories
            for job in matching(
                history.prints.values(),
                printer_ids={printer_id for _, printer_id in printers},
                start=start and dt_util.start_of_local_day(start),
                end=end and datetime.combine(end, time.max, dt_util.get_default_time_zone()),
                result=call.data.get(ATTR_RESULT),
                title=call.data[ATTR_TITLE],
            )
        }
        newest = sorted(found.values(), key=lambda each: each[0].ended_at, reverse=True)
        return newest[: call.data[ATTR_LIMIT]], total_of([job for job, _ in newest])

    # Of tens of thousands of prints.
    newest, total = await call.hass.async_add_executor_job(find)
    return {
        "prints": [_print(call.hass, entry, job) for job, entry in newest],
        "count": total.prints,
        "finished": total.finished,
        "failed": total.prints - total.finished,
        "duration": round(total.print_time.total_seconds()),
        "weight": total.weight,
        "length": total.length,
        "complete": all(history.is_complete for _, history in histories),
    }


def _print(hass: HomeAssistant, entry: BambuConfigEntry, job: EndedPrint) -> dict[str, Any]:
    """Return a print of the past."""
    device = device_of(hass, entry, job.printer_id)
    return {
        "task_id": job.task_id,
        "printer": device_name(hass, entry, job.printer_id),
        "device_id": device.id if device else None,
        "title": job.title,
        "result": job.result.value,
        "started_at": _iso(job.started_at),
        "ended_at": _iso(job.as_print().ended_at),
        "duration": round(job.duration.total_seconds()) if job.duration else None,
        "weight": job.weight,
        "length": job.length,
        "filament_types": job.material.split(", ") if job.material else [],
    }


_GET_MESSAGES: VolDictType = {
    **_ACCOUNT,
    probatio.Optional(ATTR_TYPE): probatio.In(MESSAGE_TYPES),
    **_limit(20, 100),
}


async def _get_messages(call: ServiceCall) -> ServiceResponse:
    """Return the newest messages to an account, as they were last read."""
    entry = _account(call)
    inbox = entry.runtime_data.messages
    news = [News.from_message(message, dt_util.utcnow()) for message in inbox.messages]
    wanted = [each for each in news if call.data.get(ATTR_TYPE) in {None, each.type}]
    return {
        "messages": [
            {"type": each.type, **message_attributes(call.hass, entry, each)}
            for each in wanted[: call.data[ATTR_LIMIT]]
        ],
        "complete": inbox.has_all,
    }


async def _get_projects(call: ServiceCall) -> ServiceResponse:
    """Return the projects of an account."""
    client = _account(call).runtime_data.printers.client
    projects = await _answer(client.get_projects())
    return {"projects": [_project(project) for project in projects]}


async def _get_project(call: ServiceCall) -> ServiceResponse:
    """Return a project with its profiles."""
    client = _account(call).runtime_data.printers.client
    project_id = call.data[ATTR_PROJECT_ID]
    project = await _answer(
        client.get_project(project_id),
        ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_project",
            translation_placeholders={"project_id": project_id},
        ),
    )
    return {**_project(project), "profiles": [_profile(profile) for profile in project.profiles]}


async def _get_profile(call: ServiceCall) -> ServiceResponse:
    """Return how a model was sliced."""
    client = _account(call).runtime_data.printers.client
    profile_id = call.data[ATTR_PROFILE_ID]
    profile = await _answer(
        client.get_profile(profile_id, call.data[ATTR_MODEL_ID]),
        ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_profile",
            translation_placeholders={"profile_id": profile_id},
        ),
    )
    return _profile(profile)


def _project(project: Project) -> dict[str, Any]:
    """Return a project, without what opens its files."""
    return {
        "project_id": project.id,
        "name": project.name,
        "model_id": project.model_id,
        "status": project.status,
        "create_time": project.create_time,
        "update_time": project.update_time,
    }


def _profile(profile: Profile) -> dict[str, Any]:
    """Return a way of slicing a model, without its files and what opens them."""
    printer = profile.context.compatibility
    return {
        "profile_id": profile.id,
        "name": profile.name,
        "model_id": profile.model_id,
        "status": profile.status,
        "create_time": profile.create_time,
        "update_time": profile.update_time,
        "printer_model": printer and printer.product_name,
        "nozzle_diameter": printer and printer.nozzle_diameter,
        "materials": [
            {"type": each.type, "color": each.color, "filament_id": each.filament_id}
            for each in profile.context.materials
        ],
        "plates": [_plate(plate) for plate in profile.context.plates],
    }


def _plate(plate: Plate) -> dict[str, Any]:
    """Return a sliced plate."""
    return {
        "plate": plate.index,
        "duration": plate.prediction,
        "weight": plate.weight,
        "filaments": [
            {
                "type": each.type,
                "color": each.color,
                "weight": each.used_g,
                "length": each.used_m,
            }
            for each in plate.filaments
        ],
    }


async def _get_slicer_presets(call: ServiceCall) -> ServiceResponse:
    """Return the account's own presets of Bambu Studio.

    Bambu Lab's are not asked for: that answer is large, and who asked for it was turned away by the
    cloud's firewall, which would stop all that this integration asks.
    """
    client = _account(call).runtime_data.printers.client
    settings = await _answer(client.get_slicer_settings(PLUGIN_VERSION, public=False))
    groups = {"print": settings.print, "printer": settings.printer, "filament": settings.filament}
    return {
        "presets": [
            {**_preset(preset), "type": kind}
            for kind, group in groups.items()
            for preset in group.private
        ]
    }


async def _get_slicer_preset(call: ServiceCall) -> ServiceResponse:
    """Return a preset of Bambu Studio with its values."""
    client = _account(call).runtime_data.printers.client
    preset_id = call.data[ATTR_PRESET_ID]
    preset = await _answer(
        client.get_slicer_setting(preset_id),
        ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_preset",
            translation_placeholders={"preset_id": preset_id},
        ),
    )
    values = {
        key: value for key, value in preset.setting.items() if not key.startswith(_PRINT_SERVER)
    }
    try:
        json_bytes(values)
    except (TypeError, ValueError) as err:
        # It is passed on as it came.
        raise action_error(ResponseError("slicer/setting: not a preset")) from err
    return {**_preset(preset), "values": values}


def _preset(preset: SlicerSetting) -> dict[str, Any]:
    """Return a preset without its values."""
    return {
        "preset_id": preset.id,
        "name": preset.name,
        "type": preset.type,
        "version": preset.version,
        "base_id": preset.base_id,
        "inherits": preset.inherits,
        "filament_id": preset.filament_id,
        "filament_type": preset.filament_type,
        "filament_vendor": preset.filament_vendor,
        "updated": _iso(preset.update_time),
    }


async def _get_filaments(call: ServiceCall) -> ServiceResponse:
    """Return the spools that the owner keeps in Bambu Handy."""
    entry = _account(call)
    client = entry.runtime_data.printers.client
    spools: dict[str, Spool] = {}
    for _ in range(_MOST_PAGES):
        known = len(spools)
        page = await _answer(client.get_filaments(limit=_SPOOLS_PER_PAGE, offset=known))
        spools |= {spool.id: spool for spool in page}
        if len(page) < _FEWEST_PER_PAGE or len(spools) == known:
            break
    return {"filaments": [_spool(call.hass, entry, spool) for spool in spools.values()]}


def _spool(hass: HomeAssistant, entry: BambuConfigEntry, spool: Spool) -> dict[str, Any]:
    """Return a spool, and where it is."""
    slot = None
    if spool.in_printer and spool.ams_id is not None and spool.slot_id is not None:
        slot = Slot.at(spool.ams_id, spool.slot_id)
    printer = device_name(hass, entry, spool.device_id or "") or spool.device_name
    return {
        "spool_id": spool.id,
        "type": spool.type,
        "name": spool.name,
        "brand": spool.vendor,
        "filament_id": spool.filament_id,
        "color": spool.color,
        "colors": list(spool.colors),
        "weight": spool.weight,
        "full_weight": spool.full_weight,
        "display_name": spool.display_name,
        "note": spool.note,
        "printer": printer if spool.in_printer else None,
        "tray": slot_name(slot) if slot else None,
        "created": _iso(spool.created),
        "updated": _iso(spool.updated),
    }


async def _rename_printer(call: ServiceCall) -> None:
    """Rename a printer at Bambu Lab, and with it the device."""
    entry, printer_id = _printer(call, call.data[ATTR_DEVICE_ID])
    name = call.data[ATTR_NAME].strip()
    if (
        not 0 < len(name) <= _LONGEST_NAME
        or not name.isprintable()
        or not _NOT_IN_NAMES.isdisjoint(name)
    ):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="bad_printer_name")
    printers = entry.runtime_data.printers
    await _answer(printers.client.rename_device(printer_id, name))
    printers.rename(printer_id, name)


type _Getter = Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]

_GETTERS: dict[str, tuple[_Getter, VolDictType]] = {
    "get_print_history": (_get_print_history, _GET_PRINT_HISTORY),
    "get_messages": (_get_messages, _GET_MESSAGES),
    "get_projects": (_get_projects, _ACCOUNT),
    "get_project": (_get_project, {**_ACCOUNT, probatio.Required(ATTR_PROJECT_ID): cv.string}),
    "get_profile": (
        _get_profile,
        {
            **_ACCOUNT,
            probatio.Required(ATTR_PROFILE_ID): cv.string,
            probatio.Required(ATTR_MODEL_ID): cv.string,
        },
    ),
    "get_slicer_presets": (_get_slicer_presets, _ACCOUNT),
    "get_slicer_preset": (
        _get_slicer_preset,
        {**_ACCOUNT, probatio.Required(ATTR_PRESET_ID): cv.string},
    ),
    "get_filaments": (_get_filaments, _ACCOUNT),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, which are there whether an account is set up or not."""
    for name, (get, schema) in _GETTERS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            get,
            schema=probatio.Schema(schema),
            supports_response=SupportsResponse.ONLY,
        )
    hass.services.async_register(
        DOMAIN,
        "rename_printer",
        _rename_printer,
        schema=probatio.Schema(
            {
                probatio.Required(ATTR_DEVICE_ID): cv.string,
                probatio.Required(ATTR_NAME): cv.string,
            }
        ),
    )
