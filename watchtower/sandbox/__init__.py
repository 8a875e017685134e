"""A ledger in a box: the server's WebSocket API over the payment-channel rules."""
