"""From the names in a request to the kernels that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from bench.cli.requests import Trees
from bench.cli.words import note
from bench.machine import catalog, linux_build, linux_tree
from bench.model import Kernel


def chosen(patterns: Sequence[str], images: bool = False) -> tuple[Kernel, ...]:
    """The kernels to run: all that can run here, or those named; the floor is always there.

    images: every state of a dispatch too; without it only those that are named in full.
    """
    everything = catalog.available()
    if not patterns:
        left_out = ("recovery",) if images else ("recovery", "image")
        return tuple(kernel for kernel in everything if kernel.role not in left_out)
    wanted = {"null"}
    for pattern in patterns:
        shown = [k.name for k in everything if images or k.role != "image" or k.name == pattern]
        matched = [name for name in shown if fnmatchcase(name, pattern)]
        wanted |= set(matched or [catalog.find(pattern).name])
    return tuple(k for k in everything if k.name in wanted or k.role == "store")


def load_trees(wanted: Trees) -> tuple[str, ...]:
    """Builds the kernel trees and adds their routines to the catalog; manifests for workers."""
    contracts = dict.fromkeys(wanted.symbols, wanted.contract)
    trees = [linux_tree.read(text) for text in wanted.linux]
    if wanted.patch:
        trees.append(linux_tree.patched(trees[-1], wanted.patch))
    manifests = []
    for tree in trees:
        built = linux_build.build(tree, wanted.features, contracts)
        catalog.add(linux_build.load(built))
        for name in built.unknown:
            note(f"{built.label} also has {name}: --symbol {name} --contract uncopied adds it")
        manifests.append(linux_build.manifest(built))
    return tuple(manifests)
