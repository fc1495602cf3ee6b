"""What is lacking where a model does not fit, in words."""

from collections.abc import Sequence

from inference.errors import InsufficientMemory
from inference.eviction import Holder, Limits, could_have
from settings_app.sizes import size_text


def no_room(name: str, need_bytes: int, holders: Sequence[Holder], limits: Limits) -> InsufficientMemory:
    """Need, have, and what holds the rest."""
    have = could_have(holders, limits)
    pinned = [holder for holder in holders if holder.pinned and not holder.leaving]
    if need_bytes <= have:
        said = f"There is no place for {name}: {limits.models} models may be loaded at once, and so many are pinned."
    elif pinned:
        said = (
            f"{name} needs about {size_text(need_bytes)} of memory, and can have {size_text(have)} of the "
            f"{size_text(limits.bytes)} that models may hold."
        )
    else:
        said = f"{name} needs about {size_text(need_bytes)} of memory; all models may hold {size_text(limits.bytes)}."
    if pinned:
        listed = ", ".join(f"{holder.name} ({size_text(holder.bytes)})" for holder in pinned)
        said += f" Pinned, so never unloaded for it: {listed}. Unpin a model or raise the limit"
    else:
        said += " Raise the limit"
    held = [
        {"model": holder.name, "memory_bytes": holder.bytes, "pinned": holder.pinned, "busy": holder.busy}
        for holder in holders
    ]
    extra = {"need_bytes": need_bytes, "have_bytes": have, "limit_bytes": limits.bytes, "holders": held}
    return InsufficientMemory(f"{said} in Settings, Model Pool.", extra=extra)
