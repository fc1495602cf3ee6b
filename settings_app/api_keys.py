"""API keys: made, shown once, revoked. Only the SHA-256 of a key is kept."""

import hashlib
import secrets

from settings_app import changes
from settings_app.models import ApiKey

PREFIX = "mlx-"
RANDOM_BYTES = 32


def create(name: str, *, is_admin: bool, author: changes.Author) -> tuple[ApiKey, str]:
    """The stored key and its token, which nothing can show again. Raises ValidationError."""
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    key = ApiKey(name=name.strip(), digest=digest(token), last4=token[-4:], is_admin=is_admin)
    changes.save(key, author, secret_fields=("digest",))
    return key, token


def revoke(key: ApiKey, author: changes.Author) -> None:
    """The next request with this key is refused."""
    changes.delete(key, author)


def digest(token: str) -> str:
    # A plain hash is enough for 256 random bits: there is no dictionary to try.
    return hashlib.sha256(token.encode()).hexdigest()


def find(token: str) -> ApiKey | None:
    """The key that `token` is; None if it was never made or is revoked."""
    return ApiKey.objects.filter(digest=digest(token)).first()
