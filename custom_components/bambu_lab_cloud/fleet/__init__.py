"""What the cloud's answers mean: pure functions over the api's models, without I/O or a clock."""
