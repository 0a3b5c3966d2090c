"""The command `genapps`: starts the processes and prints digests."""
