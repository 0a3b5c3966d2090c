"""The whole thing from the outside: the demo, and the same scenes as a test."""
