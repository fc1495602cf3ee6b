"""Cloud services that are well known: one is chosen, and name, protocol and URL of a new provider are filled in."""

from dataclasses import dataclass

from settings_app.models import Provider

OPENAI, ANTHROPIC = Provider.Protocol.OPENAI, Provider.Protocol.ANTHROPIC


@dataclass(frozen=True)
class Preset:
    """`base_url` is empty for a service that whoever chooses it has to name."""

    key: str
    label: str
    base_url: str = ""
    protocol: Provider.Protocol = OPENAI


PRESETS = (
    Preset("openai", "OpenAI", "https://api.openai.com/v1"),
    Preset("anthropic", "Anthropic", "https://api.anthropic.com/v1", ANTHROPIC),
    Preset("together", "Together", "https://api.together.xyz/v1"),
    Preset("groq", "Groq", "https://api.groq.com/openai/v1"),
    Preset("fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1"),
    Preset("mistral", "Mistral", "https://api.mistral.ai/v1"),
    Preset("deepseek", "DeepSeek", "https://api.deepseek.com/v1"),
    Preset("openai-compatible", "OpenAI-compatible"),
    Preset("anthropic-compatible", "Anthropic-compatible", protocol=ANTHROPIC),
)
BY_KEY = {preset.key: preset for preset in PRESETS}


def filled_in(preset: Preset) -> dict[str, object]:
    """The values of a form for a new provider. Of several of a kind the second is called "OpenAI 2"."""
    return {
        "name": _free_name(preset.label),
        "protocol": preset.protocol,
        "base_url": preset.base_url,
        "enabled": True,
    }


def _free_name(label: str) -> str:
    taken = set(Provider.objects.filter(name__startswith=label).values_list("name", flat=True))
    numbered = (f"{label} {number}" for number in range(2, len(taken) + 3))
    return label if label not in taken else next(name for name in numbered if name not in taken)
