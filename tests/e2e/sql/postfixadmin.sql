-- PostfixAdmin: what the queries touch, for SQLite, PostgreSQL and MariaDB alike. quota: octets.
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx BOOLEAN NOT NULL, active BOOLEAN NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
    active BOOLEAN NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, domain VARCHAR(255) NOT NULL, quota BIGINT NOT NULL,
    active BOOLEAN NOT NULL);
CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL, domain VARCHAR(255) NOT NULL,
    active BOOLEAN NOT NULL);

INSERT INTO domain VALUES ('example.org', '0', '1');
INSERT INTO domain VALUES ('any.example', '0', '1');
INSERT INTO domain VALUES ('alias.example', '0', '1');
INSERT INTO domain VALUES ('relay.example', '1', '1');
INSERT INTO domain VALUES ('off.example', '0', '0');
INSERT INTO alias_domain VALUES ('alias.example', 'example.org', '1');
INSERT INTO alias_domain VALUES ('alias-any.example', 'any.example', '1');
INSERT INTO alias_domain VALUES ('alias-off.example', 'example.org', '0');

INSERT INTO mailbox VALUES ('joe@example.org', 'example.org', 1048576, '1');
INSERT INTO mailbox VALUES ('ann@example.org', 'example.org', 0, '1');
INSERT INTO mailbox VALUES ('neg@example.org', 'example.org', -1, '1');
INSERT INTO mailbox VALUES ('both@example.org', 'example.org', 2097152, '1');
INSERT INTO mailbox VALUES ('away@example.org', 'example.org', 1048576, '1');
INSERT INTO mailbox VALUES ('bare@example.org', 'example.org', 1048576, '1');
INSERT INTO mailbox VALUES ('trip@example.org', 'example.org', 1048576, '1');
INSERT INTO mailbox VALUES ('off@example.org', 'example.org', 1048576, '0');
INSERT INTO mailbox VALUES ('joe@off.example', 'off.example', 1048576, '1');

INSERT INTO alias VALUES ('joe@example.org', 'joe@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('ann@example.org', 'ann@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('neg@example.org', 'neg@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('both@example.org', 'both@example.org,far@example.net', 'example.org', '1');
INSERT INTO alias VALUES ('away@example.org', 'far@example.net', 'example.org', '1');
INSERT INTO alias VALUES ('trip@example.org', 'trip@example.org,trip#example.org@autoreply.example.net', 'example.org', '1');
INSERT INTO alias VALUES ('off@example.org', 'off@example.org', 'example.org', '0');
INSERT INTO alias VALUES ('list@example.org', 'list@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('sales@example.org', 'joe@example.org, ann@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('old@example.org', 'joe@example.org', 'example.org', '0');
INSERT INTO alias VALUES ('o''brien@example.org', 'ann@example.org', 'example.org', '1');
INSERT INTO alias VALUES ('odd@example.org', '"|/usr/bin/vacation joe", /var/mail/odd', 'example.org', '1');
INSERT INTO alias VALUES ('@any.example', 'joe@example.org', 'any.example', '1');
INSERT INTO alias VALUES ('@old.example', '@example.org', 'example.org', '1');

CREATE TABLE quota2 (username VARCHAR(255) PRIMARY KEY, bytes BIGINT NOT NULL DEFAULT 0, messages BIGINT NOT NULL DEFAULT 0);
INSERT INTO quota2 VALUES ('joe@example.org', 1000000, 3);
INSERT INTO quota2 VALUES ('ann@example.org', 5000000, 7);
INSERT INTO quota2 VALUES ('both@example.org', -1200, 1);
INSERT INTO quota2 VALUES ('gone@example.org', 300, 1);
INSERT INTO quota2 VALUES ('off@example.org', 300, 1);
