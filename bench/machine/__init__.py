"""What this machine can copy, where, and how it is disturbed."""
