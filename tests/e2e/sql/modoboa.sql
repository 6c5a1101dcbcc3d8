-- Modoboa: what the queries touch, for SQLite, PostgreSQL and MariaDB alike. quota: MiB.
CREATE TABLE admin_domain (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, type VARCHAR(20) NOT NULL,
    enabled BOOLEAN NOT NULL);
CREATE TABLE admin_domainalias (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, target_id INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL);
CREATE TABLE admin_mailbox (id INTEGER PRIMARY KEY, address VARCHAR(252) NOT NULL, domain_id INTEGER NOT NULL,
    quota INTEGER NOT NULL, use_domain_quota BOOLEAN NOT NULL);
CREATE TABLE admin_alias (id INTEGER PRIMARY KEY, address VARCHAR(254) NOT NULL, enabled BOOLEAN NOT NULL,
    internal BOOLEAN NOT NULL, expire_at TIMESTAMP NULL);
CREATE TABLE modoboa_admin_aliasrecipient (id INTEGER PRIMARY KEY, address VARCHAR(254) NOT NULL,
    alias_id INTEGER NOT NULL);

INSERT INTO admin_domain VALUES (1, 'example.org', 'domain', '1');
INSERT INTO admin_domain VALUES (2, 'any.example', 'domain', '1');
INSERT INTO admin_domain VALUES (3, 'relay.example', 'relaydomain', '1');
INSERT INTO admin_domain VALUES (4, 'off.example', 'domain', '0');
INSERT INTO admin_domainalias VALUES (1, 'alias.example', 1, '1');
INSERT INTO admin_domainalias VALUES (2, 'alias-any.example', 2, '1');
INSERT INTO admin_domainalias VALUES (3, 'alias-off.example', 1, '0');

INSERT INTO admin_mailbox VALUES (1, 'joe', 1, 1, '1');
INSERT INTO admin_mailbox VALUES (2, 'ann', 1, 0, '0');
INSERT INTO admin_mailbox VALUES (3, 'neg', 1, -1, '0');
INSERT INTO admin_mailbox VALUES (4, 'both', 1, 2, '0');
INSERT INTO admin_mailbox VALUES (5, 'away', 1, 1, '1');
INSERT INTO admin_mailbox VALUES (6, 'bare', 1, 1, '1');
INSERT INTO admin_mailbox VALUES (7, 'joe', 4, 1, '1');

INSERT INTO admin_alias VALUES (1, 'joe@example.org', '1', '1', NULL);
INSERT INTO admin_alias VALUES (2, 'ann@example.org', '1', '1', NULL);
INSERT INTO admin_alias VALUES (3, 'neg@example.org', '1', '1', NULL);
INSERT INTO admin_alias VALUES (4, 'both@example.org', '1', '1', NULL);
INSERT INTO admin_alias VALUES (5, 'away@example.org', '1', '0', NULL);
INSERT INTO admin_alias VALUES (6, 'off@example.org', '0', '1', NULL);
INSERT INTO admin_alias VALUES (7, 'list@example.org', '1', '0', NULL);
INSERT INTO admin_alias VALUES (8, 'sales@example.org', '1', '0', '2037-01-01 00:00:00');
INSERT INTO admin_alias VALUES (9, 'old@example.org', '1', '0', '2001-01-01 00:00:00');
INSERT INTO admin_alias VALUES (10, 'o''brien@example.org', '1', '0', NULL);
INSERT INTO admin_alias VALUES (11, 'odd@example.org', '1', '0', NULL);
INSERT INTO admin_alias VALUES (12, '@any.example', '1', '0', NULL);
INSERT INTO admin_alias VALUES (13, '@old.example', '1', '1', NULL);

INSERT INTO modoboa_admin_aliasrecipient VALUES (1, 'joe@example.org', 1);
INSERT INTO modoboa_admin_aliasrecipient VALUES (2, 'ann@example.org', 2);
INSERT INTO modoboa_admin_aliasrecipient VALUES (3, 'neg@example.org', 3);
INSERT INTO modoboa_admin_aliasrecipient VALUES (4, 'both@example.org', 4);
INSERT INTO modoboa_admin_aliasrecipient VALUES (5, 'far@example.net', 4);
INSERT INTO modoboa_admin_aliasrecipient VALUES (6, 'far@example.net', 5);
INSERT INTO modoboa_admin_aliasrecipient VALUES (7, 'off@example.org', 6);
INSERT INTO modoboa_admin_aliasrecipient VALUES (8, 'list@example.org', 7);
INSERT INTO modoboa_admin_aliasrecipient VALUES (9, 'joe@example.org', 8);
INSERT INTO modoboa_admin_aliasrecipient VALUES (10, 'ann@example.org', 8);
INSERT INTO modoboa_admin_aliasrecipient VALUES (11, 'joe@example.org', 9);
INSERT INTO modoboa_admin_aliasrecipient VALUES (12, 'ann@example.org', 10);
INSERT INTO modoboa_admin_aliasrecipient VALUES (13, '"|/usr/bin/vacation joe"', 11);
INSERT INTO modoboa_admin_aliasrecipient VALUES (14, '/var/mail/odd', 11);
INSERT INTO modoboa_admin_aliasrecipient VALUES (15, 'joe@example.org', 12);
INSERT INTO modoboa_admin_aliasrecipient VALUES (16, '@example.org', 13);

CREATE TABLE admin_quota (username VARCHAR(255) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO admin_quota VALUES ('joe@example.org', 1000000, 3);
INSERT INTO admin_quota VALUES ('ann@example.org', 5000000, 7);
INSERT INTO admin_quota VALUES ('both@example.org', -1200, 1);
INSERT INTO admin_quota VALUES ('gone@example.org', 300, 1);
INSERT INTO admin_quota VALUES ('off@example.org', 300, 1);
