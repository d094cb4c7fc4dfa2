"""`longcode doctor`: one file a subject of its checks."""
