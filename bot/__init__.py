"""The console: who asks, what it costs, where the answer goes."""
