"""What a user of the platform gets: apps as pods on the local node, through the installed chart."""
