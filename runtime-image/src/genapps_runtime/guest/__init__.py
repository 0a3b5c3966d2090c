"""The sandbox: the engine, its instances, and the messages that cross the boundary."""
