"""The floor: loads bundles and answers. Light by law: no torch, transformers, datasets, scikit-learn or spaCy here."""
