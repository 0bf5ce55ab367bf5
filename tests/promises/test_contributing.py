"""What contributors meet: the workflow runs what the README says, hooks are local, pages name what exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import om_toolkit as om

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GUIDE = ROOT / ".github" / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def jobs() -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]


def test_the_workflow_runs_all_checks_and_the_test_command_of_the_readme(jobs: Any) -> None:
    (everything,) = (step["run"] for step in jobs["all-checks"]["steps"] if "run" in step)
    assert everything == 'sudo env "PATH=$PATH" .ci/run'
    (command,) = (step["run"] for step in jobs["tests"]["steps"] if "run" in step)
    assert f"\n{command}\n" in (ROOT / "README.md").read_text("utf-8")
    assert set(jobs["tests"]["strategy"]["matrix"]["os"]) == {"windows-latest", "macos-latest"}


def test_the_workflow_tests_each_python_of_the_classifiers(jobs: Any) -> None:
    listed = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = jobs["tests"]["strategy"]["matrix"]
    assert PROJECT["requires-python"] == f">={listed[0]}"
    assert matrix["python"] == [listed[0], listed[-1]]
    assert {*matrix["python"], *(job["python"] for job in matrix["include"])} == set(listed)


def test_hooks_download_nothing() -> None:
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repository in configuration["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in configuration["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert all(hook["entry"].startswith("uv run ") for hook in hooks)


def test_the_guide_fits_on_a_page_and_names_files_that_exist() -> None:
    text = GUIDE.read_text("utf-8")
    assert len(text.splitlines()) <= 60
    paths = re.findall(r"`((?:om_toolkit|tests|docs|\.ci)/[\w./-]*)`", text)
    assert len(paths) >= 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_metric_has_tests_of_its_own() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests" / "metrics").glob("test_*.py"))
    assert [name for name in om.metrics.__all__ if not re.search(rf"\b{name}\(", text)] == []
