"""The store of jobs on the project's database: the ORM's tables, with SQL of our own where it is hot."""
