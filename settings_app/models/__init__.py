"""What is written down: one file per table."""

from settings_app.models.access import Access
from settings_app.models.api_key import ApiKey
from settings_app.models.change import Change
from settings_app.models.download import Download
from settings_app.models.local_model import LocalModel
from settings_app.models.pool import Pool
from settings_app.models.provider import Provider
from settings_app.models.request_log import RequestLog
from settings_app.models.retention import Retention
from settings_app.models.rule import Rule
from settings_app.models.running_order import RunningOrder
from settings_app.models.serving import Serving
from settings_app.models.timeout import Timeout

__all__ = [
    "Access",
    "ApiKey",
    "Change",
    "Download",
    "LocalModel",
    "Pool",
    "Provider",
    "RequestLog",
    "Retention",
    "Rule",
    "RunningOrder",
    "Serving",
    "Timeout",
]
