"""Appointment reminders by text: an example of longcode.client and of signed webhooks (README.md)."""
