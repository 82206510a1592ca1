"""The limits of Serverless Jobs.

The largest sizes, the longest run and the defaults are those of
https://www.scaleway.com/en/docs/serverless-jobs/reference-content/jobs-limitations/ (read as of 2025-10-23).
The smallest are the smallest ones that Scaleway's own pages use (``cpu-limit=70 memory-limit=128``, "Methods to deploy
Serverless Jobs"); the limits page names none.
"""

SMALLEST_MEMORY_MIB = 128
SMALLEST_MILLI_CPUS = 70
LARGEST_MEMORY_MIB = 16_384
LARGEST_CPUS = 6.0
LONGEST_SECONDS = 86_400
