"""The rules of pacing, statuses and numbers. It imports only the standard library."""
