"""The exception table: recovery through entries, everything else handed on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.machine import catalog, contract
from bench.machine.faults.guard import GuardPage
from bench.model import CopymcError
from tests import planted

BUS_MCEERR_AR, BUS_MCEERR_AO = 4, 5


def run(code: str) -> subprocess.CompletedProcess[str]:
    """The code in a process of its own, which may die."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


BAD = """
from bench.machine import catalog, contract
from bench.machine.faults.guard import GuardPage
"""
RECOVER = """
import ctypes
contract.own_table()
area, good = GuardPage().arm(), GuardPage().arm()
copy = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
kernel = catalog.find("fast_string")
print(copy(kernel.addresses[0])(good.start, area.bad - 10, 25), flush=True)
"""
CRASH = "ctypes.string_at(area.bad, 1)\n"


def test_a_fault_in_a_kernel_continues_at_its_fixup() -> None:
    done = run(BAD + RECOVER)
    assert (done.returncode, done.stdout) == (0, "15\n")


def test_without_the_handler_the_same_copy_kills() -> None:
    done = run(BAD + RECOVER.replace("area, good", "contract.remove(); area, good"))
    assert done.returncode == -signal.SIGSEGV


def test_a_fault_outside_every_table_kills_by_default() -> None:
    done = run(BAD + RECOVER + CRASH)
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "15\n")


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_fault_outside_every_table_reaches_faulthandler(order: str) -> None:
    enable = "import faulthandler; faulthandler.enable()\n"
    code = enable + BAD + RECOVER + CRASH
    if order == "after":
        code = BAD + RECOVER + enable + CRASH
    done = run(code)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert 'File "<string>"' in done.stderr


def test_a_handler_installed_later_is_put_behind_by_installing_again() -> None:
    late = "import faulthandler; faulthandler.enable(); contract.install()\n"
    copy = RECOVER.splitlines()[-1]
    done = run(BAD + RECOVER + late + copy + "\n" + CRASH)
    assert done.stdout == "15\n15\n"
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_a_signal_sent_by_kill_is_not_swallowed() -> None:
    done = run("import os, signal\nfrom bench.machine import contract\ncontract.install()\n"
               "os.kill(os.getpid(), signal.SIGSEGV)\nprint('alive')")  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "")


def test_a_sent_signal_reaches_a_handler_that_was_there() -> None:
    done = run("import os, signal\nfrom bench.machine import contract\n"
               "signal.signal(signal.SIGBUS, lambda *_: print('mine'))\ncontract.install()\n"
               "os.kill(os.getpid(), signal.SIGBUS)\nprint('alive')")  # fmt: skip
    assert done.stdout == "mine\nalive\n"


def test_removing_the_handler_restores_the_one_before() -> None:
    done = run("import signal\nfrom bench.machine import contract\n"
               "signal.signal(signal.SIGBUS, signal.SIG_IGN)\ncontract.install()\n"
               "contract.remove()\n"
               "print(signal.getsignal(signal.SIGBUS) is signal.SIG_IGN)")  # fmt: skip
    assert done.stdout == "True\n"


def test_the_payload_of_the_last_fault_is_kept() -> None:
    contract.own_table()
    area, good = GuardPage().arm(), GuardPage().arm()
    address = catalog.find("fast_string").addresses[0]
    outcome = contract.guarded_call(address, good.start, area.bad - 3, 9)
    assert (outcome.returned, outcome.faults, outcome.escaped) == (6, 1, False)
    assert (outcome.signo, outcome.address) == (signal.SIGSEGV, area.bad)
    area.close()
    good.close()


def test_a_copy_that_does_not_fault_records_nothing() -> None:
    contract.own_table()
    area = GuardPage().arm()
    address = catalog.find("fast_string").addresses[0]
    outcome = contract.guarded_call(address, area.start, area.start + 512, 9)
    assert (outcome.returned, outcome.faults, outcome.signo) == (0, 0, 0)
    area.close()


def test_tables_come_and_go_at_run_time(tmp_path: Path) -> None:
    one = planted.load("right", tmp_path)
    contract.install()
    area, good = GuardPage().arm(), GuardPage().arm()

    def copy() -> contract.Outcome:
        return contract.guarded_call(one.kernel.addresses[0], good.start, area.bad - 3, 9)

    assert copy().escaped
    table = contract.add_table(one.table_start, one.table_stop)
    assert (copy().escaped, copy().returned) == (False, 6)
    contract.remove_table(table)
    assert copy().escaped
    area.close()
    good.close()


def test_a_damaged_table_is_refused() -> None:
    with pytest.raises(CopymcError, match="exception table is damaged"):
        contract.add_table(4096, 4096 + 13)


def test_tables_change_while_other_threads_fault(tmp_path: Path) -> None:
    contract.own_table()
    one = planted.load("right", tmp_path)
    address = catalog.find("fragile").addresses[1]
    wrong: list[contract.Outcome] = []
    stop = threading.Event()

    def fault() -> None:
        area, good = GuardPage().arm(), GuardPage().arm()
        while not stop.is_set():
            outcome = contract.guarded_call(address, good.start, area.bad - 24, 100)
            if (outcome.returned, outcome.faults, outcome.escaped) != (76, 1, False):
                wrong.append(outcome)
        area.close()
        good.close()

    threads = [threading.Thread(target=fault) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        contract.remove_table(contract.add_table(one.table_start, one.table_stop))
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "number"), [(1, 0xDEAD), (2, 14), (4, 14), (14, 0xDEAD), (15, 14), (0x10002, 14)]
)
def test_entry_types_leave_the_trap_number_where_the_kernel_does(
    tmp_path: Path, kind: int, number: int
) -> None:
    source = tmp_path / "typed.S"
    source.write_text(
        f"#define EX_TYPE_DEFAULT_MCE_SAFE {kind}\n"
        + (planted.INCLUDE / "asmdefs.h")
        .read_text()
        .replace("#define EX_TYPE_DEFAULT_MCE_SAFE 14", "")
        + "ENTRY(planted)\n movl $0xdead, %eax\n1: movb (src), %cl\n2: ret\n"
        "EXTABLE(1b, 2b)\nEND(planted)\n"
    )
    one = planted.load_source(source, tmp_path)
    start, first, last = one.kernel.addresses[0], one.table_start, one.table_stop
    contract.install()
    table = contract.add_table(first, last)
    area = GuardPage().arm()
    outcome = contract.guarded_call(start, area.start, area.bad, 1)
    contract.remove_table(table)
    area.close()
    assert outcome.returned == number


SENDS_ITSELF = """
#include "asmdefs.h"
ENTRY(planted)
	movq	dst, %r10	/* siginfo */
	movq	src, %rdi	/* process */
	movq	bytes, %rsi	/* thread */
	movl	$7, %edx	/* SIGBUS */
	movl	$297, %eax	/* rt_tgsigqueueinfo */
	syscall
1:	movl	$0, %eax	/* interrupted here, where a table has an entry */
	ret
2:	movl	$1, %eax
	ret
	EXTABLE(1b, 2b)
END(planted)
"""
SEND = """
import ctypes, os, signal, struct, sys, threading
from pathlib import Path
from bench.machine import contract
from tests import planted
if sys.argv[1] == "handled":
    signal.signal(signal.SIGBUS, lambda *_: print("told"))
one = planted.load_source(Path(sys.argv[2]), Path(sys.argv[2]).parent)
contract.install()
contract.add_table(one.table_start, one.table_stop)
info = ctypes.create_string_buffer(128)
struct.pack_into("iii", info, 0, signal.SIGBUS, 0, int(sys.argv[3]))
outcome = contract.guarded_call(
    one.kernel.addresses[0], ctypes.addressof(info), os.getpid(), threading.get_native_id()
)
print(outcome.returned, outcome.faults, outcome.escaped)
"""


def send(folder: Path, before: str, code: int) -> subprocess.CompletedProcess[str]:
    """A kernel that sends its own thread a SIGBUS with that si_code."""
    source = folder / "sends.S"
    source.write_text(SENDS_ITSELF)
    command = [sys.executable, "-c", SEND, before, str(source), str(code)]
    root = planted.HERE.parent.parent
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, cwd=root
    )


def test_poison_that_somebody_else_found_moves_no_instruction_pointer(tmp_path: Path) -> None:
    done = send(tmp_path, "handled", BUS_MCEERR_AO)
    assert sorted(done.stdout.splitlines()) == ["0 0 False", "told"], done.stderr


def test_poison_that_somebody_else_found_is_not_swallowed(tmp_path: Path) -> None:
    done = send(tmp_path, "default", BUS_MCEERR_AO)
    assert (done.returncode, done.stdout) == (-signal.SIGBUS, "")


def test_poison_that_the_copy_consumed_continues_at_the_fixup(tmp_path: Path) -> None:
    assert send(tmp_path, "default", BUS_MCEERR_AR).stdout == "1 1 False\n"


@pytest.mark.parametrize(
    ("signo", "code"),
    [("SIGTRAP", "int3"), ("SIGILL", "ud2"), ("SIGFPE", "xorl %eax, %eax\n div %eax")],
)
def test_an_instruction_that_traps_ends_a_guarded_call_and_nothing_else(
    tmp_path: Path, signo: str, code: str
) -> None:
    source = tmp_path / "traps.S"
    source.write_text(f'#include "asmdefs.h"\nENTRY(planted)\n {code}\n ret\nEND(planted)\n')
    one = planted.load_source(source, tmp_path)
    contract.install()
    outcome = contract.guarded_call(one.kernel.addresses[0], 0, 0, 0)
    assert (outcome.escaped, outcome.signo) == (True, signal.Signals[signo])
    load = f"from pathlib import Path\nfrom tests import planted\nfold = Path({str(tmp_path)!r})\n"
    call = (
        "import ctypes\nfrom bench.machine import contract\ncontract.install()\n"
        "one = planted.load_source(fold / 'traps.S', fold)\n"
        "ctypes.CFUNCTYPE(None)(one.kernel.addresses[0])()\nprint('alive')"
    )
    done = run(load + call)
    assert (done.returncode, done.stdout) == (-signal.Signals[signo], "")


def test_a_fixup_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    one = planted.load("retries_for_ever", tmp_path)
    contract.install()
    table = contract.add_table(one.table_start, one.table_stop)
    area, good = GuardPage().arm(), GuardPage().arm()
    outcome = contract.guarded_call(one.kernel.addresses[0], good.start, area.bad, 1)
    contract.remove_table(table)
    area.close()
    good.close()
    assert outcome.escaped
    assert outcome.faults > 100


def test_removing_a_table_that_is_none_changes_nothing() -> None:
    own = contract.own_table()
    for handle in (-1, 64, 1 << 20):
        contract.remove_table(handle)
    kernel = catalog.find("fragile")
    assert contract.coverage(kernel.addresses[0], kernel.ends[0])[0] == 7
    assert own >= 0


def test_too_many_handlers_in_between_are_an_error() -> None:
    done = run("import signal\nfrom bench.machine import contract\n"
               "from bench.model import CopymcError\n"
               "try:\n for _ in range(20):\n"
               "  contract.install(); signal.signal(signal.SIGBUS, lambda *_: None)\n"
               "except CopymcError as error:\n print(error)")  # fmt: skip
    assert "install once" in done.stdout
