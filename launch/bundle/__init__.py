"""What `cardiax export` writes beside the weights."""
