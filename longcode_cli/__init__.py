"""The operator's command: what became of a text, who waits and why, pause, resume, redrive and the like."""

__version__ = "0.1.0"
