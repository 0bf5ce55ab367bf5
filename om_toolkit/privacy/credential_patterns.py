"""Patterns of credentials in text: keys, headers, pairs of a user name and a password, and settings."""

import re
from collections.abc import Callable
from typing import Final

from om_toolkit.privacy.encodings import decode_base64

API_KEY_PREFIXES: Final = ("kco_live_", "kco_test_", "klarna_live_", "klarna_test_")
"""How API keys begin: the vendor and the environment."""


def _is_username_with_password(match: re.Match[str]) -> bool:
    return b":" in decode_base64(match[1])


def _is_a_secret(match: re.Match[str]) -> bool:
    """Return whether a password is not one of those that examples have."""
    return not _EXAMPLE.fullmatch(match[1])


_EXAMPLE: Final = re.compile(r"(?i)your.*|kco_test_sandbox|pass|password|passwd|pw|x+|[\W_]+|none|null|true|false|str")
_VALUE: Final = r"[^\s\"'$<({\[\\]"
_SETTING: Final = r"(?:password|passwd|passphrase|secret|token|api_?key|access_?key|secret_?key|pseudonym_?key)"

CREDENTIALS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], bool]], ...]] = (
    (re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(API_KEY_PREFIXES)})[\w+/=-]{{12,}}"), bool),
    (
        re.compile(
            r"""(?i)\bauthorization\W{1,8}(?:[bru]{1,2}["'])?(?:basic|bearer|(?:token|apikey)(?=\s+\S*\d))"""
            r"\s+[\w+/=.~-]{6,}"
        ),
        bool,
    ),
    (re.compile(r"\b(?i:basic) ([A-Za-z0-9+/]{6,}={0,2})"), _is_username_with_password),
    (re.compile(r"\b(?i:bearer) (?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{16,}"), bool),
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}"), bool),  # a JSON web token
    (re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY"), bool),
    (re.compile(r"(?i)\bx-api-key[\"']?\s*[:=,]\s*[\"']?[\w+/=.~-]{8,}"), bool),
    (re.compile(r"""(?:\bauth=|BasicAuth)\(\\?["'][^"']+["'], *\\?["'][^"']+["']\)"""), bool),
    (re.compile(r"\b[a-z][a-z\d+.-]{1,20}://[^\s/:@\"'<>{}$]*:([^\s/@\"'<>{}$]+)@"), _is_a_secret),
    (re.compile(r"\bhttps?://[\w-]{20,}@"), bool),
    (
        re.compile(
            r"(?:\b(?:curl|wget|https?|xh)\b.{0,300}?\s|^\s*)"
            r"(?:-[A-Za-z]{0,4}u\s*|-[Ua]\s+|--(?:proxy-)?(?:user|auth)[= ]\s*)"
            rf"[\"']?(?!\d+:\d){_VALUE}[^\s\"'$<{{:]*:(?![$<{{/])([^\s\"'$<{{]+)"
        ),
        _is_a_secret,
    ),
    (re.compile(rf"--(?:[a-z]+-)?password[= ][\"']?(?!-)({_VALUE}{{3,}})"), _is_a_secret),
    (re.compile(r"\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+(\S+)"), _is_a_secret),  # .netrc
    (
        re.compile(  # lines of .env files and shells, and of YAML for containers
            r"^\s*(?:export\s+|set\s+|%env\s+|ENV\s+|-\s+)?[\"']?"
            rf"(?=[A-Z\d_]{{0,80}}(?i:{_SETTING})[A-Z\d_]{{0,20}}[\"']?(?:=|\s?:\s))"
            rf"[A-Z][A-Z\d_]{{1,99}}[\"']?(?:=|\s?:\s)[\"']?({_VALUE}{{4,}})"
            r"(?=[\"']?\s*(?:$|[#;,\\]))"
        ),
        _is_a_secret,
    ),
    (
        re.compile(  # lines of .ini and .properties files
            rf"(?i)^\s*(?:[\w.-]{{0,60}}[._-])?{_SETTING}\s*[:=]\s*((?=\S{{0,200}}\d)[^\s\"'$<({{\[\\,;)]{{6,}})\s*$"
        ),
        _is_a_secret,
    ),
)
"""Each pattern of a credential in a line, with a test that each match must pass."""

ACROSS_LINES: Final = (
    re.compile(r"\b(?:machine\s+\S+|default)\s+login\s+\S+\s+(?:account\s+\S+\s+)?password\s+\S+"),
    re.compile(r"""(?:\bauth=|BasicAuth)\(\s*["'][^"'\n]+["'],\s*["'][^"'\n]+["'],?\s*\)"""),
)
"""Patterns of credentials that are spread over lines."""
