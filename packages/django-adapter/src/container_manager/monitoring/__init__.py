"""What monitoring asks: whether all is well, and how much there is of everything."""
