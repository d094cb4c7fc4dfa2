"""Long Code SMS: paced, tracked texts over a Telnyx long code. See docs/architecture.md."""
