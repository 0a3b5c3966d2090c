"""What an app keeps: one SQLite file per tenant on the claim, opened by safe paths only."""
