"""TODO."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import urlsplit

from om_toolkit.errors import CredentialsMissing, InvalidSetting

LIVE: Final = "https://api.kustom.co"


PLAYGROUND: Final = "https://api.playground.kustom.co"


LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class Secret(str):
    """A text that its repr does not show, so that no traceback shows it that prints variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret()"


class Unpicklable:
    """Holds credentials, which belong in no file and no other process."""

    def __getstate__(self) -> NoReturn:
        msg = "a client holds credentials and cannot be pickled: make one where it is needed"
        raise TypeError(msg)


class Credentials(NamedTuple):
    """What is sent as `Authorization`, and the host it is for where no other is named."""

    authorization: Secret
    host: str


def hidden(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a client with the secret ones as secrets."""
    secret = {name: Secret(options[name]) for name in ("username", "password", "base_url") if options.get(name)}
    return options | secret


def credentials(api_key: Secret, username: Secret, password: Secret) -> Credentials:
    """Resolve the credentials: the arguments first, then the environment.

    Raises:
        CredentialsMissing: If neither holds any.
        InvalidSetting: If they cannot be right.
    """
    is_given = bool(api_key or username)
    key = Secret((api_key if is_given else os.environ.get("OM_API_KEY", "")).strip())
    user = Secret((username if is_given else os.environ.get("OM_USERNAME", "")).strip())
    secret = Secret((password or os.environ.get("OM_PASSWORD", "")).strip())
    if user.startswith(("kco_live_", "kco_test_")):
        raise InvalidSetting("that username is an API key: give it as api_key, or in OM_API_KEY")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InvalidSetting("the API key holds a blank, a line break or a letter that no key has: copy it anew")
    if key:
        # Kustom takes the key as it is, without base64.
        return Credentials(Secret(f"Basic {key}"), PLAYGROUND if key.startswith("kco_test_") else LIVE)
    if user and secret:
        return Credentials(Secret(f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"), LIVE)
    raise CredentialsMissing(
        "no credentials: give api_key, or username and password, or set OM_API_KEY, or OM_USERNAME and OM_PASSWORD; "
        "om.replay('quickstart') and om.sandbox() need none"
    )


def checked_address(base_url: Secret) -> str:
    """Return the host's address without a slash at its end.

    Raises:
        InvalidSetting: If credentials must not be sent there.
    """
    wrong = f"base_url must be the address of a host, with https and without credentials, such as {LIVE}"
    if "@" in base_url or re.search(r"\s", base_url.strip()):
        raise InvalidSetting(wrong)
    try:
        parts = urlsplit(base_url.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidSetting(f"base_url is no address: give one such as {LIVE}") from None
    if host == "kustom.com" or host.endswith(".kustom.com"):
        raise InvalidSetting(f"{host} is not Kustom's: the API's domain ends in .co, as in {LIVE}")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise InvalidSetting(wrong)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
