"""The demo of the whole platform; a test plays the same scenes."""
