"""Fixtures of the tests of the client: no pauses, and a certificate for servers that speak TLS."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate of `orders.example` and this computer, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=orders.example"
    names = [
        "-addext",
        "subjectAltName=DNS:orders.example,IP:127.0.0.1",
        "-keyout",
        str(file),
        "-out",
        f"{file}.public",
    ]
    subprocess.run([openssl, *options.split(), *names], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.public").read_bytes())
    return file


@pytest.fixture
def no_pauses_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the shortest pause: full jitter may be as short as that."""
    monkeypatch.setattr(random, "uniform", lambda shortest, _: shortest)
