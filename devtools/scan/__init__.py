"""Scans what others know to be wrong: the locked packages, the templates, the workflows."""
