"""Classification of whole pictures: training and error rates."""
