"""container-manager for Django: put ``container_manager`` into INSTALLED_APPS."""
