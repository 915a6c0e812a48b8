"""What reviewers of copy routines have asked for, each answered from the file or declined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims import Finding
from bench.evidence.claims.geometry import cause_text
from bench.evidence.classes import geometry_class
from bench.evidence.clock import core_ghz, cycles
from bench.evidence.estimates import Table
from bench.evidence.factors import causes
from bench.evidence.intervals import mean_ratio
from bench.evidence.noise import noise
from bench.evidence.spread import by_phase
from bench.microarch import identify
from bench.model import Scalar
from bench.present.document import Grid
from bench.present.machines import virtual
from bench.units import format_number, format_size

Findings = Mapping[str, Finding]
Answer = Callable[[Table, Findings], str]


def asked(table: Table, findings: Sequence[Finding]) -> Grid:
    """The demands of patch threads with this file's answer, or why it has none."""
    by_id = {finding.id: finding for finding in findings}
    rows = tuple((question, answer(table, by_id)) for question, answer in _DEMANDS)
    return Grid(("asked", "answer"), rows)


def _claim(name: str) -> Answer:
    return lambda _, findings: f"{findings[name].verdict} ({name}): {findings[name].text}"


def _fixed(text: str) -> Answer:
    return lambda _, __: text


def _facts(text: str) -> Answer:
    """A sentence with metadata keys in braces."""

    def fill(table: Table, _: Findings) -> str:
        facts: Mapping[str, Scalar] = table.study.metadata
        words = {key: str(facts.get(key, "unknown")) for key in _keys(text)}
        words["machine"] = identify(facts).name
        return text.format(**words, virtual=virtual(facts))

    return fill


def _keys(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:] if not part.startswith("virtual")]


def _unaligned(table: Table, _: Findings) -> str:
    odd = [point for point in table.points if point.src_offset % 8 or point.dst_offset % 8]
    pairs = sorted({(point.src_offset, point.dst_offset) for point in odd})
    if not pairs:
        return "Not measured in this file; --src-offset and --dst-offset add them."
    kernels = [name for name in ("fast_string", "fragile") if table.has(name)] or compared(table)
    costs = "; ".join(_cause_words(table, kernel, "odd") for kernel in kernels)
    said = f" Odd offsets: {costs}." if costs else ""
    return f"Timed at {len(pairs)} pairs of offsets and at uniform ones.{said}"


def _cause_words(table: Table, kernel: str, *words: str) -> str:
    """What the causes whose names hold one of these words cost a kernel."""
    named = [cause for cause in causes(table, kernel)[0]
             if any(word in level.text for level in cause.levels for word in words)]  # fmt: skip
    costs = ", ".join(cause_text(cause) for cause in named)
    return f"{kernel}: {costs or 'no cause that holds alone'}"


def _ends(table: Table, _: Findings) -> str:
    if not any(geometry_class(point).startswith("page end") for point in table.points):
        return "Not measured in this file: it has no pair of offsets at a page's end alone."
    words = ("page", "crosses")
    return "; ".join(_cause_words(table, name, *words) for name in compared(table)) + "."


def _floor(table: Table, _: Findings) -> str:
    if not table.has("null"):
        return "Not measured: the file lacks null."
    nanoseconds = 1e9 * float(np.nanmedian(table.seconds("null")))
    return (
        f"An empty call through the same loop takes {format_number(nanoseconds)} ns; no time is "
        "corrected for it."
    )


def _repeatable(table: Table, _: Findings) -> str:
    seen = noise(table, 64, 1 << 20)
    words = "One file cannot tell: run it again and set both side by side with `copymc compare`."
    if seen.twin_cases:
        own = f"{seen.twin_error_p95:.3%} (95th percentile)"
        words += f" Within this run the A/A twin is off by {own}."
    return words


def _single(table: Table, _: Findings) -> str:
    rows = [
        i
        for i, point in enumerate(table.points)
        if point.size == 8 and not point.delta and not point.src_offset % 8
    ]
    if not rows or not table.has("fragile", "fast_string"):
        return "Not measured in this file; --size 8 --delta 0 adds it."
    ratio = mean_ratio(table, "fragile", "fast_string", rows)
    return f"At 8 B, aligned, fragile takes {float(ratio.mid):.2f} of the default's time."


def _multiples(table: Table, _: Findings) -> str:
    sizes = sorted({point.size for point in table.points})
    odd = [size for size in sizes if size % 8]
    return (
        f"Sizes that are no multiple of 8: {', '.join(map(format_size, odd)) or 'none'}; "
        f"{len(sizes) - len(odd)} others are."
    )


def _target(table: Table, _: Findings) -> str:
    offsets = sorted({point.dst_offset % 64 for point in table.points})
    return f"Destinations at {', '.join(map(str, offsets))} modulo 64 are timed."


def _pinned(cpu: Scalar) -> str:
    return f"Pinned to CPU {cpu}" if cpu != -1 else "Not pinned"


def _placement(table: Table, findings: Findings) -> str:
    if not table.has("fragile"):
        return _claim("placement")(table, findings)
    medians = by_phase(np.log(cycles(table, "fragile")), table.phases)
    complete = np.isfinite(medians).all(axis=1)
    if not complete.any():
        return "Not every phase has a process."
    span = np.exp(medians[complete].max(axis=1) - medians[complete].min(axis=1)).max()
    return f"The start address modulo 64 moves fragile by up to {span - 1:.0%}."


_DEMANDS: tuple[tuple[str, Answer], ...] = (
    ("Unaligned cases, and do they happen?", _unaligned),
    (
        "Cold against hot, and the access after the copy",
        _fixed("Not answered: this file times hot copies only."),
    ),
    ("The cost of the call itself", _floor),
    ("Line- and page-crossing stores", _ends),
    ("The composed dispatch, not only the primitives", _claim("dispatch-cost")),
    ("Is the result repeatable?", _repeatable),
    ("Is a partial completion right?", _claim("contract-verified")),
    ("A single aligned 8-byte access", _single),
    (
        "Is it visible beside kernel entry and exit?",
        _fixed("Not answered: user space only. A whole read(2) costs a few thousand cycles more."),
    ),
    (
        "The neighbours on the same axis",
        lambda table, _: "Timed beside it: " + ", ".join(table.kernels) + ".",
    ),
    ("Other target alignments than 8", _target),
    (
        "Which CPU, and several of them",
        _facts(
            "{machine}: {cpu_model_name}, family-model {cpu_family}, stepping {cpu_stepping}, "
            "microcode {microcode}, {virtual}; `copymc report` takes the files of many machines."
        ),
    ),
    (
        "Cycle counter, fences, null function",
        lambda table, _: (
            f"Wall clock around chunks of 25 us or one longer call, core clock measured "
            f"({format_number(core_ghz(table))} GHz), the empty call beside it; no fences inside a "
            "chunk but in the form `fenced`, which times each call alone."
        ),
    ),
    ("The natural mix of sizes", _claim("selected-is-best")),
    ("The threshold, per CPU, with an interval", _claim("start-up")),
    (
        "Pinned, and on which topology",
        lambda table, _: (
            f"{_pinned(table.study.processes[0].facts.get('cpu', -1))}; caches "
            f"{table.study.metadata.get('caches', 'unknown')}. One node: NUMA distance does not "
            "vary."
        ),
    ),
    (
        "The configuration matrix",
        _fixed("`copymc run --linux TREE --features ...` assembles other outcomes of one tree."),
    ),
    ("The price of the conservative choice", _claim("no-slower-than-fragile")),
    ("Sizes that are known multiples", _multiples),
    (
        "Fast strings switched off",
        _facts(
            "Linux sees {string_features}; it clears erms where firmware disables fast strings. "
            "A later change of the MSR in the run would not be seen."
        ),
    ),
    ("Luck of code placement", _placement),
)
