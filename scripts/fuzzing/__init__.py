"""Fuzz targets: what must hold for any bytes, one function for each reader of strangers' input.

A function returns where all is well, be it that the bytes were refused with the error that is
documented for them; anything else that it raises is a finding. `scripts/fuzz` looks for such bytes
with atheris, led by the lines that they reach; the tests in tests/properties try a few hundred.
"""
