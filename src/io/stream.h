/*
 * Stream sockets on the loop: listeners, and connections that hand on what they read and send what they are given. An
 * idle connection holds no buffer: all read into one of the loop. A connection that does not take what it is sent is not
 * read from. What dies is freed after the turn.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "base/err.h"
#include "base/str.h"

#include <uv.h>

struct stream;
struct server;

struct stream_calls {
	/* `in` is valid during the call only, at most STREAM_READ octets. */
	void (*data)(struct stream *, struct str in);
	/* The other side sends no more; it may still read. */
	void (*eof)(struct stream *);
	/* All that was given to stream_send() is with the kernel, after a time when it was not. */
	void (*drained)(struct stream *);
	/* The connection is closed; free what holds it. */
	void (*closed)(struct stream *);
};

#define STREAM_READ 65536

/* Lives inside the owner's struct. */
struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	const struct stream_calls *calls;
	size_t unsent; /* octets that wait for the other side */
	bool reading, finishing;
	bool quick_ack; /* TCP: every read is acknowledged at once (tcp(7), TCP_QUICKACK). The owner may set it */
};

/* A connection that is being made. Lives as long as its stream. */
struct stream_dial {
	/* Null: connected, and reading has begun. Else why not, one line; the stream is to be closed. Not called when
	   stream_close() came first. */
	void (*done)(struct stream_dial *, const char *why);

	/* its own */
	uv_connect_t request;
	struct stream *stream;
};

struct server_calls {
	/* Somebody connects. Returns where the stream is to live, or null to turn him away. */
	struct stream *(*accept)(struct server *);
	/* accept's stream is connected (reading has begun), or could not be taken: then it is the owner's to free. */
	void (*connected)(struct server *, struct stream *, bool ok);
	void (*closed)(struct server *);
};

struct server {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	bool is_pipe;
	const struct server_calls *calls;

	/* its own */
	struct stream refused; /* who is being turned away */
	bool refusing, next_waits; /* that place is taken; somebody is at the door until it is free */
	bool is_closed;
};

/* Takes over the listening socket `fd`, also when it fails; closed() is called after server_close() and after a failure. */
bool server_open(struct server *, uv_loop_t *, int fd, bool is_pipe, const struct server_calls *, struct err *);
void server_close(struct server *);

/* Begins to connect to an address of the families unix, IPv4 or IPv6; calls back after it has returned, by done(), or by
   closed() alone when it could not even begin. False: no handle, and nothing follows. */
bool stream_connect(
	struct stream *, struct stream_dial *, uv_loop_t *, const struct sockaddr *to, const struct stream_calls *);

/* Tries to send at once; keeps a copy of what the kernel does not take. False when the connection is broken. */
bool stream_send(struct stream *, struct str);

void stream_pause(struct stream *);
void stream_resume(struct stream *);

/* Closes after what is unsent was sent (finish), or at once. Calls closed() after this turn of the loop. */
void stream_finish(struct stream *);
void stream_close(struct stream *);

/* The other side's address as text, "" for a unix socket. */
void stream_peer(const struct stream *, char *text, size_t cap);

#endif
