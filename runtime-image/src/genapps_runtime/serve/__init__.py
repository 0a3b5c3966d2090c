"""What callers meet: HTTP in, one action per request, HTTP out."""
