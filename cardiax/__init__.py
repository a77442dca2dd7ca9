"""cardiax: JAX, Flax and Optax for learning the heart from the electrocardiogram."""

__version__ = "0.1.0"
