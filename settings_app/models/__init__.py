"""What is written down: one file per table."""

from settings_app.models.access import Access
from settings_app.models.api_key import ApiKey
from settings_app.models.change import Change
from settings_app.models.local_model import LocalModel
from settings_app.models.timeout import Timeout

__all__ = ["Access", "ApiKey", "Change", "LocalModel", "Timeout"]
