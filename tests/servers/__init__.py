"""Real servers for tests: PostgreSQL, Redis and S3, each on a free port, with its data in a temporary folder.

`LETHE_TEST_DATABASE_URL`, `LETHE_TEST_REDIS_URL` and `LETHE_TEST_S3_{ENDPOINT,ACCESS_KEY,SECRET_KEY}` put others in
their place, which the tests then cannot stop: tests that have to are skipped. On that PostgreSQL the user must be
allowed to create databases; that Redis is emptied.
"""
