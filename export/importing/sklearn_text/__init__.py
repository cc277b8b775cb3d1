"""Text pipelines of scikit-learn: reads their public attributes, and makes a model and a tokenizer of them."""
