"""From options to values: plan, sweep, campaign."""
