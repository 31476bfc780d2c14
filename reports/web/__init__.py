"""The web application: screens of clinicians, heads of department, managers and administrators."""
