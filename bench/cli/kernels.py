"""From the words of a command line to the kernels that it runs."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase

from bench.cli.words import note
from bench.machine import catalog, linux_build, linux_tree
from bench.model import CopymcError, Kernel


def chosen(patterns: str | None, images: bool = False) -> tuple[Kernel, ...]:
    """The kernels to run: all that can run here, or those named; the floor is always there.

    images: every state of a dispatch too; without it only those that are named in full.
    """
    everything = catalog.available()
    if patterns is None:
        left_out = ("recovery",) if images else ("recovery", "image")
        return tuple(kernel for kernel in everything if kernel.role not in left_out)
    wanted = {"null"}
    for pattern in patterns.split(","):
        shown = [k.name for k in everything if images or k.role != "image" or k.name == pattern]
        matched = [name for name in shown if fnmatchcase(name, pattern)]
        wanted |= set(matched or [catalog.find(pattern).name])
    return tuple(k for k in everything if k.name in wanted or k.role == "bound")


def load_trees(args: argparse.Namespace) -> tuple[str, ...]:
    """Builds and loads the kernel trees of the command line; their manifests for workers."""
    features = args.features.split(",") if args.features is not None else None
    contracts = dict.fromkeys(args.symbol, args.contract)
    trees = [linux_tree.read(text) for text in args.linux]
    if args.symbol and not trees:
        raise CopymcError("--symbol needs a --linux to look in")
    if args.patch and not trees:
        raise CopymcError("--patch needs a --linux to apply to")
    if args.patch:
        trees.append(linux_tree.patched(trees[-1], args.patch))
    manifests = []
    for tree in trees:
        built = linux_build.build(tree, features, contracts)
        catalog.add(linux_build.load(built))
        for name in built.unknown:
            note(f"{built.label} also has {name}: --symbol {name} --contract uncopied adds it")
        manifests.append(linux_build.manifest(built))
    return tuple(manifests)
