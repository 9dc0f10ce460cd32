"""Other people's libraries against a running server; see `__main__`."""
