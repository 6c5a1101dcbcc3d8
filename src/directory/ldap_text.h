/* Texts of LDAP: values as they are written into filters (RFC 4515, section 3), and limits as they stand in entries. */
#ifndef DIRECTORY_LDAP_TEXT_H
#define DIRECTORY_LDAP_TEXT_H

#include "core/decide.h"
#include "core/template.h"
#include "directory/ldap_conf.h"

/* template_put: whatever is not a plain letter of a filter goes in as backslash and two hexadecimal digits. */
bool ldap_text_put(struct buf *out, enum template_var var, struct str value);

/* A limit as base/limit_text.h has it, a number without suffix in `unit`, or Courier's list of `NS` octets and `NC`
   messages. Sets what is named. False: it is none of these, and *limit is as it was. */
bool ldap_text_limit(struct str text, enum ldap_unit unit, struct limit *limit);

/* A limit of messages. False as above. */
bool ldap_text_messages(struct str text, struct limit *limit);

#endif
