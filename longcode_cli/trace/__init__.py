"""The flight recorder: one text's way through the service, as a timeline with the log lines behind it."""
