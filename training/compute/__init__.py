"""How a model computes while it is trained: the device, the precision, attention, dropout, embeddings."""
