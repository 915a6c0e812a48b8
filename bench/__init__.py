"""copymc: compares machine-check-safe memory copy strategies of x86 Linux.

The stages, in order: `cli` parses, `measure.plan` turns options into blocks of
cases, `measure.campaign` spawns processes that run `measure.sweep`, `results`
keeps their values, `evidence` turns values into estimates and ratios, `present`
turns those into text and plots. `machine` knows what can run here.
"""

__version__ = "0.1.0"
