"""Compares machine-check-safe memory copy strategies of x86 Linux."""

