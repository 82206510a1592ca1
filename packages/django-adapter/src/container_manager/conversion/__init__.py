"""From the models to the core's values, and from its errors to the forms'."""
