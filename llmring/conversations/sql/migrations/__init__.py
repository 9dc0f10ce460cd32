"""How the tables came to be, a step a file. A step that was released is not changed any more."""
