"""Which versions of models a server answers with: loading, promotion, challengers and canaries."""
