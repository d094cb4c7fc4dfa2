"""HTTP to others: within a deadline, and for addresses that a user gave only to public ones."""
