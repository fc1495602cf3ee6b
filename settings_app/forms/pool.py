from typing import Any

from django import forms

from settings_app.forms.words import one_message
from settings_app.models import Pool
from settings_app.models.pool import limit_words

MODELS = "Enter a whole number from 1 to 64."
MINUTES = "Enter 0 to 10080 minutes (7 days); 0 is never."
CHUNK = "Enter a whole number from 128 to 8192."
CACHE = "Enter 0 to 1024 GB; 0 keeps nothing."


class PoolForm(forms.ModelForm[Pool]):
    """All doors validate with it, so that they refuse the same values with the same words."""

    class Meta:
        model = Pool
        fields = (
            "memory_limit_mode",
            "memory_limit_value",
            "max_models",
            "idle_minutes",
            "eviction_policy",
            "prefill_chunk",
            "prompt_cache_gb",
        )
        error_messages = {
            "max_models": one_message(MODELS),
            "idle_minutes": one_message(MINUTES),
            "prefill_chunk": one_message(CHUNK),
            "prompt_cache_gb": one_message(CACHE),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["memory_limit_value"].error_messages |= one_message(limit_words())
        for name in ("memory_limit_value", "idle_minutes", "prompt_cache_gb"):
            value = self.initial.get(name)
            if value is not None and value == int(value):
                self.initial[name] = int(value)  # 80.0 as a person would type it
