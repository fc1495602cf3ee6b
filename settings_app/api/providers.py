from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field, SecretStr, Strict, StrictBool, StrictStr

from settings_app import providers
from settings_app.api.auth import author
from settings_app.models import Provider

router = Router(tags=["Cloud providers"])

Protocol = Literal["openai", "anthropic"]
ApiKey = Annotated[SecretStr, Strict()]  # its value is in no repr, so in no traceback either


class ProviderOut(Schema):
    id: int
    name: str
    protocol: Protocol
    base_url: str
    has_key: bool
    key_last4: str = Field(
        description="Empty if there is no key, or one so short that this would give it away."
    )
    allow_private: bool
    enabled: bool
    problem: str = Field(
        description="What is wrong with its key, in words that follow its name; empty if nothing."
    )
    tested_at: datetime | None = Field(description="Null: not since its URL, protocol or key were changed.")
    test_passed: bool | None
    test_said: str
    test_ms: float | None

    @staticmethod
    def resolve_has_key(provider: Provider) -> bool:
        return bool(provider.sealed_key)

    @staticmethod
    def resolve_problem(provider: Provider) -> str:
        return providers.opened(provider.sealed_key)[1]


class ProviderChange(Schema):
    """What is left out stays as it is. The key has to be given anew when scheme, host or port change."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr = ""
    protocol: Protocol = "openai"
    base_url: StrictStr = ""
    api_key: ApiKey = Field(
        SecretStr(""), description="Never given out again. Empty: none; what was stored is removed."
    )
    allow_private: StrictBool = False
    enabled: StrictBool = True

    def values(self) -> dict[str, Any]:
        given = self.model_dump(exclude_unset=True)
        return {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in given.items()}


class NewProvider(ProviderChange):
    name: StrictStr
    base_url: StrictStr


class ProviderPage(Schema):
    providers: list[ProviderOut]
    next_after: int | None


@router.get(
    "/providers", response=ProviderPage, summary="The cloud providers, in the order in which they were made"
)
def get_providers(
    request: HttpRequest, after: int = 0, limit: Annotated[int, Field(ge=1, le=500)] = 100
) -> dict[str, object]:
    """`after`: the `next_after` of the page that was read last."""
    found = list(Provider.objects.filter(pk__gt=after).order_by("pk")[: limit + 1])
    more = len(found) > limit
    return {"providers": found[:limit], "next_after": found[limit - 1].pk if more else None}


@router.post("/providers", response={201: ProviderOut}, summary="Add a provider")
@sensitive_variables()
def post_provider(request: HttpRequest, body: NewProvider) -> Status[Provider]:
    """Rules can name it from the next request on."""
    return Status(201, providers.create(body.values(), author(request)))


@router.get("/providers/{provider_id}", response=ProviderOut, summary="One provider")
def get_provider(request: HttpRequest, provider_id: int) -> Provider:
    return get_object_or_404(Provider, pk=provider_id)


@router.patch("/providers/{provider_id}", response=ProviderOut, summary="Change a provider")
@sensitive_variables()
def patch_provider(request: HttpRequest, provider_id: int, body: ProviderChange) -> Provider:
    return providers.change(provider_id, body.values(), author(request))


@router.delete("/providers/{provider_id}", response={204: None}, summary="Delete a provider")
def delete_provider(request: HttpRequest, provider_id: int) -> Status[None]:
    """Rules that name it stay, and are passed over."""
    providers.delete(get_object_or_404(Provider, pk=provider_id), author(request))
    return Status(204, None)
