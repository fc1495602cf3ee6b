"""What keeps a rule from being followed: decided here for the router, which passes it over, and for all who show it."""

from collections.abc import Mapping

from settings_app.snapshot import Provider, Rule


def problem(rule: Rule, provider_id: int | None, providers: Mapping[int, Provider]) -> str:
    """Why a request that the rule matches cannot be sent to this provider (None: this machine); empty if it can."""
    if provider_id is None:
        return ""
    if rule.local_only:
        return "it never leaves this machine, and names a provider"
    provider = providers.get(provider_id)
    if provider is None:
        return "its provider was deleted"
    return f"provider {provider.name} {provider.problem}" if provider.problem else ""
