-- Versions from 2 on are served, whatever is offered: nothing is asked for that was not.
local all = { SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOBODY, SMFIP_NOHDRS, SMFIP_NOEOH, SMFIP_NOUNKNOWN, SMFIP_NODATA }

for _, offer in ipairs({ { 2, 0x7F }, { 3, 0x17F }, { 4, 0x37F }, { 6, 0x1FFFFF }, { 6, SMFIP_SKIP } }) do
	local conn = mt.connect(socket, 20, 0.1)
	assert(conn, "no connection")
	-- miltertest sends actions and steps in the other order.
	assert(mt.negotiate(conn, offer[1], offer[2], 0x1FF) == nil)
	for _, option in ipairs(all) do
		assert(mt.test_option(conn, option) == (offer[2] & option ~= 0))
	end
	assert(not mt.test_option(conn, SMFIP_NOMAIL) and not mt.test_option(conn, SMFIP_NORCPT))
	assert(not mt.test_option(conn, SMFIP_NR_MAIL) and not mt.test_option(conn, SMFIP_NR_RCPT))
	if offer[2] == SMFIP_SKIP then
		assert(mt.conninfo(conn, "mx.example.net", "192.0.2.7") == nil)
		assert(mt.getreply(conn) == SMFIR_CONTINUE)
		assert(mt.helo(conn, "mx.example.net") == nil)
		assert(mt.getreply(conn) == SMFIR_CONTINUE)
	end
	assert(mt.mailfrom(conn, "<>") == nil)
	assert(mt.getreply(conn) == SMFIR_CONTINUE)
	assert(mt.rcptto(conn, "<full@example.org>") == nil)
	assert(mt.getreply(conn) == SMFIR_REPLYCODE)
	mt.disconnect(conn)
end
