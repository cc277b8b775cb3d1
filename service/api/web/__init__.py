"""Pages to try the models in a browser: rendered here, with no script or style from elsewhere."""
