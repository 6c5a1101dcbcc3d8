-- The table of Dovecot's manual for usage kept in SQL, for SQLite, PostgreSQL and MariaDB alike. It has no limits.
CREATE TABLE quota (username VARCHAR(100) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO quota VALUES ('joe@example.org', 1000000, 3);
INSERT INTO quota VALUES ('both@example.org', -1200, 1);
