"""A report as data, and how it is rendered: as Markdown and as one self-contained page of HTML."""
