-- Of a mailbox of 200 KiB, 150 KB can be promised again and again, when each time the message does not come.
for round = 1, 5 do
	local conn = mt.connect(socket, 20, 0.1)
	assert(conn, "no connection")
	assert(mt.negotiate(conn, nil, nil, nil) == nil)
	for message = 1, 3 do
		assert(mt.mailfrom(conn, "<sender@example.net>", "SIZE=150000") == nil)
		assert(mt.rcptto(conn, "<ok@example.org>") == nil)
		assert(mt.getreply(conn) == SMFIR_CONTINUE)
		if message < 3 then
			mt.abort(conn)
		end
	end
	mt.disconnect(conn, round % 2 == 0)
	mt.sleep(0.2)
end
