"""Jobs of many requests: read from a file or an iterable, answered durably, resumable."""
