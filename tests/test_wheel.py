"""What only building and installing the wheel can break; run by `-m wheel` where it is installed.

The rest of the tests prove the same code in the checkout. This file needs nothing beside it.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

import bench

pytestmark = pytest.mark.wheel

TREE = """
#include <linux/linkage.h>
#include <asm/asm.h>
SYM_FUNC_START(copy_mc_fragile)
	movq %rdx, %rcx
1:	rep movsb
	xorl %eax, %eax
	RET
2:	movq %rcx, %rax
	RET
	_ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_DEFAULT_MCE_SAFE)
SYM_FUNC_END(copy_mc_fragile)
"""
DISPATCH = """
#include <linux/jump_label.h>
#include <linux/uaccess.h>
#include <linux/export.h>
#include <linux/string.h>
#include <asm/mce.h>

static DEFINE_STATIC_KEY_FALSE(copy_mc_fragile_key);

unsigned long __must_check copy_mc_to_kernel(void *dst, const void *src, unsigned len)
{
	if (static_branch_unlikely(&copy_mc_fragile_key))
		return copy_mc_fragile(dst, src, len);
	memcpy(dst, src, len);
	return 0;
}
"""
PLAIN = TREE.replace("copy_mc_fragile", "__memcpy") + "SYM_FUNC_ALIAS_MEMFUNC(memcpy, __memcpy)\n"


def installed() -> importlib.metadata.Distribution:
    return importlib.metadata.distribution("copymc-bench")


def copymc(*words: str) -> str:
    """What the installed command prints; it must succeed."""
    command = [str(Path(sys.executable).with_name("copymc")), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The results file of a small run."""
    path = tmp_path_factory.mktemp("run") / "small.json.gz"
    words = ("--kernel", "fast_string,fragile,memcpy", "--size", "64", "--delta", "0,8")
    copymc("run", *words, "--processes", "4", "--output", str(path))
    return str(path)


def test_the_package_is_the_wheels_and_whole() -> None:
    assert Path(bench.__file__).is_relative_to(sys.prefix)
    files = [str(path) for path in installed().files or ()]
    tops = {path.split("/")[0] for path in files if not path.startswith("..")}
    assert tops == {"bench", f"copymc_bench-{bench.__version__}.dist-info"}
    assert any(path.endswith("dist-info/licenses/LICENSE") for path in files)


def test_one_extension_serves_every_python_from_3_11_on() -> None:
    assert "Tag: cp311-abi3-" in (installed().read_text("WHEEL") or "")
    native = [path.name for path in installed().files or () if path.suffix == ".so"]
    assert native == ["_native.abi3.so"]


def test_what_it_requires_is_installed_with_it() -> None:
    command = [sys.executable, "-m", "pip", "check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_both_names_of_the_program_answer_and_know_every_kernel() -> None:
    command = [sys.executable, "-m", "bench", "info", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    one, two = (json.loads(text)["kernels"] for text in (copymc("info", "--json"), done.stdout))
    assert one == two
    assert {"null", "memcpy", "fast_string", "dispatch"} <= {kernel["name"] for kernel in one}


def test_a_contract_is_verified() -> None:
    rows = json.loads(copymc("verify", "--kernel", "memcpy", "--fault", "guard", "--json"))
    assert all(row["cases"] > 0 and row["mismatches"] == 0 for row in rows["kernels"])


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_a_run_is_reported_in_every_format(file: str, form: str) -> None:
    assert "fragile" in copymc("report", file, "--format", form)


def test_a_run_is_drawn_and_compared(file: str, tmp_path: Path) -> None:
    copymc("plot", file, "--output", str(tmp_path))
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}
    assert "fragile" in copymc("compare", file, file, "--format", "json")


def test_a_kernel_tree_is_built_with_what_the_wheel_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "linux" / "arch" / "x86" / "lib"
    folder.mkdir(parents=True)
    for name, text in (("copy_mc_64.S", TREE), ("memcpy_64.S", PLAIN), ("copy_mc.c", DISPATCH)):
        (folder / name).write_text(text)
    case = "size=24,src_fault=13,dst_fault=-1,src_offset=0,dst_offset=3,phase=16"
    for routine in ("copy_mc_fragile", "copy_mc_to_kernel:fragile"):
        words = ("--linux", str(tmp_path / "linux"), "--kernel", f"linux-unknown:{routine}")
        assert "right" in copymc("verify", *words, "--fault", "guard", "--case", case)
