"""Where rows come from: files, standard input, URLs and object stores, with limits on what is read."""
