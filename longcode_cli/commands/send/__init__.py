"""`longcode send`: one text, or the texts of a CSV file."""
