"""From bytes to lines of text: encodings, decoding, splitting."""
