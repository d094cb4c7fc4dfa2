"""The rules of pacing, statuses and numbers: they import the standard library alone."""
