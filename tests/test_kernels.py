"""What every kernel of the catalogue does when nothing fails."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine import catalog, host, native
from bench.model import PAGE, PHASES, Call, CopymcError, Kernel

ALL = [k for k in (*catalog.kernels(), *catalog.images()) if catalog.unavailable(k) is None]
COPIES = [k for k in ALL if k.role in ("copy", "image")]
OURS = [k for k in ALL if any(k.ends)]
MIB = 1 << 20


def by_name(kernel: Kernel) -> str:
    return kernel.name


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("kernel", COPIES, ids=by_name)
def test_copies_every_small_size_at_every_pair_of_offsets(kernel: Kernel, phase: int) -> None:
    assert native.check_small(kernel, kernel.addresses[phase], 320) is None


@pytest.mark.parametrize("kernel", COPIES, ids=by_name)
def test_copies_chosen_sizes_up_to_four_mebibytes(kernel: Kernel) -> None:
    dst, src = native.Area(4 * MIB + 2 * PAGE, seed=2), native.Area(4 * MIB + 2 * PAGE)
    for address in kernel.addresses:
        for size in (4095, 4096, 4097, 65536 + 7, MIB - 1, 4 * MIB):
            for to, start in ((0, 0), (8, 0), (63, 1), (4032, 0)):
                call = Call(dst.address + to, src.address + start, size)
                assert native.check(kernel, address, call) is None


@pytest.mark.parametrize("kernel", OURS, ids=by_name)
def test_code_starts_at_its_phase(kernel: Kernel) -> None:
    assert tuple(address % 64 for address in kernel.addresses) == PHASES


def test_null_returns_at_once_and_copies_nothing() -> None:
    lines = listing("null")
    assert lines[-1].startswith("ret")
    assert not any("(" in line or line.startswith(("call", "j")) for line in lines)


def listing(name: str, phase: int = 0) -> list[str]:
    """The instructions of a kernel as they lie in memory."""
    kernel = next(k for k in ALL if k.name == name)
    Path("code.bin").write_bytes(native.code(kernel, phase))
    command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64"]
    command += ["--no-show-raw-insn", "code.bin"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t", 1)[1].strip() for line in text.splitlines() if ":\t" in line]


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


DEFINING = {
    "fast_string": r"^rep movsb",
    "fragile": r"^mov +\(%rsi\),%r",
    "mcsafe_unrolled": r"^mov +0x38\(%rsi\),%r",
    "movsq": r"^rep movsq",
    "memcpy_orig": r"^mov +0x18\(%rsi\),%r",
    "copy_user": r"^rep movsb",
    "dispatch:fast_string": r"^(call|jmp)",
    "dispatch:fragile": r"^(call|jmp)",
    "dispatch:memcpy": r"^(call|jmp)",
    "store_string": r"^rep stos",
    "store_xmm": r"^mov[a-z]+ +%xmm",
    "store_ymm": r"^v?mov[a-z]+ +%ymm",
    "store_zmm": r"^v?mov[a-z0-9]+ +%zmm",
}


@pytest.mark.parametrize("name", [k.name for k in OURS if k.name not in ("null", "dispatch")])
def test_the_instruction_that_defines_the_strategy_is_the_one_in_memory(name: str) -> None:
    for phase in range(4):
        assert any(re.match(DEFINING[name], line) for line in listing(name, phase))


@pytest.mark.parametrize("name", ["fragile", "mcsafe_unrolled", "memcpy_orig"])
def test_loops_use_no_string_instruction(name: str) -> None:
    assert not any(line.startswith("rep ") for line in listing(name))


def test_dispatch_is_the_path_that_linux_takes_here() -> None:
    dispatch = catalog.find("dispatch")
    image = next(k for k in catalog.images() if k.name == f"dispatch:{host.copy_path().path}")
    assert dispatch.addresses == image.addresses


@pytest.fixture
def copying() -> Kernel:
    return catalog.find("fast_string")


@pytest.mark.parametrize(
    "body",
    [
        "memcpy(d, s, size); d[size] = s[0]; return 0;",
        "memcpy(d, s, size); d[-1] = 1; return 0;",
        "if (size) memcpy(d, s, size - 1); return 0;",
        "memcpy(d, s, size); return 1;",
        "for (size_t i = 0; i < size; i++) d[i] = s[i ? i - 1 : 0]; return 0;",
        "memcpy(d, s, size < 77 ? size : 76); return 0;",
    ],
    ids=["byte behind", "byte in front", "byte short", "wrong count", "shifted", "late size"],
)
def test_a_wrong_copy_is_seen(
    compile_kernel: Callable[[str], int], copying: Kernel, body: str
) -> None:
    address = compile_kernel(body)
    assert native.check_small(copying, address, 80) is not None
    assert catalog.quick_check(replace(copying, addresses=(address,) * 4)) is not None


def test_a_missing_feature_makes_a_kernel_unavailable_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "cpu_has", lambda feature: feature != "erms")
    with pytest.raises(CopymcError, match="needs erms, which this CPU lacks"):
        catalog.find("copy_user")
    assert "copy_user" not in [k.name for k in catalog.available()]


def test_an_unknown_kernel_names_its_nearest_neighbour() -> None:
    with pytest.raises(CopymcError, match="did you mean 'fragile'"):
        catalog.find("fragil")
