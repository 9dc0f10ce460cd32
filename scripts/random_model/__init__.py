"""Models of random weights: the size and speed of real ones, with no download and no meaning."""
