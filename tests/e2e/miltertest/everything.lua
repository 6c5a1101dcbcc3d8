-- An MTA that leaves nothing out: every command gets its reply.
local conn = mt.connect(socket, 20, 0.1)
assert(conn, "no connection")
-- miltertest sends actions and steps in the other order.
assert(mt.negotiate(conn, 6, SMFIP_SKIP, 0x1FF) == nil)

local function expect(failed)
	assert(failed == nil)
	assert(mt.getreply(conn) == SMFIR_CONTINUE)
end

for message = 1, 3 do
	if message ~= 2 then
		expect(mt.conninfo(conn, "mx.example.net", "192.0.2.7"))
		expect(mt.helo(conn, "mx.example.net"))
	end
	expect(mt.mailfrom(conn, "<sender@example.net>", "SIZE=1000"))
	expect(mt.rcptto(conn, "<ok@example.org>"))
	expect(mt.data(conn))
	expect(mt.header(conn, "Subject", "hello"))
	expect(mt.eoh(conn))
	expect(mt.bodystring(conn, "hello, world\r\n"))
	expect(mt.bodyrandom(conn, 200000))
	expect(mt.eom(conn))
end
mt.disconnect(conn)
