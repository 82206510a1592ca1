"""Sales and reports."""

from django.db import models


class Sale(models.Model):
    """Something that was sold."""

    region = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=10, decimal_places=2)

    def __str__(self):
        return f"{self.amount} in {self.region}"


class Report(models.Model):
    """What a region sold, as a job summed it up."""

    region = models.CharField(max_length=50)
    sales = models.PositiveIntegerField()
    total = models.DecimalField(max_digits=12, decimal_places=2)
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.CharField("made by the container", max_length=100)

    class Meta:
        ordering = ("-made_at", "region")

    def __str__(self):
        return f"{self.region}: {self.sales} sales, {self.total}"
