"""The handset: phones that the stack's number texts, the form that sends, and what waits."""

from .routes import routes

__all__ = ["routes"]
