"""Credentials: arguments and environment in; the `Authorization` header and the host that may get it out."""

import os
import re
from base64 import b64encode
from typing import Any, Final, NamedTuple, NoReturn

from om_toolkit.api.hosts import DEFAULT_HOSTS, LIVE, Realm, checked_address, realm_of_address
from om_toolkit.errors import CredentialsMissing, InvalidSetting
from om_toolkit.privacy.credential_patterns import API_KEY_PREFIXES
from om_toolkit.support.text import with_article

_BRANDS: Final = {"kco": "Kustom", "klarna": "Klarna"}
_QUOTES: Final = "\"'`"
_ENVIRONMENTS: Final = {"live": "live", "test": "playground"}


class Secret(str):
    """A text that its repr does not show, so that a traceback that prints variables does not show it either."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret()"


class _NotText(Secret):
    """The name of an argument's type that is not text: bytes made text would begin with `b'`, no prefix of a key."""

    __slots__ = ()


class Unpicklable:
    """The base of what contains credentials, which must not get into files and other processes."""

    def __getstate__(self) -> NoReturn:
        raise TypeError("a client has credentials and cannot be pickled; make one in the process that uses it")


class _Credential(NamedTuple):
    """What is sent as `Authorization`, and the realm that it belongs to."""

    noun: str
    authorization: Secret
    realm: Realm


def secret(value: object) -> Secret:
    """Return an argument that may be a credential, before anything can raise an error that shows it; None is empty."""
    if isinstance(value, Secret):
        return value
    return Secret(value or "") if value is None or isinstance(value, str) else _NotText(type(value).__name__)


def hidden(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a client with the secret ones as `Secret`."""
    names = ("username", "password", "base_url")
    return options | {name: secret(options[name]) for name in names if options.get(name)}


def destination(api_key: Secret, username: Secret, password: Secret, base_url: Secret) -> tuple[Secret, str]:
    """Return the `Authorization` header and the address that gets it: from the arguments, else from the environment.

    Raises:
        CredentialsMissing: If there are no credentials.
        InvalidSetting: If something cannot be right, or the credentials do not belong to the host.
    """
    arguments = {"api_key": api_key, "username": username, "password": password, "base_url": base_url}
    for name, text in arguments.items():
        if isinstance(text, _NotText):
            raise InvalidSetting(f"{name} is {with_article(str(text))}, not a str; decode or convert it first")
    credential = _credential(api_key, username, password)
    given = Secret(base_url or os.environ.get("OM_BASE_URL", ""))
    if not given:
        return credential.authorization, _default_address(credential)
    address = checked_address(given)
    _check_realm(credential, address)
    return credential.authorization, address


def _credential(api_key: Secret, username: Secret, password: Secret) -> _Credential:
    is_given = bool(api_key or username)
    key = Secret((api_key if is_given else os.environ.get("OM_API_KEY", "")).strip())
    user = Secret((username if is_given else os.environ.get("OM_USERNAME", "")).strip())
    word = Secret((password or os.environ.get("OM_PASSWORD", "")).strip())
    if user.lower().startswith(API_KEY_PREFIXES):
        raise InvalidSetting("username is an API key; pass it as api_key, or set OM_API_KEY")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InvalidSetting("the API key contains a space, a line break or a non-ASCII letter; copy it again")
    if key and key[0] in _QUOTES:
        raise InvalidSetting(f"the API key begins with {key[0]}; pass or set it without quotes")
    if key:
        # It is sent as it is, without base64.
        return _Credential("API key", Secret(f"Basic {key}"), realm_of_key(key))
    if user and word:
        pair = b64encode(f"{user}:{word}".encode()).decode()
        return _Credential("password", Secret(f"Basic {pair}"), realm_of_key(word))
    raise CredentialsMissing(
        "no credentials; pass api_key, or username and password, or set OM_API_KEY, or OM_USERNAME and OM_PASSWORD. "
        "om.replay('quickstart') and om.sandbox() need none"
    )


def realm_of_key(key: str) -> Realm:
    """Return the realm that the prefix of an API key names, as far as it does.

    Example:
        >>> str(realm_of_key("klarna_test_api_x")), str(realm_of_key("kco_x")), str(realm_of_key("x"))
        ('Klarna playground', 'Kustom', '')
    """
    found = re.match(r"\W*(kco|klarna)_(?:(live|test)_)?", key.lower())
    return Realm(_BRANDS[found[1]], _ENVIRONMENTS.get(found[2], "")) if found else Realm()


def _default_address(credential: _Credential) -> str:
    address = DEFAULT_HOSTS.get(credential.realm)
    if address is None:
        raise InvalidSetting(
            f"the {credential.noun} has no prefix that says whose it is ({', '.join(API_KEY_PREFIXES)}); it would "
            f"have gone to {LIVE} and was not sent. Say which host is meant, with base_url or OM_BASE_URL: "
            f"{', '.join(DEFAULT_HOSTS.values())}, or another"
        )
    return address


def _check_realm(credential: _Credential, address: str) -> None:
    theirs = realm_of_address(address)
    if credential.realm.contradicts(theirs):
        default = DEFAULT_HOSTS.get(credential.realm)
        leave_out = f"leave out base_url (or unset OM_BASE_URL) to use {default}, or " if default else ""
        raise InvalidSetting(
            f"the {credential.noun} is for {credential.realm}; it would have gone to {address}, the host of {theirs}, "
            f"and was not sent: {leave_out}give the credentials of that host"
        )
