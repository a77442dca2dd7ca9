"""cardiax: neural networks for the electrocardiogram in JAX, Flax and Optax."""

__version__ = "0.1.0"
