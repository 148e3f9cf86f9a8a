"""Constants of the Bambu Lab Cloud integration."""

import logging

DOMAIN = "bambu_lab_cloud"
LOGGER = logging.getLogger(__package__)

CONF_ACCOUNT = "account"
CONF_EXPIRES_AT = "expires_at"
CONF_LIVE_DATA = "live_data"

MANUFACTURER = "Bambu Lab"
VERSION = "0.1.0"
USER_AGENT = f"bambu-lab-cloud-home-assistant/{VERSION}"
