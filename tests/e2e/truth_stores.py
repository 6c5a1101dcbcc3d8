"""All stores of truth.py, by name."""
from truth_cyrus import CyrusImap, CyrusLmtp, CyrusLmtpAlone, CyrusLmtpStrict, CyrusMap, CyrusMapAlone, CyrusStrict
from truth_dovecot import Doveadm, DovecotLmtp, DovecotMaildirs, Imap, QuotaStatus, RedisKeys, Sql
from truth_files import Courier, EximExclusive, EximMbox, EximScanned, EximSizefile

STORES = {kind.name: kind for kind in (
    Courier, DovecotMaildirs, EximSizefile, EximScanned, EximExclusive, EximMbox, Doveadm, Imap, QuotaStatus, Sql, RedisKeys,
    DovecotLmtp, CyrusImap, CyrusStrict, CyrusLmtp, CyrusLmtpAlone, CyrusLmtpStrict, CyrusMap, CyrusMapAlone)}
