"""Where jobs run: one port (`port`), two adapters (`slurm`, `local`)."""
