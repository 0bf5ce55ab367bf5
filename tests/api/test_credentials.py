"""Credentials: which host they go to, and when they go nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from secret_watch import KEY, PASSWORD, USERNAME

import om_toolkit as om
from om_toolkit.api.credentials import realm_of_key
from om_toolkit.api.hosts import DEFAULT_HOSTS, realm_of_address
from om_toolkit.privacy.credential_patterns import API_KEY_PREFIXES

HOSTS = {
    "kco_live_x": "https://api.kustom.co",
    "kco_test_x": "https://api.playground.kustom.co",
    "klarna_live_api_x": "https://api.klarna.com",
    "klarna_test_api_x": "https://api.playground.klarna.com",
}
UNKNOWN = {
    "another prefix": {"api_key": "sk_live_4eC39HqLyj"},
    "a vendor without an environment": {"api_key": "kco_4eC39HqLyj"},
    "an environment in another place": {"api_key": "x_kco_live_4eC39HqLyj"},
    "a user name and password": {"username": USERNAME, "password": PASSWORD},
    "a password that begins with a vendor only": {"username": USERNAME, "password": "klarna_4eC39HqLyj"},
}


@pytest.mark.parametrize("key", [*HOSTS, " kco_test_x\n", "KLARNA_TEST_x"])
def test_a_prefix_chooses_the_host_of_a_key_and_of_a_password(key: str) -> None:
    host = HOSTS[next(known for known in HOSTS if known[:9] == key.strip().lower()[:9])]
    assert om.Client(key).base_url == host
    assert om.Client(username=USERNAME, password=key).base_url == host


def test_every_known_prefix_has_a_host_of_the_same_realm() -> None:
    for prefix in API_KEY_PREFIXES:
        realm = realm_of_key(f"{prefix}x")
        assert realm_of_address(DEFAULT_HOSTS[realm]) == realm


@pytest.mark.parametrize(
    ("key", "base_url"),
    [
        ("kco_live_x", "https://api.klarna.com"),
        ("kco_live_x", "https://api.playground.kustom.co"),
        ("kco_test_x", "https://api.kustom.co/"),
        ("kco_test_x", "https://API.KUSTOM.CO:443/path"),
        ("kco_x", "https://api-oc.klarna.com"),
        ("KCO_LIVE_x", "https://api.klarna.com."),
        ("klarna_live_api_x", "https://api.kustom.co"),
        ("klarna_live_api_x", "https://api-na.playground.klarna.com"),
        ("klarna_test_api_x", "https://api-eu.klarna.com"),
        ("klarna_x", "https://kustom.co"),
    ],
)
def test_a_credential_is_not_sent_to_a_host_of_another_realm(
    key: str, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in ({"api_key": key}, {"username": USERNAME, "password": key}):
        with pytest.raises(om.InvalidSetting, match=r"would have gone to https://.*base_url|give the credentials of"):
            om.Client(**given, base_url=base_url)
        monkeypatch.setenv("OM_BASE_URL", base_url)
        with pytest.raises(om.InvalidSetting, match="was not sent") as raised:
            om.Client(**given)
        monkeypatch.delenv("OM_BASE_URL")
        assert base_url.rstrip("/") in str(raised.value)
        assert key not in str(raised.value)


@pytest.mark.parametrize("given", UNKNOWN.values(), ids=UNKNOWN)
def test_a_credential_of_an_unknown_realm_needs_a_host(given: dict[str, str]) -> None:
    with pytest.raises(om.InvalidSetting, match=r"https://api\.kustom\.co and was not sent.*base_url or OM_BASE_URL"):
        om.Client(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "base_url", ["https://api-na.klarna.com", "https://orders.example", "http://127.0.0.1:9", "https://localhost"]
)
def test_a_credential_of_an_unknown_realm_goes_to_the_host_that_is_named(base_url: str) -> None:
    for given in ({"api_key": "4eC39HqLyj"}, {"username": USERNAME, "password": PASSWORD}):
        assert om.Client(**given, base_url=base_url).base_url == base_url


@pytest.mark.parametrize("key", HOSTS)
@pytest.mark.parametrize("base_url", ["https://orders.example", "https://kustom.co.example", "http://[::1]:9"])
def test_a_host_of_neither_vendor_may_get_every_key(key: str, base_url: str) -> None:
    assert om.Client(key, base_url=base_url).base_url == base_url


@pytest.mark.parametrize("base_url", ["https://api-na.klarna.com", "https://api-oc.klarna.com"])
def test_a_key_of_klarna_may_go_to_each_region(base_url: str) -> None:
    assert om.Client("klarna_live_api_x", base_url=base_url).base_url == base_url


@pytest.mark.parametrize("name", ["api_key", "username", "password", "base_url"])
@pytest.mark.parametrize("value", [KEY.encode(), bytearray(KEY, "ascii"), 17, [KEY]])
def test_what_is_not_text_is_refused(name: str, value: Any) -> None:
    given: dict[str, Any] = {"username": USERNAME, "password": PASSWORD, "base_url": "https://api.kustom.co"}
    for make in (om.Client, lambda **options: om.record("x", **options)):
        with pytest.raises(om.InvalidSetting, match=rf"^{name} is an? \w+, not a str") as raised:
            make(**given | {name: value})
        assert KEY not in str(raised.value)


@pytest.mark.parametrize("quote", ['"', "'", "`"])
def test_an_api_key_in_quotes_is_refused(quote: str) -> None:
    with pytest.raises(om.InvalidSetting, match=f"the API key begins with {quote}; pass or set it without quotes"):
        om.Client(f"{quote}kco_live_abc{quote}")
