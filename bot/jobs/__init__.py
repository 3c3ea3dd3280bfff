"""Use cases: quote and accept a job, queue it fairly, draw it, deliver it."""
