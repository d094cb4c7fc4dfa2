"""`longcode keys`: the API keys of a stack, and what each may do."""
