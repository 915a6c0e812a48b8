"""Routines of kernel trees: a real one, revisions, patches, and trees that mean harm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.machine import catalog, contract, linux_build, linux_compile, linux_tree, native
from bench.machine.linux_tree import Tree
from bench.model import PHASES, CopymcError, Kernel
from tests.conftest import thinly_checked
from tests.program import copymc, inside

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def real(tree: Tree) -> tuple[Kernel, ...]:
    found = linux_build.load(linux_build.build(tree))
    return tuple(kernel for kernel in found if kernel.role == "copy")


@pytest.fixture(scope="module")
def scratch(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git tree with the real files."""
    folder = tmp_path_factory.mktemp("git")
    for name, content in tree.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "init", "-q")
    commit(folder, "base")
    return folder


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "--short", "HEAD")


def named(kernels: tuple[Kernel, ...], name: str) -> Kernel:
    return next(kernel for kernel in kernels if kernel.name.endswith(f":{name}"))


def test_every_routine_of_a_real_tree_copies_right_at_every_phase(
    real: tuple[Kernel, ...],
) -> None:
    names = {kernel.name.split(":")[1] for kernel in real}
    assert {"copy_mc_fragile", "copy_mc_enhanced_fast_string", "memcpy_orig"} <= names
    assert {"copy_mc_to_kernel", "copy_mc_to_user"} <= names
    for kernel in real:
        for most, address in zip((200, 72, 72, 72), kernel.addresses, strict=True):
            assert native.check_small(kernel, address, most) is None, kernel.name


def test_routines_start_at_their_phases(real: tuple[Kernel, ...]) -> None:
    for kernel in real:
        assert tuple(address % 64 for address in kernel.addresses) == PHASES


def test_every_routine_of_a_real_tree_keeps_its_contract(real: tuple[Kernel, ...]) -> None:
    for kernel in real:
        for row in thinly_checked(kernel).values():
            assert row.first is None, row.first
            assert row.hit == row.entries


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("fast_string", "copy_mc_enhanced_fast_string"),
        ("fragile", "copy_mc_fragile"),
        ("memcpy_orig", "memcpy_orig"),
        ("dispatch", "copy_mc_to_kernel"),
    ],
)
def test_our_kernels_have_the_verdicts_of_the_trees(
    real: tuple[Kernel, ...], ours: str, theirs: str
) -> None:
    mine, other = thinly_checked(catalog.find(ours)), thinly_checked(named(real, theirs))
    for side, row in mine.items():
        twin = other[side]
        assert (row.tally.mismatches, row.tally.escaped) == (
            twin.tally.mismatches,
            twin.tally.escaped,
        )
        assert (row.granularity, row.tally.watched_most) == (
            twin.granularity,
            twin.tally.watched_most,
        )


@pytest.mark.usefixtures("one_phase")
def test_features_decide_the_alternatives(tree: Tree) -> None:
    every = linux_build.load(linux_build.build(tree, ["rep_good", "fsrm"]))
    none = linux_build.load(linux_build.build(tree, []))
    assert none[0].name.startswith(f"{tree.label}+none:")
    jumps = native.code(named(none, "__memcpy"), 0)
    assert jumps[:1] in (b"\xe9", b"\xeb")  # without a feature it jumps to memcpy_orig
    assert native.code(named(every, "__memcpy"), 0) != jumps


def test_a_second_build_comes_from_the_cache(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    first = linux_build.build(tree)

    def fail(*_: object) -> None:
        raise AssertionError("the compiler ran")

    monkeypatch.setattr(linux_build, "run_cc", fail)
    monkeypatch.setattr(linux_compile, "run_cc", fail)
    assert linux_build.build(tree) == first


def test_a_revision_is_read_without_touching_the_checkout(scratch: Path) -> None:
    before = git(scratch, "status", "--porcelain")
    tree = linux_tree.read(f"{scratch}@HEAD")
    assert tree.label == f"linux-{git(scratch, 'describe', '--always')}"
    assert git(scratch, "status", "--porcelain") == before


def test_a_dirty_tree_says_so(scratch: Path) -> None:
    path = scratch / "arch/x86/lib/memcpy_64.S"
    content = path.read_bytes()
    path.write_bytes(content + b"/* changed */\n")
    try:
        assert linux_tree.read(str(scratch)).label.endswith("-dirty")
        assert linux_tree.read(f"{scratch}@HEAD").files["arch/x86/lib/memcpy_64.S"] == content
    finally:
        path.write_bytes(content)


@pytest.mark.usefixtures("one_phase", "thin_verify")
def test_a_planted_patch_with_a_wrong_fixup_is_found_by_verify(
    scratch: Path, tmp_path: Path
) -> None:
    path = scratch / "arch/x86/lib/copy_mc_64.S"
    content = path.read_text()
    path.write_text(content.replace("movq %rcx, %rax", "leaq 1(%rcx), %rax"))
    patch = tmp_path / "wrong.patch"
    patch.write_text(git(scratch, "diff") + "\n")
    path.write_text(content)
    done = inside(
        "verify", "--linux", f"{scratch}@HEAD", "--patch", str(patch), "--fault", "guard",
        "--kernel", "*-patched:copy_mc_enhanced_fast_string",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    words = " ".join(done.stdout.split())
    assert "the return value is not the number of bytes missing" in words


def test_compare_pairs_the_routines_of_two_revisions(scratch: Path, tmp_path: Path) -> None:
    path = scratch / "arch/x86/lib/copy_mc_64.S"
    path.write_text(path.read_text() + "/* moves nothing */\n")
    commit(scratch, "comment")
    done = copymc(
        "compare", "--linux", f"{scratch}@HEAD~1", "--linux", f"{scratch}@HEAD",
        "--kernel", "linux*:copy_mc*", "--size", "64,4K", "--delta", "0", "--processes", "4",
        "--output", str(tmp_path / "c.json.gz"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    routines = ("copy_mc_fragile", "copy_mc_enhanced_fast_string", "copy_mc_to_kernel")
    assert all(f"\n{name}\n" in done.stdout for name in (*routines, "copy_mc_to_user"))
    means = [line for line in done.stdout.splitlines() if line.startswith("4 KiB") and "[" in line]
    assert len(means) == 4


def test_compare_refuses_one_tree_alone(scratch: Path) -> None:
    done = copymc("compare", "--linux", str(scratch))
    assert done.returncode == 2
    assert "two different trees" in done.stderr


RIGHT = """
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


def made(text: str, name: str = "copy_mc_64", label: str = "linux-made") -> Tree:
    return Tree(label, {f"arch/x86/lib/{name}.S": text.encode()})


@pytest.mark.usefixtures("one_phase")
def test_a_symbol_that_nobody_named_is_found_in_the_object() -> None:
    tree = made(RIGHT.replace("copy_mc_fragile", "copy_mc_brand_new"))
    built = linux_build.build(tree)
    assert built.unknown == ("copy_mc_brand_new",)
    assert linux_build.load(built) == ()
    again = linux_build.build(tree, contracts={"copy_mc_brand_new": "uncopied"})
    (kernel,) = linux_build.load(again)
    assert all(row.first is None for row in thinly_checked(kernel).values())
    with pytest.raises(CopymcError, match="--symbol 'absent' is not among"):
        linux_build.build(tree, contracts={"absent": "uncopied"})


@pytest.mark.usefixtures("one_phase")
def test_macros_of_the_first_era_assemble() -> None:
    old = """
#include <linux/linkage.h>
#include <asm/errno.h>
ENTRY(memcpy_mcsafe)
	movq %rdx, %rcx
1:	rep movsb
	xorl %eax, %eax
	ret
ENDPROC(memcpy_mcsafe)
	.section .fixup, "ax"
2:	movq $-EFAULT, %rax
	ret
	.previous
	_ASM_EXTABLE_FAULT(1b, 2b)
"""
    (kernel,) = linux_build.load(linux_build.build(made(old, "memcpy_64", "linux-old")))
    # The trap number in eax is overwritten by the fixup, as it was then.
    assert kernel.contract == "status"
    assert all(row.first is None for row in thinly_checked(kernel).values())


@pytest.mark.usefixtures("one_phase")
def test_a_count_in_rcx_goes_through_a_bridge() -> None:
    new = """
#include <linux/linkage.h>
#include <asm/asm.h>
SYM_FUNC_START(rep_movs_alternative)
1:	rep movsb
2:	RET
	_ASM_EXTABLE_UA(1b, 2b)
SYM_FUNC_END(rep_movs_alternative)
"""
    kernels = linux_build.load(linux_build.build(made(new, "copy_user_64", "linux-new")))
    kernel = named(kernels, "rep_movs_alternative")
    outcome = contract.guarded_call(named(kernels, "bridge_null").addresses[0], 0, 0, 9)
    assert (outcome.returned, outcome.faults) == (0, 0)
    assert all(row.first is None for row in thinly_checked(kernel).values())


@pytest.mark.usefixtures("one_phase")
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("\tNEW_MACRO %rax", "line 13 uses 'NEW_MACRO', which the shim lacks"),
        ("#include <asm/newer.h>", "add kernels/shim/asm/newer.h"),
        ('\t.incbin "/etc/hostname"', "only the shim may be read"),
        ('\t.include "/etc/hostname"', "does not assemble|only the shim may be read|uses"),
        ('#include "/etc/hostname"', "only the shim may be read|does not assemble"),
        ("\tmovq %rax", "does not assemble"),
    ],
)
def test_what_the_shim_lacks_or_refuses_is_named_in_one_line(line: str, hint: str) -> None:
    with pytest.raises(CopymcError, match=hint) as error:
        linux_build.build(made(RIGHT + line + "\n"))
    assert "arch/x86/lib/copy_mc_64.S" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("one_phase")
def test_a_hidden_incbin_is_refused_too() -> None:
    text = RIGHT + '\t.macro sly a b\n\t.\\a\\()\\b "/etc/hostname"\n\t.endm\n\tsly inc bin\n'
    with pytest.raises(CopymcError, match="only the shim may be read"):
        linux_build.build(made(text))


@pytest.mark.usefixtures("one_phase")
@pytest.mark.parametrize(
    "text",
    [
        '\t.section .init_array, "aw"\n\t.quad copy_mc_fragile\n',
        '\t.section .fini_array, "aw"\n\t.quad copy_mc_fragile\n',
        "\t.globl _init\n_init:\n\tret\n",
        "\t.globl sly\n\t.type sly, @gnu_indirect_function\nsly:\n\tret\n",
    ],
    ids=["constructor", "destructor", "_init", "resolver"],
)
def test_a_tree_that_would_run_when_loaded_is_refused(text: str) -> None:
    with pytest.raises(CopymcError, match="would run code when it is loaded"):
        linux_build.build(made(RIGHT + text))


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    linux_compile._gcc.cache_clear()
    with pytest.raises(CopymcError, match="no C compiler"):
        linux_build.build(made(RIGHT))
    linux_compile._gcc.cache_clear()


def test_a_cc_that_is_clang_is_passed_over_for_gcc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, version in (("cc", "Any clang version 14.0.6"), ("gcc", "gcc (Any) 12.2.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    linux_compile._gcc.cache_clear()
    assert linux_compile._gcc() == ("gcc", "gcc (Any) 12.2.0")
    (tmp_path / "gcc").unlink()
    linux_compile._gcc.cache_clear()
    with pytest.raises(CopymcError, match=r"needs it; install gcc"):
        linux_compile.compiler()
    linux_compile._gcc.cache_clear()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--linux", "/nowhere"), "does not exist"),
        (("--linux", "."), "is not a kernel tree"),
        (("--linux", "{git}@v0.0"), "has no revision 'v0.0'"),
        (("--linux", "{git}", "--features", "wings"), "feature 'wings' is unknown"),
        (("--linux", "{git}", "--patch", "none.patch"), "does not apply"),
        (("--patch", "none.patch"), "--patch needs a --linux"),
        (("--linux", "{git}", "--symbol", "absent"), "--symbol 'absent'"),
    ],
)
def test_errors_of_trees_are_one_line_and_exit_two(
    scratch: Path, tmp_path: Path, words: tuple[str, ...], hint: str
) -> None:
    done = copymc("verify", *(word.format(git=scratch) for word in words), cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert hint in line


def test_a_damaged_tarball_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar.xz").write_bytes(b"nothing")
    with pytest.raises(CopymcError, match="cannot be read"):
        linux_tree.read(str(tmp_path / "a.tar.xz"))
