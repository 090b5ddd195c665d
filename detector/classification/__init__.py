"""Classification of whole pictures: prediction, pretraining and error rates."""
