"""Behaviour of the suite, one sentence a test."""
