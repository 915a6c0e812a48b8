"""What a command line asks for: one frozen record for each command.

An option is one field: `bench.cli.grammar` reads it there, and a stage takes it from here. A
default stands at its field; None and an empty tuple leave the choice to the stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.machine.contract import CopyCase


@dataclass(frozen=True, slots=True)
class Cases:
    """Which cases to measure or to show.

    Attributes:
        kernels: names or patterns.
        sizes: bytes of one call.
        deltas: (dst - src) modulo 4096.
        src_offsets: source address modulo 4096.
        dst_offsets: destination address modulo 4096.
        geometries: members of evidence.classes.GEOMETRY_CLASSES; of results files alone.

    """

    kernels: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    deltas: tuple[int, ...] = ()
    src_offsets: tuple[int, ...] = ()
    dst_offsets: tuple[int, ...] = ()
    geometries: tuple[str, ...] = ()

    @property
    def choose_points(self) -> bool:
        """Whether sizes or pointers are chosen, whatever the kernels are."""
        pointers = (self.deltas, self.src_offsets, self.dst_offsets, self.geometries)
        return any((self.sizes, *pointers))


@dataclass(frozen=True, slots=True)
class Trees:
    """The kernel trees whose routines are to run.

    Attributes:
        linux: each a folder, `folder@revision` or tarball.
        patch: applied to the last of them, as one more tree.
        features: assemble them for these; None: for this CPU.
        symbols: their functions that copymc does not know.
        contract: what the functions of `symbols` promise.

    """

    linux: tuple[str, ...] = ()
    patch: Path | None = None
    features: tuple[str, ...] | None = None
    symbols: tuple[str, ...] = ()
    contract: str = "uncopied"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure, and where.

    Attributes:
        preset: a key of measure.plan.PRESETS.
        processes: worker processes; None: as many as the preset's.
        affinity: CPUs, of which the first measures; None: any that suits.
        seed: decides the plan; None: a fresh one.
        budget_s: how long the run takes, s; None: the preset's where all of it is measured.

    """

    preset: str = "default"
    processes: int | None = None
    affinity: tuple[int, ...] | None = None
    seed: int | None = None
    budget_s: float | None = None


@dataclass(frozen=True, slots=True)
class Environ:
    """Variables that the workers keep: those named, or everything."""

    inherit: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a results file goes: its whole path, or the last part of the usual name.

    resume: a journal, or the results file that it belongs to: go on with that run.
    """

    output: Path | None = None
    label: str | None = None
    resume: Path | None = None


@dataclass(frozen=True, slots=True)
class InfoRequest:
    """`copymc info`."""

    json: bool = False


@dataclass(frozen=True, slots=True)
class RunRequest:
    """`copymc run`: what to measure, how, and what to do beside it.

    Attributes:
        residency: where the lines are before a call.
        mixes: names or files of the mixes to draw calls from; empty: the built-in ones, or none
            where sizes or offsets are chosen.
        plot: draw the plots beside the results file.
        verify: prove the recovery contract first.
        quiet: say nothing on standard error but errors.
        timing: tell where the time of the run went.

    """

    cases: Cases = Cases()
    trees: Trees = Trees()
    effort: Effort = Effort()
    environ: Environ = Environ()
    place: Place = Place()
    residency: str = "hot"
    mixes: tuple[str, ...] = ()
    plot: bool = False
    verify: bool = False
    quiet: bool = False
    timing: bool = False


@dataclass(frozen=True, slots=True)
class OneCase:
    """One guarded copy, and the start of the kernel's code modulo 64, bytes."""

    copy: CopyCase
    phase: int = 0


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """`copymc verify`.

    Attributes:
        kernels: names or patterns; empty: all here.
        faults: names of fault sources; empty: all usable ones.
        allow_lethal: use those that lose memory, too.
        case: run this one alone.
        payload: show what programs see of each source instead.

    """

    kernels: tuple[str, ...] = ()
    trees: Trees = Trees()
    faults: tuple[str, ...] = ()
    allow_lethal: bool = False
    case: OneCase | None = None
    payload: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class CompareFiles:
    """`copymc compare BASE NEW`: two results files.

    Attributes:
        control: kernel to whose time all are set; `auto`: memcpy where both files have it;
            None: compare seconds.
        margin: share below which a proved change is the same; None: the suite's own.
        fail_above: share; a case that is slower by more ends in status 1.

    """

    base: Path
    new: Path
    cases: Cases = Cases()
    control: str | None = "auto"
    margin: float | None = None
    fail_above: float | None = None
    format: str = "text"
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class CompareTrees:
    """`copymc compare --linux ...`: two kernel trees, interleaved in one run.

    Attributes:
        run: what measures both.
        fail_above: share; a routine that is slower by more ends in status 1.

    """

    run: RunRequest
    fail_above: float | None = None


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """`copymc report`: tables of one file, or of many side by side.

    Attributes:
        mixes: as in RunRequest.
        parts: names of present.report.PARTS to show instead of the answer; empty: the answer.
        claim: the claim whose whole reasoning is shown; empty: none.
        whole: the answer and every part.
        output: None: standard output.

    """

    files: tuple[Path, ...]
    cases: Cases = Cases()
    mixes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    claim: str = ""
    whole: bool = False
    format: str = "text"
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class PlotRequest:
    """`copymc plot`: pictures in each of the formats.

    Attributes:
        output: None: beside the results file.
        answer: draw the figure for a mail alone.

    """

    files: tuple[Path, ...]
    cases: Cases = Cases()
    formats: tuple[str, ...] = ("png", "svg")
    output: Path | None = None
    answer: bool = False


Request = (
    InfoRequest
    | RunRequest
    | VerifyRequest
    | CompareFiles
    | CompareTrees
    | ReportRequest
    | PlotRequest
)
"""What a command line can ask for."""
