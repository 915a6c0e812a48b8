"""What every kernel of the catalogue does when nothing fails."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine import catalog, host, native
from bench.model import PAGE, PHASES, Call, CopymcError, Kernel

IMAGES = [k for k in native.compiled_kernels() if k.role == "image"]
ALL = [k for k in (*catalog.kernels(), *IMAGES) if catalog.unavailable(k) is None]
COPIES = [k for k in ALL if k.role in ("copy", "image", "recovery")]
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


@pytest.mark.parametrize("kernel", OURS, ids=by_name)
def test_code_ends_behind_its_start_and_is_as_long_at_every_phase(kernel: Kernel) -> None:
    sizes = [end - start for start, end in zip(kernel.addresses, kernel.ends, strict=True)]
    assert all(0 < size < 1024 for size in sizes)
    assert max(sizes) - min(sizes) < 64  # an alignment or the length of a jump may differ


@pytest.mark.parametrize("kernel", OURS, ids=by_name)
def test_the_bytes_between_start_and_end_are_whole_instructions(kernel: Kernel) -> None:
    for phase in range(4):
        lines = listing(kernel.name, phase)
        assert lines
        assert not any("(bad)" in line or line.startswith("int3") for line in lines)


def test_code_that_a_compiler_placed_is_the_same_at_every_phase_and_not_shown() -> None:
    placed = [k for k in ALL if not any(k.ends)]
    assert [k.name for k in placed] == ["memcpy", "flagged", "signal_then_read"]
    assert all(len(set(k.addresses)) == 1 for k in placed)
    assert all(native.code(k, phase) == b"" for k in placed for phase in range(4))


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


def test_fragile_moves_eight_bytes_an_iteration_by_one_load_and_one_store() -> None:
    for phase in range(4):
        words = [line for line in fast_path("fragile", phase) if re.search(r"%r8(,|$)", line)]
        assert [re.sub(r"\s+", " ", line) for line in words] == [
            "mov (%rsi),%r8",
            "mov %r8,(%rdi)",
        ]


def fast_path(name: str, phase: int) -> list[str]:
    """The instructions up to the first return: the path without a fault."""
    lines = listing(name, phase)
    return lines[: next(i for i, line in enumerate(lines) if line.startswith("ret"))]


def test_the_unrolled_line_loop_loads_and_stores_each_of_eight_words_once() -> None:
    for phase in range(4):
        text = "\n".join(fast_path("mcsafe_unrolled", phase))
        loads = re.findall(r"^mov +(0x\w+)?\(%rsi\),%r\d+$", text, re.MULTILINE)
        stores = re.findall(r"^mov +%r\d+,(0x\w+)?\(%rdi\)$", text, re.MULTILINE)
        words = [0, 8, 16, 24, 32, 40, 48, 56, 0]  # the last one is the word loop's
        assert [int(offset or "0", 16) for offset in loads] == words
        assert [int(offset or "0", 16) for offset in stores] == words


@pytest.mark.parametrize("routine", ["fragile", "fast_string"])
def test_a_dispatch_ends_with_a_jump_to_its_routine_at_the_same_phase(routine: str) -> None:
    dispatch, target = (native_row(name) for name in (f"dispatch:{routine}", routine))
    for phase, start in enumerate(dispatch.addresses):
        jump = listing(dispatch.name, phase)[-1].split()
        assert jump[0] == "jmp"
        assert (start + int(jump[1], 16)) % (1 << 64) == target.addresses[phase]


def native_row(name: str) -> Kernel:
    return next(k for k in native.compiled_kernels() if k.name == name)


def test_rows_have_unique_names_known_roles_and_contracts_and_answered_needs() -> None:
    rows = native.compiled_kernels()
    assert len({k.name for k in rows}) == len(rows)
    assert {k.role for k in rows} == {"copy", "floor", "store", "image", "recovery"}
    assert {k.contract for k in rows} <= {"plain", "uncopied", "status", "flagged", "zero"}
    assert all(native.cpu_has(need) is not None for k in rows for need in k.needs)


def test_dispatch_is_the_path_that_linux_takes_here() -> None:
    dispatch = catalog.find("dispatch")
    image = next(k for k in IMAGES if k.name == f"dispatch:{host.copy_path().path}")
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


@pytest.mark.parametrize(
    ("body", "where", "size"),
    [
        ("memcpy(d, s, size); d[size] = ~d[size]; return 0;", 0, 0),
        ("memcpy(d, s, size); d[size + 63] ^= 1; return 0;", 63, 0),
        ("memcpy(d, s, size); d[-1] ^= 1; return 0;", -1, 0),
        ("memcpy(d, s, size); d[-64] ^= 1; return 0;", -64, 0),
        ("if (size) memcpy(d, s, size - 1); return 0;", 0, 1),
        ("memcpy(d, s, size); if (size == 129) d[127] ^= 1; return 0;", 127, 129),
    ],
    ids=["behind", "far behind", "in front", "far in front", "short", "late"],
)
def test_the_first_wrong_byte_is_named(
    compile_kernel: Callable[[str], int], copying: Kernel, body: str, where: int, size: int
) -> None:
    address = compile_kernel(body)
    wrong = native.check_small(copying, address, 130)
    assert wrong is not None
    assert (wrong.where, wrong.size) == (where, size)
    dst, src = native.Area(PAGE), native.Area(PAGE, seed=2)
    again = native.check(copying, address, Call(dst.address + 5, src.address + 3, size))
    assert again is not None
    assert (again.where, again.size) == (where, size)


def test_a_copy_that_is_wrong_at_one_pair_of_offsets_only_is_found_there(
    compile_kernel: Callable[[str], int], copying: Kernel
) -> None:
    at = "(size_t)d % 64 == 61 && (size_t)s % 64 == 3"
    body = f"memcpy(d, s, size); if (size == 17 && {at}) d[4] ^= 1; return 0;"
    wrong = native.check_small(copying, compile_kernel(body), 20)
    assert wrong is not None
    assert (wrong.dst_offset, wrong.src_offset, wrong.size, wrong.where) == (61, 3, 17, 4)


def test_a_return_value_counts_only_where_the_contract_counts_bytes(
    compile_kernel: Callable[[str], int], copying: Kernel
) -> None:
    address = compile_kernel("memcpy(d, s, size); return size;")
    wrong = native.check_small(copying, address, 8)
    assert wrong is not None
    assert (wrong.size, wrong.returned) == (1, 1)
    assert native.check_small(replace(copying, contract="plain"), address, 8) is None


def test_areas_begin_on_a_page_and_differ_by_seed_without_a_zero_byte() -> None:
    first, second = native.Area(3 * PAGE, seed=7), native.Area(3 * PAGE, seed=8)
    assert first.address % PAGE == second.address % PAGE == 0
    texts = [ctypes.string_at(area.address - PAGE, 5 * PAGE) for area in (first, second)]
    assert texts[0] != texts[1]
    assert not any(0 in text for text in texts)


def test_a_need_that_the_build_does_not_know_makes_a_kernel_unavailable(copying: Kernel) -> None:
    missing = catalog.unavailable(replace(copying, needs=("amx",)))
    assert missing is not None
    assert missing.reason == "needs amx, of which this build knows nothing"
    assert catalog.unavailable(copying) is None


def test_a_name_near_nothing_is_answered_with_all_names() -> None:
    with pytest.raises(CopymcError) as error:
        catalog.find("zzz")
    assert all(kernel.name in str(error.value) for kernel in catalog.kernels())


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
