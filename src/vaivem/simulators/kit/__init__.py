"""What every simulator needs beside its vendor's rules: clock, faults, limits, webhooks, pages, control."""
