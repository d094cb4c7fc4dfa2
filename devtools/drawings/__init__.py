"""The drawings of docs/concepts/, made from what the code does and what its tables say."""
