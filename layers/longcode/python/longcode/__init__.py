"""Long Code SMS: paced, tracked texts over a Telnyx long code (docs/architecture.md)."""
