"""Where results go: each module hands over what it is given and says whether the other side confirmed it."""
