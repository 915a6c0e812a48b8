"""The composed dispatch of kernel trees: each state reaches its routine, bugs of it are seen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.cli.kernels import chosen
from bench.cli.verify import to_check
from bench.machine import catalog, contract, host, linux_build, linux_tree, native
from bench.machine.contract import Reason, Setup, Tally
from bench.machine.faults import SOURCES
from bench.machine.linux_tree import Tree
from bench.model import PHASES, CopymcError, Kernel
from tests.conftest import DEBIAN, debian_tree, thinly_checked
from tests.program import copymc

pytestmark = pytest.mark.usefixtures("own_cache")

GUARD = SOURCES[:1]
FILE = "arch/x86/lib/copy_mc.c"
STATES = ("fragile", "fast_string", "memcpy")
R = Reason

ROUTINES = """
#include <linux/linkage.h>
#include <asm/asm.h>
SYM_FUNC_START(copy_mc_fragile)
	movl %edx, %ecx
	jrcxz 3f
1:	movb (%rsi), %al
2:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decl %ecx
	jnz 1b
3:	movl %ecx, %eax
	RET
	_ASM_EXTABLE_TYPE(1b, 3b, EX_TYPE_DEFAULT_MCE_SAFE)
	_ASM_EXTABLE(2b, 3b)
SYM_FUNC_END(copy_mc_fragile)
SYM_FUNC_START(copy_mc_enhanced_fast_string)
	movl %edx, %ecx
1:	rep movsb
2:	movq %rcx, %rax
	RET
	_ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_DEFAULT_MCE_SAFE)
SYM_FUNC_END(copy_mc_enhanced_fast_string)
"""
PLAIN = """
#include <linux/linkage.h>
#include <asm/cpufeatures.h>
#include <asm/alternative.h>
SYM_TYPED_FUNC_START(__memcpy)
	movq %rdi, %rax
	movq %rdx, %rcx
	rep movsb
	RET
SYM_FUNC_END(__memcpy)
SYM_FUNC_ALIAS_MEMFUNC(memcpy, __memcpy)
"""
FIRST_ERA = """
#include <linux/jump_label.h>
#include <linux/uaccess.h>
#include <linux/export.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/mce.h>

static DEFINE_STATIC_KEY_FALSE(copy_mc_fragile_key);

void enable_copy_mc_fragile(void)
{
	static_branch_inc(&copy_mc_fragile_key);
}

unsigned long copy_mc_enhanced_fast_string(void *dst, const void *src, unsigned len);

unsigned long __must_check copy_mc_to_kernel(void *dst, const void *src, unsigned len)
{
	if (static_branch_unlikely(&copy_mc_fragile_key))
		return copy_mc_fragile(dst, src, len);
	if (static_cpu_has(X86_FEATURE_ERMS))
		return copy_mc_enhanced_fast_string(dst, src, len);
	memcpy(dst, src, len);
	return 0;
}
EXPORT_SYMBOL_GPL(copy_mc_to_kernel);
"""
LATER_ERA = """
#include <linux/instrumented.h>
#include <linux/jump_label.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>

static DEFINE_STATIC_KEY_FALSE(copy_mc_fragile_key);
unsigned long copy_mc_enhanced_fast_string(void *dst, const void *src, unsigned len);

__visible notrace unsigned long copy_mc_fragile_handle_tail(char *to, char *from, unsigned len)
{
	while (len && !copy_mc_fragile(to++, from++, 1))
		len--;
	return len;
}

unsigned long __must_check copy_mc_to_kernel(void *dst, const void *src, unsigned len)
{
	unsigned long ret;

	if (static_branch_unlikely(&copy_mc_fragile_key)) {
		instrument_memcpy_before(dst, src, len);
		ret = copy_mc_fragile(dst, src, len);
		instrument_memcpy_after(dst, src, len, ret);
		return ret;
	}
	if (cpu_feature_enabled(X86_FEATURE_ERMS)) {
		instrument_memcpy_before(dst, src, len);
		ret = copy_mc_enhanced_fast_string(dst, src, len);
		instrument_memcpy_after(dst, src, len, ret);
		return ret;
	}
	memcpy(dst, src, len);
	return 0;
}
EXPORT_SYMBOL_GPL(copy_mc_to_kernel);

unsigned long __must_check copy_mc_to_user(void __user *dst, const void *src, unsigned len)
{
	unsigned long ret;

	if (!static_branch_unlikely(&copy_mc_fragile_key))
		return copy_user_generic((__force void *)dst, src, len);
	instrument_copy_to_user(dst, src, len);
	__uaccess_begin();
	ret = copy_mc_fragile((__force void *)dst, src, len);
	__uaccess_end();
	return ret;
}
"""


def made(dispatch: str, label: str = "linux-made", routines: str = ROUTINES) -> Tree:
    texts = {"copy_mc.c": dispatch, "copy_mc_64.S": routines, "memcpy_64.S": PLAIN}
    return Tree(label, {f"arch/x86/lib/{name}": text.encode() for name, text in texts.items()})


ERAS = {"first": FIRST_ERA, "later": LATER_ERA}


@pytest.fixture(scope="module", params=[*ERAS, *DEBIAN])
def era(request: pytest.FixtureRequest) -> Tree:
    """Small trees of two eras, and real ones."""
    return made(ERAS[request.param]) if request.param in ERAS else debian_tree(request.param)


@pytest.fixture(scope="module", params=["later", *DEBIAN])
def target(request: pytest.FixtureRequest) -> Tree:
    """The trees that bugs are planted in."""
    return made(LATER_ERA) if request.param == "later" else debian_tree(request.param)


def kernels_of(tree: Tree, features: list[str] | None = None) -> dict[str, Kernel]:
    """The tree's kernels without its label."""
    found = linux_build.load(linux_build.build(tree, features))
    return {kernel.name.partition(":")[2]: kernel for kernel in found}


def tallied(kernel: Kernel, side: str) -> Tally:
    """Every fault position of some sizes."""
    contract.own_table()
    contract.install()
    src, dst = GUARD[0].arm(), GUARD[0].arm()
    setup = Setup(kernel, kernel.addresses[-1], src, dst)
    total = sum((setup.one_side(side, size, (0, 3)) for size in (1, 9, 64, 200)), Tally())
    src.close()
    dst.close()
    return total


def test_every_state_of_an_era_copies_right_and_keeps_its_contract(era: Tree) -> None:
    found = kernels_of(era)
    for state in STATES:
        image = found[f"copy_mc_to_kernel:{state}"]
        assert image.contract == ("zero" if state == "memcpy" else "uncopied")
        assert native.check_small(image, image.addresses[2], 80) is None
        assert [row.tally.mismatches for row in thinly_checked(image).values()] == [0, 0, 0]


def test_the_states_of_our_own_dispatch_keep_the_same_contracts() -> None:
    for image in (k for k in native.compiled_kernels() if k.role == "image"):
        state = image.name.partition(":")[2]
        assert image.contract == ("zero" if state == "memcpy" else "uncopied")
        for side in ("source", "destination"):
            assert tallied(image, side).mismatches == 0


def test_a_state_has_the_table_of_the_routine_behind_it(era: Tree) -> None:
    found = kernels_of(era)
    for state, routine in (("fragile", "copy_mc_fragile"),
                           ("fast_string", "copy_mc_enhanced_fast_string")):  # fmt: skip
        rows = thinly_checked(found[f"copy_mc_to_kernel:{state}"])
        own = thinly_checked(found[routine])
        assert rows["source"].entries == own["source"].entries == rows["source"].hit > 0


def test_a_dispatch_starts_at_its_phases(era: Tree) -> None:
    found = kernels_of(era)
    for name in ("copy_mc_to_kernel", *(f"copy_mc_to_kernel:{state}" for state in STATES)):
        assert tuple(address % 64 for address in found[name].addresses) == PHASES


def test_states_differ_in_patched_bytes_alone(era: Tree) -> None:
    code = {
        state: native.code(kernel, 0)
        for state, kernel in (
            (state, kernels_of(era)[f"copy_mc_to_kernel:{state}"]) for state in STATES
        )
    }
    assert len({len(text) for text in code.values()}) == 1
    assert code["fragile"][:1] == b"\xe9"
    assert code["fast_string"][:10] == bytes.fromhex("0f1f440000") * 2
    assert code["memcpy"][:6] == bytes.fromhex("0f1f440000e9")


@pytest.mark.usefixtures("one_phase")
def test_linux_takes_the_state_of_this_machine_or_of_the_features(era: Tree) -> None:
    here = kernels_of(era)
    path = host.copy_path().path
    assert here["copy_mc_to_kernel"].addresses == here[f"copy_mc_to_kernel:{path}"].addresses
    for features, state in ((["erms"], "fast_string"), (["rep_good"], "memcpy"), ([], "memcpy")):
        found = kernels_of(era, features)
        taken, image = found["copy_mc_to_kernel"], found[f"copy_mc_to_kernel:{state}"]
        assert (taken.addresses, taken.contract) == (image.addresses, image.contract)
        assert (taken.role, image.role) == ("copy", "image")


def test_memcpy_is_the_trees_own(era: Tree) -> None:
    found = kernels_of(era)
    image, own = found["copy_mc_to_kernel:memcpy"], found["__memcpy"]
    code, start = native.code(image, 0), image.addresses[0]
    calls = [
        start + at + 5 + int.from_bytes(code[at + 1 : at + 5], "little", signed=True)
        for at in range(len(code) - 4)
        if code[at] == 0xE8
    ]
    assert own.addresses[0] in calls


@pytest.mark.usefixtures("one_phase")
def test_the_users_copy_is_there_where_no_header_is_needed() -> None:
    found = kernels_of(made(LATER_ERA))
    assert "copy_mc_to_user:memcpy" not in found
    assert tallied(found["copy_mc_to_user:fragile"], "source").mismatches == 0
    # That made-up era goes on to a header without the quirk: nothing is copied there.
    assert tallied(found["copy_mc_to_user:fast_string"], "source").mismatches > 0


@pytest.mark.usefixtures("one_phase")
def test_an_era_without_fast_strings_has_no_such_state() -> None:
    older = re.sub(r"\tif \(static_cpu_has.*\n.*\n", "", FIRST_ERA)
    routines = ROUTINES.partition("SYM_FUNC_START(copy_mc_enhanced")[0]
    found = kernels_of(made(older, routines=routines), ["erms"])
    assert "copy_mc_to_kernel:fast_string" not in found
    assert found["copy_mc_to_kernel"].addresses == found["copy_mc_to_kernel:memcpy"].addresses


@pytest.mark.usefixtures("one_phase")
def test_the_injection_of_the_first_era_is_switched_off() -> None:
    injected = ROUTINES.replace("1:	movb (%rsi)", "	COPY_MC_TEST_SRC %rsi 8 3f\n1:	movb (%rsi)")
    found = kernels_of(made(FIRST_ERA, routines="#include <asm/copy_mc_test.h>\n" + injected))
    assert tallied(found["copy_mc_to_kernel:fragile"], "source").mismatches == 0


@pytest.mark.usefixtures("one_phase")
def test_an_era_without_the_file_has_no_dispatch() -> None:
    files = {path: text for path, text in made(FIRST_ERA).files.items() if path != FILE}
    assert not [name for name in kernels_of(Tree("linux-old", files)) if "to_kernel" in name]


KEY = r"if \((?:copy_mc_fragile_enabled|static_branch_unlikely\(&copy_mc_fragile_key\))\)"
ERMS = r"if \((?:static_cpu_has|cpu_feature_enabled)\(X86_FEATURE_ERMS\)\)"


def without_else(text: str) -> str:
    """The branch of ERMS goes on to what follows it."""
    return re.sub(rf"({ERMS}.*?)return ([^;]*;)", r"\1\2", text, count=1, flags=re.DOTALL)


def order_swapped(text: str) -> str:
    """ERMS is asked before the key."""
    key, erms = re.search(KEY, text), re.search(ERMS, text)
    assert key
    assert erms
    swaps = {key[0]: erms[0], erms[0]: key[0],
             "copy_mc_fragile(": "copy_mc_enhanced_fast_string(",
             "copy_mc_enhanced_fast_string(": "copy_mc_fragile("}  # fmt: skip
    return re.sub("|".join(map(re.escape, swaps)), lambda found: swaps[found[0]], text)


BUGS = {  # an edit of copy_mc_to_kernel(), and what each state then violates when the source is bad
    "missing else": (without_else, {"fast_string": {R.ESCAPED}}),
    "returns the length": (
        lambda text: re.sub(r"return 0;", "return len;", text),
        {"memcpy": {R.COUNT}},
    ),
    "ignores the key": (lambda text: re.sub(KEY, "if (0)", text), {"fragile": {R.ROUTINE}}),
    "key inverted": (
        lambda text: re.sub(KEY, lambda found: f"if (!{found[0][3:]})", text),
        {"fragile": {R.ROUTINE}, "fast_string": {R.ROUTINE}, "memcpy": {R.ROUTINE}},
    ),
    "ignores ERMS": (lambda text: re.sub(ERMS, "if (1)", text), {"memcpy": {R.ROUTINE}}),
    "order swapped": (order_swapped, {"fragile": {R.ROUTINE}}),
    "a byte too few": (
        lambda text: re.sub(r"\bmemcpy\(dst, src, len\)", "memcpy(dst, src, len - 1)", text),
        {"memcpy": {R.PREFIX}},
    ),
}


def edited(tree: Tree, bug: str) -> Tree:
    """The tree with a bug in the body of copy_mc_to_kernel()."""
    text = tree.files[FILE].decode()
    start = text.index("copy_mc_to_kernel(void *dst")
    end = text.index("EXPORT_SYMBOL_GPL(copy_mc_to_kernel)")
    body = BUGS[bug][0](text[start:end])
    assert body != text[start:end]
    files = {**tree.files, FILE: (text[:start] + body + text[end:]).encode()}
    return Tree(f"{tree.label}-{bug.replace(' ', '-')}", files)


@pytest.mark.usefixtures("one_phase")
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_of_the_dispatch_is_caught_in_the_state_that_has_it(
    target: Tree, bug: str
) -> None:
    found = kernels_of(edited(target, bug))
    expected: Mapping[str, set[Reason]] = BUGS[bug][1]
    for state in STATES:
        seen = set(tallied(found[f"copy_mc_to_kernel:{state}"], "source").reasons)
        assert seen >= expected.get(state, set()), (state, seen)
        assert bool(seen) == (state in expected), (state, seen)


@pytest.mark.usefixtures("one_phase")
def test_a_patch_of_the_dispatch_applies(tmp_path: Path) -> None:
    tree = made(LATER_ERA)
    before, after = (
        each.files[FILE].decode().splitlines(keepends=True)
        for each in (tree, edited(tree, "missing else"))
    )
    patch = tmp_path / "dispatch.patch"
    patch.write_text("".join(difflib.unified_diff(before, after, f"a/{FILE}", f"b/{FILE}")))
    patched = linux_tree.patched(tree, patch)
    image = kernels_of(patched)["copy_mc_to_kernel:fast_string"]
    assert tallied(image, "source").reasons.keys() == {R.ESCAPED}


@pytest.mark.usefixtures("one_phase")
def test_a_patch_that_moves_the_dispatch_in_its_file_is_seen() -> None:
    more = LATER_ERA.replace("__visible", "int more(void)\n{\n\treturn 1;\n}\n\n__visible", 1)
    base, new = (linux_build.build(made(text)) for text in (LATER_ERA, more))
    assert linux_build.moved(base, new)["copy_mc_to_kernel"] == 16


@pytest.mark.usefixtures("one_phase")
def test_the_tail_of_a_write_fault_is_the_trees_own(tree: Tree) -> None:
    text = tree.files[FILE].decode()
    wrong = text.replace("return len;", "return len + 1;", 1)
    assert wrong != text
    broken = Tree("linux-tail", {**tree.files, FILE: wrong.encode()})
    for name in ("copy_mc_fragile", "copy_mc_to_kernel:fragile"):
        kernel = kernels_of(broken)[name]
        assert tallied(kernel, "source").mismatches == 0
        assert R.COUNT in tallied(kernel, "destination").reasons


@pytest.mark.usefixtures("one_phase")
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('#include "/etc/hostname"', "only the shim may be read"),
        ('__asm__(".incbin \\"/etc/hostname\\"");', "only the shim may be read"),
        ("#include <linux/newer.h>", "add kernels/shim/linux/newer.h"),
        ("void f(void) { newer_thing(); }", "line 28 uses 'newer_thing', which the shim lacks"),
        ("int f(void) { return NEWER_THING; }", "uses 'NEWER_THING', which the shim lacks"),
        ("int f(void) { return; ", "copy_mc.c does not compile"),
        ("int g(void); int f(void) { return g(); }", "calls 'g', which none of its files defines"),
        ("__attribute__((constructor)) void f(void) {}", "would run code when it is loaded"),
    ],
)
def test_what_c_may_not_do_or_the_shim_lacks_is_named_in_one_line(line: str, hint: str) -> None:
    with pytest.raises(CopymcError, match=hint) as error:
        linux_build.build(made(f"{FIRST_ERA}{line}\n"))
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("one_phase")
def test_a_new_function_of_the_file_is_named_and_taken_on_request() -> None:
    more = FIRST_ERA + FIRST_ERA.partition("unsigned len);")[2].replace("_to_kernel", "_to_new")
    built = linux_build.build(made(more))
    assert built.unknown == ("copy_mc_to_new",)
    again = linux_build.build(made(more), contracts={"copy_mc_to_new": "uncopied"})
    found = {kernel.name.partition(":")[2] for kernel in linux_build.load(again)}
    assert {"copy_mc_to_new", *(f"copy_mc_to_new:{state}" for state in STATES)} <= found


@pytest.mark.usefixtures("one_phase")
def test_a_dispatch_comes_through_its_manifest() -> None:
    built = linux_build.build(made(FIRST_ERA), ["rep_good"])
    again = linux_build.from_manifest(linux_build.manifest(built))
    assert linux_build.load(again) == linux_build.load(built)


@pytest.mark.usefixtures("one_phase")
def test_a_run_times_what_linux_takes_and_a_state_only_by_its_full_name() -> None:
    tree = made(LATER_ERA, "linux-chosen")
    catalog.add(linux_build.load(linux_build.build(tree)))
    image = "linux-chosen:copy_mc_to_kernel:fragile"
    by_default = {kernel.name for kernel in chosen(())}
    assert "linux-chosen:copy_mc_to_kernel" in by_default
    assert image not in by_default | {kernel.name for kernel in chosen(("linux-chosen:*",))}
    assert image in {kernel.name for kernel in chosen((image,))}
    assert image in {kernel.name for kernel in chosen(("linux-chosen:*",), images=True)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small tree on disk with a missing else."""
    place = tmp_path_factory.mktemp("tree")
    for name, content in edited(made(FIRST_ERA), "missing else").files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return str(place)


def test_verify_checks_every_state_once(folder: str) -> None:
    catalog.add(linux_build.load(linux_build.build(linux_tree.read(folder))))
    names = {kernel.name for kernel in to_check(("linux-unknown:copy_mc_to_k*",))}
    assert names == {f"linux-unknown:copy_mc_to_kernel:{state}" for state in STATES}
    (alone,) = to_check(("linux-unknown:copy_mc_to_kernel",))
    assert alone.role == "copy"


def test_a_counter_example_of_the_dispatch_is_repeated_by_its_command(folder: str) -> None:
    found = kernels_of(linux_tree.read(folder))
    first = thinly_checked(found["copy_mc_to_kernel:fast_string"])["source"].first
    assert first
    again = copymc(*first.command.split()[1:], "--linux", folder)
    assert again.returncode == 1, again.stderr
    assert "the fault was not recovered" in again.stdout


def test_run_times_the_dispatch_that_linux_takes(folder: str, tmp_path: Path) -> None:
    done = copymc(
        "run", "--linux", folder, "--kernel", "linux*:copy_mc_to_kernel*,memcpy", "--size", "64",
        "--delta", "0", "--processes", "1", "--output", f"{tmp_path}/r.json.gz",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = copymc("report", f"{tmp_path}/r.json.gz", "--cases")
    assert "linux-unknown:copy_mc_to_kernel" in listed.stdout
    assert "linux-unknown:copy_mc_to_kernel:" not in listed.stdout
