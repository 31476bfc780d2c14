select current_catalog()
