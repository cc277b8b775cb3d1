"""Reports and plots of evaluations, comparisons, selections and learning curves: Markdown, HTML, SVG, JSON."""
