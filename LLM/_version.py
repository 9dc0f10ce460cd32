"""The version of the whole distribution, kept here and nowhere else."""

__version__ = "0.1.0.dev0"
