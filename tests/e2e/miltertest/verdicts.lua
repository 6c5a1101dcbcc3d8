-- Each recipient gets its own reply, and a refused one spoils nothing for the others.
local conn = mt.connect(socket, 20, 0.1)
assert(conn, "no connection")
assert(mt.negotiate(conn, nil, nil, nil) == nil)

local function expect(reply)
	local got = mt.getreply(conn)
	assert(got == reply, "got reply " .. string.char(got) .. ", expected " .. string.char(reply))
end

mt.macro(conn, SMFIC_CONNECT, "j", "mx.example.org", "{client_addr}", "192.0.2.7")
mt.macro(conn, SMFIC_MAIL, "i", "Q1", "{mail_addr}", "sender@example.net")
assert(mt.mailfrom(conn, "<sender@example.net>", "SIZE=1000", "BODY=8BITMIME") == nil)
expect(SMFIR_CONTINUE)
for _, name in ipairs({ "ok", "full", "other", "full", "nobody" }) do
	mt.macro(conn, SMFIC_RCPT, "{rcpt_mailer}", "local", "{rcpt_addr}", name)
	assert(mt.rcptto(conn, "<" .. name .. "@example.org>", "NOTIFY=NEVER") == nil)
	expect(name == "full" and SMFIR_REPLYCODE or SMFIR_CONTINUE)
end
assert(mt.eom(conn) == nil)
expect(SMFIR_CONTINUE)
assert(not mt.eom_check(conn, MT_HDRADD) and not mt.eom_check(conn, MT_BODYCHANGE))
mt.disconnect(conn)
