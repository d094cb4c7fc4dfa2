"""How calls come in: HTTP, SQS and stream events, settings, and the container that wires the parts."""
