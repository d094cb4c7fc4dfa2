"""The provider: its client, its protocol, its error codes and its signatures."""
