"""Tools over the Model Context Protocol: used by models of the ring, and offered to others."""
