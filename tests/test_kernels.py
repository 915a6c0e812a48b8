"""What every kernel of the catalogue does when nothing fails."""
