"""What we do: plans, transactions, their way to the servers, and what became of them."""
