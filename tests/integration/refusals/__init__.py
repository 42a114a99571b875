"""Bad input, row by row: what is sent, and the one problem that answers it. Each file holds one kind."""
