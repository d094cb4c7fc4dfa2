"""`longcode optouts`: who wants no texts, recorded one by one or by whole lists."""
