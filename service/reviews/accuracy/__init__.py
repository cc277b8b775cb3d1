"""The accuracy of a model after deployment, estimated from reviewed answers of a period."""
