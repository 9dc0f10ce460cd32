"""JSON schemas of the caller's: checked, said plainly, fitted to providers, undone in answers."""
