"""What `bench/local.py` measures, and the processes that it measures in."""
