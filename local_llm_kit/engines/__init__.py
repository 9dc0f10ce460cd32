"""Engines: each owns a model and one thread, and serves many callers at once.

`protocol` says what an engine is; `text` and `sampling` are shared by all of them; each folder
below is one back end and the only place that imports its library.
"""
