"""What the service does: one module for each use case, and the ports that they need."""
