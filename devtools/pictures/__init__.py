"""Pictures of the console and the terminal, taken from the real ones: `make pictures`."""
