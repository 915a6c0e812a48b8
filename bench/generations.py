"""Microarchitectures in the order of their cores' generations, and what proves each of them.

Models: Linux' arch/x86/include/asm/intel-family.h and, for AMD, the ranges of bsp_init_amd() in
arch/x86/kernel/cpu/amd.c. Steppings of model 85: Intel's specification updates 613537 and 634897.
Flags: the processors that introduce them in Intel's "Architecture Instruction Set Extensions
Programming Reference" (319433, chapter 1) and the -march definitions of GCC ("x86 Options");
for AMD the processor programming references (PPR) of families 17h, 19h and 1Ah, and GCC's znver1
to znver6. Flags that KVM emulates on older CPUs (movbe, rdpid, umip, x2apic) prove nothing.
Caches: the product pages of Intel and the PPR of AMD; none of the vendor's CPUs had one before.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

L1_INSTRUCTION_64K = "an L1i of 64 KiB"
L1_DATA_48K = "an L1d of 48 KiB"
L3_OVER_60M = "an L3 over 60 MiB"
L3_OVER_112M = "an L3 over 112.5 MiB"
L3_OVER_320M = "an L3 over 320 MiB"

_ANY = 1 << 30  # KiB, above every cache

CACHES: Mapping[str, tuple[str, range]] = {
    L1_INSTRUCTION_64K: ("L1 Instruction", range(64, 65)),
    L1_DATA_48K: ("L1 Data", range(48, 49)),
    L3_OVER_60M: ("L3 Unified", range((60 << 10) + 1, _ANY)),
    L3_OVER_112M: ("L3 Unified", range(115200 + 1, _ANY)),
    L3_OVER_320M: ("L3 Unified", range((320 << 10) + 1, _ANY)),
}
"""Caches as words that stand beside flags in `Generation.proofs`: level and kind, sizes in KiB."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One microarchitecture.

    Attributes:
        name: its name.
        year: of the first sale.
        models: models by family, as CPUID and /proc/cpuinfo give them.
        proofs: flags and words of CACHES of which none came earlier: each proves this
            generation or a later one. All of several joined by `+` are needed.
        steppings: those of its models that are its own.

    """

    name: str
    year: int
    models: Mapping[int, Container[int]]
    proofs: tuple[str, ...] = ()
    steppings: Container[int] = field(default=range(256))


INTEL = (
    Generation("Core", 2006, {6: (15, 22)}, ("ssse3",)),
    Generation("Penryn", 2007, {6: (23, 29)}, ("sse4_1",)),
    Generation("Nehalem", 2008, {6: (26, 30, 31, 46)}, ("sse4_2", "popcnt")),
    Generation("Westmere", 2010, {6: (37, 44, 47)}, ("aes", "pclmulqdq")),
    Generation("Sandy Bridge", 2011, {6: (42,)}, ("avx", "xsaveopt")),
    Generation("Sandy Bridge-EP", 2012, {6: (45,)}),
    Generation("Ivy Bridge", 2012, {6: (58,)}, ("erms", "f16c", "fsgsbase", "rdrand", "smep")),
    Generation("Ivy Bridge-EP", 2013, {6: (62,)}),
    Generation("Silvermont", 2013, {6: (55, 74, 76, 77, 90, 117)}),
    Generation("Haswell", 2013, {6: (60, 69, 70)}, ("avx2", "bmi1", "bmi2", "fma", "invpcid")),
    Generation("Haswell-EP", 2014, {6: (63,)}),
    Generation("Broadwell", 2014, {6: (61, 71)}, ("adx", "rdseed", "smap")),
    Generation("Broadwell-DE", 2015, {6: (86,)}),
    Generation("Broadwell-EP", 2016, {6: (79,)}),
    Generation("Skylake", 2015, {6: (78, 94)}, ("clflushopt", "xsavec", "mpx")),
    Generation("Goldmont", 2016, {6: (92, 95, 122)}),
    Generation("Kaby Lake", 2016, {6: (142, 158)}),
    Generation("Comet Lake", 2019, {6: (165, 166)}),
    Generation("Skylake-SP", 2017, {6: (85,)}, ("avx512f", "avx512bw", "clwb"), range(5)),
    Generation("Knights Landing", 2016, {6: (87, 133)}),
    Generation("Cascade Lake", 2019, {6: (85,)}, ("avx512_vnni",), range(5, 10)),
    Generation("Cooper Lake", 2020, {6: (85,)}, ("avx512_bf16",), range(10, 256)),
    Generation("Cannon Lake", 2018, {6: (102,)}, ("avx512vbmi", "avx512ifma")),
    Generation("Ice Lake", 2019, {6: (125, 126, 157)},
               ("avx512_vbmi2", "gfni", "vaes", "vpclmulqdq", "fsrm", L1_DATA_48K)),
    Generation("Ice Lake-SP", 2021, {6: (106, 108)}, ("wbnoinvd", "pconfig")),
    Generation("Tiger Lake", 2020, {6: (140, 141)},
               ("movdiri", "movdir64b", "avx512_vp2intersect")),
    Generation("Tremont", 2020, {6: (134, 138, 150, 156)}),
    Generation("Rocket Lake", 2021, {6: (167,)}),
    Generation("Alder Lake", 2021, {6: (151, 154, 190)}, ("avx_vnni", "serialize")),
    Generation("Raptor Lake", 2022, {6: (183, 186, 191)}),
    Generation("Meteor Lake", 2023, {6: (170, 172)}),
    Generation("Sapphire Rapids", 2023, {6: (143,)},
               ("amx_tile", "avx512_fp16", "tsxldtrk", "avx512_bf16+avx512_vbmi2", L3_OVER_60M)),
    Generation("Emerald Rapids", 2023, {6: (207,)}, (L3_OVER_112M,)),
    Generation("Sierra Forest", 2024, {6: (175, 182)},
               ("avx_ifma", "avx_vnni_int8", "avx_ne_convert", "cmpccxadd")),
    Generation("Lunar Lake", 2024, {6: (189,)}, ("avx_vnni_int16",)),
    Generation("Arrow Lake", 2024, {6: (181, 197, 198)}),
    Generation("Granite Rapids", 2024, {6: (173, 174)},
               ("amx_fp16", f"avx512_fp16+{L1_INSTRUCTION_64K}", L3_OVER_320M)),
    Generation("Clearwater Forest", 2026, {6: (221,)}),
    Generation("Panther Lake", 2026, {6: (204,)}),
)  # fmt: skip

AMD = (
    Generation("K8", 2003, {15: range(256)}, ("3dnowext",)),
    Generation("K10", 2007, {16: range(256), 18: range(256)}, ("sse4a", "popcnt")),
    Generation("Bobcat", 2011, {20: range(256)}, ("ssse3",)),
    Generation("Bulldozer", 2011, {21: (0, 1)}, ("avx", "aes", "xop")),
    Generation("Piledriver", 2012, {21: (2, *range(16, 48))}, ("f16c", "bmi1", "fma", "tbm")),
    Generation("Jaguar", 2013, {22: range(256)}),
    Generation("Steamroller", 2014, {21: range(48, 96)}, ("fsgsbase",)),
    Generation("Excavator", 2015, {21: range(96, 128)}, ("avx2", "bmi2", "rdrand", "smep")),
    Generation("Zen", 2017, {23: (*range(48), *range(80, 96))},
               ("adx", "clflushopt", "clzero", "rdseed", "sha_ni", "smap", "xsavec")),
    Generation("Zen 2", 2019, {23: (*range(48, 80), *range(96, 128), 144, 145, *range(160, 176))},
               ("clwb", "wbnoinvd")),
    Generation("Zen 3", 2020, {25: (*range(16), *range(32, 96))},
               ("erms", "fsrm", "invpcid", "pku", "vaes", "vpclmulqdq")),
    Generation("Zen 4", 2022, {25: (*range(16, 32), *range(96, 176))},
               ("avx512f", "avx512_bf16", "gfni")),
    Generation("Zen 5", 2024, {26: (*range(80), *range(96, 128))},
               ("avx_vnni", "movdiri", "movdir64b", "avx512_vp2intersect", L1_DATA_48K)),
    Generation("Zen 6", 2026, {26: (*range(80, 96), *range(128, 176), *range(192, 240))},
               ("avx512_fp16", "avx_ifma", "avx_ne_convert", "avx_vnni_int8")),
)  # fmt: skip

HYGON = (Generation("Dhyana", 2018, {24: range(256)}, ("clzero",)),)

BY_VENDOR: Mapping[str, tuple[Generation, ...]] = {"intel": INTEL, "amd": AMD, "hygon": HYGON}
"""Oldest first: a generation's place in its list is its rank."""
