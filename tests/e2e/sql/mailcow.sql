-- mailcow: what the queries touch, for SQLite, PostgreSQL and MariaDB alike. quota: octets.
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx SMALLINT NOT NULL, active SMALLINT NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
    active SMALLINT NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, domain VARCHAR(255) NOT NULL, quota BIGINT NOT NULL,
    kind VARCHAR(100) NOT NULL, active SMALLINT NOT NULL);
CREATE TABLE alias (id INTEGER PRIMARY KEY, address VARCHAR(255) NOT NULL UNIQUE, goto TEXT NOT NULL,
    active SMALLINT NOT NULL);
CREATE TABLE spamalias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL);

INSERT INTO domain VALUES ('example.org', 0, 1);
INSERT INTO domain VALUES ('any.example', 0, 1);
INSERT INTO domain VALUES ('relay.example', 1, 1);
INSERT INTO domain VALUES ('off.example', 0, 0);
INSERT INTO alias_domain VALUES ('alias.example', 'example.org', 1);
INSERT INTO alias_domain VALUES ('alias-any.example', 'any.example', 1);
INSERT INTO alias_domain VALUES ('alias-off.example', 'example.org', 0);

INSERT INTO mailbox VALUES ('joe@example.org', 'example.org', 1048576, '', 1);
INSERT INTO mailbox VALUES ('ann@example.org', 'example.org', 0, '', 2);
INSERT INTO mailbox VALUES ('neg@example.org', 'example.org', -1, '', 1);
INSERT INTO mailbox VALUES ('both@example.org', 'example.org', 2097152, '', 1);
INSERT INTO mailbox VALUES ('away@example.org', 'example.org', 1048576, '', 1);
INSERT INTO mailbox VALUES ('bare@example.org', 'example.org', 1048576, '', 1);
INSERT INTO mailbox VALUES ('off@example.org', 'example.org', 1048576, '', 0);
INSERT INTO mailbox VALUES ('joe@off.example', 'off.example', 1048576, '', 1);
INSERT INTO mailbox VALUES ('room@example.org', 'example.org', 0, 'location', 1);

INSERT INTO alias VALUES (1, 'joe@example.org', 'joe@example.org', 1);
INSERT INTO alias VALUES (2, 'ann@example.org', 'ann@example.org', 1);
INSERT INTO alias VALUES (3, 'neg@example.org', 'neg@example.org', 1);
INSERT INTO alias VALUES (4, 'both@example.org', 'both@example.org,far@example.net', 1);
INSERT INTO alias VALUES (5, 'away@example.org', 'far@example.net', 1);
INSERT INTO alias VALUES (6, 'off@example.org', 'off@example.org', 0);
INSERT INTO alias VALUES (7, 'list@example.org', 'list@example.org', 1);
INSERT INTO alias VALUES (8, 'sales@example.org', 'joe@example.org,ann@example.org', 2);
INSERT INTO alias VALUES (9, 'old@example.org', 'joe@example.org', 0);
INSERT INTO alias VALUES (10, 'o''brien@example.org', 'ann@example.org', 1);
INSERT INTO alias VALUES (11, 'odd@example.org', '"|/usr/bin/vacation joe", /var/mail/odd', 1);
INSERT INTO alias VALUES (12, '@any.example', 'joe@example.org', 1);
INSERT INTO alias VALUES (13, '@old.example', '@example.org', 1);
INSERT INTO spamalias VALUES ('shop@example.org', 'joe@example.org');

CREATE TABLE quota2 (username VARCHAR(255) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO quota2 VALUES ('joe@example.org', 1000000, 3);
INSERT INTO quota2 VALUES ('ann@example.org', 5000000, 7);
INSERT INTO quota2 VALUES ('both@example.org', -1200, 1);
INSERT INTO quota2 VALUES ('gone@example.org', 300, 1);
INSERT INTO quota2 VALUES ('off@example.org', 300, 1);

CREATE TABLE quota2replica (username VARCHAR(255) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO quota2replica VALUES ('joe@example.org', 1000000, 3);
INSERT INTO quota2replica VALUES ('ann@example.org', 5000000, 7);
INSERT INTO quota2replica VALUES ('both@example.org', -1200, 1);
INSERT INTO quota2replica VALUES ('gone@example.org', 300, 1);
INSERT INTO quota2replica VALUES ('off@example.org', 300, 1);
