"""Our networks in PyTorch, as `cardiax bench --peer torch` builds and times them (extra `bench`)."""
