"""The phases of a request, in the order in which they are told wherever they are."""

from enum import StrEnum


class Phase(StrEnum):
    QUEUE = "queue"
    LOAD = "load"
    PREFILL = "prefill"
    DECODE = "decode"
    CLOUD = "cloud"
