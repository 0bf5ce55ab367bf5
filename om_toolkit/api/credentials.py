"""Credentials: arguments and environment in; the `Authorization` header and a host that may get it out."""

import os
import re
from base64 import b64encode
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from om_toolkit.errors import CredentialsMissing, InvalidSetting

LIVE: Final = "https://api.kustom.co"

PLAYGROUND: Final = "https://api.playground.kustom.co"

LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class Secret(str):
    """A text that its repr does not show, so that a traceback that prints variables does not show it either."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret()"


class Unpicklable:
    """The base of what contains credentials, which must not get into files and other processes."""

    def __getstate__(self) -> NoReturn:
        raise TypeError("a client has credentials and cannot be pickled; make one in the process that uses it")


def hidden(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a client with the secret ones as `Secret`."""
    secret = {name: Secret(options[name]) for name in ("username", "password", "base_url") if options.get(name)}
    return options | secret


def credentials(api_key: Secret, username: Secret, password: Secret) -> tuple[Secret, str]:
    """Return the `Authorization` header and its default host: from the arguments, else from the environment.

    Raises:
        CredentialsMissing: If there are none.
        InvalidSetting: If they cannot be right.
    """
    is_given = bool(api_key or username)
    key = Secret((api_key if is_given else os.environ.get("OM_API_KEY", "")).strip())
    user = Secret((username if is_given else os.environ.get("OM_USERNAME", "")).strip())
    secret = Secret((password or os.environ.get("OM_PASSWORD", "")).strip())
    if user.startswith(("kco_live_", "kco_test_")):
        raise InvalidSetting("username is an API key; pass it as api_key, or set OM_API_KEY")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InvalidSetting("the API key contains a space, a line break or a non-ASCII letter; copy it again")
    if key:
        # Kustom takes the key as it is, without base64.
        return Secret(f"Basic {key}"), PLAYGROUND if key.startswith("kco_test_") else LIVE
    if user and secret:
        return Secret(f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"), LIVE
    raise CredentialsMissing(
        "no credentials; pass api_key, or username and password, or set OM_API_KEY, or OM_USERNAME and OM_PASSWORD. "
        "om.replay('quickstart') and om.sandbox() need none"
    )


def checked_address(base_url: Secret) -> str:
    """Return the address of a host without a slash at its end.

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
        raise InvalidSetting(f"base_url is not an address; use one such as {LIVE}") from None
    if host == "kustom.com" or host.endswith(".kustom.com"):
        raise InvalidSetting(f"{host} is not a host of Kustom; its API is at domains ending in .co, such as {LIVE}")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise InvalidSetting(wrong)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
