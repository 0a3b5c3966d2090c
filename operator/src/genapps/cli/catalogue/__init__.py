"""`genapps catalogue`: which tiers and which tools an author can choose from."""
