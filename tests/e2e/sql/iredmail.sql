-- iRedMail since 0.9.7: what the queries touch, for SQLite, PostgreSQL and MariaDB alike. quota: MiB.
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx SMALLINT NOT NULL, active SMALLINT NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
    active SMALLINT NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, domain VARCHAR(255) NOT NULL, quota BIGINT NOT NULL,
    enabledeliver SMALLINT NOT NULL, active SMALLINT NOT NULL);
CREATE TABLE forwardings (id INTEGER PRIMARY KEY, address VARCHAR(255) NOT NULL, forwarding VARCHAR(255) NOT NULL,
    domain VARCHAR(255) NOT NULL, active SMALLINT NOT NULL);

INSERT INTO domain VALUES ('example.org', 0, 1);
INSERT INTO domain VALUES ('any.example', 0, 1);
INSERT INTO domain VALUES ('relay.example', 1, 1);
INSERT INTO domain VALUES ('off.example', 0, 0);
INSERT INTO alias_domain VALUES ('alias.example', 'example.org', 1);
INSERT INTO alias_domain VALUES ('alias-any.example', 'any.example', 1);
INSERT INTO alias_domain VALUES ('alias-off.example', 'example.org', 0);

INSERT INTO mailbox VALUES ('joe@example.org', 'example.org', 1, 1, 1);
INSERT INTO mailbox VALUES ('ann@example.org', 'example.org', 0, 1, 1);
INSERT INTO mailbox VALUES ('neg@example.org', 'example.org', -1, 1, 1);
INSERT INTO mailbox VALUES ('both@example.org', 'example.org', 2, 1, 1);
INSERT INTO mailbox VALUES ('away@example.org', 'example.org', 1, 1, 1);
INSERT INTO mailbox VALUES ('bare@example.org', 'example.org', 1, 1, 1);
INSERT INTO mailbox VALUES ('off@example.org', 'example.org', 1, 1, 0);
INSERT INTO mailbox VALUES ('joe@off.example', 'off.example', 1, 1, 1);

INSERT INTO forwardings VALUES (1, 'joe@example.org', 'joe@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (2, 'ann@example.org', 'ann@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (3, 'neg@example.org', 'neg@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (4, 'both@example.org', 'both@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (5, 'both@example.org', 'far@example.net', 'example.org', 1);
INSERT INTO forwardings VALUES (6, 'away@example.org', 'far@example.net', 'example.org', 1);
INSERT INTO forwardings VALUES (7, 'off@example.org', 'off@example.org', 'example.org', 0);
INSERT INTO forwardings VALUES (8, 'list@example.org', 'list@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (9, 'sales@example.org', 'joe@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (10, 'sales@example.org', 'ann@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (11, 'old@example.org', 'joe@example.org', 'example.org', 0);
INSERT INTO forwardings VALUES (12, 'o''brien@example.org', 'ann@example.org', 'example.org', 1);
INSERT INTO forwardings VALUES (13, 'odd@example.org', '"|/usr/bin/vacation joe"', 'example.org', 1);
INSERT INTO forwardings VALUES (14, 'odd@example.org', '/var/mail/odd', 'example.org', 1);
INSERT INTO forwardings VALUES (15, 'any.example', 'joe@example.org', 'any.example', 1);
INSERT INTO forwardings VALUES (16, '@old.example', '@example.org', 'example.org', 1);

CREATE TABLE used_quota (username VARCHAR(255) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO used_quota VALUES ('joe@example.org', 1000000, 3);
INSERT INTO used_quota VALUES ('ann@example.org', 5000000, 7);
INSERT INTO used_quota VALUES ('both@example.org', -1200, 1);
INSERT INTO used_quota VALUES ('gone@example.org', 300, 1);
INSERT INTO used_quota VALUES ('off@example.org', 300, 1);
