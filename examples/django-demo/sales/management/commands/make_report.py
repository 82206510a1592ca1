"""``manage.py make_report``: the work that is too much for a web request, and runs in a container."""

import socket

from django.core.management.base import BaseCommand
from django.db.models import Count, Sum

from sales.models import Report, Sale


class Command(BaseCommand):
    """Sums up the sales of each region."""

    help = "Sum up the sales of each region, print the sums and store them as reports."

    def handle(self, *args, **options):
        regions = Sale.objects.values("region").annotate(sales=Count("id"), total=Sum("amount")).order_by("region")
        for region in regions:
            report = Report.objects.create(made_by=socket.gethostname(), **region)
            self.stdout.write(str(report), ending="\n")
            self.stdout.flush()
