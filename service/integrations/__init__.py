"""Components for other programs; each needs its own optional package."""
