"""`longcode smoke`: the command, and the steps of the test."""
