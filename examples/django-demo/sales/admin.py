"""Sales and reports in the admin."""

from django.contrib import admin

from sales.models import Report, Sale

admin.site.register(Sale, list_display=["region", "amount"], list_filter=["region"])
admin.site.register(Report, list_display=["region", "sales", "total", "made_at", "made_by"])
