"""The wall in memory: who and what is on it, who sees it, and the bytes that are served."""
