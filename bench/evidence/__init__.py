"""From values to estimates and ratios; could run on another computer."""
