"""Jobs that a provider's own batch endpoint answers, within a day and for half the price."""
