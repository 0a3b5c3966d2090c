"""What callers reach: HTTP in, one action per request, HTTP out."""
