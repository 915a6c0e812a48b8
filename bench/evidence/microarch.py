"""Microarchitectures by CPUID family and model, in the order of their generations."""

from __future__ import annotations

from collections.abc import Mapping

from bench.model import Scalar

# (family, first model, last model): name, year of first sale. From the model lists of the
# kernel's arch/x86/include/asm/intel-family.h and of AMD's revision guides.
_KNOWN: dict[tuple[int, int, int], tuple[str, int]] = {
    (6, 42, 42): ("Sandy Bridge", 2011),
    (6, 45, 45): ("Sandy Bridge-EP", 2012),
    (6, 58, 58): ("Ivy Bridge", 2012),
    (6, 62, 62): ("Ivy Bridge-EP", 2013),
    (6, 60, 60): ("Haswell", 2013),
    (6, 63, 63): ("Haswell-EP", 2014),
    (6, 69, 70): ("Haswell", 2013),
    (6, 61, 61): ("Broadwell", 2014),
    (6, 71, 71): ("Broadwell", 2015),
    (6, 79, 79): ("Broadwell-EP", 2016),
    (6, 86, 86): ("Broadwell-DE", 2015),
    (6, 78, 78): ("Skylake", 2015),
    (6, 94, 94): ("Skylake", 2015),
    (6, 85, 85): ("Skylake-SP to Cooper Lake", 2017),
    (6, 142, 142): ("Kaby Lake", 2016),
    (6, 158, 158): ("Kaby Lake", 2017),
    (6, 125, 126): ("Ice Lake", 2019),
    (6, 106, 108): ("Ice Lake-SP", 2021),
    (6, 140, 141): ("Tiger Lake", 2020),
    (6, 167, 167): ("Rocket Lake", 2021),
    (6, 151, 154): ("Alder Lake", 2021),
    (6, 183, 183): ("Raptor Lake", 2022),
    (6, 186, 186): ("Raptor Lake", 2023),
    (6, 143, 143): ("Sapphire Rapids", 2023),
    (6, 207, 207): ("Emerald Rapids", 2023),
    (6, 170, 172): ("Meteor Lake", 2023),
    (6, 173, 174): ("Granite Rapids", 2024),
    (6, 175, 175): ("Sierra Forest", 2024),
    (6, 189, 189): ("Lunar Lake", 2024),
    (6, 197, 198): ("Arrow Lake", 2024),
    (21, 0, 255): ("Bulldozer family", 2011),
    (23, 0, 47): ("Zen", 2017),
    (23, 48, 255): ("Zen 2", 2019),
    (25, 0, 15): ("Zen 3", 2021),
    (25, 16, 31): ("Zen 4", 2022),
    (25, 32, 95): ("Zen 3", 2020),
    (25, 96, 191): ("Zen 4", 2022),
    (26, 0, 255): ("Zen 5", 2024),
}


def microarchitecture(facts: Mapping[str, Scalar]) -> tuple[int, str]:
    """Year and name of a file's CPU; (9999, the family-model) where it is not known."""
    text = str(facts.get("cpu_family", ""))
    family, _, model = text.partition("-")
    if family.isdecimal() and model.isdecimal():
        for (wanted, first, last), (name, year) in _KNOWN.items():
            if int(family) == wanted and first <= int(model) <= last:
                return year, name
    return 9999, f"family-model {text or 'unknown'}"
