"""What happened: servers, and the gap-free, ordered stream of channel facts they tell."""
