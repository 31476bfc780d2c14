"""From labelled radiographs to a model bundle; nothing here is needed at run time."""
