"""Commands for labelled files: wrangle, restore, context, suggest."""
