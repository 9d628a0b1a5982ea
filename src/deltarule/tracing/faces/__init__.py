"""What a trace looks like: one module a face, each of which turns the same tree into text."""
