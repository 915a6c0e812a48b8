"""`make` refuses in one line what it cannot set up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "Makefile").exists(), reason="tests run outside the source tree, without make"
)


@pytest.mark.parametrize(
    ("setting", "hint"),
    [("OS=Darwin", "this is Darwin"), ("ARCH=aarch64", "on aarch64"), ("CC=nothing", '"nothing"')],
)
def test_what_cannot_be_set_up_is_refused_in_one_line(setting: str, hint: str) -> None:
    command = ["make", "-n", "test", setting]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "copymc: " in line
    assert hint in line


def test_a_second_make_does_nothing_twice() -> None:
    command = ["make", "-n", "test"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "install" not in done.stdout
