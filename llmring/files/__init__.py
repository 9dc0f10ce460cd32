"""Files for models: what may be read, what is sent, and where copies of it lie.

`rules` says which files may be read and `reading` reads no others; `sources` makes contents of
what a caller names; `registry` keeps registered files and their copies at providers, `uploads`
makes those, and `attaching` puts them into a call, in the form that its provider takes.
"""
