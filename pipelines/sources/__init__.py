"""Where studies and messages come from: each module lists and fetches, nothing else."""
