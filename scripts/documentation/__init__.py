"""What the site in `docs/` takes beside Sphinx's own extensions."""
