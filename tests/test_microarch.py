"""Machines told by model, flags and caches: recorded and constructed ones, masked ones among them.

The machines of machines.json were written from the cited definitions, their names by hand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.generations import BY_VENDOR, CACHES
from bench.machine import host
from bench.microarch import UNKNOWN_YEAR, identify, words
from bench.model import Scalar

MACHINES = json.loads((Path(__file__).parent / "machines.json").read_text())
every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m["title"])


def rank(facts: dict[str, Scalar]) -> int:
    """The place of the machine's generation in its vendor's list; -1 for none."""
    name = identify(facts).name.removesuffix(" class").partition(" ")[2]
    names = [one.name for own in BY_VENDOR.values() for one in own]
    return names.index(name) if name in names else -1


def test_there_are_machines_of_every_age_and_masked_ones() -> None:
    assert len(MACHINES) >= 16
    assert len([machine for machine in MACHINES if machine["said"]]) >= 4
    assert all(machine["source"] for machine in MACHINES)


@every_machine
def test_a_machine_has_the_name_that_the_cited_rules_give_it(machine: dict[str, Any]) -> None:
    identity = identify(machine["facts"])
    assert (identity.name, identity.key) == (machine["name"], machine["key"])
    assert machine["said"] in identity.contradiction
    assert bool(machine["said"]) == bool(identity.contradiction)


def subsets(flags: list[str], rng: random.Random) -> Iterator[list[str]]:
    """Every subset that lacks one flag, and random ones of all sizes."""
    yield from ([flag for flag in flags if flag != gone] for gone in flags)
    yield from (rng.sample(flags, rng.randrange(len(flags))) for _ in range(60))


@every_machine
def test_dropping_flags_or_caches_never_gives_a_later_generation(machine: dict[str, Any]) -> None:
    facts, rng = machine["facts"], random.Random(1)
    for flags in subsets(str(facts["cpu_flags"]).split(), rng):
        hidden = str(facts.get("cpuid_features", "")).split()
        kept = " ".join(rng.sample(hidden, rng.randrange(len(hidden) + 1)))
        fewer = {**facts, "cpu_flags": " ".join(flags), "cpuid_features": kept}
        assert rank(fewer) <= rank(facts)
        assert rank({**fewer, "caches": "unknown"}) <= rank(fewer)


@every_machine
def test_a_machine_as_it_is_never_contradicts_itself(machine: dict[str, Any]) -> None:
    """What a listed generation truly has proves nothing later than itself."""
    facts = machine["facts"]
    if not machine["said"] and facts["hypervisor"] == "none":
        assert identify({**facts, "hypervisor": "KVMKVMKVM"}).contradiction == ""


@pytest.mark.parametrize("vendor", BY_VENDOR)
def test_no_model_has_two_generations_but_by_its_stepping(vendor: str) -> None:
    own = BY_VENDOR[vendor]
    for family in range(32):
        for model in range(256):
            here = [one for one in own if model in one.models.get(family, ())]
            for stepping in range(16):
                assert sum(stepping in one.steppings for one in here) <= 1


def test_a_flag_or_a_cache_proves_one_generation_of_a_vendor() -> None:
    for own in BY_VENDOR.values():
        proofs = [proof for one in own for proof in one.proofs]
        assert len(proofs) == len(set(proofs))
    plain = {word for own in BY_VENDOR.values() for g in own for p in g.proofs for word in p.split("+")}  # fmt: skip  # noqa: E501
    assert {word for word in plain if " " in word} == set(CACHES)


@pytest.mark.parametrize(
    ("cpu_family", "name"),
    [("26-2", "AMD Zen 5"), ("25-17", "AMD Zen 4"), ("25-1", "AMD Zen 3"),
     ("6-62", "Intel Ivy Bridge-EP"), ("6-143", "Intel Sapphire Rapids"),
     ("99-1", "family-model 99-1"), ("", "family-model unknown"), ("x-y" * 9, "")],
)  # fmt: skip
def test_an_old_file_without_a_vendor_is_named_by_its_family(cpu_family: str, name: str) -> None:
    assert identify({"cpu_family": cpu_family}).name.startswith(name)


@pytest.mark.parametrize(
    "value",
    ["", "../..", "/etc", "\x1b[2J", "9" * 5000, "6-9999999999", "-1-2", "\u0664-\u0664", "x y",
     "L3 Unified 99999999999 KiB", 3, 1e300, float("nan"), True],
)  # fmt: skip
def test_any_metadata_names_a_machine_whose_key_is_one_folder(value: Scalar) -> None:
    keys = ("cpu_vendor", "cpu_model_name", "cpu_family", "cpu_stepping", "cpu_flags",
            "cpuid_features", "caches", "hypervisor")  # fmt: skip
    for facts in (dict.fromkeys(keys, value), *({key: value} for key in keys)):
        key = identify(facts).key
        assert key == Path(key).name
        assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_what_is_not_known_sorts_last() -> None:
    assert identify({}).year == UNKNOWN_YEAR
    assert max(one.year for own in BY_VENDOR.values() for one in own) < UNKNOWN_YEAR


def test_this_machine_has_a_name_and_its_facts_prove_something() -> None:
    identity = host.identity()
    assert identity == identify(host.facts())
    assert identity.key.endswith("-vm") == ("hypervisor" in host.cpuinfo()["flags"].split())
    assert words(host.facts()) >= {"sse2"}
