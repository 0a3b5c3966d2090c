"""The sandbox: engine, instances, and the turns that cross its boundary."""
